//! `barkeep run`: the service, until a signal ends it.

use std::io::{IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, DATABASE, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, any_without_key, block_on};
use crate::output::note;
use crate::signals::{Received, Signals};
use crate::simulated;
use crate::work::backfill::{open_engine, open_reader};
use barkeep_alerts::{DatabaseHealth, Notifier};
use barkeep_api::{ApiListener, StartError};
use barkeep_base::format::count;
use barkeep_config::{Environment, Loaded};
use barkeep_pipeline::EngineContext;
use barkeep_runtime::runtime::{Runtime, RuntimeError, RuntimeParts};
use barkeep_service::handle::{EngineCommand, Handle, Live};
use barkeep_service::instance::{Instance, InstanceError};
use barkeep_service::reload::{ConfigLoader, Reload};
use barkeep_store::{HealthListener, Store};

/// Run the service: keep all symbols fresh, serve the API, send alerts
///
/// SIGTERM or Ctrl-C gives the requests in flight 2 s to finish and stops; a second one stops immediately. SIGHUP reloads
/// the settings. Under systemd it reports its state (see contrib/systemd/barkeep.service).
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep run --headless
  barkeep run --headless --listen 127.0.0.1:9000
  barkeep run --api-only --database-url postgres://replica/bars")]
pub struct RunArgs {
    /// Without the dashboard: log to a file, one status line on a terminal
    #[arg(long)]
    pub headless: bool,

    /// Serve only the API: the database is only read, a read replica is enough, no vendor key is needed
    #[arg(long)]
    pub api_only: bool,

    /// Address of the HTTP API [default: api.listen]
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
}

pub(crate) fn run(args: &RunArgs, globals: &Globals) -> Result<(), CliError> {
    let mut session = globals.start()?;
    serve_on(&mut session.loaded, args.listen);
    if args.api_only {
        session.loaded.settings.api.enabled = true;
        return block_on(serve(&session, globals, args, None, None));
    }
    let instance = instance(&session)?;
    let instance = instance.as_ref();
    if !session.simulated {
        return block_on(async {
            let key = session.key_for(any_without_key).await?;
            serve(&session, globals, args, instance, key).await
        });
    }
    block_on(async {
        let (vendor, key) = simulated::start(&mut session).await?;
        let result = serve(&session, globals, args, instance, Some(key)).await;
        vendor.stop().await;
        result
    })
}

/// With `--api-only` the database is only read; without a key only vendors that need none are asked.
async fn serve(
    session: &Session,
    globals: &Globals,
    args: &RunArgs,
    instance: Option<&Instance>,
    key: Option<SecretString>,
) -> Result<(), CliError> {
    // First, so that a signal during a slow start is not lost.
    let mut signals = Signals::listen(true);
    let open = async |health| {
        if args.api_only { open_reader(session, health).await } else { open_engine(session, key, health).await }
    };
    let reload = Some(Reload { loader: loader(session, globals, args.listen), has_screen: false });
    // A database that is locked or far away may take long to open.
    let (listener, host) = tokio::select! {
        started = start(session, open, reload, "run".to_owned()) => started?,
        received = signals.stop() => {
            return if received == Received::Interrupt { Err(CliError::silent(INTERRUPTED)) } else { Ok(()) };
        }
    };
    let handle = host.console.handle.clone();
    let api = listener.map(|listener| listener.serve(host.console.clone()));
    if let Some(api) = &api {
        announce(instance, api.addr());
        note(&format!("API on http://{}", api.addr()));
    }
    let line = std::io::stderr().is_terminal().then(|| tokio::spawn(status_line(handle.clone())));
    let watchdog = tokio::spawn(report_to_systemd(handle.clone()));
    let interrupted = until_stopped(signals, &handle, &host.shutdown()).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    // The API stays up while running executions finish.
    handle.closed().await;
    if let Some(api) = api {
        api.stop().await;
    }
    let outcome = host.finish().await;
    watchdog.abort();
    if let Some(line) = line {
        line.abort();
        eprintln!();
    }
    match outcome {
        Ok(()) if interrupted => Err(CliError::silent(INTERRUPTED)),
        Ok(()) => Ok(()),
        Err(e) => Err(failed(e)),
    }
}

