//! From needs to requests.
//!
//! Minute-family needs become ranges, one symbol each ([`super::minutes`]). Daily needs of a whole market become a
//! bipartite cover: a request covers either one symbol over any range (a row) or every symbol on one date (a column),
//! and the fewest of those is a minimum vertex cover ([`super::cover`]), whose matching proves that fewer cannot do. Where the
//! vendor's flat files may be used, days of many symbols' minutes come from them (`files`).

mod by_range;
mod daily;
mod files;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::budget::{self, Budget, Staleness};
use super::capacity::Capacity;
use super::gaps::{Found, Need};
use super::minutes;
use super::request::{Item, Request};
use barkeep_market::calendar::Session;
use barkeep_market::ts::{DAY, millis};
use barkeep_market::{AssetClass, Calendar, Family, Interval, IntervalSet, Symbol, Timeframe, Ts};
pub use files::FlatFileTerms;

/// Sessions that an overlap goes back at most.
const LONGEST_OVERLAP: i64 = 30;

/// Tickers of one splits request; keeps the URL below 4 kB.
pub const SPLIT_BATCH: usize = 250;

/// What will be requested, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub plan_id: Uuid,
    /// Expected: from what the vendor counted before, or the most there can be where it never did.
    pub requests: u64,
    /// One page for each range: what it takes if hardly a minute had a trade. Retries are not counted.
    #[serde(default)]
    pub requests_low: u64,
    /// A trade in every minute the calendar allows.
    #[serde(default)]
    pub requests_high: u64,
    /// Flat files among `requests`; the vendor's limit does not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files: u64,
    /// What a file counts for, in requests; 0 where none may be used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub file_cost: u64,
    /// Requests if there were no files; absent where none is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_files: Option<u64>,
    /// No plan for these gaps can take fewer requests, if the symbols trade as often as expected. Where files may be used: no
    /// plan can cost less, a file counted as `file_cost` requests, than this one less the difference of `requests` to this.
    pub lower_bound: u64,
    /// Whether `requests` equals `lower_bound`.
    pub optimal: bool,
    /// Time until the last request may start, at the current limit.
    pub estimated_seconds: f64,
    /// Bars a liquid symbol would have in the gaps, base timeframes only.
    pub expected_bars: u64,
    /// Requests that only ask about holes again; they are part of `requests`, and go last.
    #[serde(default)]
    pub rechecks: u64,
    /// Series that will be computed from stored bars, without a request.
    pub derived_locally: u64,
    /// What the limit allows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    pub items: Vec<Item>,
}

impl Plan {
    /// Leaves out requests that only ask about holes again, but for so many: the others are due at the next run.
    pub fn keep_rechecks(&mut self, most: u64) {
        let mut left = most;
        self.items.retain(|item| {
            let kept = !item.recheck || item.requests <= left;
            left -= if item.recheck && kept { item.requests } else { 0 };
            kept
        });
        let rechecks = self.items.iter().filter(|item| item.recheck).map(|item| item.requests).sum();
        let dropped = self.rechecks - rechecks;
        self.rechecks = rechecks;
        self.requests -= dropped;
        self.lower_bound -= dropped.min(self.lower_bound);
        self.requests_low = self.requests_low.min(self.requests);
    }
}

/// What planning may use.
#[derive(Clone, Debug, Default)]
pub struct PlanInputs {
    /// Whether a whole market day may be requested at once.
    pub grouped_daily: bool,
    /// Symbols that grouped answers are known not to hold (OTC, delisted, unknown).
    pub not_grouped: BTreeSet<Symbol>,
    /// Dates on which the grouped endpoint gave nothing usable.
    pub not_grouped_dates: BTreeSet<NaiveDate>,
    /// How far back bars are requested again with the newest ones, at no further request.
    pub overlap: Duration,
    /// Share of possible base minutes that the vendor had, of symbols requested before.
    pub density: BTreeMap<Symbol, f64>,
    /// How stale series are, and until when that is accepted.
    pub staleness: Staleness,
    /// Tickers whose splits are due.
    pub splits_due: Vec<(Symbol, String)>,
    /// The vendor's flat files, where there are keys for them.
    pub flat_files: Option<FlatFileTerms>,
}

