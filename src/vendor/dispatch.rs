//! Requests as the engine makes them: token, attempt, class, wait, again.
//!
//! A place is taken for every attempt, retries included, before anything is shown as running. Every attempt is reported
//! to the [`Journal`], except those that brought bars: these go back to the engine, which commits them together with the
//! bars. A cancel ends every wait. An attempt under way has [`GRACE`] left to answer, since its page is paid for; then it is
//! given up, and its place in the window stays taken as if the vendor still worked on it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::ask::{Fetched, Request};
use self::line::Line;
pub use super::counters::Counters;
use super::counters::Counts;
use super::fault::{Failure, Transport, classify};
pub use super::journal::{Attempt, Journal};
use super::limit::{Limiter, Permit, pause};
pub use super::paging::PageGuard;
use super::retry::RetryPolicy;
use super::{
    AggregateQuery, Class, Cursor, Dated, Fault, GroupedPage, Holiday, MarketStatus, Page, Ticker, TickerDetails,
    Vendor,
};
use barkeep_base::clock::{Clock, Moment};
use barkeep_base::timing::{self, Phase};
use barkeep_market::{AssetClass, Source, Timeframe};

mod ask;
mod batch;
mod line;
mod lists;
#[cfg(test)]
mod tests;

/// How long requests under way may still take after a cancel.
pub const GRACE: Duration = Duration::from_secs(2);

/// Makes requests: within the limit, again when it helps, written down.
pub struct Dispatcher {
    /// The usual vendor, which alone knows of splits, holidays and names.
    usual: Line,
    others: BTreeMap<Source, Line>,
    policy: RetryPolicy,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    rng: Mutex<fastrand::Rng>,
    counts: Counts,
}

impl Dispatcher {
    /// `seed` decides the jitter of the waits. Attempts are counted by this dispatcher and in `process`.
    #[must_use]
    pub fn new(
        vendor: Arc<dyn Vendor>,
        limiter: Arc<Limiter>,
        policy: RetryPolicy,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        process: Arc<Counts>,
        seed: u64,
    ) -> Self {
        Self {
            usual: Line::new(vendor, limiter),
            others: BTreeMap::new(),
            policy,
            journal,
            clock,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            counts: Counts::within(process),
        }
    }

    /// The same with another vendor beside the usual one.
    #[must_use]
    pub fn with(mut self, source: Source, vendor: Arc<dyn Vendor>, limiter: Arc<Limiter>) -> Self {
        self.others.insert(source, Line::new(vendor, limiter));
        self
    }

    fn line(&self, source: Source) -> Result<&Line, Fault> {
        let found = if source.is_usual() { Some(&self.usual) } else { self.others.get(&source) };
        found.ok_or_else(|| Fault::new(Class::Permanent, format!("{source} is not set up in this process")))
    }

    /// Where attempts are written down, for requests that take no place of a limit.
    #[must_use]
    pub fn journal(&self) -> &dyn Journal {
        &*self.journal
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counts.read()
    }

    /// An answer that came well turned out wrong: it counts as malformed, and is written down as that.
    pub async fn reject(&self, attempt: Attempt, fault: &Fault) {
        self.counts.rejected();
        self.journal.record(&Attempt { fault: Some(fault.clone()), ..attempt }).await;
    }

    /// One page of aggregates, with the attempt that brought it, which the caller records together with the bars.
    ///
    /// # Errors
    /// The fault of the last attempt, once trying again is of no use; [`Class::Permanent`] when the vendor is not set up in
    /// this process, [`Class::Cancelled`] when `cancel` ends it.
    pub async fn aggregates(
        &self,
        query: &AggregateQuery,
        cursor: Option<&Cursor>,
        cancel: &CancellationToken,
    ) -> Result<(Page, Attempt), Fault> {
        let ask = Request {
            vendor: query.vendor,
            endpoint: if query.vendor.is_usual() { "aggregates" } else { "candles" },
            ticker: Some(&query.ticker),
            timeframe: Some(query.timeframe),
            asked: Some(query.range),
        };
        let brought = |page: &Page| Fetched {
            query_count: Some(page.query_count),
            bytes: page.bytes,
            request_id: page.request_id.clone(),
            ..Fetched::rows(page.bars.len(), page.server_time)
        };
        let vendor = &self.line(query.vendor)?.vendor;
        self.answered(ask, cancel, || vendor.aggregates(query, cursor), brought).await
    }

