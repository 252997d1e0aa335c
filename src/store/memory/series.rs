//! One series: its bars, what they were before, what is covered, what is in quarantine, and its features.

use std::collections::{BTreeMap, BTreeSet};

use super::features::SeriesFeatures;
use crate::tables::coverage;
use crate::tables::quarantine;
use crate::{
    Coverage, CoverageState, Evidence, QuarantineRow, QuarantinedBar, SeriesId, SeriesRow, SeriesWrite, StoredBar,
    TimeRange, Verdict, WriteOutcome, diff,
};
use barkeep_market::evidence::Part;
use barkeep_market::{Bar, Interval, Symbol, Timeframe, Ts};

/// A bar as it was before the vendor changed it or took it back, or an operator replaced it.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    pub series: SeriesId,
    pub bar: StoredBar,
    pub superseded_at: Ts,
    /// `changed`, `removed`, `accepted` or `undone`.
    pub reason: &'static str,
}

#[derive(Debug)]
pub(super) struct Series {
    id: SeriesId,
    symbol: Symbol,
    timeframe: Timeframe,
    bars: BTreeMap<Ts, StoredBar>,
    checked_at: Option<Ts>,
    pub(super) paused: bool,
    pub(super) revisions: Vec<Revision>,
    /// In order of start, never overlapping.
    pub(super) coverage: Vec<Coverage>,
    pub(super) profile: BTreeMap<Part, String>,
    pub(super) verified_at: Option<Ts>,
    pub(super) quarantine: Vec<QuarantineRow>,
    pub(super) features: SeriesFeatures,
    /// Grows with every write.
    pub(super) writes: i64,
    /// Time, reason and fingerprint of every bar ever put in quarantine.
    noted: BTreeSet<(Ts, String, String)>,
}

impl Series {
    pub(super) fn new(id: SeriesId, symbol: Symbol, timeframe: Timeframe) -> Self {
        Self {
            id,
            symbol,
            timeframe,
            bars: BTreeMap::new(),
            checked_at: None,
            paused: false,
            revisions: Vec::new(),
            coverage: Vec::new(),
            profile: BTreeMap::new(),
            verified_at: None,
            quarantine: Vec::new(),
            features: SeriesFeatures::default(),
            writes: 0,
            noted: BTreeSet::new(),
        }
    }

    pub(super) fn row(&self) -> SeriesRow {
        SeriesRow {
            id: self.id,
            symbol: self.symbol.clone(),
            timeframe: self.timeframe,
            bar_count: self.bars.len() as i64,
            first_ts: self.bars.keys().next().copied(),
            last_ts: self.bars.keys().next_back().copied(),
            checked_at: self.checked_at,
            verified_at: self.verified_at,
            paused: self.paused,
        }
    }

    /// The first bars that start in `range`, ascending.
    pub(super) fn within(&self, range: TimeRange, limit: Option<usize>) -> Vec<StoredBar> {
        let found = self.range(range);
        match limit {
            Some(limit) => found.take(limit).cloned().collect(),
            None => found.cloned().collect(),
        }
    }

    /// The last bars that start in `range`, ascending.
    pub(super) fn newest(&self, range: TimeRange, count: usize) -> Vec<StoredBar> {
        let mut bars: Vec<StoredBar> = self.range(range).rev().take(count).cloned().collect();
        bars.reverse();
        bars
    }

    fn range(&self, range: TimeRange) -> impl DoubleEndedIterator<Item = &StoredBar> {
        let Interval { start, end } = range.closed();
        self.bars.range(start..end.max(start)).map(|(_, bar)| bar)
    }

    /// Takes a write that was checked; the quarantine is the caller's, who numbers its rows.
    pub(super) fn write(&mut self, write: &SeriesWrite, at: Ts, reason: &'static str) -> WriteOutcome {
        let change = diff::diff(&self.within(diff::touched(write).into(), None), write, reason);
        let first_changed = change.first_changed();
        let series = self.id;
        let superseded = change.superseded.into_iter();
        self.revisions.extend(superseded.map(|(bar, reason)| Revision { series, bar, superseded_at: at, reason }));
        for ts in &change.removed {
            self.bars.remove(ts);
        }
        let inserted = change.insert.into_iter().cloned();
        self.bars.extend(inserted.chain(change.replace).map(|bar| (bar.bar.ts, bar)));
        for (ts, score, notes) in &write.rescored {
            if let Some(bar) = self.bars.get_mut(ts) {
                bar.quality_score = *score;
                bar.quality_notes.clone_from(notes);
            }
        }
        if let Some(first) = first_changed {
            self.features.mark(first);
        }
        self.coverage = coverage::laid(std::mem::take(&mut self.coverage), &write.coverage);
        self.profile.extend(write.profile.iter().cloned());
        self.checked_at = self.checked_at.max(write.checked_at);
        change.outcome
    }

