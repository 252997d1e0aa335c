//! Splits of some symbols in one request.
//!
//! A vendor without a splits endpoint is no reason to go without bars: prices are stored raw and stay right.

use super::{Fetcher, ItemError};
use barkeep_market::Symbol;
use barkeep_market::split::Split;
use barkeep_plan::Item;
use barkeep_store::SplitRow;
use barkeep_vendor::Class;

impl Fetcher {
    /// Requests the splits of some tickers and stores them.
    pub(super) async fn splits(&self, item: &Item, tickers: &[String]) -> Result<(), ItemError> {
        let symbols = &item.symbols;
        let answer = self.request(item, |token| async move { self.dispatcher.splits(tickers, &token).await });
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
            let mut splits: Vec<Split> = match &found {
                Some(found) => found.iter().filter(|(t, _)| t == ticker).map(|(_, split)| *split).collect(),
                None => store.splits(symbol).await?,
            };
            splits.sort_by_key(|split| split.date);
            splits.dedup_by_key(|split| split.date);
            rows.push((symbol.clone(), splits.into_iter().map(SplitRow::from).collect()));
        }
        store.put_splits(&rows, self.engine.clock.now()).await?;
        Ok(())
    }
}
