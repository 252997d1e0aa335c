//! Tracked symbols.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::Input;
use crate::guard::keys::Caller;
use crate::params::{OfSymbol, Params};
use crate::problem::{Kind, Problem};
use crate::resource::symbols::{SymbolEntry, entry, timeframes_of};
use crate::types::{AssetClassName, CriticalityName, SymbolName, TimeframeName, given};
use crate::{Api, App};
use barkeep_market::instrument::NameError;
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe, Ts};
use barkeep_pipeline::names::{Known, Wanted};
use barkeep_service::handle::EngineCommand;
use barkeep_store::{CriticalitySource, OperatorAction, SymbolRow};

/// All tracked symbols.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrackedSymbols {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    symbols: Vec<SymbolEntry>,
}

/// A symbol to track; what is omitted comes from the settings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSymbol {
    #[schema(value_type = SymbolName)]
    symbol: Symbol,
    #[schema(value_type = Option<AssetClassName>)]
    asset_class: Option<AssetClass>,
    /// Where its bars shall come from: `massive` (the default) or `coinbase`.
    #[schema(value_type = Option<String>)]
    vendor: Option<Source>,
    #[schema(value_type = Option<CriticalityName>)]
    criticality: Option<Criticality>,
    #[schema(value_type = Option<Vec<TimeframeName>>, min_items = 1, max_items = 8)]
    timeframes: Option<Vec<Timeframe>>,
    /// First day of its history; `backfill.history` ago by default.
    #[schema(value_type = Option<String>, format = Date)]
    history_from: Option<NaiveDate>,
}

/// What to change of a symbol; what is omitted stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::option_option, reason = "`null` and absent mean different things here")]
pub(crate) struct SymbolChange {
    /// Whether it is kept up to date.
    active: Option<bool>,
    /// Whether its requests are paused.
    paused: Option<bool>,
    #[schema(value_type = Option<CriticalityName>)]
    criticality: Option<Criticality>,
    /// Bars of timeframes that are not listed stay stored.
    #[schema(value_type = Option<Vec<TimeframeName>>, min_items = 1, max_items = 8)]
    timeframes: Option<Vec<Timeframe>>,
    /// First day of its history; `null`: `backfill.history` ago.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = Date)]
    history_from: Option<Option<NaiveDate>>,
}

/// A first day from 1970 on, as everywhere; from a day to come on there would be nothing to fetch.
fn first_day(date: Option<NaiveDate>, now: Ts) -> Result<Option<NaiveDate>, Problem> {
    match date {
        Some(date) if !(1970..=2100).contains(&date.year()) => {
            Err(Problem::invalid("history_from", "is not between 1970 and 2100"))
        }
        Some(date) if date > now.utc_date() => {
            Err(Problem::invalid("history_from", &format!("is in the future; today is {}", now.utc_date())))
        }
        date => Ok(date),
    }
}

async fn row_of(api: &Api, symbol: &Symbol) -> Result<SymbolRow, Problem> {
    let rows = api.console.engine.store.symbols().await?;
    let unknown = || Problem::not_found(format!("{symbol} is not registered")).at("symbol");
    rows.into_iter().find(|row| row.symbol == *symbol).ok_or_else(unknown)
}

/// Records who did what; commands are recorded by the engine.
async fn record_action(
    api: &Api,
    caller: &Caller,
    action: &str,
    symbol: &Symbol,
    detail: Option<String>,
) -> Result<(), Problem> {
    let action = OperatorAction {
        at: api.console.engine.clock.now(),
        actor: caller.actor.clone(),
        action: action.to_owned(),
        target: Some(symbol.to_string()),
        detail,
        result: "ok".to_owned(),
    };
    Ok(api.console.engine.store.record_action(&action).await?)
}

/// Tracked symbols
#[utoipa::path(get, path = "/api/v1/admin/symbols", operation_id = "list_tracked_symbols", tag = "symbols",
    params(("active_only" = Option<bool>, Query, description = "Only active symbols, `true` by default")),
    responses((status = 200, body = TrackedSymbols, description = "The tracked symbols")))]
pub(crate) async fn list(State(api): State<App>, params: Params) -> Result<Json<TrackedSymbols>, Problem> {
    let active_only = params.only(&["active_only"])?.flag("active_only", true)?;
    let rows = api.console.engine.store.symbols().await?;
    let symbols = rows.iter().filter(|row| row.active || !active_only).map(entry).collect();
    Ok(Json(TrackedSymbols { timestamp: api.console.engine.clock.now(), symbols }))
}

/// Add a symbol
#[utoipa::path(post, path = "/api/v1/admin/symbols", operation_id = "add_symbol", tag = "symbols",
    description = "Its bars are fetched at the next scheduled run of its criticality, or by a backfill.",
    request_body = NewSymbol,
    responses((status = 201, body = SymbolEntry, description = "The symbol was added")))]
