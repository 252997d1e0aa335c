//! What stands before the API: hosts, origins, keys, roles, sizes, times; against the real binary over TCP.

use std::process::Stdio;
use std::time::{Duration, Instant};

use barkeep::sim::SimConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::api::{Events, Served, parse};
use crate::support::bench::{Bench, configure};
use crate::support::databases::on_both;

async fn register(bench: &Bench) {
    let output = bench.run(&["symbols", "add", "AAPL", "BTC", "--timeframes", "1h,1d"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn create_key(bench: &Bench, args: &[&str]) -> String {
    let output = bench.run(&[&["keys", "create"], args].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Short history, no schedule of weight: the doors are what is tested.
fn little(bench: &Bench, more: &str) {
    configure(bench, &format!("backfill:\n  history: 3d\n{more}"));
}

/// Every operation of the document: method and path, with something plausible in place of parameters.
async fn operations(served: &Served) -> Vec<(String, String)> {
    let document = served.json("/openapi.json").await;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{symbol}", "AAPL").replace("{id}", "00000000-0000-4000-8000-000000000000");
        for method in item.as_object().unwrap().keys() {
            all.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(all.len() >= 27, "{all:?}");
    all
}

/// Waits until the service knows what another process did to the keys: a second, and a busy machine's delay.
async fn until_refused(served: &Served, headers: &[(&str, &str)]) {
    let begun = Instant::now();
    while served.send("GET", "/api/v1/status", headers, "").await.status != 401 {
        assert!(begun.elapsed() < Duration::from_secs(10), "still let in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

on_both!(without_a_key_nobody_passes_once_there_is_one, SimConfig::default());
async fn without_a_key_nobody_passes_once_there_is_one(bench: Bench) {
    little(&bench, "");
    register(&bench).await;
    let mut served = Served::start(&bench).await;
    // This machine is served while there is no key.
    assert_eq!(served.get("/api/v1/status").await.status, 200);
    let (reader, operator) =
        (create_key(&bench, &["reader"]).await, create_key(&bench, &["robot", "--role", "operate"]).await);
    assert!(reader.starts_with("bk_") && reader.len() == 67, "{reader}");
    until_refused(&served, &[]).await;
    let open = ["/", "/health", "/ready"];
    let mut bodies = std::collections::BTreeSet::new();
    for (method, path) in operations(&served).await {
        let reply = served.send(&method, &path, &[], "").await;
        if open.contains(&path.as_str()) {
            assert_eq!(reply.status, 200, "{path}");
            continue;
        }
        let mut problem = reply.problem(401);
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        problem.as_object_mut().unwrap().remove("instance");
        bodies.insert(problem.to_string());
        // Looking is allowed with `read`, nothing else.
        served.key = Some(reader.clone());
        let allowed = method == "GET" || path.starts_with("/api/v1/console/");
        if path != "/api/v1/events" {
            let status = served.send(&method, &path, &[], "").await.status;
            assert!((status == 403) != allowed && status != 401 && status < 500, "{method} {path}: {status}");
        }
        served.key = None;
    }
    // A wrong key and a revoked one are told the same as a missing one.
    for wrong in ["bk_0", &reader[..66], "nonsense with spaces"] {
        let reply = served.send("GET", "/api/v1/status", &[("Authorization", &format!("Bearer {wrong}"))], "").await;
        let mut problem = reply.problem(401);
        problem.as_object_mut().unwrap().remove("instance");
        bodies.insert(problem.to_string());
    }
    assert!(served.send("GET", "/api/v1/status", &[("X-API-Key", &reader)], "").await.status == 200);
    let revoked = bench.run(&["keys", "revoke", "reader"]).await;
    assert!(revoked.status.success());
    until_refused(&served, &[("X-API-Key", &reader)]).await;
    let reply = served.send("GET", "/api/v1/status", &[("X-API-Key", &reader)], "").await;
    let mut problem = reply.problem(401);
    problem.as_object_mut().unwrap().remove("instance");
    bodies.insert(problem.to_string());
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // Never in the address.
    assert_eq!(served.get(&format!("/api/v1/status?api_key={operator}")).await.status, 401);
    served.key = Some(operator.clone());
    served.send("POST", "/api/v1/admin/engine/pause", &[], "").await;
    let state = served.json("/api/v1/status").await["status"].clone();
    assert!(state == "paused" || state == "pausing", "{state}");
    assert_eq!(served.stop().await, 0);
    // Who did it is on record; the keys themselves are nowhere.
    let noted =
        "SELECT count(*) FROM operator_actions WHERE actor = 'api:robot' AND action = 'pause' AND result = 'ok'";
    assert_eq!(bench.count(noted).await, 1);
    let made = "SELECT count(*) FROM operator_actions WHERE action IN ('create_key', 'revoke_key') AND actor = 'cli'";
    assert_eq!(bench.count(made).await, 3);
    assert_eq!(bench.count("SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL").await, 2);
    assert_no_file_holds(&bench, &[&reader, &operator]);
    let list = bench.run(&["keys", "list"]).await;
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("robot") && list.contains("reader") && !list.contains(&operator[3..]), "{list}");
    let again = bench.run(&["keys", "create", "robot"]).await;
    assert_eq!(again.status.code(), Some(2));
}

/// Database, log and everything else under the bench's home.
fn assert_no_file_holds(bench: &Bench, secrets: &[&str]) {
    let mut dirs = vec![bench.dir.path().to_owned()];
    let mut files = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            files += 1;
            for secret in secrets {
                // Without the prefix, which may be cut off.
                let found = bytes.windows(64).any(|w| w == &secret.as_bytes()[3..67]);
                assert!(!found, "{} holds a key", entry.path().display());
            }
        }
    }
    assert!(files > 1, "nothing was looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_not_served_without_a_key() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "");
    for args in [&["--listen", "0.0.0.0:0"][..], &["--listen", "[::]:0"]] {
        let refused = bench.run(&[&["run", "--headless"], args].concat()).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("no API key") && said.contains("barkeep keys create"), "{said}");
    }
    little(&bench, "api:\n  hosts: [barkeep.example]\n");
    let refused = bench.run(&["run", "--headless"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("barkeep.example"), "{said}");
    little(&bench, "");
    let key = create_key(&bench, &["k"]).await;
    let mut served = Served::with(&bench, &["--listen", "0.0.0.0:0"]).await;
    served.addr.set_ip("127.0.0.1".parse().unwrap());
    assert_eq!(served.get("/api/v1/status").await.status, 401);
    served.key = Some(key);
    assert_eq!(served.get("/api/v1/status").await.status, 200);
    // A second one on the same port says so and touches nothing.
    let other = Bench::sqlite(SimConfig::default()).await;
    let taken = other.run(&["run", "--headless", "--listen", &served.addr.to_string()]).await;
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(taken.status.code() == Some(2) && said.contains("--listen"), "{said}");
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_off_listens_nowhere() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "api:\n  enabled: false\n");
    let path = bench.dir.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut command = bench.command(&["run", "--headless"]);
    command.env("NOTIFY_SOCKET", &path).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut message = [0; 64];
    let ready = tokio::time::timeout(Duration::from_secs(30), socket.recv(&mut message)).await;
    let read = ready.expect("it starts").unwrap();
    assert!(message[..read].starts_with(b"READY=1"));
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(!said.contains("API on"), "{said}");
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_are_limited() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "");
    create_key(&bench, &["k"]).await;
    let served = Served::start(&bench).await;
    let mut refused = 0;
    for _ in 0..100 {
        let reply = served.send("GET", "/api/v1/status", &[("X-API-Key", "bk_wrong")], "").await;
        match reply.status {
            401 => {}
            429 => {
                assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() <= 61);
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(refused, 90);
    assert_eq!(served.get("/health").await.status, 200, "what needs no key goes on");
    assert_eq!(served.get("/api/v1/status").await.status, 401, "a missing key is no try");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_reach_nothing() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "");
    register(&bench).await;
    let served = Served::start(&bench).await;
    let port = served.addr.port();
    for host in [
        "evil.com",
        &format!("evil.com:{port}"),
        &format!("localhost.evil.com:{port}"),
        &format!("127.0.0.1.nip.io:{port}"),
        &format!("localhost.:{port}"),
        &format!("0.0.0.0:{port}"),
        &format!("2130706433:{port}"),
        "localhost:1",
        "localhost",
        "",
    ] {
        served.send("GET", "/api/v1/status", &[("Host", host)], "").await.problem(421);
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("LOCALHOST:{port}")] {
        assert_eq!(served.send("GET", "/health", &[("Host", &host)], "").await.status, 200, "{host}");
    }
    let twice =
        format!("GET /health HTTP/1.1\r\nHost: {0}\r\nHost: evil.com\r\nConnection: close\r\n\r\n", served.addr);
    served.raw(twice.as_bytes()).await.problem(400);
    let absolute = format!("GET http://evil.com/health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.addr);
    served.raw(absolute.as_bytes()).await.problem(421);
    let none = "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n";
    served.raw(none.as_bytes()).await.problem(421);
    // What a page can send without asking first changes nothing.
    let pause = "/api/v1/admin/engine/pause";
    for headers in [
        &[("Origin", "http://evil.com")][..],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site"), ("Content-Type", "application/json")],
    ] {
        served.send("POST", pause, headers, "").await.problem(403);
    }
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"]
    {
        served.send("POST", pause, &[("Content-Type", kind)], "{}").await.problem(415);
    }
    served.send("POST", "/api/v1/backfill", &[], "{\"symbols\":[\"AAPL\"]}").await.problem(415);
    let looked = served.get(pause).await;
    looked.problem(405);
    assert_eq!(looked.header("allow"), Some("POST"));
    let preflight = [("Origin", "http://evil.com"), ("Access-Control-Request-Method", "POST")];
    let reply = served.send("OPTIONS", pause, &preflight, "").await;
    reply.problem(403);
    let own = format!("http://{}", served.addr);
    let reply = served.send("OPTIONS", pause, &[("Origin", &own)], "").await;
    reply.problem(405);
    assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "no CORS: {reply:?}");
    assert_ne!(served.json("/api/v1/status").await["status"], "paused");
    // The same from a page of our own.
    let own = [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(served.send("POST", pause, &own, "").await.status, 200);
    served.stop().await;
    assert_eq!(bench.count("SELECT count(*) FROM operator_actions WHERE action = 'pause'").await, 1);
    assert_eq!(bench.count("SELECT count(*) FROM operator_actions WHERE actor = 'api:loopback'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_early() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "");
    let served = Served::start(&bench).await;
    let head = |rest: &str| {
        format!(
            "POST /api/v1/backfill HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{rest}\r\n",
            served.addr
        )
    };
    // A hundred megabytes announced: refused before any of them is read.
    served.raw(head("Content-Length: 100000000\r\n").as_bytes()).await.problem(413);
    // The same without saying how much.
    let mut chunks = head("Transfer-Encoding: chunked\r\nConnection: close\r\n").into_bytes();
    for _ in 0..100 {
        chunks.extend_from_slice(format!("400\r\n{}\r\n", "x".repeat(0x400)).as_bytes());
    }
    served.raw(&chunks).await.problem(413);
    let long = format!("/api/v1/status?x={}", "y".repeat(9_000));
    served.get(&long).await.problem(414);
    let huge = format!("GET /health HTTP/1.1\r\nHost: {}\r\nX-Much: {}\r\n\r\n", served.addr, "z".repeat(40_000));
    assert_eq!(served.raw(huge.as_bytes()).await.status, 431);
    let many: Vec<String> = (0..1_000).map(|n| format!("p{n}=1")).collect();
    served.get(&format!("/api/v1/status?{}", many.join("&"))).await.problem(400);
    let symbols: Vec<String> = (0..101).map(|n| format!("S{n}")).collect();
    served.post("/api/v1/backfill", &json!({ "symbols": symbols })).await.problem(422);
    // Two lengths, or a length and chunks, could be read in two ways.
    for smuggled in ["Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: x\r\n"] {
        assert_eq!(served.raw(format!("{}hello!", head(smuggled)).as_bytes()).await.status, 400, "{smuggled}");
    }
    for bad in ["{", "[1,2", "\u{feff}{}", "{\"symbols\":[\"AAPL\"],}"] {
        let sent = [("Content-Type", "application/json")];
        served.send("POST", "/api/v1/backfill", &sent, bad).await.problem(400);
    }
    assert_eq!(served.get("/health").await.status, 200, "and it lives");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_hold_nobody_up_and_are_let_go() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "api:\n  max_connections: 40\n");
    let served = Served::start(&bench).await;
    let mut slow = Vec::new();
    for n in 0..30 {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        // Half a head, nothing at all, or one request and then silence.
        let some = match n % 3 {
            0 => format!("GET /health HTTP/1.1\r\nHost: {}\r\nX-", served.addr),
            1 => String::new(),
            _ => format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", served.addr),
        };
        stream.write_all(some.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(served.get("/health").await.status, 200);
    }
    // More than there may be are told so when they ask; beyond the limit a few may still ask whether it is alive.
    let mut crowd = Vec::new();
    for n in 0..24 {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        let path = if n % 2 == 0 { "/api/v1/status" } else { "/ready" };
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", served.addr);
        stream.write_all(head.as_bytes()).await.unwrap();
        crowd.push((path, stream));
    }
    let mut refused = 0;
    for (path, stream) in &mut crowd {
        let mut answer = vec![0; 16_384];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
        let status = parse(&answer[..read]).status;
        assert!(*path == "/api/v1/status" || status == 200, "{path}: {status}");
        refused += usize::from(status == 503);
    }
    assert!(refused >= 5, "{refused}");
    drop(crowd);
    // One more than all of them is told at once.
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(TcpStream::connect(served.addr).await.unwrap());
    }
    let mut answer = Vec::new();
    let last = idle.last_mut().unwrap();
    tokio::time::timeout(Duration::from_secs(5), last.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(parse(&answer).status, 503);
    drop(idle);
    // All of them are let go: the head took too long, or the connection rested too long.
    for stream in &mut slow {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "still open after half a minute");
    }
    // A body that never comes.
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    let head = format!(
        "POST /api/v1/backfill HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{{",
        served.addr
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut answer)).await.unwrap().unwrap();
    parse(&answer[..read]).problem(408);
    served.stop().await;
}

/// A shell gives 1,024 files, which is less than the connections that are served.
#[tokio::test(flavor = "multi_thread")]
async fn more_connections_are_served_than_there_were_files_for() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "api:\n  max_connections: 600\n");
    let service = bench.command(&["run", "--headless"]);
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "ulimit -Sn 200 && exec \"$0\" run --headless"]).arg(service.as_std().get_program());
    command.env_clear().current_dir(bench.dir.path());
    for (name, value) in service.as_std().get_envs() {
        command.env(name, value.unwrap());
    }
    let served = Served::by(command).await;
    let mut all = Vec::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        let head = format!("GET /api/v1/symbols HTTP/1.1\r\nHost: {}\r\n\r\n", served.addr);
        stream.write_all(head.as_bytes()).await.unwrap();
        all.push(stream);
    }
    for stream in &mut all {
        let mut answer = vec![0; 4_096];
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut answer)).await.unwrap().unwrap();
        assert_eq!(parse(&answer[..read]).status, 200);
    }
    drop(all);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_what_browsers_may_do_with_them() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "");
    let served = Served::start(&bench).await;
    for path in ["/health", "/nothing", "/api/v1/status", "/docs/"] {
        let reply = served.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    // The page and everything it loads come from here.
    let page = served.get("/docs/").await;
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    let text = page.text();
    assert!(!text.contains("//cdn") && !text.contains("https://"), "{text}");
    for file in text.split('"').filter(|part| part.starts_with("./")) {
        assert_eq!(served.get(&format!("/docs/{}", &file[2..])).await.status, 200, "{file}");
    }
    served.get("/docs/none.js").await.problem(404);
    // A line break in what was asked makes no second line in the log, and nothing odd comes back.
    let reply = served.get("/api/v1/coverage/A%0A2026%20INFO%20fake%1b%5b2J").await;
    let problem = reply.problem(422);
    assert!(problem["detail"].as_str().unwrap().chars().all(|c| !c.is_control()), "{problem}");
    served.get("/api/v1/coverage/%ff%fe").await.problem(400);
    served.stop().await;
}

