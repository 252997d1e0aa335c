//! How believable a bar is: a score, notes, and the line between surprising and impossible.
//!
//! A surprising bar (an earnings gap, a burst of volume) is stored with its score and can be filtered on. An impossible
//! one is kept apart in quarantine. A score depends on the series and its splits alone, never on where a page of the
//! vendor's answer happened to end, so scoring again gives the same figures.

pub mod absurd;

use std::collections::VecDeque;

use super::asset::AssetClass;
use super::bar::Bar;
use super::split::{Ratio, Split};
use super::timeframe::Timeframe;
use super::ts::Ts;

/// Thresholds of the quality score for one asset class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Gap of the open against the previous close, as a share: 0.15 is 15 %.
    pub gap: f64,
    /// Volume below this share of the median is remarkable.
    pub volume_low: f64,
    /// Volume above this multiple of the median is remarkable.
    pub volume_high: f64,
}

/// How many preceding bars a score depends on.
pub const CONTEXT: usize = 20;

/// A move inside one bar beyond this share of its open, or of its low, is extreme: 500 %.
const EXTREME_MOVE: f64 = 5.0;

/// What each finding costs, in hundredths of the score, as in the system this one replaces.
const CONSTRAINT_COST: u32 = 50;
const EXTREME_COST: u32 = 30;
const GAP_COST: u32 = 20;
const HIGH_VOLUME_COST: u32 = 10;
const LOW_VOLUME_COST: u32 = 15;

/// How believable a bar is, 0 to 1 in hundredths, and what is remarkable about it, separated by `; `.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub score: f64,
    pub notes: Option<String>,
}

/// Why a bar cannot be true; `None` when it can.
///
/// A `vwap` somewhat outside `[low, high]` is no reason: the vendor counts odd lots in one and not in the other.
#[must_use]
pub fn impossible(bar: &Bar, tf: Timeframe, class: AssetClass) -> Option<&'static str> {
    let prices = [bar.open, bar.high, bar.low, bar.close];
    let reasons = [
        (prices.iter().any(|p| !p.is_finite()), "a price is not a finite number"),
        (prices.iter().any(|p| *p < 0.0), "a price is negative"),
        (prices.contains(&0.0), "a price is zero"),
        (bar.high < bar.low, "high is below low"),
        (bar.high < bar.open.max(bar.close), "high is below open or close"),
        (bar.low > bar.open.min(bar.close), "low is above open or close"),
        (!bar.volume.is_finite(), "volume is not a finite number"),
        (bar.volume < 0.0, "volume is negative"),
        (bar.vwap.is_some_and(|p| !p.is_finite()), "vwap is not a finite number"),
        (bar.vwap.is_some_and(|p| p < 0.0), "vwap is negative"),
        (bar.volume > absurd::MOST_VOLUME, absurd::HUGE_VOLUME),
        (bar.volume > 0.0 && bar.vwap == Some(0.0), absurd::NO_VWAP),
        (bar.volume > 0.0 && bar.vwap.is_some_and(|p| outside(bar, p)), absurd::FAR_VWAP),
        (bar.trades.is_some_and(|n| n < 0), "trades are negative"),
        (!(Ts::MIN..=Ts::MAX).contains(&bar.ts), "time is outside the years 1 to 9999"),
    ];
    let found = reasons.into_iter().find_map(|(is_so, reason)| is_so.then_some(reason));
    found.or_else(|| (tf.span(class, bar.ts).start != bar.ts).then_some("time is not a bar's start"))
}

/// Whether a mean price cannot belong to the bar's prices, however odd lots are counted.
fn outside(bar: &Bar, vwap: f64) -> bool {
    vwap > bar.high * absurd::FAR || vwap * absurd::FAR < bar.low
}

/// What a bar's notes say that the vendor sent twice, days apart, although it is hard to believe.
pub const SEEN_TWICE: &str = "seen_twice";

/// Scores `bars`, given up to [`CONTEXT`] stored bars `before` them; both ascending, prices raw.
///
/// The previous close is that of the preceding bar, in the terms of this bar after the splits between them. The median
/// volume is that of the [`CONTEXT`] preceding bars, likewise; with fewer, or a median of 0, volume is not judged.
#[must_use]
pub fn score_all(before: &[Bar], bars: &[Bar], splits: &[Split], class: AssetClass, t: &Thresholds) -> Vec<Score> {
    let mut history = History::new(splits, class);
    let context = before.get(before.len().saturating_sub(CONTEXT)..).unwrap_or_default();
    for bar in context {
        history.reach(bar.ts);
        history.push(bar);
    }
    let score = |bar: &Bar| {
        history.reach(bar.ts);
        let score = score(bar, history.close, history.median(), t);
        history.push(bar);
        score
    };
    bars.iter().map(score).collect()
}

