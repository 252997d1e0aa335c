//! Commands to a running service, over its HTTP API.

pub mod connect;
pub mod verbs;
