//! Records of the work: executions, requests, places at the vendor, plans.

use std::time::Duration;

use barkeep::base::clock::{Moment, Uptime};
use barkeep::market::{Timeframe, Ts};
use barkeep::pipeline::backfill::close_dead_executions;
use barkeep::store::{
    Dialect, ExecutionRow, ExecutionStatus, PageCommit, RequestFilter, RequestRow, RequestTotals, SeriesClaim,
    SeriesClaiming, SeriesRunState, SeriesStatus, StoreError, Waste,
};
use barkeep::vendor::limit::{Grant, Place, PlaceRequest, Rank, Refusal, Waiting, Wanted};
use uuid::Uuid;

use crate::database::Db;
use crate::sample::{T0, bar, execution, one_series, page, request, span, status, sym, write};

pub async fn executions_and_statuses(db: &Db) {
    let store = &db.store;
    let mut first = execution(1, T0, ExecutionStatus::Running);
    store.put_execution(&first).await.unwrap();
    store.put_execution(&execution(2, T0 + 1, ExecutionStatus::Running)).await.unwrap();
    first.status = ExecutionStatus::CompletedWithErrors;
    first.completed_at = Some(Ts(T0 + 1_500));
    first.duration_seconds = Some(1.5);
    first.error_message = Some("one failed".into());
    store.put_execution(&first).await.unwrap();
    assert_eq!(store.executions(9).await.unwrap(), [execution(2, T0 + 1, ExecutionStatus::Running), first]);
    assert_eq!(store.executions(1).await.unwrap().len(), 1);
    assert_eq!(store.running_executions().await.unwrap(), [execution(2, T0 + 1, ExecutionStatus::Running)]);

    let rows = [
        status(2, "MSFT", Timeframe::D1, SeriesRunState::Pending),
        status(2, "MSFT", Timeframe::M5, SeriesRunState::InProgress),
        status(2, "AAPL", Timeframe::M5, SeriesRunState::Failed),
    ];
    store.put_series_statuses(rows.to_vec()).await.unwrap();
    let done = status(2, "MSFT", Timeframe::D1, SeriesRunState::Completed);
    let page = PageCommit { statuses: vec![done.clone()], ..PageCommit::default() };
    assert_eq!(store.commit_page(page).await.unwrap(), []);
    let [_, five, aapl] = rows;
    assert_eq!(store.series_statuses(Uuid::from_u128(2)).await.unwrap(), [aapl, five, done]);
    assert_eq!(store.series_statuses(Uuid::from_u128(1)).await.unwrap(), []);
}

/// Whoever looks from outside sees what a run did so far, and whoever closes the run of a dead process keeps it.
pub async fn a_run_under_way_says_what_it_did_so_far(db: &Db) {
    let store = &db.store;
    let begun = ExecutionRow { requests: 0, rate_limited: 0, retries: 0, ..execution(5, T0, ExecutionStatus::Running) };
    store.put_execution(&begun).await.unwrap();
    store.put_execution(&execution(6, T0 + 1, ExecutionStatus::Completed)).await.unwrap();
    for (attempt, status) in [(1, Some(200)), (1, Some(429)), (2, Some(200)), (1, None)] {
        store.record_request(&request(attempt, status, "ok")).await.unwrap();
    }
    let another = RequestRow { execution_id: Some(Uuid::from_u128(6)), ..request(1, Some(200), "ok") };
    store.record_request(&another).await.unwrap();
    let series = [
        status(5, "MSFT", Timeframe::D1, SeriesRunState::Pending),
        status(5, "AAPL", Timeframe::M5, SeriesRunState::InProgress),
    ];
    store.put_series_statuses(series.to_vec()).await.unwrap();

    let now = ExecutionRow { requests: 4, rate_limited: 1, retries: 1, total_records_processed: 20, ..begun.clone() };
    assert_eq!(store.running_executions().await.unwrap(), std::slice::from_ref(&now));
    assert_eq!(store.execution(Uuid::from_u128(5)).await.unwrap().as_ref(), Some(&now));
    assert_eq!(store.executions(9).await.unwrap(), [execution(6, T0 + 1, ExecutionStatus::Completed), now.clone()]);
    // Taken up again: its series begin anew, what it had done before is in its row.
    store.put_execution(&now).await.unwrap();
    let anew = series.map(|row| SeriesStatus { records_processed: 0, ..row });
    store.put_series_statuses(anew.to_vec()).await.unwrap();
    store.record_request(&request(1, Some(200), "ok")).await.unwrap();
    let now = ExecutionRow { requests: 5, ..now };
    assert_eq!(store.running_executions().await.unwrap(), std::slice::from_ref(&now));
    // Whoever ends it says what it did.
    let ended = ExecutionRow { status: ExecutionStatus::Interrupted, completed_at: Some(Ts(T0 + 9)), ..now };
    store.put_execution(&ended).await.unwrap();
    store.record_request(&request(1, Some(200), "ok")).await.unwrap();
    assert_eq!(store.execution(Uuid::from_u128(5)).await.unwrap(), Some(ended));
}

