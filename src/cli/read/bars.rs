//! `barkeep bars`: stored bars as CSV, JSON or Parquet.
//!
//! Bars are read page by page, so an export of any size takes little memory. A file is written under a temporary name and
//! renamed at the end, so it is always complete.

mod session;

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::session::{Hours, shown};
use crate::admin::symbols::find;
use crate::args::{SeriesRange, check_range, range};
use crate::destination::Destination;
use crate::exit::{CliError, INTERRUPTED};
use crate::globals::{Globals, Session, block_on};
use crate::output::note;
#[cfg(feature = "parquet")]
use crate::read::parquet::{Column, Table, Values};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_market::dividend::{Adjustment, PriceFactors, reinvest};
use barkeep_market::split::Split;
use barkeep_market::{AssetClass, Bar, Symbol, Timeframe, Ts};
use barkeep_store::adjusted::{Adjusting, daily_of};
use barkeep_store::{SeriesId, SeriesRow, Store, StoreError, StoredBar};

/// Bars read at a time.
const PAGE: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Json,
    Parquet,
}

/// The format that was named, else the one of the file's ending; `None` when nothing says.
pub(crate) fn format_of(named: Option<Format>, output: Option<&Path>, json: bool) -> Result<Option<Format>, CliError> {
    if let (Some(format @ (Format::Csv | Format::Parquet)), true) = (named, json) {
        let text = format!("--json and --format {format:?} cannot be used together");
        return Err(CliError::usage(text.to_lowercase()));
    }
    let ending = output.and_then(Path::extension).map(std::ffi::OsStr::to_ascii_lowercase);
    let by_ending = match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("csv") => Some(Format::Csv),
        Some("json") => Some(Format::Json),
        Some("parquet" | "pq") => Some(Format::Parquet),
        _ => None,
    };
    let format = named.or(json.then_some(Format::Json)).or(by_ending);
    if format == Some(Format::Parquet) && output.is_none() {
        return Err(CliError::usage("Parquet is a binary format; write it to a file with --output FILE"));
    }
    if format == Some(Format::Parquet) && cfg!(not(feature = "parquet")) {
        return Err(CliError::usage("this build of barkeep has no Parquet support; use --format csv or json"));
    }
    Ok(format)
}

/// Print or export bars as CSV, JSON or Parquet
///
/// Prices are adjusted for splits. --adjust total also reinvests dividends, so that closes give total returns; --raw gives
/// prices as traded.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep bars AAPL --timeframe 1d --from 2024-01-01
  barkeep bars AAPL --timeframe 1h --session regular --adjust total
  barkeep bars BTC --timeframe 5m --output btc-5m.parquet")]
pub struct BarsArgs {
    #[command(flatten)]
    pub series: SeriesRange,

    /// Format [default: by the ending of --output, else csv, or json with --json]
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// Write to this file [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// none (as traded), splits, or total (splits and dividends)
    #[arg(long, value_name = "TERMS", default_value_t)]
    pub adjust: Adjustment,

    /// Prices as traded; the same as --adjust none
    #[arg(long, conflicts_with = "adjust")]
    pub raw: bool,

    /// Hours of stocks and funds; 1h and 4h bars of the regular session start at 09:30 and are called 1h@rth and 4h@rth
    #[arg(long, value_enum, default_value_t, value_name = "HOURS")]
    pub session: Hours,

    /// Only bars with at least this quality score (0 to 1)
    #[arg(long, value_name = "X", value_parser = share)]
    pub min_quality: Option<f64>,

    /// Number of bars, counted from the oldest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(x) if (0.0..=1.0).contains(&x) => Ok(x),
        _ => Err("use a number from 0 to 1".to_owned()),
    }
}

/// One line of the export; the fields are its columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row<'a> {
    symbol: &'a str,
    timeframe: &'static str,
    time: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    vwap: Option<f64>,
    trades: Option<i64>,
    provisional: bool,
    quality_score: f64,
    quality_notes: Option<&'a str>,
}

