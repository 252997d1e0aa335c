//! Flat files among the requests for minutes: one brings a day of every symbol, and counts for several requests.
//!
//! What is missing are cells, a symbol's minutes of a day. A *window* brings a symbol's cells as far as a page reaches, a
//! *file* all cells of its day. Which days are worth a file is the cheapest cover of the cells by the windows that the
//! requests would have, and files; what is left is then planned as always. Whether that is cheaper at all is counted, not
//! estimated.
//!
//! The certificate is a set of *points*, missing minutes of which no window holds two of one symbol and a file holds at
//! most as many as it counts for. Whoever plans, each point costs 1, so no plan costs less than there are points
//! ([`Points::verify`]). It is found by going through the days once; where it is smaller than the cost, the plan is not
//! said to be optimal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use super::{PlanInputs, is_newest};
use crate::capacity::Capacity;
use crate::flow::cheapest_cover;
use crate::gaps::{Found, Need};
use crate::request::{Item, Request};
use barkeep_market::{AssetClass, Calendar, Criticality, Family, Interval, IntervalSet, Symbol, Timeframe};

/// What files there are, and what one counts for.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatFileTerms {
    /// The last day whose file is there.
    pub newest: NaiveDate,
    /// In requests.
    pub cost: u64,
    /// Symbols that files are known not to hold.
    pub without: BTreeSet<Symbol>,
    /// Days whose file gave nothing usable.
    pub without_dates: BTreeSet<NaiveDate>,
}

/// A stretch of missing minutes inside one day.
#[derive(Clone, Copy, Debug)]
struct Piece {
    date: NaiveDate,
    range: Interval,
    /// Slots before its start and its end, from the first piece on.
    start: u64,
    end: u64,
}

/// Symbols that lack the same and whose pages hold as much.
struct Group {
    pieces: Vec<Piece>,
    page: u64,
    /// Their places in the needs.
    rows: Vec<usize>,
}

/// What is downloaded, and what no plan can do without.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) dates: BTreeSet<NaiveDate>,
    /// Places of the needs that take part.
    pub(super) rows: BTreeSet<usize>,
    /// Points of the needs that take part.
    pub(super) bound: u64,
}

/// Which days to take from files.
pub(super) fn chosen<E>(
    cal: &Calendar,
    needs: &[Need],
    market: &PlanInputs,
    check: impl Fn() -> Result<(), E>,
) -> Result<Chosen, E> {
    let Some(files) = &market.flat_files else { return Ok(Chosen::default()) };
    let mut place: HashMap<(*const Found, Capacity), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (row, need) in needs.iter().enumerate() {
        check()?;
        let state = &need.state;
        let takes_part = state.vendor.is_usual()
            && !state.class.is_continuous()
            && state.base.family() == Family::Minute
            && !files.without.contains(&state.symbol)
            && !need.gaps.is_empty();
        if takes_part {
            let capacity = Capacity::of(state, market.density.get(&state.symbol).copied());
            let group = *place.entry((Arc::as_ptr(&need.found), capacity)).or_insert_with(|| {
                groups.push(Group {
                    pieces: pieces(cal, need, capacity),
                    page: capacity.page.max(1),
                    rows: Vec::new(),
                });
                groups.len() - 1
            });
            groups.get_mut(group).into_iter().for_each(|group| group.rows.push(row));
        }
    }
    let has_file = |date: NaiveDate| date <= files.newest && !files.without_dates.contains(&date);
    let dates = cover(&groups, files.cost, has_file);
    check()?;
    let points = Points::of(&groups, files.cost, has_file);
    let rows = groups.iter().flat_map(|group| group.rows.iter().copied()).collect();
    Ok(Chosen { dates, rows, bound: points.of_rows.values().map(|own| own.len() as u64).sum() })
}

