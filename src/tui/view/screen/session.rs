//! One session of one series, piece by piece: the bars of each as a column, its state as a letter.

use ratatui::layout::Rect;

use crate::draw::format;
use crate::draw::glyphs::LEVELS;
use crate::draw::hits::Target;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::view::context::{ViewContext, absence};
use crate::view::screen::coverage::{date, map, selected};
use crate::widgets::heat;
use barkeep_runtime::console::CellState;

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let now = view.now();
    let Some(name) = selected(model) else { return map(view, area) };
    let chosen = date(model, now);
    let answer = model.answers.session(&name, chosen);
    let title = Line::of(Role::Title, format!("{} {} ", name.0, name.1))
        .span(Role::Muted, chosen.format("session of %a %d %b %Y, 30-minute steps").to_string());
    let inner = view.list_panel(ListId::Coverage, area, title, &Line::new());
    view.hits.add(inner, Target::List(ListId::Coverage));
    let len = model.symbols.order.len();
    let cursor = model.cursor(ListId::Coverage);
    // The map's window stays as it was, so that zooming out finds it again.
    let before = model.hits.window_of(ListId::Coverage);
    view.hits.window(ListId::Coverage, before.around(cursor, len, before.height.max(1)));
    let Some(session) = answer.value.filter(|s| !s.pieces.is_empty()) else {
        let nothing = [Line::of(Role::Muted, "market closed on this day")];
        let lines = absence(&answer, &nothing);
        return view.canvas.center(inner, &lines);
    };
    let count = u16::try_from(session.pieces.len()).unwrap_or(u16::MAX).max(1);
    let each = (inner.width / count).clamp(1, 6);
    let most = session.pieces.iter().map(|(_, _, bars)| *bars).max().unwrap_or(0).max(1);
    let height = inner.height.saturating_sub(3).min(8);
    let bottom = inner.y + height;
    let shown = usize::from(inner.width / each);
    for (k, (start, cell, bars)) in (0..).zip(session.pieces.iter().take(shown)) {
        let x = inner.x + k * each;
        let (glyph, role) = heat::appearance(*cell);
        let eighths = usize::try_from(u64::from(*bars) * u64::from(height) * 8 / u64::from(most)).unwrap_or(0);
        let wide = each.saturating_sub(1).clamp(1, 4);
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
        let labelled = if each >= 6 { 1 } else { 12_u16.div_ceil(each * 2) * 2 };
        if k % labelled == 0 {
            let label = start.to_utc().format("%H:%M").to_string();
            view.canvas.text(
                x,
                bottom + 2,
                (labelled * each).saturating_sub(1).min(inner.right() - x),
                &label,
                Role::Muted,
            );
        }
    }
    let open = session.pieces.iter().filter(|(_, cell, _)| {
        matches!(
            cell.state,
            CellState::Unverified
                | CellState::Quarantined
                | CellState::NotEntitled
                | CellState::Late
                | CellState::Suspect
                | CellState::VendorHole
        )
    });
    for (y, (start, cell, bars)) in (bottom + 4..inner.bottom()).zip(open) {
        let (glyph, role) = heat::appearance(*cell);
        let line = Line::of(role, glyph)
            .span(Role::Strong, format!(" {} ", format::hour_minute(*start)))
            .span(role, heat::name(cell.state))
            .span(Role::Muted, if *bars > 0 { format!("  {}", format::plural(*bars, "bar")) } else { String::new() });
        view.canvas.line(inner.x, y, inner.width, &line);
    }
}
