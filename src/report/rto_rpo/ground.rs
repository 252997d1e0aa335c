//! Where a drill takes place: a simulated vendor, a scratch database and real processes between them.
//!
//! The policy and the settings that decide about recovery are the live ones; only places (database, vendor, log) and the
//! work to be done are the drill's own. Alerts go nowhere: nobody is woken up by a drill.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::drill::Stop;
use super::work::Work;
use crate::child::Process;
use crate::scratch::Dir;
use barkeep_base::clock::SystemClock;
use barkeep_base::text::printable;
use barkeep_config::{Config, Environment, Loaded, Overrides};
use barkeep_market::Symbol;
use barkeep_pipeline::Backfill;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_sim::{LoggedRequest, Sim, SimConfig};
use barkeep_store::{Store, Trigger};

/// The vendor lets any key in.
pub(super) const KEY: &str = "key-of-the-drill";

/// Sections of the live settings that a drill runs with.
const LIVE: [&str; 6] = ["vendor", "backfill", "symbols", "quality", "staleness", "features"];

/// How often something that has to happen is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// How far a drill's service reaches back: beyond the settled days, which have to be complete.
const HISTORY: &str = "45d";

/// A drill's own ground.
pub(super) struct DrillContext {
    dir: Dir,
    pub(super) sim: Sim,
    /// About when the vendor's clock was zero.
    pub(super) begun: Instant,
    pub(super) database: String,
    pub(super) loaded: Loaded,
    symbols: Vec<Symbol>,
    settled: (TimeBound, TimeBound),
}

impl DrillContext {
    /// Starts the vendor and writes the settings. Without a `database` it is a SQLite file.
    pub(super) async fn raise(work: &Work<'_>, vendor: SimConfig, database: Option<String>) -> Result<Self, Stop> {
        let live = work.live;
        let dir = Dir::make("drill").map_err(|e| Stop::failed(format!("no scratch directory can be made: {e}")))?;
        let limit = vendor.rate_limit;
        let free_port = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
        let begun = Instant::now();
        let sim =
            Sim::start(free_port, vendor, Arc::new(SystemClock)).await.map_err(|e| Stop::failed(e.to_string()))?;
        let database = database.unwrap_or_else(|| format!("sqlite:{}", dir.path().join("drill.db").display()));
        let file = dir.path().join("barkeep.yaml");
        let written = json!({
            "url": sim.url(), "limit": limit.map_or(json!("unlimited"), |n| json!(n)),
            "database": database, "log": dir.path().join("logs"),
        });
        let settings = settings(live, &written);
        // JSON is YAML.
        let write = |path, text: String| {
            std::fs::write(path, text).map_err(|e| Stop::failed(format!("the scratch settings cannot be written: {e}")))
        };
        write(dir.path().join("rto_rpo_config.yaml"), live.effective.policy_yaml())?;
        write(file.clone(), settings.to_string())?;
        let overrides = Overrides { config: Some(file), ..Overrides::default() };
        let loaded =
            barkeep_config::load_from(&overrides, &Environment::default()).map_err(|e| Stop::failed(e.to_string()))?;
        let (symbols, settled) = (work.symbols.clone(), (work.from, work.to));
        Ok(Self { dir, sim, begun, database, loaded, symbols, settled })
    }

    async fn process(&self, args: &[&str]) -> Result<Process, Stop> {
        let file = self.dir.path().join("barkeep.yaml").display().to_string();
        let variables = [("MASSIVE_API_KEY", KEY.to_owned()), ("BARKEEP_CONFIG", file)];
        let said = self.dir.path().join("said");
        let started = Process::start(args, self.dir.path(), &variables, &said).await;
        started.map_err(|e| Stop::failed(format!("`barkeep {}` cannot be started: {e}", args.join(" "))))
    }

    /// Runs a command of this executable to its end, which must be a good one.
    pub(super) async fn run(&self, args: &[&str]) -> Result<(), Stop> {
        let process = self.process(args).await?;
        let code = process.ended().await.map_err(|e| Stop::failed(e.to_string()))?;
        if code == 0 {
            return Ok(());
        }
        Err(Stop::failed(format!("`barkeep {}` ended with {code}: {}", args.join(" "), self.last_words())))
    }

