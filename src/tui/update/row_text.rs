//! The selected row as text for the clipboard.

use crate::model::Model;
use crate::model::screen::{ListId, Screen};

/// A dash for an unknown value.
fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl Model {
    /// One line about the selected row, fields separated by two spaces.
    #[must_use]
    pub fn row_text(&self) -> Option<String> {
        let list = self.focus();
        let row = self.cursor(list)?;
        let line: Vec<String> = match list {
            ListId::Freshness => return None,
            ListId::Items => {
                let (run, item) = *self.items().get(row)?;
                vec![run.execution_id.to_string(), item.label.clone(), format!("{} rows", item.rows)]
            }
            ListId::Symbols | ListId::Coverage => {
                let series = self.series_at(row)?;
                let behind = series.staleness_seconds.map(|s| format!("{s} s behind"));
                let mut line = vec![
                    series.symbol.to_string(),
                    series.timeframe.to_string(),
                    series.tier.to_string(),
                    or_dash(behind),
                    or_dash(series.newest_bar),
                    format!("{} bars", series.bars),
                ];
                if self.screen == Screen::Coverage {
                    line.push(self.coverage_date().to_string());
                }
                line
            }
            ListId::Gaps => {
                let gap = self.gaps().get(row)?;
                let (symbol, timeframe) = self.detail_series()?;
                vec![symbol.to_string(), timeframe.to_string(), gap.range.start.to_string(), gap.range.end.to_string()]
            }
            ListId::Executions | ListId::OverviewExecutions => {
                let id = self.selected_execution()?;
                let row = *self.executions().iter().find(|row| row.execution_id == id)?;
                vec![
                    id.to_string(),
                    row.trigger.name().to_owned(),
                    row.status.name().to_owned(),
                    row.started_at.to_string(),
                    or_dash(row.error_message.as_deref()),
                ]
            }
            ListId::Attempts | ListId::ExecutionSeries | ListId::FailingSeries => {
                let status = match list {
                    ListId::Attempts => self.attempts().get(row)?,
                    ListId::ExecutionSeries => *self.execution_series().get(row)?,
                    _ => self.failing_series().get(row).copied()?,
                };
                vec![
                    status.symbol.to_string(),
                    status.timeframe.to_string(),
                    status.status.name().to_owned(),
                    or_dash(status.error_message.as_deref()),
                    status.execution_id.to_string(),
                ]
            }
            ListId::Requests | ListId::DetailRequests => {
                let request = if list == ListId::Requests {
                    self.requests().get(row).copied()?
                } else {
                    self.detail_requests().get(row)?
                };
                vec![
                    request.started_at.to_string(),
                    request.endpoint.to_string(),
                    or_dash(request.ticker.as_deref()),
                    or_dash(request.status),
                    request.outcome.clone(),
                    or_dash(request.request_id.as_deref()),
                ]
            }
            ListId::FailingFeatures => {
                let failure = &self.failing_features().get(row).copied()?.failure;
                vec![failure.symbol.to_string(), failure.timeframe.to_string(), failure.error_message.clone()]
            }
            ListId::Quarantine | ListId::DetailQuarantine => {
                let held = self.selected_quarantine()?;
                let bar = &held.bar;
                vec![
                    format!("#{}", held.id),
                    held.symbol.to_string(),
                    held.timeframe.to_string(),
                    bar.ts.to_string(),
                    format!("o {} h {} l {} c {} v {}", bar.open, bar.high, bar.low, bar.close, bar.volume),
                    held.reason.clone(),
                ]
            }
            ListId::Alerts | ListId::OverviewAlerts => {
                let alert = if list == ListId::Alerts {
                    self.alerts().get(row).copied()?
                } else {
                    self.snap.data.alerts.get(row)?
                };
                vec![alert.raised_at.to_string(), alert.kind.clone(), alert.message.clone()]
            }
            ListId::Actions => {
                let action = &self.operator_actions().get(row).copied()?.action;
                vec![action.at.to_string(), action.actor.clone(), action.action.clone()]
            }
            ListId::Log => {
                let line = self.log.lines().nth(row)?;
                vec![line.at.to_string(), line.level.name().to_owned(), line.source.clone(), line.text.clone()]
            }
        };
        Some(line.join("  "))
    }
}
