//! The endpoints and their wire format.

pub(crate) mod aggs;
pub(crate) mod answer;
pub(crate) mod coinbase;
pub(crate) mod control;
pub(crate) mod dividends;
pub(crate) mod limit;
mod listed;
pub(crate) mod log;
pub(crate) mod page;
pub(crate) mod reference;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod tickers;
pub(crate) mod wire;
