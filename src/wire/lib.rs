//! What travels over HTTP: the types of requests and answers, and the client behind `barkeep attach`.
//!
//! [`types`] translates the program's own types into those that other programs rely on; [`client`] is the other end.

pub mod client;
pub mod types;
