//! Symbols and their series.

use barkeep::market::split::Split;
use barkeep::market::{AssetClass, Timeframe, Ts};
use barkeep::store::{CoverageState, Dialect, QuarantinedBar, StoreError, SymbolRow};
use chrono::NaiveDate;

use crate::database::Db;
use crate::sample::{T0, all_bars, bar, commit, covered, one_series, page, sym, symbol_row, write};

pub async fn symbols_and_series(db: &Db) {
    let store = &db.store;
    store.ping().await.unwrap();
    assert_eq!(store.dialect(), db.dialect().map_or("memory", Dialect::name));
    let mut b = symbol_row("B", &[Timeframe::D1, Timeframe::M5, Timeframe::D1]);
    b.asset_class = AssetClass::Crypto;
    b.paused = true;
    let small = symbol_row("a", &[Timeframe::H4]);
    store.put_symbols(&[b.clone(), symbol_row("A", &[]), small]).await.unwrap();
    let rows = store.symbols().await.unwrap();
    assert_eq!(rows.iter().map(|r| r.symbol.as_str()).collect::<Vec<_>>(), ["A", "B", "a"]);
    assert_eq!(rows[1], SymbolRow { timeframes: vec![Timeframe::M5, Timeframe::D1], ..b.clone() });

    let before = store.series().await.unwrap();
    let names = |rows: &[barkeep::store::SeriesRow]| {
        rows.iter().map(|s| format!("{}/{}", s.symbol, s.timeframe)).collect::<Vec<_>>()
    };
    assert_eq!(names(&before), ["B/5m", "B/1d", "a/4h"]);
    assert_eq!((before[0].bar_count, before[0].first_ts, before[0].checked_at), (0, None, None));

    // Replaced; series stay, with their keys.
    b.timeframes = vec![Timeframe::M5];
    b.active = false;
    store.put_symbols(std::slice::from_ref(&b)).await.unwrap();
    assert_eq!(store.symbols().await.unwrap()[1], b);
    assert_eq!(store.series().await.unwrap(), before);
}

pub async fn a_series_rests_by_itself(db: &Db) {
    let store = &db.store;
    store
        .put_symbols(&[symbol_row("A", &[Timeframe::M5, Timeframe::D1]), symbol_row("B", &[Timeframe::D1])])
        .await
        .unwrap();
    let resting = async || {
        let rows = store.series().await.unwrap();
        let progress = store.feature_progress(&rows.iter().map(|s| s.id).collect::<Vec<_>>()).await.unwrap();
        assert_eq!(progress.iter().map(|p| p.series.clone()).collect::<Vec<_>>(), rows);
        rows.iter().filter(|s| s.paused).map(|s| format!("{}/{}", s.symbol, s.timeframe)).collect::<Vec<_>>()
    };
    assert_eq!(resting().await, [""; 0]);
    store.set_paused(&[(sym("A"), Timeframe::D1), (sym("B"), Timeframe::D1)], true).await.unwrap();
    assert_eq!(resting().await, ["A/1d", "B/1d"]);
    // Changing the symbol does not wake it.
    store.put_symbols(&[symbol_row("A", &[Timeframe::M5])]).await.unwrap();
    store.set_paused(&[(sym("B"), Timeframe::D1)], false).await.unwrap();
    assert_eq!(resting().await, ["A/1d"]);
    // One that is not tracked: none of them changes.
    let wrong = store.set_paused(&[(sym("A"), Timeframe::M5), (sym("B"), Timeframe::H1)], true).await;
    assert!(matches!(&wrong, Err(StoreError::NotFound(why)) if why.contains("'B' is not tracked at 1h")), "{wrong:?}");
    assert_eq!(resting().await, ["A/1d"]);
}

pub async fn removing_a_symbol_removes_everything(db: &Db) {
    let id = one_series(db).await;
    let mut w = write(id, vec![bar(0, 1.0), bar(1, 2.0)]);
    w.coverage = vec![covered(0, 2, CoverageState::Present, 1, None)];
    w.quarantine = vec![QuarantinedBar { bar: bar(5, 1.0).bar, reason: "odd".into(), request_id: None }];
    commit(db, w).await;
    commit(db, write(id, vec![bar(0, 9.0)])).await;
    let split = Split { date: NaiveDate::from_ymd_opt(2024, 1, 2).unwrap(), from: 1.0, to: 2.0 };
    db.store.put_splits(&[(sym("AAPL"), vec![split.into()])], Ts(T0)).await.unwrap();

    db.store.remove_symbol(&sym("AAPL")).await.unwrap();
    for table in
        ["symbols", "series", "bars", "bar_revisions", "bar_quarantine", "coverage", "splits", "splits_checked"]
    {
        assert_eq!(db.count(table).await, 0, "{table}");
    }
    assert_eq!((all_bars(db, id).await, &db.store.coverage(&[id]).await.unwrap()[0].1), (vec![], &vec![]));
    assert!(matches!(db.store.remove_symbol(&sym("AAPL")).await, Err(StoreError::NotFound(_))));
    let gone = db.store.commit_page(page(write(id, vec![bar(0, 1.0)]))).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    // A key never comes back for another series.
    assert_ne!(one_series(db).await, id);
}