/// Opens the engine and starts it. The API's socket is bound before; without a screen the API must be there.
pub(crate) async fn start(
    session: &Session,
    open: impl AsyncFnOnce(Arc<dyn HealthListener>) -> Result<EngineContext, CliError>,
    reload: Option<Reload>,
    by: String,
) -> Result<(Option<ApiListener>, Runtime), CliError> {
    let settings = &session.loaded.settings.alerts;
    let secrets = barkeep_config::alert_secrets(settings, &Environment::of_process())?;
    let notifier = Notifier::start(settings, &secrets).map_err(CliError::usage)?;
    let database = Arc::new(DatabaseHealth::default());
    let engine = open(Arc::clone(&database) as Arc<dyn HealthListener>).await?;
    let needed = reload.as_ref().is_some_and(|reload| !reload.has_screen);
    let listener = listen(session, engine.store.as_ref(), needed).await?;
    let host = Runtime::start(RuntimeParts { engine, reload, notifier, database, tail: session.tail(), by }).await?;
    Ok((listener, host))
}

/// How a runtime failed, as a command says it.
pub(crate) fn failed(error: RuntimeError) -> CliError {
    match error {
        RuntimeError::Store(e) => e.into(),
        e @ RuntimeError::Broke(_) => CliError::new(SOME_FAILED, e.to_string()),
    }
}

/// Binds the API's socket, before anything starts that it would show. Unless it is `needed`, a taken port is only logged.
async fn listen(session: &Session, store: &dyn Store, needed: bool) -> Result<Option<ApiListener>, CliError> {
    let settings = &session.loaded.settings.api;
    if !settings.enabled {
        return Ok(None);
    }
    let listener = ApiListener::open(store, settings).await.map(Some);
    if let Err(e @ StartError::Bind { .. }) = &listener
        && !needed
    {
        tracing::warn!(error = %e, "the API is not served; another process may be using the port (see api.listen)");
        return Ok(None);
    }
    listener.map_err(|e| match e {
        StartError::Store(e) => e.into(),
        StartError::Bind { .. } => CliError::usage(e.to_string()).hint(
            "another process may be using the port; choose another with --listen or api.listen, or set api.enabled to false",
        ),
        StartError::Exposed(_) => CliError::usage(e.to_string())
            .hint("create a key with `barkeep keys create NAME`, or listen on 127.0.0.1 and leave api.hosts empty"),
    })
}

/// Locks a SQLite database for one service at a time; PostgreSQL needs no lock.
pub(crate) fn instance(session: &Session) -> Result<Option<Instance>, CliError> {
    let Some(path) = barkeep_store::sqlite_file(session.loaded.settings.database.as_str()) else { return Ok(None) };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)
            .map_err(|e| CliError::new(DATABASE, format!("{}: cannot be created: {e}", dir.display())))?;
    }
    match Instance::take(&path) {
        Ok(instance) => Ok(Some(instance)),
        Err(e @ InstanceError::Held { .. }) => Err(CliError::new(DATABASE, e.to_string())
            .hint("stop that process, or use another database with --database-url")),
        Err(e) => Err(CliError::new(DATABASE, e.to_string())),
    }
}

/// Says where the API is, to the commands that steer a running service.
pub(crate) fn announce(instance: Option<&Instance>, mut addr: SocketAddr) {
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    if let Some(Err(e)) = instance.map(|instance| instance.announce(&format!("http://{addr}"))) {
        tracing::warn!(error = %e, "commands will need --url to find this service");
    }
}

