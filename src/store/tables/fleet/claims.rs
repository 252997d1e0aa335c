//! Which execution works on which series: one row each, decided about under a lock, renewed while its process lives.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use uuid::Uuid;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::each;
use crate::tables::fleet::{items, workers};
use crate::writer::Work;
use crate::{Claimed, Holder, KeptClaim, Result, SeriesClaim, SeriesClaiming, SeriesId, StoreError, claims};
use barkeep_base::process;
use barkeep_market::{Symbol, Timeframe};

statements! {
    /// Two that decide at once would both see a free series. SQLite's transactions exclude each other anyway.
    LOCK = Sql::two("SELECT 1", "LOCK TABLE series_claims IN SHARE ROW EXCLUSIVE MODE");
    ALL = Sql::two(
        "SELECT execution_id, place, owner, scheduled <> 0, granted <> 0, families,
             renewed_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 30000 FROM series_claims ORDER BY place",
        "SELECT execution_id, place, owner, scheduled, granted, families,
             renewed_at < clock_timestamp() - INTERVAL '30 s' FROM series_claims ORDER BY place");
    PUT = Sql::two(
        "INSERT INTO series_claims (execution_id, place, owner, scheduled, granted, families, renewed_at)
         VALUES ($1, $2, $3, $4, $5, $6, CAST(unixepoch('subsec') * 1000 AS INTEGER))
         ON CONFLICT (execution_id) DO UPDATE SET owner = excluded.owner, granted = excluded.granted,
             families = excluded.families, renewed_at = excluded.renewed_at",
        "INSERT INTO series_claims (execution_id, place, owner, scheduled, granted, families, renewed_at)
         VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
         ON CONFLICT (execution_id) DO UPDATE SET owner = excluded.owner, granted = excluded.granted,
             families = excluded.families, renewed_at = excluded.renewed_at");
    RENEW = Sql::two(
        "UPDATE series_claims SET renewed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE execution_id = $1 AND owner = $2",
        "UPDATE series_claims SET renewed_at = clock_timestamp() WHERE execution_id = $1 AND owner = $2");
    /// Nobody takes the series of this execution over before the transaction has ended.
    HOLD = Sql::two(
        "SELECT 1 FROM series_claims WHERE execution_id = $1 AND owner = $2 AND granted <> 0",
        "SELECT 1 FROM series_claims WHERE execution_id = $1 AND owner = $2 AND granted FOR KEY SHARE");
    /// Nobody claims anything before the transaction has ended.
    LOCK_OUT = Sql::two("SELECT 1", "LOCK TABLE series_claims IN ROW EXCLUSIVE MODE");
    WRITTEN = Sql::two(
        "SELECT symbol, timeframe FROM series WHERE id IN (SELECT value FROM json_each($1))",
        "SELECT symbol, timeframe FROM series WHERE id = ANY($1)");
    /// Of one that is just committing a page it is not taken away.
    TAKE_AWAY = Sql::two(
        "DELETE FROM series_claims WHERE execution_id = $1 AND owner = $2",
        "DELETE FROM series_claims WHERE execution_id = (
             SELECT execution_id FROM series_claims WHERE execution_id = $1 AND owner = $2 FOR UPDATE SKIP LOCKED)");
    RELEASE = Sql::same("DELETE FROM series_claims WHERE execution_id = $1 AND owner = $2");
}

/// All claims, and whether each was not renewed for 30 s.
async fn all(conn: &mut Conn<'_>) -> Result<Vec<(bool, KeptClaim)>> {
    each(conn, ALL, &[], |f| {
        let execution_id: Uuid = f.next()?;
        let place: i64 = f.next()?;
        let owner: String = f.next()?;
        let (scheduled, granted): (bool, bool) = (f.next()?, f.next()?);
        let families: String = f.next()?;
        let families: Vec<Claimed> = serde_json::from_str(&families)
            .map_err(|e| StoreError::Unusable(format!("a claim of series cannot be read: {e}")))?;
        let silent: bool = f.next()?;
        let claim = SeriesClaim { execution_id, owner, scheduled, families };
        Ok((silent, KeptClaim { place, granted, claim }))
    })
    .await
}

/// Fails when an execution writes series that another has taken over since: it was silent for 30 s. Its own are its own
/// until the end of the transaction.
pub(crate) async fn hold(conn: &mut Conn<'_>, owner: &str, writes: &BTreeMap<Uuid, BTreeSet<SeriesId>>) -> Result<()> {
    for (execution, series) in writes {
        if !conn.rows(HOLD, &values![*execution, owner]).await?.is_empty() {
            continue;
        }
        // It never had a claim, or lost it: then what counts is that nobody else has one.
        conn.run(LOCK_OUT, &[]).await?;
        let series: Vec<i64> = series.iter().map(|id| id.0).collect();
        let written: Vec<Claimed> = each(conn, WRITTEN, &values![series], |f| {
            let (symbol, timeframe): (Symbol, Timeframe) = (f.next()?, f.next()?);
            Ok((symbol, timeframe.family()))
        })
        .await?;
        let taken = all(conn).await?.into_iter().find_map(|(silent, KeptClaim { granted, claim, .. })| {
            let is_other = claim.execution_id != *execution || claim.owner != owner;
            let shared = claim.families.iter().find(|family| written.contains(family)).cloned();
            shared.filter(|_| granted && !silent && is_other).map(|(symbol, _)| (symbol, claim.execution_id))
        });
        if let Some((symbol, other)) = taken {
            return Err(StoreError::TakenOver(format!(
                "execution {other} has taken over {symbol}, after this process sent no heartbeat for 30 s"
            )));
        }
    }
    Ok(())
}

/// [`crate::Store::claim_series`].
pub(crate) struct Claim(pub(crate) SeriesClaim);

#[async_trait]
impl Work for Claim {
    type Output = SeriesClaiming;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<SeriesClaiming> {
        conn.run(LOCK, &[]).await?;
        let rows = all(conn).await?;
        let own = process::worker_of(&self.0.owner).unwrap_or_else(process::worker);
        let gone = workers::dead(conn, own, rows.iter().map(|(_, kept)| &kept.claim.owner)).await?;
        let mut living = Vec::with_capacity(rows.len());
        for (silent, kept) in rows {
            let (execution, owner) = (kept.claim.execution_id, &kept.claim.owner);
            let is_dead = silent || gone.contains(owner);
            let claim = values![execution, owner];
            // An order of a dead process is taken up before the schedule has its series.
            let is_order = !kept.claim.scheduled && execution != self.0.execution_id && !silent;
            if !is_dead
                || (self.0.scheduled && is_order)
                || items::is_under_way(conn, execution, own, owner).await?
                || conn.run(TAKE_AWAY, &claim).await? == 0
            {
                living.push(kept);
            }
        }
        // Two processes have taken up the same execution; the first goes on.
        let id = self.0.execution_id;
        let elsewhere = |kept: &&KeptClaim| kept.claim.execution_id == id && kept.claim.owner != self.0.owner;
        if let Some((symbol, _)) = living.iter().find(elsewhere).and_then(|kept| kept.claim.families.first()) {
            return Ok(SeriesClaiming::Waits(Holder { execution_id: id, symbol: symbol.clone() }));
        }
        let claiming = claims::decide(&living, &self.0);
        let (granted, families) = match &claiming {
            SeriesClaiming::Granted(families) => (true, families),
            SeriesClaiming::Waits(_) => (false, &self.0.families),
        };
        let families = serde_json::to_string(families).map_err(|e| StoreError::Refused(e.to_string()))?;
        let place = claims::place_of(&living, self.0.execution_id);
        let row = values![self.0.execution_id, place, &self.0.owner, self.0.scheduled, granted, families];
        conn.run(PUT, &row).await?;
        Ok(claiming)
    }
}

/// [`crate::Store::renew_claims`].
pub(crate) struct Renew(pub(crate) Vec<Uuid>, pub(crate) String);

#[async_trait]
impl Work for Renew {
    type Output = Vec<Uuid>;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Vec<Uuid>> {
        let mut gone = Vec::new();
        for id in &self.0 {
            if conn.run(RENEW, &values![*id, &self.1]).await? == 0 {
                gone.push(*id);
            }
        }
        Ok(gone)
    }
}

/// [`crate::Store::release_claim`].
pub(crate) struct Release(pub(crate) Uuid, pub(crate) String);

#[async_trait]
impl Work for Release {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(RELEASE, &values![self.0, &self.1]).await.map(drop)
    }
}
