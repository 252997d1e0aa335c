//! What the engine did and does: executions, alerts, the run under way, the limit.

use std::time::Duration;

use barkeep::config::policy::Severity;
use barkeep::market::ts::{HOUR, MINUTE, SECOND};
use barkeep::market::{Criticality, Symbol, Timeframe};
use barkeep::pipeline::events::ItemInfo;
use barkeep::plan::budget::{Breach, Budget, Purchase, Tightest};
use barkeep::runtime::console::{
    AlertRow, Execution, ExecutionStatus, OpenAlertCount, SeriesRunState, SeriesStatus, Trigger,
};
use barkeep::service::activity::ActivityView;
use barkeep::service::handle::{EngineState, Live, Process, Tick};
use barkeep::service::progress::{ItemState, ItemView, RunView};
use barkeep::store::ExecutionRow;
use barkeep::vendor::limit::{HeldPlace, LimitSnapshot};

use super::{at, class, id, now};
use crate::support::rows;

pub fn execution(n: u128, trigger: Trigger, started: i64, status: ExecutionStatus, good: i64, total: i64) -> Execution {
    let started_at = now() - started;
    let done = status != ExecutionStatus::Running;
    let took = 100_000 + (n as i64 * 71_000) % 700_000;
    let row = ExecutionRow {
        trigger,
        started_at,
        completed_at: done.then(|| started_at + took),
        duration_seconds: done.then_some(took as f64 / 1_000.0),
        total_symbols: total,
        successful_symbols: good,
        failed_symbols: if done { total - good } else { 1 },
        total_records_processed: good * 3_211,
        requests: 4 + good / 3,
        rate_limited: i64::from(n == 3) * 2,
        retries: i64::from(n.is_multiple_of(3)) * 3,
        error_message: match status {
            ExecutionStatus::Failed => Some("the vendor refused the key (401): Unknown API Key".into()),
            ExecutionStatus::CompletedWithErrors => Some("META: the vendor failed (503)".into()),
            _ => None,
        },
        ..rows::execution(id(n), status)
    };
    // The row names a process that does not exist.
    Execution::new(row, false)
}

pub fn executions() -> Vec<Execution> {
    use ExecutionStatus as S;
    vec![
        execution(0, Trigger::Schedule, 9 * MINUTE, S::Running, 9, 25),
        execution(1, Trigger::Schedule, 24 * MINUTE, S::Completed, 4, 4),
        execution(2, Trigger::Schedule, 39 * MINUTE, S::Completed, 4, 4),
        execution(3, Trigger::Schedule, 82 * MINUTE, S::CompletedWithErrors, 12, 14),
        execution(4, Trigger::Manual, 3 * HOUR, S::Cancelled, 3, 25),
        execution(5, Trigger::Api, 4 * HOUR, S::Completed, 1, 1),
        execution(6, Trigger::CatchUp, 6 * HOUR, S::Interrupted, 8, 25),
        execution(7, Trigger::Cli, 7 * HOUR, S::Failed, 0, 25),
        execution(8, Trigger::Schedule, 13 * HOUR + 22 * MINUTE, S::Completed, 25, 25),
        execution(9, Trigger::Schedule, 37 * HOUR + 22 * MINUTE, S::Completed, 25, 25),
    ]
}

/// What the store would count of them.
pub fn open_counts(alerts: &[AlertRow]) -> Vec<OpenAlertCount> {
    let open = alerts.iter().filter(|alert| alert.resolved_at.is_none());
    open.map(|a| OpenAlertCount { kind: a.kind.clone(), severity: a.severity, open: 1 }).collect()
}

pub fn alerts() -> Vec<AlertRow> {
    let alert = |id, kind: &str, severity, message: &str, raised: i64, lasted: Option<i64>| AlertRow {
        id,
        kind: kind.into(),
        severity,
        subject: None,
        message: message.into(),
        raised_at: now() - raised,
        resolved_at: lasted.map(|l| now() - raised + l),
    };
    vec![
        alert(
            6,
            "features_missing",
            Severity::Warning,
            "features are missing for 14 of 123 series (11.4 %)",
            12 * MINUTE,
            None,
        ),
        alert(
            5,
            "database_lost",
            Severity::Critical,
            "the database has not answered since 2026-11-18T10:22:14Z",
            5 * HOUR,
            Some(62 * SECOND),
        ),
        alert(
            4,
            "vendor_key_refused",
            Severity::Critical,
            "nothing can be fetched: the vendor refused the key (401): Unknown API Key",
            7 * HOUR,
            Some(11 * MINUTE),
        ),
        alert(
            3,
            "stale_features",
            Severity::Warning,
            "67 of 124 series are stale (54.0 %)",
            30 * HOUR,
            Some(47 * MINUTE),
        ),
    ]
}

