//! Connections that read a SQLite file, each on a thread of its own, and the pool they are lent from.
//!
//! The driver that writes hands over a row at a time, each value a copy in an object of SQLite's. Here a thread takes the
//! values from SQLite's own row and hands them over by the hundred: a page of 500 rows of features takes a fifth of the
//! time, all series a sixth.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, InterruptHandle, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::batch::Batch;
pub use super::batch::ReadRow;
use crate::address::Address;
use crate::{Result, StoreError, fault};

/// Batches on their way.
const BATCHES: usize = 2;
/// How long a reader is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Prepared statements a connection keeps.
const STATEMENTS: usize = 100;

/// A query for a thread.
struct Job {
    sql: Cow<'static, str>,
    values: Vec<Value>,
    answer: mpsc::Sender<Answer>,
}

enum Answer {
    Rows(Batch),
    /// All rows were handed over, or none come any more because of this.
    End(Result<()>),
}

/// A connection on its thread, which closes it and ends once this is dropped and the last query is done.
struct Thread {
    jobs: std::sync::mpsc::Sender<Job>,
    interrupt: InterruptHandle,
}

impl Thread {
    /// `alive` is dropped when the connection is closed.
    async fn start(address: Address, patience: Duration, alive: mpsc::Sender<Infallible>) -> Result<Self> {
        let (jobs, queue) = std::sync::mpsc::channel::<Job>();
        let (tell, opened) = oneshot::channel();
        let body = move || {
            let _alive = alive;
            let conn = match open(&address, patience) {
                Ok(conn) => conn,
                Err(error) => {
                    let _ = tell.send(Err(fault::of_file(error)));
                    return;
                }
            };
            if tell.send(Ok(conn.get_interrupt_handle())).is_err() {
                return;
            }
            for job in queue {
                if job.answer.is_closed() {
                    continue;
                }
                let end = run(&conn, &job);
                // Nobody may be waiting any more.
                let _ = job.answer.blocking_send(Answer::End(end));
            }
        };
        let started = std::thread::Builder::new().name("sqlite-reader".into()).spawn(body);
        started.map_err(|e| StoreError::Refused(format!("cannot start a thread that reads: {e}")))?;
        let interrupt = opened.await.map_err(|_| ended())??;
        Ok(Self { jobs, interrupt })
    }
}

fn ended() -> StoreError {
    StoreError::Unreachable("its thread ended".into())
}

fn run(conn: &Connection, job: &Job) -> Result<()> {
    let mut statement = conn.prepare_cached(&job.sql).map_err(fault::of_file)?;
    let columns = statement.column_count();
    for at in 1..=statement.parameter_count() {
        // To SQLite `$2` is a name, numbered by where it stands first.
        let number = statement.parameter_name(at).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = job.values.get(number.unwrap_or(at).wrapping_sub(1)).unwrap_or(&Value::Null);
        statement.raw_bind_parameter(at, value).map_err(fault::of_file)?;
    }
    let mut rows = statement.raw_query();
    let mut batch = Batch::default();
    while let Some(row) = rows.next().map_err(fault::of_file)? {
        batch.push(row, columns)?;
        if batch.is_full() && job.answer.blocking_send(Answer::Rows(std::mem::take(&mut batch))).is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        let _ = job.answer.blocking_send(Answer::Rows(batch));
    }
    Ok(())
}

fn open(address: &Address, patience: Duration) -> rusqlite::Result<Connection> {
    let cache =
        if address.shared_cache { OpenFlags::SQLITE_OPEN_SHARED_CACHE } else { OpenFlags::SQLITE_OPEN_PRIVATE_CACHE };
    // As the driver that writes opens it. One thread uses the connection, so SQLite need not lock at every value.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX | cache;
    let uri = address.immutable.then(|| immutable(&address.path));
    let path = uri.as_deref().map_or(address.path.as_path(), Path::new);
    let conn = match &address.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())?,
        None => Connection::open_with_flags(path, flags)?,
    };
    conn.busy_timeout(patience)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY")?;
    Ok(conn)
}

/// The URI of a file that nobody changes.
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri + "?immutable=1"
}

