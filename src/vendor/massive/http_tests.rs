//! The client against real sockets: what leaves the machine, and what comes of every way an answer can go wrong.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use flate2::{Compression, write::GzEncoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use std::time::Duration;

use super::*;
use crate::testing;
use barkeep_config::RateLimit;
use barkeep_market::freshness::Delay;
use barkeep_market::{Interval, Timeframe, Ts};

const KEY: &str = "CANARY_abc123";

/// What the server does with one connection, after it has read the request.
#[derive(Clone)]
enum Reply {
    /// Sends these bytes and closes.
    Raw(Vec<u8>),
    /// Sends the first bytes, then one more every 50 ms.
    Trickle(Vec<u8>),
    /// Never answers.
    Silence,
    /// Closes with a reset.
    Reset,
}

struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers connections in order; the last reply goes to all that follow.
    async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut replies = replies.into_iter().peekable();
            while let Ok((mut socket, _)) = listener.accept().await {
                let reply = match replies.next() {
                    Some(reply) if replies.peek().is_some() => reply,
                    Some(last) => {
                        replies = vec![last.clone()].into_iter().peekable();
                        last
                    }
                    None => Reply::Silence,
                };
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = socket.read_u8().await else { return };
                        head.push(byte);
                    }
                    log.lock().unwrap().push(String::from_utf8(head).unwrap());
                    match reply {
                        Reply::Raw(bytes) => {
                            let _ = socket.write_all(&bytes).await;
                            let _ = socket.shutdown().await;
                        }
                        Reply::Trickle(bytes) => {
                            let _ = socket.write_all(&bytes).await;
                            while socket.write_all(b" ").await.is_ok() {
                                tokio::time::sleep(Duration::from_millis(50)).await;
                            }
                        }
                        Reply::Silence => tokio::time::sleep(Duration::from_mins(1)).await,
                        Reply::Reset => {
                            socket.set_zero_linger().unwrap();
                        }
                    }
                });
            }
        });
        Self { base, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn client(&self) -> Massive {
        Massive::new(&settings(&self.base), KEY.into()).unwrap()
    }
}

fn settings(base: &str) -> VendorSettings {
    VendorSettings {
        base_url: base.parse().unwrap(),
        key_file: None,
        rate_limit: RateLimit::Unlimited,
        delay: Delay::EndOfDay,
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(20),
        max_body: 1 << 20,
        attempts: 5,
        malformed_attempts: 2,
        backoff_base: Duration::from_secs(1),
        backoff_cap: Duration::from_mins(5),
        max_pages: 100,
        grouped_daily: true,
        flat_files: barkeep_config::FlatFileSettings::default(),
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let mut raw =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n").into_bytes();
    raw.extend_from_slice(body);
    Reply::Raw(raw)
}

fn ok(body: &str) -> Reply {
    answer("200 OK", "Content-Type: application/json\r\nX-Request-Id: abc, abc\r\n", body.as_bytes())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn query() -> AggregateQuery {
    testing::query("X:BTCUSD", Timeframe::M5, Interval::new(Ts(1_700_000_100_000), Ts(1_700_000_700_000)))
}

fn page_with(next_url: &str) -> String {
    format!(
        r#"{{"ticker":"X:BTCUSD","queryCount":5,"resultsCount":1,"adjusted":false,"results":[{{"v":1.5e3,"o":1,"h":2,
        "l":0.5,"c":1.5,"t":1700000100000}}],"status":"OK","request_id":"r1","count":1{next_url}}}"#
    )
}

/// One request against one reply.
async fn outcome(reply: Reply) -> Result<Page, Fault> {
    let server = Server::start(vec![reply]).await;
    let page = server.client().aggregates(&query(), None).await;
    assert_eq!(server.requests().len(), 1, "one call is one request");
    if let Err(fault) = &page {
        assert!(!fault.message.contains("CANARY") && !fault.message.contains("limit="), "{fault}");
    }
    page
}

