//! What a run did, as one object: the last line of `backfill --json`.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use serde::Serialize;
use uuid::Uuid;

use barkeep_market::restatement::Differences;
use barkeep_market::{AssetClass, Calendar, Interval, Symbol, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState, ExecutionStatus, SeriesId};

/// A series that did not get all it should.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unfinished {
    pub symbol: String,
    pub timeframe: String,
    pub gaps: usize,
    pub reason: String,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub execution_id: Uuid,
    pub status: ExecutionStatus,
    /// Requests made, retries included.
    pub requests: u64,
    /// Answers with status 429.
    pub rate_limited: u64,
    pub retries: u64,
    /// The fewest requests that could have brought these answers: full pages, no retry, no probe.
    pub requests_needed: u64,
    /// `requests / requests_needed`: 1 is the minimum. Absent when nothing was answered.
    pub plan_efficiency: Option<f64>,
    /// Bars inserted or changed, all timeframes.
    pub bars_written: u64,
    /// Bars the vendor sent again with the values already stored.
    pub bars_unchanged: u64,
    /// Bars newly put in quarantine.
    pub quarantined: u64,
    /// Feature rows inserted or changed.
    pub features_written: u64,
    /// Series whose features could not be computed; their bars are stored all the same.
    pub features_failed: u64,
    pub series_total: u64,
    pub series_failed: u64,
    /// Gaps left in the requested range, over all series.
    pub gaps_left: u64,
    /// What the vendor has not sent though it should have, see [`Doubts`].
    #[serde(flatten)]
    pub doubts: Doubts,
    /// Bars for times that an earlier answer had covered without them.
    pub bars_late: u64,
    /// Final bars whose values changed; the old ones are in `bar_revisions`.
    pub bars_changed: u64,
    /// Requests for holes that the vendor had answered for.
    pub rechecks: u64,
    /// How stored bars differ from what was sent again; `null` unless they were asked again.
    #[serde(flatten)]
    pub restated: Restated,
    /// Where the history of the vendor's plan begins, of markets where that cut something off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan_starts: Vec<PlanBegins>,
    pub duration_seconds: f64,
    /// What is worth knowing besides: names that ended, or are not listed yet.
    pub notes: Vec<String>,
    /// Why, for each series that is not complete.
    pub unfinished: Vec<Unfinished>,
}

impl Summary {
    /// Whether everything requested is stored or proven absent.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status == ExecutionStatus::Completed
    }

    /// Whether nothing is left to do: no gap, nothing quarantined, and nothing late of a critical series. `strict`: nothing
    /// the vendor has not sent either.
    #[must_use]
    pub fn is_clean(&self, strict: bool) -> bool {
        let Doubts { suspect, vendor_holes, halted, unjudged, late_critical, .. } = self.doubts;
        let quiet = suspect + vendor_holes + halted + unjudged == 0;
        self.is_complete() && self.quarantined == 0 && late_critical == 0 && (quiet || !strict)
    }
}

/// Intervals that an answer did not settle, of the series of a run. Touching ones of a series count once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Doubts {
    /// The vendor is behind.
    pub late: u64,
    /// Missing between bars, though the series trades at such a time.
    pub suspect: u64,
    /// The same, after several answers.
    pub vendor_holes: u64,
    /// Missing in nearly all symbols.
    pub halted: u64,
    /// Too little history to say.
    pub unjudged: u64,
    /// Late ones of critical symbols.
    #[serde(skip)]
    pub late_critical: u64,
    /// Whole sessions the vendor has no bar for.
    pub missing_sessions: Vec<MissingSession>,
}

/// A session without a bar where there should be some.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MissingSession {
    pub symbol: Symbol,
    pub date: NaiveDate,
}

/// A series of a run, for counting.
#[derive(Clone, Debug)]
pub struct CountedSeries {
    pub symbol: Symbol,
    pub class: AssetClass,
    pub is_critical: bool,
}

