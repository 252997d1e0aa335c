//! One suite over both databases. Every case gets a fresh database and says what a user of the store may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::market::split::Split;
use barkeep::market::{AssetClass, Bar, Criticality, Interval, Symbol, Timeframe, Ts};
use barkeep::store::{
    Coverage, CoverageState, Dialect, ExecutionRow, ExecutionStatus, Grant, HolidayRow, PageCommit, QuarantinedBar,
    RequestRow, RequestTotals, SeriesId, SeriesState, SeriesStatus, SeriesWrite, Store, StoreError, StoredBar,
    SymbolRow, Trigger, Verdict, WriteOutcome, open, statements,
};
use chrono::NaiveDate;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqlSafeStr};
use support::postgres::{Cluster, shared};
use uuid::Uuid;

// -- the database of one case ----------------------------------------------------------------------------------------

struct Db {
    url: String,
    store: Arc<dyn Store>,
    place: Place,
}

enum Place {
    Dir(tempfile::TempDir),
    Server(&'static Cluster, String),
}

impl Db {
    async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("bars.db").display());
        Self { store: open(&url, false).await.unwrap(), url, place: Place::Dir(dir) }
    }

    async fn postgres() -> Option<Self> {
        let cluster = shared()?;
        let name = cluster.create_database().await;
        let url = cluster.url(&name);
        Some(Self { store: open(&url, false).await.unwrap(), url, place: Place::Server(cluster, name) })
    }

    async fn finish(self) {
        self.store.close().await;
        match self.place {
            Place::Dir(dir) => dir.close().unwrap(),
            Place::Server(cluster, name) => cluster.drop_database(&name).await,
        }
    }

    fn dialect(&self) -> Dialect {
        match self.place {
            Place::Dir(_) => Dialect::Sqlite,
            Place::Server(..) => Dialect::Postgres,
        }
    }

    /// A connection beside the store, as a person with a shell has.
    async fn raw(&self) -> Raw {
        match self.place {
            Place::Dir(_) => {
                let path = self.url.strip_prefix("sqlite:").unwrap();
                let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(5));
                Raw::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Place::Server(..) => Raw::Postgres(Box::new(PgConnection::connect(&self.url).await.unwrap())),
        }
    }

    async fn int(&self, sql: &str) -> i64 {
        self.raw().await.int(sql).await
    }
}

enum Raw {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

impl Raw {
    async fn run(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.execute(AssertSqlSafe(sql)).await.map(|r| r.rows_affected()),
            Self::Postgres(c) => c.execute(AssertSqlSafe(sql)).await.map(|r| r.rows_affected()),
        }
    }

    async fn int(&mut self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(c) => c.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0),
            Self::Postgres(c) => c.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0),
        }
    }

    async fn prepare(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.prepare(sql.into_sql_str()).await.map(drop),
            Self::Postgres(c) => c.prepare(sql.into_sql_str()).await.map(drop),
        }
    }
}

macro_rules! on_both {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let db = super::Db::sqlite().await;
                super::$case(&db).await;
                db.finish().await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(db) = super::Db::postgres().await else { return };
                super::$case(&db).await;
                db.finish().await;
            })*
        }
    };
}

on_both! {
    every_statement_can_be_prepared
    symbols_and_series
    removing_a_symbol_removes_everything
    reading_bars
    commits_count_what_they_do
    marks_are_lifted_and_never_put_back
    vanished_provisional_bars_are_moved_away
    scores_change_without_a_revision
    quarantine_is_kept_once_and_decided_once
    coverage_is_what_was_said_last
    a_page_is_all_or_nothing
    impossible_numbers_are_refused
    executions_and_statuses
    requests_are_counted
    whole_answers_tell_what_the_vendor_counted
    tokens_follow_the_window
    tokens_are_shared_by_all_handles
    splits_and_holidays
    plans_are_kept_a_week
    people_can_read_market_data
    many_can_open_a_fresh_database_at_once
    reopening_keeps_everything
    reading_only_changes_nothing
    a_newer_schema_is_refused
    a_page_of_fifty_thousand_bars
    a_caller_that_gives_up_breaks_nothing
    a_lock_held_by_somebody_else_is_waited_for
    two_handles_write_the_same_series
    times_are_exact_to_the_millisecond
}

// -- making things ---------------------------------------------------------------------------------------------------

const T0: i64 = 1_700_000_040_000;

fn sym(s: &str) -> Symbol {
    s.parse().unwrap()
}

fn minute(n: i64) -> Ts {
    Ts(T0 + n * 60_000)
}

fn span(from: i64, to: i64) -> Interval {
    Interval::new(minute(from), minute(to))
}

fn bar(n: i64, close: f64) -> StoredBar {
    StoredBar {
        bar: Bar {
            ts: minute(n),
            open: 10.25,
            high: 11.0,
            low: 0.1 + 0.2,
            close,
            volume: 1_234.5,
            vwap: Some(10.1),
            trades: Some(7),
        },
        provisional: false,
        quality_score: 1.0,
        quality_notes: None,
        fetched_at: Ts(T0 + 1),
    }
}

fn growing(n: i64, close: f64) -> StoredBar {
    StoredBar { provisional: true, ..bar(n, close) }
}

fn write(series: SeriesId, bars: Vec<StoredBar>) -> SeriesWrite {
    SeriesWrite {
        series,
        bars,
        rescored: Vec::new(),
        replaces: None,
        quarantine: Vec::new(),
        coverage: Vec::new(),
        checked_at: None,
    }
}

fn page(write: SeriesWrite) -> PageCommit {
    PageCommit { writes: vec![write], ..PageCommit::default() }
}

async fn commit(db: &Db, write: SeriesWrite) -> WriteOutcome {
    db.store.commit_page(page(write)).await.unwrap()[0]
}

fn symbol_row(name: &str, timeframes: &[Timeframe]) -> SymbolRow {
    SymbolRow {
        symbol: sym(name),
        asset_class: AssetClass::Stock,
        vendor_ticker: name.to_owned(),
        criticality: Criticality::Standard,
        timeframes: timeframes.to_vec(),
        active: true,
        paused: false,
        added_at: Ts(T0),
    }
}

