//! What an answer proves.
//!
//! A page that others follow proves only what lies before its last bar's end, the last page proves the rest of the range, and
//! a first bar that comes whole sessions late proves nothing about the time before it, because a plan with a shorter
//! history cuts off the start of an answer silently. An empty answer and a refusal hold for a while only.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::doubt::{contradicted, is_refusal};
use super::plan_start::RefusedRange;
use super::{Fetcher, ItemError};
use crate::index::registry::SeriesIds;
use crate::ingest::{AnswerVerdict, FamilyAnswer, PageJob};
use barkeep_market::ts::DAY;
use barkeep_market::{Interval, Symbol, Timeframe, Ts};
use barkeep_store::StoreError;
use barkeep_vendor::{AggregateQuery, Class, Fault, Page};

/// An empty answer for a range that ended this recently may only be late.
const RECENT: i64 = 2 * DAY;

/// A leading gap is doubted only when it is older than this: no plan's history is as short, and a thinly traded symbol may
/// well not trade for a few days.
const SHORTEST_HISTORY: i64 = 7 * DAY;

impl Fetcher {
    /// The range a page answers for, from where the page before ended.
    pub(super) fn answered(query: &AggregateQuery, page: &Page, from: Ts) -> Interval {
        if let Some(to) = page.answers_to {
            return Interval::new(from, to.min(query.range.end).max(from));
        }
        let last_end = page.bars.iter().map(|bar| query.timeframe.end_of(query.class, bar.ts)).max();
        // A vendor that reaches its own limit without saying where to go on has cut the answer.
        let cut = page.next.is_none() && page.full;
        let end = if page.next.is_some() || cut { last_end.unwrap_or(from) } else { query.range.end };
        Interval::new(from, end.min(query.range.end).max(from))
    }

    pub(super) fn verdict(&self, any_bars: bool, answered: Interval) -> AnswerVerdict {
        if any_bars {
            return AnswerVerdict::Answered;
        }
        let backfill = &self.engine.settings.backfill;
        let recent = answered.end > self.now - RECENT;
        let wait = if recent { backfill.recent_empty_recheck } else { backfill.empty_recheck };
        AnswerVerdict::Empty { until: self.until(wait) }
    }

    /// The sessions at the start of an old range that have no bar although later ones do.
    pub(super) fn leading_gap(&self, query: &AggregateQuery, first: Ts) -> Option<Interval> {
        if !query.vendor.has_plans() {
            return None;
        }
        let first_day = query.timeframe.span(query.class, Timeframe::D1.span(query.class, first).start).start;
        let gap = Interval::new(query.range.start, first_day);
        let whole_days = Timeframe::D1.snap_in(query.class, gap);
        let traded = self.engine.calendar.regular(query.class, whole_days);
        (gap.start < self.now - SHORTEST_HISTORY && !traded.is_empty()).then_some(gap)
    }

    /// Requests the first session of a leading gap by itself: a plan with a shorter history refuses it, a symbol that was
    /// not listed yet has nothing in it. One request, and only for ranges that begin so.
    ///
    /// It is made with the permit of the page that raised the doubt (`token` is that permit's): waiting for a second one
    /// while holding the first would lock the gate once every permit is held so.
    pub(super) async fn probe_leading_gap(
        &self,
        symbol: &Symbol,
        query: &AggregateQuery,
        gap: Interval,
        token: &CancellationToken,
    ) -> Result<(), ItemError> {
        let sessions = self.engine.calendar.trading(query.class, query.timeframe.family(), gap);
        let Some(first) = sessions.as_slice().first() else { return Ok(()) };
        let day = Timeframe::D1.span(query.class, first.start);
        let range = query.timeframe.snap_out(query.class, day.intersect(gap));
        let probe = AggregateQuery { range, ..query.clone() };
        match self.dispatcher.aggregates(&probe, None, token).await {
            Ok((page, attempt)) if page.bars.is_empty() => {
                let ids = self.registry.series_ids(symbol, query.timeframe.family(), &self.engine.settings).await?;
                // The bars stored there are no longer sent.
                self.verify(&ids, gap, &[]).await?;
                let answers = self.without_bars(Arc::new(ids), gap, self.verdict(false, gap)).await?;
                let request = Some(self.request_row(&attempt));
                let job = PageJob::fetched(answers, request, self.engine.clock.now());
                Ok(self.ingest.send(job).await.wait().await?)
            }
            // It has bars after all, and the page had none: one of the two is wrong.
            Ok((page, attempt)) => {
                self.record(&attempt).await?;
                Err(contradicted(page.bars.len(), range).into())
            }
            // Also when it was paused before it started: the gap stays open.
            Err(fault) if !is_refusal(&fault) => Err(fault.into()),
            Err(fault) => {
                let last = sessions.as_slice().last().unwrap_or(first);
                let last = Timeframe::D1.span(query.class, last.start);
                self.head_refused(symbol, query, Interval::new(gap.start, day.end), last, fault, token).await
            }
        }
    }