impl Doubts {
    /// Counts the rows of `series`; `rows` are in order of series and start.
    #[must_use]
    pub fn of(rows: &[(SeriesId, Coverage)], series: &HashMap<SeriesId, CountedSeries>, calendar: &Calendar) -> Self {
        let mut all = Self::default();
        let mut missing = BTreeSet::new();
        let mut before: Option<(SeriesId, CoverageState, Ts)> = None;
        for (id, row) in rows {
            let Some(of) = series.get(id) else { continue };
            let joined = before == Some((*id, row.state, row.range.start));
            before = Some((*id, row.state, row.range.end));
            if matches!(row.state, CoverageState::Suspect | CoverageState::VendorHole) {
                missing.extend(whole_sessions(of, row.range, calendar));
            }
            if joined {
                continue;
            }
            match row.state {
                CoverageState::Late => {
                    all.late += 1;
                    all.late_critical += u64::from(of.is_critical);
                }
                CoverageState::Suspect => all.suspect += 1,
                CoverageState::VendorHole => all.vendor_holes += 1,
                CoverageState::Halted => all.halted += 1,
                CoverageState::Unjudged => all.unjudged += 1,
                _ => {}
            }
        }
        all.missing_sessions = missing.into_iter().collect();
        all
    }
}

/// The sessions (UTC days, round the clock) that lie in a range with all of their regular hours.
fn whole_sessions(of: &CountedSeries, range: Interval, calendar: &Calendar) -> Vec<MissingSession> {
    let inside = |hours: &Interval| range.start <= hours.start && hours.end <= range.end;
    let hours = calendar.regular(of.class, Timeframe::D1.snap_out(of.class, range));
    let days = hours.as_slice().iter().flat_map(|hours| {
        // Round the clock, days touch and come as one interval.
        let first = Timeframe::D1.span(of.class, hours.start);
        std::iter::successors(Some(first), |day| Some(Timeframe::D1.span(of.class, day.end)))
            .take_while(|day| day.start < hours.end)
            .map(|day| day.intersect(*hours))
    });
    let missing = days.filter(inside);
    missing.map(|day| MissingSession { symbol: of.symbol.clone(), date: of.class.date_of(day.start) }).collect()
}

/// How stored bars differ from what was sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Restated {
    /// Final stored bars compared.
    pub bars_compared: Option<u64>,
    /// Of them, those that are no longer sent. They are kept.
    pub bars_vanished: Option<u64>,
    /// How far the closes of changed bars moved on average, in percent.
    pub mean_close_change_pct: Option<f64>,
    /// The largest change of any price, in percent.
    pub largest_change_pct: Option<f64>,
}

impl Restated {
    #[must_use]
    pub fn of(all: &Differences) -> Self {
        Self {
            bars_compared: Some(all.compared),
            bars_vanished: Some(all.vanished),
            mean_close_change_pct: Some(all.mean_close_change_pct()),
            largest_change_pct: Some(all.largest_change_pct),
        }
    }
}

/// Where the history of the vendor's plan begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlanBegins {
    /// Whether it is that of crypto.
    pub continuous: bool,
    pub starts_on: NaiveDate,
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::testing::at as ts;

    #[test]
    fn doubts_are_counted_by_merged_ranges_and_named_by_whole_sessions() {
        let row = |id, state, from: &str, to: &str| {
            let range = Interval::new(ts(from), ts(to));
            (SeriesId(id), Coverage::answered(range, state, None, Ts(0)))
        };
        let spy = |is_critical| CountedSeries { symbol: "SPY".parse().unwrap(), class: AssetClass::Etf, is_critical };
        let series = HashMap::from([(SeriesId(1), spy(false)), (SeriesId(2), spy(true))]);
        let rows = [
            // Two sessions in two touching rows.
            row(1, CoverageState::Suspect, "2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"),
            row(1, CoverageState::Suspect, "2026-11-24T05:00:00Z", "2026-11-25T05:00:00Z"),
            row(1, CoverageState::Late, "2026-11-27T16:00:00Z", "2026-11-27T18:00:00Z"),
            // The same session in another timeframe, and an hour of one.
            row(2, CoverageState::VendorHole, "2026-11-24T05:00:00Z", "2026-11-25T05:00:00Z"),
            row(2, CoverageState::Suspect, "2026-11-25T15:00:00Z", "2026-11-25T16:00:00Z"),
            row(2, CoverageState::Late, "2026-11-27T16:00:00Z", "2026-11-27T18:00:00Z"),
            row(2, CoverageState::Halted, "2026-11-27T15:00:00Z", "2026-11-27T15:30:00Z"),
            row(3, CoverageState::Unjudged, "2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"),
        ];
        let found = Doubts::of(&rows, &series, &Calendar::new());
        assert_eq!((found.suspect, found.vendor_holes, found.halted, found.unjudged), (2, 1, 1, 0));
        assert_eq!((found.late, found.late_critical), (2, 1));
        let days: Vec<String> = found.missing_sessions.iter().map(|s| format!("{} {}", s.symbol, s.date)).collect();
        assert_eq!(days, ["SPY 2026-11-23", "SPY 2026-11-24"]);
    }
}
