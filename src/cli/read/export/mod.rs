//! `barkeep export`: all bars with their features as a lake of Parquet files, which DuckDB, polars and pyarrow read as one
//! table.
//!
//! `DIR/symbol=AAPL/timeframe=5m/2024-03.parquet`: a file holds a month of bars finer than an hour, else a year. A later
//! export reads only the series that have changed, and writes only the files whose content is another one. A file is
//! written under a temporary name, synced and renamed, so whenever the export ends, however it ends, each file is whole.

#[cfg(feature = "parquet")]
#[cfg(feature = "parquet")]
mod lake;

use std::path::PathBuf;

use clap::Args;

use crate::exit::CliError;
use crate::globals::Globals;
use crate::lists::{Names, known_names};
use barkeep_market::Timeframe;
use barkeep_market::dividend::Adjustment;

/// Export bars with their features to a directory of Parquet files, or bring it up to date
///
/// The files are named symbol=AAPL/timeframe=5m/2024-03.parquet. Only what has changed since the last export is written.
/// Prices are adjusted for splits, as the features are. --adjust total also reinvests dividends, --raw gives prices as
/// traded; one directory holds prices of one kind.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep export lake
  barkeep export lake AAPL SPY --timeframes 1d
  barkeep export lake-total --adjust total

Read it:
  duckdb -c \"FROM 'lake/*/*/*.parquet'\"
  polars.scan_parquet('lake', hive_partitioning=True)
  pyarrow.dataset.dataset('lake', partitioning='hive')")]
pub struct ExportArgs {
    /// Directory to export to; created if missing
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Only these symbols, @FILE or - for a list [default: all]
    #[arg(value_name = "SYMBOL", value_parser = known_names)]
    pub symbols: Vec<Names>,

    /// Only these timeframes, separated by commas
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,

    /// none (as traded), splits, or total (splits and dividends); features always use split-adjusted prices
    #[arg(long, value_name = "TERMS", default_value_t)]
    pub adjust: Adjustment,

    /// Prices as traded; the same as --adjust none
    #[arg(long, conflicts_with = "adjust")]
    pub raw: bool,
}

#[cfg(feature = "parquet")]
pub(crate) fn run(args: &ExportArgs, globals: &Globals) -> Result<(), CliError> {
    lake::run(args, globals)
}

#[cfg(not(feature = "parquet"))]
pub(crate) fn run(_: &ExportArgs, _: &Globals) -> Result<(), CliError> {
    Err(CliError::usage("this build of barkeep has no Parquet support; use `barkeep bars` with --format csv or json"))
}
