//! What an answer changes about stored bars: one rule for every store, without any of them.

use std::collections::BTreeSet;

use super::{PageCommit, SeriesWrite, WriteOutcome};
use crate::{FeatureOutcome, Result, StoreError, StoredBar};
use barkeep_market::quality::SEEN_TWICE;
use barkeep_market::{Interval, Ts};

/// What a write changes about the bars of a series.
#[derive(Debug, Default, PartialEq)]
pub struct Diff<'w> {
    /// Bars not stored yet.
    pub insert: Vec<&'w StoredBar>,
    /// Bars to be stored in place of one with the same start: changed values, or only another mark or score.
    pub replace: Vec<StoredBar>,
    /// What goes to `bar_revisions`, and why.
    pub superseded: Vec<(StoredBar, &'static str)>,
    pub removed: Vec<Ts>,
    pub outcome: WriteOutcome,
}

impl Diff<'_> {
    /// The first bar that is new, has other values or is gone. Where only marks or scores changed there is none, and
    /// features stay as they are.
    #[must_use]
    pub fn first_changed(&self) -> Option<Ts> {
        let inserted = self.insert.iter().map(|b| b.bar.ts);
        inserted.chain(self.superseded.iter().map(|(old, _)| old.bar.ts)).min()
    }
}

/// Compares a write with what is stored in its range. Both are ascending.
#[must_use]
pub fn diff<'w>(stored: &[StoredBar], write: &'w SeriesWrite, reason: &'static str) -> Diff<'w> {
    let mut d = Diff::default();
    let at = |t: Ts| stored.binary_search_by_key(&t, |s| s.bar.ts).ok().and_then(|k| stored.get(k));
    for new in &write.bars {
        match at(new.bar.ts) {
            None => d.insert.push(new),
            Some(old) if old.bar.same_values(&new.bar) => {
                d.outcome.unchanged += 1;
                // A final bar never becomes provisional again, and the first sight of these values stays the evidence.
                // That it was hard to believe does not follow from the bars around it, so scoring again cannot find it.
                let judged = if doubted(old) { old } else { new };
                let kept = StoredBar {
                    provisional: old.provisional && new.provisional,
                    fetched_at: old.fetched_at,
                    ..judged.clone()
                };
                if kept != *old {
                    d.replace.push(kept);
                }
            }
            // A value that was left out is no other value.
            Some(old) => {
                if let Some(bar) = old.bar.filled(&new.bar) {
                    d.outcome.unchanged += 1;
                    let provisional = old.provisional && new.provisional;
                    let kept = StoredBar { bar, provisional, fetched_at: old.fetched_at, ..new.clone() };
                    if kept != *old {
                        d.replace.push(kept);
                    }
                } else {
                    d.outcome.revised += 1;
                    d.outcome.changed += u64::from(!old.provisional);
                    d.superseded.push((old.clone(), reason));
                    d.replace.push(new.clone());
                }
            }
        }
    }
    if let Some(range) = write.replaces {
        let sent = |t: Ts| {
            write.bars.binary_search_by_key(&t, |b| b.bar.ts).is_ok() || write.quarantine.iter().any(|q| q.bar.ts == t)
        };
        for old in stored.iter().filter(|s| s.provisional && range.contains(s.bar.ts) && !sent(s.bar.ts)) {
            d.superseded.push((old.clone(), "removed"));
            d.removed.push(old.bar.ts);
        }
    }
    d.outcome.inserted = d.insert.len() as u64;
    d.outcome.late = d.insert.iter().filter(|new| write.answered_before.contains(new.bar.ts)).count() as u64;
    d.outcome.removed = d.removed.len() as u64;
    d
}

