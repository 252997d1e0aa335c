//! PostgreSQL only: a server that crashes, ends sessions, refuses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use barkeep::market::Timeframe;
use barkeep::store::{HealthListener, Retry, StoreError, StoreOptions, StoredBar, open, open_with, open_with_retry};
use sqlx::Connection as _;
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
    // Whoever may only read is told so at once, and need not wait for a database that mends itself.
    let refused = |what: &'static str| {
        let url = url.clone();
        async move {
            let error = open(url.as_str(), false).await.err().expect("nothing can be written");
            assert!(matches!(&error, StoreError::Disk(why) if why.contains(what)), "{error}");
        }
    };
    refused("may only read; grant it").await;
    raw.run(&format!("GRANT INSERT ON bars, series_claims TO {role}")).await.unwrap();
    raw.run(&format!("ALTER ROLE {role} SET default_transaction_read_only = on")).await.unwrap();
    refused("only reading commands work here").await;
    raw.run(&format!("ALTER ROLE {role} RESET default_transaction_read_only")).await.unwrap();
    // A right that is missing all the same is told when it is needed.
    let store = open(url.as_str(), false).await.unwrap();
    let error = store
        .take_place(barkeep::vendor::limit::PlaceRequest::new(barkeep::market::Source::Massive, 5, TIMEOUT, moment(0)))
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::Disk(why) if why.contains("grant the rights")), "{error}");
    store.close().await;
    raw.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    db.finish().await;
}

/// A `PgBouncer` in transaction mode before the shared server, for as long as it lives.
struct Pooler {
    child: std::process::Child,
    port: u16,
}

impl Pooler {
    /// One connection to the server for each database unless `connections` says otherwise: every transaction meets what
    /// another left behind.
    fn start(more: &str, connections: u32) -> Self {
        let server: url::Url = shared().url("postgres").parse().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap().keep();
        let user = server.username();
        let user = if user.is_empty() { "postgres" } else { user };
        let password = server.password().map(|p| format!(" password={p}")).unwrap_or_default();
        let ini = format!(
            "[databases]\n* = host={} port={} user={user}{password}\n[pgbouncer]\nlisten_addr=127.0.0.1\n\
             listen_port={port}\nauth_type=any\npool_mode=transaction\ndefault_pool_size={connections}\n\
             unix_socket_dir=\n{more}\n",
            server.host_str().unwrap_or("127.0.0.1"),
            server.port().unwrap_or(5432),
        );
        let file = dir.join("pgbouncer.ini");
        std::fs::write(&file, ini).unwrap();
        let of_all = std::os::unix::fs::PermissionsExt::from_mode;
        std::fs::set_permissions(&dir, of_all(0o755)).unwrap();
        let mut command = crate::support::postgres::as_owner("pgbouncer");
        let child = command.arg("-q").arg(&file).stdout(std::process::Stdio::null()).spawn().unwrap();
        let pooler = Self { child, port };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "PgBouncer does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::remove_dir_all(&dir).unwrap();
        pooler
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // SIGTERM goes through `runuser`; a plain kill would leave PgBouncer behind.
        let pid = self.child.id().to_string();
        drop(std::process::Command::new("kill").arg(&pid).status());
        drop(self.child.wait());
    }
}

