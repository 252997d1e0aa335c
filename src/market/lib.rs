//! The domain: symbols, timeframes, bars, sessions and the arithmetic on them.
//!
//! Everything here is pure and synchronous. Nothing in this room does I/O, reads a clock, or knows of SQL, HTTP or a
//! screen, so every rule can be tested by calling it.

pub mod asset;
pub mod bar;
pub mod calendar;
pub mod dividend;
pub mod evidence;
pub mod features;
pub mod freshness;
pub mod instrument;
pub mod interval;
pub mod pair;
pub mod quality;
pub mod resample;
pub mod restatement;
pub mod source;
pub mod split;
pub mod symbol;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod timeframe;

pub use asset::{AssetClass, Criticality};
pub use bar::Bar;
pub use barkeep_base::ts::{self, Ts};
pub use calendar::{Calendar, Session};
pub use instrument::Instrument;
pub use interval::{Interval, IntervalSet};
pub use source::Source;
pub use symbol::Symbol;
pub use timeframe::{Family, Timeframe};
