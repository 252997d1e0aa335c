//! The four scenarios: which pages are requested, in which order, and the thresholds.

use serde::Serialize;

use super::http::PageRequest;
use barkeep_market::{Symbol, Timeframe};

/// Rows of a page, where the scenario is not about their number.
const DEFAULT_ROWS: u32 = 500;
const LIMITS: [u32; 3] = [100, 500, 1_000];
const TIMEFRAMES: [Timeframe; 5] = [Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];

/// What has to be met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "what", content = "limit", rename_all = "snake_case")]
pub enum Threshold {
    /// Share of correct answers, percent.
    SuccessAtLeast(f64),
    /// Average time of correct answers, milliseconds.
    AverageBelow(f64),
}

/// Pages that are requested concurrently.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub about: String,
    pub pages: Vec<PageRequest>,
    pub thresholds: Vec<Threshold>,
    /// Whether to request the first page once before, so that the service may have it in its cache.
    pub warm: bool,
}

/// The scenarios with `requests` requests each, about these symbols; none without a symbol.
#[must_use]
pub fn scenarios(symbols: &[Symbol], requests: usize) -> Vec<Scenario> {
    let Some(first) = symbols.first() else { return Vec::new() };
    let request = |symbol: &Symbol, timeframe, limit| PageRequest { symbol: symbol.clone(), timeframe, limit };
    let rotate = |each: Vec<PageRequest>| -> Vec<PageRequest> { each.into_iter().cycle().take(requests).collect() };
    let mixed = symbols.iter().map(|symbol| request(symbol, Timeframe::D1, DEFAULT_ROWS)).collect();
    let limits = LIMITS.into_iter().map(|limit| request(first, Timeframe::D1, limit)).collect();
    let timeframes = TIMEFRAMES.into_iter().map(|tf| request(first, tf, DEFAULT_ROWS)).collect();
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let good = Threshold::SuccessAtLeast(90.0);
    vec![
        Scenario {
            name: "cached_symbol",
            about: format!("{first} 1d, {DEFAULT_ROWS} rows, requested once before"),
            pages: rotate(vec![request(first, Timeframe::D1, DEFAULT_ROWS)]),
            thresholds: vec![Threshold::SuccessAtLeast(95.0), Threshold::AverageBelow(1_000.0)],
            warm: true,
        },
        Scenario {
            name: "mixed_symbols",
            about: format!("{} 1d, {DEFAULT_ROWS} rows", names.join(" ")),
            pages: rotate(mixed),
            thresholds: vec![good],
            warm: false,
        },
        Scenario {
            name: "limits",
            about: format!("{first} 1d, 100, 500 and 1,000 rows"),
            pages: rotate(limits),
            thresholds: vec![good],
            warm: false,
        },
        Scenario {
            name: "timeframes",
            about: format!("{first} 5m 15m 1h 4h 1d, {DEFAULT_ROWS} rows"),
            pages: rotate(timeframes),
            thresholds: vec![good],
            warm: false,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_makes_all_its_requests() {
        let symbols: Vec<Symbol> = ["AAPL", "MSFT", "GOOGL"].iter().map(|s| s.parse().unwrap()).collect();
        let all = scenarios(&symbols, 100);
        assert_eq!(all.iter().map(|s| s.pages.len()).collect::<Vec<_>>(), [100; 4]);
        assert!(all.iter().all(|s| !s.thresholds.is_empty()), "nothing passes without an answer");
        let distinct = |k: usize, of: fn(&PageRequest) -> String| -> usize {
            all[k].pages.iter().map(of).collect::<std::collections::HashSet<_>>().len()
        };
        assert_eq!(distinct(0, |a| format!("{a:?}")), 1);
        assert_eq!(distinct(1, |a| a.symbol.to_string()), 3);
        assert_eq!(distinct(2, |a| a.limit.to_string()), 3);
        assert_eq!(distinct(3, |a| a.timeframe.to_string()), 5);
        assert!(scenarios(&[], 100).is_empty());
    }
}
