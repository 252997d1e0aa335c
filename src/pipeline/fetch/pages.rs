//! Bars of one symbol, page after page until none follows.
//!
//! A page is on its way to the database while the next is being requested. Unless the database fails, every page sent on
//! is committed at the end, whatever became of those after it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::doubt::is_refusal;
use super::evidence::wrongly_adjusted;
use super::{Fetcher, ItemError};
use crate::gate::GatePermit;
use crate::index::registry::SeriesIds;
use crate::ingest::{AnswerVerdict, FamilyAnswer, PageJob, PendingCommit};
use barkeep_market::source::Reach;
use barkeep_market::{Interval, Symbol, Ts};
use barkeep_plan::Item;
use barkeep_vendor::dispatch::{Attempt, PageGuard};
use barkeep_vendor::{AggregateQuery, Class, Cursor, Fault, Page};

/// Pages of one item that may wait for their commit before the next is requested: a lost database is noticed soon.
const UNCOMMITTED: usize = 2;

impl Fetcher {
    pub(super) async fn aggregates(
        &self,
        number: u64,
        item: &Item,
        symbol: &Symbol,
        mut query: AggregateQuery,
    ) -> Result<(), ItemError> {
        let family = query.timeframe.family();
        let horizon = self.horizon(query.vendor, query.class, family);
        let begin = self.plan_start(query.vendor, query.class).unwrap_or(Ts::MIN);
        let reachable = query.timeframe.snap_out(query.class, Interval::new(begin, horizon.end));
        // The night before a session costs nothing beside it.
        let evening = self.engine.calendar.evening_of(query.class, family, query.range.start);
        let asked = query.timeframe.snap_out(query.class, Interval::new(evening, query.range.end));
        query.range = asked.intersect(reachable);
        if query.range.is_empty() {
            return Ok(());
        }
        let most = match query.vendor.reach() {
            Reach::Traded(_) => Some(self.engine.settings.vendor.max_pages),
            // The windows of a range are counted by its length.
            Reach::Window(_) => None,
        };
        let mut guard = PageGuard::new(most);
        let mut cursor = None;
        let mut answered_to = query.range.start;
        let mut any_bars = false;
        let mut pending: VecDeque<PendingCommit> = VecDeque::new();
        let mut ids: Option<Arc<SeriesIds>> = None;
        let mut leading_gap: Result<(), ItemError> = Ok(());
        let mut counted: Option<u64> = None;
        let mut pages = 0;
        let outcome = loop {
            let follows = item.requests.saturating_sub(pages + 1);
            let ((page, attempt), permit) = match self.page(item, &query, cursor.as_ref(), follows).await {
                Ok(answer) => answer,
                Err(fault) => break self.refused(symbol, &query, answered_to, fault).await,
            };
            if let Err(fault) = guard.check(&page, cursor.as_ref()) {
                self.dispatcher.reject(attempt, &fault).await;
                break Err(fault.into());
            }
            self.hear_clock(&attempt);
            let horizon = self.horizon(query.vendor, query.class, family);
            let more = page.next.is_some();
            let first = page.bars.first().filter(|_| cursor.is_none());
            if let Some(bar) = first {
                self.note_served(query.vendor, query.class, bar.ts);
            }
            let unproven = first.and_then(|bar| self.leading_gap(&query, bar.ts));
            let missing = page.bars.first().map(|bar| Interval::new(answered_to, bar.ts.max(answered_to)));
            if let Some(gap) = unproven {
                answered_to = gap.end;
            }
            let answered = Self::answered(&query, &page, answered_to);
            answered_to = answered.end.max(answered_to);
            self.report_page(number, share(query.range, answered_to), more);

            let ids = if let Some(ids) = &ids {
                Arc::clone(ids)
            } else {
                let fresh = self.registry.series_ids(symbol, family, &self.engine.settings).await?;
                Arc::clone(ids.insert(Arc::new(fresh)))
            };
            if let Some(fault) = wrongly_adjusted(&ids, &page) {
                self.dispatcher.reject(attempt, &fault).await;
                break Err(fault.into());
            }
            if let Some(fault) = self.verify(&ids, answered, &page.bars).await? {
                self.dispatcher.reject(attempt, &fault).await;
                break Err(fault.into());
            }
            if let Some(fault) = self.is_copy(ids.base_id, &page.bars).await? {
                self.dispatcher.reject(attempt, &fault).await;
                break Err(fault.into());
            }
            let in_several = more || cursor.is_some();
            let asked_before = match (unproven, missing) {
                (Some(gap), _) => self.probe_leading_gap(symbol, &query, gap, &permit.token).await,
                (None, Some(missing)) if in_several && self.lacks_a_session(&query, missing) => {
                    self.ask_before(&query, missing, &permit.token).await
                }
                _ => Ok(()),
            };
            match asked_before {
                // A refusal says nothing against the page.
                Err(ItemError::Vendor(fault)) if !is_refusal(&fault) => {
                    match fault.class {
                        Class::Malformed => self.dispatcher.reject(attempt, &fault).await,
                        _ => self.record(&attempt).await?,
                    }
                    break Err(fault.into());
                }
                Err(ItemError::Store(error)) => return Err(error.into()),
                outcome => leading_gap = leading_gap.and(outcome),
            }
            any_bars |= !page.bars.is_empty();
            counted = Some(counted.unwrap_or(0) + page.query_count);
            pages += 1;
            let verdict = self.verdict(any_bars, answered);
            let done = share(query.range, answered_to);
            // Never quite all of it while pages follow.
            let done = if more { done.min(0.99) } else { 1.0 };
            let answers = match verdict {
                AnswerVerdict::Answered => vec![FamilyAnswer { ids, answered, verdict, bars: page.bars, horizon }],
                _ => self.without_bars(ids, answered, verdict).await?,
            };
            if item.recheck {
                self.progress.add_recheck();
            }
            let request = Some(self.row_of(&attempt, item));
            let job = PageJob::fetched(answers, request, self.engine.clock.now()).of_item(number, done, permit);
            pending.push_back(self.ingest.send(job).await);
            if !more {
                break Ok(());
            }
            cursor = page.next;
            while pending.len() > UNCOMMITTED {
                if let Some(oldest) = pending.pop_front() {
                    oldest.wait().await?;
                }
            }
        };
        self.capabilities().needed += match query.vendor.reach() {
            Reach::Traded(most) => counted.map_or(0, |n| n.div_ceil(most).max(1)),
            Reach::Window(_) => pages,
        };
        for page in pending {
            page.wait().await?;
        }
        outcome.and(leading_gap)
    }

    async fn page(
        &self,
        item: &Item,
        query: &AggregateQuery,
        cursor: Option<&Cursor>,
        follows: u64,
    ) -> Result<((Page, Attempt), GatePermit), Fault> {
        self.request(item, follows, |token| async move { self.dispatcher.aggregates(query, cursor, &token).await })
            .await
    }
}

/// The share of a range that is answered, 0 to 1.
fn share(range: Interval, answered_to: Ts) -> f64 {
    ((answered_to - range.start) as f64 / range.len().max(1) as f64).clamp(0.0, 1.0)
}
