//! How believable a bar is: a score, notes, and the line between surprising and impossible.

/// Thresholds of the quality score for one asset class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Gap of the open against the previous close, as a share: 0.15 is 15 %.
    pub gap: f64,
    /// Volume below this share of the median is remarkable.
    pub volume_low: f64,
    /// Volume above this multiple of the median is remarkable.
    pub volume_high: f64,
}