/// The requests for the given needs, most important first. `estimated_seconds` is left 0 for the caller to fill.
#[must_use]
pub fn build(cal: &Calendar, needs: &[Need], market: &PlanInputs) -> Plan {
    let Ok(plan) = build_checked(cal, needs, market, || Ok::<(), Infallible>(()));
    plan
}

/// The same for a caller that may want it no longer: `check` is asked before every need, and its error ends the planning.
///
/// # Errors
/// That of `check`.
pub fn build_checked<E>(
    cal: &Calendar,
    needs: &[Need],
    market: &PlanInputs,
    check: impl Fn() -> Result<(), E>,
) -> Result<Plan, E> {
    let mut bars: HashMap<*const Found, u64> = HashMap::new();
    let mut expected = 0;
    for need in needs {
        check()?;
        expected += *bars.entry(Arc::as_ptr(&need.found)).or_insert_with(|| expected_bars(cal, need));
    }
    let by_range = by_range::items(cal, needs, market, &check)?;
    let (bare, spare, files) = (by_range.bare, by_range.spare, by_range.files);
    let mut items = by_range.items;
    let by_range_requests = items.iter().map(|item| item.requests).sum::<u64>() - files;
    // Every part is minimal on its own (see `minutes`, `files` and `cover`) and no request serves two parts.
    let mut lower_bound: u64 = by_range.bound;
    for continuous in [false, true] {
        let of_market = |n: &&Need| {
            n.state.base == Timeframe::D1
                && n.state.class.is_continuous() == continuous
                && n.state.vendor.has_market_days()
        };
        let (again, missing): (Vec<&Need>, Vec<&Need>) =
            needs.iter().filter(of_market).partition(|need| need.gaps.is_empty());
        let (daily_items, bound) = daily::items(cal, &missing, market, &check)?;
        items.extend(daily_items);
        lower_bound += bound;
        let holes = again.iter().filter_map(|need| {
            let range = Timeframe::D1.snap_out(need.state.class, need.due.hull()?);
            Some(item(need, &Asked { recheck: true, ..Asked::one(cal, need, range) }))
        });
        let before = items.len();
        items.extend(holes);
        lower_bound += (items.len() - before) as u64;
    }
    check()?;
    items.sort_by_cached_key(|item| (item.recheck, budget::urgency(item, &market.staleness), shape(item)));
    let splits = market.splits_due.chunks(SPLIT_BATCH).map(|batch| Item {
        request: Request::Splits { tickers: batch.iter().map(|(_, ticker)| ticker.clone()).collect() },
        symbols: batch.iter().map(|(symbol, _)| symbol.clone()).collect(),
        criticality: barkeep_market::Criticality::Critical,
        newest: false,
        requests: 1,
        recheck: false,
    });
    items.splice(0..0, splits);
    lower_bound += market.splits_due.len().div_ceil(SPLIT_BATCH) as u64;

    let requests: u64 = items.iter().map(|i| i.requests).sum();
    let file_cost = market.flat_files.as_ref().map_or(0, |files| files.cost);
    let cost = requests + files * file_cost.saturating_sub(1);
    let lower_bound = requests.saturating_sub(cost.saturating_sub(lower_bound));
    let other = requests - files - by_range_requests;
    Ok(Plan {
        plan_id: Uuid::new_v4(),
        requests,
        files,
        file_cost,
        without_files: (files > 0).then_some(by_range.without_files + other),
        requests_low: requests - bare,
        requests_high: requests + spare,
        lower_bound,
        optimal: requests == lower_bound,
        estimated_seconds: 0.0,
        expected_bars: expected,
        rechecks: items.iter().filter(|item| item.recheck).map(|item| item.requests).sum(),
        derived_locally: needs.iter().map(|n| n.local.len() as u64).sum(),
        budget: None,
        items,
    })
}

