//! Symbols and their series.

use barkeep::market::split::Split;
use barkeep::market::{AssetClass, Timeframe, Ts};
use barkeep::store::{
    CoverageState, Dialect, Listing, ListingState, MergedSeries, QuarantinedBar, SeriesWrite, StoreError, SymbolRow,
};
use chrono::NaiveDate;

use crate::database::{Db, Superseded};
use crate::sample::{
    T0, all_bars, bar, commit, covered, dividend, minute, one_series, page, span, sym, symbol_row, write,
};

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

/// Files are looked at instead; a server is asked.
pub async fn whoever_changes_symbols_is_noticed(db: &Db) {
    let (store, other) = (&db.store, db.another_handle().await);
    let mark = async || store.symbols_mark().await.unwrap();
    assert_eq!(mark().await.is_some(), db.dialect() == Some(Dialect::Postgres));
    let mut seen = vec![mark().await];
    let mut row = symbol_row("A", &[Timeframe::M5]);
    other.put_symbols(std::slice::from_ref(&row)).await.unwrap();
    seen.push(mark().await);
    row.paused = true;
    other.put_symbols(std::slice::from_ref(&row)).await.unwrap();
    seen.push(mark().await);
    row.timeframes = vec![Timeframe::M5, Timeframe::D1];
    other.put_symbols(std::slice::from_ref(&row)).await.unwrap();
    seen.push(mark().await);
    assert_eq!(mark().await, seen[3], "nobody wrote");
    other.remove_symbol(&row.symbol).await.unwrap();
    seen.push(mark().await);
    if db.dialect() == Some(Dialect::Postgres) {
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
    }
    other.close().await;
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

    db.store.put_dividends(&[(sym("AAPL"), vec![dividend(split.date, 0.25)])], Ts(T0)).await.unwrap();

    db.store.remove_symbol(&sym("AAPL")).await.unwrap();
    for table in [
        "symbols",
        "series",
        "bars",
        "bar_revisions",
        "bar_quarantine",
        "coverage",
        "splits",
        "splits_checked",
        "dividends",
        "dividends_checked",
        "price_factors",
    ] {
        assert_eq!(db.count(table).await, 0, "{table}");
    }
    assert_eq!((all_bars(db, id).await, &db.store.coverage(&[id]).await.unwrap()[0].1), (vec![], &vec![]));
    assert!(matches!(db.store.remove_symbol(&sym("AAPL")).await, Err(StoreError::NotFound(_))));
    let gone = db.store.commit_page(page(write(id, vec![bar(0, 1.0)]))).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    // A key never comes back for another series.
    assert_ne!(one_series(db).await, id);
}

pub async fn a_listing_is_noted_and_nothing_else_changes(db: &Db) {
    let store = &db.store;
    store.put_symbols(&[symbol_row("A", &[Timeframe::D1])]).await.unwrap();
    let day = |y| NaiveDate::from_ymd_opt(y, 3, 1);
    let listing = Listing {
        state: ListingState::Renamed,
        checked_at: Some(Ts(T0)),
        listed_on: day(2004),
        ended_on: day(2022),
        renamed_to: Some(sym("B")),
    };
    store.note_listing(&sym("A"), &listing).await.unwrap();
    assert_eq!(store.symbols().await.unwrap(), [SymbolRow { listing, ..symbol_row("A", &[Timeframe::D1]) }]);
    assert!(matches!(store.note_listing(&sym("Z"), &Listing::default()).await, Err(StoreError::NotFound(_))));
}

