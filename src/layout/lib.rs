//! How the tables lie in the server: their sizes, and whether bars and features are plain tables, partitions or
//! hypertables; and converting one into the other.

#![warn(clippy::missing_errors_doc)]

mod convert;
mod facts;
mod info;
mod kind;
mod script;

pub use convert::{Conversion, convert, dry_run};
pub use info::{DatabaseInfo, TableInfo, described, info};
pub use kind::{Layout, Partitions, Target, layout};

/// The tables that grow with every bar; the others stay as they are.
const LARGE: [&str; 2] = ["bars", "feature_values"];
