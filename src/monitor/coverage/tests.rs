use super::*;
use barkeep_market::testing::at;

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

fn range(from: &str, to: &str) -> Interval {
    Interval::new(at(from), at(to))
}

#[test]
fn what_is_missing_over_nights_and_weekends_is_one_gap() {
    let calendar = Calendar::new();
    let of = |answered: &[Interval], refused: &[Interval]| {
        let set = |ranges: &[Interval]| ranges.iter().copied().collect::<IntervalSet>();
        let all = range("2026-11-02T05:00:00Z", "2026-11-28T05:00:00Z");
        Kept::of(&calendar, (AssetClass::Etf, Timeframe::M5), all, &set(answered), &set(refused))
    };
    // Monday 2 Nov to Thursday 5 Nov, and from the morning of Friday 20 Nov on.
    let first = range("2026-11-02T05:00:00Z", "2026-11-06T05:00:00Z");
    let rest = range("2026-11-20T15:00:00Z", "2026-11-28T05:00:00Z");
    let kept = of(&[first, rest], &[]);
    let [gap] = &kept.gaps[..] else { panic!("{:?}", kept.gaps) };
    assert_eq!((gap.range, gap.sessions), (range("2026-11-06T09:00:00Z", "2026-11-20T15:00:00Z"), 11));
    assert!(kept.complete.is_some_and(|share| share > 0.4 && share < 0.5), "{kept:?}");
    // A refusal is told apart from what nobody asked.
    let refused = range("2026-11-06T05:00:00Z", "2026-11-11T05:00:00Z");
    let kept = of(&[first, rest], &[refused]);
    let told: Vec<(usize, bool)> = kept.gaps.iter().map(|gap| (gap.sessions, gap.not_entitled)).collect();
    assert_eq!(told, [(3, true), (8, false)]);
    // Trading time between two holes makes two of them.
    let noon = range("2026-11-10T17:00:00Z", "2026-11-10T18:00:00Z");
    assert_eq!(of(&[first, rest, noon], &[]).gaps.len(), 2);
    assert_eq!(of(&[range("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")], &[]).complete, Some(1.0));
}

#[test]
fn the_day_that_goes_on_is_not_incomplete_until_an_hour_is_missing() {
    let day = range("2026-11-20T05:00:00Z", "2026-11-21T05:00:00Z");
    let eighths = |until: &str, served: &str, bars: i64| {
        let known = Known {
            class: AssetClass::Etf,
            timeframe: Timeframe::M5,
            answered: range("2026-11-20T05:00:00Z", until).into(),
            refused: IntervalSet::new(),
            marked: Vec::new(),
            quarantined: Vec::new(),
            bars: BTreeMap::from([(at("2026-11-20T15:00:00Z"), bars)]),
            served: at(served),
        };
        known.cell(&Calendar::new(), day).0
    };
    let present = |eighths| Cell { state: CellState::Present, eighths };
    assert_eq!(eighths("2026-11-20T16:00:00Z", "2026-11-20T16:45:00Z", 5), present(8));
    assert_eq!(eighths("2026-11-20T13:00:00Z", "2026-11-20T17:00:00Z", 5), present(4));
    // The day is over: now it counts.
    assert_eq!(eighths("2026-11-21T00:30:00Z", "2026-11-21T05:00:00Z", 5), present(7));
    // A bar of a day that nobody may ask for yet.
    assert_eq!(eighths("2026-11-20T05:00:00Z", "2026-11-20T05:00:00Z", 1), present(8));
}
