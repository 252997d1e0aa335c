//! The operations, each by the real program in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::market::ts::MINUTE;

use crate::fill::{BEHIND, PAGED, settle, symbol};

/// In the order of [`Times`].
pub(crate) const OPERATIONS: [&str; 8] = [
    "(a program that only starts)",
    "status",
    "staleness",
    "plan, 10 series behind",
    "run, 10 series behind",
    "run, nothing due",
    "start of the service",
    "page of 500 bars",
];
pub(crate) type Times = [Duration; OPERATIONS.len()];

/// Commands that change nothing are timed so often; the median counts.
const ROUNDS: usize = 3;
/// Features have a benchmark of their own: the fill leaves them out, and a run would compute those of every bar.
const CONFIG: &str = "growth.yaml";
const SETTINGS: &str = "features:\n  enabled: false\n";

fn barkeep(home: &Path, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command
        .args(args)
        .args(["--simulated", "--rate-limit", "unlimited", "--database-url", url, "--config", CONFIG])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("TMPDIR", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How long a command takes. Exit code 1 is an answer too: something is stale, or behind.
fn timed(home: &Path, url: &str, args: &[&str]) -> Duration {
    let start = Instant::now();
    let output = barkeep(home, url, args).output().unwrap();
    let took = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {said}");
    took
}

/// The service; ended when dropped.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The service and its address, and how long it took until it answered.
fn service(home: &Path, url: &str) -> (Service, SocketAddr, Duration) {
    let start = Instant::now();
    let child = barkeep(home, url, &["run", "--headless", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut service = Service(child);
    let mut lines = BufReader::new(service.0.stderr.take().unwrap()).lines();
    let addr = lines
        .find_map(|line| line.ok()?.strip_prefix("API on http://").and_then(|addr| addr.trim().parse().ok()))
        .expect("the service listens");
    std::thread::spawn(move || lines.for_each(drop));
    get(addr, "/ready");
    (service, addr, start.elapsed())
}

fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    answer
}

/// Pages of different series, before the newest bars, none of them asked before.
fn pages(addr: SocketAddr) -> Duration {
    let before = SystemClock.now() - 1_200 * MINUTE;
    let page = |k| {
        let symbol = symbol(BEHIND + k);
        let path = format!("/api/v1/historical/{symbol}?timeframe=1m&limit=500&adjusted=false&before={before}");
        let start = Instant::now();
        let answer = get(addr, &path);
        assert!(answer.contains("\"count\":500"), "{}", answer.chars().take(1_000).collect::<String>());
        start.elapsed()
    };
    median((0..PAGED).map(page).collect())
}

pub(crate) async fn measure(home: &Path, url: &str) -> Times {
    std::fs::write(home.join(CONFIG), SETTINGS).unwrap();
    let often = |args: &[&str]| median((0..ROUNDS).map(|_| timed(home, url, args)).collect());
    let nothing = often(&["config", "path"]);
    let status = often(&["status", "--json"]);
    let staleness = often(&["staleness", "--json"]);
    let plan = often(&["plan", "--all", "--json"]);
    let behind = timed(home, url, &["backfill", "--all"]);
    settle(url).await;
    let idle = timed(home, url, &["backfill", "--all"]);
    let (_service, addr, start) = service(home, url);
    let page = pages(addr);
    [nothing, status, staleness, plan, behind, idle, start, page]
}
