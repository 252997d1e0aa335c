//! The computation: one pass over the bars, from the start of a series or from where an earlier pass left off.
//!
//! What lies further back than [`CONTEXT`] bars is carried in a [`State`] of a few numbers; everything else is read
//! from the bars themselves. So a series computed in any number of pieces has the same values, bit for bit, as one
//! computed at once.

use serde::{Deserialize, Serialize};

use super::average::{Ema, Wilder};
use super::window::{Median, deviation, last, mean, sample_deviation};
use super::{CompressionRegime, Direction, Features, Structure, TrendRegime, VolatilityRegime};
use crate::bar::Bar;
use crate::ts::Ts;

/// Bars before a stretch that its windows reach into: the median of 50 volatilities of 50 returns needs 99.
pub const CONTEXT: usize = 100;

/// A state is handed out for keeping each time so many bars have passed, so that a change of old history need not
/// compute a series from its first bar.
pub const SPACING: u64 = 2_048;

/// Bars of the previous-extremes and five-bar-return features.
const SWING: usize = 5;

/// What the averages that never forget know after a bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The bar after which this holds.
    pub through: Ts,
    /// Bars from the first of the series to that one.
    pub count: u64,
    gain: Wilder<14>,
    loss: Wilder<14>,
    range: Wilder<14>,
    ema_20: Ema<20>,
    ema_50: Ema<50>,
    fast: Ema<12>,
    slow: Ema<26>,
    signal: Ema<9>,
}

impl State {
    const START: Self = Self {
        through: Ts::MIN,
        count: 0,
        gain: Wilder::START,
        loss: Wilder::START,
        range: Wilder::START,
        ema_20: Ema::START,
        ema_50: Ema::START,
        fast: Ema::START,
        slow: Ema::START,
        signal: Ema::START,
    };

    /// How many bars up to and including [`Self::through`] the next stretch needs.
    #[must_use]
    pub fn context(&self) -> usize {
        usize::try_from(self.count).unwrap_or(CONTEXT).min(CONTEXT)
    }

    /// Whether this is one of the states that are kept for good.
    #[must_use]
    pub const fn is_spaced(&self) -> bool {
        self.count.is_multiple_of(SPACING)
    }

    const fn is_finite(&self) -> bool {
        self.gain.is_finite()
            && self.loss.is_finite()
            && self.range.is_finite()
            && self.ema_20.is_finite()
            && self.ema_50.is_finite()
            && self.fast.is_finite()
            && self.slow.is_finite()
            && self.signal.is_finite()
    }
}

/// Prices so large that their average is no number. Nothing after such a bar could be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prices up to {0} are too large to be averaged")]
pub struct Overflow(pub Ts);

/// Features of a stretch of bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// One for each bar.
    pub rows: Vec<Features>,
    /// States worth keeping: each [`SPACING`] bars, and after the last of the final bars. None beyond those.
    pub keep: Vec<State>,
    /// After the last bar, final or not; `None` for no bars at all. For the next stretch of the same pass only.
    pub end: Option<State>,
}

/// The features of a whole series.
///
/// `bars` are ascending and split-adjusted and begin with the first of the series; `per_year` is
/// [`super::bars_per_year`].
///
/// # Errors
/// [`Overflow`].
pub fn compute(bars: &[Bar], per_year: f64) -> Result<Vec<Features>, Overflow> {
    extend(None, &[], bars, bars.len(), per_year).map(|stretch| stretch.rows)
}

/// The features of the bars that follow a state.
///
/// `before` are the [`State::context`] bars that end with the state's own, on the same splits as `bars`; without a state
/// there are none. The first `settled` bars are final; no state beyond them is offered for keeping.
///
/// # Errors
/// [`Overflow`].
pub fn extend(
    state: Option<&State>,
    before: &[Bar],
    bars: &[Bar],
    settled: usize,
    per_year: f64,
) -> Result<Stretch, Overflow> {
    let mut state = state.copied().unwrap_or(State::START);
    let mut past = Past::new(before.len() + bars.len(), per_year.sqrt());
    for bar in before {
        past.push(bar);
    }
    let mut stretch = Stretch { rows: Vec::with_capacity(bars.len()), keep: Vec::new(), end: None };
    for (k, bar) in bars.iter().enumerate() {
        let mut row = past.push(bar);
        state.push(bar, past.previous_close(), &mut row);
        if !state.is_finite() {
            return Err(Overflow(bar.ts));
        }
        drop_non_numbers(&mut row);
        stretch.rows.push(row);
        if k + 1 == settled || (k < settled && state.is_spaced()) {
            stretch.keep.push(state);
        }
        stretch.end = Some(state);
    }
    Ok(stretch)
}

