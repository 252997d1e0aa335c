//! The end of a run, before it is added up: names that stayed silent are asked for, and told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::unfinished::Unfinished;
use super::{Run, RunError};
use crate::events::Listener;
use crate::gate::Priority;
use crate::index::coverage::CoverageIndex;
use crate::names::listing::{self, ListingAnswer, StoredSpan, clipped, sessions};
use crate::select::Target;
use barkeep_market::{Interval, Symbol, Ts};
use barkeep_store::{CoverageState, ListingState, RequestPurpose, SeriesRow, SymbolRow};
use barkeep_vendor::Fault;
use barkeep_vendor::dispatch::Dispatcher;
use barkeep_vendor::limit::ranked;

/// Sessions without any bar that make a name doubtful, and sessions of silence at the newest end.
const WITHOUT_ANY: u64 = 5;
const AT_THE_END: u64 = 10;
/// Tries of a question about a name.
const MOST_ATTEMPTS: u32 = 2;

/// What is told of names, by symbol.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Reasons why a symbol counts as failed.
    failed: BTreeMap<Symbol, String>,
    /// What is worth knowing besides.
    pub(super) notes: Vec<String>,
}

impl Told {
    /// A name without any bar is not complete, whatever was answered.
    pub(super) fn add_to(&self, unfinished: &mut Unfinished, targets: &[Target]) {
        for target in targets {
            let Some(reason) = self.failed.get(&target.row.symbol) else { continue };
            for timeframe in &target.requested {
                let entry = unfinished.entry((target.row.symbol.clone(), *timeframe)).or_default();
                entry.1.clone_from(reason);
            }
        }
    }
}

impl Run<'_> {
    /// Asks what the silent names of this run are, as far as they may be asked again, and says what is known of them.
    pub(super) async fn look_up(&self, now: Ts) -> Result<Told, RunError> {
        let engine = self.engine();
        let (rows, series) = (engine.store.symbols().await?, engine.store.series().await?);
        let stored = spans(&series);
        let mut doubtful = Vec::new();
        for target in self.context.targets.iter() {
            let Ok(k) = rows.binary_search_by(|row| row.symbol.cmp(&target.row.symbol)) else { continue };
            let Some(row) = rows.get(k) else { continue };
            let stored = stored.get(&row.symbol).copied().unwrap_or_default();
            if let Some(silent) = self.silent(target, row, stored)? {
                doubtful.push((target, row, stored, silent));
            }
        }
        let targets: Vec<Target> = doubtful.iter().map(|(target, ..)| (*target).clone()).collect();
        let coverage = CoverageIndex::read(engine.store.as_ref(), &targets, now).await?;
        let mut told = Told::default();
        let (mut asks, dispatcher) = (true, self.briefly());
        for (target, row, stored, silent) in doubtful {
            if !is_answered(&coverage, target, silent) {
                continue;
            }
            let near = listing::respelled(row).filter(|_| row.listing.state == ListingState::Unchecked);
            let mut answer = ListingAnswer { listing: row.listing.clone(), near };
            if asks && listing::is_due(&row.listing, now) && !self.fetcher.cancel.is_cancelled() {
                match self.ask(&dispatcher, row, stored, &rows, now).await {
                    Ok(found) => {
                        engine.store.note_listing(&row.symbol, &found.listing).await?;
                        answer = found;
                    }
                    Err(fault) => {
                        tracing::info!(symbol = %row.symbol, error = %fault, "cannot look up a symbol at the vendor");
                        // If it fails for one name, it fails for all.
                        asks = false;
                    }
                }
            }
            told.take(row, stored, silent, &answer);
        }
        Ok(told)
    }

    /// Somebody waits for the end of the run: a vendor that does not say at once is not asked for long.
    fn briefly(&self) -> Dispatcher {
        let mut engine = self.engine().clone();
        let settings = Arc::make_mut(&mut engine.settings);
        settings.vendor.attempts = settings.vendor.attempts.min(MOST_ATTEMPTS);
        engine.dispatcher(
            Some(self.fetcher.execution),
            RequestPurpose::Lookup,
            Arc::clone(&self.fetcher.progress) as Arc<dyn Listener>,
        )
    }

    async fn ask(
        &self,
        dispatcher: &Dispatcher,
        row: &SymbolRow,
        stored: StoredSpan,
        rows: &[SymbolRow],
        now: Ts,
    ) -> Result<ListingAnswer, Fault> {
        let engine = self.engine();
        let priority =
            Priority { recheck: true, criticality: row.criticality, history: true, scheduled: self.fetcher.scheduled };
        let cancel = &self.fetcher.cancel;
        let entered = engine.gate.enter(priority, None, cancel).await;
        let _permit = entered.map_err(|_| Fault::cancelled())?;
        let asked = listing::ask(dispatcher, &engine.calendar, row, stored, rows, now, cancel);
        ranked(priority.rank(), 0, asked).await
    }

    /// The stretch of the wanted range that makes a name doubtful: all of it, or its newest end.
    fn silent(&self, target: &Target, row: &SymbolRow, stored: StoredSpan) -> Result<Option<Interval>, RunError> {
        let engine = self.engine();
        let class = row.asset_class;
        let failed = self.failed();
        if target.requested.iter().any(|tf| failed.contains_key(&(row.symbol.clone(), tf.family()))) {
            return Ok(None);
        }
        let range = self.backfill.selection.range(class, engine.settings.backfill.history, self.context.now)?;
        let settled =
            target.requested.iter().map(|tf| self.fetcher.horizon(row.vendor, class, tf.family()).settled).min();
        let range = Interval::new(range.start, range.end.min(settled.unwrap_or(range.end)));
        let long = |range: Interval, fewest| sessions(&engine.calendar, class, range) >= fewest;
        Ok(match (stored.first, stored.last) {
            (Some(first), Some(last)) if first < range.end => {
                // Nothing to ask where the end is known already.
                let end = Interval::new(last.max(range.start), clipped(range, row).end);
                Some(end).filter(|end| end.start < end.end && long(*end, AT_THE_END))
            }
            _ => Some(range).filter(|range| long(*range, WITHOUT_ANY)),
        })
    }
}

