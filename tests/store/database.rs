//! The store of one case: a SQLite file, a PostgreSQL database or one in memory, and what a person sees in it.

use std::sync::Arc;
use std::time::Duration;

use barkeep::store::{Dialect, Memory, Store, open};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqlSafeStr};

use crate::sample::all_bars;
use crate::support::postgres::{Cluster, citus, shared};

pub const NO_URL: &str = "the store in memory has no address";

pub struct Db {
    url: Option<String>,
    pub store: Arc<dyn Store>,
    pub place: Place,
}

pub enum Place {
    Dir(tempfile::TempDir),
    Server(&'static Cluster, String),
    Memory(Arc<Memory>),
}

/// What a row of `bar_revisions` remembers, as far as the cases ask.
#[derive(Debug, PartialEq)]
pub struct Superseded {
    pub close: f64,
    pub vwap: Option<f64>,
    pub reason: String,
}

impl Db {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("bars.db").display());
        Self { store: open(&url, false).await.unwrap(), url: Some(url), place: Place::Dir(dir) }
    }

    pub async fn postgres() -> Self {
        Self::on(shared()).await
    }

    pub async fn citus() -> Self {
        Self::on(citus()).await
    }

    async fn on(cluster: &'static Cluster) -> Self {
        let name = cluster.create_database().await;
        let url = cluster.url(&name);
        Self { store: open(&url, false).await.unwrap(), url: Some(url), place: Place::Server(cluster, name) }
    }

    /// One that somebody else has made.
    pub const fn at(store: Arc<dyn Store>, url: String, place: Place) -> Self {
        Self { url: Some(url), store, place }
    }

    pub fn memory() -> Self {
        let memory = Memory::new();
        Self { url: None, store: memory.clone(), place: Place::Memory(memory) }
    }

    pub async fn finish(self) {
        self.store.close().await;
        match self.place {
            Place::Dir(dir) => dir.close().unwrap(),
            Place::Server(cluster, name) => cluster.drop_database(&name).await,
            Place::Memory(_) => {}
        }
    }

    pub fn url(&self) -> &str {
        self.url.as_deref().expect(NO_URL)
    }

    /// `None` in memory.
    pub fn dialect(&self) -> Option<Dialect> {
        match self.place {
            Place::Dir(_) => Some(Dialect::Sqlite),
            Place::Server(..) => Some(Dialect::Postgres),
            Place::Memory(_) => None,
        }
    }

    /// The same data through another store, as another process has it.
    pub async fn another_handle(&self) -> Arc<dyn Store> {
        match self.place {
            Place::Memory(_) => Arc::clone(&self.store),
            _ => open(self.url(), false).await.unwrap(),
        }
    }

    /// A connection beside the store, as a person with a shell has.
    pub async fn raw(&self) -> Raw {
        match self.place {
            Place::Dir(_) => {
                let path = self.url().strip_prefix("sqlite:").unwrap();
                let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(5));
                Raw::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Place::Server(..) => Raw::Postgres(Box::new(PgConnection::connect(self.url()).await.unwrap())),
            Place::Memory(_) => unreachable!("{NO_URL}"),
        }
    }

    pub async fn int(&self, sql: &str) -> i64 {
        self.raw().await.int(sql).await
    }

    /// The rows of a table.
    pub async fn count(&self, table: &str) -> i64 {
        match &self.place {
            Place::Memory(memory) => remembered(memory, self, table).await as i64,
            _ => self.int(&format!("SELECT COUNT(*) FROM {table}")).await,
        }
    }

    /// What was superseded, in the order it was.
    pub async fn revisions(&self) -> Vec<Superseded> {
        const REVISIONS: &str = "SELECT close, vwap, reason FROM bar_revisions ORDER BY id";
        if let Place::Memory(memory) = &self.place {
            let superseded = |r: barkeep::store::memory::Revision| Superseded {
                close: r.bar.bar.close,
                vwap: r.bar.bar.vwap,
                reason: r.reason.to_owned(),
            };
            return memory.revisions().into_iter().map(superseded).collect();
        }
        let superseded = |(close, vwap, reason)| Superseded { close, vwap, reason };
        match &mut self.raw().await {
            Raw::Sqlite(c) => {
                sqlx::query_as(REVISIONS).fetch_all(c).await.unwrap().into_iter().map(superseded).collect()
            }
            Raw::Postgres(c) => {
                sqlx::query_as(REVISIONS).fetch_all(&mut **c).await.unwrap().into_iter().map(superseded).collect()
            }
        }
    }
}

/// How many rows a database would have in a table, from what the store in memory tells.
async fn remembered(memory: &Memory, db: &Db, table: &str) -> usize {
    let store = &db.store;
    let series = store.series().await.unwrap();
    let mut rows = 0;
    match table {
        "symbols" => rows = store.symbols().await.unwrap().len(),
        "series" => rows = series.len(),
        "bars" => {
            for one in series {
                rows += all_bars(db, one.id).await.len();
            }
        }
        "bar_revisions" => rows = memory.revisions().len(),
        "bar_quarantine" => rows = store.quarantine(false).await.unwrap().len(),
        "coverage" => {
            let ids: Vec<_> = series.iter().map(|s| s.id).collect();
            rows = store.coverage(&ids).await.unwrap().iter().map(|(_, rows)| rows.len()).sum();
        }
        "splits" => {
            for (symbol, _) in store.splits_fetched_at().await.unwrap() {
                rows += store.splits(&symbol).await.unwrap().len();
            }
        }
        "dividends" => {
            for (symbol, _) in store.dividends_fetched_at().await.unwrap() {
                rows += store.dividends(&symbol).await.unwrap().len();
            }
        }
        "dividends_checked" => rows = store.dividends_fetched_at().await.unwrap().len(),
        "price_factors" => {
            for row in store.symbols().await.unwrap() {
                rows += store.price_factors(&row.symbol).await.unwrap().len();
            }
        }
        "splits_checked" => rows = store.splits_fetched_at().await.unwrap().len(),
        "vendor_requests" => rows = store.request_totals().await.unwrap().total_requests as usize,
        "symbol_computation_status" => {
            for execution in store.executions(1_000).await.unwrap() {
                rows += store.series_statuses(execution.execution_id).await.unwrap().len();
            }
        }
        "rate_limit_state" => rows = store.places().await.unwrap().places.len(),
        other => panic!("what is {other}?"),
    }
    rows
}

pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

impl Raw {
    pub async fn run(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.execute(AssertSqlSafe(sql)).await.map(|r| r.rows_affected()),
            Self::Postgres(c) => c.execute(AssertSqlSafe(sql)).await.map(|r| r.rows_affected()),
        }
    }

    pub async fn int(&mut self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(c) => c.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0),
            Self::Postgres(c) => c.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0),
        }
    }

    /// The first column of every row, which is text.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(c) => c.fetch_all(AssertSqlSafe(sql)).await.unwrap().iter().map(|r| r.get(0)).collect(),
            Self::Postgres(c) => c.fetch_all(AssertSqlSafe(sql)).await.unwrap().iter().map(|r| r.get(0)).collect(),
        }
    }

    pub async fn prepare(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.prepare(sql.into_sql_str()).await.map(drop),
            Self::Postgres(c) => c.prepare(sql.into_sql_str()).await.map(drop),
        }
    }
}
