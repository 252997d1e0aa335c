//! What bars may say at the end of a run about things they were asked by: splits that were listed again or around which
//! bars were asked for, and market days announced against the rules.

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, RunError};
use crate::holidays::{Watched, take_back_contradicted};
use crate::nights;
use crate::select::Target;
use crate::splits::check::{SplitCheck, check};
use crate::splits::terms;
use barkeep_market::{AssetClass, Family, Interval, Symbol, Timeframe};
use barkeep_plan::{Item, Request};

/// The splits of up to so many symbols are looked for one by one.
const FEW: usize = 64;

/// What a run has asked for so far.
#[derive(Debug, Default)]
pub(super) struct SplitWatch {
    ranges: BTreeMap<Symbol, Interval>,
    relisted: BTreeSet<Symbol>,
    /// Whether the calendar is another one now.
    pub(super) reopened: bool,
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
                Request::FlatFile { date } => {
                    let start = AssetClass::Stock.midnight(*date);
                    Some((AssetClass::Stock, Interval::new(start, start + 1)))
                }
                Request::Splits { .. } => {
                    self.relisted.extend(item.symbols.iter().cloned());
                    None
                }
            };
            let Some((_, range)) = class_and_range.filter(|(class, _)| !class.is_continuous()) else { continue };
            for symbol in item.symbols.iter() {
                let whole = self.ranges.entry(symbol.clone()).or_insert(range);
                *whole = whole.hull(range);
            }
        }
    }
}

impl Run<'_> {
    /// Takes back announced closures on which bars came all the same.
    pub(super) async fn check_announcements(&self) -> Result<(), RunError> {
        let ranges = self.split_watch().ranges.clone();
        let engine = self.engine();
        let ids = self.fetcher.registry.register().await?;
        let of = |target: &'_ Target| {
            let range = ranges.get(&target.row.symbol).copied()?;
            let families = [Family::Day, Family::Minute].into_iter().filter_map(move |family| {
                let finest = target.row.timeframes.iter().copied().find(|tf| tf.family() == family)?;
                let series = *ids.get(&(target.row.symbol.clone(), finest))?;
                Some((family, series, range))
            });
            Some(families.collect::<Vec<_>>())
        };
        let mut watched = Vec::new();
        for target in self.context.targets.iter() {
            for (family, series, range) in of(target).into_iter().flatten() {
                watched.push(Watched { symbol: &target.row.symbol, series, family, range });
            }
        }
        let reopened = take_back_contradicted(engine.store.as_ref(), &watched, engine.clock.now()).await?;
        self.split_watch().reopened |= reopened;
        Ok(())
    }

    /// Opens the nights when enough bars wait that were put aside for their hour.
    pub(super) async fn check_nights(&self) -> Result<(), RunError> {
        if self.fetcher.progress.totals().quarantined > 0 {
            let opened = nights::open(self.engine()).await?;
            self.split_watch().reopened |= opened;
        }
        Ok(())
    }

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
            let checked = SplitCheck { symbol, class: target.row.asset_class, families: &families, near };
            check(store, &engine.calendar, &checked, engine.clock.now()).await?;
        }
        Ok(())
    }

    /// Puts what the database shows of splits and dividends in step with the bars that came.
    pub(super) async fn refresh_terms(&self) -> Result<(), RunError> {
        let (ranges, relisted) = {
            let watch = self.split_watch();
            (watch.ranges.clone(), watch.relisted.clone())
        };
        let store = self.engine().store.as_ref();
        terms::dividends(store, &ranges).await?;
        let mut split: BTreeSet<Symbol> = relisted;
        for (symbol, one) in store.all_splits().await? {
            let week = |class: AssetClass| Timeframe::W1.span(class, class.midnight(one.date));
            if ranges.get(&symbol).is_some_and(|range| range.overlaps(week(AssetClass::Stock))) {
                split.insert(symbol);
            }
        }
        let ids = self.fetcher.registry.register().await?;
        for symbol in &split {
            let class = self.context.targets.iter().find(|t| t.row.symbol == *symbol).map(|t| t.row.asset_class);
            let of = |timeframe| ids.get(&(symbol.clone(), timeframe)).copied();
            if let (Some(class), Some(weekly)) = (class, of(Timeframe::W1)) {
                terms::weeks(store, symbol, class, weekly, of(Timeframe::D1)).await?;
            }
        }
        Ok(())
    }
}
