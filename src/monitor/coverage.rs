//! How each day of a series stands, and each piece of one day: the cells of the coverage map.
//!
//! A cell says what dominates its trading time: bars, an answer without bars, nothing asked yet, a refusal, a bar in
//! quarantine. A day on which the market is closed is blank, not missing.

mod kept;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::error::{MOST_DAYS, MOST_SERIES, ReadError, SeriesName};
use barkeep_market::ts::HOUR;
use barkeep_market::{AssetClass, Calendar, Family, Interval, IntervalSet, Source, Symbol, Timeframe, Ts};
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::index::coverage::is_believed;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_store::{Coverage, CoverageState, QuarantineRow, SeriesId};

pub use kept::{Gap, Kept, cost, selection};

/// Holes of a row; older ones are left out.
const HOLES: usize = 20;

/// What may be missing at the end of a day that goes on, without the day looking incomplete.
const GRACE: i64 = HOUR;

/// What dominates a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// No trading time: a weekend, a holiday, before the exchange existed.
    Closed,
    /// It lies ahead, or the vendor does not serve it yet.
    Ahead,
    Present,
    /// The vendor answered that nothing was traded.
    NoTrade,
    /// Nobody has an answer about it.
    Unverified,
    /// The plan of the key does not include it.
    NotEntitled,
    /// Bars that cannot be true wait for an operator.
    Quarantined,
    /// No bar, and that is believable for this symbol.
    Quiet,
    /// No bar up to the newest answer, and that is not believable: the vendor is behind.
    Late,
    /// Bars are missing, and that is not believable.
    Suspect,
    /// Bars are missing at the vendor: three answers agree.
    VendorHole,
    /// The market stood still.
    Halted,
}

impl CellState {
    /// Whether it is told although the rest of the cell, or a cell beside it, is fine.
    #[must_use]
    pub const fn is_doubtful(self) -> bool {
        matches!(self, Self::Quarantined | Self::Late | Self::Suspect | Self::VendorHole)
    }
}

/// A piece of time of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub state: CellState,
    /// The share of its trading time that the vendor has answered for, in eighths.
    pub eighths: u8,
}

/// The days of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageRow {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// One cell a day from the first date asked for.
    pub cells: Vec<Cell>,
    /// The share of the trading time of the kept history that the vendor has answered for, 0 to 1.
    #[serde(default)]
    pub complete: Option<f64>,
    /// What is missing of it, oldest first; the newest twenty.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

/// The bars of one trading date of a series, in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionCoverage {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub date: NaiveDate,
    /// Slot by slot, of one bar each: when it starts, how it stands, and the bars it holds.
    pub pieces: Vec<(Ts, Cell, u32)>,
}

/// The evidence that has a cell state of its own.
const MARKS: [(CoverageState, CellState); 6] = [
    (CoverageState::Quarantined, CellState::Quarantined),
    (CoverageState::Late, CellState::Late),
    (CoverageState::Suspect, CellState::Suspect),
    (CoverageState::VendorHole, CellState::VendorHole),
    (CoverageState::Halted, CellState::Halted),
    (CoverageState::Quiet, CellState::Quiet),
];

/// What is known of one series over a stretch.
struct Known {
    class: AssetClass,
    timeframe: Timeframe,
    answered: IntervalSet,
    refused: IntervalSet,
    /// Ranges whose evidence needs a letter of its own.
    marked: Vec<(CellState, IntervalSet)>,
    quarantined: Vec<Ts>,
    /// Starts of hours that hold bars, with how many.
    bars: BTreeMap<Ts, i64>,
    served: Ts,
}

