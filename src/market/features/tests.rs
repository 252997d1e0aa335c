//! What the computation promises: pieces equal the whole, nothing looks ahead, warm-up is absent.

use proptest::prelude::*;
use strum::VariantArray as _;

use super::*;
use crate::testing::candle;
use crate::{Bar, Ts};

fn bar(k: usize, close: f64, swing: f64, volume: f64) -> Bar {
    let ts = Ts(1_700_000_000_000 + k as i64 * 300_000);
    Bar { volume, ..candle(ts, [close, close + swing, close - swing, close]) }
}

/// A path of prices from whole numbers, so that every failure can be told and made again.
fn path(steps: &[(i8, u8, u16)]) -> Vec<Bar> {
    let mut close = 100.0_f64;
    steps
        .iter()
        .enumerate()
        .map(|(k, (step, swing, volume))| {
            close = (close * (1.0 + f64::from(*step) / 3_000.0)).max(0.01);
            bar(k, close, f64::from(*swing) / 700.0, f64::from(*volume) / 3.0)
        })
        .collect()
}

fn steps(most: usize) -> impl Strategy<Value = Vec<(i8, u8, u16)>> {
    proptest::collection::vec((any::<i8>(), any::<u8>(), any::<u16>()), 1..most)
}

fn bits(rows: &[Features]) -> Vec<String> {
    // The shortest text that reads back as the same number: equal texts are equal bits.
    rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect()
}

proptest! {
    #[test]
    fn pieces_equal_the_whole_bit_for_bit(
        steps in steps(420),
        sizes in proptest::collection::vec(1usize..130, 1..40),
    ) {
        let bars = path(&steps);
        let whole = compute(&bars, 252.0).unwrap();
        let (mut rows, mut state, mut at) = (Vec::new(), None::<State>, 0);
        for size in sizes.iter().cycle() {
            let end = (at + size).min(bars.len());
            let before = state.as_ref().map_or(0, State::context);
            let stretch = extend(state.as_ref(), &bars[at - before..at], &bars[at..end], end - at, 252.0).unwrap();
            rows.extend(stretch.rows);
            prop_assert_eq!(stretch.keep.last(), stretch.end.as_ref());
            // Through its stored form, as the next run finds it.
            let kept = serde_json::to_string(&stretch.end.unwrap()).unwrap();
            state = Some(serde_json::from_str(&kept).unwrap());
            prop_assert_eq!(state, stretch.end);
            at = end;
            if at == bars.len() {
                break;
            }
        }
        prop_assert_eq!(bits(&rows), bits(&whole));
    }

    #[test]
    fn what_comes_later_changes_nothing_before(steps in steps(260), cut in 0usize..260, step in any::<i8>()) {
        let bars = path(&steps);
        let cut = cut.min(bars.len() - 1);
        let mut changed = steps.clone();
        changed[cut].0 = step;
        let (before, after) = (compute(&bars, 252.0).unwrap(), compute(&path(&changed), 252.0).unwrap());
        prop_assert_eq!(bits(&before[..cut]), bits(&after[..cut]));
        prop_assert_eq!(bits(&compute(&bars[..cut], 252.0).unwrap()), bits(&before[..cut]));
    }
}

