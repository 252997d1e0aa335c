//! Tracked symbols and their series.

pub(crate) mod merge;

use async_trait::async_trait;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::each;
use crate::writer::Work;
use crate::{Listing, Result, SeriesId, SeriesRow, StoreError, SymbolRow};
use barkeep_market::{Symbol, Timeframe, Ts};

statements! {
    ALL = Sql::same(
        "SELECT symbol, asset_class, vendor_ticker, vendor, criticality, criticality_source, timeframes, active, paused, added_at,
             history_from, listing, listing_checked_at, listed_on, ended_on, renamed_to
         FROM symbols");
    // A row that was changed has the number of a newer transaction.
    MARK = Sql::two(
        "SELECT (SELECT COUNT(*) FROM symbols), 0, (SELECT COALESCE(MAX(id), 0) FROM series)",
        "SELECT COUNT(*), COALESCE(MAX(xmin::text::bigint), 0), (SELECT COALESCE(MAX(id), 0) FROM series) FROM symbols");
    PUT = Sql::same(
        "INSERT INTO symbols (symbol, asset_class, vendor_ticker, vendor, criticality, criticality_source, timeframes,
             active, paused, added_at, history_from, listing, listing_checked_at, listed_on, ended_on, renamed_to)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (symbol) DO UPDATE SET asset_class = excluded.asset_class,
             vendor_ticker = excluded.vendor_ticker, vendor = excluded.vendor, criticality = excluded.criticality,
             criticality_source = excluded.criticality_source, timeframes = excluded.timeframes,
             active = excluded.active, paused = excluded.paused,
             added_at = excluded.added_at, history_from = excluded.history_from, listing = excluded.listing,
             listing_checked_at = excluded.listing_checked_at, listed_on = excluded.listed_on,
             ended_on = excluded.ended_on, renamed_to = excluded.renamed_to");
    PUT_SERIES = Sql::same("INSERT INTO series (symbol, timeframe) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    SERIES = Sql::same("SELECT id, symbol, timeframe, bar_count, first_ts, last_ts, checked_at, verified_at, paused FROM series");
    VERIFIED = Sql::two(
        "UPDATE series SET verified_at = $2 WHERE id IN (SELECT value FROM json_each($1))",
        "UPDATE series SET verified_at = $2 WHERE id = ANY($1)");
    PAUSE = Sql::same("UPDATE series SET paused = $3 WHERE symbol = $1 AND timeframe = $2");
    LOCK = Sql::two(
        "SELECT id FROM series WHERE symbol = $1",
        "SELECT id FROM series WHERE symbol = $1 ORDER BY id FOR UPDATE");
    DELETE_BARS = Sql::same("DELETE FROM bars WHERE series_id IN (SELECT id FROM series WHERE symbol = $1)");
    DELETE_FEATURES = Sql::two(
        "DELETE FROM feature_values WHERE id IN (SELECT f.id FROM series AS s CROSS JOIN feature_values AS f
             ON f.id >= s.id * 549755813888 AND f.id < (s.id + 1) * 549755813888 WHERE s.symbol = $1)",
        "DELETE FROM feature_values WHERE series_id IN (SELECT id FROM series WHERE symbol = $1)");
    DELETE_SPLITS = Sql::same("DELETE FROM splits WHERE symbol = $1");
    DELETE_SPLITS_CHECKED = Sql::same("DELETE FROM splits_checked WHERE symbol = $1");
    DELETE_DIVIDENDS = Sql::same("DELETE FROM dividends WHERE symbol = $1");
    DELETE_DIVIDENDS_CHECKED = Sql::same("DELETE FROM dividends_checked WHERE symbol = $1");
    DELETE_PRICE_FACTORS = Sql::same("DELETE FROM price_factors WHERE symbol = $1");
    DELETE_FRESHNESS = Sql::same("DELETE FROM feature_freshness WHERE symbol = $1");
    DELETE_FAILURES = Sql::same("DELETE FROM feature_computation_failures WHERE symbol = $1");
    LISTING = Sql::same(
        "UPDATE symbols SET listing = $2, listing_checked_at = $3, listed_on = $4, ended_on = $5, renamed_to = $6
         WHERE symbol = $1");
    DELETE_SYMBOL = Sql::same("DELETE FROM symbols WHERE symbol = $1");
}

/// [`crate::Store::symbols_mark`].
pub(crate) async fn mark(conn: &mut Conn<'_>) -> Result<[i64; 3]> {
    let marks = each(conn, MARK, &[], |f| Ok([f.next()?, f.next()?, f.next()?])).await?;
    Ok(marks.first().copied().unwrap_or_default())
}

/// All symbols by name.
pub(crate) async fn all(conn: &mut Conn<'_>) -> Result<Vec<SymbolRow>> {
    let mut rows = each(conn, ALL, &[], |f| {
        Ok(SymbolRow {
            symbol: f.next()?,
            asset_class: f.next()?,
            vendor_ticker: f.next()?,
            vendor: f.next()?,
            criticality: f.next()?,
            criticality_source: f.next()?,
            timeframes: f.next()?,
            active: f.next()?,
            paused: f.next()?,
            added_at: f.next()?,
            history_from: f.next()?,
            listing: Listing {
                state: f.next()?,
                checked_at: f.next()?,
                listed_on: f.next()?,
                ended_on: f.next()?,
                renamed_to: f.next()?,
            },
        })
    })
    .await?;
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(rows)
}

/// All series by symbol, fine to coarse.
pub(crate) async fn series(conn: &mut Conn<'_>) -> Result<Vec<SeriesRow>> {
    let mut rows = each(conn, SERIES, &[], |f| {
        Ok(SeriesRow {
            id: f.next()?,
            symbol: f.next()?,
            timeframe: f.next()?,
            bar_count: f.next()?,
            first_ts: f.next()?,
            last_ts: f.next()?,
            checked_at: f.next()?,
            verified_at: f.next()?,
            paused: f.next()?,
        })
    })
    .await?;
    rows.sort_by(|a, b| (&a.symbol, a.timeframe).cmp(&(&b.symbol, b.timeframe)));
    share_names(&mut rows);
    Ok(rows)
}

/// Leaves one copy of each name in memory, of rows that are sorted by it.
fn share_names(rows: &mut [SeriesRow]) {
    let mut last: Option<Symbol> = None;
    for row in rows {
        match &last {
            Some(name) if *name == row.symbol => row.symbol = name.clone(),
            _ => last = Some(row.symbol.clone()),
        }
    }
}

pub(crate) fn untracked(symbol: &Symbol) -> StoreError {
    StoreError::NotFound(format!("'{symbol}' is not a tracked symbol"))
}

/// [`crate::Store::put_symbols`].
pub(crate) struct Put(pub(crate) Vec<SymbolRow>);

#[async_trait]
impl Work for Put {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for row in &self.0 {
            let mut timeframes = row.timeframes.clone();
            timeframes.sort_unstable();
            timeframes.dedup();
            let list: Vec<&str> = timeframes.iter().map(|t| t.name()).collect();
            let values = values![
                &row.symbol,
                row.asset_class.name(),
                &row.vendor_ticker,
                row.vendor.name(),
                row.criticality.name(),
                row.criticality_source.name(),
                list.join(","),
                row.active,
                row.paused,
                row.added_at,
                row.history_from,
                row.listing.state.name(),
                row.listing.checked_at,
                row.listing.listed_on,
                row.listing.ended_on,
                row.listing.renamed_to.as_ref().map(ToString::to_string),
            ];
            conn.run(PUT, &values).await?;
            for timeframe in timeframes {
                conn.run(PUT_SERIES, &values![&row.symbol, timeframe]).await?;
            }
        }
        Ok(())
    }
}

/// [`crate::Store::note_listing`].
pub(crate) struct NoteListing(pub(crate) Symbol, pub(crate) Listing);

#[async_trait]
impl Work for NoteListing {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let Self(symbol, Listing { state, checked_at, listed_on, ended_on, renamed_to }) = self;
        let renamed_to = renamed_to.as_ref().map(ToString::to_string);
        let values = values![symbol, state.name(), *checked_at, *listed_on, *ended_on, renamed_to];
        if conn.run(LISTING, &values).await? == 0 { Err(untracked(symbol)) } else { Ok(()) }
    }
}

