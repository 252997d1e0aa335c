//! A dashboard in the middle of a believable day, for the tests and benchmarks of the screens: a Wednesday morning of
//! trading, a run under way, a few things wrong. Nothing here is read from a clock or from chance.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use barkeep::config::policy::Severity;
use barkeep::engine::console::{
    Access, AlertRow, Cell, CellState, CoverageRow, Detail, ExecutionDetail, ExecutionRow, ExecutionStatus,
    ExecutionView, FeatureFailureRow, Gap, Level, Link, Notice, OperatorActionRow, QuarantineRow, Question, Reply,
    Request, SeriesName, SeriesState, SeriesStatus, SessionCoverage, Trigger, Verdict,
};
use barkeep::engine::explain::{Blocker, Cause, Explanation, Share, Split};
use barkeep::engine::handle::{Beat, EngineState, Live, Process};
use barkeep::engine::progress::Head;
use barkeep::engine::pulse::PulseView;
use barkeep::engine::snapshot::{
    Data, MarketPhase, MarketView, RpoCount, SeriesView, Snapshot, TierCounts, VendorView,
};
use barkeep::engine::track::{ItemState, ItemView, RunView};
use barkeep::market::features::{Direction, Features, Structure, TrendRegime, VolatilityRegime};
use barkeep::market::freshness::Tier;
use barkeep::market::ts::{DAY, HOUR, MINUTE, SECOND};
use barkeep::market::{AssetClass, Bar, Criticality, Interval, Symbol, Timeframe, Ts};
use barkeep::plan::budget::{Breach, Budget, Purchase, Tightest};
use barkeep::store::{FeatureFailure, FeatureRow, OperatorAction, RequestTotals, SeriesId, SeriesRow, SymbolRow};
use barkeep::tui::answers::{ACTIONS, ALERTS, FAILURES, HISTORY, QUARANTINE, REQUESTS};
use barkeep::tui::model::{Dress, Model, Now};
use barkeep::tui::theme::{ColorDepth, ThemeKind};
use barkeep::vendor::limit::LimitSnapshot;
use chrono::{Datelike, NaiveDate, Weekday};
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

pub fn at(text: &str) -> Ts {
    Ts(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
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

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x7f3a_91ce_0000_4000_8000_0000_0000_0000 + (n << 96) * 0x1d3 + n)
}

fn limits(criticality: Criticality) -> i64 {
    match criticality {
        Criticality::Critical => 3_600,
        Criticality::Standard => 4 * 3_600,
        Criticality::Low => 24 * 3_600,
    }
}

/// How far behind the series of a symbol are, where they are not fresh.
fn behind(symbol: &str, timeframe: Timeframe) -> Option<i64> {
    Some(match (symbol, timeframe) {
        ("META", Timeframe::M5) => 4 * 3_600 + 12 * 60,
        ("META", Timeframe::M15) => 4 * 3_600 + 2 * 60,
        ("ETH", Timeframe::H1) => 7 * 3_600 + 120,
        ("EEM", Timeframe::D1) => 9 * 3_600,
        ("XRP", Timeframe::H1) => 7_200,
        ("XRP" | "SOL" | "ADA", _) => 3_900 + timeframe.width() / 3_600,
        ("IBM" | "V", Timeframe::M5) => 2 * 3_600 + 11 * 60,
        ("ASML", Timeframe::D1 | Timeframe::H4) => return None,
        _ => 120 + (symbol.len() as i64 * 37 + timeframe.width() / 60_000) % 1_700,
    })
}

