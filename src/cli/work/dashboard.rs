//! `barkeep` by itself: the dashboard with the engine in the same process.
//!
//! It is the service of `barkeep run` with a screen in front: one lock, one schedule, one way to end. Without a key it
//! says what is missing and offers the demonstration.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;

use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::print;
use crate::simulated;
use crate::work::backfill::{limit_of, open_engine};
use crate::work::demo;
use crate::work::run::{instance, loader, open_door};
use barkeep_alerts::{Notifier, Weather};
use barkeep_base::clock::SystemClock;
use barkeep_config::{Environment, ThemeName, TuiSettings};
use barkeep_pipeline::events::Listener;
use barkeep_runtime::console::{Access, Console};
use barkeep_runtime::runtime::{Runtime, RuntimeError, RuntimeParts};
use barkeep_service::reload::{ConfigLoader, Reload};
use barkeep_tui::draw::theme::{ColorDepth, ThemeKind};
use barkeep_tui::farewell::farewell;
use barkeep_tui::keymap::Keymap;
use barkeep_tui::model::{DisplayOptions, Model, Now};
use barkeep_tui::plain;
use barkeep_tui::run::{self, AppContext, Ended};
use barkeep_tui::terminal::outside;
use barkeep_tui::terminal::painter::Canvas as _;
use barkeep_tui::terminal::picture::Screenshots;
use barkeep_tui::terminal::schedule::FrameCaps;
use barkeep_tui::terminal::{TerminalGuard, guard_against_panics};

/// How the dashboard looks and what may be done in it.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Dashboard (barkeep, barkeep demo and barkeep attach)")]
pub struct DashboardArgs {
    /// Look only: nothing can be triggered, paused or cancelled
    #[arg(long)]
    pub read_only: bool,

    /// auto, dark, light, color-blind or mono [default: tui.theme]
    #[arg(long, value_name = "THEME")]
    pub theme: Option<ThemeName>,

    /// Draw with ASCII signs only
    #[arg(long)]
    pub ascii: bool,

    /// Tell changes line by line instead: for screen readers and pipes
    #[arg(long)]
    pub plain: bool,

    /// Let the mouse select in the dashboard
    #[arg(long)]
    pub mouse: bool,
}

pub(crate) fn run(args: &DashboardArgs, globals: &Globals) -> Result<(), CliError> {
    let loaded = globals.load()?;
    let keymap = Arc::new(Keymap::new(&loaded.settings.keys)?);
    let key = barkeep_config::find_key(&loaded.settings, &Environment::of_process())?;
    if key.is_none() && !globals.simulated {
        return without_a_key(args, globals);
    }
    a_terminal(args)?;
    let mut session = start(args, globals)?;
    let _instance = instance(&session)?;
    block_on(async {
        if session.simulated {
            let (vendor, key) = simulated::start(&mut session).await?;
            let limit = limit_of(&session).map_or_else(|| "no limit".to_owned(), |n| format!("{n} requests/min"));
            let loader = Some(loader(&session, globals, None));
            let front = Front { args, keymap, label: Some(format!("SIMULATED vendor, {limit}")), loader };
            let result = open(&front, &session, key).await;
            vendor.stop().await;
            return result;
        }
        let front = Front { args, keymap, label: None, loader: Some(loader(&session, globals, None)) };
        let key = session.api_key()?;
        open(&front, &session, key).await
    })
}

/// The settings and the log. On a screen the log must not go to stderr too.
pub(crate) fn start(args: &DashboardArgs, globals: &Globals) -> Result<Session, CliError> {
    if args.plain { globals.start() } else { globals.start_quiet() }
}

/// A screen needs one.
pub(crate) fn a_terminal(args: &DashboardArgs) -> Result<(), CliError> {
    if args.plain || (std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        return Ok(());
    }
    Err(CliError::usage("the dashboard needs a terminal").hint(
        "use --plain for lines, `barkeep run` for the service without a screen, `barkeep --help` for all commands",
    ))
}

/// Nothing can be asked of the vendor; the demonstration needs nothing.
fn without_a_key(args: &DashboardArgs, globals: &Globals) -> Result<(), CliError> {
    let said = "no API key: MASSIVE_API_KEY and POLYGON_API_KEY are not set and vendor.key_file names no file";
    let asks = !args.plain && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !asks {
        return Err(CliError::usage(said)
            .hint("set MASSIVE_API_KEY; or look around without one: `barkeep demo`; all commands: `barkeep --help`"));
    }
    print(&format!(
        "{said}.\nBars come from the vendor, so the dashboard needs one (`barkeep config check` tells what is used).\n\
         Without it you can look around with a simulated vendor and made-up bars: `barkeep demo`.\n\
         Start the demonstration now? [y/N] "
    ))?;
    let mut answer = String::new();
    // No answer is a no.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return demo::run(&demo::DemoArgs { dashboard: args.clone() }, globals);
    }
    Err(CliError::silent(crate::exit::USAGE))
}

