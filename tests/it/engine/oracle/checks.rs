//! The claims, and how each is compared with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use barkeep::market::evidence::PartProfile;
use barkeep::market::freshness::served_until;
use barkeep::market::ts::{DAY, HOUR, MINUTE};
use barkeep::market::{AssetClass, Calendar, Family, Interval, Timeframe, Ts};
use barkeep::pipeline::Summary;
use barkeep::sim::{ScriptEvent, TruthBar, WantedBars};
use barkeep::store::{Coverage, CoverageState, RequestFilter, RequestPurpose, RequestRow};

use super::history::{History, Liquidity, Missing, Name};
use crate::support::engine::TestEngine;

/// An hour, six, a day, three, seven and thirty after it was found, and once more for the first month.
const ASKS_IN_FORTY_DAYS: usize = 7;
/// The longest that bars settle after their end.
const SETTLE: i64 = 15 * MINUTE;

/// Figures over all histories.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    histories: u64,
    runs: u64,
    claims: u64,
    symbol_years: f64,
    /// Slots of base series that were called quiet at some time although a bar traded, by kind, with their length.
    false_quiet: BTreeMap<(Liquidity, &'static str), (u64, i64)>,
    /// Slots that the vendor did not have at the end or had late.
    hidden: u64,
    eventful: u64,
    calm: u64,
    again: u64,
    holes: u64,
    /// Daily bars that have other values than the vendor has at the end.
    outdated_days: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.runs += other.runs;
        self.claims += other.claims;
        self.symbol_years += other.symbol_years;
        for (kind, (slots, length)) in &other.false_quiet {
            let sum = self.false_quiet.entry(*kind).or_default();
            *sum = (sum.0 + slots, sum.1 + length);
        }
        self.hidden += other.hidden;
        self.eventful += other.eventful;
        self.calm += other.calm;
        self.again += other.again;
        self.holes += other.holes;
        self.outdated_days += other.outdated_days;
    }

    pub fn requests(&mut self, eventful: u64, calm: u64) {
        (self.eventful, self.calm) = (eventful, calm);
    }

    pub fn false_hours_per_year(&self) -> f64 {
        let all: i64 = self.false_quiet.values().map(|(_, length)| length).sum();
        all as f64 / HOUR as f64 / self.symbol_years
    }

    pub fn overhead(&self) -> f64 {
        self.eventful as f64 / self.calm as f64 - 1.0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots: u64 = self.false_quiet.values().map(|(slots, _)| slots).sum();
        writeln!(
            f,
            "{} histories, {} runs, {:.1} symbol-years, {} claims compared, {} slots hidden for a while or for good",
            self.histories, self.runs, self.symbol_years, self.claims, self.hidden
        )?;
        writeln!(
            f,
            "false quiet: {slots} slots, {:.1} a symbol-year, {:.2} hours a symbol-year",
            slots as f64 / self.symbol_years,
            self.false_hours_per_year()
        )?;
        for ((liquidity, kind), (slots, length)) in &self.false_quiet {
            writeln!(f, "  {liquidity:?}, {kind}: {slots} slots, {:.1} hours", *length as f64 / HOUR as f64)?;
        }
        writeln!(f, "{} daily bars are not as the vendor has them at the end", self.outdated_days)?;
        write!(
            f,
            "requests: {} where a calm vendor takes {} ({:+.2} %), and {} re-asks of {} holes",
            self.eventful,
            self.calm,
            100.0 * self.overhead(),
            self.again,
            self.holes
        )
    }
}

/// What really traded in one series.
struct Truth {
    name: Name,
    timeframe: Timeframe,
    bars: Vec<TruthBar>,
    /// Slots that have to be noticed when they are missing.
    noticeable: BTreeSet<Ts>,
    /// Called quiet after some run.
    false_quiet: BTreeSet<Ts>,
}

pub struct Oracle<'a> {
    history: &'a History,
    calendar: Calendar,
    truths: Vec<Truth>,
    tally: Tally,
}

fn class_of(name: &Name) -> AssetClass {
    if name.is_crypto() { AssetClass::Crypto } else { AssetClass::Stock }
}

impl<'a> Oracle<'a> {
    pub fn new(history: &'a History, engine: &TestEngine) -> Self {
        let calendar = Calendar::new();
        let mut truths = Vec::new();
        for name in &history.names {
            let class = class_of(name);
            for timeframe in history.all_timeframes() {
                let (from, to) = (class.midnight(history.from), timeframe.span(class, history.end()).start);
                let bars = engine.sim.truth(&WantedBars::new(name.ticker, timeframe, from, to)).unwrap();
                let is_base = timeframe == history.base() || timeframe == Timeframe::D1;
                let has_to =
                    |bar: &&TruthBar| is_base && is_noticeable(history, &calendar, name, timeframe, bar.bar.at);
                let noticeable = bars.iter().filter(has_to).map(|bar| bar.bar.at).collect();
                truths.push(Truth { name: name.clone(), timeframe, bars, noticeable, false_quiet: BTreeSet::new() });
            }
        }
        Self { history, calendar, truths, tally: Tally::default() }
    }

