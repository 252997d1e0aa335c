//! A question about silence, and what is answered.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

use super::part::Part;
use crate::asset::AssetClass;
use crate::bar::Bar;
use crate::calendar::Calendar;
use crate::interval::{Interval, IntervalSet};
use crate::timeframe::Timeframe;

/// What an answer is judged by, besides the profile.
#[derive(Clone, Copy, Debug)]
pub struct SilenceQuestion<'a> {
    pub calendar: &'a Calendar,
    pub class: AssetClass,
    /// The finest stored timeframe of the family.
    pub timeframe: Timeframe,
    /// What is answered for, by this answer or before, in the sessions that `range` touches. Daily and weekly series:
    /// also the sessions back to the last bar before `range`, because their runs go over several sessions.
    pub known: &'a IntervalSet,
    /// All bars in `known`, ascending.
    pub bars: &'a [Bar],
    /// What this answer answered for. Runs that touch it are returned whole, so they may begin before it.
    pub range: Interval,
    /// Whether a bar is known after the last instant of `known`, so that the last run is closed.
    pub followed: bool,
}

/// What a silent run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Display, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SilenceVerdict {
    /// Believable: nothing traded.
    Quiet,
    /// Not believable, and a later bar is known.
    Suspect,
    /// Not believable, and nothing later is known.
    Late,
    /// Believable so far, and nothing later is known. A later bar closes the run; it is never quiet before.
    Open,
    /// Too little history to say.
    Unjudged,
}

impl SilenceVerdict {
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// The rule that decided about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Display, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Rule {
    /// Too improbable, and longer than the symbol's own longest silence allows.
    Surprise,
    /// A whole session without a bar, of a symbol that traded in each of the last twenty.
    WholeSession,
    /// A bar of half an hour or more is missing in hours in which none was before.
    NeverSilent,
}

impl Rule {
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// Slots without a bar, one after another, and what is to be thought of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Whole slots. A late or open run reaches from the end of the last bar to the end of what is known, closed hours
    /// included; an unjudged one is a whole part of a session.
    pub range: Interval,
    pub part: Part,
    pub verdict: SilenceVerdict,
    /// The sum of -ln(1 - p) over the silent slots; `None` when unjudged. A late or open run has that of the part of it
    /// that decided.
    pub surprise: Option<f64>,
    /// How many slots have no bar.
    pub slots: u32,
    /// The rule that makes it suspect or late; `None` for any other run.
    pub rule: Option<Rule>,
}
