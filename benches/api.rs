//! The HTTP API against the figures it must reach: `cargo bench --bench api`.
//!
//! Pages: 100 clients ask the real binary for pages of 500 rows of features while it runs a backfill. The yardstick is a
//! bare axum server that returns the same bytes, asked by the same clients in turns, so that both have the same machine
//! and the same backfill beside them. The staleness report: over 50,000 series, read from a database and worked out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark fails by panicking")]

use barkeep::store::testing;
use std::collections::HashMap;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header;
use barkeep::base::clock::{Clock, SystemClock};
use barkeep::base::percentile::nearest_rank;
use barkeep::config::{Environment, Loaded, Overrides, load_from};
use barkeep::market::ts::{DAY, HOUR, MINUTE};
use barkeep::market::{AssetClass, Calendar, Criticality, Interval, Symbol, Timeframe};
use barkeep::monitor::freshness_report::StalenessReport;
use barkeep::monitor::ledger::Ledger;
use barkeep::monitor::snapshot::FreshnessContext;
use barkeep::pipeline::index::series::SeriesIndex;
use barkeep::store::{self, Coverage, CoverageState, PageCommit, SeriesWrite, StoredBar, SymbolRow};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CLIENTS: usize = 100;
/// Requests of one turn, and turns of each server.
const TURN: usize = 1_500;
const TURNS: usize = 5;
/// Turns of pages that were asked before: the backfill has its busiest seconds then.
const TURNS_BEFORE: usize = 20;
/// Series whose pages are asked for, and those the backfill beside it works on.
const SYMBOLS: usize = 20;
const FILLING: usize = 40;
const SERIES: usize = 50_000;
const ROUNDS: usize = 15;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

/// The service under test; killed when it is dropped.
struct Service {
    child: Child,
    addr: SocketAddr,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn barkeep(home: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command
        .args(args)
        .args(["--simulated", "--database-url", &format!("sqlite:{}", home.join("bench.db").display())])
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|k| {
            format!("{prefix}{}", (b'A' + (k / 26) as u8) as char) + &((b'A' + (k % 26) as u8) as char).to_string()
        })
        .collect()
}

/// Three and a half years of days of the symbols, stored by the real backfill, and the service on them. It may keep the newest
/// rows of the busiest symbols in memory; there it would have every page asked for here.
fn service(home: &std::path::Path, hot: bool) -> Service {
    let settings = home.join(".config").join("barkeep");
    std::fs::create_dir_all(&settings).unwrap();
    let policy = format!("cache_policy:\n  hot_symbols_cache:\n    enabled: {hot}\n");
    std::fs::write(settings.join("rto_rpo_config.yaml"), policy).unwrap();
    let from = (SystemClock.now() - 1_300 * DAY).utc_date().to_string();
    let symbols = names("PG", SYMBOLS);
    let mut args = vec!["backfill", "--timeframes", "1d", "--from", &from];
    args.extend(symbols.iter().map(String::as_str));
    assert!(barkeep(home, &args).stderr(Stdio::null()).status().unwrap().success());
    let mut child =
        barkeep(home, &["run", "--headless", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let addr =
        lines.find_map(|line| line.unwrap().strip_prefix("API on http://").map(|addr| addr.trim().parse().unwrap()));
    std::thread::spawn(move || lines.for_each(drop));
    Service { child, addr: addr.expect("the service listens") }
}

/// A kept connection; answers are read by their length and thrown away.
struct Client {
    addr: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { addr, stream, buffer: vec![0; 1 << 16] }
    }

    /// Asks and reads the whole answer; its status, and its body when `keep`.
    async fn ask(&mut self, method: &str, path: &str, body: &str, keep: bool) -> (u16, Vec<u8>) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.addr,
            body.len()
        );
        self.stream.write_all(head.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let (head_end, status, length) = loop {
            let n = self.stream.read(&mut self.buffer).await.unwrap();
            assert!(n > 0, "the server hung up");
            got.extend_from_slice(self.buffer.get(..n).unwrap());
            if let Some(end) = got.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(got.get(..end).unwrap()).to_ascii_lowercase();
                let status = head.split(' ').nth(1).unwrap().parse::<u16>().unwrap();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                break (end + 4, status, length.expect("a length").trim().parse::<usize>().unwrap());
            }
        };
        let mut left = length - (got.len() - head_end);
        while left > 0 {
            let n = self.stream.read(&mut self.buffer).await.unwrap();
            assert!(n > 0, "the server hung up");
            left -= n;
            if keep {
                got.extend_from_slice(self.buffer.get(..n).unwrap());
            }
        }
        (status, if keep { got.split_off(head_end) } else { Vec::new() })
    }

    async fn get(&mut self, path: &str) -> Vec<u8> {
        let (status, body) = self.ask("GET", path, "", true).await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        body
    }
}

