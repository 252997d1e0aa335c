//! A crypto name taken apart: what is traded, and what it is priced in.
//!
//! `BTC`, `BTC-USD`, `BTC/USD`, `BTCUSD` and `X:BTCUSD` are one pair. Letters alone do not say where the base ends (`TUSD` is
//! a coin of its own and not T in USD), so a table of known names decides; what it cannot tell apart is refused.

mod table;

use barkeep_base::text::printable;
use table::{BASES, CURRENCIES, QUOTE_COINS};

/// The quote of a name that mentions none.
const USD: &str = "USD";
/// Fewer characters than this cannot hold a coin and a quote.
const FEWEST: usize = 5;
/// The vendor's prefix of crypto tickers.
const PREFIX: &str = "X:";

/// A coin and what it is priced in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub base: String,
    /// `None`: the vendor's form, with a quote that is not in the table; `base` is then all of it.
    pub quote: Option<&'static str>,
    /// Whether the name mentioned the quote.
    pub explicit: bool,
}

/// A name that is no crypto pair, or may be several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPair {
    #[error("'{name}' may be {base} in {quote} or a coin called {whole}; write X:{base}{quote} or X:{whole}USD")]
    Ambiguous { name: String, base: String, quote: &'static str, whole: String },
    #[error("'{name}' may be several pairs ({readings}); write the vendor's form, such as X:{example}")]
    Several { name: String, readings: String, example: String },
    #[error("'{name}' is priced in '{quote}', which is not a known currency; write the vendor's form, X:{base}{quote}")]
    Quote { name: String, base: String, quote: String },
    #[error(
        "'{name}' is a currency, not a coin; write the vendor's form if the vendor has it as crypto, such as X:{ticker}"
    )]
    Currency { name: String, ticker: String },
    #[error("'{name}' has no quote currency; write X:{base}USD")]
    NoQuote { name: String, base: String },
    #[error("'{name}' is not a crypto pair; write BTC, BTC-USD, BTC-EUR, or the vendor's form, X:BTCUSD")]
    Form { name: String },
}

impl Pair {
    /// The vendor's ticker.
    #[must_use]
    pub fn ticker(&self) -> String {
        format!("{PREFIX}{}{}", self.base, self.quote.unwrap_or_default())
    }

    /// What barkeep calls it, however it was written: a known coin by its name (`BTC`, `BTC-EUR`), any other as the vendor
    /// does, because its short name may as well be a stock's. The name read again is the same pair.
    #[must_use]
    pub fn name(&self) -> String {
        let short = match self.quote {
            _ if !self.explicit => return self.base.clone(),
            Some(USD) => self.base.clone(),
            Some(quote) => format!("{}-{quote}", self.base),
            None => return self.ticker(),
        };
        let same = |read: Self| read.base == self.base && read.quote == self.quote;
        if self.is_known() && Self::parse(&short).is_ok_and(same) { short } else { self.ticker() }
    }

    /// Whether the coin is in the table.
    #[must_use]
    pub fn is_known(&self) -> bool {
        is_known(&self.base)
    }

    /// Reads a name in any of its forms, in upper or lower case.
    ///
    /// # Errors
    /// When it can be read in no way or in several; the message names the form that helps.
    pub fn parse(text: &str) -> Result<Self, NotAPair> {
        let upper = text.to_ascii_uppercase();
        let name = || printable(text);
        let form = || NotAPair::Form { name: name() };
        if let Some(body) = upper.strip_prefix(PREFIX) {
            return in_vendors_form(&name(), body);
        }
        let Some(at) = upper.find(|c: char| !c.is_ascii_alphanumeric()) else {
            return if upper.is_empty() { Err(form()) } else { glued(&name(), &upper) };
        };
        let (base, rest) = upper.split_at(at);
        let quote = rest.get(1..).unwrap_or_default();
        if !rest.starts_with(['-', '/', '_']) || base.is_empty() || !is_word(quote) {
            return Err(form());
        }
        if is_currency(base) {
            return Err(NotAPair::Currency { name: name(), ticker: format!("{base}{quote}") });
        }
        match quotes().find(|known| *known == quote) {
            Some(quote) => Ok(Self { base: base.to_owned(), quote: Some(quote), explicit: true }),
            None => Err(NotAPair::Quote { name: name(), base: base.to_owned(), quote: quote.to_owned() }),
        }
    }