/// Between equals: whole-market requests before single ones, then by name and time.
fn shape(item: &Item) -> (u8, Option<Symbol>, Option<Ts>) {
    let (shape, start) = match &item.request {
        Request::Splits { .. } => (0, None),
        Request::GroupedDaily { .. } | Request::FlatFile { .. } => (1, None),
        Request::Aggregates { timeframe, range, .. } if timeframe.family() == Family::Day => (2, Some(range.start)),
        Request::Aggregates { range, .. } => (3, Some(range.start)),
    };
    (shape, item.symbols.first().cloned(), start)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks with")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn expected_bars(cal: &Calendar, need: &Need) -> u64 {
    need.gaps.iter().map(|gap| cal.expected_bars(need.state.class, need.state.base, gap)).sum()
}

/// One range to ask, of every symbol that lacks the same.
#[derive(Clone, Copy)]
struct Asked {
    range: Interval,
    requests: u64,
    /// The most requests it can take.
    most: u64,
    newest: bool,
    recheck: bool,
}

impl Asked {
    /// A range of one request.
    fn one(cal: &Calendar, need: &Need, range: Interval) -> Self {
        Self { range, requests: 1, most: 1, newest: is_newest(cal, need, range.end), recheck: false }
    }
}

fn item(need: &Need, asked: &Asked) -> Item {
    let state = &need.state;
    Item {
        request: Request::Aggregates {
            ticker: state.ticker.clone(),
            vendor: state.vendor,
            asset_class: state.class,
            timeframe: state.base,
            derives: state.derived.clone(),
            range: asked.range,
        },
        symbols: [state.symbol.clone()].into(),
        criticality: state.criticality,
        newest: asked.newest,
        requests: asked.requests,
        recheck: asked.recheck,
    }
}

/// Whether no trading time lies between `end` and what is settled: on a Sunday, Friday's bars are the newest.
fn is_newest(cal: &Calendar, need: &Need, end: Ts) -> bool {
    let rest = Interval::new(end.min(need.horizon.settled), need.horizon.settled);
    cal.trading(need.state.class, need.state.base.family(), rest).is_empty()
}

/// Ranges for one symbol's gaps. They depend on nothing of the symbol but what is alike in all that share [`Found`].
fn ranges_of(cal: &Calendar, need: &Need, market: &PlanInputs, capacity: Capacity) -> Vec<Asked> {
    let (class, base) = (need.state.class, need.state.base);
    let bar_before = |t: Ts| base.span(class, t - 1).start;
    let mut gaps: IntervalSet = need.gaps.iter().map(|gap| base.snap_out(class, gap)).collect();
    let in_ranges = base.family() == Family::Minute || !need.state.vendor.has_market_days();
    if let Some(tail) = gaps.hull().filter(|hull| in_ranges && is_newest(cal, need, hull.end)) {
        // Bars of the last days may be revised by late trades, and silence at the newest end may have been the vendor's;
        // requesting them again with the newest costs nothing.
        let again = base.span(class, overlap_start(cal, class, need.horizon.end, market.overlap)).start;
        let again = need.state.open.map_or(again, |open| again.min(bar_before(open.start)));
        let open_time = |range| !cal.trading(class, base.family(), range).is_empty();
        let tail_start = gaps
            .as_slice()
            .iter()
            .rev()
            .fold(tail.end, |start, gap| if open_time(Interval::new(gap.end, start)) { start } else { gap.start });
        // The newest bar may have been sent in part.
        let start = again.min(bar_before(tail_start)).max(need.wanted.start);
        let start = start.max(capacity.free_start(Interval::new(tail_start, tail.end))).min(tail_start);
        gaps.insert(Interval::new(start, tail.end));
    }
    // The bars beside a hole may lack the trades that the vendor did not have.
    let beside = |hole: Interval| Interval::new(bar_before(hole.start), base.span(class, hole.end).end);
    let due: IntervalSet = need.due.iter().map(|hole| beside(hole).intersect(need.wanted)).collect();
    let slots = |range: Interval| capacity.slots(cal, &need.state, range);
    let page = capacity.page;
    let mut ranges = minutes::ranges(&gaps, page, slots);
    let left = widened(&mut ranges, &due, page, slots);
    let asked = |r: minutes::Range, recheck| {
        let range = if recheck { base.snap_out(class, r.range) } else { over_closed_hours(cal, need, r.range) };
        let most = r.slots.div_ceil(capacity.least).max(r.pages);
        Asked { requests: r.pages, most, recheck, ..Asked::one(cal, need, range) }
    };
    let again = minutes::ranges(&left, page, slots).into_iter().map(|r| asked(r, true)).collect::<Vec<_>>();
    ranges.into_iter().map(|r| asked(r, false)).chain(again).collect()
}