/// Whether the vendor answered for the stretch, rather than refusing it.
fn is_answered(coverage: &CoverageIndex, target: &Target, silent: Interval) -> bool {
    let believed = |state: CoverageState| state != CoverageState::NotEntitled;
    target.row.timeframes.iter().any(|tf| {
        let covered = coverage.covered(&target.row.symbol, *tf, believed);
        let part: i64 = covered.iter().map(|span| span.intersect(silent).len()).sum();
        part * 2 >= silent.len()
    })
}

impl Told {
    fn take(&mut self, row: &SymbolRow, stored: StoredSpan, silent: Interval, answer: &ListingAnswer) {
        let listing = &answer.listing;
        let text = listing::words(row, listing, answer.near.as_deref());
        let class = row.asset_class;
        let begins_later = listing.listed_on.filter(|day| class.midnight(*day) >= silent.end);
        match listing.state {
            ListingState::Unknown => drop(self.failed.insert(row.symbol.clone(), text)),
            ListingState::Delisted | ListingState::Renamed => self.notes.push(text),
            _ if begins_later.is_some() => {
                let day = begins_later.map_or_else(String::new, |day| day.to_string());
                self.notes.push(format!(
                    "{} was not listed before {day}; there is nothing to fetch in this range",
                    row.symbol
                ));
            }
            // There are bars, only not in this range: a note, not a failure.
            _ if stored.last.is_some() => self.notes.push(text),
            _ => drop(self.failed.insert(row.symbol.clone(), text)),
        }
    }
}

/// First and last bar of each symbol, over its series.
fn spans(series: &[SeriesRow]) -> BTreeMap<&Symbol, StoredSpan> {
    let mut all: BTreeMap<&Symbol, StoredSpan> = BTreeMap::new();
    for row in series {
        let stored = all.entry(&row.symbol).or_default();
        stored.first = stored.first.into_iter().chain(row.first_ts).min();
        stored.last = stored.last.max(row.last_ts);
    }
    all
}
