//! What every other module stands on: the clock, points in time, the log, and text made safe to print.

pub mod clock;
pub mod log;
pub mod process;
pub mod published;
pub mod text;
pub mod timing;
pub mod ts;