/// Whether a page is older evidence than what is stored of the range it was asked for: the vendor was asked again after
/// `asked_at`, for part of the range and nothing else, or with a bar as the result that the page lacks or has otherwise.
/// What claims to come from after `now` was written under a wrong clock and proves nothing.
#[must_use]
pub fn is_older(
    write: &SeriesWrite,
    (asked_at, now): (Ts, Ts),
    bars: &[StoredBar],
    coverage: &[(Interval, Ts)],
) -> bool {
    let Some(range) = write.asked else { return false };
    let newer = |at: Ts| asked_at < at && at <= now;
    let inside = |part: Interval| range.start <= part.start && part.end <= range.end;
    let sent = |old: &StoredBar| {
        let own = write.bars.binary_search_by_key(&old.bar.ts, |b| b.bar.ts).ok().and_then(|k| write.bars.get(k));
        own.is_some_and(|own| own.bar.same_values(&old.bar))
    };
    let later: Vec<Interval> =
        coverage.iter().filter(|(part, at)| newer(*at) && part.overlaps(range)).map(|(part, _)| *part).collect();
    later.iter().any(|part| inside(*part))
        || !later.is_empty() && bars.iter().any(|old| newer(old.fetched_at) && range.contains(old.bar.ts) && !sent(old))
}

/// Puts what became of the features of pages to the outcomes of their bars.
pub fn note_features(pages: &[PageCommit], outcomes: &mut [Vec<WriteOutcome>], written: Vec<FeatureOutcome>) {
    let mut written = written.into_iter();
    for (page, outcomes) in pages.iter().zip(outcomes) {
        for (features, became) in page.features.iter().zip(written.by_ref()) {
            let place = page.writes.iter().position(|write| write.series == features.series);
            if let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) {
                outcome.features = Some(became);
            }
        }
    }
}

/// A page without the writes at these places.
#[must_use]
pub fn without(page: &PageCommit, stale: &BTreeSet<usize>) -> PageCommit {
    let kept = |(place, write): (usize, &SeriesWrite)| {
        if stale.contains(&place) { SeriesWrite::nothing(write.series) } else { write.clone() }
    };
    PageCommit { writes: page.writes.iter().enumerate().map(kept).collect(), ..page.clone() }
}

/// The place of a write, and those of the writes derived from it.
pub fn with_derived(page: &PageCommit, place: usize) -> impl Iterator<Item = usize> {
    let derived = page.writes.iter().skip(place + 1).take_while(|write| write.asked.is_none()).count();
    place..=place + derived
}

fn doubted(stored: &StoredBar) -> bool {
    stored.quality_notes.as_deref().is_some_and(|notes| notes.contains(SEEN_TWICE))
}

/// Refuses what no database should be asked to hold. The databases disagree on bad numbers (SQLite turns a NaN into a
/// NULL without a word, PostgreSQL stores it), so this comes before either.
///
/// # Errors
/// `Refused` when it is so.
pub fn check(write: &SeriesWrite) -> Result<()> {
    write.bars.iter().try_for_each(check_bar)?;
    if let Some((t, ..)) = write.rescored.iter().find(|(_, score, _)| !(0.0..=1.0).contains(score)) {
        return Err(StoreError::Refused(format!("the new score of the bar at {t} does not lie between 0 and 1")));
    }
    let ascending = write.bars.is_sorted_by(|a, b| a.bar.ts < b.bar.ts);
    if ascending { Ok(()) } else { Err(StoreError::Refused("bars must ascend by time without repeats".into())) }
}

/// The same of one bar.
///
/// # Errors
/// As [`check`].
pub fn check_bar(stored: &StoredBar) -> Result<()> {
    let StoredBar { bar: b, quality_score, .. } = stored;
    let real = |v: f64| v.is_finite() && v >= 0.0;
    let sound = [b.open, b.high, b.low, b.close, b.volume].into_iter().all(real)
        && b.vwap.is_none_or(real)
        && b.trades.is_none_or(|n| n >= 0)
        && (0.0..=1.0).contains(quality_score)
        && (Ts::MIN..=Ts::MAX).contains(&b.ts);
    if sound {
        Ok(())
    } else {
        Err(StoreError::Refused(format!("the bar at {} has a value that is not a price or count", b.ts)))
    }
}

/// The stretch of stored bars that a write can touch.
#[must_use]
pub fn touched(write: &SeriesWrite) -> Interval {
    let replaced = write.replaces.unwrap_or(Interval::new(Ts(0), Ts(0)));
    match (write.bars.first(), write.bars.last()) {
        (Some(first), Some(last)) => Interval::new(first.bar.ts, last.bar.ts + 1).hull(replaced),
        _ => replaced,
    }
}
