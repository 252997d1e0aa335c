//! `barkeep rto-rpo`: which recovery targets are in force, and whether they hold.
//!
//! [`Definition`] is read from the configuration as the engine would load it, so it cannot say anything else than what
//! drives the engine. [`drill()`] makes each failure happen to real processes of this executable and measures how long
//! it lasts. Drills run on scratch databases and a simulated vendor; the configured database is never opened.

mod cluster;
mod crash;
mod database;
mod definition;
mod drill;
mod feature;
mod ground;
mod storm;
mod text;
mod work;

pub use definition::{Definition, RpoRow, RtoRow, Rule, ThresholdRow, TierRow};
pub use drill::{Drilled, Engine, Failure, Outcome, Plan, drill};
pub use text::{definition_text, drill_text};