/// A process that was taken for dead and wakes writes nothing over the row of its successor.
pub async fn an_execution_belongs_to_one_process(db: &Db) {
    let store = &db.store;
    let of = |owner: &str, status| ExecutionRow { owner: owner.to_owned(), ..execution(1, T0, status) };
    let first = of("first", ExecutionStatus::Running);
    store.put_execution(&first).await.unwrap();
    let refused = |outcome| match outcome {
        Err(StoreError::TakenOver(why)) => assert!(why.contains("taken over by another process"), "{why}"),
        other => panic!("{other:?}"),
    };
    refused(store.put_execution(&of("second", ExecutionStatus::Completed)).await);
    refused(store.take_execution(&of("second", ExecutionStatus::Queued), "third").await);
    assert_eq!(store.executions(9).await.unwrap(), std::slice::from_ref(&first));

    let second = of("second", ExecutionStatus::Running);
    store.take_execution(&second, "first").await.unwrap();
    // Asked again after an answer that was lost.
    store.take_execution(&second, "first").await.unwrap();
    refused(store.put_execution(&of("first", ExecutionStatus::Failed)).await);
    refused(store.take_execution(&of("third", ExecutionStatus::Queued), "first").await);
    assert_eq!(store.executions(9).await.unwrap(), [second]);
    let ended = of("second", ExecutionStatus::Completed);
    store.put_execution(&ended).await.unwrap();
    assert_eq!(store.executions(9).await.unwrap(), [ended]);
}

/// What somebody takes up after it was read as running, and before it is closed, goes on, and is no reason to fail.
pub async fn what_is_taken_up_meanwhile_is_not_closed(db: &Db) {
    let store = &db.store;
    let left = |id| ExecutionRow { owner: "nobody".to_owned(), ..execution(id, T0, ExecutionStatus::Running) };
    store.put_execution(&left(1)).await.unwrap();
    store.put_execution(&left(2)).await.unwrap();
    let taken = ExecutionRow { owner: store.mark(), ..left(1) };
    let meanwhile = |row: &ExecutionRow| {
        if row.execution_id == taken.execution_id {
            let take = store.take_execution(&taken, &row.owner);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(take)).unwrap();
        }
        false
    };
    let closed = close_dead_executions(store.as_ref(), Ts(T0 + 9), meanwhile).await.unwrap();
    assert_eq!(closed.iter().map(|row| row.execution_id).collect::<Vec<_>>(), [Uuid::from_u128(2)]);
    let of = async |id| store.execution(Uuid::from_u128(id)).await.unwrap().unwrap();
    assert_eq!(of(1).await, taken);
    assert_eq!(of(2).await.status, ExecutionStatus::Interrupted);
}

