//! Failures, deeds of operators, log lines.

use crate::support::rows;
use barkeep::market::Timeframe;
use barkeep::market::ts::{HOUR, MINUTE, SECOND};
use barkeep::runtime::console::{FeatureFailureRow, Level, LogLine, OperatorActionRow, SeriesRunState, SeriesStatus};
use barkeep::store::{FeatureFailure, OperatorAction};
use uuid::Uuid;

use super::work::status;
use super::{STANDARD, TIMEFRAMES, id, now};

pub fn feature_failures() -> Vec<FeatureFailureRow> {
    let row = |id, symbol: &str, timeframe, message: &str, retries, resolved: bool| FeatureFailureRow {
        id,
        failure: FeatureFailure {
            symbol: symbol.parse().unwrap(),
            timeframe,
            error_message: message.into(),
            execution_id: Some(id_of(3)),
            failed_at: now() - 80 * MINUTE,
        },
        retry_count: retries,
        resolved,
        resolved_at: resolved.then(|| now() - 20 * MINUTE),
    };
    vec![
        row(4, "ADA", Timeframe::M5, "a rolling sum overflowed at 2026-11-02T10:00:00Z", 3, false),
        row(3, "XRP", Timeframe::H1, "a rolling sum overflowed at 2026-10-30T00:00:00Z", 0, false),
        row(2, "SPY", Timeframe::D1, "a split changed while features were computed", 1, true),
    ]
}

pub fn id_of(n: u128) -> Uuid {
    id(n)
}

pub fn actions() -> Vec<OperatorActionRow> {
    let row = |id, ago: i64, actor: &str, action: &str, target: Option<&str>, result: &str| OperatorActionRow {
        id,
        action: OperatorAction {
            actor: actor.into(),
            result: result.into(),
            ..rows::operator_action(action, target, now() - ago)
        },
    };
    vec![
        row(9, 12 * MINUTE, "tui:ana", "trigger", None, "ok"),
        row(8, 3 * HOUR, "tui:ana", "cancel", Some("execution"), "ok"),
        row(7, 3 * HOUR + MINUTE, "api:grafana", "pause", Some("engine"), "refused: the key may only read"),
        row(6, 26 * HOUR, "cli:ben", "pause", Some("SOL"), "ok"),
    ]
}

pub fn notices() -> Vec<LogLine> {
    // As the engine writes them: message and fields.
    let lines = [
        (420, Level::Info, "api", "API listening  addr=127.0.0.1:8000"),
        (400, Level::Debug, "service::preview", "preview  by=tui:ana  requests=44"),
        (300, Level::Info, "service::commands", "command  by=tui:ana  action=trigger  result=started 7f3a91ce"),
        (
            210,
            Level::Info,
            "pipeline::fetch::grouped",
            "the grouped answer is unusable; requesting symbol by symbol  date=2026-11-17  error=the answer is too long",
        ),
        (200, Level::Info, "pipeline::ingest::commit_queue", "BTC 5m: 29,804 bars written, 12 of them revised"),
        (190, Level::Info, "vendor::dispatch", "META: the vendor failed (503): Internal error; try 2 of 5 in 1.4 s"),
        (
            180,
            Level::Info,
            "service::executions",
            "execution ended  execution=7f3a91ce-0001-4000-8000-000000000001  status=completed  requests=5  written=312  \
             gaps_left=0",
        ),
        (
            90,
            Level::Warn,
            "pipeline::backfill::modes",
            "ETH 5m failed: a bar at 2026-11-18T16:00:00Z lies outside the requested range; the gap stays open and is \
             requested again later",
        ),
        (
            60,
            Level::Warn,
            "pipeline::features::report",
            "features could not be computed; the next run tries again  symbol=ADA  timeframe=5m  why=a rolling sum \
             overflowed at 2026-11-02T10:00:00Z",
        ),
        (
            3,
            Level::Warn,
            "pipeline::backfill::modes",
            "META 5m failed: the vendor failed (503); the gap stays open and is requested again later",
        ),
    ];
    lines
        .into_iter()
        .enumerate()
        .map(|(k, (ago, level, source, text))| LogLine {
            seq: k as u64 + 1,
            at: now() - ago * SECOND,
            level,
            source: source.into(),
            text: text.into(),
        })
        .collect()
}

pub fn execution_series() -> Vec<SeriesStatus> {
    let mut rows: Vec<SeriesStatus> = STANDARD
        .iter()
        .flat_map(|symbol| {
            TIMEFRAMES.iter().map(|tf| status(symbol, *tf, 3, SeriesRunState::Completed, 80 * MINUTE, None))
        })
        .collect();
    for row in &mut rows {
        if row.symbol.as_str() == "META" && row.timeframe < Timeframe::H1 {
            *row = status(
                "META",
                row.timeframe,
                3,
                SeriesRunState::Failed,
                81 * MINUTE,
                Some("1 gap left: transient: the vendor failed (503)"),
            );
        }
    }
    rows
}
