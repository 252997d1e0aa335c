//! Settings and policy: read, validated and explained here and nowhere else.

pub mod settings;

pub use settings::*;
