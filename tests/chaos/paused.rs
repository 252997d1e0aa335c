//! Days of a service on a paused clock, with a vendor that fails: what it holds must not grow with time.

use std::time::Duration;

use barkeep::config::RateLimit;
use barkeep::market::Timeframe;
use barkeep::service::Service;
use barkeep::store::{ExecutionStatus, Store as _};
use barkeep::vendor::{Class, Fault};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::load::memory;
use crate::support::rig::{Rig, Wall, settings};
use crate::support::rows;
use crate::support::scripted::{Call, Scripted};
use crate::world::{Tally, report, setting};

const NAMES: [&str; 4] = ["AAPL", "MSFT", "IBM", "SPY"];

#[tokio::test(start_paused = true)]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_HOURS hours on a paused clock"]
async fn paused_hours() {
    let hours = setting("HOURS", 24);
    let clock = Wall::at("2024-03-06T00:00:00Z");
    let mut settings = settings(RateLimit::PerMinute(60));
    settings.backfill.history = Duration::from_hours(96);
    // Two of seven calls fail, one of nine is refused as too many.
    let faults = |call: &Call| match call.number {
        n if n % 7 < 2 => Some(Fault::new(Class::Transient, "a bad line")),
        n if n % 9 == 0 => Some(Fault::new(Class::RateLimited, "slower")),
        n if n % 11 == 0 => Some(Fault::malformed("half a page")),
        _ => None,
    };
    let vendor = Scripted::of(&NAMES, clock.clone()).after(Duration::from_millis(300)).failing(faults);
    let rig = Rig::new(vendor, settings, clock).await;
    for name in NAMES {
        rig.store.put_symbols(&[rows::symbol(name, &[Timeframe::M5, Timeframe::H1, Timeframe::D1])]).await.unwrap();
    }
    let (service, handle) = Service::new(rig.engine.clone(), None);
    let stop = CancellationToken::new();
    let running = tokio::spawn(service.run(stop.clone()));
    let pid = std::process::id();
    let (mut tasks, mut kept) = (Vec::new(), Vec::new());
    for hour in 1..=hours {
        tokio::time::sleep(Duration::from_hours(1)).await;
        // Between two runs, so that only what stays is counted.
        while !handle.live().runs.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        if hour % (hours / 4).max(1) == 0 {
            tasks.push(Handle::current().metrics().num_alive_tasks());
            kept.push(memory(pid, "VmRSS"));
        }
    }
    let runs = rig.store.executions(100_000).await.unwrap();
    let open = runs.iter().filter(|run| run.status.is_open()).count();
    let done = runs.iter().filter(|run| run.status == ExecutionStatus::Completed).count();
    let calls = rig.vendor.calls().len();
    stop.cancel();
    running.await.unwrap().unwrap();
    let grown = tasks[tasks.len() - 1].saturating_sub(tasks[0]);
    assert!(done > 10, "{done} of {} runs were completed; nothing was shown", runs.len());
    report(
        &format!(
            "paused: {hours} h, {calls} calls, {} runs of which {done} completed, {open} open at the end; tasks at the quarters \
             {tasks:?}; memory of the test with its store in memory {kept:?} MB",
            runs.len()
        ),
        Tally { unended: open + grown, ..Tally::default() },
    );
}
