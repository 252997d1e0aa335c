//! The minimum for a given set of missing daily bars, with names instead of numbers.
//!
//! For anyone who wants to check the planner: cells in, requests and certificate out, no database in between. Nothing is
//! returned that [`Cover::verify`](super::cover::Cover::verify) has not accepted.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use super::cover::minimum_cover;
use barkeep_market::Symbol;

/// A missing daily bar.
pub type Cell = (Symbol, NaiveDate);

/// The fewest requests for some cells, and why there cannot be fewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Solution {
    /// Distinct cells.
    pub cells: usize,
    /// Cells that were given more than once, each repeat counted.
    pub duplicates: usize,
    pub requests: usize,
    /// Cells of the matching: no two share a symbol or a session, so each needs a request of its own.
    pub lower_bound: usize,
    pub optimal: bool,
    /// Symbols to request by themselves, each over one range.
    pub rows: Vec<Symbol>,
    /// Sessions to request for the whole market.
    pub columns: Vec<NaiveDate>,
    /// The certificate.
    pub matching: Vec<Cell>,
}

/// A plan that its own certificate does not prove: a bug, never printed as a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate does not prove the plan")]
pub struct Unproven;

/// Solves for `cells`, in any order, repeats allowed. The answer does not depend on the order.
///
/// # Errors
/// When the cover that was found leaves a cell out or its matching shares a row: a bug of the solver.
pub fn solve(cells: &[Cell]) -> Result<Solution, Unproven> {
    let names: BTreeSet<&Symbol> = cells.iter().map(|(symbol, _)| symbol).collect();
    let names: Vec<&Symbol> = names.into_iter().collect();
    let number: BTreeMap<&Symbol, u32> = names.iter().copied().zip(0..).collect();
    // Days since the year 1; the parser of every date in this program keeps them between 1970 and 2100.
    let mut edges: Vec<(u32, u32)> = cells
        .iter()
        .filter_map(|(symbol, date)| Some((*number.get(symbol)?, date.num_days_from_ce().unsigned_abs())))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let cover = minimum_cover(&edges, &[]);
    if !cover.verify(&edges, &[]) {
        return Err(Unproven);
    }
    let name = |row: u32| names.get(row as usize).map(|symbol| (*symbol).clone()).ok_or(Unproven);
    let date = |column: u32| i32::try_from(column).ok().and_then(NaiveDate::from_num_days_from_ce_opt).ok_or(Unproven);
    Ok(Solution {
        cells: edges.len(),
        duplicates: cells.len() - edges.len(),
        requests: cover.size(),
        lower_bound: cover.lower_bound(),
        optimal: cover.size() == cover.lower_bound(),
        rows: cover.rows.iter().map(|row| name(*row)).collect::<Result<_, _>>()?,
        columns: cover.columns.iter().map(|column| date(*column)).collect::<Result<_, _>>()?,
        matching: cover.matching.iter().map(|(r, c)| Ok((name(*r)?, date(*c)?))).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(symbol: &str, date: &str) -> Cell {
        (symbol.parse().unwrap(), date.parse().unwrap())
    }

    #[test]
    fn names_come_back_and_repeats_are_counted() {
        let cells = [
            cell("MSFT", "2024-01-02"),
            cell("AAPL", "2024-01-02"),
            cell("AAPL", "2024-01-03"),
            cell("AAPL", "2024-01-03"),
            cell("AAPL", "2024-01-04"),
            cell("TSLA", "2024-01-02"),
        ];
        let found = solve(&cells).unwrap();
        assert_eq!((found.cells, found.duplicates, found.requests, found.lower_bound), (5, 1, 2, 2));
        assert_eq!(found.rows, ["AAPL".parse().unwrap()]);
        assert_eq!(found.columns, ["2024-01-02".parse().unwrap()]);
        assert_eq!(found.matching.len(), 2);
        let mut turned = cells;
        turned.reverse();
        assert_eq!(solve(&turned).unwrap(), found);
    }

    #[test]
    fn nothing_missing_is_no_request() {
        let found = solve(&[]).unwrap();
        assert_eq!((found.requests, found.lower_bound, found.optimal), (0, 0, true));
    }
}
