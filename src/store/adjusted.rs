//! Bars in other terms than those they were traded in, weeks with a split inside among them.
//!
//! A raw week that holds a split has an open before and a close after it, so no factor can put it right. It is built again
//! from its days, each adjusted by itself. Days that do not make the stored week (one is missing, or the week came from the
//! vendor with other values) cannot stand for it; it is then adjusted by its start like any other bar.

use chrono::NaiveDate;

use crate::{SeriesId, SeriesRow, Store, StoreError};
use barkeep_market::Symbol;
use barkeep_market::resample::resample;
use barkeep_market::split::{self, Split};
use barkeep_market::{AssetClass, Bar, Timeframe};

/// A series as adjusting sees it.
#[derive(Clone, Copy, Debug)]
pub struct Adjusting<'a> {
    pub class: AssetClass,
    pub timeframe: Timeframe,
    /// The daily series of the same symbol.
    pub daily: Option<SeriesId>,
    /// By date.
    pub splits: &'a [Split],
}

impl Adjusting<'_> {
    /// Puts ascending stored bars in the terms of `as_of`.
    ///
    /// # Errors
    /// When the days of a week cannot be read.
    pub async fn adjust(&self, store: &dyn Store, bars: &mut [&mut Bar], as_of: NaiveDate) -> Result<(), StoreError> {
        let weeks = self.weeks(store, bars, |_| as_of).await?;
        split::adjust(bars.iter_mut().map(|bar| &mut **bar), self.splits, self.class, as_of);
        put(bars, weeks);
        Ok(())
    }

    /// Puts each week with a split inside in the terms of its first day, so that it is level and joins the week before.
    /// Other bars stay as they are.
    ///
    /// # Errors
    /// When the days of a week cannot be read.
    pub async fn level(&self, store: &dyn Store, bars: &mut [Bar]) -> Result<(), StoreError> {
        let mut bars: Vec<&mut Bar> = bars.iter_mut().collect();
        let class = self.class;
        let weeks = self.weeks(store, &bars, |week| class.date_of(week.ts)).await?;
        put(&mut bars, weeks);
        Ok(())
    }

    /// The weeks among `bars` that hold a split, built from their days in the terms of `as_of`; with their places.
    async fn weeks(
        &self,
        store: &dyn Store,
        bars: &[&mut Bar],
        as_of: impl Fn(&Bar) -> NaiveDate,
    ) -> Result<Vec<(usize, Bar)>, StoreError> {
        let (Timeframe::W1, Some(daily)) = (self.timeframe, self.daily) else { return Ok(Vec::new()) };
        let mut weeks: Vec<(usize, Bar)> = Vec::new();
        for split in self.splits {
            let span = self.timeframe.span(self.class, self.class.midnight(split.date));
            let Ok(at) = bars.binary_search_by_key(&span.start, |bar| bar.ts) else { continue };
            let Some(stored) = bars.get(at).filter(|_| weeks.iter().all(|(place, _)| *place != at)) else { continue };
            let days = store.bars(daily, span.into(), None).await?;
            let mut days: Vec<Bar> = days.into_iter().map(|day| day.bar).collect();
            let whole = |days: &[Bar]| resample(days, self.timeframe, self.class).into_iter().next();
            // Some readers know no open.
            let key = |b: &Bar| (b.high, b.low, b.close, b.volume);
            if whole(&days).is_some_and(|made| key(&made) == key(stored)) {
                rescale(&mut days, self.splits, self.class, as_of(stored));
                weeks.extend(whole(&days).map(|week| (at, week)));
            }
        }
        Ok(weeks)
    }
}

/// Puts days in the terms of `as_of`, days after it too.
fn rescale(days: &mut [Bar], splits: &[Split], class: AssetClass, as_of: NaiveDate) {
    split::adjust(days.iter_mut(), splits, class, as_of);
    for day in days.iter_mut().filter(|day| class.date_of(day.ts) > as_of) {
        // What the splits since `as_of` did to the price is taken back.
        let factor = 1.0 / split::price_factor(splits, as_of, class.date_of(day.ts));
        for price in [&mut day.open, &mut day.high, &mut day.low, &mut day.close].into_iter().chain(&mut day.vwap) {
            *price *= factor;
        }
        day.volume /= factor;
    }
}

fn put(bars: &mut [&mut Bar], weeks: Vec<(usize, Bar)>) {
    for (at, week) in weeks {
        if let Some(bar) = bars.get_mut(at) {
            **bar = week;
        }
    }
}

/// The daily series of a symbol, if it has one.
#[must_use]
pub fn daily_of(series: &[SeriesRow], symbol: &Symbol) -> Option<SeriesId> {
    series.iter().find(|row| row.symbol == *symbol && row.timeframe == Timeframe::D1).map(|row| row.id)
}
