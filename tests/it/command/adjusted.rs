//! Prices in other terms: what `barkeep bars` prints is what the view `market_data_adjusted` holds, and what the API answers.

use std::collections::BTreeMap;

use barkeep::market::split::Split;
use barkeep::sim::SimConfig;
use barkeep::store::open;
use serde_json::Value;
use sqlx::{Connection as _, Row as _};

use crate::support::bench::{Bench, Database};
use crate::support::databases::on_both;

/// A split on a Wednesday, so that a week holds days of both kinds.
fn config() -> SimConfig {
    let split = Split { date: "2024-11-20".parse().unwrap(), from: 1.0, to: 4.0 };
    SimConfig { splits: vec![("AAPL".into(), split)], ..SimConfig::default() }
}

/// Rows of the view by time in milliseconds: open, high, low, close, volume, `close_total_return`, and the session.
type Viewed = BTreeMap<i64, ([f64; 6], String)>;

async fn viewed(bench: &Bench, timeframe: &str) -> Viewed {
    let columns = "open, high, low, close, volume, close_total_return, session";
    let filter = format!("FROM market_data_adjusted WHERE symbol = 'AAPL' AND timeframe = '{timeframe}' ORDER BY time");
    match &bench.database {
        Database::Sqlite(path) => {
            let url = format!("sqlite:{}?mode=ro", path.display());
            let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
            let sql = format!("SELECT time, {columns} {filter}");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
            rows.iter().map(|r| (r.get(0), ([1, 2, 3, 4, 5, 6].map(|k| r.get(k)), r.get(7)))).collect()
        }
        Database::Postgres(url) => {
            let mut db = sqlx::PgConnection::connect(url).await.unwrap();
            let sql = format!("SELECT CAST(extract(epoch FROM time) * 1000 AS BIGINT), {columns} {filter}");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
            rows.iter().map(|r| (r.get(0), ([1, 2, 3, 4, 5, 6].map(|k| r.get(k)), r.get(7)))).collect()
        }
    }
}

/// What the command prints: open, high, low, close and volume by time, and the name of the timeframe.
async fn printed(bench: &Bench, timeframe: &str, more: &[&str]) -> (BTreeMap<i64, [f64; 5]>, String) {
    let args = [&["bars", "AAPL", "--timeframe", timeframe, "--json"], more].concat();
    let output = bench.run(&args).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ms =
        |row: &Value| chrono::DateTime::parse_from_rfc3339(row["time"].as_str().unwrap()).unwrap().timestamp_millis();
    let values = |row: &Value| ["open", "high", "low", "close", "volume"].map(|key| row[key].as_f64().unwrap());
    let name = rows.first().map_or_else(String::new, |row| row["timeframe"].as_str().unwrap().to_owned());
    (rows.iter().map(|row| (ms(row), values(row))).collect(), name)
}

