//! What the database holds of the series a run works on.

pub mod coverage;
pub mod registry;
pub mod series;
