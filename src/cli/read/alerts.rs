//! `barkeep alerts`: open alerts, and resolved ones.

use clap::Args;

use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json};
use barkeep_base::format::table;
use barkeep_base::text::printable;
use barkeep_store::AlertRow;

/// Alerts shown at most.
const LIMIT: usize = 1_000;

/// Show open alerts, newest first
#[derive(Args, Clone, Debug)]
pub struct AlertsArgs {
    /// Include resolved alerts (1000 at most)
    #[arg(long)]
    pub all: bool,
}

pub(crate) fn run(args: &AlertsArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let rows = store.alerts(!args.all, LIMIT).await?;
        store.close().await;
        if session.json { print_json(&rows) } else { print(&listed(&rows)) }
    })
}

fn listed(rows: &[AlertRow]) -> String {
    if rows.is_empty() {
        return "no alerts\n".to_owned();
    }
    let cells = |row: &AlertRow| {
        [
            row.severity.name().to_owned(),
            printable(&row.kind),
            row.raised_at.to_string(),
            row.resolved_at.map_or_else(|| "open".to_owned(), |t| t.to_string()),
            printable(&row.message),
        ]
    };
    table(["SEVERITY", "ALERT", "RAISED", "RESOLVED", "MESSAGE"], &rows.iter().map(cells).collect::<Vec<_>>())
}