pub(crate) fn unkept(symbol: &Symbol, timeframe: Timeframe) -> StoreError {
    StoreError::NotFound(format!("'{symbol}' is not tracked at {timeframe}"))
}

/// [`crate::Store::note_verified`].
pub(crate) struct Verified {
    pub(crate) series: Vec<SeriesId>,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Verified {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let ids: Vec<i64> = self.series.iter().map(|id| id.0).collect();
        conn.run(VERIFIED, &values![ids, self.at]).await.map(drop)
    }
}

/// [`crate::Store::set_paused`].
pub(crate) struct Pause {
    pub(crate) series: Vec<(Symbol, Timeframe)>,
    pub(crate) paused: bool,
}

#[async_trait]
impl Work for Pause {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for (symbol, timeframe) in &self.series {
            if conn.run(PAUSE, &values![symbol, *timeframe, self.paused]).await? == 0 {
                return Err(unkept(symbol, *timeframe));
            }
        }
        Ok(())
    }
}

/// [`crate::Store::remove_symbol`]. What happened (executions, requests) stays on record.
pub(crate) struct Remove(pub(crate) Symbol);

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let symbol = values![&self.0];
        conn.rows(LOCK, &symbol).await?;
        // Before the rows that name the series; revisions, quarantine and coverage go with the series itself.
        let attached = [
            DELETE_BARS,
            DELETE_FEATURES,
            DELETE_SPLITS,
            DELETE_SPLITS_CHECKED,
            DELETE_DIVIDENDS,
            DELETE_DIVIDENDS_CHECKED,
            DELETE_PRICE_FACTORS,
            DELETE_FRESHNESS,
            DELETE_FAILURES,
        ];
        for delete in attached {
            conn.run(delete, &symbol).await?;
        }
        if conn.run(DELETE_SYMBOL, &symbol).await? == 0 {
            return Err(untracked(&self.0));
        }
        Ok(())
    }
}

/// [`crate::Store::replace_symbol`].
pub(crate) struct Replace(pub(crate) SymbolRow);

#[async_trait]
impl Work for Replace {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        Remove(self.0.symbol.clone()).run(conn).await?;
        Put(vec![self.0.clone()]).run(conn).await
    }
}
