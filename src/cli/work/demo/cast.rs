//! Who plays in the demonstration: symbols, how far behind each of them is, and what goes wrong with it. It is data, in
//! `config/demo.csv`, so that no ticker stands in the code.

use serde::Deserialize;

use crate::exit::{CliError, SOME_FAILED};
use barkeep_market::Symbol;

/// What goes wrong with a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    /// It was split some weeks ago.
    Split,
    /// Some of its bars cannot be true.
    ImpossibleBars,
    /// Its requests fail for good.
    Fails,
}

/// One symbol of the demonstration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Role {
    pub(super) symbol: Symbol,
    /// How many trading hours ago its history ends; absent when it has none.
    pub(super) hours_behind: Option<i64>,
    pub(super) trouble: Option<Trouble>,
}

/// All of them.
pub(super) fn cast() -> Result<Vec<Role>, CliError> {
    let mut rows = csv::Reader::from_reader(include_bytes!("../../../../config/demo.csv").as_slice());
    let broken = |e: csv::Error| CliError::new(SOME_FAILED, format!("the demonstration's symbols: {e}"));
    rows.deserialize().collect::<Result<_, _>>().map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_a_symbol_and_every_tier_one_in_it() {
        let cast = cast().unwrap();
        for trouble in [Trouble::Split, Trouble::ImpossibleBars, Trouble::Fails] {
            assert_eq!(cast.iter().filter(|role| role.trouble == Some(trouble)).count(), 1, "{trouble:?}");
        }
        let behind = |hours| cast.iter().any(|role| role.hours_behind == hours);
        assert!(behind(Some(0)) && behind(Some(2)) && behind(Some(9)) && behind(None));
    }
}
