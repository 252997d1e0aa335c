//! A whole market day, row by row: what cannot be believed is named, so that whoever wants it asks for it by itself.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use serde::Deserialize;

use super::client::identifier;
use super::page::{bar, drop_repeats};
use super::wire::{Counts, Envelope, GroupedRow, Raw, object, row};
use crate::{Fault, GroupedPage};
use barkeep_market::{AssetClass, Bar, Interval, Timeframe, Ts, quality};

/// No row of a ticker that anybody could ask for is longer, bytes.
const LONGEST_ROW: usize = 4_096;

/// Reads a whole market day. Rows are keyed by the date that was asked for, in which their own time must lie: it is the
/// session's end (vendor feature-requests#33).
pub(super) fn grouped(body: &[u8], class: AssetClass, date: NaiveDate) -> Result<GroupedPage, Fault> {
    // A name in another encoding is one bad row, not a bad day.
    let text = String::from_utf8_lossy(body);
    let mut envelope: Envelope<Raw> = object(text.as_bytes())?;
    let request_id = envelope.request_id.as_deref().map(identifier);
    let rows = envelope.rows(Counts::Exact)?;
    if envelope.next_url().is_some() {
        return Err(Fault::malformed("a market day has more than one page"));
    }
    let day = day(class, date);
    let mut bars: Vec<(String, Bar)> = Vec::with_capacity(rows.len());
    let mut unreadable = BTreeSet::new();
    let (mut dropped, mut dropped_at) = (0_u64, None);
    for raw in rows.iter().filter(|raw| raw.get().len() <= LONGEST_ROW) {
        let Ok(GroupedRow { ticker, t, o, h, l, c, v, vw, n }) = row(raw) else {
            unreadable.extend(ticker_of(raw));
            continue;
        };
        let bar = bar(day.start, [o, h, l, c, v], vw, n);
        if quality::impossible(&bar, Timeframe::D1, class).is_some() {
            unreadable.insert(ticker);
        } else if day.contains(Ts(t.0)) || t.0 == day.end.ms() {
            bars.push((ticker, bar));
        } else {
            dropped += 1;
            dropped_at.get_or_insert(Ts(t.0));
        }
    }
    if let Some(at) = dropped_at.filter(|_| dropped > bars.len() as u64) {
        let text = format!("{dropped} of {} rows are of another day than {date}, the first of {at}", rows.len());
        return Err(Fault::malformed(text));
    }
    if bars.is_empty() && !rows.is_empty() {
        return Err(Fault::malformed(format!("none of the {} rows is a valid bar", rows.len())));
    }
    bars.sort_by(|a, b| a.0.cmp(&b.0));
    drop_repeats(&mut bars, |a, b| a.0 == b.0, |row| row.1.value_bits());
    let pairs = bars.iter().zip(bars.iter().skip(1));
    let conflicting: BTreeSet<String> = pairs.filter(|(a, b)| a.0 == b.0).map(|(a, _)| a.0.clone()).collect();
    bars.retain(|(ticker, _)| !conflicting.contains(ticker) && !unreadable.contains(ticker));
    Ok(GroupedPage {
        date,
        bars,
        conflicting,
        unreadable,
        dropped,
        adjusted: envelope.adjusted == Some(true),
        request_id,
        server_time: None,
        bytes: body.len() as u64,
    })
}

fn day(class: AssetClass, date: NaiveDate) -> Interval {
    let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
    Interval::new(class.midnight(date), class.midnight(next))
}

/// Whose row it is that cannot be read, if it says so.
fn ticker_of(raw: &Raw) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "T")]
        ticker: String,
    }
    row::<Named>(raw).ok().map(|named| named.ticker)
}
