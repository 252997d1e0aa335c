//! The staleness report: every series by tier, the worst of each tier, and who breaches its recovery point.
//!
//! Ages are worked out when the report is read, so they grow by themselves; counts are over all series, not a page.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::context::{FreshnessContext, acceptable};
use crate::holes::HoleCounts;
use crate::ledger::{Assessment, Assessor, Ledger};
use crate::tier_counts::TierCounts;
use barkeep_market::freshness::Tier;
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe, Ts};
use barkeep_pipeline::index::series::{Judgement, SeriesIndex, SeriesState};
use barkeep_store::{Store, StoreError, SymbolRow};

/// How many series are in each tier, in the words of the HTTP API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StalenessSummary {
    pub fresh_count: usize,
    pub aging_count: usize,
    pub stale_count: usize,
    pub missing_count: usize,
    pub unknown_count: usize,
    #[serde(default)]
    pub loading_count: usize,
    #[serde(default)]
    pub ended_count: usize,
}

impl From<TierCounts> for StalenessSummary {
    fn from(t: TierCounts) -> Self {
        Self {
            fresh_count: t.fresh,
            aging_count: t.aging,
            stale_count: t.stale,
            missing_count: t.missing,
            unknown_count: t.unknown,
            loading_count: t.loading,
            ended_count: t.ended,
        }
    }
}

/// One series and its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesAge {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub asset_class: AssetClass,
    pub criticality: Criticality,
    pub status: Tier,
    /// Absent without a bar, while it is loaded for the first time and after its end.
    pub staleness_seconds: Option<i64>,
    pub data_point_count: i64,
    pub newest_bar: Option<Ts>,
    pub answered_until: Option<Ts>,
    pub checked_at: Option<Ts>,
    /// Older than its criticality allows.
    pub breached: bool,
    /// Whether it is kept fresh at all: its symbol is active and lists the timeframe.
    pub tracked: bool,
    /// It, or its whole symbol.
    pub paused: bool,
    /// Ranges in doubt.
    #[serde(default, skip_serializing_if = "HoleCounts::is_empty")]
    pub holes: HoleCounts,
}

/// The stalest series of each tier, at most the limit asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByStatus {
    pub fresh: Vec<SeriesAge>,
    pub aging: Vec<SeriesAge>,
    pub stale: Vec<SeriesAge>,
    pub missing: Vec<SeriesAge>,
    pub unknown: Vec<SeriesAge>,
    #[serde(default)]
    pub loading: Vec<SeriesAge>,
    #[serde(default)]
    pub ended: Vec<SeriesAge>,
}

/// How the tracked series of one criticality keep to their recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpoReport {
    pub criticality: Criticality,
    pub acceptable_staleness_seconds: u64,
    pub series: usize,
    /// Older than acceptable.
    pub breached: usize,
    /// Without any bar, so without an age; counted apart.
    pub without_data: usize,
    /// Loaded for the first time, so not judged yet; counted apart.
    #[serde(default)]
    pub loading: usize,
    /// The stalest breaches, at most the limit asked for.
    pub worst: Vec<SeriesAge>,
}

/// The staleness of everything at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StalenessReport {
    pub generated_at: Ts,
    /// All series, untracked ones included; the sum of the summary.
    pub total: usize,
    pub summary: StalenessSummary,
    pub by_status: ByStatus,
    pub rpo: Vec<RpoReport>,
    /// Ranges in doubt, over all series.
    #[serde(default)]
    pub holes: HoleCounts,
}

impl StalenessReport {
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(
        store: &dyn Store,
        context: FreshnessContext<'_>,
        limit: usize,
        now: Ts,
    ) -> Result<Self, StoreError> {
        let index = SeriesIndex::read(store, now).await?;
        let ledger = Ledger::read(store, &index, context.calendar).await?;
        Ok(Self::of(&index, &ledger, context, limit, now))
    }

