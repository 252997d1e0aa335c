//! A PostgreSQL server of the drill's own, on a free port of this machine.
//!
//! It cannot outlive the drill: the server is the child of a small shell that reads a pipe of ours. When the pipe closes,
//! for whatever reason, the shell stops the server and deletes its files. PostgreSQL refuses to run as root, so then it
//! is the user `postgres` who runs it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use super::drill::Stop;

const GUARD: &str = include_str!("guard.sh");

/// Longest time a start may take.
const START: Duration = Duration::from_mins(1);

/// A running server.
pub(super) struct Cluster {
    guard: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Cluster {
    /// Makes a server and waits until it answers.
    pub(super) async fn start(initdb: &Path, postgres: &Path) -> Result<Self, Stop> {
        let failed = |what: &str, e: &dyn std::fmt::Display| Stop::failed(format!("PostgreSQL: {what}: {e}"));
        let made = as_owner(Path::new("mktemp")).args(["-d", "-t", "barkeep-drill-pg-XXXXXX"]).output().await;
        let made = made.map_err(|e| failed("no directory for its files", &e))?;
        let dir = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        if !made.status.success() || dir.is_empty() {
            // Most likely there is no user it could run as.
            return Err(Stop::Missing(format!(
                "no directory could be made for PostgreSQL's files ({})",
                String::from_utf8_lossy(&made.stderr).trim()
            )));
        }
        let data = format!("{dir}/data");
        let made = as_owner(initdb)
            .args(["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
            .output()
            .await
            .map_err(|e| failed("initdb", &e))?;
        if !made.status.success() {
            return Err(failed("initdb", &String::from_utf8_lossy(&made.stderr).trim()));
        }
        let port = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr());
        let port = port.map_err(|e| failed("no free port", &e))?.port();
        let mut guard = as_owner(Path::new("/bin/sh"))
            .args(["-c", GUARD, "guard", &dir])
            .arg(postgres)
            .args(["-D", &data, "-p", &port.to_string(), "-k", &dir, "-c", "listen_addresses=127.0.0.1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| failed("its shell", &e))?;
        let (Some(orders), Some(answers)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err(Stop::failed("PostgreSQL: no pipe to its shell"));
        };
        let mut cluster = Self { guard, orders, answers: BufReader::new(answers).lines(), port };
        cluster.hear("up").await?;
        Ok(cluster)
    }

    /// The one database of the server.
    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it at once, as a crash would; sessions are cut.
    pub(super) async fn stop(&mut self) -> Result<(), Stop> {
        self.tell("stop").await?;
        self.hear("down").await
    }

    /// Starts it again; returns when it answers.
    pub(super) async fn go_on(&mut self) -> Result<(), Stop> {
        self.tell("start").await?;
        self.hear("up").await
    }

    /// Stops it for good and deletes its files.
    pub(super) async fn end(self) {
        let Self { mut guard, orders, .. } = self;
        drop(orders);
        // The shell does the rest; a server that hangs is not waited for.
        let _ = tokio::time::timeout(START, guard.wait()).await;
    }

    async fn tell(&mut self, word: &str) -> Result<(), Stop> {
        let told = self.orders.write_all(format!("{word}\n").as_bytes()).await;
        told.map_err(|e| Stop::failed(format!("PostgreSQL's shell is gone: {e}")))
    }

    async fn hear(&mut self, word: &str) -> Result<(), Stop> {
        let said = self.answers.next_line().await;
        let said = said.map_err(|e| Stop::failed(format!("PostgreSQL's shell: {e}")))?;
        if said.as_deref() != Some(word) {
            return Err(Stop::failed("PostgreSQL's shell ended"));
        }
        if word == "up" { self.until_it_answers().await } else { Ok(()) }
    }

    async fn until_it_answers(&self) -> Result<(), Stop> {
        let deadline = Instant::now() + START;
        loop {
            // A database without barkeep's tables answers too: it says what it lacks.
            match barkeep_store::open(&self.url(), true).await {
                Ok(store) => {
                    store.close().await;
                    return Ok(());
                }
                Err(e) if !e.is_transient() => return Ok(()),
                Err(e) if Instant::now() >= deadline => {
                    return Err(Stop::failed(format!("PostgreSQL does not start: {e}")));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// A command run by a user who may run PostgreSQL.
fn as_owner(program: &Path) -> Command {
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
