//! Places at the vendor: the one rule of when a place is taken and when it is free again.
//!
//! The vendor counts arrivals, which nobody here sees. A request arrives at some time between its start and its answer,
//! so it keeps its place until a whole window after the answer: by then its arrival has left the vendor's window,
//! whatever connections, queues and latencies did. Where no answer is recorded (the request is on the wire, or its
//! process died), the answer came at the latest when the request's timeout was over.

use std::time::Duration;

use barkeep_base::clock::Moment;
use barkeep_market::Source;

/// The longest window of any vendor.
pub const WINDOW: Duration = Duration::from_mins(1);

/// A place as it is recorded for all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub id: i64,
    /// Whose limit it counts in.
    pub vendor: Source,
    pub started: Moment,
    /// When the answer, or the failure, was in.
    pub answered: Option<Moment>,
    /// The request never takes longer than this.
    pub timeout: Duration,
}

impl Place {
    /// How long the place stays taken at the least; zero once it is free.
    ///
    /// Of a request on the wire this is the earliest: as if its answer came now.
    #[must_use]
    pub fn free_in(&self, now: &Moment) -> Duration {
        let window = self.vendor.window();
        match &self.answered {
            Some(answered) => left(window, answered, now),
            None => left(window.saturating_add(self.timeout), &self.started, now).min(window),
        }
    }
}

/// What is left of `length` that began at `since`. Both readings are cut to milliseconds, so up to one less has gone by
/// than they say. A clock that was set back says that nothing has.
fn left(length: Duration, since: &Moment, now: &Moment) -> Duration {
    let gone = u64::try_from(now.since(since).saturating_sub(1)).unwrap_or(0);
    length.saturating_sub(Duration::from_millis(gone))
}

/// How long each taken place stays taken.
#[must_use]
pub fn taken<'a>(places: impl IntoIterator<Item = &'a Place>, now: &Moment) -> Vec<Duration> {
    places.into_iter().map(|place| place.free_in(now)).filter(|left| !left.is_zero()).collect()
}

/// How long a request waits that has `ahead` others before it, when the taken places stay taken for `taken` and `limit`
/// places are filled again for `window` as soon as they are free.
#[must_use]
pub fn wait(mut taken: Vec<Duration>, limit: u32, ahead: usize, window: Duration) -> Duration {
    taken.sort_unstable();
    let limit = limit.max(1) as usize;
    // The request needs the place that is free after all but `limit - 1` of those before it have left.
    let Some(behind) = (taken.len() + ahead).checked_sub(limit) else { return Duration::ZERO };
    // Beyond the places known now, each is free one window after the one `limit` before it.
    let rounds = (behind + limit).saturating_sub(taken.len()) / limit;
    let free = behind.checked_sub(rounds * limit).and_then(|k| taken.get(k).copied()).unwrap_or_default();
    free + window.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_base::clock::Uptime;
    use barkeep_market::Ts;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn at(ms: i64) -> Moment {
        Moment { at: Ts(ms), uptime: None }
    }

    fn free_in(answered: Option<i64>, now: i64) -> u64 {
        let answered = answered.map(at);
        let free =
            Place { id: 1, vendor: Source::Massive, started: at(0), answered, timeout: TIMEOUT }.free_in(&at(now));
        u64::try_from(free.as_millis()).unwrap()
    }

    #[test]
    fn a_place_is_free_a_window_after_its_answer() {
        assert_eq!(
            [5_000, 5_001, 35_000, 65_000, 65_001].map(|now| free_in(Some(5_000), now)),
            [60_000, 60_000, 30_001, 1, 0]
        );
        // The clock was set back: nothing has gone by.
        assert_eq!(free_in(Some(5_000), -90_000_000), 60_000);
    }

    #[test]
    fn a_place_without_an_answer_is_free_after_its_timeout_and_a_window() {
        assert_eq!([0, 15_000, 30_001, 80_000, 80_001].map(|now| free_in(None, now)), [60_000, 60_000, 50_000, 1, 0]);
    }

    #[test]
    fn a_place_is_free_after_the_window_of_its_vendor() {
        let place = |answered| Place { id: 1, vendor: Source::Coinbase, started: at(0), answered, timeout: TIMEOUT };
        let free = |place: Place, now| place.free_in(&at(now)).as_millis();
        assert_eq!([400, 401, 1_400, 1_401].map(|now| free(place(Some(at(400))), now)), [1_000, 1_000, 1, 0]);
        assert_eq!([0, 20_001, 21_001].map(|now| free(place(None), now)), [1_000, 1_000, 0]);
    }

    #[test]
    fn a_step_of_the_wall_clock_frees_no_place() {
        let up = |at: i64, ms| Moment { at: Ts(at), uptime: Some(Uptime { boot: uuid::Uuid::nil(), ms }) };
        let place =
            Place { id: 1, vendor: Source::Massive, started: up(0, 0), answered: Some(up(200, 200)), timeout: TIMEOUT };
        assert_eq!(place.free_in(&up(86_400_000, 30_200)).as_millis(), 30_001);
        assert_eq!(place.free_in(&up(-86_400_000, 60_201)), Duration::ZERO);
    }

    #[test]
    fn the_wait_is_for_the_places_of_those_before() {
        let wait = |taken: &[u64], limit, ahead| {
            let taken = taken.iter().map(|s| Duration::from_secs(*s)).collect();
            wait(taken, limit, ahead, WINDOW).as_secs()
        };
        assert_eq!([0, 1, 2].map(|ahead| wait(&[], 2, ahead)), [0, 0, 60]);
        assert_eq!([0, 1, 2, 3, 4].map(|ahead| wait(&[50, 10], 2, ahead)), [10, 50, 70, 110, 130]);
        assert_eq!([0, 1, 2, 3].map(|ahead| wait(&[50], 2, ahead)), [0, 50, 60, 110]);
        // The limit was lowered: enough places have to go first.
        assert_eq!([0, 1].map(|ahead| wait(&[10, 20, 30], 1, ahead)), [30, 90]);
        assert_eq!(wait(&[], 0, 0), 0);
    }
}
