//! The one task that writes, on a thread of its own: its statements follow one another closely, and each of them would
//! wait its turn behind pages being decoded (measured: 3 to 5 ms before a statement, on two processors).
//!
//! It owns its connection, so no caller can leave a transaction open by being dropped: in sqlx 0.9 a `begin` whose
//! future is dropped hands a connection with an open transaction back to its pool (sqlx#4385). Callers queue a piece of
//! [`Work`] and wait; dropping the wait does not stop the work. The queue is bounded: when it is full, callers wait.
//!
//! Each piece of work is one transaction. When another session stands in the way it is run again from the start, at
//! most five times. When the connection breaks it is dropped and the next transaction makes a new one. Whether a
//! `COMMIT` whose answer was lost took place is unknown; the caller hears `Unreachable` and repeats, and every piece of
//! work is written so that repeating it changes nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::conn::{Conn, Sql, Statements};
use super::{Result, StoreError};

/// Pieces of work that may wait.
const QUEUE: usize = 64;
/// Tries of one piece of work when other sessions stand in the way.
const TRIES: u32 = 5;
/// A transaction that waited longer than this in vain is not run again at once: others are queued behind it.
const LONG: Duration = Duration::from_secs(20);

/// Something to be done in one transaction. May be run more than once.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    type Output: Send + 'static;

    /// Refuses what no database should be asked to hold. Runs before the work is queued, where the caller runs.
    ///
    /// # Errors
    /// `Refused` when it contradicts itself, such as rows out of order.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Self::Output>;
}

/// How the writer gets its connection, the first one and each that replaces a broken one.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    async fn connect(&self) -> Result<Owned>;

    /// Fails when what is written would not reach the database that was opened.
    ///
    /// # Errors
    /// `Unusable` when the file was replaced or deleted meanwhile.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// A transaction was begun.
    fn began(&self) {}

    /// The connection is given up.
    fn ended(&self) {}
}

/// A connection that is owned.
pub enum Owned {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>, Statements),
}

impl Owned {
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c, statements) => Conn::Postgres(c, *statements),
        }
    }

    /// Begins a transaction.
    async fn begin(&mut self) -> Result<()> {
        let begin = if matches!(self, Self::Postgres(_, Statements::Unnamed)) { BEGIN_LIMITED } else { BEGIN };
        self.conn().command(begin).await
    }

    /// Closes in good order; SQLite then folds its write-ahead log into the file.
    pub async fn close(self) {
        let closed = match self {
            Self::Sqlite(c) => c.close().await,
            Self::Postgres(c, _) => c.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "closing a database connection");
        }
    }
}

/// A piece of work with its waiting caller, whatever its output.
#[async_trait]
trait Job: Send {
    async fn attempt(&mut self, conn: &mut Conn<'_>) -> Result<()>;
    fn reply(self: Box<Self>, result: Result<()>);
}

struct Pending<W: Work> {
    /// Shared with the caller, who may ask for it again.
    work: Arc<W>,
    output: Option<W::Output>,
    caller: oneshot::Sender<Result<W::Output>>,
}

#[async_trait]
impl<W: Work> Job for Pending<W> {
    async fn attempt(&mut self, conn: &mut Conn<'_>) -> Result<()> {
        self.output = Some(self.work.run(conn).await?);
        Ok(())
    }

    fn reply(self: Box<Self>, result: Result<()>) {
        let Self { output, caller, .. } = *self;
        let answer = result.and_then(|()| output.ok_or_else(|| StoreError::Refused("no result".into())));
        // The caller may have gone; the work is done all the same.
        drop(caller.send(answer));
    }
}

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// The caller's side of the task.
pub struct Writer {
    queue: mpsc::Sender<Message>,
    /// Falls silent when the thread has ended.
    ended: Mutex<oneshot::Receiver<()>>,
}

impl Writer {
    /// Starts the thread. A connection to a server belongs to the thread that waits for its answers, so PostgreSQL's is
    /// made there, with the first transaction.
    ///
    /// # Errors
    /// `Disk` when no thread can be started.
    pub fn start(source: impl Connect, conn: Option<Owned>) -> Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (running, ended) = oneshot::channel::<()>();
        let source = Box::new(source);
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(Task { source, conn }.serve(jobs)),
                // Whoever writes is told that the writer was closed.
                Err(error) => tracing::error!(%error, "the database writer could not be started"),
            }
            drop(running);
        });
        thread.map_err(|e| StoreError::Disk(format!("no thread for the writer: {e}")))?;
        Ok(Self { queue, ended: Mutex::new(ended) })
    }

    /// Queues a piece of work and waits until it is committed or has failed.
    ///
    /// # Errors
    /// When the work is refused, fails, or the writer was closed.
    pub async fn perform<W: Work>(&self, work: Arc<W>) -> Result<W::Output> {
        work.check()?;
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Pending { work, output: None, caller });
        let closed = || StoreError::Unreachable("it was closed".into());
        self.queue.send(Message::Job(job)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Finishes what is queued, then closes the connection.
    pub async fn close(&self) {
        // Closed already when this fails.
        drop(self.queue.send(Message::Close).await);
        // Nothing is ever sent; the end of the thread ends the wait, at once the second time.
        let mut ended = self.ended.lock().await;
        if !ended.is_terminated() {
            drop((&mut *ended).await);
        }
    }
}

