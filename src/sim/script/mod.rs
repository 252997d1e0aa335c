//! What a script says about a market and its vendor: events with the truth behind them.
//!
//! Some events are what happened (a split, a halt, a delisting): the truth. Others are what the vendor knew of it, and when
//! (late bars, holes, corrections). What is served at a moment of the vendor's clock follows from both.

pub(crate) mod book;
mod check;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod lineage;
pub(crate) mod marks;
pub(crate) mod truth;
pub(crate) mod view;
pub(crate) mod when;
