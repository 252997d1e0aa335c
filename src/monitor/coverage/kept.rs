//! What is missing of the history that is kept, and how much of it is complete: one answer for every screen.

use serde::{Deserialize, Serialize};

use super::Known;
use crate::error::SeriesName;
use barkeep_config::Settings;
use barkeep_market::ts::{DAY, millis};
use barkeep_market::{AssetClass, Calendar, Interval, IntervalSet, Timeframe, Ts};
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_plan::Horizon;
use barkeep_store::Trigger;

/// A stretch of trading time without an answer. Stretches with only closed hours between them are one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    #[serde(flatten)]
    pub range: Interval,
    /// The vendor refuses it for the plan of this key; nobody asks again before it expires.
    pub not_entitled: bool,
    /// The sessions it touches (round the clock: UTC days).
    #[serde(default)]
    pub sessions: usize,
    /// The requests that fetch it, as planned now; absent where that was not worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
}

/// What a backfill of one stretch of one series selects.
#[must_use]
pub fn selection((symbol, timeframe): SeriesName, range: Interval) -> Selection {
    // The end of a selection is included.
    let (from, to) = (TimeBound::Time(range.start), TimeBound::Time(range.end - 1));
    Selection {
        symbols: vec![symbol],
        timeframes: Some(vec![timeframe]),
        from: Some(from),
        to: Some(to),
        ..Selection::default()
    }
}

/// The kept history of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What is missing, oldest first.
    pub gaps: Vec<Gap>,
    /// The share of its trading time that the vendor has answered for, 0 to 1; absent when there is none.
    pub complete: Option<f64>,
}

impl Kept {
    /// The history that `settings` keep, up to the newest bar that is final: what still grows is not missing.
    #[must_use]
    pub fn range(
        calendar: &Calendar,
        settings: &Settings,
        (class, timeframe): (AssetClass, Timeframe),
        delay: barkeep_market::freshness::Delay,
        now: Ts,
    ) -> Interval {
        let horizon = Horizon::at(calendar, class, timeframe.family(), delay, settings.backfill.settle, now);
        let history = millis(settings.backfill.history);
        let begin = class.midnight(class.date_of(now - history));
        timeframe.snap_in(class, Interval::new(begin, horizon.settled))
    }

    /// What `answered` and `refused` leave of `range`.
    #[must_use]
    pub fn of(
        calendar: &Calendar,
        (class, timeframe): (AssetClass, Timeframe),
        range: Interval,
        answered: &IntervalSet,
        refused: &IntervalSet,
    ) -> Self {
        let trading = calendar.trading(class, timeframe.family(), range);
        let missing = trading.subtract(answered);
        let closed = |from: Ts, to: Ts| calendar.trading(class, timeframe.family(), Interval::new(from, to)).is_empty();
        let mut gaps: Vec<Gap> = Vec::new();
        for (ranges, not_entitled) in [(missing.subtract(refused), false), (missing.intersect(refused), true)] {
            let first = gaps.len();
            for range in ranges.iter() {
                match gaps.get_mut(first..).and_then(<[Gap]>::last_mut) {
                    Some(last) if closed(last.range.end, range.start) => last.range = last.range.hull(range),
                    _ => gaps.push(Gap { range, not_entitled, sessions: 0, requests: None }),
                }
            }
        }
        gaps.sort_by_key(|gap| gap.range.start);
        for gap in &mut gaps {
            gap.sessions = sessions(calendar, class, gap.range);
        }
        let total = trading.total();
        let complete = (total > 0).then(|| 1.0 - missing.total() as f64 / total as f64);
        Self { gaps, complete }
    }

    pub(super) fn of_known(calendar: &Calendar, known: &Known, range: Interval) -> Self {
        Self::of(calendar, (known.class, known.timeframe), range, &known.answered, &known.refused)
    }
}

fn sessions(calendar: &Calendar, class: AssetClass, range: Interval) -> usize {
    let (from, to) = (class.date_of(range.start), class.date_of(range.end - 1));
    if class.is_continuous() {
        return usize::try_from((class.midnight(to) - class.midnight(from)) / DAY + 1).unwrap_or(0);
    }
    calendar.sessions(from, to).len()
}

/// Says of each gap of a series what fetching it costs: what the planner plans for it. While that cannot be planned, as
/// for a paused symbol, nothing is said.
pub async fn cost(engine: &EngineContext, series: &SeriesName, gaps: &mut [Gap]) {
    if gaps.iter().all(|gap| gap.not_entitled) {
        return;
    }
    let mode = engine.config.current().settings.backfill.mode;
    let selections = gaps.iter().map(|gap| selection(series.clone(), gap.range)).collect();
    let Ok(costs) = Backfill::costs(engine, mode, Trigger::Manual, selections).await else { return };
    for (gap, requests) in gaps.iter_mut().zip(costs) {
        gap.requests = Some(requests).filter(|_| !gap.not_entitled);
    }
}
