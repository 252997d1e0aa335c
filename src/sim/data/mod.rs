//! Bars: generated from a seed, or recorded ones.

pub(crate) mod aggregate;
pub(crate) mod flat;
pub(crate) mod generate;
pub(crate) mod grid;
pub(crate) mod hours;
pub(crate) mod memo;
pub(crate) mod number;
pub(crate) mod payments;
pub(crate) mod profile;
pub(crate) mod random;
pub(crate) mod replay;
pub(crate) mod session;
pub(crate) mod source;
