//! Bars that cannot be true, kept with their evidence until an operator decides.

use async_trait::async_trait;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{column, each};
use crate::tables::bars;
use crate::writer::Work;
use crate::{QuarantineRow, Result, SeriesId, SeriesWrite, StoreError, StoredBar, Verdict, diff, series};
use barkeep_market::{Bar, Interval, Ts};

statements! {
    /// The same bar seen again, decided or not, is not noted again.
    ADD = Sql::same(
        "INSERT INTO bar_quarantine (series_id, ts, open, high, low, close, volume, vwap, trades, reason, fingerprint,
             request_id, detected_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (series_id, ts, reason, fingerprint) DO NOTHING");
    /// $1: whether decided ones are wanted too.
    LIST = Sql::same(
        "SELECT q.id, q.series_id, s.symbol, s.timeframe, q.ts, q.open, q.high, q.low, q.close, q.volume, q.vwap,
             q.trades, q.reason, q.request_id, q.detected_at, q.status, q.decided_at
         FROM bar_quarantine AS q JOIN series AS s ON s.id = q.series_id
         WHERE $1 OR q.status = 'pending' ORDER BY q.detected_at DESC, q.id DESC");
    PENDING = Sql::two(
        "SELECT series_id FROM bar_quarantine WHERE id = $1 AND status = 'pending'",
        "SELECT series_id FROM bar_quarantine WHERE id = $1 AND status = 'pending' FOR UPDATE");
    /// A decision that is taken back.
    DECIDED = Sql::two(
        "SELECT series_id, ts, open, high, low, close, volume, vwap, trades, status, decided_at
         FROM bar_quarantine WHERE id = $1 AND status <> 'pending'",
        "SELECT series_id, ts, open, high, low, close, volume, vwap, trades, status, decided_at
         FROM bar_quarantine WHERE id = $1 AND status <> 'pending' FOR UPDATE");
    REOPEN = Sql::same("UPDATE bar_quarantine SET status = 'pending', decided_at = NULL WHERE id = $1");
    CLOSE = Sql::same(
        "UPDATE bar_quarantine SET status = $2, decided_at = $3 WHERE id = $1 AND status = 'pending'");
    DECIDE = Sql::same("UPDATE bar_quarantine SET status = $2, decided_at = $3 WHERE id = $1");
}

/// Notes the quarantined bars of a write; says how many are new.
pub(crate) async fn add(conn: &mut Conn<'_>, write: &SeriesWrite, at: Ts) -> Result<u64> {
    let mut added = 0;
    for q in &write.quarantine {
        let b = &q.bar;
        let finite = |v: f64| v.is_finite().then_some(v);
        let row = values![
            write.series,
            b.ts.clamp(Ts::MIN, Ts::MAX),
            finite(b.open),
            finite(b.high),
            finite(b.low),
            finite(b.close),
            finite(b.volume),
            b.vwap.and_then(finite),
            b.trades,
            &q.reason,
            fingerprint(b),
            &q.request_id,
            at,
        ];
        added += conn.run(ADD, &row).await?;
    }
    Ok(added)
}

/// The values as text, exact to the bit and including what is no number.
pub(crate) fn fingerprint(b: &Bar) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
        b.open,
        b.high,
        b.low,
        b.close,
        b.volume,
        b.vwap,
        b.trades,
        b.ts.ms()
    )
}

/// Quarantined bars, newest first. A value that was no number reads as NaN.
pub(crate) async fn all(conn: &mut Conn<'_>, only_pending: bool) -> Result<Vec<QuarantineRow>> {
    let number = |v: Option<f64>| v.unwrap_or(f64::NAN);
    each(conn, LIST, &values![!only_pending], |f| {
        Ok(QuarantineRow {
            id: f.next()?,
            series_id: f.next()?,
            symbol: f.next()?,
            timeframe: f.next()?,
            bar: Bar {
                ts: f.next()?,
                open: number(f.next()?),
                high: number(f.next()?),
                low: number(f.next()?),
                close: number(f.next()?),
                volume: number(f.next()?),
                vwap: f.next()?,
                trades: f.next()?,
            },
            reason: f.next()?,
            request_id: f.next()?,
            detected_at: f.next()?,
            status: f.next()?,
            decided_at: f.next()?,
        })
    })
    .await
}

/// Refuses what is no decision.
pub(crate) fn check(verdict: Verdict, accepted: Option<&StoredBar>) -> Result<()> {
    match (verdict, accepted) {
        (Verdict::Accepted, _) | (Verdict::Rejected | Verdict::Pending, None) => Ok(()),
        (Verdict::Rejected, Some(_)) => Err(StoreError::Refused("a rejected bar is not stored".into())),
        (Verdict::Pending, Some(_)) => Err(StoreError::Refused("undoing a decision stores no bar".into())),
    }
}

pub(crate) fn not_decided(id: i64) -> StoreError {
    StoreError::NotFound(format!("no reviewed bar {id} in quarantine; there is nothing to undo"))
}

/// Why a bar that was accepted goes to `bar_revisions`.
pub(crate) const UNDONE: &str = "undone";
/// Why a bar went there that an accepted one replaced.
pub(crate) const ACCEPTED: &str = "accepted";

/// A decision that was made.
struct Decided {
    series: SeriesId,
    bar: Bar,
    accepted: bool,
    at: Option<Ts>,
}

/// Takes a decision back. The accepted bar goes to `bar_revisions` and what it replaced is stored again; a bar that the
/// vendor has changed since is left alone.
async fn undo(conn: &mut Conn<'_>, id: i64, at: Ts) -> Result<()> {
    let number = |v: Option<f64>| v.unwrap_or(f64::NAN);
    let found = each(conn, DECIDED, &values![id], |f| {
        Ok(Decided {
            series: f.next()?,
            bar: Bar {
                ts: f.next()?,
                open: number(f.next()?),
                high: number(f.next()?),
                low: number(f.next()?),
                close: number(f.next()?),
                volume: number(f.next()?),
                vwap: f.next()?,
                trades: f.next()?,
            },
            accepted: f.next::<Verdict>()? == Verdict::Accepted,
            at: f.next()?,
        })
    })
    .await?;
    let Decided { series, bar, accepted, at: decided_at } = found.into_iter().next().ok_or_else(|| not_decided(id))?;
    if accepted {
        series::lock(conn, [series]).await?;
        let here = Interval::new(bar.ts, bar.ts + 1);
        let stored = bars::within(conn, series, here.into(), Some(1)).await?.pop();
        if let Some(stored) = stored.filter(|row| row.bar.same_values(&bar)) {
            let before = match decided_at {
                Some(decided_at) => bars::revision(conn, series, (bar.ts, ACCEPTED, decided_at)).await?,
                None => None,
            };
            match before {
                Some(before) => drop(bars::store(conn, &accepting(series, before), at, UNDONE).await?),
                None => bars::remove(conn, series, &stored, at, UNDONE).await?,
            }
        }
    }
    conn.run(REOPEN, &values![id]).await?;
    Ok(())
}

pub(crate) fn not_pending(id: i64) -> StoreError {
    StoreError::NotFound(format!("no pending bar {id} in quarantine; it may have been reviewed"))
}

/// An accepted bar as a write of its series.
pub(crate) fn accepting(series: SeriesId, bar: StoredBar) -> SeriesWrite {
    SeriesWrite { bars: vec![bar], ..SeriesWrite::nothing(series) }
}

/// [`crate::Store::decide_quarantine`].
pub(crate) struct Decide {
    pub(crate) id: i64,
    pub(crate) verdict: Verdict,
    pub(crate) accepted: Option<StoredBar>,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Decide {
    type Output = ();

    fn check(&self) -> Result<()> {
        check(self.verdict, self.accepted.as_ref())?;
        self.accepted.iter().try_for_each(diff::check_bar)
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        if self.verdict == Verdict::Pending {
            return undo(conn, self.id, self.at).await;
        }
        let found: Vec<SeriesId> = column(&conn.rows(PENDING, &values![self.id]).await?)?;
        let series = *found.first().ok_or_else(|| not_pending(self.id))?;
        if let Some(bar) = &self.accepted {
            series::lock(conn, [series]).await?;
            bars::store(conn, &accepting(series, bar.clone()), self.at, ACCEPTED).await?;
        }
        conn.run(DECIDE, &values![self.id, self.verdict.name(), self.at]).await?;
        Ok(())
    }
}

/// [`crate::Store::close_quarantine`].
pub(crate) struct Close {
    pub(crate) ids: Vec<i64>,
    pub(crate) verdict: Verdict,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Close {
    type Output = ();

    fn check(&self) -> Result<()> {
        check_closing(self.verdict)
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for id in &self.ids {
            conn.run(CLOSE, &values![*id, self.verdict.name(), self.at]).await?;
        }
        Ok(())
    }
}

/// Refuses what decides nothing.
pub(crate) fn check_closing(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Accepted | Verdict::Rejected => Ok(()),
        Verdict::Pending => Err(StoreError::Refused("decisions are undone one at a time".into())),
    }
}
