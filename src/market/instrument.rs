//! A symbol of a class: the one place that knows what it is called here and at the vendor.

use std::borrow::Cow;

use barkeep_base::text::printable;

use crate::asset::AssetClass;
use crate::pair::{NotAPair, Pair};
use crate::source::Source;
use crate::symbol::{InvalidSymbol, Symbol};

/// A symbol by its one name, with the vendor's ticker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    pub symbol: Symbol,
    pub class: AssetClass,
    pub vendor_ticker: String,
}

/// A name that cannot be tracked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "'{name}' is {kind}; barkeep tracks stocks, ETFs and crypto, whose tickers are written AAPL, SPY and X:BTCUSD"
    )]
    OtherClass { name: String, kind: &'static str },
    #[error("'{name}' is a crypto ticker and cannot be tracked as {class}")]
    Crypto { name: String, class: AssetClass },
    #[error(
        "{vendor} has crypto only, and '{name}' would be tracked as {class}; omit the vendor, or set the asset class to crypto"
    )]
    NotServed { vendor: Source, name: String, class: AssetClass },
    #[error("'{name}' is not a pair that {vendor} trades; write it as BTC-USD")]
    NoProduct { vendor: Source, name: String },
    #[error(transparent)]
    Pair(#[from] NotAPair),
    #[error(transparent)]
    Symbol(#[from] InvalidSymbol),
}

impl Instrument {
    /// The instrument that `symbol` names if it is of this class.
    ///
    /// # Errors
    /// For a name of a class that is not tracked, and a crypto name that is no pair or may be several.
    pub fn of(symbol: &Symbol, class: AssetClass) -> Result<Self, NameError> {
        let text = symbol.as_str();
        if let Some(kind) = other_class(text) {
            return Err(NameError::OtherClass { name: printable(text), kind });
        }
        match class {
            AssetClass::Crypto => match Pair::parse(text) {
                Ok(pair) => Ok(Self { symbol: pair.name().parse()?, class, vendor_ticker: pair.ticker() }),
                // The vendor's form is always a way: what it calls a ticker is one.
                Err(NotAPair::Form { .. }) if has_prefix(text, 'X') && text.len() > 2 => {
                    Ok(Self { symbol: symbol.clone(), class, vendor_ticker: text.to_owned() })
                }
                Err(e) => Err(e.into()),
            },
            AssetClass::Stock | AssetClass::Etf if has_prefix(text, 'X') => {
                Err(NameError::Crypto { name: printable(text), class })
            }
            AssetClass::Stock | AssetClass::Etf => {
                let symbol = if is_lower(text) { text.to_ascii_uppercase().parse()? } else { symbol.clone() };
                Ok(Self { vendor_ticker: symbol.to_string(), symbol, class })
            }
        }
    }

    /// What a vendor calls it.
    ///
    /// # Errors
    /// When the vendor has no such instruments.
    pub fn ticker_at(&self, vendor: Source) -> Result<String, NameError> {
        if vendor == Source::Massive {
            return Ok(self.vendor_ticker.clone());
        }
        let name = printable(self.symbol.as_str());
        if self.class != AssetClass::Crypto {
            return Err(NameError::NotServed { vendor, name, class: self.class });
        }
        let pair = Pair::parse(self.symbol.as_str()).ok();
        let product = pair.and_then(|pair| Some(format!("{}-{}", pair.base, pair.quote?)));
        product.ok_or(NameError::NoProduct { vendor, name })
    }

    /// The ticker of the pair that a name may be if it is crypto.
    #[must_use]
    pub fn crypto_ticker(symbol: &Symbol) -> Option<String> {
        Pair::parse(symbol.as_str()).ok().map(|pair| pair.ticker())
    }
}

/// A symbol as typed. In lower case it means the same: no vendor ticker is all lower case, though some have a single lower
/// case letter (`PEBpE`, a preferred share).
///
/// # Errors
/// When it is no symbol.
pub fn typed(text: &str) -> Result<Symbol, InvalidSymbol> {
    let text = if is_lower(text) { Cow::Owned(text.to_ascii_uppercase()) } else { Cow::Borrowed(text) };
    text.parse()
}

/// Whether a name can be no symbol of a class that is tracked: refused where one is named, before its class is known.
///
/// # Errors
/// [`NameError::OtherClass`].
pub fn check(symbol: &Symbol) -> Result<(), NameError> {
    let text = symbol.as_str();
    other_class(text).map_or(Ok(()), |kind| Err(NameError::OtherClass { name: printable(text), kind }))
}

fn is_lower(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_lowercase()) && !text.bytes().any(|b| b.is_ascii_uppercase())
}

fn has_prefix(text: &str, letter: char) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.eq_ignore_ascii_case(&letter)) && chars.next() == Some(':')
}

/// What a name is when it is of a class that is not tracked: by the vendor's prefix, or as an option or a currency pair
/// without one.
fn other_class(text: &str) -> Option<&'static str> {
    let prefix = text.split_once(':').map(|(prefix, _)| prefix.to_ascii_uppercase());
    match prefix.as_deref() {
        Some("X") => None,
        Some("I") => Some("an index"),
        Some("C") => Some("a currency pair (forex)"),
        Some("O") => Some("an option"),
        Some("F") => Some("a future"),
        Some(_) => Some("of a market that is not tracked (only X: is)"),
        None if is_option(text) => Some("an option"),
        None if Pair::is_forex(text) => Some("a currency pair (forex)"),
        None => None,
    }
}

