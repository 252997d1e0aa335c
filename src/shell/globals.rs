//! Options of every command, and what every command starts with: settings, log, database.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use secrecy::SecretString;

pub use super::early::Color;
use super::exit::{CliError, DATABASE};
use super::output::note;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::log::{Tail, Telemetry};
use barkeep_config::{Environment, Loaded, Overrides, RateLimit, Settings};
use barkeep_store::{HealthListener, Retry, Starting, Store, StoreError, StoreOptions, SymbolRow};

/// What every command says that needs a key and finds none.
pub const NO_API_KEY: &str = "no API key: MASSIVE_API_KEY, POLYGON_API_KEY and vendor.key_file are not set";

/// Accepted before and after the command's name. Environment variables are read in `config`, not by clap, so that `--help`
/// never shows a password. `-h` leaves out what is rarely needed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Settings file [default: ./config/barkeep.yaml, then $XDG_CONFIG_HOME/barkeep/barkeep.yaml]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Database: sqlite:PATH or postgres://… (a password is safer in $BARKEEP_DATABASE_URL)
    #[arg(long, global = true, hide_short_help = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<SecretString>,

    /// Base URL of the vendor's API [default: vendor.base_url]
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub vendor_url: Option<String>,

    /// Base URL of the public API of Coinbase [default: vendors.coinbase.url]
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub coinbase_url: Option<String>,

    /// Use a simulated vendor and a separate database (simulated.db); needs no API key
    #[arg(long, global = true)]
    pub simulated: bool,

    /// Requests per minute, or unlimited [default: vendor.rate_limit]
    #[arg(long, global = true, hide_short_help = true, value_name = "N|unlimited")]
    pub rate_limit: Option<RateLimit>,

    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// Print results and errors only: no progress, notes and warnings
    #[arg(short = 'q', long, global = true)]
    pub quiet: bool,

    /// Use colors: auto, always or never
    #[arg(long, global = true, hide_short_help = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto, hide_possible_values = true)]
    pub color: Color,

    /// Write the log to this file [default: daily files in log.dir]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Log more, and also to stderr (-v: debug, -vv: trace)
    #[arg(short = 'v', long, global = true, hide_short_help = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// A URL may hold a password: clap must not print it in an error.
///
/// # Errors
/// Never.
#[allow(clippy::unnecessary_wraps, reason = "clap takes parsers that return a Result")]
#[must_use]
pub fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

impl Globals {
    /// Reads the settings. Opens nothing but the settings files.
    ///
    /// # Errors
    /// When two flags exclude each other, or a setting cannot be read or used.
    pub fn load(&self) -> Result<Loaded, CliError> {
        // Here and not in clap, which does not notice a conflict between flags before and after the command's name.
        if self.simulated && self.vendor_url.is_some() {
            return Err(CliError::usage("--simulated and --vendor-url cannot be used together"));
        }
        if self.simulated && self.coinbase_url.is_some() {
            return Err(CliError::usage("--simulated and --coinbase-url cannot be used together"));
        }
        Ok(barkeep_config::load(&Overrides {
            config: self.config.clone(),
            database_url: self.database_url.clone(),
            vendor_url: self.vendor_url.clone(),
            coinbase_url: self.coinbase_url.clone(),
            simulated: self.simulated,
            rate_limit: self.rate_limit,
            log_file: self.log_file.clone(),
        })?)
    }

    /// Reads the settings and starts the log.
    ///
    /// # Errors
    /// When the settings cannot be used, `--simulated` would write to a database of real bars, or the log cannot be
    /// opened.
    pub fn start(&self) -> Result<Session, CliError> {
        self.session_checked(true)
    }

    /// The same for the dashboard, which owns the screen: nothing is logged to stderr, whatever `-v` says.
    ///
    /// # Errors
    /// Like [`Globals::start`].
    pub fn start_quiet(&self) -> Result<Session, CliError> {
        self.session_checked(false)
    }

    fn session_checked(&self, stderr: bool) -> Result<Session, CliError> {
        let loaded = self.load()?;
        if self.simulated {
            loaded.keep_simulated_bars_apart()?;
        }
        self.session(loaded, stderr)
    }

    /// The same for a command that does not open the configured database.
    ///
    /// # Errors
    /// When the settings cannot be used, or the log cannot be opened.
    pub fn start_without_database(&self) -> Result<Session, CliError> {
        self.session(self.load()?, true)
    }

    fn session(&self, loaded: Loaded, stderr: bool) -> Result<Session, CliError> {
        let telemetry = barkeep_base::log::start(&loaded.settings.log, self.verbose, stderr)?;
        let clock = Arc::new(SystemClock);
        Ok(Session { loaded, json: self.json, simulated: self.simulated, clock, quiet: !stderr, telemetry })
    }
}

fn no_key() -> CliError {
    CliError::usage(NO_API_KEY).hint(
        "set MASSIVE_API_KEY, or add --simulated to try barkeep without a key; crypto needs none with --vendor coinbase",
    )
}

