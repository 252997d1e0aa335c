//! `barkeep attach`: the console of an engine in another process. `terminal::attach` has the screens in front of it.

use std::sync::Arc;
use std::time::Duration;

use barkeep::api::client::{AttachError, Remote};
use barkeep::base::clock::SystemClock;
use barkeep::runtime::console::{Access, Console, ConsoleRequest, ConsoleResponse, Link, ReadError};
use barkeep::service::handle::{CommandError, CommandReply, EngineCommand, EngineState, ExecutionSelector};
use barkeep::sim::SimConfig;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::support::api::Served;
use crate::support::bench::Bench;

async fn connect(served: &Served, key: Option<&str>) -> Result<Arc<Remote>, AttachError> {
    let key = key.map(SecretString::from);
    let url = format!("http://{}", served.addr);
    // The task that follows ends with the test.
    let (remote, _) = Remote::connect(&url, key.as_ref(), Arc::new(SystemClock), CancellationToken::new()).await?;
    Ok(remote)
}

async fn with_bars() -> Bench {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "1d", "--from", "2024-03-01"]).await;
    assert_eq!(code, 0, "{summary}");
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_seen_asked_and_ordered_there_is_that_engine() {
    let bench = with_bars().await;
    let served = Served::start(&bench).await;
    let remote = connect(&served, None).await.unwrap();
    assert_eq!(remote.access(), Access::Operate);
    assert!(matches!(&*remote.link().borrow(), Link::Connected { .. }));
    let mut snapshots = remote.watch();
    assert_eq!(snapshots.borrow().data.symbols_total, 2);

    assert_eq!(remote.order(EngineCommand::Pause(None)).await, Ok(CommandReply::Done));
    let paused = snapshots.wait_for(|s| s.live.state == EngineState::Paused).await.unwrap().clone();
    assert_eq!(paused.live.paused.as_ref().unwrap().by, "api:loopback");
    assert_eq!(remote.order(EngineCommand::Resume).await, Ok(CommandReply::Done));
    snapshots.wait_for(|s| s.live.paused.is_none()).await.unwrap();

    let detail = ConsoleRequest::Detail { symbol: "AAPL".parse().unwrap(), timeframe: "1d".parse().unwrap() };
    let Ok(ConsoleResponse::Detail(detail)) = remote.ask(detail).await else { panic!() };
    assert!(!detail.bars.is_empty() && !detail.requests.is_empty());
    let unknown = ConsoleRequest::Detail { symbol: "NOPE".parse().unwrap(), timeframe: "1d".parse().unwrap() };
    assert!(matches!(remote.ask(unknown).await, Err(ReadError::NotFound(_))));
    let refused = remote.order(EngineCommand::RetryFailed(ExecutionSelector(Some(uuid::Uuid::nil())))).await;
    assert!(matches!(refused, Err(CommandError::Refused(_))), "{refused:?}");
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_engine_is_marked_and_taken_up_again_when_it_is_back() {
    let bench = with_bars().await;
    let mut served = Served::start(&bench).await;
    let listen = served.addr.to_string();
    let remote = connect(&served, None).await.unwrap();
    let (mut link, before) = (remote.link(), remote.watch().borrow().data.series_total);
    served.child.kill().await.unwrap();
    link.wait_for(|link| matches!(link, Link::Lost { .. })).await.unwrap();
    assert_eq!(remote.watch().borrow().data.series_total, before, "the last picture stays");
    let order = remote.order(EngineCommand::Pause(None)).await;
    assert!(matches!(order, Err(CommandError::Refused(_))), "{order:?}");

    let again = Served::with(&bench, &["--listen", &listen]).await;
    let mut snapshots = remote.watch();
    let back = tokio::time::timeout(Duration::from_secs(30), async {
        link.wait_for(|link| matches!(link, Link::Connected { .. })).await.unwrap();
        let pid = again.child.id();
        snapshots.wait_for(|s| s.live.process.as_ref().map(|p| p.pid) == pid).await.unwrap();
    });
    back.await.expect("the new process is seen");
    assert_eq!(again.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_decides_what_may_be_done() {
    let bench = with_bars().await;
    let mut keys = Vec::new();
    for role in ["read", "operate"] {
        let output = bench.run(&["keys", "create", role, "--role", role, "--json"]).await;
        let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    let served = Served::start(&bench).await;
    assert!(matches!(connect(&served, None).await, Err(AttachError::Refused(_))));
    assert!(matches!(connect(&served, Some("bk_wrong")).await, Err(AttachError::Refused(_))));
    let reader = connect(&served, Some(&keys[0])).await.unwrap();
    assert_eq!(reader.access(), Access::Read);
    assert!(matches!(reader.order(EngineCommand::Pause(None)).await, Err(CommandError::Refused(_))));
    let operator = connect(&served, Some(&keys[1])).await.unwrap();
    assert_eq!(operator.access(), Access::Operate);
    assert_eq!(operator.order(EngineCommand::Pause(None)).await, Ok(CommandReply::Done));
    let actors = bench.count("SELECT count(*) FROM operator_actions WHERE actor = 'api:operate' AND action = 'pause'");
    assert_eq!(actors.await, 1);
    assert_eq!(served.stop().await, 0);
}

/// An engine that hangs keeps its connections open; only its silence tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_engine_is_marked_after_five_seconds_and_taken_up_again() {
    let bench = with_bars().await;
    let served = Served::start(&bench).await;
    let remote = connect(&served, None).await.unwrap();
    let mut link = remote.link();
    let pid = rustix::process::Pid::from_raw(i32::try_from(served.child.id().unwrap()).unwrap()).unwrap();
    // Two heartbeats and more pass while nothing happens: it is not silent.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(matches!(&*link.borrow(), Link::Connected { .. }));
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let stopped = std::time::Instant::now();
    let lost = tokio::time::timeout(Duration::from_secs(15), link.wait_for(|link| matches!(link, Link::Lost { .. })));
    let said = lost.await.expect("its silence is noticed").unwrap().clone();
    let Link::Lost { error, since, .. } = said else { panic!() };
    assert!(error.contains("nothing for 5 s") && stopped.elapsed() < Duration::from_secs(8), "{error}");
    // It counts from the last word.
    let ago = barkeep::base::clock::Clock::now(&SystemClock) - since;
    assert!(ago > 4_000, "{ago}");
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let back =
        tokio::time::timeout(Duration::from_secs(30), link.wait_for(|link| matches!(link, Link::Connected { .. })));
    back.await.expect("it is back").unwrap();
    assert_eq!(served.stop().await, 0);
}
