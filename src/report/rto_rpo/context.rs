//! The environment of a drill: a simulated vendor, a temporary database and real processes.
//!
//! Policy and the settings that decide about recovery are the configured ones; only addresses (database, vendor, log) and
//! the workload are the drill's. Alerts are not sent anywhere.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::outcome::DrillError;
use super::workload::Workload;
use crate::child::{Process, last_line};
use barkeep_base::clock::SystemClock;
use barkeep_config::{Config, Environment, Loaded, Overrides};
use barkeep_market::Symbol;
use barkeep_pipeline::Backfill;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_sim::{LoggedRequest, Sim, SimConfig};
use barkeep_store::{Retry, Store, Trigger};

/// The simulated vendor accepts any key.
pub(super) const KEY: &str = "key-of-the-drill";

/// Sections of the configured settings that a drill uses.
const LIVE: [&str; 6] = ["vendor", "backfill", "symbols", "quality", "staleness", "features"];

/// How often a condition is checked.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// History of a drill's service: longer than the days that have to be complete.
const HISTORY: &str = "45d";

/// The environment of a drill.
pub(super) struct DrillContext {
    dir: TempDir,
    pub(super) sim: Sim,
    /// About when the vendor's clock was zero.
    pub(super) started: Instant,
    pub(super) database: String,
    pub(super) loaded: Loaded,
    symbols: Vec<Symbol>,
    final_days: (TimeBound, TimeBound),
}

impl DrillContext {
    /// Starts the vendor and writes the settings. Without a `database` it is a SQLite file.
    pub(super) async fn start(
        workload: &Workload<'_>,
        vendor: SimConfig,
        database: Option<String>,
    ) -> Result<Self, DrillError> {
        let live = workload.live;
        let dir = tempfile::Builder::new()
            .prefix("barkeep-drill-")
            .tempdir()
            .map_err(|e| DrillError::failed(format!("cannot create a temporary directory: {e}")))?;
        let limit = vendor.rate_limit;
        let free_port = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
        let started = Instant::now();
        let sim = Sim::start(free_port, vendor, Arc::new(SystemClock))
            .await
            .map_err(|e| DrillError::failed(e.to_string()))?;
        let database = database.unwrap_or_else(|| format!("sqlite:{}", dir.path().join("drill.db").display()));
        let file = dir.path().join("barkeep.yaml");
        let addresses = json!({
            "url": sim.url(), "limit": limit.map_or(json!("unlimited"), |n| json!(n)),
            "database": database, "log": dir.path().join("logs"),
        });
        let settings = settings(live, &addresses);
        // JSON is YAML.
        let write = |path, text: String| {
            std::fs::write(path, text).map_err(|e| DrillError::failed(format!("cannot write the settings: {e}")))
        };
        write(dir.path().join("rto_rpo_config.yaml"), live.effective.policy_yaml())?;
        write(file.clone(), settings.to_string())?;
        let overrides = Overrides { config: Some(file), ..Overrides::default() };
        let loaded = barkeep_config::load_from(&overrides, &Environment::default())
            .map_err(|e| DrillError::failed(e.to_string()))?;
        let (symbols, final_days) = (workload.symbols.clone(), (workload.from, workload.to));
        Ok(Self { dir, sim, started, database, loaded, symbols, final_days })
    }

    async fn process(&self, args: &[&str]) -> Result<Process, DrillError> {
        let file = self.dir.path().join("barkeep.yaml").display().to_string();
        let variables = [("MASSIVE_API_KEY", KEY.to_owned()), ("BARKEEP_CONFIG", file)];
        let process = Process::start(args, self.dir.path(), &variables).await;
        process.map_err(|e| DrillError::failed(format!("cannot start `barkeep {}`: {e}", args.join(" "))))
    }

    /// Runs a command, which must exit with 0.
    pub(super) async fn run(&self, args: &[&str]) -> Result<(), DrillError> {
        let process = self.process(args).await?;
        let ended = process.wait().await.map_err(|e| DrillError::failed(e.to_string()))?;
        if ended.success() {
            return Ok(());
        }
        Err(DrillError::failed(format!(
            "`barkeep {}` ended with {ended}: {}",
            args.join(" "),
            last_line(self.dir.path())
        )))
    }

    /// Adds the symbols; this creates the database.
    pub(super) async fn register(&self) -> Result<(), DrillError> {
        let names: Vec<&str> = self.symbols.iter().map(Symbol::as_str).collect();
        self.run(&[&["symbols", "add"], names.as_slice(), &["--timeframes", "5m,1h,1d"]].concat()).await
    }

    /// `barkeep run --headless`.
    pub(super) async fn service(&self) -> Result<Process, DrillError> {
        self.process(&["run", "--headless"]).await
    }

