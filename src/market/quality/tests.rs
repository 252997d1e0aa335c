use super::*;
use crate::testing;
use crate::ts::{DAY, MINUTE};
use proptest::prelude::*;

const STOCK: Thresholds = Thresholds { gap: 0.15, volume_low: 0.2, volume_high: 5.0 };

fn bar(k: i64, price: f64, volume: f64) -> Bar {
    let ts = Ts(1_704_207_600_000 + k * MINUTE); // 2024-01-02T15:00:00Z
    Bar { volume, ..testing::bar(ts, price) }
}

fn series(n: i64) -> Vec<Bar> {
    (0..n).map(|k| bar(k, 100.0, 1000.0)).collect()
}

fn score_last(before: &[Bar], last: Bar) -> (f64, Option<String>) {
    let got = score_all(before, &[last], &[], AssetClass::Stock, &STOCK).remove(0);
    (got.score, got.notes)
}

#[test]
fn every_reason_for_quarantine_is_found() {
    let good = bar(0, 100.0, 1000.0);
    let off_grid = Bar { ts: good.ts + 1, ..good };
    for (broken, reason) in [
        (Bar { open: f64::NAN, ..good }, "a price is not a finite number"),
        (Bar { high: f64::INFINITY, ..good }, "a price is not a finite number"),
        (Bar { low: -1.0, ..good }, "a price is negative"),
        (Bar { low: 0.0, ..good }, "a price is zero"),
        (Bar { high: 99.0, ..good }, "high is below low"),
        (Bar { close: 101.0, ..good }, "high is below open or close"),
        (Bar { open: 99.0, ..good }, "low is above open or close"),
        (Bar { volume: f64::NAN, ..good }, "volume is not a finite number"),
        (Bar { volume: -1.0, ..good }, "volume is negative"),
        (Bar { vwap: Some(f64::NAN), ..good }, "vwap is not a finite number"),
        (Bar { vwap: Some(-0.1), ..good }, "vwap is negative"),
        (Bar { volume: 1.1e15, ..good }, absurd::HUGE_VOLUME),
        (Bar { vwap: Some(0.0), ..good }, absurd::NO_VWAP),
        (Bar { vwap: Some(2100.0), ..good }, absurd::FAR_VWAP),
        (Bar { vwap: Some(4.9), ..good }, absurd::FAR_VWAP),
        (Bar { trades: Some(-1), ..good }, "trades are negative"),
        (Bar { ts: Ts(i64::MAX), ..good }, "time is outside the years 1 to 9999"),
        (Bar { ts: Ts(i64::MIN), ..good }, "time is outside the years 1 to 9999"),
        (off_grid, "time is not a bar's start"),
    ] {
        assert_eq!(impossible(&broken, Timeframe::M1, AssetClass::Stock), Some(reason), "{broken:?}");
    }
    let surprising = Bar { high: 900.0, vwap: Some(2.0), volume: 0.0, trades: Some(0), ..good };
    assert_eq!(impossible(&surprising, Timeframe::M1, AssetClass::Stock), None);
    assert!(impossible(&bar(1, 100.0, 1.0), Timeframe::M5, AssetClass::Stock).is_some());
}

#[test]
fn a_daily_bar_belongs_to_its_market_s_midnight() {
    let midnight = |class: AssetClass| class.midnight("2024-07-02".parse().unwrap());
    let (new_york, utc) = (midnight(AssetClass::Stock), midnight(AssetClass::Crypto));
    for (ts, class, fits) in [
        (new_york, AssetClass::Etf, true),
        (utc, AssetClass::Etf, false),
        (utc, AssetClass::Crypto, true),
        (new_york, AssetClass::Crypto, false),
    ] {
        let daily = Bar { ts, ..bar(0, 100.0, 1.0) };
        assert_eq!(impossible(&daily, Timeframe::D1, class).is_none(), fits, "{ts} {class}");
    }
}

