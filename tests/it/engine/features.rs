//! Features from end to end: whatever happened on the way, what is stored equals a computation over all stored bars.

use barkeep::market::testing::candle;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barkeep::base::clock::{Clock, SystemClock};
use barkeep::config::{Overrides, Settings, load_from};
use barkeep::market::features::{TrendRegime, bars_per_year, compute};
use barkeep::market::resample::resample;
use barkeep::market::split::{Split, adjust};
use barkeep::market::{AssetClass, Bar, Calendar, Interval, Symbol, Timeframe, Ts};
use barkeep::pipeline::features::{Refresh, SeriesRef};
use barkeep::sim::{FaultRule, SimConfig};
use barkeep::store::{FeatureRow, PageCommit, SeriesId, SeriesRow, SeriesWrite, Store, StoreError, StoredBar, open};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::bench::{Bench, Database};
use crate::support::databases::on_both;
use crate::support::rows;

type Stored = BTreeMap<(String, Timeframe), Vec<FeatureRow>>;

fn split(date: &str) -> Split {
    Split { date: date.parse().unwrap(), from: 1.0, to: 4.0 }
}

fn sym(name: &str) -> Symbol {
    name.parse().unwrap()
}

async fn bars_of(store: &Arc<dyn Store>, series: SeriesId) -> Vec<Bar> {
    store.bars(series, (..).into(), None).await.unwrap().into_iter().map(|b| b.bar).collect()
}

/// The features of a series computed at once from all its bars; weeks from adjusted days.
async fn recomputed(store: &Arc<dyn Store>, row: &SeriesRow, all: &[SeriesRow], class: AssetClass) -> Vec<FeatureRow> {
    let splits = store.splits(&row.symbol).await.unwrap();
    let today = class.date_of(SystemClock.now());
    let mut bars = bars_of(store, row.id).await;
    let daily = all.iter().find(|s| s.symbol == row.symbol && s.timeframe == Timeframe::D1);
    if let (Timeframe::W1, Some(daily)) = (row.timeframe, daily) {
        let weeks: Vec<Ts> = bars.iter().map(|bar| bar.ts).collect();
        bars = bars_of(store, daily.id).await;
        adjust(&mut bars, &splits, class, today);
        bars = resample(&bars, Timeframe::W1, class);
        bars.retain(|bar| weeks.contains(&bar.ts));
    } else {
        adjust(&mut bars, &splits, class, today);
    }
    let features = compute(&bars, bars_per_year(class, row.timeframe)).unwrap();
    bars.iter().zip(features).map(|(bar, features)| FeatureRow { ts: bar.ts, features }).collect()
}

/// Checks every series of a database, and gives what is stored.
async fn assert_up_to_date(database: &Database) -> Stored {
    let store = open(&database.url(), true).await.unwrap();
    let classes: BTreeMap<Symbol, AssetClass> =
        store.symbols().await.unwrap().into_iter().map(|row| (row.symbol, row.asset_class)).collect();
    let all = store.series().await.unwrap();
    let mut stored = Stored::new();
    for row in &all {
        let got = store.features(row.id, (..).into(), None).await.unwrap();
        let want = recomputed(&store, row, &all, classes[&row.symbol]).await;
        assert!(!want.is_empty(), "{} {} has no bars; the comparison would be empty", row.symbol, row.timeframe);
        assert_eq!(got.len(), want.len(), "{} {}", row.symbol, row.timeframe);
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(got, want, "{} {}", row.symbol, row.timeframe);
        }
        stored.insert((row.symbol.to_string(), row.timeframe), got);
    }
    store.close().await;
    stored
}

fn config() -> SimConfig {
    // A Wednesday, so that a week holds days of both kinds.
    SimConfig { base_limit: 9_000, splits: vec![("AAPL".into(), split("2024-02-14"))], ..SimConfig::default() }
}

