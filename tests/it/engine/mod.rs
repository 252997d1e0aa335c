//! Runs and the service: what is fetched, what survives, what is limited.

mod anchors;
mod backfill;
mod engine_memory;
mod engine_service;
mod evidence;
mod features;
mod one_owner;
mod oracle;
mod outage;
mod plan;
mod progress;
mod provisional;
mod rate_limit;
mod series_control;
mod service;
