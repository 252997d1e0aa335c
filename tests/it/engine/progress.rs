//! The count of a run against the log of the vendor: the same number after every answer.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use barkeep::config::{Mode, RateLimit};
use barkeep::market::Timeframe;
use barkeep::pipeline::Backfill;
use barkeep::pipeline::Summary;
use barkeep::pipeline::events::{Event, Listener};
use barkeep::pipeline::progress::{RunProgress, RunView};
use barkeep::pipeline::select::Selection;
use barkeep::store::Trigger;
use barkeep::vendor::{Class, Fault};
use tokio_util::sync::CancellationToken;

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Call, Scripted};

/// Reads the run after every event, and what the vendor has been sent by then.
struct Auditor {
    vendor: Arc<Scripted>,
    run: OnceLock<Weak<RunProgress>>,
    /// Calls at the vendor, the run, and whether a request has just ended.
    readings: Mutex<Vec<(u64, RunView, bool)>>,
}

impl Listener for Auditor {
    fn on_event(&self, event: Event) {
        let run = self.run.get().and_then(Weak::upgrade).expect("the run owns this listener").view();
        let calls = self.vendor.calls().len() as u64;
        self.readings.lock().unwrap().push((calls, run, matches!(event, Event::Ended(_))));
    }
}

async fn audited(rig: &Rig, backfill: &Backfill) -> (Summary, Vec<(u64, RunView, bool)>) {
    let auditor =
        Arc::new(Auditor { vendor: Arc::clone(&rig.vendor), run: OnceLock::new(), readings: Mutex::default() });
    let run = backfill.progress(&rig.engine, auditor.clone());
    auditor.run.set(Arc::downgrade(&run)).unwrap();
    let summary = backfill.run_with(&rig.engine, run, CancellationToken::new()).await.unwrap();
    let readings = std::mem::take(&mut *auditor.readings.lock().unwrap());
    (summary, readings)
}

fn backfill(symbols: &[&str], timeframes: &[Timeframe], from: &str, to: &str, mode: Mode) -> Backfill {
    let selection = Selection {
        symbols: symbols.iter().map(|symbol| symbol.parse().unwrap()).collect(),
        timeframes: Some(timeframes.to_vec()),
        from: Some(from.parse().unwrap()),
        to: Some(to.parse().unwrap()),
        ..Selection::default()
    };
    Backfill::new(selection, mode, Trigger::Cli)
}

/// A 429, a 500 and a page that is cut short are answers too.
fn faults(call: &Call) -> Option<Fault> {
    let with = |status, class| Fault { status: Some(status), ..Fault::new(class, "not now") };
    match call.number {
        3 => Some(with(500, Class::Transient)),
        5 => Some(Fault { retry_after: Some(Duration::from_secs(5)), ..with(429, Class::RateLimited) }),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn after_every_answer_the_run_has_counted_what_the_vendor_answered() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let vendor = Scripted::of(&["AAPL", "X:BTCUSD"], clock.clone()).paged(2_000).failing(faults);
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let timeframes = [Timeframe::M5, Timeframe::H1, Timeframe::D1];
    let wish = backfill(&["AAPL", "BTC"], &timeframes, "2024-05-01", "2024-05-31", Mode::Sequential);
    let (summary, readings) = audited(&rig, &wish).await;
    assert!(summary.is_complete(), "{summary:?}");

    let answers: Vec<_> = readings.iter().filter(|(.., ended)| *ended).collect();
    assert!(answers.len() > 15, "{} answers are no test", answers.len());
    for (calls, run, _) in &answers {
        // One request at a time, so everything the vendor was sent is answered.
        assert_eq!(run.requests_answered, *calls);
    }
    for (_, run, _) in &readings {
        assert_eq!(run.requests_planned, run.requests_answered + run.requests_left);
        let share = run.requests_answered as f64 / (run.requests_planned).max(1) as f64;
        assert!((run.percent() - 100.0 * share).abs() < 1e-9);
    }
    let (calls, last, _) = readings.last().unwrap();
    assert_eq!((last.requests_answered, last.requests_left, last.percent()), (*calls, 0, 100.0));
    assert_eq!((summary.requests, summary.rate_limited, summary.retries), (*calls, 1, 2));
    assert_eq!(summary.bars_written, last.written);
    // The plan expects full pages of 50,000; this vendor's are smaller, and the run notices while it runs.
    let planned = readings.iter().map(|(_, run, _)| run.requests_planned);
    assert!(planned.clone().min() < planned.max());
}

#[tokio::test(start_paused = true)]
async fn a_market_day_of_many_symbols_is_one_answer() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let symbols = ["AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "NFLX", "AVGO", "JPM"];
    let vendor = Scripted::of(&symbols, clock.clone()).after(Duration::from_millis(20));
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let wish = backfill(&symbols, &[Timeframe::D1], "2024-06-03", "2024-06-04", Mode::Pipeline);
    let (summary, readings) = audited(&rig, &wish).await;
    assert!(summary.is_complete(), "{summary:?}");
    let calls = rig.vendor.calls();
    assert_eq!(calls.iter().filter(|call| call.endpoint == "grouped_daily").count(), 2, "{calls:?}");
    let (_, last, _) = readings.last().unwrap();
    assert_eq!((last.requests_answered, last.requests_left), (calls.len() as u64, 0));
    assert_eq!((last.rows, last.written), (20, 20), "one bar of each symbol on each of two days");
    let days: Vec<_> = last.items.iter().filter(|item| item.label == "market 1d").collect();
    assert!(days.iter().all(|item| (item.pages_done, item.rows) == (1, 10)), "{days:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_estimated_anew_after_every_page() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let vendor = Scripted::of(&["X:BTCUSD"], clock.clone()).paged(1_000);
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let wish = backfill(&["BTC"], &[Timeframe::M5], "2024-05-01", "2024-05-31", Mode::Sequential);
    let (summary, readings) = audited(&rig, &wish).await;
    let all = summary.requests;
    assert!(all > 20, "{all}");
    // From the first page on the estimate is close, though the plan knew of one page only.
    assert_eq!(readings[0].1.requests_left, 1, "{:?}", readings[0].1);
    let after_first = readings.iter().find(|(_, run, _)| run.items.iter().any(|item| item.pages_fetched == 1)).unwrap();
    assert!(after_first.1.requests_planned.abs_diff(all) * 10 <= all, "{:?} of {all}", after_first.1);
}

#[tokio::test(start_paused = true)]
async fn the_series_of_a_failed_item_are_counted_once() {
    let clock = Wall::at("2024-06-05T12:00:00Z");
    let refuse = |call: &Call| {
        let fault = Fault { status: Some(400), ..Fault::new(Class::Permanent, "no such ticker") };
        (call.ticker.as_deref() == Some("X:BTCUSD")).then_some(fault)
    };
    let vendor = Scripted::of(&["AAPL", "X:BTCUSD"], clock.clone()).failing(refuse);
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let timeframes = [Timeframe::M5, Timeframe::H1];
    let wish = backfill(&["AAPL", "BTC"], &timeframes, "2024-06-03", "2024-06-04", Mode::Pipeline);
    let (summary, readings) = audited(&rig, &wish).await;
    let (_, last, _) = readings.last().unwrap();
    assert_eq!((last.series_failed, summary.series_failed), (2, 2), "{summary:?}");
    assert_eq!((last.items_failed, last.requests_left), (1, 0));
    assert_eq!(last.requests_answered, rig.vendor.calls().len() as u64);
}