async fn one_series(db: &Db) -> SeriesId {
    db.store.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    db.store.series().await.unwrap()[0].id
}

async fn all_bars(db: &Db, id: SeriesId) -> Vec<StoredBar> {
    db.store.bars(id, Interval::new(Ts::MIN, Ts::MAX), usize::MAX).await.unwrap()
}

fn request(attempt: u32, status: Option<u16>, outcome: &str) -> RequestRow {
    RequestRow {
        execution_id: Some(Uuid::from_u128(5)),
        endpoint: "aggregates",
        ticker: Some("AAPL".into()),
        timeframe: Some(Timeframe::M1),
        asked: Some(span(0, 10)),
        attempt,
        started_at: Ts(T0),
        latency_ms: 120,
        status,
        outcome: outcome.into(),
        error: None,
        rows: 3,
        query_count: Some(3),
        bytes: 1_000,
        request_id: Some("r1".into()),
    }
}

fn execution(id: u128, started: i64, status: ExecutionStatus) -> ExecutionRow {
    ExecutionRow {
        execution_id: Uuid::from_u128(id),
        trigger: Trigger::CatchUp,
        mode: "pipeline".into(),
        started_at: Ts(started),
        completed_at: None,
        duration_seconds: None,
        total_symbols: 2,
        successful_symbols: 0,
        failed_symbols: 0,
        total_records_processed: 0,
        requests: 1,
        rate_limited: 2,
        retries: 3,
        status,
        error_message: None,
        owner: "host:1:boot".into(),
        selection: Some("{\"symbols\":[]}".to_owned()),
    }
}

fn status(id: u128, symbol: &str, timeframe: Timeframe, state: SeriesState) -> SeriesStatus {
    SeriesStatus {
        execution_id: Uuid::from_u128(id),
        symbol: sym(symbol),
        asset_class: AssetClass::Stock,
        timeframe,
        status: state,
        records_processed: 10,
        records_inserted: 9,
        features_computed: 0,
        error_message: None,
        started_at: Some(Ts(T0)),
        completed_at: None,
        duration_seconds: None,
    }
}

fn covered(from: i64, to: i64, state: CoverageState, fetched: i64, expires: Option<i64>) -> Coverage {
    Coverage {
        range: span(from, to),
        state,
        request_id: Some(format!("r{fetched}")),
        fetched_at: Ts(T0 + fetched),
        expires_at: expires.map(|e| Ts(T0 + e)),
    }
}

// -- the cases -------------------------------------------------------------------------------------------------------

async fn every_statement_can_be_prepared(db: &Db) {
    let mut raw = db.raw().await;
    let all = statements(db.dialect());
    assert!(all.len() > 40, "{}", all.len());
    for (name, sql) in all {
        if let Err(error) = raw.prepare(sql).await {
            panic!("{name}: {error}");
        }
    }
}

async fn symbols_and_series(db: &Db) {
    let store = &db.store;
    store.ping().await.unwrap();
    assert_eq!(store.dialect(), db.dialect().name());
    let mut b = symbol_row("B", &[Timeframe::D1, Timeframe::M5, Timeframe::D1]);
    b.asset_class = AssetClass::Crypto;
    b.paused = true;
    let small = symbol_row("a", &[Timeframe::H4]);
    store.put_symbols(&[b.clone(), symbol_row("A", &[]), small]).await.unwrap();
    let rows = store.symbols().await.unwrap();
    assert_eq!(rows.iter().map(|r| r.symbol.as_str()).collect::<Vec<_>>(), ["A", "B", "a"]);
    assert_eq!(rows[1], SymbolRow { timeframes: vec![Timeframe::M5, Timeframe::D1], ..b.clone() });

    let before = store.series().await.unwrap();
    let names = |rows: &[barkeep::store::SeriesRow]| {
        rows.iter().map(|s| format!("{}/{}", s.symbol, s.timeframe)).collect::<Vec<_>>()
    };
    assert_eq!(names(&before), ["B/5m", "B/1d", "a/4h"]);
    assert_eq!((before[0].bar_count, before[0].first_ts, before[0].checked_at), (0, None, None));

    // Replaced; series stay, with their keys.
    b.timeframes = vec![Timeframe::M5];
    b.active = false;
    store.put_symbols(std::slice::from_ref(&b)).await.unwrap();
    assert_eq!(store.symbols().await.unwrap()[1], b);
    assert_eq!(store.series().await.unwrap(), before);
}

