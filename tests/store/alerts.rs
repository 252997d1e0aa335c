//! What reports and alerts ask of the store.

use barkeep::market::testing::candle;
use std::sync::Arc;

use barkeep::config::policy::Severity;
use barkeep::market::features::Features;
use barkeep::market::{Bar, Interval, Timeframe, Ts};
use barkeep::store::{
    Coverage, CoverageState, EnginePause, Evidence, ExecutionRow, ExecutionStatus, FeatureFailure, FeatureRow,
    FeatureWrite, NewAlert, OpenAlertCount, OperatorAction, PageCommit, QuarantinedBar, SeriesId, SeriesRunState,
    SeriesStatus, SeriesWrite, Store, StoreError, StoredBar, Verdict, open,
};
use uuid::Uuid;

use crate::database::Db;
use crate::sample::sym;
use crate::support::rows;

const HOUR: i64 = 3_600_000;

/// Two symbols at two timeframes; the ids in order of symbol and timeframe.
async fn seeded(store: &dyn Store) -> Vec<SeriesId> {
    let rows = ["AAA", "BBB"].map(|name| rows::symbol(name, &[Timeframe::M5, Timeframe::D1]));
    store.put_symbols(&rows).await.unwrap();
    store.series().await.unwrap().iter().map(|s| s.id).collect()
}

fn write(series: SeriesId) -> SeriesWrite {
    SeriesWrite::nothing(series)
}

fn bar(ts: i64) -> Bar {
    candle(Ts(ts), [1.0, 2.0, 1.0, 2.0])
}

async fn commit(store: &dyn Store, write: SeriesWrite) {
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
}

fn covered(state: CoverageState, start: i64, end: i64, expires: Option<i64>) -> Coverage {
    let range = Interval::new(Ts(start), Ts(end));
    Coverage { expires_at: expires.map(Ts), ..Coverage::answered(range, state, None, Ts(end)) }
}

pub async fn open_alerts_are_counted_by_kind_and_severity(db: &Db) {
    let store = &db.store;
    assert_eq!(store.open_alert_counts().await.unwrap(), []);
    let alert =
        |kind: &str, severity, subject: &str| NewAlert { severity, ..rows::new_alert(kind, Some(subject), Ts(1)) };
    for subject in 0..30 {
        store.raise_alert(&alert("stale", Severity::Warning, &subject.to_string())).await.unwrap();
    }
    store.raise_alert(&alert("stale", Severity::Critical, "a")).await.unwrap();
    store.raise_alert(&alert("lost", Severity::Info, "a")).await.unwrap();
    store.resolve_alert("stale", Some("7"), Ts(2)).await.unwrap();
    store.resolve_alert("lost", Some("a"), Ts(2)).await.unwrap();
    let count = |severity, open| OpenAlertCount { kind: "stale".into(), severity, open };
    let wanted = [count(Severity::Critical, 1), count(Severity::Warning, 29)];
    assert_eq!(store.open_alert_counts().await.unwrap(), wanted);
}

pub async fn a_pause_of_the_engine_is_kept_until_it_ends(db: &Db) {
    let store = &db.store;
    assert_eq!(store.engine_pause().await.unwrap(), None);
    let pause = |by: &str, reason: Option<&str>| EnginePause {
        by: by.into(),
        since: Ts(1_234_567),
        reason: reason.map(str::to_owned),
    };
    for one in [pause("cli:ana", Some("it's \u{1F525}")), pause("tui:bo", None)] {
        store.set_engine_pause(Some(&one)).await.unwrap();
        assert_eq!(store.engine_pause().await.unwrap(), Some(one));
    }
    store.set_engine_pause(None).await.unwrap();
    assert_eq!(store.engine_pause().await.unwrap(), None);
}

