//! From request to response: key, limit, latency, answer, fault, bytes.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;

use super::config::{ConfigChange, Live, SimConfig};
use super::fault::{FaultBook, FaultKind, FaultRule, Struck};
use super::lock;
use super::spoil::{Delivery, Reply, spoil_page};
use crate::data::hours::Hours;
use crate::data::kept::Kept;
use crate::data::noise::mix;
use crate::data::source::Bars;
use crate::http::aggs;
use crate::http::answer::{Answer, Refusal};
use crate::http::asked::{Asked, Cursor, Judge};
use crate::http::control;
use crate::http::limit::Limiter;
use crate::http::log::{KeyForm, LoggedRequest, RequestLog};
use crate::http::reference::{self, SplitsApi};
use crate::http::status;
use crate::http::wire::ResetCord;
use barkeep_base::clock::Clock;
use barkeep_market::Ts;

/// Chains remembered before the memory is emptied.
const CHAINS_KEPT: usize = 200_000;
/// Pieces of a slow body.
const PIECES: usize = 64;

/// Everything the handlers share.
pub(super) struct Shared {
    pub(super) config: SimConfig,
    pub(super) live: Mutex<Live>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bars: Box<dyn Bars>,
    pub(super) hours: Hours,
    pub(super) limiter: Mutex<Limiter>,
    pub(super) faults: FaultBook,
    pub(super) log: RequestLog,
    /// Tickers asked for or configured.
    pub(super) noticed: Mutex<BTreeSet<String>>,
    /// Links handed out, by path and cursor.
    pub(super) chains: Mutex<HashMap<String, Chain>>,
    pub(super) kept: Kept,
    pub(super) requests: AtomicU64,
    pub(super) started: Instant,
    pub(super) stopping: CancellationToken,
}

/// Where a link belongs.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    page: u32,
    /// Path and cursor of the first page.
    first: Option<String>,
}

impl Shared {
    pub(super) fn now(&self) -> Ts {
        lock(&self.live).now.unwrap_or_else(|| self.clock.now())
    }

    pub(super) fn configure(&self, change: &ConfigChange) {
        lock(&self.live).apply(change);
        lock(&self.noticed).extend(change.symbols.iter().cloned());
    }

    /// The origin that `next_url` names.
    pub(super) fn next_origin(&self, asked: &Asked) -> String {
        match &self.config.next_url_host {
            None => asked.origin.clone(),
            Some(origin) if origin.contains("://") => origin.clone(),
            Some(host) => format!("https://{host}"),
        }
    }

    /// Remembers a link given out on the page being answered.
    pub(super) fn link(&self, judge: &Judge, path: &str, first: Option<&str>) {
        self.remember(path, Chain { page: judge.page + 1, first: first.map(str::to_owned) });
    }

    fn remember(&self, path: &str, chain: Chain) {
        let mut chains = lock(&self.chains);
        if chains.len() >= CHAINS_KEPT {
            chains.clear();
        }
        chains.insert(path.to_owned(), chain);
    }

    fn chain(&self, asked: &Asked) -> Option<Chain> {
        let Cursor::Good(cursor) = &asked.cursor else { return None };
        lock(&self.chains).get(&format!("{}?cursor={cursor}", asked.path)).cloned()
    }

    /// Path and cursor of the first page of the chain a request belongs to.
    pub(super) fn chain_start(&self, asked: &Asked) -> Option<String> {
        self.chain(asked).and_then(|chain| chain.first)
    }

    /// Place of a request in its chain.
    fn page_of(&self, asked: &Asked) -> u32 {
        match asked.cursor {
            Cursor::None => 1,
            _ => self.chain(asked).map_or(2, |chain| chain.page),
        }
    }

    fn admit(&self, asked: &Asked) -> Result<(), Refusal> {
        let key = match &asked.key {
            Some((_, key)) if !key.is_empty() => key,
            _ => return Err(Refusal::NoKey),
        };
        if self.config.keys.as_ref().is_some_and(|keys| !keys.contains(key)) {
            return Err(Refusal::UnknownKey);
        }
        let limit = lock(&self.live).rate_limit;
        let mut limiter = lock(&self.limiter);
        // Read inside the lock, so that arrivals are in order.
        limiter.arrive(key, limit, self.config.window, self.started.elapsed()).map_err(|wait| {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Refusal::RateLimited(self.config.retry_after.then_some(seconds))
        })
    }

