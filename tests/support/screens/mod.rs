//! A dashboard in the middle of a believable day, for the tests and benchmarks of the screens: a Wednesday morning of
//! trading, a run under way, a few things wrong. Nothing here is read from a clock or from chance.

mod coverage;
mod day;
mod details;
mod events;
mod work;

pub use coverage::{coverage_row, session};
pub use day::{at_rest, big, empty, failed, paused, running, series_view};
pub use details::{detail, quarantine, requests};
pub use events::{actions, execution_series, feature_failures, notices};
pub use work::{alerts, executions, failing, live, status};

pub use barkeep::market::testing::at;
use std::sync::Arc;
use std::time::Duration;

use barkeep::market::ts::SECOND;
use barkeep::market::{AssetClass, Timeframe, Ts};
use barkeep::monitor::snapshot::Snapshot;
use barkeep::runtime::console::{
    Access, ConsoleRequest, ConsoleResponse, CoverageRow, ExecutionDetail, Link, SeriesName,
};
use barkeep::tui::draw::theme::{ColorDepth, ThemeKind};
use barkeep::tui::keymap::Keymap;
use barkeep::tui::model::answers::{ACTIONS, ALERTS, FAILURES, HISTORY, QUARANTINE, REQUESTS};
use barkeep::tui::model::{DisplayOptions, Model, Now};
use ratatui::layout::Size;
use uuid::Uuid;

pub const CRITICAL: [&str; 4] = ["SPY", "QQQ", "BTC", "ETH"];
pub const STANDARD: [&str; 10] = ["AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "NFLX", "AVGO", "ASML"];
pub const LOW: [&str; 11] = ["BRK.B", "JPM", "V", "WMT", "JNJ", "XRP", "SOL", "ADA", "DIA", "IWM", "EEM"];
pub const TIMEFRAMES: [Timeframe; 5] = [Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];

/// Wednesday, an hour after the opening.
pub fn now() -> Ts {
    at("2026-11-18T15:22:14Z")
}

pub fn name(symbol: &str, timeframe: Timeframe) -> SeriesName {
    (symbol.parse().unwrap(), timeframe)
}

pub fn class(symbol: &str) -> AssetClass {
    match symbol {
        "BTC" | "ETH" | "XRP" | "SOL" | "ADA" => AssetClass::Crypto,
        "SPY" | "QQQ" | "DIA" | "IWM" | "EEM" => AssetClass::Etf,
        _ => AssetClass::Stock,
    }
}

pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x7f3a_91ce_0000_4000_8000_0000_0000_0000 + (n << 96) * 0x1d3 + n)
}

/// The dashboard with a snapshot and no answers yet.
pub fn opened(snap: Snapshot, width: u16, height: u16) -> Model {
    let display = DisplayOptions { theme: ThemeKind::Dark, depth: ColorDepth::Rgb, ascii: false, mouse: false };
    let time = Now { wall: now(), since_start: Duration::from_mins(1) };
    let size = Size::new(width, height);
    let mut model = Model::new(Arc::new(snap), Link::Embedded, Access::Operate, display, size, time);
    model.keymap = Arc::new(Keymap::new(&[]).unwrap());
    model
}

/// Puts an answer where a question would have brought it.
pub fn answer(model: &mut Model, question: &ConsoleRequest, reply: ConsoleResponse) {
    let entry = model.answers.entry_mut(question).unwrap();
    entry.response = Some(Arc::new(reply));
    entry.answered_at = Some(now() - SECOND);
}

/// The dashboard with an answer to every question.
pub fn answered(snap: Snapshot, width: u16, height: u16) -> Model {
    let mut model = opened(snap, width, height);
    let names: Vec<SeriesName> = model.snap.data.series.iter().map(|s| (s.symbol.clone(), s.timeframe)).collect();
    let today = now().utc_date();
    for (days, wide) in [(49, false), (371, true)] {
        let from = today - chrono::Days::new(days - 1);
        let rows: Vec<CoverageRow> =
            names.iter().map(|(symbol, tf)| coverage_row(symbol.as_str(), *tf, from, today)).collect();
        let cache = if wide { &mut model.answers.coverage } else { &mut model.answers.strips };
        cache.insert((from, today), &names, &rows, (now(), Duration::ZERO));
    }
    let history = executions();
    let opened = ExecutionDetail { execution: history[3].clone(), series: execution_series() };
    answer(
        &mut model,
        &ConsoleRequest::Execution { id: history[3].execution_id },
        ConsoleResponse::Execution(Box::new(opened)),
    );
    let running = ExecutionDetail { execution: history[0].clone(), series: execution_series() };
    answer(
        &mut model,
        &ConsoleRequest::Execution { id: history[0].execution_id },
        ConsoleResponse::Execution(Box::new(running)),
    );
    answer(&mut model, &HISTORY, ConsoleResponse::History(history));
    answer(&mut model, &REQUESTS, ConsoleResponse::Requests(requests()));
    answer(&mut model, &QUARANTINE, ConsoleResponse::Quarantine(quarantine()));
    answer(&mut model, &FAILURES, ConsoleResponse::Failures { series: failing(), features: feature_failures() });
    answer(&mut model, &ALERTS, ConsoleResponse::Alerts(alerts()));
    answer(&mut model, &ACTIONS, ConsoleResponse::Actions(actions()));
    for (symbol, timeframe) in [("META", Timeframe::M5), ("AAPL", Timeframe::M5)] {
        let question = ConsoleRequest::Detail { symbol: symbol.parse().unwrap(), timeframe };
        answer(&mut model, &question, ConsoleResponse::Detail(Box::new(detail(symbol, timeframe))));
        let question = ConsoleRequest::Session { symbol: symbol.parse().unwrap(), timeframe, date: today };
        answer(&mut model, &question, ConsoleResponse::Session(session(symbol, timeframe, today)));
    }
    for notice in notices() {
        model.log.add(Arc::new(notice));
    }
    model
}
