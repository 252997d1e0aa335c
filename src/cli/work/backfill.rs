//! `barkeep backfill`: closes the gaps of the named series.

use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::args::Selection;
use crate::exit::{CliError, DATABASE, INTERRUPTED, KEY_REFUSED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json_line};
use crate::progress::Progress;
use crate::signals::{Came, Signals};
use crate::{report, simulated};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_config::{Config, Mode, RateLimit};
use barkeep_pipeline::Backfill;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::RunError;
use barkeep_pipeline::events::{Listener, Silent};
use barkeep_pipeline::open::OpenError;
use barkeep_pipeline::select;
use barkeep_plan::Plan;
use barkeep_store::Trigger;

/// Fetch the bars that are missing
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep backfill AAPL SPY BTC --simulated
  barkeep backfill AAPL SPY BTC --timeframes 5m,15m,1h,4h,1d --from 2024-01-01
  barkeep backfill --all
  barkeep backfill --all --dry-run --json

Exit codes: 0 done, 1 some series failed, 2 usage or configuration,
3 vendor refused the key, 4 database unreachable, 130 interrupted.
Running it again continues where it stopped.")]
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

/// What `plan` keeps and `backfill --plan-id` runs.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptPlan {
    pub selection: select::Selection,
    pub plan: Plan,
}

pub(crate) fn run(args: &BackfillArgs, globals: &Globals) -> Result<(), CliError> {
    let mut session = globals.start()?;
    if args.plan_id.is_none() {
        args.selection.check(SystemClock.now())?;
    }
    if args.dry_run {
        return block_on(dry_run(args, &session));
    }
    if session.simulated {
        return block_on(async {
            let (vendor, key) = simulated::start(&mut session).await?;
            let result = real_run(args, &session, key).await;
            vendor.stop().await;
            result
        });
    }
    let key = session.api_key()?;
    block_on(real_run(args, &session, key))
}

async fn dry_run(args: &BackfillArgs, session: &Session) -> Result<(), CliError> {
    // Nothing is asked, so no key is needed.
    let engine = open_engine(session, SecretString::from("none"), Arc::new(Silent)).await?;
    let wish = wish(args, session, &engine).await?;
    let plan = match wish.plan {
        Some(plan) => plan,
        None => wish.preview(&engine).await?,
    };
    engine.store.close().await;
    if session.json {
        return print_json_line(&plan);
    }
    print(&report::plan(&plan, limit_of(session)))
}

async fn real_run(args: &BackfillArgs, session: &Session, key: SecretString) -> Result<(), CliError> {
    let progress = Arc::new(Progress::new(limit_of(session)));
    let engine = open_engine(session, key, Arc::clone(&progress) as Arc<dyn Listener>).await?;
    let wish = wish(args, session, &engine).await?;
    if let Some(pause) = engine.store.engine_pause().await? {
        // The pause holds back what would start by itself; this was asked for.
        eprintln!("note: the engine is paused by {} since {}; this backfill runs all the same", pause.by, pause.since);
    }
    let cancel = CancellationToken::new();
    let signals = tokio::spawn(cancel_on_signal(cancel.clone(), Arc::clone(&progress)));
    let listener = Arc::clone(&progress) as Arc<dyn Listener>;
    let outcome = wish.run(&engine, listener, cancel.clone()).await;
    signals.abort();
    progress.clear();
    engine.store.close().await;
    let summary = outcome?;
    if session.json {
        print_json_line(&summary)?;
    } else {
        print(&report::summary(&summary))?;
    }
    if cancel.is_cancelled() {
        return Err(CliError::silent(INTERRUPTED));
    }
    if summary.is_complete() { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}

async fn wish(args: &BackfillArgs, session: &Session, engine: &EngineContext) -> Result<Backfill, CliError> {
    let mode = args.mode.unwrap_or(session.loaded.settings.backfill.mode);
    let (selection, plan) = match args.plan_id {
        None => (args.selection.resolve(), None),
        Some(id) => {
            let kept = engine.store.plan(id).await?.ok_or_else(|| {
                CliError::usage(format!("there is no plan {id} in this database"))
                    .hint("plans are kept for 7 days; make one with `barkeep plan`")
            })?;
            let kept: KeptPlan = serde_json::from_str(&kept).map_err(|e| {
                CliError::usage(format!("plan {id} cannot be read: {e}")).hint("make a new one with `barkeep plan`")
            })?;
            (kept.selection, Some(kept.plan))
        }
    };
    Ok(Backfill { plan, ..Backfill::new(selection, mode, Trigger::Cli) })
}

/// An engine for this session. Errors carry the exit code of what is missing.
pub(crate) async fn open_engine(
    session: &Session,
    key: SecretString,
    listener: Arc<dyn Listener>,
) -> Result<EngineContext, CliError> {
    let store = session.open_store(false).await?;
    let config = Config::from(session.loaded.clone());
    barkeep_pipeline::open(store, config, key, Arc::new(SystemClock), listener).await.map_err(|e| match e {
        OpenError::Store(e) => e.into(),
        OpenError::Vendor(message) => CliError::usage(message),
    })
}

/// Requests per minute; `None` when unlimited.
pub(crate) fn limit_of(session: &Session) -> Option<u32> {
    match session.loaded.settings.vendor.rate_limit {
        RateLimit::PerMinute(n) => Some(n),
        RateLimit::Unlimited => None,
    }
}

/// The first signal ends the run in order, the second at once.
async fn cancel_on_signal(cancel: CancellationToken, progress: Arc<Progress>) {
    let mut signals = Signals::listen(false);
    let typed = signals.next().await == Came::Interrupt;
    progress.answer_signal("finishing the pages in flight; once more to stop at once", typed);
    cancel.cancel();
    signals.end_at_the_next().await;
}

impl From<RunError> for CliError {
    fn from(e: RunError) -> Self {
        let message = e.to_string();
        match e {
            RunError::Selection(_) | RunError::Busy(_) => Self::usage(message),
            RunError::KeyRefused(_) => Self::new(KEY_REFUSED, message)
                .hint("check MASSIVE_API_KEY (or POLYGON_API_KEY, or vendor.key_file); nothing more was asked"),
            RunError::Store(_) => Self::new(DATABASE, message)
                .hint("what was committed is safe; run the same command again to go on from there"),
        }
    }
}