impl Known {
    async fn read(
        engine: &EngineContext,
        id: SeriesId,
        (vendor, class, timeframe): (Source, AssetClass, Timeframe),
        (rows, pending): (&[Coverage], &[QuarantineRow]),
        range: Interval,
        bucket: i64,
    ) -> Result<Self, ReadError> {
        let store = engine.store.as_ref();
        let now = engine.clock.now();
        let of = |counts: fn(CoverageState) -> bool| -> IntervalSet {
            rows.iter().filter(|row| is_believed(row, now) && counts(row.state)).map(|row| row.range).collect()
        };
        // Evidence of a hole stays one after it is due to be asked about again.
        let marked = MARKS.map(|(state, cell)| {
            (cell, rows.iter().filter(|row| row.state == state).map(|row| row.range).collect::<IntervalSet>())
        });
        let (config, calendar) = (engine.config.current(), engine.calendar.current());
        let settings = &config.settings;
        let lag = settings.backfill.settle;
        let delay = vendor.delay(settings.vendor.delay);
        let served = barkeep_market::freshness::served_until(&calendar, class, timeframe, delay, lag, now);
        Ok(Self {
            class,
            timeframe,
            answered: of(CoverageState::is_answered),
            refused: of(|state| state == CoverageState::NotEntitled),
            marked: marked.into_iter().filter(|(_, ranges)| !ranges.is_empty()).collect(),
            // Only what still waits for a word: a rejected bar is a hole the operator knows.
            quarantined: pending.iter().filter(|row| row.series_id == id).map(|row| row.bar.ts).collect(),
            bars: store.bar_counts(id, range, bucket).await?.into_iter().collect(),
            served,
        })
    }

    fn cell(&self, calendar: &Calendar, span: Interval) -> (Cell, u32) {
        let cell = |state, eighths| Cell { state, eighths };
        let trading = calendar.trading(self.class, self.timeframe.family(), span);
        let bars = self.bars.range(span.start..span.end).map(|(_, n)| *n).sum::<i64>();
        let bars = u32::try_from(bars).unwrap_or(u32::MAX);
        if trading.is_empty() {
            return (cell(CellState::Closed, 0), bars);
        }
        let due = trading.clip(Interval::before(self.served));
        if due.is_empty() {
            // A bar that still grows is more than anybody may ask for.
            return (if bars == 0 { cell(CellState::Ahead, 0) } else { cell(CellState::Present, 8) }, bars);
        }
        let missing = due.subtract(&self.answered);
        let answered = due.total() - missing.total();
        let goes_on = due.total() < trading.total();
        let tail = missing.clip(Interval::new(self.served - GRACE, self.served)).total();
        let eighths = if goes_on && answered > 0 && tail == missing.total() {
            8
        } else {
            u8::try_from(answered.saturating_mul(8) / due.total().max(1)).unwrap_or(8).min(8)
        };
        let refused = due.intersect(&self.refused).subtract(&self.answered).total();
        let marks = self.marked.iter().map(|(state, ranges)| (*state, due.intersect(ranges).total()));
        let marks: Vec<(CellState, i64)> = marks.filter(|(_, ms)| *ms > 0).collect();
        // Of what needs a word, the longest; quiet and halted only where no bar is.
        let worst = marks.iter().filter(|(state, _)| state.is_doubtful()).max_by_key(|(_, ms)| *ms);
        let silent = marks.iter().filter(|(state, _)| !state.is_doubtful()).max_by_key(|(_, ms)| *ms);
        let state = if self.quarantined.iter().any(|t| span.contains(*t)) {
            CellState::Quarantined
        } else if let Some((state, _)) = worst {
            *state
        } else if refused * 2 > due.total() {
            CellState::NotEntitled
        } else if answered * 2 < due.total() && bars == 0 {
            CellState::Unverified
        } else if bars == 0 {
            silent.map_or(CellState::NoTrade, |(state, _)| *state)
        } else {
            CellState::Present
        };
        (cell(state, eighths), bars)
    }
}

