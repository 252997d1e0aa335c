//! Features in the store: what is written, what is left alone, what is remembered.

use crate::support::rows;
use barkeep::market::testing::candle;
use std::sync::Arc;

use barkeep::market::features::{
    CompressionRegime, Direction, Features, State, Structure, TrendRegime, VolatilityRegime, compute, extend,
};
use barkeep::market::freshness::Tier;
use barkeep::market::split::Split;
use barkeep::market::{Bar, Interval, Timeframe, Ts};
use barkeep::store::{
    Dialect, ExecutionStatus, FeatureFailure, FeatureFreshness, FeatureOutcome, FeatureProgress, FeatureRow,
    FeatureWrite, PageCommit, SeriesId, SeriesWrite, Store, StoreError, StoredBar, open,
};
use uuid::Uuid;

use crate::database::Db;
use crate::sample::{execution, sym, symbol_row};

const T0: i64 = 1_700_000_100_000;
const ALL: Interval = Interval { start: Ts::MIN, end: Ts::MAX };

fn at(n: usize) -> Ts {
    Ts(T0 + n as i64 * 300_000)
}

fn bars(count: usize) -> Vec<Bar> {
    let mut close = 100.0;
    (0..count)
        .map(|n| {
            close *= 1.0 + ((n * 7919 % 401) as f64 - 200.0) / 10_000.0;
            let (high, low) = (close * 1.01, close * 0.99);
            Bar { volume: (n % 17) as f64 / 3.0, ..candle(at(n), [close, high, low, close]) }
        })
        .collect()
}

fn rows(bars: &[Bar]) -> Vec<FeatureRow> {
    let features = compute(bars, 252.0).unwrap();
    bars.iter().zip(features).map(|(bar, features)| FeatureRow { ts: bar.ts, features }).collect()
}

async fn series(store: &Arc<dyn Store>, names: &[&str]) -> Vec<SeriesId> {
    let rows: Vec<_> = names.iter().map(|name| symbol_row(name, &[Timeframe::M5])).collect();
    store.put_symbols(&rows).await.unwrap();
    store.series().await.unwrap().into_iter().map(|s| s.id).collect()
}

async fn store_bars(store: &Arc<dyn Store>, series: SeriesId, bars: &[Bar]) {
    let stored = |bar: &Bar| StoredBar { fetched_at: Ts(T0), ..rows::stored(*bar) };
    let write = SeriesWrite { bars: bars.iter().map(stored).collect(), ..SeriesWrite::nothing(series) };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
}

fn write(series: SeriesId, changes: i64, rows: &[FeatureRow], computed_at: i64) -> FeatureWrite {
    FeatureWrite {
        series,
        changes,
        replaces: ALL,
        rows: rows.to_vec(),
        states: Vec::new(),
        spent: None,
        stale_from: None,
        splits: "none".into(),
        computed_at: Ts(computed_at),
    }
}

async fn progress(store: &Arc<dyn Store>, id: SeriesId) -> FeatureProgress {
    store.feature_progress(&[id]).await.unwrap().remove(0)
}

async fn put(store: &Arc<dyn Store>, write: FeatureWrite) -> FeatureOutcome {
    store.put_features([write].into()).await.unwrap()[0]
}

pub async fn rows_come_back_bit_for_bit(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let mut rows = rows(&bars(2_500));
    rows[3].features = Features {
        log_return: Some(-f64::MAX),
        volatility_20: Some(5e-324),
        volume_ratio: Some(0.1 + 0.2),
        sma_20: Some(1.5),
        bb_middle: Some(1.5),
        macd: Some(0.3),
        macd_signal: Some(0.1),
        macd_hist: Some(0.3 - 0.1),
        structure_label: Some(Structure::Bearish),
        trend_regime: Some(TrendRegime::Ranging),
        compression_regime: Some(CompressionRegime::Compressed),
        ..Features::default()
    };
    let outcome = put(store, write(id, 0, &rows, T0)).await;
    assert_eq!(outcome, FeatureOutcome { written: 2_500, ..FeatureOutcome::default() });
    assert_eq!(store.features(id, (..).into(), None).await.unwrap(), rows);
    assert_eq!(store.feature_count(id).await.unwrap(), 2_500);
}

