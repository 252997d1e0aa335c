//! Pages that cannot be true as a whole, and their neighbours that can.

use super::*;
use crate::{Class, testing};
use barkeep_market::ts::{DAY, HOUR, MINUTE, SECOND};
use barkeep_market::{Bar, Interval, Timeframe};

/// Midnight New York of Tuesday, 16 January 2024.
const TUESDAY: i64 = 1_705_381_200_000;
/// 09:30 of it.
const OPEN: i64 = TUESDAY + 9 * HOUR + 30 * MINUTE;

fn query(timeframe: Timeframe, class: AssetClass) -> AggregateQuery {
    AggregateQuery { class, ..testing::query("TEST", timeframe, Interval::new(Ts(0), Ts(0))) }
}

fn stock(timeframe: Timeframe) -> AggregateQuery {
    query(timeframe, AssetClass::Stock)
}

fn bar(ts: i64) -> Bar {
    barkeep_market::testing::bar(Ts(ts), 10.0)
}

fn every(step: i64, n: i64, from: i64) -> Vec<Bar> {
    (0..n).map(|k| bar(from + k * step)).collect()
}

fn refused(bars: &[Bar], query: &AggregateQuery) -> String {
    let fault = check(bars, query).unwrap_err();
    assert_eq!(fault.class, Class::Malformed);
    fault.message
}

#[test]
fn times_off_the_grid_are_named() {
    let m5 = stock(Timeframe::M5);
    for (off, said) in [
        (SECOND, "every time is 1 s off the 5m grid (the first at 2024-01-16T14:30:01Z)"),
        (500, "every time is 500 ms off the 5m grid"),
        (2 * MINUTE, "every time is 2 min off the 5m grid"),
    ] {
        let message = refused(&every(5 * MINUTE, 20, OPEN + off), &m5);
        assert!(message.starts_with(said), "{message}");
    }
    assert!(refused(&every(MINUTE, 20, OPEN), &m5).starts_with("16 of 20 times are off the 5m grid"));
    assert!(refused(&every(7 * MINUTE + 1, 20, OPEN + 1), &m5).starts_with("every time is off the 5m grid"));
    // Days that begin at midnight UTC.
    let days: Vec<Bar> = (0..6).map(|d| bar(TUESDAY - 5 * HOUR + d * DAY)).collect();
    assert!(refused(&days, &stock(Timeframe::D1)).starts_with("every time is 19 h off the 1d grid"));
    // Four are single faults, as are five among two hundred.
    check(&every(5 * MINUTE, 4, OPEN + SECOND), &m5).unwrap();
    for (all, passes) in [(200, true), (100, false)] {
        let mut bars = every(MINUTE, all, OPEN);
        bars.iter_mut().take(5).for_each(|bar| bar.ts = bar.ts + SECOND);
        assert_eq!(check(&bars, &stock(Timeframe::M1)).is_ok(), passes, "{all}");
    }
}

#[test]
fn impossible_values_are_named() {
    let spoil = |n: usize, wrong: fn(&mut Bar)| {
        let mut bars = every(MINUTE, 100, OPEN);
        bars.iter_mut().take(n).for_each(wrong);
        bars
    };
    let zero = |bar: &mut Bar| (bar.open, bar.high, bar.low, bar.close) = (0.0, 0.0, 0.0, 0.0);
    let turned = |bar: &mut Bar| (bar.high, bar.low) = (9.0, 11.0);
    let m1 = stock(Timeframe::M1);
    assert!(refused(&spoil(100, zero), &m1).starts_with("100 of 100 bars are impossible: a price is zero"));
    assert!(refused(&spoil(5, turned), &m1).starts_with("5 of 100 bars are impossible: high is below low"));
    for wrong in [zero, turned] {
        check(&spoil(4, wrong), &m1).unwrap();
    }
    check(&every(MINUTE, 100, OPEN), &m1).unwrap();
}