pub(crate) async fn add(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(new): Input<NewSymbol>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let engine = &api.console.engine;
    let settings = &engine.config.current().settings;
    let wanted = Wanted {
        class: new.asset_class,
        vendor: new.vendor,
        criticality: new.criticality,
        timeframes: timeframes_of(new.timeframes)?.unwrap_or_default(),
        history_from: first_day(new.history_from, engine.clock.now())?,
    };
    let refused = |e: NameError| Problem::invalid("symbol", &e.to_string());
    let row = wanted.row(settings, &new.symbol, engine.clock.now()).map_err(refused)?;
    let rows = engine.store.symbols().await?;
    let known = Known::new(&rows);
    if let Some(known) = known.find(&new.symbol).or_else(|| known.find(&row.symbol)) {
        return Err(Problem::new(Kind::Conflict, format!("{} is already registered", known.symbol))
            .hint(format!("PUT /api/v1/admin/symbols/{} changes it", known.symbol)));
    }
    engine.store.put_symbols(std::slice::from_ref(&row)).await?;
    record_action(&api, &caller, "add_symbol", &row.symbol, None).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/admin/symbols/{}", row.symbol)).ok();
    let mut response = (StatusCode::CREATED, Json(entry(&row))).into_response();
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    Ok(response)
}

/// One symbol
#[utoipa::path(get, path = "/api/v1/admin/symbols/{symbol}", operation_id = "get_symbol", tag = "symbols",
    params(("symbol" = String, Path, example = "AAPL")),
    responses((status = 200, body = SymbolEntry, description = "The symbol")))]
pub(crate) async fn one(
    State(api): State<App>,
    OfSymbol(symbol): OfSymbol,
    params: Params,
) -> Result<Json<SymbolEntry>, Problem> {
    params.only(&[])?;
    Ok(Json(entry(&row_of(&api, &symbol).await?)))
}

/// Change a symbol
#[utoipa::path(put, path = "/api/v1/admin/symbols/{symbol}", operation_id = "update_symbol", tag = "symbols",
    params(("symbol" = String, Path, example = "AAPL")),
    request_body = SymbolChange,
    responses((status = 200, body = SymbolEntry, description = "The symbol after the change")))]
pub(crate) async fn change(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    OfSymbol(symbol): OfSymbol,
    params: Params,
    Input(change): Input<SymbolChange>,
) -> Result<Json<SymbolEntry>, Problem> {
    params.only(&[])?;
    let SymbolChange { active, paused, criticality, timeframes, history_from } = change;
    let timeframes = timeframes_of(timeframes)?;
    let mut row = row_of(&api, &symbol).await?;
    if let Some(paused) = paused.filter(|paused| *paused != row.paused) {
        // By the engine, which holds back requests that wait for this symbol.
        let symbols = vec![symbol.clone()];
        let action = if paused { EngineCommand::PauseSymbols(symbols) } else { EngineCommand::ResumeSymbols(symbols) };
        api.console.handle.order(action, &caller.actor).await?;
        row.paused = paused;
    }
    let before = row.clone();
    row.active = active.unwrap_or(row.active);
    if let Some(criticality) = criticality {
        (row.criticality, row.criticality_source) = (criticality, CriticalitySource::Operator);
    }
    row.timeframes = timeframes.unwrap_or(row.timeframes);
    row.history_from = match history_from {
        Some(given) => first_day(given, api.console.engine.clock.now())?,
        None => row.history_from,
    };
    if row != before {
        api.console.engine.store.put_symbols(std::slice::from_ref(&row)).await?;
        let frames: Vec<&str> = row.timeframes.iter().map(|tf| tf.name()).collect();
        let since = row.history_from.map_or_else(String::new, |date| format!(", since {date}"));
        let detail = format!("active {}, {}, {}{since}", row.active, row.criticality, frames.join(" "));
        record_action(&api, &caller, "change_symbol", &symbol, Some(detail)).await?;
    }
    Ok(Json(entry(&row)))
}

/// Remove a symbol
#[utoipa::path(delete, path = "/api/v1/admin/symbols/{symbol}", operation_id = "remove_symbol", tag = "symbols",
    description = "It becomes inactive and its data is kept; with `purge=true` symbol and data are deleted permanently.",
    params(
        ("symbol" = String, Path, example = "AAPL"),
        ("purge" = Option<bool>, Query, description = "`false` by default")),
    responses((status = 204, description = "The symbol is inactive or deleted")))]
pub(crate) async fn remove(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    OfSymbol(symbol): OfSymbol,
    params: Params,
) -> Result<StatusCode, Problem> {
    let purge = params.only(&["purge"])?.flag("purge", false)?;
    let store = &api.console.engine.store;
    let row = row_of(&api, &symbol).await?;
    if purge {
        store.remove_symbol(&symbol).await?;
        record_action(&api, &caller, "remove_symbol", &symbol, Some("with all data".to_owned())).await?;
    } else if row.active {
        store.put_symbols(&[SymbolRow { active: false, ..row }]).await?;
        record_action(&api, &caller, "deactivate_symbol", &symbol, None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
