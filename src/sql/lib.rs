//! How a database of either dialect is spoken to: connections, statements, values and fields, loading many rows, the task
//! that writes, what an error means, and waiting for a database that is lost. What is stored is the store's affair.

pub mod address;
pub mod conn;
mod copy;
pub mod fault;
pub mod feature_row;
pub mod field;
pub mod file;
pub mod layout;
pub mod load;
pub mod nodelay;
pub mod open_writes;
pub mod retry;
pub mod writer;

use barkeep_records::{Result, SeriesId, StoreError};
