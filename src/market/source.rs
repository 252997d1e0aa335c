//! Where the bars of a symbol come from, and what that vendor is like.
//!
//! A symbol has one source: bars of two vendors are never mixed in one series. What differs between vendors and matters outside
//! their clients is asked here, so that planning and fetching know no vendor by name.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use crate::asset::{UnknownWord, named};
use crate::freshness::Delay;
use crate::timeframe::Timeframe;
use barkeep_base::variants::all;

/// A vendor of bars.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
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
pub enum Source {
    /// Massive, formerly Polygon: stocks, funds and crypto, with a key.
    #[default]
    Massive,
    /// The public market data of the Coinbase Exchange: crypto, without a key.
    Coinbase,
}

/// How much one request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// So many base aggregates that the vendor has, minutes or days, whatever the timeframe: where nothing traded, a
    /// request reaches further.
    Traded(u64),
    /// A window of so many bars of the timeframe that is asked for, whether they traded or not.
    Window(u64),
}

impl Source {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// Whether it is the one that is meant where none is named.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it answers nobody without a key.
    #[must_use]
    pub const fn needs_key(self) -> bool {
        matches!(self, Self::Massive)
    }

    /// Whether a plan decides how old, how new and which data it gives. Otherwise everybody gets all there is, at once.
    #[must_use]
    pub const fn has_plans(self) -> bool {
        matches!(self, Self::Massive)
    }

    /// How far behind its data are, where its plan has them so far behind.
    #[must_use]
    pub const fn delay(self, planned: Delay) -> Delay {
        if self.has_plans() { planned } else { Delay::After(Duration::ZERO) }
    }

    /// Whether one request can bring a whole market's day.
    #[must_use]
    pub const fn has_market_days(self) -> bool {
        matches!(self, Self::Massive)
    }

    #[must_use]
    pub const fn reach(self) -> Reach {
        match self {
            Self::Massive => Reach::Traded(50_000),
            // 301 rows pass too, since both ends of a range are inclusive; the documented number is kept.
            Self::Coinbase => Reach::Window(300),
        }
    }

    /// The window in which requests are counted.
    #[must_use]
    pub const fn window(self) -> Duration {
        match self {
            Self::Massive => Duration::from_mins(1),
            Self::Coinbase => Duration::from_secs(1),
        }
    }

    /// Whether it has bars of this width; others are computed from finer ones.
    #[must_use]
    pub const fn serves(self, timeframe: Timeframe) -> bool {
        match self {
            Self::Massive => true,
            Self::Coinbase => !matches!(timeframe, Timeframe::M30 | Timeframe::H4 | Timeframe::W1),
        }
    }

    /// The coarsest timeframe it has from which these bars can be computed: itself where it has it.
    #[must_use]
    pub fn finest_for(self, timeframe: Timeframe) -> Timeframe {
        let family = Timeframe::ALL.into_iter().rev().filter(|tf| tf.family() == timeframe.family());
        family.filter(|tf| *tf <= timeframe).find(|tf| self.serves(*tf)).unwrap_or(timeframe)
    }
}

impl FromStr for Source {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        named(s, "a vendor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_that_is_not_known_is_refused_with_those_that_are() {
        assert_eq!(Source::ALL.map(|source| source.to_string().parse()), Source::ALL.map(Ok));
        assert!("yahoo".parse::<Source>().unwrap_err().to_string().contains("massive, coinbase"));
        assert!(Source::default().is_usual() && !Source::Coinbase.is_usual());
    }

    #[test]
    fn widths_it_lacks_come_from_the_next_finer_one_of_the_family() {
        use Timeframe::{D1, H1, H4, M1, M5, M15, M30, W1};
        let of = |tf| Source::Coinbase.finest_for(tf);
        assert_eq!([M1, M5, M15, M30, H1, H4, D1, W1].map(of), [M1, M5, M15, M15, H1, H1, D1, D1]);
        assert!(Timeframe::ALL.into_iter().all(|tf| Source::Massive.finest_for(tf) == tf));
    }
}
