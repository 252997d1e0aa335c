//! What the vendor has answered for.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::series::reading_with;
use crate::App;
use crate::params::{Named, OfSymbol, Params};
use crate::problem::Problem;
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState, SeriesId};

/// Intervals shown of each series; the newest ones.
const MOST: usize = 1_000;

/// A stretch of time the vendor has answered for.
#[derive(Serialize, ToSchema)]
struct Covered {
    #[schema(value_type = String, format = DateTime)]
    start: Ts,
    /// Exclusive.
    #[schema(value_type = String, format = DateTime)]
    end: Ts,
    /// `present`, `empty` (there are no bars) or `not_entitled` (the plan does not include it).
    #[schema(value_type = String, example = "present")]
    state: CoverageState,
    #[schema(value_type = String, format = DateTime)]
    fetched_at: Ts,
    /// From then on it counts as unknown again.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Ts>,
}

#[derive(Serialize, ToSchema)]
struct SeriesCoverage {
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    bars: i64,
    /// In order of time.
    intervals: Vec<Covered>,
    /// There are older ones that are not shown.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SymbolCoverage {
    #[schema(value_type = String)]
    symbol: Symbol,
    series: Vec<SeriesCoverage>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// What the vendor has answered for, series by series
#[utoipa::path(get, path = "/api/v1/coverage/{symbol}", tag = "data",
    params(
        ("symbol" = String, Path, example = "AAPL"),
        ("timeframe" = Option<crate::docs::TimeframeName>, Query, description = "Only this series")),
    responses((status = 200, body = SymbolCoverage)))]
pub(crate) async fn of_symbol(
    State(api): State<App>,
    Named(symbol): OfSymbol,
    params: Params,
) -> Result<Json<SymbolCoverage>, Problem> {
    let only: Option<Timeframe> = params.only(&["timeframe"])?.parse("timeframe")?;
    let reading = reading_with(&api, &symbol, None).await?;
    let wanted = |tf: Timeframe| only.is_none_or(|only| only == tf);
    let of_symbol = reading.inventory.series.iter().map(|known| &known.row);
    let rows: Vec<_> = of_symbol.filter(|row| row.symbol == symbol && wanted(row.timeframe)).collect();
    let ids: Vec<SeriesId> = rows.iter().map(|row| row.id).collect();
    let covered = api.desk.engine.store.coverage(&ids).await?;
    let series = rows
        .into_iter()
        .map(|row| {
            let all = covered.iter().find(|(id, _)| *id == row.id).map_or(&[][..], |(_, found)| found);
            let hidden = all.len().saturating_sub(MOST);
            let intervals = all.iter().skip(hidden).map(shown).collect();
            SeriesCoverage { timeframe: row.timeframe, bars: row.bar_count, intervals, truncated: hidden > 0 }
        })
        .collect();
    Ok(Json(SymbolCoverage { symbol, series, timestamp: api.desk.engine.clock.now() }))
}

fn shown(c: &Coverage) -> Covered {
    let Coverage { range, state, fetched_at, expires_at, .. } = *c;
    Covered { start: range.start, end: range.end, state, fetched_at, expires_at }
}
