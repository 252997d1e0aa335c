//! Requests, alerts, bars in quarantine and the other rows in words.

use super::Description;
use super::remedy::remedy;
use crate::actions::ActionId;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::Screen;
use crate::now::cause::short_times;
use crate::view::{attempts, phrase, suspect};
use barkeep_market::AssetClass;
use barkeep_runtime::console::{
    AlertRow, FeatureFailureRow, Gap, LogLine, OperatorAction, QuarantineRow, RequestRow, Verdict,
};

pub(super) fn request(model: &Model, row: &RequestRow) -> Description {
    let now = model.shown_now();
    let subject = row.ticker.clone().unwrap_or_else(|| match &*row.endpoint {
        "grouped_daily" => "the daily bars of all symbols".to_owned(),
        other => other.replace('_', " "),
    });
    let tf = row.timeframe.map_or_else(String::new, |tf| format!(" {tf}"));
    let title = Line::of(Role::Title, format!("Request {subject}{tf}"));
    let answer = match row.status {
        Some(status @ 200..=299) => Line::of(Role::Good, format!("{status}: answered")),
        Some(status @ 429) => Line::of(Role::Warn, format!("{status}: over the vendor's limit")),
        Some(status) => Line::of(Role::Bad, format!("{status}: refused or failed")),
        None => Line::of(Role::Bad, "no answer"),
    };
    let took = format!(" after {}, {}", format::latency(row.latency_ms), format::bytes(row.bytes));
    let changed = match row.changed {
        Some(0) => ", none of them new".to_owned(),
        Some(n) => format!(", {} new or changed", format::count(n)),
        None => String::new(),
    };
    let mut description = Description::new(title)
        .with("answer", answer.span(Role::Text, took))
        .text("made", format!("{}, attempt {}", format::stamp(row.started_at, now), row.attempt))
        .text("asked for", row.asked.map_or_else(String::new, |range| format::dates(range.start, range.end)))
        .text("brought", format!("{}{changed}", format::plural(row.rows, "bar")));
    if let Some(error) = &row.error {
        let message = format!("{}: {error}", row.outcome);
        description = description
            .with("problem", Line::of(Role::Bad, crate::now::cause::cause(&message)))
            .text("outlook", remedy(&message).outlook);
    }
    description
        .text("id", row.request_id.clone().unwrap_or_default())
        .keys(model, &[(ActionId::Copy, "copies it"), (ActionId::Filter, "filters, as in status:503")])
}

pub(super) fn alert(model: &Model, row: &AlertRow) -> Description {
    let now = model.shown_now();
    let since = format::stamp(row.raised_at, now);
    let state = match row.resolved_at {
        None => Line::of(phrase::severity(row.severity), format!("! open, {}", row.severity.name()))
            .span(Role::Text, format!(", for {}", format::rough(now - row.raised_at))),
        Some(at) => Line::of(Role::Good, "✓ over")
            .span(Role::Text, format!(", it lasted {}", format::rough(at - row.raised_at))),
    };
    let outlook =
        if row.resolved_at.is_some() { "Nothing to do." } else { "It closes by itself once the cause is gone." };
    Description::new(Line::of(Role::Title, "Alert ").span(Role::Muted, row.kind.replace('_', " ")))
        .text("message", short_times(&row.message))
        .with("state", state)
        .text("since", since)
        .text("outlook", outlook)
        .keys(
            model,
            &[
                (ActionId::Go(Screen::Overview), "what is wrong now"),
                (ActionId::Go(Screen::Symbols), "the series"),
                (ActionId::Go(Screen::Log), "the log"),
                (ActionId::Copy, "copies it"),
            ],
        )
}

