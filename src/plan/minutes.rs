//! The fewest requests for missing minute bars of one symbol.
//!
//! The vendor answers a range in pages of up to 50,000 *base minutes*, whatever the timeframe, and each page is one
//! request (massive.com/blog/aggs-api-updates). Gaps are therefore requested together, across stretches that are already
//! covered, exactly where that needs no more pages than requesting them apart.
//!
//! Why the result is the minimum. A page covers a window of consecutive base minutes, at most `page` of them, and
//! somebody has to cover the first missing minute; a window that starts there and is as long as a page covers everything
//! that any other window over that minute can cover of the rest. So the greedy sequence "start a full window at the first
//! missing minute, repeat" has the fewest windows that any plan can have. Windows of it that touch form one range with its
//! following pages, a window whose end lies in a covered stretch ends its range: the greedy plan is a division of the gaps
//! into consecutive groups, each requested from its first to its last missing minute. The search here is over all such
//! divisions, so it finds that minimum, and among the divisions that reach it the one that requests the fewest base minutes
//! (no covered stretch is requested again unless that saves a page).
//!
//! `slots` is an upper bound (a minute without a trade has no bar and costs nothing), so the pages are one too.

use barkeep_market::interval::{Interval, IntervalSet};

/// One range to request, with its following pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// From the first to the last missing instant of the gaps requested together.
    pub range: Interval,
    /// Requests this takes, at most.
    pub pages: u64,
    /// Base minutes the vendor may have in it, at most.
    pub slots: u64,
}

/// The cheapest way to request the gaps up to some point: pages, then base minutes, then ranges. The last because the
/// vendor counts only minutes that traded: of two plans equal so far, the one with fewer, longer ranges can turn out cheaper.
type Cost = (u64, u64, u64);

/// Groups the gaps of one symbol's base series into ranges to request.
///
/// `gaps` is what is missing, already cut to trading time. `slots` bounds the base minutes that the vendor may have in a
/// range and must add up over adjacent ranges, as a count of trading minutes does. `page` is base minutes per page (0 is
/// taken as 1). O(gaps) calls of `slots`, and at most O(gaps^2) additions, gaps with only closed hours between them counted
/// as one: covered stretches of a page or more are never requested across, so the search starts anew behind each.
#[must_use]
pub fn ranges(gaps: &IntervalSet, page: u64, slots: impl Fn(Interval) -> u64) -> Vec<Range> {
    let page = page.max(1);
    let gaps = joined(gaps, &slots);

    // Base minutes before each gap's start and end, counted from the first gap's start.
    let mut marks: Vec<(u64, u64)> = Vec::with_capacity(gaps.len());
    let mut before: Option<(Interval, u64)> = None;
    for gap in &gaps {
        let start = before.map_or(0, |(last, end)| end + slots(Interval::new(last.end, gap.start)));
        let end = start + slots(*gap);
        marks.push((start, end));
        before = Some((*gap, end));
    }

    // best[j]: the cheapest way to request the first j gaps, and where its last range begins. The costs of ranges add up
    // and the order of costs is kept by addition, so the best way up to j contains the best way up to its last range.
    let mut best: Vec<(Cost, usize)> = Vec::with_capacity(gaps.len() + 1);
    best.push(((0, 0, 0), 0));
    let mut first = 0;
    for (j, &(start, end)) in marks.iter().enumerate() {
        if marks.get(..j).and_then(<[_]>::last).is_some_and(|last| start - last.1 >= page) {
            first = j;
        }
        let candidates = marks.iter().zip(&best).enumerate().skip(first);
        let cheapest = candidates.map(|(i, (from, (cost, _)))| {
            let slots = end - from.0;
            ((cost.0 + pages(slots, page), cost.1 + slots, cost.2 + 1), i)
        });
        best.extend(cheapest.min());
    }

    let mut out = Vec::new();
    let mut upto = gaps.len();
    while let Some((from, last)) = best.get(upto).map(|(_, from)| *from).zip(upto.checked_sub(1)) {
        if let (Some(a), Some(b), Some(x), Some(y)) = (gaps.get(from), gaps.get(last), marks.get(from), marks.get(last))
        {
            let slots = y.1 - x.0;
            out.push(Range { range: a.hull(*b), pages: pages(slots, page), slots });
        }
        upto = from;
    }
    out.reverse();
    out
}

/// The gaps, as one where nothing lies between them: across closed hours a range never costs more than two.
fn joined(gaps: &IntervalSet, slots: impl Fn(Interval) -> u64) -> Vec<Interval> {
    let mut joined: Vec<Interval> = Vec::new();
    for gap in gaps.iter() {
        match joined.last_mut() {
            Some(last) if slots(Interval::new(last.end, gap.start)) == 0 => last.end = gap.end,
            _ => joined.push(gap),
        }
    }
    joined
}

