//! A test bench: a simulated vendor, a database, and the real binary between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::base::clock::SystemClock;
use barkeep::sim::{Sim, SimConfig};
use serde_json::Value;
use sqlx::{Connection as _, Row as _};
use tokio::process::{Child, Command};

use super::http;

/// Which database a bench uses.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Database {
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }
}

/// One bar as a row: open, high, low, close, volume, vwap, trades.
pub type Values = (f64, f64, f64, f64, f64, Option<f64>, Option<i64>);

/// Bars by symbol, timeframe and start.
pub type Bars = BTreeMap<(String, String, i64), Values>;

pub struct Bench {
    pub sim: Sim,
    pub database: Database,
    pub dir: tempfile::TempDir,
}

impl Bench {
    /// A bench on a fresh SQLite file.
    pub async fn sqlite(config: SimConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("bars.db"));
        Self::with(config, database, dir).await
    }

    /// A bench on a given database.
    pub async fn on(config: SimConfig, database: Database) -> Self {
        Self::with(config, database, tempfile::tempdir().unwrap()).await
    }

    async fn with(config: SimConfig, database: Database, dir: tempfile::TempDir) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let sim = Sim::start(listen, config, Arc::new(SystemClock)).await.unwrap();
        Self { sim, database, dir }
    }

    /// The binary with this bench's vendor and database, an own home, and no limit unless the arguments set one.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(self.dir.path());
        command
            .args(args)
            .env("MASSIVE_API_KEY", "key-of-the-tests")
            .env("BARKEEP_VENDOR_URL", self.sim.url())
            .env("BARKEEP_DATABASE_URL", self.database.url())
            .env("BARKEEP_RATE_LIMIT", "unlimited")
            // Services of several tests run at once.
            .env("BARKEEP_API_LISTEN", "127.0.0.1:0");
        command
    }

    pub async fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().await.unwrap()
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    }

    /// Runs a backfill with `--json` and gives its exit code and summary.
    pub async fn backfill(&self, args: &[&str]) -> (i32, Value) {
        let args: Vec<&str> = ["backfill", "--json"].iter().chain(args).copied().collect();
        summary_of(&self.run(&args).await)
    }

    /// What the vendor itself has: every bar of a ticker over inclusive dates, straight from its HTTP answers.
    pub async fn vendor_bars(&self, ticker: &str, timeframe: &str, from: &str, to: &str) -> BTreeMap<i64, Values> {
        vendor_bars(self.sim.addr, ticker, timeframe, from, to).await
    }

    /// Everything in the view `market_data`, read with plain SQL.
    pub async fn stored(&self) -> Bars {
        let columns = "open, high, low, close, volume, vwap, trades";
        let values = |row: (f64, f64, f64, f64, f64, Option<f64>, Option<i64>)| row;
        match &self.database {
            Database::Sqlite(path) => {
                let url = format!("sqlite:{}?mode=ro", path.display());
                let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
                let sql = format!("SELECT symbol, timeframe, time, {columns} FROM market_data");
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
                rows.iter()
                    .map(|r| {
                        let key = (r.get(0), r.get(1), r.get(2));
                        (key, values((r.get(3), r.get(4), r.get(5), r.get(6), r.get(7), r.get(8), r.get(9))))
                    })
                    .collect()
            }
            Database::Postgres(url) => {
                let mut db = sqlx::PgConnection::connect(url).await.unwrap();
                let sql = format!(
                    "SELECT symbol, timeframe, (extract(epoch FROM time) * 1000)::bigint, {columns} FROM market_data"
                );
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
                rows.iter()
                    .map(|r| {
                        let key = (r.get(0), r.get(1), r.get(2));
                        (key, values((r.get(3), r.get(4), r.get(5), r.get(6), r.get(7), r.get(8), r.get(9))))
                    })
                    .collect()
            }
        }
    }

    /// One number from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        match &self.database {
            Database::Sqlite(path) => {
                let url = format!("sqlite:{}?mode=ro", path.display());
                let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap()
            }
            Database::Postgres(url) => {
                let mut db = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap()
            }
        }
    }

    /// Runs the same again, which must ask nothing and write nothing.
    pub async fn assert_settled(&self, args: &[&str]) {
        let (code, again) = self.backfill(args).await;
        let figures = (again["requests"].as_u64(), again["bars_written"].as_u64(), again["gaps_left"].as_u64());
        assert_eq!((code, figures), (0, (Some(0), Some(0), Some(0))), "a second run of {args:?}: {again}");
    }

    /// Waits until the vendor has seen this many requests; half a minute at most.
    pub async fn until_asked(&self, requests: usize) {
        let enough = async {
            while self.sim.log().len() < requests {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), enough).await;
        assert!(waited.is_ok(), "only {} of {requests} requests came", self.sim.log().len());
    }

    /// Requests the vendor saw from the binary, newest last.
    pub fn asked(&self, part: &str) -> usize {
        self.sim.log().iter().filter(|r| r.target.contains(part)).count()
    }
}

