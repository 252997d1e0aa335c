//! The dashboard on an engine: its options, how it is opened, and how everything ends with it.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ratatui::layout::Size;
use secrecy::SecretString;
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Color, Globals, Session};
use crate::output::{manner, print};
use crate::work::backfill::open_engine;
use crate::work::run::{self, announce};
use barkeep_base::clock::Clock;
use barkeep_config::{Environment, THEMES, ThemeName, TuiSettings};
use barkeep_runtime::console::{Access, Console};
use barkeep_service::handle::Handle;
use barkeep_service::instance::Instance;
use barkeep_service::reload::{ConfigLoader, Reload};
use barkeep_tui::draw::theme::{ColorDepth, OwnTheme, ThemeKind};
use barkeep_tui::farewell::farewell;
use barkeep_tui::keymap::Keymap;
use barkeep_tui::model::{DisplayOptions, Model, Now};
use barkeep_tui::opening::Opening;
use barkeep_tui::plain;
use barkeep_tui::run::{Ended, OwnedContext, input};
use barkeep_tui::terminal::schedule::FrameCaps;
use barkeep_tui::terminal::screenshot::Screenshots;
use barkeep_tui::terminal::signals::{self, SignalEvent};
use barkeep_tui::terminal::{TerminalGuard, guard_against_panics};

/// Options of the dashboard.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Dashboard options")]
pub struct DashboardArgs {
    /// Disable all commands: nothing can be triggered, paused or cancelled
    #[arg(long)]
    pub read_only: bool,

    /// Theme: auto, dark, light, color-blind, mono …, the name of a file in themes/ beside the settings, or the path of one
    /// [default: tui.theme]
    #[arg(long, value_name = "THEME")]
    pub theme: Option<String>,

    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,

    /// Print changes as lines instead, for screen readers and pipes
    #[arg(long)]
    pub plain: bool,

    /// Enable the mouse
    #[arg(long)]
    pub mouse: bool,
}

impl DashboardArgs {
    /// Whether lines are printed instead: because somebody says so, or because the terminal can do no more.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain || Environment::of_process().terminal().dumb
    }
}

/// Reads the settings and starts the log, which must not go to the screen.
pub(crate) fn start(args: &DashboardArgs, globals: &Globals) -> Result<Session, CliError> {
    if args.is_plain() { globals.start() } else { globals.start_quiet() }
}

/// Fails when there is no terminal to draw on.
pub(crate) fn require_terminal(args: &DashboardArgs) -> Result<(), CliError> {
    if args.is_plain() || (std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        return Ok(());
    }
    Err(CliError::usage("the dashboard needs a terminal")
        .hint("use --plain for plain lines, or `barkeep run` for the service; `barkeep --help` lists all commands"))
}

/// How the dashboard is shown.
pub(crate) struct Dashboard<'a> {
    pub(crate) args: &'a DashboardArgs,
    pub(crate) keymap: Arc<Keymap>,
    /// Shown in the header when the vendor is a simulated one.
    pub(crate) label: Option<String>,
    /// Reads the settings again; absent where they are not those of the files.
    pub(crate) loader: Option<ConfigLoader>,
    /// The lock of the database, where the address of the API is left; absent where nobody else looks for it.
    pub(crate) instance: Option<Instance>,
    /// Who wants to know that the engine runs.
    pub(crate) opened: Option<oneshot::Sender<Opened>>,
}

/// An engine that runs, and what is cancelled when it is to stop.
pub(crate) type Opened = (Handle, CancellationToken);

