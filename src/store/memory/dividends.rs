//! Dividends by symbol.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::Result;
use crate::tables::reference::dividends;
use barkeep_market::dividend::{Dividend, Paid};
use barkeep_market::{AssetClass, Calendar, Symbol, Ts};

#[derive(Debug, Default)]
pub(super) struct Dividends(BTreeMap<Symbol, (Ts, Vec<Dividend>)>);

impl Dividends {
    pub(super) fn of(&self, symbol: &Symbol) -> Vec<Dividend> {
        self.0.get(symbol).map(|(_, rows)| rows.clone()).unwrap_or_default()
    }

    /// Says whether anything changed.
    pub(super) fn put(&mut self, symbol: &Symbol, rows: &[Dividend], at: Ts) -> Result<bool> {
        rows.iter().try_for_each(|row| dividends::check(symbol, row))?;
        let rows = dividends::sorted(rows);
        let changed = self.of(symbol) != rows;
        self.0.insert(symbol.clone(), (at, rows));
        Ok(changed)
    }

    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.0.remove(symbol);
    }

    pub(super) fn fetched_at(&self) -> Vec<(Symbol, Ts)> {
        self.0.iter().map(|(symbol, (at, _))| (symbol.clone(), *at)).collect()
    }

    pub(super) fn ex_dates(&self, from: NaiveDate) -> Vec<(Symbol, NaiveDate)> {
        let all = self.0.iter().flat_map(|(symbol, (_, rows))| rows.iter().map(|row| (symbol.clone(), row.ex_date)));
        let mut all: Vec<_> = all.filter(|(_, date)| *date >= from).collect();
        all.dedup();
        all
    }

    /// What was paid by ex-date. `before` knows the last bar that began before an instant.
    pub(super) fn paid(&self, symbol: &Symbol, before: impl Fn(Ts) -> Option<(Ts, f64)>) -> Vec<Paid> {
        let mut sums: BTreeMap<NaiveDate, f64> = BTreeMap::new();
        for row in self.of(symbol).iter().filter(|row| row.currency.as_deref().is_none_or(|c| c == "USD")) {
            *sums.entry(row.ex_date).or_default() += row.cash_amount;
        }
        let calendar = Calendar::new();
        let class = AssetClass::Stock;
        let of = |(ex_date, amount): (NaiveDate, f64)| {
            let session = calendar.session_before(class.midnight(ex_date));
            let bar = session.and_then(|s| before(s.close)).map(|(ts, close)| (class.date_of(ts), close));
            Paid { ex_date, amount, before: bar }
        };
        sums.into_iter().map(of).collect()
    }
}
