//! Executions and the state of each series in them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use uuid::Uuid;

use crate::conn::{Conn, Sql, Value, limit, statements, values};
use crate::field::{Fields, column, each};
use crate::writer::Work;
use crate::{ExecutionRow, ExecutionStatus, Result, SeriesStatus, StoreError};
use barkeep_market::{Symbol, Timeframe, Ts};

macro_rules! execution {
    () => {
        "execution_id, trigger_kind, mode, started_at, completed_at, duration_seconds, total_symbols, \
         successful_symbols, failed_symbols, total_records_processed, requests, rate_limited, retries, status, \
         error_message, owner, selection, late_bars, changed_bars"
    };
}

macro_rules! status {
    () => {
        "execution_id, symbol, asset_class, timeframe, status, records_processed, records_inserted, \
         features_computed, error_message, started_at, completed_at, duration_seconds"
    };
}

macro_rules! replace_status {
    () => {
        " ON CONFLICT (execution_id, symbol, timeframe) DO UPDATE SET asset_class = excluded.asset_class,
             status = excluded.status, records_processed = excluded.records_processed,
             records_inserted = excluded.records_inserted, features_computed = excluded.features_computed,
             error_message = excluded.error_message, started_at = excluded.started_at,
             completed_at = excluded.completed_at, duration_seconds = excluded.duration_seconds"
    };
}

