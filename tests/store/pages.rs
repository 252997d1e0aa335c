//! Pages: whole or not at all, large, interrupted, and from several hands at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::market::{Timeframe, Ts};
use barkeep::store::{
    Coverage, CoverageState, Dialect, PageCommit, QuarantinedBar, RequestRow, SeriesId, SeriesRunState, SeriesWrite,
    StoreError, StoredBar, WriteOutcome,
};
use uuid::Uuid;

use crate::database::Db;
use crate::sample::{
    T0, all_bars, bar, commit, covered, growing, one_series, page, request, span, status, symbol_row, write,
};

pub async fn a_page_is_all_or_nothing(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.0), growing(1, 1.0)])).await;
    let before = (all_bars(db, id).await, db.store.series().await.unwrap());

    let mut good = write(id, vec![bar(0, 2.0), bar(2, 1.0)]);
    good.replaces = Some(span(0, 9));
    good.coverage = vec![covered(0, 9, CoverageState::Present, 1, None)];
    good.quarantine = vec![QuarantinedBar { bar: bar(5, 0.0).bar, reason: "zero".into(), request_id: None }];
    let invalid = write(id, vec![bar(3, f64::NAN)]);
    // The first is refused before SQL, the second by a foreign key at the very end.
    let refused_early = PageCommit {
        writes: vec![good.clone(), invalid],
        request: Some(request(1, Some(200), "ok")),
        statuses: vec![],
        of_item: None,
        features: vec![],
    };
    let refused_late = PageCommit {
        writes: vec![good.clone()],
        request: Some(request(1, Some(200), "ok")),
        statuses: vec![status(404, "AAPL", Timeframe::M1, SeriesRunState::Completed)],
        of_item: None,
        features: vec![],
    };
    for page in [refused_early, refused_late] {
        let result = db.store.commit_page(page).await;
        assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
        assert_eq!((all_bars(db, id).await, db.store.series().await.unwrap()), before);
        for table in ["coverage", "bar_revisions", "bar_quarantine", "vendor_requests", "symbol_computation_status"] {
            assert_eq!(db.count(table).await, 0, "{table}");
        }
        assert_eq!(db.store.series_statuses(Uuid::from_u128(404)).await.unwrap(), []);
    }
    // And the store works on.
    assert_eq!(commit(db, good).await.inserted, 1);
}

pub async fn a_page_of_fifty_thousand_bars(db: &Db) {
    let id = one_series(db).await;
    let bars: Vec<StoredBar> = (0..50_000).map(|n| bar(n, 100.0 + (n % 977) as f64 / 100.0)).collect();
    let timed = async |w: SeriesWrite| {
        let start = Instant::now();
        (commit(db, w).await, start.elapsed())
    };
    let (outcome, new) = timed(write(id, bars.clone())).await;
    assert_eq!(outcome, WriteOutcome { inserted: 50_000, ..WriteOutcome::default() });
    let (outcome, same) = timed(write(id, bars.clone())).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 50_000, ..WriteOutcome::default() });
    let mut other = bars.clone();
    for b in &mut other {
        b.bar.close += 1.0;
    }
    let (outcome, changed) = timed(write(id, other.clone())).await;
    assert_eq!(outcome, WriteOutcome { revised: 50_000, changed: 50_000, ..WriteOutcome::default() });
    println!("{}: 50,000 bars new {new:?}, the same {same:?}, all changed {changed:?}", db.store.dialect());

    assert_eq!(all_bars(db, id).await, other);
    assert_eq!(db.count("bar_revisions").await, 50_000);
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, 50_000);
}

pub async fn a_caller_that_gives_up_breaks_nothing(db: &Db) {
    let id = one_series(db).await;
    for n in 0..30_i64 {
        let bars = (0..200).map(|k| bar(n * 200 + k, 1.0)).collect();
        let work = db.store.commit_page(page(write(id, bars)));
        // Given up at various moments; what was queued is done all the same.
        drop(tokio::time::timeout(Duration::from_micros(n as u64 * 100), work).await);
    }
    // Behind everything that was queued.
    commit(db, write(id, vec![bar(1_000_000, 1.0)])).await;
    let count = db.count("bars").await;
    assert_eq!(count % 200, 1, "whole pages only, not {count}");
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, count);
    if db.dialect() == Some(Dialect::Postgres) {
        let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND state LIKE 'idle in transaction%'";
        assert_eq!(db.int(open).await, 0);
    }
}

