//! A service is killed in the middle of its work and started again.
//!
//! The drill stands in for systemd and waits as long as the shipped unit does before it starts the service again. It is
//! over when everything the first process was to fetch is stored.

use std::time::Duration;

use tokio::time::Instant;

use super::drill::{Measured, Stop};
use super::ground::DrillContext;
use super::work::{Undisturbed, Work, asked_twice, pages, slow_vendor};

const UNIT: &str = include_str!("../../../config/barkeep.service");

/// Beyond the target, so that a miss is measured and not only stated.
const LONGER: Duration = Duration::from_mins(1);

pub(super) async fn drill(work: &Work<'_>, undisturbed: &Undisturbed) -> Result<Measured, Stop> {
    let stage = DrillContext::raise(work, slow_vendor(), None).await?;
    stage.register().await?;
    let store = stage.look().await?;
    let planner = stage.planner().await?;

    let mut first = stage.service().await?;
    let enough = undisturbed.requests / 3;
    stage.until_asked(&mut first, "the service did not ask", |log| pages(log).len() >= enough).await?;
    let killed_id = first.id();
    let killed = Instant::now();
    first.kill().await.map_err(|e| Stop::failed(format!("the service cannot be killed: {e}")))?;
    let before = pages(&stage.sim.log()).len();

    let rest = restart_pause();
    tokio::time::sleep(rest).await;
    let mut second = stage.service().await?;
    let longest = work.live.policy.rto_by_failure_type.scheduler_crash.target + LONGER;
    stage.until_complete(&planner, &mut second, longest).await?;
    let seconds = killed.elapsed().as_secs_f64();

    let log = stage.sim.log();
    let after = pages(&log).len() - before;
    if after == 0 {
        return Err(Stop::failed("the first process had finished before it was killed; nothing was proven"));
    }
    let bars = undisturbed.equals(store.as_ref()).await?;
    let second_id = second.id();
    stage.end(second).await?;
    planner.store.close().await;
    let evidence = vec![
        format!(
            "process {killed_id} killed (SIGKILL) after {before} of {} requests for bars; started again {} s later (the \
             unit's RestartSec) as process {second_id}",
            undisturbed.requests,
            rest.as_secs()
        ),
        format!("it asked {after} more, {} of them for pages answered before", asked_twice(&log)),
        format!("{bars} bars, equal to an undisturbed run"),
    ];
    Ok(Measured { seconds, evidence })
}

/// How long systemd waits by the unit that ships with barkeep.
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
