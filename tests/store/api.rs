//! What the HTTP API keeps: keys, answers to requests that may be repeated, marks of series.

use barkeep::market::{Interval, Timeframe, Ts, split::Split};
use barkeep::store::{ApiKey, ApiRequest, FeatureWrite, IdempotencyClaim, KeyRole, StoreError, Verdict};
use uuid::Uuid;

use crate::database::Db;
use crate::sample::{bar, commit, minute, one_series, span, sym, symbol_row, write};

fn key(name: &str, digit: char) -> ApiKey {
    ApiKey {
        id: 0,
        name: name.into(),
        hash: digit.to_string().repeat(64),
        role: KeyRole::Operate,
        created_at: Ts(5),
        revoked_at: None,
        last_used_at: None,
    }
}

pub async fn keys_are_made_once_used_and_revoked(db: &Db) {
    let store = &db.store;
    store.add_api_key(&key("a", '1')).await.unwrap();
    store.add_api_key(&ApiKey { role: KeyRole::Read, ..key("b", '2') }).await.unwrap();
    // The same once more, after an answer that was lost.
    store.add_api_key(&key("a", '1')).await.unwrap();
    let taken = store.add_api_key(&key("a", '3')).await;
    assert!(matches!(taken, Err(StoreError::Refused(_))), "{taken:?}");
    let keys = db.another_handle().await.api_keys().await.unwrap();
    let names: Vec<(&str, KeyRole)> = keys.iter().map(|k| (k.name.as_str(), k.role)).collect();
    assert_eq!(names, [("a", KeyRole::Operate), ("b", KeyRole::Read)]);
    assert_eq!(ApiKey { id: 0, ..keys[0].clone() }, key("a", '1'));
    store.note_api_keys_used(&[(keys[0].id, Ts(9)), (keys[1].id, Ts(8)), (77, Ts(1))]).await.unwrap();
    store.note_api_keys_used(&[(keys[0].id, Ts(6))]).await.unwrap();
    assert!(store.revoke_api_key("a", Ts(20)).await.unwrap());
    assert!(!store.revoke_api_key("a", Ts(21)).await.unwrap(), "only once");
    assert!(!store.revoke_api_key("c", Ts(21)).await.unwrap());
    let keys = store.api_keys().await.unwrap();
    assert_eq!((keys[0].revoked_at, keys[0].last_used_at), (Some(Ts(20)), Some(Ts(9))));
    assert_eq!((keys[1].revoked_at, keys[1].last_used_at), (None, Some(Ts(8))));
    let again = store.add_api_key(&key("a", '4')).await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "the name of a revoked key stays taken");
}

pub async fn a_request_is_claimed_once_and_its_answer_kept(db: &Db) {
    let store = &db.store;
    let request = |actor: &str, fingerprint: &str, at: i64| ApiRequest {
        actor: actor.into(),
        key: "k".into(),
        fingerprint: fingerprint.into(),
        token: Uuid::new_v4(),
        at: Ts(at),
    };
    let (first, second) = (request("a", "f", 100), request("a", "f", 101));
    let claim =
        async |r: &ApiRequest, expired, abandoned| store.claim_request(r, Ts(expired), Ts(abandoned)).await.unwrap();
    assert_eq!(claim(&first, 0, 0).await, IdempotencyClaim::Ours);
    assert_eq!(claim(&first, 0, 0).await, IdempotencyClaim::Ours, "the same claim again");
    assert_eq!(claim(&second, 0, 0).await, IdempotencyClaim::InProgress);
    assert_eq!(claim(&request("a", "g", 101), 0, 0).await, IdempotencyClaim::Another);
    assert_eq!(claim(&request("b", "g", 101), 0, 0).await, IdempotencyClaim::Ours, "actors never meet");
    // Somebody who does not hold the claim settles nothing.
    store.settle_request(&second, Some((500, "no".into()))).await.unwrap();
    store.settle_request(&first, Some((202, "{}".into()))).await.unwrap();
    let answered = IdempotencyClaim::Answered { status: 202, body: "{}".into() };
    assert_eq!(claim(&second, 0, 0).await, answered);
    store.settle_request(&first, None).await.unwrap();
    assert_eq!(claim(&second, 0, 500).await, answered, "an answer is no abandoned claim");
    assert_eq!(claim(&second, 101, 0).await, IdempotencyClaim::Ours, "forgotten");
    store.settle_request(&second, None).await.unwrap();
    let third = request("a", "h", 102);
    assert_eq!(claim(&third, 0, 0).await, IdempotencyClaim::Ours, "given back");
    assert_eq!(claim(&request("a", "i", 200), 0, 150).await, IdempotencyClaim::Ours, "abandoned");
}

