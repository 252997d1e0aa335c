//! What to ask: gaps, and the fewest requests that close them. Pure; no I/O.

pub mod cover;
mod matching;
pub mod minutes;
