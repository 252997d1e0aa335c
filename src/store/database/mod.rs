//! An open database and its two doors: reads on a small pool, writes through the writer task. Both wait for a lost
//! database.

pub(crate) mod fence;
mod heartbeat;
mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, Postgres};
use tokio::sync::watch;

use super::conn::{Conn, Sql, Statements};
use super::open_writes::OpenWrites;
use super::retry::Retry;
use super::tables::fleet::items;
use super::writer::{BEGIN_READING, COMMIT, ROLLBACK, Work, Writer};
use super::{OwnItem, Result, SeriesId, StoreError, fault};
use barkeep_base::process;
use barkeep_base::timing::{self, Phase};
use barkeep_sql::file::identity::Identity;
use barkeep_sql::file::reader;
use barkeep_sql::file::stamp::Stamp;
use barkeep_sql::layout::KnownStorage;
use fence::{Fence, Fenced, ran_out};

/// Connections that only read.
pub(super) enum Readers {
    Sqlite(reader::Readers),
    Postgres(PgPool),
    /// A server behind a pooler: what belongs together is asked in one transaction.
    Pooled(PgPool),
}

/// An open database.
pub(super) struct Database {
    pub(super) readers: Readers,
    /// `None` when opened for reading only.
    pub(super) writer: Option<Writer>,
    /// A server's: connections that write pages and features beside it, each those of its own series.
    pub(super) more_writers: Vec<Writer>,
    /// SQLite's.
    pub(super) file: Option<PathBuf>,
    /// SQLite's.
    pub(super) identity: Option<Arc<Identity>>,
    /// Without it a call fails as soon as the database does.
    pub(super) retry: Option<Retry>,
    pub(super) open_writes: OpenWrites,
    /// Whether processes share it, so that each sends heartbeats.
    pub(super) is_shared: bool,
    /// A connection of its own for heartbeats and elections; without it the writer's.
    pub(super) heartbeats: Option<Writer>,
    /// A heartbeat was sent: from then on the server's clock counts.
    pub(super) has_heartbeat: AtomicBool,
    pub(super) fence: Fence,
    /// See [`super::Store::stale_answers`].
    pub(super) stale: AtomicU64,
    /// A server's: it did not answer when it was last asked whether it is there.
    pub(super) silent: AtomicBool,
    pub(super) storage: KnownStorage,
}

enum Reader {
    Sqlite(reader::Reader),
    Postgres(PoolConnection<Postgres>),
    Pooled(Lent),
}

/// A connection that is in a transaction. When the query is given up on the way, so is the connection.
struct Lent(Option<PoolConnection<Postgres>>);

impl Drop for Lent {
    fn drop(&mut self) {
        // Detached it is not used again, and closed; the pooler ends the transaction.
        drop(self.0.take().map(PoolConnection::detach));
    }
}

impl Reader {
    async fn pooled(mut conn: PoolConnection<Postgres>) -> Result<Self> {
        Conn::Postgres(&mut conn, Statements::Unnamed).command(BEGIN_READING).await?;
        Ok(Self::Pooled(Lent(Some(conn))))
    }

    fn conn(&mut self) -> Result<Conn<'_>> {
        match self {
            Self::Sqlite(c) => Ok(Conn::Reader(c)),
            Self::Postgres(c) => Ok(Conn::Postgres(c, Statements::Kept)),
            Self::Pooled(Lent(Some(c))) => Ok(Conn::Postgres(c, Statements::Unnamed)),
            Self::Pooled(Lent(None)) => Err(StoreError::Unreachable("its connection was given up".into())),
        }
    }

    /// The end of what a query asked. The connection is kept only when its state is certain.
    async fn end<T>(mut self, result: Result<T>) -> Result<T> {
        let Self::Pooled(lent) = &mut self else { return result };
        let Some(conn) = lent.0.as_mut() else { return result };
        let end = if result.is_ok() { COMMIT } else { ROLLBACK };
        let ended = Conn::Postgres(conn, Statements::Unnamed).command(end).await;
        if ended.is_ok() {
            drop(lent.0.take());
        }
        result
    }
}

/// A query of another file, asked through [`Database::read`]: `read!(self, bars::within(series, range))`.
macro_rules! read {
    ($database:expr, $($query:ident)::+ ($($argument:expr),*)) => {
        $database.read(|mut reader| async move {
            let result = $($query)::+(&mut reader.conn()?, $($argument),*).await;
            reader.end(result).await
        }).await
    };
}
use read;

/// Which of so many connections writes a series.
fn spread(series: SeriesId, writers: usize) -> usize {
    // Fibonacci hashing: the keys of a symbol's timeframes follow one another.
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = series.0.unsigned_abs().wrapping_mul(GOLDEN) >> 32;
    usize::try_from(mixed).unwrap_or_default() % writers.max(1)
}

