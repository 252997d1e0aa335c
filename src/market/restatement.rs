//! Whether bars that were asked again are the history that is stored, and how they differ from it.

use super::{Bar, Ts};

/// A price is the expected one when it differs by less than this share.
const ROUNDING_SHARE: f64 = 0.005;
/// A scaled price is rounded to the cent before or after scaling.
const ROUNDING: f64 = 0.011;
/// A ratio this close to 1 is no split.
const SMALLEST_SPLIT: f64 = 0.02;
/// Bars that must share a ratio before it is one.
const FEWEST_SCALED: usize = 3;
/// Returns that must be known before two histories are called unrelated.
const FEWEST_RETURNS: usize = 15;
/// A correlation of returns below this is none. Corrections of one history correlate above 0.9.
const UNRELATED: f64 = 0.35;

/// What asking stored bars again brought, in numbers. Pages add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Differences {
    /// Final stored bars that were sent again.
    pub compared: u64,
    /// Of them, bars with another value in any column.
    pub changed: u64,
    /// Final stored bars that were not sent again.
    pub vanished: u64,
    /// The change of the close, in percent, added up over changed bars.
    pub close_change_pct: f64,
    /// The largest change of any price of a bar, in percent.
    pub largest_change_pct: f64,
}

impl Differences {
    /// Compares stored final bars with those sent for the same range. Both ascend by time.
    #[must_use]
    pub fn between(stored: &[Bar], sent: &[Bar]) -> Self {
        let mut all = Self::default();
        for old in stored {
            let Some(new) = at(sent, old.ts) else {
                all.vanished += 1;
                continue;
            };
            all.compared += 1;
            if old.same_values(new) || old.filled(new).is_some() {
                continue;
            }
            all.changed += 1;
            all.close_change_pct += change_pct(old.close, new.close);
            let prices = [(old.open, new.open), (old.high, new.high), (old.low, new.low), (old.close, new.close)];
            all.largest_change_pct =
                prices.iter().map(|(a, b)| change_pct(*a, *b)).fold(all.largest_change_pct, f64::max);
        }
        all
    }

    pub fn add(&mut self, more: &Self) {
        self.compared += more.compared;
        self.changed += more.changed;
        self.vanished += more.vanished;
        self.close_change_pct += more.close_change_pct;
        self.largest_change_pct = self.largest_change_pct.max(more.largest_change_pct);
    }

