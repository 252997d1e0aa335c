//! barkeep keeps market bars fresh.
//!
//! It backfills OHLCV bars for many symbols and timeframes from a rate-limited vendor (Massive, formerly Polygon),
//! stores them in SQLite or PostgreSQL, and says what is fresh, what is stale and why.
//!
//! Each module is a crate of its own under `src/`; a module uses only modules above it in this list:
//!
//! | module | what lives there |
//! |---|---|
//! | [`base`] | clock, log, text and number formats |
//! | [`market`] | symbols, timeframes, bars, exchange calendar, resampling, quality, features; pure |
//! | [`plan`] | gaps and the fewest requests that close them; pure |
//! | [`config`] | settings and policy |
//! | [`vendor`] | the vendor: wire format, classes of faults, retry, limiter |
//! | [`store`] | SQLite and PostgreSQL behind one interface |
//! | [`layout`] | how the tables lie in the server: sizes, partitions, hypertables; converting |
//! | [`pipeline`] | one run: select, plan, fetch, validate, derive, commit, features |
//! | [`service`] | many runs: commands, schedule, executions, recovery, progress |
//! | [`monitor`] | read models: freshness, snapshot, explain, history, coverage |
//! | [`alerts`] | alert rules, open alerts, mail and webhook |
//! | [`runtime`] | one process: service, monitor and alerts started and stopped together; the console |
//! | [`sim`] | the simulated vendor over HTTP |
//! | [`api`] | the HTTP API and its client |
//! | [`tui`] | the dashboard in the terminal |
//! | [`report`] | baseline, load test, recovery drills |
//! | [`cli`] | the command line |

pub use barkeep_alerts as alerts;
pub use barkeep_api as api;
pub use barkeep_base as base;
pub use barkeep_cli as cli;
pub use barkeep_config as config;
pub use barkeep_layout as layout;
pub use barkeep_market as market;
pub use barkeep_monitor as monitor;
pub use barkeep_pipeline as pipeline;
pub use barkeep_plan as plan;
pub use barkeep_report as report;
pub use barkeep_runtime as runtime;
pub use barkeep_service as service;
pub use barkeep_sim as sim;
pub use barkeep_store as store;
pub use barkeep_tui as tui;
pub use barkeep_vendor as vendor;
