//! The first line: what the engine does, what it lives on and what time it is; and the line of screens below it.
//!
//! The most important parts come first and are the last to go when the line gets short.

use ratatui::layout::Rect;

use super::phrase;
use crate::draw::canvas::{Canvas, Line};
use crate::draw::format::{clock, count, due, hour_minute, plural, span, until};
use crate::draw::hits::{ClickTarget, HitMap};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::Screen;
use crate::now::conditions::{self, Condition};
use barkeep_market::Ts;
use barkeep_market::ts::MINUTE;
use barkeep_monitor::snapshot::{MarketPhase, MarketView, Snapshot};
use barkeep_runtime::console::{Access, Link};
use barkeep_service::handle::{EngineState, Live};

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    canvas.overlay(area, Role::Bar);
    let snap = &model.snap;
    let mut pieces: Vec<(u8, Line)> = vec![(20, Line::of(Role::Title, "barkeep"))];
    if let Some(label) = &model.label {
        // At any width it must be clear that the data are not real.
        let short = || label.split_whitespace().next().unwrap_or_default().to_owned();
        let text = if area.width < 70 { short() } else { label.clone() };
        pieces.push((101, Line::of(Role::Warn, text)));
    }
    // Of an engine elsewhere one has to know where; of this process it is worth knowing.
    let place_priority = if matches!(model.link, Link::Embedded) { 45 } else { 85 };
    pieces.push((place_priority, place(model)));
    pieces.push((100, state(model, hits)));
    let worst = worst(model);
    if !worst.is_empty() {
        pieces.push((97, worst));
    }
    if let Link::Lost { since, error, .. } = &model.link {
        hits.tick();
        let text = format!("CONNECTION LOST for {}: {error}", span(model.now.wall - *since));
        pieces.push((99, Line::of(Role::Bad, text)));
    }
    if let Some(since) = model.frozen {
        pieces.push((98, Line::of(Role::Paused, format!("VIEW FROZEN at {}", clock(since)))));
    }
    if let Some(run) = phrase::leading(&snap.live) {
        let share = phrase::share(run);
        let more = snap.live.runs.len() - 1;
        let more = if more > 0 { format!(" +{}", plural(more, "run")) } else { String::new() };
        pieces.push((80, Line::of(Role::Running, format!("{share}{more}"))));
    }
    pieces.push((70, vendor(snap, canvas.now, hits)));
    pieces.push((50, database(snap, canvas.now)));
    // One that stands by says so in its state.
    if let Some(fleet) = fleet(&snap.live).filter(|_| snap.live.state != EngineState::Standby) {
        pieces.push((48, fleet));
    }
    if model.access == Access::Read {
        pieces.push((75, Line::of(Role::Paused, "read-only")));
    }
    pieces.push((60, Line::of(Role::Strong, today(canvas.now))));
    if model.frozen.is_none() {
        hits.changes_at(Ts(canvas.now.ms() - canvas.now.ms().rem_euclid(MINUTE)) + MINUTE);
    }
    pieces.push((40, market(snap.data.market, canvas.now)));
    let inner = Rect::new(area.x + 1, area.y, area.width.saturating_sub(2), 1);
    canvas.pieces(inner.x, inner.y, inner.width, 3, &pieces);
}

/// Where this is: the host of the engine unless it is this process, and the database.
fn place(model: &Model) -> Line {
    let name = &model.snap.data.database_name;
    match &model.link {
        Link::Connected { url } | Link::Lost { url, .. } => {
            let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
            let line = Line::of(Role::Accent, host);
            if name.is_empty() { line } else { line.span(Role::Text, format!(" {name}")) }
        }
        Link::Embedded => Line::of(Role::Text, name.clone()),
    }
}

/// `Sun 22 Nov 06:52Z`.
fn today(now: Ts) -> String {
    format!("{} {}", now.to_utc().format("%a %d %b"), hour_minute(now))
}

/// What is worst in a word, and how many series it is about; empty when nothing is wrong or the state says it already.
pub(super) fn worst(model: &Model) -> Line {
    let conditions = model.conditions();
    let worst = conditions::severity(&conditions);
    let Some(condition) = conditions.iter().find(|condition| Some(condition.severity()) == worst) else {
        return Line::new();
    };
    let lost = matches!(condition, Condition::NotAnswering { .. });
    if lost || condition.word() == model.snap.live.state.name().to_uppercase() {
        return Line::new();
    }
    let role = if matches!(condition, Condition::Late { .. }) { Role::Breach } else { condition.severity().role() };
    match condition {
        Condition::Late { count } => Line::of(role, format!(" LATE {} ", crate::draw::format::count(*count))),
        Condition::Failing { total, .. } => Line::of(role, format!("FAILING {}", crate::draw::format::count(*total))),
        _ => Line::of(role, condition.word()),
    }
}

/// The state of the engine in a word, and since when where that matters. It looks good only while nothing is wrong, and
/// fades while nobody knows whether it is still true.
pub(super) fn state(model: &Model, hits: &mut HitMap) -> Line {
    let live = &model.snap.live;
    let role = match live.state {
        _ if matches!(model.link, Link::Lost { .. }) => Role::Muted,
        EngineState::Idle if model.conditions().is_empty() => Role::Good,
        EngineState::Idle => Role::Text,
        EngineState::Running => Role::Running,
        EngineState::Pausing | EngineState::Paused => Role::Paused,
        EngineState::Draining | EngineState::Standby => Role::Warn,
        EngineState::Failed => Role::Bad,
    };
    let mut line = Line::of(role, live.state.name().to_uppercase());
    if let Some(pause) = &live.paused {
        line = line.span(Role::Muted, format!(" by {} since {}", pause.by, hour_minute(pause.since)));
    }
    if let Some(reason) = live.reason.as_ref().filter(|_| live.state == EngineState::Standby) {
        line = line.span(Role::Muted, format!(" {reason}"));
    }
    if live.state == EngineState::Draining || model.quitting {
        hits.tick();
        line =
            line.span(Role::Warn, format!(" finishing {}", plural(crate::view::phrase::on_the_wire(live), "request")));
    }
    line
}

