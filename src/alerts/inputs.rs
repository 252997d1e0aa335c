//! The inputs of the conditions as the database knows them; what only the process knows is left to the caller.

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use super::conditions::{BreachedSeries, FailingSymbol, SymbolHoles};
use barkeep_market::freshness::Tier;
use barkeep_market::ts::{DAY, HOUR, millis};
use barkeep_market::{Calendar, Criticality, Symbol, Timeframe, Ts};
use barkeep_monitor::holes::{Hole, HoleCounts, sentence};
use barkeep_monitor::ledger::{Assessor, AtWork, Ledger, RunEndings, running_series};
use barkeep_monitor::snapshot::FreshnessContext;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_store::{SeriesId, SeriesRunState, SeriesStatus, Store, StoreError};

/// How far back the newest attempt of a series is looked for; every tier runs at least daily.
const ATTEMPTS_SINCE: i64 = 7 * DAY;
/// Attempts looked back on for a row of failures, and series that are looked at.
const ATTEMPTS: usize = 20;
const FAILING_SERIES: usize = 100;
/// After a start a series has this long to be brought up to date, or one beat of its schedule when that is shorter.
const SETTLING: i64 = HOUR;

/// What the conditions look at, as it is stored.
#[derive(Clone, Debug)]
pub struct Rows {
    index: SeriesIndex,
    ledger: Ledger,
    without_features: BTreeSet<SeriesId>,
    statuses: Vec<SeriesStatus>,
    last_success: Option<Ts>,
    failing: Vec<FailingSymbol>,
    engine_paused: bool,
}

impl Rows {
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, calendar: &Calendar, now: Ts) -> Result<Self, StoreError> {
        let index = SeriesIndex::read(store, now).await?;
        let ledger = Ledger { in_run: running_series(store).await?, ..Ledger::read(store, &index, calendar).await? };
        let mut runs = Runs { store, endings: RunEndings::default() };
        let mut statuses = Vec::new();
        for status in store.latest_statuses(now - ATTEMPTS_SINCE).await? {
            let has_failed = status.status == SeriesRunState::Failed;
            if !has_failed || !runs.endings.is_cut_short(store, status.execution_id).await? {
                statuses.push(status);
            }
        }
        let failing = runs.failing(&index, &statuses).await?;
        Ok(Self {
            without_features: store.series_without_features().await?.into_iter().collect(),
            last_success: store.last_success().await?.and_then(|row| row.completed_at),
            engine_paused: store.engine_pause().await?.is_some(),
            index,
            ledger,
            statuses,
            failing,
        })
    }
}

/// Looks for failures in the runs of the past.
struct Runs<'a> {
    store: &'a dyn Store,
    endings: RunEndings,
}

impl Runs<'_> {
    /// The critical symbols whose newest attempt failed, with how many did in a row.
    async fn failing(
        &mut self,
        index: &SeriesIndex,
        statuses: &[SeriesStatus],
    ) -> Result<Vec<FailingSymbol>, StoreError> {
        let mut by_symbol: BTreeMap<Symbol, FailingSymbol> = BTreeMap::new();
        let failed = statuses.iter().filter(|row| row.status == SeriesRunState::Failed);
        let critical = failed.filter_map(|row| {
            let (symbol, known) = index.find(&row.symbol, row.timeframe)?;
            let is_critical = symbol.criticality == Criticality::Critical && known.tracked;
            is_critical.then_some((row, symbol.paused || known.row.paused))
        });
        for (row, is_paused) in critical.take(FAILING_SERIES) {
            let runs = self.streak(&row.symbol, row.timeframe).await?;
            let reason = row.error_message.clone().unwrap_or_default();
            let worst = FailingSymbol { symbol: row.symbol.clone(), runs, reason, is_paused };
            let known = by_symbol.entry(row.symbol.clone()).or_insert_with(|| worst.clone());
            if known.runs < runs {
                *known = worst;
            }
        }
        Ok(by_symbol.into_values().collect())
    }

    /// How many attempts at a series failed in a row until now.
    async fn streak(&mut self, symbol: &Symbol, timeframe: Timeframe) -> Result<usize, StoreError> {
        let mut runs = 0;
        for row in self.store.recent_statuses(symbol, timeframe, ATTEMPTS).await? {
            match row.status {
                SeriesRunState::Completed => break,
                SeriesRunState::Failed if !self.endings.is_cut_short(self.store, row.execution_id).await? => runs += 1,
                SeriesRunState::Failed | SeriesRunState::Pending | SeriesRunState::InProgress => {}
            }
        }
        Ok(runs)
    }
}

