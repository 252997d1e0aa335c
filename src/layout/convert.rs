//! Converting the large tables: one transaction, so whatever ends it leaves everything as it was. The rows are counted and
//! summed before and after, and nothing is committed unless both agree.

use serde::Serialize;

use crate::citus;
use crate::facts::{columns, facts};
use crate::kind::{Target, layout};
use crate::script::{self, Step};
use barkeep_base::format::count;
use barkeep_market::Ts;
use barkeep_sql::conn::{Conn, Dialect};
use barkeep_sql::field::{collect, column};
use barkeep_sql::layout::{Layout, has_extension};
use barkeep_store::upkeep::Upkeep;
use barkeep_store::{Result, StoreError, WorkerRole};

/// What a conversion did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversion {
    pub before: Layout,
    pub after: Layout,
    /// Rows of each table, the same before and after.
    pub rows: Vec<(&'static str, i64)>,
}

/// The limits of the transaction. A process that is gone is noticed in the middle of a statement, where the server can.
const BEGIN: [&str; 5] = [
    "BEGIN",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '5s', true);
EXCEPTION WHEN OTHERS THEN NULL; END $$",
];
/// With Citus: one session for each node, the coordinator too, which sees all that was done there.
const BEGIN_DISTRIBUTED: [&str; 2] =
    ["SET LOCAL citus.multi_shard_modify_mode = 'sequential'", "SET LOCAL citus.enable_local_execution = off"];
/// A service or another conversion that is just opening the database has this lock.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(7142083905)";

/// The statements that [`convert`] would run, in their order.
///
/// # Errors
/// `Refused` when it cannot be done, with the reason; otherwise when the database cannot be read.
pub async fn dry_run(upkeep: &mut Upkeep, target: Target, now: Ts) -> Result<Vec<String>> {
    let before = refuse(upkeep, target).await?;
    let tables = target.tables(&before);
    let mut conn = upkeep.conn();
    let steps = steps(&mut conn, &tables, target, now).await?;
    let begin = begin(&tables).into_iter().chain([ALONE]).map(str::to_owned);
    let steps = std::iter::once(lock(&tables)).chain(steps.into_iter().map(|step| step.sql));
    Ok(begin.chain(steps).chain(["COMMIT".to_owned()]).collect())
}

/// Converts bars and features; `told` hears of what takes long.
///
/// # Errors
/// `Refused` when it cannot be done, with the reason; `Busy` when somebody works with the tables; `Unusable` when rows would
/// be lost. Whatever fails, everything is as it was.
pub async fn convert(upkeep: &mut Upkeep, target: Target, now: Ts, told: impl Fn(&str)) -> Result<Conversion> {
    let before = refuse(upkeep, target).await?;
    let tables = target.tables(&before);
    let mut conn = upkeep.conn();
    for sql in begin(&tables) {
        conn.counted(sql).await?;
    }
    let done = match within(&mut conn, &tables, target, now, &told).await {
        Ok(rows) => conn.counted("COMMIT").await.map(|_| rows),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // The connection is closed next in any case.
        let _ = conn.counted("ROLLBACK").await;
    }
    let rows = done?;
    Ok(Conversion { before, after: layout(upkeep).await?, rows })
}

fn begin(tables: &[&str]) -> Vec<&'static str> {
    let more = if tables.len() > crate::LARGE.len() { &BEGIN_DISTRIBUTED[..] } else { &[] };
    BEGIN.iter().chain(more).copied().collect()
}