#[test]
fn each_finding_costs_what_it_should() {
    let calm = series(20);
    let next = bar(20, 100.0, 1000.0);
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(score_last(&calm, next), (1.0, None));
    assert_eq!(score_last(&calm, Bar { high: 99.0, ..next }), (0.5, text("failed_ohlcv_constraints")));
    assert_eq!(score_last(&calm, Bar { high: 601.0, ..next }), (0.7, text("extreme_price_move")));
    assert_eq!(score_last(&calm, bar(20, 115.0, 1000.0)), (1.0, None), "15 % is not beyond 15 %");
    assert_eq!(score_last(&calm, bar(20, 80.0, 1000.0)), (0.8, text("large_gap_20.0pct")));
    assert_eq!(score_last(&calm, bar(20, 100.0, 5001.0)), (0.9, text("volume_anomaly_high")));
    assert_eq!(score_last(&calm, bar(20, 100.0, 199.0)), (0.85, text("volume_anomaly_low")));
    assert_eq!(score_last(&calm, bar(20, 100.0, 0.0)), (1.0, None), "no trades is no anomaly");
    assert_eq!(
        score_last(&calm, Bar { open: 0.0, ..bar(20, 100.0, 9000.0) }),
        (0.0, text("failed_ohlcv_constraints; extreme_price_move; large_gap_100.0pct; volume_anomaly_high"))
    );
}

#[test]
fn volume_is_judged_only_with_a_full_and_living_context() {
    let burst = bar(20, 100.0, 1e9);
    assert_eq!(score_last(&series(19), burst).0, 1.0);
    assert_eq!(score_last(&series(20), burst).0, 0.9);
    let silent: Vec<Bar> = series(20).into_iter().map(|b| Bar { volume: 0.0, ..b }).collect();
    assert_eq!(score_last(&silent, burst).0, 1.0);
}

#[test]
fn a_gap_over_the_weekend_counts_too() {
    let friday = Bar { ts: Ts::ny_midnight("2024-01-05".parse().unwrap()), ..bar(0, 100.0, 1.0) };
    let monday = Bar { ts: Ts::ny_midnight("2024-01-08".parse().unwrap()), ..bar(0, 150.0, 1.0) };
    assert_eq!(score_last(&[friday], monday).1.as_deref(), Some("large_gap_50.0pct"));
}

/// Every score by its definition, each bar on its own.
fn naive(all: &[Bar], k: usize, splits: &[Split]) -> Score {
    let bar = &all[k];
    let factor = |b: &Bar| crate::split::price_factor(splits, b.ts.ny_date(), bar.ts.ny_date());
    let previous = k.checked_sub(1).map(|p| all[p].close * factor(&all[p]));
    let median = k.checked_sub(CONTEXT).map(|from| {
        let mut volumes: Vec<f64> = all[from..k].iter().map(|b| b.volume / factor(b)).collect();
        volumes.sort_by(f64::total_cmp);
        f64::midpoint(volumes[9], volumes[10])
    });
    score(bar, previous, median, &STOCK)
}

proptest! {
    #[test]
    fn equals_the_definition_and_never_depends_on_pages(
        rows in proptest::collection::vec((50u32..200, 0u32..3000), 1..90),
        split_days in proptest::collection::vec((0u64..90, 0usize..3), 0..4),
        cut in 0usize..90,
    ) {
        let first: chrono::NaiveDate = "2024-01-02".parse().unwrap();
        let all: Vec<Bar> = rows.iter().zip(first.iter_days()).map(|(&(price, volume), date)| {
            Bar { ts: Ts::ny_midnight(date), ..bar(0, f64::from(price), f64::from(volume)) }
        }).collect();
        // Powers of two, so that the order of multiplication cannot matter.
        let splits: Vec<Split> = split_days.iter().map(|&(d, k)| {
            let (from, to) = [(1.0, 2.0), (4.0, 1.0), (1.0, 8.0)][k];
            Split { date: first + chrono::Days::new(d), from, to }
        }).collect();
        let whole = score_all(&[], &all, &splits, AssetClass::Stock, &STOCK);
        for (k, got) in whole.iter().enumerate() {
            prop_assert_eq!(got, &naive(&all, k, &splits));
        }
        let cut = cut.min(all.len());
        let (head, tail) = all.split_at(cut);
        let mut paged = score_all(&[], head, &splits, AssetClass::Stock, &STOCK);
        let stored = &head[cut.saturating_sub(CONTEXT)..];
        paged.extend(score_all(stored, tail, &splits, AssetClass::Stock, &STOCK));
        prop_assert_eq!(paged, whole);
    }
}

#[test]
fn time_stays_linear() {
    // A page of the vendor's largest size; quadratic work would take minutes here.
    let bars: Vec<Bar> = (0..50_000).map(|k| bar(k, 100.0, (k * 7919 % 1009) as f64)).collect();
    let splits: Vec<Split> =
        (0..40).map(|k| Split { date: (bars[0].ts + k * DAY).ny_date(), from: 1.0, to: 2.0 }).collect();
    assert_eq!(score_all(&[], &bars, &splits, AssetClass::Stock, &STOCK).len(), bars.len());
}
