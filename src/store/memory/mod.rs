//! A store that only remembers, for tests of what uses a store.
//!
//! It keeps every promise of [`Store`] but one: nothing outlives the process. It passes the same conformance suite as
//! the databases and shares their rules (what a page changes, how coverage is laid, when a start is free), so a test on
//! it says something about them. Every call is done when it is first polled: no thread, no timer, no lock held across
//! an await. So a test on tokio's paused clock decides alone when time passes.

mod alerts;
mod api;
mod commit;
mod dividends;
mod executions;
mod features;
mod merge;
mod monitoring;
mod reference;
mod requests;
mod series;
mod state;
mod tracked;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use uuid::Uuid;

pub use self::series::Revision;
pub use self::state::Memory;
use super::{
    AlertRow, ApiKey, ApiRequest, CountedAnswer, Coverage, EnginePause, Evidence, ExecutionRow, FeatureBar,
    FeatureFailure, FeatureFailureRow, FeatureFreshness, FeatureOutcome, FeatureProgress, FeatureRow, FeatureWrite,
    HolidayRow, IdempotencyClaim, Listing, Log, MergedSeries, NewAlert, OpenAlertCount, OperatorAction,
    OperatorActionRow, PageCommit, PlanStart, QuarantineRow, RequestFilter, RequestMinute, RequestRow, RequestTotals,
    Result, SeriesClaim, SeriesClaiming, SeriesId, SeriesRow, SeriesStatus, SplitRow, Store, StoredBar, SymbolRow,
    TimeRange, Verdict, Waste, WriteOutcome,
};
use crate::tables::plans;
use barkeep_base::clock::Moment;
use barkeep_market::dividend::{Dividend, PriceFactors};
use barkeep_market::evidence::Part;
use barkeep_market::{Bar, Interval, Symbol, Timeframe, Ts, features::State as FeatureState, split::Split};
use barkeep_vendor::limit::{Grant, PlaceRequest, Recorded};

