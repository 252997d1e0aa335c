//! When the limit lets the last of so many requests start, from what is used of it now.

use barkeep_market::Ts;
use barkeep_market::ts::{MINUTE, millis};
use barkeep_vendor::limit::LimitSnapshot;

/// The earliest start of the last of `requests`; `None` without a limit or without requests.
#[must_use]
pub(crate) fn last_start(limit: &LimitSnapshot, requests: u64, now: Ts) -> Option<Ts> {
    limit.limit?;
    let last = requests.checked_sub(1)?;
    let per_minute = u64::from(limit.effective.max(1));
    // These may start as soon as one may; each further one waits its share of a minute.
    let at_once = u64::from(limit.effective.saturating_sub(limit.used)).max(1);
    let later = (last + 1).saturating_sub(at_once);
    let frozen = limit.frozen_for.unwrap_or_default().max(limit.next_free_in);
    let wait = millis(frozen);
    let rest = i64::try_from(later.saturating_mul(MINUTE.unsigned_abs()) / per_minute).unwrap_or(i64::MAX / 2);
    Some(now + wait.saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_time_left_follows_from_the_limit_and_not_from_the_plan() {
        let now = Ts(1_000_000);
        let free = LimitSnapshot {
            limit: Some(5),
            effective: 5,
            used: 0,
            next_free_in: Duration::ZERO,
            frozen_for: None,
            waiting: 0,
            foreign_per_minute: None,
            held: Vec::new(),
        };
        let used = LimitSnapshot { used: 5, next_free_in: Duration::from_secs(11), ..free.clone() };
        assert_eq!(last_start(&free, 5, now), Some(now));
        assert_eq!(last_start(&free, 10, now), Some(now + MINUTE));
        assert_eq!(last_start(&used, 1, now), Some(now + 11_000));
        // 44 requests at 5 a minute take 8.8 minutes, whatever was promised at the beginning.
        assert_eq!(last_start(&used, 44, now), Some(now + 11_000 + 43 * 12_000));
        assert_eq!(last_start(&used, 0, now), None);
        assert_eq!(last_start(&LimitSnapshot { limit: None, ..free }, 9, now), None);
    }
}
