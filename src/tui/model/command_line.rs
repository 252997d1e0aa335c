//! Commands with arguments, as they are typed after `:`: read, checked against the tracked symbols, and completed.

mod verb;

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, Months, NaiveDate};
use tui_input::Input;

use crate::model::sort::{Sort, SortBy};
use barkeep_market::instrument::{check, typed};
use barkeep_market::{AssetClass, Criticality, Instrument, Source, Symbol, Timeframe};
use barkeep_monitor::snapshot::SeriesView;
use barkeep_pipeline::names::Wanted;
use barkeep_pipeline::select::TimeBound;

pub use verb::Verb;

/// The line being typed.
#[derive(Clone, Debug, Default)]
pub struct CommandLine {
    pub input: Input,
    /// Classes of the tickers that were chosen from what the vendor found.
    pub picked: BTreeMap<Symbol, AssetClass>,
    pub search: Option<TickerSearch>,
}

/// What was searched at the vendor, and the selected one of what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickerSearch {
    pub text: String,
    pub cursor: usize,
}

/// A line that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Add {
        symbols: Vec<Symbol>,
        wanted: Wanted,
    },
    /// With `purge` their bars are deleted, too.
    Remove {
        symbols: Vec<Symbol>,
        purge: bool,
    },
    Tier {
        symbols: Vec<Symbol>,
        criticality: Criticality,
    },
    /// Fetches every symbol of a tier.
    FetchTier(Criticality),
    Since {
        symbols: Vec<Symbol>,
        date: Option<NaiveDate>,
    },
    Backfill {
        symbols: Vec<Symbol>,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
    },
    /// Shows a series; without a timeframe the finest one.
    Open(Symbol, Timeframe),
    Sort(Sort),
}

/// Why a line cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not complete yet.
    Missing(String),
    Mistake(String),
}

impl Wrong {
    fn mistake<T>(text: impl Into<String>) -> Result<T, Self> {
        Err(Self::Mistake(text.into()))
    }

    fn missing<T>(text: impl Into<String>) -> Result<T, Self> {
        Err(Self::Missing(text.into()))
    }
}

/// The tracked symbols.
#[derive(Clone, Copy)]
pub struct Tracked<'a>(pub &'a [SeriesView]);

impl<'a> Tracked<'a> {
    /// A symbol by any of its names: `btc-usd` is `BTC`.
    fn find(self, symbol: &Symbol) -> Option<&'a SeriesView> {
        let pair = Instrument::crypto_ticker(symbol);
        let same = |row: &&SeriesView| row.symbol == *symbol;
        let as_pair =
            |row: &&SeriesView| row.asset_class == AssetClass::Crypto && Instrument::crypto_ticker(&row.symbol) == pair;
        self.0.iter().find(same).or_else(|| pair.as_ref().and_then(|_| self.0.iter().find(as_pair)))
    }

    /// Whether any of its series is kept fresh.
    fn is_active(self, symbol: &Symbol) -> bool {
        self.0.iter().any(|row| row.symbol == *symbol && row.tracked)
    }

    fn known(self, word: &str) -> Result<Symbol, Wrong> {
        let symbol = symbol(word)?;
        match self.find(&symbol) {
            Some(row) => Ok(row.symbol.clone()),
            None => Wrong::mistake(format!("{symbol} is not tracked; `add {symbol}` adds it")),
        }
    }

    /// A symbol by what was typed, if it is tracked.
    #[must_use]
    pub fn named(self, word: &str) -> Option<Symbol> {
        self.known(word.trim()).ok()
    }

    /// The timeframes of a symbol, fine to coarse.
    #[must_use]
    pub fn timeframes(self, symbol: &Symbol) -> Vec<Timeframe> {
        let mut all: Vec<_> = self.0.iter().filter(|row| row.symbol == *symbol).map(|row| row.timeframe).collect();
        all.sort_unstable();
        all
    }

    /// Names that begin with what is typed.
    #[must_use]
    pub fn beginning(self, word: &str) -> Vec<String> {
        let upper = word.to_ascii_uppercase();
        let mut names: Vec<String> = self.0.iter().map(|row| row.symbol.to_string()).collect();
        names.retain(|name| name.to_ascii_uppercase().starts_with(&upper));
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn symbol(word: &str) -> Result<Symbol, Wrong> {
    let symbol = typed(word).map_err(|e| Wrong::Mistake(e.to_string()))?;
    check(&symbol).map_err(|e| Wrong::Mistake(e.to_string()))?;
    Ok(symbol)
}

/// The options of `add`.
pub const OPTIONS: [&str; 5] = ["--class", "--criticality", "--since", "--timeframes", "--vendor"];

/// Reads a line; `today` is the last day that can be meant.
///
/// # Errors
/// What is missing or wrong.
pub fn parse(line: &str, tracked: Tracked<'_>, today: NaiveDate) -> Result<Order, Wrong> {
    let Some(verb) = Verb::of(line) else { return Wrong::missing("type a command") };
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    match verb {
        Verb::Add => add(&words, tracked, today),
        Verb::Remove => remove(&words, tracked),
        Verb::Tier => tier(&words, tracked),
        Verb::Since => since(&words, tracked, today),
        Verb::Backfill => backfill(&words, tracked, today),
        Verb::Open => open(&words, tracked),
        Verb::Sort => sort(&words),
    }
}

fn push(symbols: &mut Vec<Symbol>, symbol: Symbol) {
    if !symbols.contains(&symbol) {
        symbols.push(symbol);
    }
}

fn some(symbols: Vec<Symbol>) -> Result<Vec<Symbol>, Wrong> {
    if symbols.is_empty() { Wrong::missing("which symbols?") } else { Ok(symbols) }
}

fn add(words: &[&str], tracked: Tracked<'_>, today: NaiveDate) -> Result<Order, Wrong> {
    let (mut symbols, mut wanted) = (Vec::new(), Wanted::default());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            let symbol = symbol(word)?;
            if let Some(row) = tracked.find(&symbol).filter(|row| tracked.is_active(&row.symbol)) {
                return Wrong::mistake(format!("{} is already tracked", row.symbol));
            }
            push(&mut symbols, symbol);
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (*word, words.next().copied()),
        };
        let value = |what: &str| value.ok_or_else(|| Wrong::Missing(format!("{name} needs {what}")));
        match name {
            "--class" | "--asset-class" => wanted.class = Some(class(value("stock, etf or crypto")?)?),
            "--criticality" | "--tier" => wanted.criticality = Some(criticality(value("critical, standard or low")?)?),
            "--vendor" => {
                let vendor = value("massive or coinbase")?.parse::<Source>();
                wanted.vendor = Some(vendor.map_err(|e| Wrong::Mistake(e.to_string()))?);
            }
            "--since" => wanted.history_from = Some(date(value("a day such as 2024-01-31")?, today)?),
            "--timeframes" => {
                let list = value("timeframes such as 5m,1h,1d")?;
                let one = |word: &str| word.parse::<Timeframe>().map_err(|e| Wrong::Mistake(e.to_string()));
                wanted.timeframes = list.split(',').map(one).collect::<Result<_, _>>()?;
            }
            _ if OPTIONS.iter().any(|option| option.starts_with(name)) => {
                return Wrong::missing(format!("options: {}", OPTIONS.join(" ")));
            }
            _ => return Wrong::mistake(format!("there is no option {name}; options: {}", OPTIONS.join(" "))),
        }
    }
    let symbols = some(symbols)?;
    if let Some(class) = wanted.class {
        for symbol in &symbols {
            Instrument::of(symbol, class).map_err(|e| Wrong::Mistake(e.to_string()))?;
        }
    }
    Ok(Order::Add { symbols, wanted })
}

