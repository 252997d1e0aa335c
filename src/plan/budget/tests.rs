//! The bound against a simulation that knows nothing of it: time passes step by step, and the window is counted.

use proptest::prelude::*;

use super::*;
use barkeep_market::{AssetClass, Interval};

fn item(symbol: &str, criticality: Criticality, requests: u64, newest: bool) -> Item {
    Item {
        recheck: false,
        request: Request::Aggregates {
            vendor: barkeep_market::Source::Massive,
            ticker: symbol.to_owned(),
            asset_class: AssetClass::Stock,
            timeframe: Timeframe::M5,
            derives: vec![],
            range: Interval::new(Ts(0), Ts(1)),
        },
        symbols: [symbol.parse().unwrap()].into(),
        criticality,
        newest,
        requests,
    }
}

fn stale(deadline: i64) -> Stale {
    Stale { timeframe: Timeframe::M5, behind: Some(1_000), deadline: Ts(deadline) }
}

/// One item each: requests and deadline.
fn scene(jobs: &[(u64, i64)]) -> (Vec<Item>, Staleness) {
    let name = |k: usize| format!("S{k}");
    let items = jobs.iter().enumerate().map(|(k, (n, _))| item(&name(k), Criticality::Low, *n, true)).collect();
    let series = jobs.iter().enumerate();
    let staleness = series.map(|(k, (_, d))| ((name(k).parse().unwrap(), Family::Minute), vec![stale(*d)])).collect();
    (items, staleness)
}

/// When requests start if one starts whenever fewer than `limit` lie in the trailing window; every instant is tried.
fn starts_by_trying(tokens: &Tokens, count: usize) -> Vec<i64> {
    let mut all: Vec<i64> = tokens.used.iter().map(|t| t.ms()).collect();
    let mut new = Vec::new();
    let mut t = tokens.now.ms();
    while new.len() < count {
        if all.iter().filter(|s| **s > t - tokens.window_ms()).count() < tokens.limit as usize {
            all.push(t);
            new.push(t);
        } else {
            t += 1;
        }
    }
    new
}

/// The fewest late requests, by trying every order of the unit requests (overdue ones first). Small inputs only.
fn fewest_late(deadlines: &mut Vec<i64>, at: usize, starts: &[i64], late: u64) -> u64 {
    if at == deadlines.len() {
        return late;
    }
    let mut best = u64::MAX;
    for k in at..deadlines.len() {
        deadlines.swap(at, k);
        let missed = u64::from(starts[at] > deadlines[at]);
        best = best.min(fewest_late(deadlines, at + 1, starts, late + missed));
        deadlines.swap(at, k);
    }
    best
}

