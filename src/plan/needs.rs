//! The needs of many families, each different one worked out once.
//!
//! Ten thousand symbols that were added together lack the same hours of the same calendar. They differ in their names
//! alone, so one of them is worked out and the others share what was found; the planner plans for it once, too.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::gaps::{FamilyState, Found, Horizon, Need};
use barkeep_market::{AssetClass, Calendar, Interval, IntervalSet, Timeframe, Ts};

/// Needs in the order in which they were added.
pub struct Needs<'a> {
    cal: &'a Calendar,
    /// Leave out the holes before the newest one.
    newest_only: bool,
    all: Vec<Need>,
    /// Places in `all` of needs that were worked out, by a hash of all they depend on.
    different: HashMap<u64, Vec<usize>>,
}

impl<'a> Needs<'a> {
    #[must_use]
    pub fn new(cal: &'a Calendar, newest_only: bool) -> Self {
        Self { cal, newest_only, all: Vec::new(), different: HashMap::new() }
    }

    /// What `state` lacks inside `range`: as [`Need::of`], and [`Need::newest`] where only that is wanted.
    pub fn add(&mut self, state: FamilyState, range: Interval, horizon: Horizon) -> Arc<Found> {
        let places = self.different.entry(hash(&state, range, horizon)).or_default();
        let alike = |need: &&Need| need.is_of(range, horizon) && need.state.is_alike(&state);
        let known = places.iter().filter_map(|k| self.all.get(*k)).find(alike).map(|need| Arc::clone(&need.found));
        let need = if let Some(found) = known {
            Need { state, found }
        } else {
            places.push(self.all.len());
            let need = Need::of(self.cal, state, range, horizon);
            if self.newest_only { need.newest(self.cal) } else { need }
        };
        let found = Arc::clone(&need.found);
        self.all.push(need);
        found
    }

    /// How many of them were worked out; the others are like one of those.
    #[must_use]
    pub fn worked_out(&self) -> usize {
        self.different.values().map(Vec::len).sum()
    }

    #[must_use]
    pub fn into_vec(self) -> Vec<Need> {
        self.all
    }
}

/// How many holes series have, as [`Need::open_gaps`] counts them, each different coverage once.
pub struct Holes<'a> {
    cal: &'a Calendar,
    counted: HashMap<(AssetClass, Timeframe, Interval, Ts), HashMap<IntervalSet, usize>>,
}

impl<'a> Holes<'a> {
    #[must_use]
    pub fn new(cal: &'a Calendar) -> Self {
        Self { cal, counted: HashMap::new() }
    }

    /// Before the settled end of a series.
    pub fn count(&mut self, state: &FamilyState, tf: Timeframe, range: Interval, horizon: Horizon) -> usize {
        let nothing = IntervalSet::new();
        let covered = state.covered.get(&tf).unwrap_or(&nothing);
        let counted = self.counted.entry((state.class, tf, range, horizon.settled)).or_default();
        if let Some(count) = counted.get(covered) {
            return *count;
        }
        let count = Need::open_gaps(self.cal, state, tf, range, horizon);
        counted.insert(covered.clone(), count);
        count
    }
}

