//! `barkeep db convert`: bars and features as partitions or hypertables, or over the nodes of Citus, and back.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::exit::{CliError, DATABASE};
use crate::globals::Session;
use crate::output::{note, print, print_json};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::count;
use barkeep_layout::{Partitions, Target, convert, dry_run};
use barkeep_store::StoreError;
use barkeep_store::upkeep::Upkeep;

#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["partitions", "timescale", "citus", "plain"]))]
pub struct ConvertArgs {
    /// Partitions of plain PostgreSQL: so many by series, or `year` for one a year
    #[arg(long, value_name = "N|year")]
    pub partitions: Option<Partitions>,
    /// Hypertables of TimescaleDB
    #[arg(long)]
    pub timescale: bool,
    /// Days in one chunk of a hypertable
    #[arg(long, value_name = "DURATION", value_parser = days, conflicts_with_all = ["partitions", "citus", "plain"], default_value = "90d")]
    pub chunk: u32,
    /// Compress chunks that are older; a revision of compressed bars takes far longer
    #[arg(long, value_name = "DURATION", value_parser = days, conflicts_with_all = ["partitions", "citus", "plain"])]
    pub compress_after: Option<u32>,
    /// Distributed by series over the nodes of Citus
    #[arg(long)]
    pub citus: bool,
    /// Shards of Citus: more than nodes, so that nodes can be added
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024), conflicts_with_all = ["partitions", "timescale", "plain"], default_value = "32")]
    pub shards: u16,
    /// Back to plain tables
    #[arg(long)]
    pub plain: bool,
    /// Print the statements and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn days(text: &str) -> Result<u32, String> {
    const DAY: Duration = Duration::from_hours(24);
    let time = humantime::parse_duration(text).map_err(|e| format!("{e}; for example 90d"))?;
    let whole = u32::try_from(time.as_secs() / DAY.as_secs()).unwrap_or(0);
    if DAY * whole == time && (1..=3_650).contains(&whole) {
        Ok(whole)
    } else {
        Err("1d to 3650d, in whole days".into())
    }
}

impl ConvertArgs {
    const fn target(&self) -> Target {
        match self.partitions {
            Some(partitions) => Target::Partitions(partitions),
            None if self.timescale => {
                Target::Timescale { chunk_days: self.chunk, compress_after_days: self.compress_after }
            }
            None if self.citus => Target::Citus { shards: self.shards },
            None => Target::Plain,
        }
    }
}

/// Converts, or says what that would do.
///
/// # Errors
/// When the database is none that can be converted, or a step fails.
pub async fn run(session: &Session, args: &ConvertArgs) -> Result<(), CliError> {
    let url = session.loaded.settings.database.as_str();
    let mut upkeep = session.while_starting(async |starting| Upkeep::open(url, true, starting).await).await?;
    let (target, now) = (args.target(), SystemClock.now());
    if args.dry_run {
        let statements = dry_run(&mut upkeep, target, now).await;
        upkeep.close().await;
        let statements = statements.map_err(refused)?;
        return if session.json { print_json(&statements) } else { print(&(statements.join(";\n") + ";\n")) };
    }
    let done = convert(&mut upkeep, target, now, note).await;
    upkeep.close().await;
    let done = done.map_err(refused)?;
    if session.json {
        let rows: serde_json::Map<_, _> = done.rows.iter().map(|(table, n)| ((*table).to_owned(), json!(n))).collect();
        return print_json(&json!({ "before": done.before, "after": done.after, "rows": rows }));
    }
    let rows: Vec<String> = done.rows.iter().map(|(table, n)| format!("{} rows of {table}", count(*n))).collect();
    print(&format!("{}: {} (before: {})\n", done.after.text(), rows.join(", "), done.before.text()))
}

fn refused(error: StoreError) -> CliError {
    match error {
        StoreError::Refused(why) => CliError::usage(why),
        StoreError::Busy(_) => {
            CliError::new(DATABASE, error.to_string()).hint("stop the processes that use the database, then try again")
        }
        error => error.into(),
    }
}
