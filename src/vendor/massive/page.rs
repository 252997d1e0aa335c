//! A page of bars, checked: it belongs to the question, it is whole, every time in it is inside the asked range, and it
//! can be true.
//!
//! A page that fails any check is refused as a whole. What remains possible in a page that passes is a single
//! impossible bar (a zero price, an off-grid time), which is the engine's to judge.

use std::collections::HashSet;
use std::hash::Hash;

use chrono::NaiveTime;

use super::address::{Base, with_parameter};
use super::client::identifier;
use super::wire::{BarRow, Counts, Envelope, Object, PAGE_LIMIT, Whole, object, shown};
use crate::sound::moved::{self, Placed};
use crate::{AggregateQuery, Cursor, Fault, Page, sound};
use barkeep_market::ts::{DAY, SECOND};
use barkeep_market::{AssetClass, Bar, Calendar, Interval, Session, Timeframe, Ts};

/// Base aggregates per page when the vendor, or something before it, does not see the limit that was asked for.
const DEFAULT_LIMIT: u64 = 5_000;

/// Reads a page of aggregates that came for `asked`, a path and query; `first` unless a cursor led to it.
pub(super) fn aggregates(
    body: &[u8],
    query: &AggregateQuery,
    base: &Base,
    asked: &str,
    first: bool,
) -> Result<Page, Fault> {
    let mut envelope: Envelope<Object<BarRow>> = object(body)?;
    let request_id = envelope.request_id.as_deref().map(identifier);
    let rows = envelope.rows(Counts::Exact)?;
    // An answer that names no ticker is taken at its word: the path has named it.
    if let Some(ticker) = envelope.ticker.as_deref().filter(|ticker| *ticker != query.ticker) {
        let text = format!("the answer is for {}, the request was for {}", shown(ticker), query.ticker);
        return Err(Fault::malformed(text));
    }
    let (count, most) = (rows.len() as u64, PAGE_LIMIT);
    let adjusted = envelope.adjusted == Some(true) && !rows.is_empty();
    let mut bars = Vec::with_capacity(rows.len());
    let (mut outside, mut near) = (Vec::new(), None);
    for Object(row) in rows {
        let ts = bar_start(query.timeframe, query.class, Ts(row.t.0));
        if !query.range.contains(ts) {
            // A date read in another zone; what lies in the middle of an answer was not read so.
            let at_its_end = if ts < query.range.start { first } else { envelope.next_url().is_none() };
            if !(at_its_end && near.get_or_insert_with(|| margin(query)).contains(ts)) {
                return Err(Fault::malformed(out_of_range(row.t, query)));
            }
            outside.push(ts);
            continue;
        }
        let BarRow { o, h, l, c, v, vw, n, .. } = row;
        bars.push(bar(ts, [o, h, l, c, v], vw, n));
    }
    if bars.is_empty() && !outside.is_empty() {
        return Err(Fault::malformed(format!("every bar lies outside the requested range {}", query.range)));
    }
    bars.sort_by_key(|b| b.ts);
    drop_repeats(&mut bars, |a, b| a.ts == b.ts, Bar::value_bits);
    sound::check(&bars, query)?;
    let next = match envelope.next_url() {
        // Whether the vendor's cursor remembers `adjusted=false` is not documented, so it is always said again.
        Some(url) => {
            let belongs = |s: &[String]| belongs(s, query);
            Some(with_parameter(&base.cursor(url, asked, belongs)?, "adjusted", "false"))
        }
        None => None,
    };
    let next_start = next.as_ref().and_then(start_of);
    let placed = Placed { bars: &bars, outside: &outside, first, last: next.is_none(), next_start };
    moved::check(&placed, query)?;
    let query_count = envelope.query_count.map_or(0, |Whole(n)| u64::try_from(n).unwrap_or(0));
    let full = query_count >= most || [query_count, count].iter().any(|n| [DEFAULT_LIMIT, most].contains(n));
    if full && next.is_none() && sound::is_cut(&bars, query) {
        let text = format!("the page is full ({query_count} base bars, {count} bars) and has no next page");
        return Err(Fault::malformed(text));
    }
    Ok(Page {
        bars,
        query_count,
        full,
        answers_to: None,
        dropped: outside.len() as u64,
        next,
        request_id,
        server_time: None,
        delayed: envelope.is_delayed(),
        adjusted,
        bytes: body.len() as u64,
    })
}