/// Everything a store does with one symbol, through two stores that share one connection to the server.
async fn works_through(pooler: &Pooler) {
    let cluster = shared();
    let name = cluster.create_database().await;
    let url = pooler.url(&name);
    let two = || async { tokio::join!(open(&url, false), open(&url, false)) };
    let (first, second) = two().await;
    let (first, second) = (first.unwrap(), second.unwrap());
    first.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    let id = first.series().await.unwrap()[0].id;
    for round in 0..5_i64 {
        let bars = |from: i64| (from..from + 1_000).map(|n| bar(n, 1.0)).collect::<Vec<StoredBar>>();
        let (a, b) = tokio::join!(
            first.commit_page(page(write(id, bars(round * 2_000)))),
            second.commit_page(page(write(id, bars(round * 2_000 + 1_000)))),
        );
        assert_eq!((a.unwrap()[0].inserted, b.unwrap()[0].inserted), (1_000, 1_000));
        let (a, b) = tokio::join!(first.series(), second.series());
        assert_eq!((a.unwrap()[0].bar_count, b.unwrap()[0].bar_count), (2_000 * (round + 1), 2_000 * (round + 1)));
        assert!(
            first
                .take_place(barkeep::vendor::limit::PlaceRequest::new(
                    barkeep::market::Source::Massive,
                    50,
                    TIMEOUT,
                    moment(round)
                ))
                .await
                .unwrap()
                .place
                .is_some()
        );
        assert!(second.bars(id, (..).into(), Some(10)).await.unwrap().len() == 10);
        // A reader that is given up in the middle leaves no transaction behind.
        drop(tokio::time::timeout(Duration::from_micros(300), second.bars(id, (..).into(), None)).await);
    }
    assert!(matches!(first.set_paused(&[], true).await, Ok(())));
    first.close().await;
    second.close().await;
    let again = open(&url, true).await.unwrap();
    assert_eq!(again.series().await.unwrap()[0].bar_count, 10_000);
    again.close().await;
    let mut raw = <sqlx::postgres::PgConnection as sqlx::Connection>::connect(&cluster.url(&name)).await.unwrap();
    let locks: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .fetch_one(&mut raw)
    .await
    .unwrap();
    assert_eq!(locks, 0, "advisory locks left behind");
    // The reader's transaction ends once PgBouncer has noticed that its client is gone.
    let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    let until = Instant::now() + Duration::from_secs(10);
    while sqlx::query_scalar::<_, i64>(idle).fetch_one(&mut raw).await.unwrap() > 0 {
        assert!(Instant::now() < until, "transactions left behind");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(raw);
    // What PgBouncer still holds open is ended with the database.
    cluster.drop_database(&name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_pgbouncer, ignore = "needs PgBouncer and PostgreSQL: apt-get install pgbouncer postgresql")]
async fn a_pooler_that_refuses_the_settings_of_a_session() {
    works_through(&Pooler::start("", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_pgbouncer, ignore = "needs PgBouncer and PostgreSQL: apt-get install pgbouncer postgresql")]
async fn a_pooler_that_loses_the_settings_of_a_session() {
    works_through(&Pooler::start("ignore_startup_parameters=extra_float_digits,options", 1)).await;
}

#[tokio::test]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn two_connections_are_enough() {
    let db = Db::postgres().await;
    let role = format!("two_{}", Uuid::new_v4().simple());
    let mut raw = db.raw().await;
    raw.run(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 2; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
         GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
    ))
    .await
    .unwrap();
    let mut url: url::Url = db.url().parse().unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("x")).unwrap();
    let opening = StoreOptions { connections: 2, ..StoreOptions::default() };
    let store = open_with(url.as_str(), false, opening).await.unwrap();
    store.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    let reads = (0..20).map(|_| store.series());
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(read.unwrap().len(), 1);
    }
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
    use barkeep::store::Starting;
    let cluster = shared();
    let name = cluster.create_database().await;
    let url = cluster.url(&name);
    let host = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let port = starting_server(host.clone(), 2).await;
    let url = url.replace(&host, &format!("127.0.0.1:{port}"));
    let told = Mutex::new(Vec::new());
    let tell = |line: &str| told.lock().unwrap().push(line.to_owned());
    let patient = |seconds| Starting { patience: Duration::from_secs(seconds), told: &tell };
    let store =
        open_with(&url, false, StoreOptions { starting: patient(60), ..StoreOptions::default() }).await.unwrap();
    assert!(store.symbols().await.unwrap().is_empty());
    store.close().await;
    let lines = told.lock().unwrap().clone();
    assert!(matches!(lines.as_slice(), [line] if line.contains("starting up") && line.contains("60 s")), "{lines:?}");

    let port = starting_server(host, usize::MAX).await;
    let never = format!("postgres://postgres@127.0.0.1:{port}/{name}");
    let error = open_with(&never, true, StoreOptions { starting: patient(1), ..StoreOptions::default() })
        .await
        .err()
        .expect("it never starts");
    assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
    cluster.drop_database(&name).await;
}

/// `postgres://…@one,two/…` from the URLs of two servers.
fn of_both(one: &str, two: &str, wanted: &str) -> String {
    let (one, two): (url::Url, url::Url) = (one.parse().unwrap(), two.parse().unwrap());
    let place = |url: &url::Url| format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let hosts = format!("{},{}", place(&one), place(&two));
    let mark = if one.query().is_some() { '&' } else { '?' };
    format!("{}{mark}target_session_attrs={wanted}", one.as_str().replacen(&place(&one), &hosts, 1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn another_host_takes_over_from_one_that_is_gone() {
    let servers = [Cluster::throw_away(), Cluster::throw_away()];
    let name = servers[0].create_database().await;
    let mut raw = sqlx::PgConnection::connect(&servers[1].url("postgres")).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut raw).await.unwrap();
    let [one, two] = [servers[0].url(&name), servers[1].url(&name)];
    let second = open(&two, false).await.unwrap();
    let store = open(&of_both(&one, &two, "read-write"), false).await.unwrap();
    store.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    assert_eq!((store.series().await.unwrap().len(), second.series().await.unwrap().len()), (1, 0));

    servers[0].stop();
    let rows = [symbol_row("MSFT", &[Timeframe::M1]), symbol_row("SPY", &[Timeframe::M1])];
    let start = Instant::now();
    while let Err(error) = store.put_symbols(&rows).await {
        assert!(matches!(error, StoreError::Unreachable(_)) && start.elapsed() < Duration::from_secs(10), "{error}");
    }
    // What reads follows what writes.
    while store.series().await.map_or(0, |series| series.len()) != 2 {
        assert!(start.elapsed() < Duration::from_secs(20), "the readers stay with the server that is gone");
    }
    store.close().await;

    let error = open(&of_both(&one, &two, "standby"), true).await.err().expect("none is a standby");
    assert!(matches!(&error, StoreError::Unreachable(_)), "{error}");
    let error = open(&of_both(&one, &two, "best"), true).await.err().expect("there is no such kind");
    assert!(matches!(&error, StoreError::Unusable(_)), "{error}");
    second.close().await;
}
