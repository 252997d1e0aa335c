//! `barkeep symbols`: which symbols are kept, and how.

mod import;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use crate::args::{sorted, symbol};
use crate::exit::CliError;
use crate::globals::{Globals, Session, block_on};
use crate::output::{counted, print, print_json, table};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_config::yaml::suggest;
use barkeep_config::{Settings, criticality_of, default_class};
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe, Ts};
use barkeep_service::handle::{PAUSE, RESUME, series_target};
use barkeep_store::{CriticalitySource, OperatorAction, SeriesRow, Store, SymbolRow};

/// Add, list, change and remove symbols
#[derive(Args, Clone, Debug)]
pub struct SymbolsArgs {
    #[command(subcommand)]
    pub command: SymbolsCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum SymbolsCommand {
    /// Add symbols; one that is already there stays as it is
    Add {
        #[arg(value_name = "SYMBOL", required = true, value_parser = symbol)]
        symbols: Vec<Symbol>,
        #[command(flatten)]
        given: Given,
    },
    /// Add or change all symbols of a file, or none when one line is wrong
    Import {
        /// CSV with the heading `symbol,asset_class,timeframes`, or one symbol a line
        file: PathBuf,
    },
    /// List symbols
    List,
    /// Change a symbol
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["criticality", "timeframes", "active", "paused"]))]
    Set {
        #[arg(value_name = "SYMBOL", value_parser = symbol)]
        symbol: Symbol,
        /// critical, standard or low
        #[arg(long, value_name = "TIER")]
        criticality: Option<Criticality>,
        /// Timeframes, separated by commas; bars of others stay stored
        #[arg(long, value_name = "TF,…", value_delimiter = ',')]
        timeframes: Vec<Timeframe>,
        /// Whether it is kept fresh: --active, or --active=false
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        active: Option<bool>,
        /// Whether it rests for now: --paused, or --paused=false
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        paused: Option<bool>,
        /// Let only these of its series rest: no request is made for their sake, and what comes with a request for
        /// another timeframe is kept
        #[arg(
            long,
            value_name = "TF,…",
            value_delimiter = ',',
            requires = "paused",
            conflicts_with_all = ["criticality", "timeframes", "active"]
        )]
        timeframe: Vec<Timeframe>,
    },
    /// Remove a symbol with all its bars
    Remove {
        #[arg(value_name = "SYMBOL", value_parser = symbol)]
        symbol: Symbol,
        /// Really do it
        #[arg(long)]
        yes: bool,
    },
}

/// What may be said about a symbol; what is not said comes from the settings.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// stock, etf or crypto [default: by the lists in the settings]
    #[arg(long, value_name = "CLASS")]
    pub asset_class: Option<AssetClass>,
    /// critical, standard or low [default: by rto_rpo_config.yaml]
    #[arg(long, value_name = "TIER")]
    pub criticality: Option<Criticality>,
    /// Timeframes, separated by commas [default: symbols.timeframes]
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
}

/// Whose choice the criticality is: the operator's where one is named.
pub(super) fn source_of(named: Option<Criticality>, before: CriticalitySource) -> CriticalitySource {
    if named.is_some() { CriticalitySource::Operator } else { before }
}

/// A row for a symbol that is new.
#[must_use]
pub fn new_row(settings: &Settings, symbol: &Symbol, given: &Given, now: Ts) -> SymbolRow {
    let asset_class = given.asset_class.unwrap_or_else(|| default_class(settings, symbol));
    let timeframes = if given.timeframes.is_empty() { &settings.symbols.timeframes } else { &given.timeframes };
    SymbolRow {
        symbol: symbol.clone(),
        asset_class,
        vendor_ticker: symbol.vendor_ticker(asset_class),
        criticality: given.criticality.unwrap_or_else(|| criticality_of(settings, symbol)),
        criticality_source: source_of(given.criticality, CriticalitySource::Policy),
        timeframes: sorted(timeframes),
        active: true,
        paused: false,
        added_at: now,
    }
}

