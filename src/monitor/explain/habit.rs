//! What a silence is judged by: how often the symbol trades at that time of day.

use serde::{Deserialize, Serialize};

use barkeep_market::evidence::{FEWEST_SESSIONS, Part, PartProfile, Profile};
use barkeep_market::ts::{HOUR, MINUTE};
use barkeep_market::{AssetClass, Calendar, Family, Interval, Timeframe};
use barkeep_store::{SeriesId, Store, StoreError};

const HALF_HOUR: i64 = 30 * MINUTE;

/// How a symbol trades in one part of its sessions, at the hours of a range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Habit {
    pub part: Part,
    /// The finest stored timeframe of the family, in whose bars silence is measured.
    pub timeframe: Timeframe,
    /// The sessions behind it; with fewer than ten nothing is judged.
    pub sessions: usize,
    /// Bars that these hours could have had in those sessions, and that they had.
    pub slots: u32,
    pub traded: u32,
    /// The longest silence of the part in those sessions, in bars.
    pub longest_silence: u32,
    /// The most that one bar can add to the surprise.
    pub cap: f64,
}

impl Habit {
    /// Whether there are enough sessions to judge by.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.sessions >= FEWEST_SESSIONS
    }

    /// The habit of the part that a range lies in; of several, regular hours.
    #[must_use]
    pub fn of(
        calendar: &Calendar,
        class: AssetClass,
        base: Timeframe,
        profile: &Profile,
        range: Interval,
    ) -> Option<Self> {
        let (part, steps) = place(calendar, class, base, range)?;
        let none = PartProfile::default();
        let sessions = profile.part(part).unwrap_or(&none).sessions();
        let sum = |numbers: &[u16]| -> u32 {
            numbers.get(steps.0..steps.1.min(numbers.len())).unwrap_or_default().iter().map(|n| u32::from(*n)).sum()
        };
        let slots = sessions.iter().map(|s| sum(&s.slots)).sum::<u32>();
        // Of a single half hour, which is what one bar is measured by.
        let hours = u32::try_from(steps.1.saturating_sub(steps.0)).unwrap_or(1).max(1);
        Some(Self {
            part,
            timeframe: base,
            sessions: sessions.len(),
            slots,
            traded: sessions.iter().map(|s| sum(&s.traded)).sum(),
            longest_silence: sessions.iter().map(|s| s.longest_silence).max().unwrap_or(0),
            cap: (2.0 * (f64::from(slots / hours) + 1.0)).ln(),
        })
    }
}

/// The part of the session that a range lies in, and which numbers of its profile stand for the range's hours.
fn place(calendar: &Calendar, class: AssetClass, base: Timeframe, range: Interval) -> Option<(Part, (usize, usize))> {
    let steps = |from: Interval, width: i64| {
        let inside = range.intersect(from);
        let first = (inside.start - from.start).max(0) / width;
        let last = ((inside.end - from.start + width - 1) / width).max(first + 1);
        (usize::try_from(first).unwrap_or(0), usize::try_from(last).unwrap_or(0))
    };
    if base.family() == Family::Day {
        return Some((Part::Day, (0, 1)));
    }
    if class.is_continuous() {
        let start = class.midnight(class.date_of(range.start));
        return Some((Part::Day, steps(Interval::new(start, start + 24 * HOUR), HOUR)));
    }
    let near = calendar.sessions(class.date_of(range.start), class.date_of(range.end));
    let regular = near.iter().find(|s| s.regular().overlaps(range));
    if let Some(session) = regular {
        return Some((Part::Regular, steps(session.regular(), HALF_HOUR)));
    }
    let session = near.iter().find(|s| s.extended().overlaps(range))?;
    let pre = Interval::new(session.extended_open, session.open);
    Some(if pre.overlaps(range) {
        (Part::Pre, steps(pre, HALF_HOUR))
    } else {
        (Part::Post, steps(Interval::new(session.close, session.extended_close), HALF_HOUR))
    })
}

/// The stored profile of a series; what cannot be read of it is left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn profile(store: &dyn Store, series: SeriesId) -> Result<Profile, StoreError> {
    let rows = store.profiles(&[series]).await?;
    Ok(rows.into_iter().filter_map(|(_, part, json)| Some((part, serde_json::from_str(&json).ok()?))).collect())
}
