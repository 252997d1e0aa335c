//! Days and sessions of coverage.

use barkeep::market::ts::HOUR;
use barkeep::market::{AssetClass, Timeframe, Ts};
use barkeep::runtime::console::{Cell, CellState, CoverageRow, SessionCoverage};
use chrono::{Datelike, NaiveDate, Weekday};

use super::{class, now};

/// Whether a date is a trading day, near enough: no weekends, no Thanksgiving.
pub fn trades(class: AssetClass, date: NaiveDate) -> bool {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    class.is_continuous()
        || !(weekend || (date.month(), date.day()) == (11, 27) || (date.month(), date.day()) == (12, 25))
}

pub fn coverage_row(symbol: &str, timeframe: Timeframe, from: NaiveDate, to: NaiveDate) -> CoverageRow {
    let class = class(symbol);
    let today = now().utc_date();
    let seed = symbol.bytes().map(u64::from).sum::<u64>() + timeframe as u64 * 3;
    let cells = from
        .iter_days()
        .take_while(|d| *d <= to)
        .map(|date| {
            let day = date.num_days_from_ce() as u64;
            let back = (today - date).num_days();
            let of = |state, eighths| Cell { state, eighths };
            if !trades(class, date) {
                return of(CellState::Closed, 0);
            }
            match (symbol, back) {
                (_, ..0) => of(CellState::Ahead, 0),
                ("META", 0) => of(CellState::Unverified, 0),
                ("META", 1) => of(CellState::Present, 3),
                ("AAPL", 0) => of(CellState::Quarantined, 8),
                ("ASML", _) if timeframe >= Timeframe::H4 => of(CellState::Unverified, 0),
                ("EEM", 150..) => of(CellState::NotEntitled, 0),
                ("IWM", 60..64) => of(CellState::NoTrade, 8),
                (_, 0) => of(CellState::Present, 6),
                _ if (day * 31 + seed).is_multiple_of(97) => of(CellState::Unverified, 0),
                _ if (day * 17 + seed).is_multiple_of(61) => of(CellState::Present, 5),
                _ => of(CellState::Present, 8),
            }
        })
        .collect();
    CoverageRow { symbol: symbol.parse().unwrap(), timeframe, cells }
}

pub fn session(symbol: &str, timeframe: Timeframe, date: NaiveDate) -> SessionCoverage {
    let start = Ts::ny_midnight(date) + 4 * HOUR;
    let pieces = (0..32)
        .map(|k| {
            let (state, eighths, bars) = match k {
                9 => (CellState::Quarantined, 8, 6),
                14 | 15 => (CellState::Unverified, 0, 0),
                3 => (CellState::NoTrade, 8, 0),
                20.. => (CellState::Ahead, 0, 0),
                19 => (CellState::Present, 4, 3),
                _ => (CellState::Present, 8, 6),
            };
            (start + k * HOUR / 2, Cell { state, eighths }, bars)
        })
        .collect();
    SessionCoverage { symbol: symbol.parse().unwrap(), timeframe, date, pieces }
}