/// What the record says of a request that is not for bars either.
#[tokio::test]
async fn every_answer_tells_its_size_and_its_id() {
    let body = r#"{"results":[],"status":"OK","request_id":"r1","count":0}"#;
    let server = Server::start(vec![ok(body), ok(body), ok("[]")]).await;
    let client = server.client();
    let splits = client.splits(&["AAPL".to_owned()], None).await.unwrap();
    assert_eq!((splits.bytes, splits.request_id.is_some()), (body.len() as u64, true));
    let found = client.tickers("AA", 10).await.unwrap();
    assert_eq!((found.bytes, found.request_id), (body.len() as u64, splits.request_id));
    assert_eq!(client.upcoming_holidays().await.unwrap().bytes, 2);
}

#[tokio::test]
async fn the_key_travels_in_a_header_and_nowhere_else() {
    let server = Server::start(vec![ok(&page_with(""))]).await;
    let client = server.client();
    let page = client.aggregates(&query(), None).await.unwrap();
    assert_eq!((page.bars.len(), page.query_count, page.request_id.as_deref()), (1, 5, Some("r1")));
    let request = server.requests().remove(0);
    let mut lines = request.lines();
    assert_eq!(
        lines.next().unwrap(),
        "GET /v2/aggs/ticker/X:BTCUSD/range/5/minute/1700000100000/1700000699999?adjusted=false&sort=asc&limit=50000 HTTP/1.1"
    );
    let with_key: Vec<&str> = lines.filter(|l| l.contains("CANARY")).collect();
    assert_eq!(with_key, [format!("authorization: Bearer {KEY}")]);
    let lower = request.to_lowercase();
    assert!(lower.contains("accept-encoding: gzip") && lower.contains("user-agent: barkeep/"), "{request}");
    assert!(!format!("{client:?}").contains("CANARY"));
}

#[tokio::test]
async fn paths_of_all_endpoints() {
    let empty = r#"{"status":"OK","results":[],"count":0}"#;
    let server = Server::start(vec![ok(empty)]).await;
    let client = server.client();
    let date = NaiveDate::from_ymd_opt(2024, 3, 11).unwrap();
    client.grouped_daily(AssetClass::Etf, date).await.unwrap();
    client.grouped_daily(AssetClass::Crypto, date).await.unwrap();
    client.splits(&["BRK.B".to_owned(), "A/B".to_owned()], None).await.unwrap();
    client.tickers("a b&c", 9_999).await.unwrap();
    let _ = client.ticker("BRK.B").await;
    let _ = client.ticker("X:BTCUSD").await;
    let _ = client.ticker("A/../B").await;
    let _ = client.market_status().await;
    let _ = client.upcoming_holidays().await;
    let day =
        Timeframe::D1.snap_out(AssetClass::Stock, Interval::new(Ts::ny_midnight(date), Ts::ny_midnight(date) + 1));
    let daily = testing::query("BRK.B", Timeframe::D1, day);
    let _ = client.aggregates(&daily, None).await;
    let paths: Vec<String> = server.requests().iter().map(|r| r.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "/v2/aggs/grouped/locale/us/market/stocks/2024-03-11?adjusted=false&include_otc=false",
            "/v2/aggs/grouped/locale/global/market/crypto/2024-03-11?adjusted=false",
            "/stocks/v1/splits?ticker.any_of=BRK.B,A%2FB&limit=5000",
            "/v3/reference/tickers?search=a%20b%26c&active=true&limit=1000",
            "/v3/reference/tickers/BRK.B",
            "/v3/reference/tickers/X:BTCUSD",
            "/v3/reference/tickers/A%2F..%2FB",
            "/v1/marketstatus/now",
            "/v1/marketstatus/upcoming",
            "/v2/aggs/ticker/BRK.B/range/1/day/2024-03-11/2024-03-11?adjusted=false&sort=asc&limit=50000",
        ]
    );
}