/// Waits for the signal that stops the service; true for Ctrl-C. SIGHUP reloads the settings meanwhile.
async fn until_stopped(mut signals: Signals, handle: &Handle, shutdown: &CancellationToken) -> bool {
    let signal = loop {
        tokio::select! {
            received = signals.next() => match received {
                Received::Hangup => reload(handle).await,
                other => break other,
            },
            // The service can also end by itself.
            () = handle.closed() => return false,
        }
    };
    shutdown.cancel();
    tokio::spawn(signals.exit_on_next());
    signal == Received::Interrupt
}

/// Reloads the settings; the log says how it went.
async fn reload(handle: &Handle) {
    match handle.order(EngineCommand::Reload, "SIGHUP").await {
        Ok(_) => tracing::info!("the settings were reloaded"),
        Err(e) => tracing::error!("the settings were not reloaded: {e}"),
    }
}

/// Reads once more what this process was started with. What the start worked out stays: the address of a simulated
/// vendor, and where the API was told to listen.
pub(crate) fn loader(session: &Session, globals: &Globals, listen: Option<SocketAddr>) -> ConfigLoader {
    let globals = globals.clone();
    let simulated = session.simulated.then(|| session.loaded.settings.vendor.base_url.clone());
    Arc::new(move || {
        let loaded = globals.load().and_then(|mut loaded| {
            if let Some(vendor) = &simulated {
                loaded.keep_simulated_bars_apart()?;
                loaded.settings.vendor.base_url.clone_from(vendor);
            }
            serve_on(&mut loaded, listen);
            // Receivers of alerts are set up after the new settings are in force; what is wrong with them shows before.
            let alerts = &loaded.settings.alerts;
            let secrets = barkeep_config::alert_secrets(alerts, &Environment::of_process())?;
            Notifier::check(alerts, &secrets).map_err(CliError::usage)?;
            Ok(loaded)
        });
        loaded.map_err(|e| e.message)
    })
}

/// `--listen` goes before the settings.
fn serve_on(loaded: &mut Loaded, listen: Option<SocketAddr>) {
    if let Some(listen) = listen {
        let api = &mut loaded.settings.api;
        (api.listen, api.enabled) = (listen, true);
    }
}

/// The state of the service in one line, for systemd and for a terminal.
fn one_line(live: &Live) -> String {
    let state = format!("{:?}", live.state).to_lowercase();
    let run = live.runs.first().map_or_else(
        || live.next.iter().min_by_key(|b| b.at).map_or_else(String::new, |b| format!("next {} at {}", b.what, b.at)),
        |run| {
            let more = live.runs.len() - 1;
            let more = if more > 0 { format!(" (+{more} runs)") } else { String::new() };
            format!("requests {}/{}, {} rows{more}", run.requests_answered, run.requests_planned, count(run.rows))
        },
    );
    let limit =
        live.limit.limit.map_or_else(|| "no limit".to_owned(), |n| format!("{}/{n} requests used", live.limit.used));
    let reason = live.reason.as_deref().map(|r| format!("; {r}")).unwrap_or_default();
    format!("{state}  {run}  {limit}{reason}")
}

async fn status_line(handle: Handle) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut shown = String::new();
    loop {
        tick.tick().await;
        let line = one_line(&handle.live());
        if line != shown {
            let mut err = std::io::stderr().lock();
            // The terminal may be gone; the service goes on.
            let _ = write!(err, "\r\u{1b}[2K{line}").and_then(|()| err.flush());
            shown = line;
        }
    }
}

/// Tells systemd that the service is ready (recovery is done, the schedule runs), and then regularly that it is alive.
/// Without systemd nothing happens.
async fn report_to_systemd(handle: Handle) {
    use sd_notify::NotifyState;
    // The first state is published when recovery is done.
    if handle.watch().changed().await.is_err() {
        return;
    }
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let period = sd_notify::watchdog_enabled().map_or(Duration::from_secs(30), |timeout| timeout / 2);
    let mut tick = tokio::time::interval(period);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let live = handle.live();
        let _ = sd_notify::notify(&[NotifyState::Watchdog, NotifyState::Status(&one_line(&live))]);
    }
}