    /// Finds the endpoint.
    fn answer(&self, asked: &Asked, judge: &Judge, adjusted: bool) -> Result<Answer, Refusal> {
        if asked.cursor == Cursor::Bad {
            return Err(Refusal::BadParameter("Could not parse the parameter 'cursor'".to_owned()));
        }
        let bars = |page| Answer::Bars(Box::new(page));
        let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["v2", "aggs", "ticker", ticker, "range", multiplier, timespan, from, to] => {
                let path = [*ticker, *multiplier, *timespan, *from, *to];
                aggs::range(self, asked, judge, adjusted, path).map(bars)
            }
            ["v2", "aggs", "ticker", ticker, "prev"] => aggs::previous(self, asked, judge, adjusted, ticker).map(bars),
            ["v2", "aggs", "grouped", "locale", "us", "market", "stocks", date] => {
                aggs::grouped(self, asked, judge, adjusted, false, date).map(bars)
            }
            ["v2", "aggs", "grouped", "locale", "global", "market", "crypto", date] => {
                aggs::grouped(self, asked, judge, adjusted, true, date).map(bars)
            }
            ["stocks", "v1", "splits"] => reference::splits(self, asked, judge, SplitsApi::New),
            ["v3", "reference", "splits"] => reference::splits(self, asked, judge, SplitsApi::V3),
            ["v3", "reference", "tickers"] => reference::tickers(self, asked, judge),
            ["v3", "reference", "tickers", ticker] => reference::ticker(self, ticker, judge),
            ["v1", "marketstatus", "now"] => Ok(status::now(&self.hours, judge)),
            ["v1", "marketstatus", "upcoming"] => Ok(status::upcoming(&self.hours, judge)),
            // Snapshots and currencies are in no plan of the simulator.
            ["v2", "snapshot", ..] | ["v2", "aggs", "grouped", "locale", "global", "market", "fx", _] => {
                Err(Refusal::NotEntitled)
            }
            _ => Err(Refusal::NoRoute),
        }
    }

    /// Answers an admitted request, with the fault that strikes it.
    fn reply(&self, asked: &Asked, judge: &Judge) -> (Reply, Option<FaultRule>) {
        let adjusted = asked.param("adjusted") != Some("false");
        let mut answer = self.answer(asked, judge, adjusted);
        let bars = matches!(&answer, Ok(Answer::Bars(page)) if !page.rows.is_empty());
        let rule = self.faults.pick(&Struck { path: &asked.target, page: judge.page, bars });
        if let Some(rule) = &rule {
            if rule.kind == FaultKind::AdjustedTrue {
                answer = self.answer(asked, judge, true);
            }
            if let Ok(Answer::Bars(page)) = &mut answer {
                spoil_page(page, rule);
            }
        }
        let id = &judge.request_id;
        let reply = match answer {
            Ok(Answer::Bars(page)) => {
                if let Some(next) = &page.next {
                    let place = &page.place;
                    // Loops lead back to pages that keep their number.
                    let number = match next {
                        next if *next == place.own => judge.page,
                        next if *next == place.first => 1,
                        _ => judge.page + 1,
                    };
                    self.remember(next, Chain { page: number, first: Some(place.first.clone()) });
                }
                Reply::json(200, page.encode(id), page.rows.len())
            }
            Ok(Answer::Json(body, rows)) => Reply::json(200, body, rows),
            Err(refusal) => Reply::refusal(&refusal, id),
        };
        match rule {
            Some(rule) => (reply.spoil(&rule, id, &asked.target), Some(rule)),
            None => (reply, None),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// The whole server.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    control::routes().fallback(vendor).with_state(shared)
}

/// Every request that is not to `/_sim`.
async fn vendor(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cord): ConnectInfo<ResetCord>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let asked = Asked::new(&parts);
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let half = |salt| mix(mix(shared.config.seed, salt), number);
    let judge = Judge {
        now: shared.now(),
        live: *lock(&shared.live),
        request_id: format!("{:016x}{:016x}", half(1), half(2)),
        page: shared.page_of(&asked),
    };
    let entry = shared.log.open(LoggedRequest {
        number: 0,
        at: judge.now,
        at_ms: shared.elapsed_ms(),
        method: parts.method.to_string(),
        target: asked.target.clone(),
        key: asked.key.as_ref().map_or(KeyForm::None, |(form, _)| *form),
        page: judge.page,
        status: 0,
        rows: 0,
        fault: None,
        took_ms: 0,
    });
    let admitted = shared.admit(&asked);
    pause(&shared, judge.live.latency).await;

    let (id, gzip) = (judge.request_id.clone(), asked.gzip);
    let refused = match admitted {
        Err(refusal) => Some(refusal),
        Ok(()) if parts.method != Method::GET => Some(Refusal::NoRoute),
        Ok(()) => None,
    };
    let (reply, rule, id) = if let Some(refusal) = refused {
        (Reply::refusal(&refusal, &id).packed(gzip), None, id)
    } else {
        let worker = Arc::clone(&shared);
        let work = tokio::task::spawn_blocking(move || {
            let keep = worker.config.keep_answers;
            if let Some((known, id)) = Some(&asked.target).filter(|_| keep).and_then(|t| worker.kept.get(t, gzip)) {
                return (known, None, id);
            }
            let (reply, rule) = worker.reply(&asked, &judge);
            let reply = reply.packed(gzip);
            if keep && rule.is_none() {
                worker.kept.put(&asked.target, gzip, &reply, &judge.request_id);
            }
            (reply, rule, judge.request_id)
        });
        let failed = |why: String| Reply::refusal(&Refusal::Broken(500, why), &id).packed(gzip);
        work.await.unwrap_or_else(|e| (failed(e.to_string()), None, id.clone()))
    };
    shared.log.close(entry, reply.status, reply.rows, rule.map(|rule| rule.kind.name()), shared.elapsed_ms());
    respond(&shared, &cord, reply, &id).await
}

