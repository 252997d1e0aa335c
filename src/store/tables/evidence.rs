//! What reports, `explain` and alerts read: evidence of freshness, quarantined times, failed and absent features.
//!
//! Each is one statement over all series, so that a report costs the same number of queries however many series there
//! are.

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{column, each};
use crate::{Evidence, Result, SeriesId};
use barkeep_market::{Interval, Ts};

statements! {
    /// $1: now. Coverage never overlaps within a series, so at most one refusal holds it.
    EVIDENCE = Sql::same(
        "SELECT series_id, MAX(CASE WHEN state NOT IN ('not_entitled', 'late', 'quarantined', 'suspect', 'vendor_hole')
                 AND (state <> 'unjudged' OR surprise IS NOT NULL) THEN end_ts END), MAX(CASE WHEN state = 'not_entitled'
             AND start_ts <= $1 AND end_ts > $1 AND (expires_at IS NULL OR expires_at > $1) THEN start_ts END),
             MAX(CASE WHEN state = 'not_entitled' AND start_ts <= $1 AND end_ts > $1
                 AND (expires_at IS NULL OR expires_at > $1) THEN end_ts END),
             MIN(CASE WHEN state = 'late' THEN start_ts END)
         FROM coverage GROUP BY series_id");
    QUARANTINED = Sql::same(
        "SELECT ts FROM bar_quarantine WHERE series_id = $1 AND ts >= $2 AND status <> 'accepted' ORDER BY ts");
    FAILURE_COUNT = Sql::same("SELECT COUNT(*) FROM feature_computation_failures WHERE resolved = $1");
    /// Features hang on the series' key, so each series costs one look at an index.
    WITHOUT_FEATURES = Sql::two(
        "SELECT s.id FROM series AS s WHERE s.bar_count > 0 AND NOT EXISTS (SELECT 1 FROM feature_values AS f
             WHERE f.id >= s.id * 549755813888 AND f.id < (s.id + 1) * 549755813888)",
        // Whoever writes bars notes them in feature_progress; Citus has it where the features are.
        "SELECT p.series_id FROM feature_progress AS p JOIN series AS s ON s.id = p.series_id WHERE s.bar_count > 0
             AND NOT EXISTS (SELECT 1 FROM feature_values AS f WHERE f.series_id = p.series_id)
         UNION ALL SELECT s.id FROM series AS s
         WHERE s.bar_count > 0 AND s.id NOT IN (SELECT series_id FROM feature_progress)");
}

pub(crate) async fn evidence(conn: &mut Conn<'_>, now: Ts) -> Result<Vec<Evidence>> {
    each(conn, EVIDENCE, &values![now], |f| {
        let (series, answered_until) = (f.next()?, f.next()?);
        let refused = match (f.next()?, f.next()?) {
            (Some(start), Some(end)) => Some(Interval::new(start, end)),
            _ => None,
        };
        Ok(Evidence { series, answered_until, refused, late_from: f.next()? })
    })
    .await
}

pub(crate) async fn quarantined(conn: &mut Conn<'_>, series: SeriesId, since: Ts) -> Result<Vec<Ts>> {
    column(&conn.rows(QUARANTINED, &values![series, since]).await?)
}

pub(crate) async fn open_failure_count(conn: &mut Conn<'_>) -> Result<i64> {
    let counts: Vec<i64> = column(&conn.rows(FAILURE_COUNT, &values![false]).await?)?;
    Ok(counts.first().copied().unwrap_or_default())
}

pub(crate) async fn without_features(conn: &mut Conn<'_>) -> Result<Vec<SeriesId>> {
    column(&conn.rows(WITHOUT_FEATURES, &[]).await?)
}