/// `AAPL240621C00150000`: root, date, side, strike.
fn is_option(text: &str) -> bool {
    let Some((root, contract)) = text.len().checked_sub(15).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let digits = |part: Option<&str>| part.is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let side = contract.get(6..7).is_some_and(|side| side.eq_ignore_ascii_case("C") || side.eq_ignore_ascii_case("P"));
    (1..=6).contains(&root.len()) && digits(contract.get(..6)) && side && digits(contract.get(7..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, class: AssetClass) -> Result<(String, String), String> {
        let symbol: Symbol = name.parse().unwrap();
        Instrument::of(&symbol, class).map(|i| (i.symbol.to_string(), i.vendor_ticker)).map_err(|e| e.to_string())
    }

    fn pair(name: &str, ticker: &str) -> (String, String) {
        (name.to_owned(), ticker.to_owned())
    }

    #[test]
    fn every_spelling_of_a_pair_is_one_instrument() {
        for name in
            ["BTC", "BTC-USD", "BTC/USD", "BTC_USD", "BTCUSD", "X:BTCUSD", "btc", "btc-usd", "x:btcusd", "X:BTC-USD"]
        {
            assert_eq!(of(name, AssetClass::Crypto), Ok(pair("BTC", "X:BTCUSD")), "{name}");
        }
        for name in ["X:BTCUSD.kraken", "X:1000SATS.2"] {
            assert_eq!(of(name, AssetClass::Crypto), Ok(pair(name, name)), "the vendor's form is believed");
        }
        for name in ["BTC-EUR", "BTC/EUR", "BTCEUR", "X:BTCEUR", "btceur"] {
            assert_eq!(of(name, AssetClass::Crypto), Ok(pair("BTC-EUR", "X:BTCEUR")), "{name}");
        }
    }

    #[test]
    fn every_spelling_of_a_pair_is_one_product_of_coinbase() {
        let product = |name: &str, class| {
            let instrument = Instrument::of(&name.parse().unwrap(), class).unwrap();
            instrument.ticker_at(Source::Coinbase).map_err(|e| e.to_string())
        };
        for name in ["BTC", "BTC-USD", "btc/usd", "X:BTCUSD"] {
            assert_eq!(product(name, AssetClass::Crypto), Ok("BTC-USD".to_owned()), "{name}");
        }
        for (name, id) in [("ETH-EUR", "ETH-EUR"), ("X:QWERTYUSD", "QWERTY-USD"), ("BTC-USDT", "BTC-USDT")] {
            assert_eq!(product(name, AssetClass::Crypto), Ok(id.to_owned()), "{name}");
        }
        let stock = product("AAPL", AssetClass::Stock).unwrap_err();
        assert!(stock.contains("crypto only") && stock.contains("tracked as stock"), "{stock}");
        let odd = product("X:BTCUSD.kraken", AssetClass::Crypto).unwrap_err();
        assert!(odd.contains("write it as BTC-USD"), "{odd}");
    }

    #[test]
    fn stocks_and_funds_are_their_own_tickers() {
        for name in ["AAPL", "BRK.B", "PEBpE", "BRK-B"] {
            assert_eq!(of(name, AssetClass::Stock), Ok(pair(name, name)));
        }
        // A fund of that name exists; only who says so means it.
        assert_eq!(of("BTC", AssetClass::Etf), Ok(pair("BTC", "BTC")));
        assert_eq!(of("brk.b", AssetClass::Stock), Ok(pair("BRK.B", "BRK.B")));
        assert!(of("X:BTCUSD", AssetClass::Stock).unwrap_err().contains("is a crypto ticker"));
    }

    #[test]
    fn other_classes_are_refused_by_what_they_are() {
        for (name, what) in [
            ("I:SPX", "an index"),
            ("i:spx", "an index"),
            ("C:EURUSD", "forex"),
            ("EUR/USD", "forex"),
            ("EURUSD", "forex"),
            ("usd-jpy", "forex"),
            ("O:AAPL240621C00150000", "an option"),
            ("AAPL240621C00150000", "an option"),
            ("F:ESZ4", "a future"),
            ("NASDAQ:AAPL", "of a market"),
        ] {
            for class in AssetClass::ALL {
                let error = of(name, class).unwrap_err();
                assert!(error.contains(what) && error.contains("X:BTCUSD"), "{error}");
                assert!(check(&name.parse().unwrap()).is_err());
            }
        }
        for name in ["AAPL", "X:BTCUSD", "BTC-USD", "PYUSD", "C", "O", "I"] {
            assert_eq!(check(&name.parse().unwrap()), Ok(()), "{name}");
        }
    }

    #[test]
    fn lower_case_means_the_upper_case_symbol() {
        for (text, meant) in
            [("aapl", "AAPL"), ("brk.b", "BRK.B"), ("x:btcusd", "X:BTCUSD"), ("PEBpE", "PEBpE"), ("700", "700")]
        {
            assert_eq!(typed(text).unwrap().as_str(), meant);
        }
        assert!(typed("a b").is_err());
    }
}