/// Waits, unless the server stops.
async fn pause(shared: &Shared, time: Duration) {
    if !time.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = shared.stopping.cancelled() => {}
        }
    }
}

/// Sends a reply the way its fault wants it.
async fn respond(shared: &Arc<Shared>, cord: &ResetCord, reply: Reply, id: &str) -> Response<Body> {
    let bytes = Bytes::from(reply.body);
    let length = bytes.len();
    let body = match reply.delivery {
        Delivery::Whole => Body::from(bytes),
        Delivery::Cut => {
            let half = bytes.slice(..length / 2);
            let lost = stream::once(async {
                // The first half has to leave before the connection ends.
                tokio::time::sleep(Duration::from_millis(30)).await;
                Err(std::io::Error::other("cut on purpose"))
            });
            Body::from_stream(stream::iter([Ok(half)]).chain(lost))
        }
        Delivery::Trickle(delay) => {
            let piece = length.div_ceil(PIECES).max(1);
            let shared = Arc::clone(shared);
            Body::from_stream(stream::unfold((bytes, true), move |(mut rest, first)| {
                let shared = Arc::clone(&shared);
                async move {
                    if rest.is_empty() {
                        return None;
                    }
                    if !first {
                        pause(&shared, delay).await;
                    }
                    let next = rest.split_to(piece.min(rest.len()));
                    Some((Ok::<_, std::io::Error>(next), (rest, false)))
                }
            }))
        }
        Delivery::Hang => {
            shared.stopping.cancelled().await;
            cord.pull();
            Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("stopped"))]))
        }
        Delivery::Reset => {
            cord.pull();
            Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("reset on purpose"))]))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(header::SERVER, "nginx/1.19.2");
    put(header::CONTENT_TYPE, reply.content_type);
    put(header::CONTENT_LENGTH, &length.to_string());
    put(header::VARY, "Accept-Encoding");
    put(HeaderName::from_static("x-request-id"), id);
    put(header::STRICT_TRANSPORT_SECURITY, "max-age=15724800; includeSubDomains");
    if reply.encoded {
        put(header::CONTENT_ENCODING, "gzip");
    }
    if let Some(seconds) = reply.retry_after {
        put(header::RETRY_AFTER, &seconds.to_string());
    }
    if let Some(location) = &reply.location {
        put(header::LOCATION, location);
    }
    response
}
