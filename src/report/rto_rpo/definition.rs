//! The recovery targets in effect, each with the line it comes from.
//!
//! Values are the ones the engine uses (typed policy and settings); sources are the ones `config print` shows.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use barkeep_config::Loaded;
use barkeep_config::policy::{RpoPolicy, Rto, Severity, StalenessTier};
use barkeep_market::freshness::Tier;
use barkeep_market::{Criticality, Symbol, Ts};

/// Settings of `barkeep.yaml` that decide how the engine recovers.
const SETTINGS: [&str; 13] = [
    "vendor.rate_limit",
    "vendor.attempts",
    "vendor.malformed_attempts",
    "vendor.backoff_base",
    "vendor.backoff_cap",
    "vendor.total_timeout",
    "backfill.mode",
    "backfill.concurrency",
    "backfill.database_patience",
    "backfill.settle",
    "backfill.overlap",
    "staleness.clock",
    "features.enabled",
];

/// The same of the policy.
const POLICY: [&str; 5] = [
    "scheduler_recovery.normal_operation.daily_sweep_utc",
    "scheduler_recovery.normal_operation.priority_order",
    "scheduler_recovery.after_crash.resume_interrupted",
    "scheduler_recovery.after_extended_downtime.threshold_hours",
    "scheduler_recovery.after_extended_downtime.priority_order",
];

/// How long one kind of failure may last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RtoRow {
    pub failure: &'static str,
    pub target_seconds: f64,
    pub recovery: String,
    pub fallback: String,
    /// Events before an alert goes out.
    pub alert_threshold: u32,
    /// File and line of the target.
    pub source: String,
}

/// How old the data of one tier may become.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RpoRow {
    pub criticality: Criticality,
    /// Empty for the tier of everything not named elsewhere.
    pub symbols: Vec<Symbol>,
    pub acceptable_staleness_seconds: f64,
    pub refresh_every_seconds: f64,
    pub max_acceptable_data_loss_seconds: f64,
    pub priority: u32,
    /// File and line of the acceptable staleness.
    pub source: String,
    pub refresh_source: String,
    pub symbols_source: String,
}

/// Where a staleness tier ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierRow {
    pub tier: &'static str,
    /// `None` when it has no end.
    pub until_seconds: Option<f64>,
    pub action: String,
    pub alert: Option<Severity>,
    pub source: String,
}

/// When an alert is raised: after so many seconds, or beyond a share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThresholdRow {
    pub condition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above_percent: Option<f64>,
    pub severity: Severity,
    pub source: String,
}

/// One setting, as written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecoverySetting {
    pub name: &'static str,
    pub value: Value,
    pub source: String,
}

/// Everything in effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Definition {
    pub generated_at: Ts,
    pub version: &'static str,
    /// `None`: the built-in defaults.
    pub settings_file: Option<PathBuf>,
    pub policy_file: Option<PathBuf>,
    pub rto_by_failure_type: Vec<RtoRow>,
    pub rpo_by_symbol_criticality: Vec<RpoRow>,
    pub staleness_thresholds: Vec<TierRow>,
    pub monitoring_thresholds: Vec<ThresholdRow>,
    pub recovery: Vec<RecoverySetting>,
}

impl Definition {
    #[must_use]
    pub fn of(loaded: &Loaded, now: Ts) -> Self {
        let written = SourcedValues(loaded.effective.json());
        Self {
            generated_at: now,
            version: env!("CARGO_PKG_VERSION"),
            settings_file: loaded.sources.config.clone(),
            policy_file: loaded.sources.policy.clone(),
            rto_by_failure_type: rto(loaded, &written),
            rpo_by_symbol_criticality: Criticality::ALL
                .map(|criticality| rpo(criticality, loaded.policy.rpo_by_symbol_criticality.of(criticality), &written))
                .into(),
            staleness_thresholds: tiers(loaded, &written),
            monitoring_thresholds: thresholds(loaded, &written),
            recovery: recovery(&written),
        }
    }
}

/// Values as written, with their sources.
struct SourcedValues(Value);

impl SourcedValues {
    fn leaf(&self, tree: &str, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self.0.get(tree)?, |node, key| node.get(key))
    }

    fn source(&self, path: &str) -> String {
        let source = self.leaf("policy", path).and_then(|leaf| leaf.get("source")?.as_str());
        source.unwrap_or("built in").to_owned()
    }

    fn rule(&self, tree: &str, path: &'static str) -> Option<RecoverySetting> {
        let leaf = self.leaf(tree, path)?;
        let source = leaf.get("source")?.as_str()?.to_owned();
        Some(RecoverySetting { name: path, value: leaf.get("value")?.clone(), source })
    }
}

fn rto(loaded: &Loaded, written: &SourcedValues) -> Vec<RtoRow> {
    let all = &loaded.policy.rto_by_failure_type;
    let row = |failure: &'static str, rto: &Rto| RtoRow {
        failure,
        target_seconds: rto.target.as_secs_f64(),
        recovery: rto.recovery.clone(),
        fallback: rto.fallback.clone(),
        alert_threshold: rto.alert_threshold,
        source: written.source(&format!("rto_by_failure_type.{failure}.rto_minutes")),
    };
    vec![
        row("scheduler_crash", &all.scheduler_crash),
        row("polygon_api_rate_limit", &all.polygon_api_rate_limit),
        row("database_connection_loss", &all.database_connection_loss),
        row("feature_computation_failure", &all.feature_computation_failure),
    ]
}

