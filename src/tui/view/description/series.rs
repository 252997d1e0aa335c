//! A series in words: how it stands, what failed, when it is tried next.

use super::Description;
use super::remedy::remedy;
use crate::actions::ActionId;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::now::cause::{cause, gaps_left};
use crate::now::conditions::next_try;
use crate::now::digest::{is_loading, overdue};
use crate::now::reasons::Reasons;
use crate::view::phrase;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{SeriesName, SeriesStatus};

/// Width enough for a tier with its mark.
const WITH_MARK: u16 = 20;

pub(super) fn describe(model: &Model, name: &SeriesName, attempt: Option<&SeriesStatus>) -> Description {
    let now = model.shown_now();
    let row = model.series(name);
    let mut title = Line::of(Role::Title, format!("{} {}", name.0, name.1));
    if let Some(row) = row {
        title = title.span(Role::Muted, format!(" {} · {}", row.asset_class, row.criticality));
    }
    let mut description = Description::new(title);
    let newest = || model.all_failing().iter().find(|status| (&status.symbol, status.timeframe) == (&name.0, name.1));
    let failed = attempt.or_else(newest).filter(|status| status.failed());
    let message = failed.and_then(|status| status.error_message.as_deref());
    if let Some(status) = failed {
        let what = message.map_or_else(|| "failed without a message; the log may say more".to_owned(), cause);
        let at = status.completed_at.or(status.started_at);
        let at = at.map_or_else(String::new, |at| format!(", {}", format::due(at, now).trim()));
        let left = message.and_then(gaps_left).filter(|n| *n > 0);
        let left = left.map_or_else(String::new, |n| format!("; {} left", format::plural(n, "gap")));
        description = description.with("failed", Line::of(Role::Bad, what).span(Role::Text, format!("{at}{left}")));
        description = description.text("outlook", remedy(message.unwrap_or_default()).outlook);
    } else if let Some(status) = attempt {
        let (sign, word, role) = phrase::series_state(&model.snap, status);
        let bars = format!(
            ", {} received, {} new",
            format::count(status.records_processed),
            format::count(status.records_inserted)
        );
        description = description.with("this run", Line::of(role, format!("{sign} {word}")).span(Role::Text, bars));
    }
    let Some(row) = row else {
        return description.text("stands", "it is not tracked any more");
    };
    description = description.with("stands", stands(model, row));
    let newest = row.newest_bar.map_or_else(
        || "no bars yet".to_owned(),
        |at| format!("the newest begins {}; {} stored", format::stamp(at, now), format::plural(row.bars, "bar")),
    );
    description = description.text("bars", newest);
    let detail = model.answers.detail(name).value;
    if let Some(detail) = detail {
        let share = format!("{} of its history", format::percent(detail.covered).trim());
        let gaps = match detail.gaps_total {
            0 => "; nothing is missing".to_owned(),
            n => format!("; {}", format::plural(n, "gap")),
        };
        description = description.text("history", share + &gaps);
        description =
            description.text("why", detail.explanation.sentences().into_iter().take(3).collect::<Vec<_>>().join(" "));
    } else if failed.is_none() {
        description = description.text("why", Reasons::of(&model.snap).why(row)).without("why", row);
    }
    description = description.text("next", next(model, row));
    let keys: &[(ActionId, &str)] = match message {
        Some(message) => remedy(message).keys,
        None if row.paused => &[
            (ActionId::PauseSeries, "resumes the series"),
            (ActionId::PauseSymbol, "resumes the symbol"),
            (ActionId::Open, "opens it"),
        ],
        None => &[
            (ActionId::Trigger, "fetches it now"),
            (ActionId::TriggerGap, "fetches the gap or day"),
            (ActionId::Open, "opens it"),
            (ActionId::PauseSymbol, "pauses the symbol"),
        ],
    };
    description.keys(model, keys)
}

impl Description {
    /// Leaves a line out that says nothing of a series that is fresh.
    fn without(mut self, label: &'static str, row: &SeriesView) -> Self {
        if row.tier == barkeep_market::freshness::Tier::Fresh {
            self.lines.retain(|(of, _)| *of != label);
        }
        self
    }
}

/// Tier, age, and what is allowed.
fn stands(model: &Model, row: &SeriesView) -> Line {
    let mut line = phrase::series_tier(row, WITH_MARK);
    if let Some(seconds) = row.staleness_seconds {
        line = line.span(Role::Text, format!(", {} behind", format::rough(seconds.saturating_mul(1000))));
    }
    let rpo = model.snap.data.rpo.iter().find(|rpo| rpo.criticality == row.criticality);
    if let Some(rpo) = rpo.filter(|_| row.tracked && !is_loading(row)) {
        let allowed = i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        line = line.span(Role::Muted, format!(", {} allowed", format::rough(allowed)));
        let late = overdue(&model.snap.data, row);
        if late > 0 {
            line = line.span(Role::Bad, format!(", {} too late", format::rough(late)));
        }
    }
    line
}

/// When it is tried next, or why it is not.
fn next(model: &Model, row: &SeriesView) -> String {
    let now = model.shown_now();
    if !row.tracked {
        return "it is not kept fresh".to_owned();
    }
    if row.paused {
        return "not until it is resumed".to_owned();
    }
    if model.facts().snap.live.paused.is_some() {
        return "not until the engine is resumed".to_owned();
    }
    if Reasons::of(&model.snap).is_under_way(row) {
        return "it is part of the run that is under way".to_owned();
    }
    next_try(&model.snap, row.criticality).map_or_else(
        || "unknown: no engine says when it runs next".to_owned(),
        |at| {
            let check = phrase::check(row.criticality.name());
            format!("check of {check} at {}, in {}", format::due(at, now).trim(), format::ahead(at - now))
        },
    )
}
