//! The vendor's side of the rate limit: how many requests each key made in 60 s.
//!
//! Every request counts, refused ones too: nobody outside knows whether the vendor counts those, and a client that
//! survives this reading survives the other. Time comes in as an argument, so tests need not wait.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::config::Window;

const WINDOW: Duration = Duration::from_mins(1);

const SECOND: Duration = Duration::from_secs(1);

/// The second vendor's limit: arrivals of the last second, from anybody.
#[derive(Debug, Default)]
pub(crate) struct PublicLimit(VecDeque<Duration>);

impl PublicLimit {
    /// Counts one request, refused ones too; false when it is one too many.
    pub(crate) fn arrive(&mut self, limit: Option<u32>, now: Duration) -> bool {
        while self.0.front().is_some_and(|at| now.saturating_sub(*at) >= SECOND) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        limit.is_none_or(|limit| self.0.len() <= limit as usize)
    }
}

/// Requests per key, by arrival since the server's start.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    recent: HashMap<String, VecDeque<Duration>>,
    /// Every arrival of every key, for the figures.
    all: Vec<Duration>,
}

impl Limiter {
    /// Counts one request; `Err` with the time until one would be let in when it is one too many.
    pub(crate) fn arrive(
        &mut self,
        key: &str,
        limit: Option<u32>,
        window: Window,
        now: Duration,
    ) -> Result<(), Duration> {
        self.all.push(now);
        let Some(limit) = limit.map(|n| n as usize) else { return Ok(()) };
        let recent = self.recent.entry(key.to_owned()).or_default();
        let over = |at: &Duration| match window {
            Window::Sliding => now.saturating_sub(*at) >= WINDOW,
            Window::Fixed => at.as_secs() / WINDOW.as_secs() != now.as_secs() / WINDOW.as_secs(),
        };
        while recent.front().is_some_and(over) {
            recent.pop_front();
        }
        recent.push_back(now);
        if recent.len() <= limit {
            return Ok(());
        }
        let free = match window {
            Window::Sliding => recent.get(recent.len() - limit.max(1)).map_or(now, |oldest| *oldest) + WINDOW,
            Window::Fixed => Duration::from_secs((now.as_secs() / WINDOW.as_secs() + 1) * WINDOW.as_secs()),
        };
        Err(free.saturating_sub(now))
    }

    /// The most requests that arrived in any trailing 60 s.
    pub(crate) fn busiest_minute(&self) -> usize {
        let mut from = 0;
        let mut most = 0;
        for (k, at) in self.all.iter().enumerate() {
            while self.all.get(from).is_some_and(|old| at.saturating_sub(*old) >= WINDOW) {
                from += 1;
            }
            most = most.max(k + 1 - from);
        }
        most
    }

    pub(crate) fn forget_figures(&mut self) {
        self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(window: Window, at: &[u64]) -> Vec<bool> {
        let mut limiter = Limiter::default();
        at.iter().map(|ms| limiter.arrive("k", Some(2), window, Duration::from_millis(*ms)).is_ok()).collect()
    }

    #[test]
    fn sliding_looks_back_sixty_seconds() {
        assert_eq!(run(Window::Sliding, &[0, 30_000, 59_999, 120_000]), [true, true, false, true]);
        // The first has left the window at exactly 60 s, the second has not.
        assert_eq!(run(Window::Sliding, &[0, 30_000, 60_000, 60_001]), [true, true, true, false]);
    }

    #[test]
    fn fixed_starts_afresh_each_minute() {
        assert_eq!(
            run(Window::Fixed, &[58_000, 59_000, 59_500, 60_000, 60_001, 60_002]),
            [true, true, false, true, true, false]
        );
    }

    #[test]
    fn refused_requests_count_and_say_how_long() {
        let mut limiter = Limiter::default();
        let mut at = |s| limiter.arrive("k", Some(1), Window::Sliding, Duration::from_secs(s));
        assert_eq!(at(0), Ok(()));
        assert_eq!(at(10), Err(Duration::from_mins(1)));
        assert_eq!(at(70), Ok(()));
        assert_eq!(limiter.busiest_minute(), 2);
    }

    #[test]
    fn so_many_a_second_from_anybody_refused_ones_included() {
        let mut limit = PublicLimit::default();
        let mut at = |ms| limit.arrive(Some(2), Duration::from_millis(ms));
        assert_eq!([0, 100, 200, 1_000, 1_100, 1_201].map(&mut at), [true, true, false, false, false, false]);
        assert!(at(3_000));
    }

    #[test]
    fn keys_do_not_share() {
        let mut limiter = Limiter::default();
        for key in ["a", "b"] {
            assert!(limiter.arrive(key, Some(1), Window::Sliding, Duration::ZERO).is_ok());
        }
    }
}