/// The missing minutes of a need, cut at midnight.
fn pieces(cal: &Calendar, need: &Need, capacity: Capacity) -> Vec<Piece> {
    let class = need.state.class;
    let mut all: Vec<Piece> = Vec::new();
    for gap in need.gaps.iter().map(|gap| need.state.base.snap_out(class, gap)) {
        let mut start = gap.start;
        while start < gap.end {
            let day = Timeframe::D1.span(class, start);
            let range = Interval::new(start, day.end.min(gap.end));
            start = range.end;
            let slots = |range| capacity.slots(cal, &need.state, range);
            let before = all.last().map_or(0, |last| last.end + slots(Interval::new(last.range.end, range.start)));
            let piece = Piece { date: class.date_of(range.start), range, start: before, end: before + slots(range) };
            if piece.end > piece.start {
                all.push(piece);
            }
        }
    }
    all
}

/// The days whose files are in the cheapest cover.
fn cover(groups: &[Group], cost: u64, has_file: impl Fn(NaiveDate) -> bool) -> BTreeSet<NaiveDate> {
    let days: BTreeSet<NaiveDate> =
        groups.iter().flat_map(|group| group.pieces.iter().map(|piece| piece.date)).collect();
    let days: Vec<NaiveDate> = days.into_iter().filter(|date| has_file(*date)).collect();
    let (mut windows, mut edges, mut forced) = (Vec::new(), Vec::new(), BTreeSet::new());
    for group in groups {
        // Where the window reaches that was begun last.
        let mut end = 0;
        for piece in &group.pieces {
            let mut at = piece.start;
            while at < piece.end {
                if at >= end {
                    end = at + group.page;
                    windows.push(group.rows.len() as u64);
                }
                let window = windows.len().saturating_sub(1);
                match days.binary_search(&piece.date) {
                    Ok(day) => edges.push((window, day)),
                    // Only a request can bring it, so its window costs nothing more for all else in it.
                    Err(_) => {
                        forced.insert(window);
                    }
                }
                at = end.min(piece.end);
            }
        }
    }
    edges.retain(|(window, _)| !forced.contains(window));
    let cut = cheapest_cover(&windows, &vec![cost; days.len()], &edges);
    days.into_iter().zip(cut.right).filter(|(_, chosen)| *chosen).map(|(date, _)| date).collect()
}

/// The certificate: for each row its points, as slots from its first missing minute on, with their days.
#[derive(Debug, Default)]
struct Points {
    of_rows: BTreeMap<usize, Vec<(u64, NaiveDate)>>,
}

/// A row on its way through the days: how many days it lacks, its group, its place, its last point.
type Walker = (usize, usize, usize, Option<u64>);

impl Points {
    fn of(groups: &[Group], cost: u64, has_file: impl Fn(NaiveDate) -> bool) -> Self {
        let mut waiting: BTreeMap<NaiveDate, Vec<Walker>> = BTreeMap::new();
        for (place, group) in groups.iter().enumerate() {
            if let Some(first) = group.pieces.first() {
                let walkers = group.rows.iter().map(|row| (group.pieces.len(), place, *row, None));
                waiting.entry(first.date).or_default().extend(walkers);
            }
        }
        let mut points = Self::default();
        while let Some((date, mut walkers)) = waiting.pop_first() {
            // Whoever lacks few days has no other chance.
            walkers.sort_unstable();
            let room = if has_file(date) { cost as usize } else { usize::MAX };
            let after = |group: &Group, date: NaiveDate| group.pieces.partition_point(|piece| piece.date <= date);
            for (k, (lacking, place, row, last)) in walkers.into_iter().enumerate() {
                let Some(group) = groups.get(place) else { continue };
                let (mut last, mut next) = (last, after(group, date));
                if k < room
                    && let Some(point) = group.next(last, date)
                {
                    points.of_rows.entry(row).or_default().push((point, date));
                    last = Some(point);
                    next = next.max(group.reachable(point + group.page));
                }
                if let Some(piece) = group.pieces.get(next) {
                    waiting.entry(piece.date).or_default().push((lacking, place, row, last));
                }
            }
        }
        points
    }