    /// How far closes of changed bars moved on average, in percent.
    #[must_use]
    pub fn mean_close_change_pct(&self) -> f64 {
        if self.changed == 0 { 0.0 } else { self.close_change_pct / self.changed as f64 }
    }
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Restatement {
    /// Single bars were corrected.
    Correction,
    /// Every price up to and including one bar is multiplied: a split, or adjusted prices mixed up with raw ones.
    Rescaled {
        /// New price by old price.
        ratio: f64,
        /// The last bar it holds for.
        until: Ts,
    },
    /// The bars are those of something else: the ticker was given away.
    Unrelated {
        /// Of the returns of both.
        correlation: f64,
    },
}

impl Restatement {
    /// What became of stored final bars; `None` while every bar is the same. Both ascend by time.
    #[must_use]
    pub fn between(stored: &[Bar], sent: &[Bar]) -> Option<Self> {
        let pairs: Vec<(&Bar, &Bar)> = stored.iter().filter_map(|old| Some((old, at(sent, old.ts)?))).collect();
        if pairs.iter().all(|(old, new)| old.same_values(new)) {
            return None;
        }
        let moved = |(old, new): &(&Bar, &Bar)| !is_ratio(old, new, 1.0);
        let last = pairs.iter().rposition(moved);
        let scaled = last.and_then(|last| pairs.get(..=last)).unwrap_or_default();
        let Some((until, _)) = scaled.last() else { return Some(Self::Correction) };
        if let Some(ratio) = common_ratio(scaled) {
            return Some(Self::Rescaled { ratio, until: until.ts });
        }
        let correlation = correlation(&returns(&pairs));
        Some(match correlation {
            Some(correlation) if correlation < UNRELATED => Self::Unrelated { correlation },
            _ => Self::Correction,
        })
    }
}

fn at(bars: &[Bar], ts: Ts) -> Option<&Bar> {
    bars.binary_search_by_key(&ts, |bar| bar.ts).ok().and_then(|k| bars.get(k))
}

fn change_pct(old: f64, new: f64) -> f64 {
    if old > 0.0 { ((new - old) / old).abs() * 100.0 } else { 0.0 }
}

/// Whether the new close is the old one times `ratio`, as far as rounded prices can say.
fn is_ratio(old: &Bar, new: &Bar, ratio: f64) -> bool {
    let expected = old.close * ratio;
    // A rounded old price is off by as much again, times the ratio.
    let rounding = if ratio == 1.0 { 0.0 } else { ROUNDING * ratio.max(1.0) };
    (new.close - expected).abs() <= (expected * ROUNDING_SHARE).max(rounding)
}

/// The ratio all pairs share, if they do and it is not 1.
fn common_ratio(pairs: &[(&Bar, &Bar)]) -> Option<f64> {
    if pairs.len() < FEWEST_SCALED {
        return None;
    }
    let mut ratios: Vec<f64> =
        pairs.iter().filter(|(old, _)| old.close > 0.0).map(|(old, new)| new.close / old.close).collect();
    ratios.sort_by(f64::total_cmp);
    let median = *ratios.get(ratios.len() / 2)?;
    let moved = median > 0.0 && median.is_finite() && (median.ln()).abs() > SMALLEST_SPLIT;
    (moved && pairs.iter().all(|(old, new)| is_ratio(old, new, median))).then_some(median)
}

/// The logarithmic returns of both, where two neighbours changed beyond rounding.
fn returns(pairs: &[(&Bar, &Bar)]) -> Vec<(f64, f64)> {
    let log = |bar: &Bar| (bar.close > 0.0).then(|| bar.close.ln());
    let moved = |(old, new): &(&Bar, &Bar)| !is_ratio(old, new, 1.0);
    pairs
        .windows(2)
        .filter_map(|two| {
            let [a, b] = two else { return None };
            (moved(a) && moved(b)).then_some(())?;
            Some((log(b.0)? - log(a.0)?, log(b.1)? - log(a.1)?))
        })
        .collect()
}

/// `None` when there are too few, or one of them never moves.
fn correlation(returns: &[(f64, f64)]) -> Option<f64> {
    if returns.len() < FEWEST_RETURNS {
        return None;
    }
    let n = returns.len() as f64;
    let (mean_a, mean_b) = returns.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (mut both, mut a, mut b) = (0.0, 0.0, 0.0);
    for (x, y) in returns {
        both += (x - mean_a) * (y - mean_b);
        a += (x - mean_a).powi(2);
        b += (y - mean_b).powi(2);
    }
    (a > 0.0 && b > 0.0).then(|| both / (a * b).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::candle;
    use crate::ts::DAY;

    fn cents(x: f64) -> f64 {
        (x * 100.0).round() / 100.0
    }

    /// A walk of closes in whole cents; another seed is another company.
    fn walk(seed: u64, days: usize) -> Vec<Bar> {
        let mut state = seed;
        // SplitMix64, as a share.
        let mut luck = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut close: f64 = 50.0 + luck() * 100.0;
        (0..days)
            .map(|day| {
                let open = close;
                close = cents((close * (1.0 + (luck() - 0.5) * 0.06)).max(1.0));
                candle(Ts(day as i64 * DAY), [open, open.max(close), open.min(close), close])
            })
            .collect()
    }

    fn times(bar: &Bar, ratio: f64) -> Bar {
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(|price| cents(price * ratio));
        Bar { open, high, low, close, volume: bar.volume / ratio, ..*bar }
    }

    proptest! {
        #[test]
        fn the_same_history_is_no_restatement(seed: u64, days in 1..300_usize) {
            let bars = walk(seed, days);
            prop_assert_eq!(Restatement::between(&bars, &bars), None);
            let same = Differences { compared: days as u64, ..Differences::default() };
            prop_assert_eq!(Differences::between(&bars, &bars), same);
        }

        #[test]
        fn a_split_is_one_ratio_up_to_its_day(seed: u64, split in 3..200_usize, ratio in prop::sample::select(vec![0.05, 0.1, 0.25, 0.5, 2.0, 3.0, 10.0])) {
            let old = walk(seed, 200);
            let new: Vec<Bar> = old.iter().enumerate().map(|(k, bar)| if k < split { times(bar, ratio) } else { *bar }).collect();
            let found = Restatement::between(&old, &new);
            let Some(Restatement::Rescaled { ratio: told, until }) = found else { return Err(TestCaseError::fail(format!("{found:?}"))) };
            prop_assert!((told / ratio - 1.0).abs() < 0.02, "{told} for {ratio}");
            prop_assert_eq!(until, Ts((split as i64 - 1) * DAY));
        }

        #[test]
        fn another_company_is_unrelated(a: u64, b: u64, days in 250..400_usize) {
            // Of a hundred returns, two companies correlate by chance beyond the threshold once in five thousand.
            prop_assume!(a != b);
            let found = Restatement::between(&walk(a, days), &walk(b, days));
            prop_assert!(matches!(found, Some(Restatement::Unrelated { .. })), "{found:?}");
        }

        #[test]
        fn corrections_of_the_same_company_are_corrections(seed: u64, days in 30..200_usize, every in 1..20_usize, by in -0.04..0.04_f64) {
            let old = walk(seed, days);
            let mut new = old.clone();
            // Alternating, so that no common ratio explains them.
            for (k, bar) in new.iter_mut().enumerate().filter(|(k, _)| k % every == 0) {
                bar.close = cents(bar.close * (1.0 + if k % (2 * every) == 0 { by } else { by / 3.0 }));
                bar.volume += 1.0;
            }
            let found = Restatement::between(&old, &new);
            let spared = matches!(found, Some(Restatement::Correction | Restatement::Rescaled { .. })) || every == 1;
            prop_assert!(spared, "{found:?}");
        }
    }

    #[test]
    fn a_change_is_measured() {
        let old = walk(1, 10);
        let mut new = old.clone();
        new[3].close = old[3].close * 1.012;
        new[5].volume += 5.0;
        new.remove(7);
        let found = Differences::between(&old, &new);
        assert_eq!((found.compared, found.changed, found.vanished), (9, 2, 1));
        assert!((found.largest_change_pct - 1.2).abs() < 1e-9, "{found:?}");
        assert!((found.mean_close_change_pct() - 0.6).abs() < 1e-9, "a volume alone moves no price: {found:?}");
        assert_eq!(Restatement::between(&old, &new), Some(Restatement::Correction));
    }

    #[test]
    fn a_price_that_never_moves_is_not_called_another_company() {
        let flat: Vec<Bar> =
            walk(1, 60).iter().map(|bar| Bar { open: 10.0, high: 10.0, low: 10.0, close: 10.0, ..*bar }).collect();
        let other = walk(2, 60);
        assert_eq!(Restatement::between(&flat, &other), Some(Restatement::Correction), "nobody can tell");
    }
}
