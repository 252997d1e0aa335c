//! `barkeep backfill`: closes the gaps of the named series.

use clap::Args;
use uuid::Uuid;

use super::args::Selection;
use crate::config::Mode;

/// Fetch the bars that are missing
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep backfill AAPL SPY BTC --timeframes 5m,15m,1h,4h,1d --from 2024-01-01
  barkeep backfill --all
  barkeep backfill --all --dry-run --json

Exit codes: 0 done, 1 some series failed, 2 usage or configuration, 3 vendor refused the key, 4 database unreachable,
130 interrupted. Running it again continues where it stopped.")]
pub struct BackfillArgs {
    #[command(flatten)]
    pub selection: Selection,

    /// pipeline, staggered or sequential [default: backfill.mode]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,

    /// Show the requests without making them
    #[arg(long)]
    pub dry_run: bool,

    /// Run exactly the plan that `barkeep plan` showed under this id
    #[arg(long, value_name = "UUID", conflicts_with_all = ["symbols", "all", "timeframes", "from", "to", "asset_class"])]
    pub plan_id: Option<Uuid>,
}
