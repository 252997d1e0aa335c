//! Failures, deeds of operators, log lines.

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
            at: now() - ago,
            actor: actor.into(),
            action: action.into(),
            target: target.map(str::to_owned),
            detail: None,
            result: result.into(),
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
    let lines = [
        (420, Level::Info, "barkeep::service", "serving 25 symbols, 125 series"),
        (400, Level::Debug, "vendor::limit", "the journal agrees: 3 starts in the last 60 s"),
        (
            300,
            Level::Info,
            "barkeep::pipeline::backfill",
            "run 7f3a91ce (schedule): 25 items, 44 requests, lower bound 44",
        ),
        (210, Level::Warn, "vendor::dispatch", "META: 503 Service Unavailable, retry 1/5 in 1.4 s"),
        (180, Level::Info, "barkeep::pipeline::ingest", "BTC 5m: 29,804 bars, 12 revised"),
        (
            90,
            Level::Error,
            "barkeep::pipeline::fetch",
            "ETH 1h: rows outside the requested range; the page was not stored",
        ),
        (60, Level::Info, "barkeep::pipeline::features", "SPY 5m: 98 rows of features written"),
        (3, Level::Warn, "vendor::dispatch", "META: 503 Service Unavailable, retry 2/5 in 4.0 s"),
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
                Some("503 Service Unavailable after 5 attempts"),
            );
        }
    }
    rows
}
