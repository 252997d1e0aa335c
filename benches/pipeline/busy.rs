//! What processor time a run takes, of everything that works for it. However well its parts overlap, a run is no shorter than
//! that divided by the processors.

use std::fmt;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::proc::{cpu_ticks, fields};
use crate::vendor::Vendor;

/// Seconds of a processor.
#[derive(Clone, Copy, Default)]
pub(crate) struct Busy {
    engine: f64,
    vendor: f64,
    server: f64,
}

impl Busy {
    /// Since each of them started.
    pub(crate) fn so_far(vendor: &Vendor, server: Option<u64>) -> Self {
        let seconds = |ticks: u64| ticks as f64 / 100.0;
        let (engine, vendor) = (cpu_ticks("/proc/self/stat"), vendor.ticks());
        Self { engine: seconds(engine), vendor: seconds(vendor), server: seconds(server.map_or(0, family)) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            engine: self.engine - before.engine,
            vendor: self.vendor - before.vendor,
            server: self.server - before.server,
        }
    }

    /// The shortest a run can be.
    pub(crate) fn shortest(self) -> f64 {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        (self.engine + self.vendor + self.server) / processors as f64
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, vendor, server } = self;
        write!(f, "processor: engine {engine:.2} s, vendor {vendor:.2} s, server {server:.2} s")
    }
}

/// The process of a PostgreSQL server on this machine that starts one for each connection.
pub(crate) async fn server(database: &str) -> Option<u64> {
    if !database.starts_with("postgres") {
        return None;
    }
    let mut conn = PgConnection::connect(database).await.unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut conn).await.unwrap();
    let parent = fields(&format!("/proc/{pid}/stat")).get(1).copied();
    conn.close().await.unwrap();
    parent
}

/// Ticks of a process and of all its children, the ended ones too.
fn family(pid: u64) -> u64 {
    let own: u64 = fields(&format!("/proc/{pid}/stat")).into_iter().skip(11).take(4).sum();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.map(|process| process.path().join("stat").display().to_string());
    let children = stats.filter(|stat| fields(stat).get(1) == Some(&pid));
    own + children.map(|stat| cpu_ticks(&stat)).sum::<u64>()
}
