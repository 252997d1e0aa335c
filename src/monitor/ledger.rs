//! What is known of the series besides their bars: which of them a run works on, and what their coverage leaves in doubt;
//! and how fresh each of them is, seen with that.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use crate::context::{FreshnessContext, acceptable};
use crate::holes::{Doubt, HoleCounts, doubts};
use barkeep_config::Policy;
use barkeep_market::freshness::Tier;
use barkeep_market::ts::DAY;
use barkeep_market::{Calendar, Timeframe, Ts};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::index::series::{Judge, Judgement, SeriesIndex, SeriesState};
use barkeep_store::{Coverage, ExecutionRow, ExecutionStatus, SeriesId, SeriesRunState, Store, StoreError, SymbolRow};

/// Attempts at a new series are looked for this long before the newest run; no criticality allows it to wait longer.
const LOOKED_BACK: i64 = DAY;

/// Running series and doubtful ranges at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Series of executions that run now, as far as they are not closed in them.
    pub in_run: HashMap<SeriesKey, AtWork>,
    /// When the newest execution began.
    pub last_start: Option<Ts>,
    /// Series without an answer for their newest end that a run is done with all the same.
    pub tried: HashSet<SeriesKey>,
    /// Ranges in doubt, of the series that have any.
    pub doubts: HashMap<SeriesId, Vec<Doubt>>,
}

impl Ledger {
    /// Reads it for the series of an index. What runs is looked up only while some series wait for their first answer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, index: &SeriesIndex, calendar: &Calendar) -> Result<Self, StoreError> {
        let runs = Self::of_runs(store, index).await?;
        Ok(Self { doubts: doubtful(index, calendar, store.doubtful().await?), ..runs })
    }

    /// The same without the doubts.
    pub(crate) async fn of_runs(store: &dyn Store, index: &SeriesIndex) -> Result<Self, StoreError> {
        let is_new = |known: &SeriesState| known.tracked && known.row.checked_at.is_none();
        let added = index.iter().filter(|(_, known)| is_new(known)).map(|(symbol, _)| symbol.added_at).min();
        let Some(added) = added else { return Ok(Self::default()) };
        let last_start = store.executions(1).await?.first().map(|row| row.started_at);
        let since = last_start.map_or(added, |start| added.max(start - LOOKED_BACK));
        let (mut tried, mut endings) = (HashSet::new(), RunEndings::default());
        for row in store.latest_statuses(since).await? {
            let of_new = index.find(&row.symbol, row.timeframe).is_some_and(|(_, known)| is_new(known));
            if of_new && !endings.is_cut_short(store, row.execution_id).await? {
                tried.insert((row.symbol, row.timeframe));
            }
        }
        Ok(Self { in_run: running_series(store).await?, last_start, tried, doubts: HashMap::new() })
    }

    /// The doubts of a series, in order of time.
    #[must_use]
    pub fn of(&self, series: SeriesId) -> &[Doubt] {
        self.doubts.get(&series).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many ranges of a series are in doubt.
    #[must_use]
    pub fn counts(&self, series: SeriesId) -> HoleCounts {
        HoleCounts::of(self.of(series))
    }

    /// Whether the first backfill of a series is not done yet: the vendor has not answered for its newest end, and either
    /// a run works on it, or its turn is still to come: runs have begun since its symbol was added, none is done with it,
    /// and it was added no longer ago than its criticality lets a series be behind. A symbol that nobody ever fetched
    /// stays unknown; one that could not be fetched, or whose turn does not come, is told.
    #[must_use]
    pub fn is_loading(&self, policy: &Policy, symbol: &SymbolRow, known: &SeriesState, now: Ts) -> bool {
        if !known.tracked || known.row.checked_at.is_some() {
            return false;
        }
        let patience = i64::try_from(acceptable(policy, symbol.criticality)).unwrap_or(i64::MAX).saturating_mul(1000);
        let is_recent = now - symbol.added_at <= patience;
        let has_begun = self.last_start.is_some_and(|start| start >= symbol.added_at);
        let key = (known.row.symbol.clone(), known.row.timeframe);
        (is_recent && has_begun && !self.tried.contains(&key)) || self.in_run.contains_key(&key)
    }
}

/// A run that works on a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtWork {
    /// When the run began.
    pub since: Ts,
    /// Whether the series has got anything in it yet.
    pub has_begun: bool,
}

/// How executions ended, each looked up once.
#[derive(Clone, Debug, Default)]
pub struct RunEndings(HashMap<Uuid, bool>);

impl RunEndings {
    /// Whether a run was cancelled or interrupted: what it leaves behind has not failed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_cut_short(&mut self, store: &dyn Store, id: Uuid) -> Result<bool, StoreError> {
        if let Some(known) = self.0.get(&id) {
            return Ok(*known);
        }
        let status = store.execution(id).await?.map(|row| row.status);
        let cut_short = matches!(status, Some(ExecutionStatus::Cancelled | ExecutionStatus::Interrupted));
        self.0.insert(id, cut_short);
        Ok(cut_short)
    }
}

