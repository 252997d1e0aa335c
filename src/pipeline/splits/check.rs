//! Listed splits held against stored prices.
//!
//! Runs at the end of a backfill, for symbols whose splits were listed again or that got bars around one. What changes is
//! kept with its reason, told in the log, and the scores around the date are worked out again; features follow by
//! themselves, because their list of splits is another.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::derive;
use crate::index::registry::SeriesIds;
use barkeep_market::split::{SplitFinding, SplitVerdict, Step, confirm, steps};
use barkeep_market::{AssetClass, Bar, Calendar, Interval, IntervalSet, Symbol, Timeframe, Ts};
use barkeep_store::{PageCommit, SeriesId, SeriesWrite, SplitRow, SplitStatus, Store, StoreError};

/// Prices within so many days of a split are looked at.
const AROUND_DAYS: u64 = 12;
/// Listings of one split may lie this far apart; they are judged together.
const TOGETHER_DAYS: i64 = 60;
/// How the note of a row begins that stands where prices show a split listed for another date.
const MOVED: &str = "listed for ";

/// Whether a row was made here and is not in the vendor's list.
#[must_use]
pub fn is_moved(row: &SplitRow) -> bool {
    row.note.as_deref().is_some_and(|note| note.starts_with(MOVED))
}

/// What the vendor lists now, with what is known of the rows it listed before.
#[must_use]
pub fn relisted(listed: impl IntoIterator<Item = SplitRow>, before: &[SplitRow]) -> Vec<SplitRow> {
    let mut rows: Vec<SplitRow> = listed.into_iter().collect();
    for row in &mut rows {
        if let Some(known) = before.iter().find(|known| known.split == row.split && !is_moved(known)) {
            row.clone_from(known);
        }
    }
    // One that prices show elsewhere stays there as long as it is listed at all.
    let origin = |moved: &SplitRow| {
        let same = |row: &SplitRow| {
            (row.split.from, row.split.to) == (moved.split.from, moved.split.to)
                && row.status == SplitStatus::Contradicted
                && moved.note.as_deref() == Some(&moved_note(row.split.date))
        };
        rows.iter().any(same)
    };
    let moved: Vec<SplitRow> = before.iter().filter(|row| is_moved(row) && origin(row)).cloned().collect();
    let unlisted = |moved: &SplitRow| rows.iter().all(|row| row.split != moved.split);
    let moved: Vec<SplitRow> = moved.into_iter().filter(unlisted).collect();
    rows.extend(moved);
    sort(&mut rows);
    rows
}

fn moved_note(listed: NaiveDate) -> String {
    format!("{MOVED}{listed}; prices moved here")
}

fn sort(rows: &mut Vec<SplitRow>) {
    rows.sort_by(|a, b| {
        let key = |row: &SplitRow| row.split.date;
        key(a).cmp(&key(b)).then(a.split.from.total_cmp(&b.split.from)).then(a.split.to.total_cmp(&b.split.to))
    });
    rows.dedup_by(|a, b| a.split == b.split);
}

/// A symbol whose splits are to be checked.
pub struct SplitCheck<'a> {
    pub symbol: &'a Symbol,
    pub class: AssetClass,
    /// Its families, the daily one first.
    pub families: &'a [SeriesIds],
    /// Only splits near this range; `None` means all of them.
    pub near: Option<Interval>,
}

/// Compares the splits of one symbol with its stored prices; says whether any is applied now that was not before, or the
/// other way round.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn check(store: &dyn Store, calendar: &Calendar, of: &SplitCheck<'_>, now: Ts) -> Result<bool, StoreError> {
    let before = store.split_rows(of.symbol).await?;
    let listed: Vec<&SplitRow> = before.iter().filter(|row| !is_moved(row)).collect();
    let near = |date: NaiveDate| of.near.is_none_or(|range| !around(of.class, date).intersect(range).is_empty());
    let picked: Vec<NaiveDate> = listed.iter().map(|row| row.split.date).filter(|date| near(*date)).collect();
    if picked.is_empty() {
        return Ok(false);
    }
    let judged = |date: NaiveDate| picked.iter().any(|other| (*other - date).num_days().abs() <= TOGETHER_DAYS);
    let rows: Vec<_> = listed.iter().map(|row| row.split).filter(|split| judged(split.date)).collect();
    let windows: IntervalSet = rows.iter().map(|split| around(of.class, split.date)).collect();
    let verdicts = confirm(&rows, &known_steps(store, calendar, of, &windows).await?);

    let mut after: Vec<SplitRow> =
        listed.iter().filter(|row| !judged(row.split.date)).map(|row| (*row).clone()).collect();
    let kept_moves = before.iter().filter(|row| is_moved(row) && !judged(row.split.date)).cloned();
    after.extend(kept_moves);
    for verdict in &verdicts {
        let SplitVerdict { split, finding, note, .. } = verdict;
        let status = match finding {
            SplitFinding::Open => SplitStatus::Unchecked,
            SplitFinding::Confirmed => SplitStatus::Confirmed,
            SplitFinding::Contradicted => SplitStatus::Contradicted,
        };
        after.push(SplitRow { split: *split, status, note: note.clone() });
    }
    // After the listed ones, so that a row both listed and shown stays as it is listed.
    for (verdict, shown_on) in verdicts.iter().filter_map(|v| Some((v, v.shown_on?))) {
        let split = barkeep_market::split::Split { date: shown_on, ..verdict.split };
        let note = Some(moved_note(verdict.split.date));
        after.push(SplitRow { split, status: SplitStatus::Confirmed, note });
    }
    sort(&mut after);
    if after != before {
        tell(of.symbol, &before, &after);
        // The time is that of the vendor's list, which is no newer than before.
        let fetched = store.splits_fetched_at().await?;
        let at = fetched.iter().find(|(symbol, _)| symbol == of.symbol).map_or(now, |(_, at)| *at);
        store.put_splits(&[(of.symbol.clone(), after.clone())], at).await?;
    }
    let changed = SplitRow::applied(&before) != SplitRow::applied(&after);
    let dates = after.iter().map(|row| row.split.date).filter(|date| judged(*date));
    score_around(store, of, dates.collect()).await?;
    Ok(changed)
}

