//! The dispatcher against a scripted vendor, on tokio's paused clock.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;

use super::batch::groups;
use super::*;
use crate::limit::{Grant, PlaceRequest};
use crate::testing;
use crate::{DividendPage, SplitPage};
use barkeep_base::clock::FixedClock;
use barkeep_config::RateLimit;
use barkeep_market::split::Split;
use barkeep_market::{Interval, Ts};

const TIMEOUT: Duration = Duration::from_mins(1);

/// Answers in order; when the script is over, everything succeeds.
#[derive(Default)]
struct Scripted {
    faults: Mutex<VecDeque<Fault>>,
    calls: Mutex<Vec<Instant>>,
    latency: Duration,
    splits: Vec<Split>,
    pages_of_splits: Mutex<VecDeque<Option<Cursor>>>,
    server_time: Option<Ts>,
}

impl Scripted {
    fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: Mutex::new(faults.into_iter().collect()), ..Self::default() }
    }

    async fn dated<T>(&self, value: T) -> Result<Dated<T>, Fault> {
        self.next(Dated { bytes: 50, ..Dated::of(value, self.server_time) }).await
    }

    async fn next<T>(&self, value: T) -> Result<T, Fault> {
        self.calls.lock().unwrap().push(Instant::now());
        tokio::time::sleep(self.latency).await;
        let fault = self.faults.lock().unwrap().pop_front();
        fault.map_or(Ok(value), Err)
    }
}

#[async_trait]
impl Vendor for Scripted {
    async fn aggregates(&self, _: &AggregateQuery, _: Option<&Cursor>) -> Result<Page, Fault> {
        self.next(Page {
            query_count: 3,
            request_id: Some("id".to_owned()),
            server_time: self.server_time,
            bytes: 100,
            ..testing::page(vec![])
        })
        .await
    }

    async fn grouped_daily(&self, _: AssetClass, date: NaiveDate) -> Result<GroupedPage, Fault> {
        self.next(GroupedPage { date, bytes: 7, ..GroupedPage::default() }).await
    }

    async fn splits(&self, tickers: &[String], _: Option<&Cursor>) -> Result<Dated<SplitPage>, Fault> {
        let splits = tickers.iter().flat_map(|t| self.splits.iter().map(|s| (t.clone(), *s))).collect();
        let next = self.pages_of_splits.lock().unwrap().pop_front().flatten();
        self.dated(SplitPage { splits, next, unreadable: 1 }).await
    }

    async fn dividends(
        &self,
        _: &[String],
        _: Option<NaiveDate>,
        _: Option<&Cursor>,
    ) -> Result<Dated<DividendPage>, Fault> {
        self.dated(DividendPage::default()).await
    }

    async fn market_status(&self) -> Result<Dated<MarketStatus>, Fault> {
        self.dated(MarketStatus { market: "open".to_owned(), server_time: None }).await
    }

    async fn upcoming_holidays(&self) -> Result<Dated<Vec<Holiday>>, Fault> {
        self.dated(vec![]).await
    }

    async fn tickers(&self, _: &str, _: u32) -> Result<Dated<Vec<Ticker>>, Fault> {
        self.dated(vec![]).await
    }

    async fn ticker(&self, ticker: &str) -> Result<Dated<Option<TickerDetails>>, Fault> {
        let details = TickerDetails {
            ticker: ticker.to_owned(),
            name: "Test".to_owned(),
            market: "stocks".to_owned(),
            kind: None,
            active: true,
            listed_on: None,
            delisted_on: None,
            currency: None,
            composite_figi: None,
        };
        self.dated((ticker != "NOSUCH").then_some(details)).await
    }
}

#[derive(Default)]
struct Log {
    attempts: Mutex<Vec<Attempt>>,
    waits: Mutex<Vec<(String, Duration)>>,
    broken: bool,
}

#[async_trait]
impl Journal for Log {
    async fn take(&self, _: PlaceRequest) -> Result<Grant, Fault> {
        if self.broken {
            return Err(Fault::new(Class::Journal, "disk full"));
        }
        Ok(Grant { place: Some(0), ..Grant::default() })
    }

    async fn answered(&self, _: i64, _: Moment) {}

    async fn record(&self, attempt: &Attempt) {
        self.attempts.lock().unwrap().push(attempt.clone());
    }

    fn waiting(&self, _: Option<&str>, why: &str, until: Duration, _: Option<u32>) {
        self.waits.lock().unwrap().push((why.to_owned(), until));
    }
}

