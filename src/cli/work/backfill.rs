//! `barkeep backfill`: fetches what is missing from the selected series.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::args::SelectionArgs;
use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, NO_API_KEY, Session, any_without_key, block_on};
use crate::lists::flat;
use crate::output::{note, print, print_json_line};
use crate::progress::Progress;
use crate::signals::{Received, Signals};
use crate::work::saved_plan::SavedPlan;
use crate::{render, simulated};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::plural;
use barkeep_base::ids::IdText;
use barkeep_config::{Config, Mode};
use barkeep_market::Symbol;
use barkeep_pipeline::Backfill;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::RunError;
use barkeep_pipeline::backfill::close_own;
use barkeep_pipeline::events::{Listener, Silent};
use barkeep_pipeline::names::Known;
use barkeep_pipeline::open::OpenError;
use barkeep_pipeline::select;
use barkeep_store::{ExecutionStatus, HealthListener, Store, SymbolRow, Trigger};

/// Fetch missing bars
///
/// Only what is missing is requested, so the same command run again resumes after any interruption. With --refetch stored
/// bars are requested again, too: values that differ replace the old ones, which are kept in bar_revisions. Stored bars that
/// are no longer sent stay, and are counted.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep backfill AAPL SPY BTC --simulated
  barkeep backfill AAPL SPY BTC --timeframes 5m,15m,1h,4h,1d --from 2024-01-01
  barkeep backfill --all
  barkeep backfill --all --dry-run --json
  barkeep backfill AAPL --from 2024-01-01 --to 2024-03-31 --refetch

Exit codes:
    0  done
    1  some series failed, bars were quarantined, or a critical series is late
    2  usage or configuration error
    3  the vendor refused the API key
    4  database unreachable
  130  interrupted")]
pub struct BackfillArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// How to fetch: pipeline, staggered or sequential [default: backfill.mode]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,

    /// Show the requests without making them
    #[arg(long)]
    pub dry_run: bool,

    /// Also request stored bars again and compare them; asks first on a terminal
    #[arg(long)]
    pub refetch: bool,

    /// With --refetch: do not ask first
    #[arg(long)]
    pub yes: bool,

    /// Also exit with 1 if the vendor has holes or there is too little history to judge
    #[arg(long)]
    pub strict: bool,

    /// Run the plan that `barkeep plan` saved under this id; its first characters, or latest, are enough
    #[arg(long, value_name = "PLAN_ID", conflicts_with_all = ["symbols", "all", "timeframes", "from", "to", "asset_class", "refetch"])]
    pub plan_id: Option<IdText>,
}

/// Why a plan may not be there.
const PLANS_KEPT: &str = "plans are deleted after 7 days; make a new one with `barkeep plan`";

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
            let result = real_run(args, &session, Some(key)).await;
            vendor.stop().await;
            result
        });
    }
    block_on(async {
        let key = match args.selection.vendor {
            Some(vendor) if !vendor.needs_key() => session.any_key()?,
            _ => session.key_for(|rows| needs_no_key(&flat(&args.selection.symbols), rows)).await?,
        };
        real_run(args, &session, key).await
    })
}

/// Whether some of the symbols, or of all, come from a vendor that needs no key.
fn needs_no_key(symbols: &[Symbol], rows: &[SymbolRow]) -> bool {
    let known = Known::new(rows);
    let named = symbols.iter().filter_map(|symbol| known.find(symbol)).any(|row| !row.vendor.needs_key());
    named || symbols.is_empty() && any_without_key(rows)
}

async fn dry_run(args: &BackfillArgs, session: &Session) -> Result<(), CliError> {
    let (engine, _) = open_planner(session).await?;
    let backfill = backfill(args, session, &engine).await?;
    let plan = match backfill.plan {
        Some(plan) => plan,
        None => backfill.preview(&engine).await?,
    };
    engine.store.close().await;
    if session.json {
        return print_json_line(&plan);
    }
    print(&render::plan(&plan, session.rate_limit()))
}