    /// The first session of a leading gap, `refused`, is refused. Whether its last one is too decides how far the
    /// refusal reaches: a symbol that was listed after the plan's history begins has nothing there instead.
    async fn head_refused(
        &self,
        symbol: &Symbol,
        query: &AggregateQuery,
        refused: Interval,
        last: Interval,
        fault: Fault,
        token: &CancellationToken,
    ) -> Result<(), ItemError> {
        let mut range = refused;
        if is_refusal(&fault) && last.end > refused.end {
            let probe = AggregateQuery { range: query.timeframe.snap_out(query.class, last), ..query.clone() };
            match self.dispatcher.aggregates(&probe, None, token).await {
                // The rest of the gap stays open and gets a request of its own.
                Ok((_, attempt)) => self.record(&attempt).await?,
                Err(fault) if fault.class == Class::Cancelled && !self.cancel.is_cancelled() => return Ok(()),
                Err(fault) if is_refusal(&fault) => range.end = last.end,
                Err(fault) => return Err(fault.into()),
            }
        }
        let head = AggregateQuery { range, ..query.clone() };
        self.refused_range(symbol, &head, range.start, fault, true).await
    }

    /// An answer without bars. Coverage of stored bars is left as it is.
    pub(super) async fn without_bars(
        &self,
        ids: Arc<SeriesIds>,
        range: Interval,
        verdict: AnswerVerdict,
    ) -> Result<Vec<FamilyAnswer>, StoreError> {
        let horizon = self.horizon(ids.vendor, ids.class, ids.base.family());
        let pieces = self.not_proven(&ids, range).await?;
        let answer = |answered| FamilyAnswer { ids: Arc::clone(&ids), answered, verdict, bars: Vec::new(), horizon };
        Ok(pieces.into_iter().map(answer).collect())
    }

    fn until(&self, wait: Duration) -> Ts {
        self.engine.clock.now() + wait
    }

    /// A range the vendor refuses is stored with its reason, so that it is not requested again and again.
    pub(super) async fn refused(
        &self,
        symbol: &Symbol,
        query: &AggregateQuery,
        from: Ts,
        fault: Fault,
    ) -> Result<(), ItemError> {
        self.refused_range(symbol, query, from, fault, false).await
    }

    /// The same; `is_head` when bars came for the time after it.
    async fn refused_range(
        &self,
        symbol: &Symbol,
        query: &AggregateQuery,
        from: Ts,
        fault: Fault,
        is_head: bool,
    ) -> Result<(), ItemError> {
        let class = query.class;
        let today = Timeframe::D1.span(class, self.now);
        let (range, until) = match fault.class {
            Class::TooEarly => (Interval::new(today.start, today.end), today.end),
            Class::PlanWindow | Class::NotEntitled => {
                let until = self.until(self.engine.settings.backfill.not_entitled_recheck);
                (Interval::new(from, query.range.end), until)
            }
            _ => return Err(fault.into()),
        };
        let family = query.timeframe.family();
        let ids = Arc::new(self.registry.series_ids(symbol, family, &self.engine.settings).await?);
        let answered = query.timeframe.snap_out(class, range);
        let answers = self.without_bars(ids, answered, AnswerVerdict::Refused { until }).await?;
        let job = PageJob::fetched(answers, None, self.engine.clock.now());
        self.ingest.send(job).await.wait().await?;
        if fault.class == Class::TooEarly {
            self.learn(|capabilities| {
                capabilities.end_of_day.insert(class.is_continuous());
            });
            return Ok(());
        }
        let refused = RefusedRange { symbol, class, range, why: fault.class, is_head };
        if self.is_before_plan(refused).await? { Ok(()) } else { Err(fault.into()) }
    }
}

/// Raw prices were requested. Adjusted ones would mix two scales in one series, wherever a split has happened since.
pub(super) fn wrongly_adjusted(ids: &SeriesIds, page: &Page) -> Option<Fault> {
    let first = ids.class.date_of(page.bars.first()?.ts);
    let split = ids.splits.iter().find(|split| page.adjusted && split.date > first)?;
    Some(Fault::new(
        Class::Malformed,
        format!("the answer is adjusted for splits (one on {}), raw prices were requested", split.date),
    ))
}