pub async fn claims_that_are_gone_are_told(db: &Db) {
    let store = &db.store;
    let [kept, lost, never] = [1, 2, 3].map(Uuid::from_u128);
    for (execution_id, symbol) in [(kept, "AAPL"), (lost, "MSFT")] {
        let families = vec![(sym(symbol), Timeframe::M1.family())];
        let claim = SeriesClaim { execution_id, owner: store.mark(), scheduled: false, families };
        assert!(matches!(store.claim_series(&claim).await.unwrap(), SeriesClaiming::Granted(_)));
    }
    assert!(store.renew_claims(&[kept, lost]).await.unwrap().is_empty());
    db.raw().await.run("DELETE FROM series_claims WHERE families LIKE '%MSFT%'").await.unwrap();
    assert_eq!(store.renew_claims(&[kept, lost, never]).await.unwrap(), [lost, never]);
}

pub async fn whole_answers_tell_what_the_vendor_counted(db: &Db) {
    let asked = |from, to, counted| RequestRow {
        asked: Some(span(from, to)),
        query_count: Some(counted),
        ..request(1, Some(200), "ok")
    };
    let other = RequestRow { ticker: Some("X:BTCUSD".into()), timeframe: Some(Timeframe::M5), ..asked(0, 10, 7) };
    for row in [
        // Two full pages and the rest; the same range once more in one go.
        asked(0, 10, 50_000),
        asked(0, 10, 50_000),
        asked(0, 10, 20_000),
        asked(20, 30, 300),
        asked(20, 30, 302),
        // Without its last page, without a bar, failed, about no ticker.
        asked(40, 50, 50_000),
        asked(60, 70, 0),
        RequestRow { query_count: None, ..asked(80, 90, 0) },
        RequestRow { ticker: None, ..asked(90, 95, 5) },
        request(1, Some(500), "transient"),
        other,
    ] {
        db.store.record_request(&row).await.unwrap();
    }
    let answers = db.store.counted_answers().await.unwrap();
    let found: Vec<_> = answers.iter().map(|a| (a.ticker.as_str(), a.timeframe, a.asked, a.counted)).collect();
    let expected = [
        ("AAPL", Timeframe::M1, span(0, 10), 120_000),
        ("AAPL", Timeframe::M1, span(20, 30), 301),
        ("X:BTCUSD", Timeframe::M5, span(0, 10), 7),
    ];
    assert_eq!(found, expected);
}

pub async fn requests_are_counted(db: &Db) {
    let store = &db.store;
    assert_eq!(store.request_totals().await.unwrap(), RequestTotals::default());
    store.record_request(&request(1, Some(429), "rate_limited")).await.unwrap();
    store.record_request(&request(2, None, "transient")).await.unwrap();
    let page = PageCommit { request: Some(request(3, Some(200), "ok")), ..PageCommit::default() };
    store.commit_page(page).await.unwrap();
    let expected = RequestTotals { total_requests: 3, rate_limited_count: 1, failures: 2, retries: 2, bytes: 3_000 };
    assert_eq!(store.request_totals().await.unwrap(), expected);
}

pub async fn requests_by_minute_begin_where_one_asks(db: &Db) {
    let store = &db.store;
    for (seconds, status) in [(-1, 200), (0, 200), (59, 429), (60, 200), (200, 200)] {
        let row = RequestRow { started_at: Ts(T0 + seconds * 1_000), ..request(1, Some(status), "ok") };
        store.record_request(&row).await.unwrap();
    }
    let minutes = store.requests_by_minute(Ts(T0)).await.unwrap();
    let minutes: Vec<_> = minutes.iter().map(|m| (m.start - Ts(T0), m.requests, m.rate_limited)).collect();
    assert_eq!(minutes, [(0, 2, 1), (60_000, 1, 0), (180_000, 1, 0)]);
}

