//! How far behind the newest bar the vendor could serve a series is.

use std::time::Duration;

/// How far behind real time the vendor's plan serves data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// This long after a bar's end.
    After(Duration),
    /// A session is served from midnight New York (crypto: UTC) after it.
    EndOfDay,
}
