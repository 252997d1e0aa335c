//! Looking after a database: old rows go, what does not hold is found and mended.

use crate::support::rows;
use barkeep::market::Timeframe;
use barkeep::market::Ts;
use barkeep::market::ts::DAY;
use barkeep::store::upkeep::{Invariant, Upkeep};
use barkeep::store::{
    Coverage, CoverageState, Dialect, ExecutionStatus, Log, RequestFilter, RequestRow, SeriesRunState, SeriesWrite,
    Starting, open,
};

use crate::database::Db;
use crate::sample::{T0, bar, commit, execution, one_series, request, span, status, sym, symbol_row};

/// What totals counted stays counted, however many pieces it takes.
pub async fn old_rows_go_and_totals_stay(db: &Db) {
    let store = &db.store;
    let later = Ts(T0 + 100 * DAY);
    for n in 0..5 {
        let row = RequestRow { started_at: Ts(T0 + n), ..request(1 + n as u32 % 2, Some(429), "rate_limited") };
        store.record_request(&row).await.unwrap();
        store.record_request(&RequestRow { started_at: Ts(T0 + n), ..request(1, Some(200), "ok") }).await.unwrap();
    }
    store.record_request(&RequestRow { started_at: later, ..request(1, Some(200), "ok") }).await.unwrap();
    let (totals, wasted) = (store.request_totals().await.unwrap(), store.wasted().await.unwrap());
    let pieces = async |log| {
        let mut all = Vec::new();
        loop {
            match store.prune(log, Ts(T0 + DAY), 4).await.unwrap() {
                0 => return all,
                rows => all.push(rows),
            }
        }
    };
    assert_eq!(pieces(Log::Requests).await, [4, 4, 2]);
    assert_eq!(store.requests(&RequestFilter::default(), 99).await.unwrap().len(), 1);
    assert_eq!(store.request_totals().await.unwrap(), totals);
    assert_eq!(store.wasted().await.unwrap(), wasted);

    // The last good one, what still runs or is to be taken up again, and the newest stay.
    for (id, state) in [
        (1, ExecutionStatus::Failed),
        (2, ExecutionStatus::Completed),
        (3, ExecutionStatus::Completed),
        (4, ExecutionStatus::Running),
        (5, ExecutionStatus::Interrupted),
        (6, ExecutionStatus::Failed),
    ] {
        let mut row = execution(id, T0 + id as i64, state);
        row.completed_at = (state == ExecutionStatus::Completed).then_some(Ts(T0 + id as i64));
        store.put_execution(&row).await.unwrap();
        let all = Timeframe::ALL.map(|tf| status(id, "AAPL", tf, SeriesRunState::Completed));
        store.put_series_statuses(all.to_vec()).await.unwrap();
    }
    pieces(Log::Executions).await;
    let mut left: Vec<u128> = store.executions(9).await.unwrap().iter().map(|row| row.execution_id.as_u128()).collect();
    left.sort_unstable();
    assert_eq!(left, [3, 4, 5, 6]);
    assert_eq!(db.count("symbol_computation_status").await, 8, "of the one that runs");

    let act = |at: i64, target: &str| rows::operator_action("pause", Some(target), Ts(T0 + at));
    for action in [act(1, "A"), act(2, "A"), act(3, "B"), act(200 * DAY, "C")] {
        store.record_action(&action).await.unwrap();
    }
    pieces(Log::Audit).await;
    assert_eq!(store.operator_actions(None, 9).await.unwrap().len(), 3, "who paused what is paused stays known");

    let alert = |subject: &str| rows::new_alert("stale", Some(subject), Ts(T0));
    for subject in ["open", "resolved", "lately"] {
        store.raise_alert(&alert(subject)).await.unwrap();
    }
    store.resolve_alert("stale", Some("resolved"), Ts(T0 + 1)).await.unwrap();
    store.resolve_alert("stale", Some("lately"), later).await.unwrap();
    pieces(Log::Alerts).await;
    assert_eq!(store.alerts(false, 9).await.unwrap().len(), 2);
}

async fn invariants(db: &Db) -> Vec<Invariant> {
    let mut upkeep = Upkeep::open(db.url(), false, Starting::default()).await.unwrap();
    assert_eq!(upkeep.damages(true).await.unwrap(), [""; 0]);
    let mut found: Vec<Invariant> =
        upkeep.findings(|_| {}).await.unwrap().into_iter().map(|finding| finding.invariant).collect();
    upkeep.close().await;
    found.sort();
    found.dedup();
    found
}

