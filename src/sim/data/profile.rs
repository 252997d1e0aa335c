//! What a made-up ticker is like: how dear, how busy, when listed, when split. All of it follows from its name.

use chrono::{Days, NaiveDate};

use crate::data::hours::is_crypto;
use crate::data::random::{between, mix, of_name, part, unit};
use barkeep_market::split::Split;

/// Salt under which the usual large names come out liquid; liquidity does not depend on the seed.
const LIQUIDITY_SALT: u64 = 391;

/// How often and how much is traded.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Liquidity {
    /// Share of names at most this liquid or thinner.
    up_to: f64,
    /// Chance of a trade in a minute of regular and of extended hours, low and high end.
    regular: [f64; 2],
    extended: [f64; 2],
    /// Mean shares per regular minute with a trade, low and high end.
    lot: [f64; 2],
}

const LIQUIDITY: [Liquidity; 3] = [
    // A few bars a day.
    Liquidity { up_to: 0.06, regular: [0.005, 0.02], extended: [0.0005, 0.002], lot: [50.0, 500.0] },
    Liquidity { up_to: 0.16, regular: [0.3, 0.9], extended: [0.02, 0.2], lot: [200.0, 3_000.0] },
    // Nearly every regular minute and about 60 % of the extended ones.
    Liquidity { up_to: 1.0, regular: [0.994, 1.0], extended: [0.55, 0.65], lot: [3_000.0, 120_000.0] },
];

/// Split ratios as `(from, to)`.
const RATIOS: [(f64, f64); 8] =
    [(1.0, 2.0), (1.0, 3.0), (1.0, 4.0), (2.0, 3.0), (1.0, 10.0), (1.0, 20.0), (10.0, 1.0), (8.0, 1.0)];

/// One ticker's character.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// The root of all its random numbers.
    pub(crate) seed: u64,
    pub(crate) crypto: bool,
    /// Price around which it wanders, in today's shares.
    pub(crate) price: f64,
    /// Scale of its moves; 1 is an ordinary share.
    pub(crate) swing: f64,
    pub(crate) regular: f64,
    pub(crate) extended: f64,
    /// Mean volume of a regular minute with a trade.
    pub(crate) lot: f64,
    /// Whether its volume is fractional (crypto always, some shares since late 2025).
    pub(crate) fractional: bool,
    pub(crate) listed: NaiveDate,
}

/// Whether bars are made up for a ticker at all. Lower-case names are unknown, as tickers are case-sensitive.
pub(crate) fn exists(ticker: &str) -> bool {
    let name = match ticker.strip_prefix("X:") {
        Some(pair) => match pair.strip_suffix("USD") {
            Some(base) if base.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) => base,
            _ => return false,
        },
        None => ticker,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'/';
    (1..=16).contains(&name.len())
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|b| b.is_ascii_uppercase() || (is_crypto(ticker) && b.is_ascii_digit()))
        && !name.starts_with("NOSUCH")
        && !name.starts_with("ZZZZ")
}

impl Profile {
    pub(crate) fn of(seed: u64, ticker: &str) -> Option<Self> {
        if !exists(ticker) {
            return None;
        }
        let crypto = is_crypto(ticker);
        let seed = of_name(seed, ticker);
        let busy = of_name(LIQUIDITY_SALT, ticker);
        let class = LIQUIDITY.iter().find(|class| unit(busy) < class.up_to)?;
        let along = |[low, high]: [f64; 2], which| low + (high - low) * part(mix(busy, 1), which);
        let price = if crypto { between(mix(seed, 1), 0.4, 60_000.0) } else { between(mix(seed, 1), 12.0, 600.0) };
        // Coins are traded in money: 20,000 to 2,000,000 dollars a minute.
        let lot = if crypto {
            between(mix(busy, 2), 20_000.0, 2_000_000.0) / price
        } else {
            between(mix(busy, 2), class.lot[0], class.lot[1])
        };
        Some(Self {
            seed,
            crypto,
            price,
            swing: if crypto { 1.8 } else { 0.6 + part(mix(seed, 2), 0) },
            regular: along(class.regular, 0),
            extended: along(class.extended, 1),
            lot,
            fractional: crypto || unit(mix(seed, 3)) < 0.3,
            listed: listed(seed, ticker, crypto),
        })
    }
}

/// Shares from 2003, coins from 2013; names that begin with NEW some time from 2019 to 2023.
fn listed(seed: u64, ticker: &str, crypto: bool) -> NaiveDate {
    if ticker.trim_start_matches("X:").starts_with("NEW") {
        return date(2019) + Days::new(mix(seed, 4) % 1_500);
    }
    date(if crypto { 2013 } else { 2003 })
}

fn date(year: i32) -> NaiveDate {
    NaiveDate::from_yo_opt(year, 2).unwrap_or_default()
}

/// The split a made-up share has, if any: one name in five, some day from 2005 to 2024.
pub(crate) fn made_up_split(seed: u64, ticker: &str) -> Option<Split> {
    if is_crypto(ticker) || !exists(ticker) {
        return None;
    }
    let hash = mix(of_name(seed, ticker), 5);
    if !hash.is_multiple_of(5) {
        return None;
    }
    let (from, to) = RATIOS.get((hash >> 8) as usize % RATIOS.len()).copied()?;
    Some(Split { date: date(2005) + Days::new((hash >> 16) % 7_300), from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_are_liquid() {
        let names = "AAPL MSFT GOOGL AMZN TSLA NVDA META NFLX AVGO ASML BRK.B JPM V WMT JNJ SPY QQQ DIA IWM EEM \
                     X:BTCUSD X:ETHUSD X:XRPUSD X:SOLUSD X:ADAUSD";
        for name in names.split_whitespace() {
            let profile = Profile::of(1, name).unwrap();
            assert!(profile.regular > 0.99, "{name}: {}", profile.regular);
        }
    }

    #[test]
    fn unknown_names_have_no_profile() {
        for name in
            ["NOSUCH", "NOSUCHTICKER", "ZZZZ", "ZZZZQ", "aapl", "", "X:", "X:USD", "X:BTCEUR", "X:btcUSD", "A B"]
        {
            assert!(Profile::of(1, name).is_none(), "{name}");
        }
        assert!(Profile::of(1, "PEBpE").is_some());
        assert!(Profile::of(1, "NEWCO").unwrap().listed > date(2018));
    }
}
