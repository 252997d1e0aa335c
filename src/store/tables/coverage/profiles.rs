//! How often a series trades at which time of day.

use std::collections::BTreeMap;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::each;
use crate::{Result, SeriesId, SeriesWrite};
use barkeep_market::Ts;
use barkeep_market::evidence::Part;

statements! {
    OF = Sql::two(
        "SELECT series_id, part, sessions FROM profiles WHERE series_id IN (SELECT value FROM json_each($1))
         ORDER BY series_id, part",
        "SELECT series_id, part, sessions FROM profiles WHERE series_id = ANY($1) ORDER BY series_id, part");
    PUT = Sql::same(
        "INSERT INTO profiles (series_id, part, sessions, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (series_id, part) DO UPDATE SET sessions = excluded.sessions, updated_at = excluded.updated_at");
    /// Coverage from before silence was judged.
    UNREVIEWED = Sql::same(
        "SELECT DISTINCT c.series_id FROM coverage AS c WHERE c.state = 'present'
             AND NOT EXISTS (SELECT 1 FROM profiles AS p WHERE p.series_id = c.series_id) ORDER BY c.series_id");
}

pub(crate) async fn of(conn: &mut Conn<'_>, series: &[SeriesId]) -> Result<Vec<(SeriesId, Part, String)>> {
    let ids: Vec<i64> = series.iter().map(|s| s.0).collect();
    each(conn, OF, &values![ids], |f| Ok((f.next()?, f.next()?, f.next()?))).await
}

/// Series with coverage and no profile, derived ones included.
pub(crate) async fn unreviewed(conn: &mut Conn<'_>) -> Result<Vec<SeriesId>> {
    crate::field::column(&conn.rows(UNREVIEWED, &[]).await?)
}

/// Writes what changed; of a part that comes several times, the last.
pub(crate) async fn put(conn: &mut Conn<'_>, writes: &[(&SeriesWrite, Ts)]) -> Result<()> {
    let mut newest: BTreeMap<(SeriesId, Part), (&str, Ts)> = BTreeMap::new();
    for (write, at) in writes {
        newest.extend(write.profile.iter().map(|(part, json)| ((write.series, *part), (json.as_str(), *at))));
    }
    for ((series, part), (json, at)) in newest {
        conn.run(PUT, &values![series, part.name(), json, at]).await?;
    }
    Ok(())
}
