//! From request to response: key, limit, latency, answer, fault, bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use super::fault::{FaultRule, Struck};
use crate::corrupt::{Delivery, Reply, corrupt_page};
use crate::data::random::mix;
use crate::fault_kind::FaultKind;
use crate::flat_files;
use crate::http::aggs;
use crate::http::answer::{Answer, Refusal};
use crate::http::coinbase;
use crate::http::control;
use crate::http::dividends;
use crate::http::log::{KeyForm, LoggedRequest};
use crate::http::reference::{self, ActionsApi};
use crate::http::request::{Cursor, Judge, VendorRequest};
use crate::http::status;
use crate::http::tickers;
use crate::http::wire::ResetCord;
use crate::shared::{Chain, Shared};
use barkeep_market::Ts;

/// Pieces of a slow body.
const PIECES: usize = 64;

/// Finds the endpoint.
fn find(shared: &Shared, request: &VendorRequest, judge: &Judge, adjusted: bool) -> Result<Answer, Refusal> {
    if request.cursor == Cursor::Bad {
        return Err(Refusal::BadParameter("Could not parse the parameter 'cursor'".to_owned()));
    }
    let bars = |page| Answer::Bars(Box::new(page));
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["v2", "aggs", "ticker", ticker, "range", multiplier, timespan, from, to] => {
            let path = [*ticker, *multiplier, *timespan, *from, *to];
            aggs::range(shared, request, judge, adjusted, path).map(bars)
        }
        ["v2", "aggs", "ticker", ticker, "prev"] => aggs::previous(shared, request, judge, adjusted, ticker).map(bars),
        ["v2", "aggs", "grouped", "locale", "us", "market", "stocks", date] => {
            aggs::grouped(shared, request, judge, adjusted, false, date).map(bars)
        }
        ["v2", "aggs", "grouped", "locale", "global", "market", "crypto", date] => {
            aggs::grouped(shared, request, judge, adjusted, true, date).map(bars)
        }
        ["stocks", "v1", "splits"] => reference::splits(shared, request, judge, ActionsApi::New),
        ["stocks", "v1", "dividends"] => dividends::dividends(shared, request, judge, ActionsApi::New),
        ["v3", "reference", "dividends"] => dividends::dividends(shared, request, judge, ActionsApi::V3),
        ["v3", "reference", "splits"] => reference::splits(shared, request, judge, ActionsApi::V3),
        ["v3", "reference", "tickers"] => tickers::list(shared, request, judge),
        ["v3", "reference", "tickers", ticker] => tickers::one(shared, ticker, judge),
        ["v1", "marketstatus", "now"] => Ok(status::now(&shared.hours, judge)),
        ["v1", "marketstatus", "upcoming"] => Ok(status::upcoming(&shared.hours, judge)),
        // Snapshots and currencies are in no plan of the simulator.
        ["v2", "snapshot", ..] | ["v2", "aggs", "grouped", "locale", "global", "market", "fx", _] => {
            Err(Refusal::NotEntitled)
        }
        _ => Err(Refusal::NoRoute),
    }
}

/// Answers an admitted request, with the fault that strikes it.
fn reply(shared: &Shared, request: &VendorRequest, judge: &Judge) -> (Reply, Option<FaultRule>) {
    let adjusted = request.param("adjusted") != Some("false");
    let mut answer = find(shared, request, judge, adjusted);
    let bars = matches!(&answer, Ok(Answer::Bars(page)) if !page.rows.is_empty());
    let rule = shared.faults.pick(&Struck {
        path: &request.target,
        page: judge.page,
        bars,
        more: matches!(&answer, Ok(Answer::Bars(page)) if page.next.is_some()),
        whole_market: matches!(&answer, Ok(Answer::Bars(page)) if page.ticker.is_none()),
        file: false,
        now: judge.now,
    });
    if let Some(rule) = &rule {
        if rule.kind == FaultKind::AdjustedTrue {
            answer = find(shared, request, judge, true);
        }
        if rule.kind == FaultKind::BeyondLimit {
            answer = find(shared, request, &Judge { unlimited: true, ..judge.clone() }, adjusted);
        }
        if let Ok(Answer::Bars(page)) = &mut answer {
            corrupt_page(page, rule);
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
                shared.remember(next, Chain { page: number, first: Some(place.first.clone()) });
            }
            Reply::json(200, page.encode(id), page.rows.len())
        }
        Ok(Answer::Json(body, rows)) => Reply::json(200, body, rows),
        Err(refusal) => Reply::refusal(&refusal, id),
    };
    match rule {
        Some(rule) => (reply.corrupt(&rule, id, &request.target), Some(rule)),
        None => (reply, None),
    }
}