/// What no computation makes would not come back as it was.
pub async fn rows_that_do_not_fit_together_are_refused(db: &Db) {
    type Change = fn(&mut FeatureRow);
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let sound = rows(&bars(60));
    let wrong: [Change; 4] = [
        |row| row.features.atr = Some(f64::INFINITY),
        |row| row.features.bb_middle = None,
        |row| row.features.macd_hist = row.features.macd,
        |row| row.ts = row.ts + 1,
    ];
    for change in wrong {
        let mut rows = sound.clone();
        change(&mut rows[50]);
        let refused = store.put_features([write(id, 0, &rows, T0)].into()).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    }
    assert_eq!(store.feature_count(id).await.unwrap(), 0);
}

/// `features` is a view, yet rows of it can be corrected and deleted as those of a table, in SQLite put back as well.
pub async fn rows_are_changed_by_hand_as_in_a_table(db: &Db) {
    let store = &db.store;
    let [id, other] = series(store, &["AAPL", "MSFT"]).await[..] else { panic!("two series") };
    let rows = rows(&bars(300));
    for id in [id, other] {
        put(store, write(id, 0, &rows, T0)).await;
    }
    let mut raw = db.raw().await;
    raw.run("CREATE TABLE kept AS SELECT * FROM features").await.unwrap();
    raw.run(&format!("UPDATE features SET rsi_14 = 7 WHERE series_id = {}", id.0)).await.unwrap();
    let read = store.features(id, (..).into(), None).await.unwrap();
    assert!(read.iter().zip(&rows).all(|(read, row)| {
        let changed = Features { rsi_14: Some(7.0), ..row.features };
        *read == FeatureRow { ts: row.ts, features: changed }
    }));
    raw.run(&format!("DELETE FROM features WHERE series_id = {}", id.0)).await.unwrap();
    assert_eq!(store.feature_count(id).await.unwrap(), 0);
    assert_eq!(store.features(other, (..).into(), None).await.unwrap(), rows);
    if db.dialect() == Some(Dialect::Sqlite) {
        raw.run(&format!("INSERT INTO features SELECT * FROM kept WHERE series_id = {}", id.0)).await.unwrap();
        assert_eq!(store.features(id, (..).into(), None).await.unwrap(), rows);
    }
}

/// As they were before features were kept narrower: 25 columns in a table of this name.
pub async fn features_of_an_older_database_are_kept(db: &Db) {
    let ids = series(&db.store, &["AAPL", "MSFT"]).await;
    let all: Vec<Vec<FeatureRow>> = [300, 160].into_iter().map(|count| rows(&bars(count))).collect();
    for (id, rows) in ids.iter().zip(&all) {
        put(&db.store, write(*id, 0, rows, T0)).await;
    }
    db.store.close().await;
    let first = match db.dialect() {
        Some(Dialect::Sqlite) => include_str!("../../migrations/sqlite/0001_initial.sql"),
        _ => include_str!("../../migrations/postgres/0001_initial.sql"),
    };
    let from = first.find("CREATE TABLE features (").unwrap();
    let table = &first[from..from + first[from..].find(';').unwrap()];
    let mut raw = db.raw().await;
    raw.run(&table.replace("CREATE TABLE features (", "CREATE TABLE older (")).await.unwrap();
    assert_eq!(raw.run("INSERT INTO older SELECT * FROM features").await.unwrap(), 460);
    for statement in [
        "DROP VIEW market_data_adjusted",
        "DROP VIEW market_data",
        "DROP VIEW features",
        "DROP TABLE feature_values",
        "ALTER TABLE older RENAME TO features",
        "CREATE VIEW market_data AS SELECT 1 AS one",
        "CREATE VIEW market_data_adjusted AS SELECT 1 AS one",
        "DELETE FROM _sqlx_migrations WHERE version = 13",
    ] {
        raw.run(statement).await.unwrap();
    }
    drop(raw);

    let again = open(db.url(), false).await.unwrap();
    for (id, rows) in ids.iter().zip(&all) {
        let got = again.features(*id, (..).into(), None).await.unwrap();
        assert_eq!(got.len(), rows.len());
        got.iter().zip(rows).for_each(|(got, want)| assert_eq!(got, want));
    }
    again.close().await;
    // The words that people read are those of the rows.
    let mut raw = db.raw().await;
    let rows: Vec<Features> = all.iter().flatten().map(|row| row.features).collect();
    let told = |word: &'static str, count: usize| {
        let (column, name) = word.split_once(' ').unwrap();
        (format!("SELECT COUNT(*) FROM features WHERE {column} = '{name}'"), count as i64)
    };
    let count = |is: fn(&Features) -> bool| rows.iter().filter(|row| is(row)).count();
    let mut questions = vec![
        told("structure_label bearish", count(|f| f.structure_label == Some(Structure::Bearish))),
        told("structure_label range", count(|f| f.structure_label == Some(Structure::Range))),
        told("trend_direction up", count(|f| f.trend_direction == Some(Direction::Up))),
        told("trend_direction neutral", count(|f| f.trend_direction == Some(Direction::Neutral))),
        told("volatility_regime medium", count(|f| f.volatility_regime == Some(VolatilityRegime::Medium))),
        told("trend_regime downtrend", count(|f| f.trend_regime == Some(TrendRegime::Downtrend))),
        told("compression_regime expanded", count(|f| f.compression_regime == Some(CompressionRegime::Expanded))),
    ];
    questions.extend([
        ("SELECT COUNT(*) FROM features WHERE bb_middle = sma_20".to_owned(), count(|f| f.sma_20.is_some()) as i64),
        (
            "SELECT COUNT(*) FROM features WHERE macd_hist = macd - macd_signal".to_owned(),
            count(|f| f.macd_hist.is_some()) as i64,
        ),
        (format!("SELECT COUNT(*) FROM features WHERE series_id = {}", ids[1].0), 160),
    ]);
    for (sql, expected) in questions {
        assert!(expected > 0, "{sql} would prove nothing");
        assert_eq!(raw.int(&sql).await, expected, "{sql}");
    }
}