impl State {
    fn push(&mut self, bar: &Bar, previous_close: Option<f64>, row: &mut Features) {
        const SLOW: u64 = 26;
        const FAST: u64 = 12;
        self.through = bar.ts;
        self.count += 1;
        let close = bar.close;
        if let Some(previous) = previous_close {
            let change = close - previous;
            let gain = self.gain.push(change.max(0.0));
            let loss = self.loss.push((-change).max(0.0));
            row.rsi_14 = gain.zip(loss).map(|(gain, loss)| {
                let both = gain + loss;
                if both > 0.0 { 100.0 * (gain / both) } else { 0.0 }
            });
            let range = (bar.high - bar.low).max((bar.high - previous).abs()).max((bar.low - previous).abs());
            row.atr = self.range.push(range);
        }
        row.ema_20 = self.ema_20.push(close);
        row.ema_50 = self.ema_50.push(close);
        row.trend_regime = row.ema_20.zip(row.ema_50).map(|(short, long)| match short.total_cmp(&long) {
            std::cmp::Ordering::Greater => TrendRegime::Uptrend,
            std::cmp::Ordering::Less => TrendRegime::Downtrend,
            std::cmp::Ordering::Equal => TrendRegime::Ranging,
        });
        let slow = self.slow.push(close);
        let fast = if self.count > SLOW - FAST { self.fast.push(close) } else { None };
        let macd = fast.zip(slow).map(|(fast, slow)| fast - slow);
        if let Some((macd, signal)) = macd.and_then(|macd| Some((macd, self.signal.push(macd)?))) {
            (row.macd, row.macd_signal, row.macd_hist) = (Some(macd), Some(signal), Some(macd - signal));
        }
    }
}

/// The values windows look back on.
struct Past {
    closes: Vec<f64>,
    highs: Vec<f64>,
    lows: Vec<f64>,
    volumes: Vec<f64>,
    /// One fewer than closes; the first return belongs to the second bar.
    returns: Vec<f64>,
    volatilities: Median<50>,
    widths: Median<50>,
    /// Of bars per year.
    root: f64,
}

impl Past {
    fn new(bars: usize, root: f64) -> Self {
        let values = || Vec::with_capacity(bars);
        Self {
            closes: values(),
            highs: values(),
            lows: values(),
            volumes: values(),
            returns: values(),
            volatilities: Median::new(),
            widths: Median::new(),
            root,
        }
    }

    fn previous_close(&self) -> Option<f64> {
        self.closes.len().checked_sub(2).and_then(|k| self.closes.get(k)).copied()
    }

    /// Takes the next bar and fills in what its windows say.
    fn push(&mut self, bar: &Bar) -> Features {
        let mut row = Features { structure_label: self.structure(bar), ..Features::default() };
        self.closes.push(bar.close);
        self.highs.push(bar.high);
        self.lows.push(bar.low);
        self.volumes.push(bar.volume);
        if let Some(previous) = self.previous_close() {
            // A close of zero has no return; what is no number here is absent from every window it is in.
            let r = (bar.close / previous).ln();
            let r = if r.is_finite() { r } else { f64::NAN };
            self.returns.push(r);
            row.log_return = Some(r);
        }
        row.trend_direction = last(&self.closes, SWING + 1).and_then(<[f64]>::first).and_then(|then| {
            let change = bar.close / then - 1.0;
            match change {
                _ if !change.is_finite() => None,
                _ if change > 0.01 => Some(Direction::Up),
                _ if change < -0.01 => Some(Direction::Down),
                _ => Some(Direction::Neutral),
            }
        });
        let annual = |window: &[f64]| sample_deviation(window) * self.root;
        row.volatility_20 = last(&self.returns, 20).map(annual);
        row.volatility_50 = last(&self.returns, 50).map(annual);
        row.volatility_regime = row.volatility_50.and_then(|now| {
            let median = self.volatilities.push(now)?;
            Some(match now {
                _ if now < 0.7 * median => VolatilityRegime::Low,
                _ if now > 1.3 * median => VolatilityRegime::High,
                _ => VolatilityRegime::Medium,
            })
        });
        row.rolling_volume_20 = last(&self.volumes, 20).map(mean);
        row.volume_ratio = row.rolling_volume_20.filter(|mean| *mean > 0.0).map(|mean| bar.volume / mean);
        row.sma_50 = last(&self.closes, 50).map(mean);
        if let Some(window) = last(&self.closes, 20) {
            let middle = mean(window);
            let band = 2.0 * deviation(window, middle);
            (row.sma_20, row.bb_middle) = (Some(middle), Some(middle));
            (row.bb_upper, row.bb_lower) = (Some(middle + band), Some(middle - band));
            let width = band / middle;
            row.compression_regime = self.widths.push(width).map(|median| {
                if width < 0.7 * median { CompressionRegime::Compressed } else { CompressionRegime::Expanded }
            });
        }
        row
    }

    /// Against the extremes of the bars pushed before.
    fn structure(&self, bar: &Bar) -> Option<Structure> {
        let top = last(&self.highs, SWING)?.iter().copied().fold(f64::MIN, f64::max);
        let floor = last(&self.lows, SWING)?.iter().copied().fold(f64::MAX, f64::min);
        Some(match bar {
            _ if bar.high > top && bar.low > floor => Structure::Bullish,
            _ if bar.high < top && bar.low < floor => Structure::Bearish,
            _ => Structure::Range,
        })
    }
}

/// What is no number is absent.
fn drop_non_numbers(row: &mut Features) {
    let numbers = [
        &mut row.log_return,
        &mut row.volatility_20,
        &mut row.volatility_50,
        &mut row.atr,
        &mut row.rolling_volume_20,
        &mut row.volume_ratio,
        &mut row.rsi_14,
        &mut row.macd,
        &mut row.macd_signal,
        &mut row.macd_hist,
        &mut row.sma_20,
        &mut row.sma_50,
        &mut row.ema_20,
        &mut row.ema_50,
        &mut row.bb_upper,
        &mut row.bb_middle,
        &mut row.bb_lower,
    ];
    for number in numbers {
        *number = number.filter(|v| v.is_finite());
    }
    // One of the three is made of the two others when it is read.
    if row.macd_hist.is_none() {
        (row.macd, row.macd_signal) = (None, None);
    }
}