on_both!(a_backfill_computes_the_features_of_every_bar, config());
async fn a_backfill_computes_the_features_of_every_bar(bench: Bench) {
    let of = |from: &'static str, to: &'static str| {
        ["AAPL", "BTC", "--timeframes", "5m,1h,4h,1d,1w", "--from", from, "--to", to]
    };
    let (code, first) = bench.backfill(&of("2024-01-08", "2024-03-15")).await;
    assert_eq!((code, first["features_failed"].as_u64()), (0, Some(0)), "{first}");
    let stored = assert_up_to_date(&bench.database).await;
    let rows: usize = stored.values().map(Vec::len).sum();
    assert_eq!(first["features_written"].as_u64(), Some(rows as u64), "each row is written once");
    assert_eq!(bench.count("SELECT count(*) FROM features").await, rows as i64);
    assert_eq!(
        bench.count("SELECT CAST(sum(features_computed) AS BIGINT) FROM symbol_computation_status").await,
        rows as i64
    );

    // Seen by people with SQL: every bar beyond the longest warm-up has every feature.
    let lacking = "SELECT count(*) FROM market_data WHERE timeframe = '5m' AND
        (rsi_14 IS NULL OR macd_hist IS NULL OR sma_50 IS NULL OR volatility_regime IS NULL OR bb_lower IS NULL)";
    assert_eq!(bench.count(lacking).await, 2 * 99);
    let joined = "SELECT count(*) FROM market_data AS m JOIN series AS s USING (symbol, timeframe)
        JOIN features AS f ON f.series_id = s.id AND f.ts = m.time AND f.ema_20 = m.ema_20";
    let warm = stored.values().flatten().filter(|row| row.features.ema_20.is_some()).count();
    assert_eq!(bench.count(joined).await, warm as i64);

    let fresh = bench.count("SELECT count(*) FROM feature_freshness WHERE last_computed_at IS NOT NULL").await;
    let points = bench.count("SELECT CAST(sum(data_point_count) AS BIGINT) FROM feature_freshness").await;
    assert_eq!((fresh, points), (10, rows as i64));
    assert_eq!(bench.count("SELECT count(*) FROM feature_freshness WHERE status = 'stale'").await, 10);

    let (code, again) = bench.backfill(&of("2024-01-08", "2024-03-15")).await;
    assert_eq!((code, again["features_written"].as_u64()), (0, Some(0)), "{again}");
    assert_eq!(assert_up_to_date(&bench.database).await, stored);

    // Older bars move the start of every average, newer ones continue it.
    let (code, wider) = bench.backfill(&of("2023-12-04", "2024-04-12")).await;
    assert_eq!(code, 0, "{wider}");
    let widened = assert_up_to_date(&bench.database).await;
    let once = Bench::sqlite(config()).await;
    assert_eq!(once.backfill(&of("2023-12-04", "2024-04-12")).await.0, 0);
    assert_eq!(widened, assert_up_to_date(&once.database).await);
}

on_both!(only_the_tail_is_written_when_bars_are_appended, SimConfig::default());
async fn only_the_tail_is_written_when_bars_are_appended(bench: Bench) {
    let to = |to: &'static str| ["MSFT", "ETH", "--timeframes", "15m,1d", "--from", "2024-01-08", "--to", to];
    assert_eq!(bench.backfill(&to("2024-02-29")).await.0, 0);
    let before = assert_up_to_date(&bench.database).await;
    let (code, appended) = bench.backfill(&to("2024-03-08")).await;
    assert_eq!(code, 0, "{appended}");
    let after = assert_up_to_date(&bench.database).await;
    let mut new = 0;
    for (key, rows) in &before {
        assert_eq!(after[key][..rows.len()], rows[..], "what is before a changed bar stays as it is");
        new += after[key].len() - rows.len();
    }
    assert!(new > 200);
    assert_eq!(appended["features_written"].as_u64(), Some(new as u64));
}

/// A ticker whose only split lies far ahead; the sim would make one up otherwise.
fn unsplit() -> SimConfig {
    SimConfig { splits: vec![("AAPL".into(), split("2091-01-03"))], ..SimConfig::default() }
}