/// The same for the second vendor, which has no pages to corrupt.
fn public_reply(shared: &Shared, request: &VendorRequest, judge: &Judge) -> (Reply, Option<FaultRule>) {
    let (status, body, rows) = coinbase::answer(shared, request, judge);
    let (path, page, now) = (&request.target, judge.page, judge.now);
    let struck = Struck { path, page, bars: rows > 0, more: false, whole_market: false, file: false, now };
    let reply = Reply::json(status, body, rows);
    match shared.faults.pick(&struck) {
        Some(rule) => (reply.corrupt(&rule, &judge.request_id, &request.target), Some(rule)),
        None => (reply, None),
    }
}

/// The whole server.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    control::routes().route(flat_files::ROUTE, get(file)).fallback(vendor).with_state(shared)
}

/// Every request that is not to `/_sim`.
async fn vendor(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cord): ConnectInfo<ResetCord>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let request = VendorRequest::new(&parts);
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let half = |salt| mix(mix(shared.config.seed, salt), number);
    let (book, now) = (shared.book(), shared.now());
    let judge = Judge {
        now,
        live: shared.plan(&book, now),
        request_id: format!("{:016x}{:016x}", half(1), half(2)),
        page: shared.page_of(&request),
        book,
        unlimited: false,
    };
    let entry = shared.log.open(LoggedRequest {
        number: 0,
        at: judge.now,
        at_ms: shared.elapsed_ms(),
        method: parts.method.to_string(),
        target: request.target.clone(),
        key: request.key.as_ref().map_or(KeyForm::None, |(form, _)| *form),
        page: judge.page,
        status: 0,
        rows: 0,
        fault: None,
        took_ms: 0,
    });
    let public = coinbase::is_asked(&request);
    let admitted = if public {
        let has_agent = parts.headers.contains_key(header::USER_AGENT);
        coinbase::admit(&shared, has_agent).map_err(|(status, body, rows)| Reply::json(status, body, rows))
    } else {
        shared.admit(&request).map_err(|refusal| Reply::refusal(&refusal, &judge.request_id))
    };
    if request.target.contains("/range/") {
        tokio::select! {
            () = shared.gate.pass() => {}
            () = shared.stopping.cancelled() => {}
        }
    }
    pause(&shared, judge.live.latency).await;

    let now = judge.now;
    let (id, gzip) = (judge.request_id.clone(), request.gzip);
    let refused = match admitted {
        Err(refusal) => Some(refusal),
        Ok(()) if parts.method != Method::GET => Some(Reply::refusal(&Refusal::NoRoute, &id)),
        Ok(()) => None,
    };
    let (reply, rule, id) = if let Some(refusal) = refused {
        (refusal.packed(gzip), None, id)
    } else {
        let worker = Arc::clone(&shared);
        let work = tokio::task::spawn_blocking(move || {
            let keep = worker.config.keep_answers && judge.book.is_blank();
            if let Some((known, id)) = Some(&request.target).filter(|_| keep).and_then(|t| worker.memo.get(t, gzip)) {
                return (known, None, id);
            }
            let answer = if public { public_reply } else { reply };
            let (reply, rule) = answer(&worker, &request, &judge);
            let reply = reply.packed(gzip);
            if keep && rule.is_none() {
                worker.memo.put(&request.target, gzip, &reply, &judge.request_id);
            }
            (reply, rule, judge.request_id)
        });
        let failed = |why: String| Reply::refusal(&Refusal::Broken(500, why), &id).packed(gzip);
        work.await.unwrap_or_else(|e| (failed(e.to_string()), None, id.clone()))
    };
    shared.log.close(entry, reply.status, reply.rows, rule.map(|rule| rule.kind.name()), shared.elapsed_ms());
    respond(&shared, &cord, reply, &id, now).await
}

/// A flat file, or the part of it that is asked for.
async fn file(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cord): ConnectInfo<ResetCord>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let entry = shared.log.open(LoggedRequest {
        number: 0,
        at: shared.now(),
        at_ms: shared.elapsed_ms(),
        method: parts.method.to_string(),
        target: parts.uri.path().to_owned(),
        key: if parts.headers.contains_key(header::AUTHORIZATION) { KeyForm::Header } else { KeyForm::None },
        page: 1,
        status: 0,
        rows: 0,
        fault: None,
        took_ms: 0,
    });
    let (book, now) = (shared.book(), shared.now());
    pause(&shared, shared.plan(&book, now).latency).await;
    let worker = Arc::clone(&shared);
    let work = tokio::task::spawn_blocking(move || flat_files::answer(&worker, &parts, now));
    let (reply, extra, fault) = work.await.unwrap_or_else(|e| (flat_files::broken(&e.to_string()), Vec::new(), None));
    shared.log.close(entry, reply.status, reply.rows, fault, shared.elapsed_ms());
    let mut response = respond(&shared, &cord, reply, &format!("{number:016X}"), now).await;
    for (name, value) in extra {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
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
async fn respond(shared: &Arc<Shared>, cord: &ResetCord, reply: Reply, id: &str, now: Ts) -> Response<Body> {
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
    // The vendor's own clock, which need not be this machine's.
    put(header::DATE, &now.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string());
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
