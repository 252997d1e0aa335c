//! What is around the data: alerts, the deeds of operators, announced holidays.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;
use barkeep_config::policy::Severity;
use barkeep_market::Ts;

/// A correction of the built-in calendar, from the vendor's announcements.
#[derive(Clone, Debug, PartialEq)]
pub struct HolidayRow {
    pub date: NaiveDate,
    /// `None`: closed all day. Else the regular session ends early at this instant.
    pub close: Option<Ts>,
    pub name: String,
    pub fetched_at: Ts,
}

/// An alert about to be raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    pub kind: String,
    pub severity: Severity,
    /// What it is about, when a kind can be about several things.
    pub subject: Option<String>,
    pub message: String,
    pub raised_at: Ts,
}

/// A row of `alerts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRow {
    pub id: i64,
    pub kind: String,
    pub severity: Severity,
    pub subject: Option<String>,
    pub message: String,
    pub raised_at: Ts,
    /// Absent while the alert is open.
    pub resolved_at: Option<Ts>,
}

/// How many alerts of one kind and severity are open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAlertCount {
    pub kind: String,
    pub severity: Severity,
    pub open: usize,
}

/// A pause of the engine. It holds until somebody resumes it, whatever becomes of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnginePause {
    /// Who: as the actor of an [`OperatorAction`].
    pub by: String,
    pub since: Ts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What somebody did to the engine or to a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAction {
    pub at: Ts,
    /// Who: `cli:alice`, `tui:bob`, `api:key-name`, `schedule`.
    pub actor: String,
    /// A verb: `pause`, `resume`, `trigger`, `cancel`, …
    pub action: String,
    /// A symbol, an execution id, or `engine`.
    pub target: Option<String>,
    pub detail: Option<String>,
    /// `ok`, or why it was refused.
    pub result: String,
}

/// A row of `operator_actions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorActionRow {
    pub id: i64,
    #[serde(flatten)]
    pub action: OperatorAction,
}

/// Rows that only tell of the past and are deleted once they are old. Bars, their revisions and quarantine are no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr, EnumCount, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Log {
    /// `vendor_requests`.
    Requests,
    /// Executions, the states of their series, resolved failures of features.
    Executions,
    /// `operator_actions`.
    Audit,
    /// Resolved alerts.
    Alerts,
    /// Plans that nobody ran.
    Plans,
}

impl Log {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}
