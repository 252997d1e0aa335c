//! What is asked along with the newest bars and with holes.

use std::time::Duration;

use super::*;
use crate::gaps::{FamilyState, Horizon};
use barkeep_market::Source;
use barkeep_market::freshness::Delay;
use barkeep_market::ts::{HOUR, MINUTE};

/// A moment of March 2024 (summer time from the 10th), UTC.
fn march(day: u32, hour: u32, minute: u32) -> Ts {
    let date = NaiveDate::from_ymd_opt(2024, 3, day).unwrap();
    Ts(date.and_hms_opt(hour, minute, 0).unwrap().and_utc().timestamp_millis())
}

/// 5m bars of one symbol since 2024-03-04, known until `known`.
fn state(known: Ts) -> FamilyState {
    let from = AssetClass::Stock.midnight(NaiveDate::from_ymd_opt(2024, 3, 4).unwrap());
    let known = IntervalSet::from(Interval::new(from, known));
    FamilyState {
        symbol: "SPY".parse().unwrap(),
        class: AssetClass::Etf,
        ticker: "SPY".to_owned(),
        vendor: Source::Massive,
        criticality: barkeep_market::Criticality::Standard,
        base: Timeframe::M5,
        requested: vec![Timeframe::M5],
        derived: Vec::new(),
        covered: [(Timeframe::M5, known)].into(),
        due: IntervalSet::new(),
        open: None,
    }
}

/// The ranges that are asked at `now`, and whether only to ask about a hole again.
fn asked(state: FamilyState, now: Ts) -> Vec<(Interval, bool)> {
    let cal = Calendar::new();
    let (class, settle) = (state.class, Duration::from_mins(15));
    let horizon = Horizon::at(&cal, class, Family::Minute, Delay::After(Duration::ZERO), settle, now);
    let from = class.midnight(NaiveDate::from_ymd_opt(2024, 3, 4).unwrap());
    let need = Need::of(&cal, state, Interval::new(from, now), horizon);
    let market = PlanInputs { overlap: Duration::from_hours(48), ..PlanInputs::default() };
    let plan = build(&cal, &[need], &market);
    let range = |item: &Item| match &item.request {
        Request::Aggregates { range, .. } => (*range, item.recheck),
        other => panic!("{other:?}"),
    };
    plan.items.iter().map(range).collect()
}

#[test]
fn at_night_the_last_days_are_asked_again_with_the_newest_bars_as_by_day() {
    let known = march(13, 21, 0);
    // Wednesday evening while it trades, and in the night after it.
    for now in [march(13, 23, 0), march(14, 3, 0)] {
        let plain = asked(state(known), now);
        assert_eq!(plain.len(), 1);
        assert!(plain[0].0.start <= now - 2 * DAY, "{now}: {plain:?}");
        let silent = FamilyState { open: Some(Interval::new(march(8, 15, 0), known)), ..state(known) };
        // With the bar before it, which may hold a part of its trades.
        let begin = march(8, 14, 55);
        assert_eq!(asked(silent, now)[0].0.start, begin, "{now}: open silence is asked along");
    }
}

#[test]
fn the_bar_before_the_newest_gap_is_asked_again() {
    // Late for longer than the overlap reaches back: the last bar may hold two of its five minutes.
    let asked = asked(state(march(5, 15, 25)), march(13, 15, 0));
    assert_eq!(asked[0].0.start, march(5, 15, 20));
}

#[test]
fn the_bars_beside_a_hole_are_asked_again_with_it() {
    let hole = Interval::new(march(6, 15, 0), march(6, 17, 0));
    let beside = Interval::new(hole.start - 5 * MINUTE, hole.end + 5 * MINUTE);
    let now = march(14, 3, 0);
    let nothing_else = FamilyState { due: hole.into(), ..state(now) };
    assert_eq!(asked(nothing_else, now), [(beside, true)]);
    // With room in a request that is made anyway it costs nothing.
    let along = FamilyState { due: hole.into(), ..state(march(13, 21, 0)) };
    let asked = asked(along, now);
    assert_eq!((asked.len(), asked[0].0.start, asked[0].1), (1, beside.start, false));
    assert!(asked[0].0.end > hole.end + HOUR);
}

