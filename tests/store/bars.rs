//! Bars: what is read, what a page changes about them, and which numbers are none.

use barkeep::market::{Bar, Ts};
use barkeep::store::{FeatureBar, QuarantinedBar, SeriesId, StoreError, StoredBar, WriteOutcome};

use crate::database::{Db, Superseded};
use crate::sample::{T0, all_bars, bar, commit, growing, minute, one_series, page, span, write};

pub async fn reading_bars(db: &Db) {
    let id = one_series(db).await;
    let stored: Vec<StoredBar> = (0..10).map(|n| bar(n * 2, n as f64)).collect();
    assert_eq!(commit(db, write(id, stored.clone())).await.inserted, 10);
    let store = &db.store;
    assert_eq!(all_bars(db, id).await, stored);
    assert_eq!(store.bars(id, span(2, 8).into(), None).await.unwrap(), stored[1..4]);
    assert_eq!(store.bars(id, span(2, 8).into(), Some(2)).await.unwrap(), stored[1..3]);
    assert_eq!(store.bars(id, span(8, 2).into(), None).await.unwrap(), []);
    assert_eq!(store.bars(id, (minute(15)..).into(), Some(1)).await.unwrap(), stored[8..9]);
    assert_eq!(store.bars(id, (minute(16)..).into(), Some(9)).await.unwrap(), stored[8..]);
    assert_eq!(store.bars(id, (..minute(8)).into(), None).await.unwrap(), stored[..4]);
    assert_eq!(store.bars(id, (..).into(), None).await.unwrap(), stored);
    assert_eq!(store.bars(SeriesId(id.0 + 1), (..).into(), None).await.unwrap(), []);
    assert_eq!(store.newest_bars(id, (..minute(8)).into(), 2).await.unwrap(), stored[2..4]);
    assert_eq!(store.newest_bars(id, (..minute(0)).into(), 2).await.unwrap(), []);
    assert_eq!(store.newest_bars(id, span(2, 8).into(), 9).await.unwrap(), stored[1..4]);
    assert_eq!(store.newest_bars(id, (..).into(), 1).await.unwrap(), stored[9..]);
    let row = &store.series().await.unwrap()[0];
    assert_eq!((row.bar_count, row.first_ts, row.last_ts), (10, Some(minute(0)), Some(minute(18))));
}

/// Around the sizes of the statements they go in by; first new, then in place of others.
pub async fn any_number_of_bars_is_written(db: &Db) {
    let id = one_series(db).await;
    let mut from = 0;
    for count in [1, 31, 32, 33, 1_023, 1_024, 1_025, 2_048, 2_081] {
        for closes in [0.5, 1.5] {
            let bars: Vec<StoredBar> = (from..from + count).map(|n| bar(n, n as f64 + closes)).collect();
            let outcome = commit(db, write(id, bars.clone())).await;
            assert_eq!(outcome.inserted + outcome.revised, count.unsigned_abs(), "{count} rows");
            let read = db.store.bars(id, span(from, from + count).into(), None).await.unwrap();
            assert!(read == bars, "{count} rows came back as others");
        }
        from += count;
    }
    assert_eq!(db.store.series().await.unwrap()[0].bar_count, from);
}

pub async fn features_read_less_of_a_bar(db: &Db) {
    let id = one_series(db).await;
    let stored = [bar(0, 1.0), bar(1, 2.0), growing(2, 3.0)];
    commit(db, write(id, stored.to_vec())).await;
    let read = db.store.feature_bars(id, (minute(1)..).into(), 9).await.unwrap();
    let whole = stored[1..].iter().map(|s| FeatureBar {
        ts: s.bar.ts,
        high: s.bar.high,
        low: s.bar.low,
        close: s.bar.close,
        volume: s.bar.volume,
        provisional: s.provisional,
    });
    assert_eq!(read, whole.collect::<Vec<_>>());
    assert_eq!(db.store.feature_bars(id, (..).into(), 2).await.unwrap().len(), 2);
}