pub async fn alerts_are_raised_once_and_resolved_once(db: &Db) {
    let store = &db.store;
    assert_eq!(store.alerts(false, 9).await.unwrap(), []);
    let alert = |kind: &str, subject: Option<&str>, at: i64| NewAlert {
        message: "it's \"wrong\" \u{1F525}".into(),
        ..rows::new_alert(kind, subject, Ts(at))
    };
    assert!(store.raise_alert(&alert("stale", None, 1)).await.unwrap());
    assert!(!store.raise_alert(&alert("stale", None, 2)).await.unwrap(), "one is open");
    assert!(store.raise_alert(&alert("stale", Some("AAA"), 3)).await.unwrap(), "about something else");
    assert!(store.raise_alert(&alert("lost", None, 4)).await.unwrap());
    assert!(store.resolve_alert("stale", None, Ts(5)).await.unwrap());
    assert!(!store.resolve_alert("stale", None, Ts(6)).await.unwrap(), "none is open");
    assert!(!store.resolve_alert("stale", Some("BBB"), Ts(6)).await.unwrap());
    assert!(store.raise_alert(&alert("stale", None, 7)).await.unwrap(), "it is back");
    let short = |rows: Vec<barkeep::store::AlertRow>| -> Vec<(String, Option<String>, i64, Option<i64>)> {
        let one = |r: barkeep::store::AlertRow| (r.kind, r.subject, r.raised_at.ms(), r.resolved_at.map(Ts::ms));
        rows.into_iter().map(one).collect()
    };
    let row = |kind: &str, subject: Option<&str>, raised, resolved| {
        (kind.to_owned(), subject.map(str::to_owned), raised, resolved)
    };
    let open = [row("stale", None, 7, None), row("lost", None, 4, None), row("stale", Some("AAA"), 3, None)];
    assert_eq!(short(store.alerts(true, 9).await.unwrap()), open);
    let all = short(store.alerts(false, 9).await.unwrap());
    assert_eq!((all.len(), &all[3]), (4, &row("stale", None, 1, Some(5))));
    assert_eq!(store.alerts(false, 2).await.unwrap().len(), 2);
    let first = &store.alerts(false, 9).await.unwrap()[0];
    assert_eq!((first.severity, first.message.as_str()), (Severity::Critical, "it's \"wrong\" \u{1F525}"));
}

pub async fn actions_are_listed_newest_first_and_noted_once(db: &Db) {
    let store = &db.store;
    let act = |at: i64, action: &str, target: Option<&str>| OperatorAction {
        detail: Some("x".repeat(100_000)),
        ..rows::operator_action(action, target, Ts(at))
    };
    let all = [act(1, "pause", Some("AAA")), act(2, "pause", Some("engine")), act(3, "trigger", None)];
    for action in &all {
        store.record_action(action).await.unwrap();
        store.record_action(action).await.unwrap();
    }
    let listed = store.operator_actions(None, 9).await.unwrap();
    let listed: Vec<OperatorAction> = listed.into_iter().map(|row| row.action).collect();
    assert_eq!(listed, [all[2].clone(), all[1].clone(), all[0].clone()]);
    assert_eq!(store.operator_actions(Some("AAA"), 9).await.unwrap().len(), 1);
    assert_eq!(store.operator_actions(Some("BBB"), 9).await.unwrap(), []);
    assert_eq!(store.operator_actions(None, 1).await.unwrap()[0].action.action, "trigger");
}

pub async fn evidence_is_the_newest_answer_of_each_series(db: &Db) {
    use CoverageState::{Empty, NotEntitled, Present};
    let store = &db.store;
    let ids = seeded(store.as_ref()).await;
    assert_eq!(store.evidence(Ts(0)).await.unwrap(), []);
    let rows = [
        (0, covered(Present, 0, 10, None)),
        (0, covered(Empty, 50, 60, Some(70))),
        (0, covered(Present, 20, 30, None)),
        (1, covered(NotEntitled, 80, 120, Some(1_000))),
        (2, covered(Present, 0, 5, None)),
        (2, covered(NotEntitled, 80, 120, Some(90))),
    ];
    for (k, coverage) in rows {
        commit(store.as_ref(), SeriesWrite { coverage: vec![coverage], ..write(ids[k]) }).await;
    }
    let at = |now: i64| {
        let store = Arc::clone(store);
        async move {
            let mut all = store.evidence(Ts(now)).await.unwrap();
            all.sort_by_key(|e| e.series);
            all
        }
    };
    let row = |k: usize, until: Option<i64>, refused: Option<(i64, i64)>| Evidence {
        series: ids[k],
        answered_until: until.map(Ts),
        refused: refused.map(|(a, b)| Interval::new(Ts(a), Ts(b))),
        late_from: None,
    };
    let want = [row(0, Some(60), None), row(1, None, Some((80, 120))), row(2, Some(5), None)];
    assert_eq!(at(100).await, want, "an expired answer stays evidence, an expired refusal does not");
    assert_eq!(at(85).await[2], row(2, Some(5), Some((80, 120))));
    assert_eq!(at(120).await[1], row(1, None, None), "the end is excluded");
}