    /// Stops a service in an orderly way.
    pub(super) async fn stop(&self, service: Process) -> Result<(), DrillError> {
        match service.terminate().await {
            Ok(ended) if ended.success() => Ok(()),
            Ok(ended) => Err(DrillError::failed(format!(
                "the service ended with {ended} on SIGTERM: {}",
                last_line(self.dir.path())
            ))),
            Err(e) => Err(DrillError::failed(format!("the service: {e}"))),
        }
    }

    /// Opens the database read-only.
    pub(super) async fn open_read_only(&self) -> Result<Arc<dyn Store>, DrillError> {
        barkeep_store::open(&self.database, true).await.map_err(|e| DrillError::failed(e.to_string()))
    }

    /// An engine that only plans.
    pub(super) async fn planner(&self) -> Result<EngineContext, DrillError> {
        let (config, key) = (Config::from(self.loaded.clone()), SecretString::from(KEY));
        let retry = Retry::new(config.settings.backfill.database_patience, Arc::new(Silent));
        let store = barkeep_store::open_with_retry(&self.database, true, retry).await;
        let store = store.map_err(|e| DrillError::failed(e.to_string()))?;
        let opened = barkeep_pipeline::open(store, config, key, Arc::new(SystemClock)).await;
        opened.map_err(|e| DrillError::failed(e.to_string()))
    }

    /// Waits until nothing is missing from the final days.
    pub(super) async fn until_complete(
        &self,
        planner: &EngineContext,
        service: &mut Process,
        longest: Duration,
    ) -> Result<(), DrillError> {
        let (from, to) = self.final_days;
        let selection = Selection { from: Some(from), to: Some(to), ..Selection::default() };
        let backfill = Backfill::new(selection, self.loaded.settings.backfill.mode, Trigger::Cli);
        let deadline = Instant::now() + longest;
        loop {
            if let Ok(plan) = backfill.preview(planner).await
                && plan.requests == 0
                && plan.derived_locally == 0
            {
                return Ok(());
            }
            self.pause(service, deadline, "the data was not complete").await?;
        }
    }

    /// Waits a moment; an error when the service is gone or the deadline has passed.
    pub(super) async fn pause(&self, service: &mut Process, deadline: Instant, what: &str) -> Result<(), DrillError> {
        if !service.is_alive() {
            return Err(DrillError::failed(format!("the service ended by itself: {}", last_line(self.dir.path()))));
        }
        if Instant::now() >= deadline {
            return Err(DrillError::failed(format!("{what} in time")));
        }
        tokio::time::sleep(CHECK_EVERY).await;
        Ok(())
    }

    /// Waits until the requests in the vendor's log are enough; a minute at most.
    pub(super) async fn until_requests(
        &self,
        service: &mut Process,
        what: &str,
        enough: impl Fn(&[LoggedRequest]) -> bool,
    ) -> Result<(), DrillError> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !enough(&self.sim.log()) {
            self.pause(service, deadline, what).await?;
        }
        Ok(())
    }

    pub(super) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }
}

/// How many bars are stored; `None` when the database does not answer.
pub(super) async fn stored(store: &dyn Store) -> Option<i64> {
    store.series().await.ok().map(|all| all.iter().map(|row| row.bar_count).sum())
}

/// The configured settings with the addresses of the drill.
fn settings(live: &Loaded, addresses: &Value) -> Value {
    let written = live.effective.json();
    let mut all = Map::new();
    for section in LIVE {
        if let Some(values) = written.get("settings").and_then(|tree| tree.get(section)) {
            all.insert(section.to_owned(), plain(values));
        }
    }
    let mut set = |section: &str, name: &str, value: Value| {
        if let Some(map) = all.entry(section).or_insert_with(|| json!({})).as_object_mut() {
            map.insert(name.to_owned(), value);
        }
    };
    let address = |name: &str| addresses.get(name).cloned().unwrap_or_default();
    set("vendor", "base_url", address("url"));
    set("vendor", "rate_limit", address("limit"));
    set("vendor", "key_file", Value::Null);
    set("backfill", "history", json!(HISTORY));
    set("database", "url", address("database"));
    set("log", "dir", address("log"));
    // The API is not needed, and its port may be in use.
    if written.get("settings").is_some_and(|tree| tree.get("api").is_some()) {
        set("api", "enabled", json!(false));
    }
    Value::Object(all)
}

/// Values without their sources.
fn plain(node: &Value) -> Value {
    match node.as_object() {
        Some(leaf) if leaf.len() == 2 && leaf.contains_key("source") => leaf.get("value").cloned().unwrap_or_default(),
        Some(map) => Value::Object(map.iter().map(|(name, child)| (name.clone(), plain(child))).collect()),
        None => node.clone(),
    }
}
