//! What the large tables are.

use std::str::FromStr;

use crate::{BY_SERIES, LARGE, ON_EVERY_NODE};
use barkeep_sql::layout::{Layout, read};
use barkeep_store::Result;
use barkeep_store::upkeep::Upkeep;

/// How plain PostgreSQL partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// So many, by series.
    Hash(u16),
    /// One a year.
    Years,
}

impl FromStr for Partitions {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.parse()) {
            ("year", _) => Ok(Self::Years),
            (_, Ok(n)) if (2..=256).contains(&n) => Ok(Self::Hash(n)),
            _ => Err("a number of partitions from 2 to 256, or `year`".to_owned()),
        }
    }
}

/// What to make of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Plain,
    Partitions(Partitions),
    Timescale { chunk_days: u32, compress_after_days: Option<u32> },
    Citus { shards: u16 },
}

impl Target {
    /// The tables that are made again on the way from `before`.
    pub(crate) fn tables(self, before: &Layout) -> Vec<&'static str> {
        if matches!(self, Self::Citus { .. }) || matches!(before, Layout::Distributed { .. }) {
            // What others name comes first.
            return ON_EVERY_NODE.into_iter().chain(BY_SERIES).collect();
        }
        LARGE.to_vec()
    }
}

/// What bars and features are now.
///
/// # Errors
/// When the database cannot be read.
pub async fn layout(upkeep: &mut Upkeep) -> Result<Layout> {
    read(&mut upkeep.conn()).await
}