pub async fn the_newest_page_ascends(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let rows = rows(&bars(60));
    put(store, write(id, 0, &rows, T0)).await;
    assert_eq!(store.features(id, (..).into(), Some(10)).await.unwrap(), rows[50..]);
    let range = Interval::new(at(5), at(30));
    assert_eq!(store.features(id, range.into(), Some(1_000)).await.unwrap(), rows[5..30], "the end is not included");
    assert_eq!(store.features(id, range.into(), Some(3)).await.unwrap(), rows[27..30]);
    assert_eq!(store.features(id, Interval::new(at(70), at(80)).into(), Some(3)).await.unwrap(), []);
    assert_eq!(store.features(SeriesId(9_999), (..).into(), Some(3)).await.unwrap(), []);
}

pub async fn only_what_changed_is_written(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let mut rows = rows(&bars(300));
    put(store, write(id, 0, &rows, T0)).await;
    let again = put(store, write(id, 0, &rows, T0 + 1)).await;
    assert_eq!(again, FeatureOutcome { unchanged: 300, ..FeatureOutcome::default() });

    rows[200].features.rsi_14 = Some(1.5);
    rows[201].features.structure_label = None;
    rows.remove(250);
    let mut late = write(id, 0, &rows[150..], T0 + 2);
    late.replaces = Interval::new(at(150), Ts::MAX);
    assert_eq!(put(store, late).await, FeatureOutcome { written: 2, unchanged: 147, removed: 1, superseded: false });
    assert_eq!(store.features(id, (..).into(), None).await.unwrap(), rows, "what lies before the range is not touched");

    let mut outside = write(id, 0, &rows[..10], T0);
    outside.replaces = Interval::new(at(1), Ts::MAX);
    assert!(matches!(store.put_features([outside].into()).await, Err(StoreError::Refused(_))));
}

pub async fn changed_bars_are_noted_from_the_first_on(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let fresh = progress(store, id).await;
    assert_eq!((fresh.stale_from, fresh.changes, fresh.splits.as_str(), fresh.failing), (None, 0, "", false));
    assert_eq!(fresh.series.symbol, sym("AAPL"));

    let mut all = bars(50);
    store_bars(store, id, &all[20..]).await;
    let one = progress(store, id).await;
    assert_eq!((one.stale_from, one.changes), (Some(at(20)), 1));
    store_bars(store, id, &all[..20]).await;
    let two = progress(store, id).await;
    assert_eq!((two.stale_from, two.changes, two.series.bar_count), (Some(at(0)), 2, 50));

    put(store, write(id, 2, &rows(&all), T0)).await;
    assert_eq!(progress(store, id).await, FeatureProgress { stale_from: None, splits: "none".into(), ..two.clone() });
    store_bars(store, id, &all).await;
    assert_eq!(progress(store, id).await.changes, 2, "bars that are stored already change nothing");

    all[40].close += 0.01;
    all[30].volume += 1.0;
    store_bars(store, id, &all[25..45]).await;
    let revised = progress(store, id).await;
    assert_eq!((revised.stale_from, revised.changes), (Some(at(30)), 3));
    assert!(store.feature_progress(&[SeriesId(9_999)]).await.unwrap().is_empty());
}

