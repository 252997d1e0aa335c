//! What `contrib/` has for Prometheus and Grafana, and the metrics it builds on: every name exists, and a real Prometheus
//! takes the metrics, loads the rules and has an answer for every panel.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use barkeep::alerts::conditions::Kind;
use barkeep::sim::SimConfig;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::support::api::Served;
use crate::support::bench::{Bench, configure};
use crate::support::http;

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(contrib(name)).unwrap()
}

/// Every query of the dashboard, its variables filled in.
fn panels() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| collect(value, found));
            }
            Value::Array(all) => all.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(&read("grafana/barkeep.json")).unwrap(), &mut found);
    let filled =
        |expr: String| expr.replace("$job", "barkeep").replace("$instance", ".*").replace("$__rate_interval", "1m");
    found.into_iter().map(filled).collect()
}

/// Metrics that a text names, as samples.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("barkeep_") || word.starts_with("process_")).collect()
}

/// A service that has fetched something.
async fn busy(bench: &Bench) -> Served {
    configure(bench, "backfill:\n  history: 3d\nalerts:\n  check_every: 1s\n");
    let output = bench.run(&["symbols", "add", "BTC", "--timeframes", "1h,1d"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Served::start(bench).await
}

/// A metric's samples, by their labels as they are written.
fn samples<'a>(text: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let of = |line: &'a str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        let (labels, value) = rest.rsplit_once(' ')?;
        Some((labels, value.parse().ok()?))
    };
    text.lines().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_rules_name_metrics_that_exist() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let served = busy(&bench).await;
    // A request has to be answered before requests are counted.
    served.get("/metrics").await;
    let text = served.get("/metrics").await.text();
    let there: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    for file in ["grafana/barkeep.json", "prometheus/barkeep.rules.yml", "prometheus/barkeep.rules.test.yml"] {
        let whole = read(file);
        let wanted = named(&whole);
        assert!(wanted.len() >= 10, "{file} names only {wanted:?}");
        let missing: Vec<_> = wanted.difference(&there).collect();
        assert!(missing.is_empty(), "{file} names metrics that do not exist: {missing:?}");
    }
    assert!(panels().len() > 30);
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_answer_what_an_operator_asks() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let served = busy(&bench).await;
    // The first backfill, and whatever the schedule begins beside it.
    let begun = Instant::now();
    let text = loop {
        let text = served.get("/metrics").await.text();
        let completed = samples(&text, "barkeep_executions_ended_total")
            .iter()
            .any(|(labels, n)| *labels == r#"{status="completed"}"# && *n > 0.0);
        let open: f64 = samples(&text, "barkeep_executions_open").iter().map(|(_, n)| n).sum();
        if completed && open == 0.0 && samples(&text, "barkeep_bars") == samples(&text, "barkeep_bars_written_total") {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let one = |name: &str| match samples(&text, name).as_slice() {
        [("", value)] => *value,
        other => panic!("{name}: {other:?}"),
    };
    let sum = |name: &str| samples(&text, name).iter().map(|(_, n)| n).sum::<f64>();
    let stored = bench.count("SELECT count(*) FROM bars").await as f64;
    assert!(stored > 0.0 && one("barkeep_bars") == stored, "{text}");
    assert_eq!(sum("barkeep_series"), 2.0, "{text}");
    assert_eq!(sum("barkeep_rpo_breaches"), 0.0, "{text}");
    assert_eq!(samples(&text, "barkeep_rpo_seconds").len(), 3, "{text}");
    assert!(one("barkeep_vendor_requests_total") > 0.0, "{text}");
    assert_eq!(sum("barkeep_vendor_faults_total"), 0.0, "{text}");
    assert_eq!(samples(&text, "barkeep_vendor_faults_total").len(), 10, "{text}");
    // The state of the engine is one of six; each kind of alert is there before one is open.
    assert_eq!((sum("barkeep_engine_state"), samples(&text, "barkeep_engine_state").len()), (1.0, 6), "{text}");
    assert_eq!((sum("barkeep_alerts"), one("barkeep_alerts_open")), (0.0, 0.0), "{text}");
    assert_eq!(samples(&text, "barkeep_alerts").len(), Kind::ALL.len(), "{text}");
    let last = bench.count("SELECT MAX(completed_at) / 1000 FROM scheduler_execution_log").await as f64;
    assert_eq!(one("barkeep_last_success_timestamp_seconds"), last);
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        assert!(one(name) > 0.0, "{name}: {text}");
    }
    assert!(one("process_start_time_seconds") > 1.7e9, "{text}");
    assert_eq!(samples(&text, "barkeep_build_info").len(), 1, "{text}");
    assert_eq!(served.stop().await, 0);
}

/// A key refused, and 429: each is counted under its class, and the alert it raises under its kind.
#[tokio::test(flavor = "multi_thread")]
async fn faults_and_alerts_are_counted_by_kind() {
    let config = SimConfig { keys: Some(vec!["another-key".to_owned()]), ..SimConfig::default() };
    let bench = Bench::sqlite(config).await;
    let served = busy(&bench).await;
    let begun = Instant::now();
    loop {
        let text = served.get("/metrics").await.text();
        let of = |name: &str, labels: &str| samples(&text, name).iter().find(|(l, _)| *l == labels).map(|(_, n)| *n);
        let auth = of("barkeep_vendor_faults_total", r#"{class="auth"}"#);
        let ended = of("barkeep_executions_ended_total", r#"{status="failed"}"#);
        let alert = of("barkeep_alerts", r#"{kind="vendor_key_refused"}"#);
        let state = of("barkeep_engine_state", r#"{state="failed"}"#);
        if auth > Some(0.0) && ended > Some(0.0) && alert == Some(1.0) && state == Some(1.0) {
            let by_kind: f64 = samples(&text, "barkeep_alerts").iter().map(|(_, n)| n).sum();
            assert_eq!(samples(&text, "barkeep_alerts_open"), [("", by_kind)], "{text}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{auth:?} {ended:?} {alert:?} {state:?} in {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    served.stop().await;
}

fn promtool(args: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(args)
        .current_dir(contrib("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {args:?}: {said}");
    // What it has against metrics it only says.
    assert!(args != ["check", "metrics"] || said.trim().is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_prometheus, ignore = "needs Prometheus: apt-get install prometheus")]
async fn promtool_has_nothing_against_metrics_and_rules() {
    promtool(&["check", "config", "prometheus.yml"], "");
    promtool(&["check", "rules", "barkeep.rules.yml"], "");
    promtool(&["test", "rules", "barkeep.rules.test.yml"], "");
    let bench = Bench::sqlite(SimConfig::default()).await;
    let served = busy(&bench).await;
    served.get("/metrics").await;
    let plain = served.get("/metrics").await;
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    promtool(&["check", "metrics"], &plain.text());
    assert_eq!(served.stop().await, 0);
}

/// A Prometheus of its own, as the files in `contrib/` set it up.
struct Prometheus {
    addr: SocketAddr,
    child: std::process::Child,
}

impl Prometheus {
    fn start(bench: &Bench, served: &Served, key: &str) -> Self {
        let dir = bench.dir.path().join("prometheus");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::copy(contrib("prometheus/barkeep.rules.yml"), dir.join("barkeep.rules.yml")).unwrap();
        std::fs::write(dir.join("barkeep.key"), key).unwrap();
        let ours = read("prometheus/prometheus.yml");
        let config = ours.replace("127.0.0.1:8000", &served.addr.to_string()).replace("15s", "1s").replace(
            "    # authorization:\n    #   credentials_file: /etc/prometheus/",
            "    authorization:\n      credentials_file: ",
        );
        assert!(config.contains("\n    authorization:\n      credentials_file: barkeep.key\n"), "{config}");
        std::fs::write(dir.join("prometheus.yml"), config).unwrap();
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={addr}"))
            .current_dir(&dir)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { addr, child }
    }

    async fn ready(&self) {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(self.addr).await.is_err()
            || http::send(self.addr, "GET", "/-/ready", "", "").await.0 != 200
        {
            assert!(begun.elapsed() < Duration::from_mins(1), "Prometheus does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a query gives; an error of its syntax fails the test.
    async fn query(&self, expr: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", byte_serialize(expr.as_bytes()).collect::<String>());
        let (status, body) = http::send(self.addr, "GET", &path, "", "").await;
        assert_eq!(status, 200, "{expr}: {}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["data"]["result"].as_array().unwrap().clone()
    }

    async fn until(&self, expr: &str) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let result = self.query(expr).await;
            if !result.is_empty() {
                return result;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{expr} has no answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_prometheus, ignore = "needs Prometheus: apt-get install prometheus")]
async fn a_real_prometheus_loads_the_rules_and_answers_the_dashboard() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let output = bench.run(&["keys", "create", "prometheus"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let served = busy(&bench).await;
    let prometheus = Prometheus::start(&bench, &served, &String::from_utf8(output.stdout).unwrap());
    prometheus.ready().await;
    prometheus.until(r#"up{job="barkeep"} == 1"#).await;
    prometheus.until("barkeep_last_success_timestamp_seconds > 0").await;
    // Rates need two scrapes, and the first is counted in the second.
    prometheus.until("rate(barkeep_http_requests_total[1m])").await;
    for expr in panels() {
        let result = prometheus.query(&expr).await;
        assert!(!result.is_empty() || expr.contains("> 0"), "no data for {expr}");
    }
    // Each rule was evaluated and has nothing to complain of.
    let begun = Instant::now();
    let rules = loop {
        let answer = http::get_json(prometheus.addr, "/api/v1/rules", "").await;
        let rules = answer["data"]["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
        if !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok") {
            break rules;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(rules.len() >= 15, "{rules:?}");
    assert!(prometheus.query("ALERTS").await.is_empty(), "a service that is well raises nothing");
    assert_eq!(served.stop().await, 0);
    prometheus.until(r#"ALERTS{alertname="BarkeepDown",alertstate="pending"}"#).await;
}
