//! Which coarse bars can be computed, and their computation.
//!
//! A coarse bar is written only when its whole span is answered for: covered, closed, or not yet begun. The bar that is
//! still growing is written too, as provisional.

use barkeep_base::timing::{self, Phase};
use barkeep_market::quality::{self, CONTEXT, Score};
use barkeep_market::resample::resample;
use barkeep_market::{Bar, Calendar, Interval, IntervalSet, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{SeriesId, Store, StoreError, StoredBar};

use crate::index::registry::SeriesIds;
use barkeep_store::adjusted::Adjusting;

/// The whole spans of `tf` around `region` in which nothing of the base timeframe is unknown.
///
/// `known` is what is proven of it, a page just answered included.
#[must_use]
pub fn derivable(
    cal: &Calendar,
    ids: &SeriesIds,
    tf: Timeframe,
    region: Interval,
    known: &IntervalSet,
    horizon: Horizon,
) -> IntervalSet {
    let region = tf.snap_out(ids.class, region);
    let trading = cal.trading(ids.class, tf.family(), region);
    let mut sure = IntervalSet::from(region).subtract(&trading).union(&known.clip(region));
    sure.insert(Interval::new(horizon.end.max(region.start), region.end));
    sure.iter().map(|i| tf.snap_in(ids.class, i)).filter(|i| !i.is_empty()).collect()
}

/// Coarse bars over `spans` from the base bars in `answered` and the stored ones around them.
///
/// # Errors
/// When the database cannot be read.
pub async fn derive(
    store: &dyn Store,
    ids: &SeriesIds,
    tf: Timeframe,
    spans: &IntervalSet,
    answered: Interval,
    bars: &[Bar],
) -> Result<Vec<Bar>, StoreError> {
    let Some(hull) = spans.hull() else { return Ok(Vec::new()) };
    let before = stored(store, ids.base_id, Interval::new(hull.start, answered.start.min(hull.end))).await?;
    let after = stored(store, ids.base_id, Interval::new(answered.end.max(hull.start), hull.end)).await?;
    let inside = bars.iter().copied().filter(|bar| hull.contains(bar.ts));
    let all: Vec<Bar> = before.into_iter().chain(inside).chain(after).filter(|bar| spans.contains(bar.ts)).collect();
    Ok(timing::measured(Phase::Derive, || resample(&all, tf, ids.class)))
}

/// Computed vwaps are right to this share (the vendor rounds its own); less is no difference.
const VWAP_PRECISION: f64 = 1e-6;

/// Gives computed bars that are stored already with another rounding of `vwap` the stored one.
///
/// A finer timeframe added later computes again what the vendor had sent itself; the last digits of a mean are no
/// reason to rewrite history.
///
/// # Errors
/// When the database cannot be read.
pub async fn keep_rounding(store: &dyn Store, series: SeriesId, bars: Vec<Bar>) -> Result<Vec<Bar>, StoreError> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Ok(bars) };
    let known = stored(store, series, Interval::new(first.ts, last.ts + 1)).await?;
    let kept = |bar: Bar| {
        let old = known.binary_search_by_key(&bar.ts, |b| b.ts).ok().and_then(|k| known.get(k))?;
        let (new_vwap, old_vwap) = (bar.vwap?, old.vwap?);
        let same = (new_vwap - old_vwap).abs() <= VWAP_PRECISION * old_vwap.abs();
        (same && Bar { vwap: old.vwap, ..bar }.same_values(old)).then_some(*old)
    };
    Ok(bars.into_iter().map(|bar| kept(bar).unwrap_or(bar)).collect())
}

async fn stored(store: &dyn Store, series: SeriesId, range: Interval) -> Result<Vec<Bar>, StoreError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    Ok(store.bars(series, range.into(), None).await?.into_iter().map(|b| b.bar).collect())
}

/// Bars with their scores, and new scores for stored bars whose neighbours these are.
pub struct Scored {
    pub bars: Vec<StoredBar>,
    pub rescored: Vec<(Ts, f64, Option<String>)>,
}

/// Scores bars of one series against what is stored around them. The score of a bar is a function of the series alone,
/// so bars that come after a newly filled hole are scored again.
///
/// # Errors
/// When the database cannot be read.
pub async fn score(
    store: &dyn Store,
    ids: &SeriesIds,
    series: SeriesId,
    bars: &[Bar],
    settled: impl Fn(Ts) -> bool,
    fetched_at: Ts,
) -> Result<Scored, StoreError> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else {
        return Ok(Scored { bars: Vec::new(), rescored: Vec::new() });
    };
    let before = plain(&store.newest_bars(series, (..first.ts).into(), CONTEXT).await?);
    let followers = store.bars(series, (last.ts + 1..).into(), Some(CONTEXT)).await?;
    let mut all = before;
    let known = all.len();
    all.extend(bars.iter().copied());
    all.extend(plain(&followers));
    level(store, ids, series, &mut all).await?;
    let (before, rest) = all.split_at(known);
    let mut scores =
        timing::measured(Phase::Derive, || quality::score_all(before, rest, &ids.splits, ids.class, &ids.thresholds));
    let again = scores.split_off(bars.len());
    let scored = bars
        .iter()
        .zip(scores)
        .map(|(bar, score)| StoredBar {
            bar: *bar,
            provisional: !settled(bar.ts),
            quality_score: score.score,
            quality_notes: score.notes,
            fetched_at,
        })
        .collect();

    Ok(Scored { bars: scored, rescored: differing(&followers, again) })
}

/// The scores of the stored bars from `start` on that a split or a changed bar there can have changed, where they differ.
///
/// # Errors
/// When the bars cannot be read.
pub async fn score_again(
    store: &dyn Store,
    ids: &SeriesIds,
    series: SeriesId,
    start: Ts,
) -> Result<Vec<(Ts, f64, Option<String>)>, StoreError> {
    let stored = store.bars(series, (start..).into(), Some(CONTEXT + 1)).await?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = plain(&store.newest_bars(series, (..start).into(), CONTEXT).await?);
    let known = all.len();
    all.extend(plain(&stored));
    level(store, ids, series, &mut all).await?;
    let (before, rest) = all.split_at(known);
    let scores = quality::score_all(before, rest, &ids.splits, ids.class, &ids.thresholds);
    Ok(differing(&stored, scores))
}

fn plain(rows: &[StoredBar]) -> Vec<Bar> {
    rows.iter().map(|row| row.bar).collect()
}

fn differing(stored: &[StoredBar], scores: Vec<Score>) -> Vec<(Ts, f64, Option<String>)> {
    let pairs = stored.iter().zip(scores);
    pairs
        // What the vendor said twice keeps its mark.
        .filter(|(old, _)| old.quality_notes.as_deref().is_none_or(|notes| !notes.contains(quality::SEEN_TWICE)))
        .filter(|(old, new)| old.quality_score != new.score || old.quality_notes != new.notes)
        .map(|(old, new)| (old.bar.ts, new.score, new.notes))
        .collect()
}

/// A week that holds a split is scored as its days make it, in the terms of its first day.
async fn level(store: &dyn Store, ids: &SeriesIds, series: SeriesId, bars: &mut [Bar]) -> Result<(), StoreError> {
    let is_week = ids.derived.contains(&(Timeframe::W1, series));
    if !is_week || ids.splits.is_empty() {
        return Ok(());
    }
    let daily = (ids.base == Timeframe::D1).then_some(ids.base_id);
    let week = Adjusting { class: ids.class, timeframe: Timeframe::W1, daily, splits: &ids.splits };
    week.level(store, bars).await
}
