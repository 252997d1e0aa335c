//! Every setting, validated. What each one means is said in `config/barkeep.yaml`, which is also where the defaults
//! come from: the file is built into the binary and read first.

use std::path::PathBuf;
use std::time::Duration;

use crate::market::freshness::Delay;
use crate::market::quality::Thresholds;
use crate::market::{Criticality, Symbol, Timeframe};

/// All settings of one start.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `sqlite:PATH` or `postgres://…`; may hold a password, so it is never printed whole.
    pub database: DatabaseUrl,
    pub vendor: VendorSettings,
    pub backfill: BackfillSettings,
    pub symbols: SymbolSettings,
    pub quality: QualitySettings,
    pub log: LogSettings,
}

/// A database URL whose `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(crate) String);

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// How fast the vendor may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// At most this many request starts in any trailing 60 s.
    PerMinute(u32),
    /// No agreed limit; stays under 100 a second as the vendor asks.
    Unlimited,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VendorSettings {
    /// Origin of the API without a trailing slash.
    pub base_url: url::Url,
    pub key_file: Option<PathBuf>,
    pub rate_limit: RateLimit,
    pub delay: Delay,
    pub connect_timeout: Duration,
    /// Longest silence while an answer arrives.
    pub read_timeout: Duration,
    /// Longest whole request.
    pub total_timeout: Duration,
    /// Largest body after decompression, bytes.
    pub max_body: usize,
    /// Tries per request, the first one included.
    pub attempts: u32,
    /// Tries when the answer is malformed.
    pub malformed_attempts: u32,
    /// First back-off; doubles each time, full jitter.
    pub backoff_base: Duration,
    /// Longest back-off, and longest `Retry-After` obeyed in place.
    pub backoff_cap: Duration,
    /// Pages one range may have before it counts as endless.
    pub max_pages: u32,
    /// Whether a whole market day may be asked in one request (grouped daily).
    pub grouped_daily: bool,
}

/// In what order and how many at a time requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Several fetches at once, one writer behind them.
    Pipeline,
    /// Groups of symbols, starts some seconds apart, a pause between groups.
    Staggered,
    /// One request after the other.
    Sequential,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BackfillSettings {
    pub mode: Mode,
    /// Fetches at once in pipeline mode.
    pub concurrency: usize,
    /// Symbols per group in staggered mode.
    pub max_concurrent_symbols: usize,
    pub stagger: Duration,
    pub group_pause: Duration,
    /// How far back a range without `--from` reaches.
    pub history: Duration,
    /// A bar younger than this (from its end) may still change: it is provisional and asked again.
    pub settle: Duration,
    /// Bars younger than this are asked again together with newer ones, at no extra request.
    pub overlap: Duration,
    /// How long an empty answer is believed.
    pub empty_recheck: Duration,
    /// The same for ranges that ended less than two days ago.
    pub recent_empty_recheck: Duration,
    /// How long a refusal for the plan is believed.
    pub not_entitled_recheck: Duration,
    /// How often splits of a symbol are asked.
    pub splits_recheck: Duration,
    /// How long a lost database is waited for.
    pub database_patience: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SymbolSettings {
    /// Timeframes of a symbol that names none.
    pub timeframes: Vec<Timeframe>,
    /// Symbols that are crypto unless said otherwise.
    pub known_crypto: Vec<Symbol>,
    /// Symbols that are funds unless said otherwise.
    pub known_etf: Vec<Symbol>,
    /// From `rto_rpo_config.yaml`; symbols not listed are `low`.
    pub criticality: Vec<(Symbol, Criticality)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualitySettings {
    pub stock: Thresholds,
    pub etf: Thresholds,
    pub crypto: Thresholds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// Directory of the rolling log files.
    pub dir: PathBuf,
    /// `--log-file` writes to exactly this file instead.
    pub file: Option<PathBuf>,
    pub level: String,
    pub format: LogFormat,
    /// Daily files kept.
    pub keep: usize,
}
