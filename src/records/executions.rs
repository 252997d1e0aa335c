//! Runs and how far each of their series got.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};
use uuid::Uuid;

use barkeep_base::variants::all;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};

/// State words of `scheduler_execution_log.status`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ExecutionStatus {
    /// Ordered; it waits for its turn.
    Queued,
    Running,
    Completed,
    CompletedWithErrors,
    Failed,
    Cancelled,
    Interrupted,
}

impl ExecutionStatus {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    /// Whether it is still to end.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// Why an execution was started; column `trigger_kind` (`trigger` is a reserved word in SQL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Trigger {
    Schedule,
    Manual,
    Api,
    CatchUp,
    Cli,
}

impl Trigger {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// Whether the schedule asks, rather than somebody who waits for the answer.
    #[must_use]
    pub const fn is_scheduled(self) -> bool {
        matches!(self, Self::Schedule | Self::CatchUp)
    }
}

/// A row of `scheduler_execution_log`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionRow {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub mode: String,
    pub started_at: Ts,
    pub completed_at: Option<Ts>,
    pub duration_seconds: Option<f64>,
    pub total_symbols: i64,
    pub successful_symbols: i64,
    pub failed_symbols: i64,
    /// Bars the vendor sent.
    pub total_records_processed: i64,
    pub requests: i64,
    pub rate_limited: i64,
    pub retries: i64,
    pub status: ExecutionStatus,
    pub error_message: Option<String>,
    /// Who runs it: `host:pid:boot`, so that a later start can tell a dead owner.
    pub owner: String,
    /// What was asked for, as JSON, so that an interrupted execution can be taken up again.
    pub selection: Option<String>,
    /// Bars that came although an earlier answer for the same time did not have them.
    #[serde(default)]
    pub late_bars: i64,
    /// Final bars whose values an answer changed.
    #[serde(default)]
    pub changed_bars: i64,
}

/// State words of `symbol_computation_status.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SeriesRunState {
    Pending,
    InProgress,
    Completed,
    Failed,
}

impl SeriesRunState {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// A row of `symbol_computation_status`, one per execution and series; written again as it moves on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesStatus {
    pub execution_id: Uuid,
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub timeframe: Timeframe,
    pub status: SeriesRunState,
    pub records_processed: i64,
    pub records_inserted: i64,
    pub features_computed: i64,
    pub error_message: Option<String>,
    pub started_at: Option<Ts>,
    pub completed_at: Option<Ts>,
    pub duration_seconds: Option<f64>,
}

impl SeriesStatus {
    /// Whether the run failed at this series; what it was called off for has not failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.status == SeriesRunState::Failed && !self.error_message.as_deref().is_some_and(was_called_off)
    }
}

/// Whether the message of a series says that its run was called off before it could ask: that is no failure.
#[must_use]
pub fn was_called_off(message: &str) -> bool {
    let reason = message.split_once("left: ").map_or(message, |(_, rest)| rest);
    reason.starts_with("cancelled") || reason.starts_with("not requested by this run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_off_did_not_fail() {
        assert!(was_called_off("1 gap left: cancelled before it was asked") && was_called_off("cancelled: cancelled"));
        assert!(!was_called_off("1 gap left: transient: the vendor failed (503): cancelled"));
    }
}
