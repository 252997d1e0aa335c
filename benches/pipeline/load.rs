//! The load: the 25 symbols x 5 timeframes x 365 days of `barkeep baseline`, through the real engine, over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::base::clock::FixedClock;
use barkeep::base::timing::Phase;
use barkeep::config::{self, Config, Mode, Overrides, RateLimit};
use barkeep::market::Ts;
use barkeep::market::ts::DAY;
use barkeep::pipeline::Backfill;
use barkeep::pipeline::events::{Event, ItemTiming, Listener};
use barkeep::pipeline::select::{Selection, TimeBound};
use barkeep::store::{self, ExecutionStatus, StoreOptions, Trigger};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

/// What one run took.
pub(crate) struct Run {
    pub(crate) wall: Duration,
    pub(crate) bars: u64,
    pub(crate) feature_rows: u64,
    pub(crate) requests: u64,
    /// Seconds by phase, added up over the jobs.
    pub(crate) phases: Vec<(Phase, f64)>,
}

#[derive(Default)]
struct Phases(std::sync::Mutex<Vec<ItemTiming>>);

impl Listener for Phases {
    fn on_event(&self, _event: Event) {}

    fn on_timing(&self, timing: ItemTiming) {
        self.0.lock().unwrap().push(timing);
    }
}

pub(crate) fn settings(vendor: &str, features: bool) -> Config {
    let overrides = Overrides {
        vendor_url: Some(vendor.to_owned()),
        rate_limit: Some(RateLimit::Unlimited),
        ..Overrides::default()
    };
    let mut loaded = config::load(&overrides).unwrap();
    loaded.settings.features.enabled = features;
    Config::from(loaded)
}

/// Settings with so many connections that write.
pub(crate) fn with_writers(mut settings: Config, writers: u32) -> Config {
    let of = Arc::make_mut(&mut settings.settings);
    of.database_writers = writers;
    // One sends heartbeats, two read.
    of.database_connections = writers + 3;
    settings
}

/// Fills an empty database and leaves it filled.
pub(crate) async fn run(settings: Config, database: &str, now: Ts, mode: Mode) -> Run {
    let load = config::baseline_load().unwrap();
    let of = &settings.settings;
    let opening =
        StoreOptions { connections: of.database_connections, writers: of.database_writers, ..StoreOptions::default() };
    let store = store::open_with(database, false, opening).await.unwrap();
    let phases = Arc::new(Phases::default());
    let listener = Arc::clone(&phases) as Arc<dyn Listener>;
    let (key, clock) = (SecretString::from("key-of-the-benchmark"), Arc::new(FixedClock::at(now)));
    let engine = barkeep::pipeline::open(Arc::clone(&store), settings, key, clock).await.unwrap();
    let from = (now - i64::from(load.days) * DAY).utc_date();
    let selection = Selection {
        symbols: load.symbols,
        timeframes: Some(load.timeframes),
        from: Some(TimeBound::Date(from)),
        ..Selection::default()
    };
    let start = Instant::now();
    let wish = Backfill::new(selection, mode, Trigger::Cli);
    let summary = wish.run(&engine, listener, CancellationToken::new()).await.unwrap();
    let wall = start.elapsed();
    assert_eq!(summary.status, ExecutionStatus::Completed);
    drop(engine);
    store.close().await;
    let jobs = std::mem::take(&mut *phases.0.lock().unwrap());
    let spent = |phase| jobs.iter().map(|job| job.spent.of(phase).as_secs_f64()).sum();
    Run {
        wall,
        bars: summary.bars_written,
        feature_rows: summary.features_written,
        requests: summary.requests,
        phases: Phase::ALL.into_iter().map(|phase| (phase, spent(phase))).collect(),
    }
}
