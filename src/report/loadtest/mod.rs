//! `barkeep loadtest`: how the API of a running service holds up, asked over HTTP as its users ask.
//!
//! Four scenarios, the same for every service, so that figures can be compared. Every figure is a measured one; a service
//! that is not there is an error, never a stand-in.

mod analysis;
mod chart;
mod figures;
mod http;
mod measure;
mod scenario;
mod server;
mod spawn;

pub use analysis::{Analysis, Bottleneck, Finding};
pub use chart::text;
pub use figures::{Bucket, ErrorCount, Figures};
pub use http::Target;
pub(crate) use http::client;
pub use measure::{Failed, Measured, Plan, Report, run};
pub use scenario::{Scenario, Threshold, scenarios};
pub use server::ServerSide;
pub use spawn::{Spawned, spawn};