/// The row of a symbol, or an error that suggests the one that was meant.
pub fn find<'a>(rows: &'a [SymbolRow], symbol: &Symbol) -> Result<&'a SymbolRow, CliError> {
    rows.iter().find(|row| row.symbol == *symbol).ok_or_else(|| {
        let near = suggest::nearest(symbol.as_str(), rows.iter().map(|r| r.symbol.as_str()));
        let hint = near.map_or_else(|| "see `barkeep symbols list`".to_owned(), |near| format!("did you mean {near}?"));
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
        let result = work(args, &lines, &session, store.as_ref()).await;
        store.close().await;
        result
    })
}

async fn work(
    args: &SymbolsArgs,
    lines: &[import::Line],
    session: &Session,
    store: &dyn Store,
) -> Result<(), CliError> {
    let rows = store.symbols().await?;
    let settings = &session.loaded.settings;
    let now = SystemClock.now();
    match &args.command {
        SymbolsCommand::Add { symbols, given } => add(symbols, given, &rows, session, store, now).await,
        SymbolsCommand::Import { file } => {
            let changed = import::merged(file, lines, &rows, settings, now)?;
            store.put_symbols(&changed).await?;
            let known = |row: &&SymbolRow| rows.iter().any(|r| r.symbol == row.symbol);
            let (updated, added): (Vec<&SymbolRow>, Vec<&SymbolRow>) = changed.iter().partition(known);
            if session.json {
                return print_json(&json!({ "added": added, "changed": updated, "lines": lines.len() }));
            }
            let total = counted(lines.len() as i64, "symbol", "symbols");
            print(&format!("{total} read: {} added, {} changed\n", added.len(), updated.len()))
        }
        SymbolsCommand::List => show(&rows, session, store).await,
        SymbolsCommand::Set { symbol, paused: Some(paused), timeframe, .. } if !timeframe.is_empty() => {
            let row = find(&rows, symbol)?;
            pause_series(symbol, timeframe, *paused, store).await?;
            show_one(row, session, store).await
        }
        SymbolsCommand::Set { symbol, criticality, timeframes, active, paused, timeframe: _ } => {
            let mut row = find(&rows, symbol)?.clone();
            row.criticality = criticality.unwrap_or(row.criticality);
            row.criticality_source = source_of(*criticality, row.criticality_source);
            row.active = active.unwrap_or(row.active);
            let switched = paused.is_some_and(|paused| paused != row.paused);
            row.paused = paused.unwrap_or(row.paused);
            if !timeframes.is_empty() {
                row.timeframes = sorted(timeframes);
            }
            store.put_symbols(std::slice::from_ref(&row)).await?;
            if switched {
                // `explain` tells who paused a symbol and since when.
                note_switch(row.paused, row.symbol.to_string(), store).await?;
            }
            show_one(&row, session, store).await
        }
        SymbolsCommand::Remove { symbol, yes } => {
            find(&rows, symbol)?;
            let series = store.series().await?;
            let bars: i64 = series.iter().filter(|s| s.symbol == *symbol).map(|s| s.bar_count).sum();
            let count = counted(bars, "bar", "bars");
            if !yes {
                return Err(CliError::usage(format!("{symbol} has {count}; nothing was removed"))
                    .hint(format!("to remove them for good: barkeep symbols remove {symbol} --yes")));
            }
            store.remove_symbol(symbol).await?;
            if session.json {
                return print_json(&json!({ "removed": symbol, "bars": bars }));
            }
            print(&format!("removed {symbol} and {count}\n"))
        }
    }
}

