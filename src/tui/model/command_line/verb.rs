//! The words a command line begins with.

use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;

/// What a line begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumCount, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Verb {
    Add,
    #[strum(to_string = "rm")]
    Remove,
    Tier,
    Since,
    Backfill,
    Open,
    Sort,
}

impl Verb {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// How it is written, and what it does.
    #[must_use]
    pub const fn usage(self) -> (&'static str, &'static str) {
        match self {
            Self::Add => (
                "add SYMBOL… [--class CLASS] [--criticality TIER] [--since DATE] [--timeframes TF,…] [--vendor VENDOR]",
                "Track symbols and fetch them at once; class and tier follow from the settings unless you name them.",
            ),
            Self::Remove => (
                "rm SYMBOL… [--purge]",
                "Stop tracking symbols. Their bars stay in the database; --purge deletes them too.",
            ),
            Self::Tier => ("tier SYMBOL… critical|standard|low", "Change how fresh symbols are kept."),
            Self::Since => (
                "since SYMBOL… DATE|none",
                "Change where their history begins, and fetch what is missing; none: as backfill.history says.",
            ),
            Self::Backfill => (
                "backfill SYMBOL… [2024 | 2024-01 | 2024-01-31 | FROM TO]",
                "Fetch what is missing, of all their history or of a part of it.",
            ),
            Self::Open => ("open SYMBOL [TIMEFRAME]", "Show a symbol on the Detail screen."),
            Self::Sort => ("sort COLUMN [reversed]", "Sort the table of series."),
        }
    }

    /// Whether it changes something in the engine.
    #[must_use]
    pub const fn is_command(self) -> bool {
        !matches!(self, Self::Open | Self::Sort)
    }

    /// The verb of a line that goes on behind it.
    #[must_use]
    pub fn of(line: &str) -> Option<Self> {
        let (word, _) = line.trim_start().split_once(' ')?;
        match word.to_ascii_lowercase().as_str() {
            "remove" => Some(Self::Remove),
            "sym" | "symbol" => Some(Self::Open),
            word => Self::ALL.into_iter().find(|verb| verb.name() == word),
        }
    }
}
