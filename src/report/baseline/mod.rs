//! `barkeep baseline`: how long a fixed load takes, where the time goes, and what would help.
//!
//! The real engine writes to a temporary database. Every figure is measured; what was not measured is absent.

mod chart;
mod measure;
mod phases;
mod processor;
mod scratch;
mod vendor;
mod verdict;

pub use chart::text;
pub use measure::{
    BaselineError, BaselineOptions, BaselineReport, FeatureTime, JobTime, Measurement, TimeframeTime, UnplannedRun,
    run, warm_up,
};
pub use phases::PhaseTime;
pub use processor::ProcessorTime;
pub use scratch::Scratch;
pub use vendor::VendorProcess;
pub use verdict::{Bottleneck, Cause, Circumstances, Diagnosis, verdict};
