//! Whether an action is available, why not, and what it would act on.

use crate::model::screen::{ListId, Screen};
use crate::model::{Model, Zoom};
use barkeep_market::Symbol;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{Access, Link, SeriesName};
use barkeep_service::handle::EngineState;
use barkeep_service::progress::RunView;
use uuid::Uuid;

/// `Err`: why an action is not available.
type Availability = Result<(), String>;

/// Available at any time.
#[expect(clippy::unnecessary_wraps, reason = "one of the checks in the tables")]
pub(super) fn always(_: &Model) -> Availability {
    Ok(())
}

fn no<T>(why: &str) -> Result<T, String> {
    Err(why.to_owned())
}

/// Something is selected that there is something to say about.
pub(super) fn explain(model: &Model) -> Availability {
    if model.focus() == ListId::Freshness || model.cursor(model.focus()).is_none() {
        return no("no row is selected");
    }
    Ok(())
}

/// There are days, bars, or columns that may be out of sight.
pub(super) fn sideways(model: &Model) -> Availability {
    let moves = matches!(model.screen, Screen::Coverage | Screen::Detail) || model.wide.is_some();
    if moves { Ok(()) } else { no("only in a list that shows all columns") }
}

/// A line of the log was looked for.
pub(super) fn sought(model: &Model) -> Availability {
    if model.log.sought.is_empty() { no("no search yet; / starts one") } else { Ok(()) }
}

/// Commands need an engine that takes them.
pub(crate) fn operate(model: &Model) -> Availability {
    if model.access == Access::Read {
        return no("this dashboard is read-only");
    }
    if let Link::Lost { error, .. } = &model.link {
        return Err(format!("the engine is unreachable: {error}"));
    }
    if model.snap.live.state == EngineState::Draining {
        return no("the engine is shutting down");
    }
    Ok(())
}

pub(super) fn table(model: &Model) -> Availability {
    if model.symbols.marks.is_empty() { no("no series is marked") } else { Ok(()) }
}

pub(super) fn mark(model: &Model) -> Availability {
    if model.symbols.order.is_empty() { no("there are no series to mark") } else { Ok(()) }
}

pub(super) fn map(model: &Model) -> Availability {
    if model.coverage.zoom == Zoom::Session { no("already at maximum zoom") } else { mark(model) }
}

/// The series a command is about: the marked ones where marks are shown, else the selected one.
#[must_use]
pub fn triggerable(model: &Model) -> Vec<SeriesName> {
    if matches!(model.screen, Screen::Symbols | Screen::Coverage) && !model.symbols.marks.is_empty() {
        return model.symbols.marks.iter().cloned().collect();
    }
    model.selected_series().into_iter().collect()
}

/// Something is not fresh.
pub(super) fn stale(model: &Model) -> Availability {
    let stale = |row: &SeriesView| row.tracked && !row.paused && row.tier != Tier::Fresh;
    if model.snap.data.series.iter().any(stale) { Ok(()) } else { no("every series is fresh") }
}

pub(super) fn series(model: &Model) -> Availability {
    if triggerable(model).is_empty() { no("no series is selected") } else { Ok(()) }
}

pub(super) fn gap(model: &Model) -> Availability {
    if model.selected_stretch().is_some() {
        return Ok(());
    }
    no(if model.screen == Screen::Detail {
        "no gap is selected; press Tab to reach the list"
    } else {
        "no day is selected"
    })
}

pub(super) fn pause(model: &Model) -> Availability {
    match model.snap.live.state {
        EngineState::Pausing if model.snap.live.paused.is_none() => no("the engine is already pausing"),
        _ => Ok(()),
    }
}

/// The symbols a pause is about.
#[must_use]
pub fn pausable_symbols(model: &Model) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = triggerable(model).into_iter().map(|(symbol, _)| symbol).collect();
    symbols.sort();
    symbols.dedup();
    symbols
}

/// Whether every symbol a pause would be about is paused already.
pub(super) fn is_symbol_paused(model: &Model) -> bool {
    let symbols = pausable_symbols(model);
    let paused = |symbol: &Symbol| model.snap.data.series.iter().any(|row| row.symbol == *symbol && row.paused);
    !symbols.is_empty() && symbols.iter().all(paused)
}

/// Whether every series a pause would be about is paused already.
pub(super) fn is_series_paused(model: &Model) -> bool {
    let series = triggerable(model);
    !series.is_empty() && series.iter().all(|name| model.series(name).is_some_and(|row| row.paused))
}

/// A single series of a running execution.
pub(super) fn cancel_series(model: &Model) -> Availability {
    if model.focus() == ListId::Items && model.selected_series().is_some() {
        return Ok(());
    }
    no(if model.snap.live.runs.is_empty() { "nothing is running" } else { "select a running series first" })
}

pub(super) fn pause_symbol(model: &Model) -> Availability {
    if pausable_symbols(model).is_empty() { no("no symbol is selected") } else { Ok(()) }
}

/// The running execution that would be cancelled: the selected one, or the only one.
#[must_use]
pub fn run_to_cancel(model: &Model) -> Option<&RunView> {
    let runs = &model.snap.live.runs;
    let selected = model.selected_execution().and_then(|id| runs.iter().find(|run| run.execution_id == id));
    selected.or_else(|| runs.first().filter(|_| runs.len() == 1))
}

pub(super) fn cancel(model: &Model) -> Availability {
    if run_to_cancel(model).is_some() {
        return Ok(());
    }
    no(if model.snap.live.runs.is_empty() { "nothing is running" } else { "select a running execution first" })
}

/// The execution whose failed series would run again; `None` inside means the newest one that has some.
///
/// # Errors
/// Why there is none to retry.
pub fn executions_to_retry(model: &Model) -> Result<Option<Uuid>, String> {
    let executions = model.executions();
    let Some(id) = model.selected_execution() else {
        let any = executions.iter().any(|row| row.failed_symbols > 0) || !model.all_failing().is_empty();
        return if any { Ok(None) } else { no("no execution has failed series") };
    };
    let Some(row) = executions.iter().find(|row| row.execution_id == id) else {
        return no("this execution is not in the history yet");
    };
    if row.status.is_open() {
        no("this execution is still running")
    } else if row.failed_symbols == 0 {
        no("this execution has no failed series")
    } else {
        Ok(Some(id))
    }
}

pub(super) fn retry(model: &Model) -> Availability {
    executions_to_retry(model).map(drop)
}

pub(super) fn decide(model: &Model) -> Availability {
    if model.selected_quarantine().is_some() {
        return Ok(());
    }
    let pending = model.snap.data.quarantine_pending;
    if pending == 0 {
        no("no bar is quarantined")
    } else {
        no("select a quarantined bar first; press Tab to reach the list")
    }
}

pub(super) fn copy(model: &Model) -> Availability {
    let list = model.focus();
    if model.cursor(list).is_none() { no("no row is selected") } else { Ok(()) }
}

pub(super) fn undo(model: &Model) -> Availability {
    if model.undo.is_empty() { no("there is nothing to undo") } else { Ok(()) }
}
