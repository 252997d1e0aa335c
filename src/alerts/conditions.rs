//! When an alert is due: plain inputs and the policy in, what is wrong out.

use humantime::format_duration;
use serde::Serialize;
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::format::{rough, span};
use barkeep_base::text::printable;
use barkeep_base::variants::all;
use barkeep_config::Policy;
use barkeep_config::policy::Severity;
use barkeep_market::ts::{MINUTE, millis};
use barkeep_market::{Criticality, Symbol, Ts};
use barkeep_service::activity::VendorSilence;

/// The kinds of alert. Each is open once at most, or once for each of its subjects.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Display, IntoStaticStr, EnumCount, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Kind {
    NoSuccessfulBackfill,
    HighSymbolFailureRate,
    FeaturesMissing,
    StaleFeatures,
    VendorKeyRefused,
    /// No attempt has got an answer for a while.
    VendorUnreachable,
    DatabaseLost,
    /// A series is older than its criticality allows; one alert a series.
    RpoBreached,
    /// A critical symbol fails run after run; one alert a symbol.
    CriticalFailing,
    /// The vendor does not have what it should; one alert a symbol.
    VendorHoles,
    /// This machine's clock differs from the vendor's.
    ClockSkew,
}

impl Kind {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    /// The word in the table `alerts`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// A vendor that has not answered for longer than this, and so many times, is told: retries of one request may take
/// minutes.
const UNREACHABLE: i64 = 5 * MINUTE;
const UNREACHABLE_ATTEMPTS: u32 = 3;
/// A clock that differs by more than this from the vendor's is told, milliseconds.
const SKEW: u64 = 60_000;
/// Runs in a row that a critical symbol fails before it is told.
const FAILING_RUNS: usize = 3;
/// Suspect ranges of a symbol that are not told; holes that the vendor has confirmed always are.
const FEW_SUSPECTS: usize = 3;

/// A database that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseLoss {
    pub since: Ts,
    /// Tries that failed in a row.
    pub failures: u32,
}

/// A series that is older than its criticality allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreachedSeries {
    /// `BTC 5m`.
    pub series: String,
    pub criticality: Criticality,
    /// Milliseconds behind, and how many are allowed.
    pub behind: i64,
    pub allowed: i64,
    /// Nobody need be told now: a run works on it, it is paused, or the service has only just begun to watch.
    pub is_excused: bool,
}

/// A critical symbol whose newest attempts failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingSymbol {
    pub symbol: Symbol,
    /// Runs in a row, of its worst series.
    pub runs: usize,
    /// What the newest of them said.
    pub reason: String,
    pub is_paused: bool,
}

/// What the vendor does not have of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolHoles {
    pub symbol: Symbol,
    /// Of its series with the most.
    pub suspects: usize,
    pub vendor_holes: usize,
    /// `2 sessions missing at the vendor: SPY 23 Nov, 24 Nov`.
    pub what: String,
}

/// What the conditions are judged by. Counts are of tracked symbols and series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    pub now: Ts,
    /// Since when somebody watches: before the first success the wait counts from here.
    pub watching_since: Ts,
    /// When the last run ended that was good for at least one symbol.
    pub last_success: Option<Ts>,
    pub symbols: usize,
    /// Symbols with a finished attempt, and those of them whose newest attempt failed at any timeframe.
    pub symbols_attempted: usize,
    pub symbols_failed: usize,
    /// Series with bars, and those of them without any features.
    pub series_with_bars: usize,
    pub series_without_features: usize,
    pub series: usize,
    pub series_stale: usize,
    /// What the vendor said when it refused the key, until it accepts one.
    pub key_refused: Option<String>,
    /// The vendor has not answered the last attempts.
    pub vendor_silent: Option<VendorSilence>,
    pub database_lost: Option<DatabaseLoss>,
    /// A run works, and something of it is stored: a long first run is no failure.
    pub is_working: bool,
    pub breaches: Vec<BreachedSeries>,
    pub failing: Vec<FailingSymbol>,
    pub holes: Vec<SymbolHoles>,
    /// How far this machine's clock is ahead of the vendor's, milliseconds; absent until an answer told.
    pub clock_skew_ms: Option<i64>,
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertCondition {
    pub kind: Kind,
    /// What it is about, of a kind that can be about several things.
    pub subject: Option<String>,
    pub severity: Severity,
    pub message: String,
    /// It keeps an alert open, and raises none.
    pub is_excused: bool,
}

/// Everything that is wrong, in the order of [`Kind`].
#[must_use]
pub fn conditions(inputs: &Inputs, policy: &Policy) -> Vec<AlertCondition> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| match kind {
            Kind::RpoBreached => inputs.breaches.iter().map(breach).collect(),
            Kind::CriticalFailing => inputs.failing.iter().filter_map(failing).collect(),
            Kind::VendorHoles => inputs.holes.iter().filter_map(holes).collect(),
            _ => Vec::from_iter(of(kind, inputs, policy)),
        })
        .collect()
}