pub async fn a_double_is_merged_into_the_symbol_that_is_kept(db: &Db) {
    let store = &db.store;
    let pair = |name: &str, timeframes: &[Timeframe]| SymbolRow {
        asset_class: AssetClass::Crypto,
        vendor_ticker: "X:BTCUSD".into(),
        ..symbol_row(name, timeframes)
    };
    let double = SymbolRow { added_at: Ts(T0 - 5), ..pair("BTC-USD", &[Timeframe::M1, Timeframe::H1]) };
    store.put_symbols(&[pair("BTC", &[Timeframe::M1, Timeframe::D1]), double, symbol_row("X", &[])]).await.unwrap();
    let id = async |name: &str, timeframe| {
        let rows = store.series().await.unwrap();
        rows.iter().find(|s| s.symbol == sym(name) && s.timeframe == timeframe).map(|s| s.id)
    };
    let kept = id("BTC", Timeframe::M1).await.unwrap();
    let from = id("BTC-USD", Timeframe::M1).await.unwrap();
    let hourly = id("BTC-USD", Timeframe::H1).await.unwrap();
    let covers = |a, b, state| vec![covered(a, b, state, 1, None)];
    commit(
        db,
        SeriesWrite { coverage: covers(0, 3, CoverageState::Present), ..write(kept, vec![bar(0, 10.5), bar(1, 10.6)]) },
    )
    .await;
    let odd = QuarantinedBar { bar: bar(4, 10.5).bar, reason: "odd".into(), request_id: None };
    commit(
        db,
        SeriesWrite {
            coverage: covers(0, 9, CoverageState::Empty),
            quarantine: vec![odd],
            checked_at: Some(minute(9)),
            ..write(from, vec![bar(0, 10.5), bar(1, 10.7), bar(2, 10.8), bar(5, 10.9)])
        },
    )
    .await;
    commit(db, write(hourly, vec![bar(0, 10.5)])).await;

    let expected = [
        MergedSeries { timeframe: Timeframe::M1, moved: 2, equal: 1, differing: 1 },
        MergedSeries { timeframe: Timeframe::H1, moved: 1, equal: 0, differing: 0 },
    ];
    let before = (store.symbols().await.unwrap(), store.series().await.unwrap());
    assert_eq!(store.merge_symbol(&sym("BTC-USD"), &sym("BTC"), false, Ts(T0)).await.unwrap(), expected);
    assert_eq!((store.symbols().await.unwrap(), store.series().await.unwrap()), before);
    assert_eq!(all_bars(db, kept).await.len(), 2);

    assert_eq!(store.merge_symbol(&sym("BTC-USD"), &sym("BTC"), true, Ts(T0)).await.unwrap(), expected);
    let names: Vec<_> =
        store.symbols().await.unwrap().into_iter().map(|r| (r.symbol, r.timeframes, r.added_at)).collect();
    let all = vec![Timeframe::M1, Timeframe::H1, Timeframe::D1];
    assert_eq!(names, [(sym("BTC"), all, Ts(T0 - 5)), (sym("X"), vec![], Ts(T0))]);
    assert_eq!(all_bars(db, kept).await, [bar(0, 10.5), bar(1, 10.6), bar(2, 10.8), bar(5, 10.9)]);
    assert_eq!(all_bars(db, id("BTC", Timeframe::H1).await.unwrap()).await, [bar(0, 10.5)]);
    let rows = store.series().await.unwrap();
    let row = rows.iter().find(|s| s.id == kept).unwrap();
    assert_eq!((row.bar_count, row.last_ts, row.checked_at), (4, Some(minute(5)), Some(minute(9))));
    let covered = store.coverage(&[kept]).await.unwrap().remove(0).1;
    let states: Vec<_> = covered.iter().map(|c| (c.range, c.state)).collect();
    assert_eq!(states, [(span(0, 3), CoverageState::Present), (span(3, 9), CoverageState::Empty)]);
    let odd = store.quarantine(false).await.unwrap();
    assert_eq!(
        odd.iter().map(|q| (q.series_id, q.symbol.clone(), q.bar.ts)).collect::<Vec<_>>(),
        [(kept, sym("BTC"), minute(4))]
    );
    assert_eq!(db.revisions().await, [Superseded { close: 10.7, vwap: Some(10.1), reason: "changed".into() }]);

    // Only what trades as one ticker, and only what exists.
    let wrong = store.merge_symbol(&sym("X"), &sym("BTC"), true, Ts(T0)).await;
    assert!(matches!(&wrong, Err(StoreError::Refused(why)) if why.contains("same ticker")), "{wrong:?}");
    assert!(matches!(store.merge_symbol(&sym("BTC"), &sym("BTC"), true, Ts(T0)).await, Err(StoreError::Refused(_))));
    assert!(matches!(store.merge_symbol(&sym("Z"), &sym("BTC"), true, Ts(T0)).await, Err(StoreError::NotFound(_))));
}
