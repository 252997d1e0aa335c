//! Each operation lives in the file of its subject; this one only routes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Database, Readers, ping, read, spread};
use crate::conn::Dialect;
use crate::engine_state;
use crate::retry::Retry;
use crate::tables::coverage::{self, profiles};
use crate::tables::fleet::{claims, workers};
use crate::tables::reference::dividends;
use crate::tables::symbols::{self, merge};
use crate::tables::{alerts, api, bars, evidence, executions, features, monitoring, page, plans};
use crate::tables::{quarantine, reference, requests};
use crate::upkeep::retention;
use crate::{
    AlertRow, ApiKey, ApiRequest, CountedAnswer, Coverage, Election, EnginePause, Evidence, ExecutionRow, FeatureBar,
    FeatureFailure, FeatureFailureRow, FeatureFreshness, FeatureOutcome, FeatureProgress, FeatureRow, FeatureWrite,
    HolidayRow, IdempotencyClaim, Listing, Log, MergedSeries, NewAlert, OpenAlertCount, OperatorAction,
    OperatorActionRow, PageCommit, PlanStart, QuarantineRow, RequestFilter, RequestMinute, RequestRow, RequestTotals,
    Result, SeriesClaim, SeriesClaiming, SeriesId, SeriesRow, SeriesStatus, SharedPlans, SplitRow, Stamp, Storage,
    Store, StoreError, StoredBar, SymbolRow, TimeRange, Verdict, Waste, Worker, WriteOutcome,
};
use barkeep_base::clock::Moment;
use barkeep_base::process;
use barkeep_base::timing::{self, Phase};
use barkeep_market::dividend::{Dividend, PriceFactors};
use barkeep_market::evidence::Part;
use barkeep_market::features::State;
use barkeep_market::{Bar, Interval, Symbol, Timeframe, Ts, split::Split};
use barkeep_sql::layout;
use barkeep_vendor::limit::{Grant, PlaceRequest, Recorded};

