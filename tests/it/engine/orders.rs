//! Orders for series that another execution has: they wait, keep all their symbols and their id, and end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::config::RateLimit;
use barkeep::market::Timeframe;
use barkeep::pipeline::select::Selection;
use barkeep::service::Service;
use barkeep::service::handle::{CommandError, CommandReply, EngineCommand, ExecutionSelector, Handle, TriggerScope};
use barkeep::sim::SimConfig;
use barkeep::store::{ExecutionRow, ExecutionStatus, SeriesRunState, Store as _, Trigger};
use serde_json::json;
use sqlx::{Connection as _, Executor as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::api::Served;
use crate::support::bench::{Bench, Database, summary_of};
use crate::support::databases::on_both;
use crate::support::postgres;
use crate::support::rig::{Rig, Wall, settings};
use crate::support::rows;
use crate::support::scripted::Scripted;

const NAMES: [&str; 3] = ["AAPL", "MSFT", "IBM"];

/// An engine that knows AAPL alone; each answer takes 20 s.
async fn rig() -> Rig {
    let clock = Wall::at("2024-03-07T12:03:00Z");
    let mut settings = settings(RateLimit::PerMinute(60));
    settings.backfill.history = Duration::from_hours(96);
    settings.features.enabled = false;
    let vendor = Scripted::of(&NAMES, clock.clone()).after(Duration::from_secs(20));
    let rig = Rig::new(vendor, settings, clock).await;
    rig.store.put_symbols(&[rows::symbol("AAPL", &[Timeframe::M5, Timeframe::D1])]).await.unwrap();
    rig
}

struct Running {
    handle: Handle,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

fn serve(rig: &Rig) -> Running {
    let (service, handle) = Service::new(rig.engine.clone(), None);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    Running { handle, shutdown, task: tokio::spawn(async move { service.run(stop).await.unwrap() }) }
}

fn wanted(symbols: &[&str]) -> EngineCommand {
    let symbols = symbols.iter().map(|s| s.parse().unwrap()).collect();
    let timeframes = Some(vec![Timeframe::M5, Timeframe::D1]);
    let selection = Selection { symbols, timeframes, ..Selection::default() };
    EngineCommand::Trigger { what: TriggerScope::Selection(selection), trigger: Trigger::Api }
}

async fn order(running: &Running, symbols: &[&str]) -> Uuid {
    match running.handle.order(wanted(symbols), "test").await.unwrap() {
        CommandReply::Started(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn execution(rig: &Rig, id: Uuid) -> ExecutionRow {
    rig.store.execution(id).await.unwrap().expect("an order is a row before it is answered")
}

/// Waits until an execution has another status than these.
async fn past(rig: &Rig, id: Uuid, open: &[ExecutionStatus]) -> ExecutionRow {
    for _ in 0..10_000 {
        let row = execution(rig, id).await;
        if !open.contains(&row.status) {
            return row;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{:?} for hours", execution(rig, id).await.status)
}

const OPEN: [ExecutionStatus; 2] = [ExecutionStatus::Queued, ExecutionStatus::Running];

/// A service whose scheduled run has AAPL, and an order for all three that waits for it.
async fn with_a_waiting_order(rig: &Rig) -> (Running, Uuid, Uuid) {
    let running = serve(rig);
    while running.handle.live().runs.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let holder = running.handle.live().runs[0].execution_id;
    let id = order(&running, &NAMES).await;
    assert_eq!(execution(rig, id).await.status, ExecutionStatus::Queued);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let live = running.handle.live();
    let view = live.runs.iter().find(|run| run.execution_id == id).expect("shown while it waits");
    let why = view.queued.as_deref().expect("shown as waiting");
    assert!(why.contains(&holder.to_string()) && why.contains("AAPL"), "{why}");
    (running, holder, id)
}

async fn brought_everything(rig: &Rig, id: Uuid) {
    let statuses = rig.store.series_statuses(id).await.unwrap();
    let done: Vec<_> = statuses.iter().filter(|row| row.status == SeriesRunState::Completed).collect();
    assert_eq!(done.len(), 6, "{statuses:?}");
    for row in rig.store.series().await.unwrap() {
        assert!(row.bar_count > 0, "{} {}", row.symbol, row.timeframe);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_waits_for_the_holder_and_keeps_all_its_symbols() {
    let rig = rig().await;
    let (running, holder, id) = with_a_waiting_order(&rig).await;
    let asked = rig.vendor.calls().into_iter().filter(|call| call.ticker.as_deref() == Some("MSFT")).count();
    assert_eq!(asked, 0, "nothing of it begins before its turn");
    // The same again is refused, by name.
    match running.handle.order(wanted(&NAMES), "test").await {
        Err(CommandError::Refused(why)) => assert!(why.contains(&id.to_string()), "{why}"),
        other => panic!("{other:?}"),
    }
    let row = past(&rig, id, &OPEN).await;
    assert_eq!(row.status, ExecutionStatus::Completed, "{row:?}");
    assert_eq!(row.total_symbols, 3);
    assert!(row.started_at >= execution(&rig, holder).await.completed_at.unwrap());
    brought_everything(&rig, id).await;
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_run_takes_what_is_free_and_comes_back_for_the_rest() {
    let rig = rig().await;
    rig.store.put_symbols(&[rows::symbol("MSFT", &[Timeframe::M5, Timeframe::D1])]).await.unwrap();
    // Another engine, as of another process, works on AAPL for an hour.
    let targets = Selection { symbols: vec!["AAPL".parse().unwrap()], ..Selection::default() };
    let known = rig.store.symbols().await.unwrap();
    let config = rig.engine.config.current();
    let targets = targets.targets(&known, &config.settings, rig.engine.clock.now()).unwrap();
    let store: Arc<dyn barkeep::store::Store> = rig.store.clone();
    let held = rig.engine.claims.open(&store, Uuid::new_v4());
    held.ask(&targets, false).await.unwrap();
    let running = serve(&rig);
    tokio::time::sleep(Duration::from_mins(50)).await;
    let count = |name: &str| {
        let name = name.to_owned();
        rig.vendor.calls().into_iter().filter(move |call| call.ticker.as_deref() == Some(&name)).count()
    };
    assert!(count("MSFT") > 0, "what is free is not kept waiting");
    assert_eq!(count("AAPL"), 0);
    let queued = running.handle.live().runs.iter().filter(|run| run.queued.is_some()).count();
    assert_eq!(queued, 1, "one run waits, however often the schedule came by");
    held.release().await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(count("AAPL") > 0);
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_order_is_cancelled_while_it_waits() {
    let rig = rig().await;
    let (running, holder, id) = with_a_waiting_order(&rig).await;
    let cancel = EngineCommand::Cancel(ExecutionSelector(Some(id)));
    assert_eq!(running.handle.order(cancel, "test").await, Ok(CommandReply::Done));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let row = execution(&rig, id).await;
    assert_eq!(row.status, ExecutionStatus::Cancelled);
    assert!(row.completed_at.is_some() && row.error_message.unwrap().contains("before it began"));
    // Nobody waits behind it, and the holder was left alone.
    let next = order(&running, &["AAPL"]).await;
    assert_eq!(past(&rig, next, &OPEN).await.status, ExecutionStatus::Completed);
    assert_eq!(execution(&rig, holder).await.status, ExecutionStatus::Completed);
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_order_outlives_a_stop_and_two_kills_under_its_id() {
    let rig = rig().await;
    let (running, _, id) = with_a_waiting_order(&rig).await;
    running.shutdown.cancel();
    running.task.await.unwrap();
    assert_eq!(execution(&rig, id).await.status, ExecutionStatus::Queued, "a stop is no cancel");
    for _ in 0..2 {
        let again = serve(&rig);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(again.handle.live().runs.iter().any(|run| run.execution_id == id), "taken up");
        again.task.abort();
        drop(again.task.await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Its process would be gone.
        let row = execution(&rig, id).await;
        let owner = row.owner.clone();
        rig.store.take_execution(&ExecutionRow { owner: "nobody".to_owned(), ..row }, &owner).await.unwrap();
    }
    let last = serve(&rig);
    let row = past(&rig, id, &OPEN).await;
    assert_eq!(row.status, ExecutionStatus::Completed, "{row:?}");
    assert_eq!(row.trigger, Trigger::Api);
    brought_everything(&rig, id).await;
    last.shutdown.cancel();
    last.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_order_is_found_behind_many_scheduled_runs() {
    let rig = rig().await;
    let (running, _, id) = with_a_waiting_order(&rig).await;
    running.shutdown.cancel();
    running.task.await.unwrap();
    // As it is left by a start that is killed after it closed the order and before it took it up.
    let row = execution(&rig, id).await;
    let started = row.started_at;
    rig.store.put_execution(&ExecutionRow { status: ExecutionStatus::Interrupted, ..row }).await.unwrap();
    for n in 1..=100 {
        let run = rows::execution(Uuid::new_v4(), ExecutionStatus::Completed);
        let run = ExecutionRow { started_at: started + n, trigger: Trigger::Schedule, ..run };
        rig.store.put_execution(&run).await.unwrap();
    }
    let again = serve(&rig);
    let mut open = OPEN.to_vec();
    open.push(ExecutionStatus::Interrupted);
    let row = past(&rig, id, &open).await;
    assert_eq!(row.status, ExecutionStatus::Completed, "{row:?}");
    brought_everything(&rig, id).await;
    again.shutdown.cancel();
    again.task.await.unwrap();
}

on_both!(a_second_backfill_waits_for_the_first, SimConfig { latency: Duration::from_secs(1), ..SimConfig::default() });
async fn a_second_backfill_waits_for_the_first(bench: Bench) {
    let range = ["--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-03-28"];
    let args = |symbols: &[&'static str]| [&["backfill", "--json"], symbols, &range[..]].concat();
    let first = bench.spawn(&args(&["AAPL"]));
    bench.until_asked(1).await;
    let second = bench.run(&args(&["AAPL", "MSFT"])).await;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("queued: waits for execution"), "{said}");
    let (code, summary) = summary_of(&second);
    assert_eq!((code, summary["gaps_left"].as_u64()), (0, Some(0)), "{summary}");
    let (code, _) = summary_of(&first.wait_with_output().await.unwrap());
    assert_eq!(code, 0);
    assert_eq!(bench.asked("/ticker/AAPL/"), 1, "the first had asked it");
    assert_eq!(bench.asked("/ticker/MSFT/"), 1, "nothing is left out");
    let open = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status <> 'completed'").await;
    assert_eq!(open, 0);
    assert_eq!(bench.count("SELECT count(*) FROM series_claims").await, 0, "nothing is held for ever");
}

on_both!(an_order_answered_202_survives_kills, SimConfig { latency: Duration::from_secs(2), ..SimConfig::default() });
async fn an_order_answered_202_survives_kills(bench: Bench) {
    assert!(bench.run(&["symbols", "add", "AAPL", "--timeframes", "1d"]).await.status.success());
    let mut served = Served::start(&bench).await;
    let body = json!({"symbols": ["AAPL", "MSFT"], "timeframes": ["1d"], "from": "2024-01-02", "to": "2024-03-28"});
    let answer = served.post("/api/v1/backfill", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let id = answer.json()["job_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/backfill/{id}");
    for _ in 0..2 {
        served.child.kill().await.unwrap();
        served = Served::start(&bench).await;
        let status = served.json(&path).await["status"].clone();
        assert!(status == "queued" || status == "running", "{status}");
    }
    let mut last = served.json(&path).await;
    for _ in 0..600 {
        if last["status"] != "queued" && last["status"] != "running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        last = served.json(&path).await;
    }
    assert_eq!((&last["status"], &last["symbols_total"]), (&json!("completed"), &json!(2)), "{last}");
    assert_eq!(served.stop().await, 0);
}

/// Another session holds what a plan is made of, so that no preview comes to its end.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_preview_that_takes_long_holds_up_neither_orders_nor_the_end() {
    let cluster = postgres::shared();
    let name = cluster.create_database().await;
    let bench = Bench::on(SimConfig::default(), Database::Postgres(cluster.url(&name))).await;
    assert!(bench.run(&["symbols", "add", "AAPL", "--timeframes", "1d"]).await.status.success());
    let served = Arc::new(Served::start(&bench).await);
    let order = async |action: &str| served.post("/api/v1/console/order", &json!({ "action": action })).await;
    // The runs of the start are over.
    assert_eq!(order("pause").await.json()["answer"], "done");
    while served.json("/api/v1/status").await["status"] != "paused" {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut other = sqlx::PgConnection::connect(&cluster.url(&name)).await.unwrap();
    other.execute("BEGIN; LOCK TABLE coverage IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let body = json!({"symbols": ["AAPL"], "timeframes": ["1d"], "from": "2024-01-02", "dry_run": true});
    let asking = Arc::clone(&served);
    let preview = tokio::spawn(async move { asking.post("/api/v1/backfill", &body).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'coverage'::regclass";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut other).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let begun = Instant::now();
    for action in ["resume", "pause"] {
        assert_eq!(order(action).await.json()["answer"], "done");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(!preview.is_finished());
    other.execute("ROLLBACK").await.unwrap();
    let answer = preview.await.unwrap();
    assert_eq!((answer.status, &answer.json()["dry_run"]), (200, &json!(true)), "{}", answer.text());
    let served = Arc::into_inner(served).expect("nobody else has it");
    assert_eq!(served.stop().await, 0);
    cluster.drop_database(&name).await;
}
