use super::super::conditions::conditions;
use super::*;
use barkeep_base::process;
use barkeep_config::{Environment, Loaded, Overrides, load_from};
use barkeep_market::ts::MINUTE;
use barkeep_market::{AssetClass, Interval};
use barkeep_store::{
    Coverage, CoverageState, ExecutionRow, ExecutionStatus, PageCommit, SeriesWrite, StoredBar, SymbolRow, testing,
};
use uuid::Uuid;

/// Tuesday, 13:00 in New York.
fn now() -> Ts {
    Ts(1_709_661_600_000)
}

struct Bench {
    dir: tempfile::TempDir,
    store: std::sync::Arc<dyn Store>,
    loaded: Loaded,
    calendar: Calendar,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("barkeep.yaml");
        let text = format!("log:\n  dir: {0}\ndatabase:\n  url: sqlite:{0}/x.db\n", dir.path().display());
        std::fs::write(&path, text).unwrap();
        let flags = Overrides { config: Some(path), ..Overrides::default() };
        let loaded = load_from(&flags, &Environment::default()).unwrap();
        let url = format!("sqlite:{}", dir.path().join("a.db").display());
        let store = barkeep_store::open(&url, false).await.unwrap();
        Self { dir, store, loaded, calendar: Calendar::new() }
    }

    async fn add(&self, name: &str, criticality: Criticality, added_at: Ts) {
        let row = SymbolRow { criticality, added_at, ..testing::symbol_of(name, AssetClass::Crypto, &[Timeframe::M5]) };
        self.store.put_symbols(&[row]).await.unwrap();
    }

    async fn id(&self, name: &str) -> SeriesId {
        let all = self.store.series().await.unwrap();
        all.iter().find(|row| row.symbol.as_str() == name).unwrap().id
    }

    /// A bar that ended so long ago, and when its newest end was asked for.
    async fn bar(&self, name: &str, ago: i64, checked_at: Option<Ts>, coverage: Vec<Coverage>) {
        let ts = (now() - ago).floor(5 * MINUTE) - 5 * MINUTE;
        let stored = StoredBar { fetched_at: now(), ..testing::stored(barkeep_market::testing::bar(ts, 1.0)) };
        let write =
            SeriesWrite { bars: vec![stored], coverage, checked_at, ..SeriesWrite::nothing(self.id(name).await) };
        self.store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
    }

    /// A run that began so long ago, and how it went for a symbol.
    async fn run(&self, name: &str, ago: i64, status: ExecutionStatus, of_series: SeriesRunState) {
        let id = Uuid::new_v4();
        let is_over = status != ExecutionStatus::Running;
        let row = ExecutionRow {
            started_at: now() - ago,
            completed_at: is_over.then(|| now() - ago + MINUTE),
            total_symbols: 1,
            owner: process::mark(),
            ..testing::execution(id, status)
        };
        self.store.put_execution(&row).await.unwrap();
        let status = SeriesStatus {
            asset_class: AssetClass::Crypto,
            error_message: (of_series == SeriesRunState::Failed).then(|| "transient: 503".to_owned()),
            started_at: Some(now() - ago),
            completed_at: is_over.then(|| now() - ago + MINUTE),
            ..testing::series_status(id, name, Timeframe::M5, of_series)
        };
        self.store.put_series_statuses(vec![status]).await.unwrap();
    }

    /// What is raised by somebody who has watched for so long.
    async fn raised(&self, watched: i64) -> Vec<(&'static str, Option<String>)> {
        let rows = Rows::read(self.store.as_ref(), &self.calendar, now()).await.unwrap();
        let Loaded { settings, policy, .. } = &self.loaded;
        let context = FreshnessContext { calendar: &self.calendar, settings, policy };
        let inputs = Inputs::of(&rows, context, now() - watched, now());
        let all = conditions(&inputs, policy).into_iter().filter(|c| !c.is_excused);
        all.map(|c| (c.kind.name(), c.subject)).collect()
    }

    async fn close(self) {
        self.store.close().await;
        drop(self.dir);
    }
}

fn of(kind: &'static str, subject: &str) -> (&'static str, Option<String>) {
    (kind, Some(subject.to_owned()))
}

#[tokio::test]
async fn a_first_backfill_raises_nothing() {
    let bench = Bench::new().await;
    for name in ["BTC", "ETH", "SOL"] {
        bench.add(name, Criticality::Critical, now() - 3 * HOUR).await;
    }
    bench.bar("BTC", 330 * DAY, None, Vec::new()).await;
    bench.bar("ETH", 200 * DAY, None, Vec::new()).await;
    for name in ["BTC", "ETH"] {
        bench.run(name, 3 * HOUR - MINUTE, ExecutionStatus::Running, SeriesRunState::InProgress).await;
    }
    bench.run("SOL", 3 * HOUR - MINUTE, ExecutionStatus::Running, SeriesRunState::Pending).await;
    assert_eq!(bench.raised(7 * HOUR).await, []);
    bench.close().await;
}

