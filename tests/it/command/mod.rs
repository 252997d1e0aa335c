//! The command line and its measurements.

mod baseline;
mod cli;
mod reports;
mod rto_rpo;
mod secrets;