/// Of everything that decides what is missing.
fn hash(state: &FamilyState, range: Interval, horizon: Horizon) -> u64 {
    let mut hasher = DefaultHasher::new();
    (range, horizon, state.class, state.vendor, state.base, &state.requested, state.open).hash(&mut hasher);
    state.due.as_slice().hash(&mut hasher);
    for (timeframe, covered) in &state.covered {
        (timeframe, covered.as_slice()).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::planner::{Plan, PlanInputs, build, build_checked};
    use crate::request::{Item, Request};
    use barkeep_market::freshness::Delay;
    use barkeep_market::ts::{DAY, HOUR};
    use barkeep_market::{Criticality, Family, Source};

    /// 2024-03-14 16:00 UTC, while the exchange trades.
    const NOW: Ts = Ts(1_710_432_000_000);

    fn horizon(cal: &Calendar, class: AssetClass, family: Family) -> Horizon {
        Horizon::at(cal, class, family, Delay::After(Duration::ZERO), Duration::from_mins(15), NOW)
    }

    /// One family of a symbol that lacks what lies in `holes` of the last 40 days.
    fn state(name: usize, base: Timeframe, holes: &[(i64, i64)], new: bool) -> FamilyState {
        let whole = Interval::new(NOW - 50 * DAY, NOW);
        let hole = |&(at, hours): &(i64, i64)| Interval::new(NOW - at * HOUR, NOW - (at - hours) * HOUR);
        let holes: IntervalSet = holes.iter().map(hole).map(|h| base.snap_out(AssetClass::Stock, h)).collect();
        let covered = IntervalSet::from(whole).subtract(&holes);
        FamilyState {
            symbol: format!("S{name}").parse().unwrap(),
            class: AssetClass::Stock,
            ticker: format!("T{name}"),
            vendor: Source::Massive,
            criticality: [Criticality::Critical, Criticality::Standard, Criticality::Low][name % 3],
            base,
            requested: vec![base],
            derived: Vec::new(),
            covered: if new { [].into() } else { [(base, covered)].into() },
            due: IntervalSet::new(),
            open: None,
        }
    }

    fn needs(cal: &Calendar, states: Vec<FamilyState>) -> Needs<'_> {
        let mut needs = Needs::new(cal, false);
        for state in states {
            let horizon = horizon(cal, state.class, state.base.family());
            needs.add(state, Interval::new(NOW - 40 * DAY, NOW), horizon);
        }
        needs
    }

    fn new_symbols(count: usize) -> Vec<FamilyState> {
        (0..count).flat_map(|k| [Timeframe::D1, Timeframe::M5].map(|base| state(k, base, &[], true))).collect()
    }

    /// Items without the id of their plan, and all numbers of the plan.
    fn told(plan: &Plan) -> (Vec<Item>, [u64; 6]) {
        let Plan { requests, requests_low, requests_high, lower_bound, expected_bars, derived_locally, .. } = *plan;
        (plan.items.clone(), [requests, requests_low, requests_high, lower_bound, expected_bars, derived_locally])
    }

    #[test]
    fn a_thousand_new_symbols_are_worked_out_once_for_each_family() {
        let cal = Calendar::new();
        let needs = needs(&cal, new_symbols(1_000));
        assert_eq!(needs.worked_out(), 2);
        let plan = build(&cal, &needs.into_vec(), &PlanInputs { grouped_daily: true, ..PlanInputs::default() });
        let of_market: Vec<&Item> = plan.items.iter().filter(|i| i.symbols.len() == 1_000).collect();
        assert!(of_market.len() > 25, "{} days of the whole market", of_market.len());
        let lists = of_market.iter().filter(|item| !Arc::ptr_eq(&item.symbols, &of_market[0].symbols));
        assert_eq!(lists.count(), 0, "all days have one list of symbols");
    }

    #[test]
    fn a_plan_that_nobody_wants_ends_at_the_next_need() {
        let cal = Calendar::new();
        let needs = needs(&cal, new_symbols(500)).into_vec();
        let asked = Cell::new(0);
        let check = || {
            asked.set(asked.get() + 1);
            if asked.get() > 10 { Err("nobody wants it") } else { Ok(()) }
        };
        assert_eq!(build_checked(&cal, &needs, &PlanInputs::default(), check).unwrap_err(), "nobody wants it");
        assert_eq!(asked.get(), 11);
    }

    #[test]
    fn symbols_at_different_ends_are_worked_out_each() {
        let cal = Calendar::new();
        let ends =
            needs(&cal, (0..50).map(|k| state(k, Timeframe::M5, &[(k as i64 + 1, k as i64 + 1)], false)).collect());
        assert!(ends.worked_out() > 20, "{}", ends.worked_out());
    }

    #[test]
    fn symbols_of_two_vendors_that_lack_the_same_are_planned_each_by_what_a_request_holds() {
        let cal = Calendar::new();
        let of =
            |name, vendor| FamilyState { class: AssetClass::Crypto, vendor, ..state(name, Timeframe::M5, &[], true) };
        let both = needs(&cal, vec![of(0, Source::Massive), of(1, Source::Coinbase), of(2, Source::Massive)]);
        assert_eq!(both.worked_out(), 2);
        let plan = build(&cal, &both.into_vec(), &PlanInputs::default());
        let requests = |vendor: Source| {
            let of_vendor = plan.items.iter().filter(|item| item.request.vendor() == vendor);
            of_vendor.map(|item| item.requests).sum::<u64>()
        };
        // 40 days are 57,600 minutes, of which a page holds 50,000, and 11,520 bars, of which a window holds 300.
        assert_eq!((requests(Source::Massive), requests(Source::Coinbase)), (2 * 2, 39));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        /// Whatever is shared: the plan is that of needs worked out one by one, whose daily part is given every cell.
        #[test]
        fn shared_needs_make_the_plan_of_single_ones(
            kinds in proptest::collection::vec(proptest::collection::vec((1_i64..900, 1_i64..60), 0..3), 1..4),
            symbols in proptest::collection::vec((0_usize..4, proptest::bool::weighted(0.2)), 1..40),
            grouped in proptest::bool::weighted(0.8),
            refused in proptest::collection::btree_set(0_usize..40, 0..3),
        ) {
            let cal = Calendar::new();
            let states: Vec<FamilyState> = symbols
                .iter()
                .enumerate()
                .flat_map(|(k, (kind, new))| {
                    let holes = kinds.get(*kind % kinds.len()).unwrap();
                    [Timeframe::D1, Timeframe::M5].map(|base| state(k, base, holes, *new))
                })
                .collect();
            let single: Vec<Need> = states
                .iter()
                .map(|state| {
                    let horizon = horizon(&cal, state.class, state.base.family());
                    Need::of(&cal, state.clone(), Interval::new(NOW - 40 * DAY, NOW), horizon)
                })
                .collect();
            let shared = needs(&cal, states.clone());
            prop_assert!(shared.worked_out() <= 2 * (kinds.len() + 1));
            let shared = shared.into_vec();
            prop_assert_eq!(&shared, &single);
            let not_grouped = refused.iter().map(|k| format!("S{k}").parse().unwrap()).collect();
            let market = PlanInputs { grouped_daily: grouped, not_grouped, ..PlanInputs::default() };
            let plan = build(&cal, &shared, &market);
            prop_assert_eq!(told(&plan), told(&build(&cal, &single, &market)));

            // The daily part against a cover of every missing cell.
            let mut cells = Vec::new();
            let mut forced = Vec::new();
            for (row, need) in (0_u32..).zip(single.iter().filter(|need| need.state.base == Timeframe::D1)) {
                for gap in need.gaps.iter() {
                    let first = gap.start.ms().div_euclid(DAY);
                    cells.extend((first..(gap.end - 1).ms().div_euclid(DAY)).map(|day| (row, day as u32)));
                }
                if !grouped || market.not_grouped.contains(&need.state.symbol) {
                    forced.push(row);
                }
            }
            let cover = crate::cover::minimum_cover(&cells, &forced);
            let (mut rows, mut columns) = (0, 0);
            for item in &plan.items {
                match &item.request {
                    Request::GroupedDaily { .. } => columns += 1,
                    Request::Aggregates { timeframe: Timeframe::D1, .. } => rows += 1,
                    _ => {}
                }
            }
            prop_assert_eq!((rows, columns), (cover.rows.len(), cover.columns.len()));
        }

        #[test]
        fn holes_are_counted_as_one_by_one(
            kinds in proptest::collection::vec(proptest::collection::vec((1_i64..900, 1_i64..60), 0..4), 1..4),
            picks in proptest::collection::vec(0_usize..4, 1..20),
        ) {
            let cal = Calendar::new();
            let mut holes = Holes::new(&cal);
            let range = Interval::new(NOW - 40 * DAY, NOW);
            for (k, pick) in picks.iter().enumerate() {
                let base = [Timeframe::D1, Timeframe::M5][k % 2];
                let state = state(k, base, &kinds[pick % kinds.len()], false);
                let horizon = horizon(&cal, state.class, base.family());
                let single = Need::open_gaps(&cal, &state, base, range, horizon);
                prop_assert_eq!(holes.count(&state, base, range, horizon), single);
            }
        }
    }
}
