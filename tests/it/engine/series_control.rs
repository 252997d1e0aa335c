//! Control of single series through the handle, on a paused clock: one rests, one is cancelled, one gap is filled.

use std::sync::Arc;
use std::time::Duration;

use barkeep::api::types::Command;
use barkeep::base::clock::Moment;
use barkeep::config::{RateLimit, criticality_of, default_class};
use barkeep::market::{Interval, Symbol, Timeframe, Ts};
use barkeep::monitor::explain::explain;
use barkeep::monitor::snapshot::{FreshnessContext, Snapshot};
use barkeep::pipeline::index::series::SeriesIndex;
use barkeep::pipeline::select::Selection;
use barkeep::service::Service;
use barkeep::service::handle::{
    CommandError, CommandReply, EngineCommand, EngineState, ExecutionSelector, Handle, TriggerScope,
};
use barkeep::store::{ExecutionStatus, RequestFilter, SeriesRunState, Store, SymbolRow, Trigger};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use Timeframe::{D1, H1, M5};

use crate::support::rig::{Rig, Wall, settings};
use crate::support::rows;
use crate::support::scripted::Scripted;

/// Low criticality both, so that the schedule looks after them once a day.
const SYMBOLS: [&str; 2] = ["IBM", "ADA"];

fn sym(name: &str) -> Symbol {
    name.parse().unwrap()
}

struct AppContext {
    rig: Rig,
    clock: Arc<Wall>,
    handle: Handle,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl AppContext {
    /// A service over two symbols; `paused` rested already before it started.
    async fn start(per_minute: u32, paused: &[(Symbol, Timeframe)]) -> Self {
        // A Wednesday.
        let clock = Wall::at("2024-06-05T15:00:00Z");
        let mut settings = settings(RateLimit::PerMinute(per_minute));
        settings.backfill.history = Duration::from_hours(72);
        let vendor = Scripted::of(&["IBM", "X:ADAUSD"], clock.clone()).after(Duration::from_millis(200));
        let rig = Rig::new(vendor, settings.clone(), clock.clone()).await;
        let row = |name: &str| {
            let (symbol, asset_class) = (sym(name), default_class(&settings, &sym(name)));
            SymbolRow {
                vendor_ticker: rows::ticker(&symbol, asset_class),
                vendor: barkeep::market::Source::Massive,
                asset_class,
                criticality: criticality_of(&settings, &symbol),
                ..rows::symbol(name, &[M5, H1, D1])
            }
        };
        rig.store.put_symbols(&SYMBOLS.map(row)).await.unwrap();
        rig.store.set_paused(paused, true).await.unwrap();
        let (service, handle) = Service::new(rig.engine.clone(), None);
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { service.run(stop).await.unwrap() });
        Self { rig, clock, handle, shutdown, task }
    }

    async fn order(&self, action: EngineCommand) -> Result<CommandReply, CommandError> {
        self.handle.order(action, "somebody").await
    }

    async fn trigger(&self, selection: Selection) -> Result<CommandReply, CommandError> {
        self.order(EngineCommand::Trigger { what: TriggerScope::Selection(selection), trigger: Trigger::Manual }).await
    }

    async fn idle(&self) {
        let mut watch = self.handle.watch();
        while self.handle.live().state != EngineState::Idle {
            watch.changed().await.unwrap();
        }
    }

    /// The runs that a start brings are ended, so that a test has the engine for itself.
    async fn quiet(&self) {
        let mut watch = self.handle.watch();
        while self.handle.live().runs.is_empty() {
            watch.changed().await.unwrap();
        }
        self.order(EngineCommand::Cancel(ExecutionSelector(None))).await.unwrap();
        self.idle().await;
    }

    async fn bars(&self, name: &str, timeframe: Timeframe) -> Vec<Ts> {
        let series = self.rig.store.series().await.unwrap();
        let id = series.iter().find(|s| s.symbol == sym(name) && s.timeframe == timeframe).unwrap().id;
        self.rig.store.bars(id, (..).into(), None).await.unwrap().iter().map(|b| b.bar.ts).collect()
    }

