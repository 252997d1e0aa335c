//! `barkeep rto-rpo`: the recovery targets in force, and drills that prove them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use crate::signals::Signals;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::text::printable;
use barkeep_report::rto_rpo::{self, Definition, Drilled, Engine, Failure, Plan};

/// Which failures are made to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drill {
    All,
    /// A killed process
    Crash,
    /// A vendor that answers 429
    RateLimit,
    /// A database that goes away
    Database,
    /// A series whose features cannot be computed
    Features,
}

/// The database of the drill `database`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    Postgres,
    Sqlite,
}

/// Show the recovery targets in force, or prove them by making the failures happen
#[derive(Args, Clone, Debug)]
#[command(
    name = "rto-rpo",
    after_help = "Examples:
  barkeep rto-rpo --json --out rto_rpo_definition.json
  barkeep rto-rpo --drill
  barkeep rto-rpo --drill database --on sqlite

Drills take about two minutes. They always run on scratch databases and a simulated vendor, with the policy and the
settings in force; the configured database is never opened, no alert is sent, and the vendor is asked nothing.
Exit code 1: a target was missed, or a drill failed. What could not be tried for lack of a program is said."
)]
pub struct RtoRpoArgs {
    /// Make failures happen and measure how long they last [default when given: all]
    #[arg(long, value_name = "WHICH", num_args = 0..=1, default_missing_value = "all")]
    pub drill: Option<Drill>,

    /// The database of the drill `database` [default: postgres where its programs are found, else sqlite]
    #[arg(long, value_name = "DB", requires = "drill")]
    pub on: Option<Database>,

    /// Write the result as JSON to this file too
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(crate) fn run(args: &RtoRpoArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    let now = SystemClock.now();
    let Some(which) = args.drill else {
        let definition = Definition::of(&session.loaded, now);
        return show(&definition, rto_rpo::definition_text, args.out.as_deref(), session.json);
    };
    let failures = match which {
        Drill::All => Failure::ALL.to_vec(),
        Drill::Crash => vec![Failure::SchedulerCrash],
        Drill::RateLimit => vec![Failure::PolygonApiRateLimit],
        Drill::Database => vec![Failure::DatabaseConnectionLoss],
        Drill::Features => vec![Failure::FeatureComputationFailure],
    };
    let database = args.on.map(|on| match on {
        Database::Postgres => Engine::Postgres,
        Database::Sqlite => Engine::Sqlite,
    });
    let plan = Plan { failures, database };
    block_on(async {
        let mut signals = Signals::listen(false);
        let drilled = tokio::select! {
            drilled = rto_rpo::drill(&session.loaded, &plan, now, |failure| eprintln!("drilling {} …", failure.name())) => drilled,
            // The processes and databases of the drill go with it.
            _ = signals.next() => return Err(CliError::silent(INTERRUPTED)),
        };
        finish(&drilled, args, &session)
    })
}

fn finish(drilled: &Drilled, args: &RtoRpoArgs, session: &Session) -> Result<(), CliError> {
    show(drilled, rto_rpo::drill_text, args.out.as_deref(), session.json)?;
    if drilled.passed { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}

fn show<T: Serialize>(value: &T, text: fn(&T) -> String, out: Option<&Path>, json: bool) -> Result<(), CliError> {
    if let Some(path) = out {
        let shown = printable(&path.display().to_string());
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| CliError::new(SOME_FAILED, format!("cannot write the result as JSON: {e}")))?;
        std::fs::write(path, text + "\n").map_err(|e| CliError::writing(&shown, &e))?;
    }
    if json { print_json(value) } else { print(&text(value)) }
}
