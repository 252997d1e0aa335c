//! Reference data beside the bars: splits of symbols and corrections of the calendar.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{HolidayRow, Result};

use crate::tables::reference;
use barkeep_market::split::Split;
use barkeep_market::{Symbol, Ts};

#[derive(Debug, Default)]
pub(super) struct Reference {
    /// When each symbol was last asked for, and the splits it had, none perhaps.
    splits: BTreeMap<Symbol, (Ts, BTreeMap<NaiveDate, Split>)>,
    holidays: BTreeMap<NaiveDate, HolidayRow>,
}

impl Reference {
    /// By date.
    pub(super) fn splits(&self, symbol: &Symbol) -> Vec<Split> {
        self.splits.get(symbol).map(|(_, by_date)| by_date.values().copied().collect()).unwrap_or_default()
    }

    /// By symbol and date.
    pub(super) fn all_splits(&self) -> Vec<(Symbol, Split)> {
        let of = |(symbol, (_, by_date)): (&Symbol, &(Ts, BTreeMap<NaiveDate, Split>))| {
            by_date.values().map(|split| (symbol.clone(), *split)).collect::<Vec<_>>()
        };
        self.splits.iter().flat_map(of).collect()
    }

    /// By symbol.
    pub(super) fn splits_fetched_at(&self) -> Vec<(Symbol, Ts)> {
        self.splits.iter().map(|(symbol, (at, _))| (symbol.clone(), *at)).collect()
    }

    pub(super) fn put_splits(&mut self, all: &[(Symbol, Vec<Split>)], fetched_at: Ts) -> Result<()> {
        for (symbol, splits) in all {
            splits.iter().try_for_each(|split| reference::check(symbol, split))?;
        }
        for (symbol, splits) in all {
            let by_date = splits.iter().map(|split| (split.date, *split)).collect();
            self.splits.insert(symbol.clone(), (fetched_at, by_date));
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.splits.remove(symbol);
    }

    /// By date.
    pub(super) fn holidays(&self) -> Vec<HolidayRow> {
        self.holidays.values().cloned().collect()
    }

    pub(super) fn put_holidays(&mut self, rows: &[HolidayRow]) {
        self.holidays.extend(rows.iter().map(|row| (row.date, row.clone())));
    }
}
