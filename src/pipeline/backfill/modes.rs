//! Carrying out a plan, one after another, side by side, or in groups with pauses, as the mode says.
//!
//! A failed item leaves its gap open and the others go on. A refused key or a lost database ends the run: what is under
//! way is let finish, nothing new starts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::queue::{EndedElsewhere, Queue};
use super::{Run, RunError};
use crate::events::{Event, Listener as _};
use crate::fetch::ItemError;
use crate::index::coverage::SeriesKey;
use barkeep_config::Mode;
use barkeep_market::Symbol;
use barkeep_plan::{Item, Request};
use barkeep_store::StoreError;
use barkeep_vendor::Class;

impl Run<'_> {
    pub(super) async fn execute(&self, items: Vec<Item>) -> Result<(), RunError> {
        self.split_watch().expect(&items);
        let (splits, items): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| matches!(item.request, Request::Splits { .. }));
        self.feature_runner.expect(&items);
        // Splits first: scores compare with the previous close across them.
        self.execute_group(splits, 1, Duration::ZERO).await?;
        let backfill = &self.engine().settings.backfill;
        match self.backfill.mode {
            Mode::Sequential => self.execute_group(items, 1, Duration::ZERO).await,
            // As wide as the gate is at any moment: a reload of `backfill.concurrency` reaches a run under way.
            Mode::Pipeline => {
                let gate = Arc::clone(&self.engine().gate);
                self.execute_as_wide_as(Queue::new(self, items, true), || gate.width(), Duration::ZERO).await
            }
            Mode::Staggered => {
                let size = backfill.max_concurrent_symbols.max(1);
                let groups = by_symbol(items, size);
                let last = groups.len().saturating_sub(1);
                for (k, group) in groups.into_iter().enumerate() {
                    self.execute_group(group, size, backfill.stagger).await?;
                    if k < last && !self.fetcher.cancel.is_cancelled() {
                        pause(&self.fetcher.cancel, backfill.group_pause).await;
                    }
                }
                Ok(())
            }
        }
    }

    /// Runs items, at most `width` at once, the k-th of the first ones `stagger` times k later.
    async fn execute_group(&self, items: Vec<Item>, width: usize, stagger: Duration) -> Result<(), RunError> {
        self.execute_as_wide_as(Queue::new(self, items, false), || width, stagger).await
    }

    async fn execute_as_wide_as(
        &self,
        mut queue: Queue<'_, '_>,
        width: impl Fn() -> usize + Send,
        stagger: Duration,
    ) -> Result<(), RunError> {
        let mut running: JoinSet<(Item, u64, Result<(), ItemError>)> = JoinSet::new();
        let mut fatal: Option<RunError> = None;
        let mut begun = 0;
        let lost = |queue: &mut Queue<'_, '_>, fatal: &mut Option<RunError>, error: StoreError| {
            queue.give_up();
            fatal.get_or_insert(RunError::Store(error));
            self.fetcher.cancel.cancel();
        };
        loop {
            while running.len() < width() && fatal.is_none() && !self.fetcher.cancel.is_cancelled() {
                let (number, item) = match queue.next().await {
                    Ok(Some(next)) => next,
                    Ok(None) => break,
                    Err(error) => {
                        lost(&mut queue, &mut fatal, error);
                        break;
                    }
                };
                let fetcher = Arc::clone(&self.fetcher);
                let feature_runner = Arc::clone(&self.feature_runner);
                let delay = stagger * begun;
                begun += 1;
                running.spawn(async move {
                    if !delay.is_zero() {
                        pause(&fetcher.cancel, delay).await;
                    }
                    let fetched = fetcher.fetch(number, &item).await;
                    // Bars that an item stored before it failed get features too.
                    let featured = feature_runner.ended(&item).await.map_err(ItemError::Store);
                    let outcome = fetched.and(featured);
                    (item, number, outcome)
                });
            }
            if (fatal.is_some() || self.fetcher.cancel.is_cancelled())
                && let Err(error) = queue.withdraw().await
            {
                lost(&mut queue, &mut fatal, error);
            }
            let done = tokio::select! {
                Some(done) = running.join_next(), if !running.is_empty() => done,
                () = tokio::time::sleep_until(queue.collect_at()), if queue.is_shared() => {
                    // Not in the branch, where it could be dropped with what it has taken.
                    match queue.collect().await {
                        Ok(ended) => ended.into_iter().for_each(|one| self.featured(&mut running, one)),
                        Err(error) => lost(&mut queue, &mut fatal, error),
                    }
                    continue;
                }
                else => break,
            };
            match done {
                Ok((item, number, outcome)) => {
                    if let Err(error) = queue.ended(number).await {
                        lost(&mut queue, &mut fatal, error);
                    }
                    if let Some(error) = self.item_ended(&item, number, outcome) {
                        // Keeps the first fatal error; running items finish, no new ones start.
                        fatal.get_or_insert(error);
                        self.fetcher.cancel.cancel();
                    }
                }
                Err(e) => {
                    tracing::error!(error = %e, "a fetch task ended unexpectedly");
                    let lost = StoreError::Refused("a fetch task ended unexpectedly; see the log".to_owned());
                    fatal.get_or_insert(RunError::Store(lost));
                }
            }
        }
        fatal.map_or(Ok(()), Err)
    }

    /// What another worker has fetched gets its features here.
    fn featured(&self, running: &mut JoinSet<(Item, u64, Result<(), ItemError>)>, ended: EndedElsewhere) {
        let feature_runner = Arc::clone(&self.feature_runner);
        running.spawn(async move {
            let EndedElsewhere { number, item, outcome } = ended;
            let featured = feature_runner.ended(&item).await.map_err(ItemError::Store);
            (item, number, outcome.and(featured))
        });
    }

    /// Notes how an item ended; the error when the whole run must end with it.
    fn item_ended(&self, item: &Item, number: u64, outcome: Result<(), ItemError>) -> Option<RunError> {
        let fault = match outcome {
            Ok(()) => {
                self.fetcher.progress.on_event(Event::Finished { item: number });
                return None;
            }
            Err(ItemError::Store(e)) => return Some(RunError::Store(e)),
            Err(ItemError::Vendor(fault)) => fault,
        };
        match fault.class {
            Class::Auth => return Some(RunError::KeyRefused(fault)),
            Class::Journal => return Some(RunError::Store(StoreError::Unreachable(fault.message))),
            Class::Cancelled if self.fetcher.cancel.is_cancelled() => return None,
            _ => {}
        }
        if item.recheck {
            // What is stored stays as it is; the hole is asked about again by a later run.
            let symbols: Vec<&str> = item.symbols.iter().map(Symbol::as_str).collect();
            tracing::info!(symbols = symbols.join(" "), error = %fault, "cannot request a hole again");
            self.fetcher.progress.on_event(Event::Finished { item: number });
            return None;
        }
        let reason = match fault.class {
            Class::Cancelled => fault.message.clone(),
            class => format!("{class}: {fault}"),
        };
        let Some(family) = item.request.family() else {
            // Without splits the bars are still right; the next run requests them again.
            tracing::warn!(error = %fault, "splits could not be fetched");
            self.fetcher.progress.on_event(Event::Failed { item: number, series: Vec::new(), reason });
            return None;
        };
        let symbols = item.symbols.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let timeframe = item.request.timeframe().map_or_else(String::new, |timeframe| format!(" {timeframe}"));
        tracing::warn!("{symbols}{timeframe} failed: {fault}; the gap stays open and is requested again later");
        let mut failed = self.failed();
        for symbol in item.symbols.iter() {
            failed.entry((symbol.clone(), family)).or_insert_with(|| reason.clone());
        }
        drop(failed);
        let requested = |symbol: &Symbol| {
            let timeframes = self.fetcher.registry.requested(symbol, family);
            timeframes.into_iter().map(|timeframe| (symbol.clone(), timeframe)).collect::<Vec<SeriesKey>>()
        };
        let series = item.symbols.iter().flat_map(requested).collect();
        self.fetcher.progress.on_event(Event::Failed { item: number, series, reason });
        None
    }
}

/// Items in groups of `size` symbols; items of one symbol stay together.
fn by_symbol(items: Vec<Item>, size: usize) -> Vec<Vec<Item>> {
    let mut groups: Vec<(BTreeSet<Option<Symbol>>, Vec<Item>)> = Vec::new();
    for item in items {
        let symbol = item.symbols.first().cloned();
        let place = groups.iter().position(|(names, _)| names.contains(&symbol));
        let place = place
            .or_else(|| groups.len().checked_sub(1).filter(|k| groups.get(*k).is_some_and(|(n, _)| n.len() < size)));
        match place.and_then(|k| groups.get_mut(k)) {
            Some((names, group)) => {
                names.insert(symbol);
                group.push(item);
            }
            None => groups.push((BTreeSet::from([symbol]), vec![item])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Waits, or returns early on cancel.
async fn pause(cancel: &CancellationToken, length: std::time::Duration) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = tokio::time::sleep(length) => {}
    }
}
