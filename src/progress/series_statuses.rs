//! How far each series of a run is: the rows of `series_status`, kept while pages are committed and closed at the end.
//!
//! Only series that were begun are kept. A run of fifty thousand series works for days, and the rows of those whose turn
//! is still to come say nothing that its targets do not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::SeriesKey;
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_names::select::Target;
use barkeep_store::{SeriesRunState, SeriesStatus, WriteOutcome};

/// Rows that are made and written at once.
pub const AT_ONCE: usize = 2_000;

/// What is known of a series that was begun.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    processed: i64,
    inserted: i64,
    features: i64,
    started_at: Option<Ts>,
}

/// The status rows of a run, shared by its tasks.
#[derive(Debug)]
pub struct SeriesStatuses {
    execution: Uuid,
    targets: Arc<Vec<Target>>,
    /// Where the target of a symbol is.
    places: HashMap<Symbol, usize>,
    begun: BTreeMap<SeriesKey, Progress>,
    /// Why features could not be computed, by series.
    feature_failures: BTreeMap<SeriesKey, String>,
}

/// The row of a requested series that was not begun.
fn pending(execution_id: Uuid, target: &Target, timeframe: Timeframe) -> SeriesStatus {
    SeriesStatus {
        execution_id,
        symbol: target.row.symbol.clone(),
        asset_class: target.row.asset_class,
        timeframe,
        status: SeriesRunState::Pending,
        records_processed: 0,
        records_inserted: 0,
        features_computed: 0,
        error_message: None,
        started_at: None,
        completed_at: None,
        duration_seconds: None,
    }
}

/// The rows of all requested series, none of them begun.
pub fn all_pending(execution: Uuid, targets: &[Target]) -> impl Iterator<Item = SeriesStatus> {
    targets.iter().flat_map(move |target| target.requested.iter().map(move |tf| pending(execution, target, *tf)))
}

impl SeriesStatuses {
    #[must_use]
    pub fn new(execution: Uuid, targets: Arc<Vec<Target>>) -> Self {
        let places = targets.iter().enumerate().map(|(place, target)| (target.row.symbol.clone(), place)).collect();
        Self { execution, targets, places, begun: BTreeMap::new(), feature_failures: BTreeMap::new() }
    }

    #[must_use]
    pub const fn feature_failures(&self) -> &BTreeMap<SeriesKey, String> {
        &self.feature_failures
    }

    /// How many series were requested.
    #[must_use]
    pub fn requested(&self) -> usize {
        self.targets.iter().map(|target| target.requested.len()).sum()
    }

    /// The target of a series that was requested.
    fn target(&self, (symbol, timeframe): &SeriesKey) -> Option<&Target> {
        let target = self.targets.get(*self.places.get(symbol)?)?;
        target.requested.contains(timeframe).then_some(target)
    }

    fn begin(&mut self, key: &SeriesKey) -> Option<&mut Progress> {
        self.target(key)?;
        Some(self.begun.entry(key.clone()).or_default())
    }

    fn row(&self, target: &Target, key: &SeriesKey) -> SeriesStatus {
        let begun = self.begun.get(key).copied().unwrap_or_default();
        SeriesStatus {
            records_processed: begun.processed,
            records_inserted: begun.inserted,
            features_computed: begun.features,
            started_at: begun.started_at,
            ..pending(self.execution, target, key.1)
        }
    }

    /// What the row of a series will be once `received` more bars are committed. `None` for a series that was not
    /// requested and is only filled along the way.
    #[must_use]
    pub fn status_after(&self, key: &SeriesKey, received: u64, at: Ts) -> Option<SeriesStatus> {
        let status = self.row(self.target(key)?, key);
        Some(SeriesStatus {
            status: SeriesRunState::InProgress,
            records_processed: status.records_processed + received as i64,
            started_at: status.started_at.or(Some(at)),
            ..status
        })
    }

    /// Adds a commit.
    pub fn add(&mut self, key: &SeriesKey, received: u64, outcome: WriteOutcome, at: Ts) {
        if let Some(begun) = self.begin(key) {
            begun.processed += received as i64;
            begun.inserted += (outcome.inserted + outcome.revised) as i64;
            begun.started_at = begun.started_at.or(Some(at));
        }
    }

