//! From a page to what it changes: validated, scored, derived. Reads what is stored around it and writes nothing, so the
//! pages of different families are prepared side by side.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::IngestContext;
use super::checks::{self, Sorted};
use super::ledger::{Answer, Ledger, Proven, coarser, merged};
use super::page_job::{AnswerVerdict, FamilyAnswer, PageJob, PageState, Received};
use super::report::ItemReport;
use crate::derive;
use crate::index::registry::SeriesIds;
use barkeep_base::timing::{self, Phase};
use barkeep_market::{Calendar, Interval, IntervalSet, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{Coverage, CoverageState, PageCommit, QuarantinedBar, SeriesId, SeriesWrite, Store, StoreError};

/// Works out what a page changes. The pages of its families before it must be committed: scores and coarser bars are made
/// with the bars next to it.
pub(super) async fn prepare(context: &IngestContext, page: &mut PageJob) -> Result<(), StoreError> {
    let fetched_at = page.fetched_at;
    let PageState::Fetched(fetched) = &mut page.state else { return Ok(()) };
    let request_id = fetched.request.as_ref().and_then(|r| r.request_id.clone());
    let evidence = Evidence { request_id, fetched_at, only: fetched.only };
    let mut commit = PageCommit { request: fetched.request.take(), ..PageCommit::default() };
    let mut received = Vec::new();
    let series: Vec<SeriesId> = fetched.answers.iter().map(|answer| answer.ids.base_id).collect();
    let mut ledgers = Ledger::read(context.store.as_ref(), &series).await?;
    for answer in &fetched.answers {
        let ledger = ledgers.entry(answer.ids.base_id).or_default();
        for (timeframe, write) in writes(context.store.as_ref(), &context.calendar, answer, ledger, &evidence).await? {
            let series = (answer.ids.symbol.clone(), timeframe);
            let doubt = write.quarantine.first().map(|bad| format!("{}: {}", bad.bar.ts, bad.reason));
            received.push(Received { series, class: answer.ids.class, bars: write.bars.len() as u64, doubt });
            commit.writes.push(write);
        }
    }
    commit.statuses = {
        let statuses = context.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().filter_map(|one| statuses.status_after(&one.series, one.bars, fetched_at)).collect()
    };
    let done = page.of.map(|of| of.done);
    let bars = |one: &Received| (one.series.0.clone(), one.series.1, one.bars);
    let of_item = |report: &Arc<ItemReport>| report.page(received.iter().map(bars).collect(), fetched_at, done);
    commit.of_item = page.report.as_ref().map(of_item);
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
    fn coverage(&self, range: Interval, verdict: AnswerVerdict) -> Option<Coverage> {
        let (state, expires_at) = match verdict {
            AnswerVerdict::Answered => (CoverageState::Present, None),
            AnswerVerdict::Empty { until } => (CoverageState::Empty, Some(until)),
            AnswerVerdict::Refused { until } => (CoverageState::NotEntitled, Some(until)),
        };
        let answered = Coverage::answered(range, state, self.request_id.clone(), self.fetched_at);
        (!range.is_empty()).then_some(Coverage { expires_at, ..answered })
    }
}

/// Computes the coarser bars around `range` again from stored base bars, one transaction for all timeframes.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn derive_again(
    store: &dyn Store,
    cal: &Calendar,
    ids: &SeriesIds,
    range: Interval,
    horizon: Horizon,
    at: Ts,
) -> Result<(), StoreError> {
    let mut page = PageCommit::default();
    let mut ledger = Ledger::read(store, &[ids.base_id]).await?.remove(&ids.base_id).unwrap_or_default();
    for (tf, _) in &ids.derived {
        let span = tf.snap_out(ids.class, range);
        let bars = store.bars(ids.base_id, span.into(), None).await?.into_iter().map(|row| row.bar).collect();
        let answer = FamilyAnswer {
            ids: Arc::new(ids.clone()),
            answered: span,
            verdict: AnswerVerdict::Answered,
            bars,
            horizon,
        };
        let evidence = Evidence { request_id: None, fetched_at: at, only: Some(*tf) };
        let computed = writes(store, cal, &answer, &mut ledger, &evidence).await?;
        page.writes.extend(computed.into_iter().map(|(_, write)| write));
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
    ledger: &mut Ledger,
    evidence: &Evidence,
) -> Result<Vec<(Timeframe, SeriesWrite)>, StoreError> {
    let ids = answer.ids.as_ref();
    let whole_until = |tf: Timeframe, t: Ts| tf.snap_in(ids.class, Interval::before(t)).end;
    let settled = answer.horizon.settled;
    let checked_at = (answer.answered.end >= settled).then_some(evidence.fetched_at);
    let mut all = Vec::new();

    if let AnswerVerdict::Refused { .. } = answer.verdict {
        for (tf, series) in std::iter::once((ids.base, ids.base_id)).chain(ids.derived.iter().copied()) {
            let range = tf.snap_in(ids.class, answer.answered);
            let range = if tf == ids.base { answer.answered } else { range };
            let coverage = evidence.coverage(range, answer.verdict).into_iter().collect();
            all.push((tf, SeriesWrite { coverage, ..SeriesWrite::nothing(series) }));
        }
        return Ok(all);
    }

    let sorted = match evidence.only {
        Some(_) => checks::stored(&answer.bars),
        None => checks::sort_out(store, cal, ids, &answer.bars, evidence.fetched_at).await?,
    };
    let mut known = ledger.derivable(evidence.fetched_at);
    let mut proven = Proven::default();
    if evidence.only.is_none() {
        let final_bar = |t: Ts| ids.base.end_of(ids.class, t) <= settled;
        let scored = derive::score(store, ids, ids.base_id, &sorted.good, final_bar, evidence.fetched_at).await?;
        let covered = Interval::new(answer.answered.start, answer.answered.end.min(whole_until(ids.base, settled)));
        let answered_before = ledger.asked();
        proven = prove(store, cal, answer, &sorted, covered, ledger, evidence).await?;
        if sorted.bad.is_empty() || !sorted.good.is_empty() {
            known.insert(answer.answered);
        }
        let bad = sorted.bad.iter();
        let quarantine = bad
            .map(|(bar, reason)| QuarantinedBar {
                bar: *bar,
                reason: reason.clone(),
                request_id: evidence.request_id.clone(),
            })
            .collect();
        let write = SeriesWrite {
            bars: scored.bars,
            rescored: scored.rescored,
            replaces: Some(answer.answered),
            quarantine,
            coverage: proven.rows.clone(),
            answered_before,
            profile: std::mem::take(&mut proven.profile),
            checked_at,
            asked: Some(answer.answered),
            ..SeriesWrite::nothing(ids.base_id)
        };
        all.push((ids.base, write));
    }

    // Coarser bars that hold unbelievable silence at the newest end are as good as growing.
    let horizon = proven.late.map_or(answer.horizon, |late| Horizon {
        end: answer.horizon.end.min(late.start),
        settled: settled.min(late.start),
    });
    known = proven.late.map_or(known.clone(), |late| known.subtract(&late.into()));
    let empty = !proven.rows.is_empty() && proven.rows.iter().all(|row| row.state == CoverageState::Empty);
    let verdict = if empty { answer.verdict } else { AnswerVerdict::Answered };
    let doubts = if evidence.only.is_none() { &proven.rows } else { &ledger.rows };
    let wanted = ids.derived.iter().filter(|(tf, _)| evidence.only.is_none_or(|only| only == *tf));
    let base_bars = merged(std::mem::take(&mut proven.kept), &sorted.good);
    let decided: Vec<&Coverage> = proven.rows.iter().filter(|row| !row.range.overlaps(answer.answered)).collect();
    let open = unjudged(store, ids, !decided.is_empty()).await?;
    for (tf, series) in wanted {
        let region = answer.answered;
        let spans = timing::measured(Phase::Derive, || derive::derivable(cal, ids, *tf, region, &known, horizon));
        let bars = derive::derive(store, ids, *tf, &spans, answer.answered, &base_bars).await?;
        let bars = derive::keep_rounding(store, *series, bars).await?;
        let final_bar = |t: Ts| tf.end_of(ids.class, t) <= horizon.settled;
        let scored = derive::score(store, ids, *series, &bars, final_bar, evidence.fetched_at).await?;
        let final_spans = spans.clip(Interval::before(whole_until(*tf, horizon.settled)));
        let answered = final_spans.iter().filter_map(|span| evidence.coverage(span, verdict));
        let doubtful = coarser(doubts, ids, *tf, &final_spans, whole_until(*tf, settled));
        let open = open.get(series).cloned().unwrap_or_default();
        let decided = decided.iter().flat_map(|row| {
            let waited = open.clip(tf.snap_out(ids.class, row.range));
            waited.iter().map(|range| Coverage { range, ..(*row).clone() }).collect::<Vec<_>>()
        });
        let write = SeriesWrite {
            bars: scored.bars,
            rescored: scored.rescored,
            replaces: match spans.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            coverage: decided.chain(answered).chain(doubtful).collect(),
            checked_at,
            ..SeriesWrite::nothing(*series)
        };
        all.push((*tf, write));
    }
    Ok(all)
}

/// Where coarser series wait for a verdict that the answer has brought, if it has brought any.
async fn unjudged(store: &dyn Store, ids: &SeriesIds, any: bool) -> Result<HashMap<SeriesId, IntervalSet>, StoreError> {
    if !any {
        return Ok(HashMap::new());
    }
    let derived: Vec<SeriesId> = ids.derived.iter().map(|(_, series)| *series).collect();
    let open = |rows: Vec<Coverage>| {
        rows.into_iter().filter(|row| row.state == CoverageState::Unjudged).map(|row| row.range).collect()
    };
    Ok(store.coverage(&derived).await?.into_iter().map(|(series, rows)| (series, open(rows))).collect())
}

/// What an answer proves of its base series.
async fn prove(
    store: &dyn Store,
    cal: &Calendar,
    answer: &FamilyAnswer,
    sorted: &Sorted,
    covered: Interval,
    ledger: &mut Ledger,
    evidence: &Evidence,
) -> Result<Proven, StoreError> {
    let ids = answer.ids.as_ref();
    let quarantined: Vec<Ts> = sorted.bad.iter().map(|(bar, _)| bar.ts).filter(|ts| covered.contains(*ts)).collect();
    let no_bar = sorted.good.is_empty() && sorted.bad.is_empty();
    if no_bar && store.newest_bars(ids.base_id, (..covered.start).into(), 1).await?.is_empty() {
        // No history to judge the silence by: it is believed for a while.
        let rows = evidence.coverage(covered, answer.verdict).into_iter().collect();
        return Ok(Proven { rows, ..Proven::default() });
    }
    let request_id = evidence.request_id.clone();
    let answer = Answer { ids, covered, bars: &sorted.good, quarantined, request_id, at: evidence.fetched_at };
    if sorted.good.is_empty() && !no_bar {
        return Ok(ledger.unbelievable(&answer));
    }
    ledger.prove(store, cal, &answer).await
}
