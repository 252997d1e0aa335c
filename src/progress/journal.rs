//! The dispatcher's journal, kept in the database: places before requests start, attempts after they end.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::events::{Event, Listener};
use barkeep_base::clock::Moment;
use barkeep_market::ts::millis;
use barkeep_store::{RequestPurpose, RequestRow, Store};
use barkeep_vendor::dispatch::{Attempt, Journal};
use barkeep_vendor::limit::{Grant, PlaceRequest, Recorded};
use barkeep_vendor::{Class, Fault};

/// Writes attempts to `vendor_requests` and places to `rate_limit_state`.
pub struct StoreJournal {
    store: Arc<dyn Store>,
    listener: Arc<dyn Listener>,
    execution: Option<Uuid>,
    purpose: RequestPurpose,
}

impl StoreJournal {
    /// A journal whose attempts belong to `execution`, if to any. `purpose` is that of its requests for bars.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        listener: Arc<dyn Listener>,
        execution: Option<Uuid>,
        purpose: RequestPurpose,
    ) -> Self {
        Self { store, listener, execution, purpose }
    }
}

#[async_trait]
impl Journal for StoreJournal {
    async fn take(&self, request: PlaceRequest) -> Result<Grant, Fault> {
        self.store.take_place(request).await.map_err(|e| Fault::new(Class::Journal, e.to_string()))
    }

    async fn answered(&self, place: i64, now: Moment) {
        // Without it the place is free later than it could be, never sooner.
        if let Err(e) = self.store.place_answered(place, now).await {
            tracing::debug!(error = %e, "an answer could not be recorded for the rate limit");
        }
    }

    async fn recorded(&self) -> Option<Recorded> {
        self.store.places().await.ok()
    }

    async fn record(&self, attempt: &Attempt) {
        let row = request_row(attempt, self.execution, self.purpose);
        if let Err(e) = self.store.record_request(&row).await {
            tracing::error!(error = %e, "a request could not be recorded");
        }
    }

    fn waiting(&self, ticker: Option<&str>, why: &str, wait: Duration, retry: Option<u32>) {
        self.listener.on_event(Event::Waiting { ticker: ticker.map(str::to_owned), why: why.to_owned(), wait, retry });
    }

    fn starting(&self, ticker: Option<&str>, number: u32) {
        self.listener.on_event(Event::Requested { ticker: ticker.map(str::to_owned), attempt: number });
    }

    fn ended(&self, attempt: &Attempt) {
        self.listener.on_event(Event::Ended(Box::new(attempt.clone())));
    }
}

/// An attempt as a row of `vendor_requests`. `bars` is the purpose of requests for bars; the others only look things up.
#[must_use]
pub fn request_row(attempt: &Attempt, execution_id: Option<Uuid>, bars: RequestPurpose) -> RequestRow {
    let fault = attempt.fault.as_ref();
    RequestRow {
        execution_id,
        endpoint: attempt.endpoint.into(),
        ticker: attempt.ticker.clone(),
        timeframe: attempt.timeframe,
        asked: attempt.asked,
        attempt: attempt.number,
        started_at: attempt.started_at,
        latency_ms: millis(attempt.latency),
        status: attempt.status,
        outcome: fault.map_or("ok", |f| f.class.name()).to_owned(),
        error: fault.map(|f| f.message.clone()),
        rows: i64::try_from(attempt.rows).unwrap_or(i64::MAX),
        query_count: attempt.query_count.map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
        bytes: i64::try_from(attempt.bytes).unwrap_or(i64::MAX),
        request_id: attempt.request_id.clone(),
        changed: None,
        purpose: match attempt.endpoint {
            "aggregates" | "candles" | "grouped_daily" | "flat_file" => bars,
            _ => RequestPurpose::Lookup,
        },
    }
}