/// Times of one turn and how long it took.
struct Turn {
    times: Vec<Duration>,
    wall: Duration,
}

/// All clients ask, each as fast as it is answered, until `paths` are done.
async fn turn(addr: SocketAddr, paths: Arc<Vec<String>>) -> Turn {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(addr).await);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in clients {
        let (paths, next) = (Arc::clone(&paths), Arc::clone(&next));
        tasks.spawn(async move {
            let mut times = Vec::new();
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                let start = Instant::now();
                let (status, _) = client.ask("GET", path, "", false).await;
                assert_eq!(status, 200, "{path}");
                times.push(start.elapsed());
            }
            times
        });
    }
    let times = tasks.join_all().await.into_iter().flatten().collect();
    Turn { times, wall: start.elapsed() }
}

/// A server that does nothing but send the bytes it was given for a path.
async fn bare(pages: HashMap<String, Bytes>) -> SocketAddr {
    let pages = Arc::new(pages);
    let answer = move |uri: axum::http::Uri| {
        let body = pages.get(uri.path_and_query().unwrap().as_str()).cloned().unwrap_or_default();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(axum::routing::get(answer));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    addr
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    nearest_rank(times, percent).unwrap_or_default()
}

/// Both servers in turns over the same paths.
async fn compare(what: &str, service: SocketAddr, yardstick: SocketAddr, turns: &[Arc<Vec<String>>], filling: &str) {
    let (mut times, mut bare_times) = (Vec::new(), Vec::new());
    let (mut wall, mut bare_wall) = (Duration::ZERO, Duration::ZERO);
    let mut asker = Client::connect(service).await;
    let mut beside = 0;
    for paths in turns {
        let Turn { times: t, wall: w } = turn(service, Arc::clone(paths)).await;
        times.extend(t);
        wall += w;
        let Turn { times: t, wall: w } = turn(yardstick, Arc::clone(paths)).await;
        bare_times.extend(t);
        bare_wall += w;
        let job: Value = serde_json::from_slice(&asker.get(filling).await).unwrap();
        beside += usize::from(text(&job, "status") == "running");
    }
    let rate = |n: usize, wall: Duration| n as f64 / wall.as_secs_f64();
    let (mine, theirs) = (rate(times.len(), wall), rate(bare_times.len(), bare_wall));
    println!(
        "pages      {what}: p50 {:.1} ms, p99 {:.1} ms (reach: < 100), {mine:.0} requests/s; bare axum p99 {:.1} ms, \
         {theirs:.0} requests/s, share {:.0} % (reach: >= 70) {}; backfill beside it in {beside} of {} turns",
        ms(quantile(&mut times, 50)),
        ms(quantile(&mut times, 99)),
        ms(quantile(&mut bare_times, 99)),
        mine * 100.0 / theirs,
        if mine >= 0.7 * theirs { "reached" } else { "MISSED" },
        turns.len()
    );
}

async fn pages(hot: bool) {
    let home = tempfile::tempdir().unwrap();
    let service = tokio::task::block_in_place(|| service(home.path(), hot));
    let mut asker = Client::connect(service.addr).await;
    let symbols = names("PG", SYMBOLS);
    let newest: Vec<String> =
        symbols.iter().map(|s| format!("/api/v1/features/quant/{s}?timeframe=1d&limit=500")).collect();
    // The same page never twice: another last day for every request.
    let today = SystemClock.now().utc_date();
    let until = |back: usize| today - chrono::TimeDelta::days(back as i64);
    let other = |k: usize| format!("{}&end={}", newest.get(k % SYMBOLS).unwrap(), until(1 + k / SYMBOLS));
    let different: Vec<String> = (0..TURN * TURNS).map(other).collect();
    let mut known = HashMap::new();
    for path in &newest {
        known.insert(path.clone(), Bytes::from(asker.get(path).await));
    }
    let sample = asker.get(different.last().unwrap()).await;
    let rows = serde_json::from_slice::<Value>(&sample).unwrap().get("records_returned").and_then(Value::as_u64);
    assert_eq!(rows, Some(500), "pages are full");
    for (path, like) in different.iter().zip(newest.iter().cycle()) {
        known.insert(path.clone(), known.get(like).unwrap().clone());
    }
    let size = known.values().next().map_or(0, Bytes::len);
    let yardstick = bare(known).await;

    let body = json!({ "symbols": names("BF", FILLING), "timeframes": ["1m", "5m", "1h"] }).to_string();
    let (status, job) = asker.ask("POST", "/api/v1/backfill", &body, true).await;
    assert!((200..300).contains(&status), "{}", String::from_utf8_lossy(&job));
    let job: Value = serde_json::from_slice(&job).unwrap();
    let filling = format!("/api/v1/backfill/{}", text(&job, "job_id"));
    println!(
        "pages      500 rows, {} KiB, {CLIENTS} clients, {} processors",
        size / 1024,
        std::thread::available_parallelism().unwrap()
    );

    let same: Arc<Vec<String>> = Arc::new(newest.iter().cycle().take(TURN).cloned().collect());
    if hot {
        compare("asked before", service.addr, yardstick, &vec![same; TURNS_BEFORE], &filling).await;
    }
    let turns: Vec<_> = different.chunks(TURN).map(|paths| Arc::new(paths.to_vec())).collect();
    let what = if hot { "all different" } else { "all different, none in memory" };
    compare(what, service.addr, yardstick, &turns, &filling).await;
}

fn loaded() -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("barkeep.yaml");
    std::fs::write(&file, "database:\n  url: sqlite:never-opened.db\nlog:\n  dir: never-written\n").unwrap();
    load_from(&Overrides { config: Some(file), ..Overrides::default() }, &Environment::default()).unwrap()
}

