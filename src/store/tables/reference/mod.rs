//! Reference data beside the bars: splits of symbols and corrections of the calendar.

pub(crate) mod dividends;
pub(crate) mod sessions;

use async_trait::async_trait;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::each;
use crate::writer::Work;
use crate::{HolidayRow, PlanStart, Result, SplitRow, StoreError};
use barkeep_market::split::Split;
use barkeep_market::{Symbol, Ts};

statements! {
    SPLITS = Sql::same(
        "SELECT execution_date, split_from, split_to FROM splits WHERE symbol = $1 AND status <> 'contradicted'
         ORDER BY execution_date, split_from, split_to");
    SPLIT_ROWS = Sql::same(
        "SELECT execution_date, split_from, split_to, status, note FROM splits WHERE symbol = $1
         ORDER BY execution_date, split_from, split_to");
    ALL_SPLITS = Sql::same(
        "SELECT symbol, execution_date, split_from, split_to FROM splits WHERE status <> 'contradicted'");
    CLEAR_SPLITS = Sql::same("DELETE FROM splits WHERE symbol = $1");
    PUT_SPLIT = Sql::same(
        "INSERT INTO splits (symbol, execution_date, split_from, split_to, fetched_at, status, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (symbol, execution_date, split_from, split_to) DO UPDATE SET fetched_at = excluded.fetched_at,
             status = excluded.status, note = excluded.note");
    PUT_CHECKED = Sql::same(
        "INSERT INTO splits_checked (symbol, fetched_at) VALUES ($1, $2)
         ON CONFLICT (symbol) DO UPDATE SET fetched_at = excluded.fetched_at");
    /// Prices shown and features change with a split.
    MARK = Sql::same("UPDATE series SET writes = writes + 1 WHERE symbol = $1");
    CHECKED = Sql::same("SELECT symbol, fetched_at FROM splits_checked");
    PLAN_STARTS = Sql::same("SELECT market, starts_on, learned_at FROM plan_starts ORDER BY market");
    PUT_PLAN_START = Sql::same(
        "INSERT INTO plan_starts (market, starts_on, learned_at) VALUES ($1, $2, $3)
         ON CONFLICT (market) DO UPDATE SET starts_on = excluded.starts_on, learned_at = excluded.learned_at");
    HOLIDAYS = Sql::same("SELECT date, close_ts, name, fetched_at FROM holidays ORDER BY date");
    PUT_HOLIDAY = Sql::same(
        "INSERT INTO holidays (date, close_ts, name, fetched_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (date) DO UPDATE SET close_ts = excluded.close_ts, name = excluded.name,
             fetched_at = excluded.fetched_at");
}

pub(crate) async fn splits(conn: &mut Conn<'_>, symbol: &Symbol) -> Result<Vec<Split>> {
    each(conn, SPLITS, &values![symbol], |f| Ok(Split { date: f.next()?, from: f.next()?, to: f.next()? })).await
}

/// All that the vendor lists, contradicted ones included.
pub(crate) async fn split_rows(conn: &mut Conn<'_>, symbol: &Symbol) -> Result<Vec<SplitRow>> {
    each(conn, SPLIT_ROWS, &values![symbol], |f| {
        let split = Split { date: f.next()?, from: f.next()?, to: f.next()? };
        Ok(SplitRow { split, status: f.next()?, note: f.next()? })
    })
    .await
}

/// At most one a market.
pub(crate) async fn plan_starts(conn: &mut Conn<'_>) -> Result<Vec<PlanStart>> {
    each(conn, PLAN_STARTS, &[], |f| {
        let continuous = f.next::<String>()? == CONTINUOUS;
        Ok(PlanStart { continuous, starts_on: f.next()?, learned_at: f.next()? })
    })
    .await
}

const CONTINUOUS: &str = "continuous";

/// [`crate::Store::put_plan_start`].
pub(crate) struct PutPlanStart(pub(crate) PlanStart);

#[async_trait]
impl Work for PutPlanStart {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let PlanStart { continuous, starts_on, learned_at } = self.0;
        let market = if continuous { CONTINUOUS } else { "exchange" };
        conn.run(PUT_PLAN_START, &values![market, starts_on, learned_at]).await.map(drop)
    }
}

/// By symbol and date.
pub(crate) async fn all_splits(conn: &mut Conn<'_>) -> Result<Vec<(Symbol, Split)>> {
    let mut rows =
        each(conn, ALL_SPLITS, &[], |f| Ok((f.next()?, Split { date: f.next()?, from: f.next()?, to: f.next()? })))
            .await?;
    rows.sort_by(|(a, x): &(Symbol, Split), (b, y)| (a, x.date).cmp(&(b, y.date)));
    Ok(rows)
}

/// By symbol.
pub(crate) async fn splits_fetched_at(conn: &mut Conn<'_>) -> Result<Vec<(Symbol, Ts)>> {
    let mut rows = each(conn, CHECKED, &[], |f| Ok((f.next()?, f.next()?))).await?;
    rows.sort();
    Ok(rows)
}

pub(crate) async fn holidays(conn: &mut Conn<'_>) -> Result<Vec<HolidayRow>> {
    each(conn, HOLIDAYS, &[], |f| {
        Ok(HolidayRow { date: f.next()?, close: f.next()?, name: f.next()?, fetched_at: f.next()? })
    })
    .await
}

/// Refuses a split that would multiply by nothing.
pub(crate) fn check(symbol: &Symbol, split: &Split) -> Result<()> {
    let refused = || StoreError::Refused(format!("the split of {symbol} on {} has no factor", split.date));
    split.is_sound().then_some(()).ok_or_else(refused)
}

/// [`crate::Store::put_splits`].
pub(crate) struct PutSplits {
    pub(crate) splits: Vec<(Symbol, Vec<SplitRow>)>,
    pub(crate) fetched_at: Ts,
}

#[async_trait]
impl Work for PutSplits {
    type Output = ();

    fn check(&self) -> Result<()> {
        self.splits.iter().try_for_each(|(symbol, splits)| splits.iter().try_for_each(|row| check(symbol, &row.split)))
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for (symbol, splits) in &self.splits {
            conn.run(CLEAR_SPLITS, &values![symbol]).await?;
            for SplitRow { split, status, note } in splits {
                let row = values![symbol, split.date, split.from, split.to, self.fetched_at, status.name(), note];
                conn.run(PUT_SPLIT, &row).await?;
            }
            conn.run(PUT_CHECKED, &values![symbol, self.fetched_at]).await?;
            conn.run(MARK, &values![symbol]).await?;
            dividends::refresh(conn, symbol).await?;
        }
        Ok(())
    }
}

/// [`crate::Store::put_holidays`]: inserts or replaces by date.
pub(crate) struct PutHolidays(pub(crate) Vec<HolidayRow>);

#[async_trait]
impl Work for PutHolidays {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for row in &self.0 {
            conn.run(PUT_HOLIDAY, &values![row.date, row.close, &row.name, row.fetched_at]).await?;
            sessions::announce(conn, row).await?;
        }
        Ok(())
    }
}