pub async fn commits_count_what_they_do(db: &Db) {
    let id = one_series(db).await;
    let first = commit(db, write(id, vec![bar(0, 1.0), bar(1, 2.0), bar(2, 3.0)])).await;
    assert_eq!(first, WriteOutcome { inserted: 3, ..WriteOutcome::default() });

    let late = |n, close| StoredBar { fetched_at: Ts(T0 + 99), ..bar(n, close) };
    let mut bare = late(2, 3.0);
    bare.bar.vwap = None;
    let second = commit(db, write(id, vec![late(0, 1.0), late(1, 2.5), bare.clone(), late(3, 4.0)])).await;
    assert_eq!(second, WriteOutcome { inserted: 1, revised: 1, changed: 1, unchanged: 2, ..WriteOutcome::default() });
    // An unchanged bar is as it was, time of fetch included, and a vwap that is left out does not take the stored one away.
    let stored = [bar(0, 1.0), late(1, 2.5), bar(2, 3.0), late(3, 4.0)];
    assert_eq!(all_bars(db, id).await, stored);

    // The same page once more, as after a lost answer: nothing changes.
    let again = commit(db, write(id, vec![late(0, 1.0), late(1, 2.5), bare, late(3, 4.0)])).await;
    assert_eq!(again, WriteOutcome { unchanged: 4, ..WriteOutcome::default() });
    assert_eq!(all_bars(db, id).await, stored);

    assert_eq!(db.revisions().await, [Superseded { close: 2.0, vwap: Some(10.1), reason: "changed".into() }]);
    let row = &db.store.series().await.unwrap()[0];
    assert_eq!((row.bar_count, row.last_ts), (4, Some(minute(3))));
}

/// As flat files have them.
pub async fn a_vwap_that_was_left_out_is_filled_in(db: &Db) {
    let id = one_series(db).await;
    let mut bare = bar(0, 1.0);
    bare.bar.vwap = None;
    commit(db, write(id, vec![bare.clone()])).await;
    assert_eq!(all_bars(db, id).await, [bare]);
    let outcome = commit(db, write(id, vec![bar(0, 1.0)])).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 1, ..WriteOutcome::default() });
    assert_eq!(all_bars(db, id).await, [bar(0, 1.0)]);
    assert_eq!(db.count("bar_revisions").await, 0);
}

pub async fn marks_are_lifted_and_never_put_back(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.0), growing(1, 2.0), growing(2, 3.0), growing(3, 4.0)])).await;
    let later = StoredBar { fetched_at: Ts(T0 + 50), ..bar(1, 2.0) };
    let outcome = commit(db, write(id, vec![growing(0, 1.0), later, growing(2, 3.0), bar(3, 4.5)])).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 3, revised: 1, ..WriteOutcome::default() });
    assert_eq!(all_bars(db, id).await, [bar(0, 1.0), bar(1, 2.0), growing(2, 3.0), bar(3, 4.5)]);
    assert_eq!(db.count("bar_revisions").await, 1);
}

pub async fn vanished_provisional_bars_are_moved_away(db: &Db) {
    let id = one_series(db).await;
    let stored = vec![growing(0, 1.0), bar(1, 1.0), growing(2, 1.0), growing(3, 1.0), growing(4, 1.0), growing(9, 1.0)];
    commit(db, write(id, stored)).await;
    let mut w = write(id, vec![growing(4, 1.0)]);
    w.replaces = Some(span(1, 9));
    w.quarantine = vec![QuarantinedBar { bar: bar(3, 0.0).bar, reason: "zero price".into(), request_id: None }];
    let outcome = commit(db, w).await;
    assert_eq!(outcome, WriteOutcome { unchanged: 1, removed: 1, quarantined: 1, ..WriteOutcome::default() });
    let left: Vec<Ts> = all_bars(db, id).await.iter().map(|b| b.bar.ts).collect();
    assert_eq!(left, [0, 1, 3, 4, 9].map(minute));
    assert_eq!(db.revisions().await, [Superseded { close: 1.0, vwap: Some(10.1), reason: "removed".into() }]);

    // Removing the outermost bars moves the ends of the series.
    let mut w = write(id, vec![]);
    w.replaces = Some(span(-5, 20));
    w.checked_at = Some(Ts(T0 + 7));
    assert_eq!(commit(db, w).await.removed, 4);
    let row = &db.store.series().await.unwrap()[0];
    assert_eq!((row.bar_count, row.first_ts, row.last_ts), (1, Some(minute(1)), Some(minute(1))));
    assert_eq!(row.checked_at, Some(Ts(T0 + 7)));
    // An older answer does not turn the check back.
    let mut w = write(id, vec![]);
    w.checked_at = Some(Ts(T0));
    commit(db, w).await;
    assert_eq!(db.store.series().await.unwrap()[0].checked_at, Some(Ts(T0 + 7)));
}

