//! Checks of every request before it reaches a handler: host, origin, key, size and time.

pub(crate) mod admission;
pub mod keys;
pub(crate) mod origin;
pub(crate) mod write_timeout;
