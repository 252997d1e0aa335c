//! What is known of one series: prices, features, gaps, requests, bars in quarantine.

use barkeep::market::features::{Direction, Features, Structure, TrendRegime, VolatilityRegime};
use barkeep::market::freshness::Tier;
use barkeep::market::testing::candle;
use barkeep::market::ts::{DAY, HOUR, MINUTE, SECOND};
use barkeep::market::{Bar, Criticality, Interval, Symbol, Timeframe};
use barkeep::monitor::explain::{AgeSplit, Blocker, Cause, Explanation, Share};
use barkeep::monitor::holes::HoleCounts;
use barkeep::runtime::console::{ChartPoint, Detail, Gap, QuarantineRow, RequestRow, SeriesRunState, Verdict};
use barkeep::store::{FeatureRow, Listing, SeriesId, SeriesRow, SymbolRow};

use super::work::status;
use super::{TIMEFRAMES, at, class, now, series_view};
use crate::support::rows;

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
            let start = end - (count - 1 - k) * timeframe.width();
            let (high, low) = (open.max(close) + reach, open.min(close) - reach * 0.8);
            Bar {
                volume: 20_000.0 + ((t * 0.21).sin() + 1.2) * 41_000.0 + if k % 31 == 0 { 90_000.0 } else { 0.0 },
                vwap: Some(open.midpoint(close)),
                trades: Some(412),
                ..candle(start, [open, high, low, close])
            }
        })
        .collect()
}

pub fn request(symbol: &str, ago: i64, latency: i64, status: u16, attempt: u32, rows: i64) -> RequestRow {
    let ok = status == 200;
    RequestRow {
        query_count: ok.then_some(rows),
        ticker: Some(rows::ticker(&symbol.parse::<Symbol>().unwrap(), class(symbol))),
        timeframe: Some(Timeframe::M5),
        asked: Some(Interval::new(now() - 3 * DAY, now() - ago)),
        attempt,
        started_at: now() - ago,
        latency_ms: latency,
        status: Some(status),
        outcome: if ok { "ok" } else { "transient" }.into(),
        error: (!ok).then(|| format!("the vendor failed ({status})")),
        rows,
        bytes: rows * 96 + 210,
        request_id: Some(format!("9f{ago:x}c1")),
        changed: ok.then_some(rows),
        ..rows::request()
    }
}

pub fn requests() -> Vec<RequestRow> {
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
            volume: 1_204.0,
            vwap: Some(182.2),
            trades: Some(31),
            ..candle((now() - ago).floor(5 * MINUTE), [182.1, 182.4, low, 182.2])
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

/// Averages and bands as they follow from the closes.
fn points(bars: &[Bar]) -> Vec<ChartPoint> {
    let of = |k: usize, n: usize| bars.get((k + 1).checked_sub(n)?..=k);
    let mean = |k: usize, n: usize| Some(of(k, n)?.iter().map(|b| b.close).sum::<f64>() / n as f64);
    let spread = |k: usize| {
        let (window, middle) = (of(k, 20)?, mean(k, 20)?);
        Some((window.iter().map(|b| (b.close - middle).powi(2)).sum::<f64>() / 20.0).sqrt())
    };
    let point = |k: usize| ChartPoint {
        score: if k.is_multiple_of(97) { 0.8 } else { 1.0 },
        sma_20: mean(k, 20),
        sma_50: mean(k, 50),
        bb_upper: mean(k, 20).zip(spread(k)).map(|(m, s)| m + 2.0 * s),
        bb_lower: mean(k, 20).zip(spread(k)).map(|(m, s)| m - 2.0 * s),
        rsi_14: Some(53.0),
        atr: Some(1.84),
    };
    (0..bars.len()).map(point).collect()
}

pub fn detail(symbol: &str, timeframe: Timeframe) -> Detail {
    let view = series_view(symbol, Criticality::Standard, timeframe);
    let plain = |cause| Blocker { cause, since: None, by: None, detail: None };
    let failed = Blocker {
        cause: Cause::Failed,
        since: Some(now() - 82 * MINUTE),
        by: None,
        detail: Some("1 gap left: transient: the vendor failed (503)".into()),
    };
    let share = |blocker, ms, stale_ms| Share { blocker, ms, stale_ms };
    let width = timeframe.width();
    let expected = Interval::new((now() - 16 * MINUTE).floor(width), (now() - 16 * MINUTE).floor(width) + width);
    let hours =
        |a: i64, b: i64| Interval::new(at("2026-11-16T00:00:00Z") + a * HOUR, at("2026-11-16T00:00:00Z") + b * HOUR);
    let mut attempts = vec![
        status(symbol, timeframe, 0, SeriesRunState::InProgress, 9 * MINUTE, None),
        status(
            symbol,
            timeframe,
            3,
            SeriesRunState::Failed,
            81 * MINUTE,
            Some("1 gap left: transient: the vendor failed (503)"),
        ),
        status(symbol, timeframe, 5, SeriesRunState::Completed, 4 * HOUR, None),
        status(symbol, timeframe, 8, SeriesRunState::Completed, 13 * HOUR, None),
    ];
    attempts[0].completed_at = None;
    let mut bars = bars(timeframe, 400);
    bars.retain(|bar| !hours(58, 61).contains(bar.ts));
    Detail {
        symbol: SymbolRow {
            asset_class: view.asset_class,
            vendor_ticker: rows::ticker(&view.symbol, view.asset_class),
            vendor: barkeep::market::Source::Massive,
            added_at: now() - 400 * DAY,
            ..rows::symbol(symbol, &TIMEFRAMES)
        },
        series: SeriesRow {
            id: SeriesId(7),
            symbol: view.symbol.clone(),
            timeframe,
            bar_count: 19_881,
            paused: false,
            first_ts: view.first_bar,
            last_ts: view.newest_bar,
            checked_at: view.checked_at,
            verified_at: None,
        },
        timeframes: TIMEFRAMES.to_vec(),
        explanation: Explanation {
            vendor: barkeep::market::Source::Massive,
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
            checked_at: view.checked_at,
            holes: HoleCounts::default(),
            doubts: Vec::new(),
            habit: None,
            next_run: None,
            listing: Listing::default(),
            plan_starts_on: None,
            split: Some(AgeSplit {
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
        points: points(&bars),
        bars,
        features: Some(FeatureRow { ts: now().floor(width) - width, features: features() }),
        gaps: vec![
            Gap { range: hours(-24 * 300, -24 * 200), not_entitled: true, sessions: 69, requests: None },
            Gap { range: hours(18, 20), not_entitled: false, sessions: 1, requests: Some(1) },
            Gap { range: hours(58, 61), not_entitled: false, sessions: 1, requests: Some(1) },
        ],
        gaps_total: 3,
        covered: 0.974,
        quarantine: quarantine().into_iter().filter(|q| q.symbol == view.symbol).collect(),
        attempts,
        feature_failures: Vec::new(),
        requests: requests().into_iter().filter(|r| r.ticker.as_deref() == Some(symbol)).collect(),
        contradicted_splits: Vec::new(),
    }
}