#[tokio::test]
async fn a_cut_answer_is_never_no_data() {
    let body = page_with("");
    let cut = |keep: usize| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Raw([head.as_bytes(), &body.as_bytes()[..keep]].concat())
    };
    let zipped = gzip(body.as_bytes());
    let half_zip = answer("200 OK", "Content-Encoding: gzip\r\n", &zipped[..zipped.len() / 2]);
    let garbled = answer("200 OK", "Content-Encoding: gzip\r\n", b"this is no gzip at all");
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", body.len());
    let to_the_end = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", &body[..body.len() / 2]);
    for (name, reply, want) in [
        ("cut content-length", cut(body.len() / 2), Class::Transient),
        ("no body at all", cut(0), Class::Transient),
        ("cut chunked", Reply::Raw(chunked.into_bytes()), Class::Transient),
        ("cut until close", Reply::Raw(to_the_end.into_bytes()), Class::Malformed),
        ("cut gzip", half_zip, Class::Malformed),
        ("garbled gzip", garbled, Class::Malformed),
        ("reset", Reply::Reset, Class::Transient),
        ("not HTTP", Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()), Class::Transient),
        ("nothing", Reply::Raw(Vec::new()), Class::Transient),
    ] {
        let fault = outcome(reply).await.expect_err(name);
        assert_eq!(fault.class, want, "{name}: {fault}");
    }
    let whole = answer("200 OK", "Content-Encoding: gzip\r\n", &zipped);
    assert_eq!(outcome(whole).await.unwrap().bars.len(), 1);
}

#[tokio::test]
async fn a_wrong_200_is_malformed() {
    let deep = format!("{{\"results\":{}", "[".repeat(200_000));
    let deep_unknown = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    for body in
        ["<!doctype html><html></html>", "", " ", "null", "[]", "{}", "true", "\u{feff}{}", &deep, &deep_unknown]
    {
        let fault = outcome(ok(body)).await.expect_err(body);
        assert_eq!((fault.class, fault.status), (Class::Malformed, Some(200)), "{body:.40}: {fault}");
        assert_eq!(fault.request_id.as_deref(), Some("abc"));
    }
    assert_eq!(outcome(answer("204 No Content", "", b"")).await.unwrap_err().class, Class::Malformed);
}