async fn within(
    conn: &mut Conn<'_>,
    tables: &[&'static str],
    target: Target,
    now: Ts,
    told: &impl Fn(&str),
) -> Result<Vec<(&'static str, i64)>> {
    let alone: Vec<bool> = column(&conn.counted(ALONE).await?)?;
    if alone.first() != Some(&true) {
        return Err(StoreError::Busy("another process is opening or converting this database; try again".into()));
    }
    conn.counted(&lock(tables)).await?;
    let steps = steps(conn, tables, target, now).await?;
    told("counting and summing all rows");
    let kept = sums(conn, tables).await?;
    for Step { says, sql } in &steps {
        if let Some(says) = says {
            told(says);
        }
        tracing::info!(sql, "converting");
        conn.counted(sql).await?;
    }
    told("counting and summing again");
    let now_there = sums(conn, tables).await?;
    if kept != now_there {
        let differs = kept.iter().zip(&now_there).find(|(a, b)| a != b);
        let what = differs.map_or_else(String::new, |(a, b)| {
            format!(": {} had {} rows (sum {}), now {} (sum {})", a.0, count(a.1), a.2, count(b.1), b.2)
        });
        return Err(StoreError::Unusable(format!("rows would change{what}; nothing was converted")));
    }
    Ok(kept.into_iter().map(|(table, rows, _)| (table, rows)).collect())
}

fn lock(tables: &[&str]) -> String {
    format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "))
}

async fn steps(conn: &mut Conn<'_>, tables: &[&'static str], target: Target, now: Ts) -> Result<Vec<Step>> {
    let from_nodes = tables.len() > crate::LARGE.len() && target == Target::Plain;
    let facts = facts(conn, tables, from_nodes).await?;
    if facts.obstacles.is_empty() {
        return Ok(script::rebuild(&facts, target, now));
    }
    Err(StoreError::Refused(format!(
        "{} are created again, and {} would be lost; drop it first and create it again afterwards",
        if tables.len() > crate::LARGE.len() { "all tables about series" } else { "bars and features" },
        facts.obstacles.join(", ")
    )))
}

/// Rows of each table, and a sum over all their values that does not depend on their order.
async fn sums(conn: &mut Conn<'_>, tables: &[&'static str]) -> Result<Vec<(&'static str, i64, String)>> {
    let mut all = Vec::new();
    for table in tables {
        let columns = columns(conn, table).await?.join(", ");
        let asked = format!(
            "SELECT COUNT(*), COALESCE(SUM(CAST(hash_record_extended(ROW({columns}), 0) AS NUMERIC)), 0)::text FROM {table}"
        );
        let found = collect(&conn.counted(&asked).await?, |f| Ok((f.next::<i64>()?, f.next::<String>()?)))?;
        all.extend(found.into_iter().map(|(rows, sum)| (*table, rows, sum)));
    }
    Ok(all)
}

/// Why it cannot be done; what the tables are now when it can.
async fn refuse(upkeep: &mut Upkeep, target: Target) -> Result<Layout> {
    let refused = |why: String| Err(StoreError::Refused(why));
    if upkeep.dialect() == Dialect::Sqlite {
        return refused("a SQLite file has no partitions; db convert is for PostgreSQL".into());
    }
    let before = layout(upkeep).await?;
    match (&before, target) {
        (Layout::Plain, Target::Plain) => return refused("bars and features are plain tables already".into()),
        (Layout::Other { what }, _) if target != Target::Plain => {
            return refused(format!(
                "bars and features are not plain tables ({what}); run `barkeep db convert --plain` first"
            ));
        }
        (Layout::Plain | Layout::Other { .. }, _) | (_, Target::Plain) => {}
        (_, _) => {
            return refused(format!(
                "bars and features are converted already: {}; run `barkeep db convert --plain` first, then convert again",
                before.text()
            ));
        }
    }
    if matches!(target, Target::Timescale { .. }) && !has_extension(&mut upkeep.conn(), "timescaledb").await? {
        return refused(
            "TimescaleDB is not installed in this database; have an administrator run: CREATE EXTENSION timescaledb"
                .into(),
        );
    }
    if let Target::Timescale { compress_after_days: Some(_), .. } = target {
        let license: Vec<String> =
            column(&upkeep.conn().counted("SELECT current_setting('timescaledb.license', true)").await?)?;
        if license.first().is_some_and(|license| license == "apache") {
            return refused(
                "this TimescaleDB is the Apache edition, which cannot compress; omit --compress-after".into(),
            );
        }
    }
    if matches!(target, Target::Citus { .. })
        && let Some(why) = citus::obstacle(&mut upkeep.conn()).await?
    {
        return refused(why);
    }
    let workers = upkeep.workers().await?;
    if let Some(worker) = workers.first() {
        let what = if worker.role == WorkerRole::Command { "a command" } else { "a service" };
        return refused(format!(
            "{what} on {} is using the database (last heartbeat {}); stop it first",
            worker.host, worker.heartbeat
        ));
    }
    Ok(before)
}
