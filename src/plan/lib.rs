//! What to request: gaps, and the fewest requests that close them. Pure; no I/O.
//!
//! [`gaps`] says what is missing, [`needs`] says it of many families at once, [`planner`] turns that into requests, [`estimate`] says how long they take.

pub mod budget;
mod capacity;
pub mod cells;
pub mod cover;
pub mod estimate;
mod flow;
pub mod gaps;
mod matching;
pub mod minutes;
pub mod needs;
pub mod planner;
pub mod request;

pub use gaps::{FamilyState, Horizon, Need};
pub use needs::{Holes, Needs};
pub use planner::{FlatFileTerms, Plan, PlanInputs, build, build_checked};
pub use request::{Item, Request};