pub(super) fn suspect(model: &Model, row: &QuarantineRow) -> Description {
    let now = model.shown_now();
    let [open, high, low, close] = [row.bar.open, row.bar.high, row.bar.low, row.bar.close].map(format::price);
    let title = Line::of(Role::Title, format!("{} {}", row.symbol, row.timeframe))
        .span(Role::Muted, format!(" bar of {}", format::stamp(row.bar.ts, now)));
    let description = Description::new(title).with("suspect", Line::of(Role::Bad, row.reason.clone())).text(
        "sent",
        format!("open {open}, high {high}, low {low}, close {close}, volume {}", format::short(row.bar.volume)),
    );
    let description = match suspect::stored_of(model, row) {
        suspect::Stored::Bar(bar) => {
            let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(format::price);
            description.text("stored", format!("open {open}, high {high}, low {low}, close {close}"))
        }
        suspect::Stored::Nothing => description.text("stored", "nothing for this time"),
        suspect::Stored::Unknown => description,
    };
    let decided = row.decided_at.map_or_else(String::new, |at| format!(" {}", format::stamp(at, now)));
    let state = match row.status {
        Verdict::Pending => "It waits for a decision; until then it is not stored.".to_owned(),
        Verdict::Accepted => format!("It was accepted{decided} and is stored."),
        Verdict::Rejected => format!("It was rejected{decided} and is not stored."),
    };
    description.text("state", state).text("request", row.request_id.clone().unwrap_or_default()).keys(
        model,
        &[
            (ActionId::Compare, "compares it"),
            (ActionId::Accept, "accepts it"),
            (ActionId::Reject, "rejects it"),
            (ActionId::Undo, "undoes the last"),
        ],
    )
}

pub(super) fn feature(model: &Model, row: &FeatureFailureRow) -> Description {
    let now = model.shown_now();
    let failure = &row.failure;
    let state = match row.resolved_at {
        Some(at) => Line::of(Role::Good, format!("✓ over since {}", format::stamp(at, now))),
        None => Line::of(Role::Warn, format!("tried again {}", times(row.retry_count))),
    };
    let outlook = if row.resolved {
        "Nothing to do."
    } else {
        "The bars are stored; the next run of the series computes its features again."
    };
    Description::new(Line::of(Role::Title, format!("Features of {} {}", failure.symbol, failure.timeframe)))
        .with(
            "failed",
            Line::of(Role::Bad, short_times(&failure.error_message))
                .span(Role::Text, format!(", {}", format::stamp(failure.failed_at, now))),
        )
        .with("state", state)
        .text("outlook", outlook)
        .keys(model, &[(ActionId::Trigger, "runs the series now"), (ActionId::Open, "opens it")])
}

fn times(n: i64) -> String {
    match n {
        0 => "not yet".to_owned(),
        1 => "once".to_owned(),
        n => format!("{} times", format::count(n)),
    }
}

pub(super) fn deed(model: &Model, action: &OperatorAction) -> Description {
    let (result, role) = phrase::result(&action.result);
    Description::new(Line::of(Role::Title, "Operator action"))
        .text("what", phrase::deed(action))
        .text("by", action.actor.clone())
        .text("at", format::stamp(action.at, model.shown_now()))
        .with("result", Line::of(role, if result == "✓" { "✓ done" } else { result }))
        .keys(model, &[(ActionId::Undo, "undoes your last action"), (ActionId::Copy, "copies it")])
}

pub(super) fn gap(model: &Model, gap: &Gap) -> Description {
    let name = model.detail_series();
    let class = name.as_ref().and_then(|name| model.series(name)).map_or(AssetClass::Stock, |row| row.asset_class);
    let title = name.map_or_else(|| "Gap".to_owned(), |(symbol, timeframe)| format!("Gap of {symbol} {timeframe}"));
    let why = if gap.not_entitled {
        "Your vendor plan does not include it; nobody asks for it again before the refusal expires."
    } else {
        "The vendor has not answered for this time yet; the daily full check asks for it, or you do."
    };
    let cost = match gap.requests {
        Some(0) => "nothing to fetch now".to_owned(),
        Some(n) => format!("fetching it takes {}", format::plural(n, "request")),
        None => String::new(),
    };
    Description::new(Line::of(Role::Title, title))
        .text("what", attempts::hole(gap, class, model.shown_now()))
        .text("why", why)
        .text("cost", cost)
        .keys(model, &[(ActionId::TriggerGap, "fetches it"), (ActionId::Open, "shows it on the map")])
}

pub(super) fn log(model: &Model, line: &LogLine) -> Description {
    let role = phrase::level(line.level);
    Description::new(Line::of(Role::Title, "Log line ").span(Role::Muted, line.source.clone()))
        .with("said", Line::of(role, short_times(&line.text)))
        .text("at", format!("{} {}", format::clock(line.at), line.level.name()))
        .keys(
            model,
            &[
                (ActionId::Copy, "copies it"),
                (ActionId::NextMatch, "next line that fits"),
                (ActionId::Filter, "filters the log"),
            ],
        )
}
