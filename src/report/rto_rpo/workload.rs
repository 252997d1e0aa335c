//! What the drills fetch, and what the log of the vendor says about it.

use std::collections::HashSet;
use std::time::Duration;

use super::outcome::DrillError;
use barkeep_config::{Loaded, baseline_load, default_class};
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Interval, Symbol, Ts};
use barkeep_pipeline::select::TimeBound;
use barkeep_sim::{LoggedRequest, SimConfig};

/// A vendor whose pages are small and take their time, so that something can happen in the middle of a run.
pub(super) fn slow_vendor() -> SimConfig {
    SimConfig { base_limit: 2_000, latency: Duration::from_millis(25), ..SimConfig::default() }
}

/// One that answers so many pages and holds the others back, so that a run cannot end before something happens to it.
pub(super) fn holding_vendor(pages: usize) -> SimConfig {
    SimConfig { pages_allowed: Some(pages), ..slow_vendor() }
}

/// Symbols of a drill.
const SYMBOLS: usize = 3;
/// Days back, between which bars are final.
const SETTLED_FROM: i64 = 40;
const SETTLED_TO: i64 = 4;

/// What the drills have in common: the configuration, and what to fetch.
pub(super) struct Workload<'a> {
    pub(super) live: &'a Loaded,
    /// A stock and two coins where the settings have them, so that histories differ in length.
    pub(super) symbols: Vec<Symbol>,
    /// The first and the last day with final bars, computed once because midnight may pass during a drill.
    pub(super) from: TimeBound,
    pub(super) to: TimeBound,
}

impl<'a> Workload<'a> {
    pub(super) fn new(live: &'a Loaded, now: Ts) -> Result<Self, DrillError> {
        let all = baseline_load().map_err(|e| DrillError::failed(e.to_string()))?.symbols;
        let crypto = |s: &&Symbol| default_class(&live.settings, s) == AssetClass::Crypto;
        let mut symbols: Vec<Symbol> = all.iter().filter(|s| !crypto(s)).take(1).cloned().collect();
        symbols.extend(all.iter().filter(crypto).take(SYMBOLS - 1).cloned());
        let more: Vec<Symbol> = all.into_iter().filter(|s| !symbols.contains(s)).collect();
        symbols.extend(more.into_iter().take(SYMBOLS.saturating_sub(symbols.len())));
        let day = |back: i64| TimeBound::Date((now - back * DAY).utc_date());
        Ok(Self { live, symbols, from: day(SETTLED_FROM), to: day(SETTLED_TO) })
    }

    /// The range over which two runs must have equal bars, in stock and crypto markets.
    pub(super) fn compared(&self) -> Interval {
        Interval::new(self.from.start(AssetClass::Crypto) + DAY, self.to.start(AssetClass::Crypto))
    }
}

/// Requests for bars.
pub(super) fn page_requests(log: &[LoggedRequest]) -> Vec<&LoggedRequest> {
    log.iter().filter(|request| request.target.contains("/range/")).collect()
}

/// Those that were answered.
pub(super) fn answered_pages(log: &[LoggedRequest]) -> Vec<&LoggedRequest> {
    page_requests(log).into_iter().filter(|page| page.status == 200).collect()
}

/// How many pages were requested again after they had been answered.
pub(super) fn repeated_requests(log: &[LoggedRequest]) -> usize {
    let answered = answered_pages(log);
    let different: HashSet<&str> = answered.iter().map(|page| page.target.as_str()).collect();
    answered.len() - different.len()
}
