//! What can be mended from what is stored, in one transaction.

use super::Upkeep;
use super::check::{impossible, off_grid};
use crate::Result;
use crate::conn::{Conn, Sql, statements, values};
use crate::field::{Fields, each};
use barkeep_market::{Symbol, Timeframe, Ts};

/// What becomes of bars that cannot be: `$before`, then those bars.
macro_rules! wrong_bars {
    ($before:expr, $ms:literal, $after:literal) => {
        concat!(
            $before,
            " EXISTS (SELECT 1 FROM bars AS b JOIN series AS s ON s.id = b.series_id WHERE ",
            $after,
            " AND (",
            off_grid!($ms),
            " OR (",
            impossible!(),
            ")))"
        )
    };
}

macro_rules! keep_wrong {
    ($now:literal, $ms:literal) => {
        concat!(
            "INSERT INTO bar_revisions (series_id, ts, open, high, low, close, volume, vwap, trades, provisional,
                fetched_at, superseded_at, reason)
            SELECT b.series_id, b.ts, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, b.provisional,
                b.fetched_at, ",
            $now,
            ", 'removed' FROM bars AS b JOIN series AS s ON s.id = b.series_id
            WHERE ",
            off_grid!($ms),
            " OR (",
            impossible!(),
            ")"
        )
    };
}

macro_rules! stale_without {
    ($of_bar:expr, $key:expr) => {
        concat!(
            "UPDATE feature_progress SET changes = changes + 1, stale_from = (SELECT MIN(b.ts) FROM bars AS b
                 LEFT JOIN feature_values AS f ON ",
            $of_bar,
            "
                 WHERE b.series_id = feature_progress.series_id AND ",
            $key,
            " IS NULL)
             WHERE EXISTS (SELECT 1 FROM bars AS b LEFT JOIN feature_values AS f ON ",
            $of_bar,
            "
                 WHERE b.series_id = feature_progress.series_id AND ",
            $key,
            " IS NULL
                     AND (feature_progress.stale_from IS NULL OR b.ts < feature_progress.stale_from))"
        )
    };
}

