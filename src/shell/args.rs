//! Arguments that several commands share: symbols, timeframes, time ranges.

use std::time::Duration;

use clap::{Arg, Args, Command};

use super::dates;
use super::exit::CliError;
use super::lists::{Names, flat, new_names};
use barkeep_base::text::printable;
use barkeep_market::instrument::{self, NameError, typed};
use barkeep_market::symbol::InvalidSymbol;
use barkeep_market::timeframe::sorted;
use barkeep_market::{AssetClass, Source, Symbol, Timeframe, Ts};
use barkeep_pipeline::select;
pub use barkeep_pipeline::select::TimeBound;
use barkeep_store::TimeRange;

/// The series to fetch, and the time range.
#[derive(Args, Clone, Debug, Default)]
pub struct SelectionArgs {
    /// Symbols such as AAPL, SPY or BTC, @FILE or - for a list; unknown ones are added to the database
    #[arg(value_name = "SYMBOL", value_parser = new_names)]
    pub symbols: Vec<Names>,

    /// All active symbols of the database
    #[arg(long, conflicts_with = "symbols")]
    pub all: bool,

    /// Timeframes, separated by commas [default: those of each symbol]
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,

    /// First day (2024-01-31, 2024-01, 2024, yesterday, 30d) or time (RFC 3339) [default: backfill.history ago]
    #[arg(long, value_name = "DATE|TIME", value_parser = dates::first)]
    pub from: Option<TimeBound>,

    /// Last day, month, year or time, inclusive [default: now]
    #[arg(long, value_name = "DATE|TIME", value_parser = dates::last)]
    pub to: Option<TimeBound>,

    /// Asset class of new symbols: stock, etf or crypto [default: from the settings]
    #[arg(long, value_name = "CLASS")]
    pub asset_class: Option<AssetClass>,

    /// Where new symbols come from: massive, or coinbase (crypto, without a key) [default: massive]
    #[arg(long, value_name = "VENDOR")]
    pub vendor: Option<Source>,
}

impl SelectionArgs {
    /// Whether nothing at all was selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty() && !self.all
    }

    /// Refuses an empty selection, and ranges that cannot hold a bar.
    ///
    /// # Errors
    /// When no symbol is named, the range ends before it begins, or it begins in the future.
    pub fn check(&self, now: Ts) -> Result<(), CliError> {
        if self.is_empty() {
            return Err(CliError::usage("no symbols given").hint("name some, such as AAPL SPY BTC, or use --all"));
        }
        check_range(self.from, self.to)?;
        match self.from {
            Some(from) if from.start(AssetClass::Crypto) > now => {
                Err(CliError::usage(format!("--from {from} is in the future (now: {now})")))
            }
            _ => Ok(()),
        }
    }

    /// The selection as the pipeline takes it.
    #[must_use]
    pub fn resolve(&self) -> select::Selection {
        select::Selection {
            symbols: flat(&self.symbols),
            timeframes: (!self.timeframes.is_empty()).then(|| sorted(&self.timeframes)),
            from: self.from,
            to: self.to,
            class: self.asset_class,
            vendor: self.vendor,
            refetch: false,
        }
    }
}

/// One stored series, over a time range.
#[derive(Args, Clone, Debug)]
pub struct SeriesRange {
    /// Symbol
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub symbol: Symbol,

    /// 1m, 5m, 15m, 30m, 1h, 4h, 1d or 1w
    #[arg(long, value_name = "TF")]
    pub timeframe: Timeframe,

    /// First day (2024-01-31, 2024-01, 2024, yesterday, 30d) or time (RFC 3339) [default: the first bar]
    #[arg(long, value_name = "DATE|TIME", value_parser = dates::first)]
    pub from: Option<TimeBound>,

    /// Last day, month, year or time, inclusive [default: the last bar]
    #[arg(long, value_name = "DATE|TIME", value_parser = dates::last)]
    pub to: Option<TimeBound>,
}

