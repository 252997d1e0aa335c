//! What the vendor's answers leave in doubt.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror;
use barkeep_market::{Interval, Symbol, Timeframe, Ts};
use barkeep_monitor::holes::{self as model, Doubt};
use barkeep_store::CoverageState;

mirror! {
    /// Ranges in doubt, by state. Ranges of a series with only closed hours between them are one.
    #[derive(Copy, Default)]
    HoleCounts of model::HoleCounts {
        /// Nothing after the newest bar although the symbol should have traded: the vendor is behind.
        late: usize,
        /// Missing between two bars, and not believable for this symbol at this time of day.
        suspect: usize,
        /// Suspect, and confirmed by three answers days apart.
        vendor_holes: usize,
        /// Missing in nearly all symbols: the market stood still.
        halted: usize,
        /// Too little history to say.
        unjudged: usize,
        /// Bars came, and none of them could be believed.
        quarantined: usize,
    }
}

/// A range that the vendor does not have although it should.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hole {
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    #[serde(flatten)]
    doubt: DoubtfulRange,
}

/// A range of one series that is in doubt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DoubtfulRange {
    #[schema(value_type = String, format = DateTime)]
    start: Ts,
    /// Exclusive.
    #[schema(value_type = String, format = DateTime)]
    end: Ts,
    /// `late`, `suspect`, `vendor_hole`, `halted`, `unjudged` or `quarantined`.
    #[schema(value_type = String, example = "suspect")]
    state: CoverageState,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    since: Ts,
    /// Answers a day or more apart that agree.
    answers: u32,
    /// When the newest of them came.
    #[schema(value_type = String, format = DateTime)]
    answered_at: Ts,
    /// When the vendor is asked about it again at the soonest; `null`: with the next run, or never.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_ask: Option<Ts>,
    /// How unlikely the silence is: the sum of -ln(1 - p) over its bars.
    surprise: Option<f64>,
    /// Sessions without a bar in their regular hours, at most 20.
    #[schema(value_type = Vec<String>)]
    sessions: Vec<NaiveDate>,
}

impl From<Doubt> for DoubtfulRange {
    fn from(doubt: Doubt) -> Self {
        let Doubt { range, state, since, answers, answered_at, next_ask, surprise, sessions } = doubt;
        Self { start: range.start, end: range.end, state, since, answers, answered_at, next_ask, surprise, sessions }
    }
}

impl From<DoubtfulRange> for Doubt {
    fn from(wire: DoubtfulRange) -> Self {
        let DoubtfulRange { start, end, state, since, answers, answered_at, next_ask, surprise, sessions } = wire;
        let range = Interval::new(start, end);
        Self { range, state, since, answers, answered_at, next_ask, surprise, sessions }
    }
}

impl From<model::Hole> for Hole {
    fn from(model::Hole { symbol, timeframe, doubt }: model::Hole) -> Self {
        Self { symbol, timeframe, doubt: doubt.into() }
    }
}

impl From<Hole> for model::Hole {
    fn from(Hole { symbol, timeframe, doubt }: Hole) -> Self {
        Self { symbol, timeframe, doubt: doubt.into() }
    }
}