pub async fn what_was_computed_from_older_bars_is_not_written(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let all = bars(30);
    store_bars(store, id, &all[..20]).await;
    let seen = progress(store, id).await.changes;
    store_bars(store, id, &all[20..]).await;
    let outcome = put(store, write(id, seen, &rows(&all[..20]), T0)).await;
    assert_eq!(outcome, FeatureOutcome { superseded: true, ..FeatureOutcome::default() });
    assert_eq!(store.feature_count(id).await.unwrap(), 0);
    assert_eq!(progress(store, id).await.stale_from, Some(at(0)));
}

pub async fn states_are_kept_until_their_past_changes(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let all = bars(200);
    let state = |n: usize| -> State { extend(None, &[], &all[..n], n, 252.0).unwrap().end.unwrap() };
    let [a, b, c] = [50, 100, 150].map(state);
    put(store, FeatureWrite { states: vec![a, b, c], ..write(id, 0, &rows(&all), T0) }).await;
    for (before, want) in [(Ts::MAX, Some(c)), (at(149), Some(b)), (at(99), Some(a)), (at(49), None)] {
        assert_eq!(store.feature_state(id, before).await.unwrap(), want, "{before}");
    }
    // From bar 120 on everything is new; the state at 99 still holds, and the one at 49 has done its work.
    let replaces = Interval::new(at(120), Ts::MAX);
    let late = FeatureWrite { replaces, spent: Some(a.through), ..write(id, 0, &rows(&all)[120..], T0) };
    put(store, late).await;
    assert_eq!(store.feature_state(id, Ts::MAX).await.unwrap(), Some(b));
    assert_eq!(store.feature_state(id, at(99)).await.unwrap(), None);
}

pub async fn a_batch_is_all_or_nothing(db: &Db) {
    let store = &db.store;
    let ids = series(store, &["AAPL", "MSFT"]).await;
    let rows = rows(&bars(40));
    let bad = FeatureWrite { replaces: Interval::new(at(0), at(1)), ..write(ids[1], 0, &rows, T0) };
    assert!(store.put_features([write(ids[0], 0, &rows, T0), bad].into()).await.is_err());
    assert_eq!(store.feature_count(ids[0]).await.unwrap(), 0);
    let gone = write(SeriesId(9_999), 0, &rows, T0);
    assert!(matches!(store.put_features([gone].into()).await, Err(StoreError::NotFound(_))));
    let both = [write(ids[1], 0, &rows, T0), write(ids[0], 0, &rows, T0)];
    assert_eq!(store.put_features(both.into()).await.unwrap().iter().map(|o| o.written).collect::<Vec<_>>(), [40, 40]);
}

fn failure(symbol: &str, message: &str, execution: Option<Uuid>, at: i64) -> FeatureFailure {
    FeatureFailure {
        symbol: sym(symbol),
        timeframe: Timeframe::M5,
        error_message: message.to_owned(),
        execution_id: execution,
        failed_at: Ts(at),
    }
}