pub fn series_view(symbol: &str, criticality: Criticality, timeframe: Timeframe) -> SeriesView {
    let staleness_seconds = behind(symbol, timeframe);
    let tier = match staleness_seconds {
        None if timeframe == Timeframe::D1 => Tier::Unknown,
        None => Tier::Missing,
        Some(..3_600) => Tier::Fresh,
        Some(3_600..21_600) => Tier::Aging,
        Some(_) => Tier::Stale,
    };
    let newest = staleness_seconds.map(|s| Ts(now().ms() - s * SECOND - 16 * MINUTE).floor(timeframe.width()));
    let per_day = if class(symbol).is_continuous() { DAY } else { 13 * HOUR };
    let bars = newest.map_or(0, |_| 365 * per_day / timeframe.width().min(DAY) * 9 / 13 - symbol.len() as i64 * 7);
    SeriesView {
        symbol: symbol.parse().unwrap(),
        asset_class: class(symbol),
        criticality,
        timeframe,
        tier,
        staleness_seconds,
        breached: staleness_seconds.is_some_and(|s| s > limits(criticality)),
        tracked: symbol != "JNJ" || timeframe != Timeframe::H4,
        paused: symbol == "SOL",
        bars,
        first_bar: newest.map(|t| t - 365 * DAY),
        newest_bar: newest,
        answered_until: newest.map(|t| t + timeframe.width()),
        checked_at: newest.map(|t| t + timeframe.width() + 20 * MINUTE),
    }
}

fn all_series() -> Vec<SeriesView> {
    let of = |list: &'static [&'static str], criticality: Criticality| {
        list.iter().flat_map(move |s| TIMEFRAMES.into_iter().map(move |tf| series_view(s, criticality, tf)))
    };
    of(&CRITICAL, Criticality::Critical)
        .chain(of(&STANDARD, Criticality::Standard))
        .chain(of(&LOW, Criticality::Low))
        .collect()
}

/// Counts what the series say.
fn counted(series: &[SeriesView]) -> (TierCounts, Vec<RpoCount>) {
    let of = |tier| series.iter().filter(|s| s.tier == tier).count();
    let tiers = TierCounts {
        fresh: of(Tier::Fresh),
        aging: of(Tier::Aging),
        stale: of(Tier::Stale),
        missing: of(Tier::Missing),
        unknown: of(Tier::Unknown),
    };
    let rpo = Criticality::ALL.map(|criticality| {
        let mine = || series.iter().filter(|s| s.criticality == criticality && s.tracked);
        RpoCount {
            criticality,
            acceptable_staleness_seconds: limits(criticality) as u64,
            series: mine().count(),
            breached: mine().filter(|s| s.breached).count(),
            without_data: mine().filter(|s| s.staleness_seconds.is_none()).count(),
        }
    });
    (tiers, rpo.to_vec())
}

fn execution(n: u128, trigger: Trigger, started: i64, status: ExecutionStatus, good: i64, total: i64) -> ExecutionRow {
    let started_at = now() - started;
    let done = status != ExecutionStatus::Running;
    let took = 100_000 + (n as i64 * 71_000) % 700_000;
    ExecutionRow {
        execution_id: id(n),
        trigger,
        mode: "pipeline".into(),
        started_at,
        completed_at: done.then(|| started_at + took),
        duration_seconds: done.then_some(took as f64 / 1_000.0),
        total_symbols: total,
        successful_symbols: good,
        failed_symbols: if done { total - good } else { 1 },
        total_records_processed: good * 3_211,
        requests: 4 + good / 3,
        rate_limited: i64::from(n == 3) * 2,
        retries: i64::from(n % 3 == 0) * 3,
        status,
        error_message: match status {
            ExecutionStatus::Failed => Some("the vendor refused the key (401)".into()),
            ExecutionStatus::CompletedWithErrors => Some("2 series failed: META 5m, META 15m".into()),
            _ => None,
        },
        owner: "host:1:boot".into(),
        selection: None,
    }
}

