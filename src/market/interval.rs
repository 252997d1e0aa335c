//! Half-open intervals of time and sets of them: the algebra that coverage, gaps and plans are written in.
//!
//! A set is kept as sorted, disjoint, non-adjacent, non-empty intervals, so equal sets compare equal and every
//! operation is one sweep over both operands. Checked against a brute-force bit set (see the tests).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ts::Ts;

/// `[start, end)`. Empty when `start >= end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    pub start: Ts,
    pub end: Ts,
}

impl Interval {
    #[must_use]
    pub const fn new(start: Ts, end: Ts) -> Self {
        Self { start, end }
    }

    /// Everything before `end`.
    #[must_use]
    pub const fn before(end: Ts) -> Self {
        Self::new(Ts::MIN, end)
    }

    /// Everything from `start` on.
    #[must_use]
    pub const fn since(start: Ts) -> Self {
        Self::new(start, Ts::MAX)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Length in milliseconds; 0 when empty.
    #[must_use]
    pub fn len(self) -> i64 {
        (self.end - self.start).max(0)
    }

    #[must_use]
    pub fn contains(self, t: Ts) -> bool {
        self.start <= t && t < self.end
    }

    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// The common part; empty when there is none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Self::new(self.start.min(other.start), self.end.max(other.end)),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// A set of instants as sorted, disjoint, non-adjacent intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Interval>", into = "Vec<Interval>")]
pub struct IntervalSet(Vec<Interval>);

impl IntervalSet {
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The intervals, sorted and disjoint.
    #[must_use]
    pub fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = Interval> + '_ {
        self.0.iter().copied()
    }

    /// The sum of the lengths in milliseconds.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.iter().map(|i| i.len()).sum()
    }

    /// From the first start to the last end; `None` when empty.
    #[must_use]
    pub fn hull(&self) -> Option<Interval> {
        Some(Interval::new(self.0.first()?.start, self.0.last()?.end))
    }

    #[must_use]
    pub fn contains(&self, t: Ts) -> bool {
        let after = self.0.partition_point(|i| i.start <= t);
        after.checked_sub(1).and_then(|k| self.0.get(k)).is_some_and(|i| i.contains(t))
    }

    /// Whether every instant of `range` is in the set. True for an empty range.
    #[must_use]
    pub fn covers(&self, range: Interval) -> bool {
        if range.is_empty() {
            return true;
        }
        let after = self.0.partition_point(|i| i.start <= range.start);
        after.checked_sub(1).and_then(|k| self.0.get(k)).is_some_and(|i| i.end >= range.end)
    }

    /// Adds one interval.
    pub fn insert(&mut self, range: Interval) {
        if range.is_empty() {
            return;
        }
        // Everything that touches or overlaps `range` melts into it.
        let from = self.0.partition_point(|i| i.end < range.start);
        let to = self.0.partition_point(|i| i.start <= range.end);
        let merged = self.0.get(from..to).unwrap_or_default().iter().fold(range, |all, i| all.hull(*i));
        self.0.splice(from..to, [merged]);
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut out = Vec::new();
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let common = x.intersect(**y);
            if !common.is_empty() {
                out.push(common);
            }
            if x.end <= y.end {
                a.next();
            } else {
                b.next();
            }
        }
        Self(out)
    }

    /// The part of the set inside `range`.
    #[must_use]
    pub fn clip(&self, range: Interval) -> Self {
        let from = self.0.partition_point(|i| i.end <= range.start);
        let to = self.0.partition_point(|i| i.start < range.end);
        let inside = self.0.get(from..to).unwrap_or_default();
        Self(inside.iter().map(|i| i.intersect(range)).filter(|i| !i.is_empty()).collect())
    }

    /// What is in `self` and not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut out = Vec::new();
        let mut cuts = other.0.iter().peekable();
        for keep in &self.0 {
            let mut start = keep.start;
            while let Some(cut) = cuts.peek() {
                if cut.end <= start {
                    cuts.next();
                } else if cut.start >= keep.end {
                    break;
                } else {
                    if cut.start > start {
                        out.push(Interval::new(start, cut.start));
                    }
                    start = start.max(cut.end);
                    if cut.end >= keep.end {
                        break;
                    }
                    cuts.next();
                }
            }
            if start < keep.end {
                out.push(Interval::new(start, keep.end));
            }
        }
        Self(out)
    }
}

impl From<Interval> for IntervalSet {
    fn from(range: Interval) -> Self {
        Self(if range.is_empty() { Vec::new() } else { vec![range] })
    }
}

impl From<Vec<Interval>> for IntervalSet {
    fn from(ranges: Vec<Interval>) -> Self {
        ranges.into_iter().collect()
    }
}

impl From<IntervalSet> for Vec<Interval> {
    fn from(set: IntervalSet) -> Self {
        set.0
    }
}

impl FromIterator<Interval> for IntervalSet {
    fn from_iter<I: IntoIterator<Item = Interval>>(ranges: I) -> Self {
        let mut all: Vec<Interval> = ranges.into_iter().filter(|i| !i.is_empty()).collect();
        all.sort_unstable();
        let mut out: Vec<Interval> = Vec::with_capacity(all.len());
        for next in all {
            match out.last_mut() {
                Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
                _ => out.push(next),
            }
        }
        Self(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The universe of the brute-force model: instants 0..64 as bits.
    const SIZE: i64 = 64;

    fn bits(set: &IntervalSet) -> u64 {
        (0..SIZE).filter(|&t| set.iter().any(|i| i.contains(Ts(t)))).fold(0, |b, t| b | 1 << t)
    }

    fn canonical(set: &IntervalSet) -> bool {
        set.iter().all(|i| !i.is_empty()) && set.0.windows(2).all(|w| w[0].end < w[1].start)
    }

    fn sets() -> impl Strategy<Value = IntervalSet> {
        proptest::collection::vec((0..SIZE, 0..SIZE), 0..8)
            .prop_map(|pairs| pairs.into_iter().map(|(a, b)| Interval::new(Ts(a), Ts(b))).collect())
    }

    proptest! {
        #[test]
        fn operations_equal_the_bit_set(a in sets(), b in sets(), lo in 0..SIZE, hi in 0..SIZE) {
            let (x, y) = (bits(&a), bits(&b));
            let range = Interval::new(Ts(lo), Ts(hi));
            let mask = bits(&IntervalSet::from(range));
            let mut inserted = a.clone();
            inserted.insert(range);
            for (set, want) in [
                (a.union(&b), x | y),
                (a.intersect(&b), x & y),
                (a.subtract(&b), x & !y),
                (a.clip(range), x & mask),
                (inserted, x | mask),
            ] {
                prop_assert!(canonical(&set), "{set:?}");
                prop_assert_eq!(bits(&set), want);
            }
            prop_assert_eq!(a.total(), i64::from(x.count_ones()));
            prop_assert_eq!(a.covers(range), mask & !x == 0);
            for t in 0..SIZE {
                prop_assert_eq!(a.contains(Ts(t)), x >> t & 1 == 1);
            }
        }
    }

    #[test]
    fn adjacent_intervals_become_one() {
        let set: IntervalSet = [(5, 9), (0, 5)].map(|(a, b)| Interval::new(Ts(a), Ts(b))).into_iter().collect();
        assert_eq!(set.as_slice(), [Interval::new(Ts(0), Ts(9))]);
        assert_eq!(set.hull(), Some(Interval::new(Ts(0), Ts(9))));
        assert_eq!(IntervalSet::new().hull(), None);
    }
}
