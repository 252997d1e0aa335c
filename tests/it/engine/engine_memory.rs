//! The engine on a paused clock: a store in memory, a scripted vendor, hours of waiting in no time.

use std::time::Duration;

use barkeep::base::clock::Clock;
use barkeep::config::{Mode, RateLimit};
use barkeep::market::{AssetClass, Interval, Symbol, Timeframe, Ts};
use barkeep::pipeline::Backfill;
use barkeep::pipeline::select::Selection;
use barkeep::store::{ExecutionStatus, SeriesRunState, Store, Trigger};
use barkeep::vendor::{Class, Fault};
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Call, Scripted, made_up};

const SYMBOLS: [(&str, &str, AssetClass); 3] =
    [("AAPL", "AAPL", AssetClass::Stock), ("BTC", "X:BTCUSD", AssetClass::Crypto), ("SPY", "SPY", AssetClass::Etf)];
const TICKERS: [&str; 3] = ["AAPL", "X:BTCUSD", "SPY"];
const TIMEFRAMES: [Timeframe; 4] = [Timeframe::M5, Timeframe::H1, Timeframe::H4, Timeframe::D1];
/// The vendor's minute.
const WINDOW: Duration = Duration::from_mins(1);

fn wish(from: &str, to: Option<&str>) -> Backfill {
    Backfill {
        execution_id: Uuid::nil(),
        selection: Selection {
            symbols: SYMBOLS.iter().map(|(symbol, ..)| symbol.parse().unwrap()).collect(),
            timeframes: Some(TIMEFRAMES.to_vec()),
            from: Some(from.parse().unwrap()),
            to: to.map(|to| to.parse().unwrap()),
            class: None,
            vendor: None,
            refetch: false,
        },
        mode: Mode::Pipeline,
        trigger: Trigger::Cli,
        newest_only: false,
        plan: None,
        idle: false,
        whole: false,
    }
}

