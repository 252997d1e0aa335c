//! What is checked before it is believed: splits against prices, bars against their neighbors, announcements against bars.

use barkeep::market::testing::candle;
use std::collections::BTreeMap;
use std::time::Duration;

use barkeep::config::{Mode, RateLimit};
use barkeep::market::split::Split;
use barkeep::market::ts::MINUTE;
use barkeep::market::{AssetClass, Bar, Calendar, Symbol, Timeframe, Ts};
use barkeep::pipeline::Backfill;
use barkeep::pipeline::quarantine::{decide, view};
use barkeep::pipeline::select::Selection;
use barkeep::sim::{FaultKind, FaultRule, SimConfig};
use barkeep::store::adjusted::{Adjusting, daily_of};
use barkeep::store::{
    HolidayRow, PageCommit, QuarantinedBar, SeriesWrite, SplitStatus, Store as _, StoredBar, Trigger, Verdict,
};
use barkeep::vendor::Holiday;
use serde_json::{Value, json};

use crate::support::api::Served;
use crate::support::bench::Bench;
use crate::support::engine::TestEngine;
use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::Scripted;

fn symbol() -> Symbol {
    "SPLT".parse().unwrap()
}

fn day(text: &str) -> Ts {
    AssetClass::Stock.midnight(text.parse().unwrap())
}

fn split(date: &str, from: f64, to: f64) -> (String, Split) {
    ("SPLT".to_owned(), Split { date: date.parse().unwrap(), from, to })
}