    /// Whether a name that nobody called crypto is a pair all the same: no ticker of a stock looks like it.
    #[must_use]
    pub fn is_plain(text: &str) -> bool {
        let Ok(pair) = Self::parse(text) else { return false };
        let separated = !text.bytes().all(|b| b.is_ascii_alphanumeric());
        pair.explicit && (separated || pair.is_known() && text.len() >= 6)
    }

    /// Whether a name is a pair of two currencies, which is no crypto.
    #[must_use]
    pub fn is_forex(text: &str) -> bool {
        let upper = text.to_ascii_uppercase();
        let plain: String = upper.chars().filter(|c| !"-/_".contains(*c)).collect();
        plain.len() == 6 && plain.split_at_checked(3).is_some_and(|(a, b)| a != b && is_currency(a) && is_currency(b))
    }
}

fn quotes() -> impl Iterator<Item = &'static str> {
    CURRENCIES.iter().chain(QUOTE_COINS).copied()
}

fn is_currency(word: &str) -> bool {
    CURRENCIES.contains(&word)
}

fn is_known(base: &str) -> bool {
    BASES.binary_search(&base).is_ok()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Every way to cut a word into a base and a known quote.
fn cuts(word: &str) -> Vec<(&str, &'static str)> {
    let cut = |quote| word.strip_suffix(quote).filter(|base| !base.is_empty()).map(|base| (base, quote));
    quotes().filter_map(cut).collect()
}

/// A word without a separator: a coin, or a coin and its quote.
fn glued(name: &str, word: &str) -> Result<Pair, NotAPair> {
    let pair = |base: &str, quote, explicit| Pair { base: base.to_owned(), quote: Some(quote), explicit };
    if is_currency(word) {
        return Err(NotAPair::Currency { name: name.to_owned(), ticker: format!("{word}{USD}") });
    }
    let cuts = cuts(word);
    let known: Vec<_> = cuts.iter().filter(|(base, _)| is_known(base)).collect();
    match (is_known(word), known.as_slice(), cuts.first()) {
        (true, [], _) | (false, [], None) => Ok(pair(word, USD, false)),
        (false, [(base, quote)], _) => Ok(pair(base, quote, true)),
        (false, [], Some((base, quote))) if is_currency(base) => {
            Err(NotAPair::Currency { name: name.to_owned(), ticker: format!("{base}{quote}") })
        }
        (false, [], Some((base, quote))) => {
            let (base, whole) = ((*base).to_owned(), word.to_owned());
            Err(NotAPair::Ambiguous { name: name.to_owned(), base, quote, whole })
        }
        (whole, several, _) => {
            let mut readings: Vec<String> = several.iter().map(|(base, quote)| format!("{base} in {quote}")).collect();
            if whole {
                readings.insert(0, format!("the coin {word}"));
            }
            let example = if whole { format!("{word}{USD}") } else { word.to_owned() };
            Err(NotAPair::Several { name: name.to_owned(), readings: readings.join(", "), example })
        }
    }
}

/// What follows `X:` is what the vendor calls it, so it is believed; only the name for it depends on the table.
fn in_vendors_form(name: &str, body: &str) -> Result<Pair, NotAPair> {
    let word: String = match body.split_once(['-', '/', '_']) {
        Some((base, quote)) if is_word(base) && is_word(quote) => format!("{base}{quote}"),
        None if is_word(body) => body.to_owned(),
        _ => return Err(NotAPair::Form { name: name.to_owned() }),
    };
    let cuts = cuts(&word);
    let known = cuts.iter().find(|(base, _)| is_known(base));
    match known.or(cuts.first()) {
        Some((base, quote)) => Ok(Pair { base: (*base).to_owned(), quote: Some(quote), explicit: true }),
        // A coin alone is a slip; anything else may have a quote that only the vendor knows.
        None if is_known(&word) || word.len() < FEWEST => {
            Err(NotAPair::NoQuote { name: name.to_owned(), base: word.clone() })
        }
        None => Ok(Pair { base: word, quote: None, explicit: true }),
    }
}

#[cfg(test)]
mod tests;