async fn add(
    symbols: &[Symbol],
    given: &Given,
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
                // Saying the same again is fine; saying something else must not pass silently.
                let differs = given.asset_class.is_some_and(|c| c != row.asset_class)
                    || given.criticality.is_some_and(|c| c != row.criticality)
                    || !given.timeframes.is_empty() && sorted(&given.timeframes) != row.timeframes;
                if differs {
                    return Err(CliError::usage(format!(
                        "{symbol} is already there with other settings; nothing was added"
                    ))
                    .hint(format!("change it with `barkeep symbols set {symbol} …`")));
                }
                present.push(symbol);
                let criticality_source = source_of(given.criticality, row.criticality_source);
                if criticality_source != row.criticality_source {
                    chosen.push(SymbolRow { criticality_source, ..row.clone() });
                }
            }
            None if added.iter().any(|row| row.symbol == *symbol) => {}
            None => added.push(new_row(&session.loaded.settings, symbol, given, now)),
        }
    }
    chosen.extend(added.iter().cloned());
    store.put_symbols(&chosen).await?;
    if session.json {
        return print_json(&json!({ "added": added, "already_there": present }));
    }
    let mut text = if added.is_empty() { String::new() } else { listed(&of(&added, &[])) };
    text.extend(present.iter().map(|symbol| {
        format!(
            "{symbol} is already there
"
        )
    }));
    print(&text)
}

/// Lets some series of a symbol rest, or wakes them.
async fn pause_series(
    symbol: &Symbol,
    timeframes: &[Timeframe],
    paused: bool,
    store: &dyn Store,
) -> Result<(), CliError> {
    let series = store.series().await?;
    let mut switched = Vec::new();
    for timeframe in sorted(timeframes) {
        let kept = series.iter().find(|row| row.symbol == *symbol && row.timeframe == timeframe).ok_or_else(|| {
            CliError::usage(format!("{symbol} is not kept at {timeframe}; nothing was changed"))
                .hint("see `barkeep symbols list`")
        })?;
        if kept.paused != paused {
            switched.push((symbol.clone(), timeframe));
        }
    }
    store.set_paused(&switched, paused).await?;
    for (symbol, timeframe) in &switched {
        note_switch(paused, series_target(symbol, *timeframe), store).await?;
    }
    Ok(())
}

async fn note_switch(paused: bool, target: String, store: &dyn Store) -> Result<(), CliError> {
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

/// A symbol with those of its series that rest by themselves.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    row: &'a SymbolRow,
    paused_timeframes: Vec<Timeframe>,
}

fn of<'a>(rows: &'a [SymbolRow], series: &[SeriesRow]) -> Vec<Listed<'a>> {
    let resting = |row: &SymbolRow| {
        let mine = series.iter().filter(|s| s.paused && s.symbol == row.symbol);
        mine.map(|s| s.timeframe).filter(|tf| row.timeframes.contains(tf)).collect()
    };
    rows.iter().map(|row| Listed { row, paused_timeframes: resting(row) }).collect()
}

async fn show(rows: &[SymbolRow], session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let mut series = store.series().await?;
    series.retain(|s| s.paused);
    let all = of(rows, &series);
    if session.json { print_json(&all) } else { print(&listed(&all)) }
}

async fn show_one(row: &SymbolRow, session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let series = store.series().await?;
    let all = of(std::slice::from_ref(row), &series);
    match all.first().filter(|_| session.json) {
        Some(one) => print_json(one),
        None => print(&listed(&all)),
    }
}

fn listed(rows: &[Listed<'_>]) -> String {
    if rows.is_empty() {
        return "no symbols; add some with `barkeep symbols add AAPL SPY BTC`\n".to_owned();
    }
    let cells = |Listed { row, paused_timeframes }: &Listed<'_>| {
        let timeframes: Vec<&str> = row.timeframes.iter().map(|t| t.name()).collect();
        let state = match (row.active, row.paused) {
            (false, _) => "inactive",
            (true, true) => "paused",
            (true, false) => "active",
        };
        let resting: Vec<&str> = paused_timeframes.iter().map(|t| t.name()).collect();
        let resting = if resting.is_empty() { String::new() } else { format!(", {} paused", resting.join(",")) };
        [
            row.symbol.to_string(),
            row.asset_class.to_string(),
            row.vendor_ticker.clone(),
            row.criticality.to_string(),
            format!("{state}{resting}"),
            timeframes.join(","),
        ]
    };
    let heading = ["SYMBOL", "CLASS", "TICKER", "CRITICALITY", "STATE", "TIMEFRAMES"];
    table(heading, &rows.iter().map(cells).collect::<Vec<_>>())
}
