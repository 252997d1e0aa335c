//! Symbols as a table or as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::exit::CliError;
use crate::globals::Session;
use crate::output::{print, print_json};
use barkeep_base::format::table;
use barkeep_market::{Instrument, Timeframe};
use barkeep_pipeline::names::doubles;
use barkeep_store::{ListingState, SeriesRow, Store, SymbolRow};

/// A symbol with its paused timeframes.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    row: &'a SymbolRow,
    paused_timeframes: Vec<Timeframe>,
}

pub(super) fn with_paused<'a>(rows: &'a [SymbolRow], series: &[SeriesRow]) -> Vec<Listed<'a>> {
    let paused = |row: &SymbolRow| {
        let mine = series.iter().filter(|s| s.paused && s.symbol == row.symbol);
        mine.map(|s| s.timeframe).filter(|tf| row.timeframes.contains(tf)).collect()
    };
    rows.iter().map(|row| Listed { row, paused_timeframes: paused(row) }).collect()
}

pub(super) async fn show(rows: &[SymbolRow], session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let mut series = store.series().await?;
    series.retain(|s| s.paused);
    let all = with_paused(rows, &series);
    if session.json { print_json(&all) } else { print(&format!("{}{}", listed(&all), odd(rows))) }
}

/// What is to be done about symbols that would not be added so today.
fn odd(rows: &[SymbolRow]) -> String {
    let mut out = String::new();
    for (double, kept) in doubles(rows) {
        let (double, kept) = (&double.symbol, &kept.symbol);
        let _ = writeln!(out, "note: {double} is {kept} under another name; `barkeep symbols merge` merges them");
    }
    for row in rows {
        let remove = format!("`barkeep symbols remove {}` removes it", row.symbol);
        let one = Instrument::of(&row.symbol, row.asset_class).and_then(|one| one.ticker_at(row.vendor));
        let _ = match one {
            Err(e) => writeln!(out, "note: {e}; {remove}"),
            Ok(is) if is != row.vendor_ticker => {
                let (symbol, was) = (&row.symbol, &row.vendor_ticker);
                writeln!(
                    out,
                    "note: the bars of {symbol} are of {was}, but {symbol} is {is}; {remove}, then add it again"
                )
            }
            Ok(_) => Ok(()),
        };
    }
    out
}

/// What the vendor says of a name, where that is unusual.
fn listing(row: &SymbolRow) -> String {
    let on = row.listing.ended_on.map_or_else(String::new, |day| format!(" {day}"));
    match (row.listing.state, &row.listing.renamed_to) {
        (ListingState::Unchecked | ListingState::Listed, _) => String::new(),
        (ListingState::Unknown, _) => ", unknown to the vendor".to_owned(),
        (ListingState::Renamed, Some(to)) => format!(", renamed to {to}{on}"),
        (ListingState::Renamed, None) => format!(", renamed{on}"),
        (ListingState::Delisted, _) => format!(", delisted{on}"),
    }
}

pub(super) async fn show_one(row: &SymbolRow, session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let series = store.series().await?;
    let all = with_paused(std::slice::from_ref(row), &series);
    match all.first().filter(|_| session.json) {
        Some(one) => print_json(one),
        None => print(&listed(&all)),
    }
}

pub(super) fn listed(rows: &[Listed<'_>]) -> String {
    if rows.is_empty() {
        return "no symbols yet; add some with `barkeep symbols add AAPL SPY BTC`\n".to_owned();
    }
    let several = rows.iter().any(|one| !one.row.vendor.is_usual());
    let vendor = |row: &SymbolRow| if several { row.vendor.to_string() } else { String::new() };
    let cells = |Listed { row, paused_timeframes }: &Listed<'_>| {
        let timeframes: Vec<&str> = row.timeframes.iter().map(|t| t.name()).collect();
        let state = match (row.active, row.paused) {
            (false, _) => "inactive",
            (true, true) => "paused",
            (true, false) => "active",
        };
        let paused: Vec<&str> = paused_timeframes.iter().map(|t| t.name()).collect();
        let paused = if paused.is_empty() { String::new() } else { format!(", {} paused", paused.join(",")) };
        [
            row.symbol.to_string(),
            row.asset_class.to_string(),
            row.vendor_ticker.clone(),
            row.criticality.to_string(),
            format!("{state}{paused}{}", listing(row)),
            timeframes.join(","),
            row.history_from.map_or_else(String::new, |date| date.to_string()),
            vendor(row),
        ]
    };
    // A column that nobody has used is none.
    let since = if rows.iter().any(|one| one.row.history_from.is_some()) { "SINCE" } else { "" };
    let vendors = if several { "VENDOR" } else { "" };
    let heading = ["SYMBOL", "CLASS", "TICKER", "CRITICALITY", "STATE", "TIMEFRAMES", since, vendors];
    table(heading, &rows.iter().map(cells).collect::<Vec<_>>())
}
