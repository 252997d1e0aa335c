//! What an answer proves, bar by bar: its silence is judged and becomes rows of coverage.
//!
//! A page with bars proves their times and the silence between them as far as that is believable for this symbol at this
//! time of day ([`barkeep_market::evidence`]). What is not believable stays open: at the newest end as `late`, between bars
//! as `suspect`, and it is asked about again ([`next_ask`]).

use std::collections::HashMap;

use crate::index::registry::SeriesIds;
use barkeep_market::evidence::{Part, PartProfile, Profile, Run, SilenceQuestion, SilenceVerdict, judge};
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{Bar, Calendar, Family, Interval, IntervalSet, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState, SeriesId, Store, StoreError, StoredBar};

/// How long after it was found a hole is asked about again; then every [`MONTH`].
const ASKS: [i64; 6] = [HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY];
const MONTH: i64 = 30 * DAY;
/// Answers count as independent when they are this far apart: a day, less what a schedule may be early.
const APART: i64 = DAY - HOUR;
/// Answers that make a suspect hole one that the vendor has.
const AGREEING: u32 = 3;
/// How far back a silence may have begun that is judged with an answer.
const LONGEST_SILENCE: i64 = 21 * DAY;
/// Silence at the newest end of an answer that is older than this is no delay any more: it is asked about like a hole.
const LONGEST_DELAY: i64 = 30 * DAY;
/// Unjudged sessions that are judged along with one answer.
const UNJUDGED: i64 = 30 * DAY;

/// What is known of a base series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) rows: Vec<Coverage>,
    profile: Profile,
}

/// What an answer says to be judged.
pub(crate) struct Answer<'a> {
    pub(crate) ids: &'a SeriesIds,
    /// The settled range it answers for.
    pub(crate) covered: Interval,
    /// Its believable bars, ascending.
    pub(crate) bars: &'a [Bar],
    /// Times of bars that are in quarantine.
    pub(crate) quarantined: Vec<Ts>,
    pub(crate) request_id: Option<String>,
    pub(crate) at: Ts,
}

impl Answer<'_> {
    /// Whether the vendor may only be behind with a silence that no later bar has ended.
    fn is_recent(&self, silence: Interval) -> bool {
        self.at - silence.start <= LONGEST_DELAY
    }
}

/// What an answer proves of its base series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proven {
    /// To be laid over what is known, in this order.
    pub(crate) rows: Vec<Coverage>,
    /// The unbelievable silence at the newest end, if there is one.
    pub(crate) late: Option<Interval>,
    /// Final bars in its range that it has not, and that stay all the same.
    pub(crate) kept: Vec<Bar>,
    /// Parts of the profile that have changed, as JSON.
    pub(crate) profile: Vec<(Part, String)>,
}

impl Ledger {
    /// Coverage and profiles of some base series, in two queries.
    pub(crate) async fn read(store: &dyn Store, series: &[SeriesId]) -> Result<HashMap<SeriesId, Self>, StoreError> {
        let mut all: HashMap<SeriesId, Self> = store
            .coverage(series)
            .await?
            .into_iter()
            .map(|(id, rows)| (id, Self { rows, profile: Profile::new() }))
            .collect();
        for (id, part, json) in store.profiles(series).await? {
            let ledger = all.entry(id).or_default();
            match serde_json::from_str(&json) {
                Ok(profile) => ledger.profile.load(part, profile),
                // It is only a memory of stored bars: without it nothing is judged until ten sessions are there again.
                Err(e) => tracing::warn!(series = id.0, %part, error = %e, "an unreadable profile is computed again"),
            }
        }
        Ok(all)
    }

    /// What earlier answers covered and silence can be judged in: not before the first bar of all, and not at the newest
    /// end while the vendor is behind.
    fn judged(&self) -> IntervalSet {
        let judged = |row: &&Coverage| row.state.is_answered() && row.state != CoverageState::Empty;
        self.rows.iter().filter(judged).map(|row| row.range).collect()
    }

    /// Every time that an answer was for, refusals left out: a bar that appears there came late.
    pub(crate) fn asked(&self) -> IntervalSet {
        self.rows.iter().filter(|row| row.state != CoverageState::NotEntitled).map(|row| row.range).collect()
    }

    /// What coarser bars can be computed from at `now`: all that is answered for, bars in quarantine aside.
    pub(crate) fn derivable(&self, now: Ts) -> IntervalSet {
        let known = |row: &&Coverage| row.state.is_answered() || row.state == CoverageState::Quarantined;
        let holds = |row: &&Coverage| row.state != CoverageState::Empty || row.expires_at.is_none_or(|t| t > now);
        self.rows.iter().filter(known).filter(holds).map(|row| row.range).collect()
    }

