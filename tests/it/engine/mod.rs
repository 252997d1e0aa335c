//! Runs and the service: what is fetched, what survives, what is limited.

mod alerts;
mod anchors;
mod backfill;
mod believed;
mod big_pages;
mod coinbase;
mod dividends;
mod engine_memory;
mod engine_service;
mod evidence;
mod evidence_day_off;
mod evidence_restate;
mod features;
mod flat_files;
mod names;
mod nights;
mod one_owner;
mod oracle;
mod orders;
mod outage;
mod plan;
mod progress;
mod provisional;
mod rate_limit;
mod series_control;
mod service;