struct Shared {
    address: Address,
    patience: Duration,
    count: u32,
    places: Arc<Semaphore>,
    closing: AtomicBool,
    idle: Mutex<Vec<Thread>>,
    /// What each thread holds until its connection is closed, and how that is noticed.
    alive: Mutex<Option<Alive>>,
}

type Alive = (mpsc::Sender<Infallible>, mpsc::Receiver<Infallible>);

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Thread>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> std::sync::MutexGuard<'_, Option<Alive>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lends connections to a file, each opened when it is needed first.
#[derive(Clone)]
pub struct Readers(Arc<Shared>);

impl Readers {
    /// So many connections at most. A connection waits `patience` for the lock of another one.
    #[must_use]
    pub fn new(address: Address, count: u32, patience: Duration) -> Self {
        Self(Arc::new(Shared {
            address,
            patience,
            count,
            places: Arc::new(Semaphore::new(count as usize)),
            closing: AtomicBool::new(false),
            idle: Mutex::default(),
            alive: Mutex::new(Some(mpsc::channel(1))),
        }))
    }

    /// A connection, given back when it is dropped.
    ///
    /// # Errors
    /// `Busy` when all were occupied for half a minute; what opening the file fails with; `Unreachable` once closed.
    pub async fn acquire(&self) -> Result<Reader> {
        let closed = || StoreError::Unreachable("it was closed".into());
        if self.is_closed() {
            return Err(closed());
        }
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.0.places).acquire_owned()).await;
        let busy = |_| StoreError::Busy("all readers are occupied".into());
        let place = place.map_err(busy)?.map_err(|_| closed())?;
        let idle = self.0.idle().pop();
        let thread = if let Some(thread) = idle {
            thread
        } else {
            let alive = self.0.alive().as_ref().map(|(alive, _)| alive.clone());
            Thread::start(self.0.address.clone(), self.0.patience, alive.ok_or_else(closed)?).await?
        };
        Ok(Reader { thread: Some(thread), pool: Arc::clone(&self.0), _place: place })
    }

    /// Whether it was closed, or is being closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// Waits until every connection is given back, and closes all.
    pub async fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
        let all = self.0.places.acquire_many(self.0.count).await;
        self.0.places.close();
        drop(all);
        self.0.idle().clear();
        let alive = self.0.alive().take();
        if let Some((alive, mut ended)) = alive {
            drop(alive);
            while ended.recv().await.is_some() {}
        }
    }
}

/// A connection with a query under way. When that is given up, so is the connection, and SQLite does not go on with it.
struct Running(Option<Thread>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = &self.0 {
            thread.interrupt.interrupt();
        }
    }
}

/// A connection that only reads, lent from [`Readers`].
pub struct Reader {
    /// Away while a query runs.
    thread: Option<Thread>,
    pool: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// Runs a query and reads each row as it comes.
    ///
    /// # Errors
    /// When the database fails, or `read` refuses a row.
    pub async fn each<T>(
        &mut self,
        sql: Cow<'static, str>,
        values: Vec<Value>,
        read: impl Fn(ReadRow) -> Result<T>,
    ) -> Result<Vec<T>> {
        let thread = self.thread.take().ok_or_else(ended)?;
        let (answer, mut answers) = mpsc::channel(BATCHES);
        thread.jobs.send(Job { sql, values, answer }).map_err(|_| ended())?;
        let mut running = Running(Some(thread));
        let mut all = Vec::new();
        let mut refused = Ok(());
        loop {
            match answers.recv().await {
                Some(Answer::Rows(batch)) => {
                    let batch = Arc::new(batch);
                    let mut rows = ReadRow::all(&batch).map(&read);
                    if refused.is_ok() {
                        refused = rows.try_for_each(|row| row.map(|row| all.push(row)));
                    }
                }
                Some(Answer::End(end)) => {
                    let thread = running.0.take();
                    // After an I/O error SQLite must start anew.
                    if !matches!(end, Err(StoreError::Disk(_) | StoreError::Unusable(_))) {
                        self.thread = thread;
                    }
                    // Some of these lists stay for as long as the program, and growing left up to half of them empty.
                    all.shrink_to_fit();
                    return end.and(refused).map(|()| all);
                }
                None => return Err(ended()),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && !self.pool.closing.load(Ordering::Relaxed)
        {
            self.pool.idle().push(thread);
        }
    }
}
