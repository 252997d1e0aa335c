//! The command line and its measurements.

mod baseline;
mod cli;
mod coinbase;
mod database;
mod reports;
mod rto_rpo;
mod secrets;