/// Starts the engine, shows it until the operator quits, and ends it.
pub(crate) async fn open(
    mut dashboard: Dashboard<'_>,
    session: &Session,
    key: Option<SecretString>,
) -> Result<(), CliError> {
    let opened = dashboard.opened.take();
    let dashboard = &dashboard;
    // First, so that a signal during a slow start is not lost.
    let (mut outside, watching) = signals::watch();
    let screen = screen(dashboard, session, &format!("opening {}", session.loaded.settings.database))?;
    let reload = dashboard.loader.clone().map(|loader| Reload { loader, has_screen: true });
    let by = format!("tui:{}", Environment::of_process().user());
    let starting = run::start(session, async |health| open_engine(session, key, health).await, reload, by);
    let (listener, host) = unless_quit(screen.as_ref(), &mut outside, starting).await?;
    let api = listener.map(|listener| listener.serve(host.console.clone()));
    if let Some(api) = &api {
        announce(dashboard.instance.as_ref(), api.addr());
    }
    let drained = CancellationToken::new();
    let (handle, ended) = (host.console.handle.clone(), drained.clone());
    let waiting = tokio::spawn(async move {
        handle.closed().await;
        ended.cancel();
    });
    let drain = host.shutdown();
    if let Some(opened) = opened {
        // Whoever wanted to know may be gone.
        let _ = opened.send((host.console.handle.clone(), drain.clone()));
    }
    let access = if dashboard.args.read_only { Access::Read } else { Access::Operate };
    let console: Arc<dyn Console> = Arc::new(host.console.as_somebody(&host.console.by, access));
    let shown = show(dashboard, session, console, screen, &mut outside, (drain.clone(), drained)).await;
    let last = host.console.snapshot();
    drain.cancel();
    let handle = host.console.handle.clone();
    let finished = async {
        // While running executions end, the API still says so.
        handle.closed().await;
        if let Some(api) = api {
            api.stop().await;
        }
        host.finish().await
    };
    let outcome = if matches!(shown, Ok(Ended::AtOnce)) {
        // What is committed is safe; requests in flight are repeated by the next start.
        None
    } else {
        // A second signal does not wait for requests in flight.
        tokio::select! {
            outcome = finished => Some(outcome),
            () = signals::wait_for(&mut outside, &[SignalEvent::Quit]) => None,
        }
    };
    watching.abort();
    waiting.abort();
    if matches!(shown, Ok(Ended::Drained | Ended::AtOnce)) {
        print_summary(&last, session.clock.as_ref());
    }
    shown?;
    match outcome {
        None => Err(CliError::silent(INTERRUPTED)),
        Some(Ok(())) => Ok(()),
        Some(Err(e)) => Err(run::failed(e)),
    }
}

/// Waits for what the dashboard is to show, until the operator quits: a database that is locked or far away may take long
/// to open.
pub(crate) async fn unless_quit<T>(
    screen: Option<&Opening>,
    outside: &mut Receiver<SignalEvent>,
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let pressed = screen.map(|screen| screen.quit().clone()).unwrap_or_default();
    tokio::select! {
        done = work => done,
        () = pressed.cancelled() => Err(CliError::silent(INTERRUPTED)),
        () = signals::wait_for(outside, &[SignalEvent::Quit, SignalEvent::Gone]) => Err(CliError::silent(INTERRUPTED)),
    }
}

/// Prints a plain summary when the screen is gone.
pub(crate) fn print_summary(last: &barkeep_monitor::snapshot::Snapshot, clock: &dyn Clock) {
    // The terminal may be gone.
    let _ = std::io::stdout().write_all(farewell(last, clock.now()).as_bytes());
}

/// Takes the terminal and shows what is being waited for, because a large database takes a moment to read. `None` with
/// `--plain`.
pub(crate) fn screen(dashboard: &Dashboard<'_>, session: &Session, waiting: &str) -> Result<Option<Opening>, CliError> {
    if dashboard.args.is_plain() {
        return Ok(None);
    }
    guard_against_panics();
    let refused = |e: std::io::Error| CliError::usage(format!("the terminal cannot be used: {e}"));
    let (width, height) = crossterm::terminal::size().map_err(refused)?;
    // Before the terminal is taken.
    own_theme(&theme_name(dashboard.args, session)?)?;
    let mouse = dashboard.args.mouse || session.loaded.settings.tui.mouse;
    let canvas = TerminalGuard::new(mouse).map_err(refused)?;
    let opening = Opening::start(waiting.to_owned(), Size::new(width, height), canvas, input);
    opening.map(Some).map_err(|e| not_started(&e))
}

/// Shows an engine until the operator quits: cancels `drain` and waits for `drained`.
pub(crate) async fn show(
    dashboard: &Dashboard<'_>,
    session: &Session,
    console: Arc<dyn Console>,
    screen: Option<Opening>,
    outside: &mut Receiver<SignalEvent>,
    (drain, drained): (CancellationToken, CancellationToken),
) -> Result<Ended, CliError> {
    let access = if dashboard.args.read_only { Access::Read } else { console.access() };
    let Some(screen) = screen else {
        if let Some(label) = &dashboard.label {
            print(&format!("{label}\n"))?;
        }
        return Ok(plain::run(console, &mut std::io::stdout(), outside, drain, drained).await);
    };
    let settings = &session.loaded.settings.tui;
    let theme = theme_name(dashboard.args, session)?;
    let options = display_options(dashboard.args, settings, &theme);
    let clock = Arc::clone(&session.clock);
    let refused = |e: std::io::Error| CliError::usage(format!("the terminal cannot be used: {e}"));
    let (width, height) = crossterm::terminal::size().map_err(refused)?;
    let now = Now { wall: clock.now(), since_start: std::time::Duration::ZERO };
    let snap = console.watch().borrow().clone();
    let link = console.link().borrow().clone();
    let mut model = Model::new(snap, link, access, options, Size::new(width, height), now);
    model.keymap = Arc::clone(&dashboard.keymap);
    model.label.clone_from(&dashboard.label);
    wear(&mut model, own_theme(&theme)?, themes_folder(session).as_deref());
    // The signals go along and come back: afterwards the next one means not to wait.
    let signals = std::mem::replace(outside, mpsc::channel(1).1);
    let stand = OwnedContext {
        console,
        clock,
        caps: FrameCaps::per_second(settings.max_frames, settings.max_frames_unfocused),
        signals,
        drain,
        drained,
        screenshots: Screenshots { dir: session.loaded.settings.log.dir.join("screenshots") },
    };
    let shown = screen.open(stand, model).await.map_err(|e| not_started(&e))?;
    *outside = shown.signals;
    if let Some(kept) = shown.kept {
        // The terminal may be gone.
        let _ = std::io::stdout().write_all(kept.as_bytes());
    }
    Ok(shown.ended)
}

