//! Which bars of an answer can be true.
//!
//! A bar that cannot is put aside with its reason: broken values, two different bars of one time, a time at which its market
//! is closed, values far from everything around them. What an operator accepted before, and what the vendor repeats days
//! later although it is hard to believe, passes.

use std::collections::HashSet;

use crate::index::registry::SeriesIds;
use crate::quarantine;
use barkeep_base::timing::{self, Phase};
use barkeep_market::quality::{self, absurd};
use barkeep_market::{Bar, Calendar, Family, Interval, IntervalSet, Ts};
use barkeep_store::{Store, StoreError, StoredBar};

/// Why bars outside the hours of their market wait in quarantine.
pub(crate) const CLOSED: &str = "its market is closed at this time";
const CONFLICT: &str = "conflicting duplicate: another bar with this time and other values";

/// Bars of the series that are looked at when a volume seems too large.
const VOLUMES: usize = 20_000;
/// As many of them decide whether a closer look is worth it.
const GLANCE: usize = 50;

pub(super) struct Sorted {
    /// Ascending, one per time.
    pub(super) good: Vec<Bar>,
    pub(super) bad: Vec<(Bar, String)>,
}

/// Separates bars that can be true from those that cannot.
///
/// The good ones include what is stored and stays: the bar an operator accepted, and the one that a bad bar would have
/// replaced, so that coarser bars are made with it.
pub(super) async fn sort_out(
    store: &dyn Store,
    calendar: &Calendar,
    ids: &SeriesIds,
    bars: &[Bar],
    at: Ts,
) -> Result<Sorted, StoreError> {
    let mut sorted = timing::measured(Phase::Derive, || by_themselves(bars, ids));
    let outside = timing::measured(Phase::Derive, || closed(calendar, ids, &sorted.good));
    put_aside(&mut sorted, CLOSED, &outside);
    let around = around(store, ids, &sorted.good, GLANCE).await?;
    let far = far_prices(ids, &sorted.good, &around);
    put_aside(&mut sorted, absurd::FAR_PRICE, &far);
    let far = far_volumes(store, ids, &sorted.good, &around).await?;
    put_aside(&mut sorted, absurd::FAR_VOLUME, &far);
    if !sorted.bad.is_empty() {
        take_back(store, ids, &mut sorted, at).await?;
    }
    Ok(sorted)
}

/// Stored bars, which were checked when they came.
pub(super) fn stored(bars: &[Bar]) -> Sorted {
    Sorted { good: bars.to_vec(), bad: Vec::new() }
}

/// What a bar says by itself. Of several bars with the same time and different values nobody can say which one is true, so
/// all of them are put aside for an operator to choose.
fn by_themselves(bars: &[Bar], ids: &SeriesIds) -> Sorted {
    let mut sorted = Sorted { good: Vec::with_capacity(bars.len()), bad: Vec::new() };
    let mut by_time: Vec<&Bar> = bars.iter().collect();
    by_time.sort_by_key(|bar| bar.ts);
    for same_time in by_time.chunk_by(|a, b| a.ts == b.ts) {
        let mut possible: Vec<Bar> = Vec::with_capacity(1);
        let mut seen = HashSet::new();
        for bar in same_time {
            match quality::impossible(bar, ids.base, ids.class) {
                Some(reason) => sorted.bad.push((**bar, reason.to_string())),
                None if same_time.len() > 1 && !seen.insert(bar.value_bits()) => {}
                None => possible.push(**bar),
            }
        }
        match possible.as_slice() {
            [] => {}
            [one] => sorted.good.push(*one),
            several => sorted.bad.extend(several.iter().map(|bar| (*bar, CONFLICT.to_owned()))),
        }
    }
    sorted
}

/// Moves the good bars that are marked to the bad ones.
fn put_aside(sorted: &mut Sorted, reason: &str, marked: &[bool]) {
    if !marked.contains(&true) {
        return;
    }
    let mut marks = marked.iter();
    let (bad, good) = std::mem::take(&mut sorted.good).into_iter().partition(|_| marks.next().is_some_and(|m| *m));
    sorted.good = good;
    let bad: Vec<Bar> = bad;
    sorted.bad.extend(bad.into_iter().map(|bar| (bar, reason.to_owned())));
}

