//! Tracked symbols and everything that goes with them when they are removed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::series::{Revision, Series};
use crate::tables::quarantine;
use crate::tables::symbols;
use crate::{
    Coverage, CoverageState, Evidence, FeatureOutcome, FeatureProgress, FeatureWrite, Listing, QuarantineRow, Result,
    SeriesId, SeriesRow, SeriesWrite, StoredBar, SymbolRow, Verdict, WriteOutcome, diff, series,
};
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_sql::feature_row;

#[derive(Debug, Default)]
pub(super) struct Tracked {
    symbols: BTreeMap<Symbol, SymbolRow>,
    ids: BTreeMap<(Symbol, Timeframe), SeriesId>,
    series: BTreeMap<SeriesId, Series>,
    /// The newest key of a series; none is given twice.
    last_series: i64,
    last_quarantined: i64,
}

impl Tracked {
    /// By name.
    pub(super) fn symbols(&self) -> Vec<SymbolRow> {
        self.symbols.values().cloned().collect()
    }

    /// By symbol, fine to coarse.
    pub(super) fn series(&self) -> Vec<SeriesRow> {
        self.ids.values().filter_map(|id| self.of(*id)).map(Series::row).collect()
    }

    pub(super) fn of(&self, id: SeriesId) -> Option<&Series> {
        self.series.get(&id)
    }

    pub(super) fn series_mut(&mut self, id: SeriesId) -> Option<&mut Series> {
        self.series.get_mut(&id)
    }

    pub(super) fn note_listing(&mut self, symbol: &Symbol, listing: &Listing) -> Result<()> {
        let row = self.symbols.get_mut(symbol).ok_or_else(|| symbols::untracked(symbol))?;
        row.listing.clone_from(listing);
        Ok(())
    }

    /// Refuses series that do not exist.
    pub(super) fn check(&self, named: impl IntoIterator<Item = SeriesId>) -> Result<()> {
        let named: BTreeSet<SeriesId> = named.into_iter().collect();
        let gone = named.into_iter().find(|id| self.of(*id).is_none());
        gone.map_or(Ok(()), |id| Err(series::removed(id)))
    }

    /// Series without coverage are absent.
    pub(super) fn evidence(&self, now: Ts) -> Vec<Evidence> {
        self.series.values().filter_map(|s| s.evidence(now)).collect()
    }

    /// By symbol, fine to coarse.
    pub(super) fn progress(
        &self,
        of: &[SeriesId],
        is_failing: impl Fn(&Symbol, Timeframe) -> bool,
    ) -> Vec<FeatureProgress> {
        let wanted = |(_, id): &(&(Symbol, Timeframe), &SeriesId)| of.contains(id);
        let one = |((symbol, timeframe), id): (&(Symbol, Timeframe), &SeriesId)| {
            let series = self.of(*id)?;
            Some(series.features.progress(series.row(), is_failing(symbol, *timeframe)))
        };
        self.ids.iter().filter(wanted).filter_map(one).collect()
    }

