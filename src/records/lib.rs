//! What a database keeps, by topic, and what can go wrong with it: the types that cross the interface of the store.

mod api;
mod bars;
mod error;
mod executions;
mod features;
mod fleet;
mod operations;
mod page;
mod quarantine;
mod range;
mod reference;
mod requests;
mod series;
pub mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod waste;

pub use api::{ApiKey, ApiRequest, IdempotencyClaim, KeyRole};
pub use bars::{Coverage, CoverageState, Evidence, StoredBar};
pub use claims::{Claimed, Holder, KeptClaim, SeriesClaim, SeriesClaiming};
pub use error::{Result, StoreError};
pub use executions::{ExecutionRow, ExecutionStatus, SeriesRunState, SeriesStatus, Trigger, was_called_off};
pub use features::{
    FeatureBar, FeatureFailure, FeatureFailureRow, FeatureFreshness, FeatureOutcome, FeatureProgress, FeatureRow,
    FeatureWrite,
};
pub use fleet::{
    Attempts, Collected, Election, EndedItem, HeldItem, ItemPage, Leader, OwnItem, PageOfItem, PlanItem, Worker,
    WorkerRole, claims,
};
pub use operations::{
    AlertRow, EnginePause, HolidayRow, Log, NewAlert, OpenAlertCount, OperatorAction, OperatorActionRow,
};
pub use page::{PageCommit, SeriesWrite, WriteOutcome, diff};
pub use quarantine::{QuarantineRow, QuarantinedBar, Verdict};
pub use range::TimeRange;
pub use reference::{PlanStart, SplitRow, SplitStatus};
pub use requests::{CountedAnswer, RequestFilter, RequestMinute, RequestPurpose, RequestRow, RequestTotals};
pub use series::{CriticalitySource, Listing, ListingState, MergedSeries, SeriesId, SeriesRow, SymbolRow};
pub use waste::Waste;
