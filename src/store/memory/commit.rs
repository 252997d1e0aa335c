//! A page, taken whole or not at all: everything that can be refused is refused before anything changes.

use super::state::State;
use crate::tables::coverage;
use crate::tables::page;
use crate::{PageCommit, RequestRow, Result, SeriesWrite, WriteOutcome, diff};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_market::{Interval, Ts};
use barkeep_sql::feature_row;

/// [`crate::Store::commit_page`].
pub(super) fn commit(state: &mut State, page: &PageCommit) -> Result<Vec<WriteOutcome>> {
    check(state, page)?;
    let stale = stale(state, page);
    let whole = page;
    let page = &diff::without(whole, &stale.iter().flat_map(|place| diff::with_derived(whole, *place)).collect());
    let mut outcomes = Vec::with_capacity(page.writes.len());
    for (place, write) in page.writes.iter().enumerate() {
        let at = page::time_of(page, write);
        let outcome = state.tracked.write(write, at)?;
        outcomes.push(WriteOutcome { stale: u64::from(stale.contains(&place)), ..outcome });
    }
    if let Some(request) = &page.request {
        let changed = Some(page::changed(&outcomes));
        state.requests.record(RequestRow { changed, ..request.clone() });
    }
    state.executions.put_statuses(&page.statuses);
    let mut outcomes = vec![outcomes];
    let written = state.tracked.put_features(&page.features)?;
    diff::note_features(std::slice::from_ref(page), &mut outcomes, written);
    Ok(outcomes.pop().unwrap_or_default())
}

/// [`crate::Store::commit_pages`].
pub(super) fn commit_all(state: &mut State, pages: &[PageCommit]) -> Result<Vec<Vec<WriteOutcome>>> {
    for page in pages {
        check(state, page)?;
    }
    pages.iter().map(|page| commit(state, page)).collect()
}

/// What the databases find out by locks, checks and foreign keys.
fn check(state: &State, page: &PageCommit) -> Result<()> {
    state.tracked.check(page.writes.iter().map(|w| w.series))?;
    for write in &page.writes {
        diff::check(write)?;
        coverage::hull(&write.coverage)?;
    }
    page.features.iter().try_for_each(feature_row::check)?;
    state.tracked.check(page.features.iter().map(|w| w.series))?;
    state.executions.check_statuses(&page.statuses)
}

/// The places of writes that are older than what is stored.
fn stale(state: &State, page: &PageCommit) -> Vec<usize> {
    let Some(request) = &page.request else { return Vec::new() };
    let at = (request.started_at, SystemClock.now());
    let is_older = |write: &SeriesWrite| {
        let (Some(range), Some(series)) = (write.asked, state.tracked.of(write.series)) else { return false };
        let coverage: Vec<(Interval, Ts)> = series.coverage.iter().map(|row| (row.range, row.fetched_at)).collect();
        diff::is_older(write, at, &series.within(range.into(), None), &coverage)
    };
    page.writes.iter().enumerate().filter_map(|(place, write)| is_older(write).then_some(place)).collect()
}
