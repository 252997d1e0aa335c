//! Keeping features up to date while bars arrive.
//!
//! The store notes with every change of bars from where on the features of a series are out of date. A family of a symbol
//! is brought up to date when the last request for it in this round has ended ([`FeatureRunner::ended`]), so that each bar is
//! computed once however its pages arrive; at the end of the run everything else of its symbols follows
//! ([`FeatureRunner::finish`]): series left behind by a crash or a failure, series filled while features were switched off,
//! and series whose symbol has another list of splits. What has got its features with its bars ([`Recent::add_features`]) is left
//! as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::RunContext;
use super::select::Target;
use crate::events::{ItemTiming, Listener as _};
use crate::index::coverage::SeriesKey;
use crate::index::registry::SeriesRegistry;
use crate::progress::RunProgress;
use barkeep_base::timing;
use barkeep_market::{Family, Symbol, Timeframe};
use barkeep_plan::Item;
use barkeep_progress::series_statuses::SeriesStatuses;
use barkeep_store::{SeriesId, StoreError};

pub use barkeep_features::{Recent, Refresh, Refreshed, SeriesRef};

/// The features of one run.
pub struct FeatureRunner {
    pub engine: RunContext,
    pub registry: Arc<SeriesRegistry>,
    pub statuses: Arc<Mutex<SeriesStatuses>>,
    pub progress: Arc<RunProgress>,
    pub execution: Uuid,
    pub targets: Arc<Vec<Target>>,
    pub cancel: CancellationToken,
    /// Requests of this round that have not ended, by family.
    pub waiting: Mutex<BTreeMap<(Symbol, Family), usize>>,
    /// What the pages of this run have written.
    pub recent: Arc<Recent>,
    /// Families computed at once: one while the rows of another are written.
    pub places: Semaphore,
}

/// What [`FeatureRunner::places`] starts with. Each may hold some 8 MB of rows.
pub const PLACES: usize = 2;

impl FeatureRunner {
    /// Notes what a round is going to request.
    pub fn expect(&self, items: &[Item]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.clear();
        for key in items.iter().flat_map(families) {
            *waiting.entry(key).or_default() += 1;
        }
        let alone = waiting.iter().filter(|(_, requests)| **requests == 1);
        self.recent.expect_in_order(alone.map(|(family, _)| family.clone()).collect());
    }

    /// Brings the families up to date for which this was the last request.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn ended(&self, item: &Item) -> Result<(), StoreError> {
        let complete = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let mut last = |key: &(Symbol, Family)| {
                let left = waiting.get_mut(key).map(|n| {
                    *n = n.saturating_sub(1);
                    *n
                });
                left == Some(0)
            };
            families(item).into_iter().filter(|key| last(key)).collect::<BTreeSet<_>>()
        };
        // Without a registration nothing has been stored.
        if complete.is_empty() || !self.is_on() || !self.registry.is_done() {
            return Ok(());
        }
        let Ok(_place) = self.places.acquire().await else { return Ok(()) };
        let series_refs = self.series_refs(|symbol, tf| complete.contains(&(symbol.clone(), tf.family()))).await?;
        let done = self.timed(&series_refs).await?;
        let computed: Vec<Refreshed> = done.into_iter().filter(|one| one.touched).collect();
        self.count(&computed);
        self.refresh().report(&computed).await
    }

    /// Brings all series of the run's symbols up to date and says how fresh they are.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn finish(&self) -> Result<(), StoreError> {
        if !self.is_on() {
            return Ok(());
        }
        let series_refs = self.series_refs(|_, _| true).await?;
        let done = self.timed(&series_refs).await?;
        self.count(&done);
        self.refresh().report_changes(&done).await
    }

    /// Brings series up to date, and reports how long that took.
    async fn timed(&self, series_refs: &[SeriesRef]) -> Result<Vec<Refreshed>, StoreError> {
        let (spent, start) = (Arc::default(), Instant::now());
        let done = timing::scope(Arc::clone(&spent), self.refresh().run_with(&self.recent, series_refs)).await?;
        let symbols: BTreeSet<&Symbol> =
            done.iter().filter(|one| one.touched).map(|one| &one.progress.series.symbol).collect();
        if !symbols.is_empty() {
            let symbols = symbols.into_iter().cloned();
            self.progress.on_timing(ItemTiming::of_features(symbols, start.elapsed(), spent));
        }
        Ok(done)
    }

    fn is_on(&self) -> bool {
        self.engine.settings.features.enabled
    }

    fn refresh(&self) -> Refresh<'_> {
        Refresh {
            store: self.engine.store.as_ref(),
            calendar: &self.engine.calendar,
            settings: &self.engine.settings,
            clock: self.engine.clock.as_ref(),
            execution: Some(self.execution),
            cancel: &self.cancel,
        }
    }

    /// The stored series of the run's symbols, requested or not. One that failed in this run is left to the next.
    async fn series_refs(&self, wanted: impl Fn(&Symbol, Timeframe) -> bool) -> Result<Vec<SeriesRef>, StoreError> {
        let failed: BTreeSet<SeriesKey> =
            self.statuses.lock().unwrap_or_else(PoisonError::into_inner).feature_failures().keys().cloned().collect();
        let wanted = |symbol: &Symbol, tf| wanted(symbol, tf) && !failed.contains(&(symbol.clone(), tf));
        let ids = self.registry.register().await?;
        let id = |symbol: &Symbol, tf: Timeframe| ids.get(&(symbol.clone(), tf)).copied();
        let of = |target: &Target| {
            let (symbol, vendor, class) = (target.row.symbol.clone(), target.row.vendor, target.row.asset_class);
            let daily: Option<SeriesId> = id(&symbol, Timeframe::D1);
            let mine = Timeframe::ALL.into_iter().filter(|tf| wanted(&symbol, *tf));
            mine.filter_map(|tf| Some(SeriesRef { series: id(&symbol, tf)?, vendor, class, daily }))
                .collect::<Vec<SeriesRef>>()
        };
        Ok(self.targets.iter().flat_map(of).collect())
    }

    fn count(&self, done: &[Refreshed]) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        for one in done {
            let series = &one.progress.series;
            self.progress.add_features(one.written);
            statuses.add_features(&(series.symbol.clone(), series.timeframe), one.written, one.failure.as_deref());
        }
    }
}

fn families(item: &Item) -> Vec<(Symbol, Family)> {
    let Some(family) = item.request.family() else { return Vec::new() };
    item.symbols.iter().map(|symbol| (symbol.clone(), family)).collect()
}
