//! `barkeep db`: the database itself: checked, measured, copied, pruned, compacted.

mod findings;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, DATABASE, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{note, print, print_json};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::{bytes, count, plural, table};
use barkeep_layout::described;
use barkeep_service::retention;
use barkeep_shell::convert;
use barkeep_store::upkeep::Upkeep;
use barkeep_store::{Dialect, StoreError};

/// Check, measure, copy, prune, compact and convert the database
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep db check
  barkeep db check --repair
  barkeep db backup /backups/barkeep-2024-05-31.db
  barkeep db info --json
  barkeep db convert --partitions 8 --dry-run")]
pub struct DbArgs {
    #[command(subcommand)]
    pub command: DbCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum DbCommand {
    /// Check the database for damage and contradictions; exit code 1 if there are any
    ///
    /// Shows each problem with its series and the command that repairs it. Reads the whole database; a service may keep
    /// running.
    Check {
        /// Also compare every index with its table (SQLite; takes several times as long)
        #[arg(long)]
        thorough: bool,
        /// Repair what can be repaired from stored data, then check again
        ///
        /// Counts are corrected, orphaned rows are deleted, invalid bars move to the revisions, and coverage of bars that are
        /// missing is dropped. The next run fetches those and computes features again.
        #[arg(long)]
        repair: bool,
    },
    /// Show sizes, rows of each table and growth
    Info,
    /// Write a consistent copy to a new file, also while a service runs
    ///
    /// For PostgreSQL, print the pg_dump command to use instead.
    Backup {
        /// New file of the copy
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Delete history rows that are older than the retention settings allow
    ///
    /// The service does the same once a day. Bars, revisions and quarantined bars are never deleted.
    Prune,
    /// Return unused space to the file system
    ///
    /// SQLite needs free space of twice the size of the database, and nothing can be written meanwhile.
    Vacuum,
    /// Convert bars and features into partitions or hypertables, distribute them, or back (PostgreSQL; see docs/scaling.md)
    ///
    /// The service must be stopped, and the server needs free space for a second copy of both tables. It is one transaction: if
    /// it is interrupted, nothing has changed. All rows are counted and summed before and after.
    Convert(convert::ConvertArgs),
}

pub(crate) fn run(args: &DbArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        match &args.command {
            DbCommand::Check { thorough, repair } => findings::check(&session, *thorough, *repair).await,
            DbCommand::Info => info(&session).await,
            DbCommand::Backup { file } => backup(&session, file).await,
            DbCommand::Prune => prune(&session).await,
            DbCommand::Vacuum => vacuum(&session).await,
            DbCommand::Convert(args) => convert::run(&session, args).await,
        }
    })
}

async fn info(session: &Session) -> Result<(), CliError> {
    let mut upkeep = open_upkeep(session, false).await?;
    let info = barkeep_layout::info(&mut upkeep, SystemClock.now()).await;
    upkeep.close().await;
    let info = info?;
    if session.json {
        print_json(&info)
    } else {
        print(&described(&info, &session.loaded.settings.database.to_string()))
    }
}

async fn backup(session: &Session, file: &std::path::Path) -> Result<(), CliError> {
    let mut upkeep = open_upkeep(session, false).await?;
    let shown = barkeep_base::text::printable(&file.display().to_string());
    if upkeep.dialect() == Dialect::Postgres {
        upkeep.close().await;
        // The password is hidden; pg_dump takes it from PGPASSWORD or ~/.pgpass.
        let database = session.loaded.settings.database.to_string().replace(":***@", "@");
        let (dump, restore) = (
            format!("pg_dump --format=custom --file='{shown}' '{database}'"),
            format!("pg_restore --no-owner --dbname='NEW_DATABASE_URL' '{shown}'"),
        );
        if session.json {
            return print_json(&json!({ "dialect": "postgres", "written": false, "dump": dump, "restore": restore }));
        }
        print(&format!("{dump}\n"))?;
        note(&format!("note: nothing was copied yet: run the command above; to restore: {restore}"));
        return Ok(());
    }
    let copied = upkeep.copy(file).await;
    upkeep.close().await;
    let written = copied.map_err(|e| match e {
        StoreError::Refused(why) => CliError::usage(why),
        e => CliError::new(DATABASE, e.to_string()),
    })?;
    if session.json {
        return print_json(&json!({ "dialect": "sqlite", "written": true, "file": shown, "bytes": written }));
    }
    print(&format!("wrote {shown} ({})\n", bytes(written)))
}

async fn prune(session: &Session) -> Result<(), CliError> {
    // Not to make a database that is not there.
    open_upkeep(session, false).await?.close().await;
    let store = session.open_store(false).await?;
    let settings = session.loaded.settings.retention;
    let deleted = retention::prune(store.as_ref(), &settings, SystemClock.now(), &CancellationToken::new()).await;
    store.close().await;
    let deleted = deleted?;
    if session.json {
        let all: serde_json::Map<_, _> = deleted.iter().map(|(log, n)| (log.name().to_owned(), json!(n))).collect();
        return print_json(&json!({ "deleted": all }));
    }
    let rows: Vec<[String; 3]> = deleted
        .iter()
        .map(|(log, n)| {
            let kept = retention::kept(&settings, *log);
            let kept = kept.map_or_else(|| "forever".to_owned(), |kept| days(kept.as_secs() / 86_400));
            [log.name().to_owned(), kept, count(*n)]
        })
        .collect();
    print(&table(["LOG", "KEPT", "DELETED"], &rows))
}

fn days(n: u64) -> String {
    plural(n, "day")
}

async fn vacuum(session: &Session) -> Result<(), CliError> {
    let mut upkeep = open_upkeep(session, true).await?;
    let before = upkeep.size().await?;
    let done = upkeep.vacuum().await;
    let after = upkeep.size().await;
    upkeep.close().await;
    done.map_err(|e| match e {
        StoreError::Busy(_) => CliError::new(DATABASE, e.to_string()).hint("stop the service and try again"),
        e => e.into(),
    })?;
    let after = after?;
    if session.json {
        return print_json(&json!({ "bytes_before": before, "bytes_after": after }));
    }
    print(&format!("{} before, {} now\n", bytes(before), bytes(after)))
}

/// Opens the database to look after it: it must exist.
async fn open_upkeep(session: &Session, write: bool) -> Result<Upkeep, CliError> {
    let url = session.loaded.settings.database.as_str();
    session.while_starting(async |starting| Upkeep::open(url, write, starting).await).await
}

/// What is found is no failure of the command.
const FOUND: u8 = SOME_FAILED;
