//! The work of a drill, and what it has to come to: the rows of a run that nothing disturbed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::drill::Stop;
use super::ground::DrillContext;
use barkeep_config::{Loaded, baseline_load, default_class};
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Bar, Interval, Symbol, Timeframe, Ts};
use barkeep_pipeline::select::TimeBound;
use barkeep_sim::{LoggedRequest, SimConfig};
use barkeep_store::Store;

/// Bars by series.
type Rows = BTreeMap<(Symbol, Timeframe), Vec<Bar>>;

/// What the disturbed runs are compared with.
pub(super) struct Undisturbed {
    rows: Rows,
    compared: Interval,
    /// Requests for bars it took.
    pub(super) requests: usize,
}

/// A vendor whose pages are small and take their time, so that something can happen in the middle of a run.
pub(super) fn slow_vendor() -> SimConfig {
    SimConfig { base_limit: 2_000, latency: Duration::from_millis(25), ..SimConfig::default() }
}

/// Symbols of a drill.
const SYMBOLS: usize = 3;
/// Days back between which bars are asked for certain and cannot change any more.
const SETTLED_FROM: i64 = 40;
const SETTLED_TO: i64 = 4;

/// What the drills have in common: the live configuration, and what is to be fetched.
pub(super) struct Work<'a> {
    pub(super) live: &'a Loaded,
    /// A stock and two coins, or what the settings have instead: work of different length.
    pub(super) symbols: Vec<Symbol>,
    /// The first and the last of the settled days, fixed once: midnight may pass during a drill.
    pub(super) from: TimeBound,
    pub(super) to: TimeBound,
}

impl<'a> Work<'a> {
    pub(super) fn new(live: &'a Loaded, now: Ts) -> Result<Self, Stop> {
        let all = baseline_load().map_err(|e| Stop::failed(e.to_string()))?.symbols;
        let crypto = |s: &&Symbol| default_class(&live.settings, s) == AssetClass::Crypto;
        let mut symbols: Vec<Symbol> = all.iter().filter(|s| !crypto(s)).take(1).cloned().collect();
        symbols.extend(all.iter().filter(crypto).take(SYMBOLS - 1).cloned());
        let more: Vec<Symbol> = all.into_iter().filter(|s| !symbols.contains(s)).collect();
        symbols.extend(more.into_iter().take(SYMBOLS.saturating_sub(symbols.len())));
        let day = |back: i64| TimeBound::Date((now - back * DAY).utc_date());
        Ok(Self { live, symbols, from: day(SETTLED_FROM), to: day(SETTLED_TO) })
    }

    /// The bars that two runs must have in common: inside the settled days of either kind of market.
    fn compared(&self) -> Interval {
        Interval::new(self.from.start(AssetClass::Crypto) + DAY, self.to.start(AssetClass::Crypto))
    }
}

impl Undisturbed {
    /// One backfill of the settled days by a process that is left alone.
    pub(super) async fn run(work: &Work<'_>) -> Result<Self, Stop> {
        let vendor = SimConfig { latency: Duration::ZERO, ..slow_vendor() };
        let stage = DrillContext::raise(work, vendor, None).await?;
        stage.register().await?;
        let (from, to) = (work.from.to_string(), work.to.to_string());
        stage.run(&["backfill", "--all", "--json", "--from", &from, "--to", &to]).await?;
        let store = stage.look().await?;
        let compared = work.compared();
        let rows = rows(store.as_ref(), compared).await?;
        store.close().await;
        let requests = pages(&stage.sim.log()).len();
        stage.sim.stop().await;
        Ok(Self { rows, compared, requests })
    }

    /// How many bars the run brought, when the rows of `store` are the same.
    pub(super) async fn equals(&self, store: &dyn Store) -> Result<usize, Stop> {
        let mine = rows(store, self.compared).await?;
        let count = |rows: &Rows| rows.values().map(Vec::len).sum::<usize>();
        if mine == self.rows && count(&mine) > 0 {
            return Ok(count(&mine));
        }
        let differ = |key: &&(Symbol, Timeframe)| mine.get(*key) != self.rows.get(*key);
        let series = self.rows.keys().find(differ).map(|(symbol, tf)| format!("{symbol} {tf}")).unwrap_or_default();
        Err(Stop::failed(format!(
            "the rows differ from an undisturbed run: {} bars, {} expected, first in {series}",
            count(&mine),
            count(&self.rows)
        )))
    }
}

/// The stored bars of these days.
async fn rows(store: &dyn Store, days: Interval) -> Result<Rows, Stop> {
    let failed = |e: barkeep_store::StoreError| Stop::failed(e.to_string());
    let mut rows = Rows::new();
    for series in store.series().await.map_err(failed)? {
        let bars = store.bars(series.id, days.into(), None).await.map_err(failed)?;
        rows.insert((series.symbol, series.timeframe), bars.into_iter().map(|stored| stored.bar).collect());
    }
    Ok(rows)
}

/// Requests for bars.
pub(super) fn pages(log: &[LoggedRequest]) -> Vec<&LoggedRequest> {
    log.iter().filter(|request| request.target.contains("/range/")).collect()
}

/// How many pages were asked for again although an answer had come.
pub(super) fn asked_twice(log: &[LoggedRequest]) -> usize {
    let answered: Vec<&str> =
        pages(log).into_iter().filter(|page| page.status == 200).map(|page| page.target.as_str()).collect();
    let different: HashSet<&str> = answered.iter().copied().collect();
    answered.len() - different.len()
}
