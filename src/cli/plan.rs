//! `barkeep plan`: what a backfill would ask, without asking it.

use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;

use super::args::Selection;
use super::backfill::{KeptPlan, limit_of, open_engine};
use super::exit::{CliError, SOME_FAILED};
use super::globals::{Globals, block_on};
use super::output::{print, print_json_line};
use super::report;
use crate::clock::{Clock, SystemClock};
use crate::engine::Backfill;
use crate::engine::progress::Silent;
use crate::store::Trigger;

/// Show the requests a backfill would make, and keep them under an id
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub selection: Selection,
}

pub(super) fn run(args: &PlanArgs, globals: &Globals) -> Result<(), CliError> {
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
