//! Colors, text and layout: what every view draws with.

pub mod canvas;
pub mod context;
pub mod format;
pub mod glyphs;
pub mod hits;
pub mod layout;
pub mod line;
pub mod theme;
