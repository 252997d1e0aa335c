//! Which series are not complete at the end of a run, and why.
//!
//! Coverage decides, not the run's own opinion: a series is complete when nothing before the settled end is missing, and
//! a range that is only assumed to be empty or refused counts as missing, with that reason.

use std::collections::BTreeMap;

use super::{Run, RunError};
use crate::index::coverage::{CoverageIndex, SeriesKey};
use crate::names::listing::clipped;
use barkeep_market::{Symbol, Ts};
use barkeep_plan::Need;
use barkeep_store::SymbolRow;

/// Gaps left and the reason, by series.
pub(super) type Unfinished = BTreeMap<SeriesKey, (usize, String)>;

impl Run<'_> {
    /// Series with holes left before the settled end, or whose family failed.
    pub(super) async fn unfinished(&self, now: Ts) -> Result<Unfinished, RunError> {
        let engine = self.engine();
        let coverage = CoverageIndex::read(engine.store.as_ref(), &self.context.targets, now).await?;
        // A name that was found to have ended in this run has nothing after its end.
        let rows: BTreeMap<Symbol, SymbolRow> =
            engine.store.symbols().await?.into_iter().map(|row| (row.symbol.clone(), row)).collect();
        let failed = self.failed().clone();
        let starts = self.fetcher.plan_starts();
        let mut unfinished = Unfinished::new();
        let proven = self.context.targets.iter().flat_map(|target| coverage.proven(target));
        let believed = self.context.targets.iter().flat_map(|target| coverage.answered(target));
        let before = self.context.targets.iter().flat_map(|target| self.context.coverage.families(target));
        for ((state, believed), before) in proven.zip(believed).zip(before) {
            let mut range = self.wanted().range(&state, &starts)?;
            if let Some(row) = rows.get(&state.symbol) {
                range = clipped(range, row);
            }
            let horizon = self.fetcher.horizon(state.vendor, state.class, state.base.family());
            if self.backfill.newest_only {
                // Older gaps belong to the daily full check: this run neither requested them nor failed with them.
                let requested = Need::of(&engine.calendar, before, range, horizon).newest(&engine.calendar).gaps.hull();
                range.start = range.start.max(requested.map_or(horizon.end, |gaps| gaps.start));
            }
            let reason = failed.get(&(state.symbol.clone(), state.base.family()));
            for tf in &state.requested {
                let gaps = Need::open_gaps(&engine.calendar, &state, *tf, range, horizon);
                if gaps > 0 || reason.is_some() {
                    let refused = Need::open_gaps(&engine.calendar, &believed, *tf, range, horizon) == 0;
                    let reason = reason.cloned().unwrap_or_else(|| self.why_open(refused));
                    unfinished.insert((state.symbol.clone(), *tf), (gaps, reason));
                }
            }
        }
        Ok(unfinished)
    }

    fn why_open(&self, refused: bool) -> String {
        match refused {
            true => "not_entitled: the plan of this key does not include all of the range",
            false if self.fetcher.cancel.is_cancelled() => "cancelled before it was requested",
            false => "not requested by this run; the daily full check does",
        }
        .to_owned()
    }
}

pub(super) fn describe(gaps: usize, reason: &str) -> String {
    match gaps {
        0 => reason.to_owned(),
        1 => format!("1 gap left: {reason}"),
        n => format!("{n} gaps left: {reason}"),
    }
}
