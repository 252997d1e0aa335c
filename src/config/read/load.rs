//! From files, environment and flags to one [`Loaded`]: defaults first, each later source laid upon them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::environment::{self, Environment};
use crate::policy::Policy;
use crate::rate_limit::RateLimit;
use crate::read::read_policy;
use crate::read::read_settings;
use crate::settings::Settings;
use crate::yaml::effective::Effective;
use crate::yaml::error::{ConfigError, Origin};
use crate::yaml::files::{self, TextFile};
use crate::yaml::sources::Sources;
use crate::yaml::tree::{self, Node};

const SETTINGS_FILE: &str = "barkeep.yaml";
const POLICY_FILE: &str = "rto_rpo_config.yaml";
/// The files that document every setting are the defaults.
pub const DEFAULT_SETTINGS: &str = include_str!("../../../config/barkeep.yaml");
pub const DEFAULT_POLICY: &str = include_str!("../../../config/rto_rpo_config.yaml");

/// What the command line sets. The URL is a secret because it may hold a password.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--database-url`
    pub database_url: Option<SecretString>,
    /// `--vendor-url`
    pub vendor_url: Option<String>,
    /// `--coinbase-url`
    pub coinbase_url: Option<String>,
    /// `--simulated`
    pub simulated: bool,
    /// `--rate-limit`
    pub rate_limit: Option<RateLimit>,
    /// `--log-file`
    pub log_file: Option<PathBuf>,
}

/// Everything that was configured.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub policy: Policy,
    pub sources: Sources,
    /// Every value in effect with its origin, secrets hidden.
    pub effective: Effective,
}

impl Loaded {
    /// Simulated bars are never written to a database that is configured for real ones: with `--simulated` only
    /// `--database-url` may choose another database.
    ///
    /// # Errors
    /// When the settings or the environment name the database.
    pub fn keep_simulated_bars_apart(&self) -> Result<(), ConfigError> {
        match self.effective.origin("database.url") {
            Some(origin @ (Origin::Environment(_) | Origin::File(..))) => Err(ConfigError(format!(
                "--simulated would write simulated bars to the database set by {origin}; unset it to use simulated.db, or \
                 choose a database with --database-url"
            ))),
            _ => Ok(()),
        }
    }
}

/// Settings that take their default from the policy.
type Driven = (&'static str, &'static str, fn(&Policy) -> String);
const DRIVEN: [Driven; 7] = [
    ("vendor.rate_limit", "backfill_optimization.polygon_api.rate_limit_per_minute", |p| {
        p.backfill_optimization.rate_limit.to_string()
    }),
    ("vendor.attempts", "backfill_optimization.max_retries", |p| (p.backfill_optimization.max_retries + 1).to_string()),
    ("vendor.backoff_base", "backfill_optimization.retry_backoff_seconds", |p| {
        humantime::format_duration(p.backfill_optimization.retry_backoff).to_string()
    }),
    ("vendor.backoff_cap", "backfill_optimization.polygon_api.max_backoff_seconds", |p| {
        humantime::format_duration(p.backfill_optimization.max_backoff).to_string()
    }),
    ("backfill.concurrency", "backfill_optimization.max_concurrent_api_requests", |p| {
        p.backfill_optimization.max_concurrent_api_requests.to_string()
    }),
    ("backfill.max_concurrent_symbols", "backfill_optimization.max_concurrent_symbols", |p| {
        p.backfill_optimization.max_concurrent_symbols.to_string()
    }),
    ("backfill.database_patience", "rto_by_failure_type.database_connection_loss.rto_minutes", |p| {
        humantime::format_duration(p.rto_by_failure_type.database_connection_loss.target).to_string()
    }),
];

/// Where a file is looked for that nobody names.
fn candidates(file: &str, env: &Environment) -> Vec<PathBuf> {
    let local = Path::new("config").join(file);
    std::iter::once(local).chain(env.config_dir.as_ref().map(|d| d.join(file))).collect()
}

/// The settings file that counts, if there is one, and where it was looked for.
fn settings_file(overrides: &Overrides, env: &Environment) -> Result<(Option<TextFile>, Vec<PathBuf>), ConfigError> {
    let named = match &overrides.config {
        Some(path) => Some(path.clone()),
        None => env.get(environment::CONFIG)?.map(PathBuf::from),
    };
    let searched = named.clone().map_or_else(|| candidates(SETTINGS_FILE, env), |path| vec![path]);
    let file = match &named {
        Some(path) if overrides.config.is_some() => Some(files::read(path)?),
        Some(path) => {
            let of_variable =
                |ConfigError(e)| ConfigError(format!("environment variable {}: {e}", environment::CONFIG));
            Some(files::read(path).map_err(of_variable)?)
        }
        None => files::first_existing(&searched)?,
    };
    Ok((file, searched))
}

/// The settings file in use and its text, whatever is written in it; `named` is what `--config` names.
///
/// # Errors
/// When it cannot be read.
pub fn file_in_use(named: Option<&Path>, env: &Environment) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let overrides = Overrides { config: named.map(Path::to_owned), ..Overrides::default() };
    Ok(settings_file(&overrides, env)?.0.map(|file| (file.path, file.text)))
}

/// Loads everything for this process.
///
/// # Errors
/// Like [`load_from`].
pub fn load(overrides: &Overrides) -> Result<Loaded, ConfigError> {
    load_from(overrides, &Environment::of_process())
}