pub fn executions() -> Vec<ExecutionRow> {
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
            7,
            "failure_rate",
            Severity::Critical,
            "8 % of series failed in the last run: META 5m, META 15m",
            82 * MINUTE,
            None,
        ),
        alert(6, "rpo", Severity::Warning, "META 5m is 12 min past its recovery point of 4 h", 12 * MINUTE, None),
        alert(5, "database", Severity::Critical, "the database did not answer", 5 * HOUR, Some(62 * SECOND)),
        alert(4, "key", Severity::Critical, "the vendor refused the key", 7 * HOUR, Some(11 * MINUTE)),
        alert(3, "stale", Severity::Warning, "54 % of series are stale", 30 * HOUR, Some(47 * MINUTE)),
    ]
}

fn status(
    symbol: &str,
    timeframe: Timeframe,
    n: u128,
    state: SeriesState,
    ago: i64,
    error: Option<&str>,
) -> SeriesStatus {
    let failed = state == SeriesState::Failed;
    SeriesStatus {
        execution_id: id(n),
        symbol: symbol.parse().unwrap(),
        asset_class: class(symbol),
        timeframe,
        status: state,
        records_processed: if failed { 0 } else { 1_204 },
        records_inserted: if failed { 0 } else { 78 },
        features_computed: if failed { 0 } else { 98 },
        error_message: error.map(str::to_owned),
        started_at: Some(now() - ago),
        completed_at: matches!(state, SeriesState::Failed | SeriesState::Completed).then(|| now() - ago + 42 * SECOND),
        duration_seconds: Some(42.0),
    }
}

pub fn failing() -> Vec<SeriesStatus> {
    let busy = Some("503 Service Unavailable after 5 attempts");
    vec![
        status("META", Timeframe::M5, 3, SeriesState::Failed, 81 * MINUTE, busy),
        status("META", Timeframe::M15, 3, SeriesState::Failed, 81 * MINUTE, busy),
        status(
            "ETH",
            Timeframe::H1,
            3,
            SeriesState::Failed,
            80 * MINUTE,
            Some("rows outside the asked range (malformed)"),
        ),
    ]
}

fn item(
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
    let head = Head {
        ticker: symbol.as_ref().map(|s| s.vendor_ticker(class(label))),
        symbol,
        timeframe: Some(tf),
        derives: derives.to_vec(),
        criticality: c,
        pages: 5,
    };
    ItemView {
        number,
        label: format!("{label} {tf}"),
        head,
        state,
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
            wait("503 Service Unavailable", Some(4 * SECOND), Some(2)),
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
            ItemState::Failed { reason: "rows outside the asked range".into() },
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
        requests_planned: 44,
        requests_answered: 31,
        lower_bound: 44,
        not_before: Some(now() + 156 * SECOND),
        rows: 412_180,
        written: 398_412,
        items_planned: 25,
        items_done: 9,
        items_failed: 1,
        items,
    }
}

fn pulse() -> PulseView {
    PulseView {
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
        requests: 1_204,
        rate_limited: 0,
        retries: 12,
        failures: 3,
        bytes: 412_000_000,
    }
}

pub fn beats() -> Vec<Beat> {
    [
        ("critical", "2026-11-18T15:30:00Z"),
        ("standard", "2026-11-18T16:00:00Z"),
        ("low", "2026-11-19T00:00:00Z"),
        ("sweep", "2026-11-19T02:00:00Z"),
    ]
    .map(|(what, t)| Beat { what: what.into(), at: at(t) })
    .to_vec()
}

pub fn live() -> Live {
    Live {
        at: now(),
        state: EngineState::Running,
        reason: None,
        key_refused: None,
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
        }),
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
    }
}

pub fn data(series: Vec<SeriesView>) -> Data {
    let (tiers, rpo) = counted(&series);
    Data {
        generated_at: now(),
        database: "postgres".into(),
        read_ms: 4.2,
        symbols_total: series.len().div_ceil(5),
        series_total: series.len(),
        tiers,
        rpo,
        quarantine_pending: 3,
        feature_failures_open: 2,
        market: MarketView {
            phase: MarketPhase::Open,
            until: Some(at("2026-11-18T21:00:00Z")),
            opens_at: Some(at("2026-11-19T14:30:00Z")),
        },
        vendor: VendorView {
            base_url: "https://api.massive.com/".into(),
            limit_per_minute: Some(5),
            used: 5,
            next_free_at: Some(now() + 11 * SECOND),
            totals: RequestTotals {
                total_requests: 18_204,
                rate_limited_count: 2,
                failures: 31,
                retries: 112,
                bytes: 4_120_000_000,
            },
        },
        budget: Some(budget()),
        executions: executions(),
        alerts: alerts(),
        failing: failing(),
        series,
    }
}

