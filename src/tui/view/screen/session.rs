//! One session of one series, piece by piece: the bars of each as a column, its state as a letter.

use ratatui::layout::Rect;

use crate::draw::format;
use crate::draw::glyphs::LEVELS;
use crate::draw::hits::Target;
use crate::draw::theme::Role;
use crate::draw::words::Words;
use crate::model::screen::ListId;
use crate::view::screen::coverage::{date, map, selected};
use crate::view::stage::{ViewContext, absence};
use crate::widgets::heat;
use barkeep_runtime::console::CellState;

/// Draws the panel.
pub fn panel(stage: &mut ViewContext, area: Rect) {
    let model = stage.model;
    let now = stage.now();
    let Some(name) = selected(model) else { return map(stage, area) };
    let chosen = date(model, now);
    let asked = model.answers.session(&name, chosen);
    let title = Words::of(Role::Title, format!("{} {} ", name.0, name.1))
        .say(Role::Muted, chosen.format("session of %a %d %b %Y, 30-minute steps").to_string());
    let inner = stage.list_panel(ListId::Coverage, area, title, &Words::new());
    stage.hits.add(inner, Target::List(ListId::Coverage));
    let len = model.symbols.order.len();
    let cursor = model.cursor(ListId::Coverage);
    // The map's window stays as it was, so that zooming out finds it again.
    let before = model.hits.window_of(ListId::Coverage);
    stage.hits.window(ListId::Coverage, before.around(cursor, len, before.height.max(1)));
    let Some(session) = asked.value.filter(|s| !s.pieces.is_empty()) else {
        let nothing = [Words::of(Role::Muted, "market closed on this day")];
        let lines = absence(&asked, &nothing);
        return stage.pen.centre(inner, &lines);
    };
    let count = u16::try_from(session.pieces.len()).unwrap_or(u16::MAX).max(1);
    let each = (inner.width / count).clamp(1, 6);
    let most = session.pieces.iter().map(|(_, _, bars)| *bars).max().unwrap_or(0).max(1);
    let height = inner.height.saturating_sub(3).min(8);
    let bottom = inner.y + height;
    let shown = usize::from(inner.width / each);
    for (k, (start, cell, bars)) in (0..).zip(session.pieces.iter().take(shown)) {
        let x = inner.x + k * each;
        let (glyph, role) = heat::look(*cell);
        let eighths = usize::try_from(u64::from(*bars) * u64::from(height) * 8 / u64::from(most)).unwrap_or(0);
        let wide = each.saturating_sub(1).clamp(1, 4);
        for row in 0..height {
            let here = eighths.saturating_sub(usize::from(height - 1 - row) * 8).min(8);
            if let Some(level) = LEVELS.get(here).filter(|_| here > 0) {
                stage.pen.repeat(x, inner.y + row, wide, level, role);
            }
        }
        stage.pen.repeat(x, bottom, wide, glyph, role);
        if each >= 4 {
            stage.pen.right(x, bottom + 1, wide, &bars.to_string(), Role::Muted);
        }
        let labelled = if each >= 6 { 1 } else { 12_u16.div_ceil(each * 2) * 2 };
        if k % labelled == 0 {
            let label = start.to_utc().format("%H:%M").to_string();
            stage.pen.text(
                x,
                bottom + 2,
                (labelled * each).saturating_sub(1).min(inner.right() - x),
                &label,
                Role::Muted,
            );
        }
    }
    let open = session.pieces.iter().filter(|(_, cell, _)| {
        matches!(cell.state, CellState::Unverified | CellState::Quarantined | CellState::NotEntitled)
    });
    for (y, (start, cell, bars)) in (bottom + 4..inner.bottom()).zip(open) {
        let (glyph, role) = heat::look(*cell);
        let words = Words::of(role, glyph)
            .say(Role::Strong, format!(" {} ", format::hour_minute(*start)))
            .say(role, heat::words(cell.state))
            .say(Role::Muted, if *bars > 0 { format!("  {}", format::plural(*bars, "bar")) } else { String::new() });
        stage.pen.words(inner.x, y, inner.width, &words);
    }
}
