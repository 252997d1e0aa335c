//! The public candles of the Coinbase Exchange, beside the other vendor on the same port: `/products/{id}/candles`.
//!
//! Its habits: no key, a user agent, rows of `[time, low, high, open, close, volume]` newest first, both ends inclusive,
//! no row where nothing traded, a refusal of what would be more than 300 candles, and so many requests a second for each
//! address. It serves the same bars as `X:BTCUSD` and its like.

use chrono::DateTime;

use crate::data::grid::Grid;
use crate::data::source::Row;
use crate::http::page::json;
use crate::http::request::{Judge, VendorRequest};
use crate::shared::Shared;
use barkeep_market::ts::SECOND;

/// Candles of one answer. One more passes, because both ends are inclusive.
const MOST: i64 = 300;
/// Widths it has, in seconds, and what they are here.
const WIDTHS: [(i64, i64, &str); 6] = [
    (60, 1, "minute"),
    (300, 5, "minute"),
    (900, 15, "minute"),
    (3_600, 1, "hour"),
    (21_600, 6, "hour"),
    (86_400, 1, "day"),
];

/// Status, body, rows.
pub(crate) type Said = (u16, String, usize);

/// Whether a request is for this vendor.
pub(crate) fn is_asked(request: &VendorRequest) -> bool {
    request.segments.first().is_some_and(|segment| segment == "products")
}

fn refused(status: u16, message: &str) -> Said {
    (status, format!(r#"{{"message":{}}}"#, json(message)), 0)
}

/// Refuses what comes without a name or too often.
pub(crate) fn admit(shared: &Shared, has_agent: bool) -> Result<(), Said> {
    if !has_agent {
        return Err(refused(400, "User-Agent header is required."));
    }
    let mut limit = crate::lock(&shared.public);
    // Read inside the lock, so that arrivals are in order.
    let admitted = limit.arrive(shared.config.public_per_second, shared.started.elapsed());
    if admitted { Ok(()) } else { Err(refused(429, "Public rate limit exceeded")) }
}

pub(crate) fn answer(shared: &Shared, request: &VendorRequest, judge: &Judge) -> Said {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["products", id] => product(shared, judge, id),
        ["products", id, "candles"] => candles(shared, request, judge, id),
        _ => refused(404, "NotFound"),
    }
}

/// The other vendor's ticker of a product that exists.
fn ticker(shared: &Shared, judge: &Judge, id: &str) -> Option<String> {
    let (base, quote) = id.split_once('-')?;
    let ticker = format!("X:{base}{quote}");
    shared.view(&judge.book, judge.now).exists(&ticker).then_some(ticker)
}

fn product(shared: &Shared, judge: &Judge, id: &str) -> Said {
    let Some((base, quote)) = ticker(shared, judge, id).and(id.split_once('-')) else {
        return refused(404, "NotFound");
    };
    let body = format!(
        r#"{{"id":{},"base_currency":{},"quote_currency":{},"display_name":{},"status":"online","trading_disabled":false}}"#,
        json(id),
        json(base),
        json(quote),
        json(&id.replace('-', "/"))
    );
    (200, body, 1)
}

fn candles(shared: &Shared, request: &VendorRequest, judge: &Judge, id: &str) -> Said {
    let Some(ticker) = ticker(shared, judge, id) else { return refused(404, "NotFound") };
    let width = request.param("granularity").unwrap_or("60").parse::<i64>().ok();
    let Some((seconds, multiplier, span)) = WIDTHS.into_iter().find(|(seconds, ..)| Some(*seconds) == width) else {
        return refused(400, "Unsupported granularity");
    };
    let width = seconds * SECOND;
    let ends = (request.param("start"), request.param("end"));
    let (start, end) = match ends {
        (None, None) => (judge.now.ms() - MOST * width, judge.now.ms()),
        (Some(start), Some(end)) => match (instant(start), instant(end)) {
            (Some(start), Some(end)) => (start, end),
            _ => return refused(400, "Invalid start or end"),
        },
        _ => return refused(400, "start and end must be given together"),
    };
    if end < start {
        return refused(400, "start must be before end");
    }
    if (end - start) / width > MOST {
        return refused(
            400,
            "granularity too small for the requested time range. Count of aggregations requested exceeds 300",
        );
    }
    let Some(grid) = Grid::of(true, multiplier, span) else { return refused(400, "Unsupported granularity") };
    shared.notice(&ticker);
    let view = shared.view(&judge.book, judge.now);
    // The first candle is the first that begins at or after the start.
    let first = (start + width - 1).div_euclid(width) * width;
    let range = (first, end.div_euclid(width) * width + width);
    match view.roll(&ticker, grid, range, judge.now.ms(), None, &|row| *row) {
        Ok(rolled) => {
            let rows: Vec<String> = rolled.rows.iter().rev().map(row).collect();
            (200, format!("[{}]", rows.join(",")), rows.len())
        }
        Err(e) => refused(500, &e.0),
    }
}

fn row(Row { t, o, h, l, c, v, .. }: &Row) -> String {
    format!("[{},{l},{h},{o},{c},{v}]", t / SECOND)
}

fn instant(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(SECOND);
    }
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
}
