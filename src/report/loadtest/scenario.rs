//! The four scenarios: what is asked, in which order, and what has to come of it.

use serde::Serialize;

use super::http::Ask;
use barkeep_market::{Symbol, Timeframe};

/// Rows asked for where the scenario is about something else.
const USUAL: u32 = 500;
const LIMITS: [u32; 3] = [100, 500, 1_000];
const TIMEFRAMES: [Timeframe; 5] = [Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];

/// What has to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "what", content = "limit", rename_all = "snake_case")]
pub enum Threshold {
    /// Share of good answers, percent.
    SuccessAtLeast(f64),
    /// Average time of good answers, milliseconds.
    AverageBelow(f64),
}

/// Requests that are made at once.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub about: String,
    pub asks: Vec<Ask>,
    pub thresholds: Vec<Threshold>,
    /// Whether the page is asked once before, so that the service may have it at hand.
    pub warm: bool,
}

/// The scenarios with `requests` requests each, about these symbols; none without a symbol.
#[must_use]
pub fn scenarios(symbols: &[Symbol], requests: usize) -> Vec<Scenario> {
    let Some(first) = symbols.first() else { return Vec::new() };
    let ask = |symbol: &Symbol, timeframe, limit| Ask { symbol: symbol.clone(), timeframe, limit };
    let rotate = |each: Vec<Ask>| -> Vec<Ask> { each.into_iter().cycle().take(requests).collect() };
    let mixed = symbols.iter().map(|symbol| ask(symbol, Timeframe::D1, USUAL)).collect();
    let limits = LIMITS.into_iter().map(|limit| ask(first, Timeframe::D1, limit)).collect();
    let timeframes = TIMEFRAMES.into_iter().map(|tf| ask(first, tf, USUAL)).collect();
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let good = Threshold::SuccessAtLeast(90.0);
    vec![
        Scenario {
            name: "cached_symbol",
            about: format!("{first} 1d, {USUAL} rows, asked once before"),
            asks: rotate(vec![ask(first, Timeframe::D1, USUAL)]),
            thresholds: vec![Threshold::SuccessAtLeast(95.0), Threshold::AverageBelow(1_000.0)],
            warm: true,
        },
        Scenario {
            name: "mixed_symbols",
            about: format!("{} 1d, {USUAL} rows", names.join(" ")),
            asks: rotate(mixed),
            thresholds: vec![good],
            warm: false,
        },
        Scenario {
            name: "limits",
            about: format!("{first} 1d, 100, 500 and 1,000 rows"),
            asks: rotate(limits),
            thresholds: vec![good],
            warm: false,
        },
        Scenario {
            name: "timeframes",
            about: format!("{first} 5m 15m 1h 4h 1d, {USUAL} rows"),
            asks: rotate(timeframes),
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
        assert_eq!(all.iter().map(|s| s.asks.len()).collect::<Vec<_>>(), [100; 4]);
        assert!(all.iter().all(|s| !s.thresholds.is_empty()), "nothing passes without an answer");
        let distinct = |k: usize, of: fn(&Ask) -> String| -> usize {
            all[k].asks.iter().map(of).collect::<std::collections::HashSet<_>>().len()
        };
        assert_eq!(distinct(0, |a| format!("{a:?}")), 1);
        assert_eq!(distinct(1, |a| a.symbol.to_string()), 3);
        assert_eq!(distinct(2, |a| a.limit.to_string()), 3);
        assert_eq!(distinct(3, |a| a.timeframe.to_string()), 5);
        assert!(scenarios(&[], 100).is_empty());
    }
}