    /// Registers the drill's symbols; this makes the database.
    pub(super) async fn register(&self) -> Result<(), Stop> {
        let names: Vec<&str> = self.symbols.iter().map(Symbol::as_str).collect();
        self.run(&[&["symbols", "add"], names.as_slice(), &["--timeframes", "5m,1h,1d"]].concat()).await
    }

    /// `barkeep run --headless`.
    pub(super) async fn service(&self) -> Result<Process, Stop> {
        self.process(&["run", "--headless"]).await
    }

    /// Ends a service in order.
    pub(super) async fn end(&self, service: Process) -> Result<(), Stop> {
        match service.terminate().await {
            Ok(0) => Ok(()),
            Ok(code) => Err(Stop::failed(format!("the service ended with {code} on SIGTERM: {}", self.last_words()))),
            Err(e) => Err(Stop::failed(format!("the service: {e}"))),
        }
    }

    /// The last line a process of this stage printed.
    pub(super) fn last_words(&self) -> String {
        let said = std::fs::read_to_string(self.dir.path().join("said")).unwrap_or_default();
        printable(
            said.lines().rev().find(|line| line.starts_with("error:")).or(said.lines().last()).unwrap_or("nothing"),
        )
    }

    /// The database, to look at only.
    pub(super) async fn look(&self) -> Result<Arc<dyn Store>, Stop> {
        barkeep_store::open(&self.database, true).await.map_err(|e| Stop::failed(e.to_string()))
    }

    /// An engine that only looks and plans.
    pub(super) async fn planner(&self, store: Arc<dyn Store>) -> Result<EngineContext, Stop> {
        let key = SecretString::from(KEY);
        let config = Config::from(self.loaded.clone());
        let opened = barkeep_pipeline::open(store, config, key, Arc::new(SystemClock), Arc::new(Silent)).await;
        opened.map_err(|e| Stop::failed(e.to_string()))
    }

    /// Waits until nothing of the settled days is missing.
    pub(super) async fn until_complete(
        &self,
        planner: &EngineContext,
        service: &mut Process,
        longest: Duration,
    ) -> Result<(), Stop> {
        let (from, to) = self.settled;
        let selection = Selection { from: Some(from), to: Some(to), ..Selection::default() };
        let wish = Backfill::new(selection, self.loaded.settings.backfill.mode, Trigger::Cli);
        let deadline = Instant::now() + longest;
        loop {
            if let Ok(plan) = wish.preview(planner).await
                && plan.requests == 0
                && plan.derived_locally == 0
            {
                return Ok(());
            }
            self.pause(service, deadline, "the data was not complete").await?;
        }
    }

    /// One look later; an end when the service is gone or it has taken too long.
    pub(super) async fn pause(&self, service: &mut Process, deadline: Instant, what: &str) -> Result<(), Stop> {
        if !service.is_alive() {
            return Err(Stop::failed(format!("the service ended by itself: {}", self.last_words())));
        }
        if Instant::now() >= deadline {
            return Err(Stop::failed(format!("{what} in time")));
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// Waits until the vendor's log says so; a minute at most.
    pub(super) async fn until_asked(
        &self,
        service: &mut Process,
        what: &str,
        enough: impl Fn(&[LoggedRequest]) -> bool,
    ) -> Result<(), Stop> {
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

/// The live settings with the drill's own places.
fn settings(live: &Loaded, own: &Value) -> Value {
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
    let place = |name: &str| own.get(name).cloned().unwrap_or_default();
    set("vendor", "base_url", place("url"));
    set("vendor", "rate_limit", place("limit"));
    set("vendor", "key_file", Value::Null);
    set("backfill", "history", json!(HISTORY));
    set("database", "url", place("database"));
    set("log", "dir", place("log"));
    // A port of its own is not needed, and the usual one is somebody's.
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