/// Refuses a range that begins after it ends. The message names both ends as they were written.
///
/// # Errors
/// When `from` is after `to`.
pub fn check_range(from: Option<TimeBound>, to: Option<TimeBound>) -> Result<(), CliError> {
    let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
    // Two dates compare alike in every time zone; a class is needed only to place a date among times.
    let empty = AssetClass::ALL.iter().all(|class| from.start(*class) >= to.end(*class));
    if empty { Err(CliError::usage(format!("--from {from} is after --to {to}; swap them"))) } else { Ok(()) }
}

/// The same commands, where a negative number is the value of the option before it, whose error says what is possible.
#[must_use]
pub fn with_numbers(command: Command) -> Command {
    let numbers = |arg: Arg| {
        let takes_value = arg.get_action().takes_values() && !arg.is_positional();
        arg.allow_negative_numbers(takes_value)
    };
    command.mut_args(numbers).mut_subcommands(with_numbers)
}

/// A symbol that is tracked already; in lower case it means the same.
///
/// # Errors
/// When it is empty, too long, or has characters that no symbol has.
pub fn symbol(text: &str) -> Result<Symbol, InvalidSymbol> {
    typed(text)
}

/// A symbol that may be new: names of classes that are not tracked are refused.
///
/// # Errors
/// When it cannot be a symbol, or its class is not tracked.
pub fn new_symbol(text: &str) -> Result<Symbol, NameError> {
    let symbol = typed(text)?;
    instrument::check(&symbol).map(|()| symbol)
}

/// `[from, to)` in the time zone of an asset class; an end that is not given is open.
#[must_use]
pub fn range(class: AssetClass, from: Option<TimeBound>, to: Option<TimeBound>) -> TimeRange {
    TimeRange { from: from.map(|w| w.start(class)), until: to.map(|w| w.end(class)) }
}

/// A duration; a number without a unit is milliseconds.
///
/// # Errors
/// When it is neither a whole number nor a duration such as `30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let milliseconds = text.parse().map(Duration::from_millis);
    milliseconds
        .or_else(|_| humantime::parse_duration(text))
        .map_err(|_| format!("'{}' is not a duration; use 50ms, 30s or 2m", printable(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(s: &str) -> Option<TimeBound> {
        s.parse().ok()
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
            let selection = SelectionArgs {
                symbols: vec![new_names("AAPL").unwrap()],
                from: when(from),
                to: when(to),
                ..SelectionArgs::default()
            };
            selection.check(now).map_err(|e| e.message)
        };
        assert!(SelectionArgs::default().check(now).unwrap_err().hint.unwrap().contains("--all"));
        assert_eq!(one("2023-01-01", "2023-01-01"), Ok(()));
        assert_eq!(one("2023-01-01", ""), Ok(()));
        let backwards = one("2023-01-02", "2023-01-01").unwrap_err();
        assert!(backwards.contains("2023-01-02") && backwards.contains("2023-01-01"));
        assert_eq!(one("2023-01-02T00:00:00Z", "2023-01-02T00:00:00Z"), Ok(()));
        assert!(one("2024-01-01", "").unwrap_err().contains("future"));
    }

    #[test]
    fn lower_case_symbols_mean_the_upper_case_ones() {
        for (typed, meant) in [
            ("aapl", "AAPL"),
            ("brk.b", "BRK.B"),
            ("x:btcusd", "X:BTCUSD"),
            ("PEBpE", "PEBpE"),
            ("AAPL", "AAPL"),
            ("700", "700"),
        ] {
            assert_eq!(symbol(typed).map(|s| s.to_string()), Ok(meant.to_owned()));
        }
        assert_eq!(symbol("a b").unwrap_err().to_string(), symbol("A B").unwrap_err().to_string());
        assert!(new_symbol("i:spx").unwrap_err().to_string().contains("'I:SPX' is an index"));
        assert!(new_symbol("x:btcusd").is_ok() && symbol("i:spx").is_ok());
    }
}
