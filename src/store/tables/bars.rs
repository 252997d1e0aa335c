//! Bars as stored: reading them, and writing what a new answer changes.

use std::collections::BTreeSet;

use crate::conn::{Conn, Sql, limit, statements, values};
use crate::diff::{Diff, diff, touched};
use crate::field::{Fields, column, each};
use crate::load::{LoadTable, Put, Sink, load};
use crate::tables::features;
use crate::{FeatureBar, Result, SeriesId, SeriesWrite, StoredBar, TimeRange, WriteOutcome};
use barkeep_market::{Bar, Interval, Ts};

macro_rules! columns {
    () => {
        "ts, open, high, low, close, volume, vwap, trades, provisional, quality_score, quality_notes, fetched_at"
    };
}

statements! {
    WITHIN = Sql::same(concat!("SELECT ", columns!(),
        " FROM bars WHERE series_id = $1 AND ts >= $2 AND ts < $3 ORDER BY ts LIMIT $4"));
    NEWEST = Sql::same(concat!("SELECT ", columns!(),
        " FROM bars WHERE series_id = $1 AND ts >= $2 AND ts < $3 ORDER BY ts DESC LIMIT $4"));
    COUNTS = Sql::two(
        "SELECT ts - ts % $4 AS piece, COUNT(*) FROM bars WHERE series_id = $1 AND ts >= $2 AND ts < $3
         GROUP BY piece ORDER BY piece",
        "SELECT to_timestamp(floor(extract(epoch FROM ts) * 1000 / $4) * $4 / 1000) AS piece, COUNT(*)
         FROM bars WHERE series_id = $1 AND ts >= $2 AND ts < $3 GROUP BY piece ORDER BY piece");
    DELETE = Sql::two(
        "DELETE FROM bars WHERE series_id = $1 AND ts IN (SELECT value FROM json_each($2))",
        "DELETE FROM bars WHERE series_id = $1 AND ts = ANY($2)");
    FOR_FEATURES = Sql::same(
        "SELECT ts, high, low, close, volume, provisional FROM bars WHERE series_id = $1 AND ts >= $2 AND ts < $3
         ORDER BY ts LIMIT $4");
    /// Which of the rows (series, from, to) have a bar stored; their places, from 0.
    HELD = Sql::two(
        "SELECT i.key FROM json_each($1) AS i WHERE EXISTS (
             SELECT 1 FROM bars AS b WHERE b.series_id = i.value AND b.ts >= ($2 ->> i.key) AND b.ts < ($3 ->> i.key))",
        // LATERAL with a group: whatever the statistics of a growing table say, it looks at the key for each row. A limit
        // would end the look at the first bar, but Citus refuses it; the bars of such a range are read next anyway.
        "SELECT i.key - 1 FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
             AS i (id, start_ts, end_ts, key)
         CROSS JOIN LATERAL (SELECT b.series_id FROM bars AS b WHERE b.series_id = i.id AND b.ts >= i.start_ts
                             AND b.ts < i.end_ts GROUP BY b.series_id) AS one");
    /// Scores are not kept; a restored bar is scored again.
    REVISION = Sql::two(
        "SELECT ts, open, high, low, close, volume, vwap, trades, provisional, 1.0, NULL, fetched_at FROM bar_revisions
         WHERE series_id = $1 AND ts = $2 AND reason = $3 AND superseded_at = $4 ORDER BY id DESC LIMIT 1",
        "SELECT ts, open, high, low, close, volume, vwap, trades, provisional, 1.0::double precision, NULL::text,
             fetched_at FROM bar_revisions
         WHERE series_id = $1 AND ts = $2 AND reason = $3 AND superseded_at = $4 ORDER BY id DESC LIMIT 1");
    RESCORE = Sql::same("UPDATE bars SET quality_score = $3, quality_notes = $4 WHERE series_id = $1 AND ts = $2");
    /// Rows: series, bars more, the first and the last of the new ones. Of what was removed see [`SET_ENDS`]. Bars are not
    /// looked at: with Citus they are elsewhere, and no statement may change `series` and read them.
    COUNT = Sql::two(
        "UPDATE series SET bar_count = bar_count + ($2 ->> i.key),
             first_ts = MIN(COALESCE(first_ts, $3 ->> i.key), COALESCE($3 ->> i.key, first_ts)),
             last_ts = MAX(COALESCE(last_ts, $4 ->> i.key), COALESCE($4 ->> i.key, last_ts))
         FROM json_each($1) AS i WHERE series.id = i.value",
        "UPDATE series SET bar_count = bar_count + i.added, first_ts = LEAST(series.first_ts, i.first_ts),
             last_ts = GREATEST(series.last_ts, i.last_ts)
         FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS i (id, added, first_ts, last_ts)
         WHERE series.id = i.id");
    ENDS = Sql::same("SELECT MIN(ts), MAX(ts) FROM bars WHERE series_id = $1");
    SET_ENDS = Sql::same("UPDATE series SET first_ts = $2, last_ts = $3 WHERE id = $1");
}

const INTO: &str = concat!("bars (series_id, ", columns!(), ")");

/// Bars known not to be there.
const NEW: LoadTable = LoadTable { into: INTO, columns: 13, conflict: "" };

/// Bars in place of others.
const REPLACED: LoadTable = LoadTable {
    into: INTO,
    columns: 13,
    conflict: "ON CONFLICT (series_id, ts) DO UPDATE SET open = excluded.open, high = excluded.high, \
               low = excluded.low, close = excluded.close, volume = excluded.volume, vwap = excluded.vwap, \
               trades = excluded.trades, provisional = excluded.provisional, \
               quality_score = excluded.quality_score, quality_notes = excluded.quality_notes, \
               fetched_at = excluded.fetched_at",
};

const REVISIONS: LoadTable = LoadTable {
    into: "bar_revisions (series_id, ts, open, high, low, close, volume, vwap, trades, provisional, fetched_at, \
           superseded_at, reason)",
    columns: 13,
    conflict: "",
};

fn read(f: &mut Fields<'_>) -> Result<StoredBar> {
    Ok(StoredBar {
        bar: Bar {
            ts: f.next()?,
            open: f.next()?,
            high: f.next()?,
            low: f.next()?,
            close: f.next()?,
            volume: f.next()?,
            vwap: f.next()?,
            trades: f.next()?,
        },
        provisional: f.next()?,
        quality_score: f.next()?,
        quality_notes: f.next()?,
        fetched_at: f.next()?,
    })
}

/// The first bars that start in `range`, ascending.
pub(crate) async fn within(
    conn: &mut Conn<'_>,
    id: SeriesId,
    range: TimeRange,
    count: Option<usize>,
) -> Result<Vec<StoredBar>> {
    let Interval { start, end } = range.closed();
    each(conn, WITHIN, &values![id, start, end, limit(count)], read).await
}

/// How many bars start in each piece of `range`, ascending; empty pieces are left out.
pub(crate) async fn counts(
    conn: &mut Conn<'_>,
    id: SeriesId,
    range: Interval,
    piece_ms: i64,
) -> Result<Vec<(Ts, i64)>> {
    let values = values![id, range.start, range.end, piece_ms.max(1)];
    each(conn, COUNTS, &values, |f| Ok((f.next()?, f.next()?))).await
}

/// The last bars that start in `range`, ascending.
pub(crate) async fn newest(
    conn: &mut Conn<'_>,
    id: SeriesId,
    range: TimeRange,
    count: usize,
) -> Result<Vec<StoredBar>> {
    let Interval { start, end } = range.closed();
    let mut bars = each(conn, NEWEST, &values![id, start, end, limit(count)], read).await?;
    bars.reverse();
    Ok(bars)
}

/// The first bars that start in `range`, as features need them.
pub(crate) async fn for_features(
    conn: &mut Conn<'_>,
    id: SeriesId,
    range: TimeRange,
    count: usize,
) -> Result<Vec<FeatureBar>> {
    let Interval { start, end } = range.closed();
    each(conn, FOR_FEATURES, &values![id, start, end, limit(count)], |f| {
        Ok(FeatureBar {
            ts: f.next()?,
            high: f.next()?,
            low: f.next()?,
            close: f.next()?,
            volume: f.next()?,
            provisional: f.next()?,
        })
    })
    .await
}

/// Writes the bars, scores and revisions of one series and keeps its counts. The series row is locked by the caller.
pub(crate) async fn store(
    conn: &mut Conn<'_>,
    write: &SeriesWrite,
    at: Ts,
    reason: &'static str,
) -> Result<WriteOutcome> {
    Ok(store_all(conn, &[(write, at)], reason).await?.pop().unwrap_or_default())
}

/// The same for many, each with the time of its page. Writes to one series are laid over each other in their order.
pub(crate) async fn store_all(
    conn: &mut Conn<'_>,
    writes: &[(&SeriesWrite, Ts)],
    reason: &'static str,
) -> Result<Vec<WriteOutcome>> {
    let mut outcomes = Vec::with_capacity(writes.len());
    let mut rest = writes;
    while !rest.is_empty() {
        let mut seen = BTreeSet::new();
        let different = rest.iter().take_while(|(write, _)| seen.insert(write.series)).count();
        let (together, after) = rest.split_at(different);
        let held = held(conn, together).await?;
        let mut changes: Vec<Change<'_>> = Vec::with_capacity(together.len());
        for (k, (write, at)) in together.iter().enumerate() {
            let stored = if held.contains(&k) {
                within(conn, write.series, touched(write).into(), None).await?
            } else {
                Vec::new()
            };
            changes.push(Change { write, at: *at, diff: diff(&stored, write, reason) });
        }
        outcomes.extend(apply(conn, &changes).await?);
        rest = after;
    }
    Ok(outcomes)
}

/// The places of the writes that touch stored bars: in a first fill none, which saves as many looks.
async fn held(conn: &mut Conn<'_>, writes: &[(&SeriesWrite, Ts)]) -> Result<BTreeSet<usize>> {
    let touched = writes.iter().map(|(write, _)| (write.series.0, touched(write)));
    let (series, ranges): (Vec<i64>, Vec<Interval>) = touched.unzip();
    let starts: Vec<Ts> = ranges.iter().map(|r| r.start).collect();
    let ends: Vec<Ts> = ranges.iter().map(|r| r.end).collect();
    let places: Vec<i64> = column(&conn.rows(HELD, &values![series, starts, ends]).await?)?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect())
}

/// A write that was compared with what is stored.
struct Change<'w> {
    write: &'w SeriesWrite,
    at: Ts,
    diff: Diff<'w>,
}

/// Takes one stored bar away; it goes to `bar_revisions`.
pub(crate) async fn remove(
    conn: &mut Conn<'_>,
    series: SeriesId,
    old: &StoredBar,
    at: Ts,
    reason: &'static str,
) -> Result<()> {
    let outcome = WriteOutcome { removed: 1, ..WriteOutcome::default() };
    let (superseded, removed) = (vec![(old.clone(), reason)], vec![old.bar.ts]);
    let diff = Diff { superseded, removed, outcome, ..Diff::default() };
    apply(conn, &[Change { write: &SeriesWrite::nothing(series), at, diff }]).await.map(drop)
}

/// What a bar was before it was superseded at this moment for this reason.
pub(crate) async fn revision(
    conn: &mut Conn<'_>,
    series: SeriesId,
    (ts, reason, at): (Ts, &'static str, Ts),
) -> Result<Option<StoredBar>> {
    Ok(each(conn, REVISION, &values![series, ts, reason, at], read).await?.pop())
}

/// Carries out changes of different series: all rows of a table in one go, then what is kept beside them.
async fn apply(conn: &mut Conn<'_>, changes: &[Change<'_>]) -> Result<Vec<WriteOutcome>> {
    let mut superseded = Vec::new();
    let mut new = Vec::with_capacity(changes.iter().map(|c| c.diff.insert.len()).sum());
    let mut replaced = Vec::new();
    for Change { write, at, diff } in changes {
        let id = write.series;
        superseded.extend(diff.superseded.iter().map(|(old, reason)| (id, *at, old, *reason)));
        new.extend(diff.insert.iter().map(|bar| (id, *bar)));
        replaced.extend(diff.replace.iter().map(|bar| (id, bar)));
    }
    load(conn, &REVISIONS, &superseded, |row, (id, at, old, reason)| {
        row.int(Some(id.0))?;
        row.time(old.bar.ts)?;
        values_of(row, &old.bar)?;
        row.flag(old.provisional)?;
        row.time(old.fetched_at)?;
        row.time(*at)?;
        row.text(Some(reason))
    })
    .await?;
    for Change { write, diff, .. } in changes {
        let mut gone = diff.removed.clone();
        if let Conn::Postgres(..) = conn {
            // COPY only appends; SQLite replaces in place.
            gone.extend(diff.replace.iter().map(|b| b.bar.ts));
        }
        if !gone.is_empty() {
            conn.run(DELETE, &values![write.series, gone]).await?;
        }
    }
    load(conn, &REPLACED, &replaced, row_of).await?;
    load(conn, &NEW, &new, row_of).await?;
    let (mut counted, mut added) = (Vec::new(), Vec::new());
    let (mut firsts, mut lasts, mut lessened) = (Vec::new(), Vec::new(), Vec::new());
    let (mut marked, mut first) = (Vec::new(), Vec::new());
    for Change { write, diff, .. } in changes {
        let id = write.series;
        for (ts, score, notes) in &write.rescored {
            conn.run(RESCORE, &values![id, *ts, *score, notes]).await?;
        }
        if diff.outcome.inserted + diff.outcome.removed > 0 {
            counted.push(id.0);
            added.push(diff.outcome.inserted as i64 - diff.outcome.removed as i64);
            firsts.push(diff.insert.first().map(|new| new.bar.ts));
            lasts.push(diff.insert.last().map(|new| new.bar.ts));
        }
        if diff.outcome.removed > 0 {
            lessened.push(id);
        }
        if let Some(ts) = diff.first_changed() {
            marked.push(id.0);
            first.push(ts);
        }
    }
    if !counted.is_empty() {
        conn.run(COUNT, &values![counted, added, firsts, lasts]).await?;
    }
    for id in lessened {
        let ends = each(conn, ENDS, &values![id], |f| Ok((f.next::<Option<Ts>>()?, f.next::<Option<Ts>>()?))).await?;
        let (first, last) = ends.into_iter().next().unwrap_or_default();
        conn.run(SET_ENDS, &values![id, first, last]).await?;
    }
    if !marked.is_empty() {
        features::mark(conn, marked, first).await?;
    }
    Ok(changes.iter().map(|c| c.diff.outcome).collect())
}

fn row_of(row: &mut Sink<'_>, (id, new): &(SeriesId, &StoredBar)) -> Put {
    row.int(Some(id.0))?;
    row.time(new.bar.ts)?;
    values_of(row, &new.bar)?;
    row.flag(new.provisional)?;
    row.real(Some(new.quality_score))?;
    row.text(new.quality_notes.as_deref())?;
    row.time(new.fetched_at)
}

fn values_of(row: &mut Sink<'_>, b: &Bar) -> Put {
    for price in [b.open, b.high, b.low, b.close, b.volume] {
        row.real(Some(price))?;
    }
    row.real(b.vwap)?;
    row.int(b.trades)
}
