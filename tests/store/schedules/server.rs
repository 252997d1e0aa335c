//! A database on a real PostgreSQL that tells the time it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use barkeep::base::clock::{Clock, Uptime};
use barkeep::market::{Symbol, Ts};
use barkeep::store::{AsWorker, SeriesId, Store, StoreOptions, open, open_with};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::postgres::shared;

/// When schedules begin, milliseconds since 1970.
const BEGIN: i64 = 1_800_000_000_000;
/// The advisory lock that keeps a transaction from being committed.
const GATE: i64 = 77;

/// `clock_timestamp()` and the start of the server are functions of this database, found before PostgreSQL's. A page is
/// committed only while nobody holds the gate.
const CLOCK: &str = "
    CREATE TABLE test_clock (now TIMESTAMPTZ NOT NULL);
    INSERT INTO test_clock VALUES (to_timestamp(1800000000));
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT now FROM public.test_clock';
    CREATE FUNCTION public.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql AS
        'SELECT to_timestamp(1700000000)';
    CREATE FUNCTION test_gate() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER test_gate AFTER INSERT ON vendor_requests DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION test_gate();";

/// Where a transaction stands still.
#[derive(Clone, Copy, Debug)]
pub enum Stall {
    /// At its first lock.
    Write(SeriesId),
    /// After its last statement.
    Commit,
}

pub struct PausedServer {
    name: String,
    now: Arc<AtomicI64>,
    admin: PgConnection,
    gate: PgConnection,
}

impl PausedServer {
    pub async fn new() -> Self {
        let name = shared().create_database().await;
        let url = shared().url(&name);
        open(&url, false).await.unwrap().close().await;
        let mut admin = PgConnection::connect(&url).await.unwrap();
        admin.execute(CLOCK).await.unwrap();
        let path = format!("ALTER DATABASE {name} SET search_path = public, pg_catalog");
        admin.execute(AssertSqlSafe(path)).await.unwrap();
        // Sessions from now on find the functions.
        let admin = PgConnection::connect(&url).await.unwrap();
        let gate = PgConnection::connect(&url).await.unwrap();
        Self { name, now: Arc::new(AtomicI64::new(BEGIN)), admin, gate }
    }

    pub async fn finish(self) {
        shared().drop_database(&self.name).await;
    }

    pub fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub async fn set(&mut self, now: i64) {
        self.now.store(now, Ordering::SeqCst);
        let set = format!("UPDATE test_clock SET now = to_timestamp({now} / 1000.0)");
        self.admin.execute(AssertSqlSafe(set)).await.unwrap();
    }

    /// Takes away what a schedule left.
    pub async fn clear(&mut self) {
        const CLEAR: &str =
            "TRUNCATE bars, bar_revisions, coverage, vendor_requests, rate_limit_state, rate_limit_queue, rate_limit_refusals,
                workers, series_claims, scheduler_execution_log CASCADE;
            UPDATE leader SET worker_id = NULL, since = NULL, until = NULL;
            UPDATE series SET bar_count = 0, first_ts = NULL, last_ts = NULL";
        self.admin.execute(CLEAR).await.unwrap();
    }

    /// A store of a worker on one of some hosts, and its machine.
    pub async fn open(&self, id: Uuid, host: usize) -> (Arc<dyn Store>, Arc<Machine>) {
        let boot = Uuid::from_u128(host as u128);
        let machine = Arc::new(Machine { now: Arc::clone(&self.now), ahead: AtomicI64::new(0), boot });
        let worker = AsWorker { id, clock: machine.clone() };
        let opening = StoreOptions { worker, connections: 3, ..StoreOptions::default() };
        (open_with(&shared().url(&self.name), false, opening).await.unwrap(), machine)
    }

    pub async fn leader(&mut self) -> Option<Uuid> {
        sqlx::query_scalar("SELECT worker_id FROM leader").fetch_one(&mut self.admin).await.unwrap()
    }

    /// Executions that hold a symbol, and whose they are, among those that gave a sign of life.
    pub async fn holders(&mut self, symbol: &Symbol) -> Vec<(Uuid, String)> {
        const HOLDERS: &str = "SELECT execution_id, owner FROM series_claims WHERE granted
            AND renewed_at >= clock_timestamp() - INTERVAL '30 s' AND families LIKE '%\"' || $1 || '\"%'";
        sqlx::query_as(HOLDERS).bind(symbol.as_str()).fetch_all(&mut self.admin).await.unwrap()
    }

    /// The items of a plan that are somebody's, and whose.
    pub async fn held_items(&mut self, execution: Uuid) -> Vec<(i64, String)> {
        const HELD: &str = "SELECT number, holder FROM plan_items
            WHERE execution_id = $1 AND state IN ('held', 'stop') ORDER BY number";
        sqlx::query_as(HELD).bind(execution).fetch_all(&mut self.admin).await.unwrap()
    }

    /// How many items of plans there are.
    pub async fn items(&mut self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM plan_items").fetch_one(&mut self.admin).await.unwrap()
    }

    pub async fn is_claimed(&mut self, execution: Uuid, owner: &str) -> bool {
        const CLAIMED: &str = "SELECT count(*) > 0 FROM series_claims WHERE execution_id = $1 AND owner = $2
            AND granted";
        sqlx::query_scalar(CLAIMED).bind(execution).bind(owner).fetch_one(&mut self.admin).await.unwrap()
    }

    /// The next page stands still there, until [`Self::go_on`].
    pub async fn stall(&mut self, stall: Stall) {
        let sql = match stall {
            Stall::Write(series) => format!("BEGIN; SELECT FROM series WHERE id = {} FOR UPDATE", series.0),
            Stall::Commit => format!("SELECT pg_advisory_lock({GATE})"),
        };
        self.gate.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    /// A write that is refused comes to no stand.
    pub async fn until_stalled<T>(&mut self, write: &JoinHandle<T>) {
        const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock'";
        while !write.is_finished()
            && sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut self.admin).await.unwrap() == 0
        {
            tokio::task::yield_now().await;
        }
    }

    pub async fn go_on(&mut self, stall: Stall) {
        let sql = match stall {
            Stall::Write(_) => "ROLLBACK".to_owned(),
            Stall::Commit => format!("SELECT pg_advisory_unlock({GATE})"),
        };
        self.gate.execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

/// The clocks of a machine: one that somebody sets, and one that counts since its start.
#[derive(Debug)]
pub struct Machine {
    now: Arc<AtomicI64>,
    ahead: AtomicI64,
    boot: Uuid,
}

impl Machine {
    /// Time that nobody sets.
    pub fn true_now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub fn set_ahead(&self, ms: i64) {
        self.ahead.store(ms, Ordering::SeqCst);
    }
}

impl Clock for Machine {
    fn now(&self) -> Ts {
        Ts(self.now.load(Ordering::SeqCst) + self.ahead.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Option<Uptime> {
        let ms = self.now.load(Ordering::SeqCst) - BEGIN + 1_000_000 * (1 + self.boot.as_u128() as i64);
        Some(Uptime { boot: self.boot, ms })
    }
}
