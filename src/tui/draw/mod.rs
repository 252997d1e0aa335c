//! Colors, text and layout: what every view draws with.

/// The formats that the command line uses too.
pub use barkeep_base::format;

pub mod fit;
pub mod glyphs;
pub mod hits;
pub mod look;
pub mod pen;
pub mod theme;
pub mod words;