/// A minute of a market that stands still but for one step of its raw price by `factor`, on `date`.
fn step(date: &'static str, factor: f64) -> impl Fn(&str, Ts) -> Option<Bar> + Send + Sync + 'static {
    move |_, ts| {
        let (price, volume) = if ts < day(date) { (100.0, 1000.0) } else { (100.0 * factor, 1000.0 / factor) };
        let (high, low) = (price * 1.01, price * 0.99);
        (ts.ms() % (5 * MINUTE) == 0).then_some(Bar {
            volume,
            vwap: Some(price),
            trades: Some(9),
            ..candle(ts, [price, high, low, price])
        })
    }
}

async fn rig(factor: f64, on: &'static str, splits: Vec<(String, Split)>) -> Rig {
    let clock = Wall::at("2024-03-06T22:00:00Z");
    let vendor = Scripted::of(&["SPLT"], clock.clone()).telling(step(on, factor)).with_splits(splits);
    Rig::new(vendor, settings(RateLimit::Unlimited), clock).await
}

fn wish(timeframes: &[Timeframe], from: &str) -> Backfill {
    let selection = Selection {
        symbols: vec![symbol()],
        timeframes: Some(timeframes.to_vec()),
        from: Some(from.parse().unwrap()),
        to: Some("2024-03-05".parse().unwrap()),
        class: Some(AssetClass::Stock),
        ..Selection::default()
    };
    Backfill::new(selection, Mode::Sequential, Trigger::Cli)
}

async fn bars(rig: &Rig, timeframe: Timeframe) -> Vec<StoredBar> {
    let all = rig.store.series().await.unwrap();
    let id = all.iter().find(|row| row.timeframe == timeframe).unwrap().id;
    rig.store.bars(id, (..).into(), None).await.unwrap()
}

/// The bars as they are shown.
async fn adjusted(rig: &Rig, timeframe: Timeframe) -> Vec<Bar> {
    let mut all: Vec<Bar> = bars(rig, timeframe).await.into_iter().map(|row| row.bar).collect();
    let splits = rig.store.splits(&symbol()).await.unwrap();
    let daily = daily_of(&rig.store.series().await.unwrap(), &symbol());
    let adjusting = Adjusting { class: AssetClass::Stock, timeframe, daily, splits: &splits };
    let today = "2024-03-06".parse().unwrap();
    adjusting.adjust(rig.store.as_ref(), &mut all.iter_mut().collect::<Vec<_>>(), today).await.unwrap();
    all
}

async fn statuses(rig: &Rig) -> Vec<(String, SplitStatus)> {
    let rows = rig.store.split_rows(&symbol()).await.unwrap();
    rows.into_iter().map(|row| (row.split.date.to_string(), row.status)).collect()
}

async fn assert_level(rig: &Rig, timeframe: Timeframe, price: f64) {
    let shown = adjusted(rig, timeframe).await;
    assert!(!shown.is_empty());
    for bar in shown {
        assert!(
            (bar.close / price - 1.0).abs() < 1e-9 && (bar.high / price - 1.01).abs() < 1e-9,
            "{timeframe} {bar:?}"
        );
    }
    let remarkable: Vec<_> = bars(rig, timeframe).await.into_iter().filter_map(|row| row.quality_notes).collect();
    assert!(remarkable.iter().all(|notes| !notes.contains("gap") && !notes.contains("extreme")), "{remarkable:?}");
}

#[tokio::test(start_paused = true)]
async fn a_split_listed_on_two_dates_is_applied_once_where_prices_show_it() {
    let listed = vec![split("2024-02-13", 50.0, 1.0), split("2024-02-21", 50.0, 1.0)];
    let rig = rig(50.0, "2024-02-21", listed).await;
    let wish = wish(&[Timeframe::M5, Timeframe::D1, Timeframe::W1], "2024-02-01");
    rig.run(&wish).await.unwrap();
    let want =
        [("2024-02-13".to_owned(), SplitStatus::Contradicted), ("2024-02-21".to_owned(), SplitStatus::Confirmed)];
    assert_eq!(statuses(&rig).await, want);
    for timeframe in [Timeframe::M5, Timeframe::D1, Timeframe::W1] {
        assert_level(&rig, timeframe, 5000.0).await;
    }
    let note = rig.store.split_rows(&symbol()).await.unwrap()[0].note.clone().unwrap();
    assert!(note.contains("by 50.0000") && note.contains("times 1.0000"), "both readings: {note}");
    let progress = rig.store.series().await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>();
    let progress = rig.store.feature_progress(&progress).await.unwrap();
    assert!(progress.iter().all(|p| p.splits == "2024-02-21 50:1" && p.stale_from.is_none()), "{progress:?}");

    // Listed again a day later, nothing is judged anew and nothing changes on the way.
    tokio::time::advance(Duration::from_hours(30)).await;
    let marks = rig.store.split_rows(&symbol()).await.unwrap();
    rig.run(&wish).await.unwrap();
    assert_eq!(rig.vendor.calls().iter().filter(|call| call.endpoint == "splits").count(), 2);
    assert_eq!(rig.store.split_rows(&symbol()).await.unwrap(), marks);
}

#[tokio::test(start_paused = true)]
async fn a_split_listed_a_session_early_is_applied_where_prices_show_it() {
    // Friday the 16th is listed; Monday is a holiday, and prices move on Tuesday.
    let rig = rig(0.25, "2024-02-20", vec![split("2024-02-16", 1.0, 4.0)]).await;
    let wish = wish(&[Timeframe::D1], "2024-02-01");
    rig.run(&wish).await.unwrap();
    let want =
        [("2024-02-16".to_owned(), SplitStatus::Contradicted), ("2024-02-20".to_owned(), SplitStatus::Confirmed)];
    assert_eq!(statuses(&rig).await, want);
    assert_level(&rig, Timeframe::D1, 25.0).await;
    tokio::time::advance(Duration::from_hours(30)).await;
    rig.run(&wish).await.unwrap();
    assert_eq!(statuses(&rig).await, want, "listed again");
}

#[tokio::test(start_paused = true)]
async fn a_split_without_prices_is_applied_and_judged_once_they_come() {
    let rig = rig(1.0, "2024-02-21", vec![split("2024-02-13", 1.0, 4.0)]).await;
    rig.run(&wish(&[Timeframe::D1], "2024-02-26")).await.unwrap();
    assert_eq!(statuses(&rig).await, [("2024-02-13".to_owned(), SplitStatus::Unchecked)]);
    assert_eq!(rig.store.splits(&symbol()).await.unwrap().len(), 1);
    rig.run(&wish(&[Timeframe::D1], "2024-02-01")).await.unwrap();
    assert_eq!(statuses(&rig).await, [("2024-02-13".to_owned(), SplitStatus::Contradicted)]);
    assert_eq!(rig.vendor.calls().iter().filter(|call| call.endpoint == "splits").count(), 1);
    assert_level(&rig, Timeframe::D1, 100.0).await;
}

#[tokio::test(start_paused = true)]
async fn minutes_judge_a_split_where_no_day_is_stored() {
    let listed = vec![split("2024-02-21", 1.0, 10.0), split("2024-02-21", 10.0, 1.0)];
    let rig = rig(0.1, "2024-02-21", listed).await;
    rig.run(&wish(&[Timeframe::M15], "2024-02-12")).await.unwrap();
    let rows = rig.store.split_rows(&symbol()).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.split.from, row.status)).collect();
    assert_eq!(told, [(1.0, SplitStatus::Confirmed), (10.0, SplitStatus::Contradicted)]);
    assert_level(&rig, Timeframe::M15, 10.0).await;
}