async fn removing_a_symbol_removes_everything(db: &Db) {
    let id = one_series(db).await;
    let mut w = write(id, vec![bar(0, 1.0), bar(1, 2.0)]);
    w.coverage = vec![covered(0, 2, CoverageState::Present, 1, None)];
    w.quarantine = vec![QuarantinedBar { bar: bar(5, 1.0).bar, reason: "odd".into(), request_id: None }];
    commit(db, w).await;
    commit(db, write(id, vec![bar(0, 9.0)])).await;
    let split = Split { date: NaiveDate::from_ymd_opt(2024, 1, 2).unwrap(), from: 1.0, to: 2.0 };
    db.store.put_splits(&[(sym("AAPL"), vec![split])], Ts(T0)).await.unwrap();

    db.store.remove_symbol(&sym("AAPL")).await.unwrap();
    for table in
        ["symbols", "series", "bars", "bar_revisions", "bar_quarantine", "coverage", "splits", "splits_checked"]
    {
        assert_eq!(db.int(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert!(matches!(db.store.remove_symbol(&sym("AAPL")).await, Err(StoreError::NotFound(_))));
    let gone = db.store.commit_page(page(write(id, vec![bar(0, 1.0)]))).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    // A key never comes back for another series.
    assert_ne!(one_series(db).await, id);
}

async fn reading_bars(db: &Db) {
    let id = one_series(db).await;
    let stored: Vec<StoredBar> = (0..10).map(|n| bar(n * 2, n as f64)).collect();
    assert_eq!(commit(db, write(id, stored.clone())).await.inserted, 10);
    let store = &db.store;
    assert_eq!(all_bars(db, id).await, stored);
    assert_eq!(store.bars(id, span(2, 8), 99).await.unwrap(), stored[1..4]);
    assert_eq!(store.bars(id, span(2, 8), 2).await.unwrap(), stored[1..3]);
    assert_eq!(store.bars_before(id, minute(8), 2).await.unwrap(), stored[2..4]);
    assert_eq!(store.bars_before(id, minute(0), 2).await.unwrap(), []);
    assert_eq!(store.bars_from(id, minute(15), 1).await.unwrap(), stored[8..9]);
    assert_eq!(store.bars_from(id, minute(16), 9).await.unwrap(), stored[8..]);
    assert_eq!(store.bars(SeriesId(id.0 + 1), span(0, 99), 99).await.unwrap(), []);
    let row = &store.series().await.unwrap()[0];
    assert_eq!((row.bar_count, row.first_ts, row.last_ts), (10, Some(minute(0)), Some(minute(18))));
}

async fn commits_count_what_they_do(db: &Db) {
    let id = one_series(db).await;
    let first = commit(db, write(id, vec![bar(0, 1.0), bar(1, 2.0), bar(2, 3.0)])).await;
    assert_eq!(first, WriteOutcome { inserted: 3, ..WriteOutcome::default() });

    let late = |n, close| StoredBar { fetched_at: Ts(T0 + 99), ..bar(n, close) };
    let mut bare = late(2, 3.0);
    bare.bar.vwap = None;
    let second = commit(db, write(id, vec![late(0, 1.0), late(1, 2.5), bare.clone(), late(3, 4.0)])).await;
    assert_eq!(second, WriteOutcome { inserted: 1, revised: 2, unchanged: 1, ..WriteOutcome::default() });
    // The unchanged bar is as it was, time of fetch included.
    assert_eq!(all_bars(db, id).await, [bar(0, 1.0), late(1, 2.5), bare.clone(), late(3, 4.0)]);

    // The same page once more, as after a lost answer: nothing changes.
    let again = commit(db, write(id, vec![late(0, 1.0), late(1, 2.5), bare, late(3, 4.0)])).await;
    assert_eq!(again, WriteOutcome { unchanged: 4, ..WriteOutcome::default() });

    assert_eq!(db.int("SELECT COUNT(*) FROM bar_revisions").await, 2);
    let kept = "SELECT COUNT(*) FROM bar_revisions WHERE reason = 'changed' AND vwap = 10.1 AND close IN (2.0, 3.0)";
    assert_eq!(db.int(kept).await, 2);
    let row = &db.store.series().await.unwrap()[0];
    assert_eq!((row.bar_count, row.last_ts), (4, Some(minute(3))));
}

async fn marks_are_lifted_and_never_put_back(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.0), growing(1, 2.0), growing(2, 3.0), growing(3, 4.0)])).await;
    let later = StoredBar { fetched_at: Ts(T0 + 50), ..bar(1, 2.0) };
    let outcome = commit(db, write(id, vec![growing(0, 1.0), later, growing(2, 3.0), bar(3, 4.5)])).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 3, revised: 1, ..WriteOutcome::default() });
    assert_eq!(all_bars(db, id).await, [bar(0, 1.0), bar(1, 2.0), growing(2, 3.0), bar(3, 4.5)]);
    assert_eq!(db.int("SELECT COUNT(*) FROM bar_revisions").await, 1);
}

async fn vanished_provisional_bars_are_moved_away(db: &Db) {
    let id = one_series(db).await;
    let stored = vec![growing(0, 1.0), bar(1, 1.0), growing(2, 1.0), growing(3, 1.0), growing(4, 1.0), growing(9, 1.0)];
    commit(db, write(id, stored)).await;
    let mut w = write(id, vec![growing(4, 1.0)]);
    w.replaces = Some(span(1, 9));
    w.quarantine = vec![QuarantinedBar { bar: bar(3, 0.0).bar, reason: "zero price".into(), request_id: None }];
    let outcome = commit(db, w).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 1, removed: 1, quarantined: 1, ..WriteOutcome::default() });
    let left: Vec<Ts> = all_bars(db, id).await.iter().map(|b| b.bar.ts).collect();
    assert_eq!(left, [0, 1, 3, 4, 9].map(minute));
    assert_eq!(db.int("SELECT COUNT(*) FROM bar_revisions WHERE reason = 'removed' AND close = 1.0").await, 1);

    // Removing the outermost bars moves the ends of the series.
    let mut w = write(id, vec![]);
    w.replaces = Some(span(-5, 20));
    w.checked_at = Some(Ts(T0 + 7));
    assert_eq!(commit(db, w).await.removed, 4);
    let row = &db.store.series().await.unwrap()[0];
    assert_eq!((row.bar_count, row.first_ts, row.last_ts), (1, Some(minute(1)), Some(minute(1))));
    assert_eq!(row.checked_at, Some(Ts(T0 + 7)));
    // An older answer does not turn the check back.
    let mut w = write(id, vec![]);
    w.checked_at = Some(Ts(T0));
    commit(db, w).await;
    assert_eq!(db.store.series().await.unwrap()[0].checked_at, Some(Ts(T0 + 7)));
}

async fn scores_change_without_a_revision(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.0), bar(1, 1.0)])).await;
    let scored = |n| StoredBar { quality_score: 0.8, quality_notes: Some("gap".into()), ..bar(n, 1.0) };
    let mut w = write(id, vec![scored(1)]);
    w.rescored = vec![(minute(0), 0.8, Some("gap".into())), (minute(77), 0.5, None)];
    assert_eq!(commit(db, w).await, WriteOutcome { unchanged: 1, ..WriteOutcome::default() });
    assert_eq!(all_bars(db, id).await, [scored(0), scored(1)]);
    assert_eq!(db.int("SELECT COUNT(*) FROM bar_revisions").await, 0);
}

