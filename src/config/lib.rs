//! Settings and policy: read, validated and explained here and nowhere else.
//!
//! Order: flag > environment > file > default. The defaults are the commented files under `config/`, built into the
//! binary. Every value keeps its origin, so a complaint names file and line, and `config print` can say who set what.

pub mod alerts;
pub mod api;
mod baseline;
mod client_key;
mod database_url;
mod effective;
mod environment;
mod error;
mod files;
mod key;
mod load;
pub mod policy;
mod programs;
mod read_policy;
mod read_settings;
mod reader;
mod screen;
pub mod settings;
pub mod suggest;
mod tree;

pub use alerts::{AlertSecrets, AlertSettings, SmtpSettings, SmtpTls, alert_secrets};
pub use api::{ApiSettings, HostName};
pub use baseline::{BaselineLoad, baseline_load};
pub use client_key::client_key;
pub use database_url::InvalidDatabaseUrl;
pub use effective::Effective;
pub use environment::Environment;
pub use error::{ConfigError, Origin};
pub use key::find_key;
pub use load::{DEFAULT_POLICY, DEFAULT_SETTINGS, Loaded, Overrides, Sources, load, load_from};
pub use policy::Policy;
pub use programs::postgres_programs;
pub use screen::{KeySetting, TerminalHints, ThemeName, TuiSettings};
pub use settings::*;

#[cfg(test)]
mod tests;
