//! The inputs of the conditions as the database knows them; what only the process knows is left to the caller.

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use barkeep_config::Settings;
use barkeep_market::freshness::Tier;
use barkeep_market::ts::DAY;
use barkeep_market::{Calendar, Symbol, Ts};
use barkeep_pipeline::index::series::{Judge, SeriesIndex};
use barkeep_store::{SeriesId, SeriesRunState, SeriesStatus, Store, StoreError};

/// How far back the newest attempt of a series is looked for; every tier runs at least daily.
const ATTEMPTS_SINCE: i64 = 7 * DAY;

/// What the conditions look at, as it is stored.
#[derive(Clone, Debug)]
pub struct Rows {
    index: SeriesIndex,
    without_features: BTreeSet<SeriesId>,
    statuses: Vec<SeriesStatus>,
    last_success: Option<Ts>,
}

impl Rows {
    pub async fn read(store: &dyn Store, now: Ts) -> Result<Self, StoreError> {
        Ok(Self {
            index: SeriesIndex::read(store, now).await?,
            without_features: store.series_without_features().await?.into_iter().collect(),
            statuses: store.latest_statuses(now - ATTEMPTS_SINCE).await?,
            last_success: store.last_success().await?.and_then(|row| row.completed_at),
        })
    }
}

impl Inputs {
    /// Everything but [`Inputs::key_refused`] and [`Inputs::database_lost`], which are absent. Untracked series do not
    /// count: nobody keeps them fresh.
    #[must_use]
    pub fn of(rows: &Rows, calendar: &Calendar, settings: &Settings, watching_since: Ts, now: Ts) -> Self {
        let Rows { index, without_features: without, statuses, last_success } = rows;
        let mut inputs = Self { now, watching_since, last_success: *last_success, ..Self::default() };
        let mut judge = Judge::new(calendar, settings, settings.staleness.limits, index, now);
        let mut tracked: BTreeSet<(&Symbol, _)> = BTreeSet::new();
        for (symbol, known) in index.iter().filter(|(_, known)| known.tracked) {
            tracked.insert((&symbol.symbol, known.row.timeframe));
            inputs.series += 1;
            inputs.series_stale += usize::from(judge.judge(symbol.asset_class, known).tier == Tier::Stale);
            inputs.series_with_bars += usize::from(known.row.bar_count > 0);
            inputs.series_without_features += usize::from(without.contains(&known.row.id));
        }
        inputs.symbols = tracked.iter().map(|(symbol, _)| *symbol).collect::<BTreeSet<_>>().len();
        let mut failed: BTreeMap<&Symbol, bool> = BTreeMap::new();
        for status in statuses.iter().filter(|s| tracked.contains(&(&s.symbol, s.timeframe))) {
            *failed.entry(&status.symbol).or_default() |= status.status == SeriesRunState::Failed;
        }
        inputs.symbols_attempted = failed.len();
        inputs.symbols_failed = failed.values().filter(|failed| **failed).count();
        inputs
    }
}