    /// Requests for bars of one ticker so far, by what they asked for.
    async fn asked(&self, ticker: &str, timeframe: Timeframe) -> usize {
        let filter = RequestFilter { ticker: Some(ticker.to_owned()), execution: None };
        let rows = self.rig.store.requests(&filter, 100_000).await.unwrap();
        rows.iter().filter(|row| row.timeframe == Some(timeframe)).count()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

fn series(name: &str, timeframe: Timeframe) -> (Symbol, Timeframe) {
    (sym(name), timeframe)
}

#[tokio::test(start_paused = true)]
async fn a_series_that_rests_is_asked_by_nobody_until_it_is_woken() {
    let stand = AppContext::start(60, &[series("IBM", D1)]).await;
    // Two days: the start, two daily runs, two sweeps.
    tokio::time::sleep(Duration::from_hours(48)).await;
    assert_eq!((stand.asked("IBM", D1).await, stand.bars("IBM", D1).await.len()), (0, 0));
    assert!(stand.asked("IBM", M5).await > 1 && stand.asked("X:ADAUSD", D1).await > 1, "the rest goes on");

    // The finest timeframe rests: the coarser one still needs its bars, which are kept.
    stand.order(EngineCommand::PauseSeries(vec![series("IBM", M5)])).await.unwrap();
    let before = (stand.asked("IBM", M5).await, stand.bars("IBM", H1).await.len(), stand.bars("IBM", M5).await.len());
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert!(stand.asked("IBM", M5).await > before.0);
    assert!(stand.bars("IBM", H1).await.len() > before.1 && stand.bars("IBM", M5).await.len() > before.2);

    // All of a family rests: nothing is asked for it any more.
    stand.order(EngineCommand::PauseSeries(vec![series("IBM", H1)])).await.unwrap();
    let before = (stand.asked("IBM", M5).await, stand.asked("X:ADAUSD", M5).await);
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert_eq!(stand.asked("IBM", M5).await, before.0);
    assert!(stand.asked("X:ADAUSD", M5).await > before.1);

    // It is told, with who did it and when.
    let (engine, now) = (&stand.rig.engine, Moment::now(&*stand.clock));
    let ibm = sym("IBM");
    let (config, calendar) = (engine.config.current(), engine.calendar.current());
    let bench = FreshnessContext::of(&config, &calendar);
    let snapshot = Snapshot::read(engine.store.as_ref(), bench, now).await.unwrap();
    let resting: Vec<String> =
        snapshot.data.series.iter().filter(|s| s.paused).map(|s| format!("{} {}", s.symbol, s.timeframe)).collect();
    assert_eq!(resting, ["IBM 5m", "IBM 1h", "IBM 1d"]);
    let inventory = SeriesIndex::read(engine.store.as_ref(), now.at).await.unwrap();
    let why = explain(engine.store.as_ref(), &inventory, bench, &ibm, Some(H1), now);
    let blocker = why.await.unwrap().remove(0).blocker;
    assert_eq!((blocker.cause.words(), blocker.by.as_deref()), ("paused", Some("somebody")));
    assert_eq!(blocker.detail.as_deref(), Some("the series"));

    let all_of_it = || Selection { symbols: vec![sym("IBM")], ..Selection::default() };
    let refused = stand.trigger(all_of_it()).await.unwrap_err().to_string();
    assert!(refused.contains("paused"), "{refused}");
    let named = Selection { timeframes: Some(vec![D1]), ..all_of_it() };
    let refused = stand.trigger(named).await.unwrap_err().to_string();
    assert!(refused.contains("paused"), "{refused}");
    let unknown = stand.order(EngineCommand::PauseSeries(vec![series("IBM", Timeframe::W1)])).await.unwrap_err();
    assert!(unknown.to_string().contains("'IBM' is not tracked at 1w"), "{unknown}");

    let every = vec![series("IBM", M5), series("IBM", H1), series("IBM", D1)];
    stand.order(EngineCommand::ResumeSeries(every)).await.unwrap();
    stand.trigger(all_of_it()).await.unwrap();
    stand.idle().await;
    assert!(stand.bars("IBM", D1).await.len() >= 2);
    let acts = stand.rig.store.operator_actions(Some("IBM 1h"), 9).await.unwrap();
    let acts: Vec<&str> = acts.iter().map(|row| row.action.action.as_str()).collect();
    assert_eq!(acts, ["resume", "pause"]);
    stand.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_series_is_taken_out_of_a_running_execution() {
    // A request a minute: whatever is cancelled at once has not been asked yet.
    let stand = AppContext::start(1, &[]).await;
    stand.quiet().await;
    let asked = stand.asked("IBM", D1).await;
    assert_eq!(asked, 0);
    let Ok(CommandReply::Started(id)) = stand.trigger(Selection::default()).await else { panic!("not started") };
    let cancel = |execution, series| stand.order(EngineCommand::CancelSeries { execution, series });
    let refused = cancel(id, vec![series("IBM", D1), series("IBM", Timeframe::W1)]).await.unwrap_err().to_string();
    assert!(refused.contains("IBM 1w is not part of execution"), "{refused}");
    let refused = cancel(Uuid::from_u128(7), vec![series("IBM", D1)]).await.unwrap_err().to_string();
    assert!(refused.contains("is not running"), "{refused}");
    assert_eq!(cancel(id, vec![series("IBM", D1)]).await.unwrap(), CommandReply::Done);
    stand.idle().await;

    assert_eq!((stand.asked("IBM", D1).await, stand.bars("IBM", D1).await.len()), (0, 0));
    for (name, timeframe) in [("IBM", M5), ("IBM", H1), ("ADA", M5), ("ADA", H1), ("ADA", D1)] {
        assert!(!stand.bars(name, timeframe).await.is_empty(), "{name} {timeframe}");
    }
    let row = stand.rig.store.execution(id).await.unwrap().unwrap();
    assert_eq!(row.status, ExecutionStatus::CompletedWithErrors);
    let statuses = stand.rig.store.series_statuses(id).await.unwrap();
    let failed: Vec<_> = statuses.iter().filter(|s| s.status == SeriesRunState::Failed).collect();
    assert_eq!(failed.len(), 1, "{statuses:?}");
    assert_eq!((failed[0].symbol.as_str(), failed[0].timeframe), ("IBM", D1));
    assert!(failed[0].error_message.as_deref().unwrap().contains("the series was cancelled"), "{failed:?}");

    // Another execution asks for it as ever.
    stand.trigger(Selection::default()).await.unwrap();
    stand.idle().await;
    assert!(stand.bars("IBM", D1).await.len() >= 2);
    stand.stop().await;
}

#[test]
fn orders_on_series_travel_as_json() {
    let pause = EngineCommand::PauseSeries(vec![series("IBM", D1)]);
    let text = serde_json::to_string(&Command::try_from(pause.clone()).unwrap()).unwrap();
    assert!(text.contains(r#"["IBM","1d"]"#), "{text}");
    let cancel = EngineCommand::CancelSeries {
        execution: Uuid::from_u128(7),
        series: vec![series("ADA", M5), series("ADA", H1)],
    };
    for action in [pause, cancel] {
        let text = serde_json::to_string(&Command::try_from(action.clone()).unwrap()).unwrap();
        let there = EngineCommand::from(serde_json::from_str::<Command>(&text).unwrap());
        assert_eq!((there.name(), there.targets(), there.detail()), (action.name(), action.targets(), action.detail()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_gap_is_filled_and_nothing_else() {
    let stand = AppContext::start(60, &[]).await;
    stand.quiet().await;
    let had = stand.bars("ADA", M5).await.len();
    let (from, to) = ("2024-05-20T10:00:00Z", "2024-05-20T11:59:59Z");
    let gap = Selection {
        symbols: vec![sym("ADA")],
        timeframes: Some(vec![H1]),
        from: Some(from.parse().unwrap()),
        to: Some(to.parse().unwrap()),
        ..Selection::default()
    };
    let Ok(CommandReply::Planned(plan)) =
        stand.order(EngineCommand::Preview(TriggerScope::Selection(gap.clone()))).await
    else {
        panic!("no plan")
    };
    assert_eq!(plan.requests, 1);
    let asked = stand.rig.vendor.calls().len();
    let Ok(CommandReply::Started(id)) = stand.trigger(gap.clone()).await else { panic!("not started") };
    stand.idle().await;
    assert_eq!(stand.rig.vendor.calls().len() - asked, 1);
    let made = stand.rig.store.requests(&RequestFilter { ticker: None, execution: Some(id) }, 9).await.unwrap();
    let ms = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
    let hours = Interval::new(Ts(ms(from)), Ts(ms(from) + 2 * 3_600_000));
    assert_eq!((made.len(), made[0].asked, made[0].timeframe), (1, Some(hours), Some(M5)));
    assert_eq!(made[0].changed, Some(24 + 2));
    let within = |all: Vec<Ts>| all.into_iter().filter(|t| hours.contains(*t)).count();
    assert_eq!((within(stand.bars("ADA", M5).await), within(stand.bars("ADA", H1).await)), (24, 2));
    assert_eq!(stand.bars("ADA", M5).await.len() - had, 24, "nothing outside of the gap");
    // There is nothing left to do in it.
    stand.trigger(gap).await.unwrap();
    stand.idle().await;
    assert_eq!(stand.rig.vendor.calls().len() - asked, 1);
    stand.stop().await;
}
