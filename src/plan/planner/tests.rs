//! What is asked along with the newest bars and with holes.

use std::time::Duration;

use super::*;
use crate::gaps::{FamilyState, Horizon};
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
    let market = Market { overlap: Duration::from_hours(48), ..Market::default() };
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