#[async_trait]
impl Store for Database {
    fn dialect(&self) -> &'static str {
        match self.readers {
            Readers::Sqlite(_) => Dialect::Sqlite.name(),
            Readers::Postgres(_) | Readers::Pooled(_) => Dialect::Postgres.name(),
        }
    }

    fn is_readonly(&self) -> bool {
        self.writer.is_none()
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn mark(&self) -> String {
        if self.is_shared { process::worker_mark(self.fence.worker().id) } else { process::mark() }
    }

    async fn heartbeat(&self) -> Result<Option<Ts>> {
        self.give_heartbeat().await
    }

    async fn elect(&self) -> Result<Election> {
        self.ask_for_lease().await
    }

    async fn resign(&self) -> Result<()> {
        if self.is_shared { self.beside(workers::Resign(self.fence.worker().id)).await } else { Ok(()) }
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        if self.is_shared { read!(self, workers::living()) } else { Ok(Vec::new()) }
    }

    async fn dead(&self, marks: &[String]) -> Result<Vec<String>> {
        read!(self, workers::dead(self.fence.worker().id, marks.iter()))
    }

    fn shared_plans(&self) -> Option<&dyn SharedPlans> {
        if self.is_shared && self.writer.is_some() { Some(self) } else { None }
    }

    fn writers(&self) -> usize {
        1 + self.more_writers.len()
    }

    fn writer_of(&self, series: SeriesId) -> usize {
        spread(series, self.writers())
    }

    fn stale_answers(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    fn stamp(&self) -> Option<Stamp> {
        self.file.as_deref().and_then(Stamp::of)
    }

    fn stamps(&self) -> Option<watch::Receiver<Option<Stamp>>> {
        self.stamps()
    }

    async fn symbols_mark(&self) -> Result<Option<[i64; 3]>> {
        if self.file.is_some() {
            return Ok(None);
        }
        read!(self, symbols::mark()).map(Some)
    }

    async fn storage(&self) -> Result<Option<Storage>> {
        if let known @ Some(_) = self.storage.newest() {
            return Ok(known);
        }
        read!(self, layout::storage()).map(|storage| Some(self.storage.keep(storage)))
    }

    fn oldest_write(&self) -> Option<Duration> {
        self.open_writes.oldest().max(self.retry.as_ref().and_then(Retry::lost_for))
    }

    fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    fn taken_away(&self) -> Option<StoreError> {
        self.check_identity().err()
    }

    async fn gone(&self) -> StoreError {
        self.watch_identity().await
    }

    async fn ping(&self) -> Result<()> {
        read!(self, ping())
    }

    async fn symbols(&self) -> Result<Vec<SymbolRow>> {
        read!(self, symbols::all())
    }

    async fn put_symbols(&self, rows: &[SymbolRow]) -> Result<()> {
        self.write(symbols::Put(rows.to_vec())).await
    }

    async fn remove_symbol(&self, symbol: &Symbol) -> Result<()> {
        self.write(symbols::Remove(symbol.clone())).await
    }

    async fn replace_symbol(&self, row: &SymbolRow) -> Result<()> {
        self.write(symbols::Replace(row.clone())).await
    }

    async fn note_listing(&self, symbol: &Symbol, listing: &Listing) -> Result<()> {
        self.write(symbols::NoteListing(symbol.clone(), listing.clone())).await
    }

    async fn merge_symbol(&self, double: &Symbol, kept: &Symbol, apply: bool, at: Ts) -> Result<Vec<MergedSeries>> {
        self.write(merge::Merge { double: double.clone(), kept: kept.clone(), apply, at }).await
    }

    async fn series(&self) -> Result<Vec<SeriesRow>> {
        read!(self, symbols::series())
    }

    async fn bars(&self, series: SeriesId, range: TimeRange, limit: Option<usize>) -> Result<Vec<StoredBar>> {
        read!(self, bars::within(series, range, limit))
    }

    async fn newest_bars(&self, series: SeriesId, range: TimeRange, count: usize) -> Result<Vec<StoredBar>> {
        read!(self, bars::newest(series, range, count))
    }

    async fn coverage(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>> {
        read!(self, coverage::of(series))
    }

    async fn doubtful(&self) -> Result<Vec<(SeriesId, Coverage)>> {
        read!(self, coverage::doubtful())
    }

    async fn profiles(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Part, String)>> {
        read!(self, profiles::of(series))
    }

    async fn series_without_profile(&self) -> Result<Vec<SeriesId>> {
        read!(self, profiles::unreviewed())
    }

    async fn note_verified(&self, series: &[SeriesId], at: Ts) -> Result<()> {
        self.write(symbols::Verified { series: series.to_vec(), at }).await
    }

    async fn commit_page(&self, page: PageCommit) -> Result<Vec<WriteOutcome>> {
        Ok(self.commit_pages(Arc::new([page])).await?.pop().unwrap_or_default())
    }

    async fn quarantine(&self, only_pending: bool) -> Result<Vec<QuarantineRow>> {
        read!(self, quarantine::all(only_pending))
    }

    async fn close_quarantine(&self, ids: &[i64], verdict: Verdict, at: Ts) -> Result<()> {
        self.write(quarantine::Close { ids: ids.to_vec(), verdict, at }).await
    }

    async fn decide_quarantine(&self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()> {
        self.write(quarantine::Decide { id, verdict, accepted, at }).await
    }

    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>> {
        read!(self, reference::splits(symbol))
    }

    async fn split_rows(&self, symbol: &Symbol) -> Result<Vec<SplitRow>> {
        read!(self, reference::split_rows(symbol))
    }

    async fn plan_starts(&self) -> Result<Vec<PlanStart>> {
        read!(self, reference::plan_starts())
    }

    async fn put_plan_start(&self, start: PlanStart) -> Result<()> {
        self.write(reference::PutPlanStart(start)).await
    }

    async fn put_splits(&self, splits: &[(Symbol, Vec<SplitRow>)], fetched_at: Ts) -> Result<()> {
        self.write(reference::PutSplits { splits: splits.to_vec(), fetched_at }).await
    }

    async fn splits_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>> {
        read!(self, reference::splits_fetched_at())
    }

    async fn holidays(&self) -> Result<Vec<HolidayRow>> {
        read!(self, reference::holidays())
    }

    async fn put_holidays(&self, rows: &[HolidayRow]) -> Result<()> {
        self.write(reference::PutHolidays(rows.to_vec())).await
    }

    async fn all_splits(&self) -> Result<Vec<(Symbol, Split)>> {
        read!(self, reference::all_splits())
    }

    async fn dividends(&self, symbol: &Symbol) -> Result<Vec<Dividend>> {
        read!(self, dividends::of(symbol))
    }

    async fn put_dividends(&self, dividends: &[(Symbol, Vec<Dividend>)], fetched_at: Ts) -> Result<()> {
        self.write(dividends::PutDividends { dividends: dividends.to_vec(), fetched_at }).await
    }

    async fn dividends_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>> {
        read!(self, dividends::fetched_at())
    }

    async fn ex_dates(&self, from: NaiveDate) -> Result<Vec<(Symbol, NaiveDate)>> {
        read!(self, dividends::ex_dates(from))
    }

    async fn price_factors(&self, symbol: &Symbol) -> Result<Vec<PriceFactors>> {
        read!(self, dividends::factors(symbol))
    }

    async fn refresh_price_factors(&self, symbols: &[Symbol]) -> Result<()> {
        self.write(dividends::Refresh(symbols.to_vec())).await
    }

    async fn put_split_weeks(&self, series: SeriesId, weeks: &[Bar]) -> Result<()> {
        self.write(dividends::PutSplitWeeks { series, weeks: weeks.to_vec() }).await
    }

    async fn features(&self, series: SeriesId, range: TimeRange, limit: Option<usize>) -> Result<Vec<FeatureRow>> {
        read!(self, features::newest(series, range, limit))
    }

    async fn feature_count(&self, series: SeriesId) -> Result<i64> {
        read!(self, features::count(series))
    }

    async fn feature_progress(&self, series: &[SeriesId]) -> Result<Vec<FeatureProgress>> {
        read!(self, features::progress(series))
    }

    async fn feature_state(&self, series: SeriesId, t: Ts) -> Result<Option<State>> {
        read!(self, features::state(series, t))
    }

    async fn put_features(&self, writes: Arc<[FeatureWrite]>) -> Result<Vec<FeatureOutcome>> {
        let series = writes.first().map(|write| write.series);
        self.write_leading(features::Put(writes), series).await
    }

    async fn log_feature_failure(&self, failure: &FeatureFailure) -> Result<()> {
        self.write(monitoring::Log(failure.clone())).await
    }

    async fn resolve_feature_failures(&self, symbol: &Symbol, timeframe: Timeframe, at: Ts) -> Result<u64> {
        self.write(monitoring::Resolve { symbol: symbol.clone(), timeframe, at }).await
    }

    async fn feature_failures(&self, only_open: bool, limit: usize) -> Result<Vec<FeatureFailureRow>> {
        read!(self, monitoring::failures(only_open, limit))
    }

    async fn update_feature_freshness(&self, rows: &[FeatureFreshness]) -> Result<()> {
        self.write(monitoring::PutFreshness(rows.to_vec())).await
    }

    async fn feature_freshness(&self) -> Result<Vec<FeatureFreshness>> {
        read!(self, monitoring::freshness())
    }

    async fn put_execution(&self, row: &ExecutionRow) -> Result<()> {
        self.write_leading(executions::Put(row.clone(), None), None).await
    }

    async fn take_execution(&self, row: &ExecutionRow, from: &str) -> Result<()> {
        self.write_leading(executions::Put(row.clone(), Some(from.to_owned())), None).await
    }

    async fn executions(&self, limit: usize) -> Result<Vec<ExecutionRow>> {
        read!(self, executions::newest(limit))
    }

    async fn running_executions(&self) -> Result<Vec<ExecutionRow>> {
        read!(self, executions::running())
    }

    async fn queued_executions(&self) -> Result<Vec<ExecutionRow>> {
        read!(self, executions::queued())
    }

    async fn claim_series(&self, claim: &SeriesClaim) -> Result<SeriesClaiming> {
        self.write(claims::Claim(claim.clone())).await
    }

    async fn renew_claims(&self, executions: &[Uuid]) -> Result<Vec<Uuid>> {
        self.write(claims::Renew(executions.to_vec(), self.mark())).await
    }

    async fn release_claim(&self, execution: Uuid) -> Result<()> {
        self.write(claims::Release(execution, self.mark())).await
    }

    async fn put_series_statuses(&self, rows: Vec<SeriesStatus>) -> Result<()> {
        self.write_leading(executions::PutStatuses(rows), None).await
    }

    async fn series_statuses(&self, execution: Uuid) -> Result<Vec<SeriesStatus>> {
        read!(self, executions::statuses(execution))
    }

    async fn record_request(&self, row: &RequestRow) -> Result<()> {
        self.write(requests::Record(row.clone())).await
    }

    async fn request_totals(&self) -> Result<RequestTotals> {
        read!(self, requests::totals())
    }

    async fn requests_by_minute(&self, since: Ts) -> Result<Vec<RequestMinute>> {
        read!(self, requests::by_minute(since))
    }

    async fn counted_answers(&self) -> Result<Vec<CountedAnswer>> {
        read!(self, requests::counted())
    }

    async fn take_place(&self, request: PlaceRequest) -> Result<Grant> {
        // Part of the wait for the limit, which is measured as a whole.
        self.write_untimed(requests::TakePlace { request, by_server: self.has_heartbeat() }).await
    }

    async fn place_answered(&self, place: i64, now: Moment) -> Result<()> {
        self.write_untimed(requests::AnswerPlace { place, now, by_server: self.has_heartbeat() }).await
    }

    async fn places(&self) -> Result<Recorded> {
        read!(self, requests::recorded())
    }

    async fn put_plan(&self, id: Uuid, created_at: Ts, json: &str) -> Result<()> {
        self.write(plans::Put { id, created_at, json: json.to_owned() }).await
    }

    async fn plan(&self, id: Uuid) -> Result<Option<String>> {
        read!(self, plans::get(id))
    }

    async fn plan_ids(&self) -> Result<Vec<Uuid>> {
        read!(self, plans::ids())
    }

    async fn prune(&self, log: Log, before: Ts, rows: u32) -> Result<u64> {
        self.write(retention::Prune { log, before, rows }).await
    }

    async fn close(&self) {
        self.end().await;
    }

    async fn evidence(&self, now: Ts) -> Result<Vec<Evidence>> {
        read!(self, evidence::evidence(now))
    }

    async fn quarantined_since(&self, series: SeriesId, since: Ts) -> Result<Vec<Ts>> {
        read!(self, evidence::quarantined(series, since))
    }

    async fn execution(&self, id: Uuid) -> Result<Option<ExecutionRow>> {
        read!(self, executions::one(id))
    }

    async fn last_success(&self) -> Result<Option<ExecutionRow>> {
        read!(self, executions::last_success())
    }

    async fn latest_statuses(&self, since: Ts) -> Result<Vec<SeriesStatus>> {
        read!(self, executions::latest_statuses(since))
    }

    async fn recent_statuses(&self, symbol: &Symbol, timeframe: Timeframe, limit: usize) -> Result<Vec<SeriesStatus>> {
        read!(self, executions::recent_statuses(symbol, timeframe, limit))
    }

    async fn open_feature_failure_count(&self) -> Result<i64> {
        read!(self, evidence::open_failure_count())
    }

    async fn series_without_features(&self) -> Result<Vec<SeriesId>> {
        read!(self, evidence::without_features())
    }

    async fn record_action(&self, action: &OperatorAction) -> Result<()> {
        self.write(alerts::Act(action.clone())).await
    }

    async fn operator_actions(&self, target: Option<&str>, limit: usize) -> Result<Vec<OperatorActionRow>> {
        read!(self, alerts::actions(target, limit))
    }

    async fn alerts(&self, only_open: bool, limit: usize) -> Result<Vec<AlertRow>> {
        read!(self, alerts::all(only_open, limit))
    }

    async fn raise_alert(&self, alert: &NewAlert) -> Result<bool> {
        self.write(alerts::Raise(alert.clone())).await
    }

    async fn open_alert_counts(&self) -> Result<Vec<OpenAlertCount>> {
        let mut reader = self.reader().await?;
        let result = alerts::open_counts(&mut reader.conn()?).await;
        reader.end(result).await
    }

    async fn engine_pause(&self) -> Result<Option<EnginePause>> {
        let mut reader = self.reader().await?;
        let result = engine_state::pause(&mut reader.conn()?).await;
        reader.end(result).await
    }

    async fn nights_from(&self) -> Result<Option<Ts>> {
        read!(self, engine_state::nights_from())
    }

    async fn set_nights_from(&self, from: Ts) -> Result<()> {
        self.write(engine_state::SetNightsFrom(from)).await
    }

    async fn set_engine_pause(&self, pause: Option<&EnginePause>) -> Result<()> {
        self.write(engine_state::SetPause(pause.cloned())).await
    }

    async fn resolve_alert(&self, kind: &str, subject: Option<&str>, at: Ts) -> Result<bool> {
        self.write(alerts::Resolve { kind: kind.to_owned(), subject: subject.map(str::to_owned), at }).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        read!(self, api::keys())
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

    async fn claim_request(&self, request: &ApiRequest, expired: Ts, abandoned: Ts) -> Result<IdempotencyClaim> {
        self.write(api::Claiming { request: request.clone(), expired, abandoned }).await
    }

    async fn settle_request(&self, request: &ApiRequest, answer: Option<(u16, String)>) -> Result<()> {
        self.write(api::Settle { request: request.clone(), answer }).await
    }

    async fn series_marks(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, i64)>> {
        read!(self, api::marks(series))
    }

    async fn busiest_symbols(&self, count: usize) -> Result<Vec<Symbol>> {
        read!(self, api::busiest(count))
    }

    async fn set_paused(&self, series: &[(Symbol, Timeframe)], paused: bool) -> Result<()> {
        self.write(symbols::Pause { series: series.to_vec(), paused }).await
    }

    async fn requests(&self, filter: &RequestFilter, limit: usize) -> Result<Vec<RequestRow>> {
        read!(self, requests::newest(filter, limit))
    }

    async fn wasted(&self) -> Result<Vec<(Waste, i64)>> {
        read!(self, requests::wasted())
    }

    async fn bar_counts(&self, series: SeriesId, range: Interval, piece_ms: i64) -> Result<Vec<(Ts, i64)>> {
        read!(self, bars::counts(series, range, piece_ms))
    }

    async fn commit_pages(&self, pages: Arc<[PageCommit]>) -> Result<Vec<Vec<WriteOutcome>>> {
        let series = pages.iter().flat_map(|page| &page.writes).map(|write| write.series).next();
        // What belongs to another worker's plan needs no lease: it is written by whoever has the item.
        let is_helping = pages.iter().all(|page| page.of_item.is_some());
        let work = page::Commit { pages, owner: self.mark() };
        let outcomes = if is_helping {
            timing::timed(Phase::Database, self.write_through(self.writer_for(series), work)).await?
        } else {
            self.write_leading(work, series).await?
        };
        self.stale.fetch_add(outcomes.iter().flatten().map(|one| one.stale).sum(), Ordering::Relaxed);
        Ok(outcomes)
    }

    async fn feature_bars(&self, series: SeriesId, range: TimeRange, count: usize) -> Result<Vec<FeatureBar>> {
        read!(self, bars::for_features(series, range, count))
    }
}
