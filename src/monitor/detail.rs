//! Everything about one series, for the screen that shows one.

use serde::{Deserialize, Serialize};

use crate::error::{MOST_ROWS, ReadError};
use crate::explain::{Explanation, explain};
use crate::snapshot::FreshnessContext;
use barkeep_base::clock::Moment;
use barkeep_market::{Bar, Interval, IntervalSet, Symbol, Timeframe};
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::index::coverage::CoverageIndex;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_pipeline::select::Target;
use barkeep_plan::Horizon;
use barkeep_store::adjusted::{Adjusting, daily_of};
use barkeep_store::{
    CoverageState, FeatureFailureRow, FeatureRow, QuarantineRow, RequestRow, SeriesRow, SeriesStatus, SymbolRow,
};

/// Bars of the chart.
const BARS: usize = 400;
/// Holes that are named; more are counted.
const GAPS: usize = 100;
/// Attempts, failures and requests looked back on.
const RECENT: usize = 20;

/// Everything about one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    pub symbol: SymbolRow,
    pub series: SeriesRow,
    /// The timeframes the symbol has series at, fine to coarse.
    pub timeframes: Vec<Timeframe>,
    pub explanation: Explanation,
    /// The newest bars, ascending, adjusted for splits.
    pub bars: Vec<Bar>,
    /// Of the newest bar that has any.
    pub features: Option<FeatureRow>,
    /// What is missing of the history that is kept, oldest first; the first hundred.
    pub gaps: Vec<Gap>,
    pub gaps_total: usize,
    /// The share of the trading time of the kept history that the vendor has answered for, 0 to 1.
    pub covered: f64,
    pub quarantine: Vec<QuarantineRow>,
    /// The last attempts, newest first.
    pub attempts: Vec<SeriesStatus>,
    pub feature_failures: Vec<FeatureFailureRow>,
    pub requests: Vec<RequestRow>,
}

/// A stretch of trading time without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    #[serde(flatten)]
    pub range: Interval,
    /// The vendor refuses it for the plan of this key; nobody asks again before it expires.
    pub not_entitled: bool,
}

/// Reads it all. `requests` are those of the symbol, newest first.
pub async fn detail(
    engine: &EngineContext,
    symbol: &Symbol,
    timeframe: Timeframe,
    requests: Vec<RequestRow>,
) -> Result<Detail, ReadError> {
    let (config, calendar) = (engine.config.current(), engine.calendar.current());
    let context = FreshnessContext::of(&config, &calendar);
    let FreshnessContext { calendar, settings, .. } = context;
    let store = engine.store.as_ref();
    let moment = Moment::now(engine.clock.as_ref());
    let now = moment.at;
    let index = SeriesIndex::read(store, now).await?;
    let mut why = explain(store, &index, context, symbol, Some(timeframe), moment).await?;
    let absent = || ReadError::NotFound(format!("{symbol} is not tracked at {timeframe}"));
    let explanation = why.pop().ok_or_else(absent)?;
    let known: Vec<_> = index.iter().filter(|(row, _)| row.symbol == *symbol).collect();
    let mut timeframes: Vec<Timeframe> = known.iter().map(|(_, known)| known.row.timeframe).collect();
    timeframes.sort_unstable();
    let (row, series) = known
        .into_iter()
        .find(|(_, known)| known.row.timeframe == timeframe)
        .map(|(row, known)| (row.clone(), known.row.clone()))
        .ok_or_else(absent)?;
    let class = row.asset_class;

    let stored = store.newest_bars(series.id, (..).into(), BARS).await?;
    let mut bars: Vec<Bar> = stored.iter().map(|row| row.bar).collect();
    let splits = store.splits(symbol).await?;
    let rows = store.series().await?;
    let adjusting = Adjusting { class, timeframe, daily: daily_of(&rows, symbol), splits: &splits };
    adjusting.adjust(store, &mut bars.iter_mut().collect::<Vec<_>>(), class.date_of(now)).await?;
    let from = bars.first().map_or(now, |bar| bar.ts);
    let features = store.features(series.id, (from..).into(), Some(BARS)).await?.pop();

    let target = Target { row: row.clone(), dirty: false, requested: vec![timeframe] };
    let survey = CoverageIndex::read(store, std::slice::from_ref(&target), now).await?;
    let delay = index.delay(class, settings.vendor.delay);
    let horizon = Horizon::at(calendar, class, timeframe.family(), delay, settings.backfill.settle, now);
    let history = i64::try_from(settings.backfill.history.as_millis()).unwrap_or(i64::MAX);
    let begin = class.midnight(class.date_of(now - history));
    let settled = timeframe.snap_in(class, Interval::new(begin, horizon.settled));
    let trading = calendar.trading(class, timeframe.family(), settled);
    let believed = |counts: fn(CoverageState) -> bool| survey.covered(symbol, timeframe, counts);
    let answered: IntervalSet = believed(CoverageState::is_answered);
    let refused = believed(|state| state == CoverageState::NotEntitled).subtract(&answered);
    let missing = trading.subtract(&answered);
    let gap = |not_entitled: bool| move |range: Interval| Gap { range, not_entitled };
    let mut gaps: Vec<Gap> = missing.subtract(&refused).iter().map(gap(false)).collect();
    gaps.extend(missing.intersect(&refused).iter().map(gap(true)));
    gaps.sort_by_key(|gap| gap.range.start);
    let gaps_total = gaps.len();
    gaps.truncate(GAPS);
    let covered = 1.0 - missing.total() as f64 / trading.total().max(1) as f64;

    let mut quarantine = store.quarantine(true).await?;
    quarantine.retain(|bar| bar.symbol == *symbol && bar.timeframe == timeframe);
    let mut feature_failures = store.feature_failures(false, MOST_ROWS).await?;
    feature_failures.retain(|row| row.failure.symbol == *symbol && row.failure.timeframe == timeframe);
    feature_failures.truncate(RECENT);
    let attempts = store.recent_statuses(symbol, timeframe, RECENT).await?;
    Ok(Detail {
        symbol: row,
        series,
        timeframes,
        explanation,
        bars,
        features,
        gaps,
        gaps_total,
        covered,
        quarantine,
        attempts,
        feature_failures,
        requests,
    })
}
