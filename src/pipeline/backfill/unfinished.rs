//! Which series are not complete at the end of a run, and why.
//!
//! Coverage decides, not the run's own opinion: a series is complete when nothing before the settled end is missing, and
//! a range that is only assumed to be empty or refused counts as missing, with that reason.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::survey::beside;
use super::{Run, RunError};
use crate::index::coverage::{CoverageIndex, SeriesKey};
use crate::names::listing::clipped;
use barkeep_market::{AssetClass, Family, Source, Symbol, Ts};
use barkeep_plan::{Holes, Horizon, Needs};
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
        let (context, fetcher) = (Arc::clone(&self.context), Arc::clone(&self.fetcher));
        let (selection, newest_only) = (self.backfill.selection.clone(), self.backfill.newest_only);
        let [open, refused] = [false, true].map(|refused| self.why_open(refused));
        let worked_out = beside(move || {
            let calendar = &fetcher.engine.calendar;
            let wanted = context.wanted(&selection, &fetcher.engine);
            let (mut holes, mut needs) = (Holes::new(calendar), Needs::new(calendar, true));
            let mut horizons: HashMap<(Source, AssetClass, Family), Horizon> = HashMap::new();
            let mut unfinished = Unfinished::new();
            for target in context.targets.iter() {
                let states = coverage.proven(target).into_iter().zip(coverage.answered(target));
                for ((state, believed), before) in states.zip(context.coverage.families(target)) {
                    let mut range = wanted.range(&state, &starts)?;
                    if let Some(row) = rows.get(&state.symbol) {
                        range = clipped(range, row);
                    }
                    let (vendor, class, family) = (state.vendor, state.class, state.base.family());
                    let horizon = horizons.entry((vendor, class, family));
                    let horizon = *horizon.or_insert_with(|| fetcher.horizon(vendor, class, family));
                    if newest_only {
                        // Older gaps belong to the daily full check: this run neither requested them nor failed with them.
                        let requested = needs.add(before, range, horizon).gaps.hull();
                        range.start = range.start.max(requested.map_or(horizon.end, |gaps| gaps.start));
                    }
                    let reason = failed.get(&(state.symbol.clone(), family));
                    for tf in &state.requested {
                        let gaps = holes.count(&state, *tf, range, horizon);
                        if gaps > 0 || reason.is_some() {
                            let is_refused = holes.count(&believed, *tf, range, horizon) == 0;
                            let reason = reason.unwrap_or(if is_refused { &refused } else { &open }).clone();
                            unfinished.insert((state.symbol.clone(), *tf), (gaps, reason));
                        }
                    }
                }
            }
            Ok(unfinished)
        });
        Ok(worked_out.await?.unwrap_or_default())
    }

    fn why_open(&self, refused: bool) -> String {
        match refused {
            true => "not_entitled: the plan of this key does not include all of the range",
            false if self.fetcher.cancel.is_cancelled() => "cancelled before it was requested",
            false => "not requested by this run; the daily full check requests it",
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
