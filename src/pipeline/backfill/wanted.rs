//! The range a run wants of each series: what was asked for, as far as the vendor's plan reaches back.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;

use crate::fetch::Delays;
use crate::fetch::plan_start::{self, PlanStarts};
use crate::index::coverage::{CoverageIndex, SeriesKey};
use crate::select::{SelectError, Selection, Target};
use barkeep_config::Settings;
use barkeep_market::{AssetClass, Calendar, Family, Interval, Source, Symbol, Ts};
use barkeep_plan::{FamilyState, Holes, Horizon};
use barkeep_store::{SeriesRow, Store, StoreError, SymbolRow};

/// Where the history of each family begins, unless the selection says.
#[derive(Clone, Debug, Default)]
pub(super) struct Beginnings {
    history_from: BTreeMap<Symbol, NaiveDate>,
    first_bars: BTreeMap<(Symbol, Family), Ts>,
}

impl Beginnings {
    pub(super) fn of(targets: &[Target], series: &[SeriesRow]) -> Self {
        let with_date = targets.iter().filter_map(|t| Some((t.row.symbol.clone(), t.row.history_from?)));
        let mut all = Self { history_from: with_date.collect(), first_bars: BTreeMap::new() };
        for series in series {
            let Some(first) = series.first_ts else { continue };
            let earliest = all.first_bars.entry((series.symbol.clone(), series.timeframe.family())).or_insert(first);
            *earliest = first.min(*earliest);
        }
        all
    }

    /// The first stored bar of a family.
    pub(super) fn first_bar(&self, symbol: &Symbol, family: Family) -> Option<Ts> {
        self.first_bars.get(&(symbol.clone(), family)).copied()
    }
}

/// What decides about ranges in a run.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) selection: &'a Selection,
    pub(super) beginnings: &'a Beginnings,
    /// `backfill.history`
    pub(super) history: Duration,
    pub(super) now: Ts,
}

impl Wanted<'_> {
    /// The range of a family, plan or no plan.
    pub(super) fn asked(&self, state: &FamilyState) -> Result<Interval, SelectError> {
        let family = state.base.family();
        let history_from = self.beginnings.history_from.get(&state.symbol).copied();
        let first_bar = self.beginnings.first_bar(&state.symbol, family);
        self.selection.range_of(state.class, history_from, first_bar, self.history, self.now)
    }

    /// The range of a family without what lies before the plan's history.
    pub(super) fn range(&self, state: &FamilyState, starts: &PlanStarts) -> Result<Interval, SelectError> {
        let asked = self.asked(state)?;
        Ok(Interval::new(begin(asked, (state.vendor, state.class), starts), asked.end))
    }
}

/// How many gaps each tracked series of some symbols has: what `backfill --all` would plan for, before the settled end.
///
/// # Errors
/// When the database cannot be read.
pub async fn gaps(
    store: &dyn Store,
    calendar: &Calendar,
    settings: &Settings,
    symbols: &[SymbolRow],
    now: Ts,
) -> Result<BTreeMap<SeriesKey, usize>, StoreError> {
    let tracked = symbols.iter().filter(|row| row.active);
    let target = |row: &SymbolRow| Target { row: row.clone(), dirty: false, requested: row.timeframes.clone() };
    let targets: Vec<Target> = tracked.map(target).collect();
    let series = store.series().await?;
    let coverage = CoverageIndex::of(store, &targets, &series, now).await?;
    let beginnings = Beginnings::of(&targets, &series);
    let starts = plan_start::known(store, now).await?;
    let history = settings.backfill.history;
    let wanted = Wanted { selection: &Selection::default(), beginnings: &beginnings, history, now };
    let configured = settings.vendor.delay;
    let delay = |class| coverage.delay(class, &targets, configured);
    let delays = Delays { exchange: delay(AssetClass::Stock), continuous: delay(AssetClass::Crypto) };
    let mut all = BTreeMap::new();
    let mut holes = Holes::new(calendar);
    for state in targets.iter().flat_map(|target| coverage.proven(target)) {
        let delay = delays.of(state.vendor, state.class);
        let family = state.base.family();
        let horizon = Horizon::at(calendar, state.class, family, delay, settings.backfill.settle, now);
        // Without a first or last day there is nothing to contradict.
        let Ok(range) = wanted.range(&state, &starts) else { continue };
        for tf in &state.requested {
            let open = holes.count(&state, *tf, range, horizon);
            all.insert((state.symbol.clone(), *tf), open);
        }
    }
    Ok(all)
}

/// Where a range begins when the plan's history does not reach further back.
fn begin(asked: Interval, (vendor, class): (Source, AssetClass), starts: &PlanStarts) -> Ts {
    let plan = plan_start::of(starts, vendor, class).map(|date| class.midnight(date));
    plan.map_or(asked.start, |plan| asked.start.max(plan.min(asked.end)))
}

/// The first days of the plan that cut anything off what was asked.
pub(super) fn cutting(
    starts: &PlanStarts,
    asked: impl Iterator<Item = ((Source, AssetClass), Interval)>,
) -> PlanStarts {
    let mut cut = PlanStarts::new();
    for ((vendor, class), range) in asked {
        let date = plan_start::of(starts, vendor, class);
        if let Some(date) = date.filter(|_| begin(range, (vendor, class), starts) > range.start) {
            cut.insert(class.is_continuous(), date);
        }
    }
    cut
}
