//! `barkeep attach URL`: the dashboard on an engine in another process.
//!
//! The screens are the same, because they work on a console, local or remote. Quitting closes the dashboard, not the engine.

use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, INTERRUPTED};
use crate::globals::{Globals, block_on};
use crate::service::connect::url;
use crate::work::dashboard::{
    Dashboard, DashboardArgs, print_summary, require_terminal, screen, show, start, unless_quit,
};
use barkeep_api::client::Remote;
use barkeep_base::clock::SystemClock;
use barkeep_config::{Environment, client_key};
use barkeep_runtime::console::Console;
use barkeep_tui::keymap::Keymap;
use barkeep_tui::run::Ended;
use barkeep_tui::terminal::signals;

/// Where a service listens unless it is told otherwise.
const USUAL_URL: &str = "http://127.0.0.1:8000";

/// Open the dashboard of a running service, over its HTTP API
///
/// The API key decides what is possible: one with the role `read` is read-only (see `barkeep keys create`). When the
/// service is unreachable, the last state stays on the screen, marked, until it is back.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep attach
  BARKEEP_API_KEY=bk_… barkeep attach https://bars.example.com")]
pub struct AttachArgs {
    /// Base URL of the API [default: of the service that runs on the configured database, else http://127.0.0.1:8000]
    #[arg(value_name = "URL")]
    pub url: Option<String>,

    #[command(flatten)]
    pub dashboard: DashboardArgs,
}

pub(crate) fn run(args: &AttachArgs, globals: &Globals) -> Result<(), CliError> {
    let settings = globals.load()?.settings;
    let keymap = Arc::new(Keymap::new(&settings.keys)?);
    // Without a service on the configured database the one at the usual address may be of another.
    let url = url(args.url.as_deref(), &settings).unwrap_or_else(|_| USUAL_URL.to_owned());
    let key = client_key(&Environment::of_process())?;
    require_terminal(&args.dashboard)?;
    let session = start(&args.dashboard, globals)?;
    block_on(async {
        let (mut outside, watching) = signals::watch();
        let dashboard =
            Dashboard { args: &args.dashboard, keymap, label: None, loader: None, instance: None, opened: None };
        let waiting = format!("connecting to {}", barkeep_base::text::printable(&url));
        let screen = screen(&dashboard, &session, &waiting)?;
        let stop = CancellationToken::new();
        let connecting = async { Ok(Remote::connect(&url, key.as_ref(), Arc::new(SystemClock), stop.clone()).await?) };
        let (remote, following) = unless_quit(screen.as_ref(), &mut outside, connecting).await?;
        // Quitting waits for nothing: the engine goes on.
        let quit = CancellationToken::new();
        let console = Arc::clone(&remote) as Arc<dyn Console>;
        let shown = show(&dashboard, &session, console, screen, &mut outside, (quit.clone(), quit)).await;
        stop.cancel();
        watching.abort();
        let last = remote.watch().borrow().clone();
        if let Err(e) = following.await {
            tracing::error!(error = %e, "the connection to the engine ended");
        }
        match shown? {
            Ended::AtOnce => Err(CliError::silent(INTERRUPTED)),
            Ended::Drained => {
                print_summary(&last, &SystemClock);
                Ok(())
            }
            Ended::Gone => Ok(()),
        }
    })
}
