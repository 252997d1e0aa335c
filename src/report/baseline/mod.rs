//! `barkeep baseline`: how long a fixed load takes, where the time goes, and what would help.
//!
//! The real engine runs into a scratch database. Every figure is a measured one; what was not measured is absent.

mod chart;
mod measure;
mod scratch;
mod verdict;

pub use chart::text;
pub use measure::{Alone, Compared, Failed, JobTime, Measurement, PhaseTime, Plan, TimeframeTime, run, warm_up};
pub use scratch::Scratch;
pub use verdict::{Bottleneck, Verdict, verdict};