    /// Works the report out over rows already read.
    #[must_use]
    pub fn of(index: &SeriesIndex, ledger: &Ledger, context: FreshnessContext<'_>, limit: usize, now: Ts) -> Self {
        let mut assessor = Assessor::new(context, index, ledger, now);
        let mut counts = TierCounts::default();
        let mut holes = HoleCounts::default();
        let mut tiers: [Vec<Aged<'_>>; Tier::ALL.len()] = Default::default();
        let mut breaches: [Vec<Aged<'_>>; Criticality::ALL.len()] = Default::default();
        let mut rpo = Criticality::ALL.map(|criticality| RpoReport {
            criticality,
            acceptable_staleness_seconds: acceptable(context.policy, criticality),
            series: 0,
            breached: 0,
            without_data: 0,
            loading: 0,
            worst: Vec::new(),
        });
        for (symbol, known) in index.iter() {
            let Assessment { judgement, breached } = assessor.assess(symbol, known);
            counts.count(judgement.tier);
            let aged = Aged { symbol, known, judgement, breached, holes: ledger.counts(known.row.id) };
            holes += aged.holes;
            if let Some(report) = rpo.get_mut(symbol.criticality as usize).filter(|_| known.tracked) {
                let is_judged = judgement.tier.counts();
                report.series += usize::from(is_judged);
                report.loading += usize::from(judgement.tier == Tier::Loading);
                report.without_data += usize::from(is_judged && judgement.behind.is_none());
                report.breached += usize::from(breached);
            }
            if breached && let Some(list) = breaches.get_mut(symbol.criticality as usize) {
                list.push(aged);
            }
            if let Some(list) = tiers.get_mut(judgement.tier as usize) {
                list.push(aged);
            }
        }
        for (report, breached) in rpo.iter_mut().zip(breaches) {
            report.worst = stalest(breached, limit);
        }
        let [fresh, aging, stale, missing, unknown, loading, ended] = tiers.map(|list| stalest(list, limit));
        Self {
            generated_at: now,
            total: index.series.len(),
            summary: counts.into(),
            by_status: ByStatus { fresh, aging, stale, missing, unknown, loading, ended },
            rpo: rpo.into(),
            holes,
        }
    }

    /// The share of tracked series that breach their recovery point, of those that have an age.
    #[must_use]
    pub fn breached(&self) -> usize {
        self.rpo.iter().map(|r| r.breached).sum()
    }
}

/// A judged series, before anybody asks for its details.
#[derive(Clone, Copy)]
struct Aged<'a> {
    symbol: &'a SymbolRow,
    known: &'a SeriesState,
    judgement: Judgement,
    breached: bool,
    holes: HoleCounts,
}

impl Aged<'_> {
    fn view(&self) -> SeriesAge {
        let row = &self.known.row;
        SeriesAge {
            symbol: row.symbol.clone(),
            timeframe: row.timeframe,
            asset_class: self.symbol.asset_class,
            criticality: self.symbol.criticality,
            status: self.judgement.tier,
            staleness_seconds: self.judgement.behind.map(|ms| ms / 1000),
            data_point_count: row.bar_count,
            newest_bar: row.last_ts,
            answered_until: self.known.answered_until,
            checked_at: row.checked_at,
            breached: self.breached,
            tracked: self.known.tracked,
            paused: self.symbol.paused || row.paused,
            holes: self.holes,
        }
    }
}

/// The `limit` stalest of a list, stalest first, equals by name. Only they are sorted: a tier may hold everything.
fn stalest(mut list: Vec<Aged<'_>>, limit: usize) -> Vec<SeriesAge> {
    fn order<'a>(aged: &Aged<'a>) -> (Reverse<Option<i64>>, &'a Symbol, Timeframe) {
        (Reverse(aged.judgement.behind), &aged.known.row.symbol, aged.known.row.timeframe)
    }
    if limit == 0 {
        return Vec::new();
    }
    if list.len() > limit {
        list.select_nth_unstable_by(limit - 1, |a, b| order(a).cmp(&order(b)));
        list.truncate(limit);
    }
    list.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    list.iter().map(Aged::view).collect()
}

#[cfg(test)]
mod tests;
