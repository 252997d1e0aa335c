//! What is known about bars beside their values: coverage, quarantine, splits and the calendar.

use barkeep::market::split::Split;
use barkeep::market::{Bar, Ts};
use barkeep::store::{Coverage, CoverageState, HolidayRow, QuarantinedBar, SeriesId, StoreError, StoredBar, Verdict};
use chrono::NaiveDate;

use crate::database::{Db, Superseded};
use crate::sample::{T0, all_bars, bar, commit, covered, minute, one_series, sym, write};

pub async fn quarantine_is_kept_once_and_decided_once(db: &Db) {
    let id = one_series(db).await;
    let odd = |close: f64, reason: &str| QuarantinedBar {
        bar: Bar { close, ..bar(5, 1.0).bar },
        reason: reason.into(),
        request_id: Some("r9".into()),
    };
    let mut w = write(id, vec![bar(5, 1.0)]);
    w.quarantine = vec![odd(-1.0, "negative"), odd(f64::NAN, "no number"), odd(7.0, "off grid"), odd(-1.0, "negative")];
    assert_eq!(commit(db, w.clone()).await.quarantined, 3);
    assert_eq!(commit(db, w.clone()).await.quarantined, 0);

    let rows = db.store.quarantine(true).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().map(|r| r.reason.as_str()).collect::<Vec<_>>(), ["off grid", "no number", "negative"]);
    assert!(rows[1].bar.close.is_nan());
    assert_eq!((rows[2].bar.close, rows[2].bar.ts, &rows[2].symbol), (-1.0, minute(5), &sym("AAPL")));
    assert_eq!((rows[2].request_id.as_deref(), rows[2].status), (Some("r9"), Verdict::Pending));

    let store = &db.store;
    store.decide_quarantine(rows[2].id, Verdict::Rejected, None, Ts(T0 + 5)).await.unwrap();
    let taken = StoredBar { bar: rows[0].bar, ..bar(5, 7.0) };
    store.decide_quarantine(rows[0].id, Verdict::Accepted, Some(taken.clone()), Ts(T0 + 6)).await.unwrap();
    assert_eq!(all_bars(db, id).await, [taken]);
    let before = Superseded { close: 1.0, vwap: Some(10.1), reason: "accepted".into() };
    assert_eq!(db.revisions().await, [before]);
    assert_eq!(store.series().await.unwrap()[0].bar_count, 1);

    for (decided, verdict) in
        [(rows[2].id, Verdict::Accepted), (rows[0].id, Verdict::Rejected), (999, Verdict::Rejected)]
    {
        let again = store.decide_quarantine(decided, verdict, None, Ts(T0)).await;
        assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
    }
    let undecided = store.decide_quarantine(rows[1].id, Verdict::Pending, None, Ts(T0)).await;
    assert!(matches!(undecided, Err(StoreError::NotFound(_))), "{undecided:?}");
    assert_eq!(store.quarantine(true).await.unwrap().len(), 1);
    let all = store.quarantine(false).await.unwrap();
    assert_eq!(
        all.iter().map(|r| r.status).collect::<Vec<_>>(),
        [Verdict::Accepted, Verdict::Pending, Verdict::Rejected]
    );
    assert_eq!(all[2].decided_at, Some(Ts(T0 + 5)));
    // A rejected bar that the vendor sends again stays rejected.
    assert_eq!(commit(db, w).await.quarantined, 0);
    assert_eq!(store.quarantine(true).await.unwrap().len(), 1);
}

