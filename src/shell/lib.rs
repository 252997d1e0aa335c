//! What every command shares: global options, errors and exit codes, dates and lists of symbols, progress, and output to
//! the terminal or a file.

#![allow(clippy::doc_markdown, reason = "these comments are the help texts, where backticks would show")]

pub mod args;
pub mod convert;
pub mod dates;
pub mod destination;
pub mod early;
pub mod errors;
pub mod exit;
pub mod globals;
pub mod lake;
pub mod lists;
pub mod manual;
pub mod output;
pub mod progress;
pub mod render;
pub mod signals;
