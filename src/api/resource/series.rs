//! What every answer about one series has in common: finding it, saying how stale it is, and what happens when there is
//! nothing to show.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use url::form_urlencoded;

use crate::guard::keys::Caller;
use crate::pages::{Head, Rows, Wanted};
use crate::params::Params;
use crate::problem::Problem;
use crate::{Api, App};
use barkeep_config::yaml::suggest;
use barkeep_market::freshness::Tier;
use barkeep_market::ts::MINUTE;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_monitor::publisher::Reading;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_service::handle::{CommandReply, EngineCommand, TriggerScope};
use barkeep_store::{SeriesId, SymbolRow, Trigger};

/// A symbol without data is asked for once in this time, however often somebody looks.
const AGAIN: i64 = 15 * MINUTE;
/// How often, and at which distance, the board is asked for a symbol that is new.
const PATIENCE: usize = 10;
const PAUSE: Duration = Duration::from_millis(200);

pub(super) const DATA_STATUS: HeaderName = HeaderName::from_static("x-data-status");
pub(super) const DATA_AGE: HeaderName = HeaderName::from_static("x-data-age-seconds");

/// A series that is kept.
struct Found {
    id: SeriesId,
    class: AssetClass,
    view: SeriesView,
}

/// The row of a symbol in a reading.
pub(super) fn symbol_in<'r>(reading: &'r Reading, symbol: &Symbol) -> Option<&'r SymbolRow> {
    let symbols = &reading.inventory.symbols;
    symbols.binary_search_by(|row| row.symbol.cmp(symbol)).ok().and_then(|k| symbols.get(k))
}

fn series_in(reading: &Reading, symbol: &Symbol, timeframe: Timeframe) -> Option<Found> {
    let (series, views) = (&reading.inventory.series, &reading.data.series);
    let name = (symbol, timeframe);
    let k = series.binary_search_by(|known| (&known.row.symbol, known.row.timeframe).cmp(&name)).ok()?;
    let v = views.binary_search_by(|view| (&view.symbol, view.timeframe).cmp(&name)).ok()?;
    let (known, view) = (series.get(k)?, views.get(v)?);
    Some(Found { id: known.row.id, class: view.asset_class, view: view.clone() })
}

/// A reading that has the symbol, and the timeframe when one is named. One that was registered a moment ago is waited
/// for; one that is not in the database is not.
pub(super) async fn reading_with(api: &Api, symbol: &Symbol, timeframe: Option<Timeframe>) -> Result<Reading, Problem> {
    let has =
        |r: &Reading| symbol_in(r, symbol).is_some() && timeframe.is_none_or(|tf| series_in(r, symbol, tf).is_some());
    let mut reading = api.desk.board.reading();
    if has(&reading) {
        return Ok(reading);
    }
    let rows = api.desk.engine.store.symbols().await?;
    let Some(row) = rows.iter().find(|row| row.symbol == *symbol) else { return Err(unknown(&reading, symbol)) };
    if let Some(timeframe) = timeframe.filter(|tf| !row.timeframes.contains(tf)) {
        let kept: Vec<&str> = row.timeframes.iter().map(|tf| tf.name()).collect();
        return Err(Problem::not_found(format!("{symbol} is not kept at {timeframe}"))
            .at("timeframe")
            .hint(format!("it is kept at {}; PUT /api/v1/admin/symbols/{symbol} adds a timeframe", kept.join(", "))));
    }
    for _ in 0..PATIENCE {
        reading = api.desk.board.fresh().await;
        if has(&reading) {
            return Ok(reading);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Problem::unavailable(format!("{symbol} was registered a moment ago")).hint("try again in a few seconds"))
}

/// A series by name.
async fn find(api: &Api, symbol: &Symbol, timeframe: Timeframe) -> Result<Found, Problem> {
    let reading = reading_with(api, symbol, Some(timeframe)).await?;
    series_in(&reading, symbol, timeframe).ok_or_else(|| unknown(&reading, symbol))
}

/// What is said about a symbol nobody registered.
pub(super) fn unknown(reading: &Reading, symbol: &Symbol) -> Problem {
    let known = reading.inventory.symbols.iter().map(|row| row.symbol.as_str());
    let near =
        suggest::nearest(symbol.as_str(), known).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    Problem::not_found(format!("{symbol} is not registered"))
        .at("symbol")
        .hint(format!("{near}POST /api/v1/admin/symbols registers it, POST /api/v1/backfill fetches it too"))
}

/// Says how old data are: nothing when they are fresh, a warning when they age, also their age when they are stale.
pub(super) fn staleness(view: &SeriesView) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let behind = view.staleness_seconds.unwrap_or_default();
    if matches!(view.tier, Tier::Aging | Tier::Stale) {
        headers.insert(DATA_STATUS, HeaderValue::from_static(view.tier.name()));
        let text = format!("110 barkeep \"the data are {}: {behind} s behind the market\"", view.tier.name());
        headers.extend(HeaderValue::from_str(&text).ok().map(|value| (header::WARNING, value)));
    }
    if view.tier == Tier::Stale {
        headers.insert(DATA_AGE, HeaderValue::from(behind));
    }
    headers
}