/// A run under way.
pub fn running() -> Snapshot {
    Snapshot { seq: 12, live: Arc::new(live()), data: Arc::new(data(all_series())) }
}

/// All is well and nothing runs.
pub fn at_rest() -> Snapshot {
    let mut series = all_series();
    for row in &mut series {
        (row.tier, row.breached, row.paused) = (Tier::Fresh, false, false);
        row.staleness_seconds = row.staleness_seconds.map(|s| s % 3_000).or(Some(60));
        row.newest_bar = row.newest_bar.or(Some(now() - DAY));
    }
    let mut data = data(series);
    data.failing.clear();
    data.executions.remove(0);
    data.alerts.retain(|a| a.resolved_at.is_some());
    data.budget = Some(Budget { feasible: true, next: Purchase::default(), ..Budget::default() });
    let limit = LimitSnapshot { used: 1, next_free_in: Duration::ZERO, waiting: 0, ..live().limit };
    let live = Live { state: EngineState::Idle, runs: Vec::new(), in_flight: 0, limit, ..live() };
    Snapshot { seq: 13, live: Arc::new(live), data: Arc::new(data) }
}

/// An operator stopped everything.
pub fn paused() -> Snapshot {
    let pause = barkeep::engine::gate::Pause { by: "tui:ana".into(), since: now() - 12 * MINUTE };
    let live = Live { state: EngineState::Paused, runs: Vec::new(), in_flight: 0, paused: Some(pause), ..live() };
    Snapshot { live: Arc::new(live), ..running() }
}

/// The vendor refused the key.
pub fn failed() -> Snapshot {
    let live = Live {
        state: EngineState::Failed,
        runs: Vec::new(),
        in_flight: 0,
        reason: Some("the vendor refused the key; put a valid one into MASSIVE_API_KEY and resume".into()),
        key_refused: Some("Unknown API Key".into()),
        ..live()
    };
    Snapshot { live: Arc::new(live), ..running() }
}

/// A first start: nothing anywhere.
pub fn empty() -> Snapshot {
    let mut data = data(Vec::new());
    data.executions.clear();
    data.alerts.clear();
    data.failing.clear();
    data.budget = None;
    (data.quarantine_pending, data.feature_failures_open) = (0, 0);
    data.vendor.totals = RequestTotals::default();
    let limit = LimitSnapshot { used: 0, next_free_in: Duration::ZERO, waiting: 0, ..live().limit };
    let live = Live {
        state: EngineState::Idle,
        runs: Vec::new(),
        in_flight: 0,
        limit,
        pulse: PulseView { until: now(), ..PulseView::default() },
        ..live()
    };
    Snapshot { seq: 1, live: Arc::new(live), data: Arc::new(data) }
}

/// So many symbols at five timeframes.
pub fn big(symbols: usize) -> Snapshot {
    let patterns = all_series();
    let series = (0..symbols * 5)
        .map(|k| {
            let like = &patterns[(k * 7) % patterns.len()];
            SeriesView {
                symbol: format!("T{:05}", k / 5).parse().unwrap(),
                timeframe: TIMEFRAMES[k % 5],
                ..like.clone()
            }
        })
        .collect();
    Snapshot { seq: 1, live: Arc::new(live()), data: Arc::new(data(series)) }
}

/// Whether a date is a trading day, near enough: no weekends, no Thanksgiving.
fn trades(class: AssetClass, date: NaiveDate) -> bool {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    class.is_continuous()
        || !(weekend || (date.month(), date.day()) == (11, 27) || (date.month(), date.day()) == (12, 25))
}

