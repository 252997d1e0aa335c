//! Why a series is as stale as it is: the time since its newest bar, split into causes that add up exactly.
//!
//! The split itself is pure ([`causes`]); this file reads what it needs and says it in words.

pub mod causes;
pub mod habit;
pub mod odds;
mod words;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::context::{FreshnessContext, acceptable};
use crate::holes::{Doubt, HoleCounts, doubts};
use crate::ledger::{Assessment, Assessor, Ledger, base_of, dead_owners};
use barkeep_base::clock::Moment;
use barkeep_config::Settings;
use barkeep_market::evidence::Profile;
use barkeep_market::freshness::{Tier, served_until};
use barkeep_market::ts::millis;
use barkeep_market::{AssetClass, Criticality, Family, Interval, Source, Symbol, Timeframe, Ts};
use barkeep_pipeline::index::series::{SeriesIndex, SeriesState};
use barkeep_service::handle::{PAUSE, RESUME, series_target};
use barkeep_store::{
    ExecutionRow, ExecutionStatus, Listing, OperatorActionRow, SeriesRow, SeriesRunState, SeriesStatus, Store,
    StoreError, SymbolRow,
};
use barkeep_vendor::limit::LimitSnapshot;
pub use causes::{AgeSplit, Blocker, Cause, Outcome, Pause, PauseScope, SeriesAttempt, Share, SplitInputs};
pub use habit::Habit;

/// Attempts looked back on. A longer row of failures is told as beginning there.
const ATTEMPTS: usize = 200;
/// Actions looked back on for a pause.
const ACTIONS: usize = 200;

/// Ranges in doubt that are told.
const DOUBTS: usize = 20;

/// Why one series is as stale as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub asset_class: AssetClass,
    /// Where its bars come from.
    #[serde(default)]
    pub vendor: Source,
    pub criticality: Criticality,
    pub generated_at: Ts,
    pub status: Tier,
    /// The newest complete bar the vendor could serve now.
    pub expected: Interval,
    /// The newest stored bar; it may still be growing.
    pub stored: Option<Interval>,
    /// How far the vendor has answered, with bars or without; silence that is not believable is no answer.
    pub answered_until: Option<Ts>,
    /// When the vendor last answered for the newest end.
    #[serde(default)]
    pub checked_at: Option<Ts>,
    /// Absent without a bar, while it is loaded for the first time and after its end.
    pub staleness_seconds: Option<i64>,
    pub acceptable_staleness_seconds: u64,
    /// Older than its criticality allows.
    pub breached: bool,
    /// What stands between this series and newer bars now.
    pub blocker: Blocker,
    /// Absent without a bar: then nothing has an age.
    pub split: Option<AgeSplit>,
    /// Ranges in doubt.
    #[serde(default)]
    pub holes: HoleCounts,
    /// The newest of them, newest first, and what each was judged by.
    #[serde(default)]
    pub doubts: Vec<JudgedDoubt>,
    /// What silence at the newest end is judged by.
    #[serde(default)]
    pub habit: Option<Habit>,
    /// When the schedule asks for the newest end again; absent while nothing will.
    #[serde(default)]
    pub next_run: Option<Ts>,
    /// What the vendor says the name is.
    #[serde(default)]
    pub listing: Listing,
    /// How far back the vendor's plan reaches, as its answers have shown.
    #[serde(default)]
    pub plan_starts_on: Option<NaiveDate>,
}

/// A range in doubt and what it was judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedDoubt {
    #[serde(flatten)]
    pub doubt: Doubt,
    /// Absent when the range lies outside every part that is judged.
    pub habit: Option<Habit>,
}

