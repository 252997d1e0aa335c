//! What the vendor's answers leave in doubt, series by series: silence that is not believed, that nobody can judge yet, and
//! bars that were not believed.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Calendar, Interval, Symbol, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState};

/// Sessions that a hole names; a longer one says its first and its last day.
const NAMED_SESSIONS: usize = 20;

/// Ranges in doubt, by state. Ranges with only closed hours between them are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HoleCounts {
    /// Nothing after the newest bar although the symbol should have traded: the vendor is behind.
    pub late: usize,
    /// Missing between two bars, and not believable.
    pub suspect: usize,
    /// Suspect, and confirmed by three answers days apart.
    pub vendor_holes: usize,
    /// The whole market stood still.
    pub halted: usize,
    /// Too little history to say.
    pub unjudged: usize,
    /// Bars came, and none could be believed.
    pub quarantined: usize,
}

impl HoleCounts {
    /// The names of the counts, in their order.
    pub const NAMES: [&'static str; 6] = ["late", "suspect", "vendor_hole", "halted", "unjudged", "quarantined"];

    /// The counts in the order of [`NAMES`](Self::NAMES).
    #[must_use]
    pub const fn all(self) -> [usize; 6] {
        [self.late, self.suspect, self.vendor_holes, self.halted, self.unjudged, self.quarantined]
    }

    /// Whether there is none of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Holes that the vendor is asked about again.
    #[must_use]
    pub const fn at_the_vendor(self) -> usize {
        self.suspect + self.vendor_holes
    }

    /// How many there are of each among some doubts.
    #[must_use]
    pub fn of(doubts: &[Doubt]) -> Self {
        let mut counts = Self::default();
        for doubt in doubts {
            match doubt.state {
                CoverageState::Late => counts.late += 1,
                CoverageState::Suspect => counts.suspect += 1,
                CoverageState::VendorHole => counts.vendor_holes += 1,
                CoverageState::Halted => counts.halted += 1,
                CoverageState::Unjudged => counts.unjudged += 1,
                CoverageState::Quarantined => counts.quarantined += 1,
                CoverageState::Present | CoverageState::Quiet | CoverageState::Empty | CoverageState::NotEntitled => {}
            }
        }
        counts
    }
}

impl std::ops::AddAssign for HoleCounts {
    fn add_assign(&mut self, other: Self) {
        self.late += other.late;
        self.suspect += other.suspect;
        self.vendor_holes += other.vendor_holes;
        self.halted += other.halted;
        self.unjudged += other.unjudged;
        self.quarantined += other.quarantined;
    }
}

/// A range of one series that is in doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    #[serde(flatten)]
    pub range: Interval,
    pub state: CoverageState,
    /// When it was found.
    pub since: Ts,
    /// How many answers a day or more apart agree.
    pub answers: u32,
    /// When the newest of them came.
    pub answered_at: Ts,
    /// When the vendor is asked about it again at the soonest; absent: with the next run, or never.
    pub next_ask: Option<Ts>,
    /// How unlikely the silence is: the sum of -ln(1 - p) over its bars.
    pub surprise: Option<f64>,
    /// The sessions whose regular hours all lie in it (round the clock: UTC days), at most 20.
    pub sessions: Vec<NaiveDate>,
}

/// A doubt and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hole {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    #[serde(flatten)]
    pub doubt: Doubt,
}

/// The doubts in the coverage of one series, in order of time. Rows of one state with only closed hours between them are
/// one doubt; a range without any trading time is none. A tail that is believable so far is no doubt either.
#[must_use]
pub fn doubts(calendar: &Calendar, class: AssetClass, timeframe: Timeframe, rows: &[Coverage]) -> Vec<Doubt> {
    let open = |range: Interval| !calendar.trading(class, timeframe.family(), range).is_empty();
    let in_doubt = |row: &&Coverage| match row.state {
        CoverageState::Unjudged => row.surprise.is_none(),
        CoverageState::Late
        | CoverageState::Suspect
        | CoverageState::VendorHole
        | CoverageState::Halted
        | CoverageState::Quarantined => true,
        CoverageState::Present | CoverageState::Quiet | CoverageState::Empty | CoverageState::NotEntitled => false,
    };
    let mut found: Vec<Doubt> = Vec::new();
    for row in rows.iter().filter(in_doubt).filter(|row| open(row.range)) {
        let next = Doubt {
            range: row.range,
            state: row.state,
            since: row.found_at.unwrap_or(row.fetched_at),
            answers: row.answers,
            answered_at: row.fetched_at,
            next_ask: row.expires_at,
            surprise: row.surprise,
            sessions: Vec::new(),
        };
        match found.last_mut() {
            Some(last) if last.state == next.state && !open(Interval::new(last.range.end, next.range.start)) => {
                last.range = last.range.hull(next.range);
                last.since = last.since.min(next.since);
                last.answers = last.answers.min(next.answers);
                last.answered_at = last.answered_at.max(next.answered_at);
                last.next_ask = [last.next_ask, next.next_ask].into_iter().flatten().min();
                last.surprise = match (last.surprise, next.surprise) {
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                };
            }
            _ => found.push(next),
        }
    }
    for doubt in &mut found {
        doubt.sessions = sessions(calendar, class, doubt.range);
    }
    found
}