/// Loads everything from a given environment. Relative lookups start at the current directory.
///
/// # Errors
/// When a file that was named does not exist or is no YAML, or a key or value in a file, the environment or a flag is
/// unknown, out of range or contradicts another. The message says where it stands and what to write.
pub fn load_from(overrides: &Overrides, env: &Environment) -> Result<Loaded, ConfigError> {
    let (file, searched) = settings_file(overrides, env)?;

    let mut tree = tree::parse(DEFAULT_SETTINGS, &Origin::BuiltIn("config/barkeep.yaml", 0))?;
    let given = file.as_ref().map(parsed).transpose()?;
    if let Some(given) = &given {
        tree.overlay(given.clone())?;
    }

    let policy_file = match read_settings::policy_file(&tree, env)? {
        Some(path) => Some(files::read(&path)?),
        None => files::first_existing(&match &file {
            Some(file) => vec![file.path.with_file_name(POLICY_FILE)],
            None => candidates(POLICY_FILE, env),
        })?,
    };
    let mut policy_tree = tree::parse(DEFAULT_POLICY, &Origin::BuiltIn("config/rto_rpo_config.yaml", 0))?;
    if let Some(file) = &policy_file {
        policy_tree.overlay(parsed(file)?)?;
    }
    let policy = read_policy::policy(&policy_tree)?;
    if overrides.simulated {
        lay_simulated(&mut tree, env);
    }
    for (setting, source, value) in DRIVEN {
        if let (Some(node), Some(from)) = (tree.at(setting), policy_tree.at(source))
            && node.is_null()
        {
            tree.set(setting, Node::scalar(value(&policy), from.origin.clone()));
        }
    }

    lay_environment(&mut tree, env)?;
    lay_flags(&mut tree, overrides)?;
    let settings = read_settings::settings(&tree, &policy, env)?;
    let sources = Sources { config: file.map(|f| f.path), policy: policy_file.map(|f| f.path), searched };
    let effective = Effective::new(tree, policy_tree, &settings, &sources);
    Ok(Loaded { settings, policy, sources, effective })
}

fn parsed(file: &TextFile) -> Result<Node, ConfigError> {
    tree::parse(&file.text, &Origin::File(Arc::new(file.path.clone()), 0))
}

/// The vendor of `--simulated`, whatever else is configured: its server is in this process, and until that has an address
/// there is nowhere a request could go.
const SIMULATED_VENDOR: &str = "http://simulated.localhost";

/// What `--simulated` means for values that nobody set: simulated bars get a separate database, and are not waited for.
/// The policy's limit is what was agreed with the real vendor, so it does not count here; settings, environment and flag do.
fn lay_simulated(tree: &mut Node, env: &Environment) {
    let unset = |path: &str| tree.at(path).is_some_and(Node::is_null);
    let limit = unset("vendor.rate_limit").then(|| RateLimit::Unlimited.to_string());
    let database = env.data_dir.as_ref().filter(|_| unset("database.url"));
    let database = database.and_then(|dir| Some(format!("sqlite:{}", dir.join("simulated.db").to_str()?)));
    for (path, value) in [("vendor.rate_limit", limit), ("database.url", database)] {
        if let Some(value) = value {
            tree.set(path, Node::scalar(value, Origin::Flag("--simulated")));
        }
    }
}

fn lay_environment(tree: &mut Node, env: &Environment) -> Result<(), ConfigError> {
    use environment::{API_LISTEN, COINBASE_URL, COMMON_DATABASE_URL, DATABASE_URL, RATE_LIMIT, VENDOR_URL};
    let table: [(&str, &[&'static str]); 5] = [
        ("database.url", &[DATABASE_URL, COMMON_DATABASE_URL]),
        ("vendor.base_url", &[VENDOR_URL]),
        ("vendors.coinbase.url", &[COINBASE_URL]),
        ("vendor.rate_limit", &[RATE_LIMIT]),
        ("api.listen", &[API_LISTEN]),
    ];
    for (path, names) in table {
        if let Some((name, value)) = env.first(names)? {
            tree.set(path, Node::scalar(value, Origin::Environment(name)));
        }
    }
    Ok(())
}

fn lay_flags(tree: &mut Node, flags: &Overrides) -> Result<(), ConfigError> {
    let mut set = |path, flag, value: Option<String>| {
        if let Some(value) = value {
            tree.set(path, Node::scalar(value, Origin::Flag(flag)));
        }
    };
    set("database.url", "--database-url", flags.database_url.as_ref().map(|u| u.expose_secret().to_owned()));
    set("vendor.base_url", "--vendor-url", flags.vendor_url.clone());
    set("vendors.coinbase.url", "--coinbase-url", flags.coinbase_url.clone());
    for url in ["vendor.base_url", "vendors.coinbase.url"] {
        set(url, "--simulated", flags.simulated.then(|| SIMULATED_VENDOR.to_owned()));
    }
    set("vendor.rate_limit", "--rate-limit", flags.rate_limit.map(|r| r.to_string()));
    let log_file = match &flags.log_file {
        Some(path) => {
            let not_text = || ConfigError("--log-file: the path is not UTF-8; use another one".to_owned());
            Some(path.to_str().ok_or_else(not_text)?.to_owned())
        }
        None => None,
    };
    set("log.file", "--log-file", log_file);
    Ok(())
}