pub fn status(
    symbol: &str,
    timeframe: Timeframe,
    n: u128,
    state: SeriesRunState,
    ago: i64,
    error: Option<&str>,
) -> SeriesStatus {
    let failed = state == SeriesRunState::Failed;
    SeriesStatus {
        asset_class: class(symbol),
        records_processed: if failed { 0 } else { 1_204 },
        records_inserted: if failed { 0 } else { 78 },
        features_computed: if failed { 0 } else { 98 },
        error_message: error.map(str::to_owned),
        started_at: Some(now() - ago),
        completed_at: matches!(state, SeriesRunState::Failed | SeriesRunState::Completed)
            .then(|| now() - ago + 42 * SECOND),
        duration_seconds: Some(42.0),
        ..rows::series_status(id(n), symbol, timeframe, state)
    }
}

pub fn failing() -> Vec<SeriesStatus> {
    let busy = Some("1 gap left: transient: the vendor failed (503)");
    vec![
        status("META", Timeframe::M5, 3, SeriesRunState::Failed, 81 * MINUTE, busy),
        status("META", Timeframe::M15, 3, SeriesRunState::Failed, 81 * MINUTE, busy),
        status(
            "ETH",
            Timeframe::H1,
            3,
            SeriesRunState::Failed,
            80 * MINUTE,
            Some("1 gap left: malformed: a bar at 2026-11-18T16:00:00Z lies outside the requested range"),
        ),
    ]
}

#[allow(clippy::too_many_arguments, reason = "a line of a table")]
pub fn item(
    number: u64,
    label: &str,
    tf: Timeframe,
    derives: &[Timeframe],
    c: Criticality,
    state: ItemState,
    done: f64,
    rows: u64,
) -> ItemView {
    let symbol: Option<Symbol> = (label != "market").then(|| label.parse().unwrap());
    let info = ItemInfo {
        ticker: symbol.as_ref().map(|s| rows::ticker(s, class(label))),
        symbol,
        timeframe: Some(tf),
        derives: derives.to_vec(),
        criticality: c,
        pages: 5,
    };
    ItemView {
        number,
        label: format!("{label} {tf}"),
        info,
        state,
        pages_fetched: (done * 5.0) as u64,
        pages_left: 5 - (done * 5.0) as u64,
        pages_done: (done * 5.0) as u64,
        rows,
        written: rows,
        done,
    }
}

pub fn run() -> RunView {
    use Timeframe::{D1, H1, H4, M5, M15};
    let coarser = [M15, H1, H4];
    let wait = |why: &str, after: Option<i64>, retry| ItemState::Waiting {
        why: why.into(),
        until: after.map(|a| now() + a),
        retry,
    };
    let items = vec![
        item(14, "AAPL", M5, &coarser, Criticality::Standard, ItemState::Fetching { attempt: 1 }, 0.78, 12_480),
        item(15, "TSLA", M5, &coarser, Criticality::Standard, ItemState::Storing, 0.61, 30_006),
        item(
            16,
            "META",
            M5,
            &coarser,
            Criticality::Standard,
            wait("the vendor failed (503)", Some(4 * SECOND), Some(2)),
            0.16,
            2_010,
        ),
        item(17, "market", D1, &[], Criticality::Standard, wait("rate limit", Some(11 * SECOND), None), 0.0, 0),
        item(18, "NVDA", M5, &coarser, Criticality::Standard, wait("its turn", None, None), 0.0, 0),
        item(13, "BTC", M5, &coarser, Criticality::Critical, ItemState::Verified, 1.0, 29_804),
        item(12, "SPY", M5, &coarser, Criticality::Critical, ItemState::Verified, 1.0, 1_204),
        item(
            11,
            "ETH",
            H1,
            &[H4],
            Criticality::Critical,
            ItemState::Failed {
                reason: "malformed: a bar at 2026-11-18T16:00:00Z lies outside the requested range".into(),
            },
            0.4,
            600,
        ),
        item(10, "QQQ", M5, &coarser, Criticality::Critical, ItemState::Verified, 1.0, 1_204),
    ];
    RunView {
        execution_id: id(0),
        trigger: Trigger::Schedule,
        mode: "pipeline".into(),
        started_at: now() - 9 * MINUTE,
        queued: None,
        requests_planned: 44,
        requests_answered: 31,
        requests_left: 13,
        lower_bound: 44,
        not_before: Some(now() + 156 * SECOND),
        rows: 412_180,
        written: 398_412,
        items_planned: 25,
        items_done: 9,
        items_failed: 1,
        series_failed: 2,
        items,
    }
}

