use std::time::Duration;

use super::*;
use crate::events::Silent;
use barkeep_base::clock::FixedClock;
use barkeep_market::{Criticality, Timeframe};
use barkeep_store::WriteOutcome;

fn progress() -> RunProgress {
    let run = RunInfo { execution_id: Uuid::nil(), trigger: Trigger::Manual, mode: Mode::Pipeline };
    RunProgress::new(&run, Arc::new(FixedClock::at(Ts(1_000))), Arc::new(Silent))
}

fn info(symbol: &str, pages: u64) -> ItemInfo {
    ItemInfo {
        symbol: Some(symbol.parse().unwrap()),
        ticker: Some(symbol.to_owned()),
        timeframe: Some(Timeframe::M5),
        derives: vec![Timeframe::H1],
        criticality: Criticality::Low,
        pages,
    }
}

fn planned(requests: u64, items: usize) -> Event {
    Event::Planned { requests, lower_bound: requests, items, estimated_seconds: 3.0 }
}

fn ended(status: Option<u16>, class: Option<Class>) -> Event {
    Event::Ended(Box::new(Attempt {
        endpoint: "aggregates",
        ticker: Some("AAPL".to_owned()),
        timeframe: None,
        asked: None,
        number: 1,
        started_at: Ts(0),
        latency: Duration::ZERO,
        rows: 0,
        query_count: None,
        bytes: 0,
        status,
        request_id: None,
        server_time: None,
        fault: class.map(|class| barkeep_vendor::Fault::new(class, "no")),
    }))
}

fn committed(item: u64, timeframe: Timeframe, done: f64) -> Event {
    let outcome = WriteOutcome { inserted: 5, ..WriteOutcome::default() };
    Event::Committed { item: Some(item), symbol: "AAPL".parse().unwrap(), timeframe, received: 50, outcome, done }
}

#[test]
fn an_item_is_running_only_once_its_token_is_taken_and_full_only_once_verified() {
    let run = progress();
    run.on_event(planned(2, 1));
    run.on_event(Event::Started { item: 7, info: info("AAPL", 2) });
    let state = || run.item(7).unwrap().state;
    assert!(matches!(state(), ItemState::Waiting { until: None, .. }));
    let wait = Duration::from_secs(4);
    run.on_event(Event::Waiting { ticker: Some("AAPL".into()), why: "503".into(), wait, retry: Some(2) });
    assert_eq!(state(), ItemState::Waiting { why: "503".into(), until: Some(Ts(5_000)), retry: Some(2) });
    // When the retry then waits for its token it is still that retry, for the same fault.
    let token = Duration::from_secs(11);
    run.on_event(Event::Waiting { ticker: Some("AAPL".into()), why: "rate limit".into(), wait: token, retry: None });
    assert_eq!(state(), ItemState::Waiting { why: "503".into(), until: Some(Ts(12_000)), retry: Some(2) });
    run.on_event(Event::Requested { ticker: Some("AAPL".into()), attempt: 2 });
    assert_eq!(state(), ItemState::Fetching { attempt: 2 });
    run.on_event(ended(Some(200), None));
    run.on_event(Event::PageFetched { item: 7, done: 0.5, more: true });
    run.on_event(committed(7, Timeframe::M5, 0.5));
    run.on_event(committed(7, Timeframe::H1, 0.5));
    let view = run.view();
    assert_eq!((view.requests_answered, view.requests_left, view.percent()), (1, 1, 50.0));
    assert_eq!((view.rows, view.written, view.not_before), (50, 10, Some(Ts(4_000))));
    assert!(view.items[0].done < 1.0 && view.items[0].pages_done == 1);
    run.on_event(Event::Finished { item: 7 });
    let view = run.view();
    assert_eq!((view.items[0].done, view.items[0].state.clone()), (1.0, ItemState::Verified));
    assert_eq!((view.items_done, view.items_planned, view.requests_left), (1, 1, 0));
}

#[test]
fn a_failed_item_is_never_full_and_leaves_nothing_to_wait_for() {
    let run = progress();
    run.on_event(planned(3, 2));
    run.on_event(Event::Started { item: 1, info: info("AAPL", 2) });
    run.on_event(committed(1, Timeframe::M5, 1.0));
    let series = vec![("AAPL".parse().unwrap(), Timeframe::M5)];
    run.on_event(Event::Failed { item: 1, series, reason: "no".into() });
    let view = run.view();
    assert!(view.items[0].done < 1.0);
    assert_eq!((view.items_failed, view.series_failed, view.requests_left), (1, 1, 1));
}

#[test]
fn a_refusal_is_an_answer_and_a_lost_connection_is_none() {
    let run = progress();
    run.on_event(ended(Some(429), Some(Class::RateLimited)));
    run.on_event(ended(None, Some(Class::Transient)));
    let totals = run.totals();
    assert_eq!((totals.requests, totals.answered, totals.rate_limited), (2, 1, 1));
}

#[test]
fn pages_left_follow_the_share_answered_within_what_the_plan_allows() {
    // A quarter of the range in one page: three more.
    assert_eq!(pages_left(1, 10, 0.25), 3);
    // A plan is at most: two pages of three never leave two.
    assert_eq!(pages_left(2, 3, 0.5), 1);
    // Past the plan only the rate counts, and while a page follows there is one.
    assert_eq!(pages_left(4, 2, 0.5), 4);
    assert_eq!(pages_left(4, 2, 1.0), 1);
    // A page without bars says nothing about the rate.
    assert_eq!(pages_left(1, 5, 0.0), 4);
}