#[async_trait]
impl Store for Memory {
    fn dialect(&self) -> &'static str {
        "memory"
    }

    async fn ping(&self) -> Result<()> {
        self.open().map(drop)
    }

    async fn symbols(&self) -> Result<Vec<SymbolRow>> {
        Ok(self.open()?.tracked.symbols())
    }

    async fn put_symbols(&self, rows: &[SymbolRow]) -> Result<()> {
        self.open()?.tracked.put(rows);
        Ok(())
    }

    async fn remove_symbol(&self, symbol: &Symbol) -> Result<()> {
        let mut state = self.open()?;
        state.tracked.remove(symbol)?;
        state.reference.forget(symbol);
        state.monitoring.forget(symbol);
        Ok(())
    }

    async fn replace_symbol(&self, row: &SymbolRow) -> Result<()> {
        self.remove_symbol(&row.symbol).await?;
        self.put_symbols(std::slice::from_ref(row)).await
    }

    async fn note_listing(&self, symbol: &Symbol, listing: &Listing) -> Result<()> {
        self.open()?.tracked.note_listing(symbol, listing)
    }

    async fn merge_symbol(&self, double: &Symbol, kept: &Symbol, apply: bool, at: Ts) -> Result<Vec<MergedSeries>> {
        let merged = self.open()?.tracked.merge(double, kept, apply, at)?;
        if apply {
            self.remove_symbol(double).await?;
        }
        Ok(merged)
    }

    async fn series(&self) -> Result<Vec<SeriesRow>> {
        Ok(self.open()?.tracked.series())
    }

    async fn bars(&self, series: SeriesId, range: TimeRange, limit: Option<usize>) -> Result<Vec<StoredBar>> {
        Ok(self.open()?.tracked.of(series).map(|s| s.within(range, limit)).unwrap_or_default())
    }

    async fn newest_bars(&self, series: SeriesId, range: TimeRange, count: usize) -> Result<Vec<StoredBar>> {
        Ok(self.open()?.tracked.of(series).map(|s| s.newest(range, count)).unwrap_or_default())
    }

    async fn coverage(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>> {
        let state = self.open()?;
        let of = |id: &SeriesId| state.tracked.of(*id).map(|s| s.coverage.clone()).unwrap_or_default();
        Ok(series.iter().map(|id| (*id, of(id))).collect())
    }

    async fn doubtful(&self) -> Result<Vec<(SeriesId, Coverage)>> {
        Ok(self.open()?.tracked.doubtful())
    }

    async fn profiles(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Part, String)>> {
        let state = self.open()?;
        let of = |id: &SeriesId| state.tracked.of(*id).map(|s| s.profile.clone()).unwrap_or_default();
        Ok(series.iter().flat_map(|id| of(id).into_iter().map(|(part, json)| (*id, part, json))).collect())
    }

    async fn series_without_profile(&self) -> Result<Vec<SeriesId>> {
        Ok(self.open()?.tracked.without_profile())
    }

    async fn note_verified(&self, series: &[SeriesId], at: Ts) -> Result<()> {
        self.open()?.tracked.note_verified(series, at);
        Ok(())
    }

    async fn commit_page(&self, page: PageCommit) -> Result<Vec<WriteOutcome>> {
        let mut state = self.open()?;
        commit::commit(&mut state, &page)
    }

    async fn quarantine(&self, only_pending: bool) -> Result<Vec<QuarantineRow>> {
        Ok(self.open()?.tracked.quarantine(only_pending))
    }

    async fn close_quarantine(&self, ids: &[i64], verdict: Verdict, at: Ts) -> Result<()> {
        self.open()?.tracked.close_quarantine(ids, verdict, at)
    }

    async fn decide_quarantine(&self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()> {
        self.open()?.tracked.decide(id, verdict, accepted, at)
    }

    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>> {
        Ok(self.open()?.reference.splits(symbol))
    }

    async fn split_rows(&self, symbol: &Symbol) -> Result<Vec<SplitRow>> {
        Ok(self.open()?.reference.split_rows(symbol))
    }

    async fn plan_starts(&self) -> Result<Vec<PlanStart>> {
        Ok(self.open()?.reference.plan_starts())
    }

    async fn put_plan_start(&self, start: PlanStart) -> Result<()> {
        self.open()?.reference.put_plan_start(start);
        Ok(())
    }

    async fn put_splits(&self, splits: &[(Symbol, Vec<SplitRow>)], fetched_at: Ts) -> Result<()> {
        let mut state = self.open()?;
        state.reference.put_splits(splits, fetched_at)?;
        for (symbol, _) in splits {
            state.tracked.mark(symbol);
        }
        Ok(())
    }

    async fn splits_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>> {
        Ok(self.open()?.reference.splits_fetched_at())
    }

    async fn holidays(&self) -> Result<Vec<HolidayRow>> {
        Ok(self.open()?.reference.holidays())
    }

    async fn put_holidays(&self, rows: &[HolidayRow]) -> Result<()> {
        self.open()?.reference.put_holidays(rows);
        Ok(())
    }

    async fn all_splits(&self) -> Result<Vec<(Symbol, Split)>> {
        Ok(self.open()?.reference.all_splits())
    }

    async fn dividends(&self, symbol: &Symbol) -> Result<Vec<Dividend>> {
        Ok(self.open()?.reference.dividends.of(symbol))
    }

    async fn put_dividends(&self, dividends: &[(Symbol, Vec<Dividend>)], fetched_at: Ts) -> Result<()> {
        let mut state = self.open()?;
        for (symbol, rows) in dividends {
            if state.reference.dividends.put(symbol, rows, fetched_at)? {
                state.tracked.mark(symbol);
            }
        }
        Ok(())
    }

    async fn dividends_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>> {
        Ok(self.open()?.reference.dividends.fetched_at())
    }

    async fn ex_dates(&self, from: NaiveDate) -> Result<Vec<(Symbol, NaiveDate)>> {
        Ok(self.open()?.reference.dividends.ex_dates(from))
    }

    async fn price_factors(&self, symbol: &Symbol) -> Result<Vec<PriceFactors>> {
        let state = self.open()?;
        let paid = state.reference.dividends.paid(symbol, |at| state.tracked.close_before(symbol, at));
        let class = state.tracked.class(symbol);
        Ok(barkeep_market::dividend::price_factors(&state.reference.splits(symbol), &paid, class))
    }

    async fn refresh_price_factors(&self, _symbols: &[Symbol]) -> Result<()> {
        self.open().map(drop)
    }

    /// Only the view of the databases shows them.
    async fn put_split_weeks(&self, _series: SeriesId, _weeks: &[Bar]) -> Result<()> {
        self.open().map(drop)
    }

    async fn features(&self, series: SeriesId, range: TimeRange, limit: Option<usize>) -> Result<Vec<FeatureRow>> {
        Ok(self.open()?.tracked.of(series).map(|s| s.features.newest(range, limit)).unwrap_or_default())
    }

    async fn feature_count(&self, series: SeriesId) -> Result<i64> {
        Ok(self.open()?.tracked.of(series).map_or(0, |s| s.features.count() as i64))
    }

    async fn feature_progress(&self, series: &[SeriesId]) -> Result<Vec<FeatureProgress>> {
        let state = self.open()?;
        Ok(state.tracked.progress(series, |symbol, timeframe| state.monitoring.is_failing(symbol, timeframe)))
    }

    async fn feature_state(&self, series: SeriesId, t: Ts) -> Result<Option<FeatureState>> {
        Ok(self.open()?.tracked.of(series).and_then(|s| s.features.state(t)))
    }

    async fn put_features(&self, writes: Arc<[FeatureWrite]>) -> Result<Vec<FeatureOutcome>> {
        self.open()?.tracked.put_features(&writes)
    }

    async fn log_feature_failure(&self, failure: &FeatureFailure) -> Result<()> {
        let mut state = self.open()?;
        state.executions.check(failure.execution_id)?;
        state.monitoring.log(failure);
        Ok(())
    }

    async fn resolve_feature_failures(&self, symbol: &Symbol, timeframe: Timeframe, at: Ts) -> Result<u64> {
        Ok(self.open()?.monitoring.resolve(symbol, timeframe, at))
    }

    async fn feature_failures(&self, only_open: bool, limit: usize) -> Result<Vec<FeatureFailureRow>> {
        Ok(self.open()?.monitoring.failures(only_open, limit))
    }

    async fn update_feature_freshness(&self, rows: &[FeatureFreshness]) -> Result<()> {
        self.open()?.monitoring.put_freshness(rows);
        Ok(())
    }

    async fn feature_freshness(&self) -> Result<Vec<FeatureFreshness>> {
        Ok(self.open()?.monitoring.freshness())
    }

    async fn put_execution(&self, row: &ExecutionRow) -> Result<()> {
        self.take_execution(row, &row.owner).await
    }

    async fn take_execution(&self, row: &ExecutionRow, from: &str) -> Result<()> {
        self.open()?.executions.put(row, from)
    }

    async fn executions(&self, limit: usize) -> Result<Vec<ExecutionRow>> {
        let state = self.open()?;
        Ok(state.executions.newest(Some(limit), &state.requests, |_| true))
    }

    async fn running_executions(&self) -> Result<Vec<ExecutionRow>> {
        let running = |row: &ExecutionRow| row.status == super::ExecutionStatus::Running;
        let state = self.open()?;
        Ok(state.executions.newest(None, &state.requests, running))
    }

    async fn queued_executions(&self) -> Result<Vec<ExecutionRow>> {
        let queued = |row: &ExecutionRow| row.status == super::ExecutionStatus::Queued;
        let state = self.open()?;
        let mut rows = state.executions.newest(None, &state.requests, queued);
        rows.reverse();
        Ok(rows)
    }

    async fn claim_series(&self, claim: &SeriesClaim) -> Result<SeriesClaiming> {
        Ok(self.open()?.executions.claim(claim))
    }

    async fn renew_claims(&self, _executions: &[Uuid]) -> Result<Vec<Uuid>> {
        // Nobody else can see them, and they end with their process.
        self.open().map(|_| Vec::new())
    }

    async fn release_claim(&self, execution: Uuid) -> Result<()> {
        self.open()?.executions.release(execution);
        Ok(())
    }

    async fn put_series_statuses(&self, rows: Vec<SeriesStatus>) -> Result<()> {
        let mut state = self.open()?;
        state.executions.check_statuses(&rows)?;
        state.executions.put_statuses(&rows);
        Ok(())
    }

    async fn series_statuses(&self, execution: Uuid) -> Result<Vec<SeriesStatus>> {
        Ok(self.open()?.executions.statuses(execution))
    }

    async fn record_request(&self, row: &RequestRow) -> Result<()> {
        self.open()?.requests.record(row.clone());
        Ok(())
    }

    async fn request_totals(&self) -> Result<RequestTotals> {
        Ok(self.open()?.requests.totals())
    }

    async fn requests_by_minute(&self, since: Ts) -> Result<Vec<RequestMinute>> {
        Ok(self.open()?.requests.by_minute(since))
    }

    async fn counted_answers(&self) -> Result<Vec<CountedAnswer>> {
        Ok(self.open()?.requests.counted())
    }

    async fn take_place(&self, request: PlaceRequest) -> Result<Grant> {
        Ok(self.open()?.requests.take_place(&request))
    }

    async fn place_answered(&self, place: i64, now: Moment) -> Result<()> {
        self.open()?.requests.place_answered(place, now);
        Ok(())
    }

    async fn places(&self) -> Result<Recorded> {
        Ok(self.open()?.requests.recorded())
    }

    async fn put_plan(&self, id: Uuid, created_at: Ts, json: &str) -> Result<()> {
        let kept = &mut self.open()?.plans;
        kept.retain(|_, (at, _)| *at >= created_at - plans::KEEP);
        kept.insert(id, (created_at, json.to_owned()));
        Ok(())
    }

    async fn plan(&self, id: Uuid) -> Result<Option<String>> {
        Ok(self.open()?.plans.get(&id).map(|(_, json)| json.clone()))
    }

    async fn plan_ids(&self) -> Result<Vec<Uuid>> {
        let mut all: Vec<_> = self.open()?.plans.iter().map(|(id, (at, _))| (*at, *id)).collect();
        all.sort_unstable();
        Ok(all.into_iter().rev().map(|(_, id)| id).collect())
    }

    /// Nothing grows old here.
    async fn prune(&self, _: Log, _: Ts, _: u32) -> Result<u64> {
        self.open().map(|_| 0)
    }

    async fn close(&self) {
        self.lock().closed = true;
    }

    async fn evidence(&self, now: Ts) -> Result<Vec<Evidence>> {
        Ok(self.open()?.tracked.evidence(now))
    }

    async fn quarantined_since(&self, series: SeriesId, since: Ts) -> Result<Vec<Ts>> {
        Ok(self.open()?.tracked.of(series).map(|s| s.quarantined_since(since)).unwrap_or_default())
    }

    async fn execution(&self, id: Uuid) -> Result<Option<ExecutionRow>> {
        let state = self.open()?;
        Ok(state.executions.one(id, &state.requests))
    }

    async fn last_success(&self) -> Result<Option<ExecutionRow>> {
        Ok(self.open()?.executions.last_success())
    }

    async fn latest_statuses(&self, since: Ts) -> Result<Vec<SeriesStatus>> {
        Ok(self.open()?.executions.latest_statuses(since))
    }

    async fn recent_statuses(&self, symbol: &Symbol, timeframe: Timeframe, limit: usize) -> Result<Vec<SeriesStatus>> {
        Ok(self.open()?.executions.recent_statuses(symbol, timeframe, limit))
    }

    async fn open_feature_failure_count(&self) -> Result<i64> {
        Ok(self.open()?.monitoring.open_count())
    }

    async fn series_without_features(&self) -> Result<Vec<SeriesId>> {
        Ok(self.open()?.tracked.without_features())
    }

    async fn record_action(&self, action: &OperatorAction) -> Result<()> {
        self.open()?.alerts.act(action);
        Ok(())
    }

    async fn operator_actions(&self, target: Option<&str>, limit: usize) -> Result<Vec<OperatorActionRow>> {
        Ok(self.open()?.alerts.actions(target, limit))
    }

    async fn alerts(&self, only_open: bool, limit: usize) -> Result<Vec<AlertRow>> {
        Ok(self.open()?.alerts.all(only_open, limit))
    }

    async fn raise_alert(&self, alert: &NewAlert) -> Result<bool> {
        Ok(self.open()?.alerts.raise(alert))
    }

    async fn open_alert_counts(&self) -> Result<Vec<OpenAlertCount>> {
        Ok(self.open()?.alerts.open_counts())
    }

    async fn engine_pause(&self) -> Result<Option<EnginePause>> {
        Ok(self.open()?.engine_pause.clone())
    }

    async fn nights_from(&self) -> Result<Option<Ts>> {
        Ok(self.open()?.nights_from)
    }

    async fn set_nights_from(&self, from: Ts) -> Result<()> {
        self.open()?.nights_from = Some(from);
        Ok(())
    }

    async fn set_engine_pause(&self, pause: Option<&EnginePause>) -> Result<()> {
        self.open()?.engine_pause = pause.cloned();
        Ok(())
    }

    async fn resolve_alert(&self, kind: &str, subject: Option<&str>, at: Ts) -> Result<bool> {
        Ok(self.open()?.alerts.resolve(kind, subject, at))
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        Ok(self.open()?.api.keys())
    }

    async fn add_api_key(&self, key: &ApiKey) -> Result<()> {
        self.open()?.api.add(key)
    }

    async fn revoke_api_key(&self, name: &str, at: Ts) -> Result<bool> {
        Ok(self.open()?.api.revoke(name, at))
    }

    async fn note_api_keys_used(&self, used: &[(i64, Ts)]) -> Result<()> {
        self.open()?.api.used(used);
        Ok(())
    }

    async fn claim_request(&self, request: &ApiRequest, expired: Ts, abandoned: Ts) -> Result<IdempotencyClaim> {
        Ok(self.open()?.api.claim(request, expired, abandoned))
    }

    async fn settle_request(&self, request: &ApiRequest, answer: Option<(u16, String)>) -> Result<()> {
        self.open()?.api.settle(request, answer);
        Ok(())
    }

    async fn series_marks(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, i64)>> {
        let state = self.open()?;
        Ok(series.iter().filter_map(|id| Some((*id, state.tracked.of(*id)?.writes))).collect())
    }

    async fn busiest_symbols(&self, count: usize) -> Result<Vec<Symbol>> {
        Ok(self.open()?.tracked.busiest(count))
    }

    async fn set_paused(&self, series: &[(Symbol, Timeframe)], paused: bool) -> Result<()> {
        self.open()?.tracked.set_paused(series, paused)
    }

    async fn requests(&self, filter: &RequestFilter, limit: usize) -> Result<Vec<RequestRow>> {
        Ok(self.open()?.requests.newest(filter, limit))
    }

    async fn wasted(&self) -> Result<Vec<(Waste, i64)>> {
        Ok(self.open()?.requests.wasted())
    }

    async fn bar_counts(&self, series: SeriesId, range: Interval, piece_ms: i64) -> Result<Vec<(Ts, i64)>> {
        let bars = self.bars(series, range.into(), None).await?;
        let mut counts: BTreeMap<Ts, i64> = BTreeMap::new();
        for row in bars {
            *counts.entry(row.bar.ts.floor(piece_ms.max(1))).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn commit_pages(&self, pages: Arc<[PageCommit]>) -> Result<Vec<Vec<WriteOutcome>>> {
        let mut state = self.open()?;
        commit::commit_all(&mut state, &pages)
    }

    async fn feature_bars(&self, series: SeriesId, range: TimeRange, count: usize) -> Result<Vec<FeatureBar>> {
        let bars = self.bars(series, range, Some(count)).await?;
        Ok(bars.iter().map(feature_bar).collect())
    }
}

/// A bar as features need it.
const fn feature_bar(stored: &StoredBar) -> FeatureBar {
    let Bar { ts, high, low, close, volume, .. } = stored.bar;
    FeatureBar { ts, high, low, close, volume, provisional: stored.provisional }
}
