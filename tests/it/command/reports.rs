//! Staleness, history, explain and alerts through the real binary, after real runs: what they say equals plain SQL.

use std::time::Duration;

use barkeep::alerts::inputs::Rows;
use barkeep::alerts::{Inputs, Kind, conditions};
use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::config::policy::Severity;
use barkeep::config::{Environment, Loaded, Overrides, load_from};
use barkeep::market::ts::DAY;
use barkeep::market::{AssetClass, Calendar, Criticality, Timeframe, Ts};
use barkeep::monitor::history::{Health, SchedulerHealth};
use barkeep::monitor::snapshot::FreshnessContext;
use barkeep::sim::{FaultRule, SimConfig};
use barkeep::store::{Coverage, CoverageState, NewAlert, PageCommit, SeriesWrite, SymbolRow};
use chrono::Datelike as _;
use serde_json::{Value, json};

use crate::support::bench::{Bench, Database, quick_retries};
use crate::support::databases::on_both;

/// Runs a report with `--json`; it must end with 0.
async fn report(bench: &Bench, args: &[&str]) -> Value {
    let output = bench.run(&[args, &["--json"]].concat()).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same for people; it must end with 0 too.
async fn plain(bench: &Bench, args: &[&str]) -> String {
    let output = bench.run(args).await;
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The default settings, as a library caller has them.
fn defaults(bench: &Bench) -> Loaded {
    let path = bench.dir.path().join("library.yaml");
    let dir = bench.dir.path().display();
    std::fs::write(&path, format!("log:\n  dir: {dir}\ndatabase:\n  url: sqlite:{dir}/none.db\n")).unwrap();
    load_from(&Overrides { config: Some(path), ..Overrides::default() }, &Environment::default()).unwrap()
}

/// What the service asks the database for: health, and the inputs of the alerts.
async fn watched(bench: &Bench) -> (SchedulerHealth, Inputs) {
    let Loaded { settings, policy, .. } = defaults(bench);
    let store = barkeep::store::open(&bench.database.url(), true).await.unwrap();
    let calendar = barkeep::pipeline::calendar(store.as_ref()).await.unwrap();
    let now = SystemClock.now();
    let context = FreshnessContext { calendar: &calendar, settings: &settings, policy: &policy };
    let health = SchedulerHealth::read(store.as_ref(), context, now).await.unwrap();
    let rows = Rows::read(store.as_ref(), &calendar, now).await.unwrap();
    let inputs = Inputs::of(&rows, context, now, now);
    store.close().await;
    (health, inputs)
}

fn date(days_ago: i64) -> String {
    (SystemClock.now() - days_ago * 86_400_000).utc_date().to_string()
}

fn series<'a>(staleness: &'a Value, symbol: &str, tf: &str) -> &'a Value {
    let tiers = staleness["by_status"].as_object().unwrap().values();
    let mut all = tiers.flat_map(|list| list.as_array().unwrap());
    all.find(|row| row["symbol"] == symbol && row["timeframe"] == tf).unwrap_or_else(|| panic!("no {symbol} {tf}"))
}

fn ms(time: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().timestamp_millis()
}

/// `extract` on PostgreSQL, the bare column on SQLite.
fn epoch(bench: &Bench, column: &str) -> String {
    match bench.database {
        Database::Sqlite(_) => column.to_owned(),
        Database::Postgres(_) => format!("(extract(epoch FROM {column}) * 1000)::bigint"),
    }
}

async fn sql(bench: &Bench, text: String) -> i64 {
    bench.count(Box::leak(text.into_boxed_str())).await
}

/// The counts of the staleness report, after checking that they are over all series.
async fn counts(bench: &Bench) -> (Value, [u64; 5]) {
    let staleness = report(bench, &["staleness"]).await;
    let summary = &staleness["summary"];
    let keys = ["fresh_count", "aging_count", "stale_count", "missing_count", "unknown_count"];
    let counts = keys.map(|key| summary[key].as_u64().unwrap());
    let outside: u64 = ["loading_count", "ended_count"].iter().map(|key| summary[key].as_u64().unwrap()).sum();
    let total = bench.count("SELECT count(*) FROM series").await;
    assert_eq!(staleness["total"], total);
    assert_eq!((counts.iter().sum::<u64>() + outside) as i64, total);
    (staleness, counts)
}

