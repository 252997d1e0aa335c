//! How far behind the newest bar the vendor could serve a series is.
//!
//! Measured on the market's clock by default: only trading time counts, so nothing goes stale on a Sunday. It is read
//! from what is known of the newest end: the newest stored bar, or the vendor's later answer that there is none. Neither
//! a job's success nor newly filled old history can turn a series fresh.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;

use super::asset::AssetClass;
use super::calendar::Calendar;
use super::interval::Interval;
use super::timeframe::{Family, Timeframe};
use super::ts::{Ts, millis};

/// How far behind real time the vendor's plan serves data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// This long after a bar's end.
    After(Duration),
    /// A session is served from midnight New York (crypto: UTC) after it.
    EndOfDay,
}

/// How stale a series is, from best to worst; the last two stand outside that order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Tier {
    Fresh,
    Aging,
    Stale,
    /// The vendor was asked, and there is no bar.
    Missing,
    /// The vendor was never asked, and there is no bar.
    Unknown,
    /// Its first backfill is not done yet: its age says nothing.
    Loading,
    /// Delisted or renamed, and stored up to its last day: it has no age any more.
    Ended,
}

impl Tier {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    /// Whether an age is judged at all: not while a series is loaded for the first time, nor after its end.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(self, Self::Loading | Self::Ended)
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// One letter, each different, for where a word does not fit.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Fresh => 'F',
            Self::Aging => 'A',
            Self::Stale => 'S',
            Self::Missing => 'M',
            Self::Unknown => 'U',
            Self::Loading => 'L',
            Self::Ended => 'E',
        }
    }
}

/// A series less than `fresh` behind is fresh, less than `aging` is aging, else stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierLimits {
    pub fresh: Duration,
    pub aging: Duration,
}

impl Default for TierLimits {
    /// 1 h and 6 h.
    fn default() -> Self {
        Self { fresh: Duration::from_hours(1), aging: Duration::from_hours(6) }
    }
}

/// Which time counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StalenessClock {
    /// Trading time.
    #[default]
    Market,
    /// All time, nights, weekends and holidays too.
    Wall,
}

/// How far the vendor's plan serves data at `now`: data of instants before the returned one.
#[must_use]
pub fn horizon(class: AssetClass, delay: Delay, now: Ts) -> Ts {
    match delay {
        Delay::After(d) => now - d,
        Delay::EndOfDay => class.midnight(class.date_of(now)),
    }
}

/// How far, in milliseconds, the newest stored bar lies behind the newest bar the vendor could serve at `now`; `None`
/// when there is no bar, never negative. `lag` is how long after the plan's delay the vendor takes to publish.
///
/// On the market's clock this is the trading time (extended hours) between the end of the newest stored bar and the end
/// of the newest complete bar that can be served. A minute-family bar is complete at its end. A day or a week is
/// complete once no session is left in it: so a missing daily bar counts from that session's extended close plus delay
/// and lag on, for as long as the session was (16 h; 13 h on an early close), and each further missing session adds its
/// own. On the wall clock it is simply the time since the end of the newest stored bar.
#[must_use]
#[allow(clippy::too_many_arguments, reason = "each is a separate fact of the question; callers hold them apart")]
pub fn behind(
    cal: &Calendar,
    clock: StalenessClock,
    class: AssetClass,
    tf: Timeframe,
    newest_bar_start: Option<Ts>,
    delay: Delay,
    lag: Duration,
    now: Ts,
) -> Option<i64> {
    let known = tf.end_of(class, newest_bar_start?.clamp(Ts::MIN, Ts::MAX));
    Some(lag_behind(cal, clock, class, known, served_until(cal, class, tf, delay, lag, now), now))
}

/// The end of the newest complete bar the vendor could serve at `now`; see [`behind`].
#[must_use]
pub fn served_until(cal: &Calendar, class: AssetClass, tf: Timeframe, delay: Delay, lag: Duration, now: Ts) -> Ts {
    let held = |t: Ts| t.clamp(Ts::MIN, Ts::MAX);
    complete_until(cal, class, tf, held(horizon(class, delay, held(held(now) - lag))))
}

/// How far, in milliseconds, a series known up to `known` lies behind `served` (see [`served_until`]); on the wall clock
/// behind `now`.
#[must_use]
pub fn lag_behind(cal: &Calendar, clock: StalenessClock, class: AssetClass, known: Ts, served: Ts, now: Ts) -> i64 {
    match clock {
        StalenessClock::Wall => (now - known).max(0),
        StalenessClock::Market => cal.market_time(class, Interval::new(known, served)),
    }
}

/// The end of the newest complete bar when data before `served` is there.
fn complete_until(cal: &Calendar, class: AssetClass, tf: Timeframe, served: Ts) -> Ts {
    let span = tf.span(class, served);
    let over = tf.family() == Family::Day && cal.market_time(class, Interval::new(served, span.end)) == 0;
    if over { span.end } else { span.start }
}

/// The tier of a series that is `behind` by so many milliseconds; `checked` says whether the vendor was ever asked.
#[must_use]
pub fn tier(behind: Option<i64>, checked: bool, limits: TierLimits) -> Tier {
    match behind {
        None if checked => Tier::Missing,
        None => Tier::Unknown,
        Some(b) if b < millis(limits.fresh) => Tier::Fresh,
        Some(b) if b < millis(limits.aging) => Tier::Aging,
        Some(_) => Tier::Stale,
    }
}

#[cfg(test)]
mod tests;
