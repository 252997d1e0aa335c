//! Symbols, series and the execution row, written when the first answer shows that the vendor accepts the key.
//!
//! A refused key must leave nothing behind, so nothing is written before. Afterwards every part of the run finds the
//! series keys here.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::index::coverage::SeriesKey;
use crate::series_statuses::{AT_ONCE, all_pending};
use barkeep_config::Settings;
use barkeep_market::quality::Thresholds;
use barkeep_market::{AssetClass, Family, Source, Symbol, Timeframe, split::Split};
use barkeep_names::select::Target;
use barkeep_store::{ExecutionRow, SeriesId, SeriesRow, SeriesStatus, Store, StoreError, SymbolRow};

/// What ingest needs to know of one family of one symbol.
#[derive(Clone, Debug)]
pub struct SeriesIds {
    pub symbol: Symbol,
    pub class: AssetClass,
    pub vendor: Source,
    pub ticker: String,
    pub base: Timeframe,
    pub base_id: SeriesId,
    /// Coarser stored timeframes of the family, fine to coarse.
    pub derived: Vec<(Timeframe, SeriesId)>,
    pub splits: Vec<Split>,
    pub thresholds: Thresholds,
}

/// Registers once and remembers the keys.
pub struct SeriesRegistry {
    store: Arc<dyn Store>,
    targets: Arc<Vec<Target>>,
    execution: ExecutionRow,
    ids: OnceCell<HashMap<SeriesKey, SeriesId>>,
}

impl SeriesRegistry {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, targets: Arc<Vec<Target>>, execution: ExecutionRow) -> Self {
        Self { store, targets, execution, ids: OnceCell::new() }
    }

    /// For a run that another worker has registered.
    #[must_use]
    pub fn registered(
        store: Arc<dyn Store>,
        targets: Arc<Vec<Target>>,
        execution: ExecutionRow,
        series: Vec<SeriesRow>,
    ) -> Self {
        let ids = series.into_iter().map(|row| ((row.symbol, row.timeframe), row.id)).collect();
        Self { store, targets, execution, ids: OnceCell::new_with(Some(ids)) }
    }

    /// Whether anything has been written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ids.initialized()
    }

    /// Writes symbols, series, execution and pending statuses, the first time.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn register(&self) -> Result<&HashMap<SeriesKey, SeriesId>, StoreError> {
        self.ids
            .get_or_try_init(|| async {
                let dirty: Vec<_> = self.targets.iter().filter(|t| t.dirty).map(|t| t.row.clone()).collect();
                if !dirty.is_empty() {
                    self.store.put_symbols(&dirty).await?;
                }
                self.store.put_execution(&self.execution).await?;
                let mut pending = all_pending(self.execution.execution_id, &self.targets);
                loop {
                    let some: Vec<SeriesStatus> = pending.by_ref().take(AT_ONCE).collect();
                    if some.is_empty() {
                        break;
                    }
                    self.store.put_series_statuses(some).await?;
                }
                let rows = self.store.series().await?;
                Ok(rows.into_iter().map(|row| ((row.symbol, row.timeframe), row.id)).collect())
            })
            .await
    }

    /// The timeframes of one family that the run was started for.
    #[must_use]
    pub fn requested(&self, symbol: &Symbol, family: Family) -> Vec<Timeframe> {
        let target = self.targets.iter().find(|t| &t.row.symbol == symbol);
        target.map_or_else(Vec::new, |t| t.requested.iter().copied().filter(|tf| tf.family() == family).collect())
    }

    /// The keys of one family, registering first when need be.
    ///
    /// # Errors
    /// `NotFound` when the symbol was removed meanwhile, and what goes wrong with the database.
    pub async fn series_ids(
        &self,
        symbol: &Symbol,
        family: Family,
        settings: &Settings,
    ) -> Result<SeriesIds, StoreError> {
        let ids = self.register().await?;
        let target = self.targets.iter().find(|t| &t.row.symbol == symbol).ok_or_else(|| vanished(symbol))?;
        series_ids(self.store.as_ref(), &target.row, family, settings, |tf| ids.get(&(symbol.clone(), tf)).copied())
            .await
    }
}

fn vanished(symbol: &Symbol) -> StoreError {
    StoreError::NotFound(format!("the series of {symbol} vanished while they were being filled"))
}

/// The keys of one family of a registered symbol.
///
/// # Errors
/// `NotFound` when no series of the family is registered, and what goes wrong with the database.
pub async fn series_ids(
    store: &dyn Store,
    row: &SymbolRow,
    family: Family,
    settings: &Settings,
    id: impl Fn(Timeframe) -> Option<SeriesId>,
) -> Result<SeriesIds, StoreError> {
    let of_family = row.timeframes.iter().copied().filter(|tf| tf.family() == family);
    let mut stored: Vec<(Timeframe, SeriesId)> = of_family.filter_map(|tf| Some((tf, id(tf)?))).collect();
    if stored.is_empty() {
        return Err(vanished(&row.symbol));
    }
    let (base, base_id) = stored.remove(0);
    let class = row.asset_class;
    let splits = if class.is_continuous() { Vec::new() } else { store.splits(&row.symbol).await? };
    let thresholds = match class {
        AssetClass::Stock => settings.quality.stock,
        AssetClass::Etf => settings.quality.etf,
        AssetClass::Crypto => settings.quality.crypto,
    };
    Ok(SeriesIds {
        symbol: row.symbol.clone(),
        class,
        vendor: row.vendor,
        ticker: row.vendor_ticker.clone(),
        base,
        base_id,
        derived: stored,
        splits,
        thresholds,
    })
}
