//! What a name is: asked of the vendor's reference data when it answers for a long time without a bar.
//!
//! Silence has many reasons: a mistyped name, one that is not listed yet, one that no longer trades. A vendor without
//! reference data is no fault: the name stays unchecked.

use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use barkeep_config::yaml::suggest;
use barkeep_market::pair::Pair;
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Calendar, Interval, Source, Symbol, Timeframe, Ts};
use barkeep_store::{Listing, ListingState, SymbolRow};
use barkeep_vendor::dispatch::Dispatcher;
use barkeep_vendor::{Fault, TickerDetails};

/// A name is asked once in this time at most.
const ASK_AGAIN: i64 = DAY;
/// Matches of a search to choose a suggestion from.
const MATCHES: u32 = 100;
/// Names a renamed one is compared with.
const SUCCESSORS: usize = 3;

/// What the vendor's reference data say of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingAnswer {
    pub listing: Listing,
    /// Of an unknown name: a known one that is spelled nearly alike.
    pub near: Option<String>,
}

/// What is stored of a symbol: its first and its last bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredSpan {
    pub first: Option<Ts>,
    pub last: Option<Ts>,
}

/// Whether the name may be asked now.
#[must_use]
pub fn is_due(listing: &Listing, now: Ts) -> bool {
    listing.checked_at.is_none_or(|at| now - at >= ASK_AGAIN)
}

/// A wanted range without the days before a symbol was listed and after it ended.
#[must_use]
pub fn clipped(range: Interval, row: &SymbolRow) -> Interval {
    let class = row.asset_class;
    let start = row.listing.listed_on.map_or(range.start, |day| range.start.max(class.midnight(day)));
    let end = row.listing.ended().map_or(range.end, |day| range.end.min(after(class, day)));
    Interval::new(start.min(range.end), end.max(start.min(range.end)))
}

/// The end of a day.
fn after(class: AssetClass, day: NaiveDate) -> Ts {
    Timeframe::D1.end_of(class, class.midnight(day))
}

/// Asks what a name is; `rows` are the tracked symbols, which are suggested too.
///
/// # Errors
/// When the vendor does not say.
pub async fn ask(
    vendor: &Dispatcher,
    calendar: &Calendar,
    row: &SymbolRow,
    stored: StoredSpan,
    rows: &[SymbolRow],
    now: Ts,
    cancel: &CancellationToken,
) -> Result<ListingAnswer, Fault> {
    let blank = Listing { checked_at: Some(now), ..Listing::default() };
    let Some(found) = vendor.ticker(row.vendor, &row.vendor_ticker, cancel).await? else {
        let near = suggestion(vendor, row, rows, cancel).await;
        return Ok(ListingAnswer { listing: Listing { state: ListingState::Unknown, ..blank }, near });
    };
    let class = row.asset_class;
    // A date after the first stored bar is another listing's.
    let listed_on = found.listed_on.filter(|day| stored.first.is_none_or(|first| class.date_of(first) >= *day));
    let ended_on = found.delisted_on.filter(|_| !found.active).map(|day| last_day(calendar, class, day, stored));
    let (state, renamed_to) = match ended_on {
        None => (ListingState::Listed, None),
        Some(_) => match successor(vendor, class, &found, cancel).await {
            Some(name) => (ListingState::Renamed, Some(name)),
            None => (ListingState::Delisted, None),
        },
    };
    Ok(ListingAnswer { listing: Listing { state, listed_on, ended_on, renamed_to, ..blank }, near: None })
}

/// The last day of trading. The vendor writes it or the day after it; the stored bars tell which.
fn last_day(calendar: &Calendar, class: AssetClass, day: NaiveDate, stored: StoredSpan) -> NaiveDate {
    let Some(last) = stored.last.map(|last| class.date_of(last)).filter(|last| *last < day) else { return day };
    let between = Interval::new(after(class, last), class.midnight(day));
    if sessions(calendar, class, between) == 0 { last } else { day }
}

/// How many sessions, or days of crypto, begin in a range.
#[must_use]
pub fn sessions(calendar: &Calendar, class: AssetClass, range: Interval) -> u64 {
    if range.is_empty() { 0 } else { calendar.expected_bars(class, Timeframe::D1, range) }
}

