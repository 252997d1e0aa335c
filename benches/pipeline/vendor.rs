//! The simulated vendor as a process of its own: the real binary, its clock standing still, its answers kept, so that after
//! one unmeasured run it costs next to nothing.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `barkeep sim`, killed when dropped.
pub(crate) struct Vendor {
    child: Child,
    pub(crate) url: String,
}

/// The binary with nothing of this machine's environment and settings.
pub(crate) fn barkeep(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("MASSIVE_API_KEY", "key-of-the-benchmark")
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

impl Vendor {
    pub(crate) fn start(home: &Path, now: &str, latency: &str) -> Self {
        let mut child = barkeep(home)
            .args(["sim", "--listen", "127.0.0.1:0", "--limit", "unlimited", "--keep-answers"])
            .args(["--now", now, "--latency", latency])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("no address in '{line}'")).trim_end_matches(';').to_owned();
        Self { child, url }
    }

    /// Ticks of a processor it has used so far; where the system does not say, none.
    pub(crate) fn ticks(&self) -> u64 {
        crate::proc::cpu_ticks(&format!("/proc/{}/stat", self.child.id()))
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
