//! The bars of the demo: some days are there when it opens, and the years before them are fetched while it is looked at.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::incidents::BY;
use super::symbols::DemoSymbol;
use crate::exit::CliError;
use crate::globals::Session;
use crate::work::backfill::open_engine;
use crate::work::dashboard::Opened;
use barkeep_market::instrument::NameError;
use barkeep_market::ts::{DAY, HOUR, MINUTE};
use barkeep_market::{Calendar, Criticality, Symbol, Timeframe, Ts};
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::names::Wanted;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_service::handle::{EngineCommand, TriggerScope};
use barkeep_store::{SymbolRow, Trigger};

/// What every symbol is tracked at. Critical ones have minutes too, so that something new comes all the time.
const TIMEFRAMES: [Timeframe; 5] = [Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];
/// What is there when the demo opens.
const DAYS: i64 = 21;
/// Minutes of less than ten sessions would not tell a vendor that is late from a market that is quiet.
const DAYS_OF_MINUTES: i64 = 18;
/// A year of each symbol, then the year before that.
const YEARS: i64 = 5;
/// From one order to the next: the limit is for the schedule too.
const BETWEEN: Duration = Duration::from_secs(8);
const YEAR: i64 = 365 * DAY;

/// Registers the symbols and fetches the last days of those that have a history. Gives those that have years to fetch.
pub(super) async fn fill(
    session: &Session,
    symbols: &[DemoSymbol],
    key: SecretString,
) -> Result<Vec<Symbol>, CliError> {
    let engine = open_engine(session, Some(key), Arc::new(Silent)).await?;
    let now = session.clock.now();
    let new = |demo: &DemoSymbol| {
        let row = Wanted::default().row(&session.loaded.settings, &demo.symbol, now)?;
        let minutes = (row.criticality == Criticality::Critical).then_some(Timeframe::M1);
        Ok(SymbolRow { timeframes: minutes.into_iter().chain(TIMEFRAMES).collect(), ..row })
    };
    let rows: Result<Vec<SymbolRow>, NameError> = symbols.iter().map(new).collect();
    let rows = rows.map_err(|e| CliError::usage(e.to_string()))?;
    engine.store.put_symbols(&rows).await?;
    let calendar = Calendar::new();
    for (row, demo) in rows.iter().zip(symbols) {
        let Some(hours) = demo.hours_behind else { continue };
        let to = trading_hours_ago(&calendar, row, now, hours);
        let fetch = async |timeframes: &[Timeframe], from: Ts| {
            let selection = Selection {
                from: Some(TimeBound::Time(from)),
                to: Some(TimeBound::Time(to)),
                ..of(&row.symbol, timeframes)
            };
            let backfill = Backfill::new(selection, session.loaded.settings.backfill.mode, Trigger::Cli);
            backfill.run(&engine, Arc::new(Silent), CancellationToken::new()).await
        };
        if row.criticality == Criticality::Critical {
            // The coarser ones are computed from the minutes.
            fetch(&row.timeframes, now - DAYS_OF_MINUTES * DAY).await?;
            fetch(&[Timeframe::D1], now - YEAR).await?;
        } else {
            fetch(&TIMEFRAMES, now - DAYS * DAY).await?;
        }
    }
    engine.store.close().await;
    // Years of minutes are too much for a demo.
    let others = rows.into_iter().filter(|row| row.criticality != Criticality::Critical);
    Ok(others.map(|row| row.symbol).collect())
}

/// A selection of one symbol.
fn of(symbol: &Symbol, timeframes: &[Timeframe]) -> Selection {
    Selection { symbols: vec![symbol.clone()], timeframes: Some(timeframes.to_vec()), ..Selection::default() }
}

/// Orders the history of one symbol after the other, always one at a time, until the engine is to stop. One at a time
/// because an execution has its series to itself, and the schedule is to keep the others fresh meanwhile.
pub(super) async fn go_back(symbols: &[Symbol], now: Ts, (handle, stopping): Opened) {
    let orders = async {
        for years in 1..=YEARS {
            for symbol in symbols {
                // Not while the operator or a refused key has it stopped, nor beside another order.
                let mut live = handle.watch();
                let free = |live: &Arc<barkeep_service::handle::Live>| {
                    live.paused.is_none()
                        && live.reason.is_none()
                        && live.runs.iter().all(|run| run.trigger != Trigger::Manual)
                };
                if live.wait_for(free).await.is_err() {
                    return;
                }
                let from = Some(TimeBound::Time(now - years * YEAR));
                let selection = Selection { from, ..of(symbol, &TIMEFRAMES) };
                let what = TriggerScope::Selection(selection);
                // A symbol that is being worked on has its turn with the next year.
                let _ = handle.order(EngineCommand::Trigger { what, trigger: Trigger::Manual }, BY).await;
                tokio::time::sleep(BETWEEN).await;
            }
        }
    };
    tokio::select! {
        () = orders => {}
        () = stopping.cancelled() => {}
    }
}

/// The time this many trading hours before now.
fn trading_hours_ago(calendar: &Calendar, row: &SymbolRow, now: Ts, hours: i64) -> Ts {
    if row.asset_class.is_continuous() {
        return now - hours * HOUR;
    }
    let mut left = hours * HOUR;
    let mut at = now.floor(MINUTE);
    while let Some(session) = calendar.session_before(at) {
        let end = session.extended_close.min(at);
        let length = end - session.extended_open;
        if left < length {
            return end - left;
        }
        left -= length;
        at = session.extended_open;
    }
    at
}