statements! {
    /// $20: whose it may be besides the owner's.
    PUT = Sql::same(concat!("INSERT INTO scheduler_execution_log (", execution!(), ")
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         ON CONFLICT (execution_id) DO UPDATE SET trigger_kind = excluded.trigger_kind, mode = excluded.mode,
             started_at = excluded.started_at, completed_at = excluded.completed_at,
             duration_seconds = excluded.duration_seconds, total_symbols = excluded.total_symbols,
             successful_symbols = excluded.successful_symbols, failed_symbols = excluded.failed_symbols,
             total_records_processed = excluded.total_records_processed, requests = excluded.requests,
             rate_limited = excluded.rate_limited, retries = excluded.retries, status = excluded.status,
             error_message = excluded.error_message, owner = excluded.owner, selection = excluded.selection,
             late_bars = excluded.late_bars, changed_bars = excluded.changed_bars
         WHERE scheduler_execution_log.owner IN (excluded.owner, $20)"));
    NEWEST = Sql::same(concat!("SELECT ", execution!(),
        " FROM scheduler_execution_log ORDER BY started_at DESC, execution_id LIMIT $1"));
    RUNNING = Sql::same(concat!("SELECT ", execution!(),
        " FROM scheduler_execution_log WHERE status = 'running' ORDER BY started_at DESC, execution_id"));
    QUEUED = Sql::same(concat!("SELECT ", execution!(),
        " FROM scheduler_execution_log WHERE status = 'queued' ORDER BY started_at, execution_id"));
    /// What an execution did so far. Its own columns are written when it ends, by whoever ends it.
    REQUESTS_SO_FAR = Sql::same(
        "SELECT COUNT(*), COUNT(CASE WHEN status = 429 THEN 1 END), COUNT(CASE WHEN attempt > 1 THEN 1 END)
         FROM vendor_requests WHERE execution_id = $1");
    RECORDS_SO_FAR = Sql::same(
        "SELECT CAST(COALESCE(SUM(records_processed), 0) AS BIGINT) FROM symbol_computation_status
         WHERE execution_id = $1");
    /// $1: rows as JSON, times in milliseconds. One statement for thousands of them.
    PUT_STATUSES = Sql::two(
        concat!("INSERT INTO symbol_computation_status (", status!(), ")
             SELECT i.value ->> 0, i.value ->> 1, i.value ->> 2, i.value ->> 3, i.value ->> 4, i.value ->> 5,
                 i.value ->> 6, i.value ->> 7, i.value ->> 8, i.value ->> 9, i.value ->> 10, i.value ->> 11
             FROM json_each($1) AS i WHERE TRUE", replace_status!()),
        concat!("INSERT INTO symbol_computation_status (", status!(), ")
             SELECT (i ->> 0)::uuid, i ->> 1, i ->> 2, i ->> 3, i ->> 4, (i ->> 5)::bigint, (i ->> 6)::bigint,
                 (i ->> 7)::bigint, i ->> 8, timestamptz 'epoch' + (i ->> 9)::bigint * interval '1 millisecond',
                 timestamptz 'epoch' + (i ->> 10)::bigint * interval '1 millisecond', (i ->> 11)::float8
             FROM jsonb_array_elements($1::text::jsonb) AS i", replace_status!()));
    ONE = Sql::same(concat!("SELECT ", execution!(), " FROM scheduler_execution_log WHERE execution_id = $1"));
    /// A run that brought something for at least one symbol counts; one that failed for all does not.
    LAST_SUCCESS = Sql::same(concat!("SELECT ", execution!(), " FROM scheduler_execution_log
         WHERE completed_at IS NOT NULL
             AND (status = 'completed' OR (status = 'completed_with_errors' AND successful_symbols > 0))
         ORDER BY completed_at DESC LIMIT 1"));
    /// Ids grow with time, and runs of one series never overlap. Only runs since $1 are looked at, by the index on their
    /// start: the table grows for ever.
    LATEST_STATUSES = Sql::same(concat!("SELECT ", status!(), " FROM symbol_computation_status WHERE id IN (
             SELECT MAX(c.id) FROM symbol_computation_status AS c
             JOIN scheduler_execution_log AS e ON e.execution_id = c.execution_id
             WHERE e.started_at >= $1 AND c.status IN ('completed', 'failed') GROUP BY c.symbol, c.timeframe)"));
    RECENT_STATUSES = Sql::same(concat!("SELECT ", status!(), " FROM symbol_computation_status
         WHERE symbol = $1 AND timeframe = $2 ORDER BY id DESC LIMIT $3"));
    STATUSES = Sql::same(concat!("SELECT ", status!(), " FROM symbol_computation_status WHERE execution_id = $1"));
}

fn read(f: &mut Fields<'_>) -> Result<ExecutionRow> {
    Ok(ExecutionRow {
        execution_id: f.next()?,
        trigger: f.next()?,
        mode: f.next()?,
        started_at: f.next()?,
        completed_at: f.next()?,
        duration_seconds: f.next()?,
        total_symbols: f.next()?,
        successful_symbols: f.next()?,
        failed_symbols: f.next()?,
        total_records_processed: f.next()?,
        requests: f.next()?,
        rate_limited: f.next()?,
        retries: f.next()?,
        status: f.next()?,
        error_message: f.next()?,
        owner: f.next()?,
        selection: f.next()?,
        late_bars: f.next()?,
        changed_bars: f.next()?,
    })
}

/// Executions, of which those that run say what they did so far. One that was taken up again has what it had done before
/// in its row.
async fn rows(conn: &mut Conn<'_>, sql: Sql, values: &[Value]) -> Result<Vec<ExecutionRow>> {
    let mut rows = each(conn, sql, values, read).await?;
    for row in rows.iter_mut().filter(|row| row.status == ExecutionStatus::Running) {
        let id = values![row.execution_id];
        let counts = |f: &mut Fields<'_>| Ok((f.next::<i64>()?, f.next::<i64>()?, f.next::<i64>()?));
        for (requests, rate_limited, retries) in each(conn, REQUESTS_SO_FAR, &id, counts).await? {
            row.requests = row.requests.max(requests);
            row.rate_limited = row.rate_limited.max(rate_limited);
            row.retries = row.retries.max(retries);
        }
        row.total_records_processed += column::<i64>(&conn.rows(RECORDS_SO_FAR, &id).await?)?.iter().sum::<i64>();
    }
    Ok(rows)
}

pub(crate) async fn newest(conn: &mut Conn<'_>, count: usize) -> Result<Vec<ExecutionRow>> {
    rows(conn, NEWEST, &[limit(count)]).await
}

pub(crate) async fn running(conn: &mut Conn<'_>) -> Result<Vec<ExecutionRow>> {
    rows(conn, RUNNING, &[]).await
}

pub(crate) async fn queued(conn: &mut Conn<'_>) -> Result<Vec<ExecutionRow>> {
    each(conn, QUEUED, &[], read).await
}

pub(crate) async fn one(conn: &mut Conn<'_>, id: Uuid) -> Result<Option<ExecutionRow>> {
    Ok(rows(conn, ONE, &values![id]).await?.pop())
}

pub(crate) async fn last_success(conn: &mut Conn<'_>) -> Result<Option<ExecutionRow>> {
    Ok(each(conn, LAST_SUCCESS, &[], read).await?.pop())
}

fn read_status(f: &mut Fields<'_>) -> Result<SeriesStatus> {
    Ok(SeriesStatus {
        execution_id: f.next()?,
        symbol: f.next()?,
        asset_class: f.next()?,
        timeframe: f.next()?,
        status: f.next()?,
        records_processed: f.next()?,
        records_inserted: f.next()?,
        features_computed: f.next()?,
        error_message: f.next()?,
        started_at: f.next()?,
        completed_at: f.next()?,
        duration_seconds: f.next()?,
    })
}

fn by_series(mut rows: Vec<SeriesStatus>) -> Vec<SeriesStatus> {
    rows.sort_by(|a, b| (&a.symbol, a.timeframe).cmp(&(&b.symbol, b.timeframe)));
    rows
}

/// By symbol, fine to coarse.
pub(crate) async fn statuses(conn: &mut Conn<'_>, execution: Uuid) -> Result<Vec<SeriesStatus>> {
    Ok(by_series(each(conn, STATUSES, &values![execution], read_status).await?))
}

/// By symbol, fine to coarse.
pub(crate) async fn latest_statuses(conn: &mut Conn<'_>, since: Ts) -> Result<Vec<SeriesStatus>> {
    Ok(by_series(each(conn, LATEST_STATUSES, &values![since], read_status).await?))
}

/// Newest first.
pub(crate) async fn recent_statuses(
    conn: &mut Conn<'_>,
    symbol: &Symbol,
    timeframe: Timeframe,
    count: usize,
) -> Result<Vec<SeriesStatus>> {
    let [symbol, timeframe] = values![symbol, timeframe];
    each(conn, RECENT_STATUSES, &[symbol, timeframe, limit(count)], read_status).await
}

/// What a process hears that is not the owner any more.
pub(crate) fn taken_over(row: &ExecutionRow) -> StoreError {
    StoreError::TakenOver(format!("execution {} was taken over by another process", row.execution_id))
}

/// [`crate::Store::put_execution`], or [`crate::Store::take_execution`] from this owner.
pub(crate) struct Put(pub(crate) ExecutionRow, pub(crate) Option<String>);

#[async_trait]
impl Work for Put {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let e = &self.0;
        let row = values![
            e.execution_id,
            e.trigger.name(),
            &e.mode,
            e.started_at,
            e.completed_at,
            e.duration_seconds,
            e.total_symbols,
            e.successful_symbols,
            e.failed_symbols,
            e.total_records_processed,
            e.requests,
            e.rate_limited,
            e.retries,
            e.status.name(),
            &e.error_message,
            &e.owner,
            &e.selection,
            e.late_bars,
            e.changed_bars,
            self.1.as_ref().unwrap_or(&e.owner),
        ];
        if conn.run(PUT, &row).await? == 0 {
            return Err(taken_over(e));
        }
        Ok(())
    }
}

/// [`crate::Store::put_series_statuses`].
pub(crate) struct PutStatuses(pub(crate) Vec<SeriesStatus>);

#[async_trait]
impl Work for PutStatuses {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        put_statuses(conn, &self.0).await
    }
}

/// Rows of one statement.
const STATUSES_AT_ONCE: usize = 2_000;

/// Also part of a page. Of several for one series of one execution the last counts.
pub(crate) async fn put_statuses(conn: &mut Conn<'_>, rows: &[SeriesStatus]) -> Result<()> {
    let newest: BTreeMap<_, _> = rows.iter().map(|s| ((s.execution_id, &s.symbol, s.timeframe), s)).collect();
    let newest: Vec<&SeriesStatus> = newest.into_values().collect();
    for some in newest.chunks(STATUSES_AT_ONCE) {
        let some: Vec<_> = some.iter().map(|s| as_json(s)).collect();
        let some = serde_json::to_string(&some).map_err(|e| StoreError::Refused(e.to_string()))?;
        conn.run(PUT_STATUSES, &values![some]).await?;
    }
    Ok(())
}

/// The columns of a row, in their order.
fn as_json(s: &SeriesStatus) -> impl Serialize + '_ {
    (
        s.execution_id,
        &s.symbol,
        s.asset_class.name(),
        s.timeframe.name(),
        s.status.name(),
        s.records_processed,
        s.records_inserted,
        s.features_computed,
        &s.error_message,
        s.started_at.map(Ts::ms),
        s.completed_at.map(Ts::ms),
        s.duration_seconds,
    )
}
