//! PostgreSQL only: a server that crashes, ends sessions, refuses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use barkeep::market::Timeframe;
use barkeep::store::{HealthListener, Retry, StoreError, StoredBar, open, open_with_retry};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::database::Db;
use crate::records::{TIMEOUT, moment};
use crate::sample::{bar, one_series, page, symbol_row, write};
use crate::support::postgres::{Cluster, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn may_crash_and_come_back() {
    let cluster = Cluster::throw_away();
    let url = cluster.url(&cluster.create_database().await);
    let store = open(&url, false).await.unwrap();
    store.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    let id = store.series().await.unwrap()[0].id;
    for round in 0..3_i64 {
        let next = |n: i64| page(write(id, vec![bar(round * 10 + n, 1.0)]));
        store.commit_page(next(0)).await.unwrap();
        cluster.stop();
        let error = store.commit_page(next(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        let error = store.series().await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        let start = Instant::now();
        let error = open(&url, false).await.err().expect("no server");
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        assert!(start.elapsed() < Duration::from_secs(6));
        cluster.start();
        assert_eq!(store.commit_page(next(1)).await.unwrap()[0].inserted, 1);
        assert_eq!(store.series().await.unwrap()[0].bar_count, 2 * (round + 1));
    }
    // Restarted while nobody asked: the first write notices nothing.
    cluster.stop();
    cluster.start();
    store.commit_page(page(write(id, vec![bar(99, 1.0)]))).await.unwrap();
    store.close().await;
}

/// What a store told of the health of its database.
#[derive(Default)]
struct Heard {
    words: Mutex<Vec<&'static str>>,
    lost: Notify,
}

impl HealthListener for Heard {
    fn lost(&self, _: &StoreError) {
        self.words.lock().unwrap().push("lost");
        self.lost.notify_one();
    }

    fn back(&self, _: Duration) {
        self.words.lock().unwrap().push("back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn every_call_waits_for_it_and_it_is_reported_once() {
    let cluster = Cluster::throw_away();
    let url = cluster.url(&cluster.create_database().await);
    let heard = Arc::<Heard>::default();
    let store = open_with_retry(&url, false, Retry::new(Duration::from_mins(2), heard.clone())).await.unwrap();
    store.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    let id = store.series().await.unwrap()[0].id;
    cluster.stop();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..6 {
        let store = store.clone();
        calls.spawn(async move {
            if n % 2 == 0 {
                assert_eq!(store.commit_page(page(write(id, vec![bar(n, 1.0)]))).await.unwrap()[0].inserted, 1);
            } else {
                assert_eq!(store.series().await.unwrap().len(), 1);
            }
        });
    }
    heard.lost.notified().await;
    assert!(calls.try_join_next().is_none(), "a call ended while the server was away");
    cluster.start();
    calls.join_all().await;
    assert_eq!(store.series().await.unwrap()[0].bar_count, 3);
    assert_eq!(*heard.words.lock().unwrap(), ["lost", "back"]);
    store.close().await;
}

/// Opening is no call on an open store: who starts without a server hears of it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_not_waited_for_when_it_was_never_there() {
    let heard = Arc::<Heard>::default();
    let start = Instant::now();
    let retry = Retry::new(Duration::from_mins(2), heard.clone());
    // Nobody listens on port 1.
    let error = open_with_retry("postgres://me@127.0.0.1:1/bars", false, retry).await.err().expect("no server");
    assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(heard.words.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn may_end_our_sessions_at_any_time() {
    let db = Db::postgres().await;
    let id = one_series(&db).await;
    let mut raw = db.raw().await;
    let mut done = 0;
    for n in 0..40_i64 {
        let store = db.store.clone();
        let bars: Vec<StoredBar> = (n * 500..n * 500 + 500).map(|k| bar(k, 1.0)).collect();
        let work = tokio::spawn(async move {
            // As the engine does: an unreachable database is asked again.
            loop {
                match store.commit_page(page(write(id, bars.clone()))).await {
                    Err(error) if error.is_transient() => tokio::task::yield_now().await,
                    result => return result.unwrap(),
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(n as u64 % 7)).await;
        done += raw
            .int(
                "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE application_name = 'barkeep' AND datname = current_database()",
            )
            .await;
        work.await.unwrap();
    }
    assert!(done > 0, "no session was ended");
    assert_eq!(db.count("bars").await, 20_000);
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, 20_000);
    db.finish().await;
}

#[tokio::test]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn errors_say_what_to_do_and_never_the_password() {
    let cluster = shared();
    let mut url: url::Url = cluster.url("barkeep_no_such_database").parse().unwrap();
    url.set_password(Some("hunter2")).unwrap();
    let error = open(url.as_str(), false).await.err().expect("no such database");
    assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("createdb") && !text.contains("hunter2"), "{text}");
    // Nobody listens on port 1.
    let error = open("postgres://me:hunter2@127.0.0.1:1/bars", false).await.err().expect("no server").to_string();
    assert!(error.contains("127.0.0.1:1") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn without_rights_is_a_clear_error() {
    let db = Db::postgres().await;
    let role = format!("guest_{}", Uuid::new_v4().simple());
    let mut raw = db.raw().await;
    raw.run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
        .await
        .unwrap();
    let mut url: url::Url = db.url().parse().unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("x")).unwrap();
    let reader = open(url.as_str(), true).await.unwrap();
    assert_eq!(reader.series().await.unwrap(), []);
    reader.close().await;
    let store = open(url.as_str(), false).await.unwrap();
    let error = store.take_place(5, TIMEOUT, moment(0)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Disk(why) if why.contains("grant the rights")), "{error}");
    store.close().await;
    raw.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    db.finish().await;
}

/// Answers the first connections as a server does that is still starting, and passes the others on to one that runs.
async fn starting_server(target: String, refusals: usize) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for n in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            let target = target.clone();
            tokio::spawn(async move {
                if n >= refusals {
                    let mut server = tokio::net::TcpStream::connect(&target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    return;
                }
                let mut asked = [0; 1_024];
                loop {
                    let length = client.read(&mut asked).await.unwrap_or(0);
                    match (length, asked.get(4..8)) {
                        (0, _) => return,
                        // A request for TLS comes before the start-up message.
                        (8, Some([4, 210, 22, 47])) => client.write_all(b"N").await.unwrap(),
                        _ => break,
                    }
                }
                let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
                let mut message = vec![b'E'];
                message.extend_from_slice(&(fields.len() as u32 + 4).to_be_bytes());
                message.extend_from_slice(fields);
                let _ = client.write_all(&message).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn that_is_still_starting_is_waited_for() {
    use barkeep::store::{Starting, open_starting};
    let cluster = shared();
    let name = cluster.create_database().await;
    let url = cluster.url(&name);
    let host = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let port = starting_server(host.clone(), 2).await;
    let url = url.replace(&host, &format!("127.0.0.1:{port}"));
    let told = Mutex::new(Vec::new());
    let tell = |line: &str| told.lock().unwrap().push(line.to_owned());
    let patient = |seconds| Starting { patience: Duration::from_secs(seconds), told: &tell };
    let store = open_starting(&url, false, None, patient(60)).await.unwrap();
    assert!(store.symbols().await.unwrap().is_empty());
    store.close().await;
    let lines = told.lock().unwrap().clone();
    assert!(matches!(lines.as_slice(), [line] if line.contains("starting up") && line.contains("60 s")), "{lines:?}");

    let port = starting_server(host, usize::MAX).await;
    let never = format!("postgres://postgres@127.0.0.1:{port}/{name}");
    let error = open_starting(&never, true, None, patient(1)).await.err().expect("it never starts");
    assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
    cluster.drop_database(&name).await;
}
