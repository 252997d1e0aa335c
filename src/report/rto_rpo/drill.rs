//! The drills: each failure is made to happen, and measured until it is over.
//!
//! A drill that cannot run for lack of a program says so and counts neither way; any other problem counts as a missed
//! target.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::OnceCell;

use super::outcome::{DrillError, DrillOptions, DrillOutcome, DrillReport, FailureType, Measurement};
use super::reference::ReferenceRun;
use super::workload::Workload;
use super::{crash, database, feature, rate_limit};
use barkeep_config::Loaded;
use barkeep_market::Ts;

/// Runs the drills. The one of the rate limit mostly waits for a window of one minute, so the others run beside it.
/// `on_start` is called when a drill starts.
pub async fn drill(live: &Loaded, plan: &DrillOptions, now: Ts, on_start: impl Fn(FailureType)) -> DrillReport {
    let wanted = |failure: FailureType| plan.failures.contains(&failure);
    let measure = async |failure: FailureType,
                         drill: Pin<Box<dyn Future<Output = Result<Measurement, DrillError>> + '_>>| {
        if !wanted(failure) {
            return None;
        }
        on_start(failure);
        Some(DrillOutcome::of(failure, failure.row(live).target.as_secs_f64(), drill.await))
    };
    let workload = || Workload::new(live, now);
    // Two drills compare their rows with the same undisturbed run.
    let reference = OnceCell::new();
    let reference = async || reference.get_or_try_init(async || ReferenceRun::run(&workload()?).await).await;
    let rate_limit =
        measure(FailureType::PolygonApiRateLimit, Box::pin(async { rate_limit::drill(&workload()?).await }));
    let others = async {
        let crash = Box::pin(async { crash::drill(&workload()?, reference().await?).await });
        let crash = measure(FailureType::SchedulerCrash, crash).await;
        let database = Box::pin(async { database::drill(&workload()?, reference().await?, plan.database).await });
        let database = measure(FailureType::DatabaseConnectionLoss, database).await;
        let feature = Box::pin(async { feature::drill(&workload()?).await });
        [crash, database, measure(FailureType::FeatureComputationFailure, feature).await]
    };
    let (rate_limit, [crash, database, feature]) = tokio::join!(rate_limit, others);
    let outcomes: Vec<DrillOutcome> = [crash, rate_limit, database, feature].into_iter().flatten().collect();
    DrillReport {
        generated_at: now,
        version: env!("CARGO_PKG_VERSION"),
        environment: "temporary databases and a simulated vendor; the configured database is not opened",
        passed: outcomes.iter().all(|outcome| outcome.met != Some(false)),
        outcomes,
    }
}
