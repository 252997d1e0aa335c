//! A temporary PostgreSQL server on a free local port.
//!
//! It cannot outlive the drill: the server is the child of a small shell that reads a pipe from here. When the pipe closes,
//! for whatever reason, the shell stops the server and deletes its files. PostgreSQL refuses to run as root, so then it
//! runs as the user `postgres`.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use super::outcome::DrillError;

const GUARD: &str = include_str!("guard.sh");

/// Time limit of a start or stop.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A running server.
pub(super) struct Cluster {
    guard: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Cluster {
    /// Starts a server and waits until it answers.
    pub(super) async fn start(initdb: &Path, postgres: &Path) -> Result<Self, DrillError> {
        let failed = |what: &str, e: &dyn std::fmt::Display| DrillError::failed(format!("PostgreSQL: {what}: {e}"));
        let made = as_server_user(Path::new("mktemp")).args(["-d", "-t", "barkeep-drill-pg-XXXXXX"]).output().await;
        let made = made.map_err(|e| failed("cannot create a directory", &e))?;
        let dir = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        if !made.status.success() || dir.is_empty() {
            // Probably there is no user to run it as.
            return Err(DrillError::Missing(format!(
                "cannot create a directory for PostgreSQL ({})",
                String::from_utf8_lossy(&made.stderr).trim()
            )));
        }
        let data = format!("{dir}/data");
        let made = as_server_user(initdb)
            .args(["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
            .output()
            .await
            .map_err(|e| failed("initdb", &e))?;
        if !made.status.success() {
            return Err(failed("initdb", &String::from_utf8_lossy(&made.stderr).trim()));
        }
        let port = free_port().ok_or_else(|| DrillError::failed("PostgreSQL: no free port"))?;
        let mut guard = as_server_user(Path::new("/bin/sh"))
            .args(["-c", GUARD, "guard", &dir])
            .arg(postgres)
            .args(["-D", &data, "-p", &port.to_string(), "-k", &dir, "-c", "listen_addresses=127.0.0.1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| failed("its shell", &e))?;
        let (Some(commands), Some(answers)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err(DrillError::failed("PostgreSQL: no pipe to its shell"));
        };
        let mut cluster = Self { guard, commands, answers: BufReader::new(answers).lines(), port };
        cluster.expect("up").await?;
        Ok(cluster)
    }

    /// The one database of the server.
    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it immediately, as a crash would; connections break.
    pub(super) async fn stop(&mut self) -> Result<(), DrillError> {
        self.send("stop").await?;
        self.expect("down").await
    }

    /// Starts it again and waits until it answers.
    pub(super) async fn restart(&mut self) -> Result<(), DrillError> {
        self.send("start").await?;
        self.expect("up").await
    }

    /// Stops it for good and deletes its files.
    pub(super) async fn remove(self) {
        let Self { mut guard, commands, .. } = self;
        drop(commands);
        // The shell does the rest; a hanging server is not waited for.
        let _ = tokio::time::timeout(TIMEOUT, guard.wait()).await;
    }

    async fn send(&mut self, word: &str) -> Result<(), DrillError> {
        let sent = self.commands.write_all(format!("{word}\n").as_bytes()).await;
        sent.map_err(|e| DrillError::failed(format!("PostgreSQL: its shell is gone: {e}")))
    }

    async fn expect(&mut self, word: &str) -> Result<(), DrillError> {
        let answer = self.answers.next_line().await;
        let answer = answer.map_err(|e| DrillError::failed(format!("PostgreSQL: its shell: {e}")))?;
        if answer.as_deref() != Some(word) {
            return Err(DrillError::failed("PostgreSQL: its shell ended"));
        }
        if word == "up" { self.wait_until_ready().await } else { Ok(()) }
    }

    async fn wait_until_ready(&self) -> Result<(), DrillError> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            // The database has no tables yet, and an error about that is an answer too.
            match barkeep_store::open(&self.url(), true).await {
                Ok(store) => {
                    store.close().await;
                    return Ok(());
                }
                Err(e) if !e.is_transient() => return Ok(()),
                Err(e) if Instant::now() >= deadline => {
                    return Err(DrillError::failed(format!("PostgreSQL: it does not start: {e}")));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Below those that the system gives to connections: one of them could take it while the server is stopped.
fn free_port() -> Option<u16> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(15_000..32_000)).take(100).find(is_free)
}

/// A command that runs as a user who may run PostgreSQL.
fn as_server_user(program: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stderr(Stdio::piped());
    command
}
