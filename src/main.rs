//! The `barkeep` binary; everything it does is in the library.

use std::process::ExitCode;

/// One for all threads: planning, reading and drawing follow one another, and what one of them freed is there for the next.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    barkeep::cli::run()
}