async fn real_run(args: &BackfillArgs, session: &Session, key: Option<SecretString>) -> Result<(), CliError> {
    // The limit that is told is the usual vendor's, which is not asked without a key.
    let progress = Arc::new(Progress::new(session.rate_limit().filter(|_| key.is_some())));
    let engine = open_engine(session, key, Arc::clone(&progress) as Arc<dyn HealthListener>).await?;
    let backfill = backfill(args, session, &engine).await?;
    if backfill.selection.refetch && !session.json && !confirmed(&backfill, args, session, &engine).await? {
        engine.store.close().await;
        return Err(CliError::usage("nothing was requested"));
    }
    if let Some(pause) = engine.store.engine_pause().await? {
        // The pause holds back what would start by itself; this was requested.
        note(&format!("note: the engine is paused by {} since {}; this backfill runs anyway", pause.by, pause.since));
    }
    let cancel = CancellationToken::new();
    let signals = tokio::spawn(cancel_on_signal(cancel.clone(), Arc::clone(&progress)));
    let listener = Arc::clone(&progress) as Arc<dyn Listener>;
    let run = backfill.progress(&engine, listener);
    progress.follow(&run);
    let outcome = tokio::select! {
        outcome = backfill.run_with(&engine, run, cancel.clone()) => outcome,
        // Nothing of what is under way can be kept.
        gone = engine.store.gone() => Err(RunError::Store(gone)),
    };
    if let Err(e @ (RunError::CancelledInLine | RunError::KeyRefused(_) | RunError::Selection(_))) = &outcome {
        let status = if cancel.is_cancelled() { ExecutionStatus::Cancelled } else { ExecutionStatus::Failed };
        let now = engine.clock.now();
        close_own(engine.store.as_ref(), backfill.execution_id, status, &e.to_string(), now).await?;
    }
    signals.abort();
    progress.clear();
    if let (Err(RunError::Store(_)), Some(gone)) = (&outcome, engine.store.taken_away()) {
        return Err(gone.into());
    }
    engine.store.close().await;
    let summary = outcome?;
    if session.json {
        print_json_line(&summary)?;
    } else {
        print(&render::summary(&summary))?;
    }
    if cancel.is_cancelled() {
        return Err(CliError::silent(INTERRUPTED));
    }
    if summary.is_clean(args.strict) { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}

/// Shows what asking stored bars again costs. On a terminal somebody has to agree.
async fn confirmed(
    backfill: &Backfill,
    args: &BackfillArgs,
    session: &Session,
    engine: &EngineContext,
) -> Result<bool, CliError> {
    let plan = match &backfill.plan {
        Some(plan) => plan.clone(),
        None => backfill.preview(engine).await?,
    };
    print(&render::plan(&plan, session.rate_limit()))?;
    if args.yes || plan.items.is_empty() || !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Ok(true);
    }
    print(&format!("Make {} now? [y/N] ", plural(plan.requests, "request")))?;
    let mut answer = String::new();
    // No answer is a no.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn backfill(args: &BackfillArgs, session: &Session, engine: &EngineContext) -> Result<Backfill, CliError> {
    let mode = args.mode.unwrap_or(session.loaded.settings.backfill.mode);
    let (selection, plan) = match &args.plan_id {
        None => (select::Selection { refetch: args.refetch, ..args.selection.resolve() }, None),
        Some(text) => {
            let id = match text.whole() {
                Some(id) => id,
                None => text.find(&engine.store.plan_ids().await?, "plan").map_err(|e| {
                    let hint = e.hint.clone();
                    CliError::from(e).hint(hint.unwrap_or_else(|| PLANS_KEPT.to_owned()))
                })?,
            };
            let stored =
                engine.store.plan(id).await?.ok_or_else(|| {
                    CliError::usage(format!("there is no plan {id} in this database")).hint(PLANS_KEPT)
                })?;
            let saved: SavedPlan = serde_json::from_str(&stored).map_err(|e| {
                CliError::usage(format!("plan {id} cannot be read: {e}")).hint("make a new one with `barkeep plan`")
            })?;
            let (selection, plan) = saved.into_parts();
            (selection, Some(plan))
        }
    };
    Ok(Backfill { plan, ..Backfill::new(selection, mode, Trigger::Cli) })
}

/// Opens the database and the vendors. Without a key those that need one cannot be asked. Errors have the exit code of what is missing.
pub(crate) async fn open_engine(
    session: &Session,
    key: Option<SecretString>,
    health: Arc<dyn HealthListener>,
) -> Result<EngineContext, CliError> {
    let store = session.open_store_with_retry(health).await?;
    engine_on(session, store, key).await
}

/// An engine that only plans, and whether it can keep a plan: a database that cannot be written is read all the same.
pub(crate) async fn open_planner(session: &Session) -> Result<(EngineContext, bool), CliError> {
    // No request is made, so no key is needed.
    let key = || Some(SecretString::from("none"));
    match open_engine(session, key(), Arc::new(Silent)).await {
        Ok(engine) => Ok((engine, true)),
        Err(error) => match session.open_store(true).await {
            Ok(store) => Ok((engine_on(session, store, key()).await?, false)),
            Err(_) => Err(error),
        },
    }
}

/// An engine that makes no request, on a database that is only read.
pub(crate) async fn open_reader(session: &Session, health: Arc<dyn HealthListener>) -> Result<EngineContext, CliError> {
    let store = session.open_reader_with_retry(health).await?;
    engine_on(session, store, Some(SecretString::from("none"))).await
}

async fn engine_on(
    session: &Session,
    store: Arc<dyn Store>,
    key: Option<SecretString>,
) -> Result<EngineContext, CliError> {
    let (config, clock) = (Config::from(session.loaded.clone()), Arc::clone(&session.clock));
    let engine = match key {
        Some(key) => barkeep_pipeline::open(store, config, key, clock).await,
        None => barkeep_pipeline::open_without_key(store, config, NO_API_KEY, clock).await,
    };
    engine.map_err(|e| match e {
        OpenError::Store(e) => e.into(),
        OpenError::Vendor(message) => CliError::usage(message),
    })
}

/// The first signal finishes the requests in flight, the second exits immediately.
async fn cancel_on_signal(cancel: CancellationToken, progress: Arc<Progress>) {
    let mut signals = Signals::listen(false);
    let typed = signals.next().await == Received::Interrupt;
    progress.print_after_signal("finishing requests in flight; press Ctrl-C again to stop immediately", typed);
    cancel.cancel();
    signals.exit_on_next().await;
}
