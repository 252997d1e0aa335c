//! The configuration in force, and what of it a running process can change.

use std::fmt;
use std::sync::Arc;

use crate::policy::Policy;
use crate::read::load::Loaded;
use crate::settings::Settings;
use crate::yaml::error::Origin;

/// Settings and policy of one load. They always change together: settings take defaults from the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub settings: Arc<Settings>,
    pub policy: Arc<Policy>,
}

impl Config {
    #[must_use]
    pub fn new(settings: Settings, policy: Policy) -> Self {
        Self { settings: Arc::new(settings), policy: Arc::new(policy) }
    }
}

impl From<Loaded> for Config {
    fn from(loaded: Loaded) -> Self {
        Self::new(loaded.settings, loaded.policy)
    }
}

/// A setting that is bound at start, and whether two loads differ in it.
type Bound = (&'static str, fn(&Settings, &Settings) -> bool);

/// What a process takes up once: its database, its log, the HTTP client of the vendor, the socket of the API.
const BOUND: [Bound; 21] = [
    ("database.url", |a, b| a.database != b.database),
    ("database.connections", |a, b| a.database_connections != b.database_connections),
    ("database.writers", |a, b| a.database_writers != b.database_writers),
    ("vendor.base_url", |a, b| a.vendor.base_url != b.vendor.base_url),
    ("vendor.key_file", |a, b| a.vendor.key_file != b.vendor.key_file),
    ("vendor.connect_timeout", |a, b| a.vendor.connect_timeout != b.vendor.connect_timeout),
    ("vendor.read_timeout", |a, b| a.vendor.read_timeout != b.vendor.read_timeout),
    ("vendor.total_timeout", |a, b| a.vendor.total_timeout != b.vendor.total_timeout),
    ("vendor.max_body", |a, b| a.vendor.max_body != b.vendor.max_body),
    ("vendors.coinbase.url", |a, b| a.coinbase.url != b.coinbase.url),
    ("backfill.database_patience", |a, b| a.backfill.database_patience != b.backfill.database_patience),
    ("log.dir", |a, b| a.log.dir != b.log.dir),
    ("log.file", |a, b| a.log.file != b.log.file),
    ("log.level", |a, b| a.log.level != b.log.level),
    ("log.format", |a, b| a.log.format != b.log.format),
    ("log.keep", |a, b| a.log.keep != b.log.keep),
    ("api.enabled", |a, b| a.api.enabled != b.api.enabled),
    ("api.listen", |a, b| a.api.listen != b.api.listen),
    ("api.hosts", |a, b| a.api.hosts != b.api.hosts),
    ("api.tries_per_minute", |a, b| a.api.tries_per_minute != b.api.tries_per_minute),
    ("api.max_connections", |a, b| a.api.max_connections != b.api.max_connections),
];
/// What the dashboard takes up once besides. A process without a screen reads none of it.
const BOUND_TO_SCREEN: [Bound; 2] = [("tui", |a, b| a.tui != b.tui), ("keys", |a, b| a.keys != b.keys)];

/// A setting that was changed and that only a restart can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundSetting {
    pub name: &'static str,
    /// Where its new value is written.
    pub origin: String,
}

impl fmt::Display for BoundSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.origin)
    }
}

/// The settings that differ from those in force and that only a restart can change. Empty when all of the difference can
/// take effect at once.
#[must_use]
pub fn needs_restart(now: &Settings, loaded: &Loaded, has_screen: bool) -> Vec<BoundSetting> {
    let screen = BOUND_TO_SCREEN.iter().filter(|_| has_screen);
    let changed = BOUND.iter().chain(screen).filter(|(_, differ)| differ(now, &loaded.settings));
    changed
        .map(|(name, _)| {
            let origin = loaded.effective.origin(name).map_or_else(|| "settings".to_owned(), Origin::brief);
            BoundSetting { name, origin }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::loaded;

    #[test]
    fn what_a_process_took_up_once_is_named_with_its_place() {
        let all = |rest: &str| loaded(&format!("database:\n  url: sqlite:one.db\nlog:\n  dir: one\n{rest}")).unwrap();
        let now = all("").settings;
        let differ = |rest: &str, has_screen| -> Vec<String> {
            needs_restart(&now, &all(rest), has_screen).iter().map(ToString::to_string).collect()
        };
        assert_eq!(differ("", true), [""; 0]);
        let live = "vendor:\n  rate_limit: 7\n  attempts: 9\nbackfill:\n  concurrency: 2\nalerts:\n  check_every: 5s\n";
        assert_eq!(differ(live, true), [""; 0]);
        let bound = differ("  level: debug\napi:\n  listen: 127.0.0.1:8001\n", false);
        let [level, listen] = bound.as_slice() else { panic!("{bound:?}") };
        assert!(level.starts_with("log.level (") && level.ends_with("barkeep.yaml:5)"), "{level}");
        assert!(listen.starts_with("api.listen (") && listen.ends_with("barkeep.yaml:7)"), "{listen}");
        let theme = "tui:\n  theme: light\n";
        assert_eq!((differ(theme, false).len(), differ(theme, true).len()), (0, 1));
    }
}
