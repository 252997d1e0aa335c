//! How a symbol trades: what its last sessions looked like, part by part.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::part::Part;

/// Sessions of a profile.
pub const SESSIONS: usize = 60;
/// With fewer sessions nothing is judged.
pub const FEWEST_SESSIONS: usize = 10;

/// One part of one session, without the slots that are suspect.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionProfile {
    /// The trading date; of a week its Sunday.
    pub date: NaiveDate,
    /// Slots by half hour of the part; by UTC hour of a continuous market; one number for a day or week.
    pub slots: Vec<u16>,
    /// How many of them have a bar. As long as `slots`.
    pub traded: Vec<u16>,
    /// The longest run of slots without a bar. Of a silent day or week: how many sessions the silence has lasted.
    pub longest_silence: u32,
    /// Trades of the part; `None` when a bar does not say.
    pub trades: Option<u64>,
    /// Shares or coins.
    pub volume: f64,
    /// Whether its own silence was judged. Sessions from before there were enough to judge by join unjudged, and give way
    /// when they are asked about again.
    pub judged: bool,
}

/// One part of the last sessions, ascending by date. As JSON it is an array of arrays: one is stored for each part of
/// each base series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartProfile {
    sessions: Vec<SessionProfile>,
}

impl PartProfile {
    #[must_use]
    pub fn sessions(&self) -> &[SessionProfile] {
        &self.sessions
    }

    /// Whether there are enough sessions to judge by.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.sessions.len() >= FEWEST_SESSIONS
    }

    /// Adds a session or replaces the one of its date; says whether anything changed. Only the newest stay.
    fn insert(&mut self, session: SessionProfile) -> bool {
        match self.sessions.binary_search_by_key(&session.date, |s| s.date) {
            Ok(k) => match self.sessions.get_mut(k) {
                Some(old) if *old != session => *old = session,
                _ => return false,
            },
            Err(0) if self.sessions.len() >= SESSIONS => return false,
            Err(k) => self.sessions.insert(k, session),
        }
        let old = self.sessions.len().saturating_sub(SESSIONS);
        self.sessions.drain(..old);
        true
    }

    fn remove(&mut self, date: NaiveDate) -> bool {
        let found = self.sessions.binary_search_by_key(&date, |s| s.date);
        found.is_ok_and(|k| {
            self.sessions.remove(k);
            true
        })
    }
}

/// The parts of one symbol in one family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    parts: BTreeMap<Part, PartProfile>,
    changed: BTreeSet<Part>,
}

impl Profile {
    #[must_use]
    pub const fn new() -> Self {
        Self { parts: BTreeMap::new(), changed: BTreeSet::new() }
    }

    /// `None` while there is no session of it.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&PartProfile> {
        self.parts.get(&part)
    }

    /// Puts a stored part in place; it does not count as changed.
    pub fn load(&mut self, part: Part, profile: PartProfile) {
        self.parts.insert(part, profile);
        self.changed.remove(&part);
    }

    /// Adds a session or replaces the one of its date.
    pub fn insert(&mut self, part: Part, session: SessionProfile) {
        if self.parts.entry(part).or_default().insert(session) {
            self.changed.insert(part);
        }
    }

    /// Takes a session out, for example because all of it is suspect.
    pub fn remove(&mut self, part: Part, date: NaiveDate) {
        if self.parts.get_mut(&part).is_some_and(|p| p.remove(date)) {
            self.changed.insert(part);
        }
    }

    /// The parts that differ from what was loaded: the rows that a commit writes.
    pub fn changed(&self) -> impl Iterator<Item = (Part, &PartProfile)> {
        self.changed.iter().filter_map(|part| Some((*part, self.parts.get(part)?)))
    }

    /// All changes are stored.
    pub fn saved(&mut self) {
        self.changed.clear();
    }
}

impl FromIterator<(Part, PartProfile)> for Profile {
    fn from_iter<I: IntoIterator<Item = (Part, PartProfile)>>(parts: I) -> Self {
        Self { parts: parts.into_iter().collect(), changed: BTreeSet::new() }
    }
}

/// A stored session: date as 20240102, judged, slots (`None`: as in the session before), slots without a bar (`None`: no
/// such slot), longest silence, trades, volume.
type Row = (i32, u8, Option<Vec<u16>>, Option<Vec<u16>>, u32, Option<u64>, f64);

impl Serialize for PartProfile {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut before: &[u16] = &[];
        to.collect_seq(self.sessions.iter().map(|s| {
            let slots = (s.slots != before).then(|| s.slots.clone());
            before = &s.slots;
            let silent: Vec<u16> =
                s.slots.iter().zip(&s.traded).map(|(all, traded)| all.saturating_sub(*traded)).collect();
            let silent = silent.iter().any(|n| *n > 0).then_some(silent);
            let date = s.date.year() * 10_000 + s.date.month() as i32 * 100 + s.date.day() as i32;
            let row: Row = (date, u8::from(s.judged), slots, silent, s.longest_silence, s.trades, s.volume);
            row
        }))
    }
}

impl<'de> Deserialize<'de> for PartProfile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut sessions: Vec<SessionProfile> = Vec::new();
        for (date, judged, slots, silent, longest_silence, trades, volume) in Vec::<Row>::deserialize(from)? {
            let (year, month, day) = (date.div_euclid(10_000), date / 100 % 100, date % 100);
            let date = NaiveDate::from_ymd_opt(year, month.unsigned_abs(), day.unsigned_abs())
                .ok_or_else(|| D::Error::custom(format!("{date} is not a date (20240102)")))?;
            let before = sessions.last();
            if before.is_some_and(|b| b.date >= date) {
                return Err(D::Error::custom(format!("session {date} is out of order")));
            }
            let slots = slots.unwrap_or_else(|| before.map_or_else(Vec::new, |b| b.slots.clone()));
            let silent = silent.unwrap_or_else(|| vec![0; slots.len()]);
            let traded: Option<Vec<u16>> =
                slots.iter().zip(&silent).map(|(all, none)| all.checked_sub(*none)).collect();
            let traded = traded.filter(|t| t.len() == slots.len() && silent.len() == slots.len());
            let traded =
                traded.ok_or_else(|| D::Error::custom(format!("session {date} has more silent slots than slots")))?;
            let judged = judged != 0;
            sessions.push(SessionProfile { date, slots, traded, longest_silence, trades, volume, judged });
        }
        sessions.drain(..sessions.len().saturating_sub(SESSIONS));
        Ok(Self { sessions })
    }
}
