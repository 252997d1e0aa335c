//! Arguments that several commands share: symbols, timeframes, ranges of time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate};
use clap::Args;

use super::exit::CliError;
use crate::market::asset::{InvalidSymbol, printable};
use crate::market::{AssetClass, Interval, Symbol, Timeframe, Ts};

/// Which series a run is about.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Symbols such as AAPL, SPY or BTC; new ones are added
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// All active symbols in the database
    #[arg(long, conflicts_with = "symbols")]
    pub all: bool,

    /// Timeframes, separated by commas [default: those of each symbol]
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,

    /// First day (YYYY-MM-DD) or time (RFC 3339) [default: backfill.history before now]
    #[arg(long, value_name = "DATE|TIME")]
    pub from: Option<When>,

    /// Last day, included whole, or the time to stop before [default: now]
    #[arg(long, value_name = "DATE|TIME")]
    pub to: Option<When>,

    /// Asset class of symbols that are new: stock, etf or crypto [default: by the lists in the settings]
    #[arg(long, value_name = "CLASS")]
    pub asset_class: Option<AssetClass>,
}

impl Selection {
    /// Whether nothing at all was selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty() && !self.all
    }

    /// Refuses a selection of nothing, and ranges that cannot hold a bar.
    pub fn check(&self, now: Ts) -> Result<(), CliError> {
        if self.is_empty() {
            return Err(CliError::usage("no symbols: name some (barkeep backfill AAPL SPY BTC), or use --all"));
        }
        check_range(self.from, self.to)?;
        match self.from {
            Some(from) if from.start(AssetClass::Crypto) > now => {
                Err(CliError::usage(format!("--from {from} is in the future; it is {now} now")))
            }
            _ => Ok(()),
        }
    }

    /// The timeframes asked for, fine to coarse, each once; empty when none were named.
    #[must_use]
    pub fn timeframes(&self) -> Vec<Timeframe> {
        sorted(&self.timeframes)
    }
}

/// Fine to coarse, each once.
#[must_use]
pub fn sorted(timeframes: &[Timeframe]) -> Vec<Timeframe> {
    let mut all = timeframes.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}

/// Refuses a range that begins after it ends. The message names both ends as they were written.
pub fn check_range(from: Option<When>, to: Option<When>) -> Result<(), CliError> {
    let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
    // Two dates compare alike in every time zone; a class is needed only to place a date among times.
    let empty = AssetClass::ALL.iter().all(|class| from.start(*class) >= to.end(*class));
    if empty { Err(CliError::usage(format!("--from {from} is after --to {to}; swap them"))) } else { Ok(()) }
}

/// A symbol, refused with a suggestion when its case cannot be right: no vendor ticker is all lower case.
pub fn symbol(text: &str) -> Result<Symbol, InvalidSymbol> {
    let symbol: Symbol = text.parse()?;
    let letters = || text.chars().filter(char::is_ascii_alphabetic);
    if letters().next().is_some() && letters().all(|c| c.is_ascii_lowercase()) {
        return Err(InvalidSymbol(format!("{text}' (did you mean '{}'?", text.to_uppercase())));
    }
    Ok(symbol)
}

/// A day or an instant, as the user wrote it. A day is that of the symbol's market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Date(NaiveDate),
    Time(Ts),
}

impl When {
    /// Where a range from here begins.
    #[must_use]
    pub fn start(self, class: AssetClass) -> Ts {
        match self {
            Self::Date(date) => class.midnight(date),
            Self::Time(t) => t,
        }
    }

    /// Where a range up to here ends, exclusive: a day is included whole, an instant is where the range stops.
    #[must_use]
    pub fn end(self, class: AssetClass) -> Ts {
        match self {
            Self::Date(date) => class.midnight(date.succ_opt().unwrap_or(date)),
            Self::Time(t) => t,
        }
    }
}

/// `[from, to)` for a class; an end not given is open.
#[must_use]
pub fn range(class: AssetClass, from: Option<When>, to: Option<When>) -> Interval {
    Interval::new(from.map_or(Ts::MIN, |w| w.start(class)), to.map_or(Ts::MAX, |w| w.end(class)))
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Time(t) => t.fmt(f),
        }
    }
}

/// A text that is neither a day nor an instant between 1970 and 2100.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no day or time; write 2024-01-31 or 2024-01-31T14:30:00Z, from 1970 to 2100")]
pub struct InvalidWhen(String);

impl FromStr for When {
    type Err = InvalidWhen;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidWhen(printable(s));
        // chrono also takes 2024-1-3 and +2024-01-03; one way to write a day is enough.
        let when = if s.len() == 10 && s.as_bytes().iter().all(|b| b.is_ascii_digit() || *b == b'-') {
            Self::Date(s.parse().map_err(|_| invalid())?)
        } else {
            Self::Time(Ts(DateTime::parse_from_rfc3339(s).map_err(|_| invalid())?.timestamp_millis()))
        };
        let year = match when {
            Self::Date(date) => date.year(),
            Self::Time(t) => t.utc_date().year(),
        };
        if (1970..=2100).contains(&year) { Ok(when) } else { Err(invalid()) }
    }
}

/// A duration; a bare number is milliseconds.
pub fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    text.parse().map(Duration::from_millis).or_else(|_| humantime::parse_duration(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(s: &str) -> Option<When> {
        s.parse().ok()
    }

    #[test]
    fn days_and_times() {
        assert!(matches!(when("2024-02-29"), Some(When::Date(_))));
        assert_eq!(when("2024-01-31T09:30:00-05:00"), when("2024-01-31T14:30:00Z"));
        for bad in [
            "",
            "2023-02-29",
            "2024-1-3",
            "20240131",
            "yesterday",
            "1969-12-31",
            "2101-01-01",
            "2024-01-31T14:30:00",
            "2024-13-01",
        ] {
            assert_eq!(when(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_last_day_is_included_whole_in_its_market() {
        let day = when("2024-03-10").unwrap();
        assert_eq!(day.start(AssetClass::Stock).to_string(), "2024-03-10T05:00:00Z");
        assert_eq!(day.end(AssetClass::Stock).to_string(), "2024-03-11T04:00:00Z");
        assert_eq!(day.end(AssetClass::Crypto).to_string(), "2024-03-11T00:00:00Z");
    }

    #[test]
    fn selections_of_nothing_are_refused() {
        let now = Ts(1_700_000_000_000);
        let one = |from: &str, to: &str| {
            let selection = Selection {
                symbols: vec!["AAPL".parse().unwrap()],
                from: when(from),
                to: when(to),
                ..Selection::default()
            };
            selection.check(now).map_err(|e| e.message)
        };
        assert!(Selection::default().check(now).unwrap_err().message.contains("--all"));
        assert_eq!(one("2023-01-01", "2023-01-01"), Ok(()));
        assert_eq!(one("2023-01-01", ""), Ok(()));
        let backwards = one("2023-01-02", "2023-01-01").unwrap_err();
        assert!(backwards.contains("2023-01-02") && backwards.contains("2023-01-01"));
        assert!(one("2023-01-02T00:00:00Z", "2023-01-02T00:00:00Z").is_err());
        assert!(one("2024-01-01", "").unwrap_err().contains("future"));
    }

    #[test]
    fn lower_case_symbols_get_a_suggestion() {
        assert!(symbol("aapl").unwrap_err().to_string().contains("did you mean 'AAPL'?"));
        for good in ["AAPL", "PEBpE", "BRK.B", "X:BTCUSD"] {
            assert!(symbol(good).is_ok(), "{good}");
        }
    }
}
