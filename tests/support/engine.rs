//! The engine in this process, with a clock that tests set: for what takes days outside.

pub use barkeep::market::testing::at;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};

use barkeep::base::clock::{Clock, FixedClock, Moment};
use barkeep::config::{self, Config, Environment, Loaded, Mode, Overrides, Policy, Settings};
use barkeep::market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep::monitor::snapshot::{FreshnessContext, Snapshot};
use barkeep::pipeline::Backfill;
use barkeep::pipeline::EngineContext;
use barkeep::pipeline::Summary;
use barkeep::pipeline::events::{Event, Listener};
use barkeep::pipeline::select::Selection;
use barkeep::plan::Plan;
use barkeep::sim::{Sim, SimConfig};
use barkeep::store::{self, Store, StoredBar, Trigger};
use tokio_util::sync::CancellationToken;

use super::bench::{Values, vendor_bars};

fn wish(symbols: &[&str], timeframes: &str, from: Option<&str>, to: Option<&str>) -> Backfill {
    let selection = Selection {
        symbols: symbols.iter().map(|s| Symbol::from_str(s).unwrap()).collect(),
        timeframes: Some(timeframes.split(',').map(|tf| Timeframe::from_str(tf).unwrap()).collect()),
        from: from.map(|day| day.parse().unwrap()),
        to: to.map(|day| day.parse().unwrap()),
        ..Selection::default()
    };
    Backfill::new(selection, Mode::Pipeline, Trigger::Cli)
}

/// Keeps every event of a run.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<Event>>);

