//! What the API says: reports equal to plain SQL whatever happens, pages of bars and features, jobs, symbols; against the
//! real binary.

use std::time::{Duration, Instant};

use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::sim::{FaultRule, SimConfig};
use serde_json::{Value, json};

use crate::support::api::{Events, Served};
use crate::support::bench::{Bench, Database, configure};
use crate::support::databases::on_both;
use crate::support::postgres::Cluster;

fn date(days_ago: i64) -> String {
    (SystemClock.now() - days_ago * 86_400_000).utc_date().to_string()
}

/// A history of ten days, quick retries.
fn settle(bench: &Bench) {
    configure(
        bench,
        "backfill:\n  history: 10d\nvendor:\n  backoff_base: 10ms\n  backoff_cap: 50ms\n  read_timeout: 2s\n",
    );
}

async fn register(bench: &Bench, symbols: &[&str]) {
    let args = [&["symbols", "add"], symbols, &["--timeframes", "5m,1h,1d"]].concat();
    let output = bench.run(&args).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until a path's answer is as wanted; half a minute at most.
async fn until(served: &Served, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let reply = served.get(path).await;
        if reply.status == 200 && wanted(&reply.json()) {
            return reply.json();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{path}: {}", reply.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn sql(bench: &Bench, text: String) -> i64 {
    bench.count(Box::leak(text.into_boxed_str())).await
}

fn epoch(bench: &Bench, column: &str) -> String {
    match bench.database {
        Database::Sqlite(_) => column.to_owned(),
        Database::Postgres(_) => format!("(extract(epoch FROM {column}) * 1000)::bigint"),
    }
}

fn ms(time: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().timestamp_millis()
}

const HEALTH: &str = "/api/v1/admin/scheduler-health";
const STALENESS: &str = "/api/v1/admin/features/staleness";
const HISTORY: &str = "/api/v1/admin/scheduler/execution-history";

/// Every report must answer, and agree with the tables.
async fn assert_reports(bench: &Bench, served: &Served) -> (Value, Value, Value) {
    let (health, staleness) = (served.json(HEALTH).await, served.json(STALENESS).await);
    let history = served.json(&format!("{HISTORY}?limit=100")).await;
    let summary = &staleness["summary"];
    let total = bench.count("SELECT count(*) FROM series").await;
    let tiers = ["fresh", "aging", "stale", "missing", "unknown", "loading", "ended"];
    let counted: i64 = tiers.iter().map(|tier| summary[format!("{tier}_count")].as_i64().unwrap()).sum();
    assert_eq!((counted, summary["total_monitored"].as_i64().unwrap()), (total, total), "{summary}");
    for tier in tiers {
        let rows = staleness["by_status"][tier].as_array().unwrap();
        assert_eq!(rows.len() as i64, summary[format!("{tier}_count")].as_i64().unwrap().min(50), "{tier}");
        for row in rows {
            let of = format!(
                "symbol = '{}' AND timeframe = '{}'",
                row["symbol"].as_str().unwrap(),
                row["timeframe"].as_str().unwrap()
            );
            let bars =
                sql(bench, format!("SELECT count(*) FROM bars WHERE series_id = (SELECT id FROM series WHERE {of})"))
                    .await;
            if row["data_point_count"].as_i64().unwrap() != bars {
                // A run is writing: the report must be one that was true a moment ago.
                assert!(row["data_point_count"].as_i64().unwrap() < bars, "{row}");
            }
            let ageless = row["newest_bar"].is_null() || matches!(tier, "loading" | "ended");
            assert_eq!(ageless, row["staleness_seconds"].is_null(), "{row}");
        }
    }
    let active = bench.count("SELECT count(*) FROM symbols WHERE active").await;
    assert_eq!(health["total_symbols_monitored"], active);
    if history["executions"].as_array().unwrap().iter().all(|row| row["status"] != "running") {
        assert_eq!(health["stale_features_count"], summary["stale_count"]);
    }
    for row in history["executions"].as_array().unwrap() {
        let rate = &row["success_rate"];
        let known = row["completed_at"].is_string() && row["total_symbols"] != 0;
        assert_eq!(rate.is_number(), known, "{row}");
        ms(&row["started_at"]);
    }
    for report in [&health, &staleness, &history] {
        ms(&report["timestamp"]);
    }
    (health, staleness, history)
}

on_both!(reports_of_nothing_are_reports, SimConfig::default());
async fn reports_of_nothing_are_reports(bench: Bench) {
    settle(&bench);
    let served = Served::start(&bench).await;
    let (health, staleness, history) = assert_reports(&bench, &served).await;
    assert_eq!((&health["status"], &health["last_execution"]), (&json!("unknown"), &Value::Null));
    assert_eq!((&health["recent_failures"], &history["executions"]), (&json!([]), &json!([])));
    assert_eq!(staleness["summary"]["total_monitored"], 0);
    assert_eq!(served.json("/api/v1/symbols").await["symbols"], json!([]));
    assert_eq!(served.json("/api/v1/symbols/detailed").await["count"], 0);
    assert_eq!(served.json("/api/v1/status").await["database"]["latest_data"], Value::Null);
    assert_eq!(served.json("/api/v1/backfill/recent").await["jobs"], json!([]));
    let problem = served.get("/api/v1/features/quant/AAPL").await.problem(404);
    assert_eq!(problem["parameter"], "symbol");
    for (path, parameter) in [
        (format!("{STALENESS}?limit=0"), "limit"),
        (format!("{STALENESS}?limit=501"), "limit"),
        (format!("{HISTORY}?limit=101"), "limit"),
        (format!("{HEALTH}?limit=1"), "limit"),
        ("/api/v1/features/quant/AAPL?timeframe=2h".to_owned(), "timeframe"),
        ("/api/v1/features/quant/AAPL?limit=10001".to_owned(), "limit"),
        ("/api/v1/features/quant/AAPL?start=yesterday".to_owned(), "start"),
        ("/api/v1/features/quant/AAPL?start=2026-02-02&end=2026-02-01".to_owned(), "start"),
        ("/api/v1/historical/AAPL?min_quality=2".to_owned(), "min_quality"),
        ("/api/v1/historical/AAPL?adjusted=maybe".to_owned(), "adjusted"),
        ("/api/v1/historical/AAPL?adjust=all".to_owned(), "adjust"),
        ("/api/v1/historical/AAPL?adjust=total&adjusted=true".to_owned(), "adjusted"),
        ("/api/v1/backfill/x7".to_owned(), "path"),
    ] {
        let problem = served.get(&path).await.problem(422);
        assert_eq!(problem["parameter"], parameter, "{path}");
    }
    assert_eq!(served.stop().await, 0);
}

on_both!(
    reports_equal_the_tables_during_a_run_and_after_a_crash,
    SimConfig { latency: Duration::from_millis(400), base_limit: 1_000, ..SimConfig::default() }
);
async fn reports_equal_the_tables_during_a_run_and_after_a_crash(bench: Bench) {
    settle(&bench);
    register(&bench, &["AAPL", "BTC"]).await;
    let mut served = Served::start(&bench).await;
    // While it runs.
    until(&served, HISTORY, |history| {
        history["executions"].as_array().unwrap().iter().any(|row| row["status"] == "running")
    })
    .await;
    let (_, _, history) = assert_reports(&bench, &served).await;
    let running = history["executions"].as_array().unwrap().iter().find(|row| row["status"] == "running").cloned();
    if let Some(running) = running {
        assert_eq!((&running["completed_at"], &running["crashed"]), (&Value::Null, &json!(false)));
        let job = served.json(&format!("/api/v1/backfill/{}", running["execution_id"].as_str().unwrap())).await;
        assert!(job["progress_pct"].as_f64().unwrap() <= 100.0, "{job}");
    }
    bench.until_asked(4).await;
    served.child.kill().await.unwrap();
    let left = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'").await;
    assert!(left > 0, "nothing was running");
    // The next process.
    let served = Served::start(&bench).await;
    assert_reports(&bench, &served).await;
    until(&served, STALENESS, |report| report["summary"]["fresh_count"] == 6).await;
    until(&served, HISTORY, |h| h["executions"].as_array().unwrap().iter().all(|row| row["status"] != "running")).await;
    let (health, staleness, history) = assert_reports(&bench, &served).await;
    assert_eq!(
        history["executions"].as_array().unwrap().len() as i64,
        bench.count("SELECT count(*) FROM scheduler_execution_log").await
    );
    assert_eq!(health["last_execution"]["execution_id"], history["executions"][0]["execution_id"]);
    for row in staleness["by_status"]["fresh"].as_array().unwrap() {
        let of = format!(
            "series_id = (SELECT id FROM series WHERE symbol = '{}' AND timeframe = '{}')",
            row["symbol"].as_str().unwrap(),
            row["timeframe"].as_str().unwrap()
        );
        let newest = sql(&bench, format!("SELECT {} FROM bars WHERE {of}", epoch(&bench, "MAX(ts)"))).await;
        assert_eq!(ms(&row["newest_bar"]), newest, "{row}");
        assert_eq!(row["data_point_count"], sql(&bench, format!("SELECT count(*) FROM bars WHERE {of}")).await);
    }
    let crashed: Vec<&Value> =
        history["executions"].as_array().unwrap().iter().filter(|row| row["crashed"] == true).collect();
    assert_eq!(crashed.len(), 0, "rows of the dead process were closed: {crashed:?}");
    let status = served.json("/api/v1/status").await;
    assert_eq!(status["database"]["total_records"], bench.count("SELECT count(*) FROM bars").await);
    assert_eq!(served.stop().await, 0);
}

/// All rows of a series, page by page along `next`.
async fn walk(served: &Served, first: &str, rows: &str) -> (Vec<Value>, usize) {
    let (mut all, mut pages, mut path) = (Vec::new(), 0, first.to_owned());
    loop {
        let reply = served.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let page = reply.json();
        let these = page[rows].as_array().unwrap().clone();
        assert!(these.windows(2).all(|w| ms(&w[0]["time"]) < ms(&w[1]["time"])), "rows ascend");
        all = [these, all].concat();
        pages += 1;
        match page["next"].as_str() {
            Some(next) => {
                assert_eq!(reply.header("link"), Some(format!("<{next}>; rel=\"next\"").as_str()));
                next.clone_into(&mut path);
            }
            None => return (all, pages),
        }
    }
}

on_both!(pages_hold_every_row_once_and_the_right_values, SimConfig::default());
async fn pages_hold_every_row_once_and_the_right_values(bench: Bench) {
    settle(&bench);
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "1h,1d", "--from", &date(120)]).await;
    assert_eq!(code, 0, "{summary}");
    // Nothing is fetched meanwhile.
    for symbol in ["AAPL", "BTC"] {
        assert!(bench.run(&["symbols", "set", symbol, "--active=false"]).await.status.success());
    }
    let store = barkeep::store::open(&bench.database.url(), false).await.unwrap();
    let paid = barkeep::market::testing::dividend(date(30).parse().unwrap(), 1.0);
    store.put_dividends(&[("AAPL".parse().unwrap(), vec![paid])], barkeep::market::Ts(0)).await.unwrap();
    store.close().await;
    let served = Served::start(&bench).await;
    for (symbol, tf) in [("AAPL", "1d"), ("BTC", "1h"), ("AAPL", "1h")] {
        let own: Value = {
            let output = bench.run(&["features", symbol, "--timeframe", tf, "--limit", "100000", "--json"]).await;
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let own = own.as_array().unwrap();
        let base = format!("/api/v1/features/quant/{symbol}?timeframe={tf}");
        for limit in [7, 500, 10_000] {
            let (all, pages) = walk(&served, &format!("{base}&limit={limit}"), "features").await;
            assert_eq!(all.len(), own.len(), "{symbol} {tf} {limit}");
            assert_eq!(pages, own.len().div_ceil(limit).max(1));
            for (got, want) in all.iter().zip(own) {
                for (key, value) in want.as_object().unwrap() {
                    assert_eq!(&got[key], value, "{symbol} {tf} {key} {got}");
                }
                assert!(got["open"].is_number() && got["quality_score"].is_number(), "{got}");
            }
        }
        let bars: Value = {
            let output = bench.run(&["bars", symbol, "--timeframe", tf, "--json"]).await;
            serde_json::from_slice(&output.stdout).unwrap()
        };
        for limit in [11, 1_000] {
            let (all, _) =
                walk(&served, &format!("/api/v1/historical/{symbol}?timeframe={tf}&limit={limit}"), "data").await;
            assert_eq!(all.len(), bars.as_array().unwrap().len());
            for (got, want) in all.iter().zip(bars.as_array().unwrap()) {
                for key in ["time", "open", "high", "low", "close", "volume", "vwap", "trades", "quality_score"] {
                    assert_eq!(got[key], want[key], "{symbol} {tf} {key}");
                }
            }
        }
        // A range in the middle, by days, both ends included.
        let (from, to) = (date(60), date(50));
        let (some, _) = walk(&served, &format!("{base}&start={from}&end={to}&limit=5"), "features").await;
        let class_zone = if symbol == "BTC" { 0 } else { 5 * 3_600_000 };
        let start = chrono::NaiveDate::parse_from_str(&from, "%Y-%m-%d").unwrap().and_hms_opt(0, 0, 0).unwrap();
        assert!(!some.is_empty());
        assert!(ms(&some[0]["time"]) >= start.and_utc().timestamp_millis() + class_zone - 3_600_000);
        let inside = |row: &&Value| {
            let t = ms(&row["time"]);
            t >= ms(&some[0]["time"]) && t <= ms(&some[some.len() - 1]["time"])
        };
        assert_eq!(own.iter().filter(inside).count(), some.len(), "nothing is left out in between");
        // Nothing lies before the first row; that is an answer, not an error.
        let early = served.json(&format!("{base}&end=1999-12-31")).await;
        assert_eq!((&early["records_returned"], &early["next"]), (&json!(0), &Value::Null));
    }
    // Raw and filtered bars.
    let raw = served.json("/api/v1/historical/AAPL?adjusted=false&limit=3").await;
    assert_eq!((&raw["adjusted_as_of"], &raw["count"]), (&Value::Null, &json!(3)));
    let none = served.json("/api/v1/historical/AAPL?adjust=none&limit=3").await;
    assert_eq!((&none["adjusted_as_of"], &none["data"]), (&Value::Null, &raw["data"]));
    let (splits, _) = walk(&served, "/api/v1/historical/AAPL?adjust=splits&limit=20", "data").await;
    let (total, pages) = walk(&served, "/api/v1/historical/AAPL?adjust=total&limit=20", "data").await;
    assert!(pages > 1, "the link to the next page keeps the terms");
    let closes = |rows: &[Value]| -> Vec<f64> { rows.iter().map(|row| row["close"].as_f64().unwrap()).collect() };
    let (splits, total) = (closes(&splits), closes(&total));
    let last = splits.len() - 1;
    assert!(total[0] < splits[0] && total[last] == splits[last], "{} {}", total[0], splits[0]);
    let poor = sql(&bench, "SELECT count(*) FROM bars WHERE quality_score >= 0.95 AND series_id = (SELECT id FROM series WHERE symbol = 'BTC' AND timeframe = '1h')".to_owned()).await;
    let (good, _) = walk(&served, "/api/v1/historical/BTC?timeframe=1h&min_quality=0.95&limit=100", "data").await;
    assert_eq!(good.len() as i64, poor);
    assert!(good.iter().all(|bar| bar["quality_score"].as_f64().unwrap() >= 0.95));
    assert_eq!(served.stop().await, 0);
}

/// The value of a metric, 0 when it is not there.
async fn metric(served: &Served, name: &str) -> f64 {
    let text = served.get("/metrics").await.text();
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

on_both!(symbols_of_another_process_are_seen_within_seconds, SimConfig::default());
async fn symbols_of_another_process_are_seen_within_seconds(bench: Bench) {
    settle(&bench);
    let served = Served::start(&bench).await;
    // What somebody sees who watches; a question of its own would have everything read again.
    let mut events = Events::open(&served).await;
    let mut symbols = async |wanted: u64| {
        let begun = Instant::now();
        loop {
            let (_, event) = events.next().await.expect("the stream stays open");
            if event["data"]["symbols_total"].as_u64() == Some(wanted) {
                return begun.elapsed();
            }
        }
    };
    symbols(0).await;
    // Nothing but looking brings the next reading before half a minute is over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(bench.run(&["symbols", "add", "BTC", "--timeframes", "1d"]).await.status.success());
    let took = symbols(1).await;
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert_eq!(served.stop().await, 0);
}

on_both!(a_page_is_kept_and_never_older_than_the_series, SimConfig::default());
async fn a_page_is_kept_and_never_older_than_the_series(bench: Bench) {
    settle(&bench);
    let begin = date(40);
    let (code, _) = bench.backfill(&["BTC", "--timeframes", "1h", "--from", &begin, "--to", &date(20)]).await;
    assert_eq!(code, 0);
    // Nothing of its own is done: the tables change by another process only.
    assert!(bench.run(&["symbols", "set", "BTC", "--active=false"]).await.status.success());
    let served = Served::start(&bench).await;
    let path = "/api/v1/features/quant/BTC?timeframe=1h&limit=50";
    let first = served.get(path).await;
    let hits = metric(&served, "barkeep_cache_lookups_total{cache=\"queries\",result=\"hit\"}").await;
    for _ in 0..5 {
        assert_eq!(served.get(path).await.body, first.body);
    }
    assert_eq!(metric(&served, "barkeep_cache_lookups_total{cache=\"queries\",result=\"hit\"}").await, hits + 5.0);
    // Other lengths of a hot symbol are cut from the rows in memory.
    let hot = metric(&served, "barkeep_cache_lookups_total{cache=\"hot_symbols\",result=\"hit\"}").await;
    served.json("/api/v1/features/quant/BTC?timeframe=1h&limit=20").await;
    let more = metric(&served, "barkeep_cache_lookups_total{cache=\"hot_symbols\",result=\"hit\"}").await;
    assert_eq!(more, hot + 1.0);
    assert!(metric(&served, "barkeep_cache_bytes{cache=\"queries\"}").await > 1_000.0);
    // Lookups are hits and misses, nothing else: an eviction among them would spoil the ratio.
    let text = served.get("/metrics").await.text();
    assert!(text.contains("barkeep_cache_evictions_total{cache=\"queries\"} 0") && !text.contains("evicted"), "{text}");
    // Every write shows at once, however it came.
    let newest = |reply: &Value| ms(&reply["features"].as_array().unwrap().last().unwrap()["time"]);
    let mut last = newest(&first.json());
    for days in [18, 16, 14] {
        let (code, _) = bench.backfill(&["BTC", "--timeframes", "1h", "--from", &begin, "--to", &date(days)]).await;
        assert_eq!(code, 0);
        let page = served.json(path).await;
        assert!(newest(&page) > last, "an old page was served");
        last = newest(&page);
        let stored = "SELECT MAX(ts) FROM features WHERE series_id = (SELECT id FROM series WHERE symbol = 'BTC')";
        assert_eq!(last, sql(&bench, stored.replace("MAX(ts)", &epoch(&bench, "MAX(ts)"))).await);
    }
    // Stale by now, and said so.
    let reply = served.get(path).await;
    assert_eq!(reply.header("x-data-status"), Some("stale"));
    assert!(reply.header("x-data-age-seconds").unwrap().parse::<i64>().unwrap() > 13 * 86_400, "{reply:?}");
    assert!(reply.header("warning").unwrap().contains("stale"));
    // Gone is gone, in another process too.
    assert!(bench.run(&["symbols", "remove", "BTC", "--yes"]).await.status.success());
    served.get(path).await.problem(404);
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_fetched_when_somebody_asks() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    settle(&bench);
    let served = Served::start(&bench).await;
    // Registered while it runs, so that the schedule has not come to it yet.
    let added = served.post("/api/v1/admin/symbols", &json!({ "symbol": "AAPL", "timeframes": ["1h", "1d"] })).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let path = "/api/v1/historical/AAPL?timeframe=1h";
    let reply = served.get(path).await;
    let problem = reply.problem(404);
    let id = problem["triggered"].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned();
    assert!(["unknown", "missing"].contains(&reply.header("x-data-status").unwrap()), "{reply:?}");
    let again = served.get(path).await;
    if again.status == 404 {
        assert_eq!(again.problem(404)["triggered"], id.as_str(), "one backfill, however many ask");
    }
    let job = until(&served, &format!("/api/v1/backfill/{id}"), |job| job["completed_at"].is_string()).await;
    assert_eq!((&job["status"], &job["progress_pct"]), (&json!("completed"), &json!(100.0)), "{job}");
    let page = until(&served, path, |page| page["count"] != 0).await;
    assert!(page["count"].as_u64().unwrap() > 20);
    // Fresh data carry no warning.
    let begun = Instant::now();
    while served.get(path).await.header("warning").is_some() {
        assert!(begun.elapsed() < Duration::from_secs(20), "still said to be old");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A paused symbol is not asked for.
    served.post("/api/v1/admin/symbols", &json!({ "symbol": "TSLA", "timeframes": ["1d"] })).await;
    let paused = served
        .send("PUT", "/api/v1/admin/symbols/TSLA", &[("Content-Type", "application/json")], "{\"paused\":true}")
        .await;
    assert_eq!((paused.status, &paused.json()["paused"]), (200, &json!(true)));
    let begun = Instant::now();
    while !served.get("/api/v1/historical/TSLA").await.problem(404)["hint"].as_str().unwrap().contains("paused") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(served.stop().await, 0);
    let by = "SELECT count(*) FROM operator_actions WHERE actor = 'api:loopback' AND action IN ('trigger', 'add_symbol', 'pause')";
    assert_eq!(bench.count(by).await, 4);
}

on_both!(jobs_run_as_they_are_asked, SimConfig::default());
async fn jobs_run_as_they_are_asked(bench: Bench) {
    settle(&bench);
    let served = Served::start(&bench).await;
    let wish =
        json!({ "symbols": ["BTC", "AAPL"], "timeframes": ["1d", "1h"], "start_date": date(30), "end_date": date(10) });
    let mut dry = wish.clone();
    dry["dry_run"] = json!(true);
    let plan = served.post("/api/v1/backfill", &dry).await;
    assert_eq!(plan.status, 200);
    let plan = plan.json();
    assert!(plan["requests"].as_u64().unwrap() > 0 && plan["expected_bars"].as_u64().unwrap() > 100, "{plan}");
    assert_eq!(bench.count("SELECT count(*) FROM scheduler_execution_log").await, 0, "a dry run runs nothing");
    let started = served.post("/api/v1/backfill", &wish).await;
    assert_eq!(started.status, 202, "{}", started.text());
    let job = started.json();
    let id = job["job_id"].as_str().unwrap().to_owned();
    assert_eq!(started.header("location"), Some(format!("/api/v1/backfill/{id}").as_str()));
    assert_eq!((&job["status"], &job["symbols_count"]), (&json!("queued"), &json!(2)));
    let first = served.get(&format!("/api/v1/backfill/{id}")).await;
    assert_eq!(first.status, 200, "known from the first moment on: {}", first.text());
    let done = until(&served, &format!("/api/v1/backfill/{id}"), |job| job["completed_at"].is_string()).await;
    assert_eq!(
        (&done["status"], &done["symbols_completed"], &done["symbols_total"]),
        (&json!("completed"), &json!(2), &json!(2))
    );
    assert_eq!(done["details"].as_array().unwrap().len(), 4);
    let inserted: i64 =
        done["details"].as_array().unwrap().iter().map(|d| d["records_inserted"].as_i64().unwrap()).sum();
    assert_eq!(inserted, bench.count("SELECT count(*) FROM bars").await);
    let recent = served.json("/api/v1/backfill/recent?limit=1").await;
    assert_eq!((&recent["jobs"][0]["execution_id"], &recent["jobs"][0]["trigger"]), (&json!(id), &json!("api")));
    let coverage = served.json("/api/v1/coverage/BTC?timeframe=1h").await;
    let covered = &coverage["series"][0]["intervals"][0];
    assert!(covered["state"] == "present" && ms(&covered["start"]) < ms(&covered["end"]), "{coverage}");
    let detailed = served.json("/api/v1/symbols/detailed?limit=1").await;
    assert_eq!((&detailed["symbols"][0]["symbol"], &detailed["next"]), (&json!("AAPL"), &json!("AAPL")));
    let rest = served.json("/api/v1/symbols/detailed?after=AAPL").await;
    assert_eq!((&rest["symbols"][0]["symbol"], &rest["next"]), (&json!("BTC"), &Value::Null));
    for (bad, parameter) in [
        (json!({ "symbols": [] }), "symbols"),
        (json!({ "symbols": ["AAPL"], "timeframes": [] }), "timeframes"),
        (json!({ "symbols": ["AAPL"], "from": "2026-02-02", "to": "2026-02-01" }), "from"),
        (json!({ "symbols": ["AAPL"], "from": "2099-01-01" }), "from"),
        (json!({ "symbols": ["AAPL"], "asset_class": "crypto" }), "asset_class"),
        (json!({ "symbols": ["AAPL"], "symbol": "x" }), "body"),
        (json!({ "symbols": ["A B"] }), "body"),
        (json!([["AAPL"], null, null, null, null, false]), "body"),
        (json!({ "symbols": "AAPL" }), "body"),
        (json!({}), "body"),
    ] {
        let problem = served.post("/api/v1/backfill", &bad).await.problem(422);
        assert_eq!(problem["parameter"], parameter, "{bad}: {problem}");
        assert!(!problem.to_string().contains("--"), "a flag of the command line: {problem}");
    }
    for (bad, parameter) in [
        (json!({ "symbols": ["AAPL"], "from": "2026-02-02", "to": "2026-02-01" }), "from"),
        (json!({ "symbols": ["AAPL"], "from": "2099-01-01" }), "from"),
        (json!({ "symbols": ["AAPL"], "class": "crypto" }), "class"),
    ] {
        let of = json!({ "what": { "selection": bad }, "trigger": "manual" });
        for (action, of) in [("trigger", of), ("preview", json!({ "selection": bad }))] {
            let order = json!({ "action": action, "of": of });
            let problem = served.post("/api/v1/console/order", &order).await.problem(422);
            assert_eq!(problem["parameter"], parameter, "{order}: {problem}");
            assert!(!problem.to_string().contains("--"), "a flag of the command line: {problem}");
        }
    }
    let nobody = "/api/v1/backfill/00000000-0000-4000-8000-000000000000";
    served.get(nobody).await.problem(404);
    served
        .send("POST", "/api/v1/admin/executions/00000000-0000-4000-8000-000000000000/cancel", &[], "")
        .await
        .problem(404);
    assert_eq!(served.json(&format!("/api/v1/backfill/{}", &id[..8])).await["job_id"], id.as_str());
    assert_eq!(served.json("/api/v1/backfill/latest").await["job_id"], id.as_str());
    let short = format!("/api/v1/admin/executions/{}/retry", &id[..8]);
    assert_eq!(served.send("POST", &short, &[], "").await.json()["result"], "nothing", "none of it failed");
    // What has ended cannot be cancelled; what did not fail need not be tried again.
    served.send("POST", &format!("/api/v1/admin/executions/{id}/cancel"), &[], "").await.problem(409);
    let retried = served.send("POST", &format!("/api/v1/admin/executions/{id}/retry"), &[], "").await.json();
    assert_eq!(retried["result"], "nothing", "{retried}");
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_tried_again_and_runs_cancelled() {
    let config = SimConfig { latency: Duration::from_millis(200), base_limit: 200, ..SimConfig::default() };
    let bench = Bench::sqlite(config).await;
    settle(&bench);
    let served = Served::start(&bench).await;
    let rule: FaultRule =
        serde_json::from_value(json!({ "kind": "status_404", "path_contains": "/ticker/AAPL/" })).unwrap();
    bench.sim.add_fault(rule);
    let wish = json!({ "symbols": ["AAPL"], "timeframes": ["1d"] });
    let id = served.post("/api/v1/backfill", &wish).await.json()["job_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/backfill/{id}");
    let failed = until(&served, &path, |job| job["completed_at"].is_string()).await;
    assert_eq!((&failed["status"], &failed["symbols_failed"]), (&json!("failed"), &json!(1)), "{failed}");
    assert_eq!(failed["progress_pct"], 0.0, "none of its series was completed: {failed}");
    bench.sim.clear_faults();
    let retried = served.send("POST", &format!("/api/v1/admin/executions/{id}/retry"), &[], "").await.json();
    let again = format!("/api/v1/backfill/{}", retried["execution_id"].as_str().unwrap());
    let done = until(&served, &again, |job| job["completed_at"].is_string()).await;
    assert_eq!(done["status"], "completed", "{done}");
    let long = json!({ "symbols": ["BTC"], "timeframes": ["5m"], "from": date(60) });
    let id = served.post("/api/v1/backfill", &long).await.json()["job_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/backfill/{id}");
    until(&served, &path, |job| job["status"] == "running").await;
    let cancelled = served.send("POST", &format!("/api/v1/admin/executions/{id}/cancel"), &[], "").await;
    assert_eq!(cancelled.json()["result"], "done");
    let ended = until(&served, &path, |job| job["completed_at"].is_string()).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert!(ended["progress_pct"].as_f64().unwrap() < 100.0, "{ended}");
    let everything = served.post("/api/v1/admin/engine/trigger", &json!({ "tier": "low" })).await.json();
    assert_eq!(everything["result"], "nothing", "{everything}");
    for bad in [json!({}), json!({ "stale": true, "tier": "low" }), json!({ "tier": "low", "timeframes": ["1d"] })] {
        served.post("/api/v1/admin/engine/trigger", &bad).await.problem(422);
    }
    assert_eq!(served.stop().await, 0);
}

on_both!(symbols_are_kept_changed_and_let_go, SimConfig::default());
async fn symbols_are_kept_changed_and_let_go(bench: Bench) {
    settle(&bench);
    let served = Served::start(&bench).await;
    let put = async |path: &str, body: Value| {
        served.send("PUT", path, &[("Content-Type", "application/json")], &body.to_string()).await
    };
    let all = "/api/v1/admin/symbols";
    let added = served.post(all, &json!({ "symbol": "ETH" })).await;
    assert_eq!((added.status, added.header("location")), (201, Some("/api/v1/admin/symbols/ETH")));
    assert_eq!((&added.json()["asset_class"], &added.json()["criticality"]), (&json!("crypto"), &json!("critical")));
    served.post(all, &json!({ "symbol": "ETH" })).await.problem(409);
    served.post(all, &json!({ "symbol": "ETH", "colour": "red" })).await.problem(422);
    // A pair is one symbol, and other classes are refused by what they are.
    let again = served.post(all, &json!({ "symbol": "eth/usd" })).await.problem(409);
    assert!(again["detail"].as_str().unwrap().contains("ETH is already registered"), "{again}");
    for (name, what) in [("I:SPX", "an index"), ("C:EURUSD", "forex"), ("QWERTY-XYZ:1", "of a market")] {
        let refused = served.post(all, &json!({ "symbol": name })).await.problem(422);
        assert!(refused["detail"].as_str().unwrap().contains(what), "{refused}");
        let start = json!({ "symbols": [name], "dry_run": true });
        let refused = served.post("/api/v1/backfill", &start).await.problem(422);
        assert!(refused["detail"].as_str().unwrap().contains(what), "{refused}");
    }
    let refused = served.post(all, &json!({ "symbol": "QWERTYUSD", "asset_class": "crypto" })).await.problem(422);
    assert!(refused["detail"].as_str().unwrap().contains("write X:QWERTYUSD"), "{refused}");
    assert_eq!(served.get(&format!("{all}/X:ETHUSD")).await.json()["symbol"], "ETH");
    assert_eq!(served.get(&format!("{all}/eth%2Fusd")).await.json()["symbol"], "ETH");
    served.get(&format!("{all}/O:AAPL240621C00150000")).await.problem(422);
    let one = format!("{all}/ETH");
    let changed = put(&one, json!({ "criticality": "low", "timeframes": ["1d", "1h", "1d"] })).await.json();
    assert_eq!((&changed["criticality"], &changed["timeframes"]), (&json!("low"), &json!(["1h", "1d"])));
    assert_eq!(served.json(&one).await, changed);
    // From a day to come on there would be nothing to fetch.
    for refused in [
        put(&one, json!({ "history_from": "2099-01-01" })).await.problem(422),
        served.post(all, &json!({ "symbol": "SOL", "history_from": "2099-01-01" })).await.problem(422),
    ] {
        assert!(refused["detail"].as_str().unwrap().contains("is in the future"), "{refused}");
    }
    put(&format!("{all}/NOPE"), json!({ "active": false })).await.problem(404);
    assert_eq!(served.send("DELETE", &one, &[], "").await.status, 204);
    assert_eq!(served.json(all).await["symbols"], json!([]));
    assert_eq!(served.json(&format!("{all}?active_only=false")).await["symbols"][0]["active"], false);
    assert_eq!(served.send("DELETE", &format!("{one}?purge=true"), &[], "").await.status, 204);
    served.send("DELETE", &one, &[], "").await.problem(404);
    assert_eq!(served.stop().await, 0);
    assert_eq!(bench.count("SELECT count(*) FROM symbols").await, 0);
    let noted = "SELECT count(*) FROM operator_actions WHERE target = 'ETH' AND actor = 'api:loopback'";
    assert_eq!(bench.count(noted).await, 4, "added, changed, deactivated, removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_asks_and_orders() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    settle(&bench);
    let (code, _) = bench.backfill(&["BTC", "--timeframes", "1d", "--from", &date(8)]).await;
    assert_eq!(code, 0);
    let served = Served::start(&bench).await;
    let ask = async |question: Value| served.post("/api/v1/console/ask", &question).await;
    let history = ask(json!({ "ask": "history", "limit": 5 })).await.json();
    assert_eq!(history["reply"], "history");
    assert_eq!(history["of"].as_array().unwrap().last().unwrap()["trigger"], "cli");
    let detail = ask(json!({ "ask": "detail", "symbol": "BTC", "timeframe": "1d" })).await.json();
    assert_eq!(detail["reply"], "detail", "{detail}");
    ask(json!({ "ask": "detail", "symbol": "NOPE", "timeframe": "1d" })).await.problem(404);
    ask(json!({ "ask": "riddle" })).await.problem(422);
    let order = async |action: Value| served.post("/api/v1/console/order", &action).await;
    assert_eq!(order(json!({ "action": "pause" })).await.json(), json!({ "answer": "done" }));
    until(&served, "/api/v1/status", |status| status["status"] == "paused").await;
    assert_eq!(order(json!({ "action": "resume" })).await.json()["answer"], "done");
    let preview = json!({ "action": "preview", "of": { "selection": { "symbols": ["BTC"], "timeframes": ["1d"], "from": date(30), "to": null, "class": null } } });
    let preview = order(preview).await;
    assert_eq!(preview.json()["answer"], "planned", "{}", preview.text());
    order(json!({ "action": "reload" })).await.problem(422);
    order(json!({ "action": "cancel", "of": "00000000-0000-4000-8000-000000000000" })).await.problem(409);
    assert_eq!(served.stop().await, 0);
}

/// The value a variant's tag has, wherever in its schema that stands.
fn variant<'v>(schema: &'v Value, tag: &str) -> &'v str {
    let own = schema["properties"][tag]["enum"][0].as_str();
    let nested = || schema["allOf"].as_array()?.iter().find_map(|part| part["properties"][tag]["enum"][0].as_str());
    own.or_else(nested).unwrap_or_else(|| panic!("{schema}"))
}

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(all) => all.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_everything_and_refers_to_nothing_that_is_not_there() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    settle(&bench);
    let served = Served::start(&bench).await;
    let document = served.json("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    // The console's own types take exactly the names it lists.
    for (schema, tag, path) in [("Command", "action", "order"), ("Question", "ask", "ask")] {
        let listed = document["components"]["schemas"][schema]["oneOf"].as_array().unwrap();
        let names: Vec<&str> = listed.iter().map(|one| variant(one, tag)).collect();
        let said = served.post(&format!("/api/v1/console/{path}"), &json!({ tag: "riddle" })).await.problem(422);
        let said = said["detail"].as_str().unwrap().to_owned();
        let known: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        // A message is cut at 200 characters, in the middle of a name perhaps.
        let whole = known.len() - usize::from(said.ends_with('…'));
        assert_eq!(names[..whole], known[..whole], "{said}");
        assert!(whole >= 8 && (said.ends_with('…') || names.len() == whole), "{said}");
    }
    let open = ["/", "/health", "/ready"];
    let mut operations = 0;
    let mut names = std::collections::HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "403", "404", "421", "422", "500", "503"] {
                assert!(responses.contains_key(status), "{method} {path} lacks {status}");
            }
            let changing = method != "get";
            for status in ["408", "409", "413", "415"] {
                assert_eq!(responses.contains_key(status), changing, "{method} {path} {status}");
            }
            let locked = !open.contains(&path.as_str());
            assert_eq!(responses.contains_key("401") && operation["security"].is_array(), locked, "{method} {path}");
            assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
            assert!(
                names.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{method} {path}: a name twice"
            );
            for (status, response) in responses {
                assert_ne!(response["description"].as_str().unwrap(), "", "{method} {path} {status}");
            }
            let success = responses.keys().filter(|status| status.starts_with('2')).count();
            assert!(success > 0, "{method} {path}");
            // What it says about success holds for what is sent, for everything that can simply be looked at.
            if method == "get" && !path.contains('{') && path != "/api/v1/events" {
                let reply = served.get(path).await;
                assert_eq!(reply.status, 200, "{path}");
                let kind = reply.header("content-type").unwrap().split(';').next().unwrap().to_owned();
                assert!(responses["200"]["content"].get(&kind).is_some(), "{path}: {kind}");
            }
        }
    }
    assert!(operations >= 29, "{operations}");
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn a_lost_database_is_told_and_known_pages_go_on() {
    let cluster = Cluster::throw_away();
    let name = cluster.create_database().await;
    let bench = Bench::on(SimConfig::default(), Database::Postgres(cluster.url(&name))).await;
    settle(&bench);
    let (code, _) = bench.backfill(&["BTC", "--timeframes", "1h", "--from", &date(8)]).await;
    assert_eq!(code, 0);
    let served = Served::start(&bench).await;
    let path = "/api/v1/features/quant/BTC?timeframe=1h&limit=20";
    until(&served, HISTORY, |h| h["executions"].as_array().unwrap().iter().all(|row| row["status"] != "running")).await;
    let known = served.json(path).await;
    cluster.stop();
    let begun = Instant::now();
    while served.get("/ready").await.status != 503 {
        assert!(begun.elapsed() < Duration::from_secs(20), "still said to be ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(served.get("/health").await.status, 200);
    let reply = served.get(path).await;
    assert_eq!((reply.status, reply.json()), (200, known));
    assert!(reply.header("warning").unwrap().contains("last known"), "{reply:?}");
    let problem = served.get("/api/v1/features/quant/BTC?timeframe=1h&limit=21").await.problem(503);
    assert!(!problem.to_string().contains("postgres"), "{problem}");
    cluster.start();
    until(&served, path, |_| true).await;
    let begun = Instant::now();
    while served.get("/ready").await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "never ready again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(served.stop().await, 0);
}
