//! What the HTTP API keeps: its keys, the answers to requests that may be repeated, and the marks of series.

use async_trait::async_trait;

use crate::conn::{Conn, Sql, limit, statements, values};
use crate::field::collect;
use crate::writer::Work;
use crate::{ApiKey, ApiRequest, IdempotencyClaim, Result, SeriesId, StoreError};
use barkeep_market::{Symbol, Ts};

statements! {
    KEYS = Sql::same(
        "SELECT id, name, hash, role, created_at, revoked_at, last_used_at FROM api_keys ORDER BY created_at, id");
    ADD_KEY = Sql::same(
        "INSERT INTO api_keys (name, hash, role, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING");
    KEY_OF = Sql::same("SELECT hash FROM api_keys WHERE name = $1");
    REVOKE = Sql::same("UPDATE api_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL");
    USED = Sql::same(
        "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)");
    FORGET = Sql::same(
        "DELETE FROM api_requests WHERE created_at < $1 OR (status IS NULL AND created_at < $2)");
    CLAIM = Sql::same(
        "INSERT INTO api_requests (actor, idempotency_key, fingerprint, token, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (actor, idempotency_key) DO NOTHING");
    CLAIMED = Sql::same(
        "SELECT token, fingerprint, status, body FROM api_requests WHERE actor = $1 AND idempotency_key = $2");
    ANSWER = Sql::same(
        "UPDATE api_requests SET status = $4, body = $5
         WHERE actor = $1 AND idempotency_key = $2 AND token = $3");
    RELEASE = Sql::same(
        "DELETE FROM api_requests WHERE actor = $1 AND idempotency_key = $2 AND token = $3 AND status IS NULL");
    MARKS = Sql::two(
        "SELECT id, writes FROM series WHERE id IN (SELECT value FROM json_each($1))",
        "SELECT id, writes FROM series WHERE id = ANY($1)");
    BUSIEST = Sql::same(
        "SELECT s.symbol, MAX(b.volume * b.close) FROM series AS s JOIN bars AS b ON b.series_id = s.id AND b.ts = s.last_ts
         WHERE s.timeframe = (SELECT MIN(t.timeframe) FROM series AS t WHERE t.symbol = s.symbol AND t.bar_count > 0
             AND t.timeframe IN ('1d', '1h'))
         GROUP BY s.symbol ORDER BY 2 DESC, s.symbol LIMIT $1");
}

/// In the order they were made.
pub(crate) async fn keys(conn: &mut Conn<'_>) -> Result<Vec<ApiKey>> {
    collect(&conn.rows(KEYS, &[]).await?, |f| {
        Ok(ApiKey {
            id: f.next()?,
            name: f.next()?,
            hash: f.next()?,
            role: f.next()?,
            created_at: f.next()?,
            revoked_at: f.next()?,
            last_used_at: f.next()?,
        })
    })
}

/// What making a key says when there is one of that name.
pub(crate) fn taken(name: &str) -> StoreError {
    StoreError::Refused(format!("a key named '{name}' already exists"))
}

/// [`crate::Store::add_api_key`].
pub(crate) struct AddKey(pub(crate) ApiKey);

#[async_trait]
impl Work for AddKey {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let ApiKey { name, hash, role, created_at, .. } = &self.0;
        if conn.run(ADD_KEY, &values![name, hash, role.name(), *created_at]).await? > 0 {
            return Ok(());
        }
        // Repeated after a lost answer, the row is this very key.
        let found: Vec<String> = crate::field::column(&conn.rows(KEY_OF, &values![name]).await?)?;
        if found.first() == Some(hash) { Ok(()) } else { Err(taken(name)) }
    }
}

/// [`crate::Store::revoke_api_key`].
pub(crate) struct Revoke {
    pub(crate) name: String,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Revoke {
    type Output = bool;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<bool> {
        Ok(conn.run(REVOKE, &values![&self.name, self.at]).await? > 0)
    }
}

/// [`crate::Store::note_api_keys_used`].
pub(crate) struct Used(pub(crate) Vec<(i64, Ts)>);

#[async_trait]
impl Work for Used {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for (id, at) in &self.0 {
            conn.run(USED, &values![*id, *at]).await?;
        }
        Ok(())
    }
}

/// [`crate::Store::claim_request`].
pub(crate) struct Claiming {
    pub(crate) request: ApiRequest,
    pub(crate) expired: Ts,
    pub(crate) abandoned: Ts,
}

#[async_trait]
impl Work for Claiming {
    type Output = IdempotencyClaim;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<IdempotencyClaim> {
        let r = &self.request;
        conn.run(FORGET, &values![self.expired, self.abandoned]).await?;
        let row = values![&r.actor, &r.key, &r.fingerprint, r.token, r.at];
        if conn.run(CLAIM, &row).await? > 0 {
            return Ok(IdempotencyClaim::Ours);
        }
        let rows = collect(&conn.rows(CLAIMED, &values![&r.actor, &r.key]).await?, |f| {
            let token: uuid::Uuid = f.next()?;
            let fingerprint: String = f.next()?;
            let (status, body): (Option<i64>, Option<String>) = (f.next()?, f.next()?);
            Ok(claim(r, token, &fingerprint, status, body))
        })?;
        // Gone between the two statements: somebody gave it back; the caller may try again.
        Ok(rows.into_iter().next().unwrap_or(IdempotencyClaim::InProgress))
    }
}

/// What a row that stands means for a request with the same key.
pub(crate) fn claim(
    r: &ApiRequest,
    token: uuid::Uuid,
    fingerprint: &str,
    status: Option<i64>,
    body: Option<String>,
) -> IdempotencyClaim {
    match (status.and_then(|s| u16::try_from(s).ok()), body) {
        // The same claim once more, after a lost answer.
        (None, _) if token == r.token => IdempotencyClaim::Ours,
        _ if fingerprint != r.fingerprint => IdempotencyClaim::Another,
        (Some(status), body) => IdempotencyClaim::Answered { status, body: body.unwrap_or_default() },
        (None, _) => IdempotencyClaim::InProgress,
    }
}

/// [`crate::Store::settle_request`].
pub(crate) struct Settle {
    pub(crate) request: ApiRequest,
    pub(crate) answer: Option<(u16, String)>,
}

#[async_trait]
impl Work for Settle {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let r = &self.request;
        match &self.answer {
            Some((status, body)) => {
                conn.run(ANSWER, &values![&r.actor, &r.key, r.token, Some(*status), body]).await.map(drop)
            }
            None => conn.run(RELEASE, &values![&r.actor, &r.key, r.token]).await.map(drop),
        }
    }
}

/// Series that do not exist are absent.
pub(crate) async fn marks(conn: &mut Conn<'_>, series: &[SeriesId]) -> Result<Vec<(SeriesId, i64)>> {
    let ids: Vec<i64> = series.iter().map(|s| s.0).collect();
    collect(&conn.rows(MARKS, &values![ids]).await?, |f| Ok((f.next()?, f.next()?)))
}

/// The symbols that turned over most in their newest bar of a day, or of an hour where there are no days.
pub(crate) async fn busiest(conn: &mut Conn<'_>, count: usize) -> Result<Vec<Symbol>> {
    crate::field::column(&conn.rows(BUSIEST, &[limit(count)]).await?)
}
