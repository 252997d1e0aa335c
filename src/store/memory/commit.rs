//! A page, taken whole or not at all: everything that can be refused is refused before anything changes.

use super::state::State;
use crate::tables::coverage;
use crate::tables::page;
use crate::{PageCommit, RequestRow, Result, WriteOutcome, diff};

/// [`crate::Store::commit_page`].
pub(super) fn commit(state: &mut State, page: &PageCommit) -> Result<Vec<WriteOutcome>> {
    check(state, page)?;
    let mut outcomes = Vec::with_capacity(page.writes.len());
    for write in &page.writes {
        let at = page::time_of(page, write);
        outcomes.push(state.tracked.write(write, at)?);
    }
    if let Some(request) = &page.request {
        let changed = Some(page::changed(&outcomes));
        state.requests.record(RequestRow { changed, ..request.clone() });
    }
    state.executions.put_statuses(&page.statuses);
    Ok(outcomes)
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
    state.executions.check_statuses(&page.statuses)
}