/// Crypto of a vendor whose requests hold a window of 300 bars, known since the beginning of 2024-03-04 until `known`.
fn windowed(base: Timeframe, known: Ts) -> FamilyState {
    let from = AssetClass::Crypto.midnight(NaiveDate::from_ymd_opt(2024, 3, 4).unwrap());
    FamilyState {
        symbol: "BTC".parse().unwrap(),
        class: AssetClass::Crypto,
        ticker: "BTC-USD".to_owned(),
        vendor: Source::Coinbase,
        base,
        requested: vec![base],
        covered: [(base, IntervalSet::from(Interval::new(from, known)))].into(),
        ..state(known)
    }
}

fn plan_of(states: Vec<FamilyState>, days: i64, now: Ts) -> Plan {
    let cal = Calendar::new();
    let class = AssetClass::Crypto;
    let from = class.midnight(NaiveDate::from_ymd_opt(2024, 3, 4).unwrap());
    let needs: Vec<Need> = states
        .into_iter()
        .map(|state| {
            let (family, delay) = (state.base.family(), Delay::After(Duration::ZERO));
            let horizon = Horizon::at(&cal, class, family, delay, Duration::ZERO, now);
            Need::of(&cal, state, Interval::new(from, from + days * DAY), horizon)
        })
        .collect();
    let density = [("BTC".parse().unwrap(), 0.01)].into();
    let market =
        PlanInputs { grouped_daily: true, overlap: Duration::from_hours(48), density, ..PlanInputs::default() };
    build(&cal, &needs, &market)
}

#[test]
fn a_window_holds_so_many_bars_however_few_traded() {
    let from = march(4, 0, 0);
    for (base, days, requests) in [
        (Timeframe::M1, 5, 24),
        (Timeframe::M5, 5, 5),
        (Timeframe::M15, 5, 2),
        (Timeframe::H1, 25, 2),
        (Timeframe::D1, 300, 1),
        (Timeframe::D1, 301, 2),
    ] {
        let plan = plan_of(vec![windowed(base, from)], days, from + 400 * DAY);
        let figures = (plan.requests, plan.requests_low, plan.requests_high, plan.lower_bound);
        assert_eq!(figures, (requests, requests, requests, requests), "{base} {days}");
        assert!(plan.items.iter().all(|item| item.request.vendor() == Source::Coinbase));
    }
}

#[test]
fn days_of_a_vendor_without_market_days_are_asked_one_by_one() {
    let other = |name: &str| FamilyState { symbol: name.parse().unwrap(), ..windowed(Timeframe::D1, march(4, 0, 0)) };
    let plan = plan_of(["A", "B", "C", "D"].map(other).to_vec(), 1, march(9, 0, 0));
    assert_eq!((plan.requests, plan.lower_bound), (4, 4));
    assert!(plan.items.iter().all(|item| matches!(item.request, Request::Aggregates { .. })), "{:?}", plan.items);
}

#[test]
fn the_newest_window_is_filled_and_costs_no_more() {
    let now = march(13, 22, 0);
    let range = |known: Ts| {
        let plan = plan_of(vec![windowed(Timeframe::M5, known)], 30, now);
        match &plan.items[..] {
            [Item { request: Request::Aggregates { range, .. }, .. }] => (plan.requests, *range),
            other => panic!("{other:?}"),
        }
    };
    // 300 bars of 5m are 25 hours, less than the overlap of two days.
    assert_eq!(range(march(13, 21, 30)), (1, Interval::new(now - 25 * HOUR, now)));
    assert_eq!(range(march(12, 12, 0)), (2, Interval::new(now - 48 * HOUR, now)));
    // Silence at the end is asked about again as far as that is free.
    let silent =
        FamilyState { open: Some(Interval::new(march(6, 0, 0), now)), ..windowed(Timeframe::M5, march(13, 21, 30)) };
    assert_eq!(plan_of(vec![silent], 30, now).requests, 1);
}

#[test]
fn a_hole_is_asked_about_for_nothing_inside_a_window() {
    let now = march(13, 22, 0);
    let with_hole = |hours: i64| {
        let hole = Interval::new(now - hours * HOUR, now - hours * HOUR + 30 * MINUTE);
        let state = FamilyState { due: hole.into(), ..windowed(Timeframe::M5, march(13, 21, 0)) };
        let plan = plan_of(vec![state], 30, now);
        (plan.requests, plan.rechecks)
    };
    assert_eq!((with_hole(20), with_hole(100)), ((1, 0), (2, 1)));
}