#[tokio::test]
async fn a_redirect_is_refused_and_its_target_never_asked() {
    let elsewhere = Server::start(vec![ok(&page_with(""))]).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/v2/aggs\r\n", elsewhere.base);
        let fault = outcome(answer(status, &location, b"")).await.unwrap_err();
        assert!(fault.class == Class::Permanent && fault.message.contains("redirect refused"), "{fault}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_foreign_next_url_is_never_asked_and_never_sees_the_key() {
    let elsewhere = Server::start(vec![ok("{}")]).await;
    let same_path = "v2/aggs/ticker/X:BTCUSD/range/5/minute/1700000400000/1700000699999";
    let next = format!(r#","next_url":"{}/{same_path}?apiKey={KEY}&cursor=Zm9v""#, elsewhere.base);
    let server = Server::start(vec![ok(&page_with(&next)), ok(&page_with(""))]).await;
    let client = server.client();
    let page = client.aggregates(&query(), None).await.unwrap();
    let cursor = page.next.unwrap();
    assert_eq!(cursor.0, format!("/{same_path}?cursor=Zm9v&adjusted=false"));
    client.aggregates(&query(), Some(&cursor)).await.unwrap();
    let second = server.requests().remove(1);
    assert!(second.starts_with(&format!("GET /{same_path}?cursor=Zm9v&adjusted=false HTTP/1.1")), "{second}");
    assert!(elsewhere.requests().is_empty());

    let other_path = format!(r#","next_url":"{}/v3/reference/tickers?cursor=a""#, elsewhere.base);
    let fault = outcome(ok(&page_with(&other_path))).await.unwrap_err();
    assert!(fault.class == Class::Malformed && fault.message.starts_with("foreign next_url"), "{fault}");
}

#[tokio::test]
async fn slow_answers_end_in_time() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec();
    for reply in [Reply::Silence, Reply::Trickle(head)] {
        let server = Server::start(vec![reply]).await;
        let (read_timeout, total_timeout) = (Duration::from_millis(400), Duration::from_millis(1_200));
        let short = VendorSettings { read_timeout, total_timeout, ..settings(&server.base) };
        let start = std::time::Instant::now();
        let fault = Massive::new(&short, KEY.into()).unwrap().market_status().await.unwrap_err();
        assert!(fault.class == Class::Transient && fault.message.contains("too long"), "{fault}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_bomb_is_cut_while_it_unfolds() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 17);
    let fault = outcome(answer("200 OK", "Content-Encoding: gzip\r\n", &bomb)).await.unwrap_err();
    assert!(fault.class == Class::Malformed && fault.message.contains("too long"), "{fault}");
    // A bomb as an error body does no harm either.
    let fault = outcome(answer("500 Oops", "Content-Encoding: gzip\r\n", &bomb)).await.unwrap_err();
    assert_eq!(fault.class, Class::Transient);
}

#[tokio::test]
async fn a_429_carries_its_retry_after() {
    let body = br#"{"status":"ERROR","request_id":"r9","error":"You've exceeded the maximum requests per minute"}"#;
    let fault =
        outcome(answer("429 Too Many Requests", "Retry-After: 7\r\nX-Request-Id: r9\r\n", body)).await.unwrap_err();
    assert_eq!((fault.class, fault.status), (Class::RateLimited, Some(429)));
    assert_eq!(fault.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(fault.request_id.as_deref(), Some("r9"));
    assert!(fault.message.contains("exceeded the maximum"));
    // A date counts from the vendor's own clock.
    let dates = "Date: Fri, 01 May 2020 22:57:17 GMT\r\nRetry-After: Fri, 01 May 2020 22:57:47 GMT\r\n";
    let fault = outcome(answer("429 Too Many Requests", dates, b"")).await.unwrap_err();
    assert_eq!(fault.retry_after, Some(Duration::from_secs(30)));
    assert_eq!(outcome(answer("429 Too Many", "", b"")).await.unwrap_err().retry_after, None);
}

#[tokio::test]
async fn a_vendor_that_repeats_the_key_does_not_spread_it() {
    let body = format!(r#"{{"status":"ERROR","request_id":"r","error":"Unknown API Key {KEY}"}}"#);
    let fault =
        outcome(answer("401 Unauthorized", &format!("X-Request-Id: {KEY}\r\n"), body.as_bytes())).await.unwrap_err();
    assert_eq!(fault.class, Class::Auth);
    assert!(fault.message.contains("Unknown API Key [key]"), "{fault}");
    assert_eq!(fault.request_id.as_deref(), Some("[key]"));
    let wrong = format!(r#"{{"ticker":"{KEY}","resultsCount":0,"status":"OK"}}"#);
    assert!(outcome(ok(&wrong)).await.unwrap_err().message.contains("[key]"));
}

const HTML: &[u8] = b"<html><head><title>Forbidden</title></head><body>nginx</body></html>";

#[tokio::test]
async fn a_refusal_of_something_in_between_is_tried_again() {
    for (status, body, what) in [
        ("403 Forbidden", HTML, "403 from a proxy on the way to the vendor (an HTML page)"),
        ("403 Forbidden", b"", "403 from a proxy on the way to the vendor (an empty answer)"),
        ("401 Unauthorized", HTML, "401 from a proxy on the way to the vendor (an HTML page)"),
        ("404 Not Found", HTML, "404 from a proxy on the way to the vendor (an HTML page)"),
        ("407 Proxy Authentication Required", HTML, "407 from a proxy on the way to the vendor (an HTML page;"),
    ] {
        let fault = outcome(answer(status, "Content-Type: text/html\r\n", body)).await.unwrap_err();
        assert_eq!(fault.class, Class::Transient, "{fault}");
        assert!(fault.message.starts_with(what), "{fault}");
    }
    // Half of the vendor's word is none.
    let denied = br#"{"status":"NOT_AUTHORIZED","request_id":"a","message":"You are not entitled to this data."}"#;
    assert_eq!(outcome(answer("403 Forbidden", "", denied)).await.unwrap_err().class, Class::NotEntitled);
    assert_eq!(outcome(answer("403 Forbidden", "", &denied[..40])).await.unwrap_err().class, Class::Transient);
}

#[tokio::test]
async fn a_404_of_a_proxy_does_not_lead_to_the_older_splits_endpoint() {
    let missing = answer("404 Not Found", "", HTML);
    let found = ok(r#"{"results":[],"status":"OK"}"#);
    let server = Server::start(vec![missing, found]).await;
    let client = server.client();
    let tickers = ["A".to_owned()];
    assert_eq!(client.splits(&tickers, None).await.unwrap_err().class, Class::Transient);
    client.splits(&tickers, None).await.unwrap();
    assert!(server.requests().iter().all(|r| r.starts_with("GET /stocks/v1/splits?")), "{:?}", server.requests());
}

#[tokio::test]
async fn an_unknown_ticker_is_one_in_the_vendors_words_only() {
    let unknown = br#"{"status":"NOT_FOUND","request_id":"6a7e4663","message":"Ticker not found."}"#;
    let replies = vec![
        answer("404 Not Found", "Date: Fri, 01 May 2026 22:57:17 GMT\r\n", unknown),
        answer("404 Not Found", "", HTML),
        answer("404 Not Found", "", b"404 page not found\n"),
        ok(
            r#"{"request_id":"a","results":{"ticker":"NEW","name":"New","market":"stocks","active":true},"status":"OK"}"#,
        ),
        ok(r#"{"request_id":"a","results":{"ticker":"OTHER"},"status":"OK"}"#),
    ];
    let server = Server::start(replies).await;
    let client = server.client();
    let missing = client.ticker("NEW").await.unwrap();
    assert_eq!((missing.value, missing.server_time), (None, Some(Ts(1_777_676_237_000))));
    assert_eq!(client.ticker("NEW").await.unwrap_err().class, Class::Transient);
    assert_eq!(
        client.ticker("NEW").await.unwrap_err().class,
        Class::Permanent,
        "the endpoint is missing, not the ticker"
    );
    assert_eq!(client.ticker("NEW").await.unwrap().value.unwrap().name, "New");
    assert_eq!(client.ticker("NEW").await.unwrap_err().class, Class::Malformed);
    assert_eq!(client.ticker("").await.unwrap_err().class, Class::Permanent);
}

#[tokio::test]
async fn the_vendors_clock_comes_with_every_answer() {
    let date = "Date: Fri, 01 May 2026 22:57:17 GMT\r\n";
    let told = Some(Ts(1_777_676_237_000));
    let body = page_with("");
    assert_eq!(outcome(answer("200 OK", date, body.as_bytes())).await.unwrap().server_time, told);
    for (status, body) in
        [("503 Down", HTML), ("403 Forbidden", b""), ("200 OK", b"{}"), ("200 OK", &body.as_bytes()[..50])]
    {
        let fault = outcome(answer(status, date, body)).await.unwrap_err();
        assert_eq!(fault.server_time, told, "{status}");
    }
    for header in ["", "Date: yesterday\r\n", "Date: 2026-05-01T22:57:17Z\r\n"] {
        assert_eq!(outcome(answer("200 OK", header, body.as_bytes())).await.unwrap().server_time, None, "{header}");
    }
    let server = Server::start(vec![answer("200 OK", date, br#"{"resultsCount":0,"results":[],"status":"OK"}"#)]).await;
    let client = server.client();
    let day = NaiveDate::from_ymd_opt(2024, 3, 11).unwrap();
    assert_eq!(client.grouped_daily(AssetClass::Etf, day).await.unwrap().server_time, told);
    assert_eq!(client.splits(&["A".to_owned()], None).await.unwrap().server_time, told);
    assert_eq!(client.tickers("A", 1).await.unwrap().server_time, told);
}

#[tokio::test]
async fn nobody_listening_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Massive::new(&settings(&base), KEY.into()).unwrap();
    let fault = client.market_status().await.unwrap_err();
    assert!(fault.class == Class::Transient && fault.message.contains("cannot connect"), "{fault}");
    assert!(!fault.message.contains("marketstatus"), "no URL: {fault}");
}

#[tokio::test]
async fn a_missing_splits_endpoint_leads_to_the_older_one() {
    let page = |ticker: &str, next: &str| {
        ok(&format!(
            r#"{{"results":[{{"execution_date":"2020-08-31","split_from":1,"split_to":4,"ticker":"{ticker}"}}],"status":"OK"{next}}}"#
        ))
    };
    let missing = answer("404 Not Found", "", b"404 page not found");
    let more = r#","next_url":"https://api.polygon.io/v3/reference/splits?cursor=abc""#;
    let server = Server::start(vec![missing, page("A", more), page("A", ""), page("B", "")]).await;
    let client = server.client();
    let tickers = ["A".to_owned(), "B".to_owned()];
    let fault = client.splits(&tickers, None).await.unwrap_err();
    assert!(fault.class == Class::Transient && fault.message.contains("older splits endpoint"), "{fault}");
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let SplitPage { splits, next, .. } = client.splits(&tickers, cursor.as_ref()).await.unwrap().value;
        found.extend(splits.into_iter().map(|(ticker, split)| (ticker, split.to)));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let a = ("A".to_owned(), 4.0);
    assert_eq!(found, [a.clone(), a, ("B".to_owned(), 4.0)]);
    let paths: Vec<String> = server.requests().iter().map(|r| r.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        paths[1..],
        [
            "/v3/reference/splits?ticker=A&limit=1000",
            "/v3/reference/splits?cursor=abc",
            "/v3/reference/splits?ticker=B&limit=1000",
        ]
    );
}

#[tokio::test]
async fn dividends_of_many_are_one_request_and_one_each_at_the_older_endpoint() {
    let row = |ticker: &str, kind: &str| {
        format!(
            r#"{{"cash_amount":0.25,"currency":"USD","{kind}":"CD","ex_dividend_date":"2024-05-10","frequency":4,"id":"E1","pay_date":"2024-05-16","ticker":"{ticker}"}}"#
        )
    };
    let page = |rows: &[String]| ok(&format!(r#"{{"results":[{}],"status":"OK"}}"#, rows.join(",")));
    let broken = row("B", "distribution_type").replace("0.25", "0");
    let both = page(&[row("A", "distribution_type"), broken]);
    let missing = answer("404 Not Found", "", b"404 page not found");
    let old = |ticker: &str| page(&[row(ticker, "dividend_type")]);
    let server = Server::start(vec![both, missing, old("A"), old("B")]).await;
    let client = server.client();
    let tickers = ["A".to_owned(), "B".to_owned()];
    let DividendPage { dividends, unreadable, next } = client.dividends(&tickers, None, None).await.unwrap().value;
    assert_eq!((dividends.len(), unreadable, next), (1, 1, None));
    let (ticker, first) = &dividends[0];
    assert_eq!((ticker.as_str(), first.cash_amount, first.kind.as_deref()), ("A", 0.25, Some("CD")));
    assert_eq!((first.frequency, first.pay_date.unwrap().to_string()), (Some(4), "2024-05-16".to_owned()));
    assert_eq!((first.record_date, first.id.as_str()), (None, "E1"));

    let since = NaiveDate::from_ymd_opt(2024, 1, 2);
    assert_eq!(client.dividends(&tickers, since, None).await.unwrap_err().class, Class::Transient);
    let page = client.dividends(&tickers, since, None).await.unwrap().value;
    let last = client.dividends(&tickers, since, page.next.as_ref()).await.unwrap().value;
    assert_eq!((page.dividends[0].0.as_str(), last.dividends[0].0.as_str(), last.next), ("A", "B", None));
    let paths: Vec<String> = server.requests().iter().map(|r| r.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "/stocks/v1/dividends?ticker.any_of=A,B&limit=5000",
            "/stocks/v1/dividends?ticker.any_of=A,B&ex_dividend_date.gte=2024-01-02&limit=5000",
            "/v3/reference/dividends?ticker=A&ex_dividend_date.gte=2024-01-02&limit=1000",
            "/v3/reference/dividends?ticker=B&ex_dividend_date.gte=2024-01-02&limit=1000",
        ]
    );
}

#[test]
fn settings_that_cannot_work_are_refused_without_the_key() {
    for (base, key) in [
        ("ftp://example.com", KEY),
        ("https://u:p@example.com", KEY),
        ("https://example.com", ""),
        ("https://example.com", " \n"),
        ("https://example.com", "CANARY\nX-Evil: 1"),
    ] {
        let error = Massive::new(&settings(base), key.into()).expect_err(base);
        assert!(!error.contains("CANARY") && !error.contains("u:p"), "{error}");
    }
}
