//! What all responses about one series have in common: finding it, telling how stale it is, and triggering a backfill when
//! nothing is stored.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use url::form_urlencoded;

use crate::guard::keys::Caller;
use crate::pages::{Hours, PageQuery, Rows, WriteHead};
use crate::params::Params;
use crate::problem::Problem;
use crate::{Api, App};
use barkeep_config::yaml::suggest;
use barkeep_market::dividend::Adjustment;
use barkeep_market::freshness::Tier;
use barkeep_market::ts::MINUTE;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_monitor::publisher::Reading;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_service::handle::{CommandReply, EngineCommand, TriggerScope};
use barkeep_store::session::in_session;
use barkeep_store::{SeriesId, SymbolRow, TimeRange, Trigger};

/// A symbol without data triggers one backfill in this time, however often it is requested.
const TRIGGER_INTERVAL: i64 = 15 * MINUTE;
/// How many times, and after which pause, the snapshot is read again for a new symbol.
const READS: usize = 10;
const READ_PAUSE: Duration = Duration::from_millis(200);

pub(super) const DATA_STATUS: HeaderName = HeaderName::from_static("x-data-status");
pub(super) const DATA_AGE: HeaderName = HeaderName::from_static("x-data-age-seconds");

/// A series that exists.
struct Found {
    id: SeriesId,
    class: AssetClass,
    view: SeriesView,
}

/// The row of a symbol in a reading.
pub(super) fn symbol_in<'r>(reading: &'r Reading, symbol: &Symbol) -> Option<&'r SymbolRow> {
    let symbols = &reading.index.symbols;
    symbols.binary_search_by(|row| row.symbol.cmp(symbol)).ok().and_then(|k| symbols.get(k))
}

fn series_in(reading: &Reading, symbol: &Symbol, timeframe: Timeframe) -> Option<Found> {
    let (series, views) = (&reading.index.series, &reading.data.series);
    let name = (symbol, timeframe);
    let k = series.binary_search_by(|known| (&known.row.symbol, known.row.timeframe).cmp(&name)).ok()?;
    let v = views.binary_search_by(|view| (&view.symbol, view.timeframe).cmp(&name)).ok()?;
    let (known, view) = (series.get(k)?, views.get(v)?);
    Some(Found { id: known.row.id, class: view.asset_class, view: view.clone() })
}

