//! What the vendor has answered for.
//!
//! The rows of a series never overlap: newer knowledge cuts older knowledge away. Touching rows of the same state that
//! do not expire become one, so a series filled page by page stays one row; rows that expire keep their own date.

pub(crate) mod profiles;

use std::collections::{BTreeMap, HashMap};

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{Fields, each};
use crate::{Coverage, Result, SeriesId, SeriesWrite, StoreError};
use barkeep_market::{Interval, Ts};

statements! {
    OF = Sql::two(
        "SELECT series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at, found_at, answers, surprise FROM coverage
         WHERE series_id IN (SELECT value FROM json_each($1)) ORDER BY series_id, start_ts",
        "SELECT series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at, found_at, answers, surprise FROM coverage
         WHERE series_id = ANY($1) ORDER BY series_id, start_ts");
    /// Rows: series, from, to. What lies in or touches each.
    NEAR = Sql::two(
        "SELECT c.series_id, c.start_ts, c.end_ts, c.state, c.request_id, c.fetched_at, c.expires_at,
             c.found_at, c.answers, c.surprise
         FROM json_each($1) AS i CROSS JOIN coverage AS c
         WHERE c.series_id = i.value AND c.start_ts <= ($3 ->> i.key) AND c.end_ts >= ($2 ->> i.key)
         ORDER BY c.series_id, c.start_ts",
        "SELECT c.series_id, c.start_ts, c.end_ts, c.state, c.request_id, c.fetched_at, c.expires_at,
             c.found_at, c.answers, c.surprise
         FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS i (id, start_ts, end_ts)
         CROSS JOIN LATERAL (SELECT * FROM coverage AS o WHERE o.series_id = i.id AND o.start_ts <= i.end_ts
                                 AND o.end_ts >= i.start_ts ORDER BY o.start_ts) AS c
         ORDER BY c.series_id, c.start_ts");
    /// Rows: series, from.
    DELETE = Sql::two(
        "DELETE FROM coverage WHERE (series_id, start_ts) IN (SELECT i.value, $2 ->> i.key FROM json_each($1) AS i)",
        "DELETE FROM coverage AS c USING unnest($1::bigint[], $2::timestamptz[]) AS i (id, start_ts)
         WHERE c.series_id = i.id AND c.start_ts = i.start_ts");
    INSERT = Sql::two(
        "INSERT INTO coverage (series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at, found_at, answers,
             surprise)
         SELECT i.value, $2 ->> i.key, $3 ->> i.key, $4 ->> i.key, $5 ->> i.key, $6 ->> i.key, $7 ->> i.key,
             $8 ->> i.key, $9 ->> i.key, $10 ->> i.key
         FROM json_each($1) AS i",
        "INSERT INTO coverage (series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at, found_at, answers,
             surprise)
         SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[],
                              $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::float8[])");
    /// By series and start.
    DOUBTFUL = Sql::same(
        "SELECT series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at, found_at, answers, surprise
         FROM coverage WHERE state IN ('unjudged', 'late', 'suspect', 'vendor_hole', 'halted', 'quarantined')
             AND (state <> 'unjudged' OR surprise IS NULL)
         ORDER BY series_id, start_ts");
}

fn read(f: &mut Fields<'_>) -> Result<(SeriesId, Coverage)> {
    Ok((
        f.next()?,
        Coverage {
            range: Interval::new(f.next()?, f.next()?),
            state: f.next()?,
            request_id: f.next()?,
            fetched_at: f.next()?,
            expires_at: f.next()?,
            found_at: f.next()?,
            answers: u32::try_from(f.next::<i64>()?).unwrap_or(u32::MAX),
            surprise: f.next()?,
        },
    ))
}

/// Coverage of each series asked for, in that order; a series without any has an empty list.
pub(crate) async fn of(conn: &mut Conn<'_>, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>> {
    let ids: Vec<i64> = series.iter().map(|s| s.0).collect();
    let mut found: HashMap<SeriesId, Vec<Coverage>> = HashMap::new();
    for (id, one) in each(conn, OF, &values![ids], read).await? {
        found.entry(id).or_default().push(one);
    }
    Ok(series.iter().map(|id| (*id, found.remove(id).unwrap_or_default())).collect())
}

/// What is not simply answered for, over all series; see [`crate::Store::doubtful`].
pub(crate) async fn doubtful(conn: &mut Conn<'_>) -> Result<Vec<(SeriesId, Coverage)>> {
    each(conn, DOUBTFUL, &[], read).await
}

/// The smallest interval that holds all new coverage; `None` when there is none.
pub(crate) fn hull(new: &[Coverage]) -> Result<Option<Interval>> {
    let hull = new.iter().map(|c| c.range).filter(|r| !r.is_empty()).reduce(Interval::hull);
    match hull {
        Some(hull) if hull.start < Ts::MIN || hull.end > Ts::MAX => {
            Err(StoreError::Refused(format!("coverage of {hull} lies outside the years 1 to 9999")))
        }
        hull => Ok(hull),
    }
}

/// What is known once `new`, in its order, is laid over `rows`, which are in order of start.
pub(crate) fn laid(rows: Vec<Coverage>, new: &[Coverage]) -> Vec<Coverage> {
    new.iter().filter(|c| !c.range.is_empty()).fold(rows, |rows, one| splice(rows, one.clone()))
}

/// Lays new coverage over what is stored; a series may come several times, the later over the earlier.
pub(crate) async fn put(conn: &mut Conn<'_>, writes: &[&SeriesWrite]) -> Result<()> {
    let mut new: BTreeMap<SeriesId, Vec<Coverage>> = BTreeMap::new();
    for write in writes.iter().filter(|w| !w.coverage.is_empty()) {
        new.entry(write.series).or_default().extend_from_slice(&write.coverage);
    }
    let (mut ids, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (id, new) in &new {
        if let Some(hull) = hull(new)? {
            ids.push(id.0);
            starts.push(hull.start);
            ends.push(hull.end);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let mut near: HashMap<SeriesId, Vec<Coverage>> = HashMap::new();
    for row in &conn.rows(NEAR, &values![ids, starts, ends]).await? {
        let (id, one) = read(&mut Fields::of(row))?;
        near.entry(id).or_default().push(one);
    }
    let (mut gone, mut come) = (Rows::default(), Rows::default());
    for (id, new) in &new {
        let before = near.remove(id).unwrap_or_default();
        let after = laid(before.clone(), new);
        // What stays as it is needs no write.
        before.iter().filter(|old| !after.contains(old)).for_each(|old| gone.push(*id, old));
        after.iter().filter(|one| !before.contains(one)).for_each(|one| come.push(*id, one));
    }
    if !gone.series.is_empty() {
        conn.run(DELETE, &values![gone.series, gone.starts]).await?;
    }
    if !come.series.is_empty() {
        let Rows { series, starts, ends, states, requests, fetched, expires, found, answers, surprises } = come;
        let rows = values![series, starts, ends, states, requests, fetched, expires, found, answers, surprises];
        conn.run(INSERT, &rows).await?;
    }
    Ok(())
}

/// Rows of the table, column by column.
#[derive(Default)]
struct Rows {
    series: Vec<i64>,
    starts: Vec<Ts>,
    ends: Vec<Ts>,
    states: Vec<Option<String>>,
    requests: Vec<Option<String>>,
    fetched: Vec<Ts>,
    expires: Vec<Option<Ts>>,
    found: Vec<Option<Ts>>,
    answers: Vec<i64>,
    surprises: Vec<Option<f64>>,
}

impl Rows {
    fn push(&mut self, id: SeriesId, row: &Coverage) {
        self.series.push(id.0);
        self.starts.push(row.range.start);
        self.ends.push(row.range.end);
        self.states.push(Some(row.state.name().to_owned()));
        self.requests.push(row.request_id.clone());
        self.fetched.push(row.fetched_at);
        self.expires.push(row.expires_at);
        self.found.push(row.found_at);
        self.answers.push(i64::from(row.answers.max(1)));
        self.surprises.push(row.surprise);
    }
}

/// Cuts `new` out of `rows`, adds it, and joins what touches.
fn splice(rows: Vec<Coverage>, new: Coverage) -> Vec<Coverage> {
    let hole = new.range;
    let mut pieces = Vec::with_capacity(rows.len() + 2);
    for row in rows {
        let before = Interval::new(row.range.start, row.range.end.min(hole.start));
        let after = Interval::new(row.range.start.max(hole.end), row.range.end);
        pieces.extend(
            [before, after].into_iter().filter(|r| !r.is_empty()).map(|range| Coverage { range, ..row.clone() }),
        );
    }
    pieces.push(new);
    pieces.sort_by_key(|c| c.range);
    let mut joined: Vec<Coverage> = Vec::with_capacity(pieces.len());
    for next in pieces {
        match joined.last_mut() {
            Some(last) if joins(last, &next) => {
                let range = last.range.hull(next.range);
                let newest = if next.fetched_at > last.fetched_at { next } else { last.clone() };
                *last = Coverage { range, ..newest };
            }
            _ => joined.push(next),
        }
    }
    joined
}

fn joins(a: &Coverage, b: &Coverage) -> bool {
    a.range.end == b.range.start && a.state == b.state && a.expires_at.is_none() && b.expires_at.is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CoverageState;

    const END: i64 = 24;

    /// What one instant is known as: state, expiry.
    type Known = Option<(CoverageState, Option<Ts>)>;

    fn one() -> impl Strategy<Value = Coverage> {
        (0..END, 1..8_i64, 0..3_usize, any::<bool>(), 0..50_i64).prop_map(|(start, len, state, expires, fetched)| {
            let range = Interval::new(Ts(start), Ts((start + len).min(END)));
            let request = Some(format!("r{fetched}"));
            let answered = Coverage::answered(range, CoverageState::ALL[state], request, Ts(fetched));
            Coverage { expires_at: expires.then_some(Ts(1_000 + fetched)), ..answered }
        })
    }

    fn known(rows: &[Coverage]) -> Vec<Known> {
        let at = |t| rows.iter().find(|c| c.range.contains(Ts(t))).map(|c| (c.state, c.expires_at));
        (0..END).map(at).collect()
    }

    proptest! {
        #[test]
        fn the_last_word_on_each_instant_wins(all in prop::collection::vec(one(), 1..12)) {
            let mut rows = Vec::new();
            let mut expected: Vec<Known> = vec![None; END as usize];
            for c in &all {
                rows = splice(rows, c.clone());
                for t in c.range.start.ms()..c.range.end.ms() {
                    expected[t as usize] = Some((c.state, c.expires_at));
                }
            }
            prop_assert_eq!(known(&rows), expected);
            for pair in rows.windows(2) {
                prop_assert!(pair[0].range.end <= pair[1].range.start, "overlap: {:?}", pair);
                prop_assert!(!joins(&pair[0], &pair[1]), "not joined: {:?}", pair);
            }
            prop_assert!(rows.iter().all(|c| !c.range.is_empty()));
        }
    }

    #[test]
    fn joined_rows_keep_the_newest_evidence() {
        let row = |start, end, fetched: i64| {
            let range = Interval::new(Ts(start), Ts(end));
            Coverage::answered(range, CoverageState::Present, Some(format!("r{fetched}")), Ts(fetched))
        };
        assert_eq!(splice(vec![row(0, 5, 1), row(10, 15, 9)], row(5, 10, 3)), [row(0, 15, 9)]);
        assert_eq!(splice(vec![row(0, 5, 1)], row(3, 8, 2)), [row(0, 8, 2)]);
    }
}
