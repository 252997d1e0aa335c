//! A list of symbols: each by its one name, none of a class that is not tracked.

use crate::yaml::error::ConfigError;
use crate::yaml::reader::Reader;
use barkeep_market::{AssetClass, Instrument, Symbol};

const TO_DO: &str = "write symbols such as AAPL";

/// The symbols of a list without repeats, a pair under its one name.
pub(super) fn tracked(list: &Reader<'_>, class: impl Fn(&Symbol) -> AssetClass) -> Result<Vec<Symbol>, ConfigError> {
    let mut all: Vec<Symbol> = Vec::new();
    for item in list.items()? {
        let written: Symbol = item.parse(TO_DO)?;
        let one = Instrument::of(&written, class(&written))
            .map_err(|e| item.error(format_args!("cannot be used: {e}"), "write another symbol, or remove it"))?;
        if all.contains(&one.symbol) {
            return Err(item.error(format_args!("repeats {}", one.symbol), "keep one of them"));
        }
        all.push(one.symbol);
    }
    Ok(all)
}
