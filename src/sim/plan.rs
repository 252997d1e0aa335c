//! What a vendor's plan holds back.

use serde::{Deserialize, Serialize};

/// How late the plan's data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimDelay {
    #[default]
    Realtime,
    /// Answers carry `status: "DELAYED"` and end 15 minutes ago.
    Minutes15,
    /// The current day (New York for stocks, UTC for crypto) is refused.
    EndOfDay,
}

/// How a plan answers for times before its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Older {
    /// As the vendor was seen to: a range that ends before the history is refused, one that begins before it is cut off.
    #[default]
    AsSeen,
    /// Every range that begins before the history is refused.
    Refused,
    /// Nothing is refused; what is older is left out.
    CutOff,
}