    /// Judges the silence of an answer; the profile is brought up to date.
    pub(crate) async fn prove(
        &mut self,
        store: &dyn Store,
        calendar: &Calendar,
        answer: &Answer<'_>,
    ) -> Result<Proven, StoreError> {
        let Answer { ids, covered, .. } = *answer;
        if covered.is_empty() {
            return Ok(Proven::default());
        }
        let before = newest_before(store, ids.base_id, covered.start).await?;
        let hull = self.hull(ids, covered, before);
        let stored = store.bars(ids.base_id, hull.into(), None).await?;
        // A growing bar that the vendor does not send any more is taken away with this answer.
        let stays = |stored: &StoredBar| !stored.provisional || stored.bar.ts < covered.start;
        let stored: Vec<Bar> = stored.into_iter().filter(stays).map(|stored| stored.bar).collect();
        let is_sent = |bar: &Bar| answer.bars.binary_search_by_key(&bar.ts, |sent| sent.ts).is_ok();
        let kept = stored.iter().filter(|bar| covered.contains(bar.ts) && !is_sent(bar)).copied().collect();
        let bars = merged(stored, answer.bars);

        let mut proven = Proven { kept, ..Proven::default() };
        let answered = |range| Coverage::answered(range, CoverageState::Present, answer.request_id.clone(), answer.at);
        proven.rows.push(answered(covered));
        let mut range = covered;
        for row in self.rows.iter().filter(|row| is_open(row) && row.range.overlaps(hull)) {
            // It was waiting for a later bar or for more history.
            range = range.hull(row.range.intersect(hull));
            let elsewhere = IntervalSet::from(row.range.intersect(hull)).subtract(&covered.into());
            proven.rows.extend(elsewhere.iter().map(|range| closed(row, range)));
        }
        let mut known = self.judged().clip(hull);
        known.insert(covered.intersect(hull));
        if let Some(first) = bars.first().filter(|_| before.is_none()) {
            // Nothing says that the symbol traded before its first bar of all.
            known = known.clip(Interval::new(first.ts, hull.end));
        }
        let runs = self.judge(store, calendar, ids, &known, &bars, range).await?;
        let late = |run: &&Run| run.verdict == SilenceVerdict::Late && answer.is_recent(run.range);
        proven.late = runs.iter().find(late).map(|run| run.range);
        self.lay(calendar, answer, &known, &runs, &mut proven.rows);
        proven.rows.extend(self.in_quarantine(answer, &bars));
        self.judge_earlier(store, calendar, answer, hull, &mut proven.rows).await?;
        proven.profile = self.changed_parts();
        Ok(proven)
    }

    /// Whole sessions around `covered`, back to the last bar before it: the silence may have begun there.
    fn hull(&self, ids: &SeriesIds, covered: Interval, before: Option<Ts>) -> Interval {
        let day =
            |range| if ids.base == Timeframe::W1 { Timeframe::W1 } else { Timeframe::D1 }.snap_out(ids.class, range);
        let start = before.filter(|t| *t >= covered.start - LONGEST_SILENCE || ids.base.family() == Family::Day);
        let first_open = self.rows.iter().filter(|row| is_open(row) && row.range.overlaps(day(covered)));
        let start = first_open.map(|row| row.range.start).chain(start).min();
        day(Interval::new(start.map_or(covered.start, |t| t.min(covered.start)), covered.end))
    }

    async fn judge(
        &mut self,
        store: &dyn Store,
        calendar: &Calendar,
        ids: &SeriesIds,
        known: &IntervalSet,
        bars: &[Bar],
        range: Interval,
    ) -> Result<Vec<Run>, StoreError> {
        let Some(end) = known.hull().map(|hull| hull.end) else { return Ok(Vec::new()) };
        let inside: Vec<Bar> = bars.iter().filter(|bar| known.contains(bar.ts)).copied().collect();
        let followed = bars.last().is_some_and(|bar| bar.ts >= end)
            || !store.bars(ids.base_id, (end..).into(), Some(1)).await?.is_empty();
        let (class, timeframe) = (ids.class, ids.base);
        let question = SilenceQuestion { calendar, class, timeframe, known, bars: &inside, range, followed };
        Ok(judge(&mut self.profile, &question))
    }

