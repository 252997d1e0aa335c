//! `barkeep symbols`: the symbols that are tracked, and their settings.

mod import;

use std::path::PathBuf;
use std::str::FromStr;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use crate::args::{TimeBound, sorted, symbol};
use crate::exit::CliError;
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::{plural, table};
use barkeep_base::text::printable;
use barkeep_config::yaml::suggest;
use barkeep_config::{Settings, criticality_of, default_class};
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe, Ts};
use barkeep_service::handle::{PAUSE, RESUME, series_target};
use barkeep_store::{CriticalitySource, Listing, OperatorAction, SeriesRow, Store, SymbolRow};

/// Add, list, change and remove symbols
#[derive(Args, Clone, Debug)]
pub struct SymbolsArgs {
    #[command(subcommand)]
    pub command: SymbolsCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum SymbolsCommand {
    /// Add symbols; existing ones are not changed
    Add {
        /// Symbols such as AAPL, SPY or BTC
        #[arg(value_name = "SYMBOL", required = true, value_parser = symbol)]
        symbols: Vec<Symbol>,
        #[command(flatten)]
        options: SymbolOptions,
    },
    /// Add or change the symbols of a CSV file; one wrong line, and nothing is changed
    Import {
        /// CSV file with the heading symbol,asset_class,timeframes,criticality, or one symbol per line
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List symbols
    List,
    /// Change a symbol
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["criticality", "timeframes", "active", "paused", "since"]))]
    Set {
        /// Symbol
        #[arg(value_name = "SYMBOL", value_parser = symbol)]
        symbol: Symbol,
        /// Criticality: critical, standard or low
        #[arg(long, value_name = "TIER")]
        criticality: Option<Criticality>,
        /// Timeframes, separated by commas; bars of removed ones stay stored
        #[arg(long, value_name = "TF,…", value_delimiter = ',')]
        timeframes: Vec<Timeframe>,
        /// Track the symbol (--active), or stop tracking it (--active=false)
        #[arg(long, value_name = "BOOL", hide_possible_values = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        active: Option<bool>,
        /// Pause the symbol (--paused), or resume it (--paused=false)
        #[arg(long, value_name = "BOOL", hide_possible_values = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        paused: Option<bool>,
        /// First day of its history, or none for backfill.history
        #[arg(long, value_name = "DATE")]
        since: Option<Since>,
        /// With --paused: only these timeframes, separated by commas. A paused timeframe is not requested, but its bars are
        /// still stored when they arrive with another one
        #[arg(
            long,
            value_name = "TF,…",
            value_delimiter = ',',
            requires = "paused",
            conflicts_with_all = ["criticality", "timeframes", "active", "since"]
        )]
        timeframe: Vec<Timeframe>,
    },
    /// Remove a symbol with all its bars
    Remove {
        /// Symbol
        #[arg(value_name = "SYMBOL", value_parser = symbol)]
        symbol: Symbol,
        /// Skip the confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Options of a new symbol; defaults come from the settings.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct SymbolOptions {
    /// Asset class: stock, etf or crypto [default: from the settings]
    #[arg(long, value_name = "CLASS")]
    pub asset_class: Option<AssetClass>,
    /// Criticality: critical, standard or low [default: from rto_rpo_config.yaml]
    #[arg(long, value_name = "TIER")]
    pub criticality: Option<Criticality>,
    /// Timeframes, separated by commas [default: symbols.timeframes]
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
    /// First day of its history [default: backfill.history ago]
    #[arg(long, value_name = "DATE")]
    pub since: Option<Since>,
}

/// The first day of a symbol's history, or that none is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(pub Option<NaiveDate>);

impl FromStr for Since {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<TimeBound>() {
            _ if text == "none" => Ok(Self(None)),
            Ok(TimeBound::Date(date)) => Ok(Self(Some(date))),
            _ => Err(format!("'{}' is not a day; write 2024-01-31, from 1970 to 2100, or none", printable(text))),
        }
    }
}

/// Whose choice the criticality is: the operator's where one is named.
pub(super) fn source_of(named: Option<Criticality>, before: CriticalitySource) -> CriticalitySource {
    if named.is_some() { CriticalitySource::Operator } else { before }
}

/// The row of a new symbol.
#[must_use]
pub fn new_row(settings: &Settings, symbol: &Symbol, options: &SymbolOptions, now: Ts) -> SymbolRow {
    let asset_class = options.asset_class.unwrap_or_else(|| default_class(settings, symbol));
    let timeframes = if options.timeframes.is_empty() { &settings.symbols.timeframes } else { &options.timeframes };
    SymbolRow {
        symbol: symbol.clone(),
        asset_class,
        vendor_ticker: symbol.vendor_ticker(asset_class),
        criticality: options.criticality.unwrap_or_else(|| criticality_of(settings, symbol)),
        criticality_source: source_of(options.criticality, CriticalitySource::Policy),
        timeframes: sorted(timeframes),
        active: true,
        paused: false,
        added_at: now,
        history_from: options.since.and_then(|since| since.0),
        listing: Listing::default(),
    }
}