/// Checks that the causes of every explanation add up.
fn assert_adds_up(explanations: &Value) {
    for e in explanations.as_array().unwrap() {
        let Some(causes) = e["split"]["causes"].as_array() else { continue };
        let sum = |key: &str| causes.iter().map(|c| c[key].as_i64().unwrap()).sum::<i64>();
        assert_eq!(sum("ms"), e["split"]["age_ms"].as_i64().unwrap(), "{e}");
        assert_eq!(sum("stale_ms"), e["split"]["staleness_ms"].as_i64().unwrap(), "{e}");
        assert_eq!(
            e["split"]["staleness_ms"].as_i64().unwrap() / 1000,
            e["staleness_seconds"].as_i64().unwrap(),
            "{e}"
        );
    }
}

on_both!(an_empty_database_has_reports_too, SimConfig::default());
async fn an_empty_database_has_reports_too(bench: Bench) {
    barkeep::store::open(&bench.database.url(), false).await.unwrap().close().await;
    let (staleness, none) = counts(&bench).await;
    assert_eq!((none, &staleness["by_status"]["stale"]), ([0; 5], &json!([])));
    assert_eq!(report(&bench, &["history"]).await, json!({"executions": []}));
    assert_eq!(report(&bench, &["alerts", "--all"]).await, json!([]));
    assert_eq!(plain(&bench, &["history"]).await, "nothing has run yet\n");
    assert_eq!(plain(&bench, &["alerts"]).await, "no alerts\n");
    let (health, inputs) = watched(&bench).await;
    assert_eq!((health.status, health.last_execution, health.total_symbols_monitored), (Health::Unknown, None, 0));
    assert_eq!(conditions(&inputs, &defaults(&bench).policy), []);
    for args in [&["explain", "AAPL"][..], &["history", "00000000-0000-0000-0000-000000000000"]] {
        let output = bench.run(args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("error: ") && said.contains("hint: "), "{said}");
    }
}

on_both!(after_a_complete_run_everything_equals_the_tables, SimConfig::default());
async fn after_a_complete_run_everything_equals_the_tables(bench: Bench) {
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "5m,1h,1d", "--from", &date(6)]).await;
    assert_eq!(code, 0, "{summary}");
    let (staleness, tiers) = counts(&bench).await;
    assert_eq!(tiers, [6, 0, 0, 0, 0], "all fresh: {staleness}");
    assert_eq!(watched(&bench).await.0.status, Health::Healthy);
    for (symbol, tf) in [("AAPL", "5m"), ("AAPL", "1d"), ("BTC", "5m"), ("BTC", "1h"), ("BTC", "1d")] {
        let row = series(&staleness, symbol, tf);
        let of = format!("series_id = (SELECT id FROM series WHERE symbol = '{symbol}' AND timeframe = '{tf}')");
        let newest = sql(&bench, format!("SELECT {} FROM bars WHERE {of}", epoch(&bench, "MAX(ts)"))).await;
        let until = format!("SELECT {} FROM coverage WHERE {of}", epoch(&bench, "MAX(end_ts)"));
        assert_eq!(ms(&row["newest_bar"]), newest, "{row}");
        assert_eq!(ms(&row["answered_until"]), sql(&bench, until).await, "{row}");
        assert_eq!(row["data_point_count"], sql(&bench, format!("SELECT count(*) FROM bars WHERE {of}")).await);
        assert_eq!(row["breached"], false);
    }
    let limited = report(&bench, &["staleness", "--limit", "2"]).await;
    assert_eq!(
        (&limited["summary"], limited["by_status"]["fresh"].as_array().unwrap().len()),
        (&staleness["summary"], 2)
    );
    let status = report(&bench, &["status"]).await;
    assert_eq!(
        status["tiers"],
        json!({"fresh": 6, "aging": 0, "stale": 0, "missing": 0, "unknown": 0, "loading": 0, "ended": 0})
    );

    let history = report(&bench, &["history"]).await;
    let [run] = &history["executions"].as_array().unwrap()[..] else { panic!("{history}") };
    assert_eq!((&run["execution_id"], &run["status"]), (&summary["execution_id"], &json!("completed")));
    assert_eq!((&run["success_rate"], &run["crashed"]), (&json!(100.0), &json!(false)));
    for (key, column) in [("started_at", "started_at"), ("completed_at", "completed_at")] {
        let at = sql(&bench, format!("SELECT {} FROM scheduler_execution_log", epoch(&bench, column))).await;
        assert_eq!(ms(&run[key]), at, "{key}");
    }
    for column in ["total_symbols", "successful_symbols", "failed_symbols", "total_records_processed", "requests"] {
        assert_eq!(run[column], sql(&bench, format!("SELECT {column} FROM scheduler_execution_log")).await, "{column}");
    }
    let id = run["execution_id"].as_str().unwrap();
    let detail = report(&bench, &["history", id]).await;
    assert_eq!((&detail["execution_id"], detail["series"].as_array().unwrap().len()), (&json!(id), 6));
    let inserted: i64 =
        detail["series"].as_array().unwrap().iter().map(|s| s["records_inserted"].as_i64().unwrap()).sum();
    assert_eq!(
        inserted,
        bench.count("SELECT CAST(SUM(records_inserted) AS BIGINT) FROM symbol_computation_status").await
    );

    let why = report(&bench, &["explain", "BTC"]).await;
    assert_eq!(why.as_array().unwrap().len(), 3);
    assert_adds_up(&why);
    let why = report(&bench, &["explain", "BTC", "5m"]).await;
    assert_eq!(
        (why[0]["status"].as_str(), why[0]["blocker"]["cause"].as_str()),
        (Some("fresh"), Some("waiting_for_run"))
    );
    let text = plain(&bench, &["explain", "BTC", "5m"]).await;
    assert!(text.starts_with("BTC 5m  fresh, ") && text.contains("vendor delay"), "{text}");
    assert!(plain(&bench, &["staleness"]).await.contains("critical  0 of 3 past the RPO of 1h"), "BTC is critical");
}

