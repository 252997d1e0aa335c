//! What the series of a snapshot come to: worked out once for each reading of the database, over all of them.

use std::collections::{BTreeMap, HashMap};

use crate::now::cause::cause;
use barkeep_market::freshness::Tier;
use barkeep_market::{Criticality, Symbol, Timeframe, Ts};
use barkeep_monitor::snapshot::{Data, SeriesView};
use barkeep_runtime::console::SeriesName;

/// Series that failed for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingGroup {
    pub cause: String,
    /// Critical ones first.
    pub series: Vec<SeriesName>,
    pub critical: usize,
    /// When the newest of these attempts ended.
    pub tried_at: Option<Ts>,
}

/// The tracked series by what is wrong with them: indexes into the series of the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub tracked: usize,
    /// As fresh as they must be.
    pub fresh_enough: usize,
    /// Later than allowed, worst first. Those whose first fetch has not reached the newest bar do not count.
    pub late: Vec<u32>,
    /// No answer has reached the newest bar yet: their first fetch is under way or still to come. In order of importance.
    pub loading: Vec<u32>,
    /// Of those, the ones that failed, by criticality: they are told as failing.
    pub never_fetched: BTreeMap<Criticality, usize>,
    /// Asked, and without any bar.
    pub without_bars: Vec<u32>,
    /// Paused although critical.
    pub paused_critical: Vec<u32>,
    /// By cause, those with critical series first, then the largest.
    pub failing: Vec<FailingGroup>,
    /// Failing series, those that the snapshot does not name included.
    pub failing_total: usize,
}

impl Digest {
    /// The series of a snapshot.
    #[must_use]
    pub fn of(data: &Data) -> Self {
        let failed: HashMap<(&Symbol, Timeframe), (String, Option<Ts>)> = data
            .failing
            .iter()
            .filter(|status| status.failed())
            .map(|status| {
                let message = status.error_message.as_deref().unwrap_or("failed; see the log");
                ((&status.symbol, status.timeframe), (cause(message), status.completed_at))
            })
            .collect();
        let mut digest = Self::default();
        let mut groups: HashMap<&str, FailingGroup> = HashMap::new();
        for (k, row) in (0_u32..).zip(&data.series).filter(|(_, row)| row.tracked) {
            digest.tracked += 1;
            let failure = failed.get(&(&row.symbol, row.timeframe)).filter(|_| !row.paused);
            if let Some((cause, tried_at)) = failure {
                add(&mut groups, cause, row, *tried_at);
            }
            if row.paused && row.criticality == Criticality::Critical {
                digest.paused_critical.push(k);
            }
            if is_loading(row) {
                // What fails is told as failing.
                if failure.is_none() {
                    digest.loading.push(k);
                } else {
                    *digest.never_fetched.entry(row.criticality).or_default() += 1;
                }
            } else if row.breached {
                digest.late.push(k);
            } else if row.bars == 0 {
                digest.without_bars.push(k);
            } else {
                digest.fresh_enough += 1;
            }
        }
        let row = |k: &u32| data.series.get(*k as usize);
        digest.late.sort_by_key(|k| row(k).map(|row| (row.criticality, std::cmp::Reverse(overdue(data, row)))));
        for list in [&mut digest.loading, &mut digest.without_bars] {
            list.sort_by_key(|k| row(k).map(|row| row.criticality));
        }
        digest.failing = groups.into_values().collect();
        digest.failing.sort_by(|a, b| {
            let rank = |g: &FailingGroup| (std::cmp::Reverse(g.critical), std::cmp::Reverse(g.series.len()));
            rank(a).cmp(&rank(b)).then_with(|| a.cause.cmp(&b.cause))
        });
        let named: usize = digest.failing.iter().map(|group| group.series.len()).sum();
        digest.failing_total = named + data.failing_total.saturating_sub(data.failing.len());
        digest
    }

    /// The series that need attention, worst first: late ones, then those without bars.
    pub fn attention(&self) -> impl Iterator<Item = u32> {
        self.late.iter().chain(&self.without_bars).chain(&self.loading).copied()
    }
}

fn add<'a>(groups: &mut HashMap<&'a str, FailingGroup>, cause: &'a str, row: &SeriesView, tried_at: Option<Ts>) {
    let group = groups.entry(cause).or_insert_with(|| FailingGroup {
        cause: cause.to_owned(),
        series: Vec::new(),
        critical: 0,
        tried_at: None,
    });
    let name = (row.symbol.clone(), row.timeframe);
    if row.criticality == Criticality::Critical {
        group.series.insert(group.critical, name);
        group.critical += 1;
    } else {
        group.series.push(name);
    }
    group.tried_at = group.tried_at.max(tried_at);
}

/// Whether the first fetch of a series is under way, or still to come.
#[must_use]
pub fn is_loading(row: &SeriesView) -> bool {
    // Old history that was fetched apart can be new enough all the same.
    let behind = row.checked_at.is_none() && (row.breached || row.bars == 0);
    row.tracked && !row.paused && (row.tier == Tier::Loading || behind)
}

/// How far past its recovery point a series is, in milliseconds; 0 when it is not.
#[must_use]
pub fn overdue(data: &Data, row: &SeriesView) -> i64 {
    let accepted = data.rpo.iter().find(|rpo| rpo.criticality == row.criticality);
    let accepted = accepted.map_or(0, |rpo| i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX));
    row.staleness_seconds.map_or(0, |behind| behind.saturating_sub(accepted)).max(0).saturating_mul(1000)
}
