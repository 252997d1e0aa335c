//! Coverage from before silence was judged: whatever is proven by "some bar came" alone is judged from the stored bars.
//!
//! Nothing is requested here. What cannot be believed becomes a hole that is due to be asked about, or the late end of a
//! series; bars that are stored are never fetched again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::RunContext;
use crate::index::registry::{SeriesIds, series_ids};
use crate::ingest::ledger::{Answer, Ledger, coarser};
use crate::select::Target;
use barkeep_market::evidence::Part;
use barkeep_market::ts::DAY;
use barkeep_market::{Family, Interval, IntervalSet, Symbol, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState, PageCommit, SeriesId, SeriesWrite, StoreError};

/// Stored bars are read back in stretches of this length.
const STRETCH: i64 = 84 * DAY;
/// Series that one run reviews: some seconds at most, and the next run goes on.
const AT_ONCE: usize = 100;

/// Series whose coverage nobody has judged; read once a process.
#[derive(Debug, Default)]
pub struct Unreviewed {
    series: OnceCell<Mutex<BTreeSet<SeriesId>>>,
}

impl Unreviewed {
    async fn of(&self, engine: &RunContext) -> Result<&Mutex<BTreeSet<SeriesId>>, StoreError> {
        let read = || async { Ok(Mutex::new(engine.store.series_without_profile().await?.into_iter().collect())) };
        self.series.get_or_try_init(read).await
    }
}

/// Judges the coverage of some symbols where that has not been done; says of how many series.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn review(engine: &RunContext, targets: &[Target]) -> Result<usize, StoreError> {
    let unreviewed = engine.unreviewed.of(engine).await?;
    let is_waiting = |id: &SeriesId| unreviewed.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
    if unreviewed.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
        return Ok(0);
    }
    let rows = engine.store.series().await?;
    let keys: HashMap<(&Symbol, Timeframe), SeriesId> =
        rows.iter().map(|row| ((&row.symbol, row.timeframe), row.id)).collect();
    let mut reviewed = 0;
    for target in targets {
        for family in [Family::Day, Family::Minute] {
            let symbol = &target.row.symbol;
            let base = target.row.timeframes.iter().find(|tf| tf.family() == family);
            let waiting = base.and_then(|tf| keys.get(&(symbol, *tf))).filter(|id| is_waiting(id));
            if waiting.is_none() || reviewed == AT_ONCE {
                continue;
            }
            let id = |tf| keys.get(&(symbol, tf)).copied();
            let ids = series_ids(engine.store.as_ref(), &target.row, family, &engine.settings, id).await?;
            one(engine, &ids).await?;
            unreviewed.lock().unwrap_or_else(PoisonError::into_inner).remove(&ids.base_id);
            reviewed += 1;
        }
    }
    if reviewed > 0 {
        tracing::info!(series = reviewed, "coverage from an earlier version was judged by the stored bars");
    }
    Ok(reviewed)
}

/// One family, in one transaction.
async fn one(engine: &RunContext, ids: &SeriesIds) -> Result<(), StoreError> {
    let store = engine.store.as_ref();
    let mut ledger = Ledger::read(store, &[ids.base_id]).await?.remove(&ids.base_id).unwrap_or_default();
    let answered: Vec<Coverage> =
        ledger.rows.iter().filter(|row| row.state == CoverageState::Present).cloned().collect();
    let (mut rows, mut profile): (Vec<Coverage>, HashMap<Part, String>) = (Vec::new(), HashMap::new());
    for row in answered {
        for covered in stretches(row.range, ids) {
            let request_id = row.request_id.clone();
            let answer = Answer { ids, covered, bars: &[], quarantined: Vec::new(), request_id, at: row.fetched_at };
            let proven = ledger.prove(store, &engine.calendar, &answer).await?;
            // What nobody ever asked about again is due now.
            let due = |row: Coverage| Coverage {
                expires_at: if row.state.is_hole() { Some(engine.clock.now()) } else { row.expires_at },
                ..row
            };
            rows.extend(proven.rows.into_iter().map(due));
            profile.extend(proven.profile);
        }
    }
    let derived: Vec<SeriesId> = ids.derived.iter().map(|(_, id)| *id).collect();
    let covered: HashMap<SeriesId, IntervalSet> = store
        .coverage(&derived)
        .await?
        .into_iter()
        .map(|(id, rows)| (id, rows.into_iter().filter(|row| row.state.is_answered()).map(|row| row.range).collect()))
        .collect();
    let mut page = PageCommit::default();
    for (tf, id) in &ids.derived {
        let spans = covered.get(id).cloned().unwrap_or_default();
        let end = spans.hull().map_or(Ts::MIN, |hull| hull.end);
        let coverage = coarser(&rows, ids, *tf, &spans, end);
        page.writes.push(SeriesWrite { coverage, ..SeriesWrite::nothing(*id) });
    }
    let profile = profile.into_iter().collect();
    page.writes.push(SeriesWrite { coverage: rows, profile, ..SeriesWrite::nothing(ids.base_id) });
    store.commit_page(page).await.map(drop)
}

/// A range in whole sessions of no more than [`STRETCH`].
fn stretches(range: Interval, ids: &SeriesIds) -> Vec<Interval> {
    let mut all = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let unit = if ids.base == Timeframe::W1 { Timeframe::W1 } else { Timeframe::D1 };
        let end = unit.span(ids.class, start + STRETCH).end.min(range.end);
        all.push(Interval::new(start, end));
        start = end;
    }
    all
}
