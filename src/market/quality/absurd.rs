//! Values that no market makes: a price far from the closes on both sides, a volume far beyond all others.
//!
//! One neighbor is not enough. A new company under an old ticker, a reverse split that nobody announced or a crash step
//! once and stay; only what comes back at once never happened.

use super::super::asset::AssetClass;
use super::super::bar::Bar;
use super::super::split::{Split, price_factor};

/// Prices further apart than this factor do not belong together.
pub const FAR: f64 = 20.0;
/// Bars in a row that may be absurd together; a longer stretch is another level.
const STRETCH: usize = 5;
/// No market trades so much in one bar.
pub const MOST_VOLUME: f64 = 1e15;
/// Times the largest volume known.
const VOLUME_FACTOR: f64 = 1_000.0;
/// Bars that must be known before their largest volume says anything.
pub const KNOWN_VOLUMES: usize = 20;

pub const FAR_PRICE: &str = "a price is more than 20 times away from the closes before and after";
pub const FAR_VWAP: &str = "vwap is more than 20 times away from the prices";
pub const NO_VWAP: &str = "vwap is zero although shares were traded";
pub const HUGE_VOLUME: &str = "volume is beyond 1,000,000,000,000,000";
pub const FAR_VOLUME: &str = "volume is more than 1,000 times the largest known";

/// Whether a reason is about a value that may turn out true when the vendor repeats it days later.
#[must_use]
pub fn is_absurd(reason: &str) -> bool {
    [FAR_PRICE, FAR_VWAP, NO_VWAP, HUGE_VOLUME, FAR_VOLUME].contains(&reason)
}

/// Which of the ascending raw `bars` have a price far from the closes on both sides; `before` and `after` are the nearest
/// bars around them.
#[must_use]
pub fn far_prices(
    before: Option<&Bar>,
    bars: &[Bar],
    after: Option<&Bar>,
    splits: &[Split],
    class: AssetClass,
) -> Vec<bool> {
    let mut found = vec![false; bars.len()];
    let far = |bar: &Bar, other: &Bar| is_far(bar, other, splits, class);
    let mut level = before.or(bars.first());
    for (k, bar) in bars.iter().enumerate() {
        let Some(last) = level else { break };
        if !far(bar, last) {
            level = Some(bar);
            continue;
        }
        let following = bars.iter().skip(k + 1).chain(after).take(STRETCH);
        let mut comes_back = following.filter(|next| !far(next, last) && far(bar, next));
        match comes_back.next() {
            Some(_) => found.iter_mut().skip(k).take(1).for_each(|here| *here = true),
            None => level = Some(bar),
        }
    }
    found
}

/// Whether a price of `bar` is far from the close of `other`, as traded and in the terms of the splits between them.
fn is_far(bar: &Bar, other: &Bar, splits: &[Split], class: AssetClass) -> bool {
    let far_from = |close: f64| {
        let apart = |price: f64| price > close * FAR || price * FAR < close;
        close > 0.0 && [bar.open, bar.high, bar.low, bar.close].into_iter().any(apart)
    };
    if !far_from(other.close) {
        return false;
    }
    let (here, there) = (class.date_of(bar.ts), class.date_of(other.ts));
    let factor =
        if there <= here { price_factor(splits, there, here) } else { 1.0 / price_factor(splits, here, there) };
    far_from(other.close * factor)
}