/// A decision about many bars at once leaves those alone that are decided, and each can be taken back.
pub async fn many_quarantined_bars_are_decided_at_once(db: &Db) {
    let id = one_series(db).await;
    let odd = |n: i64| QuarantinedBar { bar: bar(n, 5.0).bar, reason: "closed".into(), request_id: None };
    let mut w = write(id, vec![bar(1, 5.0)]);
    w.quarantine = vec![odd(1), odd(2), odd(3)];
    commit(db, w).await;
    let store = &db.store;
    let ids: Vec<i64> = store.quarantine(true).await.unwrap().iter().map(|row| row.id).collect();
    store.decide_quarantine(ids[1], Verdict::Rejected, None, Ts(T0 + 1)).await.unwrap();
    let undone = store.close_quarantine(&ids, Verdict::Pending, Ts(T0 + 2)).await;
    assert!(matches!(undone, Err(StoreError::Refused(_))), "{undone:?}");
    store.close_quarantine(&ids, Verdict::Accepted, Ts(T0 + 3)).await.unwrap();
    let rows = store.quarantine(false).await.unwrap();
    let decided: Vec<_> = rows.iter().map(|row| (row.status, row.decided_at)).collect();
    let accepted = (Verdict::Accepted, Some(Ts(T0 + 3)));
    assert_eq!(decided, [accepted, (Verdict::Rejected, Some(Ts(T0 + 1))), accepted]);
    assert_eq!(all_bars(db, id).await, [bar(1, 5.0)], "the bars are stored by whoever decides");
    store.decide_quarantine(ids[2], Verdict::Pending, None, Ts(T0 + 4)).await.unwrap();
    assert_eq!(store.quarantine(true).await.unwrap().len(), 1);
    assert_eq!(all_bars(db, id).await, [], "the accepted bar is taken back");
}

pub async fn nights_are_kept(db: &Db) {
    assert_eq!(db.store.nights_from().await.unwrap(), None);
    db.store.set_nights_from(Ts(T0)).await.unwrap();
    assert_eq!(db.store.nights_from().await.unwrap(), Some(Ts(T0)));
}

/// What was decided can be taken back, whatever it was.
pub async fn a_decision_is_taken_back(db: &Db) {
    let id = one_series(db).await;
    let odd = |minute: i64, close: f64| QuarantinedBar {
        bar: Bar { close, ..bar(minute, 1.0).bar },
        reason: "odd".into(),
        request_id: None,
    };
    let mut w = write(id, vec![bar(4, 1.0), bar(5, 1.0)]);
    w.quarantine = vec![odd(5, 7.0), odd(6, 8.0), odd(7, 9.0)];
    commit(db, w).await;
    let store = &db.store;
    let rows = store.quarantine(true).await.unwrap();
    let row = |close: f64| rows.iter().find(|row| row.bar.close == close).unwrap();
    let stored = |close: f64, minute: i64| StoredBar { bar: row(close).bar, quality_score: 0.5, ..bar(minute, close) };
    let decide = async |close: f64, verdict, bar, at: i64| {
        store.decide_quarantine(row(close).id, verdict, bar, Ts(T0 + at)).await
    };
    decide(7.0, Verdict::Accepted, Some(stored(7.0, 5)), 1).await.unwrap();
    decide(8.0, Verdict::Accepted, Some(stored(8.0, 6)), 2).await.unwrap();
    decide(9.0, Verdict::Rejected, None, 3).await.unwrap();
    assert_eq!(store.series().await.unwrap()[0].bar_count, 3);

    let refused = decide(7.0, Verdict::Pending, Some(stored(7.0, 5)), 4).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    for close in [7.0, 8.0, 9.0] {
        decide(close, Verdict::Pending, None, 5).await.unwrap();
    }
    // One bar replaced another, which is back; one had been nowhere before.
    assert_eq!(
        all_bars(db, id).await.iter().map(|b| (b.bar.ts, b.bar.close)).collect::<Vec<_>>(),
        [(minute(4), 1.0), (minute(5), 1.0)]
    );
    let series = &store.series().await.unwrap()[0];
    assert_eq!((series.bar_count, series.last_ts), (2, Some(minute(5))));
    let undone = db.revisions().await.into_iter().filter(|r| r.reason == "undone").map(|r| r.close);
    assert_eq!(undone.collect::<Vec<_>>(), [7.0, 8.0]);
    let waiting = store.quarantine(true).await.unwrap();
    assert_eq!((waiting.len(), waiting.iter().all(|row| row.decided_at.is_none())), (3, true));
    let again = decide(7.0, Verdict::Pending, None, 6).await;
    assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");

    // What the vendor has changed since is left alone.
    decide(7.0, Verdict::Accepted, Some(stored(7.0, 5)), 7).await.unwrap();
    commit(db, write(id, vec![bar(5, 2.0)])).await;
    decide(7.0, Verdict::Pending, None, 8).await.unwrap();
    assert_eq!(all_bars(db, id).await[1].bar.close, 2.0);
}

