//! From a page to what it changes: validated, scored, derived. Reads what is stored around it and writes nothing, so the
//! pages of different families are prepared side by side.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Arrival, Part, Verdict};
use crate::derive;
use crate::index::registry::SeriesIds;
use crate::summary::RunCounts;
use barkeep_base::timing::{self, Phase};
use barkeep_market::{Bar, Calendar, Interval, IntervalSet, Symbol, Timeframe, Ts, quality};
use barkeep_plan::Horizon;
use barkeep_store::{Coverage, CoverageState, PageCommit, QuarantinedBar, SeriesWrite, Store, StoreError};

/// A page ready to be committed.
pub(super) struct Prepared {
    pub(super) page: PageCommit,
    /// The series of `page.writes`, in their order.
    pub(super) names: Vec<(Symbol, Timeframe)>,
    /// Bars in each of them.
    pub(super) received: Vec<u64>,
    pub(super) fetched_at: Ts,
}

/// Works out what a page changes. The pages of its families before it must be committed: scores and coarser bars are made
/// with the bars next to it.
pub(super) async fn prepare(
    store: &dyn Store,
    cal: &Calendar,
    tally: &Mutex<RunCounts>,
    arrival: Arrival,
) -> Result<Prepared, StoreError> {
    let request_id = arrival.request.as_ref().and_then(|r| r.request_id.clone());
    let mut page = PageCommit { request: arrival.request, ..PageCommit::default() };
    let mut names: Vec<(Symbol, Timeframe)> = Vec::new();
    for part in &arrival.parts {
        let evidence = Evidence { request_id: request_id.clone(), fetched_at: arrival.fetched_at, only: arrival.only };
        for (timeframe, write) in writes(store, cal, part, &evidence).await? {
            names.push((part.keys.symbol.clone(), timeframe));
            page.writes.push(write);
        }
    }
    let received: Vec<u64> = page.writes.iter().map(|w| w.bars.len() as u64).collect();
    page.statuses = {
        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().zip(&received).filter_map(|(key, n)| tally.status_after(key, *n, arrival.fetched_at)).collect()
    };
    Ok(Prepared { page, names, received, fetched_at: arrival.fetched_at })
}

struct Evidence {
    request_id: Option<String>,
    fetched_at: Ts,
    only: Option<Timeframe>,
}

impl Evidence {
    fn coverage(&self, range: Interval, verdict: Verdict) -> Option<Coverage> {
        let (state, expires_at) = match verdict {
            Verdict::Answered => (CoverageState::Present, None),
            Verdict::Empty { until } => (CoverageState::Empty, Some(until)),
            Verdict::Refused { until } => (CoverageState::NotEntitled, Some(until)),
        };
        let request_id = self.request_id.clone();
        (!range.is_empty()).then_some(Coverage { range, state, request_id, fetched_at: self.fetched_at, expires_at })
    }
}

/// Computes the coarser bars around `range` again from stored base bars, one transaction for all timeframes.
pub async fn derive_again(
    store: &dyn Store,
    cal: &Calendar,
    keys: &SeriesIds,
    range: Interval,
    horizon: Horizon,
    at: Ts,
) -> Result<(), StoreError> {
    let mut page = PageCommit::default();
    for (tf, _) in &keys.derived {
        let span = tf.snap_out(keys.class, range);
        let bars = store.bars(keys.base_id, span.into(), None).await?.into_iter().map(|row| row.bar).collect();
        let part = Part { keys: Arc::new(keys.clone()), answered: span, verdict: Verdict::Answered, bars, horizon };
        let evidence = Evidence { request_id: None, fetched_at: at, only: Some(*tf) };
        page.writes.extend(writes(store, cal, &part, &evidence).await?.into_iter().map(|(_, write)| write));
    }
    if !page.writes.is_empty() {
        store.commit_page(page).await?;
    }
    Ok(())
}

