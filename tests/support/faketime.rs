//! A wrong clock for a program, by libfaketime: only the time of day, as on a real machine. Its command `faketime` is not
//! used, because it starts the program as a child, which goes on when the command is killed.

use std::path::Path;

use tokio::process::Command;

fn library() -> &'static str {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ];
    places.into_iter().find(|place| Path::new(place).exists()).expect("apt-get install faketime")
}

/// A clock that is wrong by so much, such as `+45s`, from the start.
pub fn wrong_by(command: &mut Command, offset: &str) {
    preload(command);
    command.env("FAKETIME", offset);
}

/// A clock that is wrong by what the file says at any moment.
#[allow(dead_code, reason = "only some of the test programs set a clock")]
pub fn wrong_as(command: &mut Command, file: &Path) {
    preload(command);
    command.env("FAKETIME_TIMESTAMP_FILE", file).env("FAKETIME_NO_CACHE", "1");
}

fn preload(command: &mut Command) {
    command.env("LD_PRELOAD", library()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
}
