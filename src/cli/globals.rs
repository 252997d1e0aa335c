//! Flags that every command takes, and what every command starts with: settings, log, database.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use secrecy::SecretString;

use super::exit::{CliError, DATABASE};
use barkeep_base::log::{Tail, Telemetry};
use barkeep_config::{Environment, Loaded, Overrides, RateLimit, Settings};
use barkeep_store::{HealthListener, Retry, Store, StoreError};

/// Before or after the command's name. Environment variables are read in `config`, not by clap, so that `--help` never
/// shows a password.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Settings file [default: ./config/barkeep.yaml, then $XDG_CONFIG_HOME/barkeep/barkeep.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Database, sqlite:PATH or postgres://… (a password is safer in $BARKEEP_DATABASE_URL)
    #[arg(long, global = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<SecretString>,

    /// Origin of the vendor's API
    #[arg(long, global = true, value_name = "URL")]
    pub vendor_url: Option<String>,

    /// Try it without a key: a simulated vendor with made-up bars, and a database of its own (simulated.db)
    #[arg(long, global = true)]
    pub simulated: bool,

    /// Requests per minute, or unlimited
    #[arg(long, global = true, value_name = "N|unlimited")]
    pub rate_limit: Option<RateLimit>,

    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// Write the log to exactly this file
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Log more, and to stderr too (-vv: everything)
    #[arg(short = 'v', long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// A URL may hold a password: clap must neither print it in an error nor keep it printable.
#[allow(clippy::unnecessary_wraps, reason = "clap takes parsers that return a Result")]
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

impl Globals {
    /// Reads the settings. Opens nothing but the settings files.
    pub fn load(&self) -> Result<Loaded, CliError> {
        // Here and not in clap, which does not see that flags before and after the command's name contradict.
        if self.simulated && self.vendor_url.is_some() {
            return Err(CliError::usage("--simulated contradicts --vendor-url; use one of them"));
        }
        Ok(barkeep_config::load(&Overrides {
            config: self.config.clone(),
            database_url: self.database_url.clone(),
            vendor_url: self.vendor_url.clone(),
            simulated: self.simulated,
            rate_limit: self.rate_limit,
            log_file: self.log_file.clone(),
        })?)
    }

    /// Reads the settings and starts the log.
    pub fn start(&self) -> Result<Session, CliError> {
        self.started(true)
    }

    /// The same for who owns the screen: whatever `-v` says, nothing of the log goes to stderr.
    pub fn start_quiet(&self) -> Result<Session, CliError> {
        self.started(false)
    }

    fn started(&self, stderr: bool) -> Result<Session, CliError> {
        let loaded = self.load()?;
        if self.simulated {
            loaded.keep_made_up_bars_apart()?;
        }
        self.session(loaded, stderr)
    }

    /// The same for a command that leaves the database of the settings alone.
    pub fn start_apart(&self) -> Result<Session, CliError> {
        self.session(self.load()?, true)
    }

    fn session(&self, loaded: Loaded, stderr: bool) -> Result<Session, CliError> {
        let telemetry = barkeep_base::log::start(&loaded.settings.log, self.verbose, stderr)?;
        Ok(Session { loaded, json: self.json, simulated: self.simulated, telemetry })
    }
}

/// A command at work.
#[derive(Debug)]
pub struct Session {
    pub loaded: Loaded,
    pub json: bool,
    /// Whether this is about the simulated vendor and its database.
    pub simulated: bool,
    telemetry: Telemetry,
}

impl Session {
    /// The last lines of the log, for whoever shows them.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.telemetry.tail.clone()
    }

    /// The vendor's key.
    pub fn api_key(&self) -> Result<SecretString, CliError> {
        let key = barkeep_config::find_key(&self.loaded.settings, &Environment::of_process())?;
        key.map(|(key, _)| key).ok_or_else(|| {
            CliError::usage(
                "no API key: MASSIVE_API_KEY and POLYGON_API_KEY are not set and vendor.key_file names no file",
            )
            .hint("set MASSIVE_API_KEY, or try barkeep without a key: add --simulated")
        })
    }

    /// Opens the database; with `readonly` it must exist and nothing in it changes.
    pub async fn open_store(&self, readonly: bool) -> Result<Arc<dyn Store>, CliError> {
        barkeep_store::open(self.loaded.settings.database.as_str(), readonly).await.map_err(|e| self.cannot_open(&e))
    }

    /// Opens the database for work that waits for it when it is lost on the way, and tells `health` of it.
    pub async fn open_store_with_retry(&self, health: Arc<dyn HealthListener>) -> Result<Arc<dyn Store>, CliError> {
        let Settings { database, backfill, .. } = &self.loaded.settings;
        let retry = Retry::new(backfill.database_patience, health);
        barkeep_store::open_with_retry(database.as_str(), false, retry).await.map_err(|e| self.cannot_open(&e))
    }

    /// Whatever the reason, at this point the database is what is missing.
    fn cannot_open(&self, e: &StoreError) -> CliError {
        let error = CliError::new(DATABASE, e.to_string());
        if let StoreError::NotFound(_) = e {
            // The message already says what to do.
            return error;
        }
        error.hint(format!("the database in use is {}; see `barkeep config print`", self.loaded.settings.database))
    }
}

/// Runs a command's future on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new(super::exit::SOME_FAILED, format!("cannot start worker threads: {e}")))?;
    runtime.block_on(work)
}
