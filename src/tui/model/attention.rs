//! The series an operator has to hear about, whatever the table is filtered by: tracked ones that are later than allowed
//! or have no bar.

use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::{Data, SeriesView};

/// More than fits on a screen.
const NAMED: usize = 100;

/// Indexes into the series of a snapshot, worst first; the first hundred.
#[must_use]
pub fn needs_attention(data: &Data) -> Vec<u32> {
    let matters = |row: &SeriesView| row.tracked && (row.breached || matches!(row.tier, Tier::Missing | Tier::Unknown));
    let rows = data.series.iter().enumerate().filter(|(_, row)| matters(row));
    let mut rows: Vec<(usize, &SeriesView)> = rows.collect();
    let rank = |row: &SeriesView| (!row.breached, row.criticality, std::cmp::Reverse(overdue(data, row)));
    rows.sort_by_key(|(_, row)| rank(row));
    rows.into_iter().take(NAMED).filter_map(|(k, _)| u32::try_from(k).ok()).collect()
}

/// How far past its recovery point a series is, in milliseconds; 0 when it is not.
#[must_use]
pub fn overdue(data: &Data, row: &SeriesView) -> i64 {
    let accepted = data.rpo.iter().find(|rpo| rpo.criticality == row.criticality);
    let accepted = accepted.map_or(0, |rpo| i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX));
    row.staleness_seconds.map_or(0, |behind| behind.saturating_sub(accepted)).max(0).saturating_mul(1000)
}
