//! The dashboard: what an engine does and what the database holds, live in a terminal, and commands to the engine.
//!
//! It knows a [`Console`](barkeep_runtime::console::Console) and nothing below it: neither the store nor the vendor. A
//! snapshot, a key press, a log line or an answer becomes a [`model::msg::Msg`]; [`model::Model::update`] works out, without any
//! I/O, what the screen holds afterwards and which [`model::msg::Effects`] follow; the loop carries them out and draws at
//! most once. Drawing only reads: a screen gets the [`model::Model`], a [`draw::context::DrawContext`] and a place, and reports in a
//! [`draw::hits::HitMap`] what it drew where. What an operator can do is one table of actions, from which keys, footer, help,
//! palette and documentation follow.

pub mod actions;
pub mod draw;
pub mod farewell;
pub mod keymap;
pub mod model;
pub mod now;
pub mod opening;
pub mod plain;
pub mod run;
pub mod terminal;
pub mod update;
pub mod view;
pub mod widgets;
