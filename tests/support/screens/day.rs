//! The series of the day and the snapshots made of them.

use std::sync::Arc;
use std::time::Duration;

use barkeep::market::freshness::Tier;
use barkeep::market::ts::{DAY, HOUR, MINUTE, SECOND};
use barkeep::market::{Criticality, Timeframe, Ts};
use barkeep::monitor::holes::HoleCounts;
use barkeep::monitor::snapshot::{
    Data, MarketPhase, MarketView, RpoCount, SeriesView, Snapshot, TierCounts, VendorView, Wasted,
};
use barkeep::plan::budget::{Budget, Purchase};
use barkeep::service::activity::ActivityView;
use barkeep::service::handle::{EngineState, Live};
use barkeep::store::{RequestTotals, Waste};
use barkeep::vendor::limit::LimitSnapshot;

use super::work::{budget, open_counts};
use super::{CRITICAL, LOW, STANDARD, TIMEFRAMES, alerts, at, class, executions, failing, live, now};

pub fn limits(criticality: Criticality) -> i64 {
    match criticality {
        Criticality::Critical => 3_600,
        Criticality::Standard => 4 * 3_600,
        Criticality::Low => 24 * 3_600,
    }
}

/// How far behind the series of a symbol are, where they are not fresh.
pub fn behind(symbol: &str, timeframe: Timeframe) -> Option<i64> {
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
        holes: HoleCounts::default(),
        gaps: None,
    }
}

pub fn all_series() -> Vec<SeriesView> {
    let of = |list: &'static [&'static str], criticality: Criticality| {
        list.iter().flat_map(move |s| TIMEFRAMES.into_iter().map(move |tf| series_view(s, criticality, tf)))
    };
    of(&CRITICAL, Criticality::Critical)
        .chain(of(&STANDARD, Criticality::Standard))
        .chain(of(&LOW, Criticality::Low))
        .collect()
}

/// Counts what the series say.
pub fn counted(series: &[SeriesView]) -> (TierCounts, Vec<RpoCount>) {
    let of = |tier| series.iter().filter(|s| s.tier == tier).count();
    let tiers = TierCounts {
        fresh: of(Tier::Fresh),
        aging: of(Tier::Aging),
        stale: of(Tier::Stale),
        missing: of(Tier::Missing),
        unknown: of(Tier::Unknown),
        loading: of(Tier::Loading),
        ended: of(Tier::Ended),
    };
    let rpo = Criticality::ALL.map(|criticality| {
        let mine = || series.iter().filter(|s| s.criticality == criticality && s.tracked);
        RpoCount {
            criticality,
            acceptable_staleness_seconds: limits(criticality) as u64,
            series: mine().count(),
            breached: mine().filter(|s| s.breached).count(),
            without_data: mine().filter(|s| s.staleness_seconds.is_none()).count(),
            loading: 0,
        }
    });
    (tiers, rpo.to_vec())
}

pub fn data(series: Vec<SeriesView>) -> Data {
    let (tiers, rpo) = counted(&series);
    Data {
        generated_at: now(),
        database: "postgres".into(),
        database_name: "bars".into(),
        storage: None,
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
            totals: RequestTotals {
                total_requests: 18_204,
                rate_limited_count: 2,
                failures: 31,
                retries: 112,
                bytes: 4_120_000_000,
            },
            wasted: wasted(),
        },
        budget: Some(budget()),
        executions: executions(),
        open_alerts: open_counts(&alerts()),
        alerts: alerts(),
        failing_total: failing().len(),
        failing: failing(),
        holes: HoleCounts::default(),
        newest_holes: Vec::new(),
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
    data.failing_total = 0;
    data.executions.remove(0);
    data.alerts.retain(|a| a.resolved_at.is_some());
    data.open_alerts.clear();
    data.budget = Some(Budget { feasible: true, next: Purchase::default(), ..Budget::default() });
    let held = live().limit.held.into_iter().skip(1).take(1).collect();
    let limit = LimitSnapshot { used: 1, next_free_in: Duration::ZERO, waiting: 0, held, ..live().limit };
    let live = Live { state: EngineState::Idle, runs: Vec::new(), in_flight: 0, limit, ..live() };
    Snapshot { seq: 13, live: Arc::new(live), data: Arc::new(data) }
}

/// An operator stopped everything.
pub fn paused() -> Snapshot {
    let pause =
        barkeep::runtime::console::EnginePause { by: "tui:ana".into(), since: now() - 12 * MINUTE, reason: None };
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
    data.open_alerts.clear();
    data.failing.clear();
    data.failing_total = 0;
    data.budget = None;
    (data.quarantine_pending, data.feature_failures_open) = (0, 0);
    data.vendor.totals = RequestTotals::default();
    data.vendor.wasted.clear();
    let limit = LimitSnapshot { used: 0, next_free_in: Duration::ZERO, waiting: 0, held: Vec::new(), ..live().limit };
    let live = Live {
        state: EngineState::Idle,
        runs: Vec::new(),
        in_flight: 0,
        limit,
        pulse: ActivityView { until: now(), ..ActivityView::default() },
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

/// Requests that changed nothing.
fn wasted() -> Vec<Wasted> {
    [(Waste::Unchanged, 812), (Waste::Empty, 201), (Waste::Failed, 31), (Waste::RateLimited, 2)]
        .map(|(reason, requests)| Wasted { reason, requests })
        .to_vec()
}
