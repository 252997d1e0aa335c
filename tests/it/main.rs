//! The product from outside: the real binary against a simulated vendor and real databases, and the library as a program
//! uses it. `tests/README.md` says which test is where.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helper functions too"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read the environment, and the binary under test runs on the machine's clock"
)]
#![allow(unreachable_pub, reason = "modules share by `pub`")]

#[path = "../support"]
mod support {
    pub mod api;
    pub mod bench;
    pub mod databases;
    pub mod engine;
    pub mod faketime;
    pub mod http;
    pub mod postgres;
    pub mod recorded;
    pub mod rig;
    pub use barkeep::store::testing as rows;
    pub mod scripted;
}

mod a_fleet;
mod api;
mod command;
mod docs;
mod engine;
mod recipes;
mod recorded_data;
mod structure;