    /// Turns runs into rows. Suspect ones with only closed hours between them are one hole.
    fn lay(
        &self,
        calendar: &Calendar,
        answer: &Answer<'_>,
        known: &IntervalSet,
        runs: &[Run],
        rows: &mut Vec<Coverage>,
    ) {
        let mut hole: Option<(Interval, Option<f64>)> = None;
        for run in runs {
            let state = match run.verdict {
                // Never joined with the hole before it, which has a bar behind it.
                SilenceVerdict::Late if !answer.is_recent(run.range) => {
                    rows.push(self.hole(run.range, run.surprise, answer));
                    continue;
                }
                SilenceVerdict::Suspect => {
                    let joined = hole.filter(|(range, _)| {
                        calendar.market_time(answer.ids.class, Interval::new(range.end, run.range.start)) == 0
                    });
                    rows.extend(hole.filter(|_| joined.is_none()).map(|(range, odds)| self.hole(range, odds, answer)));
                    hole = Some(joined.map_or((run.range, run.surprise), |(range, odds)| {
                        (range.hull(run.range), odds.zip(run.surprise).map(|(odds, more)| odds + more))
                    }));
                    continue;
                }
                SilenceVerdict::Quiet => CoverageState::Quiet,
                SilenceVerdict::Late => CoverageState::Late,
                SilenceVerdict::Open | SilenceVerdict::Unjudged => CoverageState::Unjudged,
            };
            // The silence at the newest end is told as one run, over hours that nobody was asked about too.
            rows.extend(known.clip(run.range).iter().map(|range| Coverage {
                surprise: run.surprise,
                ..Coverage::answered(range, state, answer.request_id.clone(), answer.at)
            }));
        }
        rows.extend(hole.map(|(range, odds)| self.hole(range, odds, answer)));
    }

    /// A hole, with what is known of it from earlier answers.
    fn hole(&self, range: Interval, surprise: Option<f64>, answer: &Answer<'_>) -> Coverage {
        let old = || {
            let known = |row: &&Coverage| row.state.is_hole() || row.state == CoverageState::Halted;
            self.rows.iter().filter(known).filter(|row| row.range.overlaps(range))
        };
        let at = answer.at;
        let found_at = old().filter_map(|row| row.found_at).min().unwrap_or(at);
        let counted = old().map(|row| row.fetched_at).max();
        let again = counted.is_some_and(|counted| at - counted >= APART);
        let answers = old().map(|row| row.answers).max().map_or(1, |answers| answers + u32::from(again));
        let state = match answers {
            _ if old().any(|row| row.state == CoverageState::Halted) => CoverageState::Halted,
            AGREEING.. => CoverageState::VendorHole,
            _ => CoverageState::Suspect,
        };
        Coverage {
            expires_at: (state != CoverageState::Halted).then(|| next_ask(found_at, at)),
            found_at: Some(found_at),
            answers,
            surprise,
            ..Coverage::answered(range, state, answer.request_id.clone(), counted.filter(|_| !again).unwrap_or(at))
        }
    }

    /// What an answer proves of which no bar can be believed: nothing, but that somebody has to look at it.
    pub(crate) fn unbelievable(&self, answer: &Answer<'_>) -> Proven {
        Proven { rows: self.in_quarantine(answer, &[]), ..Proven::default() }
    }

    fn in_quarantine(&self, answer: &Answer<'_>, bars: &[Bar]) -> Vec<Coverage> {
        let ids = answer.ids;
        let slots = answer.quarantined.iter().map(|ts| ids.base.span(ids.class, *ts).intersect(answer.covered));
        let empty = |slot: &Interval| !slot.is_empty() && !bars.iter().any(|bar| slot.contains(bar.ts));
        slots.filter(empty).map(|slot| self.quarantined(slot, answer)).collect()
    }

    /// A bar that came and could not be believed: asked about again like a hole, until an operator decides.
    fn quarantined(&self, slot: Interval, answer: &Answer<'_>) -> Coverage {
        let old = self.rows.iter().find(|row| row.state == CoverageState::Quarantined && row.range.overlaps(slot));
        let found_at = old.and_then(|row| row.found_at).unwrap_or(answer.at);
        Coverage {
            expires_at: Some(next_ask(found_at, answer.at)),
            found_at: Some(found_at),
            ..Coverage::answered(slot, CoverageState::Quarantined, answer.request_id.clone(), answer.at)
        }
    }

