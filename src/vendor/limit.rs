//! placeholder
#[derive(Debug)]
pub struct Limiter;
