//! `barkeep loadtest`: asks a running service as many clients at once would.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use crate::args::{duration, symbol};
use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use crate::signals::Signals;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::text::printable;
use barkeep_config::Environment;
use barkeep_market::Symbol;
use barkeep_report::loadtest::{self, Failed, Plan, Report, Target};

/// Symbols asked for when none are named: the first of the baseline's.
const SYMBOLS: usize = 3;

/// Measure how the API of a running service holds up: four scenarios over HTTP
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep loadtest
  barkeep loadtest --url http://127.0.0.1:8000 --symbols SPY,QQQ,BTC --out load.json
  barkeep loadtest --spawn --requests 1000

Asks for pages of features, GET /api/v1/features/quant/{symbol}, of a service that runs; without one there is no test
(exit code 2). --spawn starts one on a scratch database that a backfill from the simulated vendor has filled.
Exit code 1: a threshold was missed.")]
pub struct LoadtestArgs {
    /// Origin of the service [default: api.listen of the settings]
    #[arg(long, value_name = "URL", conflicts_with = "spawn")]
    pub url: Option<Url>,

    /// Start a service for this test and stop it afterwards
    #[arg(long)]
    pub spawn: bool,

    /// Key of the service's API (safer in $BARKEEP_API_KEY)
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<ApiKey>,

    /// Requests at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,

    /// Requests of each scenario
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests: u32,

    /// Symbols, separated by commas; the first one is asked for most [default: the first 3 of the baseline]
    #[arg(long, value_name = "SYM,…", value_delimiter = ',', value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Longest wait for an answer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,

    /// Write the report as JSON to this file too
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A key on the command line; never printed.
#[derive(Clone, Debug)]
pub struct ApiKey(SecretString);

impl From<&str> for ApiKey {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

pub(crate) fn run(args: &LoadtestArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    let mut symbols = args.symbols.clone();
    if symbols.is_empty() {
        symbols = barkeep_config::baseline_load()?.symbols.into_iter().take(SYMBOLS).collect();
    }
    let plan =
        Plan { symbols, concurrency: args.concurrency as usize, requests: args.requests as usize, spawned: args.spawn };
    block_on(async {
        let mut signals = Signals::listen(false);
        tokio::select! {
            outcome = measured(args, &session, &plan) => finish(&outcome?, args.out.as_deref(), session.json),
            // A service started for this goes with it.
            _ = signals.next() => Err(CliError::silent(INTERRUPTED)),
        }
    })
}

async fn measured(args: &LoadtestArgs, session: &Session, plan: &Plan) -> Result<Report, CliError> {
    let tell = |scenario: &str| eprintln!("asking: {scenario} …");
    if !args.spawn {
        let url = match &args.url {
            Some(url) => url.clone(),
            None => served(session)?,
        };
        let key = match &args.api_key {
            Some(ApiKey(key)) => Some(key.clone()),
            None => barkeep_config::client_key(&Environment::of_process())?,
        };
        let target = Target::new(url, key, args.timeout).map_err(CliError::usage)?;
        return Ok(loadtest::run(&target, plan, &SystemClock, tell).await?);
    }
    eprintln!("filling a scratch database …");
    let service = loadtest::spawn(&session.loaded, &plan.symbols, SystemClock.now().utc_date()).await?;
    let target = Target::new(service.url().clone(), None, args.timeout).map_err(CliError::usage)?;
    let report = loadtest::run(&target, plan, &SystemClock, tell).await;
    service.stop().await?;
    Ok(report?)
}

/// Where the service of these settings is.
fn served(session: &Session) -> Result<Url, CliError> {
    let listen = session.loaded.settings.api.listen;
    format!("http://{listen}").parse().map_err(|e| CliError::usage(format!("api.listen {listen} is no URL: {e}")))
}

fn finish(report: &Report, out: Option<&Path>, json: bool) -> Result<(), CliError> {
    if let Some(path) = out {
        let shown = printable(&path.display().to_string());
        let text = serde_json::to_string_pretty(report)
            .map_err(|e| CliError::new(SOME_FAILED, format!("cannot write the report as JSON: {e}")))?;
        std::fs::write(path, text + "\n").map_err(|e| CliError::writing(&shown, &e))?;
    }
    if json {
        print_json(report)?;
    } else {
        print(&loadtest::text(report))?;
    }
    if report.passed { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}

impl From<Failed> for CliError {
    fn from(e: Failed) -> Self {
        let hint = match &e {
            Failed::NoServer { .. } => "start one with `barkeep run --headless`, name it with --url, or use --spawn",
            Failed::NoKey { .. } => "make one with `barkeep keys create NAME` and put it in BARKEEP_API_KEY",
            Failed::Spawn(_) => return Self::new(SOME_FAILED, e.to_string()),
        };
        Self::usage(e.to_string()).hint(hint)
    }
}