#[test]
fn hours_without_trading_are_named() {
    // A whole day of minutes, early and late, and the same an hour on or back.
    let day = |shift: i64| every(5 * MINUTE, 192, TUESDAY + 4 * HOUR + shift);
    let m5 = stock(Timeframe::M5);
    check(&day(0), &m5).unwrap();
    for shift in [HOUR, -HOUR, 5 * HOUR] {
        let message = refused(&day(shift), &m5);
        assert!(message.contains("bars lie outside the trading hours, 04:00 to 20:00 New York"), "{message}");
    }
    assert!(refused(&every(DAY, 10, TUESDAY), &stock(Timeframe::M1)).contains("outside the trading hours"));
    // Saturdays, whatever the hour.
    let saturday = TUESDAY + 4 * DAY + 10 * HOUR;
    assert!(refused(&every(5 * MINUTE, 12, saturday), &m5).contains("12 of 12 bars lie on days without a session"));
    // Some at night among many by day.
    let mut some = every(MINUTE, 100, OPEN);
    some.splice(0..0, every(MINUTE, 6, TUESDAY + 3 * HOUR));
    assert!(refused(&some, &stock(Timeframe::M1)).starts_with("6 of 106 bars lie outside the trading hours"));
    some.splice(0..2, []);
    check(&some, &stock(Timeframe::M1)).unwrap();
    // Round the clock, weekends too, is no mistake in the time.
    for (timeframe, step) in [(Timeframe::M5, 5 * MINUTE), (Timeframe::H1, HOUR), (Timeframe::H4, 4 * HOUR)] {
        check(&every(step, 6 * DAY / step, TUESDAY - HOUR), &stock(timeframe)).unwrap();
    }
    // A closed Monday is for those who know the announcements.
    check(&every(5 * MINUTE, 12, OPEN - DAY), &m5).unwrap();
    // Bars of four hours lie on the UTC grid: the first of a winter's day begins at 03:00.
    let h4: Vec<Bar> = (0..5).flat_map(|d| every(4 * HOUR, 5, TUESDAY + 3 * HOUR + d * DAY)).collect();
    check(&h4.iter().filter(|b| b.ts < Ts(TUESDAY + 4 * DAY)).copied().collect::<Vec<_>>(), &stock(Timeframe::H4))
        .unwrap();
    // Crypto trades always.
    check(&every(5 * MINUTE, 288, saturday), &query(Timeframe::M5, AssetClass::Crypto)).unwrap();
}

#[test]
fn days_without_a_session_are_named() {
    let d1 = stock(Timeframe::D1);
    let week = |shift: i64| (0..20).filter(|d| d % 7 < 4).map(|d| bar(TUESDAY + (d + shift) * DAY)).collect::<Vec<_>>();
    check(&week(0), &d1).unwrap();
    assert!(refused(&week(3), &d1).contains("bars lie on days without a session"));
    assert!(refused(&every(7 * DAY, 8, TUESDAY - 2 * DAY), &d1).contains("8 of 8 bars lie on days without"));
    check(&every(DAY, 20, TUESDAY - 5 * HOUR), &query(Timeframe::D1, AssetClass::Crypto)).unwrap();
    check(&every(7 * DAY, 8, TUESDAY - 2 * DAY), &stock(Timeframe::W1)).unwrap();
}

#[test]
fn bars_of_a_coarser_timeframe_are_named() {
    let from = TUESDAY + 4 * HOUR;
    let crypto = |timeframe| query(timeframe, AssetClass::Crypto);
    for (asked, step, n, said) in [
        (stock(Timeframe::M5), HOUR, 7, "the 7 bars are 1h apart, 5m bars were requested"),
        (stock(Timeframe::M1), 15 * MINUTE, 12, "15m apart, 1m bars"),
        (stock(Timeframe::M15), HOUR, 16, "1h apart, 15m bars"),
    ] {
        let message = refused(&every(step, n, from), &asked);
        assert!(message.contains(said), "{message}");
    }
    for (timeframe, step, n) in [(Timeframe::H4, DAY, 9), (Timeframe::M5, DAY, 6), (Timeframe::M1, 4 * HOUR, 30)] {
        assert!(refused(&every(step, n, 1_705_363_200_000), &crypto(timeframe)).contains("apart"), "{timeframe}");
    }
    // Where it can be chance, or the symbol trades at one time of the day, the bars are what they are.
    check(&every(HOUR, 4, from), &stock(Timeframe::M5)).unwrap();
    check(&every(HOUR, 5, from), &stock(Timeframe::M30)).unwrap();
    let at_four: Vec<Bar> = [0, 1, 2, 3, 6, 7, 8, 9, 10].map(|d| bar(TUESDAY + 16 * HOUR + d * DAY)).to_vec();
    check(&at_four, &stock(Timeframe::M5)).unwrap();
    let mut hourly = every(HOUR, 12, from);
    hourly.push(bar(from + 12 * HOUR + 5 * MINUTE));
    check(&hourly, &stock(Timeframe::M5)).unwrap();
}

#[test]
fn nights_that_are_known_to_be_traded_are_no_fault_and_weekends_still_are() {
    let nights = AggregateQuery { nights: true, ..stock(Timeframe::M5) };
    let evening = every(5 * MINUTE, 24, TUESDAY + HOUR);
    assert!(refused(&evening, &stock(Timeframe::M5)).contains("24 of 24 bars lie outside the trading hours"));
    check(&evening, &nights).unwrap();
    // From Sunday 20:00 on, and not at noon.
    check(&every(5 * MINUTE, 24, TUESDAY + 6 * DAY - 3 * HOUR), &nights).unwrap();
    let noon = every(5 * MINUTE, 24, TUESDAY + 4 * DAY + 10 * HOUR);
    assert!(refused(&noon, &nights).contains("24 of 24 bars lie on days without a session"));
}
