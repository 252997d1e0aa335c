//! Dividends: when they are asked for and what for, and what a vendor without them costs.

use barkeep::market::testing;
use std::time::Duration;

use barkeep::config::RateLimit;
use barkeep::market::Timeframe;
use barkeep::market::dividend::Dividend;
use barkeep::pipeline::{Backfill, dividends};
use barkeep::service::Service;
use barkeep::sim::{Payment, SimConfig};
use barkeep::store::{Store, SymbolRow};
use barkeep::vendor::{Class, Fault};
use tokio_util::sync::CancellationToken;

use crate::support::engine::TestEngine;
use crate::support::rig::{Rig, Wall, settings};
use crate::support::rows;
use crate::support::scripted::{Call, Scripted};

fn dividend(ex_date: &str, cash_amount: f64) -> Dividend {
    testing::dividend(ex_date.parse().unwrap(), cash_amount)
}

const SYMBOLS: [&str; 3] = ["AAPL", "KO", "SPY"];

async fn tracked(rig: &Rig) {
    let rows: Vec<SymbolRow> = SYMBOLS.iter().map(|name| rows::symbol(name, &[Timeframe::D1])).collect();
    rig.store.put_symbols(&rows).await.unwrap();
}

fn asked(rig: &Rig) -> usize {
    rig.vendor.calls().iter().filter(|call| call.endpoint == "dividends").count()
}

#[tokio::test(start_paused = true)]
async fn all_symbols_are_one_request_a_day() {
    let clock = Wall::at("2024-06-03T12:00:00Z");
    let listed = vec![
        ("AAPL".to_owned(), dividend("2024-05-10", 0.25)),
        ("KO".to_owned(), dividend("2024-03-14", 0.485)),
        ("KO".to_owned(), dividend("2022-03-14", 0.44)),
    ];
    let vendor = Scripted::of(&SYMBOLS, clock.clone()).paying(listed.clone());
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock.clone()).await;
    tracked(&rig).await;
    let stop = CancellationToken::new();
    assert_eq!(dividends::refresh(&rig.engine, &stop).await.unwrap(), 3);
    assert_eq!(asked(&rig), 1);
    let ko = rig.store.dividends(&"KO".parse().unwrap()).await.unwrap();
    assert_eq!(ko, [listed[2].1.clone(), listed[1].1.clone()]);
    assert_eq!(dividends::refresh(&rig.engine, &stop).await.unwrap(), 0, "they are known for today");
    assert_eq!(asked(&rig), 1);

    // The next day only the newest are asked for, and the older ones stay.
    tokio::time::sleep(Duration::from_hours(25)).await;
    assert_eq!(dividends::refresh(&rig.engine, &stop).await.unwrap(), 3);
    assert_eq!(asked(&rig), 2);
    assert_eq!(rig.store.dividends(&"KO".parse().unwrap()).await.unwrap(), ko);
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_refuses_costs_one_request_a_day_and_no_run() {
    let clock = Wall::at("2024-06-03T12:00:00Z");
    for class in [Class::NotEntitled, Class::Permanent] {
        let refusal = move |call: &Call| (call.endpoint == "dividends").then(|| Fault::new(class, "not in your plan"));
        let vendor = Scripted::of(&SYMBOLS, clock.clone()).failing(refusal);
        let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock.clone()).await;
        tracked(&rig).await;
        let known = dividend("2024-05-10", 0.25);
        rig.store
            .put_dividends(&[("AAPL".parse().unwrap(), vec![known.clone()])], barkeep::market::Ts(0))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        for _ in 0..3 {
            assert_eq!(dividends::refresh(&rig.engine, &stop).await.unwrap(), 0);
        }
        // Those never asked about, and the one whose time had come.
        assert_eq!(asked(&rig), 2);
        assert_eq!(rig.store.dividends(&"AAPL".parse().unwrap()).await.unwrap(), [known], "what is known stays");
        let mut wish = Backfill::new(
            barkeep::pipeline::select::Selection { symbols: vec!["KO".parse().unwrap()], ..Default::default() },
            barkeep::config::Mode::Pipeline,
            barkeep::store::Trigger::Cli,
        );
        wish.newest_only = true;
        assert!(rig.run(&wish).await.is_ok());
        assert_eq!(asked(&rig), 2, "a run never asks");
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_asks_with_its_daily_full_check() {
    let clock = Wall::at("2024-06-03T01:30:00Z");
    let vendor = Scripted::of(&SYMBOLS, clock.clone()).paying(vec![("AAPL".to_owned(), dividend("2024-05-10", 0.25))]);
    let mut settings = settings(RateLimit::PerMinute(60));
    settings.backfill.history = Duration::from_hours(48);
    let rig = Rig::new(vendor, settings, clock.clone()).await;
    tracked(&rig).await;
    let (service, _handle) = Service::new(rig.engine.clone(), None);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let task = tokio::spawn(async move { service.run(stop).await.unwrap() });
    tokio::time::sleep(Duration::from_hours(3)).await;
    assert_eq!(asked(&rig), 1);
    assert_eq!(rig.store.dividends(&"AAPL".parse().unwrap()).await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_hours(48)).await;
    assert_eq!(asked(&rig), 3);
    shutdown.cancel();
    task.await.unwrap();
}

/// Over HTTP and into a file: the close before an ex-date may come before the dividend or after it.
#[tokio::test]
async fn a_total_return_follows_the_close_before_the_ex_date() {
    let payment = |date: &str| Payment { ex_date: date.parse().unwrap(), amount: 2.5 };
    let listed = ["2024-02-09", "2024-05-10"].map(|date| ("AAPL".to_owned(), payment(date)));
    let vendor = SimConfig { dividends: listed.to_vec(), ..SimConfig::default() };
    let engine = TestEngine::open("2024-06-03T12:00:00Z", vendor).await;
    engine.fill(&["AAPL"], "1d", "2024-05-01").await;
    dividends::refresh(&engine.engine().await, &CancellationToken::new()).await.unwrap();
    let symbol = "AAPL".parse().unwrap();
    let left = |factors: Vec<barkeep::market::dividend::PriceFactors>| -> Vec<f64> {
        factors.iter().map(|f| f.dividend).collect()
    };
    let day = |bars: &[barkeep::store::StoredBar], date: &str| {
        bars.iter().find(|b| b.bar.ts.ny_date().to_string() == date).unwrap().bar.close
    };
    let may = 1.0 - 2.5 / day(&engine.bars("AAPL", "1d").await, "2024-05-09");
    assert_eq!(
        left(engine.store.price_factors(&symbol).await.unwrap()),
        [1.0, may],
        "nothing is known before February"
    );
    engine.fill(&["AAPL"], "1d", "2024-02-01").await;
    let february = 1.0 - 2.5 / day(&engine.bars("AAPL", "1d").await, "2024-02-08");
    assert_eq!(left(engine.store.price_factors(&symbol).await.unwrap()), [february, february * may]);
    assert_eq!(engine.sim.log().iter().filter(|r| r.target.contains("dividends")).count(), 1);
}