/// Says what prices contradict, once, and what is true after all.
fn tell(symbol: &Symbol, before: &[SplitRow], after: &[SplitRow]) {
    for row in after {
        let known = before.iter().find(|old| old.split == row.split);
        if known.is_some_and(|old| old.status == row.status && old.note == row.note) {
            continue;
        }
        let (date, ratio) = (row.split.date, format!("{}:{}", row.split.from, row.split.to));
        let note = row.note.as_deref().unwrap_or_default();
        match row.status {
            SplitStatus::Contradicted => {
                tracing::warn!(%symbol, %date, ratio, note, "prices contradict a listed split; it is not applied");
            }
            SplitStatus::Confirmed if is_moved(row) => {
                tracing::warn!(%symbol, %date, ratio, note, "a split is applied where prices show it");
            }
            SplitStatus::Confirmed => tracing::info!(%symbol, %date, ratio, "prices confirm a listed split"),
            SplitStatus::Unchecked => {}
        }
    }
}

/// The days whose prices matter for a split on `date`.
fn around(class: AssetClass, date: NaiveDate) -> Interval {
    let days = Days::new(AROUND_DAYS);
    let (from, to) = (date.checked_sub_days(days).unwrap_or(date), date.checked_add_days(days).unwrap_or(date));
    Interval::new(class.midnight(from), class.midnight(to))
}

/// The steps between stored sessions inside `windows`: of daily bars, and of minutes where there is no day.
async fn known_steps(
    store: &dyn Store,
    calendar: &Calendar,
    of: &SplitCheck<'_>,
    windows: &IntervalSet,
) -> Result<Vec<Step>, StoreError> {
    let mut known = Vec::new();
    for window in windows.iter() {
        let mut days: BTreeMap<NaiveDate, Bar> = BTreeMap::new();
        for family in of.families {
            // A week says nothing of a night.
            if family.base == Timeframe::W1 || !days.is_empty() {
                continue;
            }
            let bars = store.bars(family.base_id, window.into(), None).await?;
            for bar in bars.into_iter().map(|row| row.bar) {
                let date = of.class.date_of(bar.ts);
                let minutes = family.base != Timeframe::D1;
                // Only regular hours of minutes: thin trading before the open is no price.
                if minutes && calendar.session(date).is_none_or(|session| !session.regular().contains(bar.ts)) {
                    continue;
                }
                days.entry(date).and_modify(|day| day.close = bar.close).or_insert(bar);
            }
        }
        known.extend(steps(&days.into_iter().collect::<Vec<_>>()));
    }
    Ok(known)
}

/// Works out again the scores of the bars that follow each date: the gap to the close before and the median volume are
/// counted in the terms of the splits applied.
async fn score_around(store: &dyn Store, of: &SplitCheck<'_>, dates: Vec<NaiveDate>) -> Result<(), StoreError> {
    let splits = store.splits(of.symbol).await?;
    let mut writes: BTreeMap<SeriesId, SeriesWrite> = BTreeMap::new();
    for family in of.families {
        let family = SeriesIds { splits: splits.clone(), ..family.clone() };
        let all = std::iter::once((family.base, family.base_id)).chain(family.derived.iter().copied());
        for (timeframe, series) in all {
            for date in &dates {
                let start = timeframe.span(of.class, of.class.midnight(*date)).start;
                let rescored = derive::score_again(store, &family, series, start).await?;
                let write = writes.entry(series).or_insert_with(|| SeriesWrite::nothing(series));
                let new = rescored.into_iter().filter(|(ts, ..)| write.rescored.iter().all(|(old, ..)| old != ts));
                let new: Vec<_> = new.collect();
                write.rescored.extend(new);
            }
        }
    }
    let writes: Vec<SeriesWrite> = writes.into_values().filter(|write| !write.rescored.is_empty()).collect();
    if !writes.is_empty() {
        store.commit_page(PageCommit { writes, ..PageCommit::default() }).await?;
    }
    Ok(())
}
