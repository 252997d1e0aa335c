//! `barkeep plan`: the requests of a backfill, without making them.

mod cells;

use std::path::PathBuf;

use clap::Args;

use crate::args::SelectionArgs;
use crate::exit::{CliError, SOME_FAILED};
use crate::globals::{Globals, block_on};
use crate::output::{note, print, print_json_line};
use crate::render;
use crate::work::backfill::open_planner;
use crate::work::saved_plan::SavedPlan;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_pipeline::Backfill;
use barkeep_pipeline::select;
use barkeep_store::Trigger;

/// Show the requests a backfill would make, and save the plan under an id
///
/// A saved plan is run with `barkeep backfill --plan-id`. With --cells, no database is used: barkeep computes the fewest
/// requests for the given missing daily bars, each for one symbol or for one day of the whole market, and proves that
/// fewer are not enough, by missing bars of which no two share a symbol or a day.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep plan AAPL SPY --from 2024-01-01
  barkeep plan --all --json
  barkeep plan AAPL --from 2024-01-01 --refetch
  barkeep plan --cells missing.csv --json")]
pub struct PlanArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Also plan requests for stored bars
    #[arg(long)]
    pub refetch: bool,

    /// Plan for the missing daily bars in this CSV file (symbol,session) instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["symbols", "all", "timeframes", "from", "to", "asset_class", "vendor", "refetch"])]
    pub cells: Option<PathBuf>,
}

pub(crate) fn run(args: &PlanArgs, globals: &Globals) -> Result<(), CliError> {
    if let Some(file) = &args.cells {
        return cells::run(file, globals.json, globals.verbose > 0);
    }
    let session = globals.start()?;
    args.selection.check(SystemClock.now())?;
    block_on(async {
        let (engine, can_keep) = open_planner(&session).await?;
        let selection = select::Selection { refetch: args.refetch, ..args.selection.resolve() };
        let mode = session.loaded.settings.backfill.mode;
        let backfill = Backfill::new(selection.clone(), mode, Trigger::Cli);
        let plan = backfill.preview(&engine).await?;
        let saved = SavedPlan::new(selection, plan);
        if can_keep {
            let body = serde_json::to_string(&saved)
                .map_err(|e| CliError::new(SOME_FAILED, format!("the plan cannot be saved: {e}")))?;
            engine.store.put_plan(saved.id(), SystemClock.now(), &body).await?;
        } else {
            note("note: the database cannot be written, so this plan was not saved");
        }
        engine.store.close().await;
        let (_, plan) = saved.into_parts();
        if session.json {
            return print_json_line(&plan);
        }
        print(&render::plan(&plan, session.rate_limit()))?;
        if !can_keep || plan.items.is_empty() && plan.derived_locally == 0 {
            return Ok(());
        }
        let vendor = if session.simulated { " --simulated" } else { "" };
        print(&format!("run this plan: barkeep backfill --plan-id {}{vendor}\n", plan.plan_id))
    })
}
