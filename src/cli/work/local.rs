//! `barkeep` without a command: the dashboard, with the engine in the same process.
//!
//! It is the service of `barkeep run` with a screen: the same lock, schedule and shutdown. Without an API key it says what
//! is missing and offers the demo.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use crate::exit::{CliError, USAGE};
use crate::globals::{Globals, NO_API_KEY, any_without_key, block_on};
use crate::output::print;
use crate::simulated;
use crate::work::dashboard::{Dashboard, DashboardArgs, open, require_terminal, start};
use crate::work::demo;
use crate::work::run::{instance, loader};
use barkeep_config::Environment;
use barkeep_tui::keymap::Keymap;

pub(crate) fn run(args: &DashboardArgs, globals: &Globals) -> Result<(), CliError> {
    let loaded = globals.load()?;
    let keymap = Arc::new(Keymap::new(&loaded.settings.keys)?);
    let key = barkeep_config::find_key(&loaded.settings, &Environment::of_process())?;
    if key.is_none() && !globals.simulated && !block_on(can_do_without(loaded.settings.database.as_str()))? {
        return without_a_key(args, globals);
    }
    require_terminal(args)?;
    let mut session = start(args, globals)?;
    let instance = instance(&session)?;
    block_on(async {
        if session.simulated {
            let (vendor, key) = simulated::start(&mut session).await?;
            let limit = session.rate_limit().map_or_else(|| "no limit".to_owned(), |n| format!("{n} requests/min"));
            let loader = Some(loader(&session, globals, None));
            let label = Some(format!("SIMULATED vendor, {limit}"));
            let dashboard = Dashboard { args, keymap, label, loader, instance, opened: None };
            let result = open(dashboard, &session, Some(key)).await;
            vendor.stop().await;
            return result;
        }
        let loader = Some(loader(&session, globals, None));
        let dashboard = Dashboard { args, keymap, label: None, loader, instance, opened: None };
        let key = session.any_key()?;
        open(dashboard, &session, key).await
    })
}

/// Whether the database has symbols of a vendor that needs no key.
async fn can_do_without(database: &str) -> Result<bool, CliError> {
    // Whatever keeps it from being read is told when it is opened for work.
    let Ok(store) = barkeep_store::open(database, true).await else { return Ok(false) };
    let rows = store.symbols().await;
    store.close().await;
    Ok(rows.is_ok_and(|rows| any_without_key(&rows)))
}

/// The dashboard needs a key to fetch anything; the demo does not.
fn without_a_key(args: &DashboardArgs, globals: &Globals) -> Result<(), CliError> {
    let interactive = !args.is_plain() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !interactive {
        return Err(CliError::usage(NO_API_KEY)
            .hint("set MASSIVE_API_KEY; `barkeep demo` needs no key, `barkeep --help` lists all commands"));
    }
    print(&format!(
        "{NO_API_KEY}.\nThe dashboard fetches bars from the vendor, so it needs one (`barkeep config check` shows what is \
         used).\nThe demo needs none: it has a simulated vendor and a temporary database.\n\
         Start the demo now? [y/N] "
    ))?;
    let mut answer = String::new();
    // No answer is a no.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return demo::run(&demo::DemoArgs { dashboard: args.clone() }, globals);
    }
    Err(CliError::silent(USAGE))
}
