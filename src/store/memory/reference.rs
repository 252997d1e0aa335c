//! Reference data beside the bars: splits of symbols, the plan's reach and corrections of the calendar.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{HolidayRow, PlanStart, Result, SplitRow};

use super::dividends::Dividends;
use crate::tables::reference;
use barkeep_market::split::Split;
use barkeep_market::{Symbol, Ts};

#[derive(Debug, Default)]
pub(super) struct Reference {
    /// When each symbol was last asked for, and the splits it had, none perhaps; by date and ratio.
    splits: BTreeMap<Symbol, (Ts, Vec<SplitRow>)>,
    plan_starts: BTreeMap<bool, PlanStart>,
    holidays: BTreeMap<NaiveDate, HolidayRow>,
    pub(super) dividends: Dividends,
}

impl Reference {
    /// By date, without contradicted ones.
    pub(super) fn splits(&self, symbol: &Symbol) -> Vec<Split> {
        SplitRow::applied(&self.split_rows(symbol))
    }

    pub(super) fn split_rows(&self, symbol: &Symbol) -> Vec<SplitRow> {
        self.splits.get(symbol).map(|(_, rows)| rows.clone()).unwrap_or_default()
    }

    /// By symbol and date.
    pub(super) fn all_splits(&self) -> Vec<(Symbol, Split)> {
        let of = |(symbol, (_, rows)): (&Symbol, &(Ts, Vec<SplitRow>))| {
            SplitRow::applied(rows).into_iter().map(|split| (symbol.clone(), split)).collect::<Vec<_>>()
        };
        self.splits.iter().flat_map(of).collect()
    }

    /// By symbol.
    pub(super) fn splits_fetched_at(&self) -> Vec<(Symbol, Ts)> {
        self.splits.iter().map(|(symbol, (at, _))| (symbol.clone(), *at)).collect()
    }

    pub(super) fn put_splits(&mut self, all: &[(Symbol, Vec<SplitRow>)], fetched_at: Ts) -> Result<()> {
        for (symbol, rows) in all {
            rows.iter().try_for_each(|row| reference::check(symbol, &row.split))?;
        }
        for (symbol, rows) in all {
            let mut rows = rows.clone();
            rows.sort_by(|a, b| order(&a.split).partial_cmp(&order(&b.split)).unwrap_or(std::cmp::Ordering::Equal));
            rows.dedup_by(|a, b| a.split == b.split);
            self.splits.insert(symbol.clone(), (fetched_at, rows));
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.splits.remove(symbol);
        self.dividends.forget(symbol);
    }

    pub(super) fn plan_starts(&self) -> Vec<PlanStart> {
        let mut starts: Vec<PlanStart> = self.plan_starts.values().copied().collect();
        starts.sort_by_key(|start| !start.continuous);
        starts
    }

    pub(super) fn put_plan_start(&mut self, start: PlanStart) {
        self.plan_starts.insert(start.continuous, start);
    }

    /// By date.
    pub(super) fn holidays(&self) -> Vec<HolidayRow> {
        self.holidays.values().cloned().collect()
    }

    pub(super) fn put_holidays(&mut self, rows: &[HolidayRow]) {
        self.holidays.extend(rows.iter().map(|row| (row.date, row.clone())));
    }
}

const fn order(split: &Split) -> (NaiveDate, f64, f64) {
    (split.date, split.from, split.to)
}