impl Inputs {
    /// Everything but [`Inputs::key_refused`], [`Inputs::vendor_silent`], [`Inputs::database_lost`] and
    /// [`Inputs::clock_skew_ms`], which are absent.
    /// Untracked series do not count: nobody keeps them fresh. Neither does a series that is loaded for the first time, or
    /// one that has ended.
    #[must_use]
    pub fn of(rows: &Rows, context: FreshnessContext<'_>, watching_since: Ts, now: Ts) -> Self {
        let Rows { index, ledger, without_features: without, statuses, last_success, failing, engine_paused } = rows;
        let mut inputs = Self { now, watching_since, last_success: *last_success, ..Self::default() };
        let mut assessor = Assessor::new(context, index, ledger, now);
        let mut tracked: BTreeSet<(&Symbol, Timeframe)> = BTreeSet::new();
        for (symbol, known) in index.iter().filter(|(_, known)| known.tracked) {
            let assessed = assessor.assess(symbol, known);
            let tier = assessed.judgement.tier;
            tracked.insert((&symbol.symbol, known.row.timeframe));
            let at_work = ledger.in_run.get(&(known.row.symbol.clone(), known.row.timeframe));
            inputs.is_working |= at_work.is_some_and(|run| run.has_begun);
            if !tier.counts() {
                continue;
            }
            inputs.series += 1;
            inputs.series_stale += usize::from(tier == Tier::Stale);
            // Features of a run that is still open are not missing.
            let has_features_due = known.row.bar_count > 0 && at_work.is_none();
            inputs.series_with_bars += usize::from(has_features_due);
            inputs.series_without_features += usize::from(has_features_due && without.contains(&known.row.id));
            if let Some(behind) = assessed.judgement.behind.filter(|_| assessed.breached) {
                let rpo = context.policy.rpo_by_symbol_criticality.of(symbol.criticality);
                let allowed = millis(rpo.acceptable_staleness);
                let is_new = now - watching_since < millis(rpo.refresh_every).min(SETTLING);
                let is_fetched = at_work.is_some_and(|AtWork { since, .. }| now - *since < allowed);
                let paused = *engine_paused || symbol.paused || known.row.paused;
                inputs.breaches.push(BreachedSeries {
                    series: format!("{} {}", symbol.symbol, known.row.timeframe),
                    criticality: symbol.criticality,
                    behind,
                    allowed,
                    is_excused: is_new || is_fetched || paused,
                });
            }
        }
        inputs.breaches.sort_by_key(|breach| (breach.criticality, std::cmp::Reverse(breach.behind - breach.allowed)));
        inputs.symbols = tracked.iter().map(|(symbol, _)| *symbol).collect::<BTreeSet<_>>().len();
        let mut failed: BTreeMap<&Symbol, bool> = BTreeMap::new();
        for status in statuses.iter().filter(|s| tracked.contains(&(&s.symbol, s.timeframe))) {
            *failed.entry(&status.symbol).or_default() |= status.status == SeriesRunState::Failed;
        }
        inputs.symbols_attempted = failed.len();
        inputs.symbols_failed = failed.values().filter(|failed| **failed).count();
        let paused = |one: &FailingSymbol| one.is_paused || *engine_paused;
        inputs.failing = failing.iter().map(|one| FailingSymbol { is_paused: paused(one), ..one.clone() }).collect();
        inputs.holes = holes(index, ledger, now);
        inputs
    }
}

/// What the vendor does not have of each critical and standard symbol.
fn holes(index: &SeriesIndex, ledger: &Ledger, now: Ts) -> Vec<SymbolHoles> {
    let mut by_symbol: BTreeMap<&Symbol, (HoleCounts, Vec<Hole>)> = BTreeMap::new();
    for (symbol, known) in index.iter() {
        let counts = ledger.counts(known.row.id);
        if !known.tracked || symbol.criticality == Criticality::Low || counts.at_the_vendor() == 0 {
            continue;
        }
        let (most, all) = by_symbol.entry(&symbol.symbol).or_default();
        most.suspect = most.suspect.max(counts.suspect);
        most.vendor_holes = most.vendor_holes.max(counts.vendor_holes);
        let doubts = ledger.of(known.row.id).iter().filter(|doubt| doubt.state.is_hole());
        let (symbol, timeframe) = (&symbol.symbol, known.row.timeframe);
        all.extend(doubts.map(|doubt| Hole { symbol: symbol.clone(), timeframe, doubt: doubt.clone() }));
    }
    let one = |(symbol, (counts, all)): (&Symbol, (HoleCounts, Vec<Hole>))| SymbolHoles {
        symbol: symbol.clone(),
        suspects: counts.suspect,
        vendor_holes: counts.vendor_holes,
        what: sentence(&all, now).unwrap_or_default(),
    };
    by_symbol.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests;