fn remove(words: &[&str], tracked: Tracked<'_>) -> Result<Order, Wrong> {
    let (mut symbols, mut purge) = (Vec::new(), false);
    for word in words {
        match *word {
            "--purge" => purge = true,
            word if word.starts_with('-') && "--purge".starts_with(word) => {
                return Wrong::missing("option: --purge deletes their bars, too");
            }
            word if word.starts_with('-') => {
                return Wrong::mistake(format!("there is no option {word}; the only one is --purge"));
            }
            word => push(&mut symbols, tracked.known(word)?),
        }
    }
    let symbols = some(symbols)?;
    match symbols.iter().find(|symbol| !purge && !tracked.is_active(symbol)) {
        Some(symbol) => Wrong::mistake(format!("{symbol} is not kept fresh anyway; --purge deletes its bars")),
        None => Ok(Order::Remove { symbols, purge }),
    }
}

fn tier(words: &[&str], tracked: Tracked<'_>) -> Result<Order, Wrong> {
    // A symbol may be called LOW; the last word is the tier.
    let (last, rest) = words.split_last().map_or((None, words), |(last, rest)| (Some(*last), rest));
    let Some(criticality) = last.and_then(|word| criticality(word).ok()) else {
        let symbols = words.iter().map(|word| tracked.known(word)).collect::<Result<Vec<_>, _>>();
        let partial = |word: &str| Criticality::ALL.iter().any(|tier| tier.to_string().starts_with(word));
        return match (symbols, last) {
            (Ok(symbols), _) => {
                some(symbols)?;
                Wrong::missing("then critical, standard or low")
            }
            (Err(_), Some(word)) if !rest.is_empty() && partial(&word.to_ascii_lowercase()) => {
                Wrong::missing("then critical, standard or low")
            }
            (Err(wrong), _) => Err(wrong),
        };
    };
    let mut symbols = Vec::new();
    for word in rest {
        push(&mut symbols, tracked.known(word)?);
    }
    Ok(if symbols.is_empty() { Order::FetchTier(criticality) } else { Order::Tier { symbols, criticality } })
}

fn since(words: &[&str], tracked: Tracked<'_>, today: NaiveDate) -> Result<Order, Wrong> {
    let (mut symbols, mut day) = (Vec::new(), None);
    for word in words {
        if day.is_some() {
            return Wrong::mistake(format!("nothing may follow the day; found {word}"));
        } else if *word == "none" {
            day = Some(None);
        } else if is_time(word) {
            day = Some(Some(date(word, today)?));
        } else {
            push(&mut symbols, tracked.known(word)?);
        }
    }
    let symbols = some(symbols)?;
    match day {
        Some(date) => Ok(Order::Since { symbols, date }),
        None => Wrong::missing("then a day such as 2024-01-31, or none"),
    }
}