/// The sessions whose regular hours all lie in a range; of a market round the clock its whole days.
fn sessions(calendar: &Calendar, class: AssetClass, range: Interval) -> Vec<NaiveDate> {
    let (from, to) = (class.date_of(range.start), class.date_of(range.end));
    if class.is_continuous() {
        let whole = |date: &NaiveDate| class.midnight(*date) >= range.start && class.midnight(*date) + DAY <= range.end;
        return from.iter_days().take_while(|date| *date <= to).filter(whole).take(NAMED_SESSIONS).collect();
    }
    let all = calendar.sessions(from, to).into_iter();
    let whole = all.filter(|s| s.open >= range.start && s.close <= range.end);
    whole.map(|s| s.date).take(NAMED_SESSIONS).collect()
}

/// What is missing at the vendor in a sentence: `2 sessions missing at the vendor: SPY 23 Nov, 24 Nov`; nothing when
/// nothing is. A hole is named once, however many timeframes of the symbol show it.
#[must_use]
pub fn sentence(holes: &[Hole], now: Ts) -> Option<String> {
    use barkeep_base::format::plural;
    const NAMED: usize = 6;
    let mut sessions: Vec<(&Symbol, NaiveDate)> = Vec::new();
    let mut pieces: Vec<(&Symbol, Interval)> = Vec::new();
    for Hole { symbol, doubt, .. } in holes.iter().filter(|hole| hole.doubt.state.is_hole()) {
        sessions.extend(doubt.sessions.iter().map(|date| (symbol, *date)));
        let known = |(other, range): &(&Symbol, Interval)| *other == symbol && range.overlaps(doubt.range);
        if doubt.sessions.is_empty() && !pieces.iter().any(known) {
            pieces.push((symbol, doubt.range));
        }
    }
    sessions.sort_unstable();
    sessions.dedup();
    pieces.sort_unstable();
    let year = now.utc_date();
    let day = |date: NaiveDate| short_date(date, year);
    let mut parts = Vec::new();
    if !sessions.is_empty() {
        let mut names = Vec::new();
        let mut before: Option<&Symbol> = None;
        for (symbol, date) in sessions.iter().take(NAMED) {
            let date = day(*date);
            names.push(if before == Some(*symbol) { date } else { format!("{symbol} {date}") });
            before = Some(symbol);
        }
        parts.push(listed(&format!("{} missing", plural(sessions.len(), "session")), &names, sessions.len()));
    }
    if !pieces.is_empty() {
        let name = |(symbol, range): &(&Symbol, Interval)| format!("{symbol} {}", short_range(*range, year));
        let names: Vec<String> = pieces.iter().take(NAMED).map(name).collect();
        parts.push(listed(&plural(pieces.len(), "hole"), &names, pieces.len()));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn listed(what: &str, names: &[String], all: usize) -> String {
    let rest = all.saturating_sub(names.len());
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{what} at the vendor: {}{more}", names.join(", "))
}

/// `23 Nov`, with the year when it is another one than `this`.
pub(crate) fn short_date(date: NaiveDate, this: NaiveDate) -> String {
    use chrono::Datelike as _;
    date.format(if date.year() == this.year() { "%-d %b" } else { "%-d %b %Y" }).to_string()
}

/// `23 Nov 15:00Z to 16:30Z`.
pub(crate) fn short_range(range: Interval, this: NaiveDate) -> String {
    use barkeep_base::format::hour_minute;
    let (from, to) = (range.start.utc_date(), range.end.utc_date());
    let until = if from == to { String::new() } else { format!("{} ", short_date(to, this)) };
    format!("{} {} to {until}{}", short_date(from, this), hour_minute(range.start), hour_minute(range.end))
}

#[cfg(test)]
mod tests;
