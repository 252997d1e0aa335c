//! Coarser bars from finer ones.
//!
//! The vendor charges the same requests for `5m` as for `1m` and builds both from the same minutes, so coarser bars are
//! computed here instead of fetched. Whether the finer bars are complete is the caller's business.

use super::asset::AssetClass;
use super::bar::Bar;
use super::interval::Interval;
use super::timeframe::Timeframe;
use super::ts::Ts;

/// The bars of `to` that ascending finer `bars` of the same family make: first open, highest high, lowest low, last
/// close, sums of volume and trades, and the volume-weighted mean of `vwap`.
///
/// `trades` is absent only where no finer bar has it; `vwap` is absent where one that traded lacks it, or nothing did.
#[must_use]
pub fn resample(bars: &[Bar], to: Timeframe, class: AssetClass) -> Vec<Bar> {
    let mut out = Vec::new();
    let mut rest = bars;
    while let Some(first) = rest.first() {
        let span = to.span(class, first.ts);
        let (inside, after) = rest.split_at(prefix(rest, span));
        out.push(merge(first, inside, span.start));
        rest = after;
    }
    out
}

/// How many of the leading bars start in `span`; at least the first, so that the loop above always moves on.
fn prefix(bars: &[Bar], span: Interval) -> usize {
    bars.iter().take_while(|b| span.contains(b.ts)).count().max(1).min(bars.len())
}

fn merge(first: &Bar, bars: &[Bar], start: Ts) -> Bar {
    let volume = sum(bars.iter().map(|b| b.volume));
    Bar {
        ts: start,
        open: first.open,
        high: bars.iter().map(|b| b.high).fold(first.high, f64::max),
        low: bars.iter().map(|b| b.low).fold(first.low, f64::min),
        close: bars.last().map_or(first.close, |b| b.close),
        volume,
        vwap: vwap(bars, volume),
        trades: bars.iter().filter_map(|b| b.trades).reduce(i64::saturating_add),
    }
}

fn vwap(bars: &[Bar], volume: f64) -> Option<f64> {
    let traded = || bars.iter().filter(|b| b.volume > 0.0);
    if volume <= 0.0 || traded().any(|b| b.vwap.is_none()) {
        return None;
    }
    let mut worth = Compensated::default();
    let mut only = None;
    for bar in traded() {
        let price = bar.vwap?;
        only = if worth.addends == 0 { Some(price) } else { None };
        worth.add(price * bar.volume);
    }
    only.or_else(|| Some(worth.value() / volume)).filter(|p| p.is_finite())
}

/// The sum as decimal arithmetic would give it. Whole numbers add exactly; fractions are added with compensation and
/// cut to 15 significant digits, which an `f64` always holds, so that 0.1 and 0.2 make 0.3. A single addend stays as
/// it is.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    /// Digits after the first one.
    const DIGITS: usize = 14;
    let mut total = Compensated::default();
    let mut fractional = false;
    for v in values.filter(|v| *v != 0.0) {
        fractional |= v.fract() != 0.0;
        total.add(v);
    }
    let exact = total.value();
    if !fractional || total.addends < 2 {
        return exact;
    }
    format!("{exact:.DIGITS$e}").parse().unwrap_or(exact)
}

/// Neumaier's summation: keeps the digits that plain addition drops (ZAMM 54, 1974).
#[derive(Default)]
struct Compensated {
    sum: f64,
    lost: f64,
    addends: usize,
}

impl Compensated {
    fn add(&mut self, v: f64) {
        let next = self.sum + v;
        self.lost += if self.sum.abs() >= v.abs() { (self.sum - next) + v } else { (v - next) + self.sum };
        self.sum = next;
        self.addends += 1;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, at};
    use crate::ts::{DAY, MINUTE};
    use proptest::prelude::*;

    fn bar(ts: Ts, close: f64, volume: f64) -> Bar {
        Bar { volume, vwap: Some(close), trades: Some(1), ..testing::bar(ts, close) }
    }

    fn same_prices(a: &Bar, b: &Bar) -> bool {
        (a.open, a.high, a.low, a.close) == (b.open, b.high, b.low, b.close)
    }

    #[test]
    fn volumes_add_like_decimals() {
        for (values, want) in [
            (vec![0.1, 0.2], 0.3),
            (vec![0.1; 10], 1.0),
            (vec![28_242.029_977_765_436], 28_242.029_977_765_436),
            (vec![0.0, 28_242.029_977_765_436], 28_242.029_977_765_436),
            (vec![9_007_199_254_740_991.0, 1.0], 9_007_199_254_740_992.0),
            (vec![], 0.0),
        ] {
            assert_eq!(sum(values.iter().copied()), want, "{values:?}");
        }
    }

