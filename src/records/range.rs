//! A stretch of time with open ends, as reading takes it.

use std::ops::{RangeFrom, RangeFull, RangeTo};

use barkeep_market::{Interval, Ts};

/// `[from, until)`; an end that is `None` is open. Made of an [`Interval`], `from..`, `..until` or `..`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimeRange {
    pub from: Option<Ts>,
    pub until: Option<Ts>,
}

impl TimeRange {
    /// Whether no instant can lie in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!((self.from, self.until), (Some(from), Some(until)) if from >= until)
    }

    /// The same between the first and the last instant that a database can hold.
    #[must_use]
    pub fn closed(self) -> Interval {
        Interval::new(self.from.unwrap_or(Ts::MIN), self.until.unwrap_or(Ts(i64::MAX)))
    }
}

impl From<Interval> for TimeRange {
    fn from(interval: Interval) -> Self {
        Self { from: Some(interval.start), until: Some(interval.end) }
    }
}

impl From<RangeFull> for TimeRange {
    fn from(_: RangeFull) -> Self {
        Self::default()
    }
}

impl From<RangeFrom<Ts>> for TimeRange {
    fn from(range: RangeFrom<Ts>) -> Self {
        Self { from: Some(range.start), until: None }
    }
}

impl From<RangeTo<Ts>> for TimeRange {
    fn from(range: RangeTo<Ts>) -> Self {
        Self { from: None, until: Some(range.end) }
    }
}
