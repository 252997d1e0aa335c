//! `barkeep loadtest`: the API of a running service under load, over HTTP as its users call it.
//!
//! Four scenarios, the same for every service, so that figures can be compared. Every figure is measured; without a service
//! there is an error, never an estimate.

mod analysis;
mod chart;
mod figures;
mod http;
mod measure;
mod scenario;
mod server;
mod spawn;

pub use analysis::{Analysis, LoadBottleneck, LoadFinding};
pub use chart::text;
pub use figures::{Bucket, ErrorCount, Figures};
pub use http::ServiceClient;
pub(crate) use http::client;
pub use measure::{LoadTestError, LoadTestOptions, LoadTestReport, ScenarioResult, run};
pub use scenario::{Scenario, Threshold, scenarios};
pub use server::ServerSide;
pub use spawn::{SpawnedService, spawn};
