//! Stored bars asked again: compared with what comes, before it is stored.
//!
//! What differs is written as a revision, as always. Coverage is only ever renewed: an empty answer or a refusal proves
//! nothing about a range whose bars are stored. Bars of something else under the same ticker are refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Fetcher;
use crate::index::registry::SeriesIds;
use barkeep_market::restatement::{Differences, Restatement};
use barkeep_market::{Bar, Family, Interval, IntervalSet, Symbol};
use barkeep_store::{CoverageState, StoreError};
use barkeep_vendor::{Class, Fault};

/// What one family of one symbol brought.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// What the vendor has answered for in this run, with bars or without.
    pub answered: IntervalSet,
    pub differences: Differences,
    /// The gravest change of its pages.
    pub restatement: Option<Restatement>,
}

/// What a run that asks stored bars again has found so far.
#[derive(Debug, Default)]
pub struct Verification(Mutex<BTreeMap<(Symbol, Family), Verified>>);

impl Verification {
    fn families(&self) -> MutexGuard<'_, BTreeMap<(Symbol, Family), Verified>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found, by symbol and family.
    #[must_use]
    pub fn found(&self) -> BTreeMap<(Symbol, Family), Verified> {
        self.families().clone()
    }

    /// What has been answered again of a family.
    #[must_use]
    pub fn answered(&self, symbol: &Symbol, family: Family) -> IntervalSet {
        self.families().get(&(symbol.clone(), family)).map(|found| found.answered.clone()).unwrap_or_default()
    }

    pub(super) fn note_answered(&self, ids: &SeriesIds, range: Interval) {
        let key = (ids.symbol.clone(), ids.base.family());
        self.families().entry(key).or_default().answered.insert(range);
    }

    fn add(&self, ids: &SeriesIds, differences: &Differences, restatement: Option<Restatement>) {
        let key = (ids.symbol.clone(), ids.base.family());
        let mut families = self.families();
        let found = families.entry(key).or_default();
        found.differences.add(differences);
        found.restatement = graver(found.restatement, restatement);
    }
}

fn graver(a: Option<Restatement>, b: Option<Restatement>) -> Option<Restatement> {
    let rank = |one: &Option<Restatement>| match one {
        None => 0,
        Some(Restatement::Correction) => 1,
        Some(Restatement::Rescaled { .. }) => 2,
        Some(Restatement::Unrelated { .. }) => 3,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

impl Fetcher {
    /// Compares an answer with what is stored, when this run asks stored bars again. The fault when the answer must not be
    /// stored.
    pub(super) async fn verify(
        &self,
        ids: &SeriesIds,
        answered: Interval,
        sent: &[Bar],
    ) -> Result<Option<Fault>, StoreError> {
        let Some(verification) = &self.verification else { return Ok(None) };
        let stored = self.engine.store.bars(ids.base_id, answered.into(), None).await?;
        let stored: Vec<Bar> = stored.into_iter().filter(|row| !row.provisional).map(|row| row.bar).collect();
        let mut sent = sent.to_vec();
        sent.sort_by_key(|bar| bar.ts);
        let restatement = Restatement::between(&stored, &sent);
        let differences = Differences::between(&stored, &sent);
        let (symbol, timeframe) = (&ids.symbol, ids.base);
        match restatement {
            Some(Restatement::Unrelated { correlation }) => {
                verification.add(ids, &Differences::default(), restatement);
                let fault = format!(
                    "the bars sent for {symbol} {timeframe} are not those of the stored history (correlation of returns \
                     {correlation:.2}): the ticker seems to belong to something else now; nothing was changed"
                );
                return Ok(Some(Fault::new(Class::Malformed, fault)));
            }
            Some(Restatement::Rescaled { ratio, until }) => {
                tracing::warn!(%symbol, %timeframe, ratio, %until, "prices were rescaled");
            }
            Some(Restatement::Correction) => {
                tracing::warn!(%symbol, %timeframe, bars = differences.changed, "bars were corrected");
            }
            None => {}
        }
        verification.add(ids, &differences, restatement);
        verification.note_answered(ids, answered);
        Ok(None)
    }

    /// The parts of a range that an answer without bars may speak for: while stored bars are asked again, not those whose
    /// bars are stored.
    pub(super) async fn not_proven(&self, ids: &SeriesIds, range: Interval) -> Result<Vec<Interval>, StoreError> {
        let Some(verification) = &self.verification else { return Ok(vec![range]) };
        verification.note_answered(ids, range);
        let rows = self.engine.store.coverage(&[ids.base_id]).await?;
        let rows = rows.into_iter().flat_map(|(_, rows)| rows);
        let proven = rows.filter(|row| row.state.is_answered() && row.state != CoverageState::Empty);
        let proven: IntervalSet = proven.map(|row| row.range).collect();
        let whole: IntervalSet = std::iter::once(range).collect();
        Ok(whole.subtract(&proven).iter().collect())
    }
}
