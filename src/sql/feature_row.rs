//! A row of `feature_values`: its key, its columns, what is made of them when it is read.

use strum::VariantArray;

use crate::conn::{Conn, Dialect};
use crate::field::Fields;
use crate::load::{LoadTable, Sink, load};
use barkeep_market::Ts;
use barkeep_market::features::Features;
use barkeep_records::{FeatureRow, FeatureWrite, Result, SeriesId, StoreError};

/// The columns of a row that hold numbers, in the order they are stored.
#[macro_export]
macro_rules! feature_columns {
    () => {
        "log_return, volatility_20, volatility_50, atr, rolling_volume_20, volume_ratio, rsi_14, macd, macd_signal, \
         sma_20, sma_50, ema_20, ema_50, bb_upper, bb_lower"
    };
}
pub use crate::feature_columns as columns;

/// Rows known not to be there.
const KEYED_BY_ONE: LoadTable = LoadTable {
    into: concat!("feature_values (id, ", feature_columns!(), ", labels, computed_at)"),
    columns: 18,
    conflict: "",
};
const KEYED_BY_TWO: LoadTable = LoadTable {
    into: concat!("feature_values (series_id, ts, ", feature_columns!(), ", labels, computed_at)"),
    columns: 19,
    conflict: "",
};

/// SQLite's key of a row: the series in the upper bits, the seconds since [`Ts::MIN`] in the others. A row is at or after a
/// time when its key is not less than the time's; no time of a series reaches past the first key of the next.
#[must_use]
pub fn key(id: SeriesId, t: Ts) -> i64 {
    const SECONDS: i64 = 1 << 39;
    const YEAR_1: i64 = 62_135_596_800;
    let started = i64::from(t.ms().rem_euclid(1_000) > 0);
    let second = (t.ms().div_euclid(1_000) + started).saturating_add(YEAR_1).clamp(0, SECONDS);
    id.0.saturating_mul(SECONDS).saturating_add(second)
}

/// Series whose key leaves room for its seconds.
const MOST_SERIES: i64 = 1 << 24;

/// The next row of the columns of `features`.
///
/// # Errors
/// When a column is missing or of another type.
pub fn read(f: &mut Fields<'_>) -> Result<FeatureRow> {
    let ts = f.next()?;
    let mut row = Features {
        log_return: f.next()?,
        volatility_20: f.next()?,
        volatility_50: f.next()?,
        atr: f.next()?,
        rolling_volume_20: f.next()?,
        volume_ratio: f.next()?,
        rsi_14: f.next()?,
        macd: f.next()?,
        macd_signal: f.next()?,
        sma_20: f.next()?,
        sma_50: f.next()?,
        ema_20: f.next()?,
        ema_50: f.next()?,
        bb_upper: f.next()?,
        bb_lower: f.next()?,
        ..Features::default()
    };
    let labels: i64 = f.next()?;
    row.structure_label = label(labels, 0);
    row.trend_direction = label(labels, 2);
    row.volatility_regime = label(labels, 4);
    row.trend_regime = label(labels, 6);
    row.compression_regime = label(labels, 8);
    (row.macd_hist, row.bb_middle) = made(&row);
    Ok(FeatureRow { ts, features: row })
}

/// What is made of other columns when it is read, here and in the views: `macd_hist` and `bb_middle`.
fn made(f: &Features) -> (Option<f64>, Option<f64>) {
    (f.macd.zip(f.macd_signal).map(|(macd, signal)| macd - signal), f.sma_20)
}

/// The label in the two bits from `bit` on, which count its words from 1.
fn label<T: VariantArray + Copy>(labels: i64, bit: u32) -> Option<T> {
    let number = usize::try_from(labels >> bit & 3).unwrap_or_default();
    number.checked_sub(1).and_then(|at| T::VARIANTS.get(at)).copied()
}

/// The labels of a row in one number.
fn labels(f: &Features) -> i16 {
    f.structure_label.map_or(0, |l| l as i16 + 1)
        | f.trend_direction.map_or(0, |l| l as i16 + 1) << 2
        | f.volatility_regime.map_or(0, |l| l as i16 + 1) << 4
        | f.trend_regime.map_or(0, |l| l as i16 + 1) << 6
        | f.compression_regime.map_or(0, |l| l as i16 + 1) << 8
}

/// The numbers of a row that are stored, in the order of the columns.
const fn numbers(f: &Features) -> [Option<f64>; 15] {
    [
        f.log_return,
        f.volatility_20,
        f.volatility_50,
        f.atr,
        f.rolling_volume_20,
        f.volume_ratio,
        f.rsi_14,
        f.macd,
        f.macd_signal,
        f.sma_20,
        f.sma_50,
        f.ema_20,
        f.ema_50,
        f.bb_upper,
        f.bb_lower,
    ]
}

/// Adds rows that are not there yet, each with its series and when it was computed.
///
/// # Errors
/// When the database cannot be written, or one of them is there.
pub async fn insert(conn: &mut Conn<'_>, rows: &[(SeriesId, Ts, &FeatureRow)]) -> Result<()> {
    let table = if conn.dialect() == Dialect::Sqlite { &KEYED_BY_ONE } else { &KEYED_BY_TWO };
    load(conn, table, rows, |row, (id, computed_at, new)| {
        if matches!(row, Sink::Sqlite(_)) {
            row.int(Some(key(*id, new.ts)))?;
        } else {
            row.int(Some(id.0))?;
            row.time(new.ts)?;
        }
        for number in numbers(&new.features) {
            row.real(number)?;
        }
        row.small(labels(&new.features))?;
        row.time(*computed_at)
    })
    .await
}

/// Refuses rows out of order or place, and what no row of bars could have.
///
/// # Errors
/// [`StoreError::Refused`] with what is wrong.
pub fn check(write: &FeatureWrite) -> Result<()> {
    let in_range = |row: &FeatureRow| write.replaces.contains(row.ts) && row.ts.ms() % 1_000 == 0;
    if !write.rows.is_sorted_by(|a, b| a.ts < b.ts) || !write.rows.iter().all(in_range) {
        return Err(StoreError::Refused("features must ascend by whole seconds inside the range they replace".into()));
    }
    if write.series.0 >= MOST_SERIES {
        return Err(StoreError::Refused(format!(
            "features can be stored only for series with an id below {MOST_SERIES}"
        )));
    }
    let sound = |row: &FeatureRow| {
        let f = &row.features;
        numbers(f).into_iter().flatten().all(f64::is_finite) && (f.macd_hist, f.bb_middle) == made(f)
    };
    match write.rows.iter().find(|row| !sound(row)) {
        None => Ok(()),
        Some(row) => Err(StoreError::Refused(format!("the features at {} cannot come from one computation", row.ts))),
    }
}
