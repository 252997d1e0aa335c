//! Splits of the symbols a run works on, asked once a day.
//!
//! A vendor without a splits endpoint is no reason to go without bars: prices are stored raw and stay right.

use std::collections::BTreeMap;

use crate::fetch::{Fetcher, ItemError};
use crate::select::Target;
use barkeep_market::Symbol;
use barkeep_market::split::Split;
use barkeep_plan::Item;
use barkeep_store::{Store, StoreError};
use barkeep_vendor::Class;

/// Symbols whose splits have not been asked within `recheck` milliseconds, with their tickers.
pub async fn due(
    store: &dyn Store,
    targets: &[Target],
    recheck: i64,
    now: barkeep_market::Ts,
) -> Result<Vec<(Symbol, String)>, StoreError> {
    let checked: BTreeMap<Symbol, barkeep_market::Ts> = store.splits_fetched_at().await?.into_iter().collect();
    let is_due = |symbol: &Symbol| checked.get(symbol).is_none_or(|at| *at + recheck <= now);
    Ok(targets
        .iter()
        .filter(|t| !t.row.asset_class.is_continuous() && is_due(&t.row.symbol))
        .map(|t| (t.row.symbol.clone(), t.row.vendor_ticker.clone()))
        .collect())
}

/// Asks for the splits of some tickers and keeps them.
pub async fn fetch(fetcher: &Fetcher, item: &Item, tickers: &[String]) -> Result<(), ItemError> {
    let symbols = &item.symbols;
    let answer = fetcher.request(item, |token| async move { fetcher.dispatcher.splits(tickers, &token).await });
    let found = match answer.await {
        Ok((found, _pass)) => {
            fetcher.capabilities().needed += 1;
            Some(found)
        }
        Err(fault) if matches!(fault.class, Class::Permanent | Class::NotEntitled | Class::PlanWindow) => {
            tracing::warn!(error = %fault, "the vendor tells no splits; prices stay raw until it does");
            None
        }
        Err(fault) => return Err(fault.into()),
    };
    fetcher.registry.register().await?;
    let store = &fetcher.engine.store;
    let mut rows: Vec<(Symbol, Vec<Split>)> = Vec::with_capacity(symbols.len());
    for (symbol, ticker) in symbols.iter().zip(tickers) {
        let mut splits: Vec<Split> = match &found {
            Some(found) => found.iter().filter(|(t, _)| t == ticker).map(|(_, split)| *split).collect(),
            None => store.splits(symbol).await?,
        };
        splits.sort_by_key(|split| split.date);
        splits.dedup_by_key(|split| split.date);
        rows.push((symbol.clone(), splits));
    }
    store.put_splits(&rows, fetcher.engine.clock.now()).await?;
    Ok(())
}
