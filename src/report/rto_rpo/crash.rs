//! Kills a service in the middle of its work and starts it again.
//!
//! Like systemd with the shipped unit, the drill waits before it starts the service again. It is over when everything that
//! the first process had to fetch is stored.

use std::time::Duration;

use tokio::time::Instant;

use super::context::DrillContext;
use super::outcome::{DrillError, Measurement};
use super::reference::ReferenceRun;
use super::workload::{Workload, answered_pages, holding_vendor, repeated_requests};

const UNIT: &str = include_str!("../../../contrib/systemd/barkeep.service");

/// Beyond the target, so that a miss is measured and not only stated.
const EXTRA_TIME: Duration = Duration::from_mins(1);

pub(super) async fn drill(workload: &Workload<'_>, reference: &ReferenceRun) -> Result<Measurement, DrillError> {
    let enough = reference.requests / 3;
    let context = DrillContext::start(workload, holding_vendor(enough), None).await?;
    context.register().await?;
    let store = context.open_read_only().await?;
    let planner = context.planner().await?;

    let mut first = context.service().await?;
    context
        .until_requests(&mut first, "the service made no requests", |log| answered_pages(log).len() >= enough)
        .await?;
    let killed_id = first.id();
    let killed = Instant::now();
    first.kill().await.map_err(|e| DrillError::failed(format!("cannot kill the service: {e}")))?;
    let before = answered_pages(&context.sim.log()).len();
    context.sim.allow_all_pages();

    let pause = restart_pause();
    tokio::time::sleep(pause).await;
    let mut second = context.service().await?;
    let longest = workload.live.policy.rto_by_failure_type.scheduler_crash.target + EXTRA_TIME;
    context.until_complete(&planner, &mut second, longest).await?;
    let seconds = killed.elapsed().as_secs_f64();

    let log = context.sim.log();
    let after = answered_pages(&log).len() - before;
    let bars = reference.equals(store.as_ref()).await?;
    let second_id = second.id();
    context.stop(second).await?;
    planner.store.close().await;
    let evidence = vec![
        format!(
            "process {killed_id} killed (SIGKILL) after {before} of {} requests for bars; started again {} s later (the \
             unit's RestartSec) as process {second_id}",
            reference.requests,
            pause.as_secs()
        ),
        format!("it made {after} more, {} of them for pages answered before", repeated_requests(&log)),
        format!("{bars} bars, equal to an undisturbed run"),
    ];
    Ok(Measurement { seconds, evidence })
}

/// How long systemd waits, from the unit that ships with barkeep.
fn restart_pause() -> Duration {
    let line = UNIT.lines().find_map(|line| line.strip_prefix("RestartSec="));
    line.and_then(|text| humantime::parse_duration(text.trim()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_unit_says_how_long_it_waits() {
        assert_eq!(super::restart_pause(), std::time::Duration::from_secs(5));
    }
}