/// Whether a tracked symbol comes from a vendor that needs no key.
#[must_use]
pub fn any_without_key(rows: &[SymbolRow]) -> bool {
    rows.iter().any(|row| row.active && !row.vendor.needs_key())
}

/// A running command.
#[derive(Debug)]
pub struct Session {
    pub loaded: Loaded,
    pub json: bool,
    /// Whether `--simulated` was given.
    pub simulated: bool,
    /// What time it is for the engine and the screens.
    pub clock: Arc<dyn Clock>,
    /// Whether a screen is shown, so that nothing may be printed.
    quiet: bool,
    telemetry: Telemetry,
}

impl Session {
    /// The last lines of the log, for the dashboard and the API.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.telemetry.tail.clone()
    }

    /// Requests per minute; `None` when unlimited.
    #[must_use]
    pub fn rate_limit(&self) -> Option<u32> {
        self.loaded.settings.vendor.rate_limit.per_minute()
    }

    /// The vendor's key.
    ///
    /// # Errors
    /// When there is no key, or it cannot be read or used.
    pub fn api_key(&self) -> Result<SecretString, CliError> {
        self.any_key()?.ok_or_else(no_key)
    }

    /// The vendor's key, if there is one.
    ///
    /// # Errors
    /// When the key that is set cannot be read or used.
    pub fn any_key(&self) -> Result<Option<SecretString>, CliError> {
        Ok(barkeep_config::find_key(&self.loaded.settings, &Environment::of_process())?.map(|(key, _)| key))
    }

    /// The vendor's key; none where it can be done without: a symbol of the database that is meant comes from a vendor
    /// that needs no key.
    ///
    /// # Errors
    /// When a key is needed and there is none, the key that is set cannot be used, or the database cannot be read.
    pub async fn key_for(&self, meant: impl Fn(&[SymbolRow]) -> bool) -> Result<Option<SecretString>, CliError> {
        let key = self.any_key()?;
        if key.is_none() {
            // Nothing is created for somebody who has to be told.
            let store = self.open_store(true).await.map_err(|_| no_key())?;
            let rows = store.symbols().await;
            store.close().await;
            if !meant(&rows?) {
                return Err(no_key());
            }
        }
        Ok(key)
    }

    /// Opens the database. With `readonly` it must exist and is not changed.
    ///
    /// # Errors
    /// When the database cannot be opened; with `readonly` also when it does not exist.
    pub async fn open_store(&self, readonly: bool) -> Result<Arc<dyn Store>, CliError> {
        self.open(readonly, None).await
    }

    /// Opens the database for work that waits when the database is lost meanwhile, and reports that to `health`.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn open_store_with_retry(&self, health: Arc<dyn HealthListener>) -> Result<Arc<dyn Store>, CliError> {
        self.open(false, Some(Retry::new(self.loaded.settings.backfill.database_patience, health))).await
    }

    /// Opens it like that for reading only.
    ///
    /// # Errors
    /// When the database does not exist or cannot be opened.
    pub async fn open_reader_with_retry(&self, health: Arc<dyn HealthListener>) -> Result<Arc<dyn Store>, CliError> {
        self.open(true, Some(Retry::new(self.loaded.settings.backfill.database_patience, health))).await
    }

    async fn open(&self, readonly: bool, retry: Option<Retry>) -> Result<Arc<dyn Store>, CliError> {
        let Settings { database, database_connections: connections, database_writers: writers, .. } =
            &self.loaded.settings;
        let (connections, writers) = (*connections, *writers);
        self.while_starting(async |starting| {
            barkeep_store::open_with(
                database.as_str(),
                readonly,
                StoreOptions { retry, connections, writers, starting, ..StoreOptions::default() },
            )
            .await
        })
        .await
    }

    /// Opens something in the database. A server that is still starting is waited for, and that is said.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn while_starting<T>(
        &self,
        open: impl AsyncFnOnce(Starting<'_>) -> Result<T, StoreError>,
    ) -> Result<T, CliError> {
        let told = |line: &str| {
            tracing::warn!("{line}");
            if !self.quiet {
                note(line);
            }
        };
        let patience = self.loaded.settings.backfill.database_patience;
        open(Starting { patience, told: &told }).await.map_err(|e| self.cannot_open(&e))
    }

    /// Whatever the reason, at this point the database is what is missing.
    fn cannot_open(&self, e: &StoreError) -> CliError {
        let error = CliError::new(DATABASE, e.to_string());
        if let StoreError::NotFound(_) = e {
            return error.hint("`barkeep symbols add` or `barkeep backfill` creates it");
        }
        let database = &self.loaded.settings.database;
        error.hint(format!("configured database: {database} (`barkeep config print` shows where it is set)"))
    }
}

/// Runs a command's future on a new runtime.
///
/// # Errors
/// What `work` fails with, or when no thread can be started.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new(super::exit::SOME_FAILED, format!("cannot start worker threads: {e}")))?;
    runtime.block_on(work)
}
