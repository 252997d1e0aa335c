//! `barkeep quarantine`: invalid bars, to accept or reject, beside what is stored around them.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::exit::CliError;
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use barkeep_base::clock::{Clock as _, SystemClock};
use barkeep_base::format::table;
use barkeep_base::text::printable;
use barkeep_market::Bar;
use barkeep_pipeline::quarantine::{self, DecisionError, QuarantineView};
use barkeep_store::{OperatorAction, QuarantineRow, StoredBar, Verdict};

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
    /// Show a quarantined bar, what is stored for its time, and its neighbors
    Show {
        /// The id, from `barkeep quarantine list`
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Accept bars: store them with a low quality score, and derive coarser bars again
    Accept {
        /// Ids, from `barkeep quarantine list`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
        /// Also replace stored bars
        #[arg(long)]
        yes: bool,
    },
    /// Reject bars: they are never stored
    Reject {
        /// Ids, from `barkeep quarantine list`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Undo decisions: the bars are pending again, and a bar that an accepted one replaced is restored
    Undo {
        /// Ids, from `barkeep quarantine list --all`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
}

/// What the ids of an undo may be.
const DECIDED: &str = "`barkeep quarantine list --all` shows the reviewed bars";
const LISTED: &str = "`barkeep quarantine list` shows the ids";

pub(crate) fn run(args: &QuarantineArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        match &args.command {
            QuarantineCommand::List { all } => list(&session, *all).await,
            QuarantineCommand::Show { id } => {
                let store = session.open_store(true).await?;
                let found = quarantine::view(store.as_ref(), *id).await.map_err(of_decision)?;
                store.close().await;
                if session.json { print_json(&found) } else { print(&shown(&found)) }
            }
            QuarantineCommand::Accept { ids, yes } => review(&session, ids, Verdict::Accepted, *yes).await,
            QuarantineCommand::Reject { ids } => review(&session, ids, Verdict::Rejected, true).await,
            QuarantineCommand::Undo { ids } => review(&session, ids, Verdict::Pending, true).await,
        }
    })
}

/// A row of `list --json`, with what is stored around it.
#[derive(Serialize)]
struct ListedBar {
    #[serde(flatten)]
    sent: QuarantineRow,
    stored: Option<StoredBar>,
    replaces: bool,
    before: Vec<StoredBar>,
    after: Vec<StoredBar>,
}

async fn list(session: &Session, all: bool) -> Result<(), CliError> {
    let store = session.open_store(true).await?;
    let rows = store.quarantine(!all).await?;
    if !session.json {
        store.close().await;
        return print(&listed(&rows));
    }
    let mut whole = Vec::with_capacity(rows.len());
    for row in rows {
        let QuarantineView { sent, stored, replaces, before, after } = quarantine::view_of(store.as_ref(), row).await?;
        whole.push(ListedBar { sent, stored, replaces, before, after });
    }
    store.close().await;
    print_json(&whole)
}

/// Decides about bars, or with [`Verdict::Pending`] takes decisions back. All or none: one wrong id, and nothing is changed.
async fn review(session: &Session, ids: &[i64], verdict: Verdict, may_replace: bool) -> Result<(), CliError> {
    let store = session.open_store(false).await?;
    let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
    let settings = &session.loaded.settings;
    let undo = verdict == Verdict::Pending;
    let rows = store.quarantine(false).await?;
    let fits = |id: &i64| rows.iter().any(|row| row.id == *id && (row.status == Verdict::Pending) != undo);
    if let Some(id) = ids.iter().find(|id| !fits(id)) {
        let (what, hint) = if undo { ("decided", DECIDED) } else { ("pending", LISTED) };
        return Err(CliError::usage(format!("quarantine has no {what} bar {id}; nothing was changed")).hint(hint));
    }
    for id in ids.iter().filter(|_| !may_replace) {
        let found = quarantine::view(store.as_ref(), *id).await.map_err(of_decision)?;
        if let Some(stored) = found.stored.as_ref().filter(|_| found.replaces) {
            let (row, score) = (&found.sent, stored.quality_score);
            let what = format!("bar {id} would replace the stored bar of {} {}", row.symbol, row.timeframe);
            return Err(CliError::usage(format!("{what} at {} (score {score}); nothing was changed", row.bar.ts))
                .hint(format!(
                    "`barkeep quarantine show {id}` shows both; --yes replaces it, `barkeep quarantine undo` restores it"
                )));
        }
    }
    let mut reviewed = Vec::new();
    for id in ids {
        let row = quarantine::decide(store.as_ref(), &calendar, settings, &SystemClock, *id, verdict)
            .await
            .map_err(of_decision)?;
        let action = OperatorAction {
            at: SystemClock.now(),
            actor: "cli".to_owned(),
            action: "decide".to_owned(),
            target: Some(format!("quarantine {id}")),
            detail: Some(quarantine::describe(&row, verdict)),
            result: "ok".to_owned(),
        };
        store.record_action(&action).await?;
        reviewed.push(row);
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

/// The bar as it was sent, what is stored for its time, and the bars around it.
fn shown(found: &QuarantineView) -> String {
    let row = &found.sent;
    let mut out = format!(
        "{} {} {} {}  {}\nreason: {}\n",
        row.id,
        row.symbol,
        row.timeframe,
        row.bar.ts,
        row.status.name(),
        printable(&row.reason)
    );
    let cells = |what: &str, bar: &Bar, stored: Option<&StoredBar>| {
        let option = |value: Option<String>| value.unwrap_or_default();
        [
            what.to_owned(),
            bar.ts.to_string(),
            bar.open.to_string(),
            bar.high.to_string(),
            bar.low.to_string(),
            bar.close.to_string(),
            bar.volume.to_string(),
            option(bar.vwap.map(|v| v.to_string())),
            option(stored.map(|s| s.quality_score.to_string())),
            option(stored.and_then(|s| s.quality_notes.as_deref().map(printable))),
        ]
    };
    let mut rows: Vec<_> = found.before.iter().map(|s| cells("before", &s.bar, Some(s))).collect();
    rows.push(cells("sent", &row.bar, None));
    rows.extend(found.stored.iter().map(|s| cells("stored", &s.bar, Some(s))));
    rows.extend(found.after.iter().map(|s| cells("after", &s.bar, Some(s))));
    let heading = ["", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "VWAP", "SCORE", "NOTES"];
    out.push_str(&table(heading, &rows));
    if found.replaces && row.status == Verdict::Pending {
        out.push_str("accepting it replaces the stored bar\n");
    }
    out
}

/// The same with the command that helps.
fn of_decision(e: DecisionError) -> CliError {
    let message = e.to_string();
    match e {
        DecisionError::Unknown(_) | DecisionError::NotPending(_) => CliError::usage(message).hint(LISTED),
        DecisionError::NotDecided(_) => CliError::usage(message).hint(DECIDED),
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
