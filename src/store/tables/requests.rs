//! Requests as they were made, and the places at the vendor that all processes share.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{Fields, collect, column, each};
use crate::writer::Work;
use crate::{CountedAnswer, RequestFilter, RequestMinute, RequestRow, RequestTotals, Result, Waste};
use barkeep_base::clock::{Moment, Uptime};
use barkeep_market::ts::{MINUTE, millis};
use barkeep_market::{Interval, Source, Ts};
use barkeep_vendor::limit::{Grant, Place, PlaceRequest, Queued, Rank, Recorded, Refusal, Waiting, Wanted};

/// Newest requests that a condition holds for.
macro_rules! newest {
    ($condition:literal) => {
        concat!(
            "SELECT execution_id, endpoint, ticker, timeframe, asked_from, asked_to, attempt, started_at, latency_ms,
             status, outcome, error, row_count, query_count, bytes, request_id, changed, purpose
             FROM vendor_requests ",
            $condition,
            " ORDER BY started_at DESC, id DESC LIMIT $1"
        )
    };
}

statements! {
    RECORD = Sql::same(
        "INSERT INTO vendor_requests (execution_id, endpoint, ticker, timeframe, asked_from, asked_to, attempt,
             started_at, latency_ms, status, outcome, error, row_count, query_count, bytes, request_id, changed,
             purpose)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)");
    NEWEST = Sql::same(newest!(""));
    NEWEST_OF_TICKER = Sql::same(newest!("WHERE ticker = $2"));
    NEWEST_OF_EXECUTION = Sql::same(newest!("WHERE execution_id = $2"));
    NEWEST_OF_BOTH = Sql::same(newest!("WHERE ticker = $2 AND execution_id = $3"));
    /// What [`Waste::of`] looks at, counted. Stored bars that were confirmed are what a verification is for.
    UNPRODUCTIVE = Sql::same(
        "SELECT outcome, endpoint, CAST(CASE WHEN committed = 1 THEN 0 END AS BIGINT), had_rows, CAST(SUM(requests) AS BIGINT)
         FROM request_counts WHERE unproductive = 1 GROUP BY outcome, endpoint, committed, had_rows");
    /// With those that were deleted as old.
    TOTALS = Sql::same(
        "SELECT CAST(COALESCE(SUM(requests), 0) AS BIGINT), CAST(COALESCE(SUM(rate_limited), 0) AS BIGINT),
             CAST(COALESCE(SUM(CASE WHEN outcome <> 'ok' THEN requests END), 0) AS BIGINT),
             CAST(COALESCE(SUM(retries), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT)
         FROM request_counts");
    /// By minute since the epoch.
    MINUTES = Sql::two(
        "SELECT started_at / 60000, COUNT(*), COUNT(CASE WHEN status = 429 THEN 1 END) FROM vendor_requests
         WHERE started_at >= $1 GROUP BY 1 ORDER BY 1",
        "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM started_at) / 60) AS BIGINT), COUNT(*),
             COUNT(CASE WHEN status = 429 THEN 1 END) FROM vendor_requests
         WHERE started_at >= $1 GROUP BY 1 ORDER BY 1");
    /// Pages of one answer share what was asked. A page that counts less than the vendor's 50,000 is the last of its
    /// answer, so their number says how often the whole was given. The newest requests tell enough, and the limit keeps
    /// this a matter of milliseconds.
    COUNTED = Sql::same(
        "SELECT ticker, timeframe, asked_from, asked_to,
             CAST(SUM(query_count) / COUNT(CASE WHEN query_count < 50000 THEN 1 END) AS BIGINT)
         FROM (SELECT ticker, timeframe, asked_from, asked_to, query_count FROM vendor_requests
               WHERE endpoint = 'aggregates' AND outcome = 'ok' AND query_count IS NOT NULL AND ticker IS NOT NULL
                   AND timeframe IS NOT NULL AND asked_from IS NOT NULL AND asked_to IS NOT NULL
               ORDER BY started_at DESC LIMIT 50000) AS recent
         GROUP BY ticker, timeframe, asked_from, asked_to
         HAVING COUNT(CASE WHEN query_count < 50000 THEN 1 END) > 0 AND SUM(query_count) > 0
         ORDER BY ticker, timeframe, asked_from, asked_to");
    /// Places of several machines are counted by one clock.
    SERVER_NOW = Sql::two("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)", "SELECT clock_timestamp()");
    /// SQLite's `BEGIN IMMEDIATE` already keeps every other writer out.
    LOCK_PLACES = Sql::two("SELECT 1", "SELECT pg_advisory_xact_lock(7142083906)");
    /// The clock was set back: what lies ahead of it happened by now.
    CLAMP = Sql::same(
        "UPDATE rate_limit_state SET started_at = CASE WHEN started_at > $1 THEN $1 ELSE started_at END,
             answered_at = CASE WHEN answered_at > $1 THEN $1 ELSE answered_at END
         WHERE started_at > $1 OR answered_at > $1");
    PLACES = Sql::same(
        "SELECT id, vendor, started_at, answered_at, timeout_ms, boot, started_uptime_ms, answered_uptime_ms
         FROM rate_limit_state ORDER BY id");
    FORGET = Sql::two(
        "DELETE FROM rate_limit_state WHERE id IN (SELECT value FROM json_each($1))",
        "DELETE FROM rate_limit_state WHERE id = ANY($1)");
    TAKE = Sql::same(
        "INSERT INTO rate_limit_state (vendor, started_at, timeout_ms, boot, started_uptime_ms)
         VALUES ($1, $2, $3, $4, $5) RETURNING id");
    QUEUE = Sql::same("SELECT process, rank, requests, until FROM rate_limit_queue WHERE vendor = $1");
    STAND = Sql::same(
        "INSERT INTO rate_limit_queue (vendor, process, rank, requests, until) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (vendor, process) DO UPDATE SET rank = excluded.rank, requests = excluded.requests,
             until = excluded.until");
    REFUSALS = Sql::same("SELECT vendor, at, until, share FROM rate_limit_refusals");
    REFUSED = Sql::same(
        "INSERT INTO rate_limit_refusals (vendor, at, until, share) VALUES ($1, $2, $3, $4)
         ON CONFLICT (vendor) DO UPDATE SET at = excluded.at, until = excluded.until, share = excluded.share");
    FORGET_QUEUE = Sql::same("DELETE FROM rate_limit_queue WHERE until <= $1");
    LEAVE = Sql::same("DELETE FROM rate_limit_queue WHERE vendor = $1 AND process = $2");
    ANSWER = Sql::same("UPDATE rate_limit_state SET answered_at = $2, answered_uptime_ms = $3 WHERE id = $1");
}

/// [`crate::Store::record_request`].
pub(crate) struct Record(pub(crate) RequestRow);

#[async_trait]
impl Work for Record {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        record(conn, &self.0).await
    }
}

/// Also part of a page.
pub(crate) async fn record(conn: &mut Conn<'_>, r: &RequestRow) -> Result<()> {
    let row = values![
        r.execution_id,
        r.endpoint.as_ref(),
        &r.ticker,
        r.timeframe,
        r.asked.map(|a| a.start),
        r.asked.map(|a| a.end),
        r.attempt.max(1),
        r.started_at,
        r.latency_ms,
        r.status,
        &r.outcome,
        &r.error,
        r.rows,
        r.query_count,
        r.bytes,
        &r.request_id,
        r.changed,
        r.purpose.name(),
    ];
    conn.run(RECORD, &row).await.map(drop)
}

pub(crate) async fn totals(conn: &mut Conn<'_>) -> Result<RequestTotals> {
    let rows = conn.rows(TOTALS, &[]).await?;
    let Some(row) = rows.first() else { return Ok(RequestTotals::default()) };
    let mut f = Fields::of(row);
    Ok(RequestTotals {
        total_requests: f.next()?,
        rate_limited_count: f.next()?,
        failures: f.next()?,
        retries: f.next()?,
        bytes: f.next()?,
    })
}

pub(crate) async fn by_minute(conn: &mut Conn<'_>, since: Ts) -> Result<Vec<RequestMinute>> {
    collect(&conn.rows(MINUTES, &values![since]).await?, |f| {
        Ok(RequestMinute {
            start: Ts(f.next::<i64>()? * MINUTE),
            requests: u32::try_from(f.next::<i64>()?).unwrap_or(u32::MAX),
            rate_limited: u32::try_from(f.next::<i64>()?).unwrap_or(u32::MAX),
        })
    })
}

pub(crate) async fn newest(conn: &mut Conn<'_>, filter: &RequestFilter, limit: usize) -> Result<Vec<RequestRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = match (&filter.ticker, filter.execution) {
        (None, None) => conn.rows(NEWEST, &values![limit]).await?,
        (Some(ticker), None) => conn.rows(NEWEST_OF_TICKER, &values![limit, ticker.as_str()]).await?,
        (None, Some(id)) => conn.rows(NEWEST_OF_EXECUTION, &values![limit, Some(id)]).await?,
        (Some(ticker), Some(id)) => conn.rows(NEWEST_OF_BOTH, &values![limit, ticker.as_str(), Some(id)]).await?,
    };
    collect(&rows, |f| {
        Ok(RequestRow {
            execution_id: f.next()?,
            endpoint: f.next::<String>()?.into(),
            ticker: f.next()?,
            timeframe: f.next()?,
            asked: match (f.next::<Option<Ts>>()?, f.next::<Option<Ts>>()?) {
                (Some(from), Some(to)) => Some(Interval::new(from, to)),
                _ => None,
            },
            attempt: u32::try_from(f.next::<i64>()?).unwrap_or(u32::MAX),
            started_at: f.next()?,
            latency_ms: f.next()?,
            status: f.next::<Option<i64>>()?.and_then(|status| u16::try_from(status).ok()),
            outcome: f.next()?,
            error: f.next()?,
            rows: f.next()?,
            query_count: f.next()?,
            bytes: f.next()?,
            request_id: f.next()?,
            changed: f.next()?,
            purpose: f.next()?,
        })
    })
}

pub(crate) async fn wasted(conn: &mut Conn<'_>) -> Result<Vec<(Waste, i64)>> {
    let groups = each(conn, UNPRODUCTIVE, &[], |f| {
        let (outcome, endpoint): (String, String) = (f.next()?, f.next()?);
        let waste = Waste::of(&outcome, &endpoint, f.next()?, f.next()?);
        Ok((waste, f.next::<i64>()?))
    })
    .await?;
    Ok(Waste::summed(groups))
}

pub(crate) async fn counted(conn: &mut Conn<'_>) -> Result<Vec<CountedAnswer>> {
    each(conn, COUNTED, &[], |f| {
        Ok(CountedAnswer {
            ticker: f.next()?,
            timeframe: f.next()?,
            asked: Interval::new(f.next()?, f.next()?),
            counted: f.next::<i64>()?.unsigned_abs(),
        })
    })
    .await
}

/// [`crate::Store::take_place`].
pub(crate) struct TakePlace {
    pub(crate) request: PlaceRequest,
    /// By the server's clock instead.
    pub(crate) by_server: bool,
}

#[async_trait]
impl Work for TakePlace {
    type Output = Grant;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Grant> {
        let Self { mut request, by_server } = *self;
        conn.rows(LOCK_PLACES, &[]).await?;
        if by_server {
            request.now = server_moment(conn, &request.now).await?;
        }
        let now = &request.now;
        conn.run(CLAMP, &values![now.at]).await?;
        let (free, mut taken): (Vec<Place>, Vec<Place>) =
            places(conn).await?.into_iter().partition(|p| p.free_in(now).is_zero());
        if !free.is_empty() {
            let ids: Vec<i64> = free.iter().map(|place| place.id).collect();
            conn.run(FORGET, &values![ids]).await?;
        }
        taken.retain(|place| place.vendor == request.vendor);
        let line = line(conn, request.vendor).await?;
        let known = refusals(conn).await?.into_iter().find(|(vendor, _)| *vendor == request.vendor);
        let decision = request.decide(&taken, &line, known.map(|(_, refusal)| refusal));
        if let (Wanted::Report(..), Some(refusal)) = (request.wanted, decision.refusal) {
            let row = values![request.vendor.name(), refusal.at, refusal.until, refusal.share];
            conn.run(REFUSED, &row).await?;
        }
        if let Some(waiting) = request.waiting {
            let known = line.iter().any(|row| row.waiting.process == waiting.process);
            stand(conn, request.vendor, waiting.process, decision.line.as_ref(), known).await?;
        }
        if line.iter().any(|row| !row.counts(now.at)) {
            conn.run(FORGET_QUEUE, &values![now.at]).await?;
        }
        if !decision.granted {
            return Ok(decision.grant(None, taken));
        }
        let timeout = millis(request.timeout);
        let (boot, uptime) = (now.uptime.map(|up| up.boot), now.uptime.map(|up| up.ms));
        let row = values![request.vendor.name(), now.at, timeout, boot, uptime];
        let place = column(&conn.rows(TAKE, &row).await?)?.first().copied();
        Ok(decision.grant(place, taken))
    }
}

/// The processes that wait for a place at a vendor.
async fn line(conn: &mut Conn<'_>, vendor: Source) -> Result<Vec<Queued>> {
    each(conn, QUEUE, &values![vendor.name()], |f| {
        let (process, rank, requests) = (f.next()?, f.next::<i64>()?, f.next::<i64>()?);
        let rank = Rank(u8::try_from(rank).unwrap_or(u8::MAX));
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        Ok(Queued { waiting: Waiting { process, rank, requests }, until: f.next()? })
    })
    .await
}

/// The last 429 of each vendor.
async fn refusals(conn: &mut Conn<'_>) -> Result<Vec<(Source, Refusal)>> {
    each(conn, REFUSALS, &[], |f| Ok((f.next()?, Refusal { at: f.next()?, until: f.next()?, share: f.next()? }))).await
}

/// Writes the row of a process in the queue, or deletes the one it had.
async fn stand(conn: &mut Conn<'_>, vendor: Source, process: Uuid, row: Option<&Queued>, known: bool) -> Result<()> {
    if let Some(Queued { waiting, until }) = row {
        let row = values![vendor.name(), process, i64::from(waiting.rank.0), i64::from(waiting.requests), *until];
        conn.run(STAND, &row).await?;
    } else if known {
        conn.run(LEAVE, &values![vendor.name(), process]).await?;
    }
    Ok(())
}

/// The same moment by the server's clock.
async fn server_moment(conn: &mut Conn<'_>, now: &Moment) -> Result<Moment> {
    let at = server_now(conn).await?;
    Ok(Moment { at: at.unwrap_or(now.at), ..*now })
}

/// What time it is for the database.
pub(crate) async fn server_now(conn: &mut Conn<'_>) -> Result<Option<Ts>> {
    Ok(column(&conn.rows(SERVER_NOW, &[]).await?)?.pop())
}

/// [`crate::Store::place_answered`].
pub(crate) struct AnswerPlace {
    pub(crate) place: i64,
    pub(crate) now: Moment,
    /// By the server's clock instead.
    pub(crate) by_server: bool,
}

#[async_trait]
impl Work for AnswerPlace {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let Self { place, now, by_server } = self;
        let now = if *by_server { server_moment(conn, now).await? } else { *now };
        conn.run(ANSWER, &values![*place, now.at, now.uptime.map(|up| up.ms)]).await.map(drop)
    }
}

pub(crate) async fn recorded(conn: &mut Conn<'_>) -> Result<Recorded> {
    Ok(Recorded { places: places(conn).await?, refusals: refusals(conn).await? })
}

async fn places(conn: &mut Conn<'_>) -> Result<Vec<Place>> {
    each(conn, PLACES, &[], |f| {
        let (id, vendor) = (f.next()?, f.next()?);
        let (started_at, answered_at) = (f.next()?, f.next::<Option<Ts>>()?);
        let timeout = Duration::from_millis(f.next::<i64>()?.unsigned_abs());
        let boot = f.next::<Option<Uuid>>()?;
        let (started_up, answered_up) = (f.next::<Option<i64>>()?, f.next::<Option<i64>>()?);
        let moment = |at, ms: Option<i64>| Moment { at, uptime: boot.zip(ms).map(|(boot, ms)| Uptime { boot, ms }) };
        Ok(Place {
            id,
            vendor,
            started: moment(started_at, started_up),
            answered: answered_at.map(|at| moment(at, answered_up)),
            timeout,
        })
    })
    .await
}
