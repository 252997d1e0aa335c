//! The simulator seen from outside: over a socket, with an HTTP client of thirty lines.

mod bars;
mod endpoints;
mod faults;
mod flat_files;
mod names;
mod refusals;
mod script;
mod script_file;
mod truth;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use barkeep_base::clock::FixedClock;
use barkeep_market::testing::at;
use barkeep_market::ts::{DAY, HOUR, MINUTE};
use barkeep_market::{Timeframe, Ts};

async fn start(config: SimConfig) -> Sim {
    let clock = Arc::new(FixedClock::at(at("2025-06-18T15:02:30Z")));
    Sim::start(([127, 0, 0, 1], 0).into(), config, clock).await.unwrap()
}

/// A server whose clock the test sets.
struct Clocked {
    sim: Sim,
    clock: Arc<FixedClock>,
}

impl Clocked {
    /// With `script` as YAML.
    async fn start(script: &str) -> Self {
        let script = Script::parse(script, "script").unwrap();
        let clock = Arc::new(FixedClock::at(at("2025-06-18T15:02:30Z")));
        let config = SimConfig { script, ..SimConfig::default() };
        let sim = Sim::start(([127, 0, 0, 1], 0).into(), config, clock.clone()).await.unwrap();
        Self { sim, clock }
    }

    /// An answer at a time.
    async fn ask(&self, time: &str, target: &str) -> Got {
        self.clock.set(at(time));
        ask(&self.sim, target).await
    }

    async fn rows(&self, time: &str, target: &str) -> Vec<Value> {
        let got = self.ask(time, target).await;
        assert_eq!((got.status, &got.json()["status"]), (200, &Value::from("OK")), "{}", got.text());
        got.rows()
    }

    async fn times(&self, time: &str, target: &str) -> Vec<Ts> {
        self.rows(time, target).await.iter().map(|row| Ts(row["t"].as_i64().unwrap())).collect()
    }
}

/// An HTTP answer; `whole` says whether as many bytes came as were announced.
#[derive(Debug)]
struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
    whole: bool,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|h| h.1)
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.text()))
    }

    fn rows(&self) -> Vec<Value> {
        self.json()["results"].as_array().cloned().unwrap_or_default()
    }
}

async fn send(sim: &Sim, method: &str, target: &str, headers: &str, body: &str) -> std::io::Result<Got> {
    let mut tcp = TcpStream::connect(sim.addr).await?;
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        sim.addr,
        body.len()
    );
    tcp.write_all(request.as_bytes()).await?;
    let mut all = Vec::new();
    let read = tcp.read_to_end(&mut all).await;
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").ok_or(std::io::ErrorKind::ConnectionReset)?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut got =
        Got { status: head[9..12].parse().unwrap(), head, body: all[end + 4..].to_vec(), whole: read.is_ok() };
    let announced = got.header("content-length").and_then(|n| n.parse().ok());
    got.whole &= announced.is_none_or(|n: usize| n == got.body.len());
    Ok(got)
}

async fn ask(sim: &Sim, target: &str) -> Got {
    send(sim, "GET", target, "Authorization: Bearer key\r\n", "").await.unwrap()
}

fn range(ticker: &str, span: &str, from: &str, to: &str, limit: u32) -> String {
    format!("/v2/aggs/ticker/{ticker}/range/{span}/{from}/{to}?adjusted=false&sort=asc&limit={limit}")
}

/// Follows `next_url` to the end; all rows and the number of pages.
async fn chain(sim: &Sim, target: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut pages, mut target) = (Vec::new(), 0, target.to_owned());
    loop {
        let got = ask(sim, &target).await;
        assert_eq!(got.status, 200, "{}", got.text());
        rows.extend(got.rows());
        pages += 1;
        match got.json()["next_url"].as_str() {
            Some(next) => {
                assert!(!next.contains("key"), "{next}");
                target = next.strip_prefix(&sim.url()).expect("the host asked").to_owned();
            }
            None => return (rows, pages),
        }
    }
}

const CONTROL: &str = "/_sim/";

async fn control(sim: &Sim, method: &str, what: &str, body: &str) -> Got {
    send(sim, method, &format!("{CONTROL}{what}"), "", body).await.unwrap()
}
