//! The store itself: reads on a small pool, writes through the writer task. Each operation lives in the file of its
//! subject; this one only routes.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, Postgres};
use sqlx::sqlite::{Sqlite, SqlitePool};
use uuid::Uuid;

use super::conn::{Conn, Dialect, Sql};
use super::writer::{Work, Writer};
use super::{
    AlertRow, ApiKey, ApiRequest, Claim, CountedAnswer, Coverage, EnginePause, Evidence, ExecutionRow, FeatureBar,
    FeatureFailure, FeatureFailureRow, FeatureFreshness, FeatureOutcome, FeatureProgress, FeatureRow, FeatureWrite,
    Grant, HolidayRow, NewAlert, OpenAlertCount, OperatorAction, OperatorActionRow, PageCommit, QuarantineRow,
    RequestFilter, RequestRow, RequestTotals, Result, SeriesId, SeriesRow, SeriesStatus, Stamp, Store, StoreError,
    StoredBar, SymbolRow, Verdict, Waste, WriteOutcome, alerts, api, bars, coverage, engine_state, evidence,
    executions, fault, features, monitoring, page, plans, quarantine, reference, requests, symbols,
};
use barkeep_market::features::State;
use barkeep_market::{Interval, Symbol, Timeframe, Ts, split::Split};

/// Connections that only read.
pub(super) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An open database.
pub(super) struct Database {
    pub(super) readers: Readers,
    /// `None` when opened for reading only.
    pub(super) writer: Option<Writer>,
    /// SQLite's.
    pub(super) file: Option<PathBuf>,
}

enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Reader {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c) => Conn::Postgres(c),
        }
    }
}

impl Database {
    async fn reader(&self) -> Result<Reader> {
        match &self.readers {
            Readers::Sqlite(pool) => match pool.acquire().await {
                Ok(conn) => Ok(Reader::Sqlite(conn)),
                Err(sqlx::Error::PoolTimedOut) => Err(StoreError::Busy("all readers are occupied".into())),
                Err(error) => Err(fault::classify(error)),
            },
            Readers::Postgres(pool) => pool.acquire().await.map(Reader::Postgres).map_err(fault::classify),
        }
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output> {
        match &self.writer {
            Some(writer) => writer.perform(work).await,
            None => Err(StoreError::Refused("it was opened for reading only".into())),
        }
    }
}

#[async_trait]
impl Store for Database {
    fn dialect(&self) -> &'static str {
        match self.readers {
            Readers::Sqlite(_) => Dialect::Sqlite.name(),
            Readers::Postgres(_) => Dialect::Postgres.name(),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        self.file.as_deref().and_then(Stamp::of)
    }

    async fn ping(&self) -> Result<()> {
        self.reader().await?.conn().rows(Sql::same("SELECT 1"), &[]).await.map(drop)
    }

    async fn symbols(&self) -> Result<Vec<SymbolRow>> {
        symbols::all(&mut self.reader().await?.conn()).await
    }

    async fn put_symbols(&self, rows: &[SymbolRow]) -> Result<()> {
        self.write(symbols::Put(rows.to_vec())).await
    }

    async fn remove_symbol(&self, symbol: &Symbol) -> Result<()> {
        self.write(symbols::Remove(symbol.clone())).await
    }

    async fn series(&self) -> Result<Vec<SeriesRow>> {
        symbols::series(&mut self.reader().await?.conn()).await
    }

    async fn bars(&self, series: SeriesId, range: Interval, limit: usize) -> Result<Vec<StoredBar>> {
        bars::within(&mut self.reader().await?.conn(), series, range, limit).await
    }

