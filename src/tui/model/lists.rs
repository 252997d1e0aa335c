//! What each list holds, row by row: the one answer for drawing, moving the selection, copying and ordering.

use crate::model::Model;
use crate::model::cursor::RowKey;
use crate::model::row_filter::{RowFilter, RowText};
use crate::model::screen::ListId;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{
    AlertRow, Execution, FeatureFailureRow, Gap, LogLine, OperatorActionRow, QuarantineRow, RequestRow, SeriesName,
    SeriesRunState, SeriesStatus,
};
use barkeep_service::progress::{ItemView, RunView};

impl Model {
    /// The series in a row of the table.
    #[must_use]
    pub fn series_at(&self, row: usize) -> Option<&SeriesView> {
        self.snap.data.series.get(*self.symbols.order.get(row)? as usize)
    }

    /// A series by name.
    #[must_use]
    pub fn series(&self, name: &SeriesName) -> Option<&SeriesView> {
        self.snap.data.series.iter().find(|row| row.symbol == name.0 && row.timeframe == name.1)
    }

    /// The series that the detail screen is about.
    #[must_use]
    pub fn detail_series(&self) -> Option<SeriesName> {
        let chosen = || self.series_at(self.cursor(ListId::Symbols)?).map(|row| (row.symbol.clone(), row.timeframe));
        self.detail.series.clone().or_else(chosen)
    }