async fn quarantine_is_kept_once_and_decided_once(db: &Db) {
    let id = one_series(db).await;
    let odd = |close: f64, reason: &str| QuarantinedBar {
        bar: Bar { close, ..bar(5, 1.0).bar },
        reason: reason.into(),
        request_id: Some("r9".into()),
    };
    let mut w = write(id, vec![bar(5, 1.0)]);
    w.quarantine = vec![odd(-1.0, "negative"), odd(f64::NAN, "no number"), odd(7.0, "off grid"), odd(-1.0, "negative")];
    assert_eq!(commit(db, w.clone()).await.quarantined, 3);
    assert_eq!(commit(db, w.clone()).await.quarantined, 0);

    let rows = db.store.quarantine(true).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().map(|r| r.reason.as_str()).collect::<Vec<_>>(), ["off grid", "no number", "negative"]);
    assert!(rows[1].bar.close.is_nan());
    assert_eq!((rows[2].bar.close, rows[2].bar.ts, &rows[2].symbol), (-1.0, minute(5), &sym("AAPL")));
    assert_eq!((rows[2].request_id.as_deref(), rows[2].status), (Some("r9"), Verdict::Pending));

    let store = &db.store;
    store.decide_quarantine(rows[2].id, Verdict::Rejected, None, Ts(T0 + 5)).await.unwrap();
    let taken = StoredBar { bar: rows[0].bar, ..bar(5, 7.0) };
    store.decide_quarantine(rows[0].id, Verdict::Accepted, Some(taken.clone()), Ts(T0 + 6)).await.unwrap();
    assert_eq!(all_bars(db, id).await, [taken]);
    assert_eq!(db.int("SELECT COUNT(*) FROM bar_revisions WHERE close = 1.0").await, 1);
    assert_eq!(store.series().await.unwrap()[0].bar_count, 1);

    for (decided, verdict) in
        [(rows[2].id, Verdict::Accepted), (rows[0].id, Verdict::Rejected), (999, Verdict::Rejected)]
    {
        let again = store.decide_quarantine(decided, verdict, None, Ts(T0)).await;
        assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
    }
    let undecided = store.decide_quarantine(rows[1].id, Verdict::Pending, None, Ts(T0)).await;
    assert!(matches!(undecided, Err(StoreError::Refused(_))), "{undecided:?}");
    assert_eq!(store.quarantine(true).await.unwrap().len(), 1);
    let all = store.quarantine(false).await.unwrap();
    assert_eq!(
        all.iter().map(|r| r.status).collect::<Vec<_>>(),
        [Verdict::Accepted, Verdict::Pending, Verdict::Rejected]
    );
    assert_eq!(all[2].decided_at, Some(Ts(T0 + 5)));
    // A rejected bar that the vendor sends again stays rejected.
    assert_eq!(commit(db, w).await.quarantined, 0);
    assert_eq!(store.quarantine(true).await.unwrap().len(), 1);
}

/// Random pages against an array that knows the last word on every minute.
async fn coverage_is_what_was_said_last(db: &Db) {
    const MINUTES: usize = 40;
    let id = one_series(db).await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut expected = vec![None; MINUTES];
    for step in 0..40 {
        let new: Vec<Coverage> = (0..random.i64(1..4))
            .map(|k| {
                let from = random.i64(0..MINUTES as i64);
                let to = (from + random.i64(0..9)).min(MINUTES as i64);
                let state = CoverageState::ALL[random.usize(0..3)];
                covered(from, to, state, step * 10 + k, random.bool().then_some(5_000 + step))
            })
            .collect();
        for c in &new {
            for (n, word) in expected.iter_mut().enumerate() {
                if c.range.contains(minute(n as i64)) {
                    *word = Some((c.state, c.expires_at));
                }
            }
        }
        let mut w = write(id, vec![]);
        w.coverage = new;
        commit(db, w).await;
        let rows = db.store.coverage(&[id]).await.unwrap().remove(0).1;
        let word = |n: i64| rows.iter().find(|c| c.range.contains(minute(n))).map(|c| (c.state, c.expires_at));
        assert_eq!((0..MINUTES as i64).map(word).collect::<Vec<_>>(), expected, "step {step}");
        for pair in rows.windows(2) {
            assert!(pair[0].range.end <= pair[1].range.start, "{pair:?}");
        }
    }
    // Page after page makes one row, with the newest evidence.
    let mut w = write(id, vec![]);
    w.coverage = (0..8).map(|k| covered(k * 5, k * 5 + 5, CoverageState::Present, 900 + k, None)).collect();
    commit(db, w).await;
    let whole = covered(0, 40, CoverageState::Present, 907, None);
    let other = SeriesId(id.0 + 1);
    assert_eq!(db.store.coverage(&[other, id]).await.unwrap(), [(other, vec![]), (id, vec![whole])]);
}

