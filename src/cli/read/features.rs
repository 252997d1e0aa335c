//! `barkeep features`: the quantitative features of a series.

use clap::Args;
use serde::Serialize;

use crate::admin::symbols::find;
use crate::args::{SeriesRange, check_range, range};
use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json};
use crate::read::bars::series;
use barkeep_base::format::table;
use barkeep_market::features::{CompressionRegime, Direction, Features, Structure, TrendRegime, VolatilityRegime};
use barkeep_market::{Symbol, Timeframe, Ts};

/// Show computed features: volatility, averages, RSI, MACD, bands, labels
///
/// They are computed from prices adjusted for splits. The newest bars are shown, oldest first. A value is empty (null in
/// JSON) where there are too few bars before it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep features AAPL --timeframe 1d
  barkeep features BTC --timeframe 1h --from 2024-01-01 --limit 1000 --json")]
pub struct FeaturesArgs {
    #[command(flatten)]
    pub series: SeriesRange,

    /// Number of bars, counted from the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
}

/// One row of the JSON.
#[derive(Serialize)]
struct Row<'a> {
    symbol: &'a Symbol,
    timeframe: Timeframe,
    time: Ts,
    #[serde(flatten)]
    features: Features,
}

pub(crate) fn run(args: &FeaturesArgs, globals: &Globals) -> Result<(), CliError> {
    check_range(args.series.from, args.series.to)?;
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let symbols = store.symbols().await?;
        let row = find(&symbols, &args.series.symbol)?;
        let (class, symbol) = (row.asset_class, &row.symbol);
        let all = store.series().await?;
        let series = series(&all, symbol, args.series.timeframe)?;
        // More than memory could hold is all of them.
        let limit = usize::try_from(args.limit).ok();
        let rows = store.features(series.id, range(class, args.series.from, args.series.to), limit).await?;
        store.close().await;
        let rows: Vec<Row<'_>> = rows
            .into_iter()
            .map(|row| Row { symbol, timeframe: args.series.timeframe, time: row.ts, features: row.features })
            .collect();
        if session.json {
            print_json(&rows)
        } else if rows.is_empty() {
            print(&format!("no features of {} at {} in that range\n", symbol, args.series.timeframe))
        } else {
            print(&shown(&rows))
        }
    })
}

fn shown(rows: &[Row<'_>]) -> String {
    let heading = [
        "TIME",
        "RETURN",
        "VOL20",
        "VOL50",
        "ATR",
        "VOLUME20",
        "RATIO",
        "STRUCTURE",
        "TREND5",
        "VOLATILITY",
        "TREND",
        "BANDS",
        "RSI14",
        "MACD",
        "SIGNAL",
        "HIST",
        "SMA20",
        "SMA50",
        "EMA20",
        "EMA50",
        "UPPER",
        "MIDDLE",
        "LOWER",
    ];
    let cells = |row: &Row<'_>| {
        let f = &row.features;
        let word = |w: Option<&'static str>| w.unwrap_or_default().to_owned();
        [
            row.time.to_string(),
            number(f.log_return),
            number(f.volatility_20),
            number(f.volatility_50),
            number(f.atr),
            number(f.rolling_volume_20),
            number(f.volume_ratio),
            word(f.structure_label.map(Structure::name)),
            word(f.trend_direction.map(Direction::name)),
            word(f.volatility_regime.map(VolatilityRegime::name)),
            word(f.trend_regime.map(TrendRegime::name)),
            word(f.compression_regime.map(CompressionRegime::name)),
            number(f.rsi_14),
            number(f.macd),
            number(f.macd_signal),
            number(f.macd_hist),
            number(f.sma_20),
            number(f.sma_50),
            number(f.ema_20),
            number(f.ema_50),
            number(f.bb_upper),
            number(f.bb_middle),
            number(f.bb_lower),
        ]
    };
    table(heading, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// Six significant digits; JSON has all of them.
fn number(value: Option<f64>) -> String {
    let Some(v) = value else { return String::new() };
    let size = if v == 0.0 { 0 } else { v.abs().log10().floor() as i32 };
    if size < -4 {
        return format!("{v:.5e}");
    }
    let decimals = usize::try_from((5 - size).max(0)).unwrap_or(0);
    format!("{v:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_significant_digits() {
        assert_eq!(number(None), "");
        assert_eq!(number(Some(0.0)), "0.00000");
        assert_eq!(number(Some(187.123_456_7)), "187.123");
        assert_eq!(number(Some(-0.000_123_456)), "-0.000123456");
        assert_eq!(number(Some(0.000_012_345_67)), "1.23457e-5");
        assert_eq!(number(Some(3.1e-9)), "3.10000e-9");
        assert_eq!(number(Some(98_765_432.1)), "98765432");
    }
}
