//! One bar: what traded between two instants.

use serde::{Deserialize, Serialize};

use super::ts::Ts;

/// Open, high, low, close and volume from `ts` on, prices raw (not adjusted for splits), volume in shares or coins.
///
/// Volume is fractional: crypto always was, and stock volume is since 2025. The vendor leaves `vwap` and `trades` out
/// of some bars. `vwap` may lie outside `[low, high]`: odd lots count in it but not in the extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The bar's start.
    pub ts: Ts,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub vwap: Option<f64>,
    pub trades: Option<i64>,
}

impl Bar {
    /// Whether every value is the same, bit for bit; `ts` included. This is what "unchanged" means in the store.
    #[must_use]
    pub fn same_values(&self, other: &Self) -> bool {
        self == other
    }

    /// The bar with the `vwap` that only one of the two has, if they are the same otherwise: files leave it out.
    #[must_use]
    pub fn filled(&self, other: &Self) -> Option<Self> {
        let vwap = self.vwap.or(other.vwap);
        let (own, others) = (Self { vwap, ..*self }, Self { vwap, ..*other });
        let lacks = self.vwap.is_none() != other.vwap.is_none();
        (lacks && own.same_values(&others)).then_some(own)
    }

    /// The values without the time, as something that can be looked up: bars of one time have the same ones exactly when
    /// these are equal.
    #[must_use]
    pub fn value_bits(&self) -> [u64; 9] {
        // Adding zero gives every zero one sign.
        let bits = |x: f64| (x + 0.0).to_bits();
        let Self { ts: _, open, high, low, close, volume, vwap, trades } = *self;
        [
            bits(open),
            bits(high),
            bits(low),
            bits(close),
            bits(volume),
            u64::from(vwap.is_some()),
            bits(vwap.unwrap_or_default()),
            u64::from(trades.is_some()),
            trades.unwrap_or_default().cast_unsigned(),
        ]
    }
}
