//! What the monitoring tables say of features: failures, and how fresh each series is.

use std::collections::HashMap;

use crate::refresh::{Refresh, Refreshed};
use barkeep_base::text::printable;
use barkeep_market::{Symbol, Timeframe, freshness};
use barkeep_store::{FeatureFailure, FeatureFreshness, StoreError};

impl Refresh<'_> {
    /// Logs the series that failed and resolves those that have come right.
    pub(crate) async fn note_failures(&self, all: &[Refreshed]) -> Result<(), StoreError> {
        for one in all {
            let (symbol, timeframe) = (&one.progress.series.symbol, one.progress.series.timeframe);
            if let Some(why) = &one.failure {
                tracing::warn!(%symbol, %timeframe, why, "features could not be computed; the next run tries again");
                let failure = FeatureFailure {
                    symbol: symbol.clone(),
                    timeframe,
                    error_message: printable(why),
                    execution_id: self.execution,
                    failed_at: self.clock.now(),
                };
                self.store.log_feature_failure(&failure).await?;
            } else if one.complete && one.progress.failing {
                self.store.resolve_feature_failures(symbol, timeframe, self.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Says how fresh these series are.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn report(&self, all: &[Refreshed]) -> Result<(), StoreError> {
        let rows = self.freshness(all).await?;
        if rows.is_empty() { Ok(()) } else { self.store.update_feature_freshness(&rows).await }
    }

    /// The same of many series of which few have changed: rows that say so already are not written again.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn report_changes(&self, all: &[Refreshed]) -> Result<(), StoreError> {
        let stored = self.store.feature_freshness().await?;
        let stored: HashMap<(Symbol, Timeframe), FeatureFreshness> =
            stored.into_iter().map(|row| ((row.symbol.clone(), row.timeframe), row)).collect();
        let is_news = |row: &FeatureFreshness| {
            stored.get(&(row.symbol.clone(), row.timeframe)).is_none_or(|old| {
                let last_computed_at = row.last_computed_at.or(old.last_computed_at);
                FeatureFreshness { last_computed_at, updated_at: old.updated_at, ..row.clone() } != *old
            })
        };
        let mut rows = self.freshness(all).await?;
        rows.retain(is_news);
        if rows.is_empty() { Ok(()) } else { self.store.update_feature_freshness(&rows).await }
    }

    async fn freshness(&self, all: &[Refreshed]) -> Result<Vec<FeatureFreshness>, StoreError> {
        let now = self.clock.now();
        let ids: Vec<_> = all.iter().map(|one| one.progress.series.id).collect();
        // The counts after the work, not before it.
        let after = self.store.feature_progress(&ids).await?;
        let after: HashMap<_, _> = after.into_iter().map(|p| (p.series.id, p)).collect();
        let mut rows = Vec::with_capacity(all.len());
        for one in all {
            let Some(progress) = after.get(&one.progress.series.id) else { continue };
            let series = &progress.series;
            // Features end where the bars do, unless some are still to be computed.
            let (newest, count) = if progress.stale_from.is_none() {
                (series.last_ts, series.bar_count)
            } else {
                let newest = self.store.features(series.id, (..).into(), Some(1)).await?.last().map(|row| row.ts);
                (newest, self.store.feature_count(series.id).await?)
            };
            let behind = freshness::behind(
                self.calendar,
                self.settings.staleness.clock,
                one.class,
                series.timeframe,
                newest,
                one.vendor.delay(self.settings.vendor.delay),
                self.settings.backfill.settle,
                now,
            );
            rows.push(FeatureFreshness {
                symbol: series.symbol.clone(),
                timeframe: series.timeframe,
                last_computed_at: (one.touched && one.complete).then_some(now),
                data_point_count: count,
                status: freshness::tier(behind, series.checked_at.is_some(), self.settings.staleness.limits),
                staleness_seconds: behind.map(|ms| ms / 1_000),
                updated_at: now,
            });
        }
        Ok(rows)
    }
}
