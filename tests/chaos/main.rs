//! Faults at random instants, for as long as one likes: the real binary, the simulated vendor over HTTP, SQLite and
//! PostgreSQL. Every test is ignored by default because it takes minutes; `docs/reliability.md` says how to run them.
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
#[allow(dead_code, reason = "`it` and `store` use the rest of it")]
mod support {
    pub mod api;
    pub mod bench;
    pub mod faketime;
    pub mod http;
    pub mod postgres;
    pub mod rig;
    pub use barkeep::store::testing as rows;
    pub mod scripted;
}

mod clock;
mod corpus;
mod disk;
mod fleet;
mod kills;
mod load;
mod locks;
mod paused;
mod power;
mod server;
mod soak;
mod syscalls;
mod world;