impl Listener for Recorder {
    fn on_event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Recorder {
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

/// A vendor, a SQLite store and a clock that both go by.
pub struct TestEngine {
    pub sim: Sim,
    pub store: Arc<dyn Store>,
    pub clock: Arc<FixedClock>,
    pub settings: Settings,
    policy: Policy,
    pub heard: Arc<Recorder>,
    dir: tempfile::TempDir,
}

impl TestEngine {
    pub async fn open(now: &str, vendor: SimConfig) -> Self {
        Self::with(at(now), vendor, false).await
    }

    /// On a store that only remembers, and without features: for long histories.
    pub async fn in_memory(now: Ts, vendor: SimConfig) -> Self {
        Self::with(now, vendor, true).await
    }

    async fn with(now: Ts, vendor: SimConfig, in_memory: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(now));
        let sim = Sim::start("127.0.0.1:0".parse().unwrap(), vendor, Arc::clone(&clock) as Arc<dyn Clock>);
        let sim = sim.await.unwrap();
        let url = format!("sqlite:{}", dir.path().join("bars.db").display());
        let file = dir.path().join("barkeep.yaml");
        let yaml = format!(
            "database:\n  url: {url}\nlog:\n  dir: {}\n\
             vendor:\n  base_url: {}\n  rate_limit: unlimited\n  backoff_base: 10ms\n\
             vendors:\n  coinbase:\n    url: {}\n",
            dir.path().display(),
            sim.url(),
            sim.url()
        );
        std::fs::write(&file, yaml).unwrap();
        let overrides = Overrides { config: Some(file), ..Overrides::default() };
        let Loaded { mut settings, policy, .. } = config::load_from(&overrides, &Environment::default()).unwrap();
        let store: Arc<dyn Store> = if in_memory {
            settings.features.enabled = false;
            store::Memory::new()
        } else {
            store::open(&url, false).await.unwrap()
        };
        Self { sim, store, clock, settings, policy, heard: Arc::default(), dir }
    }

    pub fn set(&self, now: &str) {
        self.clock.set(at(now));
    }

    /// The key of a series and its coverage.
    pub async fn coverage(&self, symbol: &str, timeframe: Timeframe) -> (store::SeriesId, Vec<store::Coverage>) {
        let series = self.store.series().await.unwrap();
        let is = |row: &&store::SeriesRow| row.symbol.as_str() == symbol && row.timeframe == timeframe;
        let id = series.iter().find(is).unwrap_or_else(|| panic!("no series {symbol} {timeframe}")).id;
        let rows = self.store.coverage(&[id]).await.unwrap().into_iter().flat_map(|(_, rows)| rows).collect();
        (id, rows)
    }

    /// A backfill of some symbols: `timeframes` separated by commas, inclusive dates.
    pub async fn run(&self, symbols: &[&str], timeframes: &str, from: Option<&str>, to: Option<&str>) -> Summary {
        self.carry_out(wish(symbols, timeframes, from, to)).await
    }

    /// A backfill of a selection.
    pub async fn select(&self, selection: Selection) -> Summary {
        self.carry_out(Backfill::new(selection, Mode::Pipeline, Trigger::Cli)).await
    }

    async fn carry_out(&self, wish: Backfill) -> Summary {
        let listener = Arc::clone(&self.heard) as Arc<dyn Listener>;
        wish.run(&self.engine().await, listener, CancellationToken::new()).await.unwrap()
    }

    /// What such a backfill would ask.
    pub async fn plan(&self, symbols: &[&str], timeframes: &str, from: Option<&str>, to: Option<&str>) -> Plan {
        wish(symbols, timeframes, from, to).preview(&self.engine().await).await.unwrap()
    }

    /// An engine as a process that has just started has it.
    pub async fn engine(&self) -> EngineContext {
        let key = secrecy::SecretString::from("key-of-the-tests");
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let config = Config::new(self.settings.clone(), self.policy.clone());
        let Ok(engine) = barkeep::pipeline::open(Arc::clone(&self.store), config, key, clock).await else {
            panic!("the engine does not open")
        };
        engine
    }

    /// Runs and expects that it is complete.
    pub async fn fill(&self, symbols: &[&str], timeframes: &str, from: &str) -> Summary {
        let summary = self.run(symbols, timeframes, Some(from), None).await;
        assert!(summary.is_complete() && summary.gaps_left == 0, "{summary:?}");
        summary
    }

    /// All stored bars of a series.
    pub async fn bars(&self, symbol: &str, timeframe: &str) -> Vec<StoredBar> {
        let series = self.store.series().await.unwrap();
        let is = |row: &&store::SeriesRow| row.symbol.as_str() == symbol && row.timeframe.name() == timeframe;
        let id = series.iter().find(is).unwrap_or_else(|| panic!("no series {symbol} {timeframe}")).id;
        self.store.bars(id, (..).into(), None).await.unwrap()
    }

    /// Starts of the bars of a series that are not final.
    pub async fn provisional(&self, symbol: &str, timeframe: &str) -> Vec<String> {
        let bars = self.bars(symbol, timeframe).await;
        bars.iter().filter(|b| b.provisional).map(|b| b.bar.ts.to_string()).collect()
    }

    /// That the stored series is what the vendor serves now, value for value.
    pub async fn assert_as_vendor(&self, symbol: &str, timeframe: &str, from: &str, to: &str) {
        let vendor = vendor_bars(self.sim.addr, symbol, timeframe, from, to).await;
        assert!(!vendor.is_empty(), "the vendor has no {symbol} {timeframe}");
        let stored: super::bench::Bars = self
            .bars(symbol, timeframe)
            .await
            .into_iter()
            .map(|row| {
                let b = row.bar;
                let values: Values = (b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades);
                ((symbol.to_owned(), timeframe.to_owned(), b.ts.ms()), values)
            })
            .collect();
        super::bench::assert_same(&stored, symbol, timeframe, &vendor);
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        use sqlx::Connection as _;
        let url = format!("sqlite:{}?mode=ro", self.dir.path().join("bars.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap()
    }

    /// Changes the database behind the engine's back.
    pub async fn alter(&self, sql: &'static str) {
        use sqlx::Connection as _;
        let url = format!("sqlite:{}?mode=rw", self.dir.path().join("bars.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    }

    pub async fn snapshot(&self) -> Snapshot {
        let calendar = barkeep::pipeline::calendar(self.store.as_ref()).await.unwrap();
        let now = Moment::now(&*self.clock);
        let policy = super::rig::policy();
        let bench = FreshnessContext { calendar: &calendar, settings: &self.settings, policy: &policy };
        Snapshot::read(self.store.as_ref(), bench, now).await.unwrap()
    }

    /// Starts of the asked ranges of a ticker since request `after`, from the vendor's own log.
    pub fn asked_from(&self, part: &str, after: usize) -> Vec<Ts> {
        let log = self.sim.log();
        let first_pages = log.iter().skip(after).filter(|r| r.target.contains(part) && r.page == 1);
        first_pages
            .map(|r| {
                let path = r.target.split('?').next().unwrap();
                let from = path.rsplit('/').nth(1).unwrap();
                // Days are those of the exchange.
                from.parse().map_or_else(|_| AssetClass::Stock.midnight(from.parse().unwrap()), Ts)
            })
            .collect()
    }
}