/// Which bars lie wholly outside the hours of their market. An announced closure is not believed against bars: a session
/// by the rules of the exchange counts as open.
fn closed(calendar: &Calendar, ids: &SeriesIds, bars: &[Bar]) -> Vec<bool> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Vec::new() };
    if ids.class.is_continuous() {
        return vec![false; bars.len()];
    }
    let range = Interval::new(first.ts, ids.base.end_of(ids.class, last.ts));
    let hours = |calendar: &Calendar| calendar.trading(ids.class, ids.base.family(), range);
    let outside = |open: &IntervalSet| {
        let mut open = open.iter().peekable();
        let is_outside = |bar: &Bar| {
            while open.next_if(|hours| hours.end <= bar.ts).is_some() {}
            // Only a bar that may straddle the opening needs its end.
            open.peek().is_none_or(|hours| hours.start > bar.ts && hours.start >= ids.base.end_of(ids.class, bar.ts))
        };
        bars.iter().map(is_outside).collect::<Vec<bool>>()
    };
    let announced = outside(&hours(calendar));
    if !announced.contains(&true) {
        return announced;
    }
    let by_rule = outside(&hours(&Calendar::new()));
    let at_night = |bar: &Bar| ids.base.family() == Family::Minute && calendar.trades_at_night(bar.ts);
    let marks = bars.iter().zip(announced).zip(by_rule);
    marks.map(|((bar, announced), rule)| announced && rule && !at_night(bar)).collect()
}

/// Stored bars around a page, ascending.
#[derive(Default)]
struct Around {
    before: Vec<Bar>,
    after: Vec<Bar>,
}

async fn around(store: &dyn Store, ids: &SeriesIds, bars: &[Bar], count: usize) -> Result<Around, StoreError> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Ok(Around::default()) };
    let plain = |rows: Vec<StoredBar>| rows.into_iter().map(|row| row.bar).collect();
    let before = plain(store.newest_bars(ids.base_id, (..first.ts).into(), count).await?);
    let after = plain(store.bars(ids.base_id, (last.ts + 1..).into(), Some(count)).await?);
    Ok(Around { before, after })
}

fn far_prices(ids: &SeriesIds, bars: &[Bar], around: &Around) -> Vec<bool> {
    timing::measured(Phase::Derive, || {
        absurd::far_prices(around.before.last(), bars, around.after.first(), &ids.splits, ids.class)
    })
}

async fn far_volumes(store: &dyn Store, ids: &SeriesIds, bars: &[Bar], near: &Around) -> Result<Vec<bool>, StoreError> {
    let judge = |around: &Around| {
        let known: Vec<Bar> = around.before.iter().chain(&around.after).copied().collect();
        timing::measured(Phase::Derive, || absurd::far_volumes(bars, &known))
    };
    let far = judge(near);
    if !far.contains(&true) {
        return Ok(far);
    }
    // The first minutes of a day follow hours without trade: only a long look says what is large.
    Ok(judge(&around(store, ids, bars, VOLUMES).await?))
}

/// Lets pass what was accepted, and keeps what is stored where a bad bar came.
async fn take_back(store: &dyn Store, ids: &SeriesIds, sorted: &mut Sorted, at: Ts) -> Result<(), StoreError> {
    quarantine::accept_seen_twice(store, ids, &sorted.bad, at).await?;
    let mut kept: Vec<Bar> = Vec::new();
    let mut bad = Vec::with_capacity(sorted.bad.len());
    for (bar, reason) in std::mem::take(&mut sorted.bad) {
        // A time that no database can hold has no bar.
        let here = Interval::new(bar.ts, bar.ts + 1).intersect(Interval::new(Ts::MIN, Ts::MAX));
        let found = if here.is_empty() { None } else { store.bars(ids.base_id, here.into(), Some(1)).await?.pop() };
        let known = found.as_ref().is_some_and(|row| row.bar.same_values(&bar));
        // A bar that was still growing when it came is no final one.
        if let Some(row) = found.filter(|row| known || !row.provisional) {
            kept.push(row.bar);
        }
        if !known {
            bad.push((bar, reason));
        }
    }
    sorted.bad = bad;
    kept.retain(|bar| sorted.good.binary_search_by_key(&bar.ts, |good| good.ts).is_err());
    sorted.good.extend(kept);
    sorted.good.sort_by_key(|bar| bar.ts);
    sorted.good.dedup_by_key(|bar| bar.ts);
    Ok(())
}

#[cfg(test)]
mod tests;
