//! `barkeep demo`: the dashboard without an API key.
//!
//! A simulated vendor serves bars with a limit and a few faults; the engine fills a temporary database. Some symbols have
//! history up to some hours ago, others none, so that every tier shows from the first frame on and something runs at once.
//! The user's database and key are not touched.

mod symbols;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use self::symbols::{DemoSymbol, Problem, demo_symbols};
use crate::exit::{CliError, DATABASE, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::work::backfill::open_engine;
use crate::work::dashboard::{Dashboard, DashboardArgs, open, require_terminal, start};
use barkeep_base::clock::{Clock as _, SystemClock};
use barkeep_config::RateLimit;
use barkeep_market::split::Split;
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{Calendar, Symbol, Timeframe, Ts};
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::names::Wanted;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_sim::{ConfigChange, FaultKind, FaultRule, Sim, SimConfig};
use barkeep_store::{SymbolRow, Trigger};
use barkeep_tui::keymap::Keymap;

/// Requests per minute of the simulated vendor.
const LIMIT: u32 = 60;
/// Little enough to be complete within minutes.
const HISTORY_DAYS: u64 = 60;

/// Try the dashboard without an API key: a simulated vendor and a temporary database
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    #[command(flatten)]
    pub dashboard: DashboardArgs,
}

pub(crate) fn run(args: &DemoArgs, globals: &Globals) -> Result<(), CliError> {
    if globals.database_url.is_some() || globals.vendor_url.is_some() {
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
    let limit = globals.rate_limit.unwrap_or(RateLimit::PerMinute(LIMIT));
    block_on(async {
        let vendor = vendor(&symbols).await?;
        configure(&mut session, directory.path(), &vendor)?;
        eprintln!("note: demo: simulated vendor, temporary database that is deleted at the end");
        let key = SecretString::from("no-key-needed");
        session.loaded.settings.vendor.rate_limit = RateLimit::Unlimited;
        fill(&session, &symbols, key.clone()).await?;
        session.loaded.settings.vendor.rate_limit = limit;
        add_faults(&vendor, &symbols, limit);
        let dashboard = Dashboard {
            args: &args.dashboard,
            keymap,
            label: Some(format!("DEMO simulated vendor, {limit} requests/min")),
            loader: None,
        };
        let result = open(&dashboard, &session, key).await;
        vendor.stop().await;
        result
    })
}

async fn vendor(symbols: &[DemoSymbol]) -> Result<Sim, CliError> {
    let now = SystemClock.now();
    let split = Split { date: (now - 21 * DAY).ny_date(), from: 1.0, to: 4.0 };
    let splits = having(symbols, Problem::Split).map(|symbol| (symbol.to_string(), split)).collect();
    let config = SimConfig { retry_after: true, splits, ..SimConfig::default() };
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
    Sim::start(free_port, config, Arc::new(SystemClock)).await.map_err(|e| failed(e.to_string()))
}

/// Points the session at the temporary database and the simulated vendor.
fn configure(session: &mut Session, directory: &Path, vendor: &Sim) -> Result<(), CliError> {
    let failed = |e: String| CliError::new(SOME_FAILED, format!("the demo cannot start: {e}"));
    let settings = &mut session.loaded.settings;
    settings.vendor.base_url = vendor.url().parse().map_err(|e| failed(format!("{e}")))?;
    settings.database =
        format!("sqlite:{}", directory.join("demo.db").display()).parse().map_err(|e| failed(format!("{e}")))?;
    settings.backfill.history = std::time::Duration::from_hours(HISTORY_DAYS * 24);
    // The port may belong to a running service.
    settings.api.enabled = false;
    // Alerts about simulated bars are sent to nobody.
    settings.alerts.webhook_url_file = None;
    settings.alerts.smtp = None;
    Ok(())
}

/// Registers the symbols and backfills those that have a history.
async fn fill(session: &Session, symbols: &[DemoSymbol], key: SecretString) -> Result<(), CliError> {
    let engine = open_engine(session, key, Arc::new(Silent)).await?;
    let now = SystemClock.now();
    let new = |demo: &DemoSymbol| Wanted::default().row(&session.loaded.settings, &demo.symbol, now);
    let rows: Vec<SymbolRow> =
        symbols.iter().map(new).collect::<Result<_, _>>().map_err(|e| CliError::usage(e.to_string()))?;
    engine.store.put_symbols(&rows).await?;
    let calendar = Calendar::new();
    for (row, demo) in rows.iter().zip(symbols) {
        let Some(hours) = demo.hours_behind else { continue };
        let to = trading_hours_ago(&calendar, row, now, hours);
        let selection = Selection {
            symbols: vec![row.symbol.clone()],
            timeframes: Some(vec![Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1]),
            from: None,
            to: Some(TimeBound::Time(to)),
            class: None,
            refetch: false,
        };
        let backfill = Backfill::new(selection, session.loaded.settings.backfill.mode, Trigger::Cli);
        backfill.run(&engine, Arc::new(Silent), CancellationToken::new()).await?;
    }
    engine.store.close().await;
    Ok(())
}

/// The time this many trading hours before now.
fn trading_hours_ago(calendar: &Calendar, row: &SymbolRow, now: Ts, hours: i64) -> Ts {
    if row.asset_class.is_continuous() {
        return now - hours * HOUR;
    }
    let mut left = hours * HOUR;
    let mut at = now;
    while let Some(session) = calendar.session_before(at) {
        let end = session.extended_close.min(at);
        let length = end - session.extended_open;
        if left < length {
            return end - left;
        }
        left -= length;
        at = session.extended_open;
    }
    at
}

/// The symbols with a problem.
fn having(symbols: &[DemoSymbol], problem: Problem) -> impl Iterator<Item = &Symbol> {
    symbols.iter().filter(move |demo| demo.problem == Some(problem)).map(|demo| &demo.symbol)
}

/// Faults of each kind that an operator meets.
fn add_faults(vendor: &Sim, symbols: &[DemoSymbol], limit: RateLimit) {
    vendor.configure(&ConfigChange {
        rate_limit: Some(limit.per_minute()),
        latency_ms: Some(180),
        ..ConfigChange::default()
    });
    for symbol in having(symbols, Problem::Fails) {
        vendor.add_fault(FaultRule::new(FaultKind::Status500).on(&format!("/{symbol}/")));
    }
    for symbol in having(symbols, Problem::ImpossibleBars) {
        vendor.add_fault(FaultRule::new(FaultKind::BrokenOhlc).on(&format!("/{symbol}/")).times(2));
    }
    vendor.add_fault(FaultRule::new(FaultKind::Status429).after(45).times(1));
    vendor.add_fault(FaultRule::new(FaultKind::Status503).probability(0.04));
}
