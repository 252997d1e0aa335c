//! Which series a command means, and over what time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::{Known, Wanted};
use barkeep_base::text::printable;
use barkeep_config::Settings;
use barkeep_market::instrument::NameError;
use barkeep_market::timeframe::sorted;
use barkeep_market::ts::millis;
use barkeep_market::{AssetClass, Family, Interval, Source, Symbol, Timeframe, Ts};
use barkeep_store::SymbolRow;

/// A bound of a range as a user writes it; inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimeBound {
    /// A trading date: New York for stocks and funds, UTC for crypto.
    Date(NaiveDate),
    Time(Ts),
}

impl TimeBound {
    /// Where a range from here begins.
    #[must_use]
    pub fn start(self, class: AssetClass) -> Ts {
        match self {
            Self::Date(date) => class.midnight(date),
            Self::Time(t) => t,
        }
    }

    /// Where a range up to here ends, exclusive: a date is included whole, an instant just so.
    #[must_use]
    pub fn end(self, class: AssetClass) -> Ts {
        match self {
            Self::Date(date) => class.midnight(date.succ_opt().unwrap_or(date)),
            Self::Time(t) => t + 1,
        }
    }
}

impl fmt::Display for TimeBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Time(t) => t.fmt(f),
        }
    }
}

/// A text that is neither a date nor a time between 1970 and 2100.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a date or time; write 2024-01-31 or 2024-01-31T14:30:00Z, from 1970 to 2100")]
pub struct InvalidTimeBound(String);

impl FromStr for TimeBound {
    type Err = InvalidTimeBound;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTimeBound(printable(s));
        // chrono also takes 2024-1-3 and +2024-01-03; one way to write a day is enough.
        let when = if s.len() == 10 && s.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
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

/// What a command names.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Empty means every active symbol.
    pub symbols: Vec<Symbol>,
    /// `None` means the timeframes each symbol is registered with.
    pub timeframes: Option<Vec<Timeframe>>,
    pub from: Option<TimeBound>,
    pub to: Option<TimeBound>,
    /// Asset class of symbols not yet registered.
    pub class: Option<AssetClass>,
    /// Where symbols come from that are not yet registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Source>,
    /// Whether what is stored is asked again and compared, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refetch: bool,
}

/// A symbol to work on.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub row: SymbolRow,
    /// Whether the row differs from what the database has and must be written before bars are.
    pub dirty: bool,
    /// Timeframes requested, fine to coarse.
    pub requested: Vec<Timeframe>,
}

