//! What readers of the database see of splits and dividends, kept up to date with the bars: the closes that dividends are
//! compared with, and weeks in which shares were split.

use std::collections::BTreeMap;

use chrono::Days;

use barkeep_market::{AssetClass, Interval, Symbol, Timeframe};
use barkeep_store::adjusted::Adjusting;
use barkeep_store::{SeriesId, Store, StoreError};

/// The close before an ex-date is at most so many days older.
const DAYS_BEFORE: Days = Days::new(10);

/// Computes the factors again of symbols that may have got another close before a dividend, from the range in which their
/// bars may be new.
///
/// # Errors
/// When the database fails.
pub async fn dividends(store: &dyn Store, ranges: &BTreeMap<Symbol, Interval>) -> Result<(), StoreError> {
    let class = AssetClass::Stock;
    let Some(first) = ranges.values().map(|range| class.date_of(range.start)).min() else { return Ok(()) };
    let near = |(symbol, date): &(Symbol, chrono::NaiveDate)| {
        let range = ranges.get(symbol)?;
        let days = class.date_of(range.start)..=class.date_of(range.end) + DAYS_BEFORE;
        days.contains(date).then(|| symbol.clone())
    };
    let mut symbols: Vec<Symbol> = store.ex_dates(first).await?.iter().filter_map(near).collect();
    symbols.dedup();
    if symbols.is_empty() { Ok(()) } else { store.refresh_price_factors(&symbols).await }
}

/// Makes the weeks of a weekly series anew in which shares were split.
///
/// # Errors
/// When the database fails.
pub async fn weeks(
    store: &dyn Store,
    symbol: &Symbol,
    class: AssetClass,
    weekly: SeriesId,
    daily: Option<SeriesId>,
) -> Result<(), StoreError> {
    let splits = store.splits(symbol).await?;
    let adjusting = Adjusting { class, timeframe: Timeframe::W1, daily, splits: &splits };
    let mut weeks = Vec::new();
    for split in &splits {
        let span = Timeframe::W1.span(class, class.midnight(split.date));
        let stored = store.bars(weekly, span.into(), Some(1)).await?;
        let mut bars: Vec<_> = stored.into_iter().map(|week| week.bar).collect();
        let raw = bars.clone();
        adjusting.level(store, &mut bars).await?;
        weeks.extend(bars.into_iter().zip(raw).filter(|(made, raw)| made != raw).map(|(made, _)| made));
    }
    weeks.sort_unstable_by_key(|week| week.ts);
    weeks.dedup_by_key(|week| week.ts);
    store.put_split_weeks(weekly, &weeks).await
}
