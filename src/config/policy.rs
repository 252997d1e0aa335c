//! The recovery policy: `config/rto_rpo_config.yaml`, typed.
//!
//! What each value means is said in that file, which is built into the binary and holds the defaults.

use std::time::Duration;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use super::rate_limit::RateLimit;
use barkeep_base::variants::all;
use barkeep_market::{Criticality, Symbol};

/// The seven sections.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    pub staleness_thresholds: StalenessThresholds,
    pub rto_by_failure_type: RtoByFailure,
    pub rpo_by_symbol_criticality: RpoByCriticality,
    pub scheduler_recovery: SchedulerRecovery,
    pub monitoring_thresholds: MonitoringThresholds,
    pub cache_policy: CachePolicy,
    pub backfill_optimization: BackfillOptimization,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StalenessThresholds {
    pub fresh: StalenessTier,
    pub aging: StalenessTier,
    pub stale: StalenessTier,
    pub missing: StalenessTier,
    pub unknown: StalenessTier,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StalenessTier {
    /// Age at which the tier ends; `None` when it has no end.
    pub until: Option<Duration>,
    /// What a reader of such data gets, in words.
    pub action: String,
    /// Set when reaching the tier raises an alert.
    pub alert: Option<Severity>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RtoByFailure {
    pub scheduler_crash: Rto,
    pub polygon_api_rate_limit: Rto,
    pub database_connection_loss: Rto,
    pub feature_computation_failure: Rto,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rto {
    /// Longest time the failure may last.
    pub target: Duration,
    pub recovery: String,
    pub fallback: String,
    /// Events before an alert goes out.
    pub alert_threshold: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RpoByCriticality {
    pub critical: RpoPolicy,
    pub standard: RpoPolicy,
    /// Its list of symbols is empty: everything not named elsewhere.
    pub low: RpoPolicy,
}

impl RpoByCriticality {
    #[must_use]
    pub const fn of(&self, criticality: Criticality) -> &RpoPolicy {
        match criticality {
            Criticality::Critical => &self.critical,
            Criticality::Standard => &self.standard,
            Criticality::Low => &self.low,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RpoPolicy {
    pub symbols: Vec<Symbol>,
    pub acceptable_staleness: Duration,
    /// How often the scheduler works on the tier.
    pub refresh_every: Duration,
    pub max_data_loss: Duration,
    /// 1 goes first.
    pub priority: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchedulerRecovery {
    /// Time of the daily full check, UTC.
    pub daily_sweep: NaiveTime,
    pub priority_order: Vec<Criticality>,
    pub resume_interrupted: bool,
    /// Downtime after which a catch-up run starts.
    pub catch_up_after: Duration,
    pub catch_up_order: Vec<Criticality>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonitoringThresholds {
    pub no_successful_backfill: (Duration, Severity),
    /// Shares from 0 to 1.
    pub high_symbol_failure_rate: (f64, Severity),
    pub features_missing: (f64, Severity),
    pub stale_features: (f64, Severity),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CachePolicy {
    /// `None` when disabled.
    pub hot_symbols: Option<HotSymbols>,
    pub queries: Option<QueryCache>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotSymbols {
    pub top_symbols: usize,
    pub ttl: Duration,
    pub max_records_per_symbol: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryCache {
    pub ttl: Duration,
    pub max_queries: usize,
}

/// Defaults of the settings named in the file; [`super::Settings`] holds what is in effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackfillOptimization {
    pub max_concurrent_symbols: usize,
    pub max_concurrent_api_requests: usize,
    pub max_retries: u32,
    pub retry_backoff: Duration,
    pub rate_limit: RateLimit,
    pub max_backoff: Duration,
}
