//! When an alert is due: plain inputs and the policy in, what is wrong out.

use std::fmt;

use humantime::format_duration;
use serde::Serialize;

use barkeep_base::text::printable;
use barkeep_config::Policy;
use barkeep_config::policy::Severity;
use barkeep_market::Ts;

/// The kinds of alert. Each is open once at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    NoSuccessfulBackfill,
    HighSymbolFailureRate,
    FeaturesMissing,
    StaleFeatures,
    VendorKeyRefused,
    DatabaseLost,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::NoSuccessfulBackfill,
        Self::HighSymbolFailureRate,
        Self::FeaturesMissing,
        Self::StaleFeatures,
        Self::VendorKeyRefused,
        Self::DatabaseLost,
    ];

    /// The word in the table `alerts`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSuccessfulBackfill => "no_successful_backfill",
            Self::HighSymbolFailureRate => "high_symbol_failure_rate",
            Self::FeaturesMissing => "features_missing",
            Self::StaleFeatures => "stale_features",
            Self::VendorKeyRefused => "vendor_key_refused",
            Self::DatabaseLost => "database_lost",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A database that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseLoss {
    pub since: Ts,
    /// Tries that failed in a row.
    pub failures: u32,
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
    pub database_lost: Option<DatabaseLoss>,
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub kind: Kind,
    pub severity: Severity,
    pub message: String,
}

/// Everything that is wrong, in the order of [`Kind`].
#[must_use]
pub fn conditions(inputs: &Inputs, policy: &Policy) -> Vec<Condition> {
    Kind::ALL.into_iter().filter_map(|kind| of(kind, inputs, policy)).collect()
}

/// The share of `some` in `all` when it is above `threshold`, in percent.
fn above(some: usize, all: usize, threshold: f64) -> Option<f64> {
    let share = some as f64 / all as f64;
    (all > 0 && share > threshold).then_some(share * 100.0)
}

fn of(kind: Kind, i: &Inputs, policy: &Policy) -> Option<Condition> {
    let thresholds = &policy.monitoring_thresholds;
    let (severity, message) = match kind {
        Kind::NoSuccessfulBackfill => {
            let (patience, severity) = thresholds.no_successful_backfill;
            let since = i.last_success.unwrap_or(i.watching_since);
            let over = i.now - since > i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
            if i.symbols == 0 || !over {
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
        Kind::DatabaseLost => {
            let loss = i.database_lost?;
            if loss.failures < policy.rto_by_failure_type.database_connection_loss.alert_threshold {
                return None;
            }
            (Severity::Critical, format!("the database has not answered since {}", loss.since))
        }
    };
    Some(Condition { kind, severity, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_config::{Environment, Overrides, load_from};
    use barkeep_market::ts::HOUR;

    fn policy() -> Policy {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("barkeep.yaml");
        let text = format!("log:\n  dir: {0}\ndatabase:\n  url: sqlite:{0}/x.db\n", dir.path().display());
        std::fs::write(&path, text).unwrap();
        let flags = Overrides { config: Some(path), ..Overrides::default() };
        load_from(&flags, &Environment::default()).unwrap().policy
    }

    fn raised(inputs: &Inputs) -> Vec<(&'static str, Severity)> {
        conditions(inputs, &policy()).into_iter().map(|c| (c.kind.name(), c.severity)).collect()
    }

    fn quiet() -> Inputs {
        Inputs {
            now: Ts(100 * HOUR),
            watching_since: Ts(0),
            last_success: Some(Ts(99 * HOUR)),
            symbols: 10,
            symbols_attempted: 10,
            series_with_bars: 50,
            series: 50,
            ..Inputs::default()
        }
    }

    #[test]
    fn exactly_at_a_threshold_nothing_is_raised_and_just_above_it_is() {
        assert_eq!(raised(&quiet()), []);
        let at_all = Inputs {
            last_success: Some(Ts(94 * HOUR)),
            symbols_failed: 2,
            series_without_features: 5,
            series_stale: 25,
            database_lost: Some(DatabaseLoss { since: Ts(0), failures: 2 }),
            ..quiet()
        };
        assert_eq!(raised(&at_all), []);
        let above_all = Inputs {
            last_success: Some(Ts(94 * HOUR - 1)),
            symbols_failed: 3,
            series_without_features: 6,
            series_stale: 26,
            key_refused: Some("401".into()),
            database_lost: Some(DatabaseLoss { since: Ts(0), failures: 3 }),
            ..at_all
        };
        let (warning, critical) = (Severity::Warning, Severity::Critical);
        let want = [warning, critical, warning, warning, critical, critical];
        let want: Vec<_> = Kind::ALL.into_iter().map(Kind::name).zip(want).collect();
        assert_eq!(raised(&above_all), want);
    }

    #[test]
    fn without_symbols_there_is_nothing_to_miss() {
        assert_eq!(raised(&Inputs { now: Ts(100 * HOUR), ..Inputs::default() }), []);
    }

    #[test]
    fn before_the_first_success_the_wait_counts_from_the_start() {
        let first = |since: i64| Inputs { last_success: None, watching_since: Ts(since), ..quiet() };
        assert_eq!(raised(&first(95 * HOUR)), []);
        assert_eq!(raised(&first(93 * HOUR)), [("no_successful_backfill", Severity::Warning)]);
    }

    #[test]
    fn what_the_vendor_said_cannot_act_on_a_terminal() {
        let inputs = Inputs { key_refused: Some("\u{1b}[2J".into()), ..quiet() };
        let condition = conditions(&inputs, &policy()).remove(0);
        assert!(!condition.message.contains('\u{1b}'), "{}", condition.message);
    }
}