/// A series that was answered for, beside one without anything.
async fn sound(db: &Db) -> i64 {
    db.store.put_symbols(&[symbol_row("MSFT", &[Timeframe::D1])]).await.unwrap();
    let id = one_series(db).await;
    let id = db.store.series().await.unwrap().iter().find(|row| row.symbol == sym("AAPL")).map_or(id, |row| row.id);
    let covered = Coverage::answered(span(0, 100), CoverageState::Present, None, Ts(T0));
    let bars = (0..50).map(|n| bar(n, 10.5)).collect();
    commit(db, SeriesWrite { bars, coverage: vec![covered], ..SeriesWrite::nothing(id) }).await;
    id.0
}

/// Each thing done by hand is found as what it is, and `repair` leaves nothing that only a vendor could not mend.
pub async fn what_a_hand_breaks_is_found_and_mended(db: &Db) {
    let id = sound(db).await;
    assert_eq!(invariants(db).await, []);
    let raw = async |sql: String| db.raw().await.run(&sql).await.unwrap();
    let at = |ms: i64| match db.dialect().unwrap() {
        Dialect::Sqlite => (T0 + ms).to_string(),
        Dialect::Postgres => format!("to_timestamp({})", (T0 + ms) / 1_000),
    };
    let ts = |n: i64| at(n * 60_000);
    let repair = async || {
        let mut upkeep = Upkeep::open(db.url(), true, Starting::default()).await.unwrap();
        let rows = upkeep.repair().await.unwrap();
        upkeep.close().await;
        rows
    };
    raw(format!("DELETE FROM bars WHERE series_id = {id} AND ts = {}", ts(49))).await;
    assert_eq!(invariants(db).await, [Invariant::Counts]);
    // The store still opens: the bars that are there are true.
    open(db.url(), false).await.unwrap().close().await;
    assert_eq!(repair().await, 1);
    assert_eq!(invariants(db).await, []);
    let row = db.store.series().await.unwrap().into_iter().find(|row| row.id.0 == id).unwrap();
    assert_eq!((row.bar_count, row.last_ts), (49, Some(Ts(T0 + 48 * 60_000))));

    raw(format!("UPDATE bars SET high = low / 2 WHERE series_id = {id} AND ts = {}", ts(7))).await;
    assert_eq!(invariants(db).await, [Invariant::BarsArePossible]);
    repair().await;
    assert_eq!(invariants(db).await, [Invariant::BarsAreCovered], "the next run asks for it again");
    assert_eq!((db.count("bars").await, db.count("bar_revisions").await), (48, 1), "it is kept");

    let provisional = |is: &str| format!("UPDATE bars SET provisional = {is} WHERE series_id = {id}");
    raw(provisional("TRUE")).await;
    assert_eq!(invariants(db).await, [], "bars that are still growing are requested again anyway");
    raw(provisional("FALSE")).await;
    assert_eq!(invariants(db).await, [Invariant::BarsAreCovered]);

    let insert = |from: i64, to: i64| {
        format!(
            "INSERT INTO coverage (series_id, start_ts, end_ts, state, fetched_at) VALUES ({id}, {}, {}, 'present', {})",
            ts(from),
            ts(to),
            ts(0)
        )
    };
    raw(insert(0, 60)).await;
    assert_eq!(invariants(db).await, []);
    raw(insert(30, 70)).await;
    assert_eq!(invariants(db).await, [Invariant::CoverageIsOrdered]);
    repair().await;
    assert_eq!(invariants(db).await, [Invariant::BarsAreCovered]);
    raw(insert(0, 30)).await;
    assert_eq!(invariants(db).await, []);

    raw(format!("UPDATE bars SET ts = {} WHERE series_id = {id} AND ts = {}", at(1_000), ts(0))).await;
    assert_eq!(invariants(db).await, [Invariant::Counts, Invariant::BarsOnGrid]);
    repair().await;
    assert_eq!(db.count("bars").await, 47);
}

/// Growth and sizes are told, and `vacuum` runs beside an open store.
pub async fn sizes_are_told_and_space_is_given_back(db: &Db) {
    sound(db).await;
    let mut upkeep = Upkeep::open(db.url(), true, Starting::default()).await.unwrap();
    let info = barkeep::layout::info(&mut upkeep, Ts(T0 + DAY)).await.unwrap();
    assert_eq!((info.dialect, info.bars_last_day), (db.store.dialect(), 50));
    assert!(info.total_bytes > 50_000, "{info:?}");
    assert_eq!(info.tables.iter().find(|t| t.name == "bars").unwrap().rows, 50);
    let all: i64 = match db.dialect().unwrap() {
        Dialect::Sqlite => db.int("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table'").await,
        Dialect::Postgres => {
            db.int(
                "SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                     AND NOT relispartition",
            )
            .await
        }
    };
    // Places at the vendor, who waits for one, keys, answers to repeated requests, items under way, the months of UTC and a few
    // single rows are not worth a line.
    assert!(all - (info.tables.len() as i64) < 14, "{all} tables");
    upkeep.vacuum().await.unwrap();
    upkeep.close().await;
    assert_eq!(db.store.series().await.unwrap().len(), 2);
}
