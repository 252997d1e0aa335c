//! An undisturbed run: the rows that a disturbed one has to end with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::DrillContext;
use super::outcome::DrillError;
use super::workload::{Workload, page_requests, slow_vendor};
use barkeep_market::{Bar, Interval, Symbol, Timeframe};
use barkeep_sim::SimConfig;
use barkeep_store::Store;

/// Bars by series.
type Rows = BTreeMap<(Symbol, Timeframe), Vec<Bar>>;

/// What the disturbed runs are compared with.
pub(super) struct ReferenceRun {
    rows: Rows,
    compared: Interval,
    /// Requests for bars it took.
    pub(super) requests: usize,
}

impl ReferenceRun {
    /// Runs one backfill of the final days, undisturbed.
    pub(super) async fn run(workload: &Workload<'_>) -> Result<Self, DrillError> {
        let vendor = SimConfig { latency: Duration::ZERO, ..slow_vendor() };
        let context = DrillContext::start(workload, vendor, None).await?;
        context.register().await?;
        let (from, to) = (workload.from.to_string(), workload.to.to_string());
        context.run(&["backfill", "--all", "--json", "--from", &from, "--to", &to]).await?;
        let store = context.open_read_only().await?;
        let compared = workload.compared();
        let rows = rows(store.as_ref(), compared).await?;
        store.close().await;
        let requests = page_requests(&context.sim.log()).len();
        context.sim.stop().await;
        Ok(Self { rows, compared, requests })
    }

    /// The number of bars, when the rows of `store` are equal.
    pub(super) async fn equals(&self, store: &dyn Store) -> Result<usize, DrillError> {
        let found = rows(store, self.compared).await?;
        let count = |rows: &Rows| rows.values().map(Vec::len).sum::<usize>();
        if found == self.rows && count(&found) > 0 {
            return Ok(count(&found));
        }
        let differ = |key: &&(Symbol, Timeframe)| found.get(*key) != self.rows.get(*key);
        let series = self.rows.keys().find(differ).map(|(symbol, tf)| format!("{symbol} {tf}")).unwrap_or_default();
        Err(DrillError::failed(format!(
            "the rows differ from an undisturbed run: {} bars, {} expected, first in {series}",
            count(&found),
            count(&self.rows)
        )))
    }
}

/// The stored bars of these days.
async fn rows(store: &dyn Store, days: Interval) -> Result<Rows, DrillError> {
    let failed = |e: barkeep_store::StoreError| DrillError::failed(e.to_string());
    let mut rows = Rows::new();
    for series in store.series().await.map_err(failed)? {
        let bars = store.bars(series.id, days.into(), None).await.map_err(failed)?;
        rows.insert((series.symbol, series.timeframe), bars.into_iter().map(|stored| stored.bar).collect());
    }
    Ok(rows)
}
