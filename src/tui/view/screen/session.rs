//! One session of one series, bar by bar as far as they fit: the bars of each step as a column, its state as a letter.

use ratatui::layout::Rect;

use crate::draw::format;
use crate::draw::glyphs::LEVELS;
use crate::draw::hits::ClickTarget;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::view::context::{ViewContext, absence};
use crate::view::screen::coverage::{date, selected};
use crate::view::screen::map::map;
use crate::widgets::heat;
use barkeep_market::Ts;
use barkeep_market::ts::{HOUR, MINUTE};
use barkeep_runtime::console::{Cell, CellState};

/// What a column shows: when it starts, how it stands, the bars it holds, and how many it could hold.
type Step = (Ts, Cell, u32, u32);

/// Slots put together to steps of a round length, so that they fit into `room` columns.
fn steps(pieces: &[(Ts, Cell, u32)], room: u16) -> (Vec<Step>, i64) {
    let slot = match pieces {
        [(first, ..), (second, ..), ..] => *second - *first,
        _ => HOUR,
    };
    let lengths = [1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 240].map(|minutes| minutes * MINUTE);
    let count = |length: i64| pieces.len().div_ceil(usize::try_from(length / slot).unwrap_or(1).max(1));
    let fitting = lengths.into_iter().filter(|length| *length >= slot && length % slot == 0);
    let length = fitting.into_iter().find(|length| count(*length) <= usize::from(room)).unwrap_or(slot);
    let mut steps: Vec<(Ts, Vec<Cell>, u32, u32)> = Vec::new();
    for (start, cell, bars) in pieces {
        let at = start.floor(length);
        match steps.last_mut().filter(|last| last.0 == at) {
            Some((_, cells, sum, slots)) => {
                cells.push(*cell);
                *sum += bars;
                *slots += 1;
            }
            None => steps.push((at, vec![*cell], *bars, 1)),
        }
    }
    let merge = |(at, cells, bars, slots): (Ts, Vec<Cell>, u32, u32)| {
        let cell = if let [one] = cells[..] { one } else { heat::merge(&cells) };
        (at, cell, bars, slots)
    };
    (steps.into_iter().map(merge).collect(), length)
}

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let now = view.now();
    let Some(name) = selected(model) else { return map(view, area) };
    let chosen = date(model, now);
    let answer = model.answers.session(&name, chosen);
    let inner_width = area.width.saturating_sub(4);
    let pieces = answer.value.map_or(&[][..], |session| session.pieces.as_slice());
    let (steps, length) = steps(pieces, inner_width);
    let mut title = Line::of(Role::Title, format!("{} {} ", name.0, name.1))
        .span(Role::Muted, chosen.format("session of %a %d %b %Y").to_string());
    if steps.len() > 1 {
        title = title.span(Role::Muted, format!(", a column is {}", format::rough(length)));
    }
    let inner = view.list_panel(ListId::Coverage, area, title, &Line::new());
    view.hits.add(inner, ClickTarget::List(ListId::Coverage));
    // The map's window stays as it was, so that zooming out finds it again.
    let lines = model.map_lines();
    let before = model.hits.window_of(ListId::Coverage);
    let cursor = model.map_cursor(&lines);
    view.hits.window(ListId::Coverage, before.around(cursor, lines.len(), before.height.max(1)));
    if steps.is_empty() {
        let nothing = [Line::of(Role::Muted, "market closed on this day")];
        let lines = absence(&answer, &nothing);
        return view.canvas.center(inner, &lines);
    }
    let count = u16::try_from(steps.len()).unwrap_or(u16::MAX).max(1);
    let each = (inner.width / count).clamp(1, 6);
    let wide = each.saturating_sub(u16::from(each > 2)).clamp(1, 4);
    let height = inner.height.saturating_sub(3).min(8);
    let bottom = inner.y + height;
    let mut free_from = inner.x;
    for (k, (start, cell, bars, slots)) in (0..).zip(steps.iter().take(usize::from(inner.width / each))) {
        let x = inner.x + k * each;
        let (glyph, role) = heat::appearance(*cell);
        let eighths = u64::from(*bars) * u64::from(height) * 8 / u64::from(*slots).max(1);
        let eighths = usize::try_from(eighths).unwrap_or(0).min(usize::from(height) * 8);
        for row in 0..height {
            let here = eighths.saturating_sub(usize::from(height - 1 - row) * 8).min(8);
            if let Some(level) = LEVELS.get(here).filter(|_| here > 0) {
                view.canvas.repeat(x, inner.y + row, wide, level, role);
            }
        }
        view.canvas.repeat(x, bottom, wide, glyph, role);
        if each >= 4 {
            view.canvas.right(x, bottom + 1, wide, &bars.to_string(), Role::Muted);
        }
        let apart = if count > 60 { HOUR } else { length };
        if start.ms() % apart == 0 && x >= free_from && x + 5 <= inner.right() {
            view.canvas.text(x, bottom + 2, 5, &start.to_utc().format("%H:%M").to_string(), Role::Muted);
            free_from = x + 7;
        }
    }
    open(view, Rect::new(inner.x, bottom + 4, inner.width, inner.bottom().saturating_sub(bottom + 4)), &steps, length);
}

/// What is open, stretch by stretch.
fn open(view: &mut ViewContext, area: Rect, steps: &[Step], length: i64) {
    let is_open =
        |state: CellState| state.is_doubtful() || matches!(state, CellState::Unverified | CellState::NotEntitled);
    let mut stretches: Vec<(Ts, Ts, Cell, u32)> = Vec::new();
    for (start, cell, bars, _) in steps.iter().filter(|(_, cell, ..)| is_open(cell.state)) {
        match stretches.last_mut().filter(|last| last.1 == *start && last.2.state == cell.state) {
            Some(last) => (last.1, last.3) = (*start + length, last.3 + bars),
            None => stretches.push((*start, *start + length, *cell, *bars)),
        }
    }
    for (y, (start, end, cell, bars)) in (area.y..area.bottom()).zip(stretches) {
        let (glyph, role) = heat::appearance(cell);
        let line = Line::of(role, glyph)
            .span(Role::Strong, format!(" {} to {} ", format::hour_minute(start), format::hour_minute(end)))
            .span(role, heat::name(cell.state))
            .span(Role::Muted, if bars > 0 { format!("  {}", format::plural(bars, "bar")) } else { String::new() });
        view.canvas.line(area.x, y, area.width, &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_put_together_to_round_steps_that_fit() {
        let start = Ts(9 * HOUR);
        let cell = Cell { state: CellState::Present, eighths: 8 };
        let pieces: Vec<_> = (0..960).map(|k| (start + k * MINUTE, cell, 1)).collect();
        for (room, minutes, columns) in [(1_000, 1, 960), (480, 2, 480), (200, 5, 192), (116, 10, 96), (36, 30, 32)] {
            let (found, length) = steps(&pieces, room);
            assert_eq!((length / MINUTE, found.len()), (minutes, columns), "{room}");
            assert_eq!(found.iter().map(|(.., bars, _)| bars).sum::<u32>(), 960);
        }
    }
}