/// The active name of the same security.
async fn successor(
    vendor: &Dispatcher,
    class: AssetClass,
    found: &TickerDetails,
    cancel: &CancellationToken,
) -> Option<Symbol> {
    let figi = found.composite_figi.as_ref()?;
    let matches = vendor.tickers(&found.name, MATCHES, cancel).await.ok()?;
    let others = matches.into_iter().filter(|t| t.active && t.ticker != found.ticker && t.market == found.market);
    for other in others.take(SUCCESSORS) {
        let details = vendor.ticker(Source::Massive, &other.ticker, cancel).await.ok()??;
        if details.active && details.composite_figi.as_ref() == Some(figi) {
            return shown(class, &details.ticker).parse().ok();
        }
    }
    None
}

/// A known name that may be meant: the same with another separator, or one that is spelled nearly alike.
async fn suggestion(
    vendor: &Dispatcher,
    row: &SymbolRow,
    rows: &[SymbolRow],
    cancel: &CancellationToken,
) -> Option<String> {
    let name = row.symbol.as_str();
    let class = row.asset_class;
    let stem: String = match class {
        AssetClass::Crypto => Pair::parse(name).map_or_else(|_| name.to_owned(), |pair| pair.base),
        AssetClass::Stock | AssetClass::Etf => name.chars().take_while(char::is_ascii_alphanumeric).collect(),
    };
    // Only the usual vendor can be searched.
    let found = match row.vendor {
        Source::Massive => vendor.tickers(&stem, MATCHES, cancel).await.unwrap_or_default(),
        Source::Coinbase => Vec::new(),
    };
    let of_market = |market: &str| (market == "crypto") == class.is_continuous();
    let mut known: Vec<String> =
        found.into_iter().filter(|t| of_market(&t.market)).map(|t| shown(class, &t.ticker)).collect();
    let tracked =
        rows.iter().filter(|other| other.symbol != row.symbol && other.listing.state != ListingState::Unknown);
    known.extend(tracked.map(|other| other.symbol.to_string()));
    let spellings = spellings(name);
    if let Some(same) = spellings.iter().find(|spelling| known.contains(spelling)) {
        return Some(same.clone());
    }
    if let Some(first) = spellings.first().filter(|_| !class.is_continuous())
        && let Ok(Some(_)) = vendor.ticker(row.vendor, first, cancel).await
    {
        return Some(first.clone());
    }
    suggest::nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// What a stock's name is at the vendor, whose tickers separate a class of shares by a dot (`BRK-B`: `BRK.B`).
#[must_use]
pub fn respelled(row: &SymbolRow) -> Option<String> {
    let separated = row.symbol.as_str().contains(['-', '/', '_']);
    (separated && !row.asset_class.is_continuous()).then(|| spellings(row.symbol.as_str()).into_iter().next())?
}

/// The same letters with another separator between name and class of a share: `BRK-B`, `BRK/B` and `BRKB` are `BRK.B`.
fn spellings(name: &str) -> Vec<String> {
    let Some((stem, class)) = name.split_once(['-', '/', '.', '_']) else {
        let cut = name.len().checked_sub(1).filter(|cut| *cut > 1).and_then(|cut| name.split_at_checked(cut));
        return cut.map(|(stem, class)| format!("{stem}.{class}")).into_iter().collect();
    };
    let written = [".", "-", "/", ""].map(|separator| format!("{stem}{separator}{class}"));
    written.into_iter().filter(|spelling| spelling != name).collect()
}

/// A vendor's ticker as it is named here.
pub(crate) fn shown(class: AssetClass, ticker: &str) -> String {
    match class {
        AssetClass::Crypto => Pair::parse(ticker).map_or_else(|_| ticker.to_owned(), |pair| pair.name()),
        AssetClass::Stock | AssetClass::Etf => ticker.to_owned(),
    }
}

/// What is told of a symbol without the bars that were expected.
#[must_use]
pub fn words(row: &SymbolRow, listing: &Listing, near: Option<&str>) -> String {
    let name = &row.symbol;
    let since = listing.listed_on.map_or_else(String::new, |day| format!(" (listed on {day})"));
    match (listing.state, listing.ended_on) {
        (ListingState::Unknown, _) => match near {
            Some(near) => format!("the vendor knows no ticker {name}; did you mean {near}?"),
            None => format!("the vendor knows no ticker {name}"),
        },
        (ListingState::Delisted, Some(day)) => format!("{name} was delisted on {day}; its bars end there"),
        (ListingState::Renamed, Some(day)) => match &listing.renamed_to {
            Some(to) => {
                format!("{name} was renamed to {to} after {day}; its bars end there, and {to} is a separate symbol")
            }
            None => format!("{name} was renamed after {day}; its bars end there"),
        },
        (ListingState::Listed, _) => format!("the vendor lists {name}{since} but has no bar for it in this range"),
        _ => {
            let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            format!("the vendor has no bar for {name} in this range{meant}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn row(listing: Listing) -> SymbolRow {
        serde_json::from_value::<SymbolRow>(serde_json::json!({
            "symbol": "TWTR", "asset_class": "stock", "vendor_ticker": "TWTR", "criticality": "low",
            "timeframes": ["1d"], "active": true, "paused": false, "added_at": "2024-01-02T00:00:00Z",
        }))
        .map(|row| SymbolRow { listing, ..row })
        .unwrap()
    }

    fn range(from: &str, to: &str) -> Interval {
        let class = AssetClass::Stock;
        Interval::new(class.midnight(on(from)), class.midnight(on(to)))
    }

    #[test]
    fn a_range_is_cut_to_the_days_a_symbol_trades() {
        let ended = Listing {
            state: ListingState::Delisted,
            listed_on: Some(on("2013-11-07")),
            ended_on: Some(on("2022-10-27")),
            ..Listing::default()
        };
        let clip = |from, to| clipped(range(from, to), &row(ended.clone()));
        assert_eq!(clip("2010-01-01", "2024-01-01"), range("2013-11-07", "2022-10-28"));
        assert_eq!(clip("2020-01-01", "2021-01-01"), range("2020-01-01", "2021-01-01"));
        assert!(clip("2023-01-01", "2024-01-01").is_empty());
        assert!(clip("2010-01-01", "2011-01-01").is_empty());
        // A last day that nobody confirmed cuts nothing.
        let listed = Listing { state: ListingState::Listed, listed_on: None, ..ended };
        assert_eq!(clipped(range("2020-01-01", "2024-01-01"), &row(listed)), range("2020-01-01", "2024-01-01"));
    }

    #[test]
    fn the_day_after_the_last_session_is_not_a_day_of_trading() {
        let class = AssetClass::Stock;
        let last = |bar: &str, day: &str| {
            let stored = StoredSpan { first: None, last: Some(class.midnight(on(bar))) };
            last_day(&Calendar::new(), class, on(day), stored).to_string()
        };
        assert_eq!(last("2022-10-27", "2022-10-28"), "2022-10-27");
        assert_eq!(last("2022-10-28", "2022-10-31"), "2022-10-28");
        assert_eq!(last("2022-10-28", "2022-10-28"), "2022-10-28");
        // A session without a bar lies between: the vendor's word counts.
        assert_eq!(last("2022-10-25", "2022-10-28"), "2022-10-28");
    }

    #[test]
    fn classes_of_shares_are_written_in_several_ways() {
        assert_eq!(spellings("BRK-B"), ["BRK.B", "BRK/B", "BRKB"]);
        assert_eq!(spellings("BRK.B"), ["BRK-B", "BRK/B", "BRKB"]);
        assert_eq!(spellings("BRKB"), ["BRK.B"]);
        assert!(spellings("X").is_empty());
    }

    #[test]
    fn a_name_is_asked_once_a_day_at_most() {
        let asked = Listing { checked_at: Some(Ts(0)), ..Listing::default() };
        assert!(is_due(&Listing::default(), Ts(0)) && !is_due(&asked, Ts(DAY - 1)) && is_due(&asked, Ts(DAY)));
    }
}