/// A selection that cannot be carried out. The texts name no option or field; whoever shows one knows what it is called
/// there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("no symbol is named and there are no active symbols")]
    NoSymbols,
    #[error("{symbol} is registered as {registered}, not as {requested}")]
    ClassDiffers { symbol: Symbol, registered: AssetClass, requested: AssetClass },
    #[error(
        "the bars of {symbol} come from {registered}, not from {requested}; bars of two vendors are never mixed in one series"
    )]
    VendorDiffers { symbol: Symbol, registered: Source, requested: Source },
    #[error("{from} is after {to}")]
    EmptyRange { from: TimeBound, to: TimeBound },
    #[error("{from} is in the future; there are no bars yet")]
    Future { from: TimeBound },
    #[error("every series of this selection is paused")]
    AllPaused,
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Selection {
    /// The symbols meant, known ones as they are registered, unknown ones as they will be; each once, however often and in
    /// whatever spelling it is named.
    ///
    /// # Errors
    /// [`SelectError::NoSymbols`], [`SelectError::ClassDiffers`] and [`SelectError::Name`].
    pub fn targets(&self, rows: &[SymbolRow], settings: &Settings, now: Ts) -> Result<Vec<Target>, SelectError> {
        let known = Known::new(rows);
        let mut all: BTreeMap<Symbol, Target> = BTreeMap::new();
        if self.symbols.is_empty() {
            for row in rows.iter().filter(|row| row.active && !row.paused) {
                all.insert(row.symbol.clone(), self.tracked(row)?);
            }
        }
        for symbol in &self.symbols {
            let target = self.target(symbol, &known, settings, now)?;
            all.insert(target.row.symbol.clone(), target);
        }
        if all.is_empty() { Err(SelectError::NoSymbols) } else { Ok(one_per_pair(all.into_values(), &known)) }
    }

    fn target(&self, symbol: &Symbol, known: &Known<'_>, settings: &Settings, now: Ts) -> Result<Target, SelectError> {
        if let Some(row) = known.find(symbol) {
            return self.tracked(row);
        }
        let wanted = Wanted {
            class: self.class,
            vendor: self.vendor,
            timeframes: self.timeframes.clone().unwrap_or_default(),
            ..Wanted::default()
        };
        let row = wanted.row(settings, symbol, now)?;
        // Its one name may be taken by a symbol of another class.
        if let Some(other) = known.find(&row.symbol) {
            return Selection { class: Some(row.asset_class), ..self.clone() }.tracked(other);
        }
        let requested = complete(&row.timeframes, &row);
        Ok(Target { row: SymbolRow { timeframes: requested.clone(), ..row }, dirty: true, requested })
    }

    fn tracked(&self, row: &SymbolRow) -> Result<Target, SelectError> {
        if let Some(requested) = self.class.filter(|class| *class != row.asset_class) {
            let (symbol, registered) = (row.symbol.clone(), row.asset_class);
            return Err(SelectError::ClassDiffers { symbol, registered, requested });
        }
        if let Some(requested) = self.vendor.filter(|vendor| *vendor != row.vendor) {
            let (symbol, registered) = (row.symbol.clone(), row.vendor);
            return Err(SelectError::VendorDiffers { symbol, registered, requested });
        }
        let requested = complete(self.timeframes.as_deref().unwrap_or(&row.timeframes), row);
        let all = sorted(&[row.timeframes.as_slice(), &requested].concat());
        let dirty = all != row.timeframes;
        Ok(Target { row: SymbolRow { timeframes: all, ..row.clone() }, dirty, requested })
    }

    /// Takes paused series out of `targets`, unless timeframes were named: who names a series means it.
    ///
    /// Of a family, the finest stored timeframe is fetched for all. While another timeframe of it is wanted, a paused one
    /// therefore still gets the bars that come anyway: no request is made for its sake, and nothing is thrown away.
    ///
    /// # Errors
    /// [`SelectError::AllPaused`] when nothing is left.
    pub fn drop_paused(
        &self,
        targets: &mut Vec<Target>,
        is_paused: impl Fn(&Symbol, Timeframe) -> bool,
    ) -> Result<(), SelectError> {
        if self.timeframes.is_some() {
            return Ok(());
        }
        let before = targets.len();
        for target in targets.iter_mut() {
            let symbol = &target.row.symbol;
            target.requested.retain(|tf| !is_paused(symbol, *tf));
        }
        targets.retain(|target| !target.requested.is_empty());
        if targets.is_empty() && before > 0 { Err(SelectError::AllPaused) } else { Ok(()) }
    }

    /// The requested range for a class: inclusive bounds as a half-open interval. Without `from`, `history` back from the
    /// end.
    ///
    /// # Errors
    /// [`SelectError::EmptyRange`] and [`SelectError::Future`].
    pub fn range(&self, class: AssetClass, history: std::time::Duration, now: Ts) -> Result<Interval, SelectError> {
        self.range_of(class, None, None, history, now)
    }

    /// The same for one series. Without `from` it begins where an operator lets its history begin, else `history` back
    /// from the end, or at its first stored bar when that is earlier: holes in what is stored are gaps however old.
    ///
    /// # Errors
    /// As [`Selection::range`].
    pub fn range_of(
        &self,
        class: AssetClass,
        history_from: Option<NaiveDate>,
        first_bar: Option<Ts>,
        history: std::time::Duration,
        now: Ts,
    ) -> Result<Interval, SelectError> {
        let end = self.to.map_or(now, |to| to.end(class));
        let history = millis(history);
        let default_start = || {
            let start = class.midnight(class.date_of(end.min(now) - history));
            first_bar.map_or(start, |first| start.min(class.midnight(class.date_of(first))))
        };
        let configured = || history_from.map_or_else(default_start, |date| class.midnight(date).min(end));
        let start = self.from.map_or_else(configured, |from| from.start(class));
        match (self.from, self.to) {
            (Some(from), Some(to)) if start >= end => Err(SelectError::EmptyRange { from, to }),
            (Some(from), _) if start > now => Err(SelectError::Future { from }),
            _ => Ok(Interval::new(start, end)),
        }
    }
}