/// Requests for a range: an answer without bars is a page too.
fn pages(slots: u64, page: u64) -> u64 {
    slots.div_ceil(page).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::ts::{DAY, HOUR, MINUTE, Ts};
    use proptest::prelude::*;

    fn minutes(range: Interval) -> u64 {
        (range.len() / MINUTE) as u64
    }

    fn set(ranges: &[(i64, i64)]) -> IntervalSet {
        ranges.iter().map(|&(a, b)| Interval::new(Ts(a * MINUTE), Ts(b * MINUTE))).collect()
    }

    fn planned(gaps: &[(i64, i64)], page: u64) -> Vec<(i64, i64, u64)> {
        let found = ranges(&set(gaps), page, minutes);
        found.iter().map(|r| (r.range.start.ms() / MINUTE, r.range.end.ms() / MINUTE, r.pages)).collect()
    }

    fn total(plan: &[Range]) -> Cost {
        plan.iter().fold((0, 0, 0), |sum, r| (sum.0 + r.pages, sum.1 + r.slots, sum.2 + 1))
    }

    /// The cheapest of all divisions of the gaps into consecutive groups, one bit for each place to divide.
    fn exhaustive(gaps: &IntervalSet, page: u64, slots: impl Fn(Interval) -> u64) -> Cost {
        let gaps = gaps.as_slice();
        let divisions = 0..1_u32 << gaps.len().saturating_sub(1);
        let cost_of = |division: u32| {
            let mut groups: Vec<Interval> = Vec::new();
            for (k, gap) in gaps.iter().enumerate() {
                match groups.last_mut() {
                    Some(group) if division >> (k - 1) & 1 == 0 => *group = group.hull(*gap),
                    _ => groups.push(*gap),
                }
            }
            groups.iter().fold((0, 0, 0), |sum: Cost, group| {
                let slots = slots(*group);
                (sum.0 + slots.div_ceil(page).max(1), sum.1 + slots, sum.2 + 1)
            })
        };
        divisions.map(cost_of).min().unwrap()
    }

    /// The fewest windows of `page` trading minutes over the missing minutes, by brute force over a row of minutes.
    fn fewest_windows(gaps: &IntervalSet, page: u64, trading: &[bool]) -> u64 {
        let missing = |minute: usize| trading[minute] && gaps.contains(Ts(minute as i64 * MINUTE));
        let (mut windows, mut left) = (0, 0);
        for minute in (0..trading.len()).filter(|&m| trading[m]) {
            if left == 0 && missing(minute) {
                windows += 1;
                left = page;
            }
            left = left.saturating_sub(1);
        }
        windows
    }

    #[test]
    fn gaps_that_fit_one_page_are_one_request() {
        assert_eq!(planned(&[(0, 2), (5, 6)], 10), [(0, 6, 1)]);
        assert_eq!(planned(&[(0, 2), (10, 11)], 10), [(0, 2, 1), (10, 11, 1)]);
    }

    #[test]
    fn a_covered_stretch_is_not_asked_again_for_nothing() {
        // Any two of the three fit one page; the nearer two are requested together.
        assert_eq!(planned(&[(0, 1), (8, 9), (12, 13)], 10), [(0, 1, 1), (8, 13, 1)]);
        // Joining would keep the pages (1 + 1 = 2) and request 5 minutes again.
        assert_eq!(planned(&[(0, 10), (15, 20)], 10), [(0, 10, 1), (15, 20, 1)]);
    }

    #[test]
    fn a_long_gap_lends_the_rest_of_its_last_page() {
        assert_eq!(planned(&[(0, 23), (26, 30), (40, 45)], 10), [(0, 30, 3), (40, 45, 1)]);
    }

    #[test]
    fn nothing_missing_is_nothing_to_ask() {
        assert_eq!(planned(&[], 10), []);
        assert_eq!(planned(&[(0, 3)], 0), [(0, 3, 3)]);
    }

    /// Closed hours cost no base minutes, so a year of sessions is one range: 252 * 960 / 50,000 = 5 pages.
    #[test]
    fn a_liquid_year_is_five_pages() {
        let sessions: IntervalSet =
            (0..252).map(|day| Interval::new(Ts(day * DAY + 4 * HOUR), Ts(day * DAY + 20 * HOUR))).collect();
        let slots = |range: Interval| sessions.clip(range).iter().map(minutes).sum();
        let plan = ranges(&sessions, 50_000, slots);
        assert_eq!(plan, [Range { range: sessions.hull().unwrap(), pages: 5, slots: 252 * 960 }]);
    }

    #[test]
    fn two_thousand_gaps_are_planned_exactly() {
        let gaps: IntervalSet = (0..2_000)
            .map(|k| Interval::new(Ts(k * 1_000 * MINUTE), Ts((k * 1_000 + 1 + k * 37 % 400) * MINUTE)))
            .collect();
        let plan = ranges(&gaps, 50_000, minutes);
        let universe = vec![true; 2_000_000];
        assert_eq!(total(&plan).0, fewest_windows(&gaps, 50_000, &universe));
        assert!(gaps.iter().all(|gap| plan.iter().any(|r| r.range.intersect(gap) == gap)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn equals_exhaustive_search_and_the_window_bound(
            trading in proptest::collection::vec(proptest::bool::weighted(0.8), 64),
            pairs in proptest::collection::vec((0..64_i64, 1..6_i64), 0..12),
            page in 1..16_u64,
        ) {
            let slots = |range: Interval| {
                (range.start.ms() / MINUTE..range.end.ms() / MINUTE).filter(|&m| trading[m as usize]).count() as u64
            };
            // Gaps are cut to trading time, as the caller does.
            let open: IntervalSet = (0..64_i64)
                .filter(|&m| trading[m as usize])
                .map(|m| Interval::new(Ts(m * MINUTE), Ts((m + 1) * MINUTE)))
                .collect();
            let gaps = set(&pairs.iter().map(|&(a, n)| (a, (a + n).min(64))).collect::<Vec<_>>()).intersect(&open);

            let plan = ranges(&gaps, page, slots);
            prop_assert_eq!(total(&plan), exhaustive(&gaps, page, slots));
            prop_assert_eq!(total(&plan).0, fewest_windows(&gaps, page, &trading));
            prop_assert!(plan.windows(2).all(|w| w[0].range.end < w[1].range.start));
            let all: IntervalSet = plan.iter().map(|r| r.range).collect();
            prop_assert!(gaps.subtract(&all).is_empty());
            for r in &plan {
                prop_assert_eq!(r.slots, slots(r.range));
                prop_assert!(gaps.iter().any(|g| g.start == r.range.start) && gaps.iter().any(|g| g.end == r.range.end));
            }
        }
    }
}