    /// Judges what had too little history when it was answered, once there is enough.
    async fn judge_earlier(
        &mut self,
        store: &dyn Store,
        calendar: &Calendar,
        answer: &Answer<'_>,
        judged: Interval,
        rows: &mut Vec<Coverage>,
    ) -> Result<(), StoreError> {
        let enough = Part::ALL.into_iter().filter_map(|part| self.profile.part(part)).any(PartProfile::is_enough);
        let waiting: Vec<Coverage> = self
            .rows
            .iter()
            .filter(|row| row.state == CoverageState::Unjudged && row.surprise.is_none() && !row.range.overlaps(judged))
            .cloned()
            .collect();
        let Some(first) = waiting.first().map(|row| row.range).filter(|_| enough) else { return Ok(()) };
        let ids = answer.ids;
        let at_once = Interval::new(first.start, first.start + UNJUDGED);
        let waiting: Vec<Coverage> = waiting.into_iter().filter(|row| row.range.overlaps(at_once)).collect();
        let range = waiting.iter().map(|row| row.range).fold(first, Interval::hull);
        let hull = Timeframe::D1.snap_out(ids.class, range);
        let bars: Vec<Bar> = store.bars(ids.base_id, hull.into(), None).await?.into_iter().map(|row| row.bar).collect();
        let known = self.judged().clip(hull);
        let runs = self.judge(store, calendar, ids, &known, &bars, range).await?;
        rows.extend(waiting.iter().map(|row| closed(row, row.range)));
        self.lay(calendar, answer, &known, &runs, rows);
        Ok(())
    }

    fn changed_parts(&mut self) -> Vec<(Part, String)> {
        let json = |profile| serde_json::to_string(profile).ok();
        let parts = self.profile.changed().filter_map(|(part, profile)| Some((part, json(profile)?))).collect();
        self.profile.saved();
        parts
    }
}

/// What rows of a base series mean for a coarser timeframe whose bars over `spans` are final; `end`: where whole bars end
/// that are settled.
pub(crate) fn coarser(
    rows: &[Coverage],
    ids: &SeriesIds,
    tf: Timeframe,
    spans: &IntervalSet,
    end: Ts,
) -> Vec<Coverage> {
    let mut all = Vec::new();
    for row in rows {
        let wide = tf.snap_out(ids.class, row.range);
        match row.state {
            CoverageState::Present | CoverageState::Empty | CoverageState::NotEntitled => {}
            CoverageState::Late => {
                let range = Interval::new(wide.start, wide.end.min(end));
                all.extend((!range.is_empty()).then(|| Coverage { range, ..row.clone() }));
            }
            _ => all.extend(spans.clip(wide).iter().map(|range| Coverage { range, ..row.clone() })),
        }
    }
    all
}

/// When a hole is asked about next.
pub(crate) fn next_ask(found_at: Ts, now: Ts) -> Ts {
    // One that is due in a moment has just been asked.
    let age = now - found_at + HOUR / 2;
    let next = ASKS.into_iter().find(|ask| *ask > age);
    next.map_or(now + MONTH, |ask| found_at + ask)
}

/// What was waiting, without a doubt left; the runs that are one come on top of it.
fn closed(row: &Coverage, range: Interval) -> Coverage {
    Coverage { range, state: CoverageState::Present, surprise: None, ..row.clone() }
}

/// Waiting for a later bar or for more history.
fn is_open(row: &Coverage) -> bool {
    row.state == CoverageState::Unjudged
}

async fn newest_before(store: &dyn Store, series: SeriesId, t: Ts) -> Result<Option<Ts>, StoreError> {
    Ok(store.newest_bars(series, (..t).into(), 1).await?.first().map(|stored| stored.bar.ts))
}

/// Stored bars and those of an answer, ascending, one per time.
pub(crate) fn merged(mut stored: Vec<Bar>, sent: &[Bar]) -> Vec<Bar> {
    if stored.is_empty() {
        return sent.to_vec();
    }
    stored.extend_from_slice(sent);
    stored.sort_by_key(|bar| bar.ts);
    stored.dedup_by_key(|bar| bar.ts);
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_asked_about_seven_times_in_forty_days_at_most() {
        let found = Ts(0);
        let mut asks = Vec::new();
        let mut now = found;
        while now < Ts(40 * DAY) {
            now = next_ask(found, now);
            asks.push(now.ms() / HOUR);
        }
        asks.retain(|hour| *hour <= 40 * 24);
        assert_eq!(asks, [1, 6, 24, 72, 168, 720]);
        // The vendor or the engine was away: the next ask is the next one of the schedule, not all that were missed.
        assert_eq!(next_ask(found, Ts(2 * DAY)), Ts(3 * DAY));
        assert_eq!(next_ask(found, Ts(50 * DAY)), Ts(80 * DAY));
    }
}