    /// A whole market on one date, with the attempt that brought it, which the caller records together with the bars.
    ///
    /// # Errors
    /// Like [`Dispatcher::aggregates`].
    pub async fn grouped_daily(
        &self,
        class: AssetClass,
        date: NaiveDate,
        cancel: &CancellationToken,
    ) -> Result<(GroupedPage, Attempt), Fault> {
        let day = Timeframe::D1.span(class, class.midnight(date));
        let ask = Request { timeframe: Some(Timeframe::D1), asked: Some(day), ..Request::of("grouped_daily") };
        let brought = |page: &GroupedPage| Fetched {
            bytes: page.bytes,
            request_id: page.request_id.clone(),
            ..Fetched::rows(page.bars.len(), page.server_time)
        };
        self.answered(ask, cancel, || self.usual.vendor.grouped_daily(class, date), brought).await
    }

    /// # Errors
    /// Like [`Dispatcher::aggregates`].
    pub async fn upcoming_holidays(&self, cancel: &CancellationToken) -> Result<Vec<Holiday>, Fault> {
        self.recorded(Request::of("holidays"), cancel, || self.usual.vendor.upcoming_holidays(), Vec::len).await
    }

    /// # Errors
    /// Like [`Dispatcher::aggregates`].
    pub async fn market_status(&self, cancel: &CancellationToken) -> Result<MarketStatus, Fault> {
        self.recorded(Request::of("market_status"), cancel, || self.usual.vendor.market_status(), |_| 0).await
    }

    /// Tickers that match a search text, one page of at most `limit`.
    ///
    /// # Errors
    /// Like [`Dispatcher::aggregates`].
    pub async fn tickers(&self, search: &str, limit: u32, cancel: &CancellationToken) -> Result<Vec<Ticker>, Fault> {
        self.recorded(Request::of("tickers"), cancel, || self.usual.vendor.tickers(search, limit), Vec::len).await
    }

    /// What a vendor knows of exactly this ticker; `None` when it knows none of that name.
    ///
    /// # Errors
    /// Like [`Dispatcher::aggregates`].
    pub async fn ticker(
        &self,
        source: Source,
        ticker: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<TickerDetails>, Fault> {
        let ask = Request { vendor: source, ticker: Some(ticker), ..Request::of("ticker") };
        let brought = |found: &Dated<Option<TickerDetails>>| Fetched {
            status: if found.value.is_some() { 200 } else { 404 },
            ..Fetched::of(found, usize::from(found.value.is_some()))
        };
        let vendor = &self.line(source)?.vendor;
        let (found, attempt) = self.answered(ask, cancel, || vendor.ticker(ticker), brought).await?;
        self.journal.record(&attempt).await;
        Ok(found.value)
    }

    /// Like [`Dispatcher::answered`], and writes the successful attempt down too.
    async fn recorded<T, F: Future<Output = Result<Dated<T>, Fault>>>(
        &self,
        ask: Request<'_>,
        cancel: &CancellationToken,
        call: impl Fn() -> F,
        rows: impl Fn(&T) -> usize,
    ) -> Result<T, Fault> {
        let brought = |answer: &Dated<T>| Fetched::of(answer, rows(&answer.value));
        let (answer, attempt) = self.answered(ask, cancel, call, brought).await?;
        self.journal.record(&attempt).await;
        Ok(answer.value)
    }

    /// Tries until an answer comes or trying again is of no use. Failed attempts are written down.
    async fn answered<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        ask: Request<'_>,
        cancel: &CancellationToken,
        call: impl Fn() -> F,
        brought: impl Fn(&T) -> Fetched,
    ) -> Result<(T, Attempt), Fault> {
        let line = self.line(ask.vendor)?;
        for number in 1.. {
            let permit = self.permit(line, ask, cancel).await?;
            self.journal.starting(ask.ticker, number);
            let (outcome, mut attempt) = self.attempt(ask, number, permit.deadline, cancel, &call).await;
            // One that was given up may still reach the vendor: its place passes as without an answer.
            let given_up = outcome.as_ref().is_err_and(|fault| fault.class == Class::Cancelled);
            if !given_up {
                line.limiter.answered(permit, &*self.journal, &*self.clock).await;
            }
            let fault = match outcome {
                Ok(value) => {
                    line.limiter.on_success();
                    let got = brought(&value);
                    self.counts.end(self.clock.now(), attempt.latency, got.bytes, None);
                    attempt = Attempt {
                        rows: got.rows,
                        query_count: got.query_count,
                        bytes: got.bytes,
                        request_id: got.request_id,
                        status: Some(got.status),
                        server_time: got.server_time,
                        ..attempt
                    };
                    self.dated(&attempt);
                    self.journal.ended(&attempt);
                    return Ok((value, attempt));
                }
                Err(fault) => fault,
            };
            self.counts.end(self.clock.now(), attempt.latency, 0, Some(&fault));
            match fault.class {
                Class::RateLimited => {
                    if let Some(recorded) = self.journal.recorded().await {
                        line.limiter.observe(&recorded, &Moment::now(&*self.clock));
                    }
                    line.limiter.on_rate_limited(fault.retry_after, &*self.journal, &*self.clock).await;
                }
                Class::Auth => line.refuse(&fault),
                _ => {}
            }
            attempt.status = fault.status;
            attempt.request_id.clone_from(&fault.request_id);
            attempt.server_time = fault.server_time;
            self.dated(&attempt);
            attempt.fault = Some(fault.clone());
            self.journal.ended(&attempt);
            self.journal.record(&attempt).await;

            let again = {
                let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
                self.policy.pause(&fault, number, &mut rng)
            };
            let Some(wait) = again else { return Err(fault) };
            let whole = if ask.endpoint == "grouped_daily" { "all symbols" } else { ask.endpoint };
            let (what, tries) = (ask.ticker.unwrap_or(whole), self.policy.tries(fault.class));
            let next = number.saturating_add(1);
            tracing::info!("{what}: {}; try {next} of {tries} in {:.1} s", fault.message, wait.as_secs_f64());
            if !wait.is_zero() {
                self.journal.waiting(ask.ticker, &fault.message, wait, Some(next));
                pause(wait, cancel, &line.refused).await.map_err(|f| line.refusal().unwrap_or(f))?;
            }
        }
        Err(Fault::cancelled())
    }

