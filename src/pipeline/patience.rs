//! A store that waits for a lost database instead of failing at once.
//!
//! Every operation is safe to repeat (upserts, compare-and-write, atomic takes), so a call that failed because the
//! database went away is made again until it works or patience ends. Nothing that was fetched is lost meanwhile: the
//! page waits in the caller's hands and the queue behind it fills up. Patience is one for all: it counts from the first
//! call that failed since the last one that worked, so calls that follow one another do not each wait it out.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use crate::events::{Event, Listener};
use barkeep_base::timing::{self, Phase};
use barkeep_market::features::State;
use barkeep_market::{Interval, Symbol, Timeframe, Ts, split::Split};
use barkeep_store::{
    AlertRow, ApiKey, ApiRequest, Claim, CountedAnswer, Coverage, EnginePause, Evidence, ExecutionRow, FeatureBar,
    FeatureFailure, FeatureFailureRow, FeatureFreshness, FeatureOutcome, FeatureProgress, FeatureRow, FeatureWrite,
    Grant, HolidayRow, NewAlert, OpenAlertCount, OperatorAction, OperatorActionRow, PageCommit, QuarantineRow,
    RequestFilter, RequestRow, RequestTotals, Result, SeriesId, SeriesRow, SeriesStatus, Stamp, Store, StoreError,
    StoredBar, SymbolRow, Verdict, Waste, WriteOutcome,
};

/// First and longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Wraps a store with patience.
pub struct Patient {
    inner: Arc<dyn Store>,
    patience: Duration,
    listener: Arc<dyn Listener>,
    /// Since when nothing has worked. Many waiting tasks tell the loss once.
    lost: Mutex<Option<Instant>>,
}

impl Patient {
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, patience: Duration, listener: Arc<dyn Listener>) -> Self {
        Self { inner, patience, listener, lost: Mutex::new(None) }
    }

    async fn persist<T, F, Fut>(&self, operation: F) -> Result<T>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        timing::timed(Phase::Database, self.insist(operation)).await
    }

    async fn insist<T, F, Fut>(&self, operation: F) -> Result<T>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        // A lock can be in the way of this call alone, while others work.
        let mut since: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            match operation().await {
                Err(e) if e.is_transient() => {
                    let own = *since.get_or_insert_with(Instant::now);
                    let all = self.lose(&e);
                    if own.min(all).elapsed() >= self.patience {
                        return Err(e);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => {
                    self.find();
                    return outcome;
                }
            }
        }
    }

    fn lost(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure; since when nothing has worked.
    fn lose(&self, e: &StoreError) -> Instant {
        let mut lost = self.lost();
        *lost.get_or_insert_with(|| {
            tracing::warn!(error = %e, "the database does not answer; waiting for it");
            self.listener.hear(Event::DatabaseLost { error: e.to_string() });
            Instant::now()
        })
    }

    fn find(&self) {
        let Some(start) = self.lost().take() else { return };
        tracing::info!(after = ?start.elapsed(), "the database answers again");
        self.listener.hear(Event::DatabaseBack { after: start.elapsed() });
    }
}

