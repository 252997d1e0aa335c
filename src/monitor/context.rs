//! By what series are judged: the calendar, the settings and the policy in force.

use barkeep_config::{Config, Policy, Settings};
use barkeep_market::{Calendar, Criticality};

/// What judging the database's content takes.
#[derive(Clone, Copy)]
pub struct FreshnessContext<'a> {
    pub calendar: &'a Calendar,
    pub settings: &'a Settings,
    pub policy: &'a Policy,
}

impl<'a> FreshnessContext<'a> {
    /// By the configuration and the calendar in force.
    #[must_use]
    pub fn of(config: &'a Config, calendar: &'a Calendar) -> Self {
        Self { calendar, settings: &config.settings, policy: &config.policy }
    }
}

/// How stale a criticality may be, in seconds.
pub(crate) fn acceptable(policy: &Policy, criticality: Criticality) -> u64 {
    policy.rpo_by_symbol_criticality.of(criticality).acceptable_staleness.as_secs()
}
