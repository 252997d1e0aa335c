//! The symbols of the demo: how far behind each is, and what goes wrong with it. They are data, in `config/demo.csv`, so that
//! no ticker is in the code.

use serde::Deserialize;

use crate::exit::{CliError, SOME_FAILED};
use barkeep_market::Symbol;

/// What goes wrong with a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Problem {
    /// It was split some weeks ago.
    Split,
    /// Some of its bars are invalid.
    ImpossibleBars,
    /// Its requests fail permanently.
    Fails,
}

/// One symbol of the demo.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct DemoSymbol {
    pub(super) symbol: Symbol,
    /// How many trading hours ago its history ends; absent when it has none.
    pub(super) hours_behind: Option<i64>,
    pub(super) problem: Option<Problem>,
}

/// All symbols of the demo.
pub(super) fn demo_symbols() -> Result<Vec<DemoSymbol>, CliError> {
    let mut rows = csv::Reader::from_reader(include_bytes!("../../../../config/demo.csv").as_slice());
    let invalid = |e: csv::Error| CliError::new(SOME_FAILED, format!("config/demo.csv: {e}"));
    rows.deserialize().collect::<Result<_, _>>().map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_symbol_and_every_tier_one_in_it() {
        let symbols = demo_symbols().unwrap();
        for problem in [Problem::Split, Problem::ImpossibleBars, Problem::Fails] {
            assert_eq!(symbols.iter().filter(|demo| demo.problem == Some(problem)).count(), 1, "{problem:?}");
        }
        let behind = |hours| symbols.iter().any(|demo| demo.hours_behind == hours);
        assert!(behind(Some(0)) && behind(Some(2)) && behind(Some(9)) && behind(None));
    }
}