/// Totals are kept, not counted: the rows may be any number. Whoever inserts some by hand has them counted.
pub async fn totals_look_at_no_request(db: &Db) {
    let insert =
        "INSERT INTO vendor_requests (endpoint, attempt, started_at, latency_ms, status, outcome, row_count, bytes)
        VALUES ('splits', 2, {T}, 5, 429, 'rate_limited', 0, 7), ('splits', 1, {T}, 5, 200, 'ok', 0, 7)";
    let time = if db.dialect() == Some(Dialect::Sqlite) { "1700000000000" } else { "now()" };
    db.raw().await.run(&insert.replace("{T}", time)).await.unwrap();
    let totals = RequestTotals { total_requests: 2, rate_limited_count: 1, failures: 1, retries: 1, bytes: 14 };
    assert_eq!(db.store.request_totals().await.unwrap(), totals);
    db.raw().await.run("DELETE FROM vendor_requests").await.unwrap();
    assert_eq!(db.store.request_totals().await.unwrap(), totals);
}

pub async fn requests_are_looked_up_newest_first(db: &Db) {
    let store = &db.store;
    let at = |t: i64, ticker: Option<&str>, execution: u128| RequestRow {
        started_at: Ts(T0 + t),
        ticker: ticker.map(Into::into),
        execution_id: Some(Uuid::from_u128(execution)),
        ..request(1, Some(200), "ok")
    };
    let bare = RequestRow {
        endpoint: "splits".into(),
        timeframe: None,
        asked: None,
        status: None,
        error: Some("no answer".into()),
        query_count: None,
        request_id: None,
        execution_id: None,
        ..at(9, None, 0)
    };
    // Two of the same instant: the later one recorded is the newer one.
    let rows = [at(1, Some("AAPL"), 1), at(3, Some("SPY"), 1), at(3, Some("AAPL"), 2), at(2, Some("AAPL"), 1), bare];
    for row in &rows {
        store.record_request(row).await.unwrap();
    }
    let [a1, s3, a3, a2, bare] = rows;
    let find = async |ticker: Option<&str>, execution: Option<u128>, limit| {
        let filter = RequestFilter { ticker: ticker.map(Into::into), execution: execution.map(Uuid::from_u128) };
        store.requests(&filter, limit).await.unwrap()
    };
    assert_eq!(find(None, None, 9).await, [bare.clone(), a3.clone(), s3.clone(), a2.clone(), a1.clone()]);
    assert_eq!(find(None, None, 2).await, [bare, a3.clone()]);
    assert_eq!(find(Some("AAPL"), None, 9).await, [a3, a2.clone(), a1.clone()]);
    assert_eq!(find(None, Some(1), 9).await, [s3, a2.clone(), a1.clone()]);
    assert_eq!(find(Some("AAPL"), Some(1), 9).await, [a2, a1.clone()]);
    assert_eq!(find(Some("X:BTCUSD"), None, 9).await, []);
    let json = serde_json::to_string(&a1).unwrap();
    assert_eq!(serde_json::from_str::<RequestRow>(&json).unwrap(), a1);
}

pub async fn requests_that_changed_nothing_are_counted_by_reason(db: &Db) {
    let id = one_series(db).await;
    let store = &db.store;
    assert_eq!(store.wasted().await.unwrap(), []);
    let ok = |rows| RequestRow { rows, ..request(1, Some(200), "ok") };
    let answer = async |request, bars| {
        let page = PageCommit { request: Some(request), ..page(write(id, bars)) };
        store.commit_page(page).await.unwrap();
        store.requests(&RequestFilter::default(), 1).await.unwrap()[0].changed
    };
    let later = |t: i64, row: RequestRow| RequestRow { started_at: Ts(T0 + t), ..row };
    assert_eq!(answer(later(1, ok(2)), vec![bar(0, 1.0), bar(1, 1.0)]).await, Some(2), "inserted");
    assert_eq!(answer(later(2, ok(2)), vec![bar(0, 1.0), bar(1, 9.0)]).await, Some(1), "revised");
    assert_eq!(answer(later(3, ok(2)), vec![bar(0, 1.0), bar(1, 9.0)]).await, Some(0));
    assert_eq!(answer(later(4, ok(2)), vec![bar(0, 1.0)]).await, Some(0));
    assert_eq!(answer(later(5, ok(0)), vec![]).await, Some(0));
    let splits = RequestRow { endpoint: "splits".into(), ..ok(0) };
    let failed = ["rate_limited", "transient", "permanent", "plan_window", "too_early", "auth", "malformed"];
    let failed = failed.map(|outcome| request(1, None, outcome));
    for row in failed.iter().chain([&splits, &ok(3)]) {
        store.record_request(row).await.unwrap();
    }
    let expected = [
        (Waste::RateLimited, 1),
        (Waste::KeyRefused, 1),
        (Waste::NotEntitled, 2),
        (Waste::Malformed, 1),
        (Waste::Failed, 2),
        (Waste::Unchanged, 2),
        (Waste::Empty, 1),
        (Waste::Probe, 1),
    ];
    assert_eq!(store.wasted().await.unwrap(), expected);
}