/// Which of several services works.
fn fleet(live: &Live) -> Option<Line> {
    let standby = live.on_standby();
    let (host, since) = live.leader().filter(|_| standby > 0)?;
    Some(Line::new().pair(host, format!("leads since {}, {standby} standby", hour_minute(since))))
}

fn vendor(snap: &Snapshot, now: Ts, hits: &mut HitMap) -> Line {
    let limit = &snap.live.limit;
    if let Some(frozen) = limit.frozen_for {
        let left = snap.live.at + frozen - now;
        if left > 0 {
            hits.tick();
            return Line::of(Role::Warn, format!("429: waiting {}", until(left)));
        }
    }
    match limit.limit {
        Some(most) => Line::new().pair("vendor", format!("{}/{most} per min", limit.used)),
        None => Line::new().pair("vendor", "no limit"),
    }
}

fn database(snap: &Snapshot, now: Ts) -> Line {
    let behind = now - snap.data.generated_at;
    if behind > conditions::read_patience(&snap.data) {
        return Line::of(Role::Bad, format!("{} not responding for {}", snap.data.database, span(behind)));
    }
    Line::new().pair(&snap.data.database, format!("{:.0} ms", snap.data.read_ms))
}

fn market(market: MarketView, now: Ts) -> Line {
    let name = match market.phase {
        MarketPhase::Closed => "closed",
        MarketPhase::PreMarket => "pre-market",
        MarketPhase::Open => "open",
        MarketPhase::AfterHours => "after hours",
    };
    let next = match market.phase {
        MarketPhase::Open => market.until.map(|t| format!(", closes {} in {}", due(t, now), minutes(t - now))),
        _ => market.opens_at.map(|t| format!(", opens {} in {}", due(t, now), minutes(t - now))),
    };
    Line::new().pair("NYSE", format!("{name}{}", next.unwrap_or_default()))
}

/// How long until something, to the minute: the header is not drawn every second.
fn minutes(ms: i64) -> String {
    let minutes = (ms.max(0) + MINUTE - 1) / MINUTE;
    match minutes / 60 {
        0 => format!("{minutes}m"),
        hours if hours < 100 => format!("{hours}h {:02}m", minutes % 60),
        hours => format!("{}d", hours / 24),
    }
}

/// The screens with their keys, and how one got here.
pub(super) fn tabs(model: &Model, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    let path = breadcrumbs(model);
    let room = area.width.saturating_sub(2);
    // All titles, short ones, or only the one in front: how one got here comes first.
    let needs = |title: fn(Screen) -> &'static str| -> u16 {
        Screen::ALL.iter().map(|screen| crate::draw::canvas::width(title(*screen)) + 5).sum()
    };
    let full = needs(Screen::title) <= room;
    let short = !full && path.is_empty() && needs(Screen::short_title) <= room + 1;
    let mut x = area.x + 1;
    for screen in Screen::ALL {
        let here = screen == model.screen;
        let title = if short {
            format!(" {} {} ", screen.number(), screen.short_title())
        } else if here || full {
            format!(" {} {} ", screen.number(), screen.title())
        } else {
            format!(" {} ", screen.number())
        };
        let width = crate::draw::canvas::width(&title);
        if x + width > area.right() {
            break;
        }
        canvas.text(x, area.y, width, &title, if here { Role::Strong } else { Role::Muted });
        let place = Rect::new(x, area.y, width, 1);
        if here {
            canvas.overlay(place, Role::Selected);
        }
        hits.add(place, ClickTarget::Screen(screen));
        x += width + 1;
    }
    let left = area.right().saturating_sub(x + 1);
    if !path.is_empty() && left > 8 {
        canvas.line_right(x + 1, area.y, left.saturating_sub(1), &path);
    }
}

/// `Symbols > AAPL 5m`, and what is filtered and marked.
fn breadcrumbs(model: &Model) -> Line {
    let mut line = Line::new();
    for screen in &model.trail {
        line = line.span(Role::Muted, format!("{} > ", screen.title()));
    }
    if !model.trail.is_empty() {
        line = line.span(Role::Text, model.screen.title());
    }
    let subject = match model.screen {
        Screen::Detail => model.detail_series().map(|(symbol, timeframe)| format!("{symbol} {timeframe}")),
        Screen::Executions => model.executions.open.map(phrase::id),
        _ => None,
    };
    if let Some(subject) = subject {
        line = line.span(Role::Strong, format!(" {subject}"));
    }
    let tables = matches!(model.screen, Screen::Symbols | Screen::Coverage);
    if tables && !model.symbols.filter.is_empty() {
        line = line.span(Role::Muted, "  filter ").span(Role::Accent, model.symbols.filter.clone());
    }
    if model.screen == Screen::Log && !model.log.filter.is_empty() {
        line = line.span(Role::Muted, "  filter ").span(Role::Accent, model.log.filter.clone());
    }
    if tables && !model.symbols.marks.is_empty() {
        line = line.span(Role::Marked, format!("  {} marked", count(model.symbols.marks.len())));
    }
    line
}
