//! The command line: what is typed, what Enter would do or what is wrong, how it is written, and what can follow.

use ratatui::layout::{Position, Rect};

use crate::draw::canvas::{Canvas, Line, wrap};
use crate::draw::format::plural;
use crate::draw::hits::{HitMap, ListWindow};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::command_line::{CommandLine, Order, Tracked, Verb, Wrong};
use crate::model::completion::choices;
use crate::view::footer::skip_columns;
use barkeep_runtime::console::FoundTicker;

/// Rows of the tickers that were found.
const FOUND: usize = 10;
/// Columns of a found ticker and of its class.
const TICKER: u16 = 14;
const CLASS: u16 = 8;

pub(crate) fn draw(model: &Model, command: &CommandLine, canvas: &mut Canvas<'_>, body: Rect, hits: &mut HitMap) {
    let width = body.width.min(90);
    let room = width.saturating_sub(4);
    let lines = lines(model, command, room);
    let found = match command.search.as_ref().and_then(|search| model.found_tickers(search)) {
        Some(Ok(found)) => found,
        _ => &[],
    };
    let list_rows = found.len().min(FOUND);
    let wanted = lines.len() + 4 + list_rows + usize::from(list_rows > 0);
    let height = body.height.min(u16::try_from(wanted).unwrap_or(u16::MAX));
    let area = Rect::new(body.x + (body.width - width) / 2, body.y + (body.height - height) / 3, width, height);
    canvas.clear(area);
    let inner = canvas.block(area, &Line::of(Role::Title, "Command"), &Line::new(), Role::BorderFocused);
    if inner.is_empty() {
        return;
    }
    let line = inner.width.saturating_sub(2);
    let scroll = command.input.visual_scroll(usize::from(line));
    canvas.text(inner.x, inner.y, 1, ":", Role::Key);
    canvas.text(inner.x + 1, inner.y, line, &skip_columns(command.input.value(), scroll), Role::Strong);
    let caret = u16::try_from(command.input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    hits.caret = Some(Position::new((inner.x + 1 + caret).min(inner.right() - 1), inner.y));
    let mut y = inner.y + 2;
    for line in &lines {
        if y >= inner.bottom() {
            return;
        }
        canvas.line(inner.x, y, inner.width, line);
        y += 1;
    }
    let Some(search) = &command.search else { return };
    let top = y + 1;
    let window =
        ListWindow::default().around(Some(search.cursor), found.len(), usize::from(inner.bottom().saturating_sub(top)));
    let shown = found.iter().enumerate().skip(window.offset).take(window.height);
    for (y, (k, ticker)) in (top..inner.bottom()).zip(shown) {
        ticker_line(canvas, Rect::new(inner.x, y, inner.width, 1), ticker, k == search.cursor);
    }
}

fn ticker_line(canvas: &mut Canvas<'_>, row: Rect, ticker: &FoundTicker, selected: bool) {
    canvas.text(row.x, row.y, TICKER.min(row.width), ticker.symbol.as_str(), Role::Strong);
    canvas.text(
        row.x + TICKER,
        row.y,
        CLASS.min(row.width.saturating_sub(TICKER)),
        ticker.asset_class.name(),
        Role::Text,
    );
    let x = TICKER + CLASS;
    canvas.text(row.x + x, row.y, row.width.saturating_sub(x), &ticker.name, Role::Muted);
    if selected {
        canvas.overlay(row, Role::Selected);
    }
}

fn wrapped(role: Role, text: &str, room: u16) -> impl Iterator<Item = Line> {
    wrap(text, room).into_iter().map(move |line| Line::of(role, line))
}

fn lines(model: &Model, command: &CommandLine, room: u16) -> Vec<Line> {
    let text = command.input.value();
    let (role, what) = match model.order_of(command) {
        Ok(order) => (Role::Good, does(&order)),
        Err(Wrong::Missing(what)) => (Role::Muted, what),
        Err(Wrong::Mistake(what)) => (Role::Warn, what),
    };
    let mut lines: Vec<Line> = wrapped(role, &what, room).collect();
    lines.push(Line::new());
    let Some(verb) = Verb::of(text) else { return lines };
    let (usage, about) = verb.usage();
    lines.extend(wrapped(Role::Text, usage, room));
    lines.extend(wrapped(Role::Muted, about, room));
    let next = choices(text, Tracked(&model.snap.data.series));
    if !next.is_empty() && command.search.is_none() {
        lines.push(Line::new());
        let shown: Vec<&str> = next.iter().take(40).map(String::as_str).collect();
        lines.extend(wrapped(Role::Accent, &shown.join("  "), room).take(2));
    }
    if verb == Verb::Add {
        lines.push(Line::new());
        lines.extend(wrapped(Role::Muted, &search_line(model, command), room));
    }
    lines
}

/// What Enter does.
fn does(order: &Order) -> String {
    let named = |all: &[barkeep_market::Symbol]| plural(all.len(), "symbol");
    match order {
        Order::Add { symbols, .. } => format!("enter shows the plan for {} and adds them", named(symbols)),
        Order::Remove { symbols, purge: false } => format!("enter asks, then stops tracking {}", named(symbols)),
        Order::Remove { symbols, purge: true } => format!("enter asks, then deletes {} with all bars", named(symbols)),
        Order::Tier { symbols, criticality } => format!("enter makes {} {criticality}", named(symbols)),
        Order::FetchTier(criticality) => format!("enter shows the plan for every {criticality} symbol"),
        Order::Since { symbols, .. } => format!("enter shows the plan for {} and changes them", named(symbols)),
        Order::Backfill { symbols, .. } => format!("enter shows the plan for {}", named(symbols)),
        Order::Open(symbol, timeframe) => format!("enter opens {symbol} {timeframe}"),
        Order::Sort(sort) if sort.reversed => format!("enter sorts by {}, reversed", sort.by.name()),
        Order::Sort(sort) => format!("enter sorts by {}", sort.by.name()),
    }
}

/// How the search stands and what it costs.
fn search_line(model: &Model, command: &CommandLine) -> String {
    let limit = &model.snap.live.limit;
    let used =
        limit.limit.map_or_else(String::new, |most| format!(" ({} of {most} used in the last 60 s)", limit.used));
    let Some(search) = &command.search else {
        return format!("ctrl-s searches the vendor's tickers for the last word: 1 request{used}");
    };
    let text = barkeep_base::text::printable(&search.text);
    match model.found_tickers(search) {
        None => format!("searching the vendor's tickers for {text}: 1 request{used}"),
        Some(Err(why)) => format!("the search for {text} failed: {why}"),
        Some(Ok([])) => format!("the vendor knows no ticker like {text} that can be tracked"),
        Some(Ok(found)) => {
            format!("{} for {text}; up and down choose, enter takes it", plural(found.len(), "ticker"))
        }
    }
}
