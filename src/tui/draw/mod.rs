//! Colors, text and layout: what every view draws with.

/// The formats that the command line uses too.
pub use barkeep_base::format;

pub mod canvas;
pub mod context;
pub mod glyphs;
pub mod hits;
pub mod layout;
pub mod line;
pub mod theme;
