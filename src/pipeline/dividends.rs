//! Cash dividends of the tracked shares and funds, requested with the daily full check.
//!
//! One request serves many tickers. After the first time only what a year back and later could bring is asked for; older
//! rows stay. No run needs them: a vendor or a plan without dividends costs one request each `backfill.splits_recheck`, and
//! total returns are those of splits alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use tokio_util::sync::CancellationToken;

use crate::EngineContext;
use crate::events::Silent;
use barkeep_market::dividend::Dividend;
use barkeep_market::ts::millis;
use barkeep_market::{AssetClass, Symbol, Ts};
use barkeep_store::{RequestPurpose, Store, StoreError};
use barkeep_vendor::{Class, Fault};

/// Vendors add and correct dividends of so many days before the last answer.
const LOOK_BACK: Days = Days::new(400);

/// Why nothing new was learned.
#[derive(Debug, thiserror::Error)]
pub enum DividendError {
    #[error(transparent)]
    Vendor(#[from] Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Requests the dividends of all tracked symbols that are due, stores them, and says of how many symbols.
///
/// # Errors
/// When the vendor does not answer or the database fails. A vendor that refuses is no error: it is not asked again before
/// the next time is due.
pub async fn refresh(engine: &EngineContext, cancel: &CancellationToken) -> Result<usize, DividendError> {
    // Nothing was asked, so nothing was refused: they stay due.
    if engine.vendor.unavailable().is_some() {
        return Ok(0);
    }
    let (store, now) = (engine.store.as_ref(), engine.clock.now());
    let context = engine.for_run();
    let recheck = millis(context.settings.backfill.splits_recheck);
    let dispatcher = context.dispatcher(None, RequestPurpose::Lookup, Arc::new(Silent));
    let mut listed = 0;
    for (since, symbols) in due(store, recheck, now).await? {
        let tickers: Vec<String> = symbols.iter().map(|(_, ticker)| ticker.clone()).collect();
        let found = match dispatcher.dividends(&tickers, since, cancel).await {
            Ok(found) => Some(found),
            Err(fault) if matches!(fault.class, Class::Permanent | Class::NotEntitled | Class::PlanWindow) => {
                tracing::warn!(error = %fault, "the vendor sends no dividends; total returns leave them out");
                None
            }
            Err(fault) => return Err(fault.into()),
        };
        let mut rows: Vec<(Symbol, Vec<Dividend>)> = Vec::with_capacity(symbols.len());
        for (symbol, ticker) in &symbols {
            let before = store.dividends(symbol).await?;
            let of_symbol = match &found {
                Some(found) => merged(found.iter().filter(|(t, _)| t == ticker).map(|(_, d)| d.clone()), before, since),
                None => before,
            };
            rows.push((symbol.clone(), of_symbol));
        }
        store.put_dividends(&rows, now).await?;
        listed += found.map_or(0, |_| symbols.len());
    }
    Ok(listed)
}

/// Tracked symbols that may pay and were not asked about within `recheck`, with their tickers, by the ex-date from which to
/// ask: everything of those never asked about.
async fn due(
    store: &dyn Store,
    recheck: i64,
    now: Ts,
) -> Result<BTreeMap<Option<NaiveDate>, Vec<(Symbol, String)>>, StoreError> {
    let asked: BTreeMap<Symbol, Ts> = store.dividends_fetched_at().await?.into_iter().collect();
    let mut due: BTreeMap<Option<NaiveDate>, Vec<(Symbol, String)>> = BTreeMap::new();
    let mut known = Vec::new();
    let mut since: Option<NaiveDate> = None;
    for row in store.symbols().await?.into_iter().filter(|row| row.active && !row.asset_class.is_continuous()) {
        let pair = (row.symbol.clone(), row.vendor_ticker);
        match asked.get(&row.symbol) {
            None => due.entry(None).or_default().push(pair),
            Some(at) if at.ms().saturating_add(recheck) <= now.ms() => {
                let from = AssetClass::Stock.date_of(*at) - LOOK_BACK;
                since = Some(since.map_or(from, |s| s.min(from)));
                known.push(pair);
            }
            Some(_) => {}
        }
    }
    // Together, from the earliest on: a request costs the same however few rows it brings.
    if !known.is_empty() {
        due.insert(since, known);
    }
    Ok(due)
}

/// What the vendor lists now, and what it was not asked about.
fn merged(found: impl Iterator<Item = Dividend>, before: Vec<Dividend>, since: Option<NaiveDate>) -> Vec<Dividend> {
    let older = before.into_iter().filter(|row| since.is_some_and(|since| row.ex_date < since));
    older.chain(found.filter(Dividend::is_sound)).collect()
}