async fn ping(conn: &mut Conn<'_>) -> Result<()> {
    conn.rows(Sql::same("SELECT 1"), &[]).await.map(drop)
}

/// One trivial round trip on the connection that writes.
struct Ping;

#[async_trait]
impl Work for Ping {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        ping(conn).await
    }
}

impl Database {
    /// Fails when the database is not the one that was opened.
    fn check_identity(&self) -> Result<()> {
        // Closing folds the write-ahead log in and takes it away.
        if matches!(&self.readers, Readers::Sqlite(pool) if pool.is_closed()) {
            return Ok(());
        }
        self.identity.as_ref().map_or(Ok(()), |identity| identity.check())
    }

    /// Asks a server whether it is there, for ever. Nobody else may ask an idle one for half a minute, and a pool waits
    /// five seconds for a server that refuses connections before it says so; the writer's connection says it at once.
    async fn watch_server(&self, writer: &Writer) -> StoreError {
        const EVERY: Duration = Duration::from_millis(500);
        loop {
            tokio::time::sleep(EVERY).await;
            match writer.perform(Arc::new(Ping)).await {
                Err(error @ StoreError::Unreachable(_)) => {
                    self.silent.store(true, Ordering::Relaxed);
                    self.retry.iter().for_each(|retry| retry.hear_lost(&error));
                }
                Ok(()) if self.silent.swap(false, Ordering::Relaxed) => {
                    self.retry.iter().for_each(Retry::hear_back);
                }
                // Held up by a lock, it is there.
                Ok(()) | Err(_) => {}
            }
        }
    }

    fn stamps(&self) -> Option<watch::Receiver<Option<Stamp>>> {
        self.identity.as_ref().and_then(|identity| identity.stamp())
    }

