//! What a day bar is made of: prices of regular hours, volume of all of them.

use std::ops::ControlFlow;

use chrono::NaiveDate;

use crate::data::hours::{Hours, midnight};
use crate::data::source::{Row, Sink, Unreadable};

/// Regular hours of a date (crypto: the UTC day); `None` when the exchange stays closed.
pub(crate) fn regular(hours: &Hours, crypto: bool, date: NaiveDate) -> Option<(i64, i64)> {
    if crypto {
        return Some((midnight(crypto, date), midnight(crypto, date.succ_opt()?)));
    }
    hours.on(date).map(|day| (day.open, day.close))
}

/// The day bar of the base bars that `feed` pours in; `None` without one in regular hours.
pub(crate) fn day_bar(
    hours: &Hours,
    crypto: bool,
    date: NaiveDate,
    feed: &mut dyn FnMut(Sink<'_>) -> Result<(), Unreadable>,
) -> Result<Option<Row>, Unreadable> {
    let Some((open, close)) = regular(hours, crypto, date) else { return Ok(None) };
    let (mut bar, mut volume, mut money, mut trades) = (None::<Row>, 0.0, 0.0, 0);
    feed(&mut |row| {
        volume += row.v;
        money += row.v * row.vw.unwrap_or(row.c);
        trades += row.n.unwrap_or(0);
        if (open..close).contains(&row.t) {
            let bar = bar.get_or_insert(Row { t: midnight(crypto, date), ..*row });
            bar.h = bar.h.max(row.h);
            bar.l = bar.l.min(row.l);
            bar.c = row.c;
        }
        ControlFlow::Continue(())
    })?;
    Ok(bar.map(|bar| Row { v: volume, vw: Some(round_mean(money / volume)), n: Some(trades), ..bar }))
}

/// A mean price with enough digits that means of means differ by less than a millionth.
pub(crate) fn round_mean(x: f64) -> f64 {
    round(x, if x >= 4.0 { 6 } else { 10 })
}

/// The nearest number with so many decimals.
pub(crate) fn round(x: f64, decimals: u32) -> f64 {
    let scale = 10f64.powi(decimals as i32);
    (x * scale).round() / scale
}