pub async fn scores_change_without_a_revision(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.0), bar(1, 1.0)])).await;
    let scored = |n| StoredBar { quality_score: 0.8, quality_notes: Some("gap".into()), ..bar(n, 1.0) };
    let mut w = write(id, vec![scored(1)]);
    w.rescored = vec![(minute(0), 0.8, Some("gap".into())), (minute(77), 0.5, None)];
    assert_eq!(commit(db, w).await, WriteOutcome { unchanged: 1, ..WriteOutcome::default() });
    assert_eq!(all_bars(db, id).await, [scored(0), scored(1)]);
    assert_eq!(db.count("bar_revisions").await, 0);
    // What is no score is refused.
    for wrong in [f64::NAN, -0.1, 1.1] {
        let mut w = write(id, vec![]);
        w.rescored = vec![(minute(0), wrong, None)];
        let result = db.store.commit_page(page(w)).await;
        assert!(matches!(result, Err(StoreError::Refused(_))), "{wrong}: {result:?}");
    }
    assert_eq!(all_bars(db, id).await, [scored(0), scored(1)]);
}

pub async fn impossible_numbers_are_refused(db: &Db) {
    let id = one_series(db).await;
    let spoil: [fn(&mut Bar); 8] = [
        |b| b.open = f64::NAN,
        |b| b.high = f64::INFINITY,
        |b| b.low = -0.5,
        |b| b.volume = f64::NEG_INFINITY,
        |b| b.vwap = Some(f64::NAN),
        |b| b.trades = Some(-1),
        |b| b.ts = Ts(i64::MAX),
        |b| b.ts = Ts(i64::MIN),
    ];
    for (n, spoil) in spoil.iter().enumerate() {
        let mut odd = bar(0, 1.0);
        spoil(&mut odd.bar);
        let result = db.store.commit_page(page(write(id, vec![odd]))).await;
        assert!(matches!(result, Err(StoreError::Refused(_))), "{n}: {result:?}");
    }
    for bars in [vec![bar(1, 1.0), bar(1, 1.0)], vec![bar(2, 1.0), bar(1, 1.0)]] {
        assert!(db.store.commit_page(page(write(id, bars))).await.is_err());
    }
    assert_eq!(all_bars(db, id).await, []);
    // The largest number there is goes in and comes out as it is, and so does the smallest.
    let mut extreme = bar(3, f64::MAX);
    extreme.bar.volume = f64::MIN_POSITIVE / 4.0;
    commit(db, write(id, vec![extreme.clone()])).await;
    assert_eq!(all_bars(db, id).await, [extreme]);
}

pub async fn times_are_exact_to_the_millisecond(db: &Db) {
    let id = one_series(db).await;
    let times = [Ts::MIN, Ts(-1), Ts(0), Ts(1), Ts(946_684_799_999), Ts(1_700_000_000_123), Ts(253_402_300_799_998)];
    let mut bars: Vec<StoredBar> = times.iter().map(|_| bar(0, 1.0)).collect();
    for (b, t) in bars.iter_mut().zip(times) {
        b.bar.ts = t;
        b.fetched_at = t;
    }
    commit(db, write(id, bars.clone())).await;
    assert_eq!(all_bars(db, id).await, bars);
}
