//! The drills: each failure is made to happen, and measured until it is over.
//!
//! What could not be tried for lack of a tool says so and counts neither way; what went wrong in any other way counts as
//! missed.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use tokio::sync::OnceCell;

use super::work::{Undisturbed, Work};
use super::{crash, database, feature, storm};
use barkeep_config::Loaded;
use barkeep_config::policy::Rto;
use barkeep_market::Ts;

/// A failure with a recovery target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    SchedulerCrash,
    PolygonApiRateLimit,
    DatabaseConnectionLoss,
    FeatureComputationFailure,
}

impl Failure {
    pub const ALL: [Self; 4] = [
        Self::SchedulerCrash,
        Self::PolygonApiRateLimit,
        Self::DatabaseConnectionLoss,
        Self::FeatureComputationFailure,
    ];

    /// The name of its row in the policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SchedulerCrash => "scheduler_crash",
            Self::PolygonApiRateLimit => "polygon_api_rate_limit",
            Self::DatabaseConnectionLoss => "database_connection_loss",
            Self::FeatureComputationFailure => "feature_computation_failure",
        }
    }

    const fn row(self, live: &Loaded) -> &Rto {
        let all = &live.policy.rto_by_failure_type;
        match self {
            Self::SchedulerCrash => &all.scheduler_crash,
            Self::PolygonApiRateLimit => &all.polygon_api_rate_limit,
            Self::DatabaseConnectionLoss => &all.database_connection_loss,
            Self::FeatureComputationFailure => &all.feature_computation_failure,
        }
    }
}

/// The database that goes away in the drill of that failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A server of its own, stopped and started again.
    Postgres,
    /// A file that another connection keeps locked.
    Sqlite,
}

/// What to drill.
#[derive(Clone, Debug)]
pub struct Plan {
    pub failures: Vec<Failure>,
    /// `None`: PostgreSQL where its programs are found, else SQLite.
    pub database: Option<Engine>,
}

/// How one drill went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    pub failure: Failure,
    pub target_seconds: f64,
    /// `None` when it never recovered or was not tried.
    pub measured_seconds: Option<f64>,
    /// `None` when it was not tried.
    pub met: Option<bool>,
    /// What was done and seen, in sentences.
    pub evidence: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drilled {
    pub generated_at: Ts,
    pub version: &'static str,
    /// Where it took place, in words.
    pub ground: &'static str,
    pub outcomes: Vec<Outcome>,
    /// Whether nothing was missed. What was not tried is not missed; it is not proven either.
    pub passed: bool,
}

/// Why a drill gave no measurement.
#[derive(Debug)]
pub(super) enum Stop {
    /// A tool is not installed.
    Missing(String),
    Failed(String),
}

impl Stop {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

/// A measurement.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) evidence: Vec<String>,
}

impl Outcome {
    fn of(failure: Failure, target_seconds: f64, result: Result<Measured, Stop>) -> Self {
        let (measured_seconds, met, evidence) = match result {
            Ok(m) => (Some(m.seconds), Some(m.seconds <= target_seconds), m.evidence),
            Err(Stop::Missing(tool)) => (None, None, vec![format!("not tried: {tool}")]),
            Err(Stop::Failed(why)) => (None, Some(false), vec![why]),
        };
        Self { failure, target_seconds, measured_seconds, met, evidence }
    }
}

/// Makes the failures happen. The storm waits for a minute's window most of its time, so the others go on beside it.
pub async fn drill(live: &Loaded, plan: &Plan, now: Ts, tell: impl Fn(Failure)) -> Drilled {
    let wanted = |failure: Failure| plan.failures.contains(&failure);
    let measure = async |failure: Failure, drill: Pin<Box<dyn Future<Output = Result<Measured, Stop>> + '_>>| {
        if !wanted(failure) {
            return None;
        }
        tell(failure);
        Some(Outcome::of(failure, failure.row(live).target.as_secs_f64(), drill.await))
    };
    let work = || Work::new(live, now);
    // Both compare their rows with the same undisturbed run.
    let undisturbed = OnceCell::new();
    let undisturbed = async || undisturbed.get_or_try_init(async || Undisturbed::run(&work()?).await).await;
    let storm = measure(Failure::PolygonApiRateLimit, Box::pin(async { storm::drill(&work()?).await }));
    let others = async {
        let crash = Box::pin(async { crash::drill(&work()?, undisturbed().await?).await });
        let crash = measure(Failure::SchedulerCrash, crash).await;
        let database = Box::pin(async { database::drill(&work()?, undisturbed().await?, plan.database).await });
        let database = measure(Failure::DatabaseConnectionLoss, database).await;
        let feature = Box::pin(async { feature::drill(&work()?).await });
        [crash, database, measure(Failure::FeatureComputationFailure, feature).await]
    };
    let (storm, [crash, database, feature]) = tokio::join!(storm, others);
    let outcomes: Vec<Outcome> = [crash, storm, database, feature].into_iter().flatten().collect();
    Drilled {
        generated_at: now,
        version: env!("CARGO_PKG_VERSION"),
        ground: "scratch databases and a simulated vendor; the configured database is not opened",
        passed: outcomes.iter().all(|outcome| outcome.met != Some(false)),
        outcomes,
    }
}