#[async_trait]
impl Store for Patient {
    fn dialect(&self) -> &'static str {
        self.inner.dialect()
    }
    fn stamp(&self) -> Option<Stamp> {
        self.inner.stamp()
    }

    async fn ping(&self) -> Result<()> {
        self.persist(|| self.inner.ping()).await
    }
    async fn symbols(&self) -> Result<Vec<SymbolRow>> {
        self.persist(|| self.inner.symbols()).await
    }
    async fn put_symbols(&self, rows: &[SymbolRow]) -> Result<()> {
        self.persist(|| self.inner.put_symbols(rows)).await
    }
    async fn remove_symbol(&self, symbol: &Symbol) -> Result<()> {
        self.persist(|| self.inner.remove_symbol(symbol)).await
    }
    async fn series(&self) -> Result<Vec<SeriesRow>> {
        self.persist(|| self.inner.series()).await
    }
    async fn bars(&self, series: SeriesId, range: Interval, limit: usize) -> Result<Vec<StoredBar>> {
        self.persist(|| self.inner.bars(series, range, limit)).await
    }
    async fn bars_before(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<StoredBar>> {
        self.persist(|| self.inner.bars_before(series, t, count)).await
    }
    async fn bars_from(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<StoredBar>> {
        self.persist(|| self.inner.bars_from(series, t, count)).await
    }
    async fn coverage(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>> {
        self.persist(|| self.inner.coverage(series)).await
    }
    async fn commit_page(&self, page: PageCommit) -> Result<Vec<WriteOutcome>> {
        self.persist(|| self.inner.commit_page(page.clone())).await
    }
    async fn quarantine(&self, only_pending: bool) -> Result<Vec<QuarantineRow>> {
        self.persist(|| self.inner.quarantine(only_pending)).await
    }
    async fn decide_quarantine(&self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()> {
        self.persist(|| self.inner.decide_quarantine(id, verdict, accepted.clone(), at)).await
    }
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>> {
        self.persist(|| self.inner.splits(symbol)).await
    }
    async fn put_splits(&self, splits: &[(Symbol, Vec<Split>)], fetched_at: Ts) -> Result<()> {
        self.persist(|| self.inner.put_splits(splits, fetched_at)).await
    }
    async fn splits_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>> {
        self.persist(|| self.inner.splits_fetched_at()).await
    }
    async fn holidays(&self) -> Result<Vec<HolidayRow>> {
        self.persist(|| self.inner.holidays()).await
    }
    async fn put_holidays(&self, rows: &[HolidayRow]) -> Result<()> {
        self.persist(|| self.inner.put_holidays(rows)).await
    }
    async fn all_splits(&self) -> Result<Vec<(Symbol, Split)>> {
        self.persist(|| self.inner.all_splits()).await
    }
    async fn features(&self, series: SeriesId, range: Interval, limit: usize) -> Result<Vec<FeatureRow>> {
        self.persist(|| self.inner.features(series, range, limit)).await
    }
    async fn feature_count(&self, series: SeriesId) -> Result<i64> {
        self.persist(|| self.inner.feature_count(series)).await
    }
    async fn feature_progress(&self, series: &[SeriesId]) -> Result<Vec<FeatureProgress>> {
        self.persist(|| self.inner.feature_progress(series)).await
    }
    async fn feature_state(&self, series: SeriesId, t: Ts) -> Result<Option<State>> {
        self.persist(|| self.inner.feature_state(series, t)).await
    }
    async fn put_features(&self, writes: Arc<[FeatureWrite]>) -> Result<Vec<FeatureOutcome>> {
        self.persist(|| self.inner.put_features(Arc::clone(&writes))).await
    }
    async fn log_feature_failure(&self, failure: &FeatureFailure) -> Result<()> {
        self.persist(|| self.inner.log_feature_failure(failure)).await
    }
    async fn resolve_feature_failures(&self, symbol: &Symbol, timeframe: Timeframe, at: Ts) -> Result<u64> {
        self.persist(|| self.inner.resolve_feature_failures(symbol, timeframe, at)).await
    }
    async fn feature_failures(&self, only_open: bool, limit: usize) -> Result<Vec<FeatureFailureRow>> {
        self.persist(|| self.inner.feature_failures(only_open, limit)).await
    }
    async fn update_feature_freshness(&self, rows: &[FeatureFreshness]) -> Result<()> {
        self.persist(|| self.inner.update_feature_freshness(rows)).await
    }
    async fn feature_freshness(&self) -> Result<Vec<FeatureFreshness>> {
        self.persist(|| self.inner.feature_freshness()).await
    }
    async fn put_execution(&self, row: &ExecutionRow) -> Result<()> {
        self.persist(|| self.inner.put_execution(row)).await
    }
    async fn executions(&self, limit: usize) -> Result<Vec<ExecutionRow>> {
        self.persist(|| self.inner.executions(limit)).await
    }
    async fn running_executions(&self) -> Result<Vec<ExecutionRow>> {
        self.persist(|| self.inner.running_executions()).await
    }
    async fn put_series_statuses(&self, rows: &[SeriesStatus]) -> Result<()> {
        self.persist(|| self.inner.put_series_statuses(rows)).await
    }
    async fn series_statuses(&self, execution: Uuid) -> Result<Vec<SeriesStatus>> {
        self.persist(|| self.inner.series_statuses(execution)).await
    }
    async fn record_request(&self, row: &RequestRow) -> Result<()> {
        self.persist(|| self.inner.record_request(row)).await
    }
    async fn request_totals(&self) -> Result<RequestTotals> {
        self.persist(|| self.inner.request_totals()).await
    }
    async fn counted_answers(&self) -> Result<Vec<CountedAnswer>> {
        self.persist(|| self.inner.counted_answers()).await
    }
    async fn take_token(&self, limit: u32, window_ms: i64, now: Ts) -> Result<Grant> {
        // Part of the wait for the limit, which is measured as a whole.
        self.insist(|| self.inner.take_token(limit, window_ms, now)).await
    }
    async fn recent_starts(&self, window_ms: i64, now: Ts) -> Result<Vec<Ts>> {
        self.persist(|| self.inner.recent_starts(window_ms, now)).await
    }
    async fn put_plan(&self, id: Uuid, created_at: Ts, json: &str) -> Result<()> {
        self.persist(|| self.inner.put_plan(id, created_at, json)).await
    }
    async fn plan(&self, id: Uuid) -> Result<Option<String>> {
        self.persist(|| self.inner.plan(id)).await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
    async fn evidence(&self, now: Ts) -> Result<Vec<Evidence>> {
        self.persist(|| self.inner.evidence(now)).await
    }
    async fn quarantined_since(&self, series: SeriesId, since: Ts) -> Result<Vec<Ts>> {
        self.persist(|| self.inner.quarantined_since(series, since)).await
    }
    async fn execution(&self, id: Uuid) -> Result<Option<ExecutionRow>> {
        self.persist(|| self.inner.execution(id)).await
    }
    async fn last_success(&self) -> Result<Option<ExecutionRow>> {
        self.persist(|| self.inner.last_success()).await
    }
    async fn latest_statuses(&self, since: Ts) -> Result<Vec<SeriesStatus>> {
        self.persist(|| self.inner.latest_statuses(since)).await
    }
    async fn recent_statuses(&self, symbol: &Symbol, timeframe: Timeframe, limit: usize) -> Result<Vec<SeriesStatus>> {
        self.persist(|| self.inner.recent_statuses(symbol, timeframe, limit)).await
    }
    async fn open_feature_failure_count(&self) -> Result<i64> {
        self.persist(|| self.inner.open_feature_failure_count()).await
    }
    async fn series_without_features(&self) -> Result<Vec<SeriesId>> {
        self.persist(|| self.inner.series_without_features()).await
    }
    async fn record_action(&self, action: &OperatorAction) -> Result<()> {
        self.persist(|| self.inner.record_action(action)).await
    }
    async fn operator_actions(&self, target: Option<&str>, limit: usize) -> Result<Vec<OperatorActionRow>> {
        self.persist(|| self.inner.operator_actions(target, limit)).await
    }
    async fn alerts(&self, only_open: bool, limit: usize) -> Result<Vec<AlertRow>> {
        self.persist(|| self.inner.alerts(only_open, limit)).await
    }
    async fn raise_alert(&self, alert: &NewAlert) -> Result<bool> {
        self.persist(|| self.inner.raise_alert(alert)).await
    }
    async fn open_alert_counts(&self) -> Result<Vec<OpenAlertCount>> {
        self.persist(|| self.inner.open_alert_counts()).await
    }

    async fn engine_pause(&self) -> Result<Option<EnginePause>> {
        self.persist(|| self.inner.engine_pause()).await
    }

    async fn set_engine_pause(&self, pause: Option<&EnginePause>) -> Result<()> {
        self.persist(|| self.inner.set_engine_pause(pause)).await
    }

    async fn resolve_alert(&self, kind: &str, subject: Option<&str>, at: Ts) -> Result<bool> {
        self.persist(|| self.inner.resolve_alert(kind, subject, at)).await
    }
    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.persist(|| self.inner.api_keys()).await
    }
    async fn add_api_key(&self, key: &ApiKey) -> Result<()> {
        self.persist(|| self.inner.add_api_key(key)).await
    }
    async fn revoke_api_key(&self, name: &str, at: Ts) -> Result<bool> {
        self.persist(|| self.inner.revoke_api_key(name, at)).await
    }
    async fn note_api_keys_used(&self, used: &[(i64, Ts)]) -> Result<()> {
        self.persist(|| self.inner.note_api_keys_used(used)).await
    }
    async fn claim_request(&self, request: &ApiRequest, expired: Ts, abandoned: Ts) -> Result<Claim> {
        self.persist(|| self.inner.claim_request(request, expired, abandoned)).await
    }
    async fn settle_request(&self, request: &ApiRequest, answer: Option<(u16, String)>) -> Result<()> {
        self.persist(|| self.inner.settle_request(request, answer.clone())).await
    }
    async fn series_marks(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, i64)>> {
        self.persist(|| self.inner.series_marks(series)).await
    }
    async fn busiest_symbols(&self, count: usize) -> Result<Vec<Symbol>> {
        self.persist(|| self.inner.busiest_symbols(count)).await
    }

    async fn set_paused(&self, series: &[(Symbol, Timeframe)], paused: bool) -> Result<()> {
        self.persist(|| self.inner.set_paused(series, paused)).await
    }
    async fn requests(&self, filter: &RequestFilter, limit: usize) -> Result<Vec<RequestRow>> {
        self.persist(|| self.inner.requests(filter, limit)).await
    }
    async fn wasted(&self) -> Result<Vec<(Waste, i64)>> {
        self.persist(|| self.inner.wasted()).await
    }

    // -- for screens -------------------------------------------------------------------------------------------------

    async fn bar_counts(&self, series: SeriesId, range: Interval, piece_ms: i64) -> Result<Vec<(Ts, i64)>> {
        self.persist(|| self.inner.bar_counts(series, range, piece_ms)).await
    }

    // -- many at once ------------------------------------------------------------------------------------------------

    async fn commit_pages(&self, pages: Arc<[PageCommit]>) -> Result<Vec<Vec<WriteOutcome>>> {
        self.persist(|| self.inner.commit_pages(Arc::clone(&pages))).await
    }
    async fn feature_bars(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<FeatureBar>> {
        self.persist(|| self.inner.feature_bars(series, t, count)).await
    }
}
