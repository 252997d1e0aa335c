//! The real program on a real terminal: what is typed goes through a pseudo terminal, what is shown is read by a terminal
//! emulator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helper functions too"
)]
#![allow(clippy::disallowed_methods, reason = "the program under test runs on the machine's clock")]
#![allow(unreachable_pub, reason = "modules share by `pub`")]

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "`it` uses the rest of it, and says when nobody does")]

    pub mod api;
    pub mod bench;
    pub mod cast;
    pub mod http;
    pub mod messages;
    pub mod pty;
}

mod attach;
mod config_edit;
mod dashboard;
mod pictures;
mod symbols;