fn score(bar: &Bar, previous_close: Option<f64>, median: Option<f64>, t: &Thresholds) -> Score {
    let mut cost = 0;
    let mut notes: Vec<String> = Vec::new();
    let mut find = |hundredths: u32, note: String| {
        cost += hundredths;
        notes.push(note);
    };
    if breaks_constraints(bar) {
        find(CONSTRAINT_COST, "failed_ohlcv_constraints".to_owned());
    }
    let moved = |by: f64, of: f64| of <= 0.0 || by / of > EXTREME_MOVE;
    if moved((bar.close - bar.open).abs(), bar.open) || moved(bar.high - bar.low, bar.low) {
        find(EXTREME_COST, "extreme_price_move".to_owned());
    }
    if let Some(close) = previous_close.filter(|c| *c > 0.0) {
        let gap = (bar.open - close).abs() / close;
        if gap > t.gap {
            find(GAP_COST, format!("large_gap_{:.1}pct", gap * 100.0));
        }
    }
    if let Some(median) = median.filter(|m| *m > 0.0) {
        if bar.volume > t.volume_high * median {
            find(HIGH_VOLUME_COST, "volume_anomaly_high".to_owned());
        } else if bar.volume > 0.0 && bar.volume < t.volume_low * median {
            find(LOW_VOLUME_COST, "volume_anomaly_low".to_owned());
        }
    }
    let score = f64::from(100_u32.saturating_sub(cost)) / 100.0;
    Score { score, notes: (!notes.is_empty()).then(|| notes.join("; ")) }
}

/// What an operator may accept from quarantine all the same, and then finds marked.
fn breaks_constraints(bar: &Bar) -> bool {
    let values = [bar.open, bar.high, bar.low, bar.close, bar.volume];
    bar.high < bar.open.max(bar.close)
        || bar.low > bar.open.min(bar.close)
        || bar.high < bar.low
        || bar.open <= 0.0
        || bar.close <= 0.0
        || bar.volume < 0.0
        || values.iter().any(|v| !v.is_finite())
}

/// The preceding bars, kept in the terms of the bar that comes next.
struct History {
    /// Splits not reached yet: from this instant on, this ratio; the next one last.
    ahead: Vec<(Ts, Ratio)>,
    close: Option<f64>,
    /// Volumes in the order of time, and the same sorted.
    volumes: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl History {
    fn new(splits: &[Split], class: AssetClass) -> Self {
        let mut ahead: Vec<(Ts, Ratio)> = splits.iter().map(|s| (class.midnight(s.date), Ratio::of(s))).collect();
        ahead.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let (volumes, sorted) = (VecDeque::with_capacity(CONTEXT), Vec::with_capacity(CONTEXT));
        Self { ahead, close: None, volumes, sorted }
    }

    /// Applies the splits that come into force up to `t`. Dates grow with time, so a split lies between two bars'
    /// session dates exactly when its midnight does.
    fn reach(&mut self, t: Ts) {
        while let Some((_, ratio)) = self.ahead.pop_if(|(at, _)| *at <= t) {
            if let Some(close) = &mut self.close {
                *close *= ratio.of_price();
            }
            // A positive factor keeps the order, so the sorted copy stays sorted.
            for volume in self.volumes.iter_mut().chain(&mut self.sorted) {
                *volume *= ratio.of_volume();
            }
        }
    }

    fn push(&mut self, bar: &Bar) {
        self.close = Some(bar.close);
        if self.volumes.len() == CONTEXT
            && let Some(oldest) = self.volumes.pop_front()
        {
            let found = self.sorted.partition_point(|v| v.total_cmp(&oldest).is_lt());
            if found < self.sorted.len() {
                self.sorted.remove(found);
            }
        }
        self.volumes.push_back(bar.volume);
        let place = self.sorted.partition_point(|v| v.total_cmp(&bar.volume).is_lt());
        self.sorted.insert(place, bar.volume);
    }

    fn median(&self) -> Option<f64> {
        let (below, above) = (self.sorted.get(CONTEXT / 2 - 1)?, self.sorted.get(CONTEXT / 2)?);
        (self.sorted.len() == CONTEXT).then(|| f64::midpoint(*below, *above))
    }
}

#[cfg(test)]
mod tests;
