//! Bars of one symbol, page after page until none follows.
//!
//! A page is on its way to the database while the next is asked for. Unless the database fails, every page sent on is
//! committed and told of at the end, whatever became of those after it.

use std::sync::Arc;

use super::proof::wrongly_adjusted;
use super::{Fetcher, ItemError};
use crate::gate::Permit;
use crate::index::registry::SeriesIds;
use crate::ingest::{Arrival, Part, settled};
use crate::journal::request_row;
use barkeep_market::{Interval, Symbol, Ts};
use barkeep_plan::Item;
use barkeep_plan::planner::PAGE;
use barkeep_vendor::dispatch::{Attempt, PageGuard};
use barkeep_vendor::{AggregateQuery, Cursor, Fault, Page};

impl Fetcher {
    pub(super) async fn aggregates(
        &self,
        number: u64,
        item: &Item,
        symbol: &Symbol,
        mut query: AggregateQuery,
    ) -> Result<(), ItemError> {
        let family = query.timeframe.family();
        let horizon = self.horizon(query.class, family);
        let reachable = query.timeframe.snap_out(query.class, Interval::new(Ts::MIN, horizon.end));
        query.range = query.range.intersect(reachable);
        if query.range.is_empty() {
            return Ok(());
        }
        let mut guard = PageGuard::new(self.engine.settings.vendor.max_pages);
        let mut cursor = None;
        let mut answered_to = query.range.start;
        let mut any_bars = false;
        let mut acks = Vec::new();
        let mut keys: Option<Arc<SeriesIds>> = None;
        let mut head: Result<(), ItemError> = Ok(());
        let mut counted: Option<u64> = None;
        let outcome = loop {
            let answer = self.page(item, &query, cursor.as_ref()).await;
            let ((page, attempt), pass) = match answer {
                Ok(answer) => answer,
                Err(fault) => break self.refused(symbol, &query, answered_to, fault).await,
            };
            if let Err(fault) = guard.check(&page, cursor.as_ref()) {
                self.dispatcher.reject(attempt, &fault).await;
                break Err(fault.into());
            }
            let keys = if let Some(keys) = &keys {
                Arc::clone(keys)
            } else {
                let fresh = self.registrar.keys(symbol, family, &self.engine.settings).await?;
                Arc::clone(keys.insert(Arc::new(fresh)))
            };
            if let Some(fault) = wrongly_adjusted(&keys, &page) {
                self.dispatcher.reject(attempt, &fault).await;
                break Err(fault.into());
            }
            if let Some(unproven) = page.bars.first().filter(|_| cursor.is_none()).and_then(|b| self.head(&query, b.ts))
            {
                answered_to = unproven.end;
                head = self.prove_head(symbol, &query, unproven, &pass.token).await;
            }
            any_bars |= !page.bars.is_empty();
            counted = Some(counted.unwrap_or(0) + page.query_count);
            let answered = Self::answered(&query, &page, answered_to);
            answered_to = answered.end.max(answered_to);
            let verdict = self.verdict(any_bars, answered);
            let fetched_at = self.engine.clock.now();
            let request = Some(request_row(&attempt, Some(self.execution)));
            let next = page.next;
            let part = Part { keys, answered, verdict, bars: page.bars, horizon };
            let arrival = Arrival { parts: vec![part], request, fetched_at, only: None, pass: Some(pass) };
            let ack = self.ingest.send(arrival).await;
            acks.push((ack, attempt.rows, progress(query.range, answered_to, next.is_some())));
            if next.is_none() {
                break Ok(());
            }
            cursor = next;
            // Tell of pages already committed while the rest is on its way.
            while acks.len() > 2 {
                let (ack, rows, done) = acks.remove(0);
                self.tell(number, rows, done, settled(ack).await?);
            }
        };
        self.facts().needed += counted.map_or(0, |n| n.div_ceil(PAGE).max(1));
        for (ack, rows, done) in acks {
            self.tell(number, rows, done, settled(ack).await?);
        }
        outcome.and(head)
    }

    async fn page(
        &self,
        item: &Item,
        query: &AggregateQuery,
        cursor: Option<&Cursor>,
    ) -> Result<((Page, Attempt), Permit), Fault> {
        self.ask(item, |token| async move { self.dispatcher.aggregates(query, cursor, &token).await }).await
    }
}

/// The share of the range that is answered; never quite 1 while pages follow.
fn progress(range: Interval, answered_to: Ts, more: bool) -> f64 {
    let share = (answered_to - range.start) as f64 / range.len().max(1) as f64;
    if more { share.clamp(0.0, 0.99) } else { 1.0 }
}
