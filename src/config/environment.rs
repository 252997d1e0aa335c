//! What the process was given: environment variables and the user's directories. Read here and nowhere else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::yaml::error::ConfigError;

pub(super) const CONFIG: &str = "BARKEEP_CONFIG";
pub(super) const DATABASE_URL: &str = "BARKEEP_DATABASE_URL";
pub(super) const COMMON_DATABASE_URL: &str = "DATABASE_URL";
pub(super) const VENDOR_URL: &str = "BARKEEP_VENDOR_URL";
pub(super) const RATE_LIMIT: &str = "BARKEEP_RATE_LIMIT";
pub(super) const API_LISTEN: &str = "BARKEEP_API_LISTEN";
pub(super) const API_KEY: &str = "BARKEEP_API_KEY";
pub(super) const KEY: &str = "MASSIVE_API_KEY";
pub(super) const FORMER_KEY: &str = "POLYGON_API_KEY";
pub(super) const WEBHOOK_URL: &str = "BARKEEP_ALERT_WEBHOOK_URL";
pub(super) const SMTP_PASSWORD: &str = "BARKEEP_SMTP_PASSWORD";

const ALL: [&str; 19] = [
    CONFIG,
    DATABASE_URL,
    COMMON_DATABASE_URL,
    VENDOR_URL,
    RATE_LIMIT,
    API_LISTEN,
    API_KEY,
    KEY,
    FORMER_KEY,
    WEBHOOK_URL,
    SMTP_PASSWORD,
    "USER",
    // What tells of the terminal.
    "NO_COLOR",
    "COLORTERM",
    "COLORFGBG",
    "TERM",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
];

/// The variables barkeep reads and the directories it may use. Deliberately without `Debug`: it holds the key.
#[derive(Clone, Default)]
pub struct Environment {
    pub(super) variables: Vec<(&'static str, OsString)>,
    pub(super) home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME/barkeep` and its like.
    pub(super) config_dir: Option<PathBuf>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) state_dir: Option<PathBuf>,
}

impl Environment {
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        let project = directories::ProjectDirs::from("", "", "barkeep");
        let dir = |f: fn(&directories::ProjectDirs) -> &Path| project.as_ref().map(|p| f(p).to_owned());
        Self {
            variables: ALL.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))).collect(),
            home: directories::BaseDirs::new().map(|b| b.home_dir().to_owned()),
            config_dir: dir(directories::ProjectDirs::config_dir),
            data_dir: dir(directories::ProjectDirs::data_dir),
            // Only XDG systems have a place for state; elsewhere it lives with the data.
            state_dir: dir(|p| p.state_dir().unwrap_or_else(|| p.data_local_dir())),
        }
    }

    /// Who runs this, for the record of what was done.
    #[must_use]
    pub fn user(&self) -> String {
        let user = self.get("USER").ok().flatten();
        user.map_or_else(|| "somebody".to_owned(), |user| barkeep_base::text::printable(&user))
    }

    /// The value of a variable; an empty one counts as unset.
    pub(super) fn get(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some((_, value)) = self.variables.iter().find(|(n, v)| *n == name && !v.is_empty()) else {
            return Ok(None);
        };
        let text = value.to_str().map(str::to_owned);
        let broken = || ConfigError(format!("environment variable {name} is not UTF-8; set it again"));
        text.ok_or_else(broken).map(Some)
    }

    /// The first of these variables that is set, and its name.
    pub(super) fn first(&self, names: &[&'static str]) -> Result<Option<(&'static str, String)>, ConfigError> {
        for name in names {
            if let Some(value) = self.get(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// A path as written in a file: a leading `~/` is the home directory.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(text),
        }
    }
}
