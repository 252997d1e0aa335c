//! Stock splits: kept beside raw prices and applied on read.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// `from` shares became `to` shares before trading on `date` (4-for-1: `from` 1, `to` 4; 1-for-8: `from` 8, `to` 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The execution date: the first session that trades at the new price.
    pub date: NaiveDate,
    pub from: f64,
    pub to: f64,
}