/// Which volumes are far beyond the largest of all the others. `known` are bars of the same series around them.
#[must_use]
pub fn far_volumes(bars: &[Bar], known: &[Bar]) -> Vec<bool> {
    if bars.len() + known.len() <= KNOWN_VOLUMES {
        return vec![false; bars.len()];
    }
    // The largest two: a bar is compared with the others, and no bar with itself.
    let (mut first, mut second) = (0.0_f64, 0.0_f64);
    for volume in known.iter().chain(bars).map(|bar| bar.volume) {
        if volume > first {
            (first, second) = (volume, first);
        } else if volume > second {
            second = volume;
        }
    }
    let beyond = |volume: f64| {
        let others = if volume >= first { second } else { first };
        others > 0.0 && volume > others * VOLUME_FACTOR
    };
    bars.iter().map(|bar| beyond(bar.volume)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::bar;
    use crate::ts::DAY;

    fn bars(closes: &[f64]) -> Vec<Bar> {
        let at = |k: usize| AssetClass::Stock.midnight("2024-03-04".parse().unwrap()) + k as i64 * DAY;
        closes.iter().enumerate().map(|(k, close)| bar(at(k), *close)).collect()
    }

    fn found(closes: &[f64]) -> Vec<usize> {
        let far = far_prices(None, &bars(closes), None, &[], AssetClass::Stock);
        far.iter().enumerate().filter_map(|(k, far)| far.then_some(k)).collect()
    }

    #[test]
    fn only_what_comes_back_never_happened() {
        assert_eq!(found(&[10.0, 10.0, 1000.0, 10.0]), [2]);
        assert_eq!(found(&[10.0, 0.01, 11.0]), [1]);
        assert_eq!(found(&[10.0, 1000.0, 900.0, 0.001, 10.0, 10.0]), [1, 2, 3], "several in a row");
        assert_eq!(found(&[10.0, 190.0, 10.0]), [0; 0], "19 times is surprising, not absurd");
        assert_eq!(found(&[10.0, 400.0, 410.0, 400.0, 390.0, 400.0, 400.0, 400.0]), [0; 0], "another company");
        assert_eq!(found(&[10.0, 10.0, 400.0]), [0; 0], "the newest bar has one neighbor only");
        assert_eq!(found(&[1.0, 25.0, 15.0, 15.0]), [0; 0], "far from one side only");
    }

    #[test]
    fn the_bars_around_a_page_are_its_neighbors_and_one_price_is_enough() {
        let all = bars(&[10.0, 10.0, 10.0]);
        let [before, here, after] = all.as_slice() else { unreachable!() };
        let low = Bar { low: 0.01, ..*here };
        let far = |bar: Bar, after| far_prices(Some(before), &[bar], after, &[], AssetClass::Stock);
        assert_eq!(far(low, Some(after)), [true]);
        assert_eq!(far(low, None), [false]);
        assert_eq!(far(*here, Some(after)), [false]);
    }

    #[test]
    fn a_split_explains_a_price_whether_it_is_true_or_not() {
        let closes = bars(&[0.1, 5.0, 0.1]);
        let day = |k: usize| AssetClass::Stock.date_of(closes[k].ts);
        let splits = [Split { date: day(1), from: 50.0, to: 1.0 }, Split { date: day(2), from: 1.0, to: 50.0 }];
        assert_eq!(far_prices(None, &closes, None, &splits, AssetClass::Stock), [false; 3]);
        assert_eq!(far_prices(None, &closes, None, &[], AssetClass::Stock), [false, true, false]);
    }

    #[test]
    fn a_volume_is_judged_by_twenty_others() {
        let mut all = bars(&[10.0; 21]);
        all[7].volume = 1_000_001.0;
        let far = far_volumes(&all, &[]);
        assert_eq!(far.iter().position(|far| *far), Some(7));
        all[3].volume = 2000.0;
        assert!(!far_volumes(&all, &[]).contains(&true), "1,000 times the largest is possible");
        let odd = Bar { volume: 1e9, ..all[0] };
        assert_eq!(far_volumes(&[odd], &all[..19]), [false], "nineteen are not enough");
        assert_eq!(far_volumes(&[odd], &bars(&[10.0; 20])), [true]);
        let still: Vec<Bar> = bars(&[10.0; 30]).into_iter().map(|bar| Bar { volume: 0.0, ..bar }).collect();
        assert_eq!(far_volumes(&[odd], &still), [false], "nothing was ever traded");
    }
}