pub fn coverage_row(symbol: &str, timeframe: Timeframe, from: NaiveDate, to: NaiveDate) -> CoverageRow {
    let class = class(symbol);
    let today = now().utc_date();
    let seed = symbol.bytes().map(u64::from).sum::<u64>() + timeframe as u64 * 3;
    let cells = from
        .iter_days()
        .take_while(|d| *d <= to)
        .map(|date| {
            let day = date.num_days_from_ce() as u64;
            let back = (today - date).num_days();
            let of = |state, eighths| Cell { state, eighths };
            if !trades(class, date) {
                return of(CellState::Closed, 0);
            }
            match (symbol, back) {
                (_, ..0) => of(CellState::Ahead, 0),
                ("META", 0) => of(CellState::Unverified, 0),
                ("META", 1) => of(CellState::Present, 3),
                ("AAPL", 0) => of(CellState::Quarantined, 8),
                ("ASML", _) if timeframe >= Timeframe::H4 => of(CellState::Unverified, 0),
                ("EEM", 150..) => of(CellState::NotEntitled, 0),
                ("IWM", 60..64) => of(CellState::NoTrade, 8),
                (_, 0) => of(CellState::Present, 6),
                _ if (day * 31 + seed).is_multiple_of(97) => of(CellState::Unverified, 0),
                _ if (day * 17 + seed).is_multiple_of(61) => of(CellState::Present, 5),
                _ => of(CellState::Present, 8),
            }
        })
        .collect();
    CoverageRow { symbol: symbol.parse().unwrap(), timeframe, cells }
}

/// Prices that walk without chance.
pub fn bars(timeframe: Timeframe, count: i64) -> Vec<Bar> {
    let end = now().floor(timeframe.width());
    let mut close = 181.0_f64;
    (0..count)
        .map(|k| {
            let t = k as f64;
            let step = (t * 0.37).sin() * 0.42 + (t * 0.11).cos() * 0.31 + (t * 1.7).sin() * 0.22;
            let open = close;
            close = open + step;
            let reach = 0.15 + (t * 0.9).sin().abs() * 0.5;
            Bar {
                ts: end - (count - 1 - k) * timeframe.width(),
                open,
                high: open.max(close) + reach,
                low: open.min(close) - reach * 0.8,
                close,
                volume: 20_000.0 + ((t * 0.21).sin() + 1.2) * 41_000.0 + if k % 31 == 0 { 90_000.0 } else { 0.0 },
                vwap: Some((open + close) / 2.0),
                trades: Some(412),
            }
        })
        .collect()
}

fn request(symbol: &str, ago: i64, latency: i64, status: u16, attempt: u32, rows: i64) -> Request {
    let ok = status == 200;
    Request {
        endpoint: "aggregates".into(),
        ticker: Some(symbol.parse::<Symbol>().unwrap().vendor_ticker(class(symbol))),
        timeframe: Some(Timeframe::M5),
        asked: Some(Interval::new(now() - 3 * DAY, now() - ago)),
        attempt,
        started_at: now() - ago,
        latency_ms: latency,
        status: Some(status),
        outcome: if ok { "ok" } else { "transient" }.into(),
        error: (!ok).then(|| format!("{status} Service Unavailable")),
        rows,
        bytes: rows * 96 + 210,
        request_id: Some(format!("9f{ago:x}c1")),
    }
}

pub fn requests() -> Vec<Request> {
    vec![
        request("META", 3 * SECOND, 88, 503, 2, 0),
        request("AAPL", 14 * SECOND, 640, 200, 1, 5_000),
        request("TSLA", 26 * SECOND, 712, 200, 1, 5_000),
        request("META", 38 * SECOND, 91, 503, 1, 0),
        request("BTC", 50 * SECOND, 1_104, 200, 1, 50_000),
        request("SPY", 62 * SECOND, 212, 200, 1, 1_204),
        request("QQQ", 74 * SECOND, 198, 200, 1, 1_204),
        request("ETH", 86 * SECOND, 204, 200, 1, 600),
    ]
}