/// Nothing is stored: says so, and what is being done about it.
async fn missing(api: &Api, caller: &Caller, found: &Found, what: &str) -> Problem {
    let SeriesView { symbol, timeframe, tier, tracked, paused, .. } = &found.view;
    let problem = Problem::not_found(format!("there are no {what} of {symbol} at {timeframe} yet"))
        .header(DATA_STATUS, HeaderValue::from_static(tier.name()));
    if !tracked || *paused {
        let why = if *paused { "the symbol is paused" } else { "the symbol is not kept at this timeframe any more" };
        return problem.hint(format!("nothing was triggered: {why}"));
    }
    let now = api.desk.engine.clock.now();
    if let Some(id) = api.started.lately(symbol, now - AGAIN) {
        return problem
            .with("triggered", id.to_string())
            .hint(format!("a backfill was triggered before; GET /api/v1/backfill/{id} tells how it stands"));
    }
    let selection = Selection { symbols: vec![symbol.clone()], ..Selection::default() };
    let action = EngineCommand::Trigger { what: TriggerScope::Selection(selection), trigger: Trigger::Api };
    match api.desk.handle.order(action, &caller.actor).await {
        Ok(CommandReply::Started(id)) => {
            api.started.note(id, now, std::slice::from_ref(symbol));
            problem
                .with("triggered", id.to_string())
                .hint(format!("a backfill was triggered; GET /api/v1/backfill/{id} tells how it stands"))
        }
        Ok(_) => problem.hint("nothing was triggered: there is nothing to fetch"),
        Err(e) => problem.hint(format!("nothing was triggered: {e}")),
    }
}

/// The range and the page a request asks for.
pub(super) struct Asked {
    pub(super) timeframe: Timeframe,
    start: Option<TimeBound>,
    end: Option<TimeBound>,
    before: Option<TimeBound>,
    limit: usize,
}

impl Asked {
    pub(super) fn read(params: &Params) -> Result<Self, Problem> {
        let asked = Self {
            timeframe: params.timeframe(Timeframe::D1)?,
            start: params.parse("start")?,
            end: params.parse("end")?,
            before: params.parse("before")?,
            limit: params.count("limit", 1..=10_000, 500)?,
        };
        // Two dates compare alike in every market; a class is needed only to place a date among times.
        if let (Some(start), Some(end)) = (asked.start, asked.end)
            && AssetClass::ALL.iter().all(|class| start.start(*class) >= end.end(*class))
        {
            return Err(Problem::invalid("start", &format!("{start} is after end {end}")).hint("swap them"));
        }
        Ok(asked)
    }
}

/// A page of a series, as it is sent.
pub(super) async fn answer(
    api: &App,
    caller: &Caller,
    symbol: &Symbol,
    asked: &Asked,
    rows: Rows,
    head: Head,
    what: &'static str,
) -> Result<Response, Problem> {
    let mut tries = 0;
    loop {
        let found = find(api, symbol, asked.timeframe).await?;
        let class = found.class;
        let end = asked.end.map_or(Ts::MAX, |end| end.end(class));
        let wanted = Wanted {
            series: found.id,
            symbol: symbol.clone(),
            timeframe: asked.timeframe,
            class,
            rows,
            from: asked.start.map_or(Ts::MIN, |start| start.start(class)),
            until: asked.before.map_or(end, |before| before.start(class).min(end)),
            limit: asked.limit,
            today: class.date_of(api.desk.engine.clock.now()),
        };
        let Some(served) = api.pages.get(&api.desk.engine).page(&wanted, head).await? else {
            // Removed, perhaps registered again, since the reading.
            tries += 1;
            if tries > 1 {
                return Err(unknown(&api.desk.board.reading(), symbol));
            }
            api.desk.board.fresh().await;
            continue;
        };
        let page = Arc::clone(&served.page);
        let whole_range = asked.start.is_none() && asked.end.is_none() && asked.before.is_none();
        if page.count == 0 && whole_range && !matches!(rows, Rows::Bars { min_quality: Some(_), .. }) {
            return Err(missing(api, caller, &found, what).await);
        }
        let mut response = Response::new(Body::from(page.body.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(staleness(&found.view));
        if served.unproven {
            let lost =
                HeaderValue::from_static("111 barkeep \"the database does not answer; these rows are the last known\"");
            headers.append(header::WARNING, lost);
        }
        if let Some(next) = page.next.map(|before| next_link(&wanted, before)) {
            let link = HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok();
            headers.extend(link.map(|link| (header::LINK, link)));
        }
        return Ok(response);
    }
}

/// Where the page of older rows is.
pub(super) fn next_link(wanted: &Wanted, before: Ts) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("timeframe", wanted.timeframe.name());
    if wanted.from > Ts::MIN {
        query.append_pair("start", &wanted.from.to_string());
    }
    query.append_pair("limit", &wanted.limit.to_string());
    let base = match wanted.rows {
        Rows::Features => "/api/v1/features/quant",
        Rows::Bars { raw, min_quality } => {
            query.append_pair("adjusted", if raw { "false" } else { "true" });
            if let Some(least) = min_quality {
                query.append_pair("min_quality", &f64::from_bits(least).to_string());
            }
            "/api/v1/historical"
        }
    };
    query.append_pair("before", &before.to_string());
    let symbol: String = form_urlencoded::byte_serialize(wanted.symbol.as_str().as_bytes()).collect();
    format!("{base}/{symbol}?{}", query.finish())
}
