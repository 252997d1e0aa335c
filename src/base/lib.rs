//! What every other module stands on: the clock, points in time, the log, number formats, which hosts are this machine, and
//! text made safe to print, ids by their beginning.

pub mod clock;
pub mod format;
pub mod hosts;
pub mod ids;
pub mod log;
pub mod net;
pub mod percentile;
pub mod process;
pub mod published;
pub mod text;
pub mod timing;
pub mod ts;
pub mod variants;