#[tokio::test(start_paused = true)]
async fn weeks_bring_the_days_they_are_adjusted_by() {
    let rig = rig(0.1, "2024-02-22", vec![split("2024-02-22", 1.0, 10.0)]).await;
    rig.run(&wish(&[Timeframe::W1], "2024-02-04")).await.unwrap();
    assert!(!bars(&rig, Timeframe::D1).await.is_empty());
    let days = rig.vendor.calls().iter().filter(|call| call.endpoint == "aggregates").count();
    assert_eq!(days, 1, "one request for both");
    assert_level(&rig, Timeframe::W1, 10.0).await;
    let volumes: Vec<f64> = adjusted(&rig, Timeframe::W1).await.iter().map(|bar| bar.volume).collect();
    let full = volumes[0];
    // Presidents' Day makes the week of the split a short one; the last week is not over.
    assert_eq!(volumes.iter().map(|v| (v / full * 5.0).round()).collect::<Vec<_>>()[..4], [5.0, 5.0, 4.0, 5.0]);
}

/// Values and scores, without the time at which they were worked out.
fn values(rows: Vec<StoredBar>) -> BTreeMap<Ts, (Bar, String)> {
    rows.into_iter()
        .map(|row| (row.bar.ts, (row.bar, format!("{} {:?}", row.quality_score, row.quality_notes))))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_bar_that_replaced_a_good_one_is_taken_back() {
    let engine = TestEngine::open("2024-03-14T01:00:00Z", SimConfig::default()).await;
    engine.fill(&["AAPL"], "5m,1h", "2024-03-04").await;
    // Another answer had a broken bar in the place of a good one.
    let all = engine.store.series().await.unwrap();
    let series = all.iter().find(|row| row.timeframe == Timeframe::M5).unwrap().id;
    let good = engine.bars("AAPL", "5m").await[300].bar;
    let broken = Bar { low: good.high * 2.0, volume: good.volume * 2.0, ..good };
    let quarantine =
        vec![QuarantinedBar { bar: broken, reason: "low is above open or close".to_owned(), request_id: None }];
    let write = SeriesWrite { quarantine, ..SeriesWrite::nothing(series) };
    engine.store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
    let id = engine.store.quarantine(true).await.unwrap()[0].id;
    let seen = view(engine.store.as_ref(), id).await.unwrap();
    let stored = seen.stored.clone().expect("a good bar is stored for its time");
    assert!(seen.replaces && stored.quality_score > 0.5, "{seen:?}");
    assert_eq!((seen.before.len(), seen.after.len()), (3, 3));
    assert!(seen.before[2].bar.ts < seen.sent.bar.ts && seen.sent.bar.ts < seen.after[0].bar.ts);
    engine.assert_as_vendor("AAPL", "1h", "2024-03-04", "2024-03-13").await;

    let before = (values(engine.bars("AAPL", "5m").await), values(engine.bars("AAPL", "1h").await));
    let (store, calendar) = (engine.store.as_ref(), Calendar::new());
    let decided = async |verdict| {
        decide(store, &calendar, &engine.settings, engine.clock.as_ref(), id, verdict).await.unwrap();
        (values(engine.bars("AAPL", "5m").await), values(engine.bars("AAPL", "1h").await))
    };
    let accepted = decided(Verdict::Accepted).await;
    assert_eq!(accepted.0[&seen.sent.bar.ts].0, seen.sent.bar);
    assert!(accepted.0 != before.0 && accepted.1 != before.1, "the hour above it is another one");
    assert_eq!(decided(Verdict::Pending).await, before);
    assert_eq!(engine.count("SELECT count(*) FROM bar_revisions WHERE reason = 'undone'").await, 1);
    assert_eq!(engine.store.quarantine(true).await.unwrap()[0].id, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_shown_noted_and_taken_back_everywhere() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let rule = FaultRule { path_contains: Some("/5/minute/".into()), ..FaultRule::new(FaultKind::BrokenOhlc) };
    bench.sim.add_fault(rule);
    let args = ["AAPL", "--timeframes", "5m,1h", "--from", "2024-03-04", "--to", "2024-03-08"];
    assert_eq!(bench.backfill(&args).await.0, 1);
    bench.sim.clear_faults();
    let parsed = |output: std::process::Output| -> Value {
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let list = parsed(bench.run(&["quarantine", "list", "--json"]).await);
    let id = list[0]["id"].to_string();
    assert_eq!((&list[0]["stored"], &list[0]["replaces"]), (&Value::Null, &json!(false)), "{list}");
    let shown = parsed(bench.run(&["quarantine", "show", &id, "--json"]).await);
    assert_eq!((&shown["sent"]["id"], shown["before"].as_array().map(Vec::len)), (&list[0]["id"], Some(3)));
    let text = bench.run(&["quarantine", "show", &id]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("reason: ") && text.contains("\nsent "), "{text}");

    parsed(bench.run(&["quarantine", "accept", &id, "--json"]).await);
    let stored = bench.count("SELECT count(*) FROM bars").await;
    parsed(bench.run(&["quarantine", "undo", &id, "--json"]).await);
    assert_eq!(bench.count("SELECT count(*) FROM bars").await, stored - 1);
    let again = bench.run(&["quarantine", "undo", &id]).await;
    assert_eq!(again.status.code(), Some(2), "{}", String::from_utf8_lossy(&again.stderr));

    let served = Served::start(&bench).await;
    let path = format!("/api/v1/admin/quarantine/{id}");
    let one = served.json(&path).await;
    assert_eq!((&one["sent"]["status"], &one["replaces"]), (&json!("pending"), &json!(false)), "{one}");
    assert_eq!(served.json("/api/v1/admin/quarantine").await["bars"][0]["sent"], one["sent"]);
    served.get("/api/v1/admin/quarantine/99").await.problem(404);
    for (verb, status) in
        [("accept", 200), ("accept", 409), ("undo", 200), ("reject", 200), ("undo", 200), ("undo", 409)]
    {
        let reply = served.post(&format!("{path}/{verb}"), &json!({})).await;
        assert_eq!(reply.status, status, "{verb}: {}", reply.text());
    }
    assert_eq!(served.stop().await, 0);
    let bar = format!("AAPL 5m {}", one["sent"]["ts"].as_str().unwrap());
    let noted = bench.count("SELECT count(*) FROM operator_actions WHERE action = 'decide' AND result = 'ok'").await;
    assert_eq!(noted, 6, "two on the command line, four over HTTP");
    let store = barkeep::store::open(&bench.database.url(), true).await.unwrap();
    let actions = store.operator_actions(Some(&format!("quarantine {id}")), 99).await.unwrap();
    for word in ["accepted", "rejected", "undone"] {
        let text = format!("{word}: {bar}");
        assert!(actions.iter().any(|row| row.action.detail.as_deref() == Some(&text)), "{text} in {actions:?}");
    }
    store.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_announced_closure_with_bars_is_taken_back() {
    let rig = rig(1.0, "2024-02-21", Vec::new()).await;
    let wrong = HolidayRow {
        date: "2024-02-28".parse().unwrap(),
        close: None,
        name: "Day of Mourning".to_owned(),
        fetched_at: Ts(0),
    };
    rig.store.put_holidays(std::slice::from_ref(&wrong)).await.unwrap();
    let calendar = barkeep::pipeline::calendar(rig.store.as_ref()).await.unwrap();
    rig.engine.calendar.publish(calendar);
    assert_eq!(rig.engine.calendar.current().session(wrong.date), None);
    rig.run(&wish(&[Timeframe::D1], "2024-02-20")).await.unwrap();
    assert!(bars(&rig, Timeframe::D1).await.iter().any(|row| row.bar.ts == day("2024-02-28")));
    assert!(rig.store.quarantine(true).await.unwrap().is_empty());
    assert_eq!(rig.engine.calendar.current().session(wrong.date), Calendar::new().session(wrong.date));
    assert_eq!(rig.store.holidays().await.unwrap()[0].name, "taken back: Day of Mourning");
}

#[tokio::test(start_paused = true)]
async fn an_announcement_that_is_withdrawn_is_forgotten() {
    let clock = Wall::at("2024-03-06T22:00:00Z");
    let holiday = |date: &str| Holiday {
        exchange: "NYSE".to_owned(),
        name: "Special Closing".to_owned(),
        date: date.parse().unwrap(),
        close: None,
    };
    let announcing = |days: &[&str]| {
        let vendor = Scripted::of(&[], clock.clone()).announcing(days.iter().map(|day| holiday(day)).collect());
        std::sync::Arc::new(vendor)
    };
    let stop = tokio_util::sync::CancellationToken::new();
    let settings = settings(RateLimit::Unlimited);
    let first = Rig::on(
        barkeep::store::Memory::new(),
        announcing(&["2024-03-05", "2024-03-13", "2024-03-14"]),
        settings.clone(),
        clock.clone(),
    )
    .await;
    let calendar = barkeep::pipeline::holidays::refresh(&first.engine, &stop).await.unwrap();
    let open = |calendar: &Calendar, date: &str| calendar.session(date.parse().unwrap()).is_some();
    assert!(open(&calendar, "2024-03-05"), "a day that is over is not closed any more");
    assert!(!open(&calendar, "2024-03-13") && !open(&calendar, "2024-03-14"));
    let second = Rig::on(first.store.clone(), announcing(&["2024-03-14"]), settings, clock.clone()).await;
    let calendar = barkeep::pipeline::holidays::refresh(&second.engine, &stop).await.unwrap();
    assert!(open(&calendar, "2024-03-13") && !open(&calendar, "2024-03-14"));
}
