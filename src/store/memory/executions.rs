//! Executions with the state of each series in them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::requests::Requests;
use crate::tables::executions::taken_over;
use crate::{
    ExecutionRow, ExecutionStatus, KeptClaim, RequestFilter, RequestRow, Result, SeriesClaim, SeriesClaiming,
    SeriesRunState, SeriesStatus, StoreError, claims,
};
use barkeep_market::{Symbol, Timeframe, Ts};

#[derive(Debug, Default)]
pub(super) struct Executions {
    by_id: BTreeMap<Uuid, Execution>,
    last_status: i64,
    claims: Vec<KeptClaim>,
}

#[derive(Debug)]
struct Execution {
    row: ExecutionRow,
    /// Each with the key it got when it was first written: keys grow with time.
    statuses: BTreeMap<(Symbol, Timeframe), (i64, SeriesStatus)>,
}

impl Execution {
    /// One that runs says what it did so far.
    fn now(&self, requests: &Requests) -> ExecutionRow {
        if self.row.status != ExecutionStatus::Running {
            return self.row.clone();
        }
        let id = Some(self.row.execution_id);
        let mine = requests.newest(&RequestFilter { execution: id, ..RequestFilter::default() }, usize::MAX);
        let count = |wanted: fn(&RequestRow) -> bool| mine.iter().filter(|row| wanted(row)).count() as i64;
        let records: i64 = self.statuses.values().map(|(_, row)| row.records_processed).sum();
        ExecutionRow {
            requests: self.row.requests.max(count(|_| true)),
            rate_limited: self.row.rate_limited.max(count(|row| row.status == Some(429))),
            retries: self.row.retries.max(count(|row| row.attempt > 1)),
            total_records_processed: self.row.total_records_processed + records,
            ..self.row.clone()
        }
    }
}

impl Executions {
    pub(super) fn put(&mut self, row: &ExecutionRow, from: &str) -> Result<()> {
        if self.by_id.get(&row.execution_id).is_some_and(|e| e.row.owner != row.owner && e.row.owner != from) {
            return Err(taken_over(row));
        }
        self.by_id
            .entry(row.execution_id)
            .and_modify(|e| e.row = row.clone())
            .or_insert_with(|| Execution { row: row.clone(), statuses: BTreeMap::new() });
        Ok(())
    }

    pub(super) fn claim(&mut self, wanted: &SeriesClaim) -> SeriesClaiming {
        let claiming = claims::decide(&self.claims, wanted);
        let place = claims::place_of(&self.claims, wanted.execution_id);
        let (granted, families) = match &claiming {
            SeriesClaiming::Granted(families) => (true, families.clone()),
            SeriesClaiming::Waits(_) => (false, wanted.families.clone()),
        };
        self.release(wanted.execution_id);
        self.claims.push(KeptClaim { place, granted, claim: SeriesClaim { families, ..wanted.clone() } });
        claiming
    }

    pub(super) fn release(&mut self, execution: Uuid) {
        self.claims.retain(|kept| kept.claim.execution_id != execution);
    }

    pub(super) fn one(&self, id: Uuid, requests: &Requests) -> Option<ExecutionRow> {
        self.by_id.get(&id).map(|e| e.now(requests))
    }

    /// The newest of those wanted, newest first; of equally old ones the smaller id first.
    pub(super) fn newest(
        &self,
        limit: Option<usize>,
        requests: &Requests,
        wanted: impl Fn(&ExecutionRow) -> bool,
    ) -> Vec<ExecutionRow> {
        let mut rows: Vec<&Execution> = self.by_id.values().filter(|e| wanted(&e.row)).collect();
        rows.sort_by_key(|e| (Reverse(e.row.started_at), e.row.execution_id));
        rows.truncate(limit.unwrap_or(rows.len()));
        rows.into_iter().map(|e| e.now(requests)).collect()
    }

    /// The one that ended last among those that brought something for at least one symbol.
    pub(super) fn last_success(&self) -> Option<ExecutionRow> {
        let good = |row: &&ExecutionRow| match row.status {
            ExecutionStatus::Completed => row.completed_at.is_some(),
            ExecutionStatus::CompletedWithErrors => row.completed_at.is_some() && row.successful_symbols > 0,
            _ => false,
        };
        self.by_id.values().map(|e| &e.row).filter(good).max_by_key(|row| row.completed_at).cloned()
    }

    /// Refuses what names an execution that does not exist, as a foreign key does.
    pub(super) fn check(&self, named: impl IntoIterator<Item = Uuid>) -> Result<()> {
        match named.into_iter().find(|id| !self.by_id.contains_key(id)) {
            Some(id) => Err(StoreError::Refused(format!("no execution has the id {id}"))),
            None => Ok(()),
        }
    }

    pub(super) fn check_statuses(&self, rows: &[SeriesStatus]) -> Result<()> {
        self.check(rows.iter().map(|row| row.execution_id))
    }

    /// Takes rows that were checked.
    pub(super) fn put_statuses(&mut self, rows: &[SeriesStatus]) {
        for row in rows {
            if let Some(execution) = self.by_id.get_mut(&row.execution_id) {
                self.last_status += 1;
                let of = (row.symbol.clone(), row.timeframe);
                execution.statuses.entry(of).or_insert((self.last_status, row.clone())).1 = row.clone();
            }
        }
    }

    /// By symbol, fine to coarse.
    pub(super) fn statuses(&self, execution: Uuid) -> Vec<SeriesStatus> {
        let all = self.by_id.get(&execution).map(|e| e.statuses.values().map(|(_, row)| row.clone()).collect());
        all.unwrap_or_default()
    }

    /// The newest finished status of each series, over executions started since then; by symbol, fine to coarse.
    pub(super) fn latest_statuses(&self, since: Ts) -> Vec<SeriesStatus> {
        let recent = self.by_id.values().filter(|e| e.row.started_at >= since);
        let mut finished: Vec<_> = recent
            .flat_map(|e| &e.statuses)
            .filter(|(_, (_, row))| matches!(row.status, SeriesRunState::Completed | SeriesRunState::Failed))
            .collect();
        finished.sort_by_key(|(of, (key, _))| (*of, Reverse(*key)));
        finished.dedup_by_key(|(of, _)| *of);
        finished.into_iter().map(|(_, (_, row))| row.clone()).collect()
    }

    /// Newest first.
    pub(super) fn recent_statuses(&self, symbol: &Symbol, timeframe: Timeframe, limit: usize) -> Vec<SeriesStatus> {
        let of = (symbol.clone(), timeframe);
        let mut mine: Vec<_> = self.by_id.values().filter_map(|e| e.statuses.get(&of)).collect();
        mine.sort_by_key(|(key, _)| Reverse(*key));
        mine.into_iter().take(limit).map(|(_, row)| row.clone()).collect()
    }
}