    async fn bars_before(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<StoredBar>> {
        bars::before(&mut self.reader().await?.conn(), series, t, count).await
    }

    async fn bars_from(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<StoredBar>> {
        bars::within(&mut self.reader().await?.conn(), series, Interval::new(t, Ts(i64::MAX)), count).await
    }

    async fn coverage(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>> {
        coverage::of(&mut self.reader().await?.conn(), series).await
    }

    async fn commit_page(&self, page: PageCommit) -> Result<Vec<WriteOutcome>> {
        let mut outcomes = self.write(page::Commit(Arc::new([page]))).await?;
        Ok(outcomes.pop().unwrap_or_default())
    }

    async fn quarantine(&self, only_pending: bool) -> Result<Vec<QuarantineRow>> {
        quarantine::all(&mut self.reader().await?.conn(), only_pending).await
    }

    async fn decide_quarantine(&self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()> {
        self.write(quarantine::Decide { id, verdict, accepted, at }).await
    }

    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>> {
        reference::splits(&mut self.reader().await?.conn(), symbol).await
    }

    async fn put_splits(&self, splits: &[(Symbol, Vec<Split>)], fetched_at: Ts) -> Result<()> {
        self.write(reference::PutSplits { splits: splits.to_vec(), fetched_at }).await
    }

    async fn splits_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>> {
        reference::splits_fetched_at(&mut self.reader().await?.conn()).await
    }

    async fn holidays(&self) -> Result<Vec<HolidayRow>> {
        reference::holidays(&mut self.reader().await?.conn()).await
    }

    async fn put_holidays(&self, rows: &[HolidayRow]) -> Result<()> {
        self.write(reference::PutHolidays(rows.to_vec())).await
    }

    async fn all_splits(&self) -> Result<Vec<(Symbol, Split)>> {
        reference::all_splits(&mut self.reader().await?.conn()).await
    }

    async fn features(&self, series: SeriesId, range: Interval, limit: usize) -> Result<Vec<FeatureRow>> {
        features::newest(&mut self.reader().await?.conn(), series, range, limit).await
    }

    async fn feature_count(&self, series: SeriesId) -> Result<i64> {
        features::count(&mut self.reader().await?.conn(), series).await
    }

    async fn feature_progress(&self, series: &[SeriesId]) -> Result<Vec<FeatureProgress>> {
        features::progress(&mut self.reader().await?.conn(), series).await
    }

    async fn feature_state(&self, series: SeriesId, t: Ts) -> Result<Option<State>> {
        features::state(&mut self.reader().await?.conn(), series, t).await
    }

    async fn put_features(&self, writes: Arc<[FeatureWrite]>) -> Result<Vec<FeatureOutcome>> {
        self.write(features::Put(writes)).await
    }

    async fn log_feature_failure(&self, failure: &FeatureFailure) -> Result<()> {
        self.write(monitoring::Log(failure.clone())).await
    }

    async fn resolve_feature_failures(&self, symbol: &Symbol, timeframe: Timeframe, at: Ts) -> Result<u64> {
        self.write(monitoring::Resolve { symbol: symbol.clone(), timeframe, at }).await
    }

    async fn feature_failures(&self, only_open: bool, limit: usize) -> Result<Vec<FeatureFailureRow>> {
        monitoring::failures(&mut self.reader().await?.conn(), only_open, limit).await
    }

    async fn update_feature_freshness(&self, rows: &[FeatureFreshness]) -> Result<()> {
        self.write(monitoring::PutFreshness(rows.to_vec())).await
    }

    async fn feature_freshness(&self) -> Result<Vec<FeatureFreshness>> {
        monitoring::freshness(&mut self.reader().await?.conn()).await
    }

    async fn put_execution(&self, row: &ExecutionRow) -> Result<()> {
        self.write(executions::Put(row.clone())).await
    }

    async fn executions(&self, limit: usize) -> Result<Vec<ExecutionRow>> {
        executions::newest(&mut self.reader().await?.conn(), limit).await
    }

    async fn running_executions(&self) -> Result<Vec<ExecutionRow>> {
        executions::running(&mut self.reader().await?.conn()).await
    }

    async fn put_series_statuses(&self, rows: &[SeriesStatus]) -> Result<()> {
        self.write(executions::PutStatuses(rows.to_vec())).await
    }

    async fn series_statuses(&self, execution: Uuid) -> Result<Vec<SeriesStatus>> {
        executions::statuses(&mut self.reader().await?.conn(), execution).await
    }

    async fn record_request(&self, row: &RequestRow) -> Result<()> {
        self.write(requests::Record(row.clone())).await
    }

    async fn request_totals(&self) -> Result<RequestTotals> {
        requests::totals(&mut self.reader().await?.conn()).await
    }

    async fn counted_answers(&self) -> Result<Vec<CountedAnswer>> {
        requests::counted(&mut self.reader().await?.conn()).await
    }

    async fn take_token(&self, limit: u32, window_ms: i64, now: Ts) -> Result<Grant> {
        self.write(requests::TakeToken { limit, window_ms, now }).await
    }

    async fn recent_starts(&self, window_ms: i64, now: Ts) -> Result<Vec<Ts>> {
        requests::recent_starts(&mut self.reader().await?.conn(), window_ms, now).await
    }

    async fn put_plan(&self, id: Uuid, created_at: Ts, json: &str) -> Result<()> {
        self.write(plans::Put { id, created_at, json: json.to_owned() }).await
    }

    async fn plan(&self, id: Uuid) -> Result<Option<String>> {
        plans::get(&mut self.reader().await?.conn(), id).await
    }

    async fn close(&self) {
        // Readers first: the last connection to a SQLite file folds the write-ahead log into it, and only the writer may.
        match &self.readers {
            Readers::Sqlite(pool) => pool.close().await,
            Readers::Postgres(pool) => pool.close().await,
        }
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
    }

    async fn evidence(&self, now: Ts) -> Result<Vec<Evidence>> {
        evidence::evidence(&mut self.reader().await?.conn(), now).await
    }

    async fn quarantined_since(&self, series: SeriesId, since: Ts) -> Result<Vec<Ts>> {
        evidence::quarantined(&mut self.reader().await?.conn(), series, since).await
    }

    async fn execution(&self, id: Uuid) -> Result<Option<ExecutionRow>> {
        executions::one(&mut self.reader().await?.conn(), id).await
    }

    async fn last_success(&self) -> Result<Option<ExecutionRow>> {
        executions::last_success(&mut self.reader().await?.conn()).await
    }

    async fn latest_statuses(&self, since: Ts) -> Result<Vec<SeriesStatus>> {
        executions::latest_statuses(&mut self.reader().await?.conn(), since).await
    }

    async fn recent_statuses(&self, symbol: &Symbol, timeframe: Timeframe, limit: usize) -> Result<Vec<SeriesStatus>> {
        executions::recent_statuses(&mut self.reader().await?.conn(), symbol, timeframe, limit).await
    }

    async fn open_feature_failure_count(&self) -> Result<i64> {
        evidence::open_failure_count(&mut self.reader().await?.conn()).await
    }

    async fn series_without_features(&self) -> Result<Vec<SeriesId>> {
        evidence::without_features(&mut self.reader().await?.conn()).await
    }

    async fn record_action(&self, action: &OperatorAction) -> Result<()> {
        self.write(alerts::Act(action.clone())).await
    }

    async fn operator_actions(&self, target: Option<&str>, limit: usize) -> Result<Vec<OperatorActionRow>> {
        alerts::actions(&mut self.reader().await?.conn(), target, limit).await
    }

    async fn alerts(&self, only_open: bool, limit: usize) -> Result<Vec<AlertRow>> {
        alerts::all(&mut self.reader().await?.conn(), only_open, limit).await
    }

    async fn raise_alert(&self, alert: &NewAlert) -> Result<bool> {
        self.write(alerts::Raise(alert.clone())).await
    }

    async fn open_alert_counts(&self) -> Result<Vec<OpenAlertCount>> {
        alerts::open_counts(&mut self.reader().await?.conn()).await
    }

    async fn engine_pause(&self) -> Result<Option<EnginePause>> {
        engine_state::pause(&mut self.reader().await?.conn()).await
    }

    async fn set_engine_pause(&self, pause: Option<&EnginePause>) -> Result<()> {
        self.write(engine_state::SetPause(pause.cloned())).await
    }

    async fn resolve_alert(&self, kind: &str, subject: Option<&str>, at: Ts) -> Result<bool> {
        self.write(alerts::Resolve { kind: kind.to_owned(), subject: subject.map(str::to_owned), at }).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        api::keys(&mut self.reader().await?.conn()).await
    }

    async fn add_api_key(&self, key: &ApiKey) -> Result<()> {
        self.write(api::AddKey(key.clone())).await
    }

    async fn revoke_api_key(&self, name: &str, at: Ts) -> Result<bool> {
        self.write(api::Revoke { name: name.to_owned(), at }).await
    }

    async fn note_api_keys_used(&self, used: &[(i64, Ts)]) -> Result<()> {
        self.write(api::Used(used.to_vec())).await
    }

    async fn claim_request(&self, request: &ApiRequest, expired: Ts, abandoned: Ts) -> Result<Claim> {
        self.write(api::Claiming { request: request.clone(), expired, abandoned }).await
    }

    async fn settle_request(&self, request: &ApiRequest, answer: Option<(u16, String)>) -> Result<()> {
        self.write(api::Settle { request: request.clone(), answer }).await
    }

    async fn series_marks(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, i64)>> {
        api::marks(&mut self.reader().await?.conn(), series).await
    }

    async fn busiest_symbols(&self, count: usize) -> Result<Vec<Symbol>> {
        api::busiest(&mut self.reader().await?.conn(), count).await
    }

    async fn set_paused(&self, series: &[(Symbol, Timeframe)], paused: bool) -> Result<()> {
        self.write(symbols::Pause { series: series.to_vec(), paused }).await
    }

    async fn requests(&self, filter: &RequestFilter, limit: usize) -> Result<Vec<RequestRow>> {
        requests::newest(&mut self.reader().await?.conn(), filter, limit).await
    }

    async fn wasted(&self) -> Result<Vec<(Waste, i64)>> {
        requests::wasted(&mut self.reader().await?.conn()).await
    }

    // -- for screens -------------------------------------------------------------------------------------------------

    async fn bar_counts(&self, series: SeriesId, range: Interval, piece_ms: i64) -> Result<Vec<(Ts, i64)>> {
        bars::counts(&mut self.reader().await?.conn(), series, range, piece_ms).await
    }

    // -- many at once ------------------------------------------------------------------------------------------------

    async fn commit_pages(&self, pages: Arc<[PageCommit]>) -> Result<Vec<Vec<WriteOutcome>>> {
        self.write(page::Commit(pages)).await
    }

    async fn feature_bars(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<FeatureBar>> {
        bars::for_features(&mut self.reader().await?.conn(), series, t, count).await
    }
}