on_both!(a_failed_series_is_explained_and_told_in_the_history, SimConfig::default());
async fn a_failed_series_is_explained_and_told_in_the_history(bench: Bench) {
    quick_retries(&bench);
    let rule = json!({"kind": "status_500", "path_contains": "/ticker/AAPL/range/5/minute"});
    let rule: FaultRule = serde_json::from_value(rule).unwrap();
    bench.sim.add_fault(rule);
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "5m", "--from", &date(3)]).await;
    assert_eq!(code, 1, "{summary}");
    let (staleness, tiers) = counts(&bench).await;
    assert_eq!(tiers[0], 1, "{staleness}");
    assert_eq!(tiers[3] + tiers[4], 1, "no bar, so no age: {staleness}");
    let history = report(&bench, &["history"]).await;
    let run = &history["executions"][0];
    assert_eq!((&run["status"], &run["success_rate"]), (&json!("completed_with_errors"), &json!(50.0)), "{run}");
    let detail = report(&bench, &["history", run["execution_id"].as_str().unwrap()]).await;
    let failed = &detail["series"][0];
    assert_eq!((&failed["symbol"], &failed["status"]), (&json!("AAPL"), &json!("failed")));
    assert!(failed["error_message"].as_str().unwrap().contains("transient: "), "{failed}");
    let (health, inputs) = watched(&bench).await;
    let json = serde_json::to_value(&health).unwrap();
    let keys =
        ["status", "last_execution", "stale_features_count", "recent_failures", "total_symbols_monitored", "timestamp"];
    assert!(keys.iter().all(|key| json.get(key).is_some()) && json.as_object().unwrap().len() == keys.len(), "{json}");
    assert_eq!(
        (health.status, health.total_symbols_monitored, &json["last_execution"]["success_rate"]),
        (Health::Degraded, 2, &json!(50.0))
    );
    assert_eq!((inputs.symbols, inputs.symbols_attempted, inputs.symbols_failed), (2, 2, 1));
    assert_eq!((inputs.series, inputs.series_with_bars, inputs.series_stale), (2, 1, 0));
    assert_eq!(inputs.last_success.map(Ts::ms), Some(ms(&run["completed_at"])));
    let kinds: Vec<Kind> = conditions(&inputs, &defaults(&bench).policy).into_iter().map(|c| c.kind).collect();
    assert!(kinds.contains(&Kind::HighSymbolFailureRate) && !kinds.contains(&Kind::StaleFeatures), "{kinds:?}");
    let why = report(&bench, &["explain", "AAPL", "5m"]).await;
    let blocker = &why[0]["blocker"];
    assert_eq!((&why[0]["split"], &blocker["cause"]), (&Value::Null, &json!("failed")), "{why}");
    assert!(blocker["detail"].as_str().unwrap().starts_with("transient; "), "{blocker}");
}

