//! Many clients of the API beside a backfill.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::api::Served;
use crate::support::bench::configure;
use crate::world::{Tally, World, report, setting};

/// What clients ask for, in turns.
const PATHS: [&str; 4] = ["/health", "/api/v1/status", "/api/v1/historical/AAPL?timeframe=1h", "/api/v1/coverage/AAPL"];

/// Megabytes that a process holds, by a line of its status.
pub fn memory(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let found = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    found.trim_start_matches(':').split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// One request on an open connection; whether it was answered 200.
async fn ask(stream: &mut TcpStream, path: &str, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    let host = stream.peer_addr()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    buffer.clear();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(&chunk[..read]);
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let whole = match length {
            Some(length) => buffer.len() >= end + 4 + length,
            None => buffer.ends_with(b"0\r\n\r\n"),
        };
        if whole {
            return Ok(head.starts_with("http/1.1 200"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_CONNECTIONS connections for BARKEEP_CHAOS_LOAD_SECONDS"]
async fn load() {
    let connections = setting("CONNECTIONS", 200) as usize;
    let seconds = setting("LOAD_SECONDS", 10);
    // Each client asks, waits, and asks again.
    let pause = Duration::from_millis(setting("LOAD_PAUSE_MS", 4_000));
    raise_open_files();
    let world = World::new(None, Duration::from_millis(100)).await;
    configure(&world.bench, &format!("api:\n  max_connections: {}\n", connections + 100));
    assert_eq!(world.settle().await, Tally::default());
    let served = Served::start(&world.bench).await;
    let pid = served.child.id().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = memory(pid, "VmRSS");
    let order =
        json!({"symbols": ["NVDA", "TSLA", "SPY"], "timeframes": ["5m"], "from": "2022-01-03", "to": "2024-03-29"});
    let answer = served.post("/api/v1/backfill", &order).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = format!("/api/v1/backfill/{}", answer.json()["job_id"].as_str().unwrap());

    let (errors, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let until = Instant::now() + Duration::from_secs(seconds);
    let addr = served.addr;
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..connections {
        let (errors, answered) = (Arc::clone(&errors), Arc::clone(&answered));
        clients.spawn(async move {
            let mut times = Vec::new();
            // Not all at one moment.
            tokio::time::sleep(pause * n as u32 / connections as u32).await;
            let Ok(mut stream) = TcpStream::connect(addr).await else {
                errors.fetch_add(1, Ordering::Relaxed);
                return times;
            };
            let (mut turn, mut buffer) = (n, Vec::new());
            while Instant::now() < until {
                let begun = Instant::now();
                match tokio::time::timeout(
                    Duration::from_secs(30),
                    ask(&mut stream, PATHS[turn % PATHS.len()], &mut buffer),
                )
                .await
                {
                    Ok(Ok(true)) => answered.fetch_add(1, Ordering::Relaxed),
                    other => {
                        if errors.fetch_add(1, Ordering::Relaxed) < 5 {
                            eprintln!(
                                "{}: {other:?}: {}",
                                PATHS[turn % PATHS.len()],
                                String::from_utf8_lossy(&buffer[..buffer.len().min(400)])
                            );
                        }
                        break;
                    }
                };
                times.push(begun.elapsed());
                turn += 1;
                tokio::time::sleep(pause).await;
            }
            times
        });
    }
    let mut times: Vec<Duration> = clients.join_all().await.into_iter().flatten().collect();
    times.sort_unstable();
    let loaded = memory(pid, "VmRSS");
    let peak = memory(pid, "VmHWM");
    // Once the backfill is over too, back within a minute: no more than a quarter above what it was.
    let patience = Instant::now() + Duration::from_mins(5);
    while ["queued", "running"].contains(&served.json(&job).await["status"].as_str().unwrap()) {
        assert!(Instant::now() < patience, "the backfill does not end");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let ended = Instant::now();
    let bound = before + before / 4 + 16;
    while memory(pid, "VmRSS") > bound && ended.elapsed() < Duration::from_mins(1) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (after, back) = (memory(pid, "VmRSS"), ended.elapsed().as_secs());
    let mut tally = Tally { unended: errors.load(Ordering::Relaxed), ..Tally::default() };
    tally += world.judge_unfinished().await;
    if served.stop().await != 0 {
        tally.unended += 1;
    }
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let answered = answered.load(Ordering::Relaxed);
    world.end().await;
    assert!(after <= bound, "{after} MB a minute after the load, {before} MB before");
    report(
        &format!(
            "load: {connections} connections for {seconds} s beside a backfill, {answered} answers, median {:.0} ms, p99 {:.0} \
             ms; memory {before} MB before, {peak} MB at most, {loaded} MB at its end, {after} MB {back} s later",
            at(0.5),
            at(0.99)
        ),
        tally,
    );
}

/// As many files as the system lets a process have.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}
