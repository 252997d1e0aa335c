//! `barkeep history`: executions and their results, and the series of one execution.

use std::fmt::Write as _;

use clap::Args;
use uuid::Uuid;

use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json};
use barkeep_base::format::{count, hms, table};
use barkeep_base::ids::IdText;
use barkeep_base::text::printable;
use barkeep_monitor::history::{Execution, ExecutionDetail, ExecutionHistory};

/// Executions among which an id is looked for.
const MOST_EXECUTIONS: usize = 10_000;

/// Show past executions, newest first, or the series of one of them
#[derive(Args, Clone, Debug)]
pub struct HistoryArgs {
    /// Show every series of this execution: its id, the first characters of it, or latest
    #[arg(value_name = "EXECUTION_ID")]
    pub execution: Option<IdText>,

    /// Executions to show
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "execution", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
}

pub(crate) fn run(args: &HistoryArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        if let Some(id) = &args.execution {
            let id = match id {
                IdText::Whole(id) => *id,
                text => {
                    let rows = store.executions(MOST_EXECUTIONS).await?;
                    let ids: Vec<Uuid> = rows.iter().map(|row| row.execution_id).collect();
                    text.find(&ids, "execution")?
                }
            };
            let detail = ExecutionDetail::read(store.as_ref(), id).await;
            store.close().await;
            let detail = detail.map_err(|e| CliError::from(e).usage_hint("`barkeep history` shows the ids"))?;
            return if session.json { print_json(&detail) } else { print(&one(&detail)) };
        }
        let history = ExecutionHistory::read(store.as_ref(), args.limit as usize).await?;
        store.close().await;
        if session.json { print_json(&history) } else { print(&all(&history.executions)) }
    })
}

const HEADING: [&str; 9] =
    ["EXECUTION", "STARTED", "TRIGGER", "STATUS", "DURATION", "SYMBOLS", "SUCCESS", "REQUESTS", "BARS"];

fn cells(row: &Execution) -> [String; 9] {
    [
        row.execution_id.to_string(),
        row.started_at.to_string(),
        row.trigger.name().to_owned(),
        row.status_name().replace('_', " "),
        row.duration_seconds.map_or_else(|| "-".to_owned(), hms),
        format!("{}/{}", row.successful_symbols, row.total_symbols),
        row.success_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1} %")),
        count(row.requests),
        count(row.total_records_processed),
    ]
}

fn all(views: &[Execution]) -> String {
    if views.is_empty() {
        return "nothing has run yet\n".to_owned();
    }
    table(HEADING, &views.iter().map(cells).collect::<Vec<_>>())
}

fn one(detail: &ExecutionDetail) -> String {
    let mut out = table(HEADING, &[cells(&detail.execution)]);
    if let Some(error) = &detail.execution.error_message {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "error: {}", printable(error));
    }
    let rows: Vec<_> = detail
        .series
        .iter()
        .map(|s| {
            [
                s.symbol.to_string(),
                s.timeframe.to_string(),
                detail.execution.state_of(s).replace('_', " "),
                count(s.records_processed),
                count(s.records_inserted),
                s.duration_seconds.map_or_else(|| "-".to_owned(), hms),
                s.error_message.as_deref().map(printable).unwrap_or_default(),
            ]
        })
        .collect();
    out.push('\n');
    out.push_str(&table(["SYMBOL", "TF", "STATUS", "BARS", "WRITTEN", "DURATION", "ERROR"], &rows));
    out
}
