//! Coarser bars that are missing where their base is stored: computed here, without asking anybody.
//!
//! That is how a timeframe gets its history when it is asked for later than its base was.

use std::sync::Arc;

use super::{Run, RunError};
use crate::RunContext;
use crate::index::coverage::CoverageIndex;
use crate::ingest::{Arrival, Part, Verdict, settled};
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Bar, Interval, Timeframe};
use barkeep_store::{SeriesId, StoreError};

/// Base bars are read back in stretches of this length when coarser ones are computed from stored bars.
const LOCAL_STRETCH: i64 = 60 * DAY;

impl Run<'_> {
    /// Computes coarser bars that are missing where their base is stored.
    pub(super) async fn derive_stored(&self) -> Result<(), RunError> {
        let store = &self.engine().store;
        let survey = CoverageIndex::read(store.as_ref(), &self.scene.targets, self.engine().clock.now()).await?;
        for need in self.open_needs(&survey, true)? {
            let (state, horizon) = (&need.state, need.horizon);
            for (timeframe, spans) in &need.local {
                let family = state.base.family();
                let keys = self.fetcher.registrar.keys(&state.symbol, family, &self.engine().settings).await?;
                let keys = Arc::new(keys);
                for stretch in spans.iter().flat_map(|span| stretches(span, *timeframe, state.class)) {
                    if self.fetcher.cancel.is_cancelled() {
                        return Ok(());
                    }
                    // Nothing is answered here, so the computation may only use what coverage proves.
                    let part = Part {
                        keys: Arc::clone(&keys),
                        answered: stretch,
                        verdict: Verdict::Answered,
                        bars: stored_bars(self.engine(), keys.base_id, stretch).await?,
                        horizon,
                    };
                    let fetched_at = self.engine().clock.now();
                    let arrival =
                        Arrival { parts: vec![part], request: None, fetched_at, only: Some(*timeframe), pass: None };
                    settled(self.fetcher.ingest.send(arrival).await).await?;
                }
            }
        }
        Ok(())
    }
}

/// A long span cut into stretches of whole bars.
fn stretches(span: Interval, tf: Timeframe, class: AssetClass) -> Vec<Interval> {
    let mut all = Vec::new();
    let mut start = span.start;
    while start < span.end {
        let end = tf.span(class, start + LOCAL_STRETCH).end.min(span.end);
        all.push(Interval::new(start, end));
        start = end;
    }
    all
}

async fn stored_bars(engine: &RunContext, series: SeriesId, range: Interval) -> Result<Vec<Bar>, StoreError> {
    let rows = engine.store.bars(series, range, usize::MAX).await?;
    Ok(rows.into_iter().map(|row| row.bar).collect())
}
