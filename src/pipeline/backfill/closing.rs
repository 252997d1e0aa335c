//! The end of a run: what it did is added up, its rows are closed.
//!
//! Every series named is closed, complete or failed with its reason, before the execution is. With the database lost
//! nothing is closed here: the execution is as soon as the database answers, else a later start does it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_util::sync::CancellationToken;

use super::naming::Told;
use super::unfinished::{Unfinished, describe};
use super::wanted::cutting;
use super::{Run, RunError};
use crate::fetch::plan_start::PlanStarts;
use crate::halts;
use crate::index::coverage::SeriesKey;
use crate::select::{SelectError, Target};
use crate::summary::{self, CountedSeries, Doubts, PlanBegins, Restated, Summary};
use barkeep_market::{Criticality, Symbol, Ts};
use barkeep_progress::series_statuses::AT_ONCE;
use barkeep_store::{ExecutionRow, ExecutionStatus, SeriesRow};

/// What was found besides the bars.
struct Found {
    doubts: Doubts,
    restated: Restated,
    plan_starts: Vec<PlanBegins>,
}

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
            self.refresh_terms().await?;
            self.check_nights().await?;
            self.feature_runner.finish().await?;
        }
        halts::mark(engine).await?;
        let now = engine.clock.now();
        self.fetcher.forget_outgrown_plan_starts().await?;
        let restated = self.close_verification(now).await?.unwrap_or_default();
        let doubts = self.doubts().await?;
        let told = match outcome {
            Ok(()) if !cancel.is_cancelled() => self.look_up(now).await?,
            _ => Told::default(),
        };
        let mut unfinished = self.unfinished(now).await?;
        told.add_to(&mut unfinished, &self.context.targets);
        let cancelled = cancel.is_cancelled();
        let reasons: BTreeMap<SeriesKey, String> =
            unfinished.iter().map(|(key, (gaps, reason))| (key.clone(), describe(*gaps, reason))).collect();
        for some in self.context.targets.chunks(AT_ONCE) {
            let rows = self.statuses().closed(some, &reasons, now);
            engine.store.put_series_statuses(rows).await?;
        }

        let status = self.status(&outcome, cancelled, &unfinished);
        let plan_starts = self.plan_begins()?;
        let found = Found { doubts, restated, plan_starts };
        // The summary looks at the statuses itself.
        let requested = self.statuses().requested();
        let summary = Summary { notes: told.notes, ..self.summary(status, requested, &unfinished, found, now) };
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

    /// What the ledger says of the series of this run.
    async fn doubts(&self) -> Result<Doubts, RunError> {
        let engine = self.engine();
        let doubtful = engine.store.doubtful().await?;
        if doubtful.is_empty() {
            return Ok(Doubts::default());
        }
        let targets: HashMap<&Symbol, &Target> = self.context.targets.iter().map(|t| (&t.row.symbol, t)).collect();
        let counted = |row: SeriesRow| {
            let target = targets.get(&row.symbol).filter(|target| target.requested.contains(&row.timeframe))?;
            let is_critical = target.row.criticality == Criticality::Critical;
            Some((row.id, CountedSeries { symbol: row.symbol, class: target.row.asset_class, is_critical }))
        };
        let series = engine.store.series().await?.into_iter().filter_map(counted).collect();
        Ok(Doubts::of(&doubtful, &series, &engine.calendar))
    }

    /// Where the plan's history begins, where it cut off something that was asked.
    fn plan_begins(&self) -> Result<Vec<PlanBegins>, RunError> {
        let starts = self.fetcher.plan_starts();
        let states = self.context.targets.iter().flat_map(|target| self.context.coverage.families(target));
        let asked = states.map(|state| Ok(((state.vendor, state.class), self.wanted().asked(&state)?)));
        let asked = asked.collect::<Result<Vec<_>, SelectError>>()?;
        let cut = if self.backfill.newest_only { PlanStarts::new() } else { cutting(&starts, asked.into_iter()) };
        Ok(cut.into_iter().map(|(continuous, starts_on)| PlanBegins { continuous, starts_on }).collect())
    }

    fn summary(
        &self,
        status: ExecutionStatus,
        series: usize,
        unfinished: &Unfinished,
        found: Found,
        now: Ts,
    ) -> Summary {
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
            doubts: found.doubts,
            bars_late: totals.late,
            bars_changed: totals.changed,
            rechecks: totals.rechecks,
            restated: found.restated,
            plan_starts: found.plan_starts,
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
        let before = &self.execution;
        let (total, failed) = (self.context.targets.len() as i64, symbols(unfinished).len() as i64);
        ExecutionRow {
            completed_at: Some(now),
            duration_seconds: Some((now - self.execution.started_at).max(0) as f64 / 1000.0),
            successful_symbols: total - failed,
            failed_symbols: failed,
            total_records_processed: before.total_records_processed + self.fetcher.progress.totals().received as i64,
            requests: before.requests + summary.requests as i64,
            rate_limited: before.rate_limited + summary.rate_limited as i64,
            retries: before.retries + summary.retries as i64,
            late_bars: before.late_bars + summary.bars_late as i64,
            changed_bars: before.changed_bars + summary.bars_changed as i64,
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