    /// The rows of a list that fit its filter.
    fn filtered<'a, T: RowText>(&self, list: ListId, rows: impl IntoIterator<Item = T> + 'a) -> Vec<T> {
        match self.filters.get(&list).filter(|text| !text.is_empty()) {
            None => rows.into_iter().collect(),
            Some(text) => {
                let filter = RowFilter::parse(text);
                rows.into_iter().filter(|row| filter.fits(&row.row_text())).collect()
            }
        }
    }

    /// Items of the running executions, with their run.
    #[must_use]
    pub fn items(&self) -> Vec<(&RunView, &ItemView)> {
        self.snap.live.runs.iter().flat_map(|run| run.items.iter().map(move |item| (run, item))).collect()
    }

    /// Executions, newest first: the answer to a request, else what the snapshot holds.
    #[must_use]
    pub fn executions(&self) -> Vec<&Execution> {
        let newest = &self.snap.data.executions;
        let all: Vec<&Execution> = match self.answers.history().value {
            Some(history) => {
                // The snapshot is the newer of the two; the answer reaches further back.
                let known = |row: &Execution| newest.iter().any(|n| n.execution_id == row.execution_id);
                newest.iter().chain(history.iter().filter(|row| !known(row))).collect()
            }
            None => newest.iter().collect(),
        };
        self.filtered(ListId::Executions, all)
    }

    /// Series of the opened execution, failed ones first.
    #[must_use]
    pub fn execution_series(&self) -> Vec<&SeriesStatus> {
        let Some(detail) = self.executions.open.and_then(|id| self.answers.execution(id).value) else {
            return Vec::new();
        };
        let mut rows: Vec<&SeriesStatus> = detail.series.iter().collect();
        rows.sort_by_key(|row| (row.status != SeriesRunState::Failed, &row.symbol, row.timeframe));
        self.filtered(ListId::ExecutionSeries, rows)
    }

    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        let name = self.detail_series();
        name.and_then(|name| self.answers.detail(&name).value).map_or(&[], |detail| detail.gaps.as_slice())
    }

    #[must_use]
    pub fn detail_quarantine(&self) -> &[QuarantineRow] {
        let name = self.detail_series();
        name.and_then(|name| self.answers.detail(&name).value).map_or(&[], |detail| detail.quarantine.as_slice())
    }

    #[must_use]
    pub fn attempts(&self) -> &[SeriesStatus] {
        let name = self.detail_series();
        name.and_then(|name| self.answers.detail(&name).value).map_or(&[], |detail| detail.attempts.as_slice())
    }

    #[must_use]
    pub fn detail_requests(&self) -> &[RequestRow] {
        let name = self.detail_series();
        name.and_then(|name| self.answers.detail(&name).value).map_or(&[], |detail| detail.requests.as_slice())
    }

    #[must_use]
    pub fn requests(&self) -> Vec<&RequestRow> {
        self.filtered(ListId::Requests, self.answers.requests().value.unwrap_or_default())
    }

    /// Series whose last attempt failed, whatever the filter.
    #[must_use]
    pub fn all_failing(&self) -> &[SeriesStatus] {
        self.answers.failing_series().value.unwrap_or(&self.snap.data.failing)
    }

    /// Series whose last attempt failed: of a week once requested, else of a day.
    #[must_use]
    pub fn failing_series(&self) -> Vec<&SeriesStatus> {
        let all = self.answers.failing_series().value.unwrap_or(&self.snap.data.failing);
        let mut rows = self.filtered(ListId::FailingSeries, all);
        // As everywhere: what was called off has not failed.
        rows.retain(|row| row.failed());
        rows
    }

    #[must_use]
    pub fn failing_features(&self) -> Vec<&FeatureFailureRow> {
        self.filtered(ListId::FailingFeatures, self.answers.failing_features().value.unwrap_or_default())
    }

    #[must_use]
    pub fn quarantine(&self) -> Vec<&QuarantineRow> {
        self.filtered(ListId::Quarantine, self.answers.quarantine().value.unwrap_or_default())
    }

    #[must_use]
    pub fn alerts(&self) -> Vec<&AlertRow> {
        self.filtered(ListId::Alerts, self.answers.alerts().value.unwrap_or(&self.snap.data.alerts))
    }

    #[must_use]
    pub fn operator_actions(&self) -> Vec<&OperatorActionRow> {
        self.filtered(ListId::Actions, self.answers.actions().value.unwrap_or_default())
    }

    #[must_use]
    pub fn log_lines(&self) -> Vec<&LogLine> {
        self.log.lines().collect()
    }

    /// How many rows a list has.
    #[must_use]
    pub fn len_of(&self, list: ListId) -> usize {
        match list {
            ListId::Items => self.snap.live.runs.iter().map(|run| run.items.len()).sum(),
            ListId::OverviewAlerts => self.snap.data.alerts.len(),
            ListId::OverviewExecutions => self.snap.data.executions.len(),
            ListId::Freshness => 0,
            ListId::Symbols | ListId::Coverage => self.symbols.order.len(),
            ListId::Gaps => self.gaps().len(),
            ListId::DetailQuarantine => self.detail_quarantine().len(),
            ListId::Attempts => self.attempts().len(),
            ListId::DetailRequests => self.detail_requests().len(),
            ListId::Executions => self.executions().len(),
            ListId::ExecutionSeries => self.execution_series().len(),
            ListId::Requests => self.requests().len(),
            ListId::FailingSeries => self.failing_series().len(),
            ListId::FailingFeatures => self.failing_features().len(),
            ListId::Quarantine => self.quarantine().len(),
            ListId::Alerts => self.alerts().len(),
            ListId::Actions => self.operator_actions().len(),
            ListId::Log => self.log.lines().count(),
        }
    }

    /// What a row is, whatever its place.
    #[must_use]
    pub fn key_of(&self, list: ListId, row: usize) -> Option<RowKey> {
        let series = |status: &SeriesStatus| RowKey::Series((status.symbol.clone(), status.timeframe));
        Some(match list {
            ListId::Items => RowKey::Id(self.items().get(row)?.1.number as i64),
            ListId::OverviewAlerts => RowKey::Id(self.snap.data.alerts.get(row)?.id),
            ListId::OverviewExecutions => RowKey::Execution(self.snap.data.executions.get(row)?.execution_id),
            ListId::Freshness => return None,
            ListId::Symbols | ListId::Coverage => {
                let at = self.series_at(row)?;
                RowKey::Series((at.symbol.clone(), at.timeframe))
            }
            ListId::Gaps => RowKey::Id(self.gaps().get(row)?.range.start.ms()),
            ListId::DetailQuarantine => RowKey::Id(self.detail_quarantine().get(row)?.id),
            ListId::Attempts => RowKey::Execution(self.attempts().get(row)?.execution_id),
            ListId::DetailRequests => RowKey::Id(self.detail_requests().get(row)?.started_at.ms()),
            ListId::Executions => RowKey::Execution(self.executions().get(row)?.execution_id),
            ListId::ExecutionSeries => series(self.execution_series().get(row)?),
            ListId::Requests => RowKey::Id(self.requests().get(row)?.started_at.ms()),
            ListId::FailingSeries => series(self.failing_series().get(row)?),
            ListId::FailingFeatures => RowKey::Id(self.failing_features().get(row)?.id),
            ListId::Quarantine => RowKey::Id(self.quarantine().get(row)?.id),
            ListId::Alerts => RowKey::Id(self.alerts().get(row)?.id),
            ListId::Actions => RowKey::Id(self.operator_actions().get(row)?.id),
            ListId::Log => RowKey::Id(self.log.lines().nth(row)?.seq as i64),
        })
    }

    /// The selected row of a list; `None` when it has none.
    #[must_use]
    pub fn cursor(&self, list: ListId) -> Option<usize> {
        // The map's rows are the table's.
        let list = if list == ListId::Coverage { ListId::Symbols } else { list };
        let len = self.len_of(list);
        if list == ListId::Log && self.log.follow {
            return len.checked_sub(1);
        }
        match self.cursors.get(&list) {
            Some(cursor) => cursor.resolve(len, |row| self.key_of(list, row)),
            None => (len > 0).then_some(0),
        }
    }
}
