//! Processes of this executable, started for a measurement.
//!
//! Such a process must not outlive the one that measures, however that one ends. So it is the child of a small shell that
//! reads a pipe from here: when the pipe closes, the shell kills it. The shell exits with the code of its child.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use barkeep_base::text::printable;

/// `$1` is the file for the output of the program, the rest is the program. Nobody may be left to read its process id, and
/// that must not end the shell before it watches the program, so it catches SIGPIPE (the program does not inherit that).
const GUARD: &str = r#"
trap : PIPE
exec 3<&0
out=$1; shift
"$@" </dev/null >>"$out" 2>&1 3<&- &
pid=$!
echo "$pid"
{ read -r word <&3; kill -9 "$pid" 2>/dev/null; } &
watch=$!
wait "$pid"; code=$?
kill "$watch" 2>/dev/null
exit "$code"
"#;

/// How long a process may take to stop. It promises ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    shell: Child,
    pid: Pid,
    home: PathBuf,
    /// Separate from the child, whose `wait` would close it.
    _leash: ChildStdin,
}

impl Process {
    /// Starts this executable with `home` as its home and working directory, and with no environment but `variables`.
    pub(super) async fn start(args: &[&str], home: &Path, variables: &[(&str, String)]) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, "guard"]).arg(output_file(home)).arg(std::env::current_exe()?).args(args);
        command.env_clear().env("HOME", home);
        for place in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env(place, home.join("xdg"));
        }
        command.envs(variables.iter().map(|(name, value)| (name, value))).current_dir(home);
        // Ctrl-C in the terminal is for the measuring process, which stops this one in an orderly way.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        // The shell is not killed on drop: the end of its pipe ends the program, and a killed shell might not watch it yet.
        let mut shell = command.spawn()?;
        let no_answer = || io::Error::other("its shell printed no process id");
        let leash = shell.stdin.take().ok_or_else(no_answer)?;
        let line = BufReader::new(shell.stdout.take().ok_or_else(no_answer)?).lines().next_line().await?;
        let pid = line.and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw).ok_or_else(no_answer)?;
        Ok(Self { shell, pid, home: home.to_owned(), _leash: leash })
    }

    pub(super) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }

    /// Waits until it prints a line with `announcement` and a URL after it: where it listens.
    pub(super) async fn listening(&mut self, announcement: &str) -> io::Result<url::Url> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let output = output(&self.home);
            // A line without its end may have half a port number.
            let mut lines = output.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let announced = lines.find_map(|line| line.strip_prefix(announcement));
            let url = announced.and_then(|rest| rest.split([' ', ';']).next()?.parse().ok());
            if let Some(url) = url {
                return Ok(url);
            }
            if !self.is_alive() || Instant::now() >= deadline {
                return Err(io::Error::other(format!("it does not listen: {}", last_line(&self.home))));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for it to end by itself, and says how it did.
    pub(super) async fn wait(mut self) -> io::Result<ExitStatus> {
        self.shell.wait().await
    }

    /// SIGSTOP: it does nothing until [`resume`](Self::resume).
    pub(super) fn pause(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::STOP)?)
    }

    /// SIGCONT.
    pub(super) fn resume(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// SIGKILL; returns once the process is gone.
    pub(super) async fn kill(self) -> io::Result<()> {
        kill_process(self.pid, Signal::KILL)?;
        self.wait().await.map(|_| ())
    }

    /// SIGTERM; says how it ended.
    pub(super) async fn terminate(self) -> io::Result<ExitStatus> {
        kill_process(self.pid, Signal::TERM)?;
        let late = || io::Error::new(io::ErrorKind::TimedOut, "it did not stop within 20 s of SIGTERM");
        tokio::time::timeout(STOP_TIMEOUT, self.wait()).await.map_err(|_| late())?
    }
}

/// The output of all processes with this home.
fn output_file(home: &Path) -> PathBuf {
    home.join("output")
}

fn output(home: &Path) -> String {
    std::fs::read_to_string(output_file(home)).unwrap_or_default()
}

/// The last error that a process with this home printed, else its last line.
pub(super) fn last_line(home: &Path) -> String {
    let output = output(home);
    let error = output.lines().rev().find(|line| line.starts_with("error:"));
    printable(error.or(output.lines().last()).unwrap_or("no output"))
}
