//! Tickers of the vendor that fit what somebody types, as they would be named here. One request.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::listing::shown;
use barkeep_market::{AssetClass, Instrument, Symbol};
use barkeep_vendor::dispatch::Dispatcher;
use barkeep_vendor::{Fault, Ticker};

/// Rows of the one page that is asked for.
const PAGE: u32 = 200;
/// The best ones of them.
const FOUND: usize = 20;
/// A longer text is no ticker and hardly a name.
pub const LONGEST: usize = 40;

/// A ticker of the vendor that can be tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTicker {
    /// What it is called here.
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub name: String,
}

/// Searches the vendor's active tickers for a part of a ticker or of a name, best matches first.
///
/// # Errors
/// When the vendor does not answer.
pub async fn search(vendor: &Dispatcher, text: &str, cancel: &CancellationToken) -> Result<Vec<FoundTicker>, Fault> {
    let rows = vendor.tickers(text, PAGE, cancel).await?;
    Ok(ranked(text, rows))
}

/// The exact name first, then names that begin so, then the rest in the vendor's order.
fn ranked(text: &str, rows: Vec<Ticker>) -> Vec<FoundTicker> {
    let wanted = text.trim().to_ascii_uppercase();
    let mut seen = BTreeSet::new();
    let mut all: Vec<FoundTicker> = rows.into_iter().filter(|row| row.active).filter_map(named).collect();
    all.retain(|found| seen.insert(found.symbol.clone()));
    all.sort_by_key(|found| {
        let name = found.symbol.as_str().to_ascii_uppercase();
        (name != wanted, !name.starts_with(&wanted), if name.starts_with(&wanted) { name.len() } else { 0 })
    });
    all.truncate(FOUND);
    all
}

/// As it would be tracked; `None` for what cannot be.
fn named(row: Ticker) -> Option<FoundTicker> {
    let asset_class = match (row.market.as_str(), row.kind.as_deref()) {
        ("crypto", _) => AssetClass::Crypto,
        ("stocks", Some("ETF" | "ETN" | "ETV" | "ETS" | "FUND")) => AssetClass::Etf,
        ("stocks", _) => AssetClass::Stock,
        _ => return None,
    };
    let symbol: Symbol = shown(asset_class, &row.ticker).parse().ok()?;
    let Instrument { symbol, .. } = Instrument::of(&symbol, asset_class).ok()?;
    Some(FoundTicker { symbol, asset_class, name: row.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ticker: &str, market: &str, kind: Option<&str>, active: bool) -> Ticker {
        let (name, market) = (format!("{ticker} Inc."), market.to_owned());
        Ticker { ticker: ticker.to_owned(), name, market, kind: kind.map(str::to_owned), active }
    }

    #[test]
    fn the_best_match_stands_first_and_what_cannot_be_tracked_is_left_out() {
        let rows = vec![
            row("XSPY", "stocks", Some("CS"), true),
            row("SPYG", "stocks", Some("ETF"), true),
            row("SPY", "stocks", Some("ETF"), true),
            row("SPYX", "stocks", Some("ETF"), false),
            row("I:SPX", "indices", None, true),
            row("C:SPYUSD", "fx", None, true),
            row("X:SPYUSD", "crypto", None, true),
        ];
        let found: Vec<(String, AssetClass)> =
            ranked("spy", rows).into_iter().map(|found| (found.symbol.to_string(), found.asset_class)).collect();
        let expected = [
            ("SPY", AssetClass::Etf),
            ("SPYG", AssetClass::Etf),
            ("XSPY", AssetClass::Stock),
            // No coin that is known, so it keeps the vendor's name.
            ("X:SPYUSD", AssetClass::Crypto),
        ];
        assert_eq!(found, expected.map(|(name, class)| (name.to_owned(), class)));
    }
}
