//! Averages that never forget: each value is a function of every value before it.
//!
//! Both start with the plain mean of their first `N` values, as TA-Lib does, so a series has one value for each bar once
//! it is known where the series starts.

use serde::{Deserialize, Serialize};

/// Exponential moving average over `N` bars: `2 / (N + 1)` of each new value (TA-Lib `EMA`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ema<const N: u32>(Mean);

/// Wilder's average over `N` bars: `1 / N` of each new value (TA-Lib `ATR`, `RSI`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Wilder<const N: u32>(Mean);

/// The average, or the sum while fewer than `N` values have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Mean {
    seen: u32,
    value: f64,
}

impl Mean {
    const NONE: Self = Self { seen: 0, value: 0.0 };

    /// Whether `x` still belongs to the first `n` values, which are then counted by their plain mean.
    fn begin(&mut self, n: u32, x: f64) -> bool {
        if self.seen == n {
            return false;
        }
        self.seen += 1;
        self.value += x;
        if self.seen == n {
            self.value /= f64::from(n);
        }
        true
    }

    fn ready(&self, n: u32) -> Option<f64> {
        (self.seen == n).then_some(self.value)
    }
}

impl<const N: u32> Ema<N> {
    /// Before the first value.
    pub(super) const START: Self = Self(Mean::NONE);

    /// Takes the next value; the average from the `N`-th value on.
    pub(super) fn push(&mut self, x: f64) -> Option<f64> {
        if !self.0.begin(N, x) {
            self.0.value += (x - self.0.value) * (2.0 / f64::from(N + 1));
        }
        self.0.ready(N)
    }

    pub(super) const fn is_finite(&self) -> bool {
        self.0.value.is_finite()
    }
}

impl<const N: u32> Wilder<N> {
    /// Before the first value.
    pub(super) const START: Self = Self(Mean::NONE);

    /// Takes the next value; the average from the `N`-th value on.
    pub(super) fn push(&mut self, x: f64) -> Option<f64> {
        if !self.0.begin(N, x) {
            self.0.value = (self.0.value * f64::from(N - 1) + x) / f64::from(N);
        }
        self.0.ready(N)
    }

    pub(super) const fn is_finite(&self) -> bool {
        self.0.value.is_finite()
    }
}