async fn a_page_is_all_or_nothing(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.0), growing(1, 1.0)])).await;
    let before = (all_bars(db, id).await, db.store.series().await.unwrap());

    let mut good = write(id, vec![bar(0, 2.0), bar(2, 1.0)]);
    good.replaces = Some(span(0, 9));
    good.coverage = vec![covered(0, 9, CoverageState::Present, 1, None)];
    good.quarantine = vec![QuarantinedBar { bar: bar(5, 0.0).bar, reason: "zero".into(), request_id: None }];
    let invalid = write(id, vec![bar(3, f64::NAN)]);
    // The first is refused before SQL, the second by a foreign key at the very end.
    let refused_early = PageCommit {
        writes: vec![good.clone(), invalid],
        request: Some(request(1, Some(200), "ok")),
        statuses: vec![],
    };
    let refused_late = PageCommit {
        writes: vec![good.clone()],
        request: Some(request(1, Some(200), "ok")),
        statuses: vec![status(404, "AAPL", Timeframe::M1, SeriesState::Completed)],
    };
    for page in [refused_early, refused_late] {
        let result = db.store.commit_page(page).await;
        assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
        assert_eq!((all_bars(db, id).await, db.store.series().await.unwrap()), before);
        for table in ["coverage", "bar_revisions", "bar_quarantine", "vendor_requests", "symbol_computation_status"] {
            assert_eq!(db.int(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
    }
    // And the store works on.
    assert_eq!(commit(db, good).await.inserted, 1);
}

async fn impossible_numbers_are_refused(db: &Db) {
    let id = one_series(db).await;
    let spoil: [fn(&mut Bar); 8] = [
        |b| b.open = f64::NAN,
        |b| b.high = f64::INFINITY,
        |b| b.low = -0.5,
        |b| b.volume = f64::NEG_INFINITY,
        |b| b.vwap = Some(f64::NAN),
        |b| b.trades = Some(-1),
        |b| b.ts = Ts(i64::MAX),
        |b| b.ts = Ts(i64::MIN),
    ];
    for (n, spoil) in spoil.iter().enumerate() {
        let mut odd = bar(0, 1.0);
        spoil(&mut odd.bar);
        let result = db.store.commit_page(page(write(id, vec![odd]))).await;
        assert!(matches!(result, Err(StoreError::Refused(_))), "{n}: {result:?}");
    }
    for bars in [vec![bar(1, 1.0), bar(1, 1.0)], vec![bar(2, 1.0), bar(1, 1.0)]] {
        assert!(db.store.commit_page(page(write(id, bars))).await.is_err());
    }
    // What a person types is checked as well.
    let mut raw = db.raw().await;
    let (nan, infinity, time) = match db.dialect() {
        Dialect::Sqlite => ("NULL", "9e999", "0"),
        Dialect::Postgres => ("'NaN'", "'Infinity'", "now()"),
    };
    let insert = |open: &str| {
        format!(
            "INSERT INTO bars (series_id, ts, open, high, low, close, volume, fetched_at)
             VALUES ({}, {time}, {open}, 1, 1, 1, 1, {time})",
            id.0
        )
    };
    for wrong in [nan, infinity, "-1"] {
        assert!(raw.run(&insert(wrong)).await.is_err(), "{wrong}");
    }
    assert_eq!(db.int("SELECT COUNT(*) FROM bars").await, 0);
    // The largest number there is goes in and comes out as it is, and so does the smallest.
    let mut extreme = bar(3, f64::MAX);
    extreme.bar.volume = f64::MIN_POSITIVE / 4.0;
    commit(db, write(id, vec![extreme.clone()])).await;
    assert_eq!(all_bars(db, id).await, [extreme]);
}

async fn executions_and_statuses(db: &Db) {
    let store = &db.store;
    let mut first = execution(1, T0, ExecutionStatus::Running);
    store.put_execution(&first).await.unwrap();
    store.put_execution(&execution(2, T0 + 1, ExecutionStatus::Running)).await.unwrap();
    first.status = ExecutionStatus::CompletedWithErrors;
    first.completed_at = Some(Ts(T0 + 1_500));
    first.duration_seconds = Some(1.5);
    first.error_message = Some("one failed".into());
    store.put_execution(&first).await.unwrap();
    assert_eq!(store.executions(9).await.unwrap(), [execution(2, T0 + 1, ExecutionStatus::Running), first]);
    assert_eq!(store.executions(1).await.unwrap().len(), 1);
    assert_eq!(store.running_executions().await.unwrap(), [execution(2, T0 + 1, ExecutionStatus::Running)]);

    let rows = [
        status(2, "MSFT", Timeframe::D1, SeriesState::Pending),
        status(2, "MSFT", Timeframe::M5, SeriesState::InProgress),
        status(2, "AAPL", Timeframe::M5, SeriesState::Failed),
    ];
    store.put_series_statuses(&rows).await.unwrap();
    let done = status(2, "MSFT", Timeframe::D1, SeriesState::Completed);
    let page = PageCommit { statuses: vec![done.clone()], ..PageCommit::default() };
    assert_eq!(store.commit_page(page).await.unwrap(), []);
    let [_, five, aapl] = rows;
    assert_eq!(store.series_statuses(Uuid::from_u128(2)).await.unwrap(), [aapl, five, done]);
    assert_eq!(store.series_statuses(Uuid::from_u128(1)).await.unwrap(), []);
}

async fn whole_answers_tell_what_the_vendor_counted(db: &Db) {
    let asked = |from, to, counted| RequestRow {
        asked: Some(span(from, to)),
        query_count: Some(counted),
        ..request(1, Some(200), "ok")
    };
    let other = RequestRow { ticker: Some("X:BTCUSD".into()), timeframe: Some(Timeframe::M5), ..asked(0, 10, 7) };
    for row in [
        // Two full pages and the rest; the same range once more in one go.
        asked(0, 10, 50_000),
        asked(0, 10, 50_000),
        asked(0, 10, 20_000),
        asked(20, 30, 300),
        asked(20, 30, 302),
        // Without its last page, without a bar, failed, about no ticker.
        asked(40, 50, 50_000),
        asked(60, 70, 0),
        RequestRow { query_count: None, ..asked(80, 90, 0) },
        RequestRow { ticker: None, ..asked(90, 95, 5) },
        request(1, Some(500), "transient"),
        other,
    ] {
        db.store.record_request(&row).await.unwrap();
    }
    let answers = db.store.counted_answers().await.unwrap();
    let found: Vec<_> = answers.iter().map(|a| (a.ticker.as_str(), a.timeframe, a.asked, a.counted)).collect();
    let expected = [
        ("AAPL", Timeframe::M1, span(0, 10), 120_000),
        ("AAPL", Timeframe::M1, span(20, 30), 301),
        ("X:BTCUSD", Timeframe::M5, span(0, 10), 7),
    ];
    assert_eq!(found, expected);
}

async fn requests_are_counted(db: &Db) {
    let store = &db.store;
    assert_eq!(store.request_totals().await.unwrap(), RequestTotals::default());
    store.record_request(&request(1, Some(429), "rate_limited")).await.unwrap();
    store.record_request(&request(2, None, "transient")).await.unwrap();
    let page = PageCommit { request: Some(request(3, Some(200), "ok")), ..PageCommit::default() };
    store.commit_page(page).await.unwrap();
    let expected = RequestTotals { total_requests: 3, rate_limited_count: 1, failures: 2, retries: 2, bytes: 3_000 };
    assert_eq!(store.request_totals().await.unwrap(), expected);
}

async fn tokens_follow_the_window(db: &Db) {
    let store = &db.store;
    let take = async |limit, now| store.take_token(limit, 1_000, Ts(T0 + now)).await.unwrap();
    assert_eq!(take(2, 0).await, Grant::Granted);
    assert_eq!(take(2, 400).await, Grant::Granted);
    assert_eq!(take(2, 500).await, Grant::WaitUntil(Ts(T0 + 1_000)));
    assert_eq!(take(2, 999).await, Grant::WaitUntil(Ts(T0 + 1_000)));
    assert_eq!(store.recent_starts(1_000, Ts(T0 + 999)).await.unwrap(), [Ts(T0), Ts(T0 + 400)]);
    // A start leaves the window exactly one window later.
    assert_eq!(take(2, 1_000).await, Grant::Granted);
    assert_eq!(take(2, 1_000).await, Grant::WaitUntil(Ts(T0 + 1_400)));
    // A lower limit waits until enough have gone.
    assert_eq!(take(1, 1_000).await, Grant::WaitUntil(Ts(T0 + 2_000)));
    assert_eq!(take(0, 1_000).await, Grant::WaitUntil(Ts(T0 + 2_000)));
    // The clock was set back by a day: the future starts count as now, and the wait is one window, not a day.
    let back = -86_400_000;
    assert_eq!(store.recent_starts(1_000, Ts(T0 + back)).await.unwrap().last(), Some(&Ts(T0 + back)));
    assert_eq!(take(2, back).await, Grant::WaitUntil(Ts(T0 + back + 1_000)));
    assert_eq!(take(2, back + 1_000).await, Grant::Granted);
    // Old starts do not pile up.
    assert_eq!(take(2, 0).await, Grant::Granted);
    assert_eq!(db.int("SELECT COUNT(*) FROM rate_limit_state").await, 1);
}

async fn tokens_are_shared_by_all_handles(db: &Db) {
    let other = open(&db.url, false).await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = if n % 2 == 0 { db.store.clone() } else { other.clone() };
        all.spawn(async move { store.take_token(7, 60_000, Ts(T0 + n)).await.unwrap() });
    }
    let grants = all.join_all().await;
    assert_eq!(grants.iter().filter(|g| **g == Grant::Granted).count(), 7);
    assert_eq!(db.int("SELECT COUNT(*) FROM rate_limit_state").await, 7);
    other.close().await;
}

async fn splits_and_holidays(db: &Db) {
    let store = &db.store;
    let date = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    let (old, new) =
        (Split { date: date(2014, 6, 9), from: 1.0, to: 7.0 }, Split { date: date(2020, 8, 31), from: 1.0, to: 4.0 });
    store
        .put_splits(&[(sym("AAPL"), vec![new, old]), (sym("B"), vec![new]), (sym("C"), vec![])], Ts(T0))
        .await
        .unwrap();
    assert_eq!(store.splits(&sym("AAPL")).await.unwrap(), [old, new]);
    // Replaced for the one named, untouched for the others.
    store.put_splits(&[(sym("AAPL"), vec![old])], Ts(T0 + 5)).await.unwrap();
    assert_eq!(store.splits(&sym("AAPL")).await.unwrap(), [old]);
    assert_eq!(store.splits(&sym("B")).await.unwrap(), [new]);
    let times = store.splits_fetched_at().await.unwrap();
    assert_eq!(times, [(sym("AAPL"), Ts(T0 + 5)), (sym("B"), Ts(T0)), (sym("C"), Ts(T0))]);
    let senseless = Split { to: 0.0, ..old };
    assert!(store.put_splits(&[(sym("B"), vec![senseless])], Ts(T0)).await.is_err());
    assert_eq!(store.splits(&sym("B")).await.unwrap(), [new]);

    let day = |d, close, name: &str| HolidayRow { date: d, close, name: name.into(), fetched_at: Ts(T0) };
    let christmas = day(date(2026, 12, 25), None, "Christmas");
    let eve = day(date(2026, 12, 24), Some(Ts(T0)), "Christmas Eve");
    store.put_holidays(&[christmas.clone(), day(eve.date, None, "?")]).await.unwrap();
    store.put_holidays(std::slice::from_ref(&eve)).await.unwrap();
    assert_eq!(store.holidays().await.unwrap(), [eve, christmas]);
}

async fn plans_are_kept_a_week(db: &Db) {
    const DAY: i64 = 86_400_000;
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    db.store.put_plan(a, Ts(T0), "{\"a\":1}").await.unwrap();
    db.store.put_plan(b, Ts(T0 + 7 * DAY), "{}").await.unwrap();
    assert_eq!(db.store.plan(a).await.unwrap().as_deref(), Some("{\"a\":1}"));
    db.store.put_plan(b, Ts(T0 + 7 * DAY + 1), "{\"b\":2}").await.unwrap();
    assert_eq!(db.store.plan(a).await.unwrap(), None);
    assert_eq!(db.store.plan(b).await.unwrap().as_deref(), Some("{\"b\":2}"));
}

async fn people_can_read_market_data(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.5), bar(1, 2.5)])).await;
    let mut raw = db.raw().await;
    let features = format!(
        "INSERT INTO features (series_id, ts, rsi_14, structure_label, computed_at)
         SELECT series_id, ts, 55.5, 'range', fetched_at FROM bars WHERE close = 2.5 AND series_id = {}",
        id.0
    );
    assert_eq!(raw.run(&features).await.unwrap(), 1);
    let time = if db.dialect() == Dialect::Sqlite {
        format!("time = {}", minute(1).ms())
    } else {
        format!("time = to_timestamp({})", minute(1).ms() / 1_000)
    };
    let sql = format!(
        "SELECT COUNT(*) FROM market_data WHERE symbol = 'AAPL' AND timeframe = '1m' AND {time} AND close = 2.5
         AND rsi_14 = 55.5 AND macd IS NULL AND structure_label = 'range' AND quality_score = 1"
    );
    assert_eq!(raw.int(&sql).await, 1);
    assert_eq!(raw.int("SELECT COUNT(*) FROM market_data WHERE rsi_14 IS NULL").await, 1);
}

