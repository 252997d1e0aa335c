//! `barkeep demo`: the dashboard without an API key.
//!
//! A simulated vendor serves bars with a limit and a few faults; the engine fills a temporary database. Some symbols have
//! some days of history, others none; the years before are fetched meanwhile. It is always in trading hours, minutes count
//! for hours, and every 40 s or so something goes wrong and is put right. The user's database and key are not touched.

mod history;
mod incidents;
mod pace;
mod symbols;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use tokio::sync::oneshot;

use self::history::{fill, go_back};
use self::incidents::DemoTargets;
use self::symbols::{DemoSymbol, Problem, demo_symbols};
use crate::exit::{CliError, DATABASE, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::note;
use crate::work::dashboard::{Dashboard, DashboardArgs, open, require_terminal, start};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_config::RateLimit;
use barkeep_market::split::Split;
use barkeep_market::ts::DAY;
use barkeep_market::{Calendar, Symbol};
use barkeep_sim::{ConfigChange, FaultKind, FaultRule, Sim, SimConfig};
use barkeep_tui::keymap::Keymap;

/// Requests per minute of the simulated vendor.
const LIMIT: u32 = 150;
/// The ticker that is sent wrong: one that is asked for all the time.
const BAD_TICKER: &str = "X:ETHUSD";

/// Try the dashboard without an API key: a simulated vendor and a temporary database
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    #[command(flatten)]
    pub dashboard: DashboardArgs,
}

pub(crate) fn run(args: &DemoArgs, globals: &Globals) -> Result<(), CliError> {
    if globals.database_url.is_some() || globals.vendor_url.is_some() || globals.coinbase_url.is_some() {
        return Err(CliError::usage("barkeep demo has its own database and vendor")
            .hint("leave out --database-url and --vendor-url; `barkeep --simulated` uses a database that stays"));
    }
    require_terminal(&args.dashboard)?;
    // The demo starts its own vendor, with or without --simulated.
    let globals = Globals { simulated: false, ..globals.clone() };
    let keymap = Arc::new(Keymap::new(&globals.load()?.settings.keys)?);
    let symbols = demo_symbols()?;
    let directory = tempfile::Builder::new()
        .prefix("barkeep-demo-")
        .tempdir()
        .map_err(|e| CliError::new(DATABASE, format!("cannot create a temporary directory: {e}")))?;
    let mut session = start(&args.dashboard, &globals)?;
    let clock = Arc::new(pace::clock(&Calendar::new(), SystemClock.now()));
    session.clock = clock;
    session.tail().set_clock(Arc::clone(&session.clock));
    pace::hurry(&mut session.loaded);
    let limit = globals.rate_limit.unwrap_or(RateLimit::PerMinute(LIMIT));
    let path = directory.path().join("demo.db");
    block_on(async {
        let vendor = Arc::new(vendor(&symbols, &session.clock).await?);
        configure(&mut session, &path, &vendor)?;
        note("note: demo: simulated vendor, temporary database that is deleted at the end");
        let key = SecretString::from("no-key-needed");
        session.loaded.settings.vendor.rate_limit = RateLimit::Unlimited;
        // The vendor counts by the key; what is there at the opening was fetched long ago.
        let old = fill(&session, &symbols, SecretString::from("before-the-opening")).await?;
        session.loaded.settings.vendor.rate_limit = limit;
        add_faults(&vendor, &symbols, limit);
        play(&args.dashboard, keymap, &session, key, (&old, &vendor, path)).await
    })
}

/// Shows the dashboard, and lets happen what is planned.
async fn play(
    args: &DashboardArgs,
    keymap: Arc<Keymap>,
    session: &Session,
    key: SecretString,
    (old, vendor, database): (&[Symbol], &Arc<Sim>, PathBuf),
) -> Result<(), CliError> {
    let limit = session.loaded.settings.vendor.rate_limit;
    let (opened, runs) = oneshot::channel();
    let label = Some(format!("DEMO simulated vendor, {limit} requests/min"));
    let dashboard = Dashboard { args, keymap, label, loader: None, instance: None, opened: Some(opened) };
    let (vendor, clock) = (Arc::clone(vendor), Arc::clone(&session.clock));
    let now = clock.now();
    let stage = DemoTargets { vendor, clock, database, bad_ticker: BAD_TICKER.to_owned() };
    let beside = async {
        if let Ok((handle, stopping)) = runs.await {
            let (again, stop) = (handle.clone(), stopping.clone());
            tokio::join!(stage.play((handle, stopping)), go_back(old, now, (again, stop)));
        }
        // The dashboard says when it is over.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = open(dashboard, session, Some(key)) => result,
        () = beside => Ok(()),
    }
}

async fn vendor(symbols: &[DemoSymbol], clock: &Arc<dyn Clock>) -> Result<Sim, CliError> {
    let now = clock.now();
    let split = Split { date: (now - 21 * DAY).ny_date(), from: 1.0, to: 4.0 };
    let splits = having(symbols, Problem::Split).map(|symbol| (symbol.to_string(), split)).collect();
    let config = SimConfig { retry_after: true, splits, ..SimConfig::default() };
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
    Sim::start(free_port, config, Arc::clone(clock)).await.map_err(|e| failed(e.to_string()))
}

/// Points the session at the temporary database and the simulated vendor.
fn configure(session: &mut Session, database: &Path, vendor: &Sim) -> Result<(), CliError> {
    let failed = |e: String| CliError::new(SOME_FAILED, format!("the demo cannot start: {e}"));
    let settings = &mut session.loaded.settings;
    settings.vendor.base_url = vendor.url().parse().map_err(|e| failed(format!("{e}")))?;
    settings.coinbase.url = settings.vendor.base_url.clone();
    settings.database = format!("sqlite:{}", database.display()).parse().map_err(|e| failed(format!("{e}")))?;
    // The port may belong to a running service.
    settings.api.enabled = false;
    // Alerts about simulated bars are sent to nobody.
    settings.alerts.webhook_url_file = None;
    settings.alerts.smtp = None;
    Ok(())
}

/// The symbols with a problem.
fn having(symbols: &[DemoSymbol], problem: Problem) -> impl Iterator<Item = &Symbol> {
    symbols.iter().filter(move |demo| demo.problem == Some(problem)).map(|demo| &demo.symbol)
}

/// Faults of each kind that an operator meets.
fn add_faults(vendor: &Sim, symbols: &[DemoSymbol], limit: RateLimit) {
    vendor.configure(&ConfigChange {
        rate_limit: Some(limit.per_minute()),
        latency_ms: Some(300),
        ..ConfigChange::default()
    });
    for symbol in having(symbols, Problem::Fails) {
        vendor.add_fault(FaultRule::new(FaultKind::Status500).on(&format!("/{symbol}/")));
    }
    for symbol in having(symbols, Problem::ImpossibleBars) {
        vendor.add_fault(FaultRule::new(FaultKind::BrokenOhlc).on(&format!("/{symbol}/")).times(2));
    }
    vendor.add_fault(FaultRule::new(FaultKind::Status503).probability(0.03));
}
