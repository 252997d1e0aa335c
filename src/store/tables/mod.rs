//! One file for each table or group of tables.

pub(crate) mod alerts;
pub(crate) mod api;
pub(crate) mod bars;
pub(crate) mod coverage;
pub(crate) mod evidence;
pub(crate) mod executions;
pub(crate) mod features;
pub(crate) mod fleet;
pub(crate) mod monitoring;
pub(crate) mod page;
pub(crate) mod plans;
pub(crate) mod quarantine;
pub(crate) mod reference;
pub(crate) mod requests;
pub(crate) mod symbols;
