//! `barkeep status`: all series, how fresh they are, and how much of the limit is used.

use std::sync::Arc;

use clap::Args;

use crate::admin::symbols::find;
use crate::args::symbol;
use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json};
use crate::render;
use barkeep_base::clock::{Moment, SystemClock};
use barkeep_config::Loaded;
use barkeep_market::Symbol;
use barkeep_monitor::snapshot::{FreshnessContext, Snapshot};

/// Show all series: how fresh they are and how many bars they have
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Only these symbols [default: all]
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub symbols: Vec<Symbol>,
}

pub(crate) fn run(args: &StatusArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let known = store.symbols().await?;
        let named = args.symbols.iter().map(|symbol| Ok(find(&known, symbol)?.symbol.clone()));
        let named = named.collect::<Result<Vec<Symbol>, CliError>>()?;
        let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
        let now = Moment::now(&SystemClock);
        let Loaded { settings, policy, .. } = &session.loaded;
        let context = FreshnessContext { calendar: &calendar, settings, policy };
        let mut snapshot = Snapshot::read(store.as_ref(), context, now).await?;
        store.close().await;
        if !named.is_empty() {
            Arc::make_mut(&mut snapshot.data).series.retain(|row| named.contains(&row.symbol));
        }
        if session.json { print_json(&snapshot) } else { print(&render::snapshot(&snapshot)) }
    })
}
