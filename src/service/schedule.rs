//! When what is due: each tier at its cadence, everything once a day.
//!
//! Pure: it is told the time. Beats lie on the UTC epoch grid, so neither a restart nor daylight saving moves them.
//! However many beats were missed, one run makes up for them; a clock that is set back repeats nothing.

use chrono::NaiveTime;

use barkeep_config::Policy;
use barkeep_market::ts::{DAY, millis};
use barkeep_market::{Criticality, Ts};

/// Something to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The newest bars of a tier's symbols.
    Tier(Criticality),
    /// Everything that is missing of every symbol.
    Sweep,
}

#[derive(Clone, Debug)]
struct Tick {
    what: Due,
    period: i64,
    /// Where in the period the beat lies, milliseconds.
    phase: i64,
    /// The index of the last beat that was acted on.
    last: i64,
}

impl Tick {
    fn index(&self, now: Ts) -> i64 {
        (now.ms() - self.phase).div_euclid(self.period)
    }

    fn next(&self, now: Ts) -> Ts {
        Ts((self.index(now) + 1) * self.period + self.phase)
    }
}

/// The service's calendar of its own work.
#[derive(Clone, Debug)]
pub struct Schedule {
    ticks: Vec<Tick>,
}

impl Schedule {
    /// The schedule a policy asks for. Beats before `now` count as done.
    #[must_use]
    pub fn new(policy: &Policy, now: Ts) -> Self {
        let midnight = NaiveTime::MIN;
        let full_check = (policy.scheduler_recovery.daily_sweep - midnight).num_milliseconds();
        let tiers = policy.scheduler_recovery.priority_order.iter().map(|criticality| {
            let period = policy.rpo_by_symbol_criticality.of(*criticality).refresh_every;
            (Due::Tier(*criticality), millis(period), 0)
        });
        let ticks = tiers
            .chain([(Due::Sweep, DAY, full_check)])
            .map(|(what, period, phase)| {
                let mut tick = Tick { what, period: period.max(1), phase, last: 0 };
                tick.last = tick.index(now);
                tick
            })
            .collect();
        Self { ticks }
    }

    /// What has become due since the last call, in order of the policy.
    pub fn due(&mut self, now: Ts) -> Vec<Due> {
        let mut due = Vec::new();
        for tick in &mut self.ticks {
            let index = tick.index(now);
            if index > tick.last {
                due.push(tick.what);
            }
            tick.last = index;
        }
        due
    }

    /// The next beat of each kind.
    #[must_use]
    pub fn upcoming(&self, now: Ts) -> Vec<(Due, Ts)> {
        self.ticks.iter().map(|tick| (tick.what, tick.next(now))).collect()
    }

    /// When something becomes due next.
    #[must_use]
    pub fn next(&self, now: Ts) -> Ts {
        self.ticks.iter().map(|tick| tick.next(now)).min().unwrap_or(now + DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::testing::at;
    use barkeep_market::ts::{HOUR, MINUTE};
    use proptest::prelude::*;

    fn policy() -> Policy {
        // Without a home the places of database and log have to be named.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("barkeep.yaml");
        std::fs::write(&file, "database:\n  url: sqlite:never-opened.db\nlog:\n  dir: never-written\n").unwrap();
        let overrides = barkeep_config::Overrides { config: Some(file), ..Default::default() };
        barkeep_config::load_from(&overrides, &barkeep_config::Environment::default()).unwrap().policy
    }

    #[test]
    fn a_day_has_its_beats() {
        let start = at("2026-03-08T00:00:00Z"); // the day New York springs forward
        let mut schedule = Schedule::new(&policy(), start);
        let mut counts = std::collections::BTreeMap::new();
        for minute in 1..=24 * 60 {
            for due in schedule.due(start + minute * MINUTE) {
                *counts.entry(format!("{due:?}")).or_insert(0) += 1;
            }
        }
        let count = |name: &str| counts.get(name).copied().unwrap_or(0);
        assert_eq!(count("Tier(Critical)"), 96);
        assert_eq!(count("Tier(Standard)"), 24);
        assert_eq!(count("Tier(Low)"), 1);
        assert_eq!(count("Sweep"), 1);
    }

    #[test]
    fn the_sweep_is_at_two_in_the_morning_utc() {
        let schedule = Schedule::new(&policy(), at("2026-11-01T03:00:00Z"));
        let full_check = schedule.upcoming(at("2026-11-01T03:00:00Z")).into_iter().find(|(due, _)| *due == Due::Sweep);
        assert_eq!(full_check.unwrap().1, at("2026-11-02T02:00:00Z"));
    }

    #[test]
    fn missed_beats_collapse_into_one() {
        let start = at("2026-11-22T00:00:00Z");
        let mut schedule = Schedule::new(&policy(), start);
        let due = schedule.due(start + 9 * HOUR);
        assert_eq!(
            due,
            [Due::Tier(Criticality::Critical), Due::Tier(Criticality::Standard), Due::Sweep],
            "one of each, whatever was missed"
        );
        assert!(schedule.due(start + 9 * HOUR).is_empty());
    }

    proptest! {
        #[test]
        fn a_clock_that_jumps_repeats_nothing(jumps in proptest::collection::vec(-26 * HOUR..26 * HOUR, 1..40)) {
            let mut schedule = Schedule::new(&policy(), at("2026-11-22T00:00:00Z"));
            let mut now = at("2026-11-22T00:00:00Z");
            for jump in jumps {
                now = now + jump;
                let due = schedule.due(now);
                // At most one of each at a time, none for a step back, and none twice at the same instant.
                prop_assert!(due.len() <= 4);
                prop_assert!(jump > 0 || due.is_empty());
                prop_assert!(schedule.due(now).is_empty());
                prop_assert!(schedule.next(now) > now);
            }
        }
    }
}
