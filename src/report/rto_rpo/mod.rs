//! `barkeep rto-rpo`: the recovery targets in effect, and drills that measure them.
//!
//! [`Definition`] is read from the configuration as the engine loads it. [`drill()`] makes each failure happen to real
//! processes of this executable and measures how long it lasts. Drills run on temporary databases and a simulated vendor;
//! the configured database is never opened.

mod cluster;
mod context;
mod crash;
mod database;
mod definition;
mod drill;
mod feature;
mod outcome;
mod rate_limit;
mod reference;
mod text;
mod workload;

pub use definition::{Definition, RecoverySetting, RpoRow, RtoRow, ThresholdRow, TierRow};
pub use drill::drill;
pub use outcome::{DrillDatabase, DrillOptions, DrillOutcome, DrillReport, FailureType};
pub use text::{definition_text, drill_text};
