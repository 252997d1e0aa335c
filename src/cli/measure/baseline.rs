//! `barkeep baseline`: measures a fixed load through the real engine into a scratch database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::args::{duration, sorted, symbol};
use crate::exit::{CliError, DATABASE, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use crate::signals::Signals;
use crate::vendor_process::VendorProcess;
use barkeep_base::clock::{FixedClock, SystemClock};
use barkeep_base::text::printable;
use barkeep_config::{Mode, RateLimit};
use barkeep_market::{Symbol, Timeframe};
use barkeep_pipeline::open::OpenError;
use barkeep_report::baseline::{self, Compared, Failed, Scratch};
use barkeep_store::{ExecutionStatus, StoreError};

/// Measure where the time of a backfill goes, into a scratch database
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep baseline
  barkeep baseline --simulated --latency 50ms --compare
  barkeep baseline --simulated --limit 5 --days 30 --output report.json

The load is 25 symbols at 5 timeframes over 365 days. It is written to a temporary SQLite file, or, with --database-url,
to a PostgreSQL database that holds no symbols; its symbols and bars are removed afterwards. The database of the settings is never touched.
With --simulated the vendor is a process of its own. Without a limit one run is made first and not measured, so that it has
its answers ready and the figures are those of the pipeline.")]
pub struct BaselineArgs {
    /// pipeline, staggered or sequential [default: backfill.mode]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,

    /// Measure all three modes, and each series asked for by itself, and show them side by side
    #[arg(long, conflicts_with = "mode")]
    pub compare: bool,

    /// With --simulated: time the vendor takes before each answer, such as 50ms
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub latency: Option<Duration>,

    /// With --simulated: requests per minute of the vendor, and of the run [default: unlimited]
    #[arg(long, value_name = "N|unlimited")]
    pub limit: Option<RateLimit>,

    /// Days of history [default: 365]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,

    /// Symbols, separated by commas [default: the 25 of the baseline]
    #[arg(long, value_name = "SYM,…", value_delimiter = ',', value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Timeframes, separated by commas [default: 5m,15m,1h,4h,1d]
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,

    /// Write the report as JSON to this file too
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub(crate) fn run(args: &BaselineArgs, globals: &Globals) -> Result<(), CliError> {
    if !globals.simulated && (args.latency.is_some() || args.limit.is_some()) {
        return Err(CliError::usage("--latency and --limit describe the simulated vendor; add --simulated")
            .hint("the limit of the configured vendor is --rate-limit"));
    }
    let session = globals.start_apart()?;
    let mut load = barkeep_config::baseline_load()?;
    if let Some(days) = args.days {
        load.days = days;
    }
    if !args.symbols.is_empty() {
        load.symbols.clone_from(&args.symbols);
    }
    if !args.timeframes.is_empty() {
        load.timeframes = sorted(&args.timeframes);
    }
    let mut settings = session.loaded.settings.clone();
    let key = if session.simulated {
        settings.vendor.rate_limit = args.limit.or(globals.rate_limit).unwrap_or(RateLimit::Unlimited);
        SecretString::from("simulated")
    } else {
        // Without a vendor there is nothing to measure; the error names --simulated.
        session.api_key()?
    };
    let scratch = match &globals.database_url {
        // Only what this command line names: the database of the settings is in use.
        Some(url) => Scratch::Named(url.expose_secret().to_owned()),
        None => Scratch::temporary()?,
    };
    let modes = if args.compare {
        vec![Mode::Sequential, Mode::Staggered, Mode::Pipeline]
    } else {
        vec![args.mode.unwrap_or(settings.backfill.mode)]
    };
    let policy = session.loaded.policy.clone();
    let clock = Arc::new(SystemClock);
    let mut plan = baseline::Plan { load, modes, alone: args.compare, settings, policy, key, clock };
    let vendor = if session.simulated { Some(simulated(args, globals, &mut plan)?) } else { None };
    let warm_up = vendor.is_some() && plan.settings.vendor.rate_limit == RateLimit::Unlimited;
    block_on(async {
        let cancel = CancellationToken::new();
        let signals = tokio::spawn(cancel_on_signal(cancel.clone()));
        let tell = |what: &str| eprintln!("measuring {what} …");
        if warm_up {
            eprintln!("the simulated vendor computes its answers …");
            baseline::warm_up(&plan, &scratch, &cancel).await?;
        }
        let outcome = baseline::run(&plan, &scratch, session.simulated, &cancel, tell).await;
        signals.abort();
        drop(vendor);
        finish(&outcome?, args.output.as_deref(), &session, &cancel)
    })
}

/// The first signal ends the measurement in order, the second at once.
async fn cancel_on_signal(cancel: CancellationToken) {
    let mut signals = Signals::listen(false);
    signals.next().await;
    eprintln!("finishing the pages in flight; once more to stop at once");
    cancel.cancel();
    signals.end_at_the_next().await;
}

/// A vendor process for `plan`. Without a limit its clock and the engine's stand still, so that every mode asks the same
/// questions and a kept answer serves them all; a limit needs clocks that run.
fn simulated(args: &BaselineArgs, globals: &Globals, plan: &mut baseline::Plan) -> Result<VendorProcess, CliError> {
    let latency = args.latency.unwrap_or_default();
    let mut words = vec!["--latency".to_owned(), humantime::format_duration(latency).to_string().replace(' ', "")];
    let limit = plan.settings.vendor.rate_limit;
    words.extend(["--limit".to_owned(), limit.to_string()]);
    if limit == RateLimit::Unlimited {
        let now = plan.clock.now();
        plan.clock = Arc::new(FixedClock::at(now));
        words.extend(["--keep-answers".to_owned(), "--now".to_owned(), now.to_string()]);
    }
    let vendor = VendorProcess::start(globals.config.as_deref(), &words)?;
    let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
    plan.settings.vendor.base_url = vendor.url.parse().map_err(|e| failed(format!("{e}")))?;
    Ok(vendor)
}

fn finish(
    report: &Compared,
    output: Option<&Path>,
    session: &Session,
    cancel: &CancellationToken,
) -> Result<(), CliError> {
    if let Some(path) = output {
        let shown = printable(&path.display().to_string());
        let text = serde_json::to_string_pretty(report)
            .map_err(|e| CliError::new(SOME_FAILED, format!("cannot write the report as JSON: {e}")))?;
        std::fs::write(path, text + "\n").map_err(|e| CliError::writing(&shown, &e))?;
    }
    if session.json {
        print_json(report)?;
    } else {
        print(&baseline::text(report))?;
    }
    if cancel.is_cancelled() {
        return Err(CliError::silent(INTERRUPTED));
    }
    let complete = report.runs.iter().all(|run| run.status == ExecutionStatus::Completed)
        && report.alone.as_ref().is_none_or(|alone| alone.series_failed == 0);
    if complete { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}

impl From<Failed> for CliError {
    fn from(e: Failed) -> Self {
        match e {
            Failed::Open(OpenError::Store(e)) | Failed::Store(e) => scratch_error(e),
            Failed::Open(OpenError::Vendor(message)) => Self::usage(message),
            Failed::Run(e) => e.into(),
        }
    }
}

fn scratch_error(e: StoreError) -> CliError {
    match e {
        StoreError::NotFound(message) => CliError::usage(message),
        e => CliError::new(DATABASE, e.to_string()),
    }
}
