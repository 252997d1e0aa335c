//! Why a series is as old as it is: the causes of its age, each with its share, adding up to the whole; and a bar in
//! quarantine beside its neighbors.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::suspect::{self, Stored};
use crate::actions::ActionId;
use crate::draw::canvas::{Line, wrap};
use crate::draw::format;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::now::cause::cause;
use crate::widgets::bar;
use barkeep_market::Bar;
use barkeep_monitor::explain::{Blocker, Cause};
use barkeep_runtime::console::Detail;

/// How a cause looks: what the market and the vendor explain is quiet.
const fn role(cause: Cause) -> Role {
    match cause {
        Cause::MarketClosed | Cause::BarGrowing | Cause::NoTrades | Cause::Untracked | Cause::Ended => Role::Muted,
        Cause::VendorDelay | Cause::WaitingForRun | Cause::NeverAsked | Cause::Halted | Cause::Unjudged => Role::Info,
        Cause::Quarantined | Cause::Failed => Role::Bad,
        Cause::NotEntitled => Role::Refused,
        Cause::Paused => Role::Paused,
        Cause::WaitingForTokens | Cause::VendorLate => Role::Warn,
        Cause::InProgress | Cause::Loading => Role::Running,
    }
}

fn blocker(blocker: &Blocker, now: barkeep_market::Ts) -> Line {
    let mut line = Line::of(role(blocker.cause), blocker.cause.words());
    if let Some(by) = &blocker.by {
        line = line.span(Role::Text, format!(" by {by}"));
    }
    if let Some(since) = blocker.since {
        line = line.span(Role::Muted, format!(" since {}", format::due(since, now)));
    }
    if let Some(detail) = &blocker.detail {
        line = line.span(Role::Text, format!(": {}", cause(detail)));
    }
    line
}

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect, detail: &Detail) {
    let why = &detail.explanation;
    let now = view.now();
    let title = match why.staleness_seconds {
        Some(s) => Line::of(Role::Title, "Why ")
            .span(why.status.into(), format!("{} {}", why.status.letter(), why.status))
            .span(Role::Title, format!(", {} behind", format::rough(s.saturating_mul(1000)))),
        None => {
            Line::of(Role::Title, "Why ").span(why.status.into(), format!("{} {}", why.status.letter(), why.status))
        }
    };
    let accepted = i64::try_from(why.acceptable_staleness_seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
    let tail = if why.breached {
        Line::of(Role::Breach, format!(" over the limit of {} ", format::rough(accepted)))
    } else {
        Line::of(Role::Muted, format!("{} allowed", format::rough(accepted)))
    };
    let inner = view.canvas.block(area, &title, &tail, if why.breached { Role::Bad } else { Role::Border });
    view.canvas.text(inner.x, inner.y, 9.min(inner.width), "now", Role::Muted);
    let x = inner.x + 9.min(inner.width);
    let said = blocker(&why.blocker, now);
    let room = Rect::new(x, inner.y, inner.right() - x, if inner.height > 12 { 2 } else { 1 });
    let mut y = inner.y + 1;
    if said.width() > room.width && room.height > 1 {
        y = inner.y + view.canvas.paragraph(room, &said.to_string(), role(why.blocker.cause));
    } else {
        view.canvas.line(x, inner.y, room.width, &said);
    }
    let top = y;
    if y >= inner.bottom() {
        return;
    }
    let causes_need = why.split.as_ref().map_or(0, |split| u16::try_from(split.causes.len() + 1).unwrap_or(u16::MAX));
    // What it is in sentences first; the figures keep their place, and one empty line between where there is one.
    let room = inner.bottom().saturating_sub(y).saturating_sub(causes_need + 1);
    let mut sentences = why.sentences();
    // The newest bar is one thing, the history another.
    sentences.extend(missing_history(view, detail));
    for sentence in sentences {
        let lines = u16::try_from(wrap(&sentence, inner.width).len()).unwrap_or(u16::MAX);
        let left = (top + room).saturating_sub(y);
        if left == 0 || (lines > left && y > top) {
            break;
        }
        let place = Rect::new(inner.x, y, inner.width, lines.min(left));
        y += view.canvas.paragraph(place, &sentence, Role::Text);
    }
    let Some(split) = &why.split else { return };
    if usize::from(inner.bottom().saturating_sub(y)) > split.causes.len() + 1 {
        y += 1;
    }
    let rest = Rect::new(inner.x, y, inner.width, inner.bottom().saturating_sub(y));
    causes(view, rest, split);
}

/// What the history still lacks, and the key that fetches it.
fn missing_history(view: &ViewContext, detail: &Detail) -> Option<String> {
    if detail.gaps_total == 0 || detail.covered >= 1.0 {
        return None;
    }
    let missing = 100 - format::whole_percent(detail.covered).min(99);
    let fetch = match view.model.keymap.hint(ActionId::TriggerGap) {
        Some(key) if detail.gaps.iter().any(|gap| !gap.not_entitled) => {
            format!("; {key} fetches the gap that is selected below")
        }
        _ => String::new(),
    };
    let gaps = format::plural(detail.gaps_total, "gap");
    Some(format!("Of the history to keep, {missing} % is missing, in {gaps}{fetch}."))
}

fn causes(view: &mut ViewContext, area: Rect, split: &barkeep_monitor::explain::AgeSplit) {
    if area.height == 0 {
        return;
    }
    // The last line is the sum; what finds no line is added up in one.
    let room = usize::from(area.height.saturating_sub(1));
    let shown = if split.causes.len() <= room { split.causes.len() } else { room.saturating_sub(1) };
    let gauge = if area.width > 40 { 8 } else { 0 };
    let one = |view: &mut ViewContext, y: u16, ms: i64, stale_ms: i64, what: &Line, role: Role| {
        view.canvas.text(area.x, y, 8, &format::age(ms), if stale_ms > 0 { Role::Strong } else { Role::Muted });
        if gauge > 0 {
            bar::share(&mut view.canvas, area.x + 9, y, gauge, ms as f64 / split.age_ms.max(1) as f64, role);
        }
        let x = area.x + 9 + gauge + u16::from(gauge > 0);
        let mut line = what.clone();
        if stale_ms > 0 && stale_ms < ms {
            line = line.span(Role::Muted, format!(" ({} counts)", format::rough(stale_ms)));
        }
        view.canvas.line(x, y, area.right().saturating_sub(x), &line);
    };
    let mut y = area.y;
    for share in split.causes.iter().take(shown) {
        let role = role(share.blocker.cause);
        let mut line = Line::of(role, share.blocker.cause.words());
        if let Some(detail) = &share.blocker.detail {
            line = line.span(Role::Muted, format!(": {}", cause(detail)));
        }
        one(view, y, share.ms, share.stale_ms, &line, role);
        y += 1;
    }
    let left: Vec<_> = split.causes.iter().skip(shown).collect();
    if !left.is_empty() && room > 0 {
        let (ms, stale) = left.iter().fold((0, 0), |(a, b), s| (a + s.ms, b + s.stale_ms));
        one(view, y, ms, stale, &Line::of(Role::Muted, format!("{} more causes", left.len())), Role::Muted);
        y += 1;
    }
    if y < area.bottom() {
        let line = Line::of(Role::Strong, format::age(split.age_ms))
            .span(Role::Muted, "  in all, behind by ")
            .span(Role::Strong, format::rough(split.staleness_ms));
        view.canvas.line(area.x, y, area.width, &line);
    }
}

/// The selected bar in quarantine with the bars stored around it.
pub fn compare(view: &mut ViewContext, area: Rect, detail: &Detail) {
    let model = view.model;
    let chosen = model.cursor(ListId::DetailQuarantine).and_then(|k| model.detail_quarantine().get(k));
    let Some(row) = chosen else { return };
    let title = Line::of(Role::Title, "Quarantine ").span(Role::Bad, row.reason.clone());
    let inner = view.list_panel(ListId::DetailQuarantine, area, title, &Line::of(Role::Muted, "with its neighbors"));
    let at = row.bar.ts;
    let around = |is_before: bool| detail.bars.iter().filter(move |b| b.ts != at && (b.ts < at) == is_before);
    let before: Vec<&Bar> = around(true).rev().take(2).collect();
    let line_at = |y: u16| Rect::new(inner.x, y, inner.width, 1);
    suspect::heading(&mut view.canvas, line_at(inner.y));
    let stored = suspect::stored(Some(detail), at);
    let replaced = if let Stored::Bar(bar) = stored { Some(bar) } else { None };
    let mut lines: Vec<(&str, &Bar, Role)> = before.into_iter().rev().map(|bar| ("", bar, Role::Text)).collect();
    lines.extend(replaced.map(|bar| ("stored", bar, Role::Strong)));
    lines.push(("sent", &row.bar, Role::Bad));
    lines.extend(around(false).take(2).map(|bar| ("", bar, Role::Text)));
    let mut y = inner.y + 1;
    for (what, bar, role) in lines {
        if y < inner.bottom() {
            let other = replaced.filter(|_| what == "sent");
            suspect::line(&mut view.canvas, line_at(y), what, bar, role, other);
        }
        y += 1;
    }
    if y < inner.bottom() {
        view.canvas.line(inner.x, y, inner.width, &suspect::consequence(stored));
    }
}