async fn many_can_open_a_fresh_database_at_once(db: &Db) {
    let url = match &db.place {
        Place::Dir(dir) => format!("sqlite:{}", dir.path().join("new/deep/bars.db").display()),
        Place::Server(cluster, _) => cluster.url(&cluster.create_database().await),
    };
    let mut all = tokio::task::JoinSet::new();
    for n in 0..20_i64 {
        let url = url.clone();
        all.spawn(async move {
            let store = open(&url, false).await.unwrap();
            store.put_symbols(&[symbol_row(&format!("S{n}"), &[Timeframe::M1])]).await.unwrap();
            store.close().await;
        });
    }
    all.join_all().await;
    let store = open(&url, false).await.unwrap();
    assert_eq!(store.series().await.unwrap().len(), 20);
    store.close().await;
    if let Place::Server(cluster, _) = db.place {
        cluster.drop_database(url.rsplit('/').next().unwrap()).await;
    }
}

async fn reopening_keeps_everything(db: &Db) {
    let id = one_series(db).await;
    let mut w = write(id, vec![bar(0, 1.5), growing(1, 2.5)]);
    w.coverage = vec![covered(0, 2, CoverageState::Empty, 1, Some(50))];
    commit(db, w).await;
    db.store.take_token(5, 60_000, Ts(T0)).await.unwrap();
    db.store.close().await;
    let closed = db.store.ping().await;
    assert!(matches!(closed, Err(StoreError::Unreachable(_))), "{closed:?}");
    let closed = db.store.take_token(5, 60_000, Ts(T0)).await;
    assert!(matches!(closed, Err(StoreError::Unreachable(_))), "{closed:?}");

    let again = open(&db.url, false).await.unwrap();
    assert_eq!(again.bars(id, span(0, 9), 9).await.unwrap(), [bar(0, 1.5), growing(1, 2.5)]);
    assert_eq!(again.coverage(&[id]).await.unwrap()[0].1, [covered(0, 2, CoverageState::Empty, 1, Some(50))]);
    assert_eq!(again.recent_starts(60_000, Ts(T0)).await.unwrap(), [Ts(T0)]);
    again.close().await;
}