/// An export format. Rows arrive in order.
trait Sink {
    fn write(&mut self, rows: &[Row<'_>]) -> std::io::Result<()>;
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

pub(crate) fn run(args: &BarsArgs, globals: &Globals) -> Result<(), CliError> {
    check_range(args.series.from, args.series.to)?;
    let format = format_of(args.format, args.output.as_deref(), globals.json)?.unwrap_or(Format::Csv);
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let export = export(args, format, &session, store.as_ref());
        let result = tokio::select! {
            result = export => result,
            // Dropping the export removes the unfinished file.
            _ = tokio::signal::ctrl_c() => Err(CliError::new(INTERRUPTED, "interrupted; no file was written")),
        };
        store.close().await;
        result
    })
}

async fn export(args: &BarsArgs, format: Format, session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let symbols = store.symbols().await?;
    let row = find(&symbols, &args.series.symbol)?;
    let all = store.series().await?;
    let symbol = &row.symbol;
    let mut shown = shown(&all, row, args.series.timeframe, args.session)?;
    let series = shown.series;
    let calendar = barkeep_pipeline::calendar(store).await?;
    let adjust = if args.raw { Adjustment::None } else { args.adjust };
    if adjust == Adjustment::Total && !row.asset_class.is_continuous() && !session.json {
        let asked = store.dividends_fetched_at().await?.iter().any(|(asked, _)| asked == symbol);
        if !asked {
            let _ = writeln!(
                std::io::stderr(),
                "note: dividends of {symbol} are not known yet; `barkeep run` requests them in its daily full check"
            );
        }
    }
    let view = View {
        class: row.asset_class,
        timeframe: series.timeframe,
        daily: daily_of(&all, symbol),
        splits: if adjust == Adjustment::None { Vec::new() } else { store.splits(symbol).await? },
        factors: if adjust == Adjustment::Total { store.price_factors(symbol).await? } else { Vec::new() },
        today: row.asset_class.date_of(SystemClock.now()),
        // An hour made of some of its half-hours would pass for a whole one.
        min_quality: args.min_quality.filter(|_| shown.regular.is_none()),
    };

    let target = args.output.as_ref().map_or_else(|| "to stdout".to_owned(), |p| p.display().to_string());
    let failed = |e: &std::io::Error| CliError::writing(&barkeep_base::text::printable(&target), e);
    let (destination, out) = Destination::open(args.output.as_deref()).map_err(|e| failed(&e))?;
    let mut sink = sink(format, out).map_err(|e| failed(&e))?;
    let mut wanted = range(row.asset_class, args.series.from, args.series.to);
    let mut left = args.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut written = 0_i64;
    while left != Some(0) && !wanted.is_empty() {
        let page = store.bars(series.id, wanted, Some(PAGE)).await?;
        let Some(last) = page.last() else { break };
        wanted.from = Some(last.bar.ts + 1);
        let (full, mut bars) = (page.len() == PAGE, view.of(store, page).await?);
        if let Some(regular) = &mut shown.regular {
            bars = regular.of(&calendar, bars);
            bars.extend(regular.last().filter(|_| !full));
            bars.retain(|bar| args.min_quality.is_none_or(|least| bar.quality_score >= least));
        }
        let row = |b| Row { timeframe: shown.name, ..row_of(symbol, args.series.timeframe, b) };
        let rows: Vec<Row<'_>> = bars.iter().take(left.unwrap_or(bars.len())).map(row).collect();
        left = left.map(|left| left - rows.len());
        written += rows.len() as i64;
        sink.write(&rows).map_err(|e| failed(&e))?;
        if !full {
            break;
        }
    }
    sink.finish().map_err(|e| failed(&e))?;
    destination.commit().map_err(|e| failed(&e))?;
    if written == 0 && !session.json {
        note(&format!("note: {} {} has no bars in this range", symbol, args.series.timeframe));
    }
    Ok(())
}

pub(crate) fn series<'a>(
    all: &'a [SeriesRow],
    symbol: &Symbol,
    timeframe: Timeframe,
) -> Result<&'a SeriesRow, CliError> {
    let of_symbol = || all.iter().filter(|s| s.symbol == *symbol);
    of_symbol().find(|s| s.timeframe == timeframe).ok_or_else(|| {
        let names: Vec<&str> = of_symbol().map(|s| s.timeframe.name()).collect();
        // `symbols set` replaces the list, so the hint repeats it.
        let more = [names.as_slice(), &[timeframe.name()]].concat().join(",");
        let add = format!("`barkeep symbols set {symbol} --timeframes {more}` adds {timeframe}");
        let hint = if names.is_empty() { add } else { format!("it has {}; {add}", names.join(", ")) };
        CliError::usage(format!("{symbol} has no {timeframe} bars")).hint(hint)
    })
}

/// How bars are exported.
pub(crate) struct View {
    pub(crate) class: AssetClass,
    pub(crate) timeframe: Timeframe,
    pub(crate) daily: Option<SeriesId>,
    /// Empty for raw prices.
    pub(crate) splits: Vec<Split>,
    /// Empty where dividends are left alone.
    pub(crate) factors: Vec<PriceFactors>,
    pub(crate) today: NaiveDate,
    pub(crate) min_quality: Option<f64>,
}

