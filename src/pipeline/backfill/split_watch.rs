//! The splits that this run can say something about: those listed again, and those around which it asked for bars.

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, RunError};
use crate::splits::check::{Checked, check};
use barkeep_market::{Family, Interval, Symbol};
use barkeep_plan::{Item, Request};

/// The splits of up to so many symbols are looked for one by one.
const FEW: usize = 64;

/// What a run has asked for so far.
#[derive(Debug, Default)]
pub(super) struct SplitWatch {
    ranges: BTreeMap<Symbol, Interval>,
    relisted: BTreeSet<Symbol>,
}

impl SplitWatch {
    /// Notes what is going to be requested.
    pub(super) fn expect(&mut self, items: &[Item]) {
        for item in items {
            let class_and_range = match &item.request {
                Request::Aggregates { asset_class, range, .. } => Some((*asset_class, *range)),
                Request::GroupedDaily { asset_class, date } => {
                    let start = asset_class.midnight(*date);
                    Some((*asset_class, Interval::new(start, start + 1)))
                }
                Request::Splits { .. } => {
                    self.relisted.extend(item.symbols.iter().cloned());
                    None
                }
            };
            let Some((_, range)) = class_and_range.filter(|(class, _)| !class.is_continuous()) else { continue };
            for symbol in &item.symbols {
                let whole = self.ranges.entry(symbol.clone()).or_insert(range);
                *whole = whole.hull(range);
            }
        }
    }
}

impl Run<'_> {
    /// Holds listed splits against the prices that are stored now.
    pub(super) async fn check_splits(&self) -> Result<(), RunError> {
        let (ranges, relisted) = {
            let watch = self.split_watch();
            (watch.ranges.clone(), watch.relisted.clone())
        };
        let engine = self.engine();
        let store = engine.store.as_ref();
        let mut symbols: BTreeSet<&Symbol> = ranges.keys().chain(&relisted).collect();
        if symbols.len() > FEW {
            let with_splits: BTreeSet<Symbol> =
                store.all_splits().await?.into_iter().map(|(symbol, _)| symbol).collect();
            symbols.retain(|symbol| with_splits.contains(*symbol) || relisted.contains(*symbol));
        }
        for symbol in symbols {
            let Some(target) = self.context.targets.iter().find(|target| target.row.symbol == *symbol) else {
                continue;
            };
            if target.row.asset_class.is_continuous() || store.split_rows(symbol).await?.is_empty() {
                continue;
            }
            let mut families = Vec::new();
            for family in [Family::Day, Family::Minute] {
                if target.row.timeframes.iter().any(|tf| tf.family() == family) {
                    families.push(self.fetcher.registry.series_ids(symbol, family, &engine.settings).await?);
                }
            }
            let near = ranges.get(symbol).copied().filter(|_| !relisted.contains(symbol));
            let checked = Checked { symbol, class: target.row.asset_class, families: &families, near };
            check(store, &engine.calendar, &checked, engine.clock.now()).await?;
        }
        Ok(())
    }
}
