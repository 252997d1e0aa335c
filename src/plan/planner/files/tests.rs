use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::gaps::{FamilyState, Horizon};
use crate::planner::{Plan, build};
use barkeep_market::freshness::Delay;
use barkeep_market::ts::DAY;
use barkeep_market::{Source, Ts};

/// 2024-03-14 16:00 UTC, a Thursday.
const NOW: Ts = Ts(1_710_432_000_000);

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn market(cost: u64) -> PlanInputs {
    let files =
        FlatFileTerms { newest: date("2024-03-13"), cost, without: BTreeSet::new(), without_dates: BTreeSet::new() };
    PlanInputs { flat_files: Some(files), ..PlanInputs::default() }
}

/// A plan for symbols that lack all minutes between two dates.
fn plan(symbols: usize, from: &str, before: &str, market: &PlanInputs) -> Plan {
    let cal = Calendar::new();
    let class = AssetClass::Stock;
    let midnight = |text| class.midnight(date(text));
    let horizon = Horizon::at(&cal, class, Family::Minute, Delay::After(Duration::ZERO), Duration::from_mins(15), NOW);
    let state = |k: usize| FamilyState {
        symbol: format!("S{k}").parse().unwrap(),
        class,
        ticker: format!("S{k}"),
        vendor: Source::Massive,
        criticality: Criticality::Standard,
        base: Timeframe::M1,
        requested: vec![Timeframe::M1],
        derived: Vec::new(),
        covered: BTreeMap::new(),
        due: IntervalSet::new(),
        open: None,
    };
    let range = Interval::new(midnight(from), midnight(before));
    let mut needs = crate::Needs::new(&cal, false);
    for k in 0..symbols {
        needs.add(state(k), range, horizon);
    }
    build(&cal, &needs.into_vec(), market)
}

#[test]
fn ten_thousand_symbols_and_a_year_are_one_file_a_session() {
    let plan = plan(10_000, "2023-03-14", "2024-03-14", &market(20));
    assert_eq!((plan.files, plan.requests, plan.without_files), (252, 252, Some(50_000)));
    assert!(plan.optimal, "{} of {}", plan.lower_bound, plan.requests);
    assert!(
        plan.items.iter().all(|item| matches!(item.request, Request::FlatFile { .. }) && item.symbols.len() == 10_000)
    );
}

#[test]
fn a_file_is_used_only_where_it_replaces_more_than_it_counts_for() {
    // One day of 20 symbols: 20 requests, or a file that counts for 20.
    let few = plan(20, "2024-03-13", "2024-03-14", &market(20));
    assert_eq!((few.files, few.requests, few.lower_bound, few.optimal, few.without_files), (0, 20, 20, true, None));
    let more = plan(21, "2024-03-13", "2024-03-14", &market(20));
    assert_eq!((more.files, more.requests, more.lower_bound, more.optimal), (1, 1, 1, true));
    assert_eq!((more.file_cost, more.without_files), (20, Some(21)));
    // Without keys nothing changes.
    assert_eq!(plan(21, "2024-03-13", "2024-03-14", &PlanInputs::default()).requests, 21);
}

#[test]
fn what_no_file_holds_is_requested() {
    // Today has no file yet, and whoever asks for today gets yesterday with it.
    let today = plan(100, "2024-03-13", "2024-03-15", &market(20));
    assert_eq!((today.files, today.requests, today.optimal), (0, 100, true));
    let mut without = market(20);
    let files = without.flat_files.as_mut().unwrap();
    files.without.insert("S7".parse().unwrap());
    let plan_without = plan(100, "2024-03-12", "2024-03-14", &without);
    assert_eq!((plan_without.files, plan_without.requests), (2, 3));
    without.flat_files.as_mut().unwrap().without_dates.insert(date("2024-03-13"));
    assert_eq!(plan(100, "2024-03-12", "2024-03-14", &without).files, 0);
}

/// The sessions that do not fill a last page are cheaper as files, the full pages as requests.
#[test]
fn files_and_requests_share_a_plan() {
    // 53 sessions: a page of 52 and a bit, for 60 symbols two requests each.
    let both = plan(60, "2023-12-27", "2024-03-14", &market(20));
    assert_eq!((both.files, both.requests), (1, 61), "{both:?}");
    assert!(both.optimal);
    assert_eq!(both.without_files, Some(120));
}

/// A group of symbols whose days have three slots each.
fn group(days: &BTreeSet<u8>, page: u64, rows: std::ops::Range<usize>) -> Group {
    let first = date("2024-01-01");
    let piece = |day: &u8| {
        let start = Ts(i64::from(*day) * DAY);
        let slots = u64::from(*day) * 3;
        Piece {
            date: first + chrono::Days::new(u64::from(*day)),
            range: Interval::new(start, start + DAY),
            start: slots,
            end: slots + 3,
        }
    };
    Group { pieces: days.iter().map(piece).collect(), page, rows: rows.collect() }
}

/// Requests for what a group lacks outside the files.
fn windows(group: &Group, files: &BTreeSet<NaiveDate>) -> u64 {
    let (mut windows, mut end) = (0, 0);
    for piece in group.pieces.iter().filter(|piece| !files.contains(&piece.date)) {
        let mut at = piece.start.max(end);
        while at < piece.end {
            windows += 1;
            end = at + group.page;
            at = end;
        }
    }
    windows * group.rows.len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// No choice of files costs less than the points say, and the chosen one is sound.
    #[test]
    fn the_certificate_holds_against_every_choice_of_files(
        lacking in proptest::collection::vec((proptest::collection::btree_set(0..6_u8, 1..6), 1..4_usize), 1..4),
        page in 3..12_u64,
        cost in 1..5_u64,
        last in 0..6_u8,
    ) {
        let mut rows = 0;
        let groups: Vec<Group> = lacking
            .iter()
            .map(|(days, symbols)| {
                let group = group(days, page, rows..rows + symbols);
                rows += symbols;
                group
            })
            .collect();
        let newest = date("2024-01-01") + chrono::Days::new(u64::from(last));
        let has_file = |date: NaiveDate| date <= newest;
        let cost_of = |files: &BTreeSet<NaiveDate>| {
            files.len() as u64 * cost + groups.iter().map(|group| windows(group, files)).sum::<u64>()
        };
        let days: Vec<NaiveDate> = (0..=u64::from(last)).map(|day| date("2024-01-01") + chrono::Days::new(day)).collect();
        let best = (0..1_u32 << days.len())
            .map(|set| cost_of(&days.iter().enumerate().filter(|(k, _)| set >> k & 1 == 1).map(|(_, d)| *d).collect()))
            .min()
            .unwrap();
        let points = Points::of(&groups, cost, has_file);
        prop_assert!(points.verify(&groups, cost, has_file));
        let bound = points.of_rows.values().map(|own| own.len() as u64).sum::<u64>();
        prop_assert!(bound <= best, "{bound} > {best}");
        let dates = cover(&groups, cost, has_file);
        prop_assert!(dates.iter().all(|date| has_file(*date)));
        prop_assert!(best <= cost_of(&dates));
    }
}
