//! One backfill: from a selection to stored bars.
//!
//! The way of a bar: [`select`] resolves symbols, [`index`] reads what is stored, [`barkeep_plan`] decides the requests,
//! [`fetch`] makes them page by page, [`ingest`] validates, derives and commits each page whole, [`features`] follow,
//! [`backfill`] drives the rounds, [`progress`] counts, [`summary`] is the result. Whatever happens on the way, coverage
//! says afterwards what is still missing, and the next run requests exactly that.

pub mod backfill;
pub mod derive;
pub mod dividends;
pub mod features;
pub mod fetch;
pub mod halts;
pub mod holidays;
pub mod ingest;
pub mod nights;
pub mod open;
pub mod planning_inputs;
pub mod quarantine;
pub mod review;
pub mod splits;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use barkeep_base::clock::Clock;
use barkeep_base::published::Published;
use barkeep_config::{Config, Settings};
use barkeep_market::calendar::Override;
use barkeep_market::{Calendar, Source};
use barkeep_store::{RequestPurpose, Store, StoreError};
use barkeep_vendor::Vendor;
use barkeep_vendor::counters::Counts;
use barkeep_vendor::dispatch::Dispatcher;
use barkeep_vendor::limit::{Limiter, allowance};
use barkeep_vendor::retry::RetryPolicy;
use claim::Claims;
use events::Listener;
use gate::PriorityGate;
use journal::StoreJournal;
use review::Unreviewed;

pub use backfill::{Backfill, RunError};
pub use barkeep_names::{self as names, claim, select};
pub use barkeep_progress::{events, gate, index, journal, progress, summary};
pub use open::{assemble, open, open_without_key};
pub use summary::Summary;

/// A vendor beside the usual one.
#[derive(Clone)]
pub struct VendorLine {
    pub vendor: Arc<dyn Vendor>,
    pub limiter: Arc<Limiter>,
}

/// Vendors beside the usual one.
pub type Others = BTreeMap<Source, VendorLine>;

/// How many requests the settings allow in each window of a vendor.
#[must_use]
pub fn places(vendor: Source, settings: &Settings) -> u32 {
    match vendor {
        Source::Massive => allowance(settings.vendor.rate_limit).0,
        Source::Coinbase => settings.coinbase.requests_per_second,
    }
}

/// What every part of one process works with, and the one owner of what can change while it runs. Cheap to clone.
#[derive(Clone)]
pub struct EngineContext {
    /// Opened so that calls wait for a lost database (see [`barkeep_store::open_with_retry`]).
    pub store: Arc<dyn Store>,
    pub vendor: Arc<dyn Vendor>,
    /// One limit for all executions.
    pub limiter: Arc<Limiter>,
    /// Vendors beside the usual one, each with a limit of its own.
    pub others: Arc<Others>,
    /// The requests of this process, of all executions and of none.
    pub requests: Arc<Counts>,
    pub gate: Arc<PriorityGate>,
    /// Which execution works on which series.
    pub claims: Arc<Claims>,
    /// Coverage that is still to be judged.
    pub unreviewed: Arc<Unreviewed>,
    /// Settings and policy in force. Changed by [`apply`](Self::apply) alone.
    pub config: Published<Config>,
    /// The exchange calendar, with the closures announced so far.
    pub calendar: Published<Calendar>,
    pub clock: Arc<dyn Clock>,
}

impl EngineContext {
    /// Puts another configuration in force: limit and width of the gate at once, the rest with whatever acts next.
    pub fn apply(&self, config: Config) {
        self.limiter.set_rate(config.settings.vendor.rate_limit);
        for (vendor, line) in self.others.iter() {
            line.limiter.set_places(places(*vendor, &config.settings));
        }
        self.gate.set_width(config.settings.backfill.concurrency);
        self.config.publish(config);
    }

    /// The engine as a run that begins now works with it.
    #[must_use]
    pub fn for_run(&self) -> RunContext {
        RunContext {
            store: Arc::clone(&self.store),
            vendor: Arc::clone(&self.vendor),
            limiter: Arc::clone(&self.limiter),
            others: Arc::clone(&self.others),
            requests: Arc::clone(&self.requests),
            gate: Arc::clone(&self.gate),
            claims: Arc::clone(&self.claims),
            unreviewed: Arc::clone(&self.unreviewed),
            calendar: self.calendar.current(),
            settings: Arc::clone(&self.config.current().settings),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// An engine with the settings and the calendar of one moment: a run judges its answers by what it was planned with.
#[derive(Clone)]
pub struct RunContext {
    pub store: Arc<dyn Store>,
    pub vendor: Arc<dyn Vendor>,
    pub limiter: Arc<Limiter>,
    pub others: Arc<Others>,
    pub requests: Arc<Counts>,
    pub gate: Arc<PriorityGate>,
    pub claims: Arc<Claims>,
    pub unreviewed: Arc<Unreviewed>,
    pub calendar: Arc<Calendar>,
    pub settings: Arc<Settings>,
    pub clock: Arc<dyn Clock>,
}

impl RunContext {
    /// A dispatcher whose attempts are counted by themselves and for the process, and recorded for one execution, or for
    /// none, with the purpose of its requests for bars.
    #[must_use]
    pub fn dispatcher(
        &self,
        execution: Option<Uuid>,
        purpose: RequestPurpose,
        listener: Arc<dyn Listener>,
    ) -> Dispatcher {
        let journal = StoreJournal::new(Arc::clone(&self.store), listener, execution, purpose);
        let policy = RetryPolicy::from(&self.settings.vendor);
        let usual = Dispatcher::new(
            Arc::clone(&self.vendor),
            Arc::clone(&self.limiter),
            policy,
            Arc::new(journal),
            Arc::clone(&self.clock),
            Arc::clone(&self.requests),
            // Any seed will do, as long as two processes do not share one.
            execution.unwrap_or_else(Uuid::new_v4).as_u64_pair().0,
        );
        self.others
            .iter()
            .fold(usual, |all, (source, line)| all.with(*source, Arc::clone(&line.vendor), Arc::clone(&line.limiter)))
    }
}

/// The exchange calendar with what the database knows of it: the vendor's announcements, and whether nights are traded.
///
/// # Errors
/// When the database cannot be read.
pub async fn calendar(store: &dyn Store) -> Result<Calendar, StoreError> {
    let rows = store.holidays().await?;
    let by_rule = Calendar::new().with_nights_from(store.nights_from().await?);
    Ok(rows.into_iter().fold(by_rule, |cal, row| {
        cal.with_override(row.date, row.close.map_or(Override::Closed, Override::EarlyClose))
    }))
}
