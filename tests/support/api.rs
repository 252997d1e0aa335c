//! The API as its users meet it: the real binary on a free port, and a client that shares nothing with the server.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::bench::Bench;

/// A running service with its API.
pub struct Served {
    pub child: Child,
    pub addr: SocketAddr,
    /// Sent as a Bearer key when there is one.
    pub key: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as a problem, which must name its own status.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail", "instance"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            413 => "Content Too Large",
            414 => "URI Too Long",
            415 => "Unsupported Media Type",
            421 => "Misdirected Request",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            other => panic!("{other}: {problem}"),
        };
        assert_eq!(problem["title"], title, "{problem}");
        problem
    }
}

impl Served {
    /// Starts `run --headless` on a free port of this machine.
    pub async fn start(bench: &Bench) -> Self {
        Self::with(bench, &[]).await
    }

    pub async fn with(bench: &Bench, args: &[&str]) -> Self {
        let mut command = bench.command(&["run", "--headless"]);
        command.args(args);
        Self::by(command).await
    }

    /// Starts what a command says.
    pub async fn by(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let addr = loop {
            let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.expect("the API starts");
            let line = line.unwrap().unwrap_or_else(|| panic!("the service ended: {said}"));
            if let Some(url) = line.strip_prefix("API on http://") {
                break url.parse().unwrap();
            }
            said.push_str(&line);
        };
        // Read on, so that the service never waits for a full pipe.
        tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
        Self { child, addr, key: None }
    }

    pub async fn get(&self, path: &str) -> HttpResponse {
        self.send("GET", path, &[], "").await
    }

    /// A GET that must be answered with 200 and JSON.
    pub async fn json(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    pub async fn post(&self, path: &str, body: &Value) -> HttpResponse {
        self.send("POST", path, &[("Content-Type", "application/json")], &body.to_string()).await
    }

    /// One request on its own connection.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> HttpResponse {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            write!(head, "Host: {}\r\n", self.addr).unwrap();
        }
        if let Some(key) = &self.key {
            write!(head, "Authorization: Bearer {key}\r\n").unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        self.raw(format!("{head}\r\n{body}").as_bytes()).await
    }

    /// Bytes as they are; the answer up to the end of the connection.
    pub async fn raw(&self, bytes: &[u8]) -> HttpResponse {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        // The server may answer and close before all of it is taken.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await;
        let _ = read.expect("an answer within a minute");
        parse(&answer)
    }

    /// Ends the service by SIGTERM; says with which code.
    pub async fn stop(mut self) -> i32 {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await.expect("it stops").unwrap();
        status.code().unwrap_or(-1)
    }
}

pub fn parse(answer: &[u8]) -> HttpResponse {
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n");
    let split = split.unwrap_or_else(|| panic!("no HTTP answer: {:?}", String::from_utf8_lossy(answer)));
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(':').unwrap());
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
    let body = &answer[split + 4..];
    HttpResponse { status, headers, body: if chunked { unchunked(body) } else { body.to_vec() } }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        if size == 0 || rest.len() < at + 2 + size {
            break;
        }
        body.extend_from_slice(&rest[at + 2..at + 2 + size]);
        rest = &rest[at + 4 + size..];
    }
    body
}

/// An open event stream.
pub struct Events {
    stream: BufReader<TcpStream>,
}

impl Events {
    pub async fn open(served: &Served) -> Self {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        let key = served.key.as_ref().map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n{key}\r\n", served.addr);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert!(line.contains(" 200 "), "{line}");
        Self { stream }
    }

    /// The next event by name; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(Duration::from_secs(30), self.stream.read_line(&mut line)).await;
            if read.expect("an event within half a minute").unwrap_or(0) == 0 {
                return None;
            }
            if let Some(event) = line.strip_prefix("event: ") {
                event.trim_end().clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).unwrap()));
            }
        }
    }
}
