//! `barkeep loadtest`: how the API of a running service holds up, asked over HTTP as its users ask.

mod http;

pub(in crate::report) use http::client;
