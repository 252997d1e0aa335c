//! `barkeep symbols`: the symbols that are tracked, and their settings.

mod check;
mod class;
mod import;
mod listed;
mod merge;
mod vendor;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;

use self::listed::{listed, show, show_one, with_paused};
use crate::args::symbol;
use crate::dates;
use crate::exit::CliError;
use crate::globals::{Globals, Session, block_on};
use crate::lists::{Names, flat, new_names};
use crate::output::{print, print_json, warn};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::plural;
use barkeep_config::yaml::suggest;
use barkeep_market::timeframe::sorted;
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe, Ts};
use barkeep_pipeline::names::{self, Known, Wanted};
use barkeep_service::handle::{PAUSE, RESUME, series_target};
use barkeep_store::{CriticalitySource, OperatorAction, Store, SymbolRow};

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
        /// Symbols such as AAPL, SPY or BTC, @FILE or - for a list, also from a broker or TradingView
        #[arg(value_name = "SYMBOL", required = true, value_parser = new_names)]
        symbols: Vec<Names>,
        #[command(flatten)]
        options: SymbolOptions,
        /// Do not ask the vendor whether it knows them; asked once, with a key, for up to five
        #[arg(long)]
        no_check: bool,
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
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["criticality", "timeframes", "active", "paused", "class", "vendor", "since"]))]
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
        /// Asset class: stock, etf or crypto; refused when stored bars would become wrong
        #[arg(long, value_name = "CLASS")]
        class: Option<AssetClass>,
        /// Where its bars come from: massive or coinbase; only while it has none
        #[arg(long, value_name = "VENDOR")]
        vendor: Option<Source>,
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
            conflicts_with_all = ["criticality", "timeframes", "active", "class", "vendor", "since"]
        )]
        timeframe: Vec<Timeframe>,
    },
    /// Merge symbols that are tracked under two names, such as BTC and BTC-USD; without --yes, only show what would change
    Merge {
        /// Merge them instead of only showing what would change
        #[arg(long)]
        yes: bool,
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
    /// Where its bars come from: massive, or coinbase (crypto, without a key) [default: massive]
    #[arg(long, value_name = "VENDOR")]
    pub vendor: Option<Source>,
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
        if text == "none" {
            return Ok(Self(None));
        }
        dates::past_day(text).map(|date| Self(Some(date))).map_err(|e| format!("{e}; none is backfill.history ago"))
    }
}

/// Whose choice the criticality is: the operator's where one is named.
pub(super) fn source_of(named: Option<Criticality>, before: CriticalitySource) -> CriticalitySource {
    if named.is_some() { CriticalitySource::Operator } else { before }
}

impl SymbolOptions {
    /// As the engine takes them.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            class: self.asset_class,
            vendor: self.vendor,
            criticality: self.criticality,
            timeframes: self.timeframes.clone(),
            history_from: self.since.and_then(|since| since.0),
        }
    }
}

/// The row of a symbol, or an error that suggests a similar one.
///
/// # Errors
/// When the symbol is not among them.
pub fn find<'a>(rows: &'a [SymbolRow], symbol: &Symbol) -> Result<&'a SymbolRow, CliError> {
    names::find(rows, symbol).ok_or_else(|| {
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
        let result = execute(args, &lines, &session, &store).await;
        store.close().await;
        result
    })
}