pub async fn a_failing_series_has_one_open_row(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let execution = execution(7, T0, ExecutionStatus::Running);
    store.put_execution(&execution).await.unwrap();
    let long = "x".repeat(100_000);
    store.log_feature_failure(&failure("AAPL", &long, None, T0)).await.unwrap();
    let again = failure("AAPL", "worse", Some(Uuid::from_u128(7)), T0 + 5);
    store.log_feature_failure(&again).await.unwrap();
    store.log_feature_failure(&failure("MSFT", "other", None, T0 + 1)).await.unwrap();
    let unknown = failure("AAPL", "whose?", Some(Uuid::from_u128(8)), T0 + 9);
    assert!(store.log_feature_failure(&unknown).await.is_err(), "an unknown execution is refused");

    let open = store.feature_failures(true, 10).await.unwrap();
    assert_eq!(open.len(), 2);
    assert_eq!((&open[0].failure, open[0].retry_count, open[0].resolved), (&again, 1, false));
    assert!(progress(store, id).await.failing);

    assert_eq!(store.resolve_feature_failures(&sym("AAPL"), Timeframe::M5, Ts(T0 + 8)).await.unwrap(), 1);
    assert_eq!(store.resolve_feature_failures(&sym("AAPL"), Timeframe::M5, Ts(T0 + 9)).await.unwrap(), 0);
    assert_eq!(store.resolve_feature_failures(&sym("AAPL"), Timeframe::D1, Ts(T0 + 9)).await.unwrap(), 0);
    assert!(!progress(store, id).await.failing);
    assert_eq!(store.feature_failures(true, 10).await.unwrap().len(), 1);
    let all = store.feature_failures(false, 10).await.unwrap();
    assert_eq!((all.len(), all[0].resolved, all[0].resolved_at), (2, true, Some(Ts(T0 + 8))));
    assert_eq!(store.feature_failures(false, 1).await.unwrap().len(), 1);

    store.log_feature_failure(&failure("AAPL", "anew", None, T0 + 20)).await.unwrap();
    let all = store.feature_failures(false, 10).await.unwrap();
    assert_eq!((all.len(), all[0].retry_count), (3, 0), "a new failure after a resolved one is a new row");
}

pub async fn freshness_is_kept_by_series(db: &Db) {
    let store = &db.store;
    let row = FeatureFreshness {
        symbol: sym("AAPL"),
        timeframe: Timeframe::D1,
        last_computed_at: Some(Ts(T0)),
        data_point_count: 12,
        status: Tier::Aging,
        staleness_seconds: Some(7_200),
        updated_at: Ts(T0),
    };
    let finer = FeatureFreshness { timeframe: Timeframe::M5, status: Tier::Unknown, ..row.clone() };
    store.update_feature_freshness(&[row.clone(), finer.clone()]).await.unwrap();
    assert_eq!(store.feature_freshness().await.unwrap(), [finer.clone(), row.clone()]);
    let later = FeatureFreshness {
        last_computed_at: None,
        status: Tier::Missing,
        staleness_seconds: None,
        updated_at: Ts(T0 + 5),
        ..row.clone()
    };
    store.update_feature_freshness(std::slice::from_ref(&later)).await.unwrap();
    let kept = FeatureFreshness { last_computed_at: Some(Ts(T0)), ..later };
    assert_eq!(store.feature_freshness().await.unwrap(), [finer, kept]);
}

pub async fn splits_of_all_symbols(db: &Db) {
    let store = &db.store;
    let split = |date: &str| Split { date: date.parse().unwrap(), from: 1.0, to: 4.0 };
    let (old, new) = (split("2014-06-09"), split("2020-08-31"));
    store
        .put_splits(&[(sym("TSLA"), vec![new.into()]), (sym("AAPL"), vec![new.into(), old.into()])], Ts(T0))
        .await
        .unwrap();
    let want = [(sym("AAPL"), old), (sym("AAPL"), new), (sym("TSLA"), new)];
    assert_eq!(store.all_splits().await.unwrap(), want);
}

pub async fn removing_a_symbol_removes_its_features(db: &Db) {
    let store = &db.store;
    let id = series(store, &["AAPL"]).await[0];
    let all = bars(60);
    store_bars(store, id, &all).await;
    let state = extend(None, &[], &all, 60, 252.0).unwrap().end.unwrap();
    put(store, FeatureWrite { states: vec![state], ..write(id, 1, &rows(&all), T0) }).await;
    store.log_feature_failure(&failure("AAPL", "no", None, T0)).await.unwrap();
    let fresh = FeatureFreshness {
        symbol: sym("AAPL"),
        timeframe: Timeframe::M5,
        last_computed_at: None,
        data_point_count: 60,
        status: Tier::Fresh,
        staleness_seconds: Some(0),
        updated_at: Ts(T0),
    };
    store.update_feature_freshness(&[fresh]).await.unwrap();
    store.remove_symbol(&sym("AAPL")).await.unwrap();
    assert_eq!(store.feature_failures(false, 9).await.unwrap(), []);
    assert_eq!(store.feature_freshness().await.unwrap(), []);
    assert_eq!(store.feature_count(id).await.unwrap(), 0);
    assert_eq!(store.feature_state(id, Ts::MAX).await.unwrap(), None);
}
