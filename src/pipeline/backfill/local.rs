//! Coarser bars that are missing where their base is stored: computed here, without a request.
//!
//! That is how a timeframe gets its history when it is requested later than its base was.

use std::sync::Arc;

use super::survey::beside;
use super::{Run, RunError};
use crate::RunContext;
use crate::index::coverage::CoverageIndex;
use crate::ingest::{AnswerVerdict, FamilyAnswer, PageJob};
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Bar, Interval, Timeframe};
use barkeep_store::{SeriesId, StoreError};

/// Base bars are read back in stretches of this length when coarser ones are computed from stored bars.
const LOCAL_STRETCH: i64 = 60 * DAY;

impl Run<'_> {
    /// Computes coarser bars that are missing where their base is stored.
    pub(super) async fn derive_stored(&self) -> Result<(), RunError> {
        if self.fetcher.cancel.is_cancelled() {
            return Ok(());
        }
        let store = &self.engine().store;
        let coverage = CoverageIndex::read(store.as_ref(), &self.context.targets, self.engine().clock.now()).await?;
        let coverage = coverage.asked_since(self.context.now);
        let survey = self.local_needs(coverage);
        let local = beside(move || {
            let mut needs = survey.needs()?;
            needs.retain(|need| !need.local.is_empty());
            Ok(needs)
        });
        for need in local.await?.unwrap_or_default() {
            let (state, horizon) = (&need.state, need.horizon);
            for (timeframe, spans) in &need.local {
                let family = state.base.family();
                let ids = self.fetcher.registry.series_ids(&state.symbol, family, &self.engine().settings).await?;
                let ids = Arc::new(ids);
                for stretch in spans.iter().flat_map(|span| stretches(span, *timeframe, state.class)) {
                    if self.fetcher.cancel.is_cancelled() {
                        return Ok(());
                    }
                    // Nothing is answered here, so the computation may only use what coverage proves.
                    let stored = FamilyAnswer {
                        ids: Arc::clone(&ids),
                        answered: stretch,
                        verdict: AnswerVerdict::Answered,
                        bars: stored_bars(self.engine(), ids.base_id, stretch).await?,
                        horizon,
                    };
                    let job = PageJob::derived(stored, *timeframe, self.engine().clock.now());
                    self.fetcher.ingest.send(job).await.wait().await?;
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
    let rows = engine.store.bars(series, range.into(), None).await?;
    Ok(rows.into_iter().map(|row| row.bar).collect())
}