/// Of those whose executions are open, the ones whose process is dead.
pub(crate) async fn dead_owners(store: &dyn Store, rows: &[ExecutionRow]) -> Result<Vec<String>, StoreError> {
    let open: Vec<String> = rows.iter().filter(|row| row.status.is_open()).map(|row| row.owner.clone()).collect();
    if open.is_empty() { Ok(open) } else { store.dead(&open).await }
}

/// The series of executions that run now and are not closed in them. An execution of a dead process does not run.
///
/// # Errors
/// When the database cannot be read.
pub async fn running_series(store: &dyn Store) -> Result<HashMap<SeriesKey, AtWork>, StoreError> {
    let mut all = HashMap::new();
    let executions = store.running_executions().await?;
    let dead = dead_owners(store, &executions).await?;
    for execution in executions.iter().filter(|row| !dead.contains(&row.owner)) {
        let rows = store.series_statuses(execution.execution_id).await?.into_iter();
        let open = rows.filter(|row| matches!(row.status, SeriesRunState::Pending | SeriesRunState::InProgress));
        let since = execution.started_at;
        for row in open {
            let has_begun = row.status == SeriesRunState::InProgress;
            let one = all.entry((row.symbol, row.timeframe)).or_insert(AtWork { since, has_begun });
            *one = AtWork { since: one.since.min(since), has_begun: one.has_begun || has_begun };
        }
    }
    Ok(all)
}

fn doubtful(
    index: &SeriesIndex,
    calendar: &Calendar,
    rows: Vec<(SeriesId, Coverage)>,
) -> HashMap<SeriesId, Vec<Doubt>> {
    let mut by_series: BTreeMap<SeriesId, Vec<Coverage>> = BTreeMap::new();
    for (id, row) in rows {
        by_series.entry(id).or_default().push(row);
    }
    if by_series.is_empty() {
        return HashMap::new();
    }
    let of = |(symbol, known): (&SymbolRow, &SeriesState)| {
        let rows = by_series.get(&known.row.id)?;
        let doubts = doubts(calendar, symbol.asset_class, known.row.timeframe, rows);
        (!doubts.is_empty()).then_some((known.row.id, doubts))
    };
    index.iter().filter_map(of).collect()
}

/// Whether a delisted or renamed symbol's series is stored up to its last day: that day is over, and the vendor has
/// answered for the newest end since, or what is known reaches the end of that day's trading.
fn has_ended(calendar: &Calendar, symbol: &SymbolRow, known: &SeriesState, now: Ts) -> bool {
    let class = symbol.asset_class;
    let Some(over) = symbol.listing.ended().and_then(|day| day.succ_opt()).map(|next| class.midnight(next)) else {
        return false;
    };
    if now < over {
        return false;
    }
    let asked_since = known.row.checked_at.is_some_and(|at| at >= over);
    let bar = known.row.last_ts.map(|start| known.bar_known_until(known.row.timeframe.end_of(class, start)));
    let until = bar.max(known.answered_until);
    let reaches = |until| calendar.market_time(class, barkeep_market::Interval::new(until, over)) == 0;
    asked_since || until.is_some_and(reaches)
}

/// Judges series at one instant, with what the ledger knows: a series that is loaded for the first time or has ended has
/// no age.
pub struct Assessor<'a> {
    judge: Judge<'a>,
    ledger: &'a Ledger,
    context: FreshnessContext<'a>,
    now: Ts,
}

impl<'a> Assessor<'a> {
    #[must_use]
    pub fn new(context: FreshnessContext<'a>, index: &SeriesIndex, ledger: &'a Ledger, now: Ts) -> Self {
        let FreshnessContext { calendar, settings, .. } = context;
        Self { judge: Judge::new(calendar, settings, settings.staleness.limits, index, now), ledger, context, now }
    }

    /// Judges one series.
    pub fn assess(&mut self, symbol: &SymbolRow, known: &SeriesState) -> Assessment {
        let judged = self.judge.judge(symbol, known);
        let tier = if has_ended(self.context.calendar, symbol, known, self.now) {
            Tier::Ended
        } else if self.ledger.is_loading(self.context.policy, symbol, known, self.now) {
            Tier::Loading
        } else {
            judged.tier
        };
        let behind = judged.behind.filter(|_| tier.counts());
        let allowed = acceptable(self.context.policy, symbol.criticality).saturating_mul(1000);
        let breached = known.tracked && behind.is_some_and(|ms| ms.unsigned_abs() > allowed);
        Assessment { judgement: Judgement { behind, tier }, breached }
    }
}

/// How fresh a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Without an age while it is loaded for the first time and after its end.
    pub judgement: Judgement,
    /// It is kept fresh, and older than its criticality allows.
    pub breached: bool,
}

/// The finest timeframe of the same family that a symbol stores: what its silence is judged by.
#[must_use]
pub fn base_of(symbol: &SymbolRow, timeframe: Timeframe) -> Timeframe {
    let same = symbol.timeframes.iter().copied().filter(|tf| tf.family() == timeframe.family());
    same.min().map_or(timeframe, |base| base.min(timeframe))
}

#[cfg(test)]
mod tests;