    /// Compares every claim after a run.
    pub async fn after(
        &mut self,
        engine: &TestEngine,
        now: Ts,
        summary: &Summary,
        logged: usize,
    ) -> Result<(), String> {
        self.tally.runs += 1;
        self.fresh(engine, now).await?;
        holes_go_last(engine, summary, logged).await?;
        let vendor_now = now + self.history.skew;
        let known_by_then = now.min(vendor_now);
        for truth in &mut self.truths {
            let (name, timeframe) = (truth.name.clone(), truth.timeframe);
            let wrong = |what: &str, at: Ts, row: Option<&Coverage>| {
                Err(format!("{now}: {} {timeframe} at {at}: {what}; the ledger says {row:?}", name.symbol))
            };
            let (id, rows) = engine.coverage(name.symbol, timeframe).await;
            let stored = engine.store.bars(id, (..).into(), None).await.unwrap();
            let mut stored = stored.iter().map(|row| row.bar.ts).peekable();
            let mut row = rows.iter().peekable();
            for bar in &truth.bars {
                let at = bar.bar.at;
                if let Some(other) = stored.next_if(|t| *t < at) {
                    return wrong("a bar is stored that never traded", other, None);
                }
                while row.next_if(|row| row.range.end <= at).is_some() {}
                let covering = row.peek().copied().filter(|row| row.range.contains(at));
                self.tally.claims += u64::from(covering.is_some());
                if stored.next_if_eq(&at).is_some() {
                    if !bar.was_published_by(vendor_now) {
                        return wrong("a bar is stored that the vendor does not have", at, covering);
                    }
                    continue;
                }
                let Some(covering) = covering else { continue };
                if at >= known_by_then && !matches!(covering.state, CoverageState::NotEntitled) {
                    return wrong("a claim about what comes after the vendor's answer", at, Some(covering));
                }
                // A row without its bar says that nothing traded.
                let quiet =
                    matches!(covering.state, CoverageState::Present | CoverageState::Quiet | CoverageState::Halted);
                if quiet {
                    if truth.noticeable.contains(&at) {
                        return wrong(
                            "called quiet, but a bar traded, and the hole is long enough to see",
                            at,
                            Some(covering),
                        );
                    }
                    truth.false_quiet.insert(at);
                }
            }
            if let Some(other) = stored.next().filter(|t| *t < self.history.end() - DAY) {
                return wrong("a bar is stored that never traded", other, None);
            }
        }
        Ok(())
    }

    /// Freshness never says more than the judge can know: of a liquid symbol, up to its longest believable silence beyond
    /// the newest bar.
    async fn fresh(&self, engine: &TestEngine, now: Ts) -> Result<(), String> {
        let snapshot = engine.snapshot().await;
        for truth in self.truths.iter().filter(|t| t.name.liquidity == Liquidity::Liquid) {
            let (name, timeframe) = (&truth.name, truth.timeframe);
            let class = class_of(name);
            let rows = &snapshot.data.series;
            let Some(row) = rows.iter().find(|row| row.symbol.as_str() == name.symbol && row.timeframe == timeframe)
            else {
                return Err(format!("{now}: no series {} {timeframe} is shown", name.symbol));
            };
            let (Some(behind), Some(newest)) = (row.staleness_seconds, row.newest_bar) else { continue };
            let settings = &engine.settings;
            let (delay, settle) = (settings.vendor.delay, settings.backfill.settle);
            let served = served_until(&self.calendar, class, timeframe, delay, settle, now);
            let end = timeframe.end_of(class, newest);
            let really = self.calendar.market_time(class, Interval::new(end.min(served), served));
            let base = if timeframe == Timeframe::D1 { Timeframe::D1 } else { self.history.base() };
            let longest = longest_silence(engine, name, base).await;
            let slot =
                if base == Timeframe::D1 { if name.is_crypto() { DAY } else { 16 * HOUR } } else { base.width() };
            let allowed = (longest + 2) * slot + if timeframe == base { 0 } else { timeframe.width() };
            if really > behind * 1_000 + allowed {
                return Err(format!(
                    "{now}: {} {timeframe} is said to be {behind} s behind, but its newest bar ended at {end}, {} s of \
                     trading before {served}; allowed are {} s",
                    name.symbol,
                    really / 1_000,
                    allowed / 1_000
                ));
            }
        }
        Ok(())
    }

