//! What raises no alert: an hour of ordinary starts, stops and first backfills, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Scripted, made_up};
use barkeep::alerts::{DatabaseHealth, Notifier};
use barkeep::base::clock::Clock;
use barkeep::base::log::Tail;
use barkeep::config::{Environment, RateLimit, Settings, alert_secrets};
use barkeep::market::freshness::Tier;
use barkeep::market::{AssetClass, Criticality, Timeframe};
use barkeep::pipeline::select::Selection;
use barkeep::runtime::console::Console as _;
use barkeep::runtime::runtime::{Runtime, RuntimeParts};
use barkeep::service::handle::{EngineCommand, TriggerScope};
use barkeep::store::{CriticalitySource, Listing, Store as _, SymbolRow, Trigger};

async fn host(rig: &Rig) -> Runtime {
    let alerts = &rig.engine.config.current().settings.alerts;
    let secrets = alert_secrets(alerts, &Environment::default()).unwrap();
    Runtime::start(RuntimeParts {
        engine: rig.engine.clone(),
        reload: None,
        notifier: Notifier::start(alerts, &secrets).unwrap(),
        database: Arc::new(DatabaseHealth::default()),
        tail: Tail::default(),
        by: "test".to_owned(),
    })
    .await
    .unwrap()
}

fn tracked(symbol: &str, added_at: barkeep::market::Ts) -> SymbolRow {
    SymbolRow {
        symbol: symbol.parse().unwrap(),
        asset_class: AssetClass::Crypto,
        vendor_ticker: format!("X:{symbol}USD"),
        vendor: barkeep::market::Source::Massive,
        criticality: Criticality::Critical,
        criticality_source: CriticalitySource::Policy,
        timeframes: vec![Timeframe::M5, Timeframe::H1],
        active: true,
        paused: false,
        added_at,
        history_from: None,
        listing: Listing::default(),
    }
}

/// Twenty days in pages of 300 base bars at two requests a minute: more than an hour for three symbols.
fn slow() -> Settings {
    let mut settings = settings(RateLimit::PerMinute(2));
    settings.backfill.history = Duration::from_hours(20 * 24);
    settings
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_starts_stops_and_first_backfills_raises_nothing() {
    let clock = Wall::at("2025-03-05T14:02:00Z");
    let tickers = ["X:BTCUSD", "X:ETHUSD", "X:SOLUSD"];
    let vendor = Scripted::of(&tickers, clock.clone()).telling(made_up).paged(300);
    let rig = Rig::new(vendor, slow(), clock.clone()).await;
    let rows = ["BTC", "ETH", "SOL"].map(|symbol| tracked(symbol, clock.now()));
    rig.store.put_symbols(&rows).await.unwrap();
    let first = host(&rig).await;
    let selection = Selection { symbols: rows.iter().map(|row| row.symbol.clone()).collect(), ..Selection::default() };
    let what = TriggerScope::Selection(selection);
    first.console.order(EngineCommand::Trigger { what, trigger: Trigger::Manual }).await.unwrap();
    tokio::time::sleep(Duration::from_mins(12)).await;
    let tiers = first.console.snapshot().data.tiers;
    assert!(tiers.of(Tier::Loading) > 0, "the first backfill is under way: {tiers:?}");
    assert_eq!(first.console.snapshot().data.rpo.iter().map(|rpo| rpo.breached).sum::<usize>(), 0);
    first.shutdown().cancel();
    first.finish().await.unwrap();

    // Started again in the middle, twice.
    let mut rig = rig;
    for stays in [Duration::from_mins(35), Duration::from_mins(13)] {
        tokio::time::sleep(Duration::from_mins(1)).await;
        rig.store.reopen();
        rig = Rig::on(rig.store.clone(), rig.vendor.clone(), slow(), clock.clone()).await;
        let again = host(&rig).await;
        tokio::time::sleep(stays).await;
        again.shutdown().cancel();
        again.finish().await.unwrap();
    }
    rig.store.reopen();
    let alerts = rig.store.alerts(false, 100).await.unwrap();
    assert!(alerts.is_empty(), "{alerts:#?}");
    // It was no idle hour.
    let series = rig.store.series().await.unwrap();
    assert!(series.iter().all(|row| row.bar_count > 100), "{series:#?}");
}
