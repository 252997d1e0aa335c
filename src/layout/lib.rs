//! How the tables lie in the server: their sizes, and whether bars and features are plain tables, partitions,
//! hypertables or distributed over nodes; and converting one into the other.

#![warn(clippy::missing_errors_doc)]

mod citus;
mod convert;
mod facts;
mod info;
mod kind;
mod script;

use barkeep_sql::layout::LARGE;
pub use barkeep_sql::layout::Layout;
pub use convert::{Conversion, convert, dry_run};
pub use info::{DatabaseInfo, TableInfo, described, info};
pub use kind::{Partitions, Target, layout};

/// With Citus the rows of a series are on one node, in whichever of these tables they are.
const BY_SERIES: [&str; 6] =
    ["bars", "feature_values", "coverage", "feature_progress", "feature_states", "bar_revisions"];

/// What statements join with those, and what their foreign keys name: with Citus every node has a copy.
const ON_EVERY_NODE: [&str; 10] = [
    "symbols",
    "series",
    "bar_quarantine",
    "profiles",
    "split_weeks",
    "market_sessions",
    "price_factors",
    "scheduler_execution_log",
    "symbol_computation_status",
    "feature_computation_failures",
];
