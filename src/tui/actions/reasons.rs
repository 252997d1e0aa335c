//! Why an action cannot be done now, and what it would be done to if it can.

use crate::model::screen::{ListId, Screen};
use crate::model::{Model, Zoom};
use barkeep_market::{Symbol, Ts};
use barkeep_runtime::console::{Access, ExecutionStatus, Link, QuarantineRow, SeriesName};
use barkeep_service::handle::EngineState;
use barkeep_service::progress::RunView;
use uuid::Uuid;

type Verdict = Result<(), String>;

/// It can be done.
#[expect(clippy::unnecessary_wraps, reason = "one of the reasons in the table")]
pub(super) fn fine(_: &Model) -> Verdict {
    Ok(())
}

fn no<T>(why: &str) -> Result<T, String> {
    Err(why.to_owned())
}

/// Orders need an engine that takes them.
pub(super) fn operate(model: &Model) -> Verdict {
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

pub(super) fn table(model: &Model) -> Verdict {
    if model.symbols.marks.is_empty() { no("no series is marked") } else { Ok(()) }
}

pub(super) fn mark(model: &Model) -> Verdict {
    if model.symbols.order.is_empty() { no("there are no series to mark") } else { Ok(()) }
}

pub(super) fn map(model: &Model) -> Verdict {
    if model.coverage.zoom == Zoom::Session { no("already at maximum zoom") } else { mark(model) }
}

/// The series an order is about: the marked ones where marks are shown, else the selected one.
#[must_use]
pub fn triggerable(model: &Model) -> Vec<SeriesName> {
    if matches!(model.screen, Screen::Symbols | Screen::Coverage) && !model.symbols.marks.is_empty() {
        return model.symbols.marks.iter().cloned().collect();
    }
    model.selected_series().into_iter().collect()
}

impl Model {
    /// The series that the selected row is about.
    #[must_use]
    pub fn selected_series(&self) -> Option<SeriesName> {
        if self.screen == Screen::Detail {
            return self.detail_series();
        }
        let list = self.focus();
        let row = self.cursor(list)?;
        Some(match list {
            ListId::Items => {
                let (_, item) = *self.items().get(row)?;
                (item.head.symbol.clone()?, item.head.timeframe?)
            }
            ListId::Symbols | ListId::Coverage => {
                let series = self.series_at(row)?;
                (series.symbol.clone(), series.timeframe)
            }
            ListId::ExecutionSeries => {
                let status = *self.execution_series().get(row)?;
                (status.symbol.clone(), status.timeframe)
            }
            ListId::FailingSeries => {
                let status = self.failing_series().get(row)?;
                (status.symbol.clone(), status.timeframe)
            }
            ListId::FailingFeatures => {
                let failure = &self.failing_features().get(row)?.failure;
                (failure.symbol.clone(), failure.timeframe)
            }
            ListId::Quarantine => {
                let bar = self.quarantine().get(row)?;
                (bar.symbol.clone(), bar.timeframe)
            }
            _ => return None,
        })
    }

    /// The selected bar in quarantine.
    #[must_use]
    pub fn selected_quarantine(&self) -> Option<&QuarantineRow> {
        let list = self.focus();
        let row = self.cursor(list)?;
        match list {
            ListId::Quarantine => self.quarantine().get(row),
            ListId::DetailQuarantine => self.detail_quarantine().get(row),
            _ => None,
        }
    }

    /// The execution that the selected row is about.
    #[must_use]
    pub fn selected_execution(&self) -> Option<Uuid> {
        let list = self.focus();
        if list == ListId::ExecutionSeries {
            return self.executions.open;
        }
        let row = self.cursor(list)?;
        match list {
            ListId::Items => Some(self.items().get(row)?.0.execution_id),
            ListId::Executions => Some(self.executions().get(row)?.execution_id),
            ListId::OverviewExecutions => Some(self.snap.data.executions.get(row)?.execution_id),
            _ => None,
        }
    }

    /// The stretch of time that the selected row or day is about, with its series.
    #[must_use]
    pub fn selected_stretch(&self) -> Option<(SeriesName, Ts, Ts)> {
        match self.focus() {
            ListId::Gaps => {
                let gap = self.gaps().get(self.cursor(ListId::Gaps)?)?;
                Some((self.detail_series()?, gap.range.start, gap.range.end))
            }
            ListId::Coverage => {
                let series = self.series_at(self.cursor(ListId::Coverage)?)?;
                let date = self.coverage_date();
                let class = series.asset_class;
                let end = class.midnight(date.succ_opt().unwrap_or(date));
                Some(((series.symbol.clone(), series.timeframe), class.midnight(date), end))
            }
            _ => None,
        }
    }
}

pub(super) fn series(model: &Model) -> Verdict {
    if triggerable(model).is_empty() { no("no series is selected") } else { Ok(()) }
}

pub(super) fn gap(model: &Model) -> Verdict {
    if model.selected_stretch().is_some() {
        return Ok(());
    }
    no(if model.screen == Screen::Detail {
        "no gap is selected; press Tab to reach the list"
    } else {
        "no day is selected"
    })
}

pub(super) fn pause(model: &Model) -> Verdict {
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

/// Whether every series a pause would be about rests already.
pub(super) fn is_series_paused(model: &Model) -> bool {
    let series = triggerable(model);
    !series.is_empty() && series.iter().all(|name| model.series(name).is_some_and(|row| row.paused))
}

/// A single series of a running execution.
pub(super) fn cancel_series(model: &Model) -> Verdict {
    if model.focus() == ListId::Items && model.selected_series().is_some() {
        return Ok(());
    }
    no(if model.snap.live.runs.is_empty() { "nothing is running" } else { "select a running series first" })
}

pub(super) fn pause_symbol(model: &Model) -> Verdict {
    if pausable_symbols(model).is_empty() { no("no symbol is selected") } else { Ok(()) }
}

/// The running execution that would be cancelled: the selected one, or the only one.
#[must_use]
pub fn run_to_cancel(model: &Model) -> Option<&RunView> {
    let runs = &model.snap.live.runs;
    let selected = model.selected_execution().and_then(|id| runs.iter().find(|run| run.execution_id == id));
    selected.or_else(|| runs.first().filter(|_| runs.len() == 1))
}

pub(super) fn cancel(model: &Model) -> Verdict {
    if run_to_cancel(model).is_some() {
        return Ok(());
    }
    no(if model.snap.live.runs.is_empty() { "nothing is running" } else { "select a running execution first" })
}

/// The execution whose failed series would run again; `None` inside means the newest one that has some.
pub fn executions_to_retry(model: &Model) -> Result<Option<Uuid>, String> {
    let executions = model.executions();
    let Some(id) = model.selected_execution() else {
        let any = executions.iter().any(|row| row.failed_symbols > 0) || !model.failing_series().is_empty();
        return if any { Ok(None) } else { no("no execution has failed series") };
    };
    let Some(row) = executions.iter().find(|row| row.execution_id == id) else {
        return no("this execution is not in the history yet");
    };
    if row.status == ExecutionStatus::Running {
        no("this execution is still running")
    } else if row.failed_symbols == 0 {
        no("this execution has no failed series")
    } else {
        Ok(Some(id))
    }
}

pub(super) fn retry(model: &Model) -> Verdict {
    executions_to_retry(model).map(drop)
}

pub(super) fn decide(model: &Model) -> Verdict {
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

pub(super) fn copy(model: &Model) -> Verdict {
    let list = model.focus();
    if model.cursor(list).is_none() { no("no row is selected") } else { Ok(()) }
}