/// Explains one series of a symbol, or all of them, fine to coarse.
///
/// # Errors
/// `NotFound` when the symbol or the series does not exist; else when the database cannot be read.
pub async fn explain(
    store: &dyn Store,
    index: &SeriesIndex,
    context: FreshnessContext<'_>,
    symbol: &Symbol,
    timeframe: Option<Timeframe>,
    moment: Moment,
) -> Result<Vec<Explanation>, StoreError> {
    let FreshnessContext { calendar, settings, policy } = context;
    let now = moment.at;
    let series = index
        .iter()
        .filter(|(row, known)| row.symbol == *symbol && timeframe.is_none_or(|tf| known.row.timeframe == tf));
    let series: Vec<(&SymbolRow, &SeriesState)> = series.collect();
    let Some((row, _)) = series.first() else {
        let what = timeframe.map_or_else(String::new, |tf| format!(" at {tf}"));
        return Err(StoreError::NotFound(format!("{symbol} is not tracked{what}")));
    };
    let pauses = Pauses::read(store, row).await?;
    let executions = store.executions(ATTEMPTS).await?;
    let dead = dead_owners(store, &executions).await?;
    let free_at = window_full_until(store, settings, &moment).await?;
    let ledger = Ledger::of_runs(store, index).await?;
    let plan_starts = store.plan_starts().await?;
    let mut assessor = Assessor::new(context, index, &ledger, now);
    let mut profiles: BTreeMap<Timeframe, Profile> = BTreeMap::new();
    let mut all = Vec::with_capacity(series.len());
    for (row, known) in series {
        let (class, tf, id) = (row.asset_class, known.row.timeframe, known.row.id);
        let newest_end = known.row.last_ts.map(|start| known.bar_known_until(tf.end_of(class, start)));
        let coverage = store.coverage(&[id]).await?.pop().map(|(_, rows)| rows).unwrap_or_default();
        let Assessment { judgement, breached } = assessor.assess(row, known);
        let doubts = doubts(calendar, class, tf, &coverage);
        let base = base_of(row, tf);
        let profile = match profiles.entry(base) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(empty) => empty.insert(match index.find(symbol, base) {
                Some((_, known)) => habit::profile(store, known.row.id).await?,
                None => Profile::new(),
            }),
        };
        let usual = |range| Habit::of(calendar, class, base, profile, range);
        let statuses = store.recent_statuses(symbol, tf, ATTEMPTS).await?;
        let facts = SplitInputs {
            calendar,
            clock: settings.staleness.clock,
            delay: index.delay(row.vendor, class, settings.vendor.delay),
            lag: settings.backfill.settle,
            now,
            class,
            timeframe: tf,
            newest_end,
            checked_at: known.row.checked_at,
            quarantined: store.quarantined_since(id, newest_end.unwrap_or(now)).await?,
            coverage,
            tracked: known.tracked,
            pause: pauses.of(store, &known.row).await?,
            attempts: statuses.iter().filter_map(|s| attempt(s, &executions, &dead)).collect(),
            window_full_until: free_at,
            refresh_every: policy.rpo_by_symbol_criticality.of(row.criticality).refresh_every,
            tier: judgement.tier,
        };
        let runs = known.tracked && facts.pause.is_none() && judgement.tier != Tier::Ended;
        let acceptable = acceptable(policy, row.criticality);
        all.push(Explanation {
            symbol: symbol.clone(),
            timeframe: tf,
            asset_class: class,
            vendor: row.vendor,
            criticality: row.criticality,
            generated_at: now,
            status: judgement.tier,
            expected: expected(&facts),
            stored: known.row.last_ts.map(|start| Interval::new(start, tf.end_of(class, start))),
            answered_until: known.answered_until,
            staleness_seconds: judgement.behind.map(|ms| ms / 1000),
            acceptable_staleness_seconds: acceptable,
            breached,
            blocker: facts.blocker(),
            split: facts.split(),
            checked_at: known.row.checked_at,
            holes: HoleCounts::of(&doubts),
            habit: newest_end.and_then(|end| usual(Interval::new(end - tf.width().max(1), end))),
            doubts: doubts
                .into_iter()
                .rev()
                .take(DOUBTS)
                .map(|doubt| JudgedDoubt { habit: usual(doubt.range), doubt })
                .collect(),
            next_run: runs.then(|| next_beat(facts.refresh_every, now)),
            listing: row.listing.clone(),
            plan_starts_on: plan_starts
                .iter()
                .find(|start| start.continuous == class.is_continuous() && row.vendor.has_plans())
                .map(|start| start.starts_on),
        });
    }
    Ok(all)
}

/// The schedule's next beat: beats lie on the grid of their period.
fn next_beat(every: Duration, now: Ts) -> Ts {
    let period = millis(every).max(1);
    Ts(now.ms().div_euclid(period).saturating_add(1).saturating_mul(period))
}

