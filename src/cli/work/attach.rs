//! `barkeep attach URL`: the dashboard on an engine in another process.
//!
//! The screens are the same, because they know nothing but a console. Leaving ends the screen, not the engine.

use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::globals::{Globals, block_on};
use crate::work::dashboard::{DashboardArgs, Front, a_terminal, say_goodbye, screen, show, start};
use barkeep_api::client::{AttachError, Remote};
use barkeep_base::clock::SystemClock;
use barkeep_config::{Environment, client_key};
use barkeep_runtime::console::Console;
use barkeep_tui::keymap::Keymap;
use barkeep_tui::run::Ended;
use barkeep_tui::terminal::outside;

/// Show the dashboard of a running `barkeep run`, over its HTTP API
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep attach http://127.0.0.1:8000
  BARKEEP_API_KEY=… barkeep attach https://bars.example.com

The key decides what may be done: one with the role `read` looks only (barkeep keys create). When the engine goes away
the last picture stays, marked, until it is back.")]
pub struct AttachArgs {
    /// Where the API listens (settings: api.listen)
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub url: String,

    #[command(flatten)]
    pub dashboard: DashboardArgs,
}

pub(crate) fn run(args: &AttachArgs, globals: &Globals) -> Result<(), CliError> {
    let keymap = Arc::new(Keymap::new(&globals.load()?.settings.keys)?);
    let key = client_key(&Environment::of_process())?;
    a_terminal(&args.dashboard)?;
    let session = start(&args.dashboard, globals)?;
    block_on(async {
        let (mut outside, watching) = outside::watch();
        let front = Front { args: &args.dashboard, keymap, label: None, loader: None };
        let waiting = format!("connecting to {}", barkeep_base::text::printable(&args.url));
        let screen = screen(&front, &session, &waiting)?;
        let stop = CancellationToken::new();
        let (remote, following) = Remote::connect(&args.url, key.as_ref(), Arc::new(SystemClock), stop.clone()).await?;
        // Nothing here has to be drained: the engine goes on.
        let left = CancellationToken::new();
        let console = Arc::clone(&remote) as Arc<dyn Console>;
        let shown = show(&front, &session, console, screen, &mut outside, (left.clone(), left)).await;
        stop.cancel();
        watching.abort();
        let last = remote.watch().borrow().clone();
        if let Err(e) = following.await {
            tracing::error!(error = %e, "following the engine broke");
        }
        match shown? {
            Ended::AtOnce => Err(CliError::silent(INTERRUPTED)),
            Ended::Drained => {
                say_goodbye(&last);
                Ok(())
            }
            Ended::Gone => Ok(()),
        }
    })
}

impl From<AttachError> for CliError {
    fn from(e: AttachError) -> Self {
        let message = e.to_string();
        match e {
            AttachError::Url(_) => Self::usage(message),
            AttachError::Refused(_) => Self::usage(format!("the engine refused: {message}"))
                .hint("set BARKEEP_API_KEY to a key of that engine; `barkeep keys create NAME` makes one there"),
            AttachError::Unreachable(_) => Self::new(SOME_FAILED, format!("no engine to attach to: {message}"))
                .hint("start one with `barkeep run --headless`, or name where it listens"),
        }
    }
}
