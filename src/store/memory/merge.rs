//! Two symbols that are one.

use super::series::Revision;
use super::tracked::Tracked;
use crate::tables::coverage;
use crate::tables::symbols::{self, merge};
use crate::{MergedSeries, Result, SeriesWrite};
use barkeep_market::{Symbol, Ts};

impl Tracked {
    /// As [`crate::Store::merge_symbol`]; the double itself is removed by the caller.
    pub(super) fn merge(&mut self, double: &Symbol, kept: &Symbol, apply: bool, at: Ts) -> Result<Vec<MergedSeries>> {
        let rows = self.symbols();
        let row = |symbol: &Symbol| rows.iter().find(|r| r.symbol == *symbol).ok_or_else(|| symbols::untracked(symbol));
        merge::check(row(double)?, row(kept)?)?;
        if apply {
            self.put(&[merge::united(row(double)?, row(kept)?)]);
        }
        let mut merged = Vec::new();
        for from in self.series().into_iter().filter(|s| s.symbol == *double) {
            let timeframe = from.timeframe;
            let into = self.series().into_iter().find(|s| s.symbol == *kept && s.timeframe == timeframe);
            let (Some(into), Some(theirs)) = (into, self.of(from.id)) else {
                merged.push(MergedSeries { timeframe, moved: from.bar_count, equal: 0, differing: 0 });
                continue;
            };
            let bars = theirs.within((..).into(), None);
            let (covered, revisions, quarantine) =
                (theirs.coverage.clone(), theirs.revisions.clone(), theirs.quarantine.clone());
            let stored = self.of(into.id).map(|s| s.within((..).into(), None)).unwrap_or_default();
            let other = |bar: &&crate::StoredBar| {
                let at = stored.binary_search_by_key(&bar.bar.ts, |s| s.bar.ts).ok().and_then(|k| stored.get(k));
                at.is_some_and(|s| !s.bar.same_values(&bar.bar))
            };
            let superseded: Vec<_> = bars.iter().filter(other).cloned().collect();
            let all = bars.len();
            let bars = merge::missing(bars, &stored);
            let (moved, differing) = (bars.len() as i64, superseded.len() as i64);
            merged.push(MergedSeries { timeframe, moved, equal: all as i64 - moved - differing, differing });
            if !apply {
                continue;
            }
            let Some(kept) = self.series_mut(into.id) else { continue };
            let coverage = coverage::laid(covered, &kept.coverage);
            let write = SeriesWrite { bars, coverage, checked_at: from.checked_at, ..SeriesWrite::nothing(into.id) };
            kept.writes += 1;
            kept.write(&write, at, "changed");
            let series = into.id;
            let revised = |bar| Revision { series, bar, superseded_at: at, reason: "changed" };
            kept.revisions.extend(superseded.into_iter().map(revised));
            kept.revisions.extend(revisions.into_iter().map(|revision| Revision { series, ..revision }));
            kept.adopt(quarantine);
        }
        Ok(merged)
    }
}