pub fn quarantine() -> Vec<QuarantineRow> {
    let row = |id, symbol: &str, timeframe, ago: i64, reason: &str, low: f64| QuarantineRow {
        id,
        series_id: SeriesId(7),
        symbol: symbol.parse().unwrap(),
        timeframe,
        bar: Bar {
            ts: (now() - ago).floor(5 * MINUTE),
            open: 182.1,
            high: 182.4,
            low,
            close: 182.2,
            volume: 1_204.0,
            vwap: Some(182.2),
            trades: Some(31),
        },
        reason: reason.into(),
        request_id: Some("9fe1c1".into()),
        detected_at: now() - ago + HOUR,
        status: Verdict::Pending,
        decided_at: None,
    };
    vec![
        row(31, "AAPL", Timeframe::M5, 2 * HOUR, "low is above open or close", 183.0),
        row(32, "AAPL", Timeframe::M5, 2 * HOUR - 5 * MINUTE, "a price is zero", 0.0),
        row(33, "BTC", Timeframe::H1, 2 * DAY, "a price is negative", -1.0),
    ]
}

pub fn features() -> Features {
    Features {
        log_return: Some(0.001_2),
        volatility_20: Some(0.312),
        volatility_50: Some(0.298),
        atr: Some(1.84),
        rolling_volume_20: Some(61_204.0),
        volume_ratio: Some(1.31),
        structure_label: Some(Structure::Bullish),
        trend_direction: Some(Direction::Up),
        volatility_regime: Some(VolatilityRegime::Medium),
        trend_regime: Some(TrendRegime::Uptrend),
        compression_regime: None,
        rsi_14: Some(61.2),
        macd: Some(0.412),
        macd_signal: Some(0.377),
        macd_hist: Some(0.035),
        sma_20: Some(183.2),
        sma_50: Some(181.9),
        ema_20: Some(183.4),
        ema_50: Some(182.2),
        bb_upper: Some(186.1),
        bb_middle: Some(183.2),
        bb_lower: Some(180.3),
    }
}

