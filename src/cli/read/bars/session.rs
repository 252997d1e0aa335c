//! `--session`: which hours `barkeep bars` prints.

use clap::ValueEnum;

use crate::exit::CliError;
use barkeep_market::Timeframe;
use barkeep_store::session::{Regular, in_session};
use barkeep_store::{SeriesRow, SymbolRow};

/// Which hours are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Hours {
    /// All that is stored
    #[default]
    All,
    /// 09:30 to 16:00 New York, or to an early close
    Regular,
}

/// What is read and shown in place of a series.
pub(super) struct Shown<'a> {
    pub(super) series: &'a SeriesRow,
    pub(super) name: &'static str,
    pub(super) regular: Option<Regular>,
}

/// What is shown of a symbol at a timeframe; hours from the open on, whether or not those on the clock are stored.
pub(super) fn shown<'a>(
    all: &'a [SeriesRow],
    row: &SymbolRow,
    timeframe: Timeframe,
    hours: Hours,
) -> Result<Shown<'a>, CliError> {
    let symbol = &row.symbol;
    let regular = match hours {
        Hours::All => None,
        Hours::Regular => in_session(&all.iter(), symbol, row.asset_class, timeframe).map_err(|e| {
            CliError::usage(e.to_string())
                .hint(format!("`barkeep symbols set {symbol} --timeframes 30m,{timeframe}` adds 30m"))
        })?,
    };
    let finer = regular.as_ref().and_then(|regular| regular.finer);
    let series = finer.map_or_else(|| super::series(all, symbol, timeframe), Ok)?;
    let name = regular.as_ref().map_or(timeframe.name(), |regular| regular.name);
    Ok(Shown { series, name, regular: regular.map(|regular| regular.regular) })
}
