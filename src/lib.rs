//! barkeep keeps market bars fresh.
//!
//! It backfills OHLCV bars for many symbols and timeframes from a rate-limited vendor (Massive, formerly Polygon),
//! stores them in SQLite or PostgreSQL, and says what is fresh, what is stale and why.
//!
//! The rooms, from the ground up; a room uses only rooms above it in this list:
//!
//! | room | what lives there |
//! |---|---|
//! | [`market`] | the domain: symbols, timeframes, bars, the exchange calendar, splits, quality |
//! | [`plan`] | gaps and the fewest requests that close them |
//! | [`config`] | settings and policy |
//! | [`vendor`] | the vendor's wire format, errors, retries and rate limit |
//! | [`store`] | SQLite and PostgreSQL |
//! | [`engine`] | the backfill: fetch, validate, derive, commit |
//! | [`attach`] | the engine of another process, over its HTTP API |
//! | [`sim`] | a simulated vendor, an HTTP server |
//! | [`tui`] | the dashboard in the terminal |
//! | [`api`] | the HTTP API |
//! | [`report`] | measurements of the real thing |
//! | [`telemetry`] | the log |
//! | [`timing`] | where a job's time goes |
//! | [`cli`] | the command line |

pub mod api;
pub mod attach;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod market;
pub mod plan;
pub mod report;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod timing;
pub mod tui;
pub mod vendor;
