//! Splits of stored series: whether they happened, and bars that one lies inside.

pub mod check;
pub mod terms;
