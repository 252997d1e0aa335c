//! The range a run wants of each series: what was asked for, as far as the vendor's plan reaches back.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::RunContext;
use crate::fetch::plan_start::PlanStarts;
use crate::select::{SelectError, Selection, Target};
use barkeep_market::{AssetClass, Family, Interval, Symbol, Ts};
use barkeep_plan::FamilyState;
use barkeep_store::{Store, StoreError};

/// Where the history of each family begins, unless the selection says.
#[derive(Clone, Debug, Default)]
pub(super) struct Beginnings {
    history_from: BTreeMap<Symbol, NaiveDate>,
    first_bars: BTreeMap<(Symbol, Family), Ts>,
}

impl Beginnings {
    pub(super) async fn read(store: &dyn Store, targets: &[Target]) -> Result<Self, StoreError> {
        let with_date = targets.iter().filter_map(|t| Some((t.row.symbol.clone(), t.row.history_from?)));
        let mut all = Self { history_from: with_date.collect(), first_bars: BTreeMap::new() };
        for series in store.series().await? {
            let Some(first) = series.first_ts else { continue };
            let earliest = all.first_bars.entry((series.symbol, series.timeframe.family())).or_insert(first);
            *earliest = first.min(*earliest);
        }
        Ok(all)
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
    pub(super) engine: &'a RunContext,
    pub(super) now: Ts,
}

impl Wanted<'_> {
    /// The range of a family, plan or no plan.
    pub(super) fn asked(&self, state: &FamilyState) -> Result<Interval, SelectError> {
        let family = state.base.family();
        let history_from = self.beginnings.history_from.get(&state.symbol).copied();
        let first_bar = self.beginnings.first_bar(&state.symbol, family);
        let history = self.engine.settings.backfill.history;
        self.selection.range_of(state.class, history_from, first_bar, history, self.now)
    }

    /// The range of a family without what lies before the plan's history.
    pub(super) fn range(&self, state: &FamilyState, starts: &PlanStarts) -> Result<Interval, SelectError> {
        let asked = self.asked(state)?;
        Ok(Interval::new(begin(asked, state.class, starts), asked.end))
    }
}

/// Where a range begins when the plan's history does not reach further back.
fn begin(asked: Interval, class: AssetClass, starts: &PlanStarts) -> Ts {
    let plan = starts.get(&class.is_continuous()).map(|date| class.midnight(*date));
    plan.map_or(asked.start, |plan| asked.start.max(plan.min(asked.end)))
}

/// The first days of the plan that cut anything off what was asked.
pub(super) fn cutting(starts: &PlanStarts, asked: impl Iterator<Item = (AssetClass, Interval)>) -> PlanStarts {
    let mut cut = PlanStarts::new();
    for (class, range) in asked {
        if let Some(date) = starts.get(&class.is_continuous()).filter(|_| begin(range, class, starts) > range.start) {
            cut.insert(class.is_continuous(), *date);
        }
    }
    cut
}