on_both!(a_request_sent_again_happens_once, SimConfig::default());
async fn a_request_sent_again_happens_once(bench: Bench) {
    little(&bench, "");
    register(&bench).await;
    let served = Served::start(&bench).await;
    let body = json!({ "symbols": ["AAPL"], "from": "2026-01-05", "to": "2026-01-09" }).to_string();
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "one")];
    let send = || served.send("POST", "/api/v1/backfill", &headers, &body);
    let many = futures_util::future::join_all((0..30).map(|_| send())).await;
    let first = many[0].json();
    assert_eq!(many[0].status, 202, "{first}");
    for reply in &many {
        assert_eq!((reply.status, reply.json()), (202, first.clone()));
    }
    let replayed = many.iter().filter(|reply| reply.header("idempotent-replayed") == Some("true")).count();
    assert_eq!(replayed, 29);
    let other = body.replace("AAPL", "BTC");
    served.send("POST", "/api/v1/backfill", &headers, &other).await.problem(422);
    let wrong = [("Content-Type", "application/json"), ("Idempotency-Key", "sp ace")];
    served.send("POST", "/api/v1/backfill", &wrong, &body).await.problem(422);
    // What was refused may be tried again under its key.
    let second = [("Content-Type", "application/json"), ("Idempotency-Key", "two")];
    served.send("POST", "/api/v1/backfill", &second, &body.replace("2026-01-05", "2026-02-05")).await.problem(422);
    assert_eq!(served.send("POST", "/api/v1/backfill", &second, &other).await.status, 202);
    served.stop().await;
    // The answer outlives the process.
    let served = Served::start(&bench).await;
    let again = served.send("POST", "/api/v1/backfill", &headers, &body).await;
    assert_eq!((again.status, again.json()), (202, first));
    served.stop().await;
    let triggers = bench.count("SELECT count(*) FROM operator_actions WHERE action = 'trigger'").await;
    assert_eq!(triggers, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_idle_connections_hold_no_stop_up() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    little(&bench, "");
    register(&bench).await;
    let served = Served::start(&bench).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut events = Events::open(&served).await;
        let (name, first) = loop {
            let event = events.next().await.unwrap();
            if event.0 == "snapshot" {
                break event;
            }
        };
        assert_eq!(name, "snapshot");
        assert!(first["live"]["state"].is_string() && first["data"]["series"].is_array(), "{first}");
        streams.push(events);
    }
    let mut idle = TcpStream::connect(served.addr).await.unwrap();
    let mut half = TcpStream::connect(served.addr).await.unwrap();
    half.write_all(b"GET /hea").await.unwrap();
    let begun = Instant::now();
    assert_eq!(served.stop().await, 0);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    for mut events in streams {
        while events.next().await.is_some() {}
    }
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_seen_as_it_happens() {
    let config = SimConfig { latency: Duration::from_millis(100), ..SimConfig::default() };
    let bench = Bench::sqlite(config).await;
    little(&bench, "");
    let served = Served::start(&bench).await;
    let mut events = Events::open(&served).await;
    let started = served.post("/api/v1/backfill", &json!({ "symbols": ["AAPL"], "timeframes": ["1d"] })).await;
    let id = started.json()["job_id"].as_str().unwrap().to_owned();
    let (mut ran, mut data, mut seq) = (false, 0, 0);
    let ended = loop {
        let (name, event) = events.next().await.expect("the stream goes on");
        if name == "hello" {
            assert_eq!(event, json!({ "access": "operate" }));
            continue;
        }
        if name != "snapshot" {
            assert!(event["text"].is_string() && event["level"].is_string(), "{event}");
            continue;
        }
        assert!(event["seq"].as_u64().unwrap() > seq, "{seq} {}", event["seq"]);
        seq = event["seq"].as_u64().unwrap();
        data += u32::from(event.get("data").is_some());
        let runs = event["live"]["runs"].as_array().unwrap();
        ran |= runs.iter().any(|run| run["execution_id"] == id.as_str());
        let executions = event["data"]["executions"].as_array().cloned().unwrap_or_default();
        let row = executions.into_iter().find(|row| row["execution_id"] == id.as_str());
        if let Some(row) = row.filter(|row| row["completed_at"].is_string()) {
            break row;
        }
    };
    assert!(ran, "the run was never shown");
    assert!(data >= 2);
    assert_eq!(ended["status"], "completed", "{ended}");
    let snapshot: Value = served.json("/api/v1/snapshot").await;
    assert!(
        snapshot["series"].as_array().unwrap().iter().any(|s| s["symbol"] == "AAPL" && s["bars"] != 0),
        "{snapshot}"
    );
    served.stop().await;
}