    /// Waits for permission to start. A refused key ends it at once.
    async fn permit(&self, line: &Line, ask: Request<'_>, cancel: &CancellationToken) -> Result<Permit, Fault> {
        if let Some(fault) = line.refusal() {
            return Err(fault);
        }
        let wait = line.limiter.expected_wait();
        if !wait.is_zero() {
            let frozen = line.limiter.snapshot().frozen_for.is_some();
            let why = if frozen { "rate limited by the vendor (429)" } else { "rate limit" };
            self.journal.waiting(ask.ticker, why, wait, None);
        }
        let permit = line.limiter.acquire_unless(&*self.journal, &*self.clock, cancel, &line.refused);
        let permit = timing::timed(Phase::LimiterWait, permit).await;
        match line.refusal() {
            Some(fault) => {
                if let Ok(unused) = permit {
                    line.limiter.answered(unused, &*self.journal, &*self.clock).await;
                }
                Err(fault)
            }
            None => permit,
        }
    }

    async fn attempt<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        ask: Request<'_>,
        number: u32,
        deadline: Instant,
        cancel: &CancellationToken,
        call: &impl Fn() -> F,
    ) -> (Result<T, Fault>, Attempt) {
        let started_at = self.clock.now();
        let start = Instant::now();
        let in_flight = self.counts.start(number, started_at);
        // The limiter counts on no request outlasting its place.
        let outcome = tokio::select! {
            biased;
            outcome = tokio::time::timeout_at(deadline, call()) => outcome.unwrap_or_else(|_| {
                Err(classify(Failure::Transport { kind: Transport::Timeout, detail: "its time is over" }))
            }),
            () = async {
                cancel.cancelled().await;
                tokio::time::sleep(GRACE).await;
            } => Err(Fault::new(Class::Cancelled, format!("cancelled; no answer within {} s", GRACE.as_secs()))),
        };
        drop(in_flight);
        let attempt = Attempt {
            endpoint: ask.endpoint,
            ticker: ask.ticker.map(str::to_owned),
            timeframe: ask.timeframe,
            asked: ask.asked,
            number,
            started_at,
            latency: start.elapsed(),
            rows: 0,
            query_count: None,
            bytes: 0,
            status: None,
            request_id: None,
            server_time: None,
            fault: None,
        };
        (outcome, attempt)
    }

    fn dated(&self, attempt: &Attempt) {
        if let Some(server) = attempt.server_time {
            self.counts.dated(attempt.started_at, attempt.latency, server);
        }
    }

    /// Why nothing is asked of the usual vendor any more, if it refused the key.
    #[must_use]
    pub fn refusal(&self) -> Option<Fault> {
        self.usual.refusal()
    }
}
