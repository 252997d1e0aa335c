//! Rows read from the database, adjusted as asked, and written as JSON once.
//!
//! However few bars pass a filter, a limited number is read for one page; it then ends early and tells where older ones
//! may follow.

use super::rows::{BarRow, FeatureRows};
use super::{Hours, PageQuery, Rows, Score};
use crate::problem::Problem;
use barkeep_market::dividend::{Adjustment, reinvest};
use barkeep_market::split::Split;
use barkeep_market::{Bar, Calendar, Interval, Timeframe, Ts};
use barkeep_store::adjusted::{Adjusting, daily_of};
use barkeep_store::session::Regular;
use barkeep_store::{Store, StoreError, StoredBar, TimeRange};

/// Rows read at a time while filtering, and at most for one page.
const CHUNK: usize = 10_000;
const MAX_READ: usize = 100_000;

/// Rows that were read, as JSON with a comma between them.
pub(super) struct Read {
    pub(super) text: Vec<u8>,
    pub(super) offsets: Vec<(Ts, usize)>,
    /// Older ones may follow before this time.
    pub(super) next: Option<Ts>,
}

impl Read {
    /// Adds the row that `write` appends.
    fn push(&mut self, time: Ts, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Result<(), Problem> {
        if !self.offsets.is_empty() {
            self.text.push(b',');
        }
        self.offsets.push((time, self.text.len()));
        write(&mut self.text).map_err(|e| unwritable(&e))
    }
}

fn unwritable(error: &serde_json::Error) -> Problem {
    Problem::internal(&error.to_string())
}

/// The newest `limit` rows of the range.
pub(super) async fn read(store: &dyn Store, query: &PageQuery, limit: usize) -> Result<Read, Problem> {
    // One row more than the limit tells whether there are older ones.
    let most = limit.saturating_add(1);
    let splits = match query.rows {
        Rows::Bars { adjust: Adjustment::None, .. } => Vec::new(),
        _ => store.splits(&query.symbol).await?,
    };
    let mut read = Read { text: Vec::new(), offsets: Vec::new(), next: None };
    if query.range.is_empty() {
        return Ok(read);
    }
    match query.rows {
        Rows::Features => {
            let mut rows = store.features(query.series, query.range, Some(most)).await?;
            let more = rows.len() > limit;
            rows.drain(..rows.len().saturating_sub(limit));
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(read) };
            read.next = more.then_some(first.ts);
            let span = Interval::new(first.ts, last.ts + 1);
            let mut bars = store.bars(query.series, span.into(), None).await?;
            adjust(store, query, query.timeframe, &splits, &mut bars).await?;
            let mut bars = bars.into_iter().peekable();
            let as_sent = FeatureRows::of(query).map_err(|e| unwritable(&e))?;
            for row in &rows {
                while bars.next_if(|bar| bar.bar.ts < row.ts).is_some() {}
                // A bar taken back between the two readings has no features any more either.
                let Some(bar) = bars.next_if(|bar| bar.bar.ts == row.ts) else { continue };
                read.push(row.ts, |text| as_sent.write(text, &bar, &row.features))?;
            }
        }
        Rows::Bars { min_quality, adjust: terms, hours } => {
            let (stored, regular) = match hours {
                Hours::All => (query.timeframe, None),
                Hours::Regular { stored, .. } => {
                    let calendar = barkeep_pipeline::calendar(store).await?;
                    (stored, Some((Regular::of_timeframe(query.timeframe), calendar)))
                }
            };
            let mut bars;
            (bars, read.next) = match &regular {
                None => bars_before(store, query, min_quality, limit).await?,
                Some((regular, calendar)) => regular_before(store, query, regular, calendar, limit).await?,
            };
            adjust(store, query, stored, &splits, &mut bars).await?;
            if terms == Adjustment::Total {
                let factors = store.price_factors(&query.symbol).await?;
                let today = query.class.midnight(query.today);
                reinvest(bars.iter_mut().map(|row| &mut row.bar), stored, &factors, today);
            }
            if let Some((mut regular, calendar)) = regular {
                bars = regular.of(&calendar, bars);
                bars.extend(regular.last());
                // Not before: an hour made of some of its half-hours would pass for a whole one.
                bars.retain(|bar| min_quality.is_none_or(|min| bar.quality_score >= min.get()));
            }
            for bar in &bars {
                read.push(bar.bar.ts, |text| serde_json::to_writer(text, &BarRow::from(bar)))?;
            }
        }
    }
    Ok(read)
}

