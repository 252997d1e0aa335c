//! One pair is one symbol, a name without a bar is asked for, and a symbol that ended is complete.

use std::sync::Arc;
use std::time::Duration;

use barkeep::config::{Mode, RateLimit};
use barkeep::market::{AssetClass, Timeframe, Ts};
use barkeep::pipeline::select::Selection;
use barkeep::pipeline::{Backfill, Summary};
use barkeep::store::{ExecutionStatus, ListingState, RequestFilter, RequestPurpose, Store, SymbolRow, Trigger};
use barkeep::vendor::{Class, Fault, TickerDetails};
use chrono::NaiveDate;

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Scripted, made_up};

const DAY: Duration = Duration::from_hours(24);

fn on(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn rig(vendor: impl FnOnce(Scripted) -> Scripted, tickers: &[&str], now: &str) -> Rig {
    let clock = Wall::at(now);
    let mut settings = settings(RateLimit::Unlimited);
    settings.vendor.grouped_daily = false;
    Rig::new(vendor(Scripted::of(tickers, clock.clone())), settings, clock).await
}

/// Days of some symbols.
fn days(symbols: &[&str], class: Option<AssetClass>, from: &str, to: &str) -> Backfill {
    let selection = Selection {
        symbols: symbols.iter().map(|s| s.parse().unwrap()).collect(),
        timeframes: Some(vec![Timeframe::D1]),
        from: Some(from.parse().unwrap()),
        to: Some(to.parse().unwrap()),
        class,
        ..Selection::default()
    };
    Backfill::new(selection, Mode::Sequential, Trigger::Cli)
}

async fn symbol(rig: &Rig) -> SymbolRow {
    let mut rows = rig.store.symbols().await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

fn asked(rig: &Rig, endpoint: &str) -> usize {
    rig.vendor.calls().iter().filter(|call| call.endpoint == endpoint).count()
}

fn reasons(summary: &Summary) -> Vec<&str> {
    summary.unfinished.iter().map(|u| u.reason.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_spelling_of_a_pair_is_one_symbol_and_one_request() {
    let rig = rig(|v| v, &["X:BTCUSD"], "2024-06-20T15:00:00Z").await;
    let names = ["BTC-USD", "BTC", "BTC/USD", "btcusd", "X:BTCUSD"];
    let summary = rig.run(&days(&names, None, "2024-06-03", "2024-06-14")).await.unwrap();
    assert_eq!((summary.status, summary.series_total, asked(&rig, "aggregates")), (ExecutionStatus::Completed, 1, 1));
    let row = symbol(&rig).await;
    assert_eq!(
        (row.symbol.as_str(), row.asset_class, row.vendor_ticker.as_str()),
        ("BTC", AssetClass::Crypto, "X:BTCUSD")
    );
    // Later under any name, and never as another class of the same name.
    rig.run(&days(&["X:BTCUSD"], None, "2024-06-03", "2024-06-14")).await.unwrap();
    assert_eq!((asked(&rig, "aggregates"), symbol(&rig).await.symbol.as_str()), (1, "BTC"));
    let refused = rig.run(&days(&["BTC-USD"], Some(AssetClass::Stock), "2024-06-03", "2024-06-14")).await.unwrap_err();
    assert!(refused.to_string().contains("BTC is registered as crypto, not as stock"), "{refused}");
    let refused = rig.run(&days(&["I:SPX"], None, "2024-06-03", "2024-06-14")).await.unwrap_err();
    assert!(refused.to_string().contains("'I:SPX' is an index"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_asked_for_once_and_told_each_time() {
    let rig = rig(|v| v, &["BRK.B"], "2024-06-20T15:00:00Z").await;
    let wanted = days(&["BRK-B"], None, "2024-06-03", "2024-06-14");
    let summary = rig.run(&wanted).await.unwrap();
    assert_eq!(reasons(&summary), ["the vendor knows no ticker BRK-B; did you mean BRK.B?"]);
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Failed, 0));
    assert_eq!(symbol(&rig).await.listing.state, ListingState::Unknown);
    let rows = rig.store.requests(&RequestFilter { ticker: Some("BRK-B".into()), execution: None }, 10).await.unwrap();
    let purpose = |endpoint: &str| rows.iter().find(|row| row.endpoint == endpoint).map(|row| row.purpose);
    assert_eq!(purpose("ticker"), Some(RequestPurpose::Lookup));
    assert_eq!(purpose("aggregates"), Some(RequestPurpose::Backfill));

    let once = asked(&rig, "ticker");
    assert_eq!(reasons(&rig.run(&wanted).await.unwrap()), ["the vendor knows no ticker BRK-B"]);
    assert_eq!(asked(&rig, "ticker"), once, "asked again within a day");
    tokio::time::advance(DAY).await;
    rig.run(&wanted).await.unwrap();
    assert!(asked(&rig, "ticker") > once);
}

#[tokio::test(start_paused = true)]
async fn too_few_sessions_are_no_question() {
    let rig = rig(|v| v, &["BRK.B"], "2024-06-20T15:00:00Z").await;
    let summary = rig.run(&days(&["BRK-B"], None, "2024-06-10", "2024-06-13")).await.unwrap();
    assert_eq!((asked(&rig, "ticker"), summary.status), (0, ExecutionStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_vendor_without_reference_data_leaves_the_name_unchecked() {
    let refusing = |v: Scripted| {
        v.failing(|call| (call.endpoint == "ticker").then(|| Fault::new(Class::Permanent, "404 page not found")))
    };
    let rig = rig(refusing, &[], "2024-06-20T15:00:00Z").await;
    let summary = rig.run(&days(&["BRK-B", "QQQQ"], None, "2024-06-03", "2024-06-14")).await.unwrap();
    let told = [
        "the vendor has no bar for BRK-B in this range; did you mean BRK.B?",
        "the vendor has no bar for QQQQ in this range",
    ];
    assert_eq!(reasons(&summary), told);
    assert_eq!(asked(&rig, "ticker"), 1, "what it does not say of one name it says of none");
    assert!(rig.store.symbols().await.unwrap().iter().all(|row| row.listing.state == ListingState::Unchecked));
}

fn details(ticker: &str, listed: &str, ended: Option<&str>, figi: &str) -> TickerDetails {
    TickerDetails {
        ticker: ticker.to_owned(),
        name: "Example Corp".to_owned(),
        market: "stocks".to_owned(),
        kind: Some("CS".to_owned()),
        active: ended.is_none(),
        listed_on: Some(on(listed)),
        delisted_on: ended.map(on),
        currency: None,
        composite_figi: Some(figi.to_owned()),
    }
}

/// A stock that traded up to a day.
fn until(day: &str) -> impl Fn(&str, Ts) -> Option<barkeep::market::Bar> + use<> {
    let end = AssetClass::Stock.midnight(on(day).succ_opt().unwrap());
    move |ticker, t| made_up(ticker, t).filter(|_| t < end || ticker != "OLD")
}

#[tokio::test(start_paused = true)]
async fn a_delisted_symbol_is_complete_up_to_its_last_day() {
    let delisted = details("OLD", "2010-01-04", Some("2024-05-17"), "F1");
    let ending = |v: Scripted| v.telling(until("2024-05-16")).describing(vec![delisted]);
    let rig = rig(ending, &["OLD"], "2024-06-20T15:00:00Z").await;
    let summary = rig.run(&days(&["OLD"], None, "2024-05-01", "2024-06-14")).await.unwrap();
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    assert_eq!(summary.notes, ["OLD was delisted on 2024-05-16; its bars end there"]);
    let listing = symbol(&rig).await.listing;
    assert_eq!(
        (listing.state, listing.ended_on, listing.listed_on),
        (ListingState::Delisted, Some(on("2024-05-16")), Some(on("2010-01-04")))
    );

    // After the end nothing is asked, and nothing is missing.
    let calls = rig.vendor.calls().len();
    let later = rig.run(&days(&["OLD"], None, "2024-05-20", "2024-06-19")).await.unwrap();
    assert_eq!((later.status, later.gaps_left, later.requests), (ExecutionStatus::Completed, 0, 0), "{later:?}");
    assert_eq!(rig.vendor.calls().len(), calls);
    // Before it history is asked as ever.
    let before = rig.run(&days(&["OLD"], None, "2024-04-01", "2024-06-19")).await.unwrap();
    assert!(before.bars_written > 15 && before.status == ExecutionStatus::Completed, "{before:?}");
}

#[tokio::test(start_paused = true)]
async fn a_renamed_symbol_names_its_successor() {
    let known = vec![
        details("OLD", "2010-01-04", Some("2024-05-16"), "F1"),
        details("OTHER", "2010-01-04", None, "F2"),
        details("NEW", "2010-01-04", None, "F1"),
    ];
    let rig =
        rig(|v: Scripted| v.telling(until("2024-05-16")).describing(known), &["OLD"], "2024-06-20T15:00:00Z").await;
    let summary = rig.run(&days(&["OLD"], None, "2024-05-01", "2024-06-14")).await.unwrap();
    assert_eq!(
        summary.notes,
        ["OLD was renamed to NEW after 2024-05-16; its bars end there, and NEW is a separate symbol"]
    );
    let listing = symbol(&rig).await.listing;
    assert_eq!((listing.state, listing.renamed_to), (ListingState::Renamed, Some("NEW".parse().unwrap())));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_listed_yet_is_told_with_the_day() {
    let later = details("NEWCO", "2024-06-17", None, "F1");
    let rig = rig(|v: Scripted| v.telling(|_, _| None).describing(vec![later]), &[], "2024-06-20T15:00:00Z").await;
    let summary = rig.run(&days(&["NEWCO"], None, "2024-05-01", "2024-06-14")).await.unwrap();
    assert_eq!(summary.notes, ["NEWCO was not listed before 2024-06-17; there is nothing to fetch in this range"]);
    assert_eq!(summary.status, ExecutionStatus::Completed);
    let again = rig.run(&days(&["NEWCO"], None, "2024-04-01", "2024-06-14")).await.unwrap();
    assert_eq!((again.requests, again.status), (0, ExecutionStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn two_names_of_one_pair_from_an_old_database_stay_readable() {
    let rig = rig(|v| v, &["X:BTCUSD"], "2024-06-20T15:00:00Z").await;
    let pair = |name: &str| SymbolRow {
        asset_class: AssetClass::Crypto,
        vendor_ticker: "X:BTCUSD".to_owned(),
        ..crate::support::rows::symbol(name, &[Timeframe::D1])
    };
    rig.store.put_symbols(&[pair("BTC"), pair("BTC-USD")]).await.unwrap();
    let summary = rig.run(&days(&["BTC", "BTC-USD"], None, "2024-06-03", "2024-06-14")).await.unwrap();
    assert_eq!((summary.status, summary.series_total), (ExecutionStatus::Completed, 2));
    let series = rig.store.series().await.unwrap();
    assert!(series.iter().all(|row| row.bar_count == 12), "{series:?}");
    let store: Arc<dyn Store> = rig.store.clone();
    let [kept, double] = ["BTC", "BTC-USD"].map(|name| name.parse().unwrap());
    let merged = store.merge_symbol(&double, &kept, true, Ts(0)).await.unwrap();
    assert_eq!((merged.len(), merged[0].equal, merged[0].moved), (1, 12, 0));
    assert_eq!(symbol(&rig).await.symbol, kept);
}