async fn execute(
    args: &SymbolsArgs,
    lines: &[import::Line],
    session: &Session,
    shared: &Arc<dyn Store>,
) -> Result<(), CliError> {
    let store = shared.as_ref();
    let rows = store.symbols().await?;
    let settings = &session.loaded.settings;
    let now = SystemClock.now();
    match &args.command {
        SymbolsCommand::Add { symbols, options, no_check } => {
            let added = add(&flat(symbols), options, &rows, session, store, now).await?;
            if !no_check {
                for warning in check::check(&added, session, shared, now).await {
                    warn(&warning);
                }
            }
            Ok(())
        }
        SymbolsCommand::Merge { yes } => merge::merge(&rows, *yes, session, store, now).await,
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
            pause_series(&row.symbol, timeframe, *paused, store).await?;
            show_one(row, session, store).await
        }
        SymbolsCommand::Set { symbol, criticality, timeframes, active, paused, class, vendor, since, timeframe: _ } => {
            let before = find(&rows, symbol)?;
            let mut row = before.clone();
            if class.is_some() || vendor.is_some() {
                let series = store.series().await?;
                let bars = series.iter().filter(|s| s.symbol == row.symbol).map(|s| s.bar_count).sum();
                row = class.map_or(Ok(row.clone()), |class| class::changed(&row, class, bars))?;
                row = vendor.map_or(Ok(row.clone()), |vendor| vendor::changed(&row, vendor, bars))?;
            }
            row.criticality = criticality.unwrap_or(row.criticality);
            row.criticality_source = source_of(*criticality, row.criticality_source);
            row.active = active.unwrap_or(row.active);
            let switched = paused.is_some_and(|paused| paused != row.paused);
            row.paused = paused.unwrap_or(row.paused);
            row.history_from = since.map_or(row.history_from, |since| since.0);
            if !timeframes.is_empty() {
                row.timeframes = sorted(timeframes);
            }
            if (row.vendor, &row.vendor_ticker) == (before.vendor, &before.vendor_ticker) {
                store.put_symbols(std::slice::from_ref(&row)).await?;
            } else {
                // Without bars: what the other ticker was answered for goes too.
                store.replace_symbol(&row).await?;
            }
            if (row.asset_class, row.vendor) != (before.asset_class, before.vendor) {
                record("change_symbol", row.symbol.to_string(), now, store).await?;
            }
            if switched {
                // `explain` shows who paused a symbol and since when.
                record_pause(row.paused, row.symbol.to_string(), store).await?;
            }
            show_one(&row, session, store).await
        }
        SymbolsCommand::Remove { symbol, yes } => {
            let symbol = &find(&rows, symbol)?.symbol;
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
) -> Result<Vec<SymbolRow>, CliError> {
    let mut added: Vec<SymbolRow> = Vec::new();
    let mut present: Vec<Symbol> = Vec::new();
    let known = Known::new(rows);
    let mut chosen: Vec<SymbolRow> = Vec::new();
    for symbol in symbols {
        let new = options.wanted().row(&session.loaded.settings, symbol, now);
        // Its one name may be taken by a symbol of another class.
        let taken = |row: &SymbolRow| known.find(&row.symbol);
        let Some(row) = known.find(symbol).or_else(|| new.as_ref().ok().and_then(taken)) else {
            let new = new.map_err(|e| CliError::usage(e.to_string()))?;
            let same = |row: &SymbolRow| (row.asset_class, &row.vendor_ticker) == (new.asset_class, &new.vendor_ticker);
            if !added.iter().any(same) {
                added.push(new);
            }
            continue;
        };
        // The same options again are fine; others must not be ignored silently.
        let symbol = &row.symbol;
        let other_class = options.asset_class.is_some_and(|c| c != row.asset_class);
        let other_vendor = options.vendor.is_some_and(|vendor| vendor != row.vendor);
        let differs = other_class
            || other_vendor
            || options.criticality.is_some_and(|c| c != row.criticality)
            || !options.timeframes.is_empty() && sorted(&options.timeframes) != row.timeframes
            || options.since.is_some_and(|since| since.0 != row.history_from);
        if differs {
            let option = match (other_class, other_vendor) {
                (true, _) => " --class",
                (false, true) => " --vendor",
                (false, false) => "",
            };
            let message = format!("{symbol} already exists with other settings; nothing was added");
            let hint = format!("change it with `barkeep symbols set {symbol}{option}`");
            return Err(CliError::usage(message).hint(hint));
        }
        present.push(symbol.clone());
        let criticality_source = source_of(options.criticality, row.criticality_source);
        if criticality_source != row.criticality_source {
            chosen.push(SymbolRow { criticality_source, ..row.clone() });
        }
    }
    chosen.extend(added.iter().cloned());
    store.put_symbols(&chosen).await?;
    if session.json {
        print_json(&json!({ "added": added, "already_there": present }))?;
        return Ok(added);
    }
    let mut text = if added.is_empty() { String::new() } else { listed(&with_paused(&added, &[])) };
    text.extend(present.iter().map(|symbol| format!("{symbol} already exists\n")));
    print(&text)?;
    Ok(added)
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
    record(if paused { PAUSE } else { RESUME }, target, SystemClock.now(), store).await
}

async fn record(action: &str, target: String, at: Ts, store: &dyn Store) -> Result<(), CliError> {
    let action = OperatorAction {
        at,
        actor: "cli".to_owned(),
        action: action.to_owned(),
        target: Some(target),
        detail: None,
        result: "ok".to_owned(),
    };
    Ok(store.record_action(&action).await?)
}