/// The row of a symbol, or an error that suggests a similar one.
pub fn find<'a>(rows: &'a [SymbolRow], symbol: &Symbol) -> Result<&'a SymbolRow, CliError> {
    rows.iter().find(|row| row.symbol == *symbol).ok_or_else(|| {
        let near = suggest::nearest(symbol.as_str(), rows.iter().map(|r| r.symbol.as_str()));
        let list = || "`barkeep symbols list` shows the symbols in the database".to_owned();
        let hint = near.map_or_else(list, |near| format!("did you mean {near}?"));
        CliError::usage(format!("{symbol} is not in the database")).hint(hint)
    })
}

pub(crate) fn run(args: &SymbolsArgs, globals: &Globals) -> Result<(), CliError> {
    // A file is checked before anything is opened.
    let lines = match &args.command {
        SymbolsCommand::Import { file } => import::read(file)?,
        _ => Vec::new(),
    };
    let session = globals.start()?;
    block_on(async {
        let readonly = matches!(args.command, SymbolsCommand::List);
        let store = session.open_store(readonly).await?;
        let result = execute(args, &lines, &session, store.as_ref()).await;
        store.close().await;
        result
    })
}

async fn execute(
    args: &SymbolsArgs,
    lines: &[import::Line],
    session: &Session,
    store: &dyn Store,
) -> Result<(), CliError> {
    let rows = store.symbols().await?;
    let settings = &session.loaded.settings;
    let now = SystemClock.now();
    match &args.command {
        SymbolsCommand::Add { symbols, options } => add(symbols, options, &rows, session, store, now).await,
        SymbolsCommand::Import { file } => {
            let changed = import::merged(file, lines, &rows, settings, now)?;
            store.put_symbols(&changed).await?;
            let exists = |row: &&SymbolRow| rows.iter().any(|r| r.symbol == row.symbol);
            let (updated, added): (Vec<&SymbolRow>, Vec<&SymbolRow>) = changed.iter().partition(exists);
            if session.json {
                return print_json(&json!({ "added": added, "changed": updated, "lines": lines.len() }));
            }
            let total = plural(lines.len(), "symbol");
            print(&format!("{total}: {} added, {} changed\n", added.len(), updated.len()))
        }
        SymbolsCommand::List => show(&rows, session, store).await,
        SymbolsCommand::Set { symbol, paused: Some(paused), timeframe, .. } if !timeframe.is_empty() => {
            let row = find(&rows, symbol)?;
            pause_series(symbol, timeframe, *paused, store).await?;
            show_one(row, session, store).await
        }
        SymbolsCommand::Set { symbol, criticality, timeframes, active, paused, since, timeframe: _ } => {
            let mut row = find(&rows, symbol)?.clone();
            row.criticality = criticality.unwrap_or(row.criticality);
            row.criticality_source = source_of(*criticality, row.criticality_source);
            row.active = active.unwrap_or(row.active);
            let switched = paused.is_some_and(|paused| paused != row.paused);
            row.paused = paused.unwrap_or(row.paused);
            row.history_from = since.map_or(row.history_from, |since| since.0);
            if !timeframes.is_empty() {
                row.timeframes = sorted(timeframes);
            }
            store.put_symbols(std::slice::from_ref(&row)).await?;
            if switched {
                // `explain` shows who paused a symbol and since when.
                record_pause(row.paused, row.symbol.to_string(), store).await?;
            }
            show_one(&row, session, store).await
        }
        SymbolsCommand::Remove { symbol, yes } => {
            find(&rows, symbol)?;
            let series = store.series().await?;
            let bars: i64 = series.iter().filter(|s| s.symbol == *symbol).map(|s| s.bar_count).sum();
            let bars_text = plural(bars, "bar");
            if !yes {
                return Err(CliError::usage(format!("{symbol} has {bars_text}; nothing was removed"))
                    .hint(format!("to delete the symbol and its bars: barkeep symbols remove {symbol} --yes")));
            }
            store.remove_symbol(symbol).await?;
            if session.json {
                return print_json(&json!({ "removed": symbol, "bars": bars }));
            }
            print(&format!("removed {symbol} and {bars_text}\n"))
        }
    }
}