pub async fn a_lock_held_by_somebody_else_is_waited_for(db: &Db) {
    let id = one_series(db).await;
    let mut raw = db.raw().await;
    match db.dialect().unwrap() {
        Dialect::Sqlite => raw.run("BEGIN IMMEDIATE").await.unwrap(),
        Dialect::Postgres => raw.run("BEGIN; SELECT id FROM series FOR UPDATE").await.unwrap(),
    };
    let waiting = {
        let store = db.store.clone();
        tokio::spawn(async move { store.commit_page(page(write(id, vec![bar(0, 1.0)]))).await })
    };
    // Longer than the lock timeout of either database, so the transaction is run again at least once. Nothing tells of
    // that from outside, so it has to be waited for.
    tokio::time::sleep(Duration::from_millis(5_600)).await;
    assert!(!waiting.is_finished());
    assert_eq!(all_bars(db, id).await, []);
    raw.run("ROLLBACK").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap()[0].inserted, 1);
}

pub async fn two_handles_write_the_same_series(db: &Db) {
    let id = one_series(db).await;
    let other = db.another_handle().await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..20_i64 {
        let store = if n % 2 == 0 { db.store.clone() } else { other.clone() };
        let bars = (n * 10..n * 10 + 100).map(|k| bar(k, 1.0)).collect();
        all.spawn(async move { store.commit_page(page(write(id, bars))).await.unwrap()[0] });
    }
    let outcomes = all.join_all().await;
    assert_eq!(outcomes.iter().map(|o| o.inserted).sum::<u64>(), 290);
    assert_eq!(outcomes.iter().map(|o| o.unchanged).sum::<u64>(), 2_000 - 290);
    let starts: HashSet<Ts> = all_bars(db, id).await.iter().map(|b| b.bar.ts).collect();
    assert_eq!(starts.len(), 290);
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, 290);
    other.close().await;
}

async fn two_series(db: &Db) -> [SeriesId; 2] {
    let rows = ["AAPL", "SPY"].map(|name| symbol_row(name, &[Timeframe::M1]));
    db.store.put_symbols(&rows).await.unwrap();
    let series = db.store.series().await.unwrap();
    [series[0].id, series[1].id]
}

pub async fn several_pages_are_one_transaction(db: &Db) {
    let ids = two_series(db).await;
    let of = |id, close| PageCommit {
        writes: vec![SeriesWrite {
            coverage: vec![covered(0, 3, CoverageState::Present, 1, None)],
            ..write(id, vec![bar(0, close), bar(1, close), bar(2, close)])
        }],
        request: Some(request(1, Some(200), "ok")),
        statuses: vec![],
        of_item: None,
        features: vec![],
    };
    let outcomes = db.store.commit_pages(Arc::new([of(ids[0], 1.0), of(ids[1], 2.0)])).await.unwrap();
    let inserted = WriteOutcome { inserted: 3, ..WriteOutcome::default() };
    assert_eq!(outcomes, [vec![inserted], vec![inserted]]);
    for (id, close) in ids.into_iter().zip([1.0, 2.0]) {
        assert_eq!(all_bars(db, id).await, [bar(0, close), bar(1, close), bar(2, close)]);
        assert_eq!(db.store.coverage(&[id]).await.unwrap()[0].1.len(), 1);
    }
    assert_eq!(db.count("vendor_requests").await, 2);
    assert!(db.store.series().await.unwrap().iter().all(|s| s.bar_count == 3));

    // One bad page takes the others back with it.
    let before = all_bars(db, ids[0]).await;
    let result = db.store.commit_pages(Arc::new([of(ids[0], 5.0), of(ids[1], f64::NAN)])).await;
    assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
    assert_eq!((all_bars(db, ids[0]).await, db.count("bar_revisions").await), (before, 0));
    assert_eq!(db.count("vendor_requests").await, 2);
}

