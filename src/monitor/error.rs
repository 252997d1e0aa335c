//! Why a question was not answered, and how much one may ask for.

use serde::{Deserialize, Serialize};

use barkeep_market::{Symbol, Timeframe};
use barkeep_store::StoreError;

/// A series by name.
pub type SeriesName = (Symbol, Timeframe);

/// The most rows one question brings.
pub const MOST_ROWS: usize = 1_000;
/// The most series and days of one question about coverage.
pub const MOST_SERIES: usize = 200;
pub const MOST_DAYS: i64 = 800;

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "message", rename_all = "snake_case")]
pub enum ReadError {
    #[error("{0}")]
    NotFound(String),
    /// The question makes no sense.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for ReadError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound(what) => Self::NotFound(what),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