/// What stands in front of an engine.
pub(crate) struct Front<'a> {
    pub(crate) args: &'a DashboardArgs,
    pub(crate) keymap: Arc<Keymap>,
    /// What this is when it is not the real thing.
    pub(crate) label: Option<String>,
    /// Reads the settings again; absent where they are not those of the files.
    pub(crate) loader: Option<ConfigLoader>,
}

/// Starts the engine, shows it until the operator quits, and ends it.
pub(crate) async fn open(front: &Front<'_>, session: &Session, key: SecretString) -> Result<(), CliError> {
    // First of all, so that a signal during a slow start is not lost.
    let (mut outside, watching) = outside::watch();
    let screen = screen(front, session, &format!("opening {}", session.loaded.settings.database))?;
    let settings = &session.loaded.settings.alerts;
    let secrets = barkeep_config::alert_secrets(settings, &Environment::of_process())?;
    let notifier = Notifier::start(settings, &secrets).map_err(CliError::usage)?;
    let weather = Arc::new(Weather::default());
    let engine = open_engine(session, key, Arc::clone(&weather) as Arc<dyn Listener>).await?;
    let door = open_door(session, engine.store.as_ref(), false).await?;
    let reload = front.loader.clone().map(|loader| Reload { loader, has_screen: true });
    let (tail, by) = (session.tail(), format!("tui:{}", Environment::of_process().user()));
    let host = Runtime::start(RuntimeParts { engine, reload, notifier, weather, tail, by }).await?;
    let api = door.map(|door| door.serve(host.desk.clone()));
    let drained = CancellationToken::new();
    let (handle, ended) = (host.desk.handle.clone(), drained.clone());
    let waiting = tokio::spawn(async move {
        handle.closed().await;
        ended.cancel();
    });
    let drain = host.shutdown();
    let access = if front.args.read_only { Access::Read } else { Access::Operate };
    let desk: Arc<dyn Console> = Arc::new(host.desk.as_somebody(&host.desk.by, access));
    let shown = show(front, session, desk, screen, &mut outside, (drain.clone(), drained)).await;
    let last = host.desk.snapshot();
    drain.cancel();
    let handle = host.desk.handle.clone();
    let finished = async {
        // While running executions end, the API still says so.
        handle.closed().await;
        if let Some(api) = api {
            api.stop().await;
        }
        host.finish().await
    };
    let outcome = if matches!(shown, Ok(Ended::AtOnce)) {
        // What is committed is safe; what is in flight is asked again by the next start.
        None
    } else {
        // A second signal does not wait for the rest.
        tokio::select! {
            outcome = finished => Some(outcome),
            () = second(&mut outside) => None,
        }
    };
    watching.abort();
    waiting.abort();
    if matches!(shown, Ok(Ended::Drained | Ended::AtOnce)) {
        say_goodbye(&last);
    }
    shown?;
    match outcome {
        None => Err(CliError::silent(INTERRUPTED)),
        Some(Ok(())) => Ok(()),
        Some(Err(RuntimeError::Store(e))) => Err(e.into()),
        Some(Err(e)) => Err(CliError::new(SOME_FAILED, e.to_string())),
    }
}

