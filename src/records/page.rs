//! Everything one answer changes: the unit of a commit.

pub mod diff;

use serde::{Deserialize, Serialize};

use super::{
    Coverage, FeatureOutcome, FeatureWrite, PageOfItem, QuarantinedBar, RequestRow, SeriesId, SeriesStatus, StoredBar,
};
use barkeep_market::evidence::Part;
use barkeep_market::{Interval, IntervalSet, Ts};

/// Everything one series gets from one page.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesWrite {
    pub series: SeriesId,
    /// Ascending by `ts`, no repeats, every value finite. `fetched_at` is when the page was asked for.
    pub bars: Vec<StoredBar>,
    /// New scores for bars already stored, whose neighbours changed. Not a revision.
    pub rescored: Vec<(Ts, f64, Option<String>)>,
    /// Provisional bars stored in this interval and absent from `bars` have vanished at the vendor: they move to
    /// `bar_revisions` and are deleted. Final bars are never deleted.
    pub replaces: Option<Interval>,
    pub quarantine: Vec<QuarantinedBar>,
    pub coverage: Vec<Coverage>,
    /// What earlier answers covered: a bar that is inserted there came late.
    pub answered_before: IntervalSet,
    /// Parts of the profile that change, as JSON.
    pub profile: Vec<(Part, String)>,
    /// Set when this answer reached the newest end of the series.
    pub checked_at: Option<Ts>,
    /// What the vendor was asked for; absent in what is derived. A page older than what is stored of it is left out, and
    /// with it the writes after this one that name nothing here.
    pub asked: Option<Interval>,
}

impl SeriesWrite {
    /// A write that changes nothing yet.
    #[must_use]
    pub const fn nothing(series: SeriesId) -> Self {
        Self {
            series,
            bars: Vec::new(),
            rescored: Vec::new(),
            replaces: None,
            quarantine: Vec::new(),
            coverage: Vec::new(),
            answered_before: IntervalSet::new(),
            profile: Vec::new(),
            checked_at: None,
            asked: None,
        }
    }
}

/// All a page changes, committed as one transaction.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PageCommit {
    pub writes: Vec<SeriesWrite>,
    /// The request that brought it; `None` when bars are derived from stored ones.
    pub request: Option<RequestRow>,
    pub statuses: Vec<SeriesStatus>,
    /// Set where it belongs to an item of a plan that another worker made.
    pub of_item: Option<PageOfItem>,
    /// Features of the bars it writes, by whoever knows the bars before them.
    pub features: Vec<FeatureWrite>,
}

/// What a commit did to one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOutcome {
    pub inserted: u64,
    /// Of them, bars for a time that an earlier answer had covered without them.
    pub late: u64,
    /// Bars whose values changed; the old ones are in `bar_revisions`.
    pub revised: u64,
    /// Of them, bars that were final.
    pub changed: u64,
    /// Bars that were already stored with the same values (their provisional mark may have been lifted).
    pub unchanged: u64,
    /// Provisional bars removed because the vendor no longer has them.
    pub removed: u64,
    /// Bars newly put in quarantine; one already there with the same values is not counted again.
    pub quarantined: u64,
    /// 1 when nothing was written because the vendor was asked again after this answer.
    #[serde(default)]
    pub stale: u64,
    /// What became of its features; `None` when they did not come with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureOutcome>,
}
