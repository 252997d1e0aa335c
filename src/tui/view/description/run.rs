//! An execution in words, and an item of a running one.

use super::{Description, series};
use crate::actions::ActionId;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::now::cause::{cause, cause_of_run};
use crate::view::phrase;
use barkeep_runtime::console::{Execution, ExecutionStatus};

/// Failed series that are named.
const NAMED: usize = 12;

pub(super) fn describe(model: &Model, row: &Execution) -> Description {
    let now = model.shown_now();
    let (sign, word, role) = phrase::execution(row.status);
    let run = model.snap.live.runs.iter().find(|run| run.execution_id == row.execution_id);
    let title = Line::of(Role::Title, "Run ").span(Role::Accent, phrase::id(row.execution_id));
    let by = match row.trigger.name() {
        "schedule" => "the schedule".to_owned(),
        "catch_up" => "the start of the engine, to catch up".to_owned(),
        "manual" => "an operator at the dashboard".to_owned(),
        "api" => "a request to the API".to_owned(),
        "cli" => "the command line".to_owned(),
        other => other.replace('_', " "),
    };
    let took = phrase::took(row.completed_at.unwrap_or(now) - row.started_at);
    let times = format!(
        "{}, {} {took}",
        format::stamp(row.started_at, now),
        if run.is_some() { "running for" } else { "took" }
    );
    let mut state = Line::of(role, format!("{sign} {word}"));
    if row.crashed {
        state = state.span(Role::Bad, ", its process died");
    }
    let failed = match row.failed_symbols {
        0 => String::new(),
        n => format!(", {} failed", format::count(n)),
    };
    let symbols =
        format!("{} of {} up to date{failed}", format::count(row.successful_symbols), format::count(row.total_symbols));
    let (requests, bars) = phrase::totals(row, run);
    let mut cost = vec![format::plural(requests, "request"), format!("{} received", format::plural(bars, "bar"))];
    if row.retries > 0 {
        cost.push(format!("{} repeated", format::plural(row.retries, "request")));
    }
    if row.rate_limited > 0 {
        cost.push(format!("{} refused by the vendor's limit (429)", format::count(row.rate_limited)));
    }
    let mut description = Description::new(title)
        .with("state", state)
        .text("started", format!("{times}, by {by}"))
        .text("symbols", symbols)
        .text("requests", cost.join(", "));
    if let Some(message) = &row.error_message {
        description = description.with("problem", Line::of(Role::Bad, cause_of_run(message)));
    }
    let detail = model.answers.execution(row.execution_id).value;
    let failing: Vec<String> = detail.map_or_else(Vec::new, |detail| {
        let failed = detail.series.iter().filter(|status| status.failed());
        let one = |status: &barkeep_runtime::console::SeriesStatus| {
            let why = status.error_message.as_deref().map_or_else(|| "no message".to_owned(), cause);
            format!("{} {}: {why}", status.symbol, status.timeframe)
        };
        failed.map(one).collect()
    });
    for (k, text) in failing.iter().take(NAMED).enumerate() {
        description = description.text(if k == 0 { "failed" } else { "" }, text.clone());
    }
    if failing.len() > NAMED {
        description = description.text("", format!("and {} more", failing.len() - NAMED));
    }
    description.text("outlook", outlook(row)).keys(
        model,
        &[
            (ActionId::Open, "its series"),
            (ActionId::Retry, "tries the failed ones again"),
            (ActionId::Cancel, "cancels it"),
            (ActionId::Copy, "copies its id"),
        ],
    )
}

const fn outlook(row: &Execution) -> &'static str {
    match row.status {
        ExecutionStatus::Queued => "It begins once a run before it has ended.",
        ExecutionStatus::Running if row.crashed => "It is taken up again by the next start of the engine.",
        ExecutionStatus::Running => "",
        ExecutionStatus::Completed => "Nothing to do.",
        ExecutionStatus::CompletedWithErrors => "What failed is tried again by the next run of its symbols.",
        ExecutionStatus::Failed => "Nothing came of it; the next run does its work.",
        ExecutionStatus::Cancelled => "What was fetched is kept; the next run fetches the rest.",
        ExecutionStatus::Interrupted => "What was fetched is kept; the engine took up the rest when it started again.",
    }
}

pub(super) fn item(model: &Model, row: usize) -> Option<Description> {
    let (_, item) = *model.items().get(row)?;
    let (sign, state) = phrase::item(item, model.shown_now());
    let mut line = Line::of(state.role(), format!("{sign} "));
    line.spans.extend(state.spans);
    match item.info.symbol.clone().zip(item.info.timeframe) {
        Some(name) => {
            let mut description = series::describe(model, &name, None);
            description.lines.insert(0, ("this run", line));
            Some(description)
        }
        None => Some(
            Description::new(Line::of(Role::Title, phrase::item_label(&item.label)))
                .with("this run", line)
                .text("what", "One request brings the daily bars of every symbol that trades.")
                .keys(model, &[(ActionId::Cancel, "cancels the run")]),
        ),
    }
}