struct Bench {
    vendor: Arc<Scripted>,
    log: Arc<Log>,
    dispatcher: Arc<Dispatcher>,
    cancel: CancellationToken,
}

fn bench_with(vendor: Scripted, log: Log, rate: u32) -> Bench {
    let policy =
        RetryPolicy { attempts: 5, malformed_attempts: 2, base: Duration::from_secs(1), cap: Duration::from_mins(5) };
    let (vendor, log) = (Arc::new(vendor), Arc::new(log));
    let limiter = Arc::new(Limiter::new(RateLimit::PerMinute(rate), TIMEOUT));
    let clock = Arc::new(FixedClock::at(Ts(1_700_000_000_000)));
    let dispatcher = Dispatcher::new(vendor.clone(), limiter, policy, log.clone(), clock, Arc::default(), 1);
    Bench { vendor, log, dispatcher: Arc::new(dispatcher), cancel: CancellationToken::new() }
}

fn bench(faults: impl IntoIterator<Item = Fault>) -> Bench {
    bench_with(Scripted::new(faults), Log::default(), 1_000)
}

impl Bench {
    async fn page(&self) -> Result<(Page, Attempt), Fault> {
        self.dispatcher.aggregates(&query(), None, &self.cancel).await
    }

    fn calls(&self) -> usize {
        self.vendor.calls.lock().unwrap().len()
    }
}

fn query() -> AggregateQuery {
    testing::query("TEST", Timeframe::M5, Interval::new(Ts(0), Ts(300_000)))
}

fn fault(class: Class) -> Fault {
    Fault { status: Some(599), ..Fault::new(class, "scripted") }
}

#[tokio::test(start_paused = true)]
async fn a_page_comes_with_its_attempt_and_is_not_recorded() {
    let b = bench([]);
    let (_, attempt) = b.page().await.unwrap();
    assert_eq!((attempt.number, attempt.status, attempt.query_count, attempt.bytes), (1, Some(200), Some(3), 100));
    assert_eq!((attempt.endpoint, attempt.ticker.as_deref()), ("aggregates", Some("TEST")));
    assert!(b.log.attempts.lock().unwrap().is_empty());
    b.dispatcher.market_status(&b.cancel).await.unwrap();
    assert_eq!(b.log.attempts.lock().unwrap()[0].endpoint, "market_status");
}

