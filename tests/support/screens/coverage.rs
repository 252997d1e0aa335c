//! Days and sessions of coverage.

use barkeep::market::ts::{DAY, HOUR, MINUTE};
use barkeep::market::{AssetClass, Interval, Timeframe, Ts};
use barkeep::runtime::console::{Cell, CellState, CoverageRow, Gap, SessionCoverage};
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
                ("NFLX", 0..120) if timeframe < Timeframe::D1 => of(CellState::Unverified, 0),
                ("AVGO", 200..) | ("META", 0) => of(CellState::Unverified, 0),
                (_, ..0) => of(CellState::Ahead, 0),
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
    let gap = |from: i64, to: i64, sessions, not_entitled| Gap {
        range: Interval::new(now() - from * DAY, now() - to * DAY),
        not_entitled,
        sessions,
        requests: None,
    };
    let (complete, gaps) = match symbol {
        "META" => (0.974, vec![gap(1, 0, 2, false)]),
        "NFLX" if timeframe < Timeframe::D1 => (0.66, vec![gap(120, 0, 84, false)]),
        "AVGO" => (0.55, vec![gap(365, 200, 114, false)]),
        "EEM" => (0.41, vec![gap(365, 150, 148, true)]),
        _ => (1.0, Vec::new()),
    };
    CoverageRow { symbol: symbol.parse().unwrap(), timeframe, cells, complete: Some(complete), gaps }
}

pub fn session(symbol: &str, timeframe: Timeframe, date: NaiveDate) -> SessionCoverage {
    let start = Ts::ny_midnight(date) + 4 * HOUR;
    let pieces = (0..192)
        .map(|k| {
            let (state, eighths, bars) = match k / 6 {
                9 => (CellState::Quarantined, 8, 1),
                14 | 15 => (CellState::Unverified, 0, 0),
                3 => (CellState::NoTrade, 8, 0),
                20.. => (CellState::Ahead, 0, 0),
                19 if k % 6 > 2 => (CellState::Ahead, 0, 0),
                _ => (CellState::Present, 8, 1),
            };
            (start + k * 5 * MINUTE, Cell { state, eighths }, bars)
        })
        .collect();
    SessionCoverage { symbol: symbol.parse().unwrap(), timeframe, date, pieces }
}
