//! Repeatable randomness without state: every number is a hash of a seed and a place.
//!
//! This is what lets the simulator answer for any minute of any year without having walked there.

use std::f64::consts::PI;

/// Mixes two numbers into one (the finaliser of `SplitMix64`, Steele et al. 2014).
pub(crate) const fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Hashes a name (FNV-1a, then mixed).
pub(crate) fn of_name(seed: u64, name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    mix(hash, seed)
}

/// A number in `[0, 1)`.
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// One of the four 16-bit parts of a hash as a number in `[0, 1)`.
pub(crate) fn part(hash: u64, which: u32) -> f64 {
    f64::from((hash >> (16 * which)) as u16) / 65_536.0
}

/// Log-uniform between two positive numbers.
pub(crate) fn between(hash: u64, low: f64, high: f64) -> f64 {
    low * (high / low).powf(unit(hash))
}

/// The random value of a lattice point, in `[-1, 1)`.
pub(crate) fn lattice(seed: u64, at: i64) -> f64 {
    2.0 * unit(mix(seed, at as u64)) - 1.0
}

/// Smooth noise: lattice values `period` apart, joined by half cosines so that the slope never jumps.
pub(crate) fn smooth(seed: u64, at: i64, period: i64) -> f64 {
    let cell = at.div_euclid(period);
    let x = at.rem_euclid(period) as f64 / period as f64;
    let w = (1.0 - (PI * x).cos()) / 2.0;
    lattice(seed, cell) * (1.0 - w) + lattice(seed, cell + 1) * w
}