impl View {
    pub(crate) async fn of(&self, store: &dyn Store, mut page: Vec<StoredBar>) -> Result<Vec<StoredBar>, StoreError> {
        if let Some(least) = self.min_quality {
            page.retain(|b| b.quality_score >= least);
        }
        let adjusting =
            Adjusting { class: self.class, timeframe: self.timeframe, daily: self.daily, splits: &self.splits };
        let mut bars: Vec<&mut Bar> = page.iter_mut().map(|b| &mut b.bar).collect();
        adjusting.adjust(store, &mut bars, self.today).await?;
        reinvest(bars, self.timeframe, &self.factors, self.class.midnight(self.today));
        Ok(page)
    }
}

fn row_of<'a>(symbol: &'a Symbol, timeframe: Timeframe, stored: &'a StoredBar) -> Row<'a> {
    let Bar { ts, open, high, low, close, volume, vwap, trades } = stored.bar;
    Row {
        symbol: symbol.as_str(),
        timeframe: timeframe.name(),
        time: ts,
        open,
        high,
        low,
        close,
        volume,
        vwap,
        trades,
        provisional: stored.provisional,
        quality_score: stored.quality_score,
        quality_notes: stored.quality_notes.as_deref(),
    }
}

fn sink(format: Format, out: Box<dyn Write + Send>) -> std::io::Result<Box<dyn Sink + Send>> {
    Ok(match format {
        Format::Csv => Box::new(CsvSink::new(out)?),
        Format::Json => Box::new(JsonSink { out, any: false }),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(ParquetSink(Table::new(out, &columns())?)),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(std::io::Error::other("built without Parquet")),
    })
}

#[cfg(feature = "parquet")]
struct ParquetSink(Table<Box<dyn Write + Send>>);

#[cfg(feature = "parquet")]
impl Sink for ParquetSink {
    fn write(&mut self, rows: &[Row<'_>]) -> std::io::Result<()> {
        self.0.write(rows, &columns())
    }

    fn finish(self: Box<Self>) -> std::io::Result<()> {
        self.0.finish().map(drop)
    }
}

#[cfg(feature = "parquet")]
fn columns<'a>() -> Vec<Column<Row<'a>>> {
    [
        ("symbol", Values::Text(|r: &Row<'a>| r.symbol)),
        ("timeframe", Values::Text(|r| r.timeframe)),
        ("time", Values::Time(|r| r.time.ms())),
        ("open", Values::Number(|r| r.open)),
        ("high", Values::Number(|r| r.high)),
        ("low", Values::Number(|r| r.low)),
        ("close", Values::Number(|r| r.close)),
        ("volume", Values::Number(|r| r.volume)),
        ("vwap", Values::MayNumber(Box::new(|r| r.vwap))),
        ("trades", Values::MayCount(|r| r.trades)),
        ("provisional", Values::Flag(|r| r.provisional)),
        ("quality_score", Values::Number(|r| r.quality_score)),
        ("quality_notes", Values::MayText(Box::new(|r| r.quality_notes))),
    ]
    .into_iter()
    .map(|(name, values)| Column { name, values })
    .collect()
}

struct CsvSink(csv::Writer<Box<dyn Write + Send>>);

impl CsvSink {
    /// The heading is written even when no row follows.
    fn new(out: Box<dyn Write + Send>) -> std::io::Result<Self> {
        const HEADING: [&str; 13] = [
            "symbol",
            "timeframe",
            "time",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "vwap",
            "trades",
            "provisional",
            "quality_score",
            "quality_notes",
        ];
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(out);
        writer.write_record(HEADING).map_err(from_csv)?;
        Ok(Self(writer))
    }
}

/// Keeps the kind of an I/O error, so that a closed pipe is recognized.
fn from_csv(e: csv::Error) -> std::io::Error {
    match e.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

impl Sink for CsvSink {
    fn write(&mut self, rows: &[Row<'_>]) -> std::io::Result<()> {
        rows.iter().try_for_each(|row| self.0.serialize(row).map_err(from_csv))
    }

    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// One array of objects, written as it comes.
struct JsonSink {
    out: Box<dyn Write + Send>,
    any: bool,
}

impl Sink for JsonSink {
    fn write(&mut self, rows: &[Row<'_>]) -> std::io::Result<()> {
        for row in rows {
            self.out.write_all(if self.any { b",\n" } else { b"[\n" })?;
            self.any = true;
            serde_json::to_writer(&mut self.out, row)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.out.write_all(if self.any { b"\n]\n" } else { b"[]\n" })?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
