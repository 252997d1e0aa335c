//! Which tracked symbol a name means, and the row of one that is not tracked yet.
//!
//! The only place that makes a row: the command line, files, the API, the dashboard and a backfill of a new name all come
//! here. [`claim`] keeps the series of a selection to one execution, [`dead`] closes executions that did not close themselves.

pub mod claim;
pub mod dead;
pub mod listing;
pub mod search;
pub mod select;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use barkeep_config::{Settings, criticality_of, default_class};
use barkeep_market::instrument::{NameError, typed};
use barkeep_market::timeframe::sorted;
use barkeep_market::{AssetClass, Criticality, Instrument, Source, Symbol, Timeframe, Ts};
use barkeep_store::{CriticalitySource, Listing, SymbolRow};

/// The tracked symbols, found by any of their names.
#[derive(Debug)]
pub struct Known<'a> {
    by_name: BTreeMap<&'a Symbol, &'a SymbolRow>,
    /// By the ticker that a pair has at the usual vendor, whichever it comes from.
    pairs: HashMap<Cow<'a, str>, &'a SymbolRow>,
}

impl<'a> Known<'a> {
    #[must_use]
    pub fn new(rows: &'a [SymbolRow]) -> Self {
        let pairs = rows.iter().rev().filter(|row| row.asset_class == AssetClass::Crypto);
        Self {
            by_name: rows.iter().map(|row| (&row.symbol, row)).collect(),
            pairs: pairs.filter_map(|row| Some((pair_of(row)?, row))).collect(),
        }
    }

    /// The symbol of exactly this name, or else the one that trades as what the name means (`BTC-USD`: `BTC`).
    #[must_use]
    pub fn find(&self, symbol: &Symbol) -> Option<&'a SymbolRow> {
        let exact = |symbol: &Symbol| self.by_name.get(symbol).copied();
        let upper = || typed(symbol.as_str()).ok().and_then(|upper| exact(&upper));
        let pair = || Instrument::crypto_ticker(symbol).and_then(|ticker| self.pairs.get(&*ticker).copied());
        exact(symbol).or_else(upper).or_else(pair)
    }
}

/// The pair of a crypto symbol in the form of the usual vendor.
fn pair_of(row: &SymbolRow) -> Option<Cow<'_, str>> {
    match row.vendor {
        Source::Massive => Some(Cow::Borrowed(&row.vendor_ticker)),
        Source::Coinbase => Instrument::crypto_ticker(&row.symbol).map(Cow::Owned),
    }
}

/// [`Known::find`] for a single name.
#[must_use]
pub fn find<'a>(rows: &'a [SymbolRow], symbol: &Symbol) -> Option<&'a SymbolRow> {
    rows.iter().find(|row| row.symbol == *symbol).or_else(|| Known::new(rows).find(symbol))
}

/// A symbol to track; what is left out comes from the settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    pub class: Option<AssetClass>,
    /// Where its bars shall come from; none: from the usual vendor.
    pub vendor: Option<Source>,
    pub criticality: Option<Criticality>,
    /// Empty: those of the settings.
    pub timeframes: Vec<Timeframe>,
    /// Where its history begins; none: as the settings say.
    pub history_from: Option<NaiveDate>,
}

impl Wanted {
    /// The row of a symbol that is not tracked yet, under its one name.
    ///
    /// # Errors
    /// When the name cannot be tracked.
    pub fn row(&self, settings: &Settings, symbol: &Symbol, now: Ts) -> Result<SymbolRow, NameError> {
        let vendor = self.vendor.unwrap_or_default();
        let class = self.class.unwrap_or_else(|| match vendor {
            Source::Massive => default_class(settings, symbol),
            Source::Coinbase => AssetClass::Crypto,
        });
        let instrument = Instrument::of(symbol, class)?;
        let vendor_ticker = instrument.ticker_at(vendor)?;
        let Instrument { symbol, class, .. } = instrument;
        let timeframes = if self.timeframes.is_empty() { &settings.symbols.timeframes } else { &self.timeframes };
        Ok(SymbolRow {
            asset_class: class,
            vendor_ticker,
            vendor,
            criticality: self.criticality.unwrap_or_else(|| criticality_of(settings, &symbol)),
            criticality_source: match self.criticality {
                Some(_) => CriticalitySource::Operator,
                None => CriticalitySource::Policy,
            },
            timeframes: sorted(timeframes),
            active: true,
            paused: false,
            added_at: now,
            history_from: self.history_from,
            listing: Listing::default(),
            symbol,
        })
    }
}