    /// Waits until it is not.
    async fn watch_identity(&self) -> StoreError {
        let Some(mut stamp) = self.stamps() else {
            return match (&self.readers, &self.writer) {
                (Readers::Postgres(_) | Readers::Pooled(_), Some(writer)) => self.watch_server(writer).await,
                _ => std::future::pending().await,
            };
        };
        loop {
            if let Err(error) = self.check_identity() {
                return error;
            }
            if stamp.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    async fn reader(&self) -> Result<Reader> {
        // A new connection would open whatever lies at the path.
        self.check_identity()?;
        match &self.readers {
            Readers::Sqlite(pool) => pool.acquire().await.map(Reader::Sqlite),
            Readers::Postgres(pool) => pool.acquire().await.map(Reader::Postgres).map_err(fault::classify),
            Readers::Pooled(pool) => Reader::pooled(pool.acquire().await.map_err(fault::classify)?).await,
        }
    }

    /// The door of every read. A query that failed because the database was lost is made again.
    async fn read<T, F: Future<Output = Result<T>> + Send>(
        &self,
        query: impl Fn(Reader) -> F + Send + Sync,
    ) -> Result<T> {
        // Boxed, for an attempt is large (it may have to connect) and the futures around it would hold it twice.
        let attempt = || Box::pin(async { query(self.reader().await?).await });
        timing::timed(Phase::Database, self.retrying(attempt)).await
    }

    /// The door of every write, likewise.
    async fn write<W: Work>(&self, work: W) -> Result<W::Output> {
        timing::timed(Phase::Database, self.write_untimed(work)).await
    }

    /// The door of what only the leader may write; what belongs to a series goes through its own connection.
    async fn write_leading<W: Work>(&self, work: W, series: Option<SeriesId>) -> Result<W::Output> {
        let work = Arc::new(work);
        loop {
            self.fence.pass().await?;
            let fenced = Fenced { work: Arc::clone(&work), fence: self.fence.clone() };
            let write = self.write_through(self.writer_for(series), fenced);
            match timing::timed(Phase::Database, write).await {
                // It waits for the next election and is done again, or not.
                Err(error) if ran_out(&error) => {}
                outcome => return outcome,
            }
        }
    }

    async fn write_untimed<W: Work>(&self, work: W) -> Result<W::Output> {
        self.write_through(self.writer.as_ref(), work).await
    }

    /// What this process marks what it has with, among those that share the database.
    pub(super) fn worker(&self) -> String {
        process::worker_mark(self.fence.worker().id)
    }

    /// What several processes decide among themselves: short, and not behind the pages that wait for the writer.
    pub(super) async fn decide<W: Work>(&self, work: W) -> Result<W::Output> {
        let writer = self.heartbeats.as_ref().or(self.writer.as_ref());
        timing::timed(Phase::Database, self.write_through(writer, work)).await
    }

    pub(super) async fn own_items(&self) -> Result<Vec<OwnItem>> {
        let worker = self.worker();
        let worker = worker.as_str();
        read!(self, items::own(worker))
    }

    fn writer_for(&self, series: Option<SeriesId>) -> Option<&Writer> {
        let place = series.map_or(0, |series| spread(series, 1 + self.more_writers.len()));
        place.checked_sub(1).and_then(|place| self.more_writers.get(place)).or(self.writer.as_ref())
    }

    async fn write_through<W: Work>(&self, writer: Option<&Writer>, work: W) -> Result<W::Output> {
        let Some(writer) = writer else {
            return Err(StoreError::Refused("it was opened read-only".into()));
        };
        let _open = self.open_writes.begin();
        let work = Arc::new(work);
        self.retrying(|| writer.perform(Arc::clone(&work))).await
    }

    async fn retrying<T, F: Future<Output = Result<T>> + Send>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T> {
        match &self.retry {
            Some(retry) => retry.run(call).await,
            None => call().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::{HealthListener, Store, sqlite};
    use barkeep_base::clock::Moment;
    use barkeep_base::timing::Spent;
    use barkeep_market::Ts;

    #[derive(Default)]
    struct Heard(Mutex<Vec<&'static str>>);

    impl HealthListener for Heard {
        fn lost(&self, _: &StoreError) {
            self.0.lock().unwrap().push("lost");
        }

        fn back(&self, _: Duration) {
            self.0.lock().unwrap().push("back");
        }
    }

    /// Fails as a lost database does, so many times.
    struct Failing(AtomicU32);

    impl Failing {
        fn outcome(&self) -> Result<u32> {
            match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                Ok(_) => Err(StoreError::Unreachable("away".into())),
                Err(done) => Ok(done),
            }
        }
    }

    #[async_trait]
    impl Work for Failing {
        type Output = u32;

        async fn run(&self, _: &mut Conn<'_>) -> Result<u32> {
            self.outcome()
        }
    }

    async fn database(retry: Option<Retry>) -> (tempfile::TempDir, Database) {
        let dir = tempfile::tempdir().unwrap();
        let address = sqlite::Address::parse(dir.path().join("a.db").to_str().unwrap()).unwrap();
        let database = sqlite::open(&address, false).await.unwrap();
        (dir, Database { retry, ..database })
    }

    #[tokio::test]
    async fn both_doors_wait_for_a_lost_database_and_account_for_it() {
        let heard = Arc::<Heard>::default();
        let (_dir, database) = database(Some(Retry::new(Duration::from_mins(1), heard.clone()))).await;
        let failing = Failing(AtomicU32::new(2));
        let spent = Arc::<Spent>::default();
        let read = timing::scope(Arc::clone(&spent), database.read(|_| async { failing.outcome() }));
        assert_eq!(read.await.unwrap(), 0);
        assert_eq!(*heard.0.lock().unwrap(), ["lost", "back"]);
        // The pauses after two failures: 100 and 200 ms.
        let waited = spent.of(Phase::Database);
        assert!(waited >= Duration::from_millis(300), "{waited:?}");
        let write = timing::scope(Arc::clone(&spent), database.write(Failing(AtomicU32::new(1))));
        assert_eq!(write.await.unwrap(), 0);
        assert_eq!(*heard.0.lock().unwrap(), ["lost", "back", "lost", "back"]);
        assert!(spent.of(Phase::Database) >= waited + Duration::from_millis(100));
        database.close().await;
    }

    #[tokio::test]
    async fn a_place_is_waited_for_and_not_accounted_twice() {
        let (_dir, database) = database(None).await;
        let spent = Arc::<Spent>::default();
        let now = Moment { at: Ts(1_000_000), uptime: None };
        let take = timing::scope(
            Arc::clone(&spent),
            database.take_place(barkeep_vendor::limit::PlaceRequest::new(
                barkeep_market::Source::Massive,
                5,
                Duration::from_mins(1),
                now,
            )),
        );
        assert!(take.await.unwrap().place.is_some());
        assert_eq!(spent.of(Phase::Database), Duration::ZERO);
        database.close().await;
    }

    #[tokio::test]
    async fn without_retry_a_call_fails_as_soon_as_the_database_does() {
        let (_dir, database) = database(None).await;
        let error = database.write(Failing(AtomicU32::new(1))).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        let failing = Failing(AtomicU32::new(1));
        database.read(|_| async { failing.outcome() }).await.unwrap_err();
        assert_eq!(database.read(|_| async { failing.outcome() }).await.unwrap(), 0);
        database.close().await;
    }
}
