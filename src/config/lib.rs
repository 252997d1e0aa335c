//! Settings and policy: read, validated and explained here and nowhere else.
//!
//! Order: flag > environment > file > default. The defaults are the commented files under `config/`, built into the
//! binary. Every value keeps its origin, so a complaint names file and line, and `config print` can say who set what.

pub mod alerts;
pub mod api;
mod baseline;
mod current;
mod database_url;
pub mod describe;
mod environment;
mod flat_files;
mod key;
pub mod policy;
mod programs;
mod rate_limit;
pub mod read;
mod screen;
pub mod settings;
pub mod yaml;

pub use alerts::{AlertSecrets, AlertSettings, SmtpSettings, SmtpTls, alert_secrets};
pub use api::{ApiSettings, HostName};
pub use baseline::{BaselineLoad, baseline_load};
pub use current::{BoundSetting, Config, needs_restart};
pub use database_url::InvalidDatabaseUrl;
pub use environment::{COMPLETE, Environment, UnknownVariable, completing, unknown_variables};
pub use key::{client_key, find_key, key_in_file};
pub use policy::Policy;
pub use programs::postgres_programs;
pub use read::load::{DEFAULT_POLICY, DEFAULT_SETTINGS, Loaded, Overrides, file_in_use, load, load_from};
pub use screen::{KeySetting, THEME_ENDING, THEMES, TerminalHints, ThemeKind, ThemeName, TuiSettings};
pub use settings::*;
pub use yaml::effective::Effective;
pub use yaml::error::{ConfigError, Origin};
pub use yaml::sources::Sources;

#[cfg(test)]
mod tests;