/// A reading that has the symbol, and the timeframe when one is given. Waits for a symbol that was registered a moment ago,
/// not for one that is not in the database.
pub(super) async fn reading_with(api: &Api, symbol: &Symbol, timeframe: Option<Timeframe>) -> Result<Reading, Problem> {
    let has =
        |r: &Reading| symbol_in(r, symbol).is_some() && timeframe.is_none_or(|tf| series_in(r, symbol, tf).is_some());
    let mut reading = api.console.publisher.reading();
    if has(&reading) {
        return Ok(reading);
    }
    let rows = api.console.engine.store.symbols().await?;
    let Some(row) = rows.iter().find(|row| row.symbol == *symbol) else { return Err(unknown(&reading, symbol)) };
    if let Some(timeframe) = timeframe.filter(|tf| !row.timeframes.contains(tf)) {
        let tracked: Vec<&str> = row.timeframes.iter().map(|tf| tf.name()).collect();
        return Err(Problem::not_found(format!("{symbol} is not tracked at {timeframe}")).at("timeframe").hint(
            format!("it is tracked at {}; PUT /api/v1/admin/symbols/{symbol} adds a timeframe", tracked.join(", ")),
        ));
    }
    for _ in 0..READS {
        reading = api.console.publisher.fresh().await;
        if has(&reading) {
            return Ok(reading);
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
    Err(Problem::unavailable(format!("{symbol} was registered a moment ago")).hint("try again in a few seconds"))
}

/// A series by name.
async fn find(api: &Api, symbol: &Symbol, timeframe: Timeframe) -> Result<Found, Problem> {
    let reading = reading_with(api, symbol, Some(timeframe)).await?;
    series_in(&reading, symbol, timeframe).ok_or_else(|| unknown(&reading, symbol))
}

/// The error for a symbol that is not registered.
pub(super) fn unknown(reading: &Reading, symbol: &Symbol) -> Problem {
    let known = reading.index.symbols.iter().map(|row| row.symbol.as_str());
    let near =
        suggest::nearest(symbol.as_str(), known).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    Problem::not_found(format!("{symbol} is not registered"))
        .at("symbol")
        .hint(format!("{near}POST /api/v1/admin/symbols adds it, POST /api/v1/backfill also fetches its bars"))
}

/// Headers for the age of the data: none when fresh, a warning when aging, also the age when stale.
pub(super) fn staleness(view: &SeriesView) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(behind) = view.staleness_seconds else { return headers };
    if matches!(view.tier, Tier::Aging | Tier::Stale) {
        headers.insert(DATA_STATUS, HeaderValue::from_static(view.tier.name()));
        let text = format!("110 barkeep \"data is {}: {behind} s behind the market\"", view.tier.name());
        headers.extend(HeaderValue::from_str(&text).ok().map(|value| (header::WARNING, value)));
    }
    if view.tier == Tier::Stale {
        headers.insert(DATA_AGE, HeaderValue::from(behind));
    }
    headers
}

/// The error when nothing is stored, and what was triggered.
async fn missing(api: &Api, caller: &Caller, found: &Found, what: &str) -> Problem {
    let SeriesView { symbol, timeframe, tier, tracked, paused, .. } = &found.view;
    let problem = Problem::not_found(format!("no {what} for {symbol} at {timeframe} yet"))
        .header(DATA_STATUS, HeaderValue::from_static(tier.name()));
    if !tracked || *paused {
        let why = if *paused { "the symbol is paused" } else { "the symbol is no longer tracked at this timeframe" };
        return problem.hint(format!("nothing was triggered: {why}"));
    }
    let now = api.console.engine.clock.now();
    if let Some(id) = api.recent_jobs.find_by_symbol(symbol, now - TRIGGER_INTERVAL) {
        return problem
            .with("triggered", id.to_string())
            .hint(format!("a backfill is already triggered; see GET /api/v1/backfill/{id}"));
    }
    let selection = Selection { symbols: vec![symbol.clone()], ..Selection::default() };
    let action = EngineCommand::Trigger { what: TriggerScope::Selection(selection), trigger: Trigger::Api };
    match api.console.handle.order(action, &caller.actor).await {
        Ok(CommandReply::Started(id)) => {
            api.recent_jobs.add(id, now, std::slice::from_ref(symbol));
            problem
                .with("triggered", id.to_string())
                .hint(format!("a backfill was triggered; see GET /api/v1/backfill/{id}"))
        }
        Ok(_) => problem.hint("nothing was triggered: there is nothing to fetch"),
        Err(e) => problem.hint(format!("nothing was triggered: {e}")),
    }
}

/// The range and the page of a request.
pub(super) struct RangeQuery {
    pub(super) timeframe: Timeframe,
    start: Option<TimeBound>,
    end: Option<TimeBound>,
    before: Option<TimeBound>,
    limit: usize,
    /// Only the regular session of stocks and funds.
    regular: bool,
}

impl RangeQuery {
    pub(super) fn read(params: &Params) -> Result<Self, Problem> {
        let query = Self {
            timeframe: params.timeframe(Timeframe::D1)?,
            start: params.parse("start")?,
            end: params.parse("end")?,
            before: params.parse("before")?,
            limit: params.count("limit", 1..=10_000, 500)?,
            regular: match params.text("session") {
                None | Some("all") => false,
                Some("regular") => true,
                Some(other) => {
                    return Err(Problem::invalid("session", &format!("'{other}' is neither all nor regular")));
                }
            },
        };
        // Two dates compare alike in every market; only a date and a time need the asset class.
        if let (Some(start), Some(end)) = (query.start, query.end)
            && AssetClass::ALL.iter().all(|class| start.start(*class) >= end.end(*class))
        {
            return Err(Problem::invalid("start", &format!("{start} is after end {end}")).hint("swap them"));
        }
        Ok(query)
    }
}

/// The series that is read for bars of the regular session, and what they are called; the series itself where there are no
/// other hours.
async fn in_regular_session(api: &Api, symbol: &Symbol, timeframe: Timeframe) -> Result<(Found, Hours), Problem> {
    let reading = reading_with(api, symbol, None).await?;
    let class = symbol_in(&reading, symbol).ok_or_else(|| unknown(&reading, symbol))?.asset_class;
    let rows = reading.index.series.iter().map(|series| &series.row);
    let session = in_session(&rows, symbol, class, timeframe).map_err(|e| {
        Problem::invalid("session", &e.to_string())
            .hint(format!("PUT /api/v1/admin/symbols/{symbol} adds a timeframe such as 30m"))
    })?;
    let stored = session.as_ref().and_then(|session| session.finer).map_or(timeframe, |finer| finer.timeframe);
    let found = find(api, symbol, stored).await?;
    Ok((found, session.map_or(Hours::All, |session| Hours::Regular { stored, name: session.name })))
}

/// A page of a series, as a response.
pub(super) async fn answer(
    api: &App,
    caller: &Caller,
    symbol: &Symbol,
    range: &RangeQuery,
    rows: Rows,
    head: WriteHead,
    what: &'static str,
) -> Result<Response, Problem> {
    let mut attempts = 0;
    loop {
        let (found, rows) = match rows {
            Rows::Bars { adjust, min_quality, .. } if range.regular => {
                let (found, hours) = in_regular_session(api, symbol, range.timeframe).await?;
                (found, Rows::Bars { adjust, min_quality, hours })
            }
            rows => (find(api, symbol, range.timeframe).await?, rows),
        };
        let class = found.class;
        let ends = [range.end.map(|end| end.end(class)), range.before.map(|before| before.start(class))];
        let query = PageQuery {
            series: found.id,
            symbol: symbol.clone(),
            timeframe: range.timeframe,
            class,
            rows,
            range: TimeRange {
                from: range.start.map(|start| start.start(class)),
                until: ends.into_iter().flatten().min(),
            },
            limit: range.limit,
            today: class.date_of(api.console.engine.clock.now()),
        };
        let Some(served) = api.pages.get(&api.console.engine).page(&query, head).await? else {
            // Removed since the reading, perhaps registered again.
            attempts += 1;
            if attempts > 1 {
                return Err(unknown(&api.console.publisher.reading(), symbol));
            }
            api.console.publisher.fresh().await;
            continue;
        };
        let page = Arc::clone(&served.page);
        let whole_range = range.start.is_none() && range.end.is_none() && range.before.is_none();
        let filtered = match rows {
            Rows::Bars { min_quality: Some(_), .. } => true,
            Rows::Bars { hours: Hours::Regular { .. }, .. } => found.view.bars > 0,
            _ => false,
        };
        if page.count == 0 && whole_range && !filtered {
            return Err(missing(api, caller, &found, what).await);
        }
        let mut response = Response::new(page.body());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(staleness(&found.view));
        if served.unverified {
            let lost =
                HeaderValue::from_static("111 barkeep \"the database does not answer; these are the last known rows\"");
            headers.append(header::WARNING, lost);
        }
        if let Some(next) = page.next.map(|before| next_link(&query, before)) {
            let link = HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok();
            headers.extend(link.map(|link| (header::LINK, link)));
        }
        return Ok(response);
    }
}

/// The URL of the page of older rows.
pub(super) fn next_link(query: &PageQuery, before: Ts) -> String {
    let mut params = form_urlencoded::Serializer::new(String::new());
    params.append_pair("timeframe", query.timeframe.name());
    if let Some(from) = query.range.from {
        params.append_pair("start", &from.to_string());
    }
    params.append_pair("limit", &query.limit.to_string());
    let base = match query.rows {
        Rows::Features => "/api/v1/features/quant",
        Rows::Bars { adjust, min_quality, hours } => {
            match adjust {
                Adjustment::None => params.append_pair("adjusted", "false"),
                Adjustment::Splits => params.append_pair("adjusted", "true"),
                Adjustment::Total => params.append_pair("adjust", adjust.name()),
            };
            if let Some(min) = min_quality {
                params.append_pair("min_quality", &min.get().to_string());
            }
            if let Hours::Regular { .. } = hours {
                params.append_pair("session", "regular");
            }
            "/api/v1/historical"
        }
    };
    params.append_pair("before", &before.to_string());
    let symbol: String = form_urlencoded::byte_serialize(query.symbol.as_str().as_bytes()).collect();
    format!("{base}/{symbol}?{}", params.finish())
}
