//! The processes that share a database, and who works on what.

pub mod claims;
mod items;
mod workers;

pub use items::{Attempts, Collected, EndedItem, HeldItem, ItemPage, OwnItem, PageOfItem, PlanItem};
pub use workers::{Election, Leader, Worker, WorkerRole};
