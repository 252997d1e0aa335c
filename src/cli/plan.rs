//! `barkeep plan`: what a backfill would ask, without asking it.

use clap::Args;

use super::args::Selection;

/// Show the requests a backfill would make, and keep them under an id
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub selection: Selection,
}
