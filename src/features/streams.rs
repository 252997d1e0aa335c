//! Features that are written with their bars, in one transaction: of series that a run fills from nothing, page after page.
//!
//! Where one request brings all of a family its pages follow each other, and each is committed before the next is looked at.
//! So what a page's features need of the bars before it is known, and no bar is read back. A page that does not follow, bars
//! that may still change, and changes by somebody else end it for a series; the rest is left to [`crate::Refresh`].

use std::collections::{BTreeMap, BTreeSet};

use barkeep_base::timing::{self, Phase};
use barkeep_market::features::{State, bars_per_year, extend};
use barkeep_market::split::Split;
use barkeep_market::{AssetClass, Bar, Family, Interval, Symbol, Timeframe, Ts};
use barkeep_store::adjusted::Adjusting;
use barkeep_store::{FeatureRow, FeatureWrite, PageCommit, SeriesId, SeriesWrite, Store, StoreError};

use crate::splits::{basis, in_effect};

#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Families that one request brings.
    pub(crate) in_order: BTreeSet<(Symbol, Family)>,
    open: BTreeMap<SeriesId, Stream>,
    over: BTreeSet<SeriesId>,
    /// Series that have got features with their bars.
    written: BTreeSet<SeriesId>,
}

/// A series up to the last of its bars.
#[derive(Debug)]
pub(crate) struct Stream {
    timeframe: Timeframe,
    class: AssetClass,
    /// In effect, by date.
    splits: Vec<Split>,
    /// How often its bars were changed.
    changes: i64,
    state: Option<State>,
    /// The bars that belong to the state, in today's terms.
    before: Vec<Bar>,
    /// A kept state that the next one replaces.
    spent: Option<Ts>,
}

/// A series that a page writes.
#[derive(Clone, Debug)]
pub struct PageSeries {
    pub series: SeriesId,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub class: AssetClass,
}

impl Streams {
    /// The series that nothing is known of.
    pub(crate) fn unknown<'w>(&self, page: &'w [PageSeries], commit: &PageCommit) -> Vec<&'w PageSeries> {
        let has_bars = |id| commit.writes.iter().any(|write| write.series == id && !write.bars.is_empty());
        let is_new = |w: &&PageSeries| {
            !self.open.contains_key(&w.series)
                && !self.over.contains(&w.series)
                && self.in_order.contains(&(w.symbol.clone(), w.timeframe.family()))
                && has_bars(w.series)
        };
        page.iter().filter(is_new).collect()
    }

    pub(crate) fn begin(&mut self, series: SeriesId, stream: Option<Stream>) {
        match stream {
            Some(stream) => drop(self.open.insert(series, stream)),
            None => drop(self.over.insert(series)),
        }
    }

    /// A stream as it is before a page; it is put back by [`Self::begin`].
    pub(crate) fn take(&mut self, series: SeriesId) -> Option<Stream> {
        self.open.remove(&series)
    }

    /// What became of the features of a page.
    pub(crate) fn written(&mut self, series: SeriesId, any: bool, goes_on: bool) {
        if any {
            self.written.insert(series);
        }
        if !goes_on {
            self.end(series);
        }
    }

    /// Forgets a series that is complete; says whether it has got features with its bars.
    pub(crate) fn close(&mut self, series: SeriesId) -> bool {
        self.open.remove(&series);
        self.written.remove(&series)
    }

    pub(crate) fn end(&mut self, series: SeriesId) {
        if self.open.remove(&series).is_some() {
            self.over.insert(series);
        }
    }
}

/// The streams of series that hold nothing yet; `None` of the others.
pub(crate) async fn open(
    store: &dyn Store,
    unknown: &[&PageSeries],
    at: Ts,
) -> Result<Vec<(SeriesId, Option<Stream>)>, StoreError> {
    let ids: Vec<SeriesId> = unknown.iter().map(|w| w.series).collect();
    let progress = store.feature_progress(&ids).await?;
    let mut splits: BTreeMap<&Symbol, Vec<Split>> = BTreeMap::new();
    let mut all = Vec::with_capacity(ids.len());
    for one in unknown {
        let is_empty = progress
            .iter()
            .any(|p| p.series.id == one.series && p.changes == 0 && p.series.bar_count == 0 && p.splits.is_empty());
        if !splits.contains_key(&one.symbol) {
            splits.insert(&one.symbol, store.splits(&one.symbol).await?);
        }
        let splits = splits.get(&one.symbol).map(Vec::as_slice).unwrap_or_default();
        let splits = in_effect(one.class, splits, one.class.date_of(at));
        // A week with a split inside is made of its days, which the same page brings.
        let is_plain = one.timeframe != Timeframe::W1 || splits.is_empty();
        let stream = (is_empty && is_plain).then(|| Stream {
            timeframe: one.timeframe,
            class: one.class,
            splits,
            changes: 0,
            state: None,
            before: Vec::new(),
            spent: None,
        });
        all.push((one.series, stream));
    }
    Ok(all)
}

impl Stream {
    /// The features of a page, and the stream behind it. `None` where they cannot be computed, and no stream where it
    /// cannot go on.
    pub(crate) async fn follow(
        mut self,
        store: &dyn Store,
        write: &SeriesWrite,
        at: Ts,
    ) -> Result<Option<(FeatureWrite, Option<Self>)>, StoreError> {
        let follows = |first: &Bar| self.state.is_none_or(|state| first.ts > state.through);
        let Some(first) = write.bars.first().map(|stored| stored.bar).filter(follows) else { return Ok(None) };
        let settled = write.bars.iter().take_while(|stored| !stored.provisional).count();
        // No feature looks at the open, and the bars that are read back have none.
        let bare = |b: &Bar| Bar { open: b.close, vwap: None, trades: None, ..*b };
        let mut bars: Vec<Bar> = write.bars.iter().map(|stored| bare(&stored.bar)).collect();
        let adjusting = Adjusting { class: self.class, timeframe: self.timeframe, daily: None, splits: &self.splits };
        adjusting.adjust(store, &mut bars.iter_mut().collect::<Vec<_>>(), self.class.date_of(at)).await?;
        let per_year = bars_per_year(self.class, self.timeframe);
        let computed =
            timing::measured(Phase::Features, || extend(self.state.as_ref(), &self.before, &bars, settled, per_year));
        // The reason is told by whoever computes all of it.
        let Ok(stretch) = computed else { return Ok(None) };
        let rows = bars.iter().zip(stretch.rows).map(|(bar, features)| FeatureRow { ts: bar.ts, features }).collect();
        self.changes += 1;
        let features = FeatureWrite {
            series: write.series,
            changes: self.changes,
            replaces: Interval::since(first.ts),
            rows,
            spent: if stretch.keep.is_empty() { None } else { self.spent.take() },
            states: stretch.keep,
            stale_from: None,
            splits: basis(&self.splits),
            computed_at: at,
        };
        if settled < bars.len() {
            return Ok(Some((features, None)));
        }
        self.spent = features.states.last().filter(|state| !state.is_spaced()).map(|state| state.through);
        self.state = stretch.end;
        self.before.append(&mut bars);
        let context = self.state.map_or(0, |state| state.context());
        self.before.drain(..self.before.len() - context.min(self.before.len()));
        Ok(Some((features, Some(self))))
    }
}

#[cfg(test)]
mod tests;