/// Puts bars in the terms of the day asked for.
async fn adjust(
    store: &dyn Store,
    query: &PageQuery,
    stored: Timeframe,
    splits: &[Split],
    bars: &mut [StoredBar],
) -> Result<(), StoreError> {
    // Only weeks need to know the days, and only where shares were split.
    let daily = match stored {
        Timeframe::W1 if !splits.is_empty() => daily_of(&store.series().await?, &query.symbol),
        _ => None,
    };
    let adjusting = Adjusting { class: query.class, timeframe: stored, daily, splits };
    let mut bars: Vec<&mut Bar> = bars.iter_mut().map(|row| &mut row.bar).collect();
    adjusting.adjust(store, &mut bars, query.today).await
}

/// The newest `limit` bars of the range that are good enough, ascending, and before when older ones may follow.
async fn bars_before(
    store: &dyn Store,
    query: &PageQuery,
    min_quality: Option<Score>,
    limit: usize,
) -> Result<(Vec<StoredBar>, Option<Ts>), Problem> {
    let chunk = if min_quality.is_some() { CHUNK } else { limit.saturating_add(1) };
    let (mut newest_first, mut until, mut seen) = (Vec::new(), query.range.until, 0);
    loop {
        let bars = store.newest_bars(query.series, TimeRange { from: None, until }, chunk).await?;
        let full = bars.len() == chunk;
        seen += bars.len();
        for bar in bars.into_iter().rev() {
            if Some(bar.bar.ts) < query.range.from {
                newest_first.reverse();
                return Ok((newest_first, None));
            }
            if min_quality.is_none_or(|min| bar.quality_score >= min.get()) {
                if newest_first.len() == limit {
                    newest_first.reverse();
                    return Ok((newest_first, until));
                }
                until = Some(bar.bar.ts);
                newest_first.push(bar);
            } else {
                until = Some(bar.bar.ts);
            }
        }
        if !full || seen >= MAX_READ {
            newest_first.reverse();
            return Ok((newest_first, until.filter(|_| full)));
        }
    }
}

/// The stored bars of which the newest `limit` bars of the regular session in the range consist, ascending, and before when
/// older ones may follow. A bar of the session is whole or left out.
async fn regular_before(
    store: &dyn Store,
    query: &PageQuery,
    regular: &Regular,
    calendar: &Calendar,
    limit: usize,
) -> Result<(Vec<StoredBar>, Option<Ts>), Problem> {
    let TimeRange { from, until: end } = query.range;
    // The last one may begin just before the end of the range.
    let mut until = end.map(|end| end + regular.width());
    let (mut newest_first, mut starts, mut seen): (Vec<StoredBar>, Vec<Ts>, usize) = (Vec::new(), Vec::new(), 0);
    loop {
        let bars = store.newest_bars(query.series, TimeRange { from: None, until }, CHUNK).await?;
        let full = bars.len() == CHUNK;
        seen += bars.len();
        for bar in bars.into_iter().rev() {
            let t = bar.bar.ts;
            until = Some(t);
            if Some(t) < from {
                newest_first.reverse();
                return Ok((newest_first, None));
            }
            let is_asked = |start: &Ts| Some(*start) >= from && end.is_none_or(|end| *start < end);
            let Some(start) = regular.start_of(calendar, t).filter(is_asked) else { continue };
            if starts.last() != Some(&start) {
                if starts.len() == limit {
                    newest_first.reverse();
                    return Ok((newest_first, starts.pop()));
                }
                starts.push(start);
            }
            newest_first.push(bar);
        }
        if !full {
            newest_first.reverse();
            return Ok((newest_first, None));
        }
        if seen >= MAX_READ {
            if let Some(oldest) = starts.pop() {
                // Its older part was not read.
                newest_first.retain(|bar| regular.start_of(calendar, bar.bar.ts) != Some(oldest));
                until = starts.pop().or(Some(oldest + 1));
            }
            newest_first.reverse();
            return Ok((newest_first, until));
        }
    }
}
