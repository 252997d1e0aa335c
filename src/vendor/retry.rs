//! placeholder
#[derive(Debug)]
pub struct RetryPolicy;
