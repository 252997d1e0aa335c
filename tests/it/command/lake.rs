//! `barkeep export`: a lake of Parquet files that holds what SQL shows, and costs what has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use barkeep::market::dividend::Dividend;
use barkeep::market::{Interval, Ts};
use barkeep::sim::{FaultKind, FaultRule, SimConfig};
use barkeep::store::{FeatureWrite, PageCommit, SeriesId, SeriesWrite, Store, TimeRange};
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use serde_json::Value;

use crate::support::bench::{Bench, Database, Values};
use crate::support::databases::on_both;

async fn fill(bench: &Bench) {
    for (timeframes, from) in [("1d,1w", "2023-06-01"), ("5m,1h", "2024-02-20")] {
        let range = ["--timeframes", timeframes, "--from", from, "--to", "2024-03-08"];
        let (code, summary) = bench.backfill(&[&["AAPL", "BTC"][..], &range].concat()).await;
        assert_eq!(code, 0, "{summary}");
    }
}

async fn filled() -> Bench {
    let bench = Bench::sqlite(SimConfig::default()).await;
    fill(&bench).await;
    bench
}

async fn export(bench: &Bench, args: &[&str]) -> Value {
    let output = bench.run(&[&["export", "lake", "--json"], args].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every file of the lake with the time it was written at.
fn files(bench: &Bench) -> BTreeMap<String, SystemTime> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let lake = bench.dir.path().join("lake");
    let mut found = Vec::new();
    walk(&lake, &mut found);
    let name = |path: &PathBuf| path.strip_prefix(&lake).unwrap().display().to_string();
    let data = found.iter().filter(|path| path.extension().is_some_and(|e| e == "parquet"));
    data.map(|path| (name(path), path.metadata().unwrap().modified().unwrap())).collect()
}

on_both!(only_what_changed_is_written, SimConfig::default());
async fn only_what_changed_is_written(bench: Bench) {
    fill(&bench).await;
    let first = export(&bench, &[]).await;
    let before = files(&bench);
    let names: Vec<&str> = before.keys().map(String::as_str).filter(|name| name.starts_with("symbol=AAPL/")).collect();
    assert_eq!(
        names,
        [
            "symbol=AAPL/timeframe=1d/2023.parquet",
            "symbol=AAPL/timeframe=1d/2024.parquet",
            "symbol=AAPL/timeframe=1h/2024.parquet",
            "symbol=AAPL/timeframe=1w/2023.parquet",
            "symbol=AAPL/timeframe=1w/2024.parquet",
            "symbol=AAPL/timeframe=5m/2024-02.parquet",
            "symbol=AAPL/timeframe=5m/2024-03.parquet",
        ]
    );
    assert_eq!((&first["schema"], &first["series_changed"]), (&1.into(), &8.into()), "{first}");
    assert_eq!(first["rows_written"].as_u64(), Some(u64::try_from(bench.stored().await.len()).unwrap()));

    let again = export(&bench, &[]).await;
    assert_eq!((&again["series_changed"], &again["files_written"]), (&0.into(), &0.into()), "{again}");
    assert_eq!(files(&bench), before);

    // One more day: the files of its month and year, of the one symbol that has it.
    let (code, _) =
        bench.backfill(&["AAPL", "--timeframes", "1d,5m", "--from", "2024-03-11", "--to", "2024-03-11"]).await;
    assert_eq!(code, 0);
    let day = export(&bench, &[]).await;
    assert_eq!(day["files_written"], 3, "{day}");
    let changed: Vec<String> =
        files(&bench).into_iter().filter(|(name, at)| before[name] != *at).map(|(name, _)| name).collect();
    assert_eq!(
        changed,
        [
            "symbol=AAPL/timeframe=1d/2024.parquet",
            "symbol=AAPL/timeframe=1h/2024.parquet",
            "symbol=AAPL/timeframe=5m/2024-03.parquet"
        ]
    );

    // A symbol that is gone is gone from the lake.
    assert!(bench.run(&["symbols", "remove", "BTC", "--yes"]).await.status.success());
    let removed = export(&bench, &[]).await;
    assert_eq!((&removed["files_removed"], &removed["files_written"]), (&7.into(), &0.into()), "{removed}");
    assert!(!bench.dir.path().join("lake/symbol=BTC").exists());
}

/// The rows of a lake by symbol, timeframe and time: open, high, low, close, volume, vwap, trades, and a feature.
fn rows(bench: &Bench) -> BTreeMap<(String, String, i64), (Values, Option<f64>)> {
    let mut all = BTreeMap::new();
    for name in files(bench).keys() {
        let mut parts = name.split('/').map(|part| part.split_once('=').map(|(_, value)| value));
        let (symbol, timeframe) = (parts.next().flatten().unwrap(), parts.next().flatten().unwrap());
        let file = std::fs::File::open(bench.dir.path().join("lake").join(name)).unwrap();
        for row in SerializedFileReader::new(file).unwrap() {
            let row = row.unwrap();
            let columns: BTreeMap<&str, &Field> =
                row.get_column_iter().map(|(name, field)| (name.as_str(), field)).collect();
            let number = |name: &str| match columns[name] {
                Field::Double(x) => Some(*x),
                Field::Null => None,
                other => panic!("{name}: {other}"),
            };
            let price = |name: &str| number(name).unwrap();
            let Field::TimestampMillis(time) = columns["time"] else { panic!("{}", columns["time"]) };
            let trades = match columns["trades"] {
                Field::Long(n) => Some(*n),
                _ => None,
            };
            let values =
                (price("open"), price("high"), price("low"), price("close"), price("volume"), number("vwap"), trades);
            let key = (symbol.to_owned(), timeframe.to_owned(), *time);
            assert!(all.insert(key, (values, number("sma_20"))).is_none(), "{name}: a row twice");
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_are_those_of_sql_with_their_features() {
    let bench = filled().await;
    export(&bench, &["--raw"]).await;
    let lake = rows(&bench);
    let stored = bench.stored().await;
    assert_eq!(lake.iter().map(|(key, (values, _))| (key.clone(), *values)).collect::<BTreeMap<_, _>>(), stored);
    let with_feature = lake.values().filter(|(_, sma)| sma.is_some()).count();
    assert_eq!(
        i64::try_from(with_feature).unwrap(),
        bench.count("SELECT count(*) FROM features WHERE sma_20 IS NOT NULL").await
    );
}

/// Closes of AAPL 1d in the lake, and as `bars` prints them.
async fn closes(bench: &Bench, more: &[&str]) -> (Vec<f64>, Vec<f64>) {
    let bars = bench.run(&[&["bars", "AAPL", "--timeframe", "1d", "--json"], more].concat()).await;
    let bars: Vec<Value> = serde_json::from_slice(&bars.stdout).unwrap();
    let lake = rows(bench);
    let lake = lake.iter().filter(|((symbol, tf, _), _)| (symbol.as_str(), tf.as_str()) == ("AAPL", "1d"));
    let printed = bars.iter().map(|bar| bar["close"].as_f64().unwrap()).collect();
    (lake.map(|(_, (values, _))| values.3).collect(), printed)
}

/// A dividend, told to the database as the vendor would.
async fn paid(bench: &Bench) {
    let Database::Sqlite(path) = &bench.database else { panic!("a file") };
    let store = barkeep::store::open(&format!("sqlite:{}", path.display()), false).await.unwrap();
    let at = Ts(chrono::Utc::now().timestamp_millis());
    let dividend = |id: &str, ex_date: &str| Dividend {
        id: id.to_owned(),
        currency: None,
        ..barkeep::market::testing::dividend(ex_date.parse().unwrap(), 2.0)
    };
    let aapl = "AAPL".parse().unwrap();
    store.put_dividends(&[(aapl, vec![dividend("E1", "2024-02-14")])], at).await.unwrap();
    store.close().await;
}

/// A lake is in one kind of terms; what is asked of it in others is refused before a file is touched.
#[tokio::test(flavor = "multi_thread")]
async fn a_lake_is_in_one_kind_of_terms() {
    let bench = filled().await;
    paid(&bench).await;
    export(&bench, &[]).await;
    let (splits, printed) = closes(&bench, &[]).await;
    assert_eq!(splits, printed);
    let before = files(&bench);
    for more in [&["--adjust", "total"][..], &["--raw"], &["--adjust", "none"]] {
        let refused = bench.run(&[&["export", "lake"], more].concat()).await;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("are those of --adjust splits") && said.contains("hint: use --adjust splits"), "{said}");
    }
    assert_eq!(files(&bench), before);

    // Elsewhere, or when the old one is given up, they are the terms of `bars`.
    std::fs::remove_file(bench.dir.path().join("lake/_barkeep.json")).unwrap();
    export(&bench, &["--adjust", "total"]).await;
    let (total, printed) = closes(&bench, &["--adjust", "total"]).await;
    assert_eq!(total, printed);
    assert!(total != splits && total.last() == splits.last(), "a dividend lowers what came before it");
    let again = export(&bench, &["--adjust", "total"]).await;
    assert_eq!((&again["series_changed"], &again["files_written"]), (&0.into(), &0.into()), "{again}");

    // Manifests of earlier versions say only `raw`.
    let manifest = bench.dir.path().join("lake/_barkeep.json");
    let mut former: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    former.as_object_mut().unwrap().remove("adjust");
    std::fs::write(&manifest, former.to_string()).unwrap();
    let refused = bench.run(&["export", "lake", "--adjust", "total"]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("are those of --adjust splits"));
}

/// What changes without a new bar is exported as well: a corrected price, and what it does to the features after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_exported_the_next_time() {
    let bench = filled().await;
    export(&bench, &[]).await;
    let (before, at) = (rows(&bench), files(&bench));
    bench.sim.add_fault(FaultRule::new(FaultKind::RevisedBar).on("/ticker/AAPL/range/1/day"));
    let day = ["AAPL", "--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-02-15", "--refetch"];
    let (code, summary) = bench.backfill(&day).await;
    assert_eq!((code, &summary["bars_changed"]), (0, &2.into()), "the day and its week: {summary}");
    let second = export(&bench, &[]).await;
    let after = rows(&bench);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "no bar is new");
    let (closes, printed) = closes(&bench, &[]).await;
    assert_eq!(closes, printed);
    let changed = |tf: &str| after.iter().filter(|(key, row)| key.1 == tf && before[*key].0 != row.0).count();
    assert_eq!((changed("1d"), changed("1w"), changed("5m")), (1, 1, 0), "the day, and the week it is in");
    let features = after.iter().filter(|(key, row)| key.1 == "1d" && before[*key].1 != row.1).count();
    assert_eq!(features, 16, "an average of 20 holds the day to the end of the range: {second}");
    let written: Vec<String> = files(&bench).into_iter().filter(|(name, t)| at[name] != *t).map(|(n, _)| n).collect();
    assert_eq!(written, ["symbol=AAPL/timeframe=1d/2024.parquet", "symbol=AAPL/timeframe=1w/2024.parquet"]);
}

/// Files written by an export after `change` was written to the store, and what it says.
async fn exported_after(bench: &Bench, change: impl AsyncFnOnce(&dyn Store)) -> (Vec<String>, Value) {
    let before = files(bench);
    let store = barkeep::store::open(&bench.database.url(), false).await.unwrap();
    change(store.as_ref()).await;
    store.close().await;
    let outcome = export(bench, &[]).await;
    let written = files(bench).into_iter().filter(|(name, at)| before.get(name) != Some(at)).map(|(name, _)| name);
    (written.collect(), outcome)
}

async fn series_of(store: &dyn Store, symbol: &str, timeframe: &str) -> SeriesId {
    let all = store.series().await.unwrap();
    all.iter().find(|s| (s.symbol.as_str(), s.timeframe.name()) == (symbol, timeframe)).unwrap().id
}

on_both!(scores_alone_and_features_alone_are_exported, SimConfig::default());
/// No bar has other values: the one file that holds the score or the feature is written, and no other.
async fn scores_alone_and_features_alone_are_exported(bench: Bench) {
    fill(&bench).await;
    export(&bench, &[]).await;
    let day = |text: &str| Ts(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
    let (written, outcome) = exported_after(&bench, async |store| {
        let id = series_of(store, "AAPL", "5m").await;
        let march = TimeRange { from: Some(day("2024-03-05T15:00:00Z")), until: None };
        let bar = store.bars(id, march, Some(1)).await.unwrap().remove(0);
        let rescored = vec![(bar.bar.ts, 0.25, Some("gap".to_owned()))];
        let write = SeriesWrite { rescored, ..SeriesWrite::nothing(id) };
        store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
    })
    .await;
    assert_eq!(written, ["symbol=AAPL/timeframe=5m/2024-03.parquet"], "{outcome}");
    assert_eq!(&outcome["series_changed"], 1, "{outcome}");

    let (written, outcome) = exported_after(&bench, async |store| {
        let id = series_of(store, "BTC", "1d").await;
        let year = TimeRange { from: Some(day("2023-10-02T00:00:00Z")), until: Some(day("2023-10-03T00:00:00Z")) };
        let mut rows = store.features(id, year, None).await.unwrap();
        assert_eq!(rows.len(), 1);
        // The middle band is that average.
        (rows[0].features.sma_20, rows[0].features.bb_middle) = (Some(1.5), Some(1.5));
        let progress = store.feature_progress(&[id]).await.unwrap().remove(0);
        let write = FeatureWrite {
            series: id,
            changes: progress.changes,
            replaces: Interval::new(rows[0].ts, Ts(rows[0].ts.ms() + 1)),
            rows,
            states: Vec::new(),
            spent: None,
            stale_from: None,
            splits: progress.splits,
            computed_at: day("2024-03-09T00:00:00Z"),
        };
        store.put_features([write].into()).await.unwrap();
    })
    .await;
    assert_eq!(written, ["symbol=BTC/timeframe=1d/2023.parquet"], "{outcome}");
    let found = rows(&bench)[&("BTC".to_owned(), "1d".to_owned(), day("2023-10-02T00:00:00Z").ms())].1;
    assert_eq!(found, Some(1.5));
    let again = export(&bench, &[]).await;
    assert_eq!((&again["series_changed"], &again["files_written"]), (&0.into(), &0.into()), "{again}");
}

/// The memory of the last export is lost, a file is torn, and an export was killed: the next one mends exactly that.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_by_a_crash_is_mended() {
    let bench = filled().await;
    export(&bench, &[]).await;
    let before = files(&bench);
    let lake = bench.dir.path().join("lake");
    std::fs::remove_file(lake.join("_barkeep.json")).unwrap();
    let torn = "symbol=BTC/timeframe=1d/2023.parquet";
    let whole = std::fs::read(lake.join(torn)).unwrap();
    std::fs::write(lake.join(torn), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(lake.join("symbol=BTC/timeframe=1d/.2023.parquet.77.part"), "x").unwrap();
    let mended = export(&bench, &[]).await;
    assert_eq!((&mended["series_changed"], &mended["files_written"]), (&8.into(), &1.into()), "{mended}");
    assert_eq!(std::fs::read(lake.join(torn)).unwrap(), whole);
    assert!(!lake.join("symbol=BTC/timeframe=1d/.2023.parquet.77.part").exists());
    let others = files(&bench).into_iter().filter(|(name, at)| name != torn && before[name] != *at).count();
    assert_eq!(others, 0, "what is whole stays");
}

/// Killed at some instant, the lake holds only whole files, and the next export ends what was begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_export_tears_nothing() {
    let bench = filled().await;
    for wait in [0, 5, 20, 40, 80] {
        let mut child = bench.spawn(&["export", "lake"]);
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        let _ = child.kill().await;
        if !bench.dir.path().join("lake").exists() {
            continue;
        }
        for name in files(&bench).keys() {
            let bytes = std::fs::read(bench.dir.path().join("lake").join(name)).unwrap();
            assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{name} after {wait} ms");
        }
    }
    export(&bench, &[]).await;
    assert_eq!(files(&bench).len(), 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_of_another_database_and_one_in_use_are_left_alone() {
    let bench = filled().await;
    export(&bench, &["AAPL", "--timeframes", "1d"]).await;
    assert_eq!(files(&bench).len(), 2);
    let copy = bench.dir.path().join("copy.db").display().to_string();
    assert!(bench.run(&["db", "backup", &copy]).await.status.success());
    let other = bench.run(&["export", "lake", "--database-url", &format!("sqlite:{copy}")]).await;
    assert_eq!(other.status.code(), Some(2));
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("was exported from") && said.contains("_barkeep.json"), "{said}");
    let lock = std::fs::File::open(bench.dir.path().join("lake/.barkeep.lock")).unwrap();
    lock.lock().unwrap();
    let used = bench.run(&["export", "lake"]).await;
    assert!(String::from_utf8_lossy(&used.stderr).contains("another export is writing to it"));
    let unknown = bench.run(&["export", "elsewhere", "NOPE"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(!bench.dir.path().join("elsewhere").exists(), "a wrong symbol makes no directory");
}

/// `--output` decides the format by its ending.
#[tokio::test(flavor = "multi_thread")]
async fn the_ending_of_a_file_is_its_format() {
    let bench = filled().await;
    for command in ["bars", "features"] {
        for (name, begins) in
            [("a.csv", "symbol,timeframe,time,"), ("b.json", "["), ("c.parquet", "PAR1"), ("d.txt", "symbol,")]
        {
            let output = bench.run(&[command, "AAPL", "--timeframe", "1d", "--output", name]).await;
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(output.stdout.is_empty());
            let written = std::fs::read(bench.dir.path().join(name)).unwrap();
            assert!(written.starts_with(begins.as_bytes()), "{command} {name}");
        }
        let json: Vec<Value> =
            serde_json::from_slice(&std::fs::read(bench.dir.path().join("b.json")).unwrap()).unwrap();
        let csv = std::fs::read_to_string(bench.dir.path().join("a.csv")).unwrap();
        assert_eq!((json.len(), csv.lines().count()), (196, 197), "{command}: all rows");
    }
    let table = bench.run(&["features", "AAPL", "--timeframe", "1d"]).await;
    assert_eq!(String::from_utf8_lossy(&table.stdout).lines().count(), 21);
}
