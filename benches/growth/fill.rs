//! A database of a size, filled by SQL: series of minute bars of symbols that trade day and night, everything answered for
//! and nothing due, but for the last day of [`BEHIND`] series.

use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::market::ts::{DAY, MINUTE};
use barkeep::store;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

/// Series whose last day is missing: the first ones.
pub(crate) const BEHIND: u64 = 10;
/// Series after them of which pages are asked. They hold a page at least, however few bars the others have.
pub(crate) const PAGED: u64 = 15;
const FEWEST_PAGED_BARS: u64 = 2_000;
/// Requests that one statement fills in: what a trigger looks at again does not fit into memory at any size.
const PIECE: usize = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bars: u64,
    pub(crate) series: u64,
    pub(crate) requests: u64,
    /// How close together the requests were made.
    pub(crate) requests_a_minute: u64,
}

/// The symbol of a series, as the fill names it: `G00000`, `G00001` and so on.
pub(crate) fn symbol(k: u64) -> String {
    format!("G{k:05}")
}

pub(crate) async fn fill(url: &str, size: &Size) {
    // Migrated by the program itself.
    store::open(url, false).await.unwrap().close().await;
    execute(url, statements(size, url.starts_with("sqlite"))).await;
}

/// Takes everything as answered for that the vendor's answers left in doubt, so that nothing is due.
pub(crate) async fn settle(url: &str) {
    let span = "(SELECT MIN(start_ts) AS low, MAX(end_ts) AS high FROM coverage) AS span";
    let all = format!(
        "INSERT INTO coverage (series_id, start_ts, end_ts, state, fetched_at)
         SELECT s.id, span.low, span.high, 'present', s.checked_at FROM series AS s CROSS JOIN {span}
         WHERE s.id <= {BEHIND}"
    );
    let none = format!("DELETE FROM coverage WHERE series_id <= {BEHIND}");
    execute(url, vec![none, all]).await;
}

/// The size of the table of requests with its indexes, where the database says it.
pub(crate) async fn bytes_of_requests(url: &str) -> Option<i64> {
    if url.starts_with("sqlite") {
        return None;
    }
    let mut conn = PgConnection::connect(url).await.unwrap();
    let bytes = sqlx::query_scalar("SELECT pg_total_relation_size('vendor_requests')").fetch_one(&mut conn).await;
    conn.close().await.unwrap();
    Some(bytes.unwrap())
}

