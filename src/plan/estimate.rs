//! How long a number of requests takes at a limit.

/// Seconds until the last of `requests` may start, when `used` of `limit` tokens of the current window are spent.
///
/// A bound, not a guess: the window frees its oldest token at the latest one window from now. Unlimited plans
/// (`limit` 0) wait for nothing.
#[must_use]
pub fn seconds(requests: u64, limit: u64, used: u64, window_seconds: f64) -> f64 {
    if limit == 0 || requests == 0 {
        return 0.0;
    }
    let windows = (requests + used.min(limit) - 1) / limit;
    windows as f64 * window_seconds
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_full_window_goes_out_at_once() {
        assert_eq!(seconds(5, 5, 0, 60.0), 0.0);
        assert_eq!(seconds(6, 5, 0, 60.0), 60.0);
        assert_eq!(seconds(260, 5, 0, 60.0), 51.0 * 60.0);
    }

    #[test]
    fn a_spent_window_is_waited_for() {
        assert_eq!(seconds(1, 5, 5, 60.0), 60.0);
        assert_eq!(seconds(0, 5, 5, 60.0), 0.0);
        assert_eq!(seconds(1_000, 0, 0, 60.0), 0.0);
    }
}