statements! {
    /// A bar that cannot be true moves to the revisions, and the next run asks for what should be there.
    KEEP_WRONG = Sql::two(
        keep_wrong!("CAST(unixepoch('subsec') * 1000 AS INTEGER)", "b.ts"),
        keep_wrong!("now()", "CAST(EXTRACT(EPOCH FROM b.ts) * 1000 AS BIGINT)"));
    UNCOVER_WRONG = Sql::two(
        wrong_bars!("DELETE FROM coverage WHERE", "b.ts",
            "b.series_id = coverage.series_id AND b.ts >= coverage.start_ts AND b.ts < coverage.end_ts"),
        wrong_bars!("DELETE FROM coverage WHERE", "CAST(EXTRACT(EPOCH FROM b.ts) * 1000 AS BIGINT)",
            "b.series_id = coverage.series_id AND b.ts >= coverage.start_ts AND b.ts < coverage.end_ts"));
    DELETE_WRONG = Sql::two(
        wrong_bars!("DELETE FROM bars WHERE", "b.ts", "b.series_id = bars.series_id AND b.ts = bars.ts"),
        wrong_bars!("DELETE FROM bars WHERE", "CAST(EXTRACT(EPOCH FROM b.ts) * 1000 AS BIGINT)",
            "b.series_id = bars.series_id AND b.ts = bars.ts"));
    /// Features whose bar is gone take their place in coverage along, so that the next run asks for the bar again.
    UNCOVER = Sql::two(
        "DELETE FROM coverage WHERE EXISTS (SELECT 1 FROM feature_values AS f
             LEFT JOIN bars AS b ON b.series_id = coverage.series_id AND b.ts = (f.id % 549755813888 - 62135596800) * 1000
             WHERE f.id >= coverage.series_id * 549755813888 + coverage.start_ts / 1000 + 62135596800
                 AND f.id < coverage.series_id * 549755813888 + coverage.end_ts / 1000 + 62135596800 AND b.ts IS NULL)",
        "DELETE FROM coverage WHERE EXISTS (SELECT 1 FROM feature_values AS f
             LEFT JOIN bars AS b ON b.series_id = f.series_id AND b.ts = f.ts
             WHERE f.series_id = coverage.series_id AND f.ts >= coverage.start_ts AND f.ts < coverage.end_ts
                 AND b.ts IS NULL)");
    /// The features after a bar that is gone were computed from it.
    STALE_AFTER_LOSS = Sql::same(
        "UPDATE feature_progress SET changes = changes + 1, stale_from = (SELECT MIN(f.ts) FROM features AS f
             LEFT JOIN bars AS b ON b.series_id = f.series_id AND b.ts = f.ts
             WHERE f.series_id = feature_progress.series_id AND b.ts IS NULL)
         WHERE EXISTS (SELECT 1 FROM features AS f LEFT JOIN bars AS b ON b.series_id = f.series_id AND b.ts = f.ts
             WHERE f.series_id = feature_progress.series_id AND b.ts IS NULL
                 AND (feature_progress.stale_from IS NULL OR f.ts < feature_progress.stale_from))");
    STALE_WITHOUT_FEATURES = Sql::two(
        stale_without!("f.id = b.series_id * 549755813888 + b.ts / 1000 + 62135596800", "f.id"),
        stale_without!("f.series_id = b.series_id AND f.ts = b.ts", "f.ts"));
    LOST_FEATURES = Sql::two(
        "DELETE FROM feature_values WHERE NOT EXISTS (SELECT 1 FROM bars AS b
             WHERE b.series_id = id / 549755813888 AND b.ts = (id % 549755813888 - 62135596800) * 1000)",
        "DELETE FROM feature_values WHERE NOT EXISTS (SELECT 1 FROM bars AS b
             WHERE b.series_id = feature_values.series_id AND b.ts = feature_values.ts)");
    OVERLAPPING = Sql::same(
        "DELETE FROM coverage WHERE EXISTS (SELECT 1 FROM coverage AS n WHERE n.series_id = coverage.series_id
             AND n.start_ts > coverage.start_ts AND n.start_ts < coverage.end_ts)");
    ORPHAN_SERIES = Sql::same("DELETE FROM series WHERE symbol NOT IN (SELECT symbol FROM symbols)");
    ORPHAN_BARS = Sql::same("DELETE FROM bars WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_REVISIONS = Sql::same("DELETE FROM bar_revisions WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_QUARANTINE = Sql::same("DELETE FROM bar_quarantine WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_COVERAGE = Sql::same("DELETE FROM coverage WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_PROFILES = Sql::same("DELETE FROM profiles WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_FEATURES = Sql::two(
        "DELETE FROM feature_values WHERE id / 549755813888 NOT IN (SELECT id FROM series)",
        "DELETE FROM feature_values WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_PROGRESS = Sql::same("DELETE FROM feature_progress WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_STATES = Sql::same("DELETE FROM feature_states WHERE series_id NOT IN (SELECT id FROM series)");
    ORPHAN_STATUSES = Sql::same(
        "DELETE FROM symbol_computation_status
         WHERE execution_id NOT IN (SELECT execution_id FROM scheduler_execution_log)");
    ORPHAN_FRESHNESS = Sql::same("DELETE FROM feature_freshness WHERE symbol NOT IN (SELECT symbol FROM symbols)");
    /// What a series should know of its bars. Read first and written next: with Citus no statement may change `series` and
    /// read bars.
    COUNTED = Sql::same(
        "SELECT s.id, COALESCE(b.n, 0), b.first_ts, b.last_ts FROM series AS s
         LEFT JOIN (SELECT series_id, COUNT(*) AS n, MIN(ts) AS first_ts, MAX(ts) AS last_ts FROM bars GROUP BY series_id) AS b
             ON b.series_id = s.id
         WHERE s.bar_count <> COALESCE(b.n, 0) OR s.first_ts IS DISTINCT FROM b.first_ts
             OR s.last_ts IS DISTINCT FROM b.last_ts");
    COUNTS = Sql::two(
        "UPDATE series SET writes = writes + 1, bar_count = $2 ->> i.key, first_ts = $3 ->> i.key, last_ts = $4 ->> i.key
         FROM json_each($1) AS i WHERE series.id = i.value",
        "UPDATE series SET writes = writes + 1, bar_count = i.n, first_ts = i.first_ts, last_ts = i.last_ts
         FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS i (id, n, first_ts, last_ts)
         WHERE series.id = i.id");
    COUNTED_FEATURES = Sql::same(
        "SELECT f.symbol, f.timeframe, COALESCE(c.n, 0) FROM feature_freshness AS f
         LEFT JOIN series AS s ON s.symbol = f.symbol AND s.timeframe = f.timeframe
         LEFT JOIN (SELECT series_id, COUNT(*) AS n FROM features GROUP BY series_id) AS c ON c.series_id = s.id
         WHERE f.data_point_count <> COALESCE(c.n, 0)");
    FRESHNESS = Sql::same("UPDATE feature_freshness SET data_point_count = $3 WHERE symbol = $1 AND timeframe = $2");
}

/// In this order: what is gone is looked for by what it left behind.
const STEPS: [Sql; 19] = [
    ORPHAN_SERIES,
    ORPHAN_BARS,
    ORPHAN_REVISIONS,
    ORPHAN_QUARANTINE,
    ORPHAN_COVERAGE,
    ORPHAN_PROFILES,
    ORPHAN_FEATURES,
    ORPHAN_PROGRESS,
    ORPHAN_STATES,
    ORPHAN_STATUSES,
    ORPHAN_FRESHNESS,
    OVERLAPPING,
    KEEP_WRONG,
    UNCOVER_WRONG,
    DELETE_WRONG,
    UNCOVER,
    STALE_AFTER_LOSS,
    LOST_FEATURES,
    STALE_WITHOUT_FEATURES,
];

const BEGIN: Sql = Sql::two("BEGIN IMMEDIATE", "BEGIN");
const COMMIT: Sql = Sql::same("COMMIT");
const ROLLBACK: Sql = Sql::same("ROLLBACK");

impl Upkeep {
    /// Deletes what belongs to nothing, counts anew, has features computed again where they are wrong, and forgets coverage
    /// of bars that are gone, so that the next run fetches them. All or nothing; says how many rows were changed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn repair(&mut self) -> Result<u64> {
        let mut conn = self.conn();
        conn.command(BEGIN).await?;
        let done = match steps(&mut conn).await {
            Ok(rows) => conn.command(COMMIT).await.map(|()| rows),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // The connection is closed next in any case.
            let _ = conn.command(ROLLBACK).await;
        }
        done
    }
}

async fn steps(conn: &mut Conn<'_>) -> Result<u64> {
    let mut rows = 0;
    for sql in STEPS {
        rows += conn.run(sql, &[]).await?;
    }
    Ok(rows + count_bars(conn).await? + count_features(conn).await?)
}

async fn count_bars(conn: &mut Conn<'_>) -> Result<u64> {
    let (mut ids, mut counts, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in &conn.rows(COUNTED, &[]).await? {
        let mut f = Fields::of(row);
        ids.push(f.next::<i64>()?);
        counts.push(f.next::<i64>()?);
        firsts.push(f.next::<Option<Ts>>()?);
        lasts.push(f.next::<Option<Ts>>()?);
    }
    if ids.is_empty() { Ok(0) } else { conn.run(COUNTS, &values![ids, counts, firsts, lasts]).await }
}

async fn count_features(conn: &mut Conn<'_>) -> Result<u64> {
    let counted = each(conn, COUNTED_FEATURES, &[], |f| Ok((f.next()?, f.next()?, f.next()?))).await?;
    let mut rows = 0;
    for (symbol, timeframe, n) in counted {
        let (symbol, timeframe, n): (Symbol, Timeframe, i64) = (symbol, timeframe, n);
        rows += conn.run(FRESHNESS, &values![&symbol, timeframe, n]).await?;
    }
    Ok(rows)
}
