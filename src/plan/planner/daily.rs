//! The fewest requests for the daily bars of one market.
//!
//! Symbols that lack the same days are one group, however many they are. Rows that miss the same `d` cells are all in a
//! minimum cover or all out of it, and more than `d` of them are out of it, for the `d` columns are fewer. So of a larger
//! group the cover is given `d + 1` rows: the minimum covers are those of all its rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use super::{Asked, PlanInputs, is_newest, item, over_closed_hours};
use crate::cover::minimum_cover;
use crate::gaps::{Found, Need};
use crate::request::{Item, Request};
use barkeep_market::{AssetClass, Calendar, Criticality, Interval, Symbol, Timeframe};

/// Symbols that lack the same days and that a request for a day of the whole market can serve.
struct Group {
    dates: Arc<[NaiveDate]>,
    /// Their places in the needs, ascending.
    rows: Vec<u32>,
}

/// The symbols that days of the market are requested for, shared by the days for which they are the same.
struct Served<'a> {
    symbols: Arc<[Symbol]>,
    criticality: Criticality,
    /// The one with the earliest settled end: if a day is among the newest of any, it is of this one.
    first: Option<&'a Need>,
}

/// The requests, and how few they can be at least.
pub(super) fn items<E>(
    cal: &Calendar,
    needs: &[&Need],
    market: &PlanInputs,
    check: impl Fn() -> Result<(), E>,
) -> Result<(Vec<Item>, u64), E> {
    let Some(class) = needs.first().map(|n| n.state.class) else { return Ok((Vec::new(), 0)) };
    let mut group_of: HashMap<*const Found, usize> = HashMap::new();
    let mut by_dates: BTreeMap<Arc<[NaiveDate]>, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    // Requested each by itself whatever the cover is.
    let mut forced: Vec<u32> = Vec::new();
    for (row, need) in (0u32..).zip(needs) {
        check()?;
        let group = *group_of.entry(Arc::as_ptr(&need.found)).or_insert_with(|| {
            let dates = days(class, need);
            *by_dates.entry(Arc::clone(&dates)).or_insert_with(|| {
                groups.push(Group { dates, rows: Vec::new() });
                groups.len() - 1
            })
        });
        let Some(group) = groups.get_mut(group) else { continue };
        let outside = !market.grouped_daily
            || market.not_grouped.contains(&need.state.symbol)
            || group.dates.iter().any(|d| market.not_grouped_dates.contains(d));
        if outside { forced.push(row) } else { group.rows.push(row) }
    }

    let columns: BTreeSet<NaiveDate> =
        groups.iter().filter(|g| !g.rows.is_empty()).flat_map(|g| g.dates.iter().copied()).collect();
    let columns: Vec<NaiveDate> = columns.into_iter().collect();
    let column = |date: &NaiveDate| columns.partition_point(|d| d < date) as u32;
    let mut cells: Vec<(u32, u32)> = Vec::new();
    for group in &groups {
        let numbers: Vec<u32> = group.dates.iter().map(column).collect();
        let rows = group.rows.iter().take(group.dates.len() + 1);
        cells.extend(rows.flat_map(|row| numbers.iter().map(|column| (*row, *column))));
    }
    check()?;
    let cover = minimum_cover(&cells, &[]);
    let bound = (cover.lower_bound() + forced.len()) as u64;

    let mut rows: BTreeSet<u32> = forced.into_iter().collect();
    rows.extend(&cover.rows);
    let of_row = |row: &u32| needs.get(*row as usize).copied();
    let by_row = |need: &Need| {
        // A request holds 50,000 days, so that what is to be asked about again comes along for nothing.
        let again = need.due.hull().into_iter().chain(need.state.open).map(|range| range.intersect(need.wanted));
        let days = Timeframe::D1.snap_out(class, again.fold(need.gaps.hull()?, Interval::hull));
        Some(item(need, &Asked::one(cal, need, over_closed_hours(cal, need, days))))
    };
    let mut items: Vec<Item> = rows.iter().filter_map(of_row).filter_map(by_row).collect();

    // All rows of a group are in the cover or none.
    groups.retain(|group| group.rows.first().is_some_and(|row| !rows.contains(row)));
    let mut served: BTreeMap<Vec<usize>, Served<'_>> = BTreeMap::new();
    for date in cover.columns.iter().filter_map(|column| columns.get(*column as usize)) {
        check()?;
        let lacking = groups.iter().enumerate().filter(|(_, group)| group.dates.binary_search(date).is_ok());
        let served = served.entry(lacking.map(|(k, _)| k).collect()).or_insert_with_key(|lacking| {
            let of_groups = lacking.iter().filter_map(|k| groups.get(*k)).flat_map(|group| &group.rows);
            let rows: BTreeSet<u32> = of_groups.copied().collect();
            let needs = || rows.iter().filter_map(of_row);
            Served {
                symbols: needs().map(|need| need.state.symbol.clone()).collect(),
                criticality: needs().map(|need| need.state.criticality).min().unwrap_or(Criticality::Low),
                first: needs().min_by_key(|need| need.horizon.settled),
            }
        });
        let end = Timeframe::D1.span(class, class.midnight(*date)).end;
        items.push(Item {
            request: Request::GroupedDaily { asset_class: class, date: *date },
            symbols: Arc::clone(&served.symbols),
            criticality: served.criticality,
            newest: served.first.is_some_and(|need| is_newest(cal, need, end)),
            requests: 1,
            recheck: false,
        });
    }
    Ok((items, bound))
}

/// The days of the gaps, ascending.
fn days(class: AssetClass, need: &Need) -> Arc<[NaiveDate]> {
    let of_gap =
        |gap: Interval| class.date_of(gap.start).iter_days().take_while(move |day| class.midnight(*day) < gap.end);
    need.gaps.iter().flat_map(of_gap).collect()
}
