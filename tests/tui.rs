//! The dashboard without a terminal: what it makes of messages, when it draws, which bytes it sends, and that nothing
//! anybody presses at any size breaks it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "tui/bytes.rs"]
mod bytes;
#[path = "tui/chance.rs"]
mod chance;
#[path = "tui/hands.rs"]
mod hands;
#[path = "tui/looping.rs"]
mod looping;
#[path = "support/screens/mod.rs"]
mod screens;
#[path = "tui/update.rs"]
mod update;