fn rpo(criticality: Criticality, rpo: &RpoPolicy, written: &SourcedValues) -> RpoRow {
    let source = |key: &str| written.source(&format!("rpo_by_symbol_criticality.{}.{key}", criticality.name()));
    RpoRow {
        criticality,
        symbols: rpo.symbols.clone(),
        acceptable_staleness_seconds: rpo.acceptable_staleness.as_secs_f64(),
        refresh_every_seconds: rpo.refresh_every.as_secs_f64(),
        max_acceptable_data_loss_seconds: rpo.max_data_loss.as_secs_f64(),
        priority: rpo.priority,
        source: source("acceptable_staleness_hours"),
        refresh_source: source("refresh_every"),
        symbols_source: source("symbols"),
    }
}

fn tiers(loaded: &Loaded, written: &SourcedValues) -> Vec<TierRow> {
    let all = &loaded.policy.staleness_thresholds;
    let row = |tier: Tier, limit: &StalenessTier| TierRow {
        tier: tier.name(),
        until_seconds: limit.until.map(|d| d.as_secs_f64()),
        action: limit.action.clone(),
        alert: limit.alert,
        source: written.source(&format!("staleness_thresholds.{}.hours", tier.name())),
    };
    vec![
        row(Tier::Fresh, &all.fresh),
        row(Tier::Aging, &all.aging),
        row(Tier::Stale, &all.stale),
        row(Tier::Missing, &all.missing),
        row(Tier::Unknown, &all.unknown),
    ]
}

fn thresholds(loaded: &Loaded, written: &SourcedValues) -> Vec<ThresholdRow> {
    let all = &loaded.policy.monitoring_thresholds;
    let source = |condition: &str, unit: &str| written.source(&format!("monitoring_thresholds.{condition}.{unit}"));
    let after = |condition: &'static str, (after, severity): (Duration, Severity)| ThresholdRow {
        condition,
        after_seconds: Some(after.as_secs_f64()),
        above_percent: None,
        severity,
        source: source(condition, "hours"),
    };
    let above = |condition: &'static str, (share, severity): (f64, Severity)| ThresholdRow {
        condition,
        after_seconds: None,
        above_percent: Some(share * 100.0),
        severity,
        source: source(condition, "percent"),
    };
    vec![
        after("no_successful_backfill", all.no_successful_backfill),
        above("high_symbol_failure_rate", all.high_symbol_failure_rate),
        above("features_missing", all.features_missing),
        above("stale_features", all.stale_features),
    ]
}

fn recovery(written: &SourcedValues) -> Vec<RecoverySetting> {
    let policy = POLICY.into_iter().filter_map(|path| written.rule("policy", path));
    policy.chain(SETTINGS.into_iter().filter_map(|path| written.rule("settings", path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_base::clock::{Clock as _, SystemClock};
    use barkeep_config::{Environment, Overrides, load_from};

    fn definition(settings: &str, policy: &str) -> Definition {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("barkeep.yaml");
        let fixed = format!("database:\n  url: sqlite:x.db\nlog:\n  dir: logs\n{settings}");
        std::fs::write(&file, fixed).unwrap();
        std::fs::write(dir.path().join("rto_rpo_config.yaml"), policy).unwrap();
        let overrides = Overrides { config: Some(file), ..Overrides::default() };
        Definition::of(&load_from(&overrides, &Environment::default()).unwrap(), SystemClock.now())
    }

    #[test]
    fn every_recovery_setting_exists() {
        let all = definition("", "");
        assert_eq!(all.recovery.len(), SETTINGS.len() + POLICY.len());
        assert!(all.recovery.iter().all(|rule| !rule.source.is_empty()));
    }

    #[test]
    fn built_in_targets_are_those_of_the_specification() {
        let all = definition("", "");
        let targets: Vec<f64> = all.rto_by_failure_type.iter().map(|row| row.target_seconds).collect();
        assert_eq!(targets, [300.0, 30.0, 120.0, 1.0]);
        let rpo: Vec<_> = all
            .rpo_by_symbol_criticality
            .iter()
            .map(|row| (row.acceptable_staleness_seconds / 3600.0, row.refresh_every_seconds / 60.0, row.symbols.len()))
            .collect();
        assert_eq!(rpo, [(1.0, 15.0, 4), (4.0, 60.0, 10), (24.0, 1440.0, 0)]);
    }

    #[test]
    fn a_changed_line_is_named() {
        let all = definition(
            "backfill:\n  concurrency: 3\n",
            "rto_by_failure_type:\n  scheduler_crash:\n    rto_minutes: 7\nmonitoring_thresholds:\n  \
             stale_features: { percent: 12.5, severity: critical }\n",
        );
        let crash = &all.rto_by_failure_type[0];
        assert_eq!(crash.target_seconds, 420.0);
        assert!(crash.source.contains("rto_rpo_config.yaml:3"), "{}", crash.source);
        let stale = all.monitoring_thresholds.last().unwrap();
        assert_eq!((stale.above_percent, stale.severity), (Some(12.5), Severity::Critical));
        let concurrency = all.recovery.iter().find(|rule| rule.name == "backfill.concurrency").unwrap();
        assert_eq!(concurrency.value, 3);
        assert!(concurrency.source.contains("barkeep.yaml:6"), "{}", concurrency.source);
    }
}
