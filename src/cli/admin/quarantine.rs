//! `barkeep quarantine`: invalid bars, to accept or reject.

use clap::{Args, Subcommand};

use crate::exit::CliError;
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use barkeep_base::clock::SystemClock;
use barkeep_base::format::table;
use barkeep_base::text::printable;
use barkeep_pipeline::quarantine::{self, DecisionError};
use barkeep_store::{QuarantineRow, Verdict};

/// List invalid bars, and accept or reject them
#[derive(Args, Clone, Debug)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    pub command: QuarantineCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum QuarantineCommand {
    /// List quarantined bars, newest first
    List {
        /// Include reviewed bars
        #[arg(long)]
        all: bool,
    },
    /// Accept bars: store them with a low quality score, and derive coarser bars again
    Accept {
        /// Ids, from `barkeep quarantine list`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Reject bars: they are never stored
    Reject {
        /// Ids, from `barkeep quarantine list`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
}

pub(crate) fn run(args: &QuarantineArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        match &args.command {
            QuarantineCommand::List { all } => {
                let store = session.open_store(true).await?;
                let rows = store.quarantine(!all).await?;
                store.close().await;
                if session.json { print_json(&rows) } else { print(&listed(&rows)) }
            }
            QuarantineCommand::Accept { ids } => review(&session, ids, Verdict::Accepted).await,
            QuarantineCommand::Reject { ids } => review(&session, ids, Verdict::Rejected).await,
        }
    })
}

async fn review(session: &Session, ids: &[i64], verdict: Verdict) -> Result<(), CliError> {
    let store = session.open_store(false).await?;
    let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
    let settings = &session.loaded.settings;
    // All or none: one wrong id, and nothing is changed.
    let pending: Vec<i64> = store.quarantine(true).await?.iter().map(|row| row.id).collect();
    if let Some(id) = ids.iter().find(|id| !pending.contains(id)) {
        return Err(CliError::usage(format!("quarantine has no pending bar {id}; nothing was changed"))
            .hint("`barkeep quarantine list` shows the ids"));
    }
    let mut reviewed = Vec::new();
    for id in ids {
        reviewed.push(
            quarantine::decide(store.as_ref(), &calendar, settings, &SystemClock, *id, verdict)
                .await
                .map_err(of_decision)?,
        );
    }
    store.close().await;
    if session.json {
        let rows: Vec<QuarantineRow> =
            reviewed.into_iter().map(|row| QuarantineRow { status: verdict, ..row }).collect();
        return print_json(&rows);
    }
    let lines = reviewed
        .iter()
        .map(|row| format!("{} {} {} {}: {}\n", row.id, row.symbol, row.timeframe, row.bar.ts, verdict.name()));
    print(&lines.collect::<String>())
}

/// The same with the command that helps.
fn of_decision(e: DecisionError) -> CliError {
    let message = e.to_string();
    match e {
        DecisionError::NotPending(_) => CliError::usage(message).hint("see `barkeep quarantine list`"),
        DecisionError::NotRegistered(symbol) => {
            CliError::usage(message).hint(format!("register it again with `barkeep symbols add {symbol}`"))
        }
        DecisionError::CannotBeStored { id, .. } => {
            CliError::usage(message).hint(format!("reject it with `barkeep quarantine reject {id}`"))
        }
        DecisionError::Store(e) => e.into(),
    }
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