fn not_started(e: &std::io::Error) -> CliError {
    CliError::new(SOME_FAILED, format!("cannot start the dashboard: {e}"))
}

/// Flags take precedence over settings, and settings over what the environment tells about the terminal.
fn display_options(args: &DashboardArgs, settings: &TuiSettings, theme: &ThemeName) -> DisplayOptions {
    let mut hints = Environment::of_process().terminal();
    match manner().color {
        Color::Auto => {}
        Color::Always => hints.no_color = false,
        Color::Never => hints.no_color = true,
    }
    let depth = match hints {
        barkeep_config::TerminalHints { no_color: true, .. } => ColorDepth::None,
        barkeep_config::TerminalHints { true_color: true, .. } => ColorDepth::Rgb,
        barkeep_config::TerminalHints { indexed: true, .. } => ColorDepth::Indexed,
        _ => ColorDepth::Ansi16,
    };
    let theme = match theme {
        ThemeName::Of(kind) => *kind,
        _ if hints.no_color => ThemeKind::Mono,
        _ if hints.light => ThemeKind::Light,
        _ => ThemeKind::Dark,
    };
    let ascii = args.ascii || settings.ascii.unwrap_or(!hints.utf8);
    DisplayOptions { theme, depth, ascii, mouse: args.mouse || settings.mouse }
}

/// The theme that the flag names, or else the settings.
fn theme_name(args: &DashboardArgs, session: &Session) -> Result<ThemeName, CliError> {
    let Some(name) = &args.theme else { return Ok(session.loaded.settings.tui.theme.clone()) };
    ThemeName::known(name, themes_folder(session).as_deref()).map_err(|to_do| {
        CliError::usage(format!("--theme: there is no theme '{}'", barkeep_base::text::printable(name))).hint(to_do)
    })
}

/// The theme file of that name, when it is one.
pub(crate) fn own_theme(name: &ThemeName) -> Result<Option<OwnTheme>, CliError> {
    match name {
        ThemeName::File(file) => Ok(Some(OwnTheme::read(file).map_err(CliError::usage)?)),
        ThemeName::Auto | ThemeName::Of(_) => Ok(None),
    }
}

/// Where themes of one's own are: beside the settings file, or where it would be.
fn themes_folder(session: &Session) -> Option<PathBuf> {
    let sources = &session.loaded.sources;
    let settings = sources.config.as_ref().or(sources.searched.last())?;
    Some(settings.parent()?.join(THEMES))
}

/// Puts a theme of one's own on, and offers those of the folder. One that is wrong is told in the log and not offered.
fn wear(model: &mut Model, named: Option<OwnTheme>, folder: Option<&Path>) {
    let (mut themes, wrong) = folder.map(OwnTheme::all_in).unwrap_or_default();
    for reason in wrong {
        tracing::warn!("cannot use a theme file: {reason}");
    }
    if let Some(named) = named {
        themes.retain(|theme| theme.name() != named.name());
        themes.push(named);
    }
    themes.retain(|theme| ThemeKind::named(theme.name()).is_none());
    (model.own_theme, model.own_themes) = (named, themes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_take_precedence_over_settings() {
        let settings = TuiSettings {
            theme: ThemeName::Of(ThemeKind::Light),
            ascii: Some(false),
            mouse: false,
            max_frames: 10,
            max_frames_unfocused: 1,
        };
        let plain = display_options(&DashboardArgs::default(), &settings, &settings.theme);
        assert_eq!((plain.theme, plain.ascii, plain.mouse), (ThemeKind::Light, false, false));
        let args = DashboardArgs { ascii: true, mouse: true, ..DashboardArgs::default() };
        let flagged = display_options(&args, &settings, &ThemeName::Of(ThemeKind::Mono));
        assert_eq!((flagged.theme, flagged.ascii, flagged.mouse), (ThemeKind::Mono, true, true));
    }
}
