use super::*;

fn at(text: &str) -> Ts {
    Ts(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

/// How Friday 20 Nov 2026 of SPY 5m stands with the given ranges besides an answer for all of it.
fn friday(marks: &[(CellState, &str, &str)], bars: i64) -> CellState {
    let day = Interval::new(at("2026-11-20T05:00:00Z"), at("2026-11-21T05:00:00Z"));
    let marked = marks.iter().map(|(state, from, to)| {
        let time = |text: &str| at(&format!("2026-11-20T{text}:00Z"));
        (*state, IntervalSet::from(Interval::new(time(from), time(to))))
    });
    let known = Known {
        class: AssetClass::Etf,
        timeframe: Timeframe::M5,
        answered: day.into(),
        refused: IntervalSet::new(),
        marked: marked.collect(),
        quarantined: Vec::new(),
        bars: BTreeMap::from([(at("2026-11-20T15:00:00Z"), bars)]),
        served: at("2026-11-22T00:00:00Z"),
    };
    known.cell(&Calendar::new(), day).0.state
}

#[test]
fn what_is_missing_at_the_vendor_is_told_although_the_rest_of_the_day_is_there() {
    let late = (CellState::Late, "18:00", "22:15");
    let suspect = (CellState::Suspect, "15:00", "16:00");
    assert_eq!(friday(&[], 90), CellState::Present);
    assert_eq!(friday(&[suspect], 90), CellState::Suspect);
    assert_eq!(friday(&[suspect, late], 90), CellState::Late, "the longer one");
    assert_eq!(friday(&[(CellState::VendorHole, "09:00", "23:00")], 0), CellState::VendorHole);
    // At night nothing can be missing.
    assert_eq!(friday(&[(CellState::Suspect, "05:00", "09:00")], 90), CellState::Present);
}

#[test]
fn silence_that_is_believed_only_shows_where_there_is_no_bar() {
    let quiet = (CellState::Quiet, "09:00", "20:00");
    let halted = (CellState::Halted, "15:00", "18:00");
    assert_eq!(friday(&[quiet], 0), CellState::Quiet);
    assert_eq!(friday(&[quiet, halted], 0), CellState::Quiet);
    assert_eq!(friday(&[halted], 0), CellState::Halted);
    assert_eq!(friday(&[halted, quiet], 12), CellState::Present);
    assert_eq!(friday(&[], 0), CellState::NoTrade);
}
