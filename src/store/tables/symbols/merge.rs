//! Two symbols that are one: what only the double has moves to the one that is kept.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Put, Remove};
use crate::conn::{Conn, Sql, statements, values};
use crate::field::column;
use crate::tables::{bars, coverage, page, symbols};
use crate::writer::Work;
use crate::{MergedSeries, Result, SeriesId, SeriesRow, SeriesWrite, StoreError, StoredBar, SymbolRow, TimeRange};
use crate::{diff, series};
use barkeep_market::{Symbol, Timeframe, Ts};

/// Bars read and written at once.
const STRETCH: usize = 20_000;

statements! {
    /// Bars that both have with different values. By a CTE: with Citus the two series may be on different nodes.
    DIFFERING = Sql::same(
        "WITH d AS MATERIALIZED (SELECT * FROM bars WHERE series_id = $1)
         SELECT COUNT(*) FROM d JOIN bars AS k ON k.ts = d.ts
         WHERE k.series_id = $2
             AND ((d.open, d.high, d.low, d.close, d.volume) <> (k.open, k.high, k.low, k.close, k.volume)
                 OR d.vwap IS DISTINCT FROM k.vwap OR d.trades IS DISTINCT FROM k.trades)");
    COMMON = Sql::same(
        "WITH d AS MATERIALIZED (SELECT ts FROM bars WHERE series_id = $1)
         SELECT COUNT(*) FROM d JOIN bars AS k ON k.ts = d.ts WHERE k.series_id = $2");
    REVISE = Sql::same(
        "INSERT INTO bar_revisions (series_id, ts, open, high, low, close, volume, vwap, trades, provisional, fetched_at,
             superseded_at, reason)
         WITH d AS MATERIALIZED (SELECT * FROM bars WHERE series_id = $1)
         SELECT k.series_id, d.ts, d.open, d.high, d.low, d.close, d.volume, d.vwap, d.trades, d.provisional,
             d.fetched_at, $3, 'changed'
         FROM d JOIN bars AS k ON k.ts = d.ts
         WHERE k.series_id = $2
             AND ((d.open, d.high, d.low, d.close, d.volume) <> (k.open, k.high, k.low, k.close, k.volume)
                 OR d.vwap IS DISTINCT FROM k.vwap OR d.trades IS DISTINCT FROM k.trades)");
    /// In PostgreSQL the old rows go with their series: with Citus no row changes the node it is on.
    REVISIONS = Sql::two(
        "UPDATE bar_revisions SET series_id = $2 WHERE series_id = $1",
        "INSERT INTO bar_revisions (series_id, ts, open, high, low, close, volume, vwap, trades, provisional, fetched_at,
             superseded_at, reason)
         SELECT CAST($2 AS BIGINT), ts, open, high, low, close, volume, vwap, trades, provisional, fetched_at, superseded_at, reason
         FROM bar_revisions WHERE series_id = $1 ORDER BY id");
    QUARANTINE = Sql::same(
        "UPDATE bar_quarantine SET series_id = $2 WHERE series_id = $1 AND NOT EXISTS (
             SELECT 1 FROM bar_quarantine AS k WHERE k.series_id = $2 AND k.ts = bar_quarantine.ts
                 AND k.reason = bar_quarantine.reason AND k.fingerprint = bar_quarantine.fingerprint)");
}

/// [`crate::Store::merge_symbol`].
pub(crate) struct Merge {
    pub(crate) double: Symbol,
    pub(crate) kept: Symbol,
    pub(crate) apply: bool,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Merge {
    type Output = Vec<MergedSeries>;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Self::Output> {
        let rows = symbols::all(conn).await?;
        let row =
            |symbol: &Symbol| rows.iter().find(|row| row.symbol == *symbol).ok_or_else(|| symbols::untracked(symbol));
        let (double, kept) = (row(&self.double)?, row(&self.kept)?);
        check(double, kept)?;
        if self.apply {
            Put(vec![united(double, kept)]).run(conn).await?;
        }
        let all = symbols::series(conn).await?;
        if self.apply {
            let both = all.iter().filter(|s| s.symbol == self.double || s.symbol == self.kept);
            series::lock(conn, both.map(|s| s.id)).await?;
        }
        let of = |symbol: &Symbol| -> BTreeMap<Timeframe, &SeriesRow> {
            all.iter().filter(|s| s.symbol == *symbol).map(|s| (s.timeframe, s)).collect()
        };
        let mut merged = Vec::new();
        let into = of(&self.kept);
        for (timeframe, from) in of(&self.double) {
            let Some(into) = into.get(&timeframe) else {
                merged.push(MergedSeries { timeframe, moved: from.bar_count, equal: 0, differing: 0 });
                continue;
            };
            let pair = values![from.id, into.id];
            let [common, differing] = [count(conn, COMMON, &pair).await?, count(conn, DIFFERING, &pair).await?];
            let equal = common - differing;
            merged.push(MergedSeries { timeframe, moved: from.bar_count - common, equal, differing });
            if self.apply {
                conn.run(REVISE, &values![from.id, into.id, self.at]).await?;
                unite(conn, from, into.id, self.at).await?;
                conn.run(REVISIONS, &pair).await?;
                conn.run(QUARANTINE, &pair).await?;
            }
        }
        if self.apply {
            Remove(self.double.clone()).run(conn).await?;
        }
        Ok(merged)
    }
}

/// Refuses two symbols that are not one.
pub(crate) fn check(double: &SymbolRow, kept: &SymbolRow) -> Result<()> {
    let same = double.symbol != kept.symbol
        && (double.asset_class, double.vendor, &double.vendor_ticker)
            == (kept.asset_class, kept.vendor, &kept.vendor_ticker);
    let (a, b) = (&double.symbol, &kept.symbol);
    if same { Ok(()) } else { Err(StoreError::Refused(format!("'{a}' and '{b}' do not trade as the same ticker"))) }
}

/// The kept symbol, with the timeframes of both; it is tracked if one of them was.
pub(crate) fn united(double: &SymbolRow, kept: &SymbolRow) -> SymbolRow {
    let mut timeframes = [kept.timeframes.as_slice(), &double.timeframes].concat();
    timeframes.sort_unstable();
    timeframes.dedup();
    SymbolRow {
        timeframes,
        active: kept.active || double.active,
        added_at: kept.added_at.min(double.added_at),
        history_from: kept.history_from.into_iter().chain(double.history_from).min(),
        ..kept.clone()
    }
}

/// Of ascending bars, those with a start that is not in `stored`.
pub(crate) fn missing(bars: Vec<StoredBar>, stored: &[StoredBar]) -> Vec<StoredBar> {
    let has = |bar: &StoredBar| stored.binary_search_by_key(&bar.bar.ts, |s| s.bar.ts).is_ok();
    bars.into_iter().filter(|bar| !has(bar)).collect()
}

async fn count(conn: &mut Conn<'_>, sql: Sql, pair: &[crate::conn::Value]) -> Result<i64> {
    Ok(column(&conn.rows(sql, pair).await?)?.pop().unwrap_or(0))
}

/// Bars and coverage that only the double has. What both answered for is believed of the kept one.
async fn unite(conn: &mut Conn<'_>, from: &SeriesRow, into: SeriesId, at: Ts) -> Result<()> {
    let mut range: TimeRange = (..).into();
    loop {
        let bars = bars::within(conn, from.id, range, Some(STRETCH)).await?;
        let Some(last) = bars.last().map(|bar| bar.bar.ts) else { break };
        let full = bars.len() == STRETCH;
        let write = SeriesWrite { bars, ..SeriesWrite::nothing(into) };
        let stored = bars::within(conn, into, diff::touched(&write).into(), None).await?;
        let write = SeriesWrite { bars: missing(write.bars, &stored), ..SeriesWrite::nothing(into) };
        if !write.bars.is_empty() {
            bars::store(conn, &write, at, "changed").await?;
        }
        if !full {
            break;
        }
        range.from = Some(last + 1);
    }
    let mut both = coverage::of(conn, &[from.id, into]).await?.into_iter().map(|(_, rows)| rows);
    let (double, kept) = (both.next().unwrap_or_default(), both.next().unwrap_or_default());
    let write = SeriesWrite {
        coverage: coverage::laid(double, &kept),
        checked_at: from.checked_at,
        ..SeriesWrite::nothing(into)
    };
    coverage::put(conn, &[&write]).await?;
    page::checked(conn, &[&write]).await
}
