//! A store that waits for a lost database instead of failing at once.
//!
//! Every operation is safe to repeat (upserts, compare-and-write, atomic takes), so a call that failed because the
//! database went away is made again until it works or patience ends. Nothing that was fetched is lost meanwhile: the
//! page waits in the caller's hands and the queue behind it fills up.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use super::progress::{Event, Listener};
use crate::market::{Interval, Symbol, Ts, split::Split};
use crate::store::{
    CountedAnswer, Coverage, ExecutionRow, Grant, HolidayRow, PageCommit, QuarantineRow, RequestRow, RequestTotals,
    Result, SeriesId, SeriesRow, SeriesStatus, Store, StoredBar, SymbolRow, Verdict, WriteOutcome,
};
use crate::timing::{self, Phase};

/// First and longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Wraps a store with patience.
pub struct Patient {
    inner: Arc<dyn Store>,
    patience: Duration,
    listener: Arc<dyn Listener>,
    /// Whether the loss was told, so that many waiting tasks tell it once.
    lost: AtomicBool,
}

impl Patient {
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, patience: Duration, listener: Arc<dyn Listener>) -> Self {
        Self { inner, patience, listener, lost: AtomicBool::new(false) }
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
        let mut since: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            match operation().await {
                Err(e) if e.is_transient() => {
                    let start = *since.get_or_insert_with(Instant::now);
                    if start.elapsed() >= self.patience {
                        return Err(e);
                    }
                    if !self.lost.swap(true, Ordering::SeqCst) {
                        tracing::warn!(error = %e, "the database does not answer; waiting for it");
                        self.listener.hear(Event::DatabaseLost { error: e.to_string() });
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => {
                    if let Some(start) = since
                        && self.lost.swap(false, Ordering::SeqCst)
                    {
                        tracing::info!(after = ?start.elapsed(), "the database answers again");
                        self.listener.hear(Event::DatabaseBack { after: start.elapsed() });
                    }
                    return outcome;
                }
            }
        }
    }
}

#[async_trait]
impl Store for Patient {
    fn dialect(&self) -> &'static str {
        self.inner.dialect()
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
}
