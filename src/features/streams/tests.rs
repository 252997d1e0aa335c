use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use barkeep_market::Family;
use barkeep_market::features::compute;
use barkeep_market::testing::bar;
use barkeep_store::{FeatureOutcome, Memory, StoredBar, testing};

use crate::Recent;

const MINUTE: i64 = 60_000;

/// Bars one minute apart; those from `growing` on may still change.
fn bars(minutes: std::ops::Range<i64>, growing: i64) -> Vec<StoredBar> {
    let of = |n: i64| {
        let bar = Bar { volume: (n % 17 + 1) as f64, ..bar(Ts(n * MINUTE), 100.0 + (n % 23) as f64) };
        StoredBar { provisional: n >= growing, ..testing::stored(bar) }
    };
    minutes.map(of).collect()
}

struct Run {
    store: Arc<Memory>,
    recent: Recent,
    series: SeriesId,
}

impl Run {
    async fn new() -> Self {
        let store = Memory::new();
        store.put_symbols(&[testing::symbol("AAC", &[Timeframe::M1])]).await.unwrap();
        let series = store.series().await.unwrap()[0].id;
        let recent = Recent::default();
        recent.expect_in_order(BTreeSet::from([("AAC".parse().unwrap(), Family::Minute)]));
        Self { store, recent, series }
    }

    /// A page as the queue commits it; what became of its features.
    async fn page(&self, bars: Vec<StoredBar>) -> Option<FeatureOutcome> {
        let write = SeriesWrite { bars, ..SeriesWrite::nothing(self.series) };
        let mut commit = PageCommit { writes: vec![write.clone()], ..PageCommit::default() };
        let of = PageSeries {
            series: self.series,
            symbol: "AAC".parse().unwrap(),
            timeframe: Timeframe::M1,
            class: AssetClass::Stock,
        };
        self.recent.add_features(self.store.as_ref(), &[of], &mut commit, Ts(0)).await.unwrap();
        let outcomes = self.store.commit_page(commit).await.unwrap();
        self.recent.note(&write, &outcomes[0]);
        outcomes[0].features
    }

    async fn stale_from(&self) -> Option<Ts> {
        self.store.feature_progress(&[self.series]).await.unwrap()[0].stale_from
    }

    /// Whether what is stored is what computing all of it at once gives.
    async fn is_whole(&self) -> bool {
        let stored = self.store.feature_bars(self.series, (..).into(), 100_000).await.unwrap();
        let of =
            |b: &barkeep_store::FeatureBar| Bar { high: b.high, low: b.low, volume: b.volume, ..bar(b.ts, b.close) };
        let all: Vec<Bar> = stored.iter().map(of).collect();
        let wanted = compute(&all, bars_per_year(AssetClass::Stock, Timeframe::M1)).unwrap();
        let rows = self.store.features(self.series, (..).into(), None).await.unwrap();
        rows.into_iter().map(|row| row.features).eq(wanted)
    }
}

#[tokio::test]
async fn pages_in_order_bring_the_features_of_one_computation() {
    let run = Run::new().await;
    for minutes in [0..1, 1..40, 45..700, 700..6_000, 6_000..6_010] {
        let count = minutes.clone().count() as u64;
        let outcome = run.page(bars(minutes, 10_000)).await.unwrap();
        assert_eq!((outcome.written, outcome.superseded), (count, false));
        assert_eq!(run.stale_from().await, None);
        assert!(run.is_whole().await);
    }
    // A later computation starts from a state that was kept on the way.
    let state = run.store.feature_state(run.series, Ts(6_009 * MINUTE + 1)).await.unwrap().unwrap();
    assert_eq!(state.through, Ts(6_009 * MINUTE));
    assert!(run.recent.close(run.series) && !run.recent.close(run.series));
    assert!(run.page(bars(6_010..6_020, 10_000)).await.is_none(), "a series with bars is not begun again");
}

#[tokio::test]
async fn what_does_not_follow_is_left_to_be_computed_later() {
    // An older page after a newer one.
    let run = Run::new().await;
    assert!(run.page(bars(50..90, 1_000)).await.is_some());
    assert!(run.page(bars(0..50, 1_000)).await.is_none());
    assert!(run.page(bars(90..95, 1_000)).await.is_none(), "it stays so");
    assert_eq!(run.stale_from().await, Some(Ts(0)));

    // Bars that may still change have their features, but nothing is continued from them.
    let run = Run::new().await;
    assert!(run.page(bars(0..50, 40)).await.is_some());
    assert!(run.is_whole().await);
    let state = run.store.feature_state(run.series, Ts(i64::MAX)).await.unwrap().unwrap();
    assert_eq!(state.through, Ts(39 * MINUTE));
    assert!(run.page(bars(50..60, 40)).await.is_none());
    assert_eq!(run.stale_from().await, Some(Ts(50 * MINUTE)));

    // Somebody else wrote between two pages: what was computed for the second is not written.
    let run = Run::new().await;
    assert!(run.page(bars(0..50, 1_000)).await.is_some());
    let write = SeriesWrite { bars: bars(50..51, 1_000), ..SeriesWrite::nothing(run.series) };
    run.store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
    assert!(run.page(bars(51..60, 1_000)).await.unwrap().superseded);
    assert!(run.page(bars(60..70, 1_000)).await.is_none());
    assert_eq!(run.stale_from().await, Some(Ts(50 * MINUTE)));

    // Bars were there before, and a family that several requests bring.
    let run = Run::new().await;
    let write = SeriesWrite { bars: bars(0..5, 1_000), ..SeriesWrite::nothing(run.series) };
    run.store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
    assert!(run.page(bars(5..50, 1_000)).await.is_none());
    let run = Run::new().await;
    run.recent.expect_in_order(BTreeSet::new());
    assert!(run.page(bars(0..50, 1_000)).await.is_none());
}
