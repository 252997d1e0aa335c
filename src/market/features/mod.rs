//! Quantitative features of a series: what its bars say about their own past.
//!
//! Every value is a function of the split-adjusted bars up to its own time and of nothing later; while there is not
//! enough history it is absent, never filled in. Definitions are TA-Lib's where it has one, warm-up included. The
//! averages that never forget (EMA, RSI, ATR, MACD) begin at the first bar of the series, so history does not change
//! with the day on which it is computed.
//!
//! | feature | definition |
//! |---|---|
//! | `log_return` | `ln(close / previous close)` |
//! | `volatility_20`, `volatility_50` | sample deviation of the last 20 / 50 log returns, times the root of [`bars_per_year`] |
//! | `atr` | Wilder's average true range over 14 bars (`ATR`) |
//! | `rolling_volume_20` | mean volume of 20 bars, this one included |
//! | `volume_ratio` | volume / `rolling_volume_20`; absent where that is 0 |
//! | `structure_label` | [`Structure`]: high and low against the extremes of the 5 bars before |
//! | `trend_direction` | [`Direction`]: return over 5 bars beyond 1 % |
//! | `volatility_regime` | [`VolatilityRegime`]: `volatility_50` against its median over 50 bars |
//! | `trend_regime` | [`TrendRegime`]: `ema_20` against `ema_50` |
//! | `compression_regime` | [`CompressionRegime`]: band width / middle against its median over 50 bars |
//! | `rsi_14` | Wilder's relative strength (`RSI`); like there 0 when no close has ever changed |
//! | `macd`, `macd_signal`, `macd_hist` | `MACD` 12/26/9; both averages are seeded at bar 26, all three begin at bar 34 |
//! | `sma_20`, `sma_50` | mean close (`SMA`) |
//! | `ema_20`, `ema_50` | exponential average of closes, seeded with the mean of its first bars (`EMA`) |
//! | `bb_upper`, `bb_middle`, `bb_lower` | mean close of 20 bars and 2 population deviations around it (`BBANDS`) |

mod average;
mod compute;
#[cfg(test)]
mod golden_tests;
mod label;
#[cfg(test)]
mod tests;
mod window;

use serde::{Deserialize, Serialize};

pub use compute::{CONTEXT, Overflow, SPACING, State, Stretch, compute, extend};
pub use label::{CompressionRegime, Direction, Structure, TrendRegime, VolatilityRegime};

use super::asset::AssetClass;
use super::timeframe::{Family, Timeframe};
use super::ts::{DAY, HOUR};

/// The features of one bar. Every number is finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Features {
    pub log_return: Option<f64>,
    pub volatility_20: Option<f64>,
    pub volatility_50: Option<f64>,
    pub atr: Option<f64>,
    pub rolling_volume_20: Option<f64>,
    pub volume_ratio: Option<f64>,
    pub structure_label: Option<Structure>,
    pub trend_direction: Option<Direction>,
    pub volatility_regime: Option<VolatilityRegime>,
    pub trend_regime: Option<TrendRegime>,
    pub compression_regime: Option<CompressionRegime>,
    pub rsi_14: Option<f64>,
    pub macd: Option<f64>,
    pub macd_signal: Option<f64>,
    pub macd_hist: Option<f64>,
    pub sma_20: Option<f64>,
    pub sma_50: Option<f64>,
    pub ema_20: Option<f64>,
    pub ema_50: Option<f64>,
    pub bb_upper: Option<f64>,
    pub bb_middle: Option<f64>,
    pub bb_lower: Option<f64>,
}

/// How many bars a liquid symbol has in a year, by which volatility is made annual.
///
/// Minute bars of stocks and funds cover extended hours (16 h a session), and the returns are those between stored
/// bars, so all 16 hours count: 252 sessions of 192 `5m` bars. Days are 252 and weeks 52; crypto trades through all of
/// 365 days.
#[must_use]
pub fn bars_per_year(class: AssetClass, tf: Timeframe) -> f64 {
    const SESSIONS: f64 = 252.0;
    const WEEKS: f64 = 52.0;
    let a_day = |trading: i64| trading as f64 / tf.width() as f64;
    match (class.is_continuous(), tf, tf.family()) {
        (true, ..) => 365.0 * a_day(DAY),
        (false, Timeframe::W1, _) => WEEKS,
        (false, _, Family::Day) => SESSIONS,
        (false, _, Family::Minute) => SESSIONS * a_day(16 * HOUR),
    }
}