    #[test]
    fn vwap_and_trades_are_absent_only_where_they_must_be() {
        let start = at("2024-01-02T15:00:00Z");
        let with = |k: i64, volume: f64, vwap: Option<f64>, trades: Option<i64>| Bar {
            vwap,
            trades,
            ..bar(start + k * MINUTE, 10.0, volume)
        };
        let one = |bars: &[Bar]| resample(bars, Timeframe::M5, AssetClass::Stock)[0];
        let got = one(&[with(0, 10.0, Some(10.0), None), with(1, 30.0, Some(12.0), Some(4)), with(2, 0.0, None, None)]);
        assert_eq!((got.vwap, got.trades), (Some(11.5), Some(4)));
        let got = one(&[with(0, 10.0, Some(10.0), None), with(1, 30.0, None, None)]);
        assert_eq!((got.vwap, got.trades), (None, None));
        assert_eq!(one(&[with(0, 0.0, Some(10.0), None)]).vwap, None);
        assert_eq!(one(&[with(0, 3.0, Some(0.1), None)]).vwap, Some(0.1), "a lone bar keeps its own");
    }

    #[test]
    fn weeks_start_on_sunday_in_the_market_s_own_zone() {
        let days = |class: AssetClass, first: &str| -> Vec<Bar> {
            let first: chrono::NaiveDate = first.parse().unwrap();
            first.iter_days().take(14).map(|d| bar(class.midnight(d), 10.0, 1.0)).collect()
        };
        // The clocks go forward on Sunday 2024-03-10.
        let stock = resample(&days(AssetClass::Stock, "2024-03-03"), Timeframe::W1, AssetClass::Stock);
        let starts: Vec<Ts> = stock.iter().map(|b| b.ts).collect();
        assert_eq!(starts, [at("2024-03-03T05:00:00Z"), at("2024-03-10T05:00:00Z")]);
        let crypto = resample(&days(AssetClass::Crypto, "2024-03-06"), Timeframe::W1, AssetClass::Crypto);
        let weeks: Vec<(Ts, f64)> = crypto.iter().map(|b| (b.ts, b.volume)).collect();
        let sunday = at("2024-03-03T00:00:00Z");
        assert_eq!(weeks, [(sunday, 4.0), (sunday + 7 * DAY, 7.0), (sunday + 14 * DAY, 3.0)]);
    }

    /// Every coarse bar by its definition, looking at all fine bars each time.
    fn naive(bars: &[Bar], to: Timeframe, class: AssetClass) -> Vec<Bar> {
        let mut starts: Vec<Ts> = bars.iter().map(|b| to.span(class, b.ts).start).collect();
        starts.dedup();
        let make = |start: Ts| {
            let inside: Vec<&Bar> = bars.iter().filter(|b| to.span(class, b.ts).start == start).collect();
            let quarters: i64 = inside.iter().map(|b| (b.volume * 4.0) as i64).sum();
            let traded: Vec<&&Bar> = inside.iter().filter(|b| b.volume > 0.0).collect();
            let known = !traded.is_empty() && traded.iter().all(|b| b.vwap.is_some());
            let worth: f64 = traded.iter().map(|b| b.vwap.unwrap_or(0.0) * b.volume).sum();
            Bar {
                ts: start,
                open: inside[0].open,
                high: inside.iter().map(|b| b.high).fold(f64::MIN, f64::max),
                low: inside.iter().map(|b| b.low).fold(f64::MAX, f64::min),
                close: inside[inside.len() - 1].close,
                volume: quarters as f64 / 4.0,
                vwap: known.then(|| worth / (quarters as f64 / 4.0)),
                trades: inside.iter().any(|b| b.trades.is_some()).then(|| inside.iter().filter_map(|b| b.trades).sum()),
            }
        };
        starts.into_iter().map(make).collect()
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            rows in proptest::collection::vec(
                (1i64..90, 1u32..5000, 0u32..50, 0u32..50, 0u32..4_000_000, any::<bool>(), any::<Option<u8>>()), 1..120),
            to in proptest::sample::select(Timeframe::ALL.into_iter().filter(|t| {
                t.derives_from(Timeframe::M1) || t.derives_from(Timeframe::D1)
            }).collect::<Vec<_>>()),
            crypto: bool,
        ) {
            let step = if to.family() == crate::Family::Day { DAY } else { MINUTE };
            let class = if crypto { AssetClass::Crypto } else { AssetClass::Stock };
            let mut t = Ts(1_700_000_000_000).floor(DAY);
            let bars: Vec<Bar> = rows.iter().map(|&(gap, price, up, down, volume, known, trades)| {
                t = t + gap * step;
                let price = f64::from(price) + 50.0;
                // Volumes in quarters are exact in binary, so the plain definition is too.
                Bar {
                    ts: t, open: price, high: price + f64::from(up), low: price - f64::from(down), close: price,
                    volume: f64::from(volume) / 4.0, vwap: known.then_some(price), trades: trades.map(i64::from),
                }
            }).collect();
            let (got, want) = (resample(&bars, to, class), naive(&bars, to, class));
            prop_assert_eq!(got.len(), want.len());
            for (g, w) in got.iter().zip(&want) {
                prop_assert!(same_prices(g, w) && (g.ts, g.volume, g.trades) == (w.ts, w.volume, w.trades));
                prop_assert_eq!(g.vwap.is_some(), w.vwap.is_some());
                if let (Some(a), Some(b)) = (g.vwap, w.vwap) {
                    prop_assert!((a / b - 1.0).abs() < 1e-12);
                }
            }
        }
    }
}