/// Random pages against an array that knows the last word on every minute.
pub async fn coverage_is_what_was_said_last(db: &Db) {
    const MINUTES: usize = 40;
    let id = one_series(db).await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut expected = vec![None; MINUTES];
    for step in 0..40 {
        let new: Vec<Coverage> = (0..random.i64(1..4))
            .map(|k| {
                let from = random.i64(0..MINUTES as i64);
                let to = (from + random.i64(0..9)).min(MINUTES as i64);
                let state = CoverageState::ALL[random.usize(0..3)];
                covered(from, to, state, step * 10 + k, random.bool().then_some(5_000 + step))
            })
            .collect();
        for c in &new {
            for (n, word) in expected.iter_mut().enumerate() {
                if c.range.contains(minute(n as i64)) {
                    *word = Some((c.state, c.expires_at));
                }
            }
        }
        let mut w = write(id, vec![]);
        w.coverage = new;
        commit(db, w).await;
        let rows = db.store.coverage(&[id]).await.unwrap().remove(0).1;
        let word = |n: i64| rows.iter().find(|c| c.range.contains(minute(n))).map(|c| (c.state, c.expires_at));
        assert_eq!((0..MINUTES as i64).map(word).collect::<Vec<_>>(), expected, "step {step}");
        for pair in rows.windows(2) {
            assert!(pair[0].range.end <= pair[1].range.start, "{pair:?}");
        }
    }
    // Page after page makes one row, with the newest evidence.
    let mut w = write(id, vec![]);
    w.coverage = (0..8).map(|k| covered(k * 5, k * 5 + 5, CoverageState::Present, 900 + k, None)).collect();
    commit(db, w).await;
    let whole = covered(0, 40, CoverageState::Present, 907, None);
    let other = SeriesId(id.0 + 1);
    assert_eq!(db.store.coverage(&[other, id]).await.unwrap(), [(other, vec![]), (id, vec![whole])]);
}

pub async fn splits_and_holidays(db: &Db) {
    let store = &db.store;
    let date = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    let (old, new) =
        (Split { date: date(2014, 6, 9), from: 1.0, to: 7.0 }, Split { date: date(2020, 8, 31), from: 1.0, to: 4.0 });
    store
        .put_splits(
            &[(sym("AAPL"), vec![new.into(), old.into()]), (sym("B"), vec![new.into()]), (sym("C"), vec![])],
            Ts(T0),
        )
        .await
        .unwrap();
    assert_eq!(store.splits(&sym("AAPL")).await.unwrap(), [old, new]);
    // Replaced for the one named, untouched for the others.
    store.put_splits(&[(sym("AAPL"), vec![old.into()])], Ts(T0 + 5)).await.unwrap();
    assert_eq!(store.splits(&sym("AAPL")).await.unwrap(), [old]);
    assert_eq!(store.splits(&sym("B")).await.unwrap(), [new]);
    let times = store.splits_fetched_at().await.unwrap();
    assert_eq!(times, [(sym("AAPL"), Ts(T0 + 5)), (sym("B"), Ts(T0)), (sym("C"), Ts(T0))]);
    let senseless = Split { to: 0.0, ..old };
    assert!(store.put_splits(&[(sym("B"), vec![senseless.into()])], Ts(T0)).await.is_err());
    assert_eq!(store.splits(&sym("B")).await.unwrap(), [new]);

    let day = |d, close, name: &str| HolidayRow { date: d, close, name: name.into(), fetched_at: Ts(T0) };
    let christmas = day(date(2026, 12, 25), None, "Christmas");
    let eve = day(date(2026, 12, 24), Some(Ts(T0)), "Christmas Eve");
    store.put_holidays(&[christmas.clone(), day(eve.date, None, "?")]).await.unwrap();
    store.put_holidays(std::slice::from_ref(&eve)).await.unwrap();
    assert_eq!(store.holidays().await.unwrap(), [eve, christmas]);
}
