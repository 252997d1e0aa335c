//! The command line and its measurements.

mod adjusted;
mod baseline;
mod cli;
mod coinbase;
mod completion;
mod database;
mod lake;
mod packaging;
mod reports;
mod rto_rpo;
mod secrets;
mod steer;