/// The asked range and as much on either side as an answer may be off: a bar or a day, whichever is longer. The day
/// beside a stock's range is the session beside it: before a Monday that is Friday.
fn margin(query: &AggregateQuery) -> Interval {
    let width = query.timeframe.width().max(DAY);
    let near = Interval::new(query.range.start - width, query.range.end + width);
    if query.class.is_continuous() {
        return near;
    }
    let calendar = Calendar::new();
    let day = |session: Session| Timeframe::D1.span(query.class, session.extended_open);
    let before = calendar.session_before(query.range.start).map_or(near, day);
    let after = calendar.session_after(query.range.end).map_or(near, day);
    near.hull(before).hull(after)
}

pub(super) fn bar(ts: Ts, [open, high, low, close, volume]: [f64; 5], vwap: Option<f64>, trades: Option<Whole>) -> Bar {
    Bar { ts, open, high, low, close, volume, vwap, trades: trades.map(|Whole(n)| n) }
}

/// Where a bar starts by our convention. The vendor marks a stock's day by New York midnight, or by the close at 16:00
/// in answers that summarise a session; both mean the session of that date. Any other time stays as it is.
fn bar_start(timeframe: Timeframe, class: AssetClass, t: Ts) -> Ts {
    if timeframe != Timeframe::D1 || class.is_continuous() || t < Ts::MIN || t > Ts::MAX {
        return t;
    }
    let date = class.date_of(t);
    let close = NaiveTime::from_hms_opt(16, 0, 0).map(|four| Ts::ny(date, four));
    if close == Some(t) { class.midnight(date) } else { t }
}

/// Whether a path (without its leading slash) is a later page of the same question; only the ends may differ.
fn belongs(path: &[String], query: &AggregateQuery) -> bool {
    let (multiplier, span) = query.timeframe.vendor_span();
    let head = ["v2", "aggs", "ticker", &query.ticker, "range", &multiplier.to_string(), span];
    path.len() == head.len() + 2 && path.iter().zip(head).all(|(a, b)| a == b)
}

/// Where the page that a cursor leads to begins, if its path says so in milliseconds.
fn start_of(cursor: &Cursor) -> Option<Ts> {
    let path = cursor.0.split('?').next()?;
    path.rsplit('/').nth(1)?.parse().ok().map(Ts)
}

/// Names the offending time, and the likely reason.
fn out_of_range(t: Whole, query: &AggregateQuery) -> String {
    let holds = |ms: Option<i64>| ms.is_some_and(|ms| query.range.contains(Ts(ms)));
    let units = [
        ("seconds", t.0.checked_mul(SECOND)),
        ("microseconds", t.0.checked_div(1_000)),
        ("nanoseconds", t.0.checked_div(1_000_000)),
    ];
    let hint = units.iter().find(|(_, ms)| holds(*ms)).map(|(unit, _)| format!(" (written in {unit}?)"));
    format!("a bar at {} lies outside the requested range {}{}", Ts(t.0), query.range, hint.unwrap_or_default())
}

/// Drops elements that say the same as an earlier one with the same key. Elements with equal keys must be adjacent. Takes
/// as long for a million elements of one key as for a million of different ones.
pub(super) fn drop_repeats<T, V: Hash + Eq>(
    rows: &mut Vec<T>,
    same_key: impl Fn(&T, &T) -> bool,
    values: impl Fn(&T) -> V,
) {
    let mut kept: Vec<T> = Vec::with_capacity(rows.len());
    let mut seen: HashSet<V> = HashSet::new();
    for row in rows.drain(..) {
        match kept.last() {
            Some(last) if same_key(last, &row) => {
                if seen.is_empty() {
                    seen.insert(values(last));
                }
                if !seen.insert(values(&row)) {
                    continue;
                }
            }
            _ if seen.is_empty() => {}
            _ => seen = HashSet::new(),
        }
        kept.push(row);
    }
    *rows = kept;
}
