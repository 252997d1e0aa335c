//! A PostgreSQL to test on: the server named by `BARKEEP_TEST_POSTGRES_URL`, else a throw-away cluster made with the
//! system's `initdb` and `postgres`. Where there is neither, `build.rs` has the tests ignored that need it.
//!
//! A throw-away cluster cannot outlive its test: the server is the child of a small shell that reads the test's pipe.
//! When the pipe closes, for whatever reason, the shell kills the server and deletes its files.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::config::postgres_programs;
use barkeep::layout::{Partitions, Target};
use barkeep::store::Starting;
use barkeep::store::upkeep::Upkeep;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

const GUARD: &str = include_str!("../../src/report/rto_rpo/guard.sh");

/// A server that tests may make databases in.
pub struct Cluster {
    base: String,
    guard: Option<Mutex<Guard>>,
    /// What [`Cluster::create_database`] converts its databases into.
    layout: Option<Target>,
}

struct Guard {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.commands.take());
        drop(self.child.wait());
    }
}

/// The server all tests of this binary share.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = match std::env::var("BARKEEP_TEST_POSTGRES_URL") {
            Ok(base) => Cluster { base, guard: None, layout: None },
            Err(_) => Cluster::throw_away(),
        };
        Cluster { layout: layout_of_tests(), ..cluster }
    })
}

/// The server with Citus; its databases are distributed.
#[allow(dead_code, reason = "only some of the test programs ask for one")]
pub fn citus() -> &'static Cluster {
    static CITUS: OnceLock<Cluster> = OnceLock::new();
    CITUS.get_or_init(|| Cluster { layout: Some(CITUS_OF_TESTS), ..Cluster::named("BARKEEP_TEST_CITUS_URL") })
}

const CITUS_OF_TESTS: Target = Target::Citus { shards: 4 };

/// Below those that the system gives to connections: one of them could take it while the server is stopped.
fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(15_000..32_000)).find(is_free).unwrap()
}

