//! When a whole market stood still: holes that nearly all liquid symbols have in common are the market's, not the vendor's.

use std::collections::BTreeMap;

use crate::RunContext;
use barkeep_market::evidence::{PartProfile, Profile, Witness, market_halts};
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Family, Interval, IntervalSet, Timeframe};
use barkeep_store::{Coverage, CoverageState, PageCommit, SeriesId, SeriesRow, SeriesWrite, StoreError};

/// Fewer series with a hole decide nothing.
const FEWEST: usize = 9;

/// Marks what every liquid symbol misses, of all holes known. Reads nothing more while few symbols have one.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn mark(engine: &RunContext) -> Result<(), StoreError> {
    let doubtful = engine.store.doubtful().await?;
    let holes: Vec<(SeriesId, Coverage)> =
        doubtful.into_iter().filter(|(_, row)| row.state == CoverageState::Suspect).collect();
    let mut series: Vec<SeriesId> = holes.iter().map(|(id, _)| *id).collect();
    series.dedup();
    if series.len() < FEWEST {
        return Ok(());
    }
    let classes: BTreeMap<_, AssetClass> =
        engine.store.symbols().await?.into_iter().map(|row| (row.symbol, row.asset_class)).collect();
    let series = engine.store.series().await?;
    let mut page = PageCommit::default();
    for continuous in [false, true] {
        let of_market = |row: &&SeriesRow| {
            row.timeframe.family() == Family::Minute
                && classes.get(&row.symbol).is_some_and(|class| class.is_continuous() == continuous)
        };
        let market: Vec<&SeriesRow> = series.iter().filter(of_market).collect();
        let class = if continuous { AssetClass::Crypto } else { AssetClass::Stock };
        let halted = halts(engine, class, &market, &holes).await?;
        for row in market.iter().filter(|_| !halted.is_empty()) {
            let coverage: Vec<Coverage> = holes
                .iter()
                .filter(|(id, _)| *id == row.id)
                .flat_map(|(_, hole)| marked(hole, row.timeframe, class, &halted))
                .collect();
            if !coverage.is_empty() {
                page.writes.push(SeriesWrite { coverage, ..SeriesWrite::nothing(row.id) });
            }
        }
    }
    if !page.writes.is_empty() {
        tracing::info!(series = page.writes.len(), "nearly all symbols miss the same bars: the market stood still");
        engine.store.commit_page(page).await?;
    }
    Ok(())
}

/// When the market stood still, of the times at which a symbol has a hole. The finest series of each symbol is heard.
async fn halts(
    engine: &RunContext,
    class: AssetClass,
    market: &[&SeriesRow],
    holes: &[(SeriesId, Coverage)],
) -> Result<IntervalSet, StoreError> {
    let mut finest: BTreeMap<_, &SeriesRow> = BTreeMap::new();
    for row in market {
        let known = finest.entry(&row.symbol).or_insert(*row);
        if row.timeframe < known.timeframe {
            *known = *row;
        }
    }
    let ids: Vec<SeriesId> = finest.values().map(|row| row.id).collect();
    let near: IntervalSet = holes
        .iter()
        .filter(|(id, _)| ids.contains(id))
        .map(|(_, hole)| Interval::new(hole.range.start - DAY, hole.range.end + DAY))
        .collect();
    if near.is_empty() {
        return Ok(IntervalSet::new());
    }
    let mut profiles: BTreeMap<SeriesId, Profile> = BTreeMap::new();
    for (id, part, json) in engine.store.profiles(&ids).await? {
        if let Ok(profile) = serde_json::from_str::<PartProfile>(&json) {
            profiles.entry(id).or_default().load(part, profile);
        }
    }
    let answered: BTreeMap<SeriesId, IntervalSet> = engine
        .store
        .coverage(&ids)
        .await?
        .into_iter()
        .map(|(id, rows)| {
            let answered = rows.into_iter().filter(|row| row.state.is_answered()).map(|row| row.range);
            (id, answered.collect::<IntervalSet>().intersect(&near))
        })
        .collect();
    let missing: BTreeMap<SeriesId, IntervalSet> = ids
        .iter()
        .map(|id| (*id, holes.iter().filter(|(of, _)| of == id).map(|(_, hole)| hole.range).collect()))
        .collect();
    let witnesses: Vec<Witness<'_>> = finest
        .values()
        .filter_map(|row| {
            Some(Witness {
                timeframe: row.timeframe,
                profile: profiles.get(&row.id)?,
                answered: answered.get(&row.id)?,
                missing: missing.get(&row.id)?,
            })
        })
        .collect();
    Ok(market_halts(&engine.calendar, class, &witnesses))
}

/// The halted part of a hole, in whole bars.
fn marked(hole: &Coverage, timeframe: Timeframe, class: AssetClass, halted: &IntervalSet) -> Vec<Coverage> {
    let wide: IntervalSet = halted.clip(hole.range).iter().map(|range| timeframe.snap_out(class, range)).collect();
    let of = |range| Coverage { range, state: CoverageState::Halted, expires_at: None, ..hole.clone() };
    wide.clip(hole.range).iter().map(of).collect()
}
