//! Fetching one item of a plan, page by page, and handing each page on.
//!
//! A request is made when its turn has come at the gate. `pages` fetches one symbol until no page follows, `grouped` one
//! date of the whole market, `flat` the minutes of one from a file; `evidence` decides what an answer proves, so that no more is ever stored as known;
//! `capabilities` keeps what answers say about the vendor's plan, `plan_start` how far back it reaches; `verify` compares
//! stored bars that are asked again, `doubt` asks whether bars carry their own times.

mod capabilities;
mod doubt;
mod evidence;
mod flat;
mod grouped;
mod pages;
pub mod plan_start;
mod splits;
mod verify;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

pub use self::capabilities::{Delays, VendorCapabilities};
pub use self::flat::{FlatSource, terms as flat_file_terms};
use self::plan_start::PlanHistory;
pub use self::verify::{Verification, Verified};
use super::RunContext;
use super::gate::{GatePermit, Priority, Purpose};
use super::ingest::Ingest;
use super::journal::request_row;
use crate::events::{Event, ItemInfo, ItemTiming, Listener as _};
use crate::index::registry::SeriesRegistry;
use crate::progress::RunProgress;
use barkeep_base::timing;
use barkeep_market::{Criticality, Ts};
use barkeep_plan::{Item, Request};
use barkeep_store::{RequestPurpose, RequestRow, StoreError};
use barkeep_vendor::dispatch::{Attempt, Dispatcher};
use barkeep_vendor::limit::ranked;
use barkeep_vendor::{AggregateQuery, Class, Fault};

/// Why an item ended without all of its bars.
#[derive(Debug)]
pub enum ItemError {
    /// The vendor's fault; other items may go on unless the class says otherwise.
    Vendor(Fault),
    /// The database is gone; the run ends.
    Store(StoreError),
}

impl From<StoreError> for ItemError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<Fault> for ItemError {
    fn from(f: Fault) -> Self {
        Self::Vendor(f)
    }
}

/// One run's view of the engine, shared by its fetchers.
pub struct Fetcher {
    pub engine: RunContext,
    pub dispatcher: Dispatcher,
    /// Whether the schedule started this run, rather than somebody who waits for it.
    pub scheduled: bool,
    pub registry: Arc<SeriesRegistry>,
    pub ingest: Ingest,
    pub progress: Arc<RunProgress>,
    pub cancel: CancellationToken,
    /// Of a worker that helps, all its items of one plan share it.
    pub capabilities: Arc<Mutex<VendorCapabilities>>,
    pub execution: uuid::Uuid,
    /// The time the whole run plans by.
    pub now: Ts,
    pub delays: Delays,
    pub plan_history: Arc<Mutex<PlanHistory>>,
    /// Set in a run that asks stored bars again.
    pub verification: Option<Verification>,
    /// Where there are keys for the vendor's flat files.
    pub flat_files: Option<FlatSource>,
    /// Made while nothing else waits: everybody else goes first.
    pub idle: bool,
}

impl Fetcher {
    /// Makes one request when its turn has come; `follows` more are expected to be made at once after its answer. The
    /// permit is held until the answer is committed, so that no more answers than permits wait for the database. A pause turns the request back before it starts; it then waits for its
    /// turn again.
    ///
    /// # Errors
    /// What `call` fails with, or [`Class::Cancelled`] when the run, the symbol or the series was stopped before its
    /// turn came.
    pub async fn request<T, F>(
        &self,
        item: &Item,
        follows: u64,
        call: impl Fn(CancellationToken) -> F,
    ) -> Result<(T, GatePermit), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let priority = self.priority(item);
        loop {
            let permit = match self.engine.gate.enter(priority, self.purpose(item), &self.cancel).await {
                Ok(permit) => permit,
                Err(refused) => return Err(Fault::new(Class::Cancelled, refused.reason())),
            };
            let follows = u32::try_from(follows).unwrap_or(u32::MAX);
            match ranked(priority.rank(), follows, call(permit.token.clone())).await {
                Err(fault) if fault.class == Class::Cancelled && !self.cancel.is_cancelled() => drop(permit),
                outcome => return outcome.map(|value| (value, permit)),
            }
        }
    }

    /// When the requests of an item have their turn.
    #[must_use]
    pub fn priority(&self, item: &Item) -> Priority {
        Priority {
            recheck: item.recheck,
            criticality: if self.idle { Criticality::Low } else { item.criticality },
            history: self.idle || !item.newest,
            scheduled: self.scheduled,
        }
    }

    /// What a request of one symbol is made for; `None` when it serves many.
    #[must_use]
    pub fn purpose(&self, item: &Item) -> Option<Purpose> {
        let symbol = item.symbols.first().filter(|_| item.symbols.len() == 1)?;
        let family = item.request.family();
        let timeframes = family.map_or_else(Vec::new, |family| self.registry.requested(symbol, family));
        Some(Purpose { execution: self.execution, symbol: symbol.clone(), timeframes })
    }

    /// Carries out one item, and reports how long it took.
    ///
    /// # Errors
    /// When the vendor's answer cannot be had or used, or the database cannot be read or written.
    pub async fn fetch(&self, number: u64, item: &Item) -> Result<(), ItemError> {
        let (spent, start) = (Arc::default(), Instant::now());
        let outcome = timing::scope(Arc::clone(&spent), self.carry_out(number, item)).await;
        let derives = match &item.request {
            Request::Aggregates { derives, .. } => derives.clone(),
            _ => Vec::new(),
        };
        self.progress.on_timing(ItemTiming {
            symbols: item.symbols.clone(),
            is_features: false,
            timeframe: item.request.timeframe(),
            derives,
            took: start.elapsed(),
            spent,
        });
        outcome
    }

    async fn carry_out(&self, number: u64, item: &Item) -> Result<(), ItemError> {
        self.progress.on_event(Event::Started { item: number, info: ItemInfo::of(item) });
        match &item.request {
            Request::Aggregates { ticker, vendor, asset_class, timeframe, range, .. } => {
                let Some(symbol) = item.symbols.first() else { return Ok(()) };
                let query = AggregateQuery {
                    vendor: *vendor,
                    ticker: ticker.clone(),
                    class: *asset_class,
                    timeframe: *timeframe,
                    range: *range,
                    nights: self.engine.calendar.has_nights_before(range.end),
                };
                self.aggregates(number, item, symbol, query).await
            }
            Request::GroupedDaily { asset_class, date } => self.grouped(number, item, *asset_class, *date).await,
            Request::FlatFile { date } => self.flat_file(number, item, *date).await,
            Request::Splits { tickers } => self.splits(item, tickers).await,
        }
    }

    async fn record(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.engine.store.record_request(&self.request_row(attempt)).await
    }

    /// What the requests of this run are for.
    const fn bars_purpose(&self) -> RequestPurpose {
        if self.verification.is_some() { RequestPurpose::Verify } else { RequestPurpose::Backfill }
    }

    fn request_row(&self, attempt: &Attempt) -> RequestRow {
        request_row(attempt, Some(self.execution), self.bars_purpose())
    }

    /// The same of a request for an item, which may only be about a hole.
    fn row_of(&self, attempt: &Attempt, item: &Item) -> RequestRow {
        let row = self.request_row(attempt);
        if item.recheck { RequestRow { purpose: RequestPurpose::Recheck, ..row } } else { row }
    }

    fn report_page(&self, item: u64, done: f64, more: bool) {
        self.progress.on_event(Event::PageFetched { item, done, more });
    }
}