/// Every series equals what the vendor has between the dates, both included, up to `settled`.
async fn assert_equal_to_vendor(rig: &Rig, from: &str, to: &str, settled: Ts) {
    for (symbol, ticker, class) in SYMBOLS {
        let symbol: Symbol = symbol.parse().unwrap();
        let (from, to) = (class.midnight(from.parse().unwrap()), class.midnight(to.parse().unwrap()));
        let range = Interval::new(from, Timeframe::D1.end_of(class, to));
        for timeframe in TIMEFRAMES {
            let series = rig.store.series().await.unwrap();
            let id = series.iter().find(|s| s.symbol == symbol && s.timeframe == timeframe).unwrap().id;
            let is_settled = |start: Ts| timeframe.end_of(class, start) <= settled;
            let stored = rig.store.bars(id, range.into(), None).await.unwrap();
            let stored: Vec<_> = stored.iter().filter(|row| is_settled(row.bar.ts)).collect();
            let told = rig.vendor.bars(ticker, class, timeframe, range);
            let told: Vec<_> = told.into_iter().filter(|bar| is_settled(bar.ts)).collect();
            assert!(!told.is_empty(), "the vendor has no {symbol} {timeframe}; the comparison would be empty");
            assert_eq!(stored.len(), told.len(), "{symbol} {timeframe}");
            for (mine, bar) in stored.iter().zip(&told) {
                let exact = |b: &barkeep::market::Bar| (b.ts, b.open, b.high, b.low, b.close, b.volume, b.trades);
                assert_eq!(exact(&mine.bar), exact(bar), "{symbol} {timeframe}");
                let (a, b) = (mine.bar.vwap.unwrap(), bar.vwap.unwrap());
                assert!((a - b).abs() <= 1e-6 * b, "{symbol} {timeframe} at {}: vwap {a} {b}", bar.ts);
                assert!(!mine.provisional, "{symbol} {timeframe} at {}", bar.ts);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backfill_takes_the_time_the_limit_dictates() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let vendor = Scripted::of(&TICKERS, clock.clone()).paged(4_000).after(Duration::from_millis(150));
    let rig = Rig::new(vendor, settings(RateLimit::PerMinute(5)), clock).await;
    let wish = wish("2024-05-01", Some("2024-05-31"));

    let start = Instant::now();
    let summary = rig.run(&wish).await.unwrap();
    let took = start.elapsed();
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!((summary.gaps_left, summary.series_failed, summary.retries), (0, 0, 0));
    assert_equal_to_vendor(&rig, "2024-05-01", "2024-05-31", Ts::MAX).await;

    // Every request counted is one that arrived, and they are enough to make the limit bite several times.
    let calls = rig.vendor.calls();
    assert_eq!(summary.requests, calls.len() as u64);
    assert!(calls.len() > 15, "{} calls do not show a limit", calls.len());
    let totals = rig.store.request_totals().await.unwrap();
    assert_eq!((totals.total_requests, totals.failures), (calls.len() as i64, 0));

    // Never more than five in a window; and no later than the fifth before them leaves it.
    assert!(rig.most_calls_in_any(WINDOW) <= 5);
    let cycle = WINDOW + Duration::from_millis(150);
    let dictated = cycle * u32::try_from((calls.len() - 1) / 5).unwrap();
    let slack = Duration::from_secs(2);
    assert!(dictated <= took && took < dictated + slack, "{took:?} for {} calls, not {dictated:?}", calls.len());

    // All of it is known now: nothing is asked, no time passes.
    let start = Instant::now();
    let again = rig.run(&wish).await.unwrap();
    assert!(again.is_complete(), "{again:?}");
    assert_eq!((again.requests, again.bars_written, start.elapsed()), (0, 0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_failing_vendor_costs_time_and_no_bar() {
    let script = |call: &Call| match call.number {
        2 => Some(Fault::new(Class::Transient, "the vendor failed (500)")),
        4 => Some(Fault {
            status: Some(429),
            retry_after: Some(Duration::from_mins(10)),
            ..Fault::new(Class::RateLimited, "slower")
        }),
        7 => Some(Fault::malformed("half a page")),
        _ => None,
    };
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let vendor = Scripted::of(&TICKERS, clock.clone()).paged(4_000).failing(script);
    let mut settings = settings(RateLimit::PerMinute(5));
    settings.vendor.backoff_cap = Duration::from_mins(15);
    let rig = Rig::new(vendor, settings, clock).await;
    let start = Instant::now();
    let summary = rig.run(&wish("2024-05-20", Some("2024-05-31"))).await.unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!((summary.rate_limited, summary.retries), (1, 3));
    assert_eq!(rig.store.request_totals().await.unwrap().failures, 3);
    assert_equal_to_vendor(&rig, "2024-05-20", "2024-05-31", Ts::MAX).await;
    // What the vendor asked for is obeyed by all: from its answer on, ten minutes of silence.
    assert!(start.elapsed() >= Duration::from_mins(10), "{:?}", start.elapsed());
    let calls = rig.vendor.calls();
    let refused = calls[3].at;
    let early = |call: &&Call| call.at > refused && call.at - refused < Duration::from_mins(10);
    assert_eq!(calls.iter().find(early), None);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_ends_the_run_and_leaves_nothing() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let vendor = Scripted::of(&TICKERS, clock.clone()).failing(|_| Some(Fault::new(Class::Auth, "who are you?")));
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let error = rig.run(&wish("2024-05-20", Some("2024-05-31"))).await.unwrap_err();
    assert!(error.to_string().contains("who are you?"), "{error}");
    assert_eq!(rig.vendor.calls().len(), 1);
    assert_eq!(rig.store.symbols().await.unwrap(), []);
    assert_eq!(rig.store.executions(9).await.unwrap(), []);
}

/// The window of starts is in the store, not only in the process.
#[tokio::test(start_paused = true)]
async fn a_restart_does_not_forget_the_window() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let vendor = Scripted::of(&TICKERS, clock.clone()).paged(4_000);
    let first = Rig::new(vendor, settings(RateLimit::PerMinute(8)), clock.clone()).await;
    first.run(&wish("2024-05-31", Some("2024-05-31"))).await.unwrap();
    let before = first.vendor.calls().len();
    assert!((1..8).contains(&before), "{before} calls leave nothing to see");

    let again = Rig::on(first.store, first.vendor, settings(RateLimit::PerMinute(8)), clock).await;
    let start = Instant::now();
    let summary = again.run(&wish("2024-05-20", Some("2024-05-30"))).await.unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.requests as usize, again.vendor.calls().len() - before);
    assert!(summary.requests > 8 - before as u64, "{} more calls fit into the same window", summary.requests);
    assert!(again.most_calls_in_any(WINDOW) <= 8);
    assert!(start.elapsed() >= WINDOW, "{:?}", start.elapsed());
}

/// A week of hourly runs, Sunday to Sunday: what was growing when it was fetched ends final and right.
#[tokio::test(start_paused = true)]
async fn a_week_of_hourly_runs_ends_equal_to_the_vendor() {
    let clock = Wall::at("2024-06-02T05:10:00Z");
    let vendor = Scripted::of(&TICKERS, clock.clone()).after(Duration::from_millis(80));
    let rig = Rig::new(vendor, settings(RateLimit::PerMinute(5)), clock.clone()).await;
    let wish = wish("2024-06-02", None);
    let start = Instant::now();
    for hour in 1..=7 * 24 {
        let summary = rig.run(&wish).await.unwrap();
        assert!(summary.is_complete(), "hour {hour}: {summary:?}");
        let states = rig.store.series_statuses(summary.execution_id).await.unwrap();
        assert!(states.iter().all(|s| s.status == SeriesRunState::Completed), "hour {hour}: {states:?}");
        tokio::time::sleep_until(start + Duration::from_hours(hour)).await;
    }
    rig.run(&wish).await.unwrap();
    let last: Ts = clock.now() - 3_600_000;
    assert_equal_to_vendor(&rig, "2024-06-02", "2024-06-09", last).await;
    assert!(rig.most_calls_in_any(WINDOW) <= 5);
    // An hour brings new minutes of three symbols and today's bars, not the week again.
    let calls = rig.vendor.calls().len();
    assert!(calls <= 7 * 24 * 6, "{calls} calls");
    assert_eq!(rig.store.executions(1_000).await.unwrap().len(), 7 * 24 + 1);
    // Growing bars were stored and changed; nobody else's were.
    let revisions = rig.store.revisions();
    assert!(!revisions.is_empty() && revisions.iter().all(|r| r.bar.provisional), "{:?}", revisions.first());
}

/// The head of a range is questioned by one more request while the page that raised the doubt is still in hand.
#[tokio::test(start_paused = true)]
async fn symbols_listed_late_do_not_lock_a_gate_of_one() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let mut settings = settings(RateLimit::Unlimited);
    settings.backfill.concurrency = 1;
    let listed = Ts(chrono::DateTime::parse_from_rfc3339("2024-05-20T00:00:00Z").unwrap().timestamp_millis());
    let late = move |ticker: &str, minute| (minute >= listed).then(|| made_up(ticker, minute)).flatten();
    let rig = Rig::new(Scripted::of(&TICKERS, clock.clone()).telling(late), settings, clock).await;
    let wish = wish("2024-04-29", Some("2024-05-31"));
    let summary = tokio::time::timeout(Duration::from_hours(1), rig.run(&wish)).await.expect("it ends").unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    let probes = rig.vendor.calls().iter().filter(|call| call.range.is_some_and(|r| r.end < listed)).count();
    assert!(probes >= 6, "each family of each symbol was questioned: {probes}");
}

#[tokio::test(start_paused = true)]
async fn a_run_for_the_newest_bars_neither_asks_for_old_holes_nor_fails_with_them() {
    let clock = Wall::at("2024-03-06T22:00:00Z");
    let mut settings = settings(RateLimit::Unlimited);
    settings.backfill.history = Duration::from_hours(24 * 30);
    let rig = Rig::new(Scripted::of(&TICKERS, clock.clone()), settings, clock.clone()).await;
    let history = Backfill {
        selection: Selection {
            timeframes: Some(vec![Timeframe::M5]),
            ..wish("2024-03-04", Some("2024-03-05")).selection
        },
        ..wish("2024-03-04", None)
    };
    rig.run(&history).await.unwrap();

    let selection = Selection { from: None, to: None, ..history.selection.clone() };
    let newest = Backfill { selection: selection.clone(), newest_only: true, ..history.clone() };
    let before = rig.vendor.calls().len();
    let summary = rig.run(&newest).await.unwrap();
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    // The hole is of February; what is stored is asked again for a few days.
    let march = Ts::utc_midnight("2024-03-01".parse().unwrap());
    let asked = rig.vendor.calls().split_off(before);
    assert!(!asked.is_empty() && asked.iter().filter_map(|call| call.range).all(|range| range.start >= march));

    // The hole before is still there, and whoever asks for everything hears of it.
    let summary = rig.run(&Backfill { newest_only: false, ..newest }).await.unwrap();
    assert!(summary.bars_written > 10_000, "{summary:?}");
}