    /// Whether the points prove what they say: each is missing, no window holds two of a row, no file more than it counts
    /// for.
    #[cfg(test)]
    fn verify(&self, groups: &[Group], cost: u64, has_file: impl Fn(NaiveDate) -> bool) -> bool {
        let mut of_day: BTreeMap<NaiveDate, u64> = BTreeMap::new();
        let sound = self.of_rows.iter().all(|(row, points)| {
            let group = groups.iter().find(|group| group.rows.contains(row)).unwrap();
            for (_, date) in points {
                *of_day.entry(*date).or_default() += 1;
            }
            points.iter().all(|(at, date)| {
                group.pieces.iter().any(|piece| piece.date == *date && (piece.start..piece.end).contains(at))
            }) && points.windows(2).all(|pair| pair[1].0 >= pair[0].0 + group.page)
        });
        sound && of_day.iter().all(|(date, points)| !has_file(*date) || *points <= cost)
    }
}

impl Group {
    /// The first piece that ends behind a slot.
    fn reachable(&self, slot: u64) -> usize {
        self.pieces.partition_point(|piece| piece.end <= slot)
    }

    /// The first missing slot of a day that no window holds together with `last`.
    fn next(&self, last: Option<u64>, date: NaiveDate) -> Option<u64> {
        let from = last.map_or(0, |last| last + self.page);
        let piece = self.pieces.get(self.reachable(from)..)?.iter().find(|piece| piece.date >= date)?;
        (piece.date == date).then(|| piece.start.max(from))
    }
}

/// What is left of a need beside the files.
pub(super) fn beside(need: &Need, dates: &BTreeSet<NaiveDate>) -> Found {
    let class = need.state.class;
    let day = |date: &NaiveDate| Timeframe::D1.span(class, class.midnight(*date));
    let taken: IntervalSet = dates.iter().map(day).collect();
    Found { gaps: need.gaps.subtract(&taken), ..Found::clone(&need.found) }
}

/// The files, with the symbols that lack something of each.
pub(super) fn items(cal: &Calendar, needs: &[Need], chosen: &Chosen) -> Vec<Item> {
    let class = AssetClass::Stock;
    let mut lists: HashMap<Vec<usize>, Arc<[Symbol]>> = HashMap::new();
    let mut lacking: BTreeMap<NaiveDate, Vec<usize>> = BTreeMap::new();
    let mut known: HashMap<*const Found, Vec<NaiveDate>> = HashMap::new();
    for row in &chosen.rows {
        let Some(need) = needs.get(*row) else { continue };
        let dates = known.entry(Arc::as_ptr(&need.found)).or_insert_with(|| {
            let day = |date: &NaiveDate| Timeframe::D1.span(class, class.midnight(*date));
            chosen.dates.iter().filter(|date| !need.gaps.clip(day(date)).is_empty()).copied().collect()
        });
        for date in dates {
            lacking.entry(*date).or_default().push(*row);
        }
    }
    let mut all = Vec::new();
    for (date, rows) in lacking {
        let of_rows = || rows.iter().filter_map(|row| needs.get(*row));
        let end = Timeframe::D1.span(class, class.midnight(date)).end;
        let first = of_rows().min_by_key(|need| need.horizon.settled);
        all.push(Item {
            request: Request::FlatFile { date },
            criticality: of_rows().map(|need| need.state.criticality).min().unwrap_or(Criticality::Low),
            newest: first.is_some_and(|need| is_newest(cal, need, end)),
            requests: 1,
            recheck: false,
            symbols: {
                let symbols = || of_rows().map(|need| need.state.symbol.clone()).collect();
                Arc::clone(lists.entry(rows.clone()).or_insert_with(symbols))
            },
        });
    }
    all
}

#[cfg(test)]
mod tests;
