//! A run while it works: what it tells ([`events`]), how far it is ([`progress`]), what it asked for ([`journal`]), and which
//! of several goes first ([`gate`]).

pub mod events;
pub mod gate;
pub mod journal;
pub mod progress;

use barkeep_market::{Symbol, Timeframe};

/// A series by its names.
pub type SeriesKey = (Symbol, Timeframe);