/// Everything one part writes: the base series first, then the coarser ones.
async fn writes(
    store: &dyn Store,
    cal: &Calendar,
    part: &Part,
    evidence: &Evidence,
) -> Result<Vec<(Timeframe, SeriesWrite)>, StoreError> {
    let keys = part.keys.as_ref();
    let settled_end = |tf: Timeframe| tf.snap_in(keys.class, Interval::new(Ts::MIN, part.horizon.settled)).end;
    let is_settled = |tf: Timeframe, start: Ts| tf.end_of(keys.class, start) <= part.horizon.settled;
    let checked_at = (part.answered.end >= part.horizon.settled).then_some(evidence.fetched_at);
    let mut all = Vec::new();

    if let Verdict::Refused { .. } = part.verdict {
        for (tf, series) in std::iter::once((keys.base, keys.base_id)).chain(keys.derived.iter().copied()) {
            let range = tf.snap_in(keys.class, part.answered);
            let range = if tf == keys.base { part.answered } else { range };
            let coverage = evidence.coverage(range, part.verdict).into_iter().collect();
            all.push((tf, SeriesWrite { coverage, ..empty_write(series) }));
        }
        return Ok(all);
    }

    let sorted = timing::measured(Phase::Derive, || sort_out(&part.bars, keys));
    if evidence.only.is_none() {
        let settled = |t: Ts| is_settled(keys.base, t);
        let scored = derive::score(store, keys, keys.base_id, &sorted.good, settled, evidence.fetched_at).await?;
        let covered = Interval::new(part.answered.start, part.answered.end.min(settled_end(keys.base)));
        let quarantine = sorted
            .bad
            .into_iter()
            .map(|(bar, reason)| QuarantinedBar { bar, reason, request_id: evidence.request_id.clone() })
            .collect();
        let write = SeriesWrite {
            bars: scored.bars,
            rescored: scored.rescored,
            replaces: Some(part.answered),
            quarantine,
            coverage: evidence.coverage(covered, part.verdict).into_iter().collect(),
            checked_at,
            ..empty_write(keys.base_id)
        };
        all.push((keys.base, write));
    }

    let mut known = proven(store, keys, evidence.fetched_at).await?;
    if evidence.only.is_none() {
        known.insert(part.answered);
    }
    let wanted = keys.derived.iter().filter(|(tf, _)| evidence.only.is_none_or(|only| only == *tf));
    for (tf, series) in wanted {
        let region = part.answered;
        let spans = timing::measured(Phase::Derive, || derive::derivable(cal, keys, *tf, region, &known, part.horizon));
        let bars = derive::derive(store, keys, *tf, &spans, part.answered, &sorted.good).await?;
        let bars = derive::keep_rounding(store, *series, bars).await?;
        let settled = |t: Ts| is_settled(*tf, t);
        let scored = derive::score(store, keys, *series, &bars, settled, evidence.fetched_at).await?;
        let final_spans = spans.clip(Interval::new(Ts::MIN, settled_end(*tf)));
        let write = SeriesWrite {
            bars: scored.bars,
            rescored: scored.rescored,
            replaces: match spans.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            coverage: final_spans.iter().filter_map(|span| evidence.coverage(span, part.verdict)).collect(),
            checked_at,
            ..empty_write(*series)
        };
        all.push((*tf, write));
    }
    Ok(all)
}

fn empty_write(series: barkeep_store::SeriesId) -> SeriesWrite {
    SeriesWrite {
        series,
        bars: Vec::new(),
        rescored: Vec::new(),
        replaces: None,
        quarantine: Vec::new(),
        coverage: Vec::new(),
        checked_at: None,
    }
}

/// What is proven of the base series and still believed.
async fn proven(store: &dyn Store, keys: &SeriesIds, now: Ts) -> Result<IntervalSet, StoreError> {
    if keys.derived.is_empty() {
        return Ok(IntervalSet::new());
    }
    let rows = store.coverage(&[keys.base_id]).await?;
    let rows = rows.into_iter().flat_map(|(_, rows)| rows);
    let live = rows.filter(|c| c.expires_at.is_none_or(|t| t > now) && c.state != CoverageState::NotEntitled);
    Ok(live.map(|c| c.range).collect())
}

struct Sorted {
    /// Ascending, one per time.
    good: Vec<Bar>,
    bad: Vec<(Bar, String)>,
}

/// Separates bars that can be true from those that cannot. Of several bars with the same time and different values
/// nobody can say which one is true, so all of them are put aside for an operator to choose.
fn sort_out(bars: &[Bar], keys: &SeriesIds) -> Sorted {
    let mut sorted = Sorted { good: Vec::with_capacity(bars.len()), bad: Vec::new() };
    let mut by_time: Vec<&Bar> = bars.iter().collect();
    by_time.sort_by_key(|bar| bar.ts);
    for same_time in by_time.chunk_by(|a, b| a.ts == b.ts) {
        let mut possible: Vec<Bar> = Vec::with_capacity(1);
        for bar in same_time {
            match quality::impossible(bar, keys.base, keys.class) {
                Some(reason) => sorted.bad.push((**bar, reason.to_string())),
                None if possible.iter().any(|known| known.same_values(bar)) => {}
                None => possible.push(**bar),
            }
        }
        match possible.as_slice() {
            [] => {}
            [one] => sorted.good.push(*one),
            several => {
                let why = "conflicting duplicate: another bar with this time and other values";
                sorted.bad.extend(several.iter().map(|bar| (*bar, why.to_owned())));
            }
        }
    }
    sorted
}
