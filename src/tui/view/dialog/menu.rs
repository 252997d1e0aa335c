//! Help and palette: a line to type into and the actions that fit it, with their keys and why one cannot be done now.

use ratatui::layout::{Position, Rect};

use crate::actions::{Group, Sign, Spec};
use crate::draw::canvas::{Canvas, Line};
use crate::draw::format::plural;
use crate::draw::hits::{ClickTarget, HitMap, ListWindow};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::layer::{Layer, Menu};
use crate::view::footer::skip_columns;

/// Columns of the keys and of the title.
const KEYS: u16 = 16;
const TITLE: u16 = 16;

/// A line of the list: a heading, or an action with its number.
enum Entry {
    Group(Group),
    Action(usize, &'static Spec),
    /// The heading of the legend, and a sign with its number.
    Signs,
    Sign(usize, &'static Sign),
}

pub(crate) fn draw(model: &Model, menu: &Menu, canvas: &mut Canvas<'_>, body: Rect, hits: &mut HitMap) {
    let help = matches!(model.layers.last(), Some(Layer::Help(_)));
    let listed = model.listed();
    let cursor = menu.cursor.min(model.menu_len().saturating_sub(1));
    let lines = lines(&listed, &model.signs(), help && menu.input.value().is_empty());
    let width = body.width.min(if help { 110 } else { 90 });
    let height = body.height.min(u16::try_from(lines.len().max(1)).unwrap_or(u16::MAX).saturating_add(4)).max(3);
    let area = Rect::new(
        body.x + (body.width - width) / 2,
        body.y + (body.height - height.min(body.height)) / 3,
        width,
        height.min(body.height),
    );
    canvas.clear(area);
    let title = if help { format!("Help: {}", model.screen.title()) } else { "Commands".to_owned() };
    let tail = match model.typed_symbol() {
        Some(symbol) => Line::of(Role::Key, "enter").span(Role::Text, format!(" opens {symbol}")),
        None => Line::of(Role::Muted, plural(listed.len(), if help { "key" } else { "command" })),
    };
    let inner = canvas.block(area, &Line::of(Role::Title, title), &tail, Role::BorderFocused);
    if inner.is_empty() {
        return;
    }
    let line = inner.width.saturating_sub(2);
    canvas.text(inner.x, inner.y, 1, if help { "?" } else { ":" }, Role::Key);
    let scroll = menu.input.visual_scroll(usize::from(line));
    canvas.text(inner.x + 1, inner.y, line, &skip_columns(menu.input.value(), scroll), Role::Strong);
    if menu.input.value().is_empty() {
        canvas.text(inner.x + 2, inner.y, line.saturating_sub(1), "type to search", Role::Muted);
    }
    let caret = u16::try_from(menu.input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    hits.caret = Some(Position::new((inner.x + 1 + caret).min(inner.right() - 1), inner.y));
    let list = Rect::new(inner.x, inner.y + 2.min(inner.height), inner.width, inner.height.saturating_sub(2));
    if lines.is_empty() {
        canvas.text(list.x, list.y, if list.height > 0 { list.width } else { 0 }, "no match", Role::Muted);
        return;
    }
    let at = lines.iter().position(|line| matches!(line, Entry::Action(k, _) | Entry::Sign(k, _) if *k == cursor));
    let window = ListWindow::default().around(at, lines.len(), usize::from(list.height));
    let shown = lines.iter().skip(window.offset).take(window.height);
    for (y, line) in (list.y..list.bottom()).zip(shown) {
        match line {
            Entry::Group(group) => {
                canvas.text(list.x, y, list.width, group.title(), Role::Header);
            }
            Entry::Signs => {
                canvas.text(list.x, y, list.width, "Signs and colors", Role::Header);
            }
            Entry::Sign(number, Sign { sign, role, meaning }) => {
                let room = if list.width >= 60 { KEYS } else { 10 };
                canvas.text(list.x, y, room.saturating_sub(1).min(list.width), sign, *role);
                canvas.text(list.x + room, y, list.width.saturating_sub(room), meaning, Role::Text);
                if *number == cursor {
                    canvas.overlay(Rect::new(list.x, y, list.width, 1), Role::Selected);
                }
            }
            Entry::Action(number, spec) => {
                let row = Rect::new(list.x, y, list.width, 1);
                action(model, spec, canvas, row);
                if *number == cursor {
                    canvas.overlay(row, Role::Selected);
                }
                hits.add(row, ClickTarget::Line(*number));
            }
        }
    }
}

fn lines(listed: &[&'static Spec], signs: &[&'static Sign], grouped: bool) -> Vec<Entry> {
    let mut lines = Vec::with_capacity(listed.len() + Group::ALL.len());
    let mut group = None;
    for (number, spec) in listed.iter().enumerate() {
        if grouped && group != Some(spec.group) {
            group = Some(spec.group);
            lines.push(Entry::Group(spec.group));
        }
        lines.push(Entry::Action(number, spec));
    }
    if !signs.is_empty() {
        lines.push(Entry::Signs);
        lines.extend(signs.iter().enumerate().map(|(k, sign)| Entry::Sign(listed.len() + k, sign)));
    }
    lines
}

fn action(model: &Model, spec: &Spec, canvas: &mut Canvas<'_>, row: Rect) {
    let keys = model.keymap.keys(spec.id).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let wide = row.width >= 60;
    let (keys_room, title_room) = if wide { (KEYS, TITLE) } else { (9, 13) };
    let why = model.permits(spec).err();
    let role = if why.is_some() { Role::Muted } else { Role::Text };
    canvas.text(row.x, row.y, keys_room - 1, &keys, if why.is_some() { Role::Muted } else { Role::Key });
    canvas.text(
        row.x + keys_room,
        row.y,
        title_room,
        spec.title(model),
        if why.is_some() { Role::Muted } else { Role::Strong },
    );
    let x = row.x + keys_room + title_room + 1;
    let room = row.right().saturating_sub(x);
    match why {
        Some(why) => canvas.text(x, row.y, room, &format!("unavailable: {why}"), Role::Warn),
        None => canvas.text(x, row.y, room, spec.help, role),
    };
}