pub async fn quarantined_times_leave_out_accepted_bars(db: &Db) {
    let store = &db.store;
    let ids = seeded(store.as_ref()).await;
    let bad = |ts: i64| QuarantinedBar { bar: bar(ts), reason: "odd".into(), request_id: None };
    let quarantine = vec![bad(HOUR), bad(3 * HOUR), bad(2 * HOUR)];
    commit(store.as_ref(), SeriesWrite { quarantine, ..write(ids[0]) }).await;
    let times = store.quarantined_since(ids[0], Ts(HOUR + 1)).await.unwrap();
    assert_eq!(times, [Ts(2 * HOUR), Ts(3 * HOUR)]);
    let rows = store.quarantine(true).await.unwrap();
    let of = |ts: i64| rows.iter().find(|r| r.bar.ts == Ts(ts)).unwrap().id;
    let stored = StoredBar { quality_score: 0.5, ..rows::stored(bar(2 * HOUR)) };
    store.decide_quarantine(of(2 * HOUR), Verdict::Accepted, Some(stored), Ts(9)).await.unwrap();
    store.decide_quarantine(of(3 * HOUR), Verdict::Rejected, None, Ts(9)).await.unwrap();
    assert_eq!(store.quarantined_since(ids[0], Ts(0)).await.unwrap(), [Ts(HOUR), Ts(3 * HOUR)]);
    assert_eq!(store.quarantined_since(ids[1], Ts(0)).await.unwrap(), []);
}

fn execution(started: i64, completed: Option<i64>, status: ExecutionStatus, good: i64) -> ExecutionRow {
    ExecutionRow {
        started_at: Ts(started),
        completed_at: completed.map(Ts),
        duration_seconds: completed.map(|c| (c - started) as f64 / 1000.0),
        total_symbols: 2,
        successful_symbols: good,
        failed_symbols: 2 - good,
        ..rows::execution(Uuid::new_v4(), status)
    }
}

fn status(of: &ExecutionRow, symbol: &str, tf: Timeframe, state: SeriesRunState) -> SeriesStatus {
    SeriesStatus {
        records_processed: 1,
        records_inserted: 1,
        error_message: (state == SeriesRunState::Failed).then(|| "e".repeat(200_000)),
        ..rows::series_status(of.execution_id, symbol, tf, state)
    }
}