/// Where the last bars begin that are requested again: so long before `end`, closed days not counted.
fn overlap_start(cal: &Calendar, class: AssetClass, end: Ts, overlap: Duration) -> Ts {
    let overlap = millis(overlap);
    if class.is_continuous() || overlap == 0 {
        return end - overlap;
    }
    // No more sessions than any plan's overlap needs; a longer one is counted in days.
    let sessions = (overlap / DAY + i64::from(overlap % DAY > 0)).min(LONGEST_OVERLAP);
    let first = (0..sessions).try_fold(end, |t, _| cal.session_before(t).map(|session| session.extended_open));
    first.unwrap_or(end).min(end - overlap)
}

/// Widens ranges that are requested anyway over what is to be asked about again, where that costs no page; says what is
/// left.
fn widened(
    ranges: &mut [minutes::Range],
    due: &IntervalSet,
    page: u64,
    slots: impl Fn(Interval) -> u64,
) -> IntervalSet {
    let mut left = IntervalSet::new();
    for hole in due.iter() {
        let hull = |k: usize| ranges.get(k).map(|r| r.range.hull(hole));
        let alone = |k: usize, wide: Interval| {
            ranges.iter().enumerate().all(|(other, r)| other == k || !r.range.overlaps(wide))
        };
        let free = |k: &usize| {
            let (Some(wide), Some(r)) = (hull(*k), ranges.get(*k)) else { return false };
            alone(*k, wide) && slots(wide).div_ceil(page.max(1)) <= r.pages
        };
        let found = (0..ranges.len()).find(free).and_then(|k| Some((k, hull(k)?)));
        match found.and_then(|(k, wide)| Some((ranges.get_mut(k)?, wide))) {
            Some((range, wide)) => *range = minutes::Range { range: wide, slots: slots(wide), pages: range.pages },
            None => left.insert(hole),
        }
    }
    left
}

/// Extends a range that begins or ends with a session over the closed hours around it, inside what is wanted and up to
/// what is covered.
///
/// Closed hours are never missing (the calendar has no trading there), so no gap covers them. Left out of the request, a
/// bar the vendor has there all the same, such as a late print after the close, would never be fetched or proven absent.
/// Closed hours hold no base minutes by the calendar, so taking them along costs no page.
fn over_closed_hours(cal: &Calendar, need: &Need, range: Interval) -> Interval {
    let (class, base) = (need.state.class, need.state.base);
    if class.is_continuous() {
        return range;
    }
    let covered = need.state.covered(base);
    let closed = |hours: Interval| cal.trading(class, base.family(), hours).is_empty();
    let trades = |s: Session| match base.family() {
        Family::Minute => s.extended(),
        Family::Day => Timeframe::D1.span(class, s.extended_open),
    };
    let before = cal.session_before(range.start).map_or(Ts::MIN, |s| trades(s).end);
    // Not over hours that are covered already, nor into the next session, nor beyond what is wanted.
    let covered_to = covered.clip(Interval::before(range.start)).hull().map_or(Ts::MIN, |hull| hull.end);
    let start = before.max(covered_to).max(need.wanted.start).min(range.start);
    let after = cal.session_after(range.end).map_or(Ts::MAX, |s| trades(s).start);
    let covered_from = covered.clip(Interval::since(range.end)).hull().map_or(Ts::MAX, |hull| hull.start);
    let end = after.min(covered_from).min(need.wanted.end).max(range.end);
    // A range that begins or ends inside a session has trading hours beside it: those are covered, or a gap of their own.
    let start = if closed(Interval::new(start, range.start)) { start } else { range.start };
    let end = if closed(Interval::new(range.end, end)) { end } else { range.end };
    base.snap_out(class, Interval::new(start, end))
}

#[cfg(test)]
mod tests;