on_both!(a_killed_run_breaks_no_report, SimConfig { latency: Duration::from_millis(400), ..SimConfig::default() });
async fn a_killed_run_breaks_no_report(bench: Bench) {
    barkeep::store::open(&bench.database.url(), false).await.unwrap().close().await;
    let args = ["backfill", "--mode", "sequential", "BTC", "ETH", "SOL", "--timeframes", "5m", "--from", &date(3)];
    let mut child = bench.spawn(&args);
    let done = "SELECT count(*) FROM symbol_computation_status WHERE status = 'in_progress'";
    while bench.count(done).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let running = report(&bench, &["history"]).await;
    assert_eq!(
        (&running["executions"][0]["crashed"], &running["executions"][0]["success_rate"]),
        (&json!(false), &Value::Null)
    );
    child.kill().await.unwrap();
    child.wait().await.unwrap();
    assert_eq!(bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'").await, 1);
    let history = report(&bench, &["history"]).await;
    let run = &history["executions"][0];
    assert_eq!((&run["status"], &run["crashed"]), (&json!("running"), &json!(true)), "{run}");
    assert_eq!((&run["success_rate"], &run["completed_at"]), (&Value::Null, &Value::Null), "{run}");
    assert!(plain(&bench, &["history"]).await.contains("its process is gone"));
    let (_, tiers) = counts(&bench).await;
    assert!(tiers[0] >= 1, "{tiers:?}");
    let waiting = report(&bench, &["explain", "SOL", "5m"]).await;
    assert_eq!(waiting[0]["blocker"]["cause"], "failed", "{waiting}");
    assert!(waiting[0]["blocker"]["detail"].as_str().unwrap().contains("interrupted"), "{waiting}");
}

on_both!(old_history_and_idle_runs_make_nothing_fresh, SimConfig::default());
async fn old_history_and_idle_runs_make_nothing_fresh(bench: Bench) {
    let recent = ["BTC", "--timeframes", "5m", "--from", &date(9), "--to", &date(7)];
    assert_eq!(bench.backfill(&recent).await.0, 0);
    let age = async || {
        let (staleness, tiers) = counts(&bench).await;
        assert_eq!(tiers, [0, 0, 1, 0, 0], "{staleness}");
        let row = series(&staleness, "BTC", "5m");
        assert_eq!(row["breached"], true);
        (row["staleness_seconds"].as_i64().unwrap(), row["newest_bar"].clone())
    };
    let before = age().await;
    assert!(before.0 > 5 * 86_400, "{before:?}");
    let (code, idle) = bench.backfill(&recent).await;
    assert_eq!((code, idle["bars_written"].as_u64(), idle["status"].as_str()), (0, Some(0), Some("completed")));
    let old = ["BTC", "--timeframes", "5m", "--from", &date(400), "--to", &date(390)];
    let (code, filled) = bench.backfill(&old).await;
    assert!(code == 0 && filled["bars_written"].as_u64() > Some(1_000), "{filled}");
    let after = age().await;
    assert!(after.0 >= before.0 && after.1 == before.1, "{before:?} {after:?}");
    let why = report(&bench, &["explain", "BTC", "5m"]).await;
    assert_adds_up(&why);
    assert_eq!(why[0]["blocker"]["cause"], "waiting_for_run");
}

on_both!(a_pause_is_told_with_who_and_since, SimConfig::default());
async fn a_pause_is_told_with_who_and_since(bench: Bench) {
    assert_eq!(bench.backfill(&["BTC", "--timeframes", "5m", "--from", &date(2)]).await.0, 0);
    let set = bench.run(&["symbols", "set", "BTC", "--paused"]).await;
    assert_eq!(set.status.code(), Some(0), "{}", String::from_utf8_lossy(&set.stderr));
    let noted = format!("SELECT {} FROM operator_actions WHERE action = 'pause'", epoch(&bench, "at"));
    let noted = sql(&bench, noted).await;
    let why = report(&bench, &["explain", "BTC", "5m"]).await;
    assert_adds_up(&why);
    let blocker = &why[0]["blocker"];
    assert_eq!((&blocker["cause"], &blocker["by"], ms(&blocker["since"])), (&json!("paused"), &json!("cli"), noted));
    let set = bench.run(&["symbols", "set", "BTC", "--paused=false"]).await;
    assert_eq!(set.status.code(), Some(0));
    let why = report(&bench, &["explain", "BTC", "5m"]).await;
    assert_eq!(why[0]["blocker"]["cause"], "waiting_for_run");
}

on_both!(alerts_are_listed_open_or_all, SimConfig::default());
async fn alerts_are_listed_open_or_all(bench: Bench) {
    let store = barkeep::store::open(&bench.database.url(), false).await.unwrap();
    for (kind, at) in [("stale_features", 1_000), ("vendor_key_refused", 2_000)] {
        let message = format!("{kind} \u{1b}[31m");
        let (kind, raised_at) = (kind.to_owned(), Ts(at));
        let alert = NewAlert { kind, severity: Severity::Warning, subject: None, message, raised_at };
        assert!(store.raise_alert(&alert).await.unwrap());
    }
    store.resolve_alert("stale_features", None, Ts(3_000)).await.unwrap();
    store.close().await;
    let open = report(&bench, &["alerts"]).await;
    assert_eq!((open.as_array().unwrap().len(), &open[0]["kind"]), (1, &json!("vendor_key_refused")));
    let all = report(&bench, &["alerts", "--all"]).await;
    assert_eq!(
        (&all[1]["raised_at"], &all[1]["resolved_at"]),
        (&json!("1970-01-01T00:00:01Z"), &json!("1970-01-01T00:00:03Z"))
    );
    let text = plain(&bench, &["alerts", "--all"]).await;
    assert!(text.contains("vendor_key_refused") && text.contains("open") && !text.contains('\u{1b}'), "{text:?}");
}

on_both!(requests_that_changed_nothing_are_told_by_reason, SimConfig::default());
async fn requests_that_changed_nothing_are_told_by_reason(bench: Bench) {
    quick_retries(&bench);
    let reasons = async || -> Vec<(String, i64)> {
        let status = report(&bench, &["status"]).await;
        let wasted = status["vendor"]["wasted"].as_array().unwrap_or_else(|| panic!("{status}")).clone();
        wasted.iter().map(|w| (w["reason"].as_str().unwrap().to_owned(), w["requests"].as_i64().unwrap())).collect()
    };
    let run = async |range: [i64; 2]| {
        let (from, to) = (date(range[0]), date(range[1]));
        let args = ["BTC", "--timeframes", "1d", "--from", &from, "--to", &to];
        let (code, summary) = bench.backfill(&args).await;
        assert_eq!(code, 0, "{summary}");
    };
    // Bars came: nothing is wasted.
    run([30, 20]).await;
    assert_eq!(reasons().await, []);
    assert!(!plain(&bench, &["status"]).await.contains("changed nothing"));
    let rule = |kind: &str| serde_json::from_value::<FaultRule>(json!({ "kind": kind, "times": 1 })).unwrap();
    for kind in ["status_429", "html_502"] {
        bench.sim.add_fault(rule(kind));
    }
    run([50, 40]).await;
    let changed =
        bench.count("SELECT CAST(SUM(changed) AS BIGINT) FROM vendor_requests WHERE endpoint = 'aggregates'").await;
    assert_eq!(changed, bench.count("SELECT COUNT(*) FROM bars").await, "every bar came with a request that says so");
    assert_eq!(reasons().await, [("rate_limited".to_owned(), 1), ("failed".to_owned(), 1)]);
    let said = plain(&bench, &["status"]).await;
    assert!(said.contains("requests that changed nothing: 2 (1 rate-limited, 1 failed)"), "{said}");
}

on_both!(ranges_in_doubt_are_told_by_every_report, SimConfig::default());
async fn ranges_in_doubt_are_told_by_every_report(bench: Bench) {
    let store = barkeep::store::open(&bench.database.url(), false).await.unwrap();
    let now = SystemClock.now();
    let class = AssetClass::Etf;
    // Paused, so that nobody asks about them while this looks.
    let row = SymbolRow {
        asset_class: class,
        criticality: Criticality::Critical,
        paused: true,
        ..crate::support::rows::symbol("SPY", &[Timeframe::D1])
    };
    store.put_symbols(&[row]).await.unwrap();
    let id = store.series().await.unwrap()[0].id;
    let sessions = Calendar::new().sessions(class.date_of(now - 30 * DAY), class.date_of(now - 10 * DAY));
    let [.., first, second] = &sessions[..] else { panic!("no sessions") };
    let doubt = |date: chrono::NaiveDate, state, answers| Coverage {
        found_at: Some(now - 9 * DAY),
        expires_at: Some(now + DAY),
        answers,
        surprise: Some(14.0),
        ..Coverage::answered(Timeframe::D1.span(class, class.midnight(date)), state, None, now - DAY)
    };
    let coverage = vec![doubt(first.date, CoverageState::Suspect, 1), doubt(second.date, CoverageState::VendorHole, 3)];
    let write = SeriesWrite { coverage, ..SeriesWrite::nothing(id) };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
    store.close().await;

    let day = |date: chrono::NaiveDate| {
        let pattern = if date.year() == now.utc_date().year() { "%-d %b" } else { "%-d %b %Y" };
        date.format(pattern).to_string()
    };
    let (one, two) = (day(first.date), day(second.date));
    let said = plain(&bench, &["status"]).await;
    let sentence =
        format!("2 sessions missing at the vendor: SPY {one}, {two}\nranges in doubt: 1 suspect, 1 vendor hole\n");
    assert!(said.contains(&sentence), "{said}");
    assert!(said.lines().any(|line| line.ends_with("paused, 1 suspect, 1 vendor hole")), "{said}");
    let holes = json!({"late": 0, "suspect": 1, "vendor_holes": 1, "halted": 0, "unjudged": 0, "quarantined": 0});
    let status = report(&bench, &["status"]).await;
    assert_eq!((&status["holes"], &status["series"][0]["holes"]), (&holes, &holes));
    let newest = &status["newest_holes"][0];
    assert_eq!((&newest["symbol"], &newest["timeframe"]), (&json!("SPY"), &json!("1d")));
    assert_eq!((&newest["state"], &newest["answers"]), (&json!("vendor_hole"), &json!(3)));
    assert_eq!(newest["sessions"], json!([second.date]));
    assert_eq!(report(&bench, &["staleness"]).await["holes"], holes);
    let why = report(&bench, &["explain", "SPY", "1d"]).await;
    assert_eq!((&why[0]["holes"], why[0]["doubts"].as_array().unwrap().len()), (&holes, 2));
    let said = plain(&bench, &["explain", "SPY", "1d"]).await;
    assert!(
        said.contains(&format!("  {one}, a whole session, is missing, and that silence is not believable")),
        "{said}"
    );
    assert!(
        said.contains(&format!("  {two}, a whole session, is missing at the vendor: 3 answers days apart")),
        "{said}"
    );

    let served = crate::support::api::Served::start(&bench).await;
    let status = served.json("/api/v1/status").await;
    assert_eq!((&status["data_quality"]["holes"], &status["series"]["loading"]), (&holes, &json!(0)));
    assert_eq!(status["data_quality"]["newest_holes"].as_array().unwrap().len(), 2);
    let coverage = served.json("/api/v1/coverage/SPY").await;
    let series = &coverage["series"][0];
    assert_eq!((&series["holes"], &series["intervals"][1]["answers"]), (&holes, &json!(3)));
    assert_eq!(served.json("/api/v1/admin/features/staleness").await["holes"], holes);
    let snapshot = served.json("/api/v1/snapshot").await;
    assert_eq!((&snapshot["holes"], &snapshot["series"][0]["holes"]), (&holes, &holes));
    let metrics = served.get("/metrics").await.text();
    for line in [
        "barkeep_ranges{state=\"suspect\"} 1",
        "barkeep_ranges{state=\"vendor_hole\"} 1",
        "barkeep_ranges{state=\"late\"} 0",
        "barkeep_series{tier=\"ended\"} 0",
        "barkeep_rpo_breaches{criticality=\"critical\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert_eq!(served.stop().await, 0);
}