pub async fn pages_of_one_series_are_laid_over_each_other(db: &Db) {
    let [id, other] = two_series(db).await;
    let of = |id, bars| PageCommit { writes: vec![write(id, bars)], ..PageCommit::default() };
    let twice = PageCommit {
        writes: vec![write(other, vec![bar(0, 7.0)]), write(other, vec![bar(0, 8.0)])],
        ..PageCommit::default()
    };
    let pages = [of(id, vec![bar(0, 1.0), bar(1, 1.0)]), of(id, vec![bar(1, 2.0), bar(2, 2.0)]), twice];
    let outcomes = db.store.commit_pages(Arc::new(pages)).await.unwrap();
    let counts: Vec<Vec<(u64, u64)>> =
        outcomes.iter().map(|page| page.iter().map(|o| (o.inserted, o.revised)).collect()).collect();
    assert_eq!(counts, [vec![(2, 0)], vec![(1, 1)], vec![(1, 0), (0, 1)]]);
    assert_eq!(all_bars(db, id).await, [bar(0, 1.0), bar(1, 2.0), bar(2, 2.0)]);
    assert_eq!(all_bars(db, other).await, [bar(0, 8.0)]);
    assert_eq!(db.count("bar_revisions").await, 2);
}

/// An answer that was asked for before the newest one changes nothing, whatever holds it up.
pub async fn an_older_answer_replaces_nothing_newer(db: &Db) {
    let [id, hourly] = two_series(db).await;
    let asked = |at: i64, bars: Vec<StoredBar>| {
        let fetched = |bar: StoredBar| StoredBar { fetched_at: Ts(T0 + at), ..bar };
        let row = Coverage { fetched_at: Ts(T0 + at), ..covered(0, 5, CoverageState::Present, 1, None) };
        let base = SeriesWrite {
            coverage: vec![row.clone()],
            replaces: Some(span(0, 5)),
            asked: Some(span(0, 5)),
            checked_at: Some(Ts(T0 + at)),
            ..write(id, bars.into_iter().map(fetched).collect())
        };
        let coarser = SeriesWrite { coverage: vec![row], ..write(hourly, vec![fetched(bar(0, at as f64))]) };
        PageCommit {
            writes: vec![base, coarser],
            request: Some(RequestRow { started_at: Ts(T0 + at), ..request(1, Some(200), "ok") }),
            statuses: vec![],
            of_item: None,
            features: vec![],
        }
    };
    let newest = asked(30_000, vec![bar(0, 1.0), bar(1, 1.0), bar(2, 1.0)]);
    db.store.commit_page(newest).await.unwrap();
    let state = async || (all_bars(db, id).await, all_bars(db, hourly).await, db.store.series().await.unwrap());
    let before = state().await;
    let coverage = db.store.coverage(&[id, hourly]).await.unwrap();

    // Another value; a bar that came since is missing.
    for (count, older) in [vec![bar(0, 1.0), bar(1, 0.5), bar(2, 1.0)], vec![bar(0, 1.0)]].into_iter().enumerate() {
        let outcomes = db.store.commit_page(asked(10_000, older)).await.unwrap();
        assert_eq!(outcomes[0], WriteOutcome { stale: 1, ..WriteOutcome::default() });
        assert_eq!(state().await, before);
        assert_eq!(db.store.coverage(&[id, hourly]).await.unwrap(), coverage);
        assert_eq!(db.count("bar_revisions").await, 0);
        assert_eq!(db.count("vendor_requests").await, 2 + count as i64, "the request was made all the same");
        if db.dialect().is_some() {
            assert_eq!(db.store.stale_answers(), 1 + count as u64);
        }
    }

    // What was asked for later counts, and what a wrong clock wrote from the future proves nothing.
    let outcome = db.store.commit_page(asked(40_000, vec![bar(0, 2.0), bar(1, 1.0), bar(2, 1.0)])).await.unwrap();
    assert_eq!((outcome[0].revised, outcome[0].stale), (1, 0));
    let ahead = SystemClock.now() - Ts(T0) + 86_400_000;
    db.store.commit_page(asked(ahead, vec![bar(0, 3.0), bar(1, 1.0), bar(2, 1.0)])).await.unwrap();
    let outcome = db.store.commit_page(asked(50_000, vec![bar(0, 4.0), bar(1, 1.0), bar(2, 1.0)])).await.unwrap();
    assert_eq!((outcome[0].revised, outcome[0].stale), (1, 0));
}
