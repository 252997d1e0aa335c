//! `barkeep rto-rpo`: the recovery targets in effect, and drills that measure them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{check_output, note, print, print_json, write_json_file};
use crate::signals::Signals;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_report::rto_rpo::{self, Definition, DrillDatabase, DrillOptions, DrillReport, FailureType};

/// The drills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drill {
    /// All of them
    All,
    /// The service is killed
    Crash,
    /// The vendor answers 429
    RateLimit,
    /// The database is lost
    Database,
    /// The features of a series cannot be computed
    Features,
}

/// The database of the drill `database`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    Postgres,
    Sqlite,
}

/// Show the recovery targets (RTO, RPO), or run failure drills
///
/// A drill makes a failure happen and measures how long it lasts; all of them take about two minutes. Drills run on temporary
/// databases and a simulated vendor, with the configured policy and settings. The configured database is not opened, the
/// vendor gets no request, and no alert is sent. Exit code 1: a target was missed or a drill failed.
#[derive(Args, Clone, Debug)]
#[command(
    name = "rto-rpo",
    after_help = "Examples:
  barkeep rto-rpo --output rto_rpo_definition.json
  barkeep rto-rpo --drill
  barkeep rto-rpo --drill database --on sqlite"
)]
pub struct RtoRpoArgs {
    /// Run a drill [without a name: all]
    #[arg(long, value_name = "DRILL", num_args = 0..=1, default_missing_value = "all")]
    pub drill: Option<Drill>,

    /// Database of the database drill [default: postgres if installed, else sqlite]
    #[arg(long, value_name = "DB", requires = "drill")]
    pub on: Option<Database>,

    /// Also write the result as JSON to this file
    #[arg(long, alias = "out", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub(crate) fn run(args: &RtoRpoArgs, globals: &Globals) -> Result<(), CliError> {
    check_output(args.output.as_deref())?;
    let session = globals.start()?;
    let now = SystemClock.now();
    let Some(which) = args.drill else {
        let definition = Definition::of(&session.loaded, now);
        return show(&definition, rto_rpo::definition_text, args, &session);
    };
    let failures = match which {
        Drill::All => FailureType::ALL.to_vec(),
        Drill::Crash => vec![FailureType::SchedulerCrash],
        Drill::RateLimit => vec![FailureType::PolygonApiRateLimit],
        Drill::Database => vec![FailureType::DatabaseConnectionLoss],
        Drill::Features => vec![FailureType::FeatureComputationFailure],
    };
    let database = args.on.map(|on| match on {
        Database::Postgres => DrillDatabase::Postgres,
        Database::Sqlite => DrillDatabase::Sqlite,
    });
    let options = DrillOptions { failures, database };
    block_on(async {
        let mut signals = Signals::listen(false);
        let on_start = |failure: FailureType| note(&format!("drill: {} …", failure.name()));
        let report = tokio::select! {
            report = rto_rpo::drill(&session.loaded, &options, now, on_start) => report,
            // Its processes and databases are dropped with it.
            _ = signals.next() => return Err(CliError::silent(INTERRUPTED)),
        };
        finish(&report, args, &session)
    })
}

fn finish(report: &DrillReport, args: &RtoRpoArgs, session: &Session) -> Result<(), CliError> {
    show(report, rto_rpo::drill_text, args, session)?;
    if report.passed { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}

fn show<T: Serialize>(value: &T, text: fn(&T) -> String, args: &RtoRpoArgs, session: &Session) -> Result<(), CliError> {
    if let Some(path) = &args.output {
        write_json_file(path, value)?;
    }
    if session.json { print_json(value) } else { print(&text(value)) }
}