fn breach(breach: &BreachedSeries) -> AlertCondition {
    let BreachedSeries { series, criticality, behind, allowed, is_excused } = breach;
    let critical = *criticality == Criticality::Critical;
    AlertCondition {
        kind: Kind::RpoBreached,
        subject: Some(series.clone()),
        severity: if critical { Severity::Critical } else { Severity::Warning },
        message: format!("{series} is {} behind; {criticality} allows {}", rough(*behind), rough(*allowed)),
        is_excused: *is_excused,
    }
}

fn failing(failing: &FailingSymbol) -> Option<AlertCondition> {
    let FailingSymbol { symbol, runs, reason, is_paused } = failing;
    (*runs >= FAILING_RUNS).then(|| AlertCondition {
        kind: Kind::CriticalFailing,
        subject: Some(symbol.to_string()),
        severity: Severity::Critical,
        message: format!("{symbol} has failed in {runs} runs in a row: {}", printable(reason)),
        is_excused: *is_paused,
    })
}

fn holes(holes: &SymbolHoles) -> Option<AlertCondition> {
    let SymbolHoles { symbol, suspects, vendor_holes, what } = holes;
    (*vendor_holes > 0 || *suspects > FEW_SUSPECTS).then(|| AlertCondition {
        kind: Kind::VendorHoles,
        subject: Some(symbol.to_string()),
        severity: Severity::Warning,
        message: what.clone(),
        is_excused: false,
    })
}

/// The share of `some` in `all` when it is above `threshold`, in percent.
fn above(some: usize, all: usize, threshold: f64) -> Option<f64> {
    let share = some as f64 / all as f64;
    (all > 0 && share > threshold).then_some(share * 100.0)
}

fn of(kind: Kind, i: &Inputs, policy: &Policy) -> Option<AlertCondition> {
    let thresholds = &policy.monitoring_thresholds;
    let (severity, message) = match kind {
        Kind::NoSuccessfulBackfill => {
            let (patience, severity) = thresholds.no_successful_backfill;
            let since = i.last_success.unwrap_or(i.watching_since);
            let over = i.now - since > millis(patience);
            if i.symbols == 0 || !over || (i.last_success.is_none() && i.is_working) {
                return None;
            }
            let last = i.last_success.map_or_else(|| "none yet".to_owned(), |t| format!("the last ended at {t}"));
            (severity, format!("no successful backfill for {}: {last}", format_duration(patience)))
        }
        Kind::HighSymbolFailureRate => {
            let (threshold, severity) = thresholds.high_symbol_failure_rate;
            let percent = above(i.symbols_failed, i.symbols_attempted, threshold)?;
            let counts = format!("{} of {} symbols", i.symbols_failed, i.symbols_attempted);
            (severity, format!("high backfill failure rate: the newest attempt failed for {counts} ({percent:.1} %)"))
        }
        Kind::FeaturesMissing => {
            let (threshold, severity) = thresholds.features_missing;
            let percent = above(i.series_without_features, i.series_with_bars, threshold)?;
            let counts = format!("{} of {} series", i.series_without_features, i.series_with_bars);
            (severity, format!("features are missing for {counts} ({percent:.1} %)"))
        }
        Kind::StaleFeatures => {
            let (threshold, severity) = thresholds.stale_features;
            let percent = above(i.series_stale, i.series, threshold)?;
            (severity, format!("{} of {} series are stale ({percent:.1} %)", i.series_stale, i.series))
        }
        Kind::VendorKeyRefused => {
            let said = printable(i.key_refused.as_deref()?);
            (Severity::Critical, format!("nothing can be fetched: {said}"))
        }
        Kind::VendorUnreachable => {
            let VendorSilence { since, attempts, error } = i.vendor_silent.as_ref()?;
            if i.now - *since <= UNREACHABLE || *attempts < UNREACHABLE_ATTEMPTS {
                return None;
            }
            (Severity::Critical, format!("the vendor has not answered since {since}: {}", printable(error)))
        }
        Kind::DatabaseLost => {
            let loss = i.database_lost?;
            if loss.failures < policy.rto_by_failure_type.database_connection_loss.alert_threshold {
                return None;
            }
            (Severity::Critical, format!("the database has not answered since {}", loss.since))
        }
        Kind::ClockSkew => {
            let skew = i.clock_skew_ms.filter(|ms| ms.unsigned_abs() > SKEW)?;
            let by = span(i64::try_from(skew.unsigned_abs()).unwrap_or(i64::MAX));
            let side = if skew > 0 { "ahead of" } else { "behind" };
            (
                Severity::Warning,
                format!("this machine's clock is {by} {side} the vendor's; set it, for example with NTP"),
            )
        }
        // They have a condition for each subject.
        Kind::RpoBreached | Kind::CriticalFailing | Kind::VendorHoles => return None,
    };
    Some(AlertCondition { kind, subject: None, severity, message, is_excused: false })
}

#[cfg(test)]
mod tests;
