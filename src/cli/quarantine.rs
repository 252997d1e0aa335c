//! `barkeep quarantine`: bars that cannot be true, kept for an operator to judge.

use clap::{Args, Subcommand};

use super::exit::CliError;
use super::globals::{Globals, block_on};
use super::output::{print, print_json, table};
use crate::market::asset::printable;
use crate::store::QuarantineRow;

/// Show bars that cannot be true
#[derive(Args, Clone, Debug)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    pub command: QuarantineCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum QuarantineCommand {
    /// List quarantined bars, newest first
    List {
        /// Decided ones too
        #[arg(long)]
        all: bool,
    },
}

pub(super) fn run(args: &QuarantineArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        match args.command {
            QuarantineCommand::List { all } => {
                let store = session.open_store(true).await?;
                let rows = store.quarantine(!all).await?;
                store.close().await;
                if session.json { print_json(&rows) } else { print(&listed(&rows)) }
            }
        }
    })
}

fn listed(rows: &[QuarantineRow]) -> String {
    if rows.is_empty() {
        return "no bars in quarantine\n".to_owned();
    }
    let cells = |row: &QuarantineRow| {
        let bar = &row.bar;
        [
            row.id.to_string(),
            row.symbol.to_string(),
            row.timeframe.to_string(),
            bar.ts.to_string(),
            bar.open.to_string(),
            bar.high.to_string(),
            bar.low.to_string(),
            bar.close.to_string(),
            bar.volume.to_string(),
            row.status.name().to_owned(),
            printable(&row.reason),
        ]
    };
    let heading = ["ID", "SYMBOL", "TF", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "STATUS", "REASON"];
    table(heading, &rows.iter().map(cells).collect::<Vec<_>>())
}
