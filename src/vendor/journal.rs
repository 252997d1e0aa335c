//! What is written down about requests: every attempt, and every place taken, so that a restart remembers the window.

use std::time::Duration;

use async_trait::async_trait;

use crate::Fault;
use crate::limit::queue::{Grant, PlaceRequest, Recorded};
use barkeep_base::clock::Moment;
use barkeep_market::{Interval, Timeframe, Ts};

/// One attempt, as it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub endpoint: &'static str,
    pub ticker: Option<String>,
    pub timeframe: Option<Timeframe>,
    pub asked: Option<Interval>,
    /// 1 for the first try.
    pub number: u32,
    pub started_at: Ts,
    pub latency: Duration,
    /// Bars in the answer.
    pub rows: u64,
    pub query_count: Option<u64>,
    pub bytes: u64,
    pub status: Option<u16>,
    pub request_id: Option<String>,
    /// The vendor's clock when it answered, to the second.
    pub server_time: Option<Ts>,
    pub fault: Option<Fault>,
}

/// Where attempts are written down, and where the places at the vendor outlive the process.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Takes a place at a vendor, or tells other processes what they have to know; durable before this returns.
    ///
    /// # Errors
    /// [`Class::Journal`](super::Class::Journal) when it cannot be written down: the request must not be made then.
    async fn take(&self, request: PlaceRequest) -> Result<Grant, Fault>;

    /// The request that took this place was answered, or failed.
    async fn answered(&self, place: i64, now: Moment);

    /// What is recorded for all processes; `None` when it cannot tell.
    async fn recorded(&self) -> Option<Recorded> {
        None
    }

    /// An attempt that failed, or one that brought no page of bars (those are recorded with their bars).
    async fn record(&self, attempt: &Attempt);

    /// Something to show: waiting for a token or for a retry. `retry` is the number of the attempt that follows.
    fn waiting(&self, _ticker: Option<&str>, _why: &str, _until: Duration, _retry: Option<u32>) {}

    /// Something to show: the token is taken and the request starts now.
    fn starting(&self, _ticker: Option<&str>, _number: u32) {}

    /// Something to show: every attempt as it ended, well or not.
    fn ended(&self, _attempt: &Attempt) {}
}
