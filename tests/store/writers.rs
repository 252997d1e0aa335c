//! Several connections that write one PostgreSQL side by side, each the pages of its own series.

use std::sync::Arc;
use std::time::Duration;

use barkeep::market::Timeframe;
use barkeep::store::{PageCommit, RequestRow, SeriesId, Store, StoreError, StoreOptions, open_with};

use crate::database::Db;
use crate::sample::{bar, page, request, symbol_row, write};

const NAMES: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// A store with so many writers beside the one of `db`, and the series of eight symbols.
async fn with_writers(db: &Db, writers: u32) -> (Arc<dyn Store>, Vec<SeriesId>) {
    let opening = StoreOptions { connections: 10, writers, ..StoreOptions::default() };
    let store = open_with(db.url(), false, opening).await.unwrap();
    assert_eq!(store.writers(), writers as usize);
    let rows = NAMES.map(|name| symbol_row(name, &[Timeframe::M1]));
    store.put_symbols(&rows).await.unwrap();
    let series = store.series().await.unwrap().into_iter().map(|row| row.id).collect();
    (store, series)
}

/// A page of a series of so many bars that overlaps the one before it.
fn nth(series: SeriesId, n: i64) -> PageCommit {
    let bars = (n * 40..n * 40 + 60).map(|minute| bar(minute, 1.0 + n as f64)).collect();
    let request = RequestRow { execution_id: None, ..request(1, Some(200), "ok") };
    PageCommit { request: Some(request), ..page(write(series, bars)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn four_writers_store_what_one_does() {
    let mut stored = Vec::new();
    for writers in [1, 4] {
        let db = Db::postgres().await;
        let (store, series) = with_writers(&db, writers).await;
        let used: std::collections::BTreeSet<usize> = series.iter().map(|id| store.writer_of(*id)).collect();
        assert_eq!(used.len(), writers as usize, "the series are spread");
        let mut runs = tokio::task::JoinSet::new();
        for id in series.clone() {
            let store = Arc::clone(&store);
            // Pages of one series follow each other; each changes the end of the one before.
            runs.spawn(async move {
                let mut changed = (0, 0);
                for n in 0..10 {
                    let outcome = store.commit_page(nth(id, n)).await.unwrap()[0];
                    changed = (changed.0 + outcome.inserted, changed.1 + outcome.revised);
                }
                changed
            });
        }
        let changed = runs.join_all().await;
        assert!(changed.iter().all(|one| *one == (10 * 40 + 20, 9 * 20)), "{changed:?}");
        let mut rows = Vec::new();
        for id in &series {
            rows.push(store.bars(*id, (..).into(), None).await.unwrap());
        }
        let counts: Vec<i64> = store.series().await.unwrap().iter().map(|row| row.bar_count).collect();
        let totals = store.request_totals().await.unwrap().total_requests;
        stored.push((rows, counts, totals, db.count("bar_revisions").await, db.count("vendor_requests").await));
        store.close().await;
        db.finish().await;
    }
    assert_eq!(stored[0].2, 80);
    assert_eq!(stored[0], stored[1]);
}

/// A series that somebody holds keeps its own writer waiting and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_writer_waits_for_no_other() {
    let db = Db::postgres().await;
    let (store, series) = with_writers(&db, 2).await;
    let held = series[0];
    let free = *series.iter().find(|id| store.writer_of(**id) != store.writer_of(held)).unwrap();
    let mut raw = db.raw().await;
    raw.run(&format!("BEGIN; SELECT FROM series WHERE id = {} FOR UPDATE", held.0)).await.unwrap();
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit_page(nth(held, 0)).await }
    });
    let others = async {
        for n in 0..5 {
            store.commit_page(nth(free, n)).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), others).await.expect("pages of other series pass");
    raw.run("ROLLBACK").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap()[0].inserted, 60);
    store.close().await;
    db.finish().await;
}

/// What one writer is refused is told to whoever asked, and leaves nothing; the others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn what_fails_in_one_writer_fails_there_alone() {
    let db = Db::postgres().await;
    let (store, series) = with_writers(&db, 4).await;
    let mut raw = db.raw().await;
    raw.run(&format!("ALTER TABLE bars ADD CONSTRAINT broken CHECK (series_id <> {})", series[3].0)).await.unwrap();
    let pages = series.iter().map(|id| store.commit_page(nth(*id, 0)));
    let outcomes = futures_util::future::join_all(pages).await;
    for (k, outcome) in outcomes.iter().enumerate() {
        let is_refused = matches!(outcome, Err(StoreError::Refused(_)));
        assert!(is_refused == (k == 3) && outcome.is_err() == is_refused, "{k}: {outcome:?}");
    }
    assert_eq!(db.count("bars").await, 7 * 60);
    assert_eq!(db.count("vendor_requests").await, 7);
    store.close().await;
    db.finish().await;
}