#[test]
fn warm_up_is_absent_and_ends_where_it_must() {
    let wobble = |k: usize| ((k * 37) % 101) as i8 - 50;
    let steps: Vec<(i8, u8, u16)> = (0..120).map(|k| (wobble(k), (k % 50) as u8, 9 + k as u16)).collect();
    let rows = compute(&path(&steps), 252.0).unwrap();
    let all: Vec<serde_json::Value> = rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    for (name, first) in [
        ("log_return", 1),
        ("volatility_20", 20),
        ("volatility_50", 50),
        ("atr", 14),
        ("rolling_volume_20", 19),
        ("volume_ratio", 19),
        ("structure_label", 5),
        ("trend_direction", 5),
        ("volatility_regime", 99),
        ("trend_regime", 49),
        ("compression_regime", 68),
        ("rsi_14", 14),
        ("macd", 33),
        ("macd_signal", 33),
        ("macd_hist", 33),
        ("sma_20", 19),
        ("sma_50", 49),
        ("ema_20", 19),
        ("ema_50", 49),
        ("bb_upper", 19),
        ("bb_middle", 19),
        ("bb_lower", 19),
    ] {
        let present: Vec<bool> = all.iter().map(|row| !row[name].is_null()).collect();
        let expected: Vec<bool> = (0..rows.len()).map(|k| k >= first).collect();
        assert_eq!(present, expected, "{name}");
    }
}

#[test]
fn states_beyond_the_final_bars_are_not_offered() {
    let steps: Vec<(i8, u8, u16)> = (0..4_500).map(|k| ((k % 13) as i8 - 6, 5, 9)).collect();
    let bars = path(&steps);
    let counts = |settled: usize| -> Vec<u64> {
        let stretch = extend(None, &[], &bars, settled, 252.0).unwrap();
        assert_eq!(stretch.end.unwrap().count, 4_500);
        stretch.keep.iter().map(|state| state.count).collect()
    };
    assert_eq!(counts(bars.len()), [2_048, 4_096, 4_500]);
    assert_eq!(counts(4_097), [2_048, 4_096, 4_097]);
    assert_eq!(counts(4_096), [2_048, 4_096]);
    assert_eq!(counts(3_000), [2_048, 3_000]);
    assert_eq!(counts(0), [0_u64; 0]);
}

#[test]
fn a_close_of_zero_spoils_only_what_looks_at_it() {
    let mut bars = path(&[(10, 40, 900); 200]);
    bars[100].close = 0.0;
    bars[100].low = 0.0;
    let rows = compute(&bars, 252.0).unwrap();
    assert_eq!((rows[100].log_return, rows[101].log_return), (None, None));
    assert_eq!((rows[100].volatility_20, rows[105].trend_direction), (None, None));
    assert!(rows[120].volatility_20.is_none() && rows[121].volatility_20.is_some());
    assert!(rows[100].rsi_14.is_some() && rows[100].sma_20.is_some() && rows[102].log_return.is_some());
}

#[test]
fn prices_beyond_arithmetic_are_refused_with_their_time() {
    let mut bars = path(&[(10, 40, 900); 60]);
    for bar in &mut bars[30..] {
        bar.close = 1.6e308;
        bar.high = 1.7e308;
    }
    let refused = compute(&bars, 252.0).unwrap_err();
    assert!((bars[30].ts..=bars[45].ts).contains(&refused.0), "{refused}");
}

#[test]
fn a_year_has_as_many_bars_as_trade_in_it() {
    let stock = |tf| bars_per_year(AssetClass::Stock, tf);
    assert_eq!(stock(Timeframe::M5), 252.0 * 192.0);
    assert_eq!(stock(Timeframe::H4), 1_008.0);
    assert_eq!((stock(Timeframe::D1), stock(Timeframe::W1)), (252.0, 52.0));
    assert_eq!(bars_per_year(AssetClass::Etf, Timeframe::M1), 252.0 * 960.0);
    assert_eq!(bars_per_year(AssetClass::Crypto, Timeframe::H1), 8_760.0);
    assert_eq!(bars_per_year(AssetClass::Crypto, Timeframe::D1), 365.0);
}

#[test]
fn words_read_back() {
    assert_eq!("compressed".parse(), Ok(CompressionRegime::Compressed));
    for label in VolatilityRegime::VARIANTS {
        assert_eq!(label.name().parse(), Ok(*label));
        assert_eq!(serde_json::to_string(label).unwrap(), format!("\"{label}\""));
    }
    assert!("sideways".parse::<TrendRegime>().unwrap_err().to_string().contains("ranging"));
}