/// Makes retries and staggered starts quick, so that a failing vendor is given up within a second.
pub fn quick_retries(bench: &Bench) {
    let settings = "vendor:\n  backoff_base: 10ms\n  backoff_cap: 1s\n  read_timeout: 1s\n  total_timeout: 5s\n\
                    backfill:\n  stagger: 20ms\n  group_pause: 30ms\n";
    configure(bench, settings);
}

/// Writes the settings file that this bench's binary finds.
pub fn configure(bench: &Bench, settings: &str) {
    let dir = bench.dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("barkeep.yaml"), settings).unwrap();
}

/// Waits until a log holds a text; a minute at most.
pub async fn until_logged(log: &Path, text: &str) {
    let begun = Instant::now();
    loop {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        if said.contains(text) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "'{text}' is not in: {said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the vendor itself has: every bar of a ticker over inclusive dates, straight from its HTTP answers.
pub async fn vendor_bars(
    addr: std::net::SocketAddr,
    ticker: &str,
    timeframe: &str,
    from: &str,
    to: &str,
) -> BTreeMap<i64, Values> {
    let (multiplier, timespan) = match timeframe {
        "1m" => (1, "minute"),
        "5m" => (5, "minute"),
        "15m" => (15, "minute"),
        "30m" => (30, "minute"),
        "1h" => (1, "hour"),
        "4h" => (4, "hour"),
        "1d" => (1, "day"),
        "1w" => (1, "week"),
        other => panic!("{other}"),
    };
    let mut path = format!(
        "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}?adjusted=false&sort=asc&limit=50000"
    );
    let mut bars = BTreeMap::new();
    loop {
        let body = http::get_json(addr, &path, "somebody-else").await;
        for row in body["results"].as_array().into_iter().flatten() {
            let n = |key: &str| row[key].as_f64();
            let price = |key: &str| n(key).unwrap();
            let values =
                (price("o"), price("h"), price("l"), price("c"), price("v"), n("vw"), n("n").map(|n| n as i64));
            assert!(bars.insert(row["t"].as_i64().unwrap(), values).is_none(), "the vendor repeated a bar");
        }
        let Some(next) = body["next_url"].as_str() else { return bars };
        let after_scheme = next.split_once("://").unwrap().1;
        after_scheme[after_scheme.find('/').unwrap()..].clone_into(&mut path);
    }
}

/// The binary in an environment of its own: nothing of the developer's configuration reaches it.
pub fn command(home: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_STATE_HOME", home.join("state"))
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// Exit code and the summary on the last line of standard output (null when there is none).
pub fn summary_of(output: &Output) -> (i32, Value) {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let code = output.status.code().unwrap_or(-1);
    if code > 1 || last.is_empty() {
        eprintln!("--- stderr\n{}", String::from_utf8_lossy(&output.stderr));
    }
    (code, serde_json::from_str(last).unwrap_or(Value::Null))
}

/// The stored bars of one series.
pub fn series(stored: &Bars, symbol: &str, timeframe: &str) -> BTreeMap<i64, Values> {
    let key = |t| (symbol.to_owned(), timeframe.to_owned(), t);
    stored.range(key(i64::MIN)..=key(i64::MAX)).map(|((_, _, t), values)| (*t, *values)).collect()
}

/// Compares stored bars of one series with what the vendor has: equal but for vwap, which derived bars carry to 1e-6.
pub fn assert_same(stored: &Bars, symbol: &str, timeframe: &str, vendor: &BTreeMap<i64, Values>) {
    let mine = series(stored, symbol, timeframe);
    let missing: Vec<_> = vendor.keys().filter(|t| !mine.contains_key(t)).take(5).collect();
    let spurious: Vec<_> = mine.keys().filter(|t| !vendor.contains_key(t)).take(5).collect();
    assert!(
        missing.is_empty() && spurious.is_empty() && mine.len() == vendor.len(),
        "{symbol} {timeframe}: {} stored, {} at the vendor; missing {missing:?}, spurious {spurious:?}",
        mine.len(),
        vendor.len()
    );
    for (t, want) in vendor {
        let got = mine[t];
        let exact = |v: &Values| (v.0, v.1, v.2, v.3, v.6);
        assert_eq!(exact(&got), exact(want), "{symbol} {timeframe} at {t}");
        assert!((got.4 - want.4).abs() <= 1e-12 * want.4.abs(), "{symbol} {timeframe} at {t}: volume {got:?} {want:?}");
        match (got.5, want.5) {
            (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-6 * b.abs(), "{symbol} {timeframe} at {t}: vwap {a} {b}"),
            (a, b) => assert_eq!(a.is_some(), b.is_some(), "{symbol} {timeframe} at {t}: vwap"),
        }
    }
}
