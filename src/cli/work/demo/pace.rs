//! How fast things go in the demo. Time runs as it always does; what is changed is when it is (in trading hours) and how
//! soon a bar counts as late (after a minute or so, not after hours), so that something can be seen within two minutes.

use std::time::Duration;

use barkeep_base::clock::MovedClock;
use barkeep_config::Loaded;
use barkeep_market::Calendar;
use barkeep_market::Ts;
use barkeep_market::ts::{HOUR, MINUTE};

/// How long after the opening the demo begins, when the market is closed.
const AFTER_OPENING: i64 = 95 * MINUTE;

/// How old a bar is when nothing about it changes any more.
pub(super) const SETTLE: Duration = Duration::from_secs(5);

/// The machine's clock while the market is open for another hour at least; otherwise one on which the last session goes on.
pub(super) fn clock(calendar: &Calendar, now: Ts) -> MovedClock {
    let mut session = calendar.session_before(now);
    if session.is_some_and(|s| s.open <= now && now + HOUR <= s.close) {
        return MovedClock { by_ms: 0 };
    }
    // A session that has only begun before the opening is not one to go back to.
    while let Some(before) = session.filter(|s| s.open + AFTER_OPENING > now) {
        session = calendar.session_before(before.extended_open);
    }
    let start = session.map_or(now, |s| s.open + AFTER_OPENING);
    // Whole minutes, so that a minute ends when it does on the wall.
    MovedClock { by_ms: (start - now).div_euclid(MINUTE) * MINUTE }
}

/// Cadences and limits of the demo in place of those for real data.
pub(super) fn hurry(loaded: &mut Loaded) {
    let seconds = Duration::from_secs;
    let (policy, settings) = (&mut loaded.policy, &mut loaded.settings);
    let rpo = &mut policy.rpo_by_symbol_criticality;
    for (tier, every, allowed) in [
        (&mut rpo.critical, seconds(15), seconds(75)),
        (&mut rpo.standard, seconds(30), seconds(6 * 60)),
        (&mut rpo.low, seconds(2 * 60), seconds(30 * 60)),
    ] {
        (tier.refresh_every, tier.acceptable_staleness) = (every, allowed);
    }
    settings.staleness.acceptable = [&rpo.critical, &rpo.standard, &rpo.low].map(|tier| tier.acceptable_staleness);
    let limits = &mut settings.staleness.limits;
    (limits.fresh, limits.aging) = (seconds(60), seconds(10 * 60));
    policy.staleness_thresholds.fresh.until = Some(limits.fresh);
    policy.staleness_thresholds.aging.until = Some(limits.aging);
    // One lost try is told: the lock of the demo is short.
    policy.rto_by_failure_type.database_connection_loss.alert_threshold = 1;
    // Only what is settled is judged: a vendor that is late is to be seen while one looks.
    settings.backfill.settle = SETTLE;
    // A vendor that fails for 20 s is not to use up the whole limit on retries.
    (settings.vendor.backoff_base, settings.vendor.attempts) = (seconds(2), 4);
    // One symbol in eight: the storm is enough.
    policy.monitoring_thresholds.high_symbol_failure_rate.0 = 0.12;
    settings.alerts.check_every = seconds(3);
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_base::clock::Clock as _;
    use barkeep_market::testing::at;

    #[test]
    fn it_is_always_in_trading_hours() {
        let calendar = Calendar::new();
        for (now, start) in [
            // Trading: the time it is.
            ("2026-11-18T15:00:30Z", "2026-11-18T15:00:30Z"),
            // Too late in the session, before the opening, at night, on a Sunday after a short Friday.
            ("2026-11-18T20:30:30Z", "2026-11-18T16:05:30Z"),
            ("2026-11-18T14:00:30Z", "2026-11-17T16:05:30Z"),
            ("2026-11-18T15:00:30.5Z", "2026-11-18T15:00:30.5Z"),
            ("2026-11-19T03:00:00Z", "2026-11-18T16:05:00Z"),
            ("2026-11-29T12:00:59Z", "2026-11-27T16:05:59Z"),
        ] {
            let moved = at(now) + clock(&calendar, at(now)).by_ms;
            assert!((at(start) - moved).abs() <= MINUTE && (moved - at(now)) % MINUTE == 0, "{now}: {moved}");
            let session = calendar.session_before(moved).unwrap();
            assert!(session.open <= moved && moved + HOUR <= session.close, "{now}: {moved}");
        }
        let moved = MovedClock { by_ms: -HOUR };
        assert!((barkeep_base::clock::SystemClock.now() - moved.now() - HOUR).abs() < MINUTE);
        let ms = |clock: MovedClock| clock.uptime().map_or(0, |uptime| uptime.ms);
        assert!((ms(moved) - ms(MovedClock { by_ms: 0 })).abs() < MINUTE, "the machine's own time is not moved");
    }
}
