//! `barkeep features`: the quantitative features of a series.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::admin::symbols::find;
use crate::args::{SeriesRange, check_range, range};
use crate::destination::Destination;
use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::print;
use crate::read::bars::{Format, format_of, series};
use crate::read::columns::{Column, FEATURES};
#[cfg(feature = "parquet")]
use crate::read::parquet::{self, Table, Values};
use barkeep_base::format::table;
use barkeep_base::text::printable;
use barkeep_market::features::{CompressionRegime, Direction, Features, Structure, TrendRegime, VolatilityRegime};
use barkeep_market::{Symbol, Timeframe, Ts};

/// Show computed features: volatility, averages, RSI, MACD, bands, labels
///
/// They are computed from prices adjusted for splits. The newest bars are shown, oldest first. A value is empty (null in
/// JSON) where there are too few bars before it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep features AAPL --timeframe 1d
  barkeep features BTC --timeframe 1h --from 2024-01-01 --limit 1000 --json
  barkeep features AAPL --timeframe 5m --from 2024 --output aapl.parquet")]
pub struct FeaturesArgs {
    #[command(flatten)]
    pub series: SeriesRange,

    /// Number of bars, counted from the newest [default: 20, all with --output]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Format [default: by the ending of --output, else a table, or json with --json]
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// Write to this file [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Rows shown where nothing else is asked for.
const SHOWN: usize = 20;

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
    let format = format_of(args.format, args.output.as_deref(), globals.json)?;
    let format = format.or(args.output.as_ref().map(|_| Format::Csv));
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let symbols = store.symbols().await?;
        let row = find(&symbols, &args.series.symbol)?;
        let (class, symbol) = (row.asset_class, &row.symbol);
        let all = store.series().await?;
        let series = series(&all, symbol, args.series.timeframe)?;
        let limit = match args.limit {
            // More than memory could hold is all of them.
            Some(limit) => usize::try_from(limit).ok(),
            None if args.output.is_some() => None,
            None => Some(SHOWN),
        };
        let rows = store.features(series.id, range(class, args.series.from, args.series.to), limit).await?;
        store.close().await;
        let rows: Vec<Row<'_>> = rows
            .into_iter()
            .map(|row| Row { symbol, timeframe: args.series.timeframe, time: row.ts, features: row.features })
            .collect();
        if let Some(format) = format {
            let target = args.output.as_ref().map_or_else(|| "to stdout".to_owned(), |p| p.display().to_string());
            let failed = |e: std::io::Error| CliError::writing(&printable(&target), &e);
            let (destination, out) = Destination::open(args.output.as_deref()).map_err(failed)?;
            write(format, &rows, out).and_then(|()| destination.commit()).map_err(failed)
        } else if rows.is_empty() {
            print(&format!("no features of {} at {} in that range\n", symbol, args.series.timeframe))
        } else {
            print(&shown(&rows))
        }
    })
}

fn write(format: Format, rows: &[Row<'_>], mut out: Box<dyn Write + Send>) -> std::io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, rows)?;
            out.write_all(b"\n")?;
            out.flush()
        }
        Format::Csv => csv(rows, out),
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let columns = columns();
            let mut table = Table::new(out, &columns)?;
            table.write(rows, &columns)?;
            table.finish().map(drop)
        }
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(std::io::Error::other("built without Parquet")),
    }
}

/// Every digit of a number, nothing where there is none.
fn csv(rows: &[Row<'_>], out: Box<dyn Write + Send>) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let names = ["symbol", "timeframe", "time"].into_iter().chain(FEATURES.iter().map(|(name, _)| *name));
    writer.write_record(names)?;
    for row in rows {
        let cells = FEATURES.iter().map(|(_, column)| match column {
            Column::Number(of) => of(&row.features).map(|x| format!("{x:?}")).unwrap_or_default(),
            Column::Word(of) => of(&row.features).unwrap_or_default().to_owned(),
        });
        let begin = [row.symbol.to_string(), row.timeframe.to_string(), row.time.to_string()];
        writer.write_record(begin.into_iter().chain(cells))?;
    }
    writer.flush()
}

#[cfg(feature = "parquet")]
fn columns<'a>() -> Vec<parquet::Column<Row<'a>>> {
    let first = [
        ("symbol", Values::Text(|r: &Row<'a>| r.symbol.as_str())),
        ("timeframe", Values::Text(|r| r.timeframe.name())),
        ("time", Values::Time(|r| r.time.ms())),
    ];
    let features = FEATURES.into_iter().map(|(name, column)| {
        let values: Values<Row<'a>> = match column {
            Column::Number(of) => Values::MayNumber(Box::new(move |r| of(&r.features))),
            Column::Word(of) => Values::MayText(Box::new(move |r| of(&r.features))),
        };
        (name, values)
    });
    first.into_iter().chain(features).map(|(name, values)| parquet::Column { name, values }).collect()
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
