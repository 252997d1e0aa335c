//! Work for quiet times: comparing what is stored with the vendor again, and pruning old rows.

pub mod radar;
pub mod retention;