on_both!(a_split_known_later_changes_every_feature_before_it, unsplit());
async fn a_split_known_later_changes_every_feature_before_it(bench: Bench) {
    let args = ["AAPL", "MSFT", "--timeframes", "1h,1d,1w", "--from", "2023-06-01", "--to", "2024-03-15"];
    assert_eq!(bench.backfill(&args).await.0, 0);
    let before = assert_up_to_date(&bench.database).await;
    let store = open(&bench.database.url(), false).await.unwrap();
    store.put_splits(&[(sym("AAPL"), vec![split("2023-09-13").into()])], SystemClock.now()).await.unwrap();
    store.close().await;

    // Another timeframe is asked for; all series of the symbol follow all the same.
    let (code, run) =
        bench.backfill(&["AAPL", "MSFT", "--timeframes", "1d", "--from", "2024-03-01", "--to", "2024-03-15"]).await;
    assert_eq!((code, run["requests"].as_u64(), run["bars_written"].as_u64()), (0, Some(0), Some(0)), "{run}");
    let after = assert_up_to_date(&bench.database).await;
    let mut changed = 0;
    for (key, old) in &before {
        if key.0 == "MSFT" {
            assert_eq!(&after[key], old);
            continue;
        }
        for (old, new) in old.iter().zip(&after[key]).filter(|(old, _)| old.features.sma_20.is_some()) {
            if old.ts < AssetClass::Stock.midnight("2023-09-10".parse().unwrap()) {
                let (was, is) = (old.features.sma_20.unwrap(), new.features.sma_20.unwrap());
                assert!((is * 4.0 - was).abs() < 1e-9 * was, "{key:?} {}: {was} {is}", old.ts);
                changed += 1;
            }
        }
    }
    assert!(changed > 500);
}

async fn execute(database: &Database, statements: &[String]) {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
    for sql in statements {
        match database {
            Database::Sqlite(path) => {
                let mut db = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
                db.execute(AssertSqlSafe(sql.as_str())).await.unwrap();
            }
            Database::Postgres(url) => {
                let mut db = sqlx::PgConnection::connect(url).await.unwrap();
                db.execute(AssertSqlSafe(sql.as_str())).await.unwrap();
            }
        }
    }
}

on_both!(a_series_that_cannot_be_written_is_skipped_and_tried_again, SimConfig::default());
async fn a_series_that_cannot_be_written_is_skipped_and_tried_again(bench: Bench) {
    let args = |to: &'static str| ["AAPL", "BTC", "--timeframes", "1h,1d", "--from", "2024-01-02", "--to", to];
    assert_eq!(bench.backfill(&args("2024-01-31")).await.0, 0);
    let id = bench.count("SELECT id FROM series WHERE symbol = 'BTC' AND timeframe = '1h'").await;
    let (make, mend) = match &bench.database {
        Database::Sqlite(_) => (
            vec![format!(
                "CREATE TRIGGER broken BEFORE INSERT ON feature_values WHEN NEW.id / 549755813888 = {id}
                 BEGIN SELECT RAISE(ABORT, 'this series is cursed'); END"
            )],
            vec!["DROP TRIGGER broken".to_owned()],
        ),
        // No trigger: Citus has none on what it distributes.
        Database::Postgres(_) => (
            vec![format!(
                "ALTER TABLE feature_values ADD CONSTRAINT \"this series is cursed\" CHECK (series_id <> {id}) NOT VALID"
            )],
            vec!["ALTER TABLE feature_values DROP CONSTRAINT \"this series is cursed\"".to_owned()],
        ),
    };
    execute(&bench.database, &make).await;
    let open_rows = "SELECT count(*) FROM feature_computation_failures WHERE NOT resolved AND symbol = 'BTC'
        AND timeframe = '1h' AND error_message LIKE '%cursed%' AND execution_id IS NOT NULL";
    for (to, retries) in [("2024-02-15", 0), ("2024-02-16", 1)] {
        let (code, run) = bench.backfill(&args(to)).await;
        assert_eq!((code, run["features_failed"].as_u64()), (0, Some(1)), "the bars are complete: {run}");
        assert!(run["features_written"].as_u64() > Some(0), "the other series have theirs: {run}");
        assert_eq!(bench.count(open_rows).await, 1);
        assert_eq!(bench.count("SELECT max(retry_count) FROM feature_computation_failures").await, retries);
    }
    let said = "SELECT count(*) FROM symbol_computation_status WHERE status = 'completed'
        AND error_message LIKE 'features: %cursed%'";
    assert_eq!(bench.count(said).await, 2);
    let short = "SELECT count(*) FROM feature_freshness AS f JOIN series AS s USING (symbol, timeframe)
        WHERE f.data_point_count < s.bar_count";
    assert_eq!(bench.count(short).await, 1);

    execute(&bench.database, &mend).await;
    let (code, run) = bench.backfill(&args("2024-02-16")).await;
    assert_eq!((code, run["features_failed"].as_u64(), run["requests"].as_u64()), (0, Some(0), Some(0)), "{run}");
    assert_eq!(bench.count("SELECT count(*) FROM feature_computation_failures WHERE NOT resolved").await, 0);
    assert_eq!(bench.count("SELECT count(*) FROM feature_computation_failures WHERE resolved_at IS NOT NULL").await, 1);
    assert_eq!(bench.count(short).await, 0);
    assert_up_to_date(&bench.database).await;
}