fn backfill(words: &[&str], tracked: Tracked<'_>, today: NaiveDate) -> Result<Order, Wrong> {
    let (mut symbols, mut times) = (Vec::new(), Vec::new());
    for word in words {
        if is_time(word) {
            times.push(*word);
        } else if times.is_empty() {
            push(&mut symbols, tracked.known(word)?);
        } else {
            return Wrong::mistake(format!("symbols come before the time; found {word} behind it"));
        }
    }
    let symbols = some(symbols)?;
    let (from, to) = match times.as_slice() {
        [] => return Ok(Order::Backfill { symbols, from: None, to: None }),
        [one] => span(one)?,
        [from, to] => (span(from)?.0, span(to)?.1),
        _ => return Wrong::mistake("at most two times: from and to"),
    };
    if from > to {
        return Wrong::mistake(format!("{from} is after {to}"));
    }
    if from > today {
        return Wrong::mistake(format!("{from} is in the future; there are no bars yet"));
    }
    Ok(Order::Backfill { symbols, from: Some(from), to: Some(to).filter(|to| *to < today) })
}

fn open(words: &[&str], tracked: Tracked<'_>) -> Result<Order, Wrong> {
    let [word, rest @ ..] = words else { return Wrong::missing("which symbol?") };
    let symbol = tracked.known(word)?;
    let known = tracked.timeframes(&symbol);
    let timeframe = match rest {
        [] => known.first().copied(),
        [word] => known.iter().copied().find(|tf| tf.name() == *word),
        _ => return Wrong::mistake("one symbol and one timeframe"),
    };
    let names = || known.iter().map(|tf| tf.name()).collect::<Vec<_>>().join(", ");
    match timeframe {
        Some(timeframe) => Ok(Order::Open(symbol, timeframe)),
        None => Wrong::mistake(format!("{symbol} has {}", names())),
    }
}

fn sort(words: &[&str]) -> Result<Order, Wrong> {
    let [word, rest @ ..] = words else { return Wrong::missing("by which column?") };
    let begins = |by: &SortBy| by.name().starts_with(&word.to_ascii_lowercase());
    let reversed = match rest {
        [] => false,
        [word] if *word == "reversed" => true,
        [word] if "reversed".starts_with(word) => return Wrong::missing("then reversed, or nothing"),
        _ => return Wrong::mistake("one column, then reversed or nothing"),
    };
    match SortBy::ALL.into_iter().find(begins) {
        Some(by) => Ok(Order::Sort(Sort { by, reversed })),
        None => Wrong::mistake(format!("there is no column {word}; {}", SortBy::ALL.map(SortBy::word).join(", "))),
    }
}

/// Digits and dashes that begin with a year; a symbol may begin with a digit, too.
fn is_time(word: &str) -> bool {
    word.len() >= 4 && word.bytes().all(|b| b.is_ascii_digit() || b == b'-') && !word.starts_with('-')
}

/// The first and the last day of a year, a month or a day.
fn span(word: &str) -> Result<(NaiveDate, NaiveDate), Wrong> {
    let day = |text: String| text.parse::<TimeBound>().ok();
    let (first, months) = match word.len() {
        4 => (day(format!("{word}-01-01")), 12),
        7 => (day(format!("{word}-01")), 1),
        _ => (day(word.to_owned()), 0),
    };
    let Some(TimeBound::Date(first)) = first else {
        return Wrong::mistake(format!("{word} is not a time; write 2024, 2024-01 or 2024-01-31, from 1970 to 2100"));
    };
    let last = match months {
        0 => Some(first),
        months => first.checked_add_months(Months::new(months)).and_then(|next| next.checked_sub_days(Days::new(1))),
    };
    Ok((first, last.unwrap_or(first)))
}

fn date(word: &str, today: NaiveDate) -> Result<NaiveDate, Wrong> {
    match word.parse::<TimeBound>() {
        Ok(TimeBound::Date(date)) if date > today => Wrong::mistake(format!("{date} is in the future")),
        Ok(TimeBound::Date(date)) if date.year() >= 1970 => Ok(date),
        // While it is typed it is too short.
        _ if word.len() < 10 && is_time(word) => Wrong::missing("a day is written 2024-01-31"),
        _ => Wrong::mistake(format!("{word} is not a day; write 2024-01-31")),
    }
}

fn class(word: &str) -> Result<AssetClass, Wrong> {
    word.to_ascii_lowercase()
        .parse()
        .or_else(|_| Wrong::mistake(format!("{word} is not a class; write stock, etf or crypto")))
}

fn criticality(word: &str) -> Result<Criticality, Wrong> {
    word.to_ascii_lowercase()
        .parse()
        .or_else(|_| Wrong::mistake(format!("{word} is not a tier; write critical, standard or low")))
}

#[cfg(test)]
mod tests;
