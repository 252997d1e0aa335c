//! Bars of the run that were just written, so that features are computed without reading them back.
//!
//! What follows in order is computed at once ([`crate::streams`]). The rest is kept for when it is complete: only
//! of series that this run has filled from nothing, and only while every bar of theirs passed through here: the count
//! of changes that the store keeps of a series says so. Of anything else nothing is handed out, and the bars are read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use barkeep_market::{Family, Interval, Symbol, Ts};
use barkeep_store::{
    FeatureBar, FeatureProgress, PageCommit, SeriesId, SeriesWrite, Store, StoreError, TimeRange, WriteOutcome,
};

use crate::streams::{self, PageSeries, Streams};

/// Bars kept, 12 MB of them. With more, those that came first are read when their time comes.
const MOST_BARS: usize = 250_000;

/// What was written lately.
#[derive(Debug)]
pub struct Recent {
    kept: Mutex<Kept>,
    streams: Mutex<Streams>,
    /// Bars that may be held.
    most: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self { kept: Mutex::default(), streams: Mutex::default(), most: MOST_BARS }
    }
}

#[derive(Debug, Default)]
struct Kept {
    series: BTreeMap<SeriesId, Vec<Stretch>>,
    /// Series of which something else is known, or that were handed out.
    over: BTreeSet<SeriesId>,
    /// Stretches that hold their bars, in the order they came.
    held: VecDeque<(SeriesId, Ts)>,
    bars: usize,
}

/// Bars that were written together.
#[derive(Debug)]
struct Stretch {
    range: Interval,
    count: usize,
    /// Empty where memory was needed.
    bars: Vec<FeatureBar>,
}

impl Recent {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Families of which one request brings all that is missing, so that their pages come in order.
    pub fn expect_in_order(&self, families: BTreeSet<(Symbol, Family)>) {
        self.streams().in_order = families;
    }

    /// Adds to a page the features of its bars, where those before them are known. No other page of these series may be
    /// between here and the database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn add_features(
        &self,
        store: &dyn Store,
        series: &[PageSeries],
        commit: &mut PageCommit,
        at: Ts,
    ) -> Result<(), StoreError> {
        let unknown = self.streams().unknown(series, commit);
        if !unknown.is_empty() {
            let streams = streams::open(store, &unknown, at).await?;
            let mut all = self.streams();
            for (series, stream) in streams {
                all.begin(series, stream);
            }
        }
        for write in commit.writes.iter().filter(|write| !write.bars.is_empty()) {
            let Some(stream) = self.streams().take(write.series) else { continue };
            let (features, stream) = stream.follow(store, write, at).await?.unzip();
            self.streams().begin(write.series, stream.flatten());
            commit.features.extend(features);
        }
        Ok(())
    }

    /// Notes what a write has done.
    pub fn note(&self, write: &SeriesWrite, outcome: &WriteOutcome) {
        if let Some(features) = outcome.features {
            let all_new = outcome.inserted == write.bars.len() as u64 && outcome.removed == 0;
            self.streams().written(write.series, features.written > 0, all_new && !features.superseded);
            return;
        }
        if outcome.removed > 0 {
            self.streams().end(write.series);
        }
        let (Some(first), Some(last)) = (write.bars.first(), write.bars.last()) else {
            if outcome.removed > 0 {
                self.kept().forget(write.series);
            }
            return;
        };
        let count = write.bars.len();
        let all_new = outcome.inserted == count as u64 && outcome.removed == 0;
        let mut kept = self.kept();
        if !all_new {
            kept.forget(write.series);
        }
        if kept.over.contains(&write.series) {
            return;
        }
        let bars = write.bars.iter().map(|stored| FeatureBar {
            ts: stored.bar.ts,
            high: stored.bar.high,
            low: stored.bar.low,
            close: stored.bar.close,
            volume: stored.bar.volume,
            provisional: stored.provisional,
        });
        let range = Interval::new(first.bar.ts, last.bar.ts + 1);
        let stretch = Stretch { range, count, bars: bars.collect() };
        kept.series.entry(write.series).or_default().push(stretch);
        kept.held.push_back((write.series, range.start));
        kept.bars += count;
        kept.make_room(self.most);
    }

    /// No page of a series comes any more in this round. Says whether some have brought their features.
    pub(crate) fn close(&self, series: SeriesId) -> bool {
        self.streams().close(series)
    }

    /// All bars of a series, if they are known here. They are handed out once.
    pub(crate) fn take(&self, progress: &FeatureProgress) -> Option<Bars> {
        let mut kept = self.kept();
        let mut stretches = kept.forget(progress.series.id)?;
        drop(kept);
        let changes = i64::try_from(stretches.len()).ok()?;
        let count = stretches.iter().map(|stretch| stretch.count).sum::<usize>();
        let complete = changes == progress.changes && i64::try_from(count).ok()? == progress.series.bar_count;
        stretches.sort_by_key(|stretch| stretch.range.start);
        let in_order = stretches.is_sorted_by(|a, b| a.range.end <= b.range.start);
        (complete && in_order).then(|| Bars(stretches.into()))
    }
}

impl Kept {
    /// Keeps nothing of a series from now on.
    fn forget(&mut self, series: SeriesId) -> Option<Vec<Stretch>> {
        self.over.insert(series);
        let stretches = self.series.remove(&series)?;
        self.bars -= stretches.iter().map(|stretch| stretch.bars.len()).sum::<usize>();
        self.held.retain(|(id, _)| *id != series);
        Some(stretches)
    }

    fn make_room(&mut self, most: usize) {
        while self.bars > most {
            let Some((series, start)) = self.held.pop_front() else { return };
            let stretches = self.series.get_mut(&series).into_iter().flatten();
            for stretch in stretches.filter(|stretch| stretch.range.start == start) {
                self.bars -= std::mem::take(&mut stretch.bars).len();
            }
        }
    }
}

/// The bars of one series, ascending.
#[derive(Debug)]
pub(crate) struct Bars(VecDeque<Stretch>);

impl Bars {
    /// The next `count` bars, fewer at the end. Those that are not held any more are read.
    pub(crate) async fn next(
        &mut self,
        store: &dyn Store,
        series: SeriesId,
        count: usize,
    ) -> Result<Vec<FeatureBar>, StoreError> {
        let mut all = Vec::with_capacity(count);
        while let Some(stretch) = self.0.front_mut().filter(|_| all.len() < count) {
            let wanted = count - all.len();
            if stretch.bars.is_empty() {
                let rest = TimeRange { from: Some(stretch.range.start), until: Some(stretch.range.end) };
                let read = store.feature_bars(series, rest, wanted).await?;
                match read.last().filter(|_| read.len() == wanted) {
                    Some(last) => stretch.range.start = last.ts + 1,
                    None => drop(self.0.pop_front()),
                }
                all.extend(read);
            } else {
                all.extend(stretch.bars.drain(..wanted.min(stretch.bars.len())));
                if stretch.bars.is_empty() {
                    self.0.pop_front();
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
