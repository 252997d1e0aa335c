//! Against TA-Lib and numpy: `tests/golden/make_features.py` says how the values were made.

use super::*;
use crate::testing::candle;
use crate::{Bar, Ts};

struct Golden {
    bars: Vec<Bar>,
    per_year: f64,
    names: Vec<String>,
    /// By row, then by column; an empty cell is an absent value.
    rows: Vec<Vec<String>>,
}

fn golden(text: &str) -> Golden {
    let setting = |line: &str| line.strip_prefix("# per_year=").and_then(|v| v.parse().ok());
    let per_year = text.lines().find_map(setting).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<String>>();
    let names = cells(lines.next().unwrap())[5..].to_vec();
    let (mut bars, mut rows) = (Vec::new(), Vec::new());
    for (k, line) in lines.enumerate() {
        let mut row = cells(line);
        let features = row.split_off(5);
        let n: Vec<f64> = row.iter().map(|v| v.parse().unwrap()).collect();
        bars.push(Bar { volume: n[4], ..candle(Ts(k as i64 * 60_000), [n[0], n[1], n[2], n[3]]) });
        rows.push(features);
    }
    Golden { bars, per_year, names, rows }
}

/// To 1e-9 of the value; differences of prices also to 1e-12 of the price, which is where their digits end.
fn assert_equal(golden: &Golden) -> usize {
    let computed = compute(&golden.bars, golden.per_year).unwrap();
    let mut compared = 0;
    for ((k, row), got) in golden.rows.iter().enumerate().zip(&computed) {
        let got = serde_json::to_value(got).unwrap();
        assert_eq!(got.as_object().unwrap().len(), golden.names.len());
        for (name, want) in golden.names.iter().zip(row) {
            let got = &got[name.as_str()];
            match (want.parse::<f64>(), want.as_str()) {
                (_, "") => assert!(got.is_null(), "bar {k}: {name} is {got}, not absent"),
                (Ok(want), _) => {
                    let got = got.as_f64().unwrap_or_else(|| panic!("bar {k}: {name} is absent, not {want}"));
                    let room = 1e-9 * want.abs() + 1e-12 * golden.bars[k].close;
                    assert!((got - want).abs() <= room, "bar {k}: {name} is {got}, not {want}");
                    compared += 1;
                }
                (Err(_), word) => {
                    assert_eq!(got.as_str(), Some(word), "bar {k}: {name}");
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(computed.len(), golden.rows.len());
    compared
}

#[test]
fn a_restless_path_equals_ta_lib() {
    let golden = golden(include_str!("../../../tests/golden/features_walk.csv"));
    assert!(assert_equal(&golden) > 8_000);
}

#[test]
fn a_path_on_which_nothing_happens_equals_ta_lib() {
    let golden = golden(include_str!("../../../tests/golden/features_flat.csv"));
    assert!(assert_equal(&golden) > 3_000);
}