impl Cluster {
    /// A server of its own, for tests that stop it.
    pub fn throw_away() -> Self {
        let (initdb, postgres) = postgres_programs().expect(
            "no initdb and postgres in PATH or /usr/lib/postgresql: apt-get install postgresql, \
             or set BARKEEP_TEST_POSTGRES_URL for all tests that do not stop the server",
        );
        let made = as_owner("mktemp").args(["-d", "-t", "barkeep-pg-XXXXXX"]).output().unwrap();
        let dir = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        assert!(!dir.is_empty(), "no scratch directory: {}", String::from_utf8_lossy(&made.stderr));
        let data = format!("{dir}/data");
        let made = as_owner(initdb.to_str().unwrap())
            .args(["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut child = as_owner("sh")
            .args(["-c", GUARD, "guard", &dir])
            .arg(postgres)
            .args(["-D", &data, "-p", &port.to_string(), "-k", &dir, "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=64MB"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let guard = Guard { commands: child.stdin.take(), answers, child };
        let cluster = Self {
            base: format!("postgres://postgres@127.0.0.1:{port}"),
            guard: Some(Mutex::new(guard)),
            layout: None,
        };
        cluster.expect("up");
        cluster
    }

    fn expect(&self, word: &str) {
        let guard = self.guard.as_ref().expect("a server that was named is not ours to stop");
        let mut line = String::new();
        guard.lock().unwrap().answers.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
        if word == "up" {
            self.wait_until_it_answers();
        }
    }

    fn tell(&self, word: &str) {
        let guard = self.guard.as_ref().expect("a server that was named is not ours to stop");
        writeln!(guard.lock().unwrap().commands.as_mut().unwrap(), "{word}").unwrap();
    }

    /// Stops at once, as a crash would; sessions are cut.
    pub fn stop(&self) {
        self.tell("stop");
        self.expect("down");
    }

    /// Starts again after [`Cluster::stop`]; returns when it answers.
    pub fn start(&self) {
        self.tell("start");
        self.expect("up");
    }

    fn wait_until_it_answers(&self) {
        let url = self.url("postgres");
        let until = Instant::now() + Duration::from_mins(1);
        let answers = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                while PgConnection::connect(&url).await.is_err() {
                    assert!(Instant::now() < until, "PostgreSQL does not start");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        });
        answers.join().unwrap();
    }

    /// The URL of a database on this server.
    pub fn url(&self, database: &str) -> String {
        let mut url: url::Url = self.base.parse().expect("BARKEEP_TEST_POSTGRES_URL is a URL");
        url.set_path(database);
        url.into()
    }

    async fn admin(&self, sql: String) {
        let mut conn = PgConnection::connect(&self.url("postgres")).await.unwrap();
        conn.execute(AssertSqlSafe(sql)).await.unwrap();
        conn.close().await.unwrap();
    }

    /// A server that was named by an environment variable.
    #[allow(dead_code, reason = "only some of the test programs ask for one")]
    pub fn named(variable: &str) -> Self {
        Self { base: std::env::var(variable).expect(variable), guard: None, layout: None }
    }

    /// Makes a fresh, empty database and says its name. With `BARKEEP_TEST_POSTGRES_LAYOUT` it has the schema, and the
    /// large tables in that layout: `partitioned`, `years`, `timescale`, `compressed` or `citus`.
    pub async fn create_database(&self) -> String {
        let name = self.create_empty_database().await;
        if let Some(target) = self.layout {
            self.convert(&name, target).await;
        }
        name
    }

    pub async fn create_empty_database(&self) -> String {
        let name = format!("barkeep_test_{}", uuid::Uuid::new_v4().simple());
        self.admin(format!("CREATE DATABASE {name}")).await;
        name
    }

    /// Makes the schema in a database, and converts it.
    pub async fn convert(&self, name: &str, target: Target) {
        let url = self.url(name);
        let extension = match target {
            Target::Timescale { .. } => Some("timescaledb"),
            Target::Citus { .. } => Some("citus"),
            Target::Plain | Target::Partitions(_) => None,
        };
        if let Some(extension) = extension {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            conn.execute(AssertSqlSafe(format!("CREATE EXTENSION IF NOT EXISTS {extension}"))).await.unwrap();
            conn.close().await.unwrap();
        }
        barkeep::store::open(&url, false).await.unwrap().close().await;
        let mut upkeep = Upkeep::open(&url, true, Starting::default()).await.unwrap();
        barkeep::layout::convert(&mut upkeep, target, SystemClock.now(), |_| {}).await.unwrap();
        upkeep.close().await;
    }

    pub async fn drop_database(&self, name: &str) {
        let mut conn = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        // A background process of an extension may just be starting in it.
        while let Err(error) = conn.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await {
            let in_use =
                error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|c| c == "55006");
            assert!(in_use && Instant::now() < until, "{error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        conn.close().await.unwrap();
    }
}

/// What the databases of the tests are converted into.
fn layout_of_tests() -> Option<Target> {
    let layout = std::env::var("BARKEEP_TEST_POSTGRES_LAYOUT").ok()?;
    let timescale = |compress_after_days| Target::Timescale { chunk_days: 90, compress_after_days };
    Some(match layout.as_str() {
        "" | "plain" => return None,
        "partitioned" => Target::Partitions(Partitions::Hash(4)),
        "years" => Target::Partitions(Partitions::Years),
        "timescale" => timescale(None),
        "compressed" => timescale(Some(30)),
        "citus" => CITUS_OF_TESTS,
        other => panic!("BARKEEP_TEST_POSTGRES_LAYOUT is '{other}'"),
    })
}

/// A command run by a user who may run PostgreSQL: root may not, so then it is the user `postgres`.
pub fn as_owner(program: &str) -> Command {
    let id = Command::new("id").arg("-u").output().map(|o| o.stdout).unwrap_or_default();
    let mut command = if id.trim_ascii() == b"0" {
        let mut c = Command::new("runuser");
        c.args(["-u", "postgres", "--", program]);
        c
    } else {
        Command::new(program)
    };
    command.current_dir("/").stderr(Stdio::piped());
    command
}
