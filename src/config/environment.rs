//! What the process was given: environment variables and the user's directories. Read here and nowhere else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::yaml::error::ConfigError;
use crate::yaml::suggest;
use barkeep_base::text::printable;

pub(super) const CONFIG: &str = "BARKEEP_CONFIG";
pub(super) const DATABASE_URL: &str = "BARKEEP_DATABASE_URL";
pub(super) const COMMON_DATABASE_URL: &str = "DATABASE_URL";
pub(super) const VENDOR_URL: &str = "BARKEEP_VENDOR_URL";
pub(super) const COINBASE_URL: &str = "BARKEEP_COINBASE_URL";
pub(super) const RATE_LIMIT: &str = "BARKEEP_RATE_LIMIT";
pub(super) const API_LISTEN: &str = "BARKEEP_API_LISTEN";
pub(super) const API_KEY: &str = "BARKEEP_API_KEY";
pub(super) const KEY: &str = "MASSIVE_API_KEY";
pub(super) const FORMER_KEY: &str = "POLYGON_API_KEY";
pub(super) const S3_ACCESS_KEY: &str = "MASSIVE_S3_ACCESS_KEY";
pub(super) const S3_SECRET_KEY: &str = "MASSIVE_S3_SECRET_KEY";
pub(super) const WEBHOOK_URL: &str = "BARKEEP_ALERT_WEBHOOK_URL";
pub(super) const SMTP_PASSWORD: &str = "BARKEEP_SMTP_PASSWORD";

const ALL: [&str; 24] = [
    CONFIG,
    DATABASE_URL,
    COMMON_DATABASE_URL,
    VENDOR_URL,
    COINBASE_URL,
    RATE_LIMIT,
    API_LISTEN,
    API_KEY,
    KEY,
    FORMER_KEY,
    S3_ACCESS_KEY,
    S3_SECRET_KEY,
    WEBHOOK_URL,
    SMTP_PASSWORD,
    "USER",
    "VISUAL",
    "EDITOR",
    // Variables that describe the terminal.
    "NO_COLOR",
    "COLORTERM",
    "COLORFGBG",
    "TERM",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
];

/// Of these the tests are told how to run.
const OF_TESTS: [&str; 3] = ["BARKEEP_TEST_", "BARKEEP_REQUIRE_", "BARKEEP_UPDATE_"];

/// Set by completion scripts, to the name of their shell.
pub const COMPLETE: &str = "_BARKEEP_COMPLETE";

/// The shell that wants to know how the command line could go on.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "no setting: it decides what the program is before there are any")]
pub fn completing() -> Option<String> {
    std::env::var(COMPLETE).ok()
}

/// A variable that looks like one of barkeep's and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVariable {
    pub name: String,
    /// The one that was probably meant.
    pub near: Option<&'static str>,
}

impl std::fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "environment variable {} is unknown and has no effect", self.name)?;
        self.near.map_or(Ok(()), |near| write!(f, "; did you mean {near}?"))
    }
}

/// Variables of this process that begin with `BARKEEP_` and are not read.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn unknown_variables() -> Vec<UnknownVariable> {
    unknown_among(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

fn unknown_among(names: impl Iterator<Item = String>) -> Vec<UnknownVariable> {
    let of_tests = |name: &str| OF_TESTS.iter().any(|prefix| name.starts_with(prefix));
    let unknown = names.filter(|name| name.starts_with("BARKEEP_") && !ALL.contains(&name.as_str()) && !of_tests(name));
    let mut all: Vec<UnknownVariable> = unknown
        .map(|name| {
            let near = suggest::nearest(&name, ALL.into_iter().filter(|known| known.starts_with("BARKEEP_")));
            UnknownVariable { name: printable(&name), near }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

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
        printable(&user.unwrap_or_else(account))
    }

    /// The editor that the user wants, as a command line of the shell.
    #[must_use]
    pub fn editor(&self) -> Option<String> {
        let set = |name| self.get(name).ok().flatten().filter(|text| !text.trim().is_empty());
        set("VISUAL").or_else(|| set("EDITOR"))
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

/// The account of this process by its name in `/etc/passwd`, else by its number: containers and services often have no
/// `$USER`, and some accounts no name.
#[cfg(unix)]
fn account() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    account_of(uid, &known).unwrap_or_else(|| format!("uid-{uid}"))
}

#[cfg(not(unix))]
fn account() -> String {
    "unknown".to_owned()
}

/// The name of an account in the lines of `/etc/passwd`: `name:password:uid:...`.
fn account_of(uid: u32, known: &str) -> Option<String> {
    let named = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    known.lines().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_variable_is_told_with_the_one_that_was_meant() {
        let names = ["BARKEEP_RATE_LIMT", "BARKEEP_RATE_LIMIT", "BARKEEP_COLOUR", "PATH", "BARKEEP_TEST_DATA"];
        let told: Vec<String> =
            unknown_among(names.into_iter().map(str::to_owned)).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "environment variable BARKEEP_COLOUR is unknown and has no effect",
                "environment variable BARKEEP_RATE_LIMT is unknown and has no effect; did you mean BARKEEP_RATE_LIMIT?",
            ]
        );
    }

    #[test]
    fn without_user_an_operator_has_the_name_of_the_account() {
        let known = "root:x:0:0:root:/root:/bin/bash\n# comment\nbroken\nbars:x:1001:1001::/srv:/bin/false\n";
        assert_eq!(account_of(1001, known).as_deref(), Some("bars"));
        assert_eq!(account_of(0, known).as_deref(), Some("root"));
        assert_eq!(account_of(77, known), None);
        let unset = Environment::default().user();
        assert!(!unset.is_empty() && unset != "somebody", "{unset}");
        let set = Environment { variables: vec![("USER", "ana".into())], ..Environment::default() };
        assert_eq!(set.user(), "ana");
    }
}