/// The newest complete bar that could be served: the one holding the last trading before the served end.
fn expected(facts: &SplitInputs<'_>) -> Interval {
    /// No closure of the exchange since 1933 was longer.
    const LONGEST_CLOSURE: i64 = 14 * barkeep_market::ts::DAY;
    let served = served_until(facts.calendar, facts.class, facts.timeframe, facts.delay, facts.lag, facts.now);
    let traded = facts.calendar.trading(facts.class, Family::Minute, Interval::new(served - LONGEST_CLOSURE, served));
    let last = traded.hull().map_or(served, |hull| hull.end);
    facts.timeframe.span(facts.class, last - 1)
}

/// Who paused the engine or a symbol, and since when, if they rest now.
struct Pauses {
    engine: Option<Pause>,
    symbol: Option<Pause>,
}

impl Pauses {
    async fn read(store: &dyn Store, row: &SymbolRow) -> Result<Self, StoreError> {
        let on_symbol = store.operator_actions(Some(row.symbol.as_str()), ACTIONS).await?;
        let engine = store.engine_pause().await?;
        Ok(Self {
            engine: engine.map(|p| Pause { by: Some(p.by), since: Some(p.since), scope: PauseScope::Engine }),
            symbol: marked(row.paused, &on_symbol, PauseScope::Symbol),
        })
    }

    /// What holds one series of the symbol back: the first of the pauses in force.
    async fn of(&self, store: &dyn Store, series: &SeriesRow) -> Result<Option<Pause>, StoreError> {
        let own = if series.paused {
            let target = series_target(&series.symbol, series.timeframe);
            marked(true, &store.operator_actions(Some(&target), ACTIONS).await?, PauseScope::Series)
        } else {
            None
        };
        Ok(first([own, self.symbol.clone(), self.engine.clone()]))
    }
}

/// The pause that the newest switch left in force.
fn switched(actions: &[OperatorActionRow], scope: PauseScope) -> Option<Pause> {
    let mut switches = actions.iter().map(|row| &row.action);
    let last = switches.find(|a| a.result == "ok" && (a.action == PAUSE || a.action == RESUME))?;
    (last.action == PAUSE).then(|| Pause { by: Some(last.actor.clone()), since: Some(last.at), scope })
}

/// The mark is what holds a symbol or a series back; the note of who set it may be missing.
fn marked(paused: bool, actions: &[OperatorActionRow], scope: PauseScope) -> Option<Pause> {
    paused.then(|| switched(actions, scope).unwrap_or(Pause { by: None, since: None, scope }))
}

/// The earliest; one that nobody noted holds since ever.
fn first(pauses: [Option<Pause>; 3]) -> Option<Pause> {
    pauses.into_iter().flatten().min_by_key(|pause| pause.since)
}

/// Until when the vendor's window is full; `None` when a request could start now.
async fn window_full_until(store: &dyn Store, settings: &Settings, now: &Moment) -> Result<Option<Ts>, StoreError> {
    let limit = LimitSnapshot::observed(settings.vendor.rate_limit, &store.places().await?, now);
    let wait = millis(limit.next_free_in);
    Ok((wait > 0).then(|| now.at + wait))
}

/// A status row as an attempt to bring the series up to date.
fn attempt(status: &SeriesStatus, executions: &[ExecutionRow], dead: &[String]) -> Option<SeriesAttempt> {
    let execution = executions.iter().find(|e| e.execution_id == status.execution_id);
    let at = execution.map(|e| e.started_at).or(status.started_at).or(status.completed_at)?;
    let live = execution.is_some_and(|e| e.status == ExecutionStatus::Running && !dead.contains(&e.owner));
    let outcome = match status.status {
        SeriesRunState::Completed => Outcome::Done,
        SeriesRunState::Failed => Outcome::Failed(status.error_message.clone().unwrap_or_default()),
        SeriesRunState::Pending | SeriesRunState::InProgress if live => Outcome::Running,
        SeriesRunState::Pending | SeriesRunState::InProgress => Outcome::Interrupted,
    };
    Some(SeriesAttempt { at, outcome })
}

#[cfg(test)]
mod tests;