    /// What has to hold when the schedule of asking again is over.
    pub async fn end(mut self, engine: &TestEngine, asked: &[RequestRow]) -> Result<Tally, String> {
        let end = self.history.end();
        let vendor_end = end + self.history.skew;
        for truth in &self.truths {
            let (name, timeframe) = (&truth.name, truth.timeframe);
            let class = class_of(name);
            let (id, rows) = engine.coverage(name.symbol, timeframe).await;
            let stored: BTreeMap<Ts, f64> = engine
                .store
                .bars(id, (..).into(), None)
                .await
                .unwrap()
                .into_iter()
                .map(|row| (row.bar.ts, row.bar.volume))
                .collect();
            for bar in &truth.bars {
                let at = bar.bar.at;
                let over = timeframe.end_of(class, at) <= end.min(vendor_end) - SETTLE - 2 * HOUR;
                if !over || !bar.was_published_by(vendor_end - SETTLE) || self.is_outside_plan(bar, vendor_end) {
                    continue;
                }
                let told = |what: String| {
                    let row = rows.iter().find(|row| row.range.contains(at));
                    let published = bar.published_at.unwrap();
                    let symbol = name.symbol;
                    Err(format!("at the end: {symbol} {timeframe} at {at}: {what}; published {published}; {row:?}"))
                };
                match stored.get(&at) {
                    None if truth.false_quiet.contains(&at) => {}
                    None => return told("the vendor has it and it is not stored".to_owned()),
                    Some(volume) if (volume - bar.bar.volume).abs() > 1e-6 * bar.bar.volume => {
                        if timeframe == Timeframe::D1 {
                            self.tally.outdated_days += 1;
                        } else if !self.is_partly_hidden(truth, at) {
                            return told(format!("stored with volume {volume} in place of {}", bar.bar.volume));
                        }
                    }
                    Some(_) => {}
                }
            }
        }
        self.count(asked)
    }

    /// Whether the vendor's plan did not show a bar any more when it had it.
    fn is_outside_plan(&self, bar: &TruthBar, vendor_end: Ts) -> bool {
        let Some(days) = self.history.plan_days else { return false };
        let first = self.history.runs[0] + self.history.skew;
        let seen = if bar.was_published_by(first) { first } else { vendor_end };
        bar.bar.at < seen - (days - 1) * DAY
    }

    /// Whether a bar lacks minutes of a hole that nobody can see or that is never filled.
    fn is_partly_hidden(&self, truth: &Truth, at: Ts) -> bool {
        let span = truth.timeframe.span(class_of(&truth.name), at);
        let slots = |hole: &Missing| self.history.base().snap_in(class_of(&truth.name), hole.range);
        // Without a whole bar that is missing there is nothing to see, and what the plan does not show is not seen again.
        let seen = |hole: &Missing| {
            hole.noticeable && hole.filled && !slots(hole).is_empty() && !self.has_left_the_plan(hole.range.start)
        };
        let holes = self.history.holes.iter().filter(|hole| hole.ticker == truth.name.ticker);
        holes.filter(|hole| !seen(hole)).any(|hole| hole.range.overlaps(span))
    }

    /// Whether the vendor's plan does not show a time any more at the end.
    fn has_left_the_plan(&self, at: Ts) -> bool {
        let end = self.history.end() + self.history.skew;
        self.history.plan_days.is_some_and(|days| at < end - (days - 1) * DAY)
    }

    fn count(mut self, asked: &[RequestRow]) -> Result<Tally, String> {
        let tally = &mut self.tally;
        tally.histories = 1;
        for name in &self.history.names {
            let class = class_of(name);
            tally.symbol_years += (self.history.end() - class.midnight(self.history.from)) as f64 / (365 * DAY) as f64;
            let holes = self.history.holes.iter().filter(|hole| hole.ticker == name.ticker).count();
            tally.holes += holes as u64;
            for family in [Family::Minute, Family::Day] {
                let again = |row: &&RequestRow| {
                    row.purpose == RequestPurpose::Recheck
                        && row.ticker.as_deref() == Some(name.ticker)
                        && row.timeframe.is_some_and(|tf| tf.family() == family)
                };
                let again: Vec<&RequestRow> = asked.iter().filter(again).collect();
                tally.again += again.len() as u64;
                let Some(first) = again.iter().map(|row| row.started_at).min() else { continue };
                let within = again.iter().filter(|row| row.started_at < first + 40 * DAY).count();
                // A company that ended, and a vendor that was late, leave one more.
                let most = ASKS_IN_FORTY_DAYS * (holes + 2);
                if within > most {
                    return Err(format!("{} {family:?}: {holes} holes were asked about {within} times", name.symbol));
                }
            }
        }
        for truth in self.truths.iter().filter(|t| t.timeframe == self.history.base()) {
            let class = class_of(&truth.name);
            tally.hidden += truth
                .bars
                .iter()
                .filter(|bar| {
                    let end = truth.timeframe.end_of(class, bar.bar.at);
                    !bar.was_published_by(end + SETTLE)
                })
                .count() as u64;
            for at in &truth.false_quiet {
                let span = truth.timeframe.span(class, *at);
                let regular = !self.calendar.regular(class, span).is_empty();
                let hole = self.history.holes.iter().any(|h| h.ticker == truth.name.ticker && h.range.overlaps(span));
                let kind = match (hole, regular) {
                    (true, true) => "hole in regular hours",
                    (true, false) => "hole in extended hours",
                    (false, true) => "late in regular hours",
                    (false, false) => "late in extended hours",
                };
                let sum = tally.false_quiet.entry((truth.name.liquidity, kind)).or_default();
                *sum = (sum.0 + 1, sum.1 + truth.timeframe.width());
            }
        }
        Ok(self.tally)
    }
}

