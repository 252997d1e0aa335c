//! Bars: generated from a seed, or recorded ones.

pub(crate) mod generate;
pub(crate) mod grid;
pub(crate) mod hours;
pub(crate) mod kept;
pub(crate) mod noise;
pub(crate) mod number;
pub(crate) mod profile;
pub(crate) mod replay;
pub(crate) mod roll;
pub(crate) mod source;