/// 10,000 symbols at five timeframes, each with a newest bar of some age.
async fn staleness() {
    const TIMEFRAMES: [Timeframe; 5] = [Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("many.db").display());
    let store = store::open(&url, false).await.unwrap();
    let now = SystemClock.now();
    let row = |k: usize| SymbolRow {
        criticality: *Criticality::ALL.get(k % 3).unwrap(),
        added_at: now,
        ..testing::symbol_of(
            &format!("S{k}"),
            if k.is_multiple_of(5) { AssetClass::Crypto } else { AssetClass::Stock },
            &TIMEFRAMES,
        )
    };
    let symbols: Vec<SymbolRow> = (0..SERIES / TIMEFRAMES.len()).map(row).collect();
    let classes: HashMap<Symbol, AssetClass> = symbols.iter().map(|s| (s.symbol.clone(), s.asset_class)).collect();
    store.put_symbols(&symbols).await.unwrap();
    let series = store.series().await.unwrap();
    assert_eq!(series.len(), SERIES);
    for chunk in series.chunks(1_000) {
        let writes = chunk.iter().map(|row| {
            let age = (row.id.0 % 500) * 20 * MINUTE + HOUR;
            let span = row.timeframe.span(*classes.get(&row.symbol).unwrap(), now - age);
            let bar = barkeep::market::testing::bar(span.start, 1.0);
            let stored = StoredBar { fetched_at: now, ..testing::stored(bar) };
            let range = Interval::new(span.start - 30 * DAY, span.end);
            let covered = Coverage::answered(range, CoverageState::Present, None, now);
            SeriesWrite {
                bars: vec![stored],
                coverage: vec![covered],
                checked_at: Some(now),
                ..SeriesWrite::nothing(row.id)
            }
        });
        store.commit_page(PageCommit { writes: writes.collect(), ..PageCommit::default() }).await.unwrap();
    }
    let (calendar, Loaded { settings, policy, .. }) = (Calendar::new(), loaded());
    let context = FreshnessContext { calendar: &calendar, settings: &settings, policy: &policy };
    let (mut read, mut work) = (Vec::new(), Vec::new());
    let mut counted = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let inventory = SeriesIndex::read(store.as_ref(), now).await.unwrap();
        let ledger = Ledger::read(store.as_ref(), &inventory, &calendar).await.unwrap();
        read.push(start.elapsed());
        let start = Instant::now();
        let report = StalenessReport::of(black_box(&inventory), &ledger, context, 50, now);
        work.push(start.elapsed());
        counted = black_box(report).total;
    }
    assert_eq!(counted, SERIES);
    println!(
        "staleness  report over {SERIES} series worked out in {:.1} ms, at best {:.1} (reach: < 10); reading the rows from \
         SQLite {:.1} ms",
        ms(median(work.clone())),
        ms(work.into_iter().min().unwrap_or_default()),
        ms(median(read))
    );
    store.close().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(staleness());
    for hot in [true, false] {
        runtime.block_on(async { tokio::spawn(pages(hot)).await.unwrap() });
    }
}