pub const TIMEOUT: Duration = Duration::from_secs(20);

pub fn moment(ms: i64) -> Moment {
    Moment { at: Ts(T0 + ms), uptime: None }
}

pub async fn places_are_kept_until_a_window_after_the_answer(db: &Db) {
    let store = &db.store;
    let take = async |limit, now| {
        store
            .take_place(PlaceRequest::new(barkeep::market::Source::Massive, limit, TIMEOUT, moment(now)))
            .await
            .unwrap()
    };
    let first = take(2, 0).await;
    assert_eq!(first.taken, []);
    let first = first.place.unwrap();
    store.place_answered(first, moment(400)).await.unwrap();
    let second = take(2, 1_000).await.place.unwrap();
    let full = take(2, 1_500).await;
    assert_eq!(full.place, None);
    let expected = [
        Place {
            id: first,
            vendor: barkeep::market::Source::Massive,
            started: moment(0),
            answered: Some(moment(400)),
            timeout: TIMEOUT,
        },
        Place {
            id: second,
            vendor: barkeep::market::Source::Massive,
            started: moment(1_000),
            answered: None,
            timeout: TIMEOUT,
        },
    ];
    assert_eq!(full.taken, expected);
    assert_eq!(store.places().await.unwrap().places, expected);
    // Both readings are cut to milliseconds, so a place is free one later than they say.
    assert_eq!(take(2, 60_400).await.place, None);
    let third = take(2, 60_401).await;
    assert_eq!((third.place.is_some(), third.taken.len()), (true, 1));
    // The second was never answered: its time and a window.
    assert_eq!(take(2, 81_000).await.place, None);
    assert!(take(2, 81_001).await.place.is_some());
    // A lower limit waits until enough have gone.
    assert_eq!(take(1, 81_001).await.place, None);
    // Free places do not pile up.
    assert!(take(2, 900_000).await.place.is_some());
    assert_eq!(db.count("rate_limit_state").await, 1);
}

pub async fn a_clock_set_back_costs_a_window_and_not_a_day(db: &Db) {
    let store = &db.store;
    let place = store
        .take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, moment(0)))
        .await
        .unwrap()
        .place
        .unwrap();
    store.place_answered(place, moment(100)).await.unwrap();
    let back = -86_400_000;
    let full =
        store.take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, moment(back))).await.unwrap();
    assert_eq!((full.place, full.taken[0].answered), (None, Some(moment(back))));
    assert!(
        store
            .take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, moment(back + 60_000)))
            .await
            .unwrap()
            .place
            .is_none()
    );
    assert!(
        store
            .take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, moment(back + 60_001)))
            .await
            .unwrap()
            .place
            .is_some()
    );
}