async fn reading_only_changes_nothing(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.5)])).await;
    let reader = open(&db.url, true).await.unwrap();
    assert_eq!(reader.bars(id, span(0, 9), 9).await.unwrap(), [bar(0, 1.5)]);
    let refused = reader.take_token(5, 60_000, Ts(T0)).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    // It sees what is committed later.
    commit(db, write(id, vec![bar(1, 2.5)])).await;
    assert_eq!(reader.series().await.unwrap()[0].bar_count, 2);
    reader.close().await;

    let nothing = match &db.place {
        Place::Dir(dir) => open(&format!("sqlite:{}", dir.path().join("none.db").display()), true).await,
        Place::Server(cluster, _) => open(&cluster.url("postgres"), true).await,
    };
    let error = nothing.err().expect("there is nothing to read").to_string();
    assert!(error.contains("barkeep backfill"), "{error}");
}

async fn a_newer_schema_is_refused(db: &Db) {
    let (yes, bytes) = if db.dialect() == Dialect::Sqlite { ("1", "x'00'") } else { ("TRUE", "'\\x00'") };
    let newer = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'later', {yes}, {bytes}, 1)"
    );
    db.raw().await.run(&newer).await.unwrap();
    for readonly in [false, true] {
        match open(&db.url, readonly).await {
            Err(StoreError::Unusable(why)) => assert!(why.contains("newer barkeep") && why.contains("99"), "{why}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        }
    }
}

async fn a_page_of_fifty_thousand_bars(db: &Db) {
    let id = one_series(db).await;
    let bars: Vec<StoredBar> = (0..50_000).map(|n| bar(n, 100.0 + (n % 977) as f64 / 100.0)).collect();
    let timed = async |w: SeriesWrite| {
        let start = Instant::now();
        (commit(db, w).await, start.elapsed())
    };
    let (outcome, new) = timed(write(id, bars.clone())).await;
    assert_eq!(outcome, WriteOutcome { inserted: 50_000, ..WriteOutcome::default() });
    let (outcome, same) = timed(write(id, bars.clone())).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 50_000, ..WriteOutcome::default() });
    let mut other = bars.clone();
    for b in &mut other {
        b.bar.close += 1.0;
    }
    let (outcome, changed) = timed(write(id, other.clone())).await;
    assert_eq!(outcome, WriteOutcome { revised: 50_000, ..WriteOutcome::default() });
    println!("{}: 50,000 bars new {new:?}, the same {same:?}, all changed {changed:?}", db.store.dialect());

    assert_eq!(all_bars(db, id).await, other);
    assert_eq!(db.int("SELECT COUNT(*) FROM bar_revisions").await, 50_000);
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, 50_000);
}

async fn a_caller_that_gives_up_breaks_nothing(db: &Db) {
    let id = one_series(db).await;
    for n in 0..30_i64 {
        let bars = (0..200).map(|k| bar(n * 200 + k, 1.0)).collect();
        let work = db.store.commit_page(page(write(id, bars)));
        // Given up at various moments; what was queued is done all the same.
        drop(tokio::time::timeout(Duration::from_micros(n as u64 * 100), work).await);
    }
    // Behind everything that was queued.
    commit(db, write(id, vec![bar(1_000_000, 1.0)])).await;
    let count = db.int("SELECT COUNT(*) FROM bars").await;
    assert_eq!(count % 200, 1, "whole pages only, not {count}");
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, count);
    if db.dialect() == Dialect::Postgres {
        let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND state LIKE 'idle in transaction%'";
        assert_eq!(db.int(open).await, 0);
    }
}

