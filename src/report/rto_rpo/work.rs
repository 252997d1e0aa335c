//! The work of a drill, and what it has to come to: the rows of a run that nothing disturbed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::drill::Stop;
use super::ground::{Stage, compared, settled};
use crate::config::{Loaded, baseline_load, default_class};
use crate::market::{AssetClass, Bar, Symbol, Timeframe};
use crate::sim::{LoggedRequest, SimConfig};
use crate::store::Store;

/// Bars by series.
type Rows = BTreeMap<(Symbol, Timeframe), Vec<Bar>>;

/// What the disturbed runs are compared with.
pub(super) struct Undisturbed {
    rows: Rows,
    /// Requests for bars it took.
    pub(super) requests: usize,
}

/// A vendor whose pages are small and take their time, so that something can happen in the middle of a run.
pub(super) fn slow_vendor() -> SimConfig {
    SimConfig { base_limit: 2_000, latency: Duration::from_millis(25), ..SimConfig::default() }
}

/// A stock and two coins, or what the settings have instead: work of different length.
pub(super) fn symbols(live: &Loaded) -> Result<Vec<Symbol>, Stop> {
    let all = baseline_load().map_err(|e| Stop::failed(e.to_string()))?.symbols;
    let crypto = |s: &&Symbol| default_class(&live.settings, s) == AssetClass::Crypto;
    let others = all.iter().filter(|s| !crypto(s)).take(1);
    let chosen: Vec<Symbol> = others.chain(all.iter().filter(crypto).take(2)).cloned().collect();
    Ok(chosen)
}

impl Undisturbed {
    /// One backfill of the settled days by a process that is left alone.
    pub(super) async fn run(live: &Loaded, symbols: &[Symbol]) -> Result<Self, Stop> {
        let vendor = SimConfig { latency: Duration::ZERO, ..slow_vendor() };
        let stage = Stage::raise(live, symbols, vendor, None).await?;
        stage.register().await?;
        let (from, to) = settled();
        let (from, to) = (from.to_string(), to.to_string());
        stage.run(&["backfill", "--all", "--json", "--from", &from, "--to", &to]).await?;
        let store = stage.look().await?;
        let rows = rows(store.as_ref()).await?;
        store.close().await;
        let requests = pages(&stage.sim.log()).len();
        stage.sim.stop().await;
        Ok(Self { rows, requests })
    }

    /// How many bars the run brought, when the rows of `store` are the same.
    pub(super) async fn equals(&self, store: &dyn Store) -> Result<usize, Stop> {
        let mine = rows(store).await?;
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

/// The bars of the settled days.
async fn rows(store: &dyn Store) -> Result<Rows, Stop> {
    let failed = |e: crate::store::StoreError| Stop::failed(e.to_string());
    let mut rows = Rows::new();
    for series in store.series().await.map_err(failed)? {
        let bars = store.bars(series.id, compared(), usize::MAX).await.map_err(failed)?;
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
