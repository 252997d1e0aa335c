//! `barkeep demo`: the dashboard with everything in it, without a key, gone afterwards.
//!
//! A simulated vendor on this machine serves made-up bars with a limit and a few faults; the engine works into a scratch
//! database. Some symbols have history up to some hours ago, others none, so that every tier is there from the first
//! frame on and something runs at once. Nothing of it touches the user's database or key.

mod cast;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::cast::{Role, Trouble, cast};
use crate::admin::symbols::{Given, new_row};
use crate::exit::{CliError, DATABASE, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::work::backfill::open_engine;
use crate::work::dashboard::{DashboardArgs, Front, a_terminal, open, start};
use barkeep_base::clock::{Clock as _, SystemClock};
use barkeep_config::RateLimit;
use barkeep_market::split::Split;
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{Calendar, Symbol, Timeframe, Ts};
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_sim::{ConfigChange, FaultKind, FaultRule, Sim, SimConfig};
use barkeep_store::{SymbolRow, Trigger};
use barkeep_tui::keymap::Keymap;

/// Requests per minute of the demonstration.
const LIMIT: u32 = 60;
/// The kept history, so that everything is there within minutes.
const HISTORY_DAYS: u64 = 60;
/// Look around without a key: the dashboard on a simulated vendor and a scratch database, gone afterwards
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    #[command(flatten)]
    pub dashboard: DashboardArgs,
}

pub(crate) fn run(args: &DemoArgs, globals: &Globals) -> Result<(), CliError> {
    if globals.database_url.is_some() || globals.vendor_url.is_some() {
        return Err(CliError::usage("barkeep demo brings its own database and vendor")
            .hint("leave --database-url and --vendor-url out, or use --simulated with a database of your own"));
    }
    a_terminal(&args.dashboard)?;
    // Its own vendor in any case, and whatever else the settings say.
    let globals = Globals { simulated: false, ..globals.clone() };
    let keymap = Arc::new(Keymap::new(&globals.load()?.settings.keys)?);
    let cast = cast()?;
    let scratch = Scratch::new()?;
    let mut session = start(&args.dashboard, &globals)?;
    let limit = globals.rate_limit.unwrap_or(RateLimit::PerMinute(LIMIT));
    block_on(async {
        let vendor = vendor(&cast).await?;
        arrange(&mut session, &scratch, &vendor)?;
        eprintln!("note: demonstration: simulated vendor, made-up bars, a scratch database that is removed at the end");
        let key = SecretString::from("no-key-needed");
        session.loaded.settings.vendor.rate_limit = RateLimit::Unlimited;
        seed(&session, &cast, key.clone()).await?;
        session.loaded.settings.vendor.rate_limit = limit;
        misbehave(&vendor, &cast, limit);
        let front = Front {
            args: &args.dashboard,
            keymap,
            label: Some(format!("DEMO simulated vendor, {limit} requests/min")),
            loader: None,
        };
        let result = open(&front, &session, key).await;
        vendor.stop().await;
        result
    })
}

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, CliError> {
        let dir = std::env::temp_dir().join(format!("barkeep-demo-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&dir)
            .map_err(|e| CliError::new(DATABASE, format!("cannot create the directory {}: {e}", dir.display())))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What the system does not let go of now it clears itself later.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn vendor(cast: &[Role]) -> Result<Sim, CliError> {
    let now = SystemClock.now();
    let split = Split { date: (now - 21 * DAY).ny_date(), from: 1.0, to: 4.0 };
    let splits = with(cast, Trouble::Split).map(|symbol| (symbol.to_string(), split)).collect();
    let config = SimConfig { retry_after: true, splits, ..SimConfig::default() };
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
    Sim::start(free_port, config, Arc::new(SystemClock)).await.map_err(|e| failed(e.to_string()))
}

/// Points the session at the scratch database and the simulated vendor.
fn arrange(session: &mut Session, scratch: &Scratch, vendor: &Sim) -> Result<(), CliError> {
    let failed = |e: String| CliError::new(SOME_FAILED, format!("the demonstration cannot start: {e}"));
    let settings = &mut session.loaded.settings;
    settings.vendor.base_url = vendor.url().parse().map_err(|e| failed(format!("{e}")))?;
    settings.database =
        format!("sqlite:{}", scratch.0.join("demo.db").display()).parse().map_err(|e| failed(format!("{e}")))?;
    settings.backfill.history = std::time::Duration::from_hours(HISTORY_DAYS * 24);
    // The port may be that of a service at work.
    settings.api.enabled = false;
    // Nobody is told about alerts of made-up bars.
    settings.alerts.webhook_url_file = None;
    settings.alerts.smtp = None;
    Ok(())
}

/// Registers the symbols and gives some of them their history.
async fn seed(session: &Session, cast: &[Role], key: SecretString) -> Result<(), CliError> {
    let engine = open_engine(session, key, Arc::new(Silent)).await?;
    let now = SystemClock.now();
    let new = |role: &Role| new_row(&session.loaded.settings, &role.symbol, &Given::default(), now);
    let rows: Vec<SymbolRow> = cast.iter().map(new).collect();
    engine.store.put_symbols(&rows).await?;
    let calendar = Calendar::new();
    for (row, role) in rows.iter().zip(cast) {
        let Some(hours) = role.hours_behind else { continue };
        let to = trading_hours_ago(&calendar, row, now, hours);
        let selection = Selection {
            symbols: vec![row.symbol.clone()],
            timeframes: Some(vec![Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1]),
            from: None,
            to: Some(TimeBound::Time(to)),
            class: None,
        };
        let wish = Backfill::new(selection, session.loaded.settings.backfill.mode, Trigger::Cli);
        wish.run(&engine, Arc::new(Silent), CancellationToken::new()).await?;
    }
    engine.store.close().await;
    Ok(())
}

/// So many hours of trading before now.
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

/// The symbols with a trouble.
fn with(cast: &[Role], trouble: Trouble) -> impl Iterator<Item = &Symbol> {
    cast.iter().filter(move |role| role.trouble == Some(trouble)).map(|role| &role.symbol)
}

/// The faults of the demonstration: some of each kind an operator meets.
fn misbehave(vendor: &Sim, cast: &[Role], limit: RateLimit) {
    let rate_limit = match limit {
        RateLimit::PerMinute(n) => Some(n),
        RateLimit::Unlimited => None,
    };
    vendor.configure(&ConfigChange { rate_limit: Some(rate_limit), latency_ms: Some(180), ..ConfigChange::default() });
    for symbol in with(cast, Trouble::Fails) {
        vendor.add_fault(FaultRule::new(FaultKind::Status500).on(&format!("/{symbol}/")));
    }
    for symbol in with(cast, Trouble::ImpossibleBars) {
        vendor.add_fault(FaultRule::new(FaultKind::BrokenOhlc).on(&format!("/{symbol}/")).times(2));
    }
    vendor.add_fault(FaultRule::new(FaultKind::Status429).after(45).times(1));
    vendor.add_fault(FaultRule::new(FaultKind::Status503).probability(0.04));
}