on_both!(what_was_filled_without_features_gets_them_later, SimConfig::default());
async fn what_was_filled_without_features_gets_them_later(bench: Bench) {
    let dir = bench.dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("barkeep.yaml"), "features:\n  enabled: false\n").unwrap();
    let args = ["SPY", "--timeframes", "30m,1d", "--from", "2024-01-02", "--to", "2024-03-28"];
    let (code, off) = bench.backfill(&args).await;
    assert_eq!((code, off["features_written"].as_u64()), (0, Some(0)), "{off}");
    assert_eq!(bench.count("SELECT count(*) FROM features").await, 0);

    std::fs::remove_file(dir.join("barkeep.yaml")).unwrap();
    let (code, on) = bench.backfill(&args).await;
    assert_eq!((code, on["requests"].as_u64(), on["bars_written"].as_u64()), (0, Some(0), Some(0)), "{on}");
    assert!(!assert_up_to_date(&bench.database).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_leaves_nothing_out_of_date_behind_the_next() {
    let bench =
        Bench::sqlite(SimConfig { base_limit: 3_000, latency: Duration::from_millis(5), ..SimConfig::default() }).await;
    let args =
        ["backfill", "--json", "AAPL", "ETH", "--timeframes", "5m,1h,1d", "--from", "2024-02-01", "--to", "2024-03-29"];
    let mut kills = 0;
    for k in 0..8_u32 {
        let mut child = bench.spawn(&args);
        let instant = Duration::from_millis(u64::from(250 + k * 190));
        if tokio::time::timeout(instant, child.wait()).await.is_err() {
            child.kill().await.unwrap();
            kills += 1;
        }
    }
    assert!(kills >= 2, "only {kills} kills hit a run");
    let (code, run) = bench.backfill(&args[2..]).await;
    assert_eq!(code, 0, "{run}");
    assert_up_to_date(&bench.database).await;
}

/// Each page is one transaction with its features, so no instant is wrong to be killed at.
fn in_pages() -> SimConfig {
    SimConfig { base_limit: 3_000, latency: Duration::from_millis(60), ..SimConfig::default() }
}

on_both!(a_killed_first_run_leaves_no_bar_without_features, in_pages());
async fn a_killed_first_run_leaves_no_bar_without_features(bench: Bench) {
    let args = ["AAPL", "ETH", "--timeframes", "5m,1h,1d", "--from", "2024-02-01", "--to", "2024-03-29"];
    let mut child = bench.spawn(&[&["backfill", "--json"][..], &args].concat());
    while bench.sim.log().len() < 18 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    let bars = bench.count("SELECT count(*) FROM bars").await;
    assert!(bars > 1_000, "{bars}");
    let joined = "SELECT count(*) FROM bars AS b JOIN features AS f ON f.series_id = b.series_id AND f.ts = b.ts";
    assert_eq!(bench.count(joined).await, bars);
    assert_eq!(bench.count("SELECT count(*) FROM feature_progress WHERE stale_from IS NOT NULL").await, 0);
    let (code, run) = bench.backfill(&args).await;
    assert_eq!(code, 0, "{run}");
    assert!(bench.count("SELECT count(*) FROM bars").await > bars);
    assert_up_to_date(&bench.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_bar_counts_at_once() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let broken = json!({"kind": "broken_ohlc", "times": 1, "path_contains": "/ticker/AAPL/range/"});
    bench.sim.add_fault(serde_json::from_value::<FaultRule>(broken).unwrap());
    let args = ["AAPL", "--timeframes", "15m,1h", "--from", "2024-02-01", "--to", "2024-02-29"];
    let (code, run) = bench.backfill(&args).await;
    assert_eq!(code, 1, "quarantined bars want somebody: {run}");
    assert!(run["quarantined"].as_u64() >= Some(1), "{run}");
    let before = assert_up_to_date(&bench.database).await;
    let id = bench.count("SELECT min(id) FROM bar_quarantine").await.to_string();
    let accepted = bench.run(&["quarantine", "accept", &id]).await;
    assert_eq!(accepted.status.code(), Some(0), "{}", String::from_utf8_lossy(&accepted.stderr));
    let after = assert_up_to_date(&bench.database).await;
    assert_ne!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_the_newest_rows() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    assert_eq!(
        bench.backfill(&["AAPL", "--timeframes", "1d", "--from", "2023-10-02", "--to", "2024-03-15"]).await.0,
        0
    );
    let stored = assert_up_to_date(&bench.database).await;
    let rows = &stored[&("AAPL".to_owned(), Timeframe::D1)];

    let json = bench.run(&["features", "AAPL", "--timeframe", "1d", "--json", "--limit", "3"]).await;
    let shown: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let last = &rows[rows.len() - 3..];
    assert_eq!(shown.as_array().map(Vec::len), Some(3));
    for (shown, row) in shown.as_array().unwrap().iter().zip(last) {
        assert_eq!((shown["symbol"].as_str(), shown["timeframe"].as_str()), (Some("AAPL"), Some("1d")));
        assert_eq!(shown["time"], serde_json::json!(row.ts));
        assert_eq!(shown["rsi_14"].as_f64(), row.features.rsi_14);
        assert_eq!(shown["trend_regime"].as_str(), row.features.trend_regime.map(TrendRegime::name));
    }
    let first = bench.run(&["features", "AAPL", "--timeframe", "1d", "--json", "--to", "2023-10-02"]).await;
    let first: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((first.as_array().map(Vec::len), &first[0]["rsi_14"]), (Some(1), &serde_json::Value::Null));

    let table = bench.run(&["features", "AAPL", "--timeframe", "1d", "--from", "2024-03-01"]).await;
    let text = String::from_utf8(table.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("TIME") && lines[0].contains("RSI14"), "{text}");
    assert_eq!(lines.len(), 12, "a heading and eleven sessions: {text}");
    assert!(lines[11].starts_with("2024-03-15T04:00:00Z"), "{text}");

    for (args, says) in [
        (["features", "AAPL", "--timeframe", "2d"], "timeframe"),
        (["features", "AAPL", "--timeframe", "5m"], "it has 1d"),
        (["features", "AAPP", "--timeframe", "1d"], "AAPL"),
    ] {
        let refused = bench.run(&args).await;
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(says), "{args:?}");
    }
}

// -- any sequence of changes -----------------------------------------------------------------------------------------

fn settings(dir: &std::path::Path) -> Settings {
    let file = dir.join("settings.yaml");
    let (db, log) = (dir.join("unused.db"), dir.join("log"));
    std::fs::write(&file, format!("database:\n  url: sqlite:{}\nlog:\n  dir: {}\n", db.display(), log.display()))
        .unwrap();
    let overrides = Overrides { config: Some(file), ..Overrides::default() };
    load_from(&overrides, &barkeep::config::Environment::default()).unwrap().settings
}

/// What may happen to a series between two runs.
#[derive(Clone, Debug)]
enum Change {
    /// Bars at these slots, new or changed; the last few may still be growing.
    Bars {
        from: usize,
        count: usize,
        step: usize,
        seed: u16,
        growing: usize,
    },
    /// All provisional bars from a slot on that are not sent again vanish.
    Vanish {
        from: usize,
    },
    Splits(Vec<u8>),
    /// Features are brought up to date.
    Run,
}

fn change() -> impl Strategy<Value = Change> {
    let bars = (0usize..700, 1usize..300, 1usize..3, any::<u16>(), 0usize..4)
        .prop_map(|(from, count, step, seed, growing)| Change::Bars { from, count, step, seed, growing });
    prop_oneof![
        5 => bars,
        1 => (0usize..900).prop_map(|from| Change::Vanish { from }),
        1 => proptest::collection::vec(0u8..5, 0..3).prop_map(Change::Splits),
        4 => Just(Change::Run),
    ]
}

fn slot(n: usize) -> Ts {
    Ts(1_704_186_000_000 + n as i64 * 3_600_000)
}

fn made(n: usize, seed: u16, provisional: bool) -> StoredBar {
    let close = 50.0 + ((n * 7_919 + usize::from(seed) * 104_729) % 3_001) as f64 / 100.0;
    let (high, low) = (close + (n % 7) as f64 / 10.0, close - (n % 5) as f64 / 10.0);
    let bar = Bar { volume: (n % 23) as f64, ..candle(slot(n), [close, high, low, close]) };
    StoredBar { provisional, ..rows::stored(bar) }
}

async fn apply(store: &Arc<dyn Store>, id: SeriesId, change: &Change) -> Result<(), StoreError> {
    let mut write = SeriesWrite { ..SeriesWrite::nothing(id) };
    match change {
        Change::Bars { from, count, step, seed, growing } => {
            let bar = |k: usize| made(from + k * step, *seed, k + growing >= *count);
            write.bars = (0..*count).map(bar).collect();
        }
        Change::Vanish { from } => write.replaces = Some(Interval::new(slot(*from), slot(2_000))),
        Change::Splits(days) => {
            let mut days = days.clone();
            days.sort_unstable();
            days.dedup();
            let splits = days.iter().map(|d| split(&format!("2024-01-1{d}")).into()).collect();
            return store.put_splits(&[(sym("AAPL"), splits)], Ts(0)).await;
        }
        Change::Run => return Ok(()),
    }
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_sequence_of_changes_ends_in_a_full_recompute(changes in proptest::collection::vec(change(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let settings = settings(dir.path());
            let store = open(&format!("sqlite:{}", dir.path().join("bars.db").display()), false).await.unwrap();
            store.put_symbols(&[rows::symbol("AAPL", &[Timeframe::H1])]).await.unwrap();
            let id = store.series().await.unwrap()[0].id;
            let (calendar, cancel) = (Calendar::new(), CancellationToken::new());
            let refresh = Refresh {
                store: store.as_ref(),
                calendar: &calendar,
                settings: &settings,
                clock: &SystemClock,
                execution: None,
                cancel: &cancel,
            };
            let subject = SeriesRef { series: id, vendor: barkeep::market::Source::Massive, class: AssetClass::Stock, daily: None };
            for change in changes.iter().chain([&Change::Run]) {
                apply(&store, id, change).await.unwrap();
                if !matches!(change, Change::Run) {
                    continue;
                }
                let done = refresh.run(&[subject]).await.unwrap();
                assert!(done[0].complete && done[0].failure.is_none(), "{done:?}");
                let all = store.series().await.unwrap();
                let want = recomputed(&store, &all[0], &all, AssetClass::Stock).await;
                assert_eq!(store.features(id, (..).into(), None).await.unwrap(), want);
                assert_eq!(store.feature_progress(&[id]).await.unwrap()[0].stale_from, None);
                let again = refresh.run(&[subject]).await.unwrap();
                assert_eq!((again[0].written, again[0].touched), (0, false));
            }
            store.close().await;
        });
    }
}
