//! One process: the service, its monitor and its alerts, started and stopped together, and the console through which
//! every front end reads and commands them.

pub mod console;
pub mod local_console;
pub mod runtime;
