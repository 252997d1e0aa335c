//! Coverage: the time ranges the vendor has answered for.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::series::reading_with;
use crate::App;
use crate::params::{OfSymbol, Params};
use crate::problem::Problem;
use crate::types::HoleCounts;
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState, SeriesId};

/// Intervals listed of each series; the newest ones.
const MAX_INTERVALS: usize = 1_000;

/// A time range the vendor has answered for.
#[derive(Serialize, ToSchema)]
struct Covered {
    #[schema(value_type = String, format = DateTime)]
    start: Ts,
    /// Exclusive.
    #[schema(value_type = String, format = DateTime)]
    end: Ts,
    /// `present` (each bar is stored, and other silence is believable), `quiet` (a believable silence), `unjudged` (too
    /// little history to say), `late` (the vendor is behind), `suspect` (missing, and not believable), `vendor_hole`
    /// (suspect, and confirmed by three answers), `halted` (the market stood still), `empty` (an answer without any bar),
    /// `not_entitled` (the plan does not include it) or `quarantined` (bars came, and none could be believed).
    #[schema(value_type = String, example = "present")]
    state: CoverageState,
    #[schema(value_type = String, format = DateTime)]
    fetched_at: Ts,
    /// From this time on the range counts as unknown again.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Ts>,
    /// When a hole was found.
    #[schema(value_type = Option<String>, format = DateTime)]
    found_at: Option<Ts>,
    /// Answers a day or more apart that agree.
    answers: u32,
    /// How unlikely the silence is: the sum of -ln(1 - p) over its bars.
    surprise: Option<f64>,
}

/// What the vendor has answered for of one series.
#[derive(Serialize, ToSchema)]
struct SeriesCoverage {
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    /// Stored bars; `data_point_count` in the staleness report.
    bars: i64,
    /// Ascending.
    intervals: Vec<Covered>,
    /// There are older intervals that are not listed.
    truncated: bool,
    /// Ranges in doubt.
    holes: HoleCounts,
}

/// What the vendor has answered for of one symbol.
#[derive(Serialize, ToSchema)]
pub(crate) struct SymbolCoverage {
    #[schema(value_type = String)]
    symbol: Symbol,
    series: Vec<SeriesCoverage>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// Coverage of each series of a symbol
#[utoipa::path(get, path = "/api/v1/coverage/{symbol}", operation_id = "get_coverage", tag = "data",
    params(
        ("symbol" = String, Path, example = "AAPL"),
        ("timeframe" = Option<crate::types::TimeframeName>, Query, description = "Only this series")),
    responses((status = 200, body = SymbolCoverage, description = "The coverage of each series")))]
pub(crate) async fn of_symbol(
    State(api): State<App>,
    OfSymbol(symbol): OfSymbol,
    params: Params,
) -> Result<Json<SymbolCoverage>, Problem> {
    let only: Option<Timeframe> = params.only(&["timeframe"])?.parse("timeframe")?;
    let reading = reading_with(&api, &symbol, None).await?;
    let query = |tf: Timeframe| only.is_none_or(|only| only == tf);
    let of_symbol = reading.index.series.iter().map(|known| &known.row);
    let rows: Vec<_> = of_symbol.filter(|row| row.symbol == symbol && query(row.timeframe)).collect();
    let ids: Vec<SeriesId> = rows.iter().map(|row| row.id).collect();
    let covered = api.console.engine.store.coverage(&ids).await?;
    let series = rows
        .into_iter()
        .map(|row| {
            let all = covered.iter().find(|(id, _)| *id == row.id).map_or(&[][..], |(_, found)| found);
            let hidden = all.len().saturating_sub(MAX_INTERVALS);
            let intervals = all.iter().skip(hidden).map(shown).collect();
            let holes = reading.ledger.counts(row.id).into();
            SeriesCoverage { timeframe: row.timeframe, bars: row.bar_count, intervals, truncated: hidden > 0, holes }
        })
        .collect();
    Ok(Json(SymbolCoverage { symbol, series, timestamp: api.console.engine.clock.now() }))
}

fn shown(c: &Coverage) -> Covered {
    let Coverage { range, state, fetched_at, expires_at, found_at, answers, surprise, .. } = *c;
    Covered { start: range.start, end: range.end, state, fetched_at, expires_at, found_at, answers, surprise }
}