async fn a_lock_held_by_somebody_else_is_waited_for(db: &Db) {
    let id = one_series(db).await;
    let mut raw = db.raw().await;
    match db.dialect() {
        Dialect::Sqlite => raw.run("BEGIN IMMEDIATE").await.unwrap(),
        Dialect::Postgres => raw.run("BEGIN; SELECT id FROM series FOR UPDATE").await.unwrap(),
    };
    let waiting = {
        let store = db.store.clone();
        tokio::spawn(async move { store.commit_page(page(write(id, vec![bar(0, 1.0)]))).await })
    };
    // Longer than the lock timeout of either database, so the transaction is run again at least once.
    tokio::time::sleep(Duration::from_millis(5_600)).await;
    assert!(!waiting.is_finished());
    assert_eq!(all_bars(db, id).await, []);
    raw.run("ROLLBACK").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap()[0].inserted, 1);
}

async fn two_handles_write_the_same_series(db: &Db) {
    let id = one_series(db).await;
    let other = open(&db.url, false).await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..20_i64 {
        let store = if n % 2 == 0 { db.store.clone() } else { other.clone() };
        let bars = (n * 10..n * 10 + 100).map(|k| bar(k, 1.0)).collect();
        all.spawn(async move { store.commit_page(page(write(id, bars))).await.unwrap()[0] });
    }
    let outcomes = all.join_all().await;
    assert_eq!(outcomes.iter().map(|o| o.inserted).sum::<u64>(), 290);
    assert_eq!(outcomes.iter().map(|o| o.unchanged).sum::<u64>(), 2_000 - 290);
    let starts: HashSet<Ts> = all_bars(db, id).await.iter().map(|b| b.bar.ts).collect();
    assert_eq!(starts.len(), 290);
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, 290);
    other.close().await;
}

async fn times_are_exact_to_the_millisecond(db: &Db) {
    let id = one_series(db).await;
    let times = [Ts::MIN, Ts(-1), Ts(0), Ts(1), Ts(946_684_799_999), Ts(1_700_000_000_123), Ts(253_402_300_799_998)];
    let mut bars: Vec<StoredBar> = times.iter().map(|_| bar(0, 1.0)).collect();
    for (b, t) in bars.iter_mut().zip(times) {
        b.bar.ts = t;
        b.fetched_at = t;
    }
    commit(db, write(id, bars.clone())).await;
    assert_eq!(all_bars(db, id).await, bars);
}

// -- SQLite only -----------------------------------------------------------------------------------------------------

mod sqlite_files {
    use super::*;

    fn failure(result: Result<Arc<dyn Store>, StoreError>) -> StoreError {
        result.err().expect("it should not open")
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("a/b");
        let store = open(&format!("sqlite:{}", home.join("bars.db").display()), false).await.unwrap();
        store.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&home), 0o700);
        for file in std::fs::read_dir(&home).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        store.close().await;
        assert!(!home.join("bars.db-wal").exists(), "closing folds the write-ahead log into the file");
    }

    #[tokio::test]
    async fn that_are_no_database_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        let text = "these are my notes, not a database\n".repeat(200);
        std::fs::write(&path, &text).unwrap();
        for readonly in [false, true] {
            let error = failure(open(&format!("sqlite:{}", path.display()), readonly).await);
            assert!(matches!(error, StoreError::Unusable(_)), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[tokio::test]
    async fn of_another_program_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut raw = SqliteConnection::connect_with(&options).await.unwrap();
        raw.execute("CREATE TABLE theirs (x)").await.unwrap();
        let error = failure(open(&format!("sqlite:{}", path.display()), false).await);
        assert!(matches!(&error, StoreError::Unusable(why) if why.contains("another program")), "{error}");
        let tables: i64 = raw.fetch_one("SELECT COUNT(*) FROM sqlite_schema").await.unwrap().get(0);
        assert_eq!(tables, 1);
    }

    #[tokio::test]
    async fn that_cannot_be_made_are_a_disk_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        for place in ["file/bars.db", ""] {
            let url = format!("sqlite:{}", dir.path().join(place).display());
            let error = failure(open(&url, false).await);
            assert!(matches!(error, StoreError::Disk(_)), "{place}: {error}");
        }
    }

    #[tokio::test]
    async fn that_are_damaged_are_refused() {
        let db = Db::sqlite().await;
        let id = one_series(&db).await;
        commit(&db, write(id, (0..5_000).map(|n| bar(n, 1.0)).collect())).await;
        db.store.close().await;
        let path = db.url.strip_prefix("sqlite:").unwrap();
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..5_000]).unwrap();
        let error = match open(&db.url, false).await {
            Err(error) => error,
            Ok(store) => store.series().await.unwrap_err(),
        };
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
    }
}

// -- PostgreSQL only -------------------------------------------------------------------------------------------------

mod postgres_server {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn may_crash_and_come_back() {
        let Some(cluster) = Cluster::throw_away() else { return };
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn may_end_our_sessions_at_any_time() {
        let Some(db) = Db::postgres().await else { return };
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
        assert_eq!(db.int("SELECT COUNT(*) FROM bars").await, 20_000);
        assert_eq!(db.store.series().await.unwrap()[0].bar_count, 20_000);
        db.finish().await;
    }

    #[tokio::test]
    async fn errors_say_what_to_do_and_never_the_password() {
        let Some(cluster) = shared() else { return };
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
    async fn without_rights_is_a_clear_error() {
        let Some(db) = Db::postgres().await else { return };
        let role = format!("guest_{}", Uuid::new_v4().simple());
        let mut raw = db.raw().await;
        raw.run(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
        ))
        .await
        .unwrap();
        let mut url: url::Url = db.url.parse().unwrap();
        url.set_username(&role).unwrap();
        url.set_password(Some("x")).unwrap();
        let reader = open(url.as_str(), true).await.unwrap();
        assert_eq!(reader.series().await.unwrap(), []);
        reader.close().await;
        let store = open(url.as_str(), false).await.unwrap();
        let error = store.take_token(5, 60_000, Ts(T0)).await.unwrap_err();
        assert!(matches!(&error, StoreError::Disk(why) if why.contains("grant the rights")), "{error}");
        store.close().await;
        raw.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
        db.finish().await;
    }
}