/// The days of some series.
///
/// # Errors
/// `Refused` for more series or days than one map may have, or no day at all; and what goes wrong with the database.
pub async fn days(
    engine: &EngineContext,
    index: &SeriesIndex,
    series: &[SeriesName],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<CoverageRow>, ReadError> {
    let count = (to - from).num_days() + 1;
    if series.len() > MOST_SERIES || !(1..=MOST_DAYS).contains(&count) {
        return Err(ReadError::Refused(format!(
            "a coverage map has at most {MOST_SERIES} series and {MOST_DAYS} days; requested: {} and {count}",
            series.len()
        )));
    }
    let known = keys(index, series);
    let ids: Vec<SeriesId> = known.iter().map(|(_, id, _)| *id).collect();
    let coverage: BTreeMap<SeriesId, Vec<Coverage>> = engine.store.coverage(&ids).await?.into_iter().collect();
    let pending = engine.store.quarantine(true).await?;
    let (config, calendar, now) = (engine.config.current(), engine.calendar.current(), engine.clock.now());
    let settings = &config.settings;
    let mut all = Vec::with_capacity(known.len());
    for ((symbol, timeframe), id, (vendor, class)) in known {
        let last = to.succ_opt().unwrap_or(to);
        let range = Interval::new(class.midnight(from), class.midnight(last));
        let rows = coverage.get(&id).map(Vec::as_slice).unwrap_or_default();
        // Daily and weekly bars start at midnight in New York, which is a whole hour of UTC.
        let known = Known::read(engine, id, (vendor, class, timeframe), (rows, &pending), range, HOUR).await?;
        let dates = from.iter_days().take(usize::try_from(count).unwrap_or(0));
        let cells = dates.map(|date| known.cell(&calendar, day(class, timeframe, date)).0).collect();
        let kept = Kept::range(
            &calendar,
            settings,
            (class, timeframe),
            index.delay(vendor, class, settings.vendor.delay),
            now,
        );
        let Kept { gaps, complete } = Kept::of_known(&calendar, &known, kept);
        let gaps = gaps.get(gaps.len().saturating_sub(HOLES)..).unwrap_or_default().to_vec();
        all.push(CoverageRow { symbol, timeframe, cells, complete, gaps });
    }
    Ok(all)
}

/// The time of a date that counts for a timeframe. A weekly bar belongs to its Sunday, so a day of its week stands as
/// the week does.
fn day(class: AssetClass, timeframe: Timeframe, date: NaiveDate) -> Interval {
    let whole = Timeframe::D1.span(class, class.midnight(date));
    if timeframe == Timeframe::W1 { Timeframe::W1.span(class, whole.start) } else { whole }
}

/// The pieces of one date.
///
/// # Errors
/// `NotFound` when the symbol is not tracked at this timeframe, and what goes wrong with the database.
pub async fn session(
    engine: &EngineContext,
    index: &SeriesIndex,
    symbol: &Symbol,
    timeframe: Timeframe,
    date: NaiveDate,
) -> Result<SessionCoverage, ReadError> {
    let known = keys(index, &[(symbol.clone(), timeframe)]);
    let (_, id, (vendor, class)) = known
        .into_iter()
        .next()
        .ok_or_else(|| ReadError::NotFound(format!("{symbol} is not tracked at {timeframe}")))?;
    let whole = day(class, timeframe, date);
    let calendar = engine.calendar.current();
    let hours = calendar.trading(class, timeframe.family(), whole).hull().unwrap_or(whole);
    let step = if timeframe.family() == Family::Day { whole.len() } else { timeframe.width() };
    let rows = engine.store.coverage(&[id]).await?.pop().map(|(_, rows)| rows).unwrap_or_default();
    let pending = engine.store.quarantine(true).await?;
    let known = Known::read(engine, id, (vendor, class, timeframe), (&rows, &pending), whole, HOUR.min(step)).await?;
    let mut pieces = Vec::new();
    let mut start = if step == whole.len() { whole.start } else { hours.start.floor(step) };
    while start < hours.end {
        let span = Interval::new(start, start + step);
        let (cell, bars) = known.cell(&calendar, span);
        pieces.push((start, cell, bars));
        start = span.end;
    }
    Ok(SessionCoverage { symbol: symbol.clone(), timeframe, date, pieces })
}

/// The ids and classes of those that are kept, in the order asked.
fn keys(index: &SeriesIndex, series: &[SeriesName]) -> Vec<(SeriesName, SeriesId, (Source, AssetClass))> {
    let of = |name: &SeriesName| {
        let (symbol, known) = index.find(&name.0, name.1)?;
        Some((name.clone(), known.row.id, (symbol.vendor, symbol.asset_class)))
    };
    series.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
