//! Every setting, validated. What each one means is said in `config/barkeep.yaml`, which is also where the defaults
//! come from: the file is built into the binary and read first.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::log::LogSettings;
use barkeep_base::variants::all;
use barkeep_market::freshness::{Delay, StalenessClock, TierLimits};
use barkeep_market::pair::Pair;
use barkeep_market::quality::Thresholds;
use barkeep_market::{AssetClass, Criticality, Instrument, Symbol, Timeframe};

pub use super::database_url::DatabaseUrl;
pub use super::flat_files::{FlatFileKeys, FlatFileSettings};
pub use super::rate_limit::RateLimit;
pub use crate::yaml::word::ParseWordError;

/// All settings of one start.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `sqlite:PATH` or `postgres://…`; may hold a password, so it is never printed whole.
    pub database: DatabaseUrl,
    /// Connections to a PostgreSQL server: one writes, the others read.
    pub database_connections: u32,
    /// How many of them write pages side by side.
    pub database_writers: u32,
    pub retention: RetentionSettings,
    pub vendor: VendorSettings,
    pub coinbase: CoinbaseSettings,
    pub backfill: BackfillSettings,
    pub symbols: SymbolSettings,
    pub quality: QualitySettings,
    pub staleness: StalenessSettings,
    pub features: FeatureSettings,
    pub log: LogSettings,
    pub alerts: super::alerts::AlertSettings,
    pub tui: super::screen::TuiSettings,
    /// Keys of the dashboard that replace the built-in ones.
    pub keys: Vec<super::screen::KeySetting>,
    pub api: super::api::ApiSettings,
}

/// How long rows that only tell of the past are kept; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    pub requests: Option<Duration>,
    pub executions: Option<Duration>,
    pub audit: Option<Duration>,
    pub alerts: Option<Duration>,
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
    pub flat_files: FlatFileSettings,
}

/// The public market data of the Coinbase Exchange. Time-outs, sizes and retries are those of [`VendorSettings`].
#[derive(Clone, Debug, PartialEq)]
pub struct CoinbaseSettings {
    /// Origin of the API without a trailing slash.
    pub url: url::Url,
    /// Requests that may start in any second.
    pub requests_per_second: u32,
}

/// In what order and how many at a time requests are made.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    Display,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Mode {
    /// Several fetches at once, one writer behind them.
    Pipeline,
    /// Groups of symbols, starts some seconds apart, a pause between groups.
    Staggered,
    /// One request after the other.
    Sequential,
}

impl Mode {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

impl FromStr for Mode {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        let known = Self::ALL.into_iter().find(|m| m.name() == s);
        known.ok_or_else(|| ParseWordError::new(s, "a mode; use pipeline, staggered or sequential"))
    }
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
    /// How often daily history is asked again and compared; `None` when never.
    pub verify_every: Option<Duration>,
    /// Share of the limit for what is asked while nothing else waits.
    pub idle_share: f64,
    /// How long a lost database is waited for.
    pub database_patience: Duration,
}

/// A limit to share where there is none.
const UNLIMITED: u32 = 100;

impl BackfillSettings {
    /// Requests a minute for what is asked while nothing else waits: holes again, stored bars again. At least 1.
    #[must_use]
    pub fn idle_per_minute(&self, limit: RateLimit) -> usize {
        let limit = limit.per_minute().unwrap_or(UNLIMITED);
        ((f64::from(limit) * self.idle_share) as usize).max(1)
    }
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
pub struct StalenessSettings {
    pub clock: StalenessClock,
    /// What critical, standard and low symbols accept, from `rpo_by_symbol_criticality` of `rto_rpo_config.yaml`.
    pub acceptable: [Duration; 3],
    /// From `staleness_thresholds` of `rto_rpo_config.yaml`.
    pub limits: TierLimits,
}

impl StalenessSettings {
    /// How stale a symbol of this tier may become.
    #[must_use]
    pub const fn acceptable(&self, criticality: Criticality) -> Duration {
        let [critical, standard, low] = self.acceptable;
        match criticality {
            Criticality::Critical => critical,
            Criticality::Standard => standard,
            Criticality::Low => low,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureSettings {
    /// Whether features are computed when bars change.
    pub enabled: bool,
}

/// `realtime`, `end_of_day`, or a duration up to 7 days.
///
/// # Errors
/// When it is none of these, or longer.
pub fn parse_delay(text: &str) -> Result<Delay, ParseWordError> {
    const LONGEST: Duration = Duration::from_hours(7 * 24);
    match (text, humantime::parse_duration(text)) {
        ("realtime", _) => Ok(Delay::After(Duration::ZERO)),
        ("end_of_day", _) => Ok(Delay::EndOfDay),
        (_, Ok(d)) if d <= LONGEST => Ok(Delay::After(d)),
        _ => Err(ParseWordError::new(text, "a delay; use realtime, end_of_day, or a duration up to 7d such as 15m")),
    }
}

/// What a symbol is when nobody says so: crypto or fund if `symbols.known_*` names it, crypto too if it is written as a pair
/// (`BTC-EUR`, `X:BTCUSD`), else a stock.
#[must_use]
pub fn default_class(settings: &Settings, symbol: &Symbol) -> AssetClass {
    let text = symbol.as_str();
    let prefixed = text.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X:"));
    if settings.symbols.known_etf.contains(symbol) {
        AssetClass::Etf
    } else if prefixed
        || settings.symbols.known_crypto.contains(symbol)
        || Pair::is_plain(text)
        || known(settings, symbol)
    {
        AssetClass::Crypto
    } else {
        AssetClass::Stock
    }
}

/// Whether `symbols.known_crypto` has the same pair under another name.
fn known(settings: &Settings, symbol: &Symbol) -> bool {
    let Ok(pair) = Pair::parse(symbol.as_str()) else { return false };
    let name = pair.name();
    settings.symbols.known_crypto.iter().any(|known| known.as_str() == name)
}

/// The tier of a symbol by `rto_rpo_config.yaml`. Every way to write a crypto pair counts: the lists hold its one name.
#[must_use]
pub fn criticality_of(settings: &Settings, symbol: &Symbol) -> Criticality {
    let one = || Instrument::of(symbol, default_class(settings, symbol)).ok().map(|one| one.symbol);
    let tier = |symbol: &Symbol| settings.symbols.criticality.iter().find(|(listed, _)| listed == symbol);
    let listed = tier(symbol).or_else(|| tier(&one()?));
    listed.map_or(Criticality::Low, |(_, tier)| *tier)
}