pub async fn the_newest_finished_status_of_each_series(db: &Db) {
    use ExecutionStatus as E;
    use SeriesRunState::{Completed, Failed, InProgress, Pending};
    use Timeframe::{D1, M5};
    let store = &db.store;
    let runs = [
        execution(100, Some(200), E::Completed, 2),
        execution(300, Some(400), E::CompletedWithErrors, 1),
        execution(500, Some(600), E::Failed, 0),
        execution(700, None, E::Running, 0),
    ];
    for run in &runs {
        store.put_execution(run).await.unwrap();
    }
    let statuses = [
        vec![status(&runs[0], "AAA", M5, Completed), status(&runs[0], "AAA", D1, Failed)],
        vec![status(&runs[1], "AAA", M5, Failed)],
        vec![status(&runs[2], "BBB", D1, Completed)],
        vec![status(&runs[3], "AAA", M5, InProgress), status(&runs[3], "BBB", D1, Pending)],
    ];
    for rows in &statuses {
        store.put_series_statuses(rows.clone()).await.unwrap();
    }
    let newest = store.latest_statuses(Ts(0)).await.unwrap();
    assert_eq!(newest, [statuses[1][0].clone(), statuses[0][1].clone(), statuses[2][0].clone()]);
    let newest = store.latest_statuses(Ts(301)).await.unwrap();
    assert_eq!(newest, [statuses[2][0].clone()], "only runs since then");
    let mine = store.recent_statuses(&sym("AAA"), M5, 2).await.unwrap();
    assert_eq!(mine, [statuses[3][0].clone(), statuses[1][0].clone()], "unfinished ones too, newest first");
    assert_eq!(store.recent_statuses(&sym("AAA"), Timeframe::H1, 9).await.unwrap(), []);

    assert_eq!(store.last_success().await.unwrap(), Some(runs[1].clone()));
    assert_eq!(store.execution(runs[2].execution_id).await.unwrap(), Some(runs[2].clone()));
    assert_eq!(store.execution(Uuid::new_v4()).await.unwrap(), None);
}

pub async fn no_success_yet(db: &Db) {
    let store = &db.store;
    assert_eq!(store.last_success().await.unwrap(), None);
    let rows = [
        execution(1, Some(2), ExecutionStatus::CompletedWithErrors, 0),
        execution(3, Some(4), ExecutionStatus::Cancelled, 2),
        execution(5, Some(6), ExecutionStatus::Interrupted, 2),
        execution(7, None, ExecutionStatus::Running, 2),
    ];
    for row in &rows {
        store.put_execution(row).await.unwrap();
    }
    assert_eq!(store.last_success().await.unwrap(), None, "none of these was one");
}

pub async fn features_that_failed_or_are_absent(db: &Db) {
    let store = &db.store;
    let ids = seeded(store.as_ref()).await;
    let stored = rows::stored(bar(HOUR));
    for k in [0, 1, 2] {
        commit(store.as_ref(), SeriesWrite { bars: vec![stored.clone()], ..write(ids[k]) }).await;
    }
    let failed = |symbol: &str, timeframe| FeatureFailure {
        symbol: sym(symbol),
        timeframe,
        error_message: "no".into(),
        execution_id: None,
        failed_at: Ts(5_000),
    };
    assert_eq!(store.open_feature_failure_count().await.unwrap(), 0);
    for failure in [
        failed("AAA", Timeframe::M5),
        failed("AAA", Timeframe::M5),
        failed("BBB", Timeframe::M5),
        failed("AAA", Timeframe::D1),
    ] {
        store.log_feature_failure(&failure).await.unwrap();
    }
    store.resolve_feature_failures(&sym("BBB"), Timeframe::M5, Ts(6_000)).await.unwrap();
    assert_eq!(store.open_feature_failure_count().await.unwrap(), 2, "by series, and not those resolved");
    let features = FeatureWrite {
        series: ids[1],
        changes: 1,
        replaces: Interval::new(Ts::MIN, Ts::MAX),
        rows: vec![FeatureRow { ts: Ts(HOUR), features: Features::default() }],
        states: Vec::new(),
        spent: None,
        stale_from: None,
        splits: "none".into(),
        computed_at: Ts(HOUR),
    };
    assert_eq!(store.put_features([features].into()).await.unwrap()[0].written, 1);
    let mut without = store.series_without_features().await.unwrap();
    without.sort_unstable();
    assert_eq!(without, [ids[0], ids[2]], "a series without bars lacks none");
}

pub async fn readers_see_alerts_and_raise_none(db: &Db) {
    let alert = rows::new_alert("lost", None, Ts(4));
    assert!(db.store.raise_alert(&alert).await.unwrap());
    let reader = open(db.url(), true).await.unwrap();
    let other = NewAlert { kind: "x".into(), ..alert };
    assert!(matches!(reader.raise_alert(&other).await, Err(StoreError::Refused(_))));
    assert_eq!(reader.alerts(true, 9).await.unwrap().len(), 1);
    reader.close().await;
}
