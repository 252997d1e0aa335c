//! Everything about the selected row in words: what it is, why it is so, what comes next, and the keys that help.
//!
//! A pop-up shows it on any screen; wide screens show it beside their lists.

mod history;
mod others;
pub mod panel;
mod remedy;
mod run;
mod series;

pub use remedy::failure;

use crate::actions::ActionId;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use barkeep_runtime::console::SeriesName;

/// What there is to say about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub title: Line,
    /// What each is about, and the text.
    pub lines: Vec<(&'static str, Line)>,
}

impl Description {
    fn new(title: Line) -> Self {
        Self { title, lines: Vec::new() }
    }

    fn with(mut self, label: &'static str, text: Line) -> Self {
        if !text.is_empty() {
            self.lines.push((label, text));
        }
        self
    }

    fn text(self, label: &'static str, text: impl Into<String>) -> Self {
        self.with(label, Line::of(Role::Text, text))
    }

    /// The keys that can be pressed now, each with what it does.
    fn keys(self, model: &Model, keys: &[(ActionId, &str)]) -> Self {
        let mut line = Line::new();
        for (id, what) in keys {
            if let Some(key) = model.key_now(*id) {
                let gap = if line.is_empty() { "" } else { "   " };
                line = line.span(Role::Text, gap).span(Role::Key, key).span(Role::Text, format!(" {what}"));
            }
        }
        self.with("you can", line)
    }
}

/// What there is to say about the selected row; nothing where none is selected.
#[must_use]
pub fn describe(model: &Model) -> Option<Description> {
    let list = model.focus();
    let row = model.cursor(list)?;
    match list {
        ListId::Freshness => None,
        ListId::Symbols | ListId::Coverage => {
            let series = model.series_at(row)?;
            Some(series::describe(model, &(series.symbol.clone(), series.timeframe), None))
        }
        ListId::Items => run::item(model, row),
        ListId::FailingSeries => status(model, model.failing_series().get(row).copied()?),
        ListId::ExecutionSeries => status(model, model.execution_series().get(row).copied()?),
        ListId::Attempts => status(model, model.attempts().get(row)?),
        ListId::Executions => Some(run::describe(model, model.executions().get(row).copied()?)),
        ListId::OverviewExecutions => Some(run::describe(model, model.snap.data.executions.get(row)?)),
        ListId::Requests => Some(others::request(model, model.requests().get(row).copied()?)),
        ListId::DetailRequests => Some(others::request(model, model.detail_requests().get(row)?)),
        ListId::FailingFeatures => Some(others::feature(model, model.failing_features().get(row).copied()?)),
        ListId::Quarantine | ListId::DetailQuarantine => Some(others::suspect(model, model.selected_quarantine()?)),
        ListId::Alerts => Some(others::alert(model, model.alerts().get(row).copied()?)),
        ListId::OverviewAlerts => Some(others::alert(model, model.snap.data.alerts.get(row)?)),
        ListId::Actions => Some(others::deed(model, &model.operator_actions().get(row)?.action)),
        ListId::Gaps => Some(others::gap(model, model.gaps().get(row)?)),
        ListId::Log => Some(others::log(model, model.log_lines().get(row).copied()?)),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as its neighbors in the match above")]
fn status(model: &Model, row: &barkeep_runtime::console::SeriesStatus) -> Option<Description> {
    let name: SeriesName = (row.symbol.clone(), row.timeframe);
    Some(series::describe(model, &name, Some(row)))
}

/// The series whose details are described with the selected row.
#[must_use]
pub fn series_of(model: &Model) -> Option<SeriesName> {
    let list = model.focus();
    let tells = matches!(
        list,
        ListId::Symbols
            | ListId::Coverage
            | ListId::Items
            | ListId::FailingSeries
            | ListId::ExecutionSeries
            | ListId::Attempts
            | ListId::Quarantine
    );
    if tells { model.selected_series() } else { None }
}
