//! The fixed load that `barkeep baseline` measures, so that figures can be compared between machines and versions.

use crate::yaml::error::{ConfigError, Origin};
use crate::yaml::reader::Reader;
use crate::yaml::tree;
use barkeep_market::{Symbol, Timeframe};

const FILE: &str = include_str!("../../config/baseline.yaml");

/// Symbols, timeframes and days back from today.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineLoad {
    pub symbols: Vec<Symbol>,
    pub timeframes: Vec<Timeframe>,
    pub days: u32,
}

/// The load of `config/baseline.yaml`, which is built into the binary.
///
/// # Errors
/// When the file that is built in cannot be read, which a test rules out.
pub fn baseline_load() -> Result<BaselineLoad, ConfigError> {
    let tree = tree::parse(FILE, &Origin::BuiltIn("config/baseline.yaml", 0))?;
    let root = Reader::root(&tree);
    let mut timeframes: Vec<Timeframe> = root.get("timeframes")?.set("write some of 1m 5m 15m 30m 1h 4h 1d 1w")?;
    timeframes.sort_unstable();
    Ok(BaselineLoad {
        symbols: root.get("symbols")?.set("write symbols such as AAPL")?,
        timeframes,
        days: root.get("days")?.int(1..=36_525)?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_load_is_twenty_five_by_five_by_a_year() {
        let load = super::baseline_load().unwrap();
        assert_eq!((load.symbols.len(), load.timeframes.len(), load.days), (25, 5, 365));
    }
}
