//! Why series are not fresh, one by one and all together.

use std::collections::{BTreeMap, HashMap};

use crate::now::cause::cause;
use crate::view::phrase;
use barkeep_market::{Symbol, Timeframe};
use barkeep_monitor::snapshot::{SeriesView, Snapshot};
use barkeep_runtime::console::SeriesStatus;
use barkeep_service::progress::{ItemState, ItemView};

/// The items of the running plans by what they bring.
struct Items<'a> {
    by_series: HashMap<(&'a Symbol, Timeframe), &'a ItemView>,
    /// Those that serve every symbol.
    by_timeframe: HashMap<Timeframe, &'a ItemView>,
}

impl<'a> Items<'a> {
    fn of(snap: &'a Snapshot) -> Self {
        let mut all = Self { by_series: HashMap::new(), by_timeframe: HashMap::new() };
        for item in snap.live.runs.iter().flat_map(|run| &run.items) {
            for timeframe in item.info.timeframe.into_iter().chain(item.info.derives.iter().copied()) {
                // Those under way come first.
                match &item.info.symbol {
                    Some(symbol) => drop(all.by_series.entry((symbol, timeframe)).or_insert(item)),
                    None => drop(all.by_timeframe.entry(timeframe).or_insert(item)),
                }
            }
        }
        all
    }

    fn find(&self, row: &SeriesView) -> Option<&'a ItemView> {
        let own = self.by_series.get(&(&row.symbol, row.timeframe));
        own.or_else(|| self.by_timeframe.get(&row.timeframe)).copied()
    }
}

/// What is known of why series are not fresh; worked out once for any number of them.
pub struct Reasons<'a> {
    snap: &'a Snapshot,
    items: Items<'a>,
    failing: HashMap<(&'a Symbol, Timeframe), &'a SeriesStatus>,
}

impl<'a> Reasons<'a> {
    #[must_use]
    pub fn of(snap: &'a Snapshot) -> Self {
        let failing = snap.data.failing.iter();
        let failing = failing.map(|f| ((&f.symbol, f.timeframe), f)).collect();
        Self { snap, items: Items::of(snap), failing }
    }

    /// Why a series is not fresh, in a few words.
    #[must_use]
    pub fn why(&self, row: &SeriesView) -> String {
        let failed = self.failing.get(&(&row.symbol, row.timeframe)).and_then(|f| f.error_message.as_deref());
        of(self.snap, row, self.items.find(row), failed)
    }

    /// Whether that is a failure: nothing is being tried again, and it was not called off.
    #[must_use]
    pub fn has_failed(&self, row: &SeriesView) -> bool {
        let tried = self.items.find(row).map(|item| &item.state);
        let failed = self.failing.get(&(&row.symbol, row.timeframe));
        match tried {
            Some(ItemState::Failed { .. }) => true,
            Some(ItemState::Waiting { .. } | ItemState::Fetching { .. } | ItemState::Storing) => false,
            Some(ItemState::Verified) | None => failed.is_some_and(|f| f.failed()),
        }
    }

    /// Whether it is being fetched, or waits for its turn in a run.
    #[must_use]
    pub fn is_under_way(&self, row: &SeriesView) -> bool {
        let state = self.items.find(row).map(|item| &item.state);
        matches!(state, Some(ItemState::Waiting { .. } | ItemState::Fetching { .. } | ItemState::Storing))
    }
}

/// The reasons of many series, each with how many have it, the most frequent first.
#[must_use]
pub fn reasons(snap: &Snapshot, rows: &[u32]) -> Vec<(String, usize)> {
    let known = Reasons::of(snap);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter().filter_map(|k| snap.data.series.get(*k as usize)) {
        *counts.entry(known.why(row)).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts
}

fn of(snap: &Snapshot, row: &SeriesView, item: Option<&ItemView>, failed: Option<&str>) -> String {
    if row.paused {
        return "paused".to_owned();
    }
    match item.map(|item| &item.state) {
        Some(ItemState::Waiting { why, retry: Some(n), .. }) => return format!("{}, attempt {n} next", cause(why)),
        Some(ItemState::Waiting { why, .. }) => return phrase::waits_for(why),
        Some(ItemState::Fetching { .. } | ItemState::Storing) => return "being fetched".to_owned(),
        Some(ItemState::Failed { reason }) => return cause(reason),
        Some(ItemState::Verified) | None => {}
    }
    if let Some(message) = failed {
        return cause(message);
    }
    if row.checked_at.is_none() {
        return "not fetched yet".to_owned();
    }
    if snap.live.runs.is_empty() { "waiting for the next run".to_owned() } else { "queued".to_owned() }
}
