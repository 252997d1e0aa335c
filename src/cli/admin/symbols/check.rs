//! New names, asked of the vendor once where a key is at hand. Nothing depends on the answer: a wrong name is only told.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::globals::{NO_API_KEY, Session};
use barkeep_base::clock::SystemClock;
use barkeep_config::Config;
use barkeep_market::Ts;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::names::listing::{self, StoredSpan, is_due};
use barkeep_store::{Listing, ListingState, RequestPurpose, Store, SymbolRow};

/// More names than this are asked by their first backfill.
const MOST: usize = 5;
/// The command does not wait longer for all answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks what the added names are, and notes it. Returns what is worth a warning.
pub(super) async fn check(added: &[SymbolRow], session: &Session, store: &Arc<dyn Store>, now: Ts) -> Vec<String> {
    let Ok(key) = session.any_key() else { return Vec::new() };
    let can_ask = |row: &&SymbolRow| key.is_some() || !row.vendor.needs_key();
    let added: Vec<&SymbolRow> = added.iter().filter(can_ask).collect();
    if session.simulated || added.is_empty() || added.len() > MOST {
        return Vec::new();
    }
    let mut loaded = session.loaded.clone();
    loaded.settings.vendor.attempts = 1;
    let (config, clock) = (Config::from(loaded), Arc::new(SystemClock));
    let engine = match key {
        Some(key) => barkeep_pipeline::open(Arc::clone(store), config, key, clock).await,
        None => barkeep_pipeline::open_without_key(Arc::clone(store), config, NO_API_KEY, clock).await,
    };
    let Ok(engine) = engine else { return Vec::new() };
    let run = engine.for_run();
    let dispatcher = run.dispatcher(None, RequestPurpose::Lookup, Arc::new(Silent));
    let cancel = CancellationToken::new();
    let asked = async {
        let mut warnings = Vec::new();
        let rows = store.symbols().await.unwrap_or_default();
        for row in added.into_iter().filter(|row| is_due(&row.listing, now)) {
            let answer =
                listing::ask(&dispatcher, &run.calendar, row, StoredSpan::default(), &rows, now, &cancel).await;
            let Ok(answer) = answer else { break };
            if let Err(e) = store.note_listing(&row.symbol, &answer.listing).await {
                tracing::warn!(error = %e, "cannot store what the vendor says about a symbol");
            }
            if !matches!(answer.listing, Listing { state: ListingState::Listed | ListingState::Unchecked, .. }) {
                warnings.push(listing::words(row, &answer.listing, answer.near.as_deref()));
            }
        }
        warnings
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_default()
}
