//! When those look who look now and then: all at the same moments, so that an idle process wakes once for all of them.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

/// The next full multiple of `every` since the first call in this process; never now.
#[must_use]
pub fn next_beat(every: Duration) -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let since = now.saturating_duration_since(*FIRST.get_or_init(|| now));
    let into = since.as_nanos().checked_rem(every.as_nanos()).and_then(|into| u64::try_from(into).ok()).unwrap_or(0);
    now + every.saturating_sub(Duration::from_nanos(into))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_periods_meet_and_nobody_waits_longer_than_its_own() {
        let (second, two) = (Duration::from_secs(1), Duration::from_secs(2));
        tokio::time::sleep_until(next_beat(two)).await;
        tokio::time::advance(Duration::from_millis(300)).await;
        let (soon, later) = (next_beat(second), next_beat(two));
        assert!(soon > Instant::now() && soon - Instant::now() <= second && later - Instant::now() <= two);
        assert!(later == soon || later == soon + second, "every second beat of the one is one of the other");
        tokio::time::sleep_until(soon).await;
        assert!(next_beat(second) > Instant::now(), "the moment itself is over");
    }
}
