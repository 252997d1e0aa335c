//! What the database holds of the series a run works on, in the form planning wants.

use std::collections::{BTreeMap, HashMap, HashSet};

pub use crate::SeriesKey;
use barkeep_market::freshness::Delay;
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Family, IntervalSet, Symbol, Timeframe, Ts};
use barkeep_names::select::Target;
use barkeep_plan::FamilyState;
use barkeep_store::{Coverage, CoverageState, SeriesId, SeriesRow, Store, StoreError};

/// A refused interval around now that is no longer than this (a day as whole bars) says that today's data come late; a
/// longer one refuses history or the whole ticker.
pub const LONGEST_REFUSAL_OF_TODAY: i64 = DAY + 2 * Timeframe::H4.width();

/// Coverage of the series of some targets at one moment.
#[derive(Debug, Default)]
pub struct CoverageIndex {
    coverage: HashMap<SeriesKey, Vec<Coverage>>,
    /// Paused series.
    paused: HashSet<SeriesKey>,
    now: Ts,
    /// From when on an answer without the newest bars is not asked for again.
    late_since: Option<Ts>,
}

/// Whether a row is still believed. A hole stays one when it is due to be asked about.
#[must_use]
pub fn is_believed(row: &Coverage, now: Ts) -> bool {
    match row.state {
        CoverageState::Empty | CoverageState::NotEntitled => row.expires_at.is_none_or(|t| t > now),
        _ => true,
    }
}

impl CoverageIndex {
    /// Reads the coverage of every timeframe of every target. Series not registered yet have none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, targets: &[Target], now: Ts) -> Result<Self, StoreError> {
        Self::of(store, targets, &store.series().await?, now).await
    }

    /// The same for a caller that has read the series.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of(store: &dyn Store, targets: &[Target], series: &[SeriesRow], now: Ts) -> Result<Self, StoreError> {
        let wanted: HashSet<&Symbol> = targets.iter().map(|t| &t.row.symbol).collect();
        let of_targets = || series.iter().filter(|row| wanted.contains(&row.symbol));
        let paused = of_targets().filter(|row| row.paused).map(|row| (row.symbol.clone(), row.timeframe)).collect();
        let keys: HashMap<SeriesId, SeriesKey> =
            of_targets().map(|row| (row.id, (row.symbol.clone(), row.timeframe))).collect();
        let ids: Vec<SeriesId> = keys.keys().copied().collect();
        let rows = store.coverage(&ids).await?;
        let coverage = rows.into_iter().filter_map(|(id, rows)| Some((keys.get(&id)?.clone(), rows))).collect();
        Ok(Self { coverage, paused, now, late_since: None })
    }

    /// A run asks the vendor once for what it does not have yet: what is late by an answer since `start` is no gap.
    #[must_use]
    pub fn asked_since(self, start: Ts) -> Self {
        Self { late_since: Some(start), ..self }
    }

    /// Whether an operator has paused this series.
    #[must_use]
    pub fn is_paused(&self, symbol: &Symbol, tf: Timeframe) -> bool {
        // Cloned only when anything is paused at all.
        !self.paused.is_empty() && self.paused.contains(&(symbol.clone(), tf))
    }

    /// The intervals of a series with a state that counts, as far as they have not expired.
    #[must_use]
    pub fn covered(&self, symbol: &Symbol, tf: Timeframe, counts: impl Fn(CoverageState) -> bool) -> IntervalSet {
        self.matching(symbol, tf, |row| self.holds(row) && counts(row.state))
    }

    fn rows(&self, symbol: &Symbol, tf: Timeframe) -> &[Coverage] {
        self.coverage.get(&(symbol.clone(), tf)).map(Vec::as_slice).unwrap_or_default()
    }

    fn matching(&self, symbol: &Symbol, tf: Timeframe, counts: impl Fn(&Coverage) -> bool) -> IntervalSet {
        self.rows(symbol, tf).iter().filter(|row| counts(row)).map(|row| row.range).collect()
    }

    fn holds(&self, row: &Coverage) -> bool {
        is_believed(row, self.now)
    }

    /// The families of a target, with everything that need not be requested counted as covered.
    #[must_use]
    pub fn families(&self, target: &Target) -> Vec<FamilyState> {
        let asked = |row: &Coverage| self.late_since.is_some_and(|start| row.fetched_at >= start);
        self.states(target, |row| row.state != CoverageState::Late || asked(row))
    }

    /// The same, with what the vendor does not have yet counted as covered.
    #[must_use]
    pub fn answered(&self, target: &Target) -> Vec<FamilyState> {
        self.states(target, |_| true)
    }

    /// The same, but a refused range counts as missing: what the user does not have.
    #[must_use]
    pub fn proven(&self, target: &Target) -> Vec<FamilyState> {
        self.states(target, |row| row.state != CoverageState::NotEntitled)
    }

    fn states(&self, target: &Target, counts: impl Fn(&Coverage) -> bool + Copy) -> Vec<FamilyState> {
        let row = &target.row;
        let covered = |tf| self.matching(&row.symbol, tf, |row| self.holds(row) && counts(row));
        [Family::Day, Family::Minute]
            .into_iter()
            .filter_map(|family| {
                let stored: Vec<Timeframe> =
                    row.timeframes.iter().copied().filter(|tf| tf.family() == family).collect();
                let requested: Vec<Timeframe> =
                    target.requested.iter().copied().filter(|tf| tf.family() == family).collect();
                let base = *stored.first()?;
                requested.first()?;
                let covered: BTreeMap<Timeframe, IntervalSet> =
                    stored.iter().map(|tf| (*tf, covered(*tf))).filter(|(_, known)| !known.is_empty()).collect();
                let due = |row: &Coverage| {
                    (row.state.is_hole() || row.state == CoverageState::Quarantined)
                        && row.expires_at.is_some_and(|t| t <= self.now)
                };
                let newest = self.rows(&row.symbol, base).last();
                let open = newest.filter(|row| row.state == CoverageState::Unjudged).map(|row| row.range);
                Some(FamilyState {
                    symbol: row.symbol.clone(),
                    class: row.asset_class,
                    ticker: row.vendor_ticker.clone(),
                    vendor: row.vendor,
                    criticality: row.criticality,
                    base,
                    requested,
                    derived: stored.into_iter().skip(1).collect(),
                    covered,
                    due: self.matching(&row.symbol, base, due),
                    open,
                })
            })
            .collect()
    }

    /// The plan's delay for a class: end of day when the vendor said so today, else as configured.
    ///
    /// A refusal of today's data is stored as a refused interval of about one day around now; a refusal of history or of
    /// the whole ticker is longer.
    #[must_use]
    pub fn delay(&self, class: AssetClass, targets: &[Target], configured: Delay) -> Delay {
        let todays = |row: &Coverage| {
            row.state == CoverageState::NotEntitled
                && row.expires_at.is_none_or(|t| t > self.now)
                && row.range.contains(self.now)
                && row.range.len() <= LONGEST_REFUSAL_OF_TODAY
        };
        let same_market =
            |t: &&Target| t.row.asset_class.is_continuous() == class.is_continuous() && t.row.vendor.has_plans();
        let mut series = targets.iter().filter(same_market).flat_map(|target| {
            target.row.timeframes.iter().filter_map(|tf| self.coverage.get(&(target.row.symbol.clone(), *tf)))
        });
        if series.any(|rows| rows.iter().any(todays)) { Delay::EndOfDay } else { configured }
    }
}