#[tokio::test]
async fn a_series_past_its_recovery_point_is_told_unless_it_is_excused() {
    let bench = Bench::new().await;
    bench.add("BTC", Criticality::Critical, Ts(0)).await;
    bench.add("ETH", Criticality::Standard, Ts(0)).await;
    bench.bar("BTC", 2 * HOUR, Some(now() - 2 * HOUR), Vec::new()).await;
    bench.bar("ETH", 2 * HOUR, Some(now() - 2 * HOUR), Vec::new()).await;
    bench.run("BTC", 3 * HOUR, ExecutionStatus::Completed, SeriesRunState::Completed).await;
    let features =
        || async { bench.raised(HOUR).await.into_iter().filter(|c| c.0 == "rpo_breached").collect::<Vec<_>>() };
    assert_eq!(features().await, [of("rpo_breached", "BTC 5m")], "ETH may be 4 h behind");
    // The service has only just started: the schedule's next beat comes first.
    assert!(!bench.raised(10 * MINUTE).await.iter().any(|c| c.0 == "rpo_breached"));
    // A run works on it, and not for longer than it may be behind.
    bench.run("BTC", 30 * MINUTE, ExecutionStatus::Running, SeriesRunState::Pending).await;
    assert_eq!(features().await, []);
    bench.run("BTC", 90 * MINUTE, ExecutionStatus::Running, SeriesRunState::Pending).await;
    assert_eq!(features().await, [of("rpo_breached", "BTC 5m")], "stuck");
    // An operator let it rest.
    let mut row = bench.store.symbols().await.unwrap().into_iter().find(|row| row.symbol.as_str() == "BTC").unwrap();
    row.paused = true;
    bench.store.put_symbols(&[row]).await.unwrap();
    assert_eq!(features().await, []);
    bench.close().await;
}

#[tokio::test]
async fn a_critical_symbol_that_fails_run_after_run_is_told_and_cancelled_runs_are_no_failures() {
    let bench = Bench::new().await;
    bench.add("BTC", Criticality::Critical, Ts(0)).await;
    bench.bar("BTC", 16 * MINUTE, Some(now()), Vec::new()).await;
    bench.run("BTC", 5 * HOUR, ExecutionStatus::Completed, SeriesRunState::Completed).await;
    let failing = || async { bench.raised(HOUR).await.contains(&of("critical_failing", "BTC")) };
    let rate = || async { bench.raised(HOUR).await.contains(&("high_symbol_failure_rate", None)) };
    bench.run("BTC", 4 * HOUR, ExecutionStatus::Cancelled, SeriesRunState::Failed).await;
    assert!(!rate().await, "a cancelled run is no failure");
    for ago in [3 * HOUR, 2 * HOUR] {
        bench.run("BTC", ago, ExecutionStatus::Failed, SeriesRunState::Failed).await;
    }
    assert!(!failing().await && rate().await, "twice");
    bench.run("BTC", 90 * MINUTE, ExecutionStatus::Interrupted, SeriesRunState::Failed).await;
    assert!(!failing().await, "an interrupted run is none either");
    bench.run("BTC", HOUR, ExecutionStatus::Failed, SeriesRunState::Failed).await;
    assert!(failing().await);
    bench.run("BTC", 10 * MINUTE, ExecutionStatus::Completed, SeriesRunState::Completed).await;
    assert!(!failing().await && !rate().await, "it is over");
    bench.close().await;
}

#[tokio::test]
async fn holes_of_symbols_that_matter_are_told() {
    let bench = Bench::new().await;
    bench.add("BTC", Criticality::Standard, Ts(0)).await;
    bench.add("ADA", Criticality::Low, Ts(0)).await;
    let hole = |state, hours_ago: i64| {
        let start = now() - hours_ago * HOUR;
        Coverage::answered(Interval::new(start, start + HOUR), state, None, now())
    };
    let suspects = |n: i64| (0..n).map(|k| hole(CoverageState::Suspect, 20 + 2 * k)).collect::<Vec<_>>();
    bench.bar("BTC", 16 * MINUTE, Some(now()), suspects(3)).await;
    bench.bar("ADA", 16 * MINUTE, Some(now()), vec![hole(CoverageState::VendorHole, 20)]).await;
    let told = || async { bench.raised(HOUR).await.into_iter().filter(|c| c.0 == "vendor_holes").collect::<Vec<_>>() };
    assert_eq!(told().await, []);
    bench.bar("BTC", 16 * MINUTE, Some(now()), suspects(4)).await;
    assert_eq!(told().await, [of("vendor_holes", "BTC")]);
    bench.bar("BTC", 16 * MINUTE, Some(now()), vec![hole(CoverageState::Present, 30); 1]).await;
    let all = Interval::new(now() - 40 * HOUR, now() - 10 * HOUR);
    let filled = Coverage::answered(all, CoverageState::Present, None, now());
    bench.bar("BTC", 16 * MINUTE, Some(now()), vec![filled]).await;
    assert_eq!(told().await, [], "what came late closed them");
    bench.close().await;
}
