//! What the vendor's limit allows: which deadlines hold, how many requests are missing, and what the next ones buy.
//!
//! Every request is one token and all of them could start now, so the classical demand bound decides exactly: the
//! requests due by a time `t` can start by `t` if and only if, for every deadline, no more are due than tokens become
//! free until then. What is missing at the worst deadline is the number of requests that start too late in the best
//! order there is, and in no order are there fewer. Which series pay for it follows from the order of the plan.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::request::{Item, Request};
use barkeep_market::ts::millis;
use barkeep_market::{Criticality, Family, Source, Symbol, Timeframe, Ts};

/// Requests in the preview of what comes next.
pub const PREVIEW: u64 = 60;

/// Breaches that are named; the rest is counted.
const NAMED: usize = 100;

/// How stale one series is and when it becomes staler than its tier accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    pub timeframe: Timeframe,
    /// Milliseconds behind the newest bar there could be; `None` when there is no bar at all.
    pub behind: Option<i64>,
    /// In the past when it already is.
    pub deadline: Ts,
}

/// The series of each family.
pub type Staleness = BTreeMap<(Symbol, Family), Vec<Stale>>;

/// The vendor's limit at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Starts in any window, at least 1.
    pub limit: u64,
    pub window: Duration,
    /// Starts of the trailing window, ascending.
    pub used: Vec<Ts>,
    pub now: Ts,
}

impl Tokens {
    fn window_ms(&self) -> i64 {
        millis(self.window).max(1)
    }

    /// When tokens become free, one after the other, each taken as soon as it is.
    pub fn times(&self) -> impl Iterator<Item = Ts> + use<> {
        let (limit, window, now) = (self.limit.max(1) as usize, self.window_ms(), self.now);
        let mut recent: VecDeque<Ts> = self.used.iter().copied().filter(|t| *t + window > now).collect();
        while recent.len() > limit {
            recent.pop_front();
        }
        std::iter::repeat_with(move || {
            let free = recent.len() < limit;
            let at = if free { now } else { recent.pop_front().map_or(now, |oldest| (oldest + window).max(now)) };
            recent.push_back(at);
            at
        })
    }

    /// How many requests can start from now until `t`, both included.
    ///
    /// Token `k + limit` is free one window after token `k`, so the first `limit` of them suffice.
    #[must_use]
    pub fn available(&self, t: Ts) -> u64 {
        let first = self.times().take(self.limit.max(1) as usize).take_while(|at| *at <= t);
        first.map(|at| 1 + ((t - at) / self.window_ms()) as u64).sum()
    }
}

/// A series that will be staler than its tier accepts before its turn comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub criticality: Criticality,
    pub deadline: Ts,
    /// When the last request it needs may start.
    pub served_at: Ts,
}

/// What the next requests of the plan buy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    pub requests: u64,
    /// When the last of them may start; absent when there are none.
    pub until: Option<Ts>,
    /// Series brought up to date, by tier.
    pub critical: u64,
    pub standard: u64,
    pub low: u64,
    /// How many of these were staler than accepted, or empty.
    pub overdue: u64,
    /// Requests of them that bring history.
    pub history_requests: u64,
    /// Added up over the series that had bars.
    pub staleness_removed_seconds: i64,
}

/// Whether the limit allows every deadline of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Whether every request can start before its deadline, in the best order.
    pub feasible: bool,
    /// How many requests cannot, in the best order: none has fewer.
    pub requests_short: u64,
    /// The deadline at which most are missing; absent when nothing has a deadline ahead.
    pub tightest: Option<Tightest>,
    /// Series that are staler than accepted already, or empty.
    pub overdue: u64,
    /// Series that will breach in the order of the plan.
    pub breaching: u64,
    /// The first hundred of them, most important first.
    pub breaches: Vec<Breach>,
    pub next: Purchase,
    /// The series that become staler than accepted next if nothing is requested, soonest first; the first hundred.
    #[serde(default)]
    pub deadlines: Vec<Deadline>,
}

/// When a series becomes staler than its tier accepts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deadline {
    pub at: Ts,
    pub criticality: Criticality,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
}

/// The deadline with the least room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tightest {
    pub deadline: Ts,
    /// Requests due by then, overdue ones included.
    pub due: u64,
    /// Requests that can start by then.
    pub available: u64,
}

/// When something is due. Declared in the order of the plan: what has no deadline comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemDue {
    By(Ts),
    Whenever,
}

/// The order of the plan: criticality, newest bars before history, earliest deadline, most milliseconds of staleness per
/// request.
pub type Urgency = (Criticality, bool, ItemDue, i64);

/// Where an item stands in that order; smaller goes first.
#[must_use]
pub fn urgency(item: &Item, staleness: &Staleness) -> Urgency {
    let deadline = served(item, staleness).map(|(_, stale)| stale.deadline).min();
    let removed: i64 = served(item, staleness).filter_map(|(_, stale)| stale.behind).sum();
    let per_request = removed / i64::try_from(item.requests.max(1)).unwrap_or(i64::MAX);
    (item.criticality, !item.newest, deadline.map_or(ItemDue::Whenever, ItemDue::By), -per_request)
}