on_both!(the_command_prints_what_the_view_holds, config());
async fn the_command_prints_what_the_view_holds(bench: Bench) {
    // Thanksgiving is on the 28th, and the 29th a short day.
    let args = ["AAPL", "--timeframes", "30m,1h,1d,1w", "--from", "2024-11-04", "--to", "2024-12-06"];
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!(code, 0, "{summary}");
    assert_eq!(bench.asked("dividends"), 0, "a backfill never asks for dividends");
    let output = bench.run(&["bars", "AAPL", "--timeframe", "1d", "--adjust", "total"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("note: dividends of AAPL are not known yet"));
    let store = open(&bench.database.url(), false).await.unwrap();
    let paid = barkeep::market::testing::dividend("2024-12-02".parse().unwrap(), 1.0);
    store.put_dividends(&[("AAPL".parse().unwrap(), vec![paid])], barkeep::market::Ts(0)).await.unwrap();
    store.close().await;

    let raw = bench.stored().await;
    for timeframe in ["30m", "1h", "1d", "1w"] {
        let view = viewed(&bench, timeframe).await;
        assert!(!view.is_empty());
        let (none, _) = printed(&bench, timeframe, &["--adjust", "none"]).await;
        assert_eq!(none, printed(&bench, timeframe, &["--raw"]).await.0);
        for (t, values) in &none {
            let stored = raw[&("AAPL".to_owned(), timeframe.to_owned(), *t)];
            assert_eq!(*values, [stored.0, stored.1, stored.2, stored.3, stored.4]);
        }
        let (splits, name) = printed(&bench, timeframe, &[]).await;
        assert_eq!((splits.len(), name.as_str()), (view.len(), timeframe));
        for (t, values) in &splits {
            let [open, high, low, close, volume, _] = view[t].0;
            assert_eq!(*values, [open, high, low, close, volume], "{timeframe} at {t}");
        }
        let (total, _) = printed(&bench, timeframe, &["--adjust", "total"]).await;
        let mut paid_back = 0;
        for (t, values) in &total {
            assert!((values[3] / view[t].0[5] - 1.0).abs() < 1e-12, "{timeframe} at {t}");
            paid_back += usize::from(values[3] < splits[t][3]);
        }
        assert!(0 < paid_back && paid_back < total.len(), "{timeframe}: {paid_back} of {}", total.len());
    }
    // The week of the split is level.
    let week = viewed(&bench, "1w").await;
    for (values, _) in week.values() {
        assert!(values[1] / values[2] < 2.0, "{values:?}");
    }

    let view = viewed(&bench, "30m").await;
    let regular: Vec<i64> = view.iter().filter(|(_, (_, session))| session == "regular").map(|(t, _)| *t).collect();
    let (kept, name) = printed(&bench, "30m", &["--session", "regular"]).await;
    assert_eq!((kept.keys().copied().collect::<Vec<_>>(), name.as_str()), (regular, "30m"));
    let (hours, name) = printed(&bench, "1h", &["--session", "regular"]).await;
    // 22 whole days of seven bars and a short one of four.
    assert_eq!((hours.len(), name.as_str()), (23 * 7 + 4, "1h@rth"));
    let first = kept.iter().next().unwrap();
    let bar = hours.iter().next().unwrap();
    assert_eq!((bar.0, bar.1[0]), (first.0, first.1[0]), "the first hour opens with the session");
    let volume = |bars: &BTreeMap<i64, [f64; 5]>| bars.values().map(|v| v[4]).sum::<f64>();
    assert!((volume(&hours) / volume(&kept) - 1.0).abs() < 1e-9);
    let (days, name) = printed(&bench, "1d", &["--session", "regular"]).await;
    assert_eq!((days.len(), name.as_str()), (viewed(&bench, "1d").await.len(), "1d"));
}

on_both!(terms_that_make_no_sense_are_refused, config());
async fn terms_that_make_no_sense_are_refused(bench: Bench) {
    let both = bench.run(&["bars", "AAPL", "--timeframe", "1d", "--raw", "--adjust", "total"]).await;
    assert_eq!(both.status.code(), Some(2));
    let args = ["AAPL", "--timeframes", "1h", "--from", "2024-11-04", "--to", "2024-11-05"];
    assert_eq!(bench.backfill(&args).await.0, 0);
    let unmade = bench.run(&["bars", "AAPL", "--timeframe", "1h", "--session", "regular"]).await;
    let said = String::from_utf8_lossy(&unmade.stderr).into_owned();
    assert!(unmade.status.code() == Some(2) && said.contains("no finer bars") && said.contains("30m,1h"), "{said}");
}

/// The API gives the bars the command prints, in pages that meet and hold whole bars.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_the_regular_session_too() {
    let bench = Bench::sqlite(config()).await;
    let args = ["AAPL", "--timeframes", "30m,1h", "--from", "2024-11-11", "--to", "2024-11-22"];
    assert_eq!(bench.backfill(&args).await.0, 0);
    let mut wanted = Vec::new();
    for timeframe in ["30m", "1h"] {
        wanted.push((timeframe, printed(&bench, timeframe, &["--session", "regular"]).await));
    }
    // Of an hour with a half-hour in doubt nothing is shown: the other half is no hour.
    let mut sound: Vec<i64> = wanted[1].1.0.keys().copied().collect();
    let doubtful = sound.remove(3) + 1_800_000;
    let Database::Sqlite(path) = &bench.database else { unreachable!("the bench is on SQLite") };
    let doubt = "UPDATE bars SET quality_score = 0.2
        WHERE ts = ? AND series_id = (SELECT id FROM series WHERE symbol = 'AAPL' AND timeframe = '30m')";
    assert_eq!(rusqlite::Connection::open(path).unwrap().execute(doubt, [doubtful]).unwrap(), 1);
    let (shown, _) = printed(&bench, "1h", &["--session", "regular", "--min-quality", "0.5"]).await;
    assert_eq!(shown.keys().copied().collect::<Vec<_>>(), sound);
    let served = crate::support::api::Served::start(&bench).await;
    let ms = |row: &Value| {
        row["time"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis()
    };
    for (timeframe, (rows, name)) in wanted {
        let mut next = format!("/api/v1/historical/AAPL?timeframe={timeframe}&session=regular&limit=9&end=2024-11-22");
        let mut got = BTreeMap::new();
        loop {
            let page = served.json(&next).await;
            assert_eq!(page["timeframe"], name.as_str());
            for row in page["data"].as_array().unwrap() {
                let values = ["open", "high", "low", "close", "volume"].map(|key| row[key].as_f64().unwrap());
                assert!(got.insert(ms(row), values).is_none(), "twice: {row}");
            }
            let Some(link) = page["next"].as_str() else { break };
            link.clone_into(&mut next);
        }
        assert_eq!(got, rows, "{timeframe}");
    }
    let page = served.json("/api/v1/historical/AAPL?timeframe=1h&session=regular&min_quality=0.5&end=2024-11-22").await;
    assert_eq!(page["data"].as_array().unwrap().iter().map(ms).collect::<Vec<_>>(), sound);
    let wrong = served.get("/api/v1/historical/AAPL?session=night").await.problem(422);
    assert_eq!(wrong["parameter"], "session");
    assert_eq!(served.stop().await, 0);
}
