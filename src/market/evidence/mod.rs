//! What an answer proves: whether a slot without a bar is believable silence or a hole.
//!
//! A symbol is measured by itself. Its profile says how often each half hour of its last sessions had a bar and how long
//! it was ever silent; a silence that is both too improbable and too long for that is not believed.

mod bootstrap;
mod grid;
mod halt;
mod judge;
mod part;
mod profile;
mod run;
mod seen;
mod tail;
mod unit;
mod window;

pub use halt::{Witness, market_halts};
pub use judge::judge;
pub use part::Part;
pub use profile::{FEWEST_SESSIONS, PartProfile, Profile, SESSIONS, SessionProfile};
pub use run::{Rule, Run, SilenceQuestion, SilenceVerdict};

#[cfg(test)]
mod tests;
