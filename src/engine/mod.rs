//! The backfill: from a wish to stored bars.
//!
//! The way of a bar: [`select`] resolves symbols, [`survey`] reads what is known, [`crate::plan`] says what to ask,
//! [`fetch`] asks it page by page, [`ingest`] validates, derives and commits each page as one transaction, [`features`]
//! follow, [`backfill`] drives the rounds and adds up the [`summary`]. Whatever happens on the way, coverage says afterwards what is still
//! missing, and the next run asks for exactly that.

pub mod backfill;
pub mod derive;
pub mod features;
pub mod fetch;
pub mod ingest;
pub mod journal;
pub mod open;
pub mod owner;
pub mod patience;
pub mod progress;
pub mod quarantine;
pub mod registrar;
pub mod select;
pub mod snapshot;
pub mod splits;
pub mod summary;
pub mod survey;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Settings;
use crate::market::Calendar;
use crate::market::calendar::Override;
use crate::store::{Store, StoreError};
use crate::vendor::dispatch::Dispatcher;

pub use backfill::{Backfill, RunError};
pub use open::{Opened, open};
pub use summary::Summary;

/// What every part of the engine works with.
#[derive(Clone)]
pub struct Engine {
    /// Waits for a lost database (see [`patience`]).
    pub store: Arc<dyn Store>,
    pub dispatcher: Arc<Dispatcher>,
    pub calendar: Arc<Calendar>,
    pub settings: Arc<Settings>,
    pub clock: Arc<dyn Clock>,
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
