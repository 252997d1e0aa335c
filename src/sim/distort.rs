//! Faults of whole pages and of single values that no bar can have.

use chrono::{Datelike, NaiveTime, Weekday};

use super::fault::FaultRule;
use crate::data::hours::{date_of, is_crypto, midnight};
use crate::data::source::Row;
use crate::fault_kind::FaultKind;
use crate::http::page::Page;
use barkeep_market::Ts;
use barkeep_market::ts::{DAY, HOUR, SECOND};

/// What the faults do that say what an answer is made of.
pub(super) fn distort(page: &mut Page, rule: &FaultRule) {
    let crypto = page.ticker.as_deref().is_some_and(is_crypto);
    match rule.kind {
        FaultKind::QueryCountOnly => {
            page.quirk = Some(rule.kind);
            empty(page, page.base);
        }
        FaultKind::ErrorBesideEmpty | FaultKind::MessageBesideEmpty => {
            page.quirk = Some(rule.kind);
            empty(page, 0);
        }
        FaultKind::EmptyPage => empty(page, 0),
        FaultKind::NoNextUrl => page.next = None,
        FaultKind::AllOffGrid => shift(page, SECOND),
        FaultKind::ShiftedHour => shift(page, HOUR),
        FaultKind::OtherDate => shift(page, -DAY),
        FaultKind::LaterDate => shift(page, DAY),
        FaultKind::HoursInstead => widen(page, |t| t - t.rem_euclid(HOUR)),
        FaultKind::DaysInstead => widen(page, |t| midnight(crypto, date_of(crypto, t))),
        FaultKind::ZeroPrices => {
            for row in &mut page.rows {
                (row.o, row.h, row.l, row.c) = (0.0, 0.0, 0.0, 0.0);
                row.vw = row.vw.map(|_| 0.0);
            }
        }
        FaultKind::AbsurdPrice | FaultKind::AbsurdVolume | FaultKind::ZeroVwap => one_value(page, rule),
        FaultKind::BarAtNight if !crypto => {
            if let Some(first) = page.rows.first().copied() {
                let three = NaiveTime::from_hms_opt(3, 0, 0).unwrap_or_default();
                let t = Ts::ny(date_of(false, first.t), three).ms();
                put(page, Row { t, ..first });
            }
        }
        FaultKind::SaturdayBar if !crypto => {
            let friday = |row: &&Row| date_of(false, row.t).weekday() == Weekday::Fri;
            if let Some((row, next)) =
                page.rows.iter().find(friday).and_then(|r| Some((*r, date_of(false, r.t).succ_opt()?)))
            {
                put(page, Row { t: midnight(false, next), ..row });
            }
        }
        FaultKind::GarbageRows => {
            let at = page.rows.first().map_or(0, |row| row.t);
            let none = Row { t: at, o: 0.0, h: 0.0, l: 0.0, c: 0.0, v: -1.0, vw: None, n: None };
            let rows = [
                ("", none),
                ("ZZGARBAGE", none),
                ("ZZUPSIDE", Row { o: 5.0, h: 1.0, l: 9.0, c: 5.0, v: 1e18, ..none }),
                ("ZZOLD", Row { t: at - 400 * DAY, o: 1.0, h: 1.0, l: 1.0, c: 1.0, v: 1.0, ..none }),
            ];
            for (name, row) in rows {
                page.names.push(name.to_owned());
                page.rows.push(row);
            }
        }
        _ => {}
    }
}

fn empty(page: &mut Page, base: u64) {
    page.rows.clear();
    page.names.clear();
    page.base = base;
    page.next = None;
}

fn shift(page: &mut Page, by: i64) {
    page.rows.iter_mut().for_each(|row| row.t += by);
}

/// One bar for each start that `start` gives.
fn widen(page: &mut Page, start: impl Fn(i64) -> i64) {
    let mut wide: Vec<Row> = Vec::new();
    for row in &page.rows {
        let t = start(row.t);
        match wide.last_mut().filter(|open| open.t == t) {
            Some(open) => {
                open.h = open.h.max(row.h);
                open.l = open.l.min(row.l);
                open.c = row.c;
                open.v += row.v;
                open.n = open.n.zip(row.n).map(|(a, b)| a + b);
            }
            None => wide.push(Row { t, ..*row }),
        }
    }
    page.names.truncate(wide.len());
    page.rows = wide;
}

/// Puts a row where its time belongs.
fn put(page: &mut Page, row: Row) {
    let at = page.rows.partition_point(|other| other.t < row.t);
    page.rows.insert(at, row);
}

/// The row in the middle, which has neighbours, or the one of the ticker named.
fn one_value(page: &mut Page, rule: &FaultRule) {
    let named = rule.ticker.as_ref().and_then(|ticker| page.names.iter().position(|name| name == ticker));
    let at = named.unwrap_or(page.rows.len() / 2);
    let Some(row) = page.rows.get_mut(at) else { return };
    match rule.kind {
        FaultKind::AbsurdPrice => (row.h, row.c) = (row.h * 100.0, row.c * 100.0),
        FaultKind::AbsurdVolume => row.v *= 1e6,
        _ => row.vw = Some(0.0),
    }
}
