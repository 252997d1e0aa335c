//! The dashboard without a terminal: what it makes of messages, when it draws, which bytes it sends, and that nothing
//! anybody presses at any size breaks it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helper functions too"
)]
#![allow(clippy::disallowed_methods, reason = "snapshots are written anew when the environment says so")]
#![allow(unreachable_pub, reason = "modules share by `pub`")]

#[path = "../support"]
mod support {
    pub mod messages;
    pub use barkeep::store::testing as rows;
    pub mod screens;
}

mod bytes;
mod chance;
mod columns;
mod description;
mod hands;
mod looping;
mod now;
mod operating;
mod screens;
mod symbols;
mod update;
mod wall;

/// The dashboard knows the engine's console, and neither the database nor the vendor behind it.
#[test]
fn the_room_keeps_to_itself() {
    fn look_through(dir: &std::path::Path, found: &mut usize) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look_through(&path, found);
                continue;
            }
            *found += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for room in ["store", "vendor", "sim", "cli", "api", "report"] {
                let uses = text.lines().any(|line| line.contains(&format!("crate::{room}::")));
                assert!(!uses, "{} uses crate::{room}", path.display());
            }
        }
    }
    let mut found = 0;
    look_through(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tui"), &mut found);
    assert!(found > 30, "{found} files");
}
