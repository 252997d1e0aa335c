//! What a drill is, and its result.

use serde::Serialize;
use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;
use barkeep_config::Loaded;
use barkeep_config::policy::Rto;
use barkeep_market::Ts;

/// A failure with a recovery target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr, EnumCount, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FailureType {
    SchedulerCrash,
    PolygonApiRateLimit,
    DatabaseConnectionLoss,
    FeatureComputationFailure,
}

impl FailureType {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    /// The name of its row in the policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    pub(super) const fn row(self, live: &Loaded) -> &Rto {
        let all = &live.policy.rto_by_failure_type;
        match self {
            Self::SchedulerCrash => &all.scheduler_crash,
            Self::PolygonApiRateLimit => &all.polygon_api_rate_limit,
            Self::DatabaseConnectionLoss => &all.database_connection_loss,
            Self::FeatureComputationFailure => &all.feature_computation_failure,
        }
    }
}

/// The database that is lost in the drill of that failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillDatabase {
    /// A temporary server, stopped and started again.
    Postgres,
    /// A file that another connection locks.
    Sqlite,
}

/// What to drill.
#[derive(Clone, Debug)]
pub struct DrillOptions {
    pub failures: Vec<FailureType>,
    /// `None`: PostgreSQL where its programs are found, else SQLite.
    pub database: Option<DrillDatabase>,
}

/// The result of one drill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrillOutcome {
    pub failure: FailureType,
    pub target_seconds: f64,
    /// `None` when it never recovered or was not tried.
    pub measured_seconds: Option<f64>,
    /// `None` when it was not tried.
    pub met: Option<bool>,
    /// What was done and observed, in sentences.
    pub evidence: Vec<String>,
}

/// The results of all drills.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrillReport {
    pub generated_at: Ts,
    pub version: &'static str,
    /// Where the drills ran.
    #[serde(rename = "ground")]
    pub environment: &'static str,
    pub outcomes: Vec<DrillOutcome>,
    /// Whether no target was missed. A drill that did not run counts neither way.
    pub passed: bool,
}

/// Why a drill has no measurement.
#[derive(Debug)]
pub(super) enum DrillError {
    /// A program or setting it needs is missing.
    Missing(String),
    Failed(String),
}

impl DrillError {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

/// A measurement.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) seconds: f64,
    pub(super) evidence: Vec<String>,
}

impl DrillOutcome {
    pub(super) fn of(failure: FailureType, target_seconds: f64, result: Result<Measurement, DrillError>) -> Self {
        let (measured_seconds, met, evidence) = match result {
            Ok(m) => (Some(m.seconds), Some(m.seconds <= target_seconds), m.evidence),
            Err(DrillError::Missing(what)) => (None, None, vec![format!("not tried: {what}")]),
            Err(DrillError::Failed(why)) => (None, Some(false), vec![why]),
        };
        Self { failure, target_seconds, measured_seconds, met, evidence }
    }
}
