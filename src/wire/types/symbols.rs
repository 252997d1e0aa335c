//! Symbols to add and to change, and tickers found at the vendor.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::mirror;
use super::names::{AssetClassName, CriticalityName, SymbolName, TimeframeName};
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe};
use barkeep_pipeline::names::Wanted;
use barkeep_pipeline::names::search::FoundTicker;
use barkeep_service::handle;

mirror! {
    /// A ticker of the vendor that can be added.
    TickerEntry of FoundTicker {
        /// What it is called here.
        #[schema(value_type = SymbolName)]
        symbol: Symbol,
        #[schema(value_type = AssetClassName)]
        asset_class: AssetClass,
        name: String,
    }
}

/// A symbol to track; what is omitted comes from the settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SymbolToAdd {
    #[schema(value_type = SymbolName)]
    symbol: Symbol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AssetClassName>)]
    asset_class: Option<AssetClass>,
    /// Where its bars shall come from: `massive` (the default) or `coinbase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    vendor: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CriticalityName>)]
    criticality: Option<Criticality>,
    /// Empty: those of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<TimeframeName>)]
    timeframes: Vec<Timeframe>,
    /// First day of its history; `backfill.history` ago by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    history_from: Option<NaiveDate>,
}

impl From<handle::NewSymbol> for SymbolToAdd {
    fn from(new: handle::NewSymbol) -> Self {
        let handle::NewSymbol { symbol, wanted: Wanted { class, vendor, criticality, timeframes, history_from } } = new;
        Self { symbol, asset_class: class, vendor, criticality, timeframes, history_from }
    }
}

impl From<SymbolToAdd> for handle::NewSymbol {
    fn from(wire: SymbolToAdd) -> Self {
        let SymbolToAdd { symbol, asset_class, vendor, criticality, timeframes, history_from } = wire;
        Self { symbol, wanted: Wanted { class: asset_class, vendor, criticality, timeframes, history_from } }
    }
}

/// What to change of a symbol; what is omitted stays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::option_option, reason = "`null` and absent mean different things here")]
pub struct SymbolToChange {
    #[schema(value_type = SymbolName)]
    symbol: Symbol,
    /// Whether it is kept up to date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CriticalityName>)]
    criticality: Option<Criticality>,
    /// First day of its history; `null`: `backfill.history` ago.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    history_from: Option<Option<NaiveDate>>,
}

/// Tells `null` from absent: called only when the key is there.
#[allow(clippy::option_option, reason = "`null` and absent mean different things here")]
/// # Errors
/// When the value is no date.
pub fn given<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<NaiveDate>>, D::Error> {
    Option::<NaiveDate>::deserialize(d).map(Some)
}

impl From<handle::SymbolChange> for SymbolToChange {
    fn from(change: handle::SymbolChange) -> Self {
        let handle::SymbolChange { symbol, active, criticality, history_from } = change;
        Self { symbol, active, criticality, history_from }
    }
}

impl From<SymbolToChange> for handle::SymbolChange {
    fn from(wire: SymbolToChange) -> Self {
        let SymbolToChange { symbol, active, criticality, history_from } = wire;
        Self { symbol, active, criticality, history_from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_first_day_and_no_change_of_it_stay_apart() {
        let symbol: Symbol = "AAPL".parse().unwrap();
        for history_from in [None, Some(None), Some(NaiveDate::from_ymd_opt(2024, 1, 2))] {
            let change = handle::SymbolChange { history_from, ..handle::SymbolChange::of(symbol.clone()) };
            let text = serde_json::to_string(&SymbolToChange::from(change.clone())).unwrap();
            let back: SymbolToChange = serde_json::from_str(&text).unwrap();
            assert_eq!(handle::SymbolChange::from(back), change, "{text}");
        }
        let new = r#"{"symbol":"BTC-EUR","criticality":"low"}"#;
        let back: SymbolToAdd = serde_json::from_str(new).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), new);
        assert!(serde_json::from_str::<SymbolToAdd>(r#"{"symbol":"A","tier":"low"}"#).is_err());
    }
}