async fn add(
    symbols: &[Symbol],
    options: &SymbolOptions,
    rows: &[SymbolRow],
    session: &Session,
    store: &dyn Store,
    now: Ts,
) -> Result<(), CliError> {
    let mut added: Vec<SymbolRow> = Vec::new();
    let mut present: Vec<&Symbol> = Vec::new();
    let mut chosen: Vec<SymbolRow> = Vec::new();
    for symbol in symbols {
        match rows.iter().find(|row| row.symbol == *symbol) {
            Some(row) => {
                // The same options again are fine; others must not be ignored silently.
                let other_class = options.asset_class.is_some_and(|c| c != row.asset_class);
                let differs = other_class
                    || options.criticality.is_some_and(|c| c != row.criticality)
                    || !options.timeframes.is_empty() && sorted(&options.timeframes) != row.timeframes
                    || options.since.is_some_and(|since| since.0 != row.history_from);
                if differs {
                    let hint = if other_class {
                        format!(
                            "the asset class of stored bars cannot change; \
                             `barkeep symbols remove {symbol} --yes` deletes them"
                        )
                    } else {
                        format!("change it with `barkeep symbols set {symbol}`")
                    };
                    let message = format!("{symbol} already exists with other settings; nothing was added");
                    return Err(CliError::usage(message).hint(hint));
                }
                present.push(symbol);
                let criticality_source = source_of(options.criticality, row.criticality_source);
                if criticality_source != row.criticality_source {
                    chosen.push(SymbolRow { criticality_source, ..row.clone() });
                }
            }
            None if added.iter().any(|row| row.symbol == *symbol) => {}
            None => added.push(new_row(&session.loaded.settings, symbol, options, now)),
        }
    }
    chosen.extend(added.iter().cloned());
    store.put_symbols(&chosen).await?;
    if session.json {
        return print_json(&json!({ "added": added, "already_there": present }));
    }
    let mut text = if added.is_empty() { String::new() } else { listed(&with_paused(&added, &[])) };
    text.extend(present.iter().map(|symbol| format!("{symbol} already exists\n")));
    print(&text)
}

/// Pauses or resumes some timeframes of a symbol.
async fn pause_series(
    symbol: &Symbol,
    timeframes: &[Timeframe],
    paused: bool,
    store: &dyn Store,
) -> Result<(), CliError> {
    let series = store.series().await?;
    let mut switched = Vec::new();
    for timeframe in sorted(timeframes) {
        let row = series.iter().find(|row| row.symbol == *symbol && row.timeframe == timeframe).ok_or_else(|| {
            CliError::usage(format!("{symbol} is not tracked at {timeframe}; nothing was changed"))
                .hint("`barkeep symbols list` shows the timeframes of each symbol")
        })?;
        if row.paused != paused {
            switched.push((symbol.clone(), timeframe));
        }
    }
    store.set_paused(&switched, paused).await?;
    for (symbol, timeframe) in &switched {
        record_pause(paused, series_target(symbol, *timeframe), store).await?;
    }
    Ok(())
}

async fn record_pause(paused: bool, target: String, store: &dyn Store) -> Result<(), CliError> {
    let action = OperatorAction {
        at: SystemClock.now(),
        actor: "cli".to_owned(),
        action: if paused { PAUSE } else { RESUME }.to_owned(),
        target: Some(target),
        detail: None,
        result: "ok".to_owned(),
    };
    Ok(store.record_action(&action).await?)
}

/// A symbol with its paused timeframes.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    row: &'a SymbolRow,
    paused_timeframes: Vec<Timeframe>,
}

fn with_paused<'a>(rows: &'a [SymbolRow], series: &[SeriesRow]) -> Vec<Listed<'a>> {
    let paused = |row: &SymbolRow| {
        let mine = series.iter().filter(|s| s.paused && s.symbol == row.symbol);
        mine.map(|s| s.timeframe).filter(|tf| row.timeframes.contains(tf)).collect()
    };
    rows.iter().map(|row| Listed { row, paused_timeframes: paused(row) }).collect()
}

async fn show(rows: &[SymbolRow], session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let mut series = store.series().await?;
    series.retain(|s| s.paused);
    let all = with_paused(rows, &series);
    if session.json { print_json(&all) } else { print(&listed(&all)) }
}

async fn show_one(row: &SymbolRow, session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let series = store.series().await?;
    let all = with_paused(std::slice::from_ref(row), &series);
    match all.first().filter(|_| session.json) {
        Some(one) => print_json(one),
        None => print(&listed(&all)),
    }
}

fn listed(rows: &[Listed<'_>]) -> String {
    if rows.is_empty() {
        return "no symbols yet; add some with `barkeep symbols add AAPL SPY BTC`\n".to_owned();
    }
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
            format!("{state}{paused}"),
            timeframes.join(","),
            row.history_from.map_or_else(String::new, |date| date.to_string()),
        ]
    };
    // A column that nobody has used is none.
    let since = if rows.iter().any(|one| one.row.history_from.is_some()) { "SINCE" } else { "" };
    let heading = ["SYMBOL", "CLASS", "TICKER", "CRITICALITY", "STATE", "TIMEFRAMES", since];
    table(heading, &rows.iter().map(cells).collect::<Vec<_>>())
}
