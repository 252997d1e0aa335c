//! What a simulated vendor is told at its start, and what may be changed while it runs.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::fault::FaultRule;
use crate::data::payments::Payment;
use crate::plan::{Older, SimDelay};
use crate::script::event::Script;
use barkeep_market::Ts;
use barkeep_market::split::Split;

/// How requests are counted against the limit. The vendor does not say which one it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The trailing 60 s before each request.
    #[default]
    Sliding,
    /// Windows of 60 s one after the other, counted from the server's start.
    Fixed,
}

/// Everything a simulated vendor can be told at its start.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// The same seed gives the same bars, request ids and dice.
    pub seed: u64,
    /// Keys that are let in. `None`: any key that is not empty.
    pub keys: Option<Vec<String>>,
    /// Access keys that the storage of flat files knows. `None`: any.
    pub s3_access_keys: Option<Vec<String>>,
    /// Requests a key may make in 60 s. `None`: as many as it likes.
    pub rate_limit: Option<u32>,
    /// Requests a second that the second vendor's public data allow. `None`: as many as one likes.
    pub public_per_second: Option<u32>,
    pub window: Window,
    /// Whether a 429 says `Retry-After`. The vendor's own were never seen to.
    pub retry_after: bool,
    /// Time added before each answer.
    pub latency: Duration,
    /// So many requests for a ticker's bars are answered; further ones wait for [`Sim::allow_pages`](crate::Sim::allow_pages).
    /// `None`: none waits.
    pub pages_allowed: Option<usize>,
    /// Most base bars a page is built from, whatever `limit` asks. Above 50,000 the largest `limit` accepted grows too.
    pub base_limit: u32,
    /// Years of history in the plan. `None`: all there is.
    pub plan_years: Option<u32>,
    pub delay: SimDelay,
    /// What time it is. `None`: what the clock says.
    pub now: Option<Ts>,
    /// Directory of recorded bars to serve in place of generated ones.
    pub replay: Option<PathBuf>,
    /// Which recording is served when a symbol has several at the same width.
    pub replay_source: Option<String>,
    /// Symbols that appear in grouped days and ticker lists from the start, in the vendor's form. Every symbol asked
    /// for joins them.
    pub symbols: Vec<String>,
    /// Splits by vendor ticker. A symbol named here has no others.
    pub splits: Vec<(String, Split)>,
    /// Cash dividends by vendor ticker. A symbol named here has no others.
    pub dividends: Vec<(String, Payment)>,
    /// Host (or whole origin) that `next_url` names. `None`: the one the request came to.
    pub next_url_host: Option<String>,
    pub faults: Vec<FaultRule>,
    /// What happens to the market, and what the vendor knows of it.
    pub script: Script,
    /// Whether the same question gets the same bytes again, its request id included, instead of being computed anew.
    /// For measurements, with `now` standing still.
    pub keep_answers: bool,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            keys: None,
            s3_access_keys: None,
            rate_limit: None,
            public_per_second: Some(10),
            window: Window::Sliding,
            retry_after: false,
            latency: Duration::ZERO,
            pages_allowed: None,
            base_limit: 50_000,
            plan_years: None,
            delay: SimDelay::Realtime,
            now: None,
            replay: None,
            replay_source: None,
            symbols: Vec::new(),
            splits: Vec::new(),
            dividends: Vec::new(),
            next_url_host: None,
            faults: Vec::new(),
            script: Script::default(),
            keep_answers: false,
        }
    }
}

/// A change while the server runs; what is absent stays. `null` lifts a limit or lets the clock run again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigChange {
    pub latency_ms: Option<u64>,
    #[serde(deserialize_with = "given")]
    pub rate_limit: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    pub now: Option<Option<Ts>>,
    pub delay: Option<SimDelay>,
    #[serde(deserialize_with = "given")]
    pub plan_years: Option<Option<u32>>,
    /// Symbols that join the grouped days.
    pub symbols: Vec<String>,
}

/// Tells `null` from absent: called only when the key is there.
#[allow(clippy::option_option, reason = "`null` and absent mean different things here")]
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// The part of the configuration that may change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) latency: Duration,
    pub(super) rate_limit: Option<u32>,
    pub(super) now: Option<Ts>,
    pub(super) delay: SimDelay,
    pub(super) plan_years: Option<u32>,
    /// Days of history; they go before the years.
    pub(super) history_days: Option<u32>,
    pub(super) older: Older,
}

impl Live {
    pub(super) fn of(config: &SimConfig) -> Self {
        Self {
            latency: config.latency,
            rate_limit: config.rate_limit,
            now: config.now,
            delay: config.delay,
            plan_years: config.plan_years,
            history_days: None,
            older: Older::AsSeen,
        }
    }

    pub(super) fn apply(&mut self, change: &ConfigChange) {
        if let Some(ms) = change.latency_ms {
            self.latency = Duration::from_millis(ms);
        }
        self.rate_limit = change.rate_limit.unwrap_or(self.rate_limit);
        self.now = change.now.unwrap_or(self.now);
        self.delay = change.delay.unwrap_or(self.delay);
        self.plan_years = change.plan_years.unwrap_or(self.plan_years);
    }
}
