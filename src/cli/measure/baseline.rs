//! `barkeep baseline`: measures a fixed load, through the real engine into a temporary database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::args::{duration, new_symbol};
use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{check_output, note, print, print_json, write_json_file};
use crate::signals::Signals;
use barkeep_base::clock::{FixedClock, SystemClock};
use barkeep_config::{Mode, RateLimit};
use barkeep_market::timeframe::sorted;
use barkeep_market::{Symbol, Timeframe};
use barkeep_report::baseline::{self, BaselineOptions, BaselineReport, Scratch, VendorProcess};
use barkeep_store::ExecutionStatus;

/// Measure where the time of a backfill goes
///
/// The load is 25 symbols at 5 timeframes over 365 days. It is written to a temporary SQLite database or, with
/// --database-url, to a PostgreSQL database that has no symbols yet; the measured bars are deleted afterwards. The configured
/// database is not opened. With --simulated, the vendor is a separate process; without a limit, a first run that is not
/// measured lets it compute its answers, so that the figures are of barkeep alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep baseline
  barkeep baseline --simulated --latency 50ms --compare
  barkeep baseline --simulated --limit 5 --days 30 --output report.json")]
pub struct BaselineArgs {
    /// How to fetch: pipeline, staggered or sequential [default: backfill.mode]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,

    /// Compare all three modes, and requests without a plan
    #[arg(long, conflicts_with = "mode")]
    pub compare: bool,

    /// With --simulated: delay of each answer, such as 50ms
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub latency: Option<Duration>,

    /// With --simulated: requests per minute that the vendor allows [default: unlimited]
    #[arg(long, value_name = "N|unlimited")]
    pub limit: Option<RateLimit>,

    /// Days of history [default: 365]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,

    /// Symbols, separated by commas [default: the 25 symbols of the baseline]
    #[arg(long, value_name = "SYM,…", value_delimiter = ',', value_parser = new_symbol)]
    pub symbols: Vec<Symbol>,

    /// Timeframes, separated by commas [default: 5m,15m,1h,4h,1d]
    #[arg(long, value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,

    /// Also write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub(crate) fn run(args: &BaselineArgs, globals: &Globals) -> Result<(), CliError> {
    if !globals.simulated && (args.latency.is_some() || args.limit.is_some()) {
        return Err(CliError::usage("--latency and --limit are options of the simulated vendor; add --simulated")
            .hint("--rate-limit sets the limit of the configured vendor"));
    }
    check_output(args.output.as_deref())?;
    let session = globals.start_without_database()?;
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
        session.api_key()?
    };
    let scratch = match &globals.database_url {
        // Only from the command line: the configured database is in use.
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
    let mut options = BaselineOptions { load, modes, alone: args.compare, settings, policy, key, clock };
    block_on(async {
        let vendor = if session.simulated { Some(start_vendor(args, &mut options).await?) } else { None };
        let warm_up = vendor.is_some() && options.settings.vendor.rate_limit == RateLimit::Unlimited;
        let cancel = CancellationToken::new();
        let signals = tokio::spawn(cancel_on_signal(cancel.clone()));
        let on_start = |what: &str| note(&format!("measuring {what} …"));
        if warm_up {
            note("warming up the simulated vendor …");
            baseline::warm_up(&options, &scratch, &cancel).await?;
        }
        let outcome = baseline::run(&options, &scratch, session.simulated, &cancel, on_start).await;
        signals.abort();
        drop(vendor);
        finish(&outcome?, args, &session, &cancel)
    })
}

/// The first signal finishes the requests in flight, the second exits immediately.
async fn cancel_on_signal(cancel: CancellationToken) {
    let mut signals = Signals::listen(false);
    signals.next().await;
    note("finishing requests in flight; press Ctrl-C again to stop immediately");
    cancel.cancel();
    signals.exit_on_next().await;
}

/// Starts a vendor and points `options` at it. Without a limit the clocks of vendor and engine stand still, so that all modes
/// make the same requests and the vendor computes each answer once; with a limit they have to run.
async fn start_vendor(args: &BaselineArgs, options: &mut BaselineOptions) -> Result<VendorProcess, CliError> {
    let limit = options.settings.vendor.rate_limit;
    let frozen_at = (limit == RateLimit::Unlimited).then(|| options.clock.now());
    if let Some(now) = frozen_at {
        options.clock = Arc::new(FixedClock::at(now));
    }
    let vendor = VendorProcess::start(limit, args.latency.unwrap_or_default(), frozen_at)
        .await
        .map_err(|e| CliError::usage(format!("the simulated vendor cannot start: {e}")))?;
    options.settings.vendor.base_url = vendor.url.clone();
    Ok(vendor)
}

fn finish(
    report: &BaselineReport,
    args: &BaselineArgs,
    session: &Session,
    cancel: &CancellationToken,
) -> Result<(), CliError> {
    if let Some(path) = &args.output {
        write_json_file(path, report)?;
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
