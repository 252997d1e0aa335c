//! Executions with the state of each series in them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use crate::market::{Symbol, Timeframe};
use crate::store::{ExecutionRow, Result, SeriesStatus, StoreError};

#[derive(Debug, Default)]
pub(super) struct Executions(BTreeMap<Uuid, Execution>);

#[derive(Debug)]
struct Execution {
    row: ExecutionRow,
    statuses: BTreeMap<(Symbol, Timeframe), SeriesStatus>,
}

impl Executions {
    pub(super) fn put(&mut self, row: &ExecutionRow) {
        self.0
            .entry(row.execution_id)
            .and_modify(|e| e.row = row.clone())
            .or_insert_with(|| Execution { row: row.clone(), statuses: BTreeMap::new() });
    }

    /// The newest of those wanted, newest first; of equally old ones the smaller id first.
    pub(super) fn newest(&self, limit: usize, wanted: impl Fn(&ExecutionRow) -> bool) -> Vec<ExecutionRow> {
        let mut rows: Vec<&ExecutionRow> = self.0.values().map(|e| &e.row).filter(|row| wanted(row)).collect();
        rows.sort_by_key(|row| (Reverse(row.started_at), row.execution_id));
        rows.into_iter().take(limit).cloned().collect()
    }

    /// Refuses rows of executions that do not exist, as a foreign key does.
    pub(super) fn check(&self, rows: &[SeriesStatus]) -> Result<()> {
        match rows.iter().find(|row| !self.0.contains_key(&row.execution_id)) {
            Some(row) => Err(StoreError::Refused(format!("there is no execution {}", row.execution_id))),
            None => Ok(()),
        }
    }

    /// Takes rows that were checked.
    pub(super) fn put_statuses(&mut self, rows: &[SeriesStatus]) {
        for row in rows {
            if let Some(execution) = self.0.get_mut(&row.execution_id) {
                execution.statuses.insert((row.symbol.clone(), row.timeframe), row.clone());
            }
        }
    }

    /// By symbol, fine to coarse.
    pub(super) fn statuses(&self, execution: Uuid) -> Vec<SeriesStatus> {
        self.0.get(&execution).map(|e| e.statuses.values().cloned().collect()).unwrap_or_default()
    }
}
