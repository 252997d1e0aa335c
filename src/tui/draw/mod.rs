//! Colors, text and layout: what every view draws with.

pub mod fit;
pub mod format;
pub mod glyphs;
pub mod hits;
pub mod look;
pub mod pen;
pub mod theme;
pub mod words;