    /// Adds what became of the features of a series.
    pub fn add_features(&mut self, key: &SeriesKey, written: u64, failure: Option<&str>) {
        match failure {
            Some(why) => self.feature_failures.insert(key.clone(), why.to_owned()),
            None => self.feature_failures.remove(key),
        };
        if let Some(begun) = self.begin(key) {
            begun.features += written as i64;
        }
    }

    /// The closed rows of some targets: failed with its reason, or completed. A series whose bars are complete is
    /// completed, and says so when its features are not.
    #[must_use]
    pub fn closed(&self, targets: &[Target], reasons: &BTreeMap<SeriesKey, String>, at: Ts) -> Vec<SeriesStatus> {
        let close = |target: &Target, timeframe| {
            let key = (target.row.symbol.clone(), timeframe);
            let reason = reasons.get(&key);
            let features = self.feature_failures.get(&key).map(|why| format!("features: {why}"));
            let row = self.row(target, &key);
            let started = row.started_at.unwrap_or(at);
            SeriesStatus {
                status: if reason.is_some() { SeriesRunState::Failed } else { SeriesRunState::Completed },
                error_message: reason.cloned().or(features),
                started_at: Some(started),
                completed_at: Some(at),
                duration_seconds: Some((at - started).max(0) as f64 / 1000.0),
                ..row
            }
        };
        targets.iter().flat_map(|target| target.requested.iter().map(move |tf| close(target, *tf))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::Criticality;
    use barkeep_store::SymbolRow;
    use barkeep_store::testing;

    const AT: Ts = Ts(1_000);

    fn target(name: &str) -> Target {
        let requested = vec![Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];
        let row = SymbolRow { criticality: Criticality::Low, ..testing::symbol(name, &requested) };
        Target { row, dirty: false, requested }
    }

    fn key(name: &str, timeframe: Timeframe) -> SeriesKey {
        (name.parse().unwrap(), timeframe)
    }

    #[test]
    fn a_run_of_fifty_thousand_series_keeps_only_those_it_has_begun() {
        let targets: Vec<Target> = (0..10_000).map(|n| target(&format!("S{n}"))).collect();
        let (execution, targets) = (Uuid::from_u128(1), Arc::new(targets));
        let mut statuses = SeriesStatuses::new(execution, Arc::clone(&targets));
        assert_eq!((statuses.requested(), statuses.begun.len()), (50_000, 0));
        assert!(size_of::<Progress>() <= 40);

        let wrote = WriteOutcome { inserted: 2, revised: 1, ..WriteOutcome::default() };
        let (known, other) = (key("S7", Timeframe::M5), key("S7", Timeframe::M1));
        let next = statuses.status_after(&known, 5, AT).unwrap();
        assert_eq!((next.status, next.records_processed), (SeriesRunState::InProgress, 5));
        statuses.add(&known, 5, wrote, AT);
        statuses.add(&other, 5, wrote, AT);
        statuses.add_features(&known, 3, None);
        statuses.add_features(&other, 3, Some("no bars"));
        assert_eq!(statuses.begun.len(), 1, "one that was not requested has no row");
        assert_eq!(statuses.status_after(&other, 1, AT), None);
        assert_eq!(statuses.status_after(&known, 1, AT + 9).unwrap().started_at, Some(AT));

        let reasons = BTreeMap::from([(key("S8", Timeframe::D1), "refused".to_owned())]);
        let rows = statuses.closed(targets.get(7..9).unwrap(), &reasons, AT + 500);
        let of =
            |name: &str, tf| rows.iter().find(|row| (&row.symbol, row.timeframe) == (&key(name, tf).0, tf)).unwrap();
        let begun = of("S7", Timeframe::M5);
        assert_eq!((begun.records_processed, begun.records_inserted, begun.features_computed), (5, 3, 3));
        assert_eq!((begun.status, begun.duration_seconds), (SeriesRunState::Completed, Some(0.5)));
        let failed = of("S8", Timeframe::D1);
        assert_eq!((failed.status, failed.error_message.as_deref()), (SeriesRunState::Failed, Some("refused")));
        assert_eq!((rows.len(), failed.started_at), (10, Some(AT + 500)));
    }
}