pub async fn every_write_to_a_series_shows_in_its_mark(db: &Db) {
    let store = &db.store;
    let id = one_series(db).await;
    let mark = async || store.series_marks(&[id]).await.unwrap()[0].1;
    let mut last = mark().await;
    let mut grown = async |what: &str| {
        let now = mark().await;
        assert!(now > last, "{what}");
        last = now;
    };
    commit(db, write(id, vec![bar(0, 10.5), bar(1, 10.6)])).await;
    grown("bars").await;
    let mut scores = write(id, Vec::new());
    scores.rescored = vec![(minute(1), 0.5, Some("gap".into()))];
    commit(db, scores).await;
    grown("scores").await;
    let features = FeatureWrite {
        series: id,
        changes: store.feature_progress(&[id]).await.unwrap()[0].changes,
        replaces: Interval::new(Ts::MIN, Ts::MAX),
        rows: Vec::new(),
        states: Vec::new(),
        spent: None,
        stale_from: None,
        splits: "none".into(),
        computed_at: Ts(1),
    };
    store.put_features([features].into()).await.unwrap();
    grown("features").await;
    let symbol = store.series().await.unwrap()[0].symbol.clone();
    let split = Split { date: "2024-05-31".parse().unwrap(), from: 1.0, to: 2.0 };
    store.put_splits(&[(symbol.clone(), vec![split.into()])], Ts(2)).await.unwrap();
    grown("splits").await;
    let mut odd = write(id, Vec::new());
    odd.quarantine =
        vec![barkeep::store::QuarantinedBar { bar: bar(3, 11.0).bar, reason: "r".into(), request_id: None }];
    commit(db, odd).await;
    let row = store.quarantine(true).await.unwrap()[0].id;
    grown("quarantine").await;
    store.decide_quarantine(row, Verdict::Accepted, Some(bar(3, 11.0)), Ts(9)).await.unwrap();
    grown("accepted").await;
    // What only looks changes nothing, and what belongs to others neither.
    store.bars(id, span(0, 9).into(), None).await.unwrap();
    store.put_symbols(&[symbol_row("OTHER", &[Timeframe::M1])]).await.unwrap();
    let other = store.series().await.unwrap().into_iter().find(|s| s.symbol == sym("OTHER")).unwrap().id;
    commit(db, write(other, vec![bar(0, 10.5)])).await;
    assert_eq!(mark().await, last);
    let both = store.series_marks(&[id, other]).await.unwrap();
    assert_eq!(both.len(), 2);
    store.remove_symbol(&symbol).await.unwrap();
    assert_eq!(store.series_marks(&[id]).await.unwrap(), [], "gone");
}

pub async fn the_busiest_symbols_turn_over_most(db: &Db) {
    let store = &db.store;
    assert_eq!(store.busiest_symbols(5).await.unwrap(), []);
    let rows = [("AAA", Timeframe::D1), ("BBB", Timeframe::D1), ("CCC", Timeframe::H1), ("DDD", Timeframe::D1)];
    store.put_symbols(&rows.map(|(s, tf)| symbol_row(s, &[tf]))).await.unwrap();
    let series = store.series().await.unwrap();
    for (n, close) in [(0, 10.5), (1, 10.9), (2, 10.7)] {
        commit(db, write(series[n].id, vec![bar(0, 11.0), bar(1, close)])).await;
    }
    let names = |found: Vec<barkeep::market::Symbol>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(store.busiest_symbols(5).await.unwrap()), ["BBB", "CCC", "AAA"]);
    assert_eq!(names(store.busiest_symbols(1).await.unwrap()), ["BBB"]);
}
