//! When the next frame is drawn: a key at once, data at most so often, and nothing at all while nothing changes.
//!
//! Any number of requests for a frame become one frame, at the earliest time that one of them allows.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::msg::Redraw;

/// The shortest time between two frames that answer keys: no terminal shows more. A frame of data delays none of them.
const NEAREST: Duration = Duration::from_millis(16);

/// How often data may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameCaps {
    /// Between two frames of data.
    pub focused: Duration,
    /// The same while the terminal's window has no focus.
    pub unfocused: Duration,
}

impl FrameCaps {
    /// From frames per second.
    #[must_use]
    pub fn per_second(focused: u32, unfocused: u32) -> Self {
        let gap = |n: u32| Duration::from_secs(1) / n.max(1);
        Self { focused: gap(focused), unfocused: gap(unfocused) }
    }
}

/// Keeps the earliest time of the next frame.
#[derive(Debug)]
pub struct FrameClock {
    caps: FrameCaps,
    last: Option<Instant>,
    /// The last frame that answered a key.
    last_answer: Option<Instant>,
    due: Option<Instant>,
    /// Whether the frame that is due answers a key.
    answers: bool,
}

impl FrameClock {
    #[must_use]
    pub const fn new(caps: FrameCaps) -> Self {
        Self { caps, last: None, last_answer: None, due: None, answers: false }
    }

    /// Requests a frame.
    pub fn request(&mut self, redraw: Redraw, focused: bool, now: Instant) {
        let (before, gap) = match redraw {
            Redraw::No => return,
            Redraw::Now => (self.last_answer, NEAREST),
            Redraw::Soon if focused => (self.last, self.caps.focused.max(NEAREST)),
            Redraw::Soon => (self.last, self.caps.unfocused.max(NEAREST)),
        };
        self.answers |= redraw == Redraw::Now;
        let at = before.map_or(now, |before| now.max(before + gap));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// When the next frame is due, if any is.
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A frame has been drawn.
    pub const fn drawn(&mut self, now: Instant) {
        if self.answers {
            self.last_answer = Some(now);
        }
        (self.last, self.due, self.answers) = (Some(now), None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> FrameClock {
        FrameClock::new(FrameCaps::per_second(10, 1))
    }

    #[tokio::test(start_paused = true)]
    async fn requests_become_one_frame_at_the_earliest_time() {
        let (mut clock, start) = (clock(), Instant::now());
        assert_eq!(clock.due(), None);
        clock.request(Redraw::Soon, true, start);
        assert_eq!(clock.due(), Some(start));
        clock.drawn(start);
        for ms in [1, 5, 50] {
            clock.request(Redraw::Soon, true, start + Duration::from_millis(ms));
            assert_eq!(clock.due(), Some(start + Duration::from_millis(100)));
        }
        // A key does not wait for the data's turn.
        clock.request(Redraw::Now, true, start + Duration::from_millis(60));
        assert_eq!(clock.due(), Some(start + Duration::from_millis(60)));
        clock.request(Redraw::No, true, start);
        clock.drawn(start + Duration::from_millis(60));
        assert_eq!(clock.due(), None);
        clock.request(Redraw::Now, true, start + Duration::from_millis(61));
        assert_eq!(clock.due(), Some(start + Duration::from_millis(76)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_does_not_wait_behind_a_frame_of_data() {
        let (mut clock, start) = (clock(), Instant::now());
        clock.request(Redraw::Soon, true, start);
        clock.drawn(start);
        let key = start + Duration::from_millis(1);
        clock.request(Redraw::Now, true, key);
        assert_eq!(clock.due(), Some(key));
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_focus_data_waits_longer_but_keys_do_not() {
        let (mut clock, start) = (clock(), Instant::now());
        clock.drawn(start);
        clock.request(Redraw::Soon, false, start + Duration::from_millis(10));
        assert_eq!(clock.due(), Some(start + Duration::from_secs(1)));
        clock.request(Redraw::Now, false, start + Duration::from_millis(20));
        assert_eq!(clock.due(), Some(start + Duration::from_millis(20)));
    }
}
