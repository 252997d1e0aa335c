//! Dividends, and what they and splits did to prices.

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{collect, column};
use crate::writer::Work;
use crate::{Result, SeriesId, StoreError};
use barkeep_market::dividend::{self, Dividend, Paid, PriceFactors};
use barkeep_market::split::Split;
use barkeep_market::{AssetClass, Bar, Symbol, Timeframe, Ts};

statements! {
    OF = Sql::same(
        "SELECT id, ex_date, cash_amount, currency, kind, frequency, declaration_date, record_date, pay_date
         FROM dividends WHERE symbol = $1 ORDER BY ex_date, id");
    CLEAR = Sql::same("DELETE FROM dividends WHERE symbol = $1");
    PUT = Sql::same(
        "INSERT INTO dividends (symbol, id, ex_date, cash_amount, currency, kind, frequency, declaration_date, record_date,
             pay_date, fetched_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (symbol, ex_date, id) DO NOTHING");
    PUT_CHECKED = Sql::same(
        "INSERT INTO dividends_checked (symbol, fetched_at) VALUES ($1, $2)
         ON CONFLICT (symbol) DO UPDATE SET fetched_at = excluded.fetched_at");
    CHECKED = Sql::same("SELECT symbol, fetched_at FROM dividends_checked");
    EX_DATES = Sql::same("SELECT DISTINCT symbol, ex_date FROM dividends WHERE ex_date >= $1");
    SPLITS = Sql::same(
        "SELECT execution_date, split_from, split_to FROM splits WHERE symbol = $1 AND status <> 'contradicted'
         ORDER BY execution_date, split_from, split_to");
    CLASS = Sql::same("SELECT asset_class FROM symbols WHERE symbol = $1");
    SERIES = Sql::same("SELECT id, timeframe FROM series WHERE symbol = $1 AND timeframe <> '1w' AND bar_count > 0");
    /// What was paid on each ex-date, with the last bar that began before the session before it was over.
    PAID = Sql::same(
        "SELECT p.ex_date, p.amount, b.ts, b.close FROM (
             SELECT q.ex_date, q.amount,
                 (SELECT MAX(k.ts) FROM bars AS k WHERE k.series_id = $2 AND k.ts < q.closed) AS ts
             FROM (
                 SELECT d.ex_date, SUM(d.cash_amount) AS amount,
                     (SELECT MAX(m.close_ts) FROM market_sessions AS m WHERE m.date = (
                         SELECT MAX(e.date) FROM market_sessions AS e WHERE e.date < d.ex_date)) AS closed
                 FROM dividends AS d WHERE d.symbol = $1 AND (d.currency = 'USD' OR d.currency IS NULL)
                 GROUP BY d.ex_date
             ) AS q
         ) AS p LEFT JOIN bars AS b ON b.series_id = $2 AND b.ts = p.ts ORDER BY p.ex_date");
    FACTORS = Sql::same(
        "SELECT at_ts, split_from, split_to, dividend FROM price_factors WHERE symbol = $1 ORDER BY at_ts");
    CLEAR_FACTORS = Sql::same("DELETE FROM price_factors WHERE symbol = $1");
    PUT_FACTOR = Sql::same(
        "INSERT INTO price_factors (symbol, at_ts, split_from, split_to, dividend) VALUES ($1, $2, $3, $4, $5)");
    MARK = Sql::same("UPDATE series SET writes = writes + 1 WHERE symbol = $1");
    CLEAR_WEEKS = Sql::same("DELETE FROM split_weeks WHERE series_id = $1");
    PUT_WEEK = Sql::same(
        "INSERT INTO split_weeks (series_id, ts, open, high, low, close, volume, vwap)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT 1 FROM series WHERE id = $1)");
}

/// By ex-date.
pub(crate) async fn of(conn: &mut Conn<'_>, symbol: &Symbol) -> Result<Vec<Dividend>> {
    collect(&conn.rows(OF, &values![symbol]).await?, |f| {
        Ok(Dividend {
            id: f.next()?,
            ex_date: f.next()?,
            cash_amount: f.next()?,
            currency: f.next()?,
            kind: f.next()?,
            frequency: f.next()?,
            declaration_date: f.next()?,
            record_date: f.next()?,
            pay_date: f.next()?,
        })
    })
}

/// By symbol.
pub(crate) async fn fetched_at(conn: &mut Conn<'_>) -> Result<Vec<(Symbol, Ts)>> {
    let mut rows = collect(&conn.rows(CHECKED, &[]).await?, |f| Ok((f.next()?, f.next()?)))?;
    rows.sort();
    Ok(rows)
}

/// By symbol and date.
pub(crate) async fn ex_dates(conn: &mut Conn<'_>, from: NaiveDate) -> Result<Vec<(Symbol, NaiveDate)>> {
    let mut rows = collect(&conn.rows(EX_DATES, &values![from]).await?, |f| Ok((f.next()?, f.next()?)))?;
    rows.sort();
    Ok(rows)
}

/// By time.
pub(crate) async fn factors(conn: &mut Conn<'_>, symbol: &Symbol) -> Result<Vec<PriceFactors>> {
    collect(&conn.rows(FACTORS, &values![symbol]).await?, |f| {
        Ok(PriceFactors { at: f.next()?, split_from: f.next()?, split_to: f.next()?, dividend: f.next()? })
    })
}

/// Refuses an amount that is none.
pub(crate) fn check(symbol: &Symbol, dividend: &Dividend) -> Result<()> {
    let refused = || StoreError::Refused(format!("the dividend of {symbol} on {} has no amount", dividend.ex_date));
    dividend.is_sound().then_some(()).ok_or_else(refused)
}

/// [`crate::Store::put_dividends`].
pub(crate) struct PutDividends {
    pub(crate) dividends: Vec<(Symbol, Vec<Dividend>)>,
    pub(crate) fetched_at: Ts,
}

#[async_trait]
impl Work for PutDividends {
    type Output = ();

    fn check(&self) -> Result<()> {
        self.dividends.iter().try_for_each(|(symbol, rows)| rows.iter().try_for_each(|row| check(symbol, row)))
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for (symbol, rows) in &self.dividends {
            conn.run(PUT_CHECKED, &values![symbol, self.fetched_at]).await?;
            // Nearly always the list is the one of yesterday.
            if sorted(rows) == of(conn, symbol).await? {
                continue;
            }
            conn.run(CLEAR, &values![symbol]).await?;
            for row in rows {
                let dates = [row.declaration_date, row.record_date, row.pay_date];
                let [declared, recorded, paid] = dates;
                let (currency, kind) = (&row.currency, &row.kind);
                let of_row = values![
                    symbol,
                    &row.id,
                    row.ex_date,
                    row.cash_amount,
                    currency,
                    kind,
                    row.frequency,
                    declared,
                    recorded,
                    paid,
                    self.fetched_at
                ];
                conn.run(PUT, &of_row).await?;
            }
            refresh(conn, symbol).await?;
        }
        Ok(())
    }
}

/// As they are read: by ex-date and name, each name once a day.
pub(crate) fn sorted(rows: &[Dividend]) -> Vec<Dividend> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| (a.ex_date, &a.id).cmp(&(b.ex_date, &b.id)));
    rows.dedup_by(|a, b| (a.ex_date, &a.id) == (b.ex_date, &b.id));
    rows
}

/// [`crate::Store::refresh_price_factors`].
pub(crate) struct Refresh(pub(crate) Vec<Symbol>);

#[async_trait]
impl Work for Refresh {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for symbol in &self.0 {
            refresh(conn, symbol).await?;
        }
        Ok(())
    }
}

/// Makes the factors of a symbol anew, and marks its series where they are others than before.
pub(crate) async fn refresh(conn: &mut Conn<'_>, symbol: &Symbol) -> Result<()> {
    let class = column(&conn.rows(CLASS, &values![symbol]).await?)?.pop().unwrap_or(AssetClass::Stock);
    let splits = collect(&conn.rows(SPLITS, &values![symbol]).await?, |f| {
        Ok(Split { date: f.next()?, from: f.next()?, to: f.next()? })
    })?;
    let mut series: Vec<(SeriesId, Timeframe)> =
        collect(&conn.rows(SERIES, &values![symbol]).await?, |f| Ok((f.next()?, f.next()?)))?;
    // The close of a day, else of the last bar in its regular hours.
    series.sort_by_key(|(_, timeframe)| (*timeframe != Timeframe::D1, *timeframe));
    // Without any series there is no close before any dividend.
    let series = series.first().map(|(id, _)| *id);
    let paid = collect(&conn.rows(PAID, &values![symbol, series.map(|id| id.0)]).await?, |f| {
        let (ex_date, amount): (NaiveDate, f64) = (f.next()?, f.next()?);
        let (ts, close): (Option<Ts>, Option<f64>) = (f.next()?, f.next()?);
        Ok(Paid { ex_date, amount, before: ts.map(|ts| class.date_of(ts)).zip(close) })
    })?;
    let made = dividend::price_factors(&splits, &paid, class);
    if made == factors(conn, symbol).await? {
        return Ok(());
    }
    conn.run(CLEAR_FACTORS, &values![symbol]).await?;
    for f in &made {
        conn.run(PUT_FACTOR, &values![symbol, f.at, f.split_from, f.split_to, f.dividend]).await?;
    }
    conn.run(MARK, &values![symbol]).await.map(drop)
}

/// [`crate::Store::put_split_weeks`].
pub(crate) struct PutSplitWeeks {
    pub(crate) series: SeriesId,
    pub(crate) weeks: Vec<Bar>,
}

#[async_trait]
impl Work for PutSplitWeeks {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(CLEAR_WEEKS, &values![self.series]).await?;
        for w in &self.weeks {
            let row = values![self.series, w.ts, w.open, w.high, w.low, w.close, w.volume, w.vwap];
            conn.run(PUT_WEEK, &row).await?;
        }
        Ok(())
    }
}