pub fn detail(symbol: &str, timeframe: Timeframe) -> Detail {
    let view = series_view(symbol, Criticality::Standard, timeframe);
    let plain = |cause| Blocker { cause, since: None, by: None, detail: None };
    let failed = Blocker {
        cause: Cause::Failed,
        since: Some(now() - 82 * MINUTE),
        by: None,
        detail: Some("503 Service Unavailable after 5 attempts".into()),
    };
    let share = |blocker, ms, stale_ms| Share { blocker, ms, stale_ms };
    let width = timeframe.width();
    let expected = Interval::new((now() - 16 * MINUTE).floor(width), (now() - 16 * MINUTE).floor(width) + width);
    let hours =
        |a: i64, b: i64| Interval::new(at("2026-11-16T00:00:00Z") + a * HOUR, at("2026-11-16T00:00:00Z") + b * HOUR);
    let mut attempts = vec![
        status(symbol, timeframe, 0, SeriesState::InProgress, 9 * MINUTE, None),
        status(
            symbol,
            timeframe,
            3,
            SeriesState::Failed,
            81 * MINUTE,
            Some("503 Service Unavailable after 5 attempts"),
        ),
        status(symbol, timeframe, 5, SeriesState::Completed, 4 * HOUR, None),
        status(symbol, timeframe, 8, SeriesState::Completed, 13 * HOUR, None),
    ];
    attempts[0].completed_at = None;
    Detail {
        symbol: SymbolRow {
            symbol: view.symbol.clone(),
            asset_class: view.asset_class,
            vendor_ticker: view.symbol.vendor_ticker(view.asset_class),
            criticality: Criticality::Standard,
            timeframes: TIMEFRAMES.to_vec(),
            active: true,
            paused: false,
            added_at: now() - 400 * DAY,
        },
        series: SeriesRow {
            id: SeriesId(7),
            symbol: view.symbol.clone(),
            timeframe,
            bar_count: 19_881,
            first_ts: view.first_bar,
            last_ts: view.newest_bar,
            checked_at: view.checked_at,
        },
        timeframes: TIMEFRAMES.to_vec(),
        explanation: Explanation {
            symbol: view.symbol.clone(),
            timeframe,
            asset_class: view.asset_class,
            criticality: Criticality::Standard,
            generated_at: now(),
            status: Tier::Aging,
            expected,
            stored: view.newest_bar.map(|t| Interval::new(t, t + width)),
            answered_until: view.answered_until,
            staleness_seconds: Some(4 * 3_600 + 12 * 60),
            acceptable_staleness_seconds: 4 * 3_600,
            breached: true,
            blocker: failed.clone(),
            split: Some(Split {
                age_ms: (13 * 60 + 34) * MINUTE + 14 * SECOND,
                staleness_ms: (4 * 60 + 12) * MINUTE,
                causes: vec![
                    share(plain(Cause::MarketClosed), 9 * HOUR, 0),
                    share(failed, 82 * MINUTE, 82 * MINUTE),
                    share(plain(Cause::WaitingForTokens), 28 * MINUTE, 28 * MINUTE),
                    share(plain(Cause::WaitingForRun), 142 * MINUTE, 142 * MINUTE),
                    share(plain(Cause::VendorDelay), 18 * MINUTE, 0),
                    share(plain(Cause::BarGrowing), 4 * MINUTE + 14 * SECOND, 0),
                ],
            }),
        },
        bars: bars(timeframe, 400),
        features: Some(FeatureRow { ts: now().floor(width) - width, features: features() }),
        gaps: vec![
            Gap { range: hours(18, 20), not_entitled: false },
            Gap { range: hours(34, 37), not_entitled: false },
            Gap { range: hours(-24 * 300, -24 * 200), not_entitled: true },
        ],
        gaps_total: 3,
        covered: 0.974,
        quarantine: quarantine().into_iter().filter(|q| q.symbol == view.symbol).collect(),
        attempts,
        feature_failures: Vec::new(),
        requests: requests().into_iter().filter(|r| r.ticker.as_deref() == Some(symbol)).collect(),
    }
}

pub fn session(symbol: &str, timeframe: Timeframe, date: NaiveDate) -> SessionCoverage {
    let start = Ts::ny_midnight(date) + 4 * HOUR;
    let pieces = (0..32)
        .map(|k| {
            let (state, eighths, bars) = match k {
                9 => (CellState::Quarantined, 8, 6),
                14 | 15 => (CellState::Unverified, 0, 0),
                3 => (CellState::NoTrade, 8, 0),
                20.. => (CellState::Ahead, 0, 0),
                19 => (CellState::Present, 4, 3),
                _ => (CellState::Present, 8, 6),
            };
            (start + k * HOUR / 2, Cell { state, eighths }, bars)
        })
        .collect();
    SessionCoverage { symbol: symbol.parse().unwrap(), timeframe, date, pieces }
}

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