pub fn pulse() -> ActivityView {
    ActivityView {
        until: now(),
        requests_by_minute: vec![
            0, 0, 1, 5, 5, 5, 4, 5, 5, 5, 5, 5, 3, 0, 0, 0, 2, 5, 5, 5, 5, 0, 0, 4, 5, 5, 5, 5, 5, 3,
        ],
        rate_limited_by_minute: vec![0; 30],
        rows_by_second: (0..60)
            .map(|k| {
                if k % 12 < 3 {
                    9_000 + k * 210
                } else if k % 12 == 5 {
                    1_200
                } else {
                    0
                }
            })
            .collect(),
        latency_p50_ms: Some(212),
        latency_p90_ms: Some(640),
        latency_p99_ms: Some(1_104),
        clock_skew_ms: Some(-140),
        all: barkeep::store::RequestTotals::default(),
        requests: 1_204,
        rate_limited: 0,
        retries: 12,
        failures: 3,
        bytes: 412_000_000,
        ended: [(ExecutionStatus::Completed, 17), (ExecutionStatus::Failed, 1)].into(),
    }
}

pub fn beats() -> Vec<Tick> {
    [
        ("critical", "2026-11-18T15:30:00Z"),
        ("standard", "2026-11-18T16:00:00Z"),
        ("low", "2026-11-19T00:00:00Z"),
        ("sweep", "2026-11-19T02:00:00Z"),
    ]
    .map(|(what, t)| Tick { what: what.into(), at: at(t) })
    .to_vec()
}

/// Five places: one request on the wire, one just answered, the next one free in 11 s.
pub fn held() -> Vec<HeldPlace> {
    [(11, false), (23, false), (24, false), (59, false), (60, true)]
        .map(|(s, on_the_wire)| HeldPlace { free_in: Duration::from_secs(s), on_the_wire })
        .to_vec()
}

pub fn live() -> Live {
    Live {
        at: now(),
        state: EngineState::Running,
        reason: None,
        key_refused: None,
        vendor_silent: None,
        write_waits_since: None,
        paused: None,
        runs: vec![run()],
        limit: LimitSnapshot {
            limit: Some(5),
            effective: 5,
            used: 5,
            next_free_in: Duration::from_secs(11),
            frozen_for: None,
            waiting: 2,
            foreign_per_minute: None,
            held: held(),
        },
        in_flight: 3,
        next: beats(),
        pulse: pulse(),
        process: Some(Process {
            pid: 4_711,
            version: "0.1.0".into(),
            started_at: now() - 7 * HOUR,
            executions_begun: 18,
            requests_made: 1_204,
            bars_written: 3_912_004,
            stale_answers: 0,
        }),
        fleet: None,
    }
}

pub fn budget() -> Budget {
    Budget {
        feasible: false,
        requests_short: 2,
        tightest: Some(Tightest { deadline: now() + 20 * MINUTE, due: 102, available: 100 }),
        overdue: 3,
        breaching: 2,
        breaches: vec![
            Breach {
                symbol: "ETH".parse().unwrap(),
                timeframe: Timeframe::H4,
                criticality: Criticality::Critical,
                deadline: now() + 8 * MINUTE,
                served_at: now() + 9 * MINUTE,
            },
            Breach {
                symbol: "NFLX".parse().unwrap(),
                timeframe: Timeframe::D1,
                criticality: Criticality::Standard,
                deadline: now() + 20 * MINUTE,
                served_at: now() + 27 * MINUTE,
            },
        ],
        next: Purchase {
            requests: 60,
            until: Some(now() + 12 * MINUTE),
            critical: 6,
            standard: 21,
            low: 14,
            overdue: 3,
            history_requests: 12,
            staleness_removed_seconds: 412_000,
        },
        deadlines: Vec::new(),
    }
}
