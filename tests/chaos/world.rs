//! A bench whose right outcome is known, and the judge that counts what differs from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use barkeep::sim::SimConfig;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::support::bench::{Bars, Bench, Database, Values};
use crate::support::postgres::Cluster;

/// What every run asks for; it ended long ago, so all of it is final.
pub const ARGS: [&str; 9] =
    ["AAPL", "MSFT", "ETH", "--timeframes", "5m,1h,1d", "--from", "2024-02-01", "--to", "2024-03-29"];
const SERIES: [(&str, &str); 3] = [("AAPL", "AAPL"), ("MSFT", "MSFT"), ("ETH", "X:ETHUSD")];
const TIMEFRAMES: [&str; 3] = ["5m", "1h", "1d"];
/// Milliseconds around the range, a day more on both sides.
const RANGE: std::ops::Range<i64> = 1_706_659_200_000..1_711_929_600_000;
const DAY: i64 = 86_400_000;
/// Three series, each with one page on its way and three waiting to be stored.
const PAGES_IN_FLIGHT: usize = 12;
/// A run that takes longer hangs.
const LONGEST_RUN: Duration = Duration::from_mins(5);

/// A number from `BARKEEP_CHAOS_*`.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(format!("BARKEEP_CHAOS_{name}")) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("BARKEEP_CHAOS_{name} is no number: {text}")),
        Err(_) => default,
    }
}

/// Dice for the instants; `BARKEEP_CHAOS_SEED` throws the same again.
pub fn dice(scenario: &str) -> fastrand::Rng {
    let seed = setting("SEED", fastrand::u64(..1_000_000));
    println!("{scenario}: BARKEEP_CHAOS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// What is not as it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bars that the vendor has, of a range that was said to be done, and that are not stored.
    pub lost: usize,
    /// Bars stored twice, revised without a change, or in two committed pages; pages asked again beyond those in flight.
    pub doubled: usize,
    /// Intervals said to be covered that lack a bar.
    pub falsely_complete: usize,
    /// Stored bars that the vendor has otherwise or not at all.
    pub wrong: usize,
    /// Messages of the database's own check.
    pub damaged: usize,
    /// Runs and orders that did not end as they must.
    pub unended: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.falsely_complete += other.falsely_complete;
        self.wrong += other.wrong;
        self.damaged += other.damaged;
        self.unended += other.unended;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, doubled, falsely_complete, wrong, damaged, unended } = self;
        write!(f, "lost {lost} doubled {doubled} false {falsely_complete} wrong {wrong} damaged {damaged} ")?;
        write!(f, "unended {unended}")
    }
}

/// Prints the line of a scenario and fails if anything was not as it must be.
pub fn report(line: &str, tally: Tally) {
    println!("{line}: {tally}");
    assert_eq!(tally, Tally::default(), "{line}");
}

/// One interval that is said to be covered.
#[derive(Debug)]
struct Covered {
    symbol: String,
    timeframe: String,
    start: i64,
    end: i64,
    state: String,
}

pub struct World {
    pub bench: Bench,
    /// What the vendor has of what is asked for.
    truth: &'static Bars,
    /// And of some days around it.
    market: &'static Bars,
    /// Dropped at the end.
    name: Option<(&'static Cluster, String)>,
}

impl World {
    /// A fresh database (on a server, or a SQLite file) and a vendor that takes `latency` for each of many small pages.
    pub async fn new(cluster: Option<&'static Cluster>, latency: Duration) -> Self {
        let config = SimConfig { base_limit: 2_000, latency, ..SimConfig::default() };
        let (bench, name) = match cluster {
            None => (Bench::sqlite(config).await, None),
            Some(cluster) => {
                let name = cluster.create_database().await;
                (Bench::on(config, Database::Postgres(cluster.url(&name))).await, Some((cluster, name)))
            }
        };
        Self::of(bench, name).await
    }

    /// A SQLite file, and a vendor whose pages are as large as the real one's.
    pub async fn with_large_pages() -> Self {
        Self::of(Bench::sqlite(SimConfig::default()).await, None).await
    }

    /// The same on a SQLite file at a given place.
    pub async fn at(file: &Path, latency: Duration) -> Self {
        let config = SimConfig { base_limit: 2_000, latency, ..SimConfig::default() };
        Self::of(Bench::on(config, Database::Sqlite(file.to_owned())).await, None).await
    }