fn id_of(n: u128) -> Uuid {
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

pub fn notices() -> Vec<Notice> {
    let lines = [
        (420, Level::Info, "engine::service", "serving 25 symbols, 125 series"),
        (400, Level::Debug, "vendor::limit", "the journal agrees: 3 starts in the last 60 s"),
        (300, Level::Info, "engine::backfill", "run 7f3a91ce (schedule): 25 items, 44 requests, lower bound 44"),
        (210, Level::Warn, "vendor::dispatch", "META: 503 Service Unavailable, retry 1/5 in 1.4 s"),
        (180, Level::Info, "engine::ingest", "BTC 5m: 29,804 bars, 12 revised"),
        (90, Level::Error, "engine::fetch", "ETH 1h: rows outside the asked range; nothing of this page is stored"),
        (60, Level::Info, "engine::features", "SPY 5m: 98 rows of features written"),
        (3, Level::Warn, "vendor::dispatch", "META: 503 Service Unavailable, retry 2/5 in 4.0 s"),
    ];
    lines
        .into_iter()
        .enumerate()
        .map(|(k, (ago, level, source, text))| Notice {
            seq: k as u64 + 1,
            at: now() - ago * SECOND,
            level,
            source: source.into(),
            text: text.into(),
        })
        .collect()
}

/// The dashboard with a snapshot and no answers yet.
pub fn opened(snap: Snapshot, width: u16, height: u16) -> Model {
    let dress = Dress { theme: ThemeKind::Dark, depth: ColorDepth::Rgb, ascii: false, mouse: false };
    let time = Now { wall: now(), since_start: Duration::from_secs(60) };
    Model::new(Arc::new(snap), Link::Embedded, Access::Operate, dress, Size::new(width, height), time)
}

/// Puts an answer where a question would have brought it.
pub fn answer(model: &mut Model, question: &Question, reply: Reply) {
    let entry = model.answers.entry_mut(question).unwrap();
    entry.reply = Some(Arc::new(reply));
    entry.at = Some(now() - SECOND);
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
        cache.keep((from, today), &names, &rows, (now(), Duration::ZERO));
    }
    let views: Vec<ExecutionView> = executions()
        .into_iter()
        .map(|row| {
            let share = row.successful_symbols as f64 / row.total_symbols as f64;
            let success_rate = row.completed_at.map(|_| (share * 1_000.0).round() / 10.0);
            ExecutionView { row, success_rate, crashed: false }
        })
        .collect();
    let opened = ExecutionDetail { execution: views[3].clone(), series: execution_series() };
    answer(&mut model, &Question::Execution { id: views[3].row.execution_id }, Reply::Execution(Box::new(opened)));
    let running = ExecutionDetail { execution: views[0].clone(), series: execution_series() };
    answer(&mut model, &Question::Execution { id: views[0].row.execution_id }, Reply::Execution(Box::new(running)));
    answer(&mut model, &HISTORY, Reply::History(views));
    answer(&mut model, &REQUESTS, Reply::Requests(requests()));
    answer(&mut model, &QUARANTINE, Reply::Quarantine(quarantine()));
    answer(&mut model, &FAILURES, Reply::Failures { series: failing(), features: feature_failures() });
    answer(&mut model, &ALERTS, Reply::Alerts(alerts()));
    answer(&mut model, &ACTIONS, Reply::Actions(actions()));
    for (symbol, timeframe) in [("META", Timeframe::M5), ("AAPL", Timeframe::M5)] {
        let question = Question::Detail { symbol: symbol.parse().unwrap(), timeframe };
        answer(&mut model, &question, Reply::Detail(Box::new(detail(symbol, timeframe))));
        let question = Question::Session { symbol: symbol.parse().unwrap(), timeframe, date: today };
        answer(&mut model, &question, Reply::Session(session(symbol, timeframe, today)));
    }
    for notice in notices() {
        model.log.add(Arc::new(notice));
    }
    model
}

fn execution_series() -> Vec<SeriesStatus> {
    let mut rows: Vec<SeriesStatus> = STANDARD
        .iter()
        .flat_map(|symbol| {
            TIMEFRAMES.iter().map(|tf| status(symbol, *tf, 3, SeriesState::Completed, 80 * MINUTE, None))
        })
        .collect();
    for row in &mut rows {
        if row.symbol.as_str() == "META" && row.timeframe < Timeframe::H1 {
            *row = status(
                "META",
                row.timeframe,
                3,
                SeriesState::Failed,
                81 * MINUTE,
                Some("503 Service Unavailable after 5 attempts"),
            );
        }
    }
    rows
}
