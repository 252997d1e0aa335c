//! Symbols and what is stored of them.

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::reports::reading;
use crate::App;
use crate::params::Params;
use crate::problem::Problem;
use barkeep_market::freshness::Tier;
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe, Ts};
use barkeep_monitor::publisher::Reading;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_store::SymbolRow;

/// A tracked symbol.
#[derive(Serialize, ToSchema)]
pub(crate) struct SymbolEntry {
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "stock")]
    asset_class: AssetClass,
    /// Where its bars come from: `massive` or `coinbase`.
    #[schema(value_type = String, example = "massive")]
    vendor: Source,
    #[schema(value_type = String, example = "standard")]
    criticality: Criticality,
    #[schema(value_type = Vec<String>)]
    timeframes: Vec<Timeframe>,
    active: bool,
    paused: bool,
    /// First day of its history; `null`: `backfill.history` ago.
    #[schema(value_type = Option<String>, format = Date)]
    history_from: Option<NaiveDate>,
}

/// A page of the tracked symbols.
#[derive(Serialize, ToSchema)]
pub(crate) struct SymbolList {
    /// All registered symbols, on this page or not.
    count: usize,
    /// The next page begins after this symbol: `after` of the next request; `null` on the last page.
    next: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    symbols: Vec<SymbolEntry>,
}

/// One timeframe of a symbol.
#[derive(Serialize, ToSchema)]
struct SeriesEntry {
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    /// Stored bars; `bars` in a snapshot.
    records: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    first_bar: Option<Ts>,
    /// The newest bar; `newest_bar` in a snapshot.
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_data: Option<Ts>,
    #[schema(value_type = String, example = "fresh")]
    status: Tier,
    staleness_seconds: Option<i64>,
}

/// A symbol with its series.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetailedSymbol {
    #[serde(flatten)]
    symbol: SymbolEntry,
    /// Stored bars of all its series.
    records: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_data: Option<Ts>,
    /// By the clock; how far it is behind the market is in `series`.
    data_age_hours: Option<f64>,
    /// The worst tier of its tracked series.
    #[schema(value_type = String, example = "fresh")]
    status: Tier,
    series: Vec<SeriesEntry>,
}

/// A page of the tracked symbols, with their series.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetailedSymbols {
    /// All registered symbols, on this page or not.
    count: usize,
    /// The next page begins after this symbol: `after` of the next request; `null` on the last page.
    next: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    symbols: Vec<DetailedSymbol>,
}

pub(super) fn entry(row: &SymbolRow) -> SymbolEntry {
    SymbolEntry {
        symbol: row.symbol.clone(),
        asset_class: row.asset_class,
        vendor: row.vendor,
        criticality: row.criticality,
        timeframes: row.timeframes.clone(),
        active: row.active,
        paused: row.paused,
        history_from: row.history_from,
    }
}

/// Timeframes of a request, fine to coarse.
pub(super) fn timeframes_of(given: Option<Vec<Timeframe>>) -> Result<Option<Vec<Timeframe>>, Problem> {
    let Some(mut all) = given else { return Ok(None) };
    if !(1..=Timeframe::ALL.len()).contains(&all.len()) {
        let why = format!("has {} entries, not 1 to {}", all.len(), Timeframe::ALL.len());
        return Err(Problem::invalid("timeframes", &why).hint("omit it for the default timeframes"));
    }
    all.sort_unstable();
    all.dedup();
    Ok(Some(all))
}

/// The rows of one page, and the symbol after which the next one begins.
fn page<'r>(reading: &'r Reading, params: &Params) -> Result<(&'r [SymbolRow], Option<String>), Problem> {
    let limit = params.count("limit", 1..=10_000, 1_000)?;
    let after: Option<Symbol> = params.parse("after")?;
    let all = reading.index.symbols.as_slice();
    let start = after.map_or(0, |after| all.partition_point(|row| row.symbol <= after));
    let end = start.saturating_add(limit).min(all.len());
    let rows = all.get(start..end).unwrap_or_default();
    Ok((rows, rows.last().filter(|_| end < all.len()).map(|row| row.symbol.to_string())))
}

/// Symbols
#[utoipa::path(get, path = "/api/v1/symbols", operation_id = "list_symbols", tag = "data",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "Symbols, 1000 by default"),
        ("after" = Option<crate::types::SymbolName>, Query, description = "Only symbols after this one: `next` of the previous page")),
    responses((status = 200, body = SymbolList, description = "A page of symbols")))]
pub(crate) async fn list(State(api): State<App>, params: Params) -> Result<Json<SymbolList>, Problem> {
    let params = params.only(&["limit", "after"])?;
    let reading = reading(&api).await;
    let (rows, next) = page(&reading, &params)?;
    Ok(Json(SymbolList {
        count: reading.index.symbols.len(),
        next,
        timestamp: api.console.engine.clock.now(),
        symbols: rows.iter().map(entry).collect(),
    }))
}

/// Symbols and what is stored of them
#[utoipa::path(get, path = "/api/v1/symbols/detailed", operation_id = "list_symbols_detailed", tag = "data",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "Symbols, 1000 by default"),
        ("after" = Option<crate::types::SymbolName>, Query, description = "Only symbols after this one: `next` of the previous page")),
    responses((status = 200, body = DetailedSymbols, description = "A page of symbols")))]
pub(crate) async fn detailed(State(api): State<App>, params: Params) -> Result<Json<DetailedSymbols>, Problem> {
    let params = params.only(&["limit", "after"])?;
    let reading = reading(&api).await;
    let (rows, next) = page(&reading, &params)?;
    let now = api.console.engine.clock.now();
    let views = reading.data.series.as_slice();
    let symbols = rows
        .iter()
        .map(|row| {
            let start = views.partition_point(|view| view.symbol < row.symbol);
            let end = views.partition_point(|view| view.symbol <= row.symbol);
            one(row, views.get(start..end).unwrap_or_default(), now)
        })
        .collect();
    Ok(Json(DetailedSymbols { count: reading.index.symbols.len(), next, timestamp: now, symbols }))
}

fn one(row: &SymbolRow, series: &[SeriesView], now: Ts) -> DetailedSymbol {
    let latest_data = series.iter().filter_map(|s| s.newest_bar).max();
    // What is loading or has ended only shows when nothing else does.
    let worst = series.iter().filter(|s| s.tracked).map(|s| s.tier).max_by_key(|tier| (tier.counts(), *tier));
    DetailedSymbol {
        symbol: entry(row),
        records: series.iter().map(|s| s.bars).sum(),
        latest_data,
        data_age_hours: latest_data.map(|t| ((now - t) as f64 / 360_000.0).round() / 10.0),
        status: worst.unwrap_or(Tier::Unknown),
        series: series
            .iter()
            .map(|s| SeriesEntry {
                timeframe: s.timeframe,
                records: s.bars,
                first_bar: s.first_bar,
                latest_data: s.newest_bar,
                status: s.tier,
                staleness_seconds: s.staleness_seconds,
            })
            .collect(),
    }
}