/// Of symbols not registered yet that trade as one pair (`QWERTY`, `X:QWERTYUSD`), the first.
fn one_per_pair(targets: impl Iterator<Item = Target>, known: &Known<'_>) -> Vec<Target> {
    let mut tickers = BTreeSet::new();
    targets
        .filter(|target| {
            target.row.asset_class != AssetClass::Crypto
                || known.find(&target.row.symbol).is_some()
                || tickers.insert((target.row.vendor, target.row.vendor_ticker.clone()))
        })
        .collect()
}

/// The timeframes, and those that they need beside them: days where weeks are wanted, and what a vendor has where it has
/// not the finest of a family.
///
/// Of a family the finest is requested, and the others are computed from it.
fn complete(timeframes: &[Timeframe], row: &SymbolRow) -> Vec<Timeframe> {
    let stored = sorted(&[timeframes, &row.timeframes].concat());
    let finest = [Family::Minute, Family::Day].into_iter();
    let finest = finest.filter_map(|family| stored.iter().copied().find(|tf| tf.family() == family));
    let wanted = |tf: &Timeframe| timeframes.iter().any(|wanted| wanted.family() == tf.family());
    let served: Vec<Timeframe> = finest.filter(wanted).map(|tf| row.vendor.finest_for(tf)).collect();
    let asked = sorted(&[timeframes, &served].concat());
    // What is stored already needs no mention.
    let asked: Vec<Timeframe> =
        asked.into_iter().filter(|tf| timeframes.contains(tf) || !row.timeframes.contains(tf)).collect();
    with_days(&asked, row.asset_class)
}

/// The timeframes, and days where weeks are wanted: a week in which shares were split can only be adjusted day by day. Both
/// cost the same requests. Crypto has no splits.
fn with_days(timeframes: &[Timeframe], class: AssetClass) -> Vec<Timeframe> {
    let weeks = timeframes.contains(&Timeframe::W1) && !class.is_continuous();
    let days: &[Timeframe] = if weeks { &[Timeframe::D1] } else { &[] };
    sorted(&[timeframes, days].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_know_their_zone() {
        let selection = Selection {
            from: Some("2024-01-02".parse().unwrap()),
            to: Some("2024-01-02".parse().unwrap()),
            ..Selection::default()
        };
        let now: Ts = Ts::utc_midnight(NaiveDate::from_ymd_opt(2024, 6, 1).unwrap());
        let stock = selection.range(AssetClass::Stock, std::time::Duration::ZERO, now).unwrap();
        assert_eq!(stock.to_string(), "2024-01-02T05:00:00Z to 2024-01-03T05:00:00Z");
        let crypto = selection.range(AssetClass::Crypto, std::time::Duration::ZERO, now).unwrap();
        assert_eq!(crypto.to_string(), "2024-01-02T00:00:00Z to 2024-01-03T00:00:00Z");
    }

    #[test]
    fn backwards_and_future_ranges_are_refused() {
        let now: Ts = Ts::utc_midnight(NaiveDate::from_ymd_opt(2024, 6, 1).unwrap());
        let range = |from: &str, to: &str| {
            let selection =
                Selection { from: Some(from.parse().unwrap()), to: Some(to.parse().unwrap()), ..Selection::default() };
            selection.range(AssetClass::Stock, std::time::Duration::ZERO, now)
        };
        assert!(matches!(range("2024-02-01", "2024-01-31"), Err(SelectError::EmptyRange { .. })));
        assert!(matches!(range("2025-02-01", "2025-03-01"), Err(SelectError::Future { .. })));
        assert!(range("2024-02-01", "2030-01-01").is_ok());
    }

    #[test]
    fn weeks_of_what_can_be_split_bring_their_days() {
        use Timeframe::{D1, H1, W1};
        assert_eq!(with_days(&[W1], AssetClass::Stock), [D1, W1]);
        assert_eq!(with_days(&[W1, H1, D1], AssetClass::Etf), [H1, D1, W1]);
        assert_eq!(with_days(&[H1], AssetClass::Stock), [H1]);
        assert_eq!(with_days(&[W1], AssetClass::Crypto), [W1]);
    }

    #[test]
    fn one_way_to_write_a_day_or_a_time() {
        let when = |s: &str| s.parse::<TimeBound>().ok();
        assert!(matches!(when("2024-02-29"), Some(TimeBound::Date(_))));
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
            "1700000000",
        ] {
            let error = bad.parse::<TimeBound>().unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
    }
}