pub async fn places_follow_the_machine_and_not_its_wall_clock(db: &Db) {
    let store = &db.store;
    let boot = Uuid::from_u128(9);
    let at = |wall, ms| Moment { uptime: Some(Uptime { boot, ms }), ..moment(wall) };
    let place = store
        .take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, at(0, 5_000)))
        .await
        .unwrap()
        .place
        .unwrap();
    store.place_answered(place, at(3_600_000, 5_200)).await.unwrap();
    let places = store.places().await.unwrap().places;
    assert_eq!((places[0].started, places[0].answered), (at(0, 5_000), Some(at(3_600_000, 5_200))));
    // A day ahead by the wall clock, half a minute by the machine's.
    assert_eq!(
        store
            .take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, at(86_400_000, 35_000)))
            .await
            .unwrap()
            .place,
        None
    );
    assert!(
        store
            .take_place(PlaceRequest::new(barkeep::market::Source::Massive, 1, TIMEOUT, at(-86_400_000, 65_201)))
            .await
            .unwrap()
            .place
            .is_some()
    );
}

pub async fn places_are_shared_by_all_handles(db: &Db) {
    let other = db.another_handle().await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = if n % 2 == 0 { db.store.clone() } else { other.clone() };
        all.spawn(async move {
            store.take_place(PlaceRequest::new(barkeep::market::Source::Massive, 7, TIMEOUT, moment(n))).await.unwrap()
        });
    }
    let grants = all.join_all().await;
    assert_eq!(grants.iter().filter(|grant| grant.place.is_some()).count(), 7);
    assert_eq!(db.count("rate_limit_state").await, 7);
    other.close().await;
}

/// A process that waits with something more urgent has the next places, and one that died keeps nobody waiting for long.
pub async fn the_more_urgent_process_has_the_next_place(db: &Db) {
    let store = &db.store;
    let ask = async |process, rank, requests, wanted, now| {
        let waiting = Some(Waiting { process: Uuid::from_u128(process), rank: Rank(rank), requests });
        let request = PlaceRequest::new(barkeep::market::Source::Massive, 2, TIMEOUT, moment(now));
        store.take_place(PlaceRequest { waiting, wanted, ..request }).await.unwrap()
    };
    let (low, urgent) = (1, 2);
    let seconds = |grant: &Grant| grant.ask_again_in.as_millis();
    for _ in 0..2 {
        let place = ask(low, 8, 1, Wanted::Place, 0).await.place.unwrap();
        store.place_answered(place, moment(0)).await.unwrap();
    }
    // Three of the low one wait; then one of the urgent comes, and waits for the same moment.
    let full = ask(low, 8, 3, Wanted::Place, 54_000).await;
    assert_eq!((full.place, seconds(&full), full.has_company), (None, 6_001, false));
    let full = ask(urgent, 0, 1, Wanted::Place, 55_000).await;
    assert_eq!((full.place, seconds(&full), full.has_company), (None, 5_001, true));
    // Both places are free. The first is left to the urgent one, the second is anybody's.
    let second = ask(low, 8, 3, Wanted::Place, 60_001).await;
    assert_eq!((second.place.is_some(), second.has_company), (true, true));
    let refused = ask(low, 8, 2, Wanted::Place, 60_002).await;
    // Until the urgent one has looked again, two seconds after it meant to.
    assert_eq!((refused.place, seconds(&refused)), (None, 2_000));
    assert!(ask(urgent, 0, 1, Wanted::Place, 60_003).await.place.is_some());
    assert!(!ask(low, 8, 1, Wanted::Line, 60_004).await.has_company, "it waits for nothing any more");

    // What only joins takes nothing, though there were room.
    let joined = ask(urgent, 0, 5, Wanted::Line, 160_000).await;
    assert_eq!((joined.place, seconds(&joined)), (None, 0));
    assert_eq!(ask(low, 8, 1, Wanted::Place, 160_001).await.place, None);
    // It died.
    assert!(ask(low, 8, 1, Wanted::Place, 162_001).await.place.is_some());
    // Nor does one that a clock recorded which was set back since.
    ask(urgent, 0, 5, Wanted::Line, 400_000).await;
    assert!(ask(low, 8, 1, Wanted::Place, 300_000).await.place.is_some());
    // Who does not take part in the line is not held up by it.
    ask(urgent, 0, 5, Wanted::Line, 400_000).await;
    let outside = PlaceRequest::new(barkeep::market::Source::Massive, 2, TIMEOUT, moment(400_000));
    assert!(store.take_place(outside).await.unwrap().place.is_some());
}

