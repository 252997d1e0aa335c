//! `barkeep plan`: what a backfill would ask, without asking it.

mod cells;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;

use crate::args::Selection;
use crate::exit::{CliError, SOME_FAILED};
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json_line};
use crate::report;
use crate::work::backfill::{KeptPlan, limit_of, open_engine};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_pipeline::Backfill;
use barkeep_pipeline::events::Silent;
use barkeep_store::Trigger;

/// Show the requests a backfill would make, and keep them under an id
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep plan AAPL SPY --from 2024-01-01
  barkeep plan --all --json
  barkeep plan --cells missing.csv --json

--cells needs no database: the answer is the fewest requests for the given missing daily bars, asked per symbol or for
the whole market of a day, and a set of bars of which no two share a symbol or a day, which proves it.")]
pub struct PlanArgs {
    #[command(flatten)]
    pub selection: Selection,

    /// Solve for the missing daily bars of a CSV file (symbol,session) instead of the database's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["symbols", "all", "timeframes", "from", "to", "asset_class"])]
    pub cells: Option<PathBuf>,
}

pub(crate) fn run(args: &PlanArgs, globals: &Globals) -> Result<(), CliError> {
    if let Some(file) = &args.cells {
        return cells::run(file, globals.json, globals.verbose > 0);
    }
    let session = globals.start()?;
    args.selection.check(SystemClock.now())?;
    block_on(async {
        // Nothing is asked, so no key is needed.
        let engine = open_engine(&session, SecretString::from("none"), Arc::new(Silent)).await?;
        let selection = args.selection.resolve();
        let mode = session.loaded.settings.backfill.mode;
        let wish = Backfill::new(selection.clone(), mode, Trigger::Cli);
        let plan = wish.preview(&engine).await?;
        let kept = KeptPlan { selection, plan };
        let body = serde_json::to_string(&kept)
            .map_err(|e| CliError::new(SOME_FAILED, format!("the plan cannot be kept: {e}")))?;
        engine.store.put_plan(kept.plan.plan_id, SystemClock.now(), &body).await?;
        engine.store.close().await;
        if session.json {
            return print_json_line(&kept.plan);
        }
        print(&report::plan(&kept.plan, limit_of(&session)))?;
        if kept.plan.items.is_empty() && kept.plan.derived_locally == 0 {
            return Ok(());
        }
        let vendor = if session.simulated { " --simulated" } else { "" };
        print(&format!("run exactly this: barkeep backfill --plan-id {}{vendor}\n", kept.plan.plan_id))
    })
}