#[tokio::test(start_paused = true)]
async fn transient_faults_are_tried_five_times_and_written_down() {
    let b = bench(vec![fault(Class::Transient); 9]);
    assert_eq!(b.page().await.unwrap_err().class, Class::Transient);
    assert_eq!(b.calls(), 5);
    let numbers: Vec<u32> = b.log.attempts.lock().unwrap().iter().map(|a| a.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(b.log.waits.lock().unwrap().len(), 4);
    let counters = b.dispatcher.counters();
    assert_eq!((counters.total_requests, counters.retries, counters.failures, counters.in_flight), (5, 4, 5, 0));
    let (_, attempt) = b.page().await.unwrap();
    assert_eq!(attempt.number, 5, "the four faults left, then success");
}

#[tokio::test(start_paused = true)]
async fn each_class_is_tried_as_often_as_it_deserves() {
    for (class, want) in [
        (Class::Transient, 5),
        (Class::Malformed, 2),
        (Class::Permanent, 1),
        (Class::NotEntitled, 1),
        (Class::PlanWindow, 1),
        (Class::TooEarly, 1),
        (Class::Auth, 1),
        (Class::RateLimited, 5),
    ] {
        let b = bench(vec![fault(class); 9]);
        assert_eq!(b.page().await.unwrap_err().class, class);
        assert_eq!(b.calls(), want, "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_waits_for_the_oldest_place_and_retry_after_is_obeyed() {
    let limited = Fault { retry_after: Some(Duration::from_secs(7)), ..fault(Class::RateLimited) };
    let b = bench([limited, fault(Class::RateLimited)]);
    let start = Instant::now();
    b.page().await.unwrap();
    let at: Vec<f64> = b.vendor.calls.lock().unwrap().iter().map(|t| (*t - start).as_secs_f64()).collect();
    assert!((7.0..7.1).contains(&at[1]), "{at:?}");
    // The second named no time: until the place of the first request is free.
    assert!((60.0..60.1).contains(&at[2]), "{at:?}");
    assert_eq!(b.dispatcher.counters().rate_limited_count, 2);
    assert!(b.log.waits.lock().unwrap().iter().all(|(why, _)| why.contains("429")));
}

#[tokio::test(start_paused = true)]
async fn after_a_401_nothing_is_asked_any_more() {
    let b = bench_with(Scripted::new([fault(Class::Auth)]), Log::default(), 1);
    // Two callers: the second waits for a token when the first learns that the key is refused.
    let start = Instant::now();
    let (first, second) = tokio::join!(b.page(), b.page());
    assert_eq!((first.unwrap_err().class, second.unwrap_err().class), (Class::Auth, Class::Auth));
    assert_eq!(b.page().await.unwrap_err().message, "scripted");
    assert_eq!(b.calls(), 1);
    assert!(start.elapsed() < Duration::from_secs(1), "the waiting call ends at once");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_waits_but_lets_a_request_under_way_answer() {
    let slow = Scripted { latency: Duration::from_millis(6_900), ..Scripted::default() };
    let b = bench_with(slow, Log::default(), 1_000);
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(b.dispatcher.counters().in_flight, 1);
        b.cancel.cancel();
    };
    let (page, ()) = tokio::join!(b.page(), cancel);
    assert!(page.is_ok(), "its page is paid for");
    assert_eq!(b.page().await.unwrap_err().class, Class::Cancelled);
    assert_eq!(b.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_given_up_and_keeps_its_place() {
    let hangs = Scripted { latency: Duration::from_mins(50), ..Scripted::default() };
    let b = bench_with(hangs, Log::default(), 1_000);
    let start = Instant::now();
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        b.cancel.cancel();
    };
    let (page, ()) = tokio::join!(b.page(), cancel);
    assert_eq!(page.unwrap_err().class, Class::Cancelled);
    assert_eq!((start.elapsed(), b.calls()), (Duration::from_secs(5) + GRACE, 1));
    assert_eq!(b.dispatcher.counters().in_flight, 0);
    // Without an answer the place is taken until a window after the request's deadline.
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(b.dispatcher.usual.limiter.snapshot().used, 1, "no answer has freed it");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_the_wait_for_a_retry() {
    let long = Fault { retry_after: Some(Duration::from_secs(200)), ..fault(Class::Transient) };
    let b = bench([long]);
    let start = Instant::now();
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        b.cancel.cancel();
    };
    let (page, ()) = tokio::join!(b.page(), cancel);
    assert_eq!(page.unwrap_err().class, Class::Cancelled);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_no_request_is_made() {
    let b = bench_with(Scripted::default(), Log { broken: true, ..Log::default() }, 5);
    assert_eq!(b.page().await.unwrap_err().class, Class::Journal);
    assert_eq!(b.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn splits_follow_pages_and_come_once() {
    let split = |date: &str, from, to| Split { date: date.parse().unwrap(), from, to };
    // Two of one date contradict each other; both come, in one order whatever the vendor's is.
    let splits = vec![
        split("2024-06-10", 1.0, 10.0),
        split("2024-06-10", 1.0, 4.0),
        split("2020-08-31", 1.0, 4.0),
        split("2024-06-10", 1.0, 10.0),
    ];
    let vendor = Scripted { splits, ..Scripted::default() };
    vendor.pages_of_splits.lock().unwrap().extend([Some(Cursor("a".to_owned())), Some(Cursor("b".to_owned())), None]);
    let b = bench_with(vendor, Log::default(), 1_000);
    let tickers = ["B".to_owned(), "A".to_owned()];
    let splits = b.dispatcher.splits(&tickers, &b.cancel).await.unwrap();
    let found: Vec<_> = splits.iter().map(|(t, s)| (t.as_str(), s.date.to_string(), s.to)).collect();
    let one =
        |t| [(t, "2020-08-31".to_owned(), 4.0), (t, "2024-06-10".to_owned(), 4.0), (t, "2024-06-10".to_owned(), 10.0)];
    assert_eq!(found, [one("A"), one("B")].concat());
    let bytes: Vec<u64> = b.log.attempts.lock().unwrap().iter().map(|attempt| attempt.bytes).collect();
    assert_eq!(bytes, [50, 50, 50], "each page is recorded with its size");
    assert!(b.dispatcher.splits(&[], &b.cancel).await.unwrap().is_empty());
    assert_eq!(b.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn endless_splits_end() {
    let vendor = Scripted::default();
    let a = || Some(Cursor("a".to_owned()));
    vendor.pages_of_splits.lock().unwrap().extend([a(), a(), a(), a()]);
    let b = bench_with(vendor, Log::default(), 1_000);
    assert_eq!(b.dispatcher.splits(&["A".to_owned()], &b.cancel).await.unwrap_err().class, Class::Malformed);
}

#[test]
fn tickers_are_grouped_to_fit_a_url() {
    let many: Vec<String> = (0..1_000).map(|n| format!("T{n}")).collect();
    let sizes: Vec<usize> = groups(&many).map(<[String]>::len).collect();
    assert_eq!(sizes, [250; 4]);
    let long = vec!["X".repeat(2_000); 3];
    assert_eq!(groups(&long).count(), 3);
    assert_eq!(groups(&["Y".repeat(9_000)]).count(), 1);
    assert_eq!(groups(&[]).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn tasks_share_one_limit() {
    let b = bench_with(Scripted::default(), Log::default(), 1);
    let start = Instant::now();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (dispatcher, cancel) = (Arc::clone(&b.dispatcher), b.cancel.clone());
            tokio::spawn(async move {
                let q = query();
                dispatcher.aggregates(&q, None, &cancel).await.unwrap();
                dispatcher.splits(&["A".to_owned()], &cancel).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(b.calls(), 6);
    assert!(start.elapsed() >= Duration::from_mins(5), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_its_time() {
    let never = Scripted { latency: Duration::from_hours(1), ..Scripted::default() };
    let b = bench_with(never, Log::default(), 1_000);
    let start = Instant::now();
    let fault = b.page().await.unwrap_err();
    assert_eq!((fault.class, b.calls()), (Class::Transient, 5));
    assert!(start.elapsed() >= TIMEOUT * 5 && start.elapsed() < TIMEOUT * 6, "{:?}", start.elapsed());
    assert!(fault.message.starts_with("the vendor took too long"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_page_found_wrong_counts_as_malformed() {
    let b = bench([]);
    let (_, attempt) = b.page().await.unwrap();
    b.dispatcher.reject(attempt, &Fault::malformed("its counts do not agree")).await;
    let counters = b.dispatcher.counters();
    assert_eq!((counters.total_requests, counters.failures, counters.malformed), (1, 1, 1));
    assert_eq!(b.log.attempts.lock().unwrap()[0].fault.as_ref().unwrap().class, Class::Malformed);
}

#[tokio::test(start_paused = true)]
async fn a_ticker_is_looked_up_within_the_limit_and_written_down() {
    let b = bench([fault(Class::Transient)]);
    let found = b.dispatcher.ticker(Source::Massive, "TEST", &b.cancel).await.unwrap().unwrap();
    assert_eq!(found.ticker, "TEST");
    assert_eq!(b.dispatcher.ticker(Source::Massive, "NOSUCH", &b.cancel).await.unwrap(), None);
    let attempts = b.log.attempts.lock().unwrap();
    let told: Vec<_> = attempts.iter().map(|a| (a.endpoint, a.ticker.as_deref(), a.status, a.rows)).collect();
    let want = [
        ("ticker", Some("TEST"), Some(599), 0),
        ("ticker", Some("TEST"), Some(200), 1),
        ("ticker", Some("NOSUCH"), Some(404), 0),
    ];
    assert_eq!(told, want);
}

#[tokio::test(start_paused = true)]
async fn every_answer_tells_the_vendors_clock() {
    let told = Some(Ts(1_700_000_090_000));
    let late = Fault { server_time: told, ..fault(Class::NotEntitled) };
    let b = bench_with(Scripted { server_time: told, ..Scripted::new([late]) }, Log::default(), 1_000);
    assert_eq!(b.dispatcher.counters().clock_skew_ms, None);
    b.page().await.unwrap_err();
    assert_eq!(b.log.attempts.lock().unwrap()[0].server_time, told);
    // The middle of the second that the vendor named.
    assert_eq!(b.dispatcher.counters().clock_skew_ms, Some(-90_500));
    assert_eq!(b.page().await.unwrap().1.server_time, told);
    b.dispatcher.market_status(&b.cancel).await.unwrap();
    assert_eq!(b.log.attempts.lock().unwrap()[1].server_time, told);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_or_one_without_a_date_tells_no_clock() {
    let slow = Scripted { latency: Duration::from_mins(1) - Duration::from_millis(1), ..Scripted::default() };
    for vendor in [Scripted { server_time: Some(Ts(0)), ..slow }, Scripted::default()] {
        let b = bench_with(vendor, Log::default(), 1_000);
        b.page().await.unwrap();
        assert_eq!(b.dispatcher.counters().clock_skew_ms, None);
    }
}