/// After a 429 nobody asks for a while, and everybody goes on at the lower rate.
pub async fn a_429_is_told_to_all_processes(db: &Db) {
    let store = &db.store;
    let ask = async |wanted, now| {
        let request = PlaceRequest::new(barkeep::market::Source::Massive, 9, TIMEOUT, moment(now));
        store.take_place(PlaceRequest { wanted, ..request }).await.unwrap()
    };
    let told = |seconds| Wanted::Report(Duration::from_secs(seconds), 0.5);
    assert_eq!(ask(Wanted::Place, 0).await.refusal, None);
    let first = Refusal { at: Ts(T0 + 1_000), until: Ts(T0 + 31_000), share: 0.5 };
    let grant = ask(told(30), 1_000).await;
    assert_eq!((grant.place, grant.refusal), (None, Some(first)));
    let grant = ask(Wanted::Place, 2_000).await;
    assert_eq!((grant.place, grant.ask_again_in.as_secs(), grant.refusal), (None, 29, Some(first)));
    assert_eq!(grant.paused_for.as_secs(), 29);
    // The longer of two pauses holds.
    let second = Refusal { at: Ts(T0 + 3_000), ..first };
    assert_eq!(ask(told(5), 3_000).await.refusal, Some(second));
    assert_eq!(ask(Wanted::Place, 30_999).await.place, None);
    let grant = ask(Wanted::Place, 31_000).await;
    assert_eq!((grant.place.is_some(), grant.refusal), (true, Some(second)));
    assert_eq!(ask(Wanted::Place, 91_000).await.refusal, None, "a window after the pause it is history");
    // Another vendor has nothing to do with it.
    let other = PlaceRequest::new(barkeep::market::Source::Coinbase, 9, TIMEOUT, moment(4_000));
    assert_eq!(store.take_place(other).await.unwrap().refusal, None);
    // Nor has one that a clock recorded which was set back since.
    ask(told(30), 400_000).await;
    assert!(ask(Wanted::Place, 300_000).await.place.is_some());
}

pub async fn plans_are_kept_a_week(db: &Db) {
    const DAY: i64 = 86_400_000;
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    db.store.put_plan(a, Ts(T0), "{\"a\":1}").await.unwrap();
    db.store.put_plan(b, Ts(T0 + 7 * DAY), "{}").await.unwrap();
    assert_eq!(db.store.plan_ids().await.unwrap(), [b, a], "newest first");
    assert_eq!(db.store.plan(a).await.unwrap().as_deref(), Some("{\"a\":1}"));
    db.store.put_plan(b, Ts(T0 + 7 * DAY + 1), "{\"b\":2}").await.unwrap();
    assert_eq!(db.store.plan(a).await.unwrap(), None);
    assert_eq!(db.store.plan(b).await.unwrap().as_deref(), Some("{\"b\":2}"));
}

/// Every handle of a closed store answers that it is gone, so that nobody waits and nothing is written behind its back.
pub async fn a_closed_store_says_so(db: &Db) {
    let id = one_series(db).await;
    let store = &db.store;
    store.close().await;
    let answers = [
        store.ping().await,
        store.put_symbols(&[]).await,
        store.take_place(PlaceRequest::new(barkeep::market::Source::Massive, 5, TIMEOUT, moment(0))).await.map(drop),
        store.commit_page(page(write(id, vec![bar(0, 1.0)]))).await.map(drop),
        store.series().await.map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(StoreError::Unreachable(_))), "{answer:?}");
    }
    // Once more changes nothing.
    store.close().await;
}
