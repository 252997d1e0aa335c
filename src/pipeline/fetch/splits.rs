//! Splits of some symbols in one request.
//!
//! What prices have said of a listed split is kept when the list comes again. A vendor without a splits endpoint is no reason to go without bars: prices are stored raw and stay right.

use super::{Fetcher, ItemError};
use crate::splits::check::relisted;
use barkeep_market::Symbol;
use barkeep_plan::Item;
use barkeep_store::SplitRow;
use barkeep_vendor::Class;

impl Fetcher {
    /// Requests the splits of some tickers and stores them.
    pub(super) async fn splits(&self, item: &Item, tickers: &[String]) -> Result<(), ItemError> {
        // Nothing is asked, so nothing is refused: they stay due.
        if self.engine.vendor.unavailable().is_some() {
            return Ok(());
        }
        let symbols = &item.symbols;
        // All other requests of the run wait for it.
        let answer = self.request(item, u64::MAX, |token| async move { self.dispatcher.splits(tickers, &token).await });
        let found = match answer.await {
            Ok((found, _permit)) => {
                self.capabilities().needed += 1;
                Some(found)
            }
            Err(fault) if matches!(fault.class, Class::Permanent | Class::NotEntitled | Class::PlanWindow) => {
                tracing::warn!(error = %fault, "the vendor sends no splits; prices stay raw until it does");
                None
            }
            Err(fault) => return Err(fault.into()),
        };
        self.registry.register().await?;
        let store = &self.engine.store;
        let mut rows: Vec<(Symbol, Vec<SplitRow>)> = Vec::with_capacity(symbols.len());
        for (symbol, ticker) in symbols.iter().zip(tickers) {
            let before = store.split_rows(symbol).await?;
            let listed = match &found {
                Some(found) => {
                    let of_symbol = found.iter().filter(|(t, split)| t == ticker && split.is_sound());
                    relisted(of_symbol.map(|(_, split)| SplitRow::from(*split)), &before)
                }
                None => before,
            };
            rows.push((symbol.clone(), listed));
        }
        store.put_splits(&rows, self.engine.clock.now()).await?;
        Ok(())
    }
}