async fn execute(url: &str, statements: Vec<String>) {
    if url.starts_with("sqlite") {
        let mut conn = SqliteConnection::connect(url).await.unwrap();
        // The file is thrown away: a crash need not be survived.
        conn.execute("PRAGMA synchronous = OFF").await.unwrap();
        conn.execute("BEGIN").await.unwrap();
        for statement in statements {
            conn.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        conn.execute("COMMIT").await.unwrap();
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        conn.close().await.unwrap();
    } else {
        let mut conn = PgConnection::connect(url).await.unwrap();
        conn.execute("SET synchronous_commit = off").await.unwrap();
        for statement in statements {
            conn.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        conn.execute("VACUUM ANALYZE").await.unwrap();
        conn.close().await.unwrap();
    }
}

/// The same rows in both dialects. A price that rises by a cent a bar within an hour is a price.
fn statements(size: &Size, sqlite: bool) -> Vec<String> {
    let Size { bars, series, requests, requests_a_minute } = *size;
    let (now, each) = (SystemClock.now().floor(MINUTE).ms(), bars / series);
    let time = |ms: &str| if sqlite { ms.to_owned() } else { format!("to_timestamp(({ms}) / 1000.0)") };
    // Where the bars of series `s.id` end, and how many there are.
    let end = format!("({now} - CASE WHEN s.id <= {BEHIND} THEN {DAY} ELSE 0 END)");
    let paged = format!("s.id BETWEEN {} AND {}", BEHIND + 1, BEHIND + PAGED);
    let deep = each.max(FEWEST_PAGED_BARS);
    let long = |n: u64| i64::try_from(n).unwrap() * MINUTE;
    let count = |name: &str, n: u64| {
        if sqlite {
            format!(
                "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {n}) SELECT n FROM c) AS {name}"
            )
        } else {
            format!("(SELECT n FROM generate_series(0::bigint, {n} - 1) AS g(n)) AS {name}")
        }
    };
    let padded = |n: &str| if sqlite { format!("printf('%05d', {n})") } else { format!("lpad(({n})::text, 5, '0')") };
    let (yes, no) = if sqlite { ("1", "0") } else { ("TRUE", "FALSE") };
    let past = now - 10 * 365 * DAY;
    let mut all = vec![
        format!(
            "INSERT INTO symbols (symbol, asset_class, vendor_ticker, criticality, timeframes, active, paused, added_at,
                 listing, listing_checked_at)
             SELECT 'G' || {p}, 'crypto', 'X:G' || {p} || 'USD', 'standard', '1m', {yes}, {no}, {past}, 'listed', {at}
             FROM {k}",
            p = padded("k.n"),
            past = time(&past.to_string()),
            at = time(&now.to_string()),
            k = count("k", series)
        ),
        format!(
            "INSERT INTO series (symbol, timeframe, checked_at) SELECT symbol, '1m', {at} FROM symbols ORDER BY symbol",
            at = time(&now.to_string())
        ),
        format!(
            "UPDATE series AS s SET bar_count = CASE WHEN {paged} THEN {deep} ELSE {each} END, first_ts = {first}, last_ts = {last}",
            first = time(&format!("{end} - CASE WHEN {paged} THEN {} ELSE {} END", long(deep), long(each))),
            last = time(&format!("{end} - {MINUTE}"))
        ),
        // Answered for from long ago into the future, so that only what is `BEHIND` is due.
        format!(
            "INSERT INTO coverage (series_id, start_ts, end_ts, state, fetched_at)
             SELECT s.id, {past}, {until}, 'present', {at} FROM series AS s",
            past = time(&past.to_string()),
            until = time(&format!("CASE WHEN s.id <= {BEHIND} THEN {} ELSE {} END", now - DAY, now + 30 * DAY)),
            at = time(&now.to_string())
        ),
        format!(
            "INSERT INTO profiles (series_id, part, sessions, updated_at) SELECT id, 'day', '', {at} FROM series",
            at = time(&now.to_string())
        ),
    ];
    for (which, each) in [(format!("NOT {paged}"), each), (paged, deep)] {
        all.push(format!(
            "INSERT INTO bars (series_id, ts, open, high, low, close, volume, vwap, trades, fetched_at)
             SELECT s.id, {ts}, 100 + b.n % 60 * 0.01, 100.01 + b.n % 60 * 0.01, 99.99 + b.n % 60 * 0.01,
                 100 + b.n % 60 * 0.01, 1000 + b.n % 7, 100 + b.n % 60 * 0.01, 10, {at}
             FROM series AS s CROSS JOIN {b} WHERE {which}",
            ts = time(&format!("{end} - ({each} - b.n) * {MINUTE}")),
            at = time(&now.to_string()),
            b = count("b", each)
        ));
    }
    let spacing = 60_000 / requests_a_minute.max(1);
    for first in (0..requests).step_by(PIECE) {
        let piece = (requests - first).min(PIECE as u64);
        all.push(format!(
            "INSERT INTO vendor_requests (endpoint, ticker, timeframe, asked_from, asked_to, attempt, started_at, latency_ms,
                 status, outcome, row_count, query_count, bytes, request_id, changed)
             SELECT 'aggregates', 'X:G' || {p} || 'USD', '1m', {from}, {to}, 1, {to}, 200, 200, 'ok', 1000, 1000, 100000,
                 'growth', 1000
             FROM {r}",
            p = padded(&format!("(r.n + {first}) % {series}")),
            from = time(&format!("{past} + (r.n + {first}) * {spacing} - {DAY}")),
            to = time(&format!("{now} - ({requests} - {first} - r.n) * {spacing}")),
            r = count("r", piece)
        ));
    }
    all
}
