//! Answers far larger than they need to be, many at once: a real process reads all of them and stays small.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use barkeep::sim::SimConfig;
use futures_util::stream;

use crate::support::bench::{Bench, summary_of};
use crate::support::http;

const NAMES: [&str; 8] = ["AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA", "IBM", "INTC"];
const MIB: usize = 1 << 20;

/// Passes every answer on; before a page of bars come 58 MiB of blanks, in pieces and without a length.
async fn padded(State(vendor): State<Arc<std::net::SocketAddr>>, uri: Uri, headers: HeaderMap) -> Response {
    let key = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or("Bearer none").to_owned();
    let (status, body) = http::send(*vendor, "GET", &uri.to_string(), &key["Bearer ".len()..], "").await;
    let blanks = if uri.path().starts_with("/v2/aggs/ticker/") && status == 200 { 58 * 16 } else { 0 };
    let blank = Bytes::from(vec![b' '; MIB / 16]);
    let pieces = (0..blanks).map(move |_| blank.clone()).chain([Bytes::from(body)]);
    let pieces = stream::iter(pieces.map(Ok::<Bytes, std::io::Error>));
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    response.header(header::CONTENT_TYPE, "application/json").body(Body::from_stream(pieces)).unwrap()
}

/// The most memory a process has had so far, bytes.
fn most_memory(pid: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1_024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn of_eight_pages_of_58_mib_at_once_one_is_held() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(padded).with_state(Arc::new(bench.sim.addr));
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let asked =
        [&["backfill", "--json"], &NAMES[..], &["--timeframes", "1m", "--from", "2024-02-05", "--to", "2024-02-09"]];
    let mut command = bench.command(&asked.concat());
    command.env("BARKEEP_VENDOR_URL", &url);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let pid = child.id().unwrap();
    let watched = tokio::spawn(async move {
        let mut most = 0;
        while let Some(now) = most_memory(pid) {
            most = most.max(now);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        most
    });
    let output =
        tokio::time::timeout(Duration::from_mins(4), child.wait_with_output()).await.expect("it ends").unwrap();
    let (code, summary) = summary_of(&output);
    assert_eq!(code, 0, "{summary} {}", String::from_utf8_lossy(&output.stderr));
    assert!(summary["bars_written"].as_u64().unwrap() > 8 * 5 * 390, "{summary}");
    let most = watched.await.unwrap();
    println!("{:.1} MB at most", most as f64 / 1e6);
    assert!(most > 60 * MIB, "{most}: no page was as large");
    // An unoptimized build has 48 MB of its own code in memory.
    let bound = if cfg!(debug_assertions) { 185_000_000 } else { 150_000_000 };
    assert!(most < bound, "{:.1} MB", most as f64 / 1e6);
    server.abort();
}