/// Crypto symbols that trade as the same pair as another: tracked under two names since before a pair was one symbol. Each
/// with the one that is kept.
#[must_use]
pub fn doubles(rows: &[SymbolRow]) -> Vec<(&SymbolRow, &SymbolRow)> {
    let mut pairs: BTreeMap<(Source, &str), Vec<&SymbolRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.asset_class == AssetClass::Crypto) {
        pairs.entry((row.vendor, &row.vendor_ticker)).or_default().push(row);
    }
    let mut all = Vec::new();
    for same in pairs.into_values() {
        // Under its one name if it is tracked so, else the shortest.
        let canonical =
            |row: &SymbolRow| Instrument::of(&row.symbol, row.asset_class).is_ok_and(|i| i.symbol == row.symbol);
        let kept = same.iter().copied().min_by_key(|row| (!canonical(row), row.symbol.as_str().len(), &row.symbol));
        if let Some(kept) = kept {
            all.extend(same.into_iter().filter(|row| row.symbol != kept.symbol).map(|row| (row, kept)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_store::testing;

    fn row(name: &str, class: AssetClass, ticker: &str) -> SymbolRow {
        SymbolRow { vendor_ticker: ticker.to_owned(), asset_class: class, ..testing::symbol(name, &[Timeframe::D1]) }
    }

    fn found<'a>(rows: &'a [SymbolRow], name: &str) -> Option<&'a str> {
        find(rows, &name.parse().unwrap()).map(|row| row.symbol.as_str())
    }

    #[test]
    fn a_tracked_pair_is_found_in_every_spelling() {
        let rows = [
            row("BTC", AssetClass::Crypto, "X:BTCUSD"),
            row("ETH-EUR", AssetClass::Crypto, "X:ETHEUR"),
            row("QWERTY", AssetClass::Crypto, "X:QWERTYUSD"),
            row("SOL", AssetClass::Etf, "SOL"),
            row("T", AssetClass::Stock, "T"),
        ];
        for name in ["BTC", "btc", "BTC-USD", "BTC/USD", "btcusd", "X:BTCUSD"] {
            assert_eq!(found(&rows, name), Some("BTC"), "{name}");
        }
        assert_eq!(found(&rows, "ETHEUR"), Some("ETH-EUR"));
        assert_eq!(found(&rows, "X:QWERTYUSD"), Some("QWERTY"));
        // A pair is never a fund or a stock of the same short name.
        for name in ["SOL-USD", "X:TUSD", "T-USD", "ETH", "BTC-EUR"] {
            assert_eq!(found(&rows, name), None, "{name}");
        }
    }

    #[test]
    fn a_pair_of_another_vendor_is_found_in_every_spelling_too() {
        let rows = [SymbolRow { vendor: Source::Coinbase, ..row("BTC", AssetClass::Crypto, "BTC-USD") }];
        for name in ["BTC", "BTC-USD", "btcusd", "X:BTCUSD"] {
            assert_eq!(found(&rows, name), Some("BTC"), "{name}");
        }
        assert!(doubles(&rows).is_empty());
    }

    #[test]
    fn one_pair_under_two_names_stays_readable_and_is_told() {
        let rows = [
            row("BTC", AssetClass::Crypto, "X:BTCUSD"),
            row("BTC-USD", AssetClass::Crypto, "X:BTCUSD"),
            row("X:BTCUSD", AssetClass::Crypto, "X:BTCUSD"),
            row("ETH", AssetClass::Crypto, "X:ETHUSD"),
        ];
        assert_eq!((found(&rows, "BTC-USD"), found(&rows, "BTC/USD")), (Some("BTC-USD"), Some("BTC")));
        let told: Vec<(&str, &str)> =
            doubles(&rows).into_iter().map(|(double, kept)| (double.symbol.as_str(), kept.symbol.as_str())).collect();
        assert_eq!(told, [("BTC-USD", "BTC"), ("X:BTCUSD", "BTC")]);
    }
}