/// The series that an item brings up to date.
fn served<'a>(item: &'a Item, staleness: &'a Staleness) -> impl Iterator<Item = (&'a Symbol, &'a Stale)> {
    let family = item.request.family();
    let symbols = item.symbols.iter().filter(|_| item.newest);
    symbols
        .filter_map(move |symbol| Some((symbol, staleness.get(&(symbol.clone(), family?))?)))
        .flat_map(|(symbol, series)| series.iter().map(move |stale| (symbol, stale)))
}

impl Budget {
    /// The budget of `items` in their order, where every vendor has a limit of its own. Items of a vendor without tokens
    /// are left out.
    #[must_use]
    pub fn over(items: &[Item], staleness: &Staleness, tokens: &BTreeMap<Source, Tokens>) -> Self {
        let of = |(vendor, tokens): (&Source, &Tokens)| {
            let mine = items.iter().filter(|item| item.request.vendor() == *vendor && item.request.is_limited());
            Self::of(mine, staleness, tokens)
        };
        tokens.iter().map(of).reduce(Self::and).unwrap_or_default()
    }

    /// The budgets of two limits together.
    fn and(mut self, other: Self) -> Self {
        self.requests_short += other.requests_short;
        let room = |t: &Tightest| t.available as i64 - t.due as i64;
        self.tightest = [self.tightest, other.tightest].into_iter().flatten().min_by_key(room);
        self.overdue += other.overdue;
        self.breaching += other.breaching;
        self.breaches.extend(other.breaches);
        self.breaches.sort_by_key(|breach| breach.criticality);
        self.breaches.truncate(NAMED);
        self.next.join(&other.next);
        self.deadlines.extend(other.deadlines);
        self.deadlines.sort_unstable();
        self.deadlines.truncate(NAMED);
        self.feasible = self.requests_short == 0;
        self
    }

    /// The budget of `items` in their order.
    #[must_use]
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>, staleness: &Staleness, tokens: &Tokens) -> Self {
        let mut budget = Self::default();
        let mut times = tokens.times();
        let mut started = 0;
        // Requests by deadline; those that are late already go first whatever is done.
        let mut due: BTreeMap<Ts, u64> = BTreeMap::new();
        let mut late = 0;
        // The latest of those kept is on top.
        let mut ahead = BinaryHeap::new();
        for item in items {
            let mut served_at = None;
            for _ in 0..item.requests {
                served_at = times.next();
            }
            started += item.requests;
            let mut earliest: Option<Ts> = None;
            for (symbol, stale) in served(item, staleness) {
                earliest = Some(earliest.map_or(stale.deadline, |known| known.min(stale.deadline)));
                if stale.deadline > tokens.now {
                    let full = ahead.len() == NAMED;
                    if !full || ahead.peek().is_some_and(|last: &Deadline| stale.deadline < last.at) {
                        ahead.push(Deadline {
                            at: stale.deadline,
                            criticality: item.criticality,
                            symbol: symbol.clone(),
                            timeframe: stale.timeframe,
                        });
                        if full {
                            ahead.pop();
                        }
                    }
                }
                if stale.deadline <= tokens.now {
                    budget.overdue += 1;
                } else if let Some(served_at) = served_at.filter(|at| *at > stale.deadline) {
                    budget.breaching += 1;
                    if budget.breaches.len() < NAMED {
                        budget.breaches.push(Breach {
                            symbol: symbol.clone(),
                            timeframe: stale.timeframe,
                            criticality: item.criticality,
                            deadline: stale.deadline,
                            served_at,
                        });
                    }
                }
            }
            match earliest {
                Some(earliest) if earliest <= tokens.now => late += item.requests,
                Some(earliest) => *due.entry(earliest).or_default() += item.requests,
                None => {}
            }
            if started <= PREVIEW {
                budget.next.add(item, staleness, tokens.now, served_at);
            }
        }
        let mut sum = 0;
        let mut least_room = None;
        for (deadline, requests) in due {
            sum += requests;
            let available = tokens.available(deadline);
            budget.requests_short = budget.requests_short.max(sum.saturating_sub(available.saturating_sub(late)));
            let room = available as i64 - (sum + late) as i64;
            if least_room.is_none_or(|least| room < least) {
                least_room = Some(room);
                budget.tightest = Some(Tightest { deadline, due: sum + late, available });
            }
        }
        budget.deadlines = ahead.into_sorted_vec();
        budget.feasible = budget.requests_short == 0;
        budget
    }
}

impl Purchase {
    /// What two limits buy side by side.
    fn join(&mut self, other: &Self) {
        self.requests += other.requests;
        self.until = self.until.max(other.until);
        self.critical += other.critical;
        self.standard += other.standard;
        self.low += other.low;
        self.overdue += other.overdue;
        self.history_requests += other.history_requests;
        self.staleness_removed_seconds += other.staleness_removed_seconds;
    }

    fn add(&mut self, item: &Item, staleness: &Staleness, now: Ts, served_at: Option<Ts>) {
        self.requests += item.requests;
        self.until = served_at.or(self.until);
        if !item.newest && !matches!(item.request, Request::Splits { .. }) {
            self.history_requests += item.requests;
        }
        for (_, stale) in served(item, staleness) {
            match item.criticality {
                Criticality::Critical => self.critical += 1,
                Criticality::Standard => self.standard += 1,
                Criticality::Low => self.low += 1,
            }
            self.overdue += u64::from(stale.deadline <= now);
            self.staleness_removed_seconds += stale.behind.unwrap_or(0) / 1000;
        }
    }
}

#[cfg(test)]
mod tests;
