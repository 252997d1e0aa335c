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
}
