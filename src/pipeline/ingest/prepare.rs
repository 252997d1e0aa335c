//! From a page to what it changes: validated, scored, derived. Reads what is stored around it and writes nothing, so the
//! pages of different families are prepared side by side.

use std::sync::{Arc, PoisonError};

use super::IngestContext;
use super::checks;
use super::page_job::{FamilyAnswer, PageJob, PageState, Received, Verdict};
use crate::derive;
use crate::index::registry::SeriesIds;
use barkeep_base::timing::{self, Phase};
use barkeep_market::{Calendar, Interval, IntervalSet, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{Coverage, CoverageState, PageCommit, QuarantinedBar, SeriesWrite, Store, StoreError};

/// Works out what a page changes. The pages of its families before it must be committed: scores and coarser bars are made
/// with the bars next to it.
pub(super) async fn prepare(context: &IngestContext, page: &mut PageJob) -> Result<(), StoreError> {
    let fetched_at = page.fetched_at;
    let PageState::Fetched(fetched) = &mut page.state else { return Ok(()) };
    let request_id = fetched.request.as_ref().and_then(|r| r.request_id.clone());
    let evidence = Evidence { request_id, fetched_at, only: fetched.only };
    let mut commit = PageCommit { request: fetched.request.take(), ..PageCommit::default() };
    let mut received = Vec::new();
    for answer in &fetched.answers {
        for (timeframe, write) in writes(context.store.as_ref(), &context.calendar, answer, &evidence).await? {
            let series = (answer.ids.symbol.clone(), timeframe);
            received.push(Received { series, bars: write.bars.len() as u64 });
            commit.writes.push(write);
        }
    }
    commit.statuses = {
        let statuses = context.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().filter_map(|one| statuses.status_after(&one.series, one.bars, fetched_at)).collect()
    };
    page.state = PageState::Prepared { commit, received };
    Ok(())
}

/// Where what is written comes from.
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
        let answered = Coverage::answered(range, state, request_id, self.fetched_at);
        (!range.is_empty()).then_some(Coverage { expires_at, ..answered })
    }
}

/// Computes the coarser bars around `range` again from stored base bars, one transaction for all timeframes.
pub async fn derive_again(
    store: &dyn Store,
    cal: &Calendar,
    ids: &SeriesIds,
    range: Interval,
    horizon: Horizon,
    at: Ts,
) -> Result<(), StoreError> {
    let mut page = PageCommit::default();
    for (tf, _) in &ids.derived {
        let span = tf.snap_out(ids.class, range);
        let bars = store.bars(ids.base_id, span.into(), None).await?.into_iter().map(|row| row.bar).collect();
        let answer =
            FamilyAnswer { ids: Arc::new(ids.clone()), answered: span, verdict: Verdict::Answered, bars, horizon };
        let evidence = Evidence { request_id: None, fetched_at: at, only: Some(*tf) };
        page.writes.extend(writes(store, cal, &answer, &evidence).await?.into_iter().map(|(_, write)| write));
    }
    if !page.writes.is_empty() {
        store.commit_page(page).await?;
    }
    Ok(())
}

/// Everything one answer writes: the base series first, then the coarser ones.
async fn writes(
    store: &dyn Store,
    cal: &Calendar,
    answer: &FamilyAnswer,
    evidence: &Evidence,
) -> Result<Vec<(Timeframe, SeriesWrite)>, StoreError> {
    let ids = answer.ids.as_ref();
    let settled_end = |tf: Timeframe| tf.snap_in(ids.class, Interval::new(Ts::MIN, answer.horizon.settled)).end;
    let is_settled = |tf: Timeframe, start: Ts| tf.end_of(ids.class, start) <= answer.horizon.settled;
    let checked_at = (answer.answered.end >= answer.horizon.settled).then_some(evidence.fetched_at);
    let mut all = Vec::new();

    if let Verdict::Refused { .. } = answer.verdict {
        for (tf, series) in std::iter::once((ids.base, ids.base_id)).chain(ids.derived.iter().copied()) {
            let range = tf.snap_in(ids.class, answer.answered);
            let range = if tf == ids.base { answer.answered } else { range };
            let coverage = evidence.coverage(range, answer.verdict).into_iter().collect();
            all.push((tf, SeriesWrite { coverage, ..empty_write(series) }));
        }
        return Ok(all);
    }

    let sorted = match evidence.only {
        Some(_) => checks::stored(&answer.bars),
        None => checks::sort_out(store, cal, ids, &answer.bars, evidence.fetched_at).await?,
    };
    if evidence.only.is_none() {
        let settled = |t: Ts| is_settled(ids.base, t);
        let scored = derive::score(store, ids, ids.base_id, &sorted.good, settled, evidence.fetched_at).await?;
        let covered = Interval::new(answer.answered.start, answer.answered.end.min(settled_end(ids.base)));
        let quarantine = sorted
            .bad
            .into_iter()
            .map(|(bar, reason)| QuarantinedBar { bar, reason, request_id: evidence.request_id.clone() })
            .collect();
        let write = SeriesWrite {
            bars: scored.bars,
            rescored: scored.rescored,
            replaces: Some(answer.answered),
            quarantine,
            coverage: evidence.coverage(covered, answer.verdict).into_iter().collect(),
            checked_at,
            ..empty_write(ids.base_id)
        };
        all.push((ids.base, write));
    }

    let mut proven = proven(store, ids, evidence.fetched_at).await?;
    if evidence.only.is_none() {
        proven.insert(answer.answered);
    }
    let wanted = ids.derived.iter().filter(|(tf, _)| evidence.only.is_none_or(|only| only == *tf));
    for (tf, series) in wanted {
        let region = answer.answered;
        let spans =
            timing::measured(Phase::Derive, || derive::derivable(cal, ids, *tf, region, &proven, answer.horizon));
        let bars = derive::derive(store, ids, *tf, &spans, answer.answered, &sorted.good).await?;
        let bars = derive::keep_rounding(store, *series, bars).await?;
        let settled = |t: Ts| is_settled(*tf, t);
        let scored = derive::score(store, ids, *series, &bars, settled, evidence.fetched_at).await?;
        let final_spans = spans.clip(Interval::new(Ts::MIN, settled_end(*tf)));
        let write = SeriesWrite {
            bars: scored.bars,
            rescored: scored.rescored,
            replaces: match spans.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            coverage: final_spans.iter().filter_map(|span| evidence.coverage(span, answer.verdict)).collect(),
            checked_at,
            ..empty_write(*series)
        };
        all.push((*tf, write));
    }
    Ok(all)
}

fn empty_write(series: barkeep_store::SeriesId) -> SeriesWrite {
    SeriesWrite::nothing(series)
}

/// What is proven of the base series and has not expired.
async fn proven(store: &dyn Store, ids: &SeriesIds, now: Ts) -> Result<IntervalSet, StoreError> {
    if ids.derived.is_empty() {
        return Ok(IntervalSet::new());
    }
    let rows = store.coverage(&[ids.base_id]).await?;
    let rows = rows.into_iter().flat_map(|(_, rows)| rows);
    let live = rows.filter(|c| c.expires_at.is_none_or(|t| t > now) && c.state != CoverageState::NotEntitled);
    Ok(live.map(|c| c.range).collect())
}
