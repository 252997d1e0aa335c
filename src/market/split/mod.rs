//! Stock splits: kept beside raw prices and applied on read.
//!
//! Stored bars never change when a company splits its shares; what is shown and computed does. The factor here covers
//! splits only, as the vendor's own `adjusted=true` does; dividends are left alone. Whether a listed split happened is
//! decided by prices ([`confirm`]).

mod confirm;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::asset::AssetClass;
use super::bar::Bar;
use super::ts::Ts;
pub use confirm::{SplitFinding, SplitVerdict, Step, confirm, steps};

/// `from` shares became `to` shares before trading on `date` (4-for-1: `from` 1, `to` 4; 1-for-8: `from` 8, `to` 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The execution date: the first session that trades at the new price.
    pub date: NaiveDate,
    pub from: f64,
    pub to: f64,
}

impl Split {
    /// Whether both counts are positive numbers. Anything else is no split and changes no price.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let count = |n: f64| n.is_finite() && n > 0.0;
        count(self.from) && count(self.to)
    }
}

/// Several splits in a row: `from` old shares are `to` new ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Ratio {
    pub(super) const NONE: Self = Self { from: 1.0, to: 1.0 };

    pub(super) fn of(split: &Split) -> Self {
        if split.is_sound() { Self { from: split.from, to: split.to } } else { Self::NONE }
    }

    pub(super) fn then(self, later: Self) -> Self {
        Self { from: self.from * later.from, to: self.to * later.to }
    }

    /// The logarithm of [`of_price`](Self::of_price).
    fn log(self) -> f64 {
        self.from.ln() - self.to.ln()
    }

    /// What an old price is multiplied by. One division, so whole-number splits round once.
    pub(super) fn of_price(self) -> f64 {
        self.from / self.to
    }

    /// What an old volume is multiplied by.
    pub(super) fn of_volume(self) -> f64 {
        self.to / self.from
    }
}

/// What turns a raw price of session date `d` into the terms of `as_of`: the product of `from / to` over the splits
/// with `d < date <= as_of`.
#[must_use]
pub fn price_factor(splits: &[Split], d: NaiveDate, as_of: NaiveDate) -> f64 {
    let between = splits.iter().filter(|s| d < s.date && s.date <= as_of);
    between.fold(Ratio::NONE, |all, s| all.then(Ratio::of(s))).of_price()
}

/// Puts prices and `vwap` in the terms of `as_of` by [`price_factor`], and volume by its inverse. Bars may be in any
/// order. A bar is adjusted by its start, so a weekly bar with a split inside must be built from adjusted daily bars.
pub fn adjust<'b>(bars: impl IntoIterator<Item = &'b mut Bar>, splits: &[Split], class: AssetClass, as_of: NaiveDate) {
    // From the latest split back: before each instant, the ratio that applies.
    let mut latest_first: Vec<&Split> = splits.iter().filter(|s| s.date <= as_of).collect();
    latest_first.sort_unstable_by_key(|s| std::cmp::Reverse(s.date));
    let mut all = Ratio::NONE;
    let steps: Vec<(Ts, Ratio)> = latest_first
        .into_iter()
        .map(|s| {
            all = Ratio::of(s).then(all);
            (class.midnight(s.date), all)
        })
        .collect();
    for bar in bars {
        let later = steps.partition_point(|(at, _)| *at > bar.ts);
        let Some((_, ratio)) = later.checked_sub(1).and_then(|k| steps.get(k)) else { continue };
        let factor = ratio.of_price();
        for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close].into_iter().chain(&mut bar.vwap) {
            *price *= factor;
        }
        bar.volume *= ratio.of_volume();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::candle;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// AAPL's splits since 1998, as the vendor lists them.
    fn apple() -> Vec<Split> {
        [("2000-06-21", 2.0), ("2005-02-28", 2.0), ("2014-06-09", 7.0), ("2020-08-31", 4.0)]
            .map(|(d, to)| Split { date: date(d), from: 1.0, to })
            .to_vec()
    }

    #[test]
    fn the_factor_counts_splits_after_the_session_up_to_the_day_asked() {
        let splits = apple();
        let today = date("2024-01-02");
        assert_eq!(price_factor(&splits, date("2014-06-06"), today), 1.0 / 28.0);
        assert_eq!(price_factor(&splits, date("2014-06-09"), today), 0.25, "the day itself trades at the new price");
        assert_eq!(price_factor(&splits, date("2014-06-06"), date("2014-06-09")), 1.0 / 7.0);
        assert_eq!(price_factor(&splits, date("2014-06-06"), date("2014-06-08")), 1.0, "not yet known");
        let reverse = [Split { date: date("2020-04-29"), from: 8.0, to: 1.0 }];
        assert_eq!(price_factor(&reverse, date("2020-04-28"), today), 8.0);
    }

    #[test]
    fn a_broken_split_changes_no_price() {
        for (from, to) in [(0.0, 1.0), (1.0, 0.0), (-1.0, 2.0), (f64::NAN, 2.0), (1.0, f64::INFINITY)] {
            let splits = [Split { date: date("2020-01-02"), from, to }];
            assert_eq!(price_factor(&splits, date("2019-01-02"), date("2021-01-04")), 1.0);
        }
    }

    proptest! {
        #[test]
        fn adjusting_is_the_factor_of_each_bar_s_date(
            days in proptest::collection::vec((0i64..4000, 1u8..9, 1u8..9), 0..6),
            at in proptest::collection::vec(0i64..4000 * 24, 1..30),
            as_of in 0u64..4000,
        ) {
            let epoch = date("2010-01-01");
            let on = |d: i64| epoch + chrono::TimeDelta::days(d);
            let splits: Vec<Split> =
                days.iter().map(|&(d, f, t)| Split { date: on(d), from: f.into(), to: t.into() }).collect();
            let as_of = on(as_of as i64);
            let start = |h: &i64| Ts::ny_midnight(epoch) + h * crate::ts::HOUR;
            let bar = |h: &i64| Bar {
                volume: 840.0, vwap: Some(10.5), trades: Some(3), ..candle(start(h), [10.0, 12.0, 9.0, 11.0])
            };
            let mut bars: Vec<Bar> = at.iter().map(bar).collect();
            adjust(&mut bars, &splits, AssetClass::Stock, as_of);
            for (h, got) in at.iter().zip(&bars) {
                let raw = bar(h);
                let factor = price_factor(&splits, raw.ts.ny_date(), as_of);
                prop_assert!((got.close / (raw.close * factor) - 1.0).abs() < 1e-12);
                prop_assert!((got.vwap.unwrap() / (10.5 * factor) - 1.0).abs() < 1e-12);
                prop_assert!((got.volume * factor / raw.volume - 1.0).abs() < 1e-12);
                prop_assert_eq!(got.trades, raw.trades);
            }
        }
    }
}
