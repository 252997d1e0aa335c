//! Requests of one symbol each, and the flat files that replace some of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::{self, beside};
use super::{Asked, PlanInputs, item, ranges_of};
use crate::capacity::Capacity;
use crate::gaps::{Found, Need};
use crate::request::Item;
use barkeep_market::source::Reach;
use barkeep_market::{Calendar, Timeframe};

/// What is requested by ranges, and what it takes.
#[derive(Debug, Default)]
pub(super) struct ByRange {
    pub(super) items: Vec<Item>,
    /// Requests less if hardly a minute had a trade, and more if every one had.
    pub(super) bare: u64,
    pub(super) spare: u64,
    /// Files among the items.
    pub(super) files: u64,
    /// What no plan can cost less than, a file counted as several requests.
    pub(super) bound: u64,
    /// Requests if there were no files.
    pub(super) without_files: u64,
}

/// The ranges of needs that share what they lack.
type Ranges = HashMap<(*const Found, Capacity), Vec<Asked>>;

pub(super) fn items<E>(
    cal: &Calendar,
    needs: &[Need],
    market: &PlanInputs,
    check: impl Fn() -> Result<(), E>,
) -> Result<ByRange, E> {
    let by_range = |need: &Need| need.state.base != Timeframe::D1 || !need.state.vendor.has_market_days();
    let capacity = |need: &Need| Capacity::of(&need.state, market.density.get(&need.state.symbol).copied());
    let chosen = files::chosen(cal, needs, market, &check)?;
    let cost = market.flat_files.as_ref().map_or(0, |files| files.cost);
    let (mut alone, mut left): (Ranges, Ranges) = (HashMap::new(), HashMap::new());
    // Requests without files, and with them; points and what is asked again whatever is chosen.
    let (mut without, mut with, mut bound) = (0, chosen.dates.len() as u64 * cost, chosen.bound);
    for (row, need) in needs.iter().enumerate().filter(|(_, need)| by_range(need)) {
        check()?;
        let key = (Arc::as_ptr(&need.found), capacity(need));
        let asked = alone.entry(key).or_insert_with(|| ranges_of(cal, need, market, key.1));
        let requests: u64 = asked.iter().map(|asked| asked.requests).sum();
        without += requests;
        if chosen.rows.contains(&row) {
            bound += asked.iter().filter(|asked| asked.recheck).map(|asked| asked.requests).sum::<u64>();
            let rest = left.entry(key).or_insert_with(|| {
                let rest = Need { state: need.state.clone(), found: Arc::new(beside(need, &chosen.dates)) };
                ranges_of(cal, &rest, market, key.1)
            });
            with += rest.iter().map(|asked| asked.requests).sum::<u64>();
        } else {
            bound += requests;
            with += requests;
        }
    }
    let takes_files = !chosen.dates.is_empty() && with < without;
    let mut part = ByRange { bound: bound.min(without).min(with), without_files: without, ..ByRange::default() };
    for (row, need) in needs.iter().enumerate().filter(|(_, need)| by_range(need)) {
        check()?;
        let ranges = if takes_files && chosen.rows.contains(&row) { &left } else { &alone };
        let asked = ranges.get(&(Arc::as_ptr(&need.found), capacity(need))).map_or(&[][..], Vec::as_slice);
        // A window holds so many bars and no more, however few traded.
        if matches!(need.state.vendor.reach(), Reach::Traded(_)) {
            part.bare += asked.iter().map(|asked| asked.requests - 1).sum::<u64>();
        }
        part.spare += asked.iter().map(|asked| asked.most - asked.requests).sum::<u64>();
        part.items.extend(asked.iter().map(|asked| item(need, asked)));
    }
    if takes_files {
        let files = files::items(cal, needs, &chosen);
        part.files = files.len() as u64;
        part.items.extend(files);
    }
    Ok(part)
}
