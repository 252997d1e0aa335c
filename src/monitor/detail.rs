//! Everything about one series, for the screen that shows one.

use serde::{Deserialize, Serialize};

pub use crate::coverage::Gap;
use crate::coverage::{Kept, cost};
use crate::error::{MOST_ROWS, ReadError};
use crate::explain::{Explanation, explain};
use crate::snapshot::FreshnessContext;
use barkeep_base::clock::Moment;
use barkeep_market::features::Features;
use barkeep_market::{Bar, IntervalSet, Symbol, Timeframe};
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::index::coverage::CoverageIndex;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_pipeline::select::Target;
use barkeep_store::adjusted::{Adjusting, daily_of};
use barkeep_store::{
    CoverageState, FeatureFailureRow, FeatureRow, QuarantineRow, RequestRow, SeriesRow, SeriesStatus, SplitRow,
    SplitStatus, StoredBar, SymbolRow,
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
    /// What the chart says of each of them, in their order.
    pub points: Vec<ChartPoint>,
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
    /// Splits that the vendor lists and stored prices contradict; they are not applied.
    pub contradicted_splits: Vec<SplitRow>,
}

/// What the chart says of a bar besides its prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChartPoint {
    /// 0 to 1; 1 is unremarkable.
    pub score: f64,
    pub sma_20: Option<f64>,
    pub sma_50: Option<f64>,
    pub bb_upper: Option<f64>,
    pub bb_lower: Option<f64>,
    pub rsi_14: Option<f64>,
    pub atr: Option<f64>,
}

impl ChartPoint {
    const fn of(score: f64, features: Option<&Features>) -> Self {
        match features {
            None => Self { score, sma_20: None, sma_50: None, bb_upper: None, bb_lower: None, rsi_14: None, atr: None },
            Some(f) => Self {
                score,
                sma_20: f.sma_20,
                sma_50: f.sma_50,
                bb_upper: f.bb_upper,
                bb_lower: f.bb_lower,
                rsi_14: f.rsi_14,
                atr: f.atr,
            },
        }
    }
}

/// Reads it all. `requests` are those of the symbol, newest first.
///
/// # Errors
/// `NotFound` when the symbol is not tracked at this timeframe, and what goes wrong with the database.
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
    let mut computed = store.features(series.id, (from..).into(), Some(BARS)).await?;
    let of = |t| computed.binary_search_by_key(&t, |row| row.ts).ok().and_then(|k| computed.get(k));
    let point = |row: &StoredBar| ChartPoint::of(row.quality_score, of(row.bar.ts).map(|row| &row.features));
    let points = stored.iter().map(point).collect();
    let features = computed.pop();

    let target = Target { row: row.clone(), dirty: false, requested: vec![timeframe] };
    let survey = CoverageIndex::read(store, std::slice::from_ref(&target), now).await?;
    let delay = index.delay(row.vendor, class, settings.vendor.delay);
    let kept = Kept::range(calendar, settings, (class, timeframe), delay, now);
    let believed = |counts: fn(CoverageState) -> bool| survey.covered(symbol, timeframe, counts);
    let answered: IntervalSet = believed(CoverageState::is_answered);
    let refused = believed(|state| state == CoverageState::NotEntitled);
    let Kept { mut gaps, complete } = Kept::of(calendar, (class, timeframe), kept, &answered, &refused);
    let gaps_total = gaps.len();
    gaps.truncate(GAPS);
    cost(engine, &(symbol.clone(), timeframe), &mut gaps).await;
    let mut contradicted_splits = store.split_rows(symbol).await?;
    contradicted_splits.retain(|row| row.status == SplitStatus::Contradicted);

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
        points,
        features,
        gaps,
        gaps_total,
        covered: complete.unwrap_or(1.0),
        quarantine,
        attempts,
        feature_failures,
        requests,
        contradicted_splits,
    })
}