prop_compose! {
    fn tokens()(limit in 1..5_u64, window in 1..30_i64, mut used in prop::collection::vec(-29..=0_i64, 0..4)) -> Tokens {
        used.sort_unstable();
        used.truncate(limit as usize);
        Tokens { limit, window: Duration::from_millis(window.unsigned_abs()), used: used.into_iter().map(Ts).collect(), now: Ts(0) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn tokens_are_free_when_the_window_says_so(tokens in tokens(), t in 0..120_i64) {
        let starts = starts_by_trying(&tokens, 40);
        prop_assert_eq!(tokens.times().take(40).map(Ts::ms).collect::<Vec<_>>(), starts.clone());
        if starts.last().is_some_and(|last| *last > t) {
            prop_assert_eq!(tokens.available(Ts(t)), starts.iter().filter(|s| **s <= t).count() as u64);
        }
    }

    #[test]
    fn what_is_short_is_what_the_best_order_misses(
        tokens in tokens(),
        jobs in prop::collection::vec((1..3_u64, -20..60_i64), 0..5),
    ) {
        let (items, staleness) = scene(&jobs);
        let budget = Budget::of(&items, &staleness, &tokens);
        let requests = |of: &dyn Fn(i64) -> bool| -> Vec<i64> {
            jobs.iter().filter(|j| of(j.1)).flat_map(|j| (0..j.0).map(|_| j.1)).collect()
        };
        let overdue = requests(&|d| d <= 0);
        let mut ahead = requests(&|d| d > 0);
        prop_assume!(ahead.len() <= 7);
        let starts = starts_by_trying(&tokens, overdue.len() + ahead.len());
        let late = fewest_late(&mut ahead, 0, &starts[overdue.len()..], 0);
        prop_assert_eq!(budget.requests_short, late);
        prop_assert_eq!(budget.feasible, late == 0);
        prop_assert_eq!(budget.overdue, jobs.iter().filter(|j| j.1 <= 0).count() as u64);
    }

    #[test]
    fn those_who_breach_are_those_served_too_late_in_the_order_of_the_plan(
        tokens in tokens(),
        jobs in prop::collection::vec((1..4_u64, -20..60_i64), 0..12),
    ) {
        let (items, staleness) = scene(&jobs);
        let budget = Budget::of(&items, &staleness, &tokens);
        let starts = starts_by_trying(&tokens, jobs.iter().map(|j| j.0 as usize).sum());
        let mut done = 0;
        let mut expected = Vec::new();
        for (k, (n, deadline)) in jobs.iter().enumerate() {
            done += *n as usize;
            if *deadline > 0 && starts[done - 1] > *deadline {
                expected.push((format!("S{k}"), starts[done - 1]));
            }
        }
        let found: Vec<(String, i64)> =
            budget.breaches.iter().map(|b| (b.symbol.to_string(), b.served_at.ms())).collect();
        prop_assert_eq!(budget.breaching as usize, expected.len());
        prop_assert_eq!(found, expected);
        // In the order of deadlines nobody breaches if and only if nothing is short.
        let mut sorted = jobs.clone();
        sorted.sort_by_key(|j| j.1);
        let (items, staleness) = scene(&sorted);
        let earliest_first = Budget::of(&items, &staleness, &tokens);
        prop_assert_eq!(earliest_first.breaching == 0, earliest_first.requests_short == 0);
    }
}

#[test]
fn five_a_minute_for_an_hour() {
    let tokens = Tokens { limit: 5, window: Duration::from_mins(1), used: vec![], now: Ts(0) };
    assert_eq!(tokens.available(Ts(0)), 5);
    assert_eq!(tokens.available(Ts(59_999)), 5);
    assert_eq!(tokens.available(Ts(3_600_000)), 305);
    // 310 requests due in an hour: five too many.
    let jobs: Vec<(u64, i64)> = (0..310).map(|_| (1, 3_600_000)).collect();
    let (items, staleness) = scene(&jobs);
    let budget = Budget::of(&items, &staleness, &tokens);
    assert_eq!((budget.feasible, budget.requests_short, budget.breaching), (false, 5, 5));
    assert_eq!(
        budget.breaches.iter().map(|b| b.symbol.as_str()).collect::<Vec<_>>(),
        ["S305", "S306", "S307", "S308", "S309"]
    );
    let tightest = Tightest { deadline: Ts(3_600_000), due: 310, available: 305 };
    assert_eq!(budget.tightest, Some(tightest));
    assert_eq!((budget.next.requests, budget.next.low, budget.next.until), (60, 60, Some(Ts(11 * 60_000))));
    assert_eq!(budget.next.staleness_removed_seconds, 60);
}

#[test]
fn the_order_is_criticality_then_newest_then_deadline_then_staleness_per_request() {
    let staleness: Staleness =
        [("EARLY", 10, 5), ("LATE", 20, 5), ("CHEAP", 20, 9), ("HISTORY", 1, 99), ("CRITICAL", 99, 1)]
            .into_iter()
            .map(|(name, deadline, behind)| {
                let series = Stale { timeframe: Timeframe::M5, behind: Some(behind), deadline: Ts(deadline) };
                ((name.parse().unwrap(), Family::Minute), vec![series])
            })
            .collect();
    let mut items = [
        item("HISTORY", Criticality::Standard, 1, false),
        item("LATE", Criticality::Standard, 1, true),
        item("CHEAP", Criticality::Standard, 1, true),
        item("EARLY", Criticality::Standard, 4, true),
        item("CRITICAL", Criticality::Critical, 9, true),
    ];
    items.sort_by_key(|item| urgency(item, &staleness));
    let order: Vec<&str> = items.iter().map(|i| i.symbols[0].as_str()).collect();
    assert_eq!(order, ["CRITICAL", "EARLY", "CHEAP", "LATE", "HISTORY"]);
}

#[test]
fn every_vendor_has_a_limit_of_its_own() {
    let by = |vendor, symbol: &str| {
        let mut item = item(symbol, Criticality::Critical, 10, true);
        if let Request::Aggregates { vendor: of, .. } = &mut item.request {
            *of = vendor;
        }
        item
    };
    let (items, window) = ([by(Source::Massive, "A"), by(Source::Coinbase, "B")], Duration::from_secs(1));
    let staleness: Staleness =
        ["A", "B"].map(|name| ((name.parse().unwrap(), Family::Minute), vec![stale(60_500)])).into_iter().collect();
    let tokens = |limit, window| Tokens { limit, window, used: vec![], now: Ts(0) };
    let both = [(Source::Massive, tokens(4, Duration::from_mins(1))), (Source::Coinbase, tokens(4, window))].into();
    let budget = Budget::over(&items, &staleness, &both);
    // Four at once and four a minute later at the one, and all ten within three seconds at the other.
    assert_eq!((budget.requests_short, budget.feasible, budget.breaching), (2, false, 1));
    assert_eq!((budget.next.requests, budget.next.until), (20, Some(Ts(120_000))));
    assert_eq!(budget.tightest.map(|t| (t.due, t.available)), Some((10, 8)));
    assert_eq!(budget.deadlines.iter().map(|d| d.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    // With one vendor it is the budget of that one.
    let one: BTreeMap<Source, Tokens> = [(Source::Massive, tokens(4, Duration::from_mins(1)))].into();
    assert_eq!(
        Budget::over(&items[..1], &staleness, &one),
        Budget::of(&items[..1], &staleness, &one[&Source::Massive])
    );
}
