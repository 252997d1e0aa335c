//! Another client uses up the vendor's limit with the same key, so that the vendor answers 429.
//!
//! The failure is over when the vendor would accept a request again; refused requests count too, as the strictest reading
//! of its limit. Recovery is the first answer stored after that.

use std::time::Duration;

use tokio::time::Instant;

use super::context::{DrillContext, KEY, stored};
use super::outcome::{DrillError, Measurement};
use super::workload::{Workload, slow_vendor};
use crate::loadtest::client;
use barkeep_sim::{LoggedRequest, SimConfig};

/// Requests per minute; enough that the service does not reach the limit by itself.
const LIMIT: u32 = 30;
const WINDOW_MS: u64 = 60_000;
/// What only the other client requests.
const FOREIGN: &str = "/v1/marketstatus/now";
/// Requests of the service before the other client starts.
const BEFORE: usize = 6;
/// Answers in flight at the first refusal are stored within this time.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) async fn drill(workload: &Workload<'_>) -> Result<Measurement, DrillError> {
    let vendor = SimConfig { rate_limit: Some(LIMIT), base_limit: 1_000, ..slow_vendor() };
    let context = DrillContext::start(workload, vendor, None).await?;
    context.register().await?;
    let store = context.open_read_only().await?;
    let mut service = context.service().await?;
    context.until_requests(&mut service, "the service made no requests", |log| log.len() >= BEFORE).await?;

    let http = client(Duration::from_secs(5)).map_err(DrillError::failed)?;
    for _ in 0..LIMIT {
        let sent = http.get(format!("{}{FOREIGN}", context.sim.url())).bearer_auth(KEY).send().await;
        sent.map_err(|e| DrillError::failed(format!("the other client: {e}")))?;
    }
    let refused = |log: &[LoggedRequest]| log.iter().any(|request| is_ours(request) && request.status == 429);
    context.until_requests(&mut service, "the vendor never refused the service", refused).await?;
    tokio::time::sleep(SETTLE).await;

    let no_answer = || DrillError::failed("the database does not answer");
    let before = stored(store.as_ref()).await.ok_or_else(no_answer)?;
    let target = workload.live.policy.rto_by_failure_type.polygon_api_rate_limit.target;
    let deadline = Instant::now() + Duration::from_millis(WINDOW_MS) + target + Duration::from_mins(1);
    while stored(store.as_ref()).await.ok_or_else(no_answer)? <= before {
        context.pause(&mut service, deadline, "nothing more was stored").await?;
    }
    let recovered = context.started.elapsed();

    let log = context.sim.log();
    context.stop(service).await?;
    store.close().await;
    let over = over_at(&log).ok_or_else(|| DrillError::failed("the vendor's log does not show the refusals"))?;
    let (refusals, busiest) = (log.iter().filter(|r| is_ours(r) && r.status == 429).count(), busiest(&log));
    if busiest > LIMIT as usize {
        return Err(DrillError::failed(format!(
            "the service made {busiest} requests in a minute, {LIMIT} are allowed"
        )));
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
    Ok(Measurement { seconds, evidence })
}

fn is_ours(request: &LoggedRequest) -> bool {
    !request.target.starts_with(FOREIGN)
}

fn last_refusal(log: &[LoggedRequest]) -> u64 {
    log.iter().filter(|r| r.status == 429).map(|r| r.at_ms).max().unwrap_or(0)
}

/// When the vendor would have accepted a request again, on its clock: one window after the request that is `LIMIT` before
/// the last refusal.
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
