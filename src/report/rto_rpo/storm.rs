//! Another client uses up the vendor's window with the same key, so that the vendor answers 429.
//!
//! The storm is over at the instant from which the vendor would let a request in again: it counts refused requests too,
//! as the strictest reading of its limit. Recovery is the first answer stored after that.

use std::time::Duration;

use tokio::time::Instant;

use super::drill::{Measured, Stop};
use super::ground::{DrillContext, KEY, stored};
use super::work::{Work, slow_vendor};
use crate::loadtest::client;
use barkeep_sim::{LoggedRequest, SimConfig};

/// Requests the vendor allows in any minute; so many that the service does not wait for its own limit first.
const LIMIT: u32 = 30;
const WINDOW_MS: u64 = 60_000;
/// What the other client asks, and nobody else.
const FOREIGN: &str = "/v1/marketstatus/now";
/// Requests of the service before the storm.
const BEFORE: usize = 6;
/// Answers under way when the first refusal comes are stored within this.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) async fn drill(work: &Work<'_>) -> Result<Measured, Stop> {
    let vendor = SimConfig { rate_limit: Some(LIMIT), base_limit: 1_000, ..slow_vendor() };
    let stage = DrillContext::raise(work, vendor, None).await?;
    stage.register().await?;
    let store = stage.look().await?;
    let mut service = stage.service().await?;
    stage.until_asked(&mut service, "the service did not ask", |log| log.len() >= BEFORE).await?;

    let http = client(Duration::from_secs(5)).map_err(Stop::failed)?;
    for _ in 0..LIMIT {
        let asked = http.get(format!("{}{FOREIGN}", stage.sim.url())).bearer_auth(KEY).send().await;
        asked.map_err(|e| Stop::failed(format!("the other client: {e}")))?;
    }
    let refused = |log: &[LoggedRequest]| log.iter().any(|request| is_ours(request) && request.status == 429);
    stage.until_asked(&mut service, "the vendor never refused the service", refused).await?;
    tokio::time::sleep(SETTLE).await;

    let no_answer = || Stop::failed("the database does not answer");
    let before = stored(store.as_ref()).await.ok_or_else(no_answer)?;
    let target = work.live.policy.rto_by_failure_type.polygon_api_rate_limit.target;
    let deadline = Instant::now() + Duration::from_millis(WINDOW_MS) + target + Duration::from_mins(1);
    while stored(store.as_ref()).await.ok_or_else(no_answer)? <= before {
        stage.pause(&mut service, deadline, "nothing more was stored").await?;
    }
    let recovered = stage.begun.elapsed();

    let log = stage.sim.log();
    stage.end(service).await?;
    store.close().await;
    let over = over_at(&log).ok_or_else(|| Stop::failed("the vendor's log does not show the storm"))?;
    let (refusals, busiest) = (log.iter().filter(|r| is_ours(r) && r.status == 429).count(), busiest(&log));
    if busiest > LIMIT as usize {
        return Err(Stop::failed(format!("the service asked {busiest} times in a minute, {LIMIT} are allowed")));
    }
    let seconds = (recovered.as_secs_f64() - over as f64 / 1_000.0).max(0.0);
    let evidence = vec![
        format!(
            "another client used up the {LIMIT} requests a minute of the key; the service was refused {refusals} times"
        ),
        format!(
            "the vendor's window was free again {:.1} s after the last refusal, the first bars were stored {seconds:.1} s \
             later",
            over.saturating_sub(last_refusal(&log)) as f64 / 1_000.0
        ),
        format!("at most {busiest} of {LIMIT} requests by the service in any minute"),
    ];
    Ok(Measured { seconds, evidence })
}

fn is_ours(request: &LoggedRequest) -> bool {
    !request.target.starts_with(FOREIGN)
}

fn last_refusal(log: &[LoggedRequest]) -> u64 {
    log.iter().filter(|r| r.status == 429).map(|r| r.at_ms).max().unwrap_or(0)
}

/// When the vendor would have let a request in again, on its clock: a window after the request that is as many places
/// from the end of the storm as are allowed.
fn over_at(log: &[LoggedRequest]) -> Option<u64> {
    let end = last_refusal(log);
    let mut arrivals: Vec<u64> = log.iter().map(|r| r.at_ms).filter(|at| *at <= end).collect();
    arrivals.sort_unstable();
    let place = arrivals.len().checked_sub(LIMIT as usize)?;
    arrivals.get(place).map(|at| at + WINDOW_MS)
}

/// The most requests of the service in any trailing minute.
fn busiest(log: &[LoggedRequest]) -> usize {
    let ours: Vec<u64> = log.iter().filter(|r| is_ours(r)).map(|r| r.at_ms).collect();
    let within = |from: &u64| ours.iter().filter(|at| (*from..from + WINDOW_MS).contains(*at)).count();
    ours.iter().map(within).max().unwrap_or(0)
}
