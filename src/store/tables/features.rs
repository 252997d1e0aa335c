//! Features as stored, and how far they are up to date.
//!
//! The transaction that changes bars also notes from which bar on the features are out of date ([`mark`]); writing
//! features moves that note on. So whatever ends a process, the next one knows exactly what is left to compute. A write
//! names the count of changes it was computed from, and is refused when bars changed meanwhile.

use std::sync::Arc;

use async_trait::async_trait;

use crate::conn::{Conn, Dialect, Sql, limit, statements, values};
use crate::field::{column, each};
use crate::writer::Work;
use crate::{
    FeatureOutcome, FeatureProgress, FeatureRow, FeatureWrite, Result, SeriesId, SeriesRow, StoreError, TimeRange,
    series,
};
use barkeep_base::text::printable;
use barkeep_market::features::State;
use barkeep_market::{Interval, Ts};
use barkeep_sql::feature_row::{self, columns, insert, key, read};

macro_rules! on_change {
    () => {
        "ON CONFLICT (series_id) DO UPDATE SET changes = feature_progress.changes + 1,
             stale_from = CASE WHEN feature_progress.stale_from <= excluded.stale_from THEN feature_progress.stale_from
                          ELSE excluded.stale_from END"
    };
}

statements! {
    /// From and up to: a time in PostgreSQL, a [`key`] in SQLite.
    WITHIN = Sql::two(concat!("SELECT (id % 549755813888 - 62135596800) * 1000, ", columns!(),
        ", labels FROM feature_values WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3"),
        concat!("SELECT ts, ", columns!(),
        ", CAST(labels AS BIGINT) FROM feature_values WHERE series_id = $4 AND ts >= $1 AND ts < $2 ORDER BY ts DESC LIMIT $3"));
    DELETE = Sql::two(
        "DELETE FROM feature_values WHERE id IN (SELECT value FROM json_each($1))",
        "DELETE FROM feature_values WHERE series_id = $2 AND ts = ANY($1)");
    COUNT = Sql::two(
        "SELECT COUNT(*) FROM feature_values WHERE id >= $1 * 549755813888 AND id < ($1 + 1) * 549755813888",
        "SELECT COUNT(*) FROM feature_values WHERE series_id = $1");
    /// Rows: series, first change.
    MARK = Sql::two(concat!(
        "INSERT INTO feature_progress (series_id, stale_from, changes)
         SELECT i.value, $2 ->> i.key, 1 FROM json_each($1) AS i WHERE true ", on_change!()), concat!(
        "INSERT INTO feature_progress (series_id, stale_from, changes)
         SELECT i.id, i.ts, 1 FROM unnest($1::bigint[], $2::timestamptz[]) AS i (id, ts) ", on_change!()));
    PROGRESS = Sql::two(
        "SELECT s.id, s.symbol, s.timeframe, s.bar_count, s.first_ts, s.last_ts, s.checked_at, s.verified_at, s.paused, p.stale_from,
             COALESCE(p.changes, 0), COALESCE(p.splits, ''),
             EXISTS (SELECT 1 FROM feature_computation_failures AS f
                     WHERE f.symbol = s.symbol AND f.timeframe = s.timeframe AND NOT f.resolved)
         FROM series AS s LEFT JOIN feature_progress AS p ON p.series_id = s.id
         WHERE s.id IN (SELECT value FROM json_each($1))",
        "SELECT s.id, s.symbol, s.timeframe, s.bar_count, s.first_ts, s.last_ts, s.checked_at, s.verified_at, s.paused, p.stale_from,
             COALESCE(p.changes, 0), COALESCE(p.splits, ''),
             EXISTS (SELECT 1 FROM feature_computation_failures AS f
                     WHERE f.symbol = s.symbol AND f.timeframe = s.timeframe AND NOT f.resolved)
         FROM series AS s LEFT JOIN feature_progress AS p ON p.series_id = s.id
         WHERE s.id = ANY($1)");
    CHANGES = Sql::same("SELECT changes FROM feature_progress WHERE series_id = $1");
    PUT_PROGRESS = Sql::same(
        "INSERT INTO feature_progress (series_id, stale_from, splits) VALUES ($1, $2, $3)
         ON CONFLICT (series_id) DO UPDATE SET stale_from = excluded.stale_from, splits = excluded.splits");
    STATE = Sql::same(
        "SELECT state FROM feature_states WHERE series_id = $1 AND ts < $2 ORDER BY ts DESC LIMIT 1");
    DELETE_STATES = Sql::same("DELETE FROM feature_states WHERE series_id = $1 AND (ts >= $2 OR ts = $3)");
    PUT_STATE = Sql::same(
        "INSERT INTO feature_states (series_id, ts, state) VALUES ($1, $2, $3)
         ON CONFLICT (series_id, ts) DO UPDATE SET state = excluded.state");
}

/// The newest rows in a range, ascending.
pub(crate) async fn newest(
    conn: &mut Conn<'_>,
    id: SeriesId,
    range: TimeRange,
    count: Option<usize>,
) -> Result<Vec<FeatureRow>> {
    let Interval { start, end } = range.closed();
    let values = match conn.dialect() {
        Dialect::Sqlite => values![key(id, start), key(id, end), limit(count)].to_vec(),
        Dialect::Postgres => values![start, end, limit(count), id].to_vec(),
    };
    let mut rows = each(conn, WITHIN, &values, read).await?;
    rows.reverse();
    Ok(rows)
}

pub(crate) async fn count(conn: &mut Conn<'_>, id: SeriesId) -> Result<i64> {
    let counts: Vec<i64> = column(&conn.rows(COUNT, &values![id]).await?)?;
    Ok(counts.first().copied().unwrap_or(0))
}

/// Notes that the bars of each series changed from its `first` on. The series rows are locked by the caller.
pub(crate) async fn mark(conn: &mut Conn<'_>, series: Vec<i64>, first: Vec<Ts>) -> Result<()> {
    conn.run(MARK, &values![series, first]).await.map(drop)
}

/// By symbol, fine to coarse.
pub(crate) async fn progress(conn: &mut Conn<'_>, series: &[SeriesId]) -> Result<Vec<FeatureProgress>> {
    let ids: Vec<i64> = series.iter().map(|s| s.0).collect();
    let mut rows = each(conn, PROGRESS, &values![ids], |f| {
        let series = SeriesRow {
            id: f.next()?,
            symbol: f.next()?,
            timeframe: f.next()?,
            bar_count: f.next()?,
            first_ts: f.next()?,
            last_ts: f.next()?,
            checked_at: f.next()?,
            verified_at: f.next()?,
            paused: f.next()?,
        };
        let stale_from = f.next()?;
        let changes = f.next()?;
        let splits: String = f.next()?;
        let stale_from = self::stale_from(&splits, &series, stale_from);
        Ok(FeatureProgress { series, stale_from, changes, splits, failing: f.next()? })
    })
    .await?;
    rows.sort_by(|a, b| (&a.series.symbol, a.series.timeframe).cmp(&(&b.series.symbol, b.series.timeframe)));
    Ok(rows)
}

/// The newest state kept before `t`.
pub(crate) async fn state(conn: &mut Conn<'_>, id: SeriesId, t: Ts) -> Result<Option<State>> {
    let texts: Vec<String> = column(&conn.rows(STATE, &values![id, t]).await?)?;
    let parse = |text: &String| {
        let invalid = |_| StoreError::Unusable(format!("it holds '{}' instead of a feature state", printable(text)));
        serde_json::from_str(text).map_err(invalid)
    };
    texts.first().map(parse).transpose()
}

/// [`crate::Store::put_features`].
pub(crate) struct Put(pub(crate) Arc<[FeatureWrite]>);

#[async_trait]
impl Work for Put {
    type Output = Vec<FeatureOutcome>;

    fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(feature_row::check)
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Vec<FeatureOutcome>> {
        series::lock(conn, self.0.iter().map(|w| w.series)).await?;
        put(conn, self.0.iter()).await
    }
}

/// Writes features of series that are locked.
pub(crate) async fn put<'w>(
    conn: &mut Conn<'_>,
    writes: impl Iterator<Item = &'w FeatureWrite> + Send,
) -> Result<Vec<FeatureOutcome>> {
    let mut outcomes = Vec::new();
    // New rows of many writes go in together: each COPY is a round trip of its own.
    let mut pending: Vec<&FeatureWrite> = Vec::new();
    let mut rows: Vec<(SeriesId, Ts, &FeatureRow)> = Vec::new();
    for write in writes {
        let meets = |w: &&FeatureWrite| {
            w.series == write.series && w.replaces.start < write.replaces.end && write.replaces.start < w.replaces.end
        };
        if pending.iter().any(meets) {
            pending.clear();
            insert(conn, &std::mem::take(&mut rows)).await?;
        }
        let (outcome, changed) = store(conn, write).await?;
        rows.extend(changed.into_iter().map(|row| (write.series, write.computed_at, row)));
        pending.push(write);
        outcomes.push(outcome);
    }
    insert(conn, &rows).await?;
    Ok(outcomes)
}

/// What a write does when bars changed since they were read.
pub(crate) const SUPERSEDED: FeatureOutcome = FeatureOutcome { written: 0, unchanged: 0, removed: 0, superseded: true };

/// From which bar on features are out of date, by what was noted; all there are when they were never computed.
pub(crate) fn stale_from(splits: &str, series: &SeriesRow, noted: Option<Ts>) -> Option<Ts> {
    if splits.is_empty() { series.first_ts } else { noted }
}

/// What a write changes.
pub(crate) struct Diff<'w> {
    /// New rows and those with other values.
    pub(crate) changed: Vec<&'w FeatureRow>,
    /// Those of them that are stored.
    replaced: Vec<Ts>,
    pub(crate) vanished: Vec<Ts>,
    pub(crate) outcome: FeatureOutcome,
}

/// Compares a write with what is stored in its range. Both are ascending.
pub(crate) fn diff<'w>(stored: &[FeatureRow], write: &'w FeatureWrite) -> Diff<'w> {
    let at = |t: Ts| stored.binary_search_by_key(&t, |row| row.ts).ok().and_then(|k| stored.get(k));
    let changed: Vec<&FeatureRow> = write.rows.iter().filter(|row| at(row.ts) != Some(*row)).collect();
    let replaced = changed.iter().map(|row| row.ts).filter(|t| at(*t).is_some()).collect();
    let kept = |row: &FeatureRow| write.rows.binary_search_by_key(&row.ts, |new| new.ts).is_ok();
    let vanished: Vec<Ts> = stored.iter().filter(|row| !kept(row)).map(|row| row.ts).collect();
    let outcome = FeatureOutcome {
        written: changed.len() as u64,
        unchanged: (write.rows.len() - changed.len()) as u64,
        removed: vanished.len() as u64,
        superseded: false,
    };
    Diff { changed, replaced, vanished, outcome }
}

/// Everything of a write but its new and changed rows, which are left to the caller to insert.
async fn store<'w>(conn: &mut Conn<'_>, write: &'w FeatureWrite) -> Result<(FeatureOutcome, Vec<&'w FeatureRow>)> {
    let id = write.series;
    let changes: Vec<i64> = column(&conn.rows(CHANGES, &values![id]).await?)?;
    if changes.first().copied().unwrap_or(0) != write.changes {
        return Ok((SUPERSEDED, Vec::new()));
    }
    let range = write.replaces;
    let Diff { changed, replaced, vanished, outcome } = diff(&newest(conn, id, range.into(), None).await?, write);
    let gone: Vec<Ts> = vanished.into_iter().chain(replaced).collect();
    if !gone.is_empty() {
        let values = match conn.dialect() {
            Dialect::Sqlite => values![gone.into_iter().map(|t| key(id, t)).collect::<Vec<i64>>()].to_vec(),
            Dialect::Postgres => values![gone, id].to_vec(),
        };
        conn.run(DELETE, &values).await?;
    }
    conn.run(DELETE_STATES, &values![id, range.start, write.spent]).await?;
    for state in &write.states {
        let text = serde_json::to_string(state).map_err(|e| StoreError::Refused(e.to_string()))?;
        conn.run(PUT_STATE, &values![id, state.through, text]).await?;
    }
    conn.run(PUT_PROGRESS, &values![id, write.stale_from, &write.splits]).await?;
    Ok((outcome, changed))
}