    /// All of it or nothing.
    pub(super) fn put_features(&mut self, writes: &[FeatureWrite]) -> Result<Vec<FeatureOutcome>> {
        writes.iter().try_for_each(feature_row::check)?;
        self.check(writes.iter().map(|w| w.series))?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let series = self.series.get_mut(&write.series).ok_or_else(|| series::removed(write.series))?;
            series.writes += 1;
            outcomes.push(series.features.put(write));
        }
        Ok(outcomes)
    }

    pub(super) fn without_features(&self) -> Vec<SeriesId> {
        let lacks = |series: &&Series| series.row().bar_count > 0 && series.features.count() == 0;
        self.series.values().filter(lacks).map(|series| series.row().id).collect()
    }

    /// Notes that what all series of a symbol show has changed.
    pub(super) fn mark(&mut self, symbol: &Symbol) {
        let of_symbol = self.ids.iter().filter(|((of, _), _)| of == symbol);
        for (_, id) in of_symbol {
            if let Some(series) = self.series.get_mut(id) {
                series.writes += 1;
            }
        }
    }

    /// Stock for a symbol that is not tracked.
    pub(super) fn class(&self, symbol: &Symbol) -> AssetClass {
        self.symbols.get(symbol).map_or(AssetClass::Stock, |row| row.asset_class)
    }

    /// Start and close of the last bar that began before an instant, of the days of a symbol, else of its finest series.
    pub(super) fn close_before(&self, symbol: &Symbol, t: Ts) -> Option<(Ts, f64)> {
        let all = [Timeframe::D1].into_iter().chain(Timeframe::ALL);
        let has_bars = |tf| self.of(*self.ids.get(&(symbol.clone(), tf))?).filter(|s| s.row().bar_count > 0);
        let bar = all.filter(|tf| *tf != Timeframe::W1).find_map(has_bars)?.newest((..t).into(), 1).pop()?;
        Some((bar.bar.ts, bar.bar.close))
    }

    /// Largest turnover first.
    pub(super) fn busiest(&self, count: usize) -> Vec<Symbol> {
        let mut all: Vec<(f64, &Symbol)> = Vec::new();
        for symbol in self.symbols.keys() {
            let newest = |tf| self.of(*self.ids.get(&(symbol.clone(), tf))?)?.newest((..).into(), 1).pop();
            let bar = [Timeframe::D1, Timeframe::H1].into_iter().find_map(newest);
            all.extend(bar.map(|b| (b.bar.volume * b.bar.close, symbol)));
        }
        all.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
        all.into_iter().take(count).map(|(_, symbol)| symbol.clone()).collect()
    }

    pub(super) fn revisions(&self) -> Vec<Revision> {
        self.series.values().flat_map(|s| s.revisions.iter().cloned()).collect()
    }

    pub(super) fn put(&mut self, rows: &[SymbolRow]) {
        for row in rows {
            let mut timeframes = row.timeframes.clone();
            timeframes.sort_unstable();
            timeframes.dedup();
            for timeframe in &timeframes {
                self.ids.entry((row.symbol.clone(), *timeframe)).or_insert_with(|| {
                    self.last_series += 1;
                    let id = SeriesId(self.last_series);
                    self.series.insert(id, Series::new(id, row.symbol.clone(), *timeframe));
                    id
                });
            }
            self.symbols.insert(row.symbol.clone(), SymbolRow { timeframes, ..row.clone() });
        }
    }

    /// By series and start.
    pub(super) fn doubtful(&self) -> Vec<(SeriesId, Coverage)> {
        let sure = |state| {
            matches!(
                state,
                CoverageState::Present | CoverageState::Quiet | CoverageState::Empty | CoverageState::NotEntitled
            )
        };
        let doubted = |c: &&Coverage| c.state != CoverageState::Unjudged || c.surprise.is_none();
        let of = |(id, series): (&SeriesId, &Series)| {
            series
                .coverage
                .iter()
                .filter(|c| !sure(c.state))
                .filter(doubted)
                .map(|c| (*id, c.clone()))
                .collect::<Vec<_>>()
        };
        self.series.iter().flat_map(of).collect()
    }

    pub(super) fn without_profile(&self) -> Vec<SeriesId> {
        let unreviewed = |series: &Series| {
            series.profile.is_empty() && series.coverage.iter().any(|c| c.state == CoverageState::Present)
        };
        self.series.iter().filter(|(_, series)| unreviewed(series)).map(|(id, _)| *id).collect()
    }

    pub(super) fn note_verified(&mut self, series: &[SeriesId], at: Ts) {
        for id in series {
            if let Some(series) = self.series.get_mut(id) {
                series.verified_at = Some(at);
            }
        }
    }

    /// All of them or none.
    pub(super) fn set_paused(&mut self, series: &[(Symbol, Timeframe)], paused: bool) -> Result<()> {
        let unkept = |(symbol, timeframe): &(Symbol, Timeframe)| symbols::unkept(symbol, *timeframe);
        let ids: Vec<SeriesId> =
            series.iter().map(|key| self.ids.get(key).copied().ok_or_else(|| unkept(key))).collect::<Result<_>>()?;
        for id in ids {
            if let Some(series) = self.series.get_mut(&id) {
                series.paused = paused;
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, symbol: &Symbol) -> Result<()> {
        self.symbols.remove(symbol).ok_or_else(|| symbols::untracked(symbol))?;
        self.ids.retain(|(of, _), id| {
            if of == symbol {
                self.series.remove(id);
            }
            of != symbol
        });
        Ok(())
    }

    /// Takes a write that was checked.
    pub(super) fn write(&mut self, write: &SeriesWrite, at: Ts) -> Result<WriteOutcome> {
        let series = self.series.get_mut(&write.series).ok_or_else(|| series::removed(write.series))?;
        series.writes += 1;
        let mut outcome = series.write(write, at, "changed");
        for odd in &write.quarantine {
            if series.note(odd, self.last_quarantined + 1, at) {
                self.last_quarantined += 1;
                outcome.quarantined += 1;
            }
        }
        Ok(outcome)
    }

    /// Newest first.
    pub(super) fn quarantine(&self, only_pending: bool) -> Vec<QuarantineRow> {
        let all = self.series.values().flat_map(|s| &s.quarantine);
        let mut rows: Vec<QuarantineRow> =
            all.filter(|row| !only_pending || row.status == Verdict::Pending).cloned().collect();
        rows.sort_by_key(|row| Reverse((row.detected_at, row.id)));
        rows
    }

    pub(super) fn close_quarantine(&mut self, ids: &[i64], verdict: Verdict, at: Ts) -> Result<()> {
        quarantine::check_closing(verdict)?;
        let rows = self.series.iter_mut().flat_map(|(_, series)| &mut series.quarantine);
        for row in rows.filter(|row| row.status == Verdict::Pending && ids.contains(&row.id)) {
            row.status = verdict;
            row.decided_at = Some(at);
        }
        Ok(())
    }

    pub(super) fn decide(&mut self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()> {
        quarantine::check(verdict, accepted.as_ref())?;
        if verdict == Verdict::Pending {
            return self.undo(id, at);
        }
        let waits = |row: &QuarantineRow| row.id == id && row.status == Verdict::Pending;
        let holder = self.series.iter_mut().find(|(_, s)| s.quarantine.iter().any(waits));
        let (series_id, series) = holder.ok_or_else(|| quarantine::not_pending(id))?;
        if let Some(bar) = accepted {
            let write = quarantine::accepting(*series_id, bar);
            diff::check(&write)?;
            series.writes += 1;
            series.write(&write, at, quarantine::ACCEPTED);
        }
        for row in series.quarantine.iter_mut().filter(|row| row.id == id) {
            row.status = verdict;
            row.decided_at = Some(at);
        }
        Ok(())
    }

    fn undo(&mut self, id: i64, at: Ts) -> Result<()> {
        let decided = |row: &QuarantineRow| row.id == id && row.status != Verdict::Pending;
        let holder = self.series.values_mut().find(|s| s.quarantine.iter().any(decided));
        let series = holder.ok_or_else(|| quarantine::not_decided(id))?;
        series.writes += 1;
        series.undo(id, at);
        Ok(())
    }
}
