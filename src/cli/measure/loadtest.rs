//! `barkeep loadtest`: many concurrent requests to a running service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use crate::args::{duration, symbol};
use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on, secret};
use crate::output::{check_output, note, print, print_json, write_json_file};
use crate::signals::Signals;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_config::Environment;
use barkeep_market::Symbol;
use barkeep_report::loadtest::{self, LoadTestOptions, LoadTestReport, ServiceClient};

/// Number of symbols when none are given: the first of the baseline's.
const SYMBOLS: usize = 3;

/// Measure the HTTP API of a running service under load
///
/// Four scenarios request pages of features, GET /api/v1/features/quant/{symbol}. Without a service to test, the exit code is
/// 2; --spawn starts one on a temporary database, filled by a backfill from the simulated vendor. Exit code 1: a threshold
/// was missed. The API key of the service is read from $BARKEEP_API_KEY.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep loadtest
  barkeep loadtest --symbols SPY,QQQ,BTC --output load.json
  barkeep loadtest --spawn --requests 1000")]
pub struct LoadtestArgs {
    /// Base URL of the service [default: api.listen]
    #[arg(long, value_name = "URL", conflicts_with = "spawn")]
    pub url: Option<Url>,

    /// Start a service for this test, and stop it afterwards
    #[arg(long)]
    pub spawn: bool,

    /// Not accepted: all users of a machine can see arguments
    #[arg(long, hide = true, value_name = "KEY", value_parser = secret)]
    pub api_key: Option<SecretString>,

    /// Concurrent requests
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,

    /// Requests per scenario
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests: u32,

    /// Symbols, separated by commas; most requests are for the first [default: 3 of the baseline]
    #[arg(long, value_name = "SYM,…", value_delimiter = ',', value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Timeout of each request
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,

    /// Also write the report as JSON to this file
    #[arg(long, alias = "out", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub(crate) fn run(args: &LoadtestArgs, globals: &Globals) -> Result<(), CliError> {
    if args.api_key.is_some() {
        return Err(CliError::usage("--api-key is not accepted: all users of this machine can see arguments")
            .hint("set BARKEEP_API_KEY instead"));
    }
    if args.timeout.is_zero() {
        return Err(CliError::usage("--timeout 0 leaves no time for an answer; write a duration such as 30s"));
    }
    check_output(args.output.as_deref())?;
    let session = globals.start()?;
    let mut symbols = args.symbols.clone();
    if symbols.is_empty() {
        symbols = barkeep_config::baseline_load()?.symbols.into_iter().take(SYMBOLS).collect();
    }
    let options = LoadTestOptions {
        symbols,
        concurrency: args.concurrency as usize,
        requests: args.requests as usize,
        spawned: args.spawn,
    };
    block_on(async {
        let mut signals = Signals::listen(false);
        tokio::select! {
            report = measure(args, &session, &options) => finish(&report?, args, &session),
            // A service that was started is dropped with it.
            _ = signals.next() => Err(CliError::silent(INTERRUPTED)),
        }
    })
}

async fn measure(
    args: &LoadtestArgs,
    session: &Session,
    options: &LoadTestOptions,
) -> Result<LoadTestReport, CliError> {
    let on_start = |scenario: &str| note(&format!("scenario {scenario} …"));
    if !args.spawn {
        let url = match &args.url {
            Some(url) => url.clone(),
            None => configured_url(session)?,
        };
        let key = barkeep_config::client_key(&Environment::of_process())?;
        let client = ServiceClient::new(url, key, args.timeout).map_err(CliError::usage)?;
        return Ok(loadtest::run(&client, options, &SystemClock, on_start).await?);
    }
    note("filling a temporary database …");
    let service = loadtest::spawn(&session.loaded, &options.symbols, SystemClock.now().utc_date()).await?;
    let client = ServiceClient::new(service.url().clone(), None, args.timeout).map_err(CliError::usage)?;
    let report = loadtest::run(&client, options, &SystemClock, on_start).await;
    service.stop().await?;
    Ok(report?)
}

/// The URL of the service with these settings.
fn configured_url(session: &Session) -> Result<Url, CliError> {
    let listen = session.loaded.settings.api.listen;
    format!("http://{listen}").parse().map_err(|e| CliError::usage(format!("api.listen {listen} is not usable: {e}")))
}

fn finish(report: &LoadTestReport, args: &LoadtestArgs, session: &Session) -> Result<(), CliError> {
    if let Some(path) = &args.output {
        write_json_file(path, report)?;
    }
    if session.json {
        print_json(report)?;
    } else {
        print(&loadtest::text(report))?;
    }
    if report.passed { Ok(()) } else { Err(CliError::silent(SOME_FAILED)) }
}
