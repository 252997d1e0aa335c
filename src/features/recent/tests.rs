use std::sync::Arc;

use super::*;
use barkeep_market::testing::bar;
use barkeep_market::{Bar, Timeframe};
use barkeep_store::{Memory, PageCommit, StoredBar, testing};

const MINUTE: i64 = 60_000;

async fn series() -> (Arc<Memory>, SeriesId) {
    let store = Memory::new();
    let row = testing::symbol("AAC", &[Timeframe::M1]);
    store.put_symbols(&[row]).await.unwrap();
    let id = store.series().await.unwrap()[0].id;
    (store, id)
}

/// One bar a minute.
fn bars(minutes: std::ops::Range<i64>, price: f64) -> Vec<StoredBar> {
    let of = |n: i64| {
        let bar = Bar { volume: n as f64, ..bar(Ts(n * MINUTE), price) };
        StoredBar { provisional: n >= 95, ..testing::stored(bar) }
    };
    minutes.map(of).collect()
}

async fn commit(store: &Memory, recent: &Recent, series: SeriesId, bars: Vec<StoredBar>) {
    let write = SeriesWrite { bars, ..SeriesWrite::nothing(series) };
    let page = PageCommit { writes: vec![write.clone()], ..PageCommit::default() };
    let outcomes = store.commit_page(page).await.unwrap();
    recent.note(&write, &outcomes[0]);
}

async fn taken(store: &Memory, recent: &Recent, series: SeriesId) -> Option<Bars> {
    recent.take(&store.feature_progress(&[series]).await.unwrap()[0])
}

async fn all(mut bars: Bars, store: &Memory, series: SeriesId) -> Vec<FeatureBar> {
    let mut all = Vec::new();
    loop {
        let piece = bars.next(store, series, 7).await.unwrap();
        all.extend(&piece);
        if piece.len() < 7 {
            return all;
        }
    }
}

#[tokio::test]
async fn pages_in_any_order_are_the_stored_bars_whether_they_are_held_or_read() {
    for most in [0, 45, 1_000] {
        let (store, id) = series().await;
        let recent = Recent { most, ..Recent::default() };
        for minutes in [60..100, 0..20, 20..21, 21..49, 49..60] {
            commit(&store, &recent, id, bars(minutes, 5.0)).await;
        }
        let bars = taken(&store, &recent, id).await.unwrap();
        assert!(bars.0.iter().map(|stretch| stretch.bars.len()).sum::<usize>() <= most);
        let stored = store.feature_bars(id, (..).into(), 1_000).await.unwrap();
        assert_eq!(all(bars, &store, id).await, stored, "{most}");
        assert_eq!(recent.kept().bars, 0);
        assert!(taken(&store, &recent, id).await.is_none(), "handed out once");
    }
}

#[tokio::test]
async fn what_did_not_pass_through_here_alone_is_not_handed_out() {
    // A page of somebody else.
    let (store, id) = series().await;
    let recent = Recent::default();
    commit(&store, &Recent::default(), id, bars(0..10, 5.0)).await;
    commit(&store, &recent, id, bars(10..20, 5.0)).await;
    assert!(taken(&store, &recent, id).await.is_none());

    // Bars that replace others, and bars that were there.
    for (again, price) in [(5..10, 6.0), (5..15, 5.0)] {
        let (store, id) = series().await;
        let recent = Recent::default();
        commit(&store, &recent, id, bars(0..10, 5.0)).await;
        commit(&store, &recent, id, bars(again, price)).await;
        commit(&store, &recent, id, bars(30..40, 5.0)).await;
        assert!(taken(&store, &recent, id).await.is_none());
        assert_eq!(recent.kept().bars, 0);
    }

    // Pages that lie inside one another.
    let (store, id) = series().await;
    let recent = Recent::default();
    let (inner, outer) = bars(0..10, 5.0).into_iter().partition(|stored| stored.bar.ts == Ts(4 * MINUTE));
    commit(&store, &recent, id, outer).await;
    commit(&store, &recent, id, inner).await;
    assert!(taken(&store, &recent, id).await.is_none());
}
