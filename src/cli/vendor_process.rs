//! The simulated vendor as a process of its own, for measurements: its processor time and memory are then not those of
//! what is measured. It ends with this process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::exit::CliError;

/// A running `barkeep sim` on a free port.
pub(super) struct VendorProcess {
    child: Child,
    pub(super) url: String,
}

impl VendorProcess {
    /// Starts this program again as `barkeep sim` with `args`, and returns once it listens.
    pub(super) fn start(config: Option<&Path>, args: &[String]) -> Result<Self, CliError> {
        let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
        let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
        let mut command = Command::new(program);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let mut child = command
            .args(["sim", "--listen", "127.0.0.1:0", "--follow-stdin"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the measurement, which still has pages to finish and needs the vendor for them.
            .process_group(0)
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|e| failed(e.to_string()))?;
        }
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(|url| url.trim_end_matches(';'));
        let url = url.map(str::to_owned).ok_or_else(|| failed("it did not say where it listens".to_owned()))?;
        Ok(Self { child, url })
    }
}

impl Drop for VendorProcess {
    fn drop(&mut self) {
        // It keeps nothing that could be lost.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
