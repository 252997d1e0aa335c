//! Processes of this very executable, started for a measurement.
//!
//! A measured process must not outlive the one that measures, however that one ends. So it is the child of a small shell
//! that reads a pipe of ours: when the pipe closes, the shell kills it. The shell ends with the code of its child.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// `$1` is the file for what the program says, the rest is the program.
const GUARD: &str = r#"
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

/// How long a process that was told to end may take. It promises ten seconds.
const END: Duration = Duration::from_secs(20);

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    shell: Child,
    pid: Pid,
    /// Apart from the child, whose `wait` would close it.
    _leash: ChildStdin,
}

impl Process {
    /// Starts the own executable in an environment that holds nothing but `variables`.
    pub(super) async fn start(
        args: &[&str],
        home: &Path,
        variables: &[(&str, String)],
        out: &Path,
    ) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, "guard"]).arg(out).arg(std::env::current_exe()?).args(args);
        command.env_clear().env("HOME", home);
        for place in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env(place, home.join("elsewhere"));
        }
        command.envs(variables.iter().map(|(name, value)| (name, value))).current_dir(home);
        // Ctrl-C in the terminal is for the measuring process, which ends this one in order.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell = command.kill_on_drop(true).spawn()?;
        let unheard = || io::Error::other("the shell that watches it said nothing");
        let leash = shell.stdin.take().ok_or_else(unheard)?;
        let said = BufReader::new(shell.stdout.take().ok_or_else(unheard)?).lines().next_line().await?;
        let pid = said.and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw).ok_or_else(unheard)?;
        Ok(Self { shell, pid, _leash: leash })
    }

    pub(super) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }

    /// The code it ends with by itself.
    pub(super) async fn ended(mut self) -> io::Result<i32> {
        self.shell.wait().await.map(|status| status.code().unwrap_or(-1))
    }

    /// SIGKILL; returns once the process is gone.
    pub(super) async fn kill(self) -> io::Result<()> {
        kill_process(self.pid, Signal::KILL)?;
        self.ended().await.map(|_| ())
    }

    /// SIGTERM; the code it ends with.
    pub(super) async fn terminate(self) -> io::Result<i32> {
        kill_process(self.pid, Signal::TERM)?;
        let late = || io::Error::new(io::ErrorKind::TimedOut, "it did not end within 20 s of SIGTERM");
        tokio::time::timeout(END, self.ended()).await.map_err(|_| late())?
    }
}