/// Waits for the signal that does not wait for the rest.
async fn second(outside: &mut tokio::sync::mpsc::Receiver<outside::SignalEvents>) {
    loop {
        match outside.recv().await {
            Some(outside::SignalEvents::Quit) => return,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

/// The plain summary that stays when the screen is gone.
pub(crate) fn say_goodbye(last: &barkeep_monitor::snapshot::Snapshot) {
    use barkeep_base::clock::Clock as _;
    // A terminal that is gone needs no goodbye.
    let _ = std::io::stdout().write_all(farewell(last, SystemClock.now()).as_bytes());
}

/// Takes the terminal and says what is being waited for: a large database takes a moment to be read. `None` when lines
/// are told instead.
pub(crate) fn screen(front: &Front<'_>, session: &Session, waiting: &str) -> Result<Option<TerminalGuard>, CliError> {
    if front.args.plain {
        return Ok(None);
    }
    guard_against_panics();
    let refused = |e: std::io::Error| CliError::usage(format!("the terminal cannot be used: {e}"));
    let (width, height) = crossterm::terminal::size().map_err(refused)?;
    let mut canvas = TerminalGuard::new(dress(front.args, session.loaded.settings.tui).mouse).map_err(refused)?;
    let mut frame = Buffer::empty(Rect::new(0, 0, width, height));
    frame.set_stringn(1, 0, format!("barkeep   {waiting}"), usize::from(width.saturating_sub(1)), Style::new());
    canvas.paint(&frame, None).map_err(refused)?;
    Ok(Some(canvas))
}

/// Shows an engine until the operator quits: cancels `drain` and waits for `drained`.
pub(crate) async fn show(
    front: &Front<'_>,
    session: &Session,
    desk: Arc<dyn Console>,
    screen: Option<TerminalGuard>,
    outside: &mut tokio::sync::mpsc::Receiver<outside::SignalEvents>,
    (drain, drained): (CancellationToken, CancellationToken),
) -> Result<Ended, CliError> {
    let access = if front.args.read_only { Access::Read } else { desk.access() };
    let Some(mut canvas) = screen else {
        if let Some(label) = &front.label {
            print(&format!("{label}\n"))?;
        }
        return Ok(plain::run(desk, &mut std::io::stdout(), outside, drain, drained).await);
    };
    let settings = session.loaded.settings.tui;
    let dress = dress(front.args, settings);
    let clock = Arc::new(SystemClock);
    let refused = |e: std::io::Error| CliError::usage(format!("the terminal cannot be used: {e}"));
    let (width, height) = crossterm::terminal::size().map_err(refused)?;
    let mut input = run::input();
    let now = Now { wall: barkeep_base::clock::Clock::now(clock.as_ref()), since_start: std::time::Duration::ZERO };
    let snap = desk.watch().borrow().clone();
    let link = desk.link().borrow().clone();
    let mut model = Model::new(snap, link, access, dress, ratatui::layout::Size::new(width, height), now);
    model.keymap = Arc::clone(&front.keymap);
    model.label.clone_from(&front.label);
    let stand = AppContext {
        console: desk,
        clock,
        caps: FrameCaps::per_second(settings.max_frames, settings.max_frames_unfocused),
        outside,
        drain,
        drained,
        album: Screenshots { dir: session.loaded.settings.log.dir.join("screenshots") },
    };
    let (ended, _) = run::run(stand, model, &mut canvas, &mut input).await;
    Ok(ended)
}

/// Flags before settings before what the environment tells of the terminal.
fn dress(args: &DashboardArgs, settings: TuiSettings) -> DisplayOptions {
    let hints = Environment::of_process().terminal();
    let depth = match hints {
        barkeep_config::TerminalHints { no_color: true, .. } => ColorDepth::None,
        barkeep_config::TerminalHints { true_color: true, .. } => ColorDepth::Rgb,
        barkeep_config::TerminalHints { indexed: true, .. } => ColorDepth::Indexed,
        _ => ColorDepth::Ansi16,
    };
    let theme = match args.theme.unwrap_or(settings.theme) {
        ThemeName::Auto if hints.no_color => ThemeKind::Mono,
        ThemeName::Auto if hints.light => ThemeKind::Light,
        ThemeName::Auto | ThemeName::Dark => ThemeKind::Dark,
        ThemeName::Light => ThemeKind::Light,
        ThemeName::ColorBlind => ThemeKind::ColorBlind,
        ThemeName::Mono => ThemeKind::Mono,
    };
    let ascii = args.ascii || settings.ascii.unwrap_or(!hints.utf8);
    DisplayOptions { theme, depth, ascii, mouse: args.mouse || settings.mouse }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_settings() {
        let settings = TuiSettings {
            theme: ThemeName::Light,
            ascii: Some(false),
            mouse: false,
            max_frames: 10,
            max_frames_unfocused: 1,
        };
        let plain = dress(&DashboardArgs::default(), settings);
        assert_eq!((plain.theme, plain.ascii, plain.mouse), (ThemeKind::Light, false, false));
        let args = DashboardArgs { theme: Some(ThemeName::Mono), ascii: true, mouse: true, ..DashboardArgs::default() };
        let flagged = dress(&args, settings);
        assert_eq!((flagged.theme, flagged.ascii, flagged.mouse), (ThemeKind::Mono, true, true));
    }
}
