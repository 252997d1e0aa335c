use super::*;
use barkeep_market::testing::at;

fn row(state: CoverageState, start: &str, end: &str) -> Coverage {
    Coverage::answered(Interval::new(at(start), at(end)), state, None, at("2026-11-25T12:00:00Z"))
}

fn of(rows: &[Coverage], timeframe: Timeframe) -> Vec<Doubt> {
    doubts(&Calendar::new(), AssetClass::Etf, timeframe, rows)
}

fn hole(symbol: &str, timeframe: Timeframe, doubt: &Doubt) -> Hole {
    Hole { symbol: symbol.parse().unwrap(), timeframe, doubt: doubt.clone() }
}

#[test]
fn ranges_with_only_closed_hours_between_them_are_one() {
    // Friday to 20:00 New York and Monday from 04:00.
    let weekend = [
        row(CoverageState::Suspect, "2026-11-20T14:30:00Z", "2026-11-21T01:00:00Z"),
        row(CoverageState::Present, "2026-11-21T01:00:00Z", "2026-11-23T09:00:00Z"),
        row(CoverageState::Suspect, "2026-11-23T09:00:00Z", "2026-11-23T21:00:00Z"),
    ];
    let found = of(&weekend, Timeframe::M5);
    assert_eq!(HoleCounts::of(&found), HoleCounts { suspect: 1, ..HoleCounts::default() });
    let dates: Vec<String> = found[0].sessions.iter().map(ToString::to_string).collect();
    assert_eq!(dates, ["2026-11-20", "2026-11-23"]);
    // An hour of trading between them makes two of them; another state does too.
    let apart = [
        row(CoverageState::Suspect, "2026-11-23T15:00:00Z", "2026-11-23T16:00:00Z"),
        row(CoverageState::Suspect, "2026-11-23T17:00:00Z", "2026-11-23T18:00:00Z"),
        row(CoverageState::VendorHole, "2026-11-23T18:00:00Z", "2026-11-23T19:00:00Z"),
    ];
    let counts = HoleCounts::of(&of(&apart, Timeframe::M5));
    assert_eq!(counts, HoleCounts { suspect: 2, vendor_holes: 1, ..HoleCounts::default() });
    assert_eq!(counts.at_the_vendor(), 3);
}

#[test]
fn each_state_has_its_count_and_what_is_believed_has_none() {
    let hour =
        |state, hour: u32| row(state, &format!("2026-11-24T{hour}:00:00Z"), &format!("2026-11-24T{hour}:30:00Z"));
    let all = CoverageState::ALL.into_iter().zip(10..).map(|(state, at)| hour(state, at)).collect::<Vec<_>>();
    assert_eq!(HoleCounts::of(&of(&all, Timeframe::M5)).all(), [1; 6]);
    let so_far = Coverage { surprise: Some(2.0), ..hour(CoverageState::Unjudged, 10) };
    assert_eq!(of(&[so_far], Timeframe::M5), [], "a tail that is believable so far");
    let night = row(CoverageState::Late, "2026-11-25T02:00:00Z", "2026-11-25T08:00:00Z");
    assert_eq!(of(&[night], Timeframe::M5), [], "nothing trades at night");
}

#[test]
fn a_merged_range_keeps_the_first_finding_and_the_next_question() {
    let first = Coverage {
        found_at: Some(at("2026-11-21T02:00:00Z")),
        expires_at: Some(at("2026-11-26T00:00:00Z")),
        answers: 2,
        surprise: Some(14.0),
        ..row(CoverageState::Suspect, "2026-11-20T14:30:00Z", "2026-11-21T01:00:00Z")
    };
    let second = Coverage {
        found_at: Some(at("2026-11-24T02:00:00Z")),
        expires_at: Some(at("2026-11-25T00:00:00Z")),
        surprise: Some(20.0),
        ..row(CoverageState::Suspect, "2026-11-23T09:00:00Z", "2026-11-23T21:00:00Z")
    };
    let [one] = &of(&[first, second], Timeframe::M5)[..] else { panic!("two") };
    let want = (at("2026-11-21T02:00:00Z"), 1, Some(at("2026-11-25T00:00:00Z")), Some(34.0));
    assert_eq!((one.since, one.answers, one.next_ask, one.surprise), want);
}

#[test]
fn missing_sessions_are_told_by_symbol_and_day() {
    let now = at("2026-11-27T22:00:00Z");
    let two = [
        row(CoverageState::Suspect, "2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"),
        row(CoverageState::VendorHole, "2026-11-24T05:00:00Z", "2026-11-25T05:00:00Z"),
    ];
    let daily = of(&two, Timeframe::D1);
    let mut holes: Vec<Hole> = daily.iter().map(|doubt| hole("SPY", Timeframe::D1, doubt)).collect();
    assert_eq!(sentence(&holes, now).unwrap(), "2 sessions missing at the vendor: SPY 23 Nov, 24 Nov");
    // The same day at another timeframe is the same day; an hour is a hole of its own, told once.
    holes.extend(daily.iter().map(|doubt| hole("SPY", Timeframe::M5, doubt)));
    let hour = &of(&[row(CoverageState::Suspect, "2025-11-24T15:00:00Z", "2025-11-24T16:00:00Z")], Timeframe::M5)[0];
    holes.extend([hole("QQQ", Timeframe::M5, hour), hole("QQQ", Timeframe::M15, hour)]);
    assert_eq!(
        sentence(&holes, now).unwrap(),
        "2 sessions missing at the vendor: SPY 23 Nov, 24 Nov; 1 hole at the vendor: QQQ 24 Nov 2025 15:00Z to 16:00Z"
    );
    let late = of(&[row(CoverageState::Late, "2026-11-24T15:00:00Z", "2026-11-24T16:00:00Z")], Timeframe::M5);
    assert_eq!(sentence(&[hole("SPY", Timeframe::M5, &late[0])], now), None, "late is not missing yet");
    assert_eq!(sentence(&[], now), None);
}
