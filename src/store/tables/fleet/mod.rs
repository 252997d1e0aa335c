//! The processes that share a database: which of them live, which one leads, which series each works on.

pub(crate) mod claims;
pub(crate) mod items;
pub(crate) mod workers;