/// Whether a missing bar lies in a hole that has to be seen: whole, in regular hours, of a liquid symbol.
fn is_noticeable(history: &History, calendar: &Calendar, name: &Name, timeframe: Timeframe, at: Ts) -> bool {
    let class = class_of(name);
    let span = timeframe.span(class, at);
    let regular = calendar.regular(class, span);
    // A missing session is told by the twenty before it, of those that the vendor's plan holds.
    let planned = history.plan_days.map_or(Ts::MIN, |days| history.runs[0] - days * DAY);
    let first = class.midnight(history.from).max(planned);
    let before = |hole: Interval| calendar.expected_bars(class, Timeframe::D1, Interval::new(first, hole.start));
    let whole = |hole: Interval| match timeframe.family() {
        Family::Day => before(hole) > 20 && regular.hull().is_some_and(|hours| hole.intersect(hours) == hours),
        Family::Minute => hole.intersect(span) == span && regular.total() == span.len(),
    };
    // Before the first bar of a company there is nothing to miss.
    let listed = history.script.iter().filter_map(|event| match event {
        ScriptEvent::Listed { ticker, on } if *ticker == name.ticker => Some(class.midnight(*on)),
        _ => None,
    });
    let listed = listed.max().unwrap_or(Ts::MIN);
    let holes = || history.holes.iter().filter(|hole| hole.ticker == name.ticker);
    // A bar that a short hole inside a long one takes away for good is missed by nobody.
    let taken = |hole: &Missing| !hole.noticeable && hole.range.overlaps(span);
    let noticed = |hole: &Missing| hole.noticeable && whole(hole.range) && hole.range.start > listed;
    holes().any(noticed) && !holes().any(taken)
}

/// The longest silence that the profile of a series knows, in slots.
async fn longest_silence(engine: &TestEngine, name: &Name, base: Timeframe) -> i64 {
    let (id, _) = engine.coverage(name.symbol, base).await;
    let mut longest = 0;
    for (_, _, json) in engine.store.profiles(&[id]).await.unwrap() {
        let part: PartProfile = serde_json::from_str(&json).unwrap();
        longest = part.sessions().iter().map(|s| i64::from(s.longest_silence)).fold(longest, i64::max);
    }
    longest
}

/// Holes are asked about when everything else was.
async fn holes_go_last(engine: &TestEngine, summary: &Summary, logged: usize) -> Result<(), String> {
    let filter = RequestFilter { execution: Some(summary.execution_id), ..RequestFilter::default() };
    let rows = engine.store.requests(&filter, 10_000).await.unwrap();
    let is_again = |target: &str| {
        rows.iter().any(|row| {
            let from = row.asked.map(|range| range.start.ms()).unwrap_or_default();
            row.purpose == RequestPurpose::Recheck
                && row.ticker.as_deref().is_some_and(|ticker| target.contains(ticker))
                && (target.contains(&format!("/{from}/"))
                    || row.timeframe == Some(Timeframe::D1) && target.contains("/1/day/"))
        })
    };
    let log = engine.sim.log();
    // A single day follows from an answer of this run: the day of the whole market that had no row of the symbol.
    let is_one_day = |target: &str| {
        let days = target.split_once("/1/day/").and_then(|(_, days)| days.split('?').next()?.split_once('/'));
        days.is_some_and(|(from, to)| from == to)
    };
    let pages = log.iter().skip(logged).filter(|r| r.target.contains("/v2/aggs/ticker/") && r.page == 1);
    let mut asked = pages.filter(|r| !is_one_day(&r.target));
    let first = asked.by_ref().find(|r| is_again(&r.target));
    match first.and_then(|_| asked.find(|r| !is_again(&r.target))) {
        Some(after) => Err(format!("{} was asked after a hole", after.target)),
        None => Ok(()),
    }
}