    /// Takes the decision about a quarantined bar back; see the databases.
    pub(super) fn undo(&mut self, id: i64, at: Ts) {
        let Some(row) = self.quarantine.iter_mut().find(|row| row.id == id) else { return };
        let (was, decided_at) = (std::mem::replace(&mut row.status, Verdict::Pending), row.decided_at.take());
        let bar = row.bar;
        let stored = self.bars.get(&bar.ts).filter(|stored| stored.bar.same_values(&bar)).cloned();
        let Some(stored) = stored.filter(|_| was == Verdict::Accepted) else { return };
        let replaced = |r: &&Revision| {
            r.bar.bar.ts == bar.ts && r.reason == quarantine::ACCEPTED && Some(r.superseded_at) == decided_at
        };
        if let Some(before) = self.revisions.iter().rev().find(replaced).map(|r| r.bar.clone()) {
            let before = StoredBar { quality_score: 1.0, quality_notes: None, ..before };
            self.write(&quarantine::accepting(self.id, before), at, quarantine::UNDONE);
        } else {
            self.bars.remove(&bar.ts);
            self.features.mark(bar.ts);
            let (series, reason) = (self.id, quarantine::UNDONE);
            self.revisions.push(Revision { series, bar: stored, superseded_at: at, reason });
        }
    }

    /// What the vendor has answered for at the newest end, unless it was never asked.
    pub(super) fn evidence(&self, now: Ts) -> Option<Evidence> {
        let refuses = |c: &&Coverage| c.state == CoverageState::NotEntitled;
        let proves = |c: &&Coverage| {
            c.state.is_answered() && !c.state.is_hole() && (c.state != CoverageState::Unjudged || c.surprise.is_some())
        };
        let believed = |c: &&Coverage| c.range.contains(now) && c.expires_at.is_none_or(|end| end > now);
        (!self.coverage.is_empty()).then(|| Evidence {
            series: self.id,
            answered_until: self.coverage.iter().filter(proves).map(|c| c.range.end).max(),
            refused: self.coverage.iter().filter(refuses).find(believed).map(|c| c.range),
            late_from: self.coverage.iter().filter(|c| c.state == CoverageState::Late).map(|c| c.range.start).min(),
        })
    }

    /// Times of bars in quarantine that nobody accepted, ascending.
    pub(super) fn quarantined_since(&self, since: Ts) -> Vec<Ts> {
        let counts = |row: &&QuarantineRow| row.bar.ts >= since && row.status != Verdict::Accepted;
        let mut times: Vec<Ts> = self.quarantine.iter().filter(counts).map(|row| row.bar.ts).collect();
        times.sort_unstable();
        times
    }

    /// Notes a bar that cannot be true, unless the same one was noted before; says whether it is new.
    pub(super) fn note(&mut self, odd: &QuarantinedBar, id: i64, at: Ts) -> bool {
        let bar = kept(&odd.bar);
        let new = self.noted.insert((bar.ts, odd.reason.clone(), quarantine::fingerprint(&odd.bar)));
        if new {
            self.quarantine.push(QuarantineRow {
                id,
                series_id: self.id,
                symbol: self.symbol.clone(),
                timeframe: self.timeframe,
                bar,
                reason: odd.reason.clone(),
                request_id: odd.request_id.clone(),
                detected_at: at,
                status: Verdict::Pending,
                decided_at: None,
            });
        }
        new
    }

    /// Takes over the quarantine of another series, but for bars that were noted here.
    pub(super) fn adopt(&mut self, rows: Vec<QuarantineRow>) {
        for row in rows {
            let noted = (row.bar.ts, row.reason.clone(), quarantine::fingerprint(&row.bar));
            if self.noted.insert(noted) {
                self.quarantine.push(QuarantineRow { series_id: self.id, symbol: self.symbol.clone(), ..row });
            }
        }
    }
}

/// The bar as the databases keep it: what is no number is NULL and reads as NaN, a `vwap` as absent.
fn kept(bar: &Bar) -> Bar {
    let number = |v: f64| if v.is_finite() { v } else { f64::NAN };
    Bar {
        ts: bar.ts.clamp(Ts::MIN, Ts::MAX),
        open: number(bar.open),
        high: number(bar.high),
        low: number(bar.low),
        close: number(bar.close),
        volume: number(bar.volume),
        vwap: bar.vwap.filter(|v| v.is_finite()),
        trades: bar.trades,
    }
}
