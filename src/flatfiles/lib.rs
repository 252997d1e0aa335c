//! The vendor's flat files: the minutes of the whole market of a day in one file, from an S3 bucket.
//!
//! `download` brings a file, goes on after a break where it ended and takes nothing that was replaced meanwhile;
//! `check` reads it once to its end before anything of it is believed; `read` then yields the bars of the wanted tickers
//! in pieces of bounded size. A file that is cut, damaged or out of order proves nothing.

#![warn(clippy::missing_errors_doc)]

mod bucket;
mod check;
mod download;
mod read;
mod rows;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chrono::{Days, NaiveDate, NaiveTime};
use tokio_util::sync::CancellationToken;

pub use check::{Checked, check};
pub use download::Stored;
pub use read::{BATCH_ROWS, TickerBars, read};

use barkeep_base::clock::Clock;
use barkeep_config::VendorSettings;
use barkeep_market::{AssetClass, Timeframe, Ts};
use barkeep_vendor::dispatch::{Attempt, Journal};
use barkeep_vendor::retry::RetryPolicy;
use barkeep_vendor::{Class, Fault};
use bucket::Bucket;

/// The name of these requests where requests are written down.
pub const ENDPOINT: &str = "flat_file";

/// When a day's file is there on the next day, New York: the vendor publishes it around 11:00.
const PUBLISHED: Option<NaiveTime> = NaiveTime::from_hms_opt(11, 30, 0);

/// The last date whose file the vendor has published at `now`.
#[must_use]
pub fn newest(now: Ts) -> Option<NaiveDate> {
    let today = AssetClass::Stock.date_of(now);
    let back = if PUBLISHED.is_some_and(|time| now >= Ts::ny(today, time)) { 1 } else { 2 };
    today.checked_sub_days(Days::new(back))
}

/// Where the minutes of all US stocks on a date are.
#[must_use]
pub fn key(date: NaiveDate) -> String {
    format!("us_stocks_sip/minute_aggs_v1/{}.csv.gz", date.format("%Y/%m/%Y-%m-%d"))
}

/// The bucket of one run.
#[derive(Debug)]
pub struct FlatFiles {
    bucket: Bucket,
    directory: std::path::PathBuf,
    policy: RetryPolicy,
    /// Why nothing more is asked: the keys are refused.
    refused: OnceLock<Fault>,
}

impl FlatFiles {
    /// Nothing is asked yet. `None` where the settings want no files or hold no keys.
    ///
    /// # Errors
    /// When the client cannot be made from the settings.
    pub fn new(settings: &VendorSettings) -> Result<Option<Self>, Fault> {
        let files = &settings.flat_files;
        let Some(keys) = files.keys.as_ref().filter(|_| files.enabled) else { return Ok(None) };
        let bucket = Bucket::open(settings, keys).map_err(|why| Fault::new(Class::Permanent, why))?;
        Ok(Some(Self {
            bucket,
            directory: files.directory.clone(),
            policy: RetryPolicy::from(settings),
            refused: OnceLock::new(),
        }))
    }

    /// Whether the keys were refused; nothing is asked any more then.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.get().is_some()
    }

    /// Brings the file of a date, whole and checked, with the attempt that ended it. Failed attempts are written down in
    /// `journal`; the last one is for the caller to record.
    ///
    /// # Errors
    /// The fault of the last attempt, once trying again is of no use: [`Class::Permanent`] when there is no such file,
    /// [`Class::NotEntitled`] when the keys are refused or the plan does not include it, [`Class::Cancelled`] when `cancel` ends it.
    pub async fn fetch(
        &self,
        date: NaiveDate,
        clock: &dyn Clock,
        journal: &dyn Journal,
        cancel: &CancellationToken,
    ) -> Result<(Stored, Checked, Attempt), Fault> {
        if let Some(fault) = self.refused.get() {
            return Err(fault.clone());
        }
        let key = key(date);
        let mut rng = fastrand::Rng::new();
        for number in 1.. {
            journal.starting(None, number);
            let (started_at, start) = (clock.now(), Instant::now());
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Fault::cancelled()),
                outcome = self.attempt(&key, date) => outcome,
            };
            let midnight = AssetClass::Stock.midnight(date);
            let mut attempt = Attempt {
                endpoint: ENDPOINT,
                ticker: None,
                timeframe: Some(Timeframe::M1),
                asked: Some(Timeframe::D1.span(AssetClass::Stock, midnight)),
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
            let fault = match outcome {
                Ok((stored, checked)) => {
                    attempt.rows = checked.rows;
                    attempt.bytes = stored.received;
                    attempt.status = Some(200);
                    journal.ended(&attempt);
                    return Ok((stored, checked, attempt));
                }
                // It says nothing about the API key.
                Err(fault) if fault.class == Class::Auth => {
                    self.refused.get_or_init(|| Fault { class: Class::NotEntitled, ..fault }).clone()
                }
                Err(fault) => fault,
            };
            attempt.status = fault.status;
            attempt.fault = Some(fault.clone());
            journal.ended(&attempt);
            journal.record(&attempt).await;
            let Some(wait) = self.policy.pause(&fault, number, &mut rng) else { return Err(fault) };
            let next = number.saturating_add(1);
            tracing::info!("{key}: {}; try {next} in {:.1} s", fault.message, wait.as_secs_f64());
            if !wait.is_zero() {
                journal.waiting(None, &fault.message, wait, Some(next));
                tokio::select! {
                    () = cancel.cancelled() => return Err(Fault::cancelled()),
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        Err(Fault::cancelled())
    }

    async fn attempt(&self, key: &str, date: NaiveDate) -> Result<(Stored, Checked), Fault> {
        let stored = download::download(&self.bucket, &self.directory, key).await?;
        let stored = Arc::new(stored);
        let reading = Arc::clone(&stored);
        let checked = tokio::task::spawn_blocking(move || check(&reading, date)).await;
        let checked = checked.unwrap_or_else(|e| Err(Fault::malformed(format!("the file could not be read: {e}"))));
        let stored = Arc::into_inner(stored).ok_or_else(|| Fault::malformed("the file is still being read"))?;
        match checked {
            Ok(checked) => Ok((stored, checked)),
            Err(fault) => {
                // What is on the disk is of no use to the next attempt.
                stored.discard();
                Err(fault)
            }
        }
    }
}
