//! The end of a run: what it did is added up, its rows are closed.
//!
//! Every series named is closed, complete or failed with its reason, before the execution is. With the database lost
//! nothing is closed; a later start does it (`dead`).

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::naming::Told;
use super::unfinished::{Unfinished, describe};
use super::{Run, RunError};
use crate::halts;
use crate::index::coverage::SeriesKey;
use crate::summary::{self, Summary};
use barkeep_market::{Symbol, Ts};
use barkeep_store::{ExecutionRow, ExecutionStatus};

impl Run<'_> {
    /// Adds up, closes the execution and the status rows.
    pub(super) async fn finish(
        &self,
        outcome: Result<(), RunError>,
        cancel: &CancellationToken,
    ) -> Result<Summary, RunError> {
        let engine = self.engine();
        match outcome {
            // A refused key leaves nothing behind.
            Err(RunError::KeyRefused(fault)) if !self.fetcher.registry.is_done() => {
                return Err(RunError::KeyRefused(fault));
            }
            Err(RunError::Store(e)) => return Err(RunError::Store(e)),
            _ => {}
        }
        self.fetcher.registry.register().await?;
        if !cancel.is_cancelled() {
            self.check_announcements().await?;
            self.check_splits().await?;
            self.feature_runner.finish().await?;
        }
        halts::mark(engine).await?;
        let now = engine.clock.now();
        let told = match outcome {
            Ok(()) if !cancel.is_cancelled() => self.look_up(now).await?,
            _ => Told::default(),
        };
        let mut unfinished = self.unfinished(now).await?;
        told.add_to(&mut unfinished, &self.context.targets);
        let cancelled = cancel.is_cancelled();
        let reasons: BTreeMap<SeriesKey, String> =
            unfinished.iter().map(|(key, (gaps, reason))| (key.clone(), describe(*gaps, reason))).collect();
        let statuses = self.statuses().close(&reasons, now);
        engine.store.put_series_statuses(&statuses).await?;

        let status = self.status(&outcome, cancelled, &unfinished);
        let summary = Summary { notes: told.notes, ..self.summary(status, statuses.len(), &unfinished, now) };
        engine.store.put_execution(&self.closed(&summary, &outcome, &unfinished, now)).await?;
        outcome.map(|()| summary)
    }

    fn status(&self, outcome: &Result<(), RunError>, cancelled: bool, unfinished: &Unfinished) -> ExecutionStatus {
        match (outcome, cancelled, unfinished.is_empty()) {
            (Err(_), ..) => ExecutionStatus::Failed,
            (_, true, _) => ExecutionStatus::Cancelled,
            (_, _, true) => ExecutionStatus::Completed,
            _ if symbols(unfinished).len() == self.context.targets.len()
                && self.fetcher.progress.totals().received == 0 =>
            {
                ExecutionStatus::Failed
            }
            _ => ExecutionStatus::CompletedWithErrors,
        }
    }

    fn summary(&self, status: ExecutionStatus, series: usize, unfinished: &Unfinished, now: Ts) -> Summary {
        let totals = self.fetcher.progress.totals();
        let requests_needed = self.fetcher.capabilities().needed;
        Summary {
            execution_id: self.execution.execution_id,
            status,
            requests: totals.requests,
            rate_limited: totals.rate_limited,
            retries: totals.retries,
            requests_needed,
            plan_efficiency: (requests_needed > 0).then(|| totals.requests as f64 / requests_needed as f64),
            bars_written: totals.written,
            bars_unchanged: totals.unchanged,
            quarantined: totals.quarantined,
            features_written: totals.features_written,
            features_failed: self.statuses().feature_failures().len() as u64,
            series_total: series as u64,
            series_failed: unfinished.len() as u64,
            gaps_left: unfinished.values().map(|(gaps, _)| *gaps as u64).sum(),
            duration_seconds: (now - self.execution.started_at).max(0) as f64 / 1000.0,
            notes: Vec::new(),
            unfinished: unfinished
                .iter()
                .map(|((symbol, timeframe), (gaps, reason))| summary::Unfinished {
                    symbol: symbol.to_string(),
                    timeframe: timeframe.to_string(),
                    gaps: *gaps,
                    reason: reason.clone(),
                })
                .collect(),
        }
    }

    /// The execution as it ends.
    fn closed(
        &self,
        summary: &Summary,
        outcome: &Result<(), RunError>,
        unfinished: &Unfinished,
        now: Ts,
    ) -> ExecutionRow {
        let (total, failed) = (self.context.targets.len() as i64, symbols(unfinished).len() as i64);
        ExecutionRow {
            completed_at: Some(now),
            duration_seconds: Some(summary.duration_seconds),
            successful_symbols: total - failed,
            failed_symbols: failed,
            total_records_processed: self.fetcher.progress.totals().received as i64,
            requests: summary.requests as i64,
            rate_limited: summary.rate_limited as i64,
            retries: summary.retries as i64,
            status: summary.status,
            error_message: self.first_reason(outcome),
            ..self.execution.clone()
        }
    }

    fn first_reason(&self, outcome: &Result<(), RunError>) -> Option<String> {
        match outcome {
            Err(e) => Some(e.to_string()),
            Ok(()) => self.failed().iter().next().map(|((symbol, _), reason)| format!("{symbol}: {reason}")),
        }
    }
}

fn symbols(unfinished: &Unfinished) -> BTreeSet<&Symbol> {
    unfinished.keys().map(|(symbol, _)| symbol).collect()
}
