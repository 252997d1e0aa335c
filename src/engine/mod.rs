//! The backfill: from a wish to stored bars.
//!
//! The way of a bar: [`select`] resolves symbols, [`survey`] reads what is known, [`crate::plan`] says what to ask,
//! [`fetch`] asks it page by page, [`ingest`] validates, derives and commits each page whole, [`features`]
//! follow, [`backfill`] drives the rounds and adds up the [`summary`]. Whatever happens on the way, coverage says
//! afterwards what is still missing, and the next run asks for exactly that.

pub mod alert;
pub mod backfill;
pub mod board;
pub mod claim;
pub mod console;
pub mod derive;
pub mod explain;
pub mod features;
pub mod fetch;
pub mod freshness;
pub mod freshness_report;
pub mod gate;
pub mod handle;
pub mod history;
pub mod holidays;
pub mod host;
pub mod ingest;
pub mod instance;
pub mod journal;
pub mod open;
pub mod outlook;
pub mod owner;
pub mod patience;
pub mod progress;
pub mod pulse;
pub mod quarantine;
pub mod registrar;
pub mod rest;
pub mod schedule;
pub mod select;
pub mod service;
pub mod snapshot;
pub mod splits;
pub mod summary;
pub mod survey;
pub mod track;

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Clock;
use crate::config::Settings;
use crate::market::Calendar;
use crate::market::calendar::Override;
use crate::store::{Store, StoreError};
use crate::vendor::Vendor;
use crate::vendor::dispatch::Dispatcher;
use crate::vendor::limit::Limiter;
use crate::vendor::retry::RetryPolicy;
use claim::Claims;
use gate::Gate;
use journal::StoreJournal;
use progress::Listener;

pub use backfill::{Backfill, RunError};
pub use open::{assemble, open};
pub use summary::Summary;

/// What every part of the engine works with. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    /// Waits for a lost database (see [`patience`]).
    pub store: Arc<dyn Store>,
    pub vendor: Arc<dyn Vendor>,
    /// One limit for all executions.
    pub limiter: Arc<Limiter>,
    pub gate: Arc<Gate>,
    /// Which execution works on which series.
    pub claims: Arc<Claims>,
    pub calendar: Arc<Calendar>,
    pub settings: Arc<Settings>,
    pub clock: Arc<dyn Clock>,
}

impl Engine {
    /// A dispatcher whose attempts are counted by themselves and recorded for one execution, or for none.
    #[must_use]
    pub fn dispatcher(&self, execution: Option<Uuid>, listener: Arc<dyn Listener>) -> Dispatcher {
        let journal = StoreJournal::new(Arc::clone(&self.store), listener, execution);
        let policy = RetryPolicy::from(&self.settings.vendor);
        Dispatcher::new(
            Arc::clone(&self.vendor),
            Arc::clone(&self.limiter),
            policy,
            Arc::new(journal),
            Arc::clone(&self.clock),
            // Any seed will do, as long as two processes do not share one.
            execution.unwrap_or_else(Uuid::new_v4).as_u64_pair().0,
        )
    }
}

/// The exchange calendar with the vendor's announcements kept in the database.
///
/// # Errors
/// When the database cannot be read.
pub async fn calendar(store: &dyn Store) -> Result<Calendar, StoreError> {
    let rows = store.holidays().await?;
    Ok(rows.into_iter().fold(Calendar::new(), |cal, row| {
        cal.with_override(row.date, row.close.map_or(Override::Closed, Override::EarlyClose))
    }))
}