    async fn of(bench: Bench, name: Option<(&'static Cluster, String)>) -> Self {
        static TRUTH: OnceCell<Bars> = OnceCell::const_new();
        static MARKET: OnceCell<Bars> = OnceCell::const_new();
        let truth = TRUTH.get_or_init(|| vendors_own("2024-02-01", "2024-03-29")).await;
        let market = MARKET.get_or_init(|| vendors_own("2024-01-29", "2024-04-03")).await;
        Self { bench, truth, market, name }
    }

    pub async fn end(self) {
        if let Some((cluster, name)) = self.name {
            cluster.drop_database(&name).await;
        }
    }

    /// A backfill of the range; what it says goes to a log.
    pub fn backfill(&self) -> Command {
        let mut command = self.bench.command(&["backfill", "--json"]);
        command.args(ARGS).arg("--log-file").arg(self.bench.dir.path().join("chaos.log"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }

    pub fn spawn(&self) -> Child {
        self.backfill().spawn().unwrap()
    }

    /// Lets runs end undisturbed; one must be enough, and a second has nothing to do.
    pub async fn settle(&self) -> Tally {
        let begun = self.bench.sim.log().len();
        for again in [false, true] {
            let asked = self.bench.sim.log().len();
            let mut run = self.spawn();
            let code =
                tokio::time::timeout(LONGEST_RUN, run.wait()).await.ok().and_then(|status| status.unwrap().code());
            let idle = self.bench.sim.log().len() == asked;
            if code != Some(0) || (again && !idle) {
                eprintln!(
                    "an undisturbed run ended with {code:?} after {} requests",
                    self.bench.sim.log().len() - begun
                );
                self.show_log();
                return Tally { unended: 1, ..Tally::default() };
            }
        }
        Tally::default()
    }

    /// The end of the log, to explain a failure.
    pub fn show_log(&self) {
        let log = std::fs::read_to_string(self.bench.dir.path().join("chaos.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("{}", lines[lines.len().saturating_sub(30)..].join("\n"));
    }

    /// What must hold at any moment, work unfinished: no wrong bar, nothing falsely complete, nothing damaged.
    pub async fn judge_unfinished(&self) -> Tally {
        if !self.has_schema().await {
            return Tally::default();
        }
        // Claims first: what comes in between the two questions is no fault.
        let claims = self.covered().await;
        let stored = self.inside().await;
        let mut tally = Tally { wrong: self.wrong(&stored), damaged: self.damage().await, ..Tally::default() };
        for claim in claims {
            let (start, end) = (claim.start.max(RANGE.start), claim.end.min(RANGE.end));
            let lacking = self.lacking(&stored, &claim.symbol, &claim.timeframe, start, end.max(start));
            if !lacking.is_empty() {
                let Covered { symbol, timeframe, start, end, .. } = &claim;
                let (count, first) = (lacking.len(), lacking[0]);
                eprintln!("false: {symbol} {timeframe} {start}..{end} lacks {count} bars, the first {first}");
                tally.falsely_complete += 1;
            }
        }
        tally
    }

    /// What must hold once everything is said to be done, after so many interruptions.
    pub async fn judge_finished(&self, interruptions: usize) -> Tally {
        let mut tally = self.judge_unfinished().await;
        let stored = self.inside().await;
        tally.lost += self.truth.keys().filter(|key| !stored.contains_key(*key)).count();
        // Every 5-minute bar came in exactly one committed page.
        let pages = "FROM vendor_requests WHERE endpoint = 'aggregates' AND timeframe = '5m'";
        let rows = self.number(&format!("SELECT CAST(coalesce(sum(row_count), 0) AS bigint) {pages}")).await;
        let bars = stored.keys().filter(|(_, timeframe, _)| timeframe == "5m").count();
        tally.doubled += rows.saturating_sub(bars);
        // A page may be asked again only if it was on its way.
        let committed = self.number(&format!("SELECT count(*) {pages}")).await;
        let again = self.bench.asked("/5/minute/").saturating_sub(committed);
        tally.doubled += again.saturating_sub(PAGES_IN_FLIGHT * interruptions);
        tally.doubled += self.number("SELECT count(*) FROM bar_revisions").await;
        tally.doubled += self.number("SELECT count(*) FROM market_data").await - self.bench.stored().await.len();
        tally.unended +=
            self.number("SELECT count(*) FROM scheduler_execution_log WHERE status IN ('running', 'queued')").await;
        tally
    }

    /// Claims about the days up to now: each holds every bar that the vendor has there, and nothing is claimed of the future.
    pub async fn judge_newest(&self, series: &[(&str, &str)]) -> Tally {
        let stored = self.bench.stored().await;
        let now = chrono::Utc::now();
        let (first, last) = ((now - chrono::Days::new(40)).date_naive(), now.date_naive());
        let mut tally = Tally { damaged: self.damage().await, ..Tally::default() };
        let claims = self.covered().await;
        for (symbol, ticker) in series {
            for timeframe in TIMEFRAMES {
                let there = self.bench.vendor_bars(ticker, timeframe, &first.to_string(), &last.to_string()).await;
                assert!(!there.is_empty(), "the vendor has nothing; nothing would be compared");
                for claim in claims.iter().filter(|c| c.symbol == *symbol && c.timeframe == timeframe) {
                    let key = |t| ((*symbol).to_owned(), timeframe.to_owned(), t);
                    let lacking = there.range(claim.start..claim.end).filter(|(t, _)| !stored.contains_key(&key(**t)));
                    let lacking: Vec<_> = lacking.map(|(t, _)| *t).collect();
                    let ahead = claim.state == "present" && claim.end > now.timestamp_millis() + DAY;
                    if !lacking.is_empty() || ahead {
                        eprintln!("false: {claim:?} lacks {lacking:?}");
                        tally.falsely_complete += 1;
                    }
                }
            }
        }
        assert!(!claims.is_empty(), "nothing is claimed; nothing was compared");
        tally
    }

    /// Bars of the vendor's within a time that are not stored.
    pub fn lacking(&self, stored: &Bars, symbol: &str, timeframe: &str, start: i64, end: i64) -> Vec<i64> {
        let key = |t| (symbol.to_owned(), timeframe.to_owned(), t);
        let there = self.market.range(key(start)..key(end));
        there.filter(|(key, _)| !stored.contains_key(*key)).map(|((_, _, t), _)| *t).collect()
    }

    /// The stored bars around the range, of series whose truth is known.
    pub async fn inside(&self) -> Bars {
        let stored = self.bench.stored().await;
        let known = |symbol: &str| SERIES.iter().any(|(known, _)| *known == symbol);
        stored.into_iter().filter(|((symbol, _, t), _)| RANGE.contains(t) && known(symbol)).collect()
    }

    fn wrong(&self, stored: &Bars) -> usize {
        let wrong = |(key, got): &(&(String, String, i64), &Values)| {
            let right = self.market.get(*key).is_some_and(|want| same(got, want));
            if !right {
                eprintln!("wrong: {key:?} is {got:?}, at the vendor {:?}", self.market.get(*key));
            }
            !right
        };
        stored.iter().filter(wrong).count()
    }

    async fn has_schema(&self) -> bool {
        let sql = match &self.bench.database {
            Database::Sqlite(path) if !path.exists() => return false,
            Database::Sqlite(_) => "SELECT count(*) FROM sqlite_schema WHERE name = 'market_data'",
            Database::Postgres(_) => "SELECT count(*) FROM pg_class WHERE relname = 'market_data'",
        };
        self.number(sql).await > 0
    }

    async fn covered(&self) -> Vec<Covered> {
        let from = "FROM coverage c JOIN series s ON s.id = c.series_id WHERE c.state IN ('present', 'empty')";
        let rows: Vec<(String, String, i64, i64, String)> = match &self.bench.database {
            Database::Sqlite(_) => {
                let sql = format!("SELECT s.symbol, s.timeframe, c.start_ts, c.end_ts, c.state {from}");
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut self.sqlite().await).await.unwrap()
            }
            Database::Postgres(url) => {
                let ms = |column: &str| format!("(extract(epoch FROM c.{column}) * 1000)::bigint");
                let sql = format!("SELECT s.symbol, s.timeframe, {}, {}, c.state {from}", ms("start_ts"), ms("end_ts"));
                let mut db = PgConnection::connect(url).await.unwrap();
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap()
            }
        };
        let claim = |(symbol, timeframe, start, end, state)| Covered { symbol, timeframe, start, end, state };
        rows.into_iter().map(claim).collect()
    }

    /// Messages of SQLite's own check; PostgreSQL has none that any user may run.
    async fn damage(&self) -> usize {
        let Database::Sqlite(_) = &self.bench.database else { return 0 };
        let mut db = self.sqlite().await;
        let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut db).await.unwrap();
        let orphans = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut db).await.unwrap().len();
        let bad = said.iter().filter(|line| *line != "ok").inspect(|line| eprintln!("damaged: {line}")).count();
        bad + orphans
    }

    pub async fn number(&self, sql: &str) -> usize {
        let sql = AssertSqlSafe(sql.to_owned());
        let number: i64 = match &self.bench.database {
            Database::Sqlite(_) => sqlx::query_scalar(sql).fetch_one(&mut self.sqlite().await).await.unwrap(),
            Database::Postgres(url) => {
                sqlx::query_scalar(sql).fetch_one(&mut PgConnection::connect(url).await.unwrap()).await.unwrap()
            }
        };
        number as usize
    }

    async fn sqlite(&self) -> SqliteConnection {
        // A process killed at its first write leaves something to undo.
        SqliteConnection::connect(&format!("{}?mode=rw", self.bench.database.url())).await.unwrap()
    }
}

/// Equal but for the volume's last bits and vwap, which derived bars carry to 1e-6.
pub fn same(got: &Values, want: &Values) -> bool {
    let exact = |v: &Values| (v.0, v.1, v.2, v.3, v.6);
    let vwap = match (got.5, want.5) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs(),
        (a, b) => a.is_some() == b.is_some(),
    };
    exact(got) == exact(want) && (got.4 - want.4).abs() <= 1e-12 * want.4.abs() && vwap
}

/// Every bar of some days as the vendor answers it.
async fn vendors_own(from: &str, to: &str) -> Bars {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let mut all = BTreeMap::new();
    for (symbol, ticker) in SERIES {
        for timeframe in TIMEFRAMES {
            let bars = bench.vendor_bars(ticker, timeframe, from, to).await;
            all.extend(bars.into_iter().map(|(t, bar)| ((symbol.to_owned(), timeframe.to_owned(), t), bar)));
        }
    }
    let series: BTreeSet<_> = all.keys().map(|(symbol, timeframe, _)| (symbol, timeframe)).collect();
    assert_eq!(series.len(), SERIES.len() * TIMEFRAMES.len(), "the vendor lacks a series; nothing would be compared");
    all
}

/// The judge finds what is planted: a bar that goes, a bar that changes, a page that is counted twice.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: shows that the judge of the other tests sees"]
async fn the_judge_sees_what_is_planted() {
    let world = World::new(None, Duration::ZERO).await;
    assert_eq!(world.settle().await, Tally::default());
    assert_eq!(world.judge_finished(0).await, Tally::default());
    let plant = async |sql: &'static str| {
        let mut db = SqliteConnection::connect(&world.bench.database.url()).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        world.judge_finished(0).await
    };
    let wrong = plant(
        "UPDATE bars SET close = close + 1 WHERE (series_id, ts) IN (SELECT series_id, ts FROM bars ORDER BY series_id, ts LIMIT 1)",
    )
    .await;
    assert_eq!(wrong, Tally { wrong: 1, ..Tally::default() });
    let lost = plant(
        "DELETE FROM bars WHERE (series_id, ts) IN (SELECT series_id, ts FROM bars ORDER BY series_id, ts LIMIT 1)",
    )
    .await;
    assert_eq!((lost.lost, lost.falsely_complete, lost.wrong), (1, 1, 0), "{lost}");
    let twice = plant(
        "INSERT INTO vendor_requests (endpoint, timeframe, attempt, started_at, latency_ms, outcome, row_count, bytes) \
         VALUES ('aggregates', '5m', 1, 0, 0, 'ok', 100, 0)",
    )
    .await;
    assert!(twice.doubled >= 99, "{twice}");
    world.end().await;
}