struct Task {
    source: Box<dyn Connect>,
    conn: Option<Owned>,
}

const BEGIN: Sql = Sql::two("BEGIN IMMEDIATE", "BEGIN");
/// Behind a pooler no session has our limits, so every transaction sets them for itself.
const BEGIN_LIMITED: Sql = Sql::two(
    "BEGIN IMMEDIATE",
    "BEGIN; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'; \
     SET LOCAL idle_in_transaction_session_timeout = '15s'",
);
/// The same for reading alone.
pub const BEGIN_READING: Sql = Sql::two(
    "BEGIN",
    "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'; \
     SET LOCAL idle_in_transaction_session_timeout = '15s'",
);
pub const COMMIT: Sql = Sql::same("COMMIT");
pub const ROLLBACK: Sql = Sql::same("ROLLBACK");

impl Task {
    async fn serve(mut self, mut jobs: mpsc::Receiver<Message>) {
        while let Some(message) = jobs.recv().await {
            match message {
                Message::Job(mut job) => {
                    let result = self.perform(job.as_mut()).await;
                    job.reply(result);
                }
                // What was queued before this is still received.
                Message::Close => jobs.close(),
            }
        }
        if let Some(conn) = self.conn.take() {
            conn.close().await;
        }
    }

    async fn perform(&mut self, job: &mut dyn Job) -> Result<()> {
        let mut tries = 1;
        loop {
            let started = tokio::time::Instant::now();
            match self.transaction(job).await {
                Err(StoreError::Busy(why)) if tries < TRIES && started.elapsed() < LONG => {
                    tracing::debug!(why, tries, "a transaction is run again");
                    tokio::time::sleep(Duration::from_millis((10 << tries) + fastrand::u64(..20))).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// One transaction. The connection is kept only when its state is certain.
    async fn transaction(&mut self, job: &mut dyn Job) -> Result<()> {
        self.source.check()?;
        let mut owned = self.begin().await?;
        self.source.began();
        let mut conn = owned.conn();
        let result = match AssertUnwindSafe(job.attempt(&mut conn)).catch_unwind().await {
            // A commit to a file that was deleted meanwhile does not count.
            Ok(Ok(())) => conn.command(COMMIT).await.and_then(|()| self.source.check()),
            Ok(Err(error)) => Err(error),
            // A bug; it must not end the writer. The connection is dropped, which rolls back.
            Err(_) => {
                self.source.ended();
                return Err(StoreError::Refused("internal error: a write panicked".into()));
            }
        };
        let keep = match &result {
            Ok(()) => true,
            Err(StoreError::Busy(_) | StoreError::NotFound(_) | StoreError::Refused(_) | StoreError::TakenOver(_)) => {
                conn.command(ROLLBACK).await.is_ok()
            }
            // After an I/O error SQLite must start anew, and a lost server will not answer on this connection.
            Err(StoreError::Unreachable(_) | StoreError::Disk(_) | StoreError::Unusable(_)) => false,
        };
        if keep {
            self.conn = Some(owned);
        } else {
            self.source.ended();
        }
        result
    }

    /// A connection with an open transaction. A connection that died while idle is replaced once, unseen.
    async fn begin(&mut self) -> Result<Owned> {
        if let Some(mut owned) = self.conn.take() {
            match owned.begin().await {
                Ok(()) => return Ok(owned),
                Err(error @ (StoreError::Busy(_) | StoreError::Refused(_) | StoreError::NotFound(_))) => {
                    self.conn = Some(owned);
                    return Err(error);
                }
                Err(error) => tracing::info!(%error, "the database connection was lost; connecting again"),
            }
        }
        let mut owned = self.source.connect().await?;
        owned.begin().await?;
        Ok(owned)
    }
}
