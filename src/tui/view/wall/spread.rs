//! How many series are how far behind, for more symbols than tiles: a histogram over a logarithmic scale of age, with the
//! ages that the criticalities allow as marks.

use ratatui::layout::Rect;

use crate::draw::canvas::width;
use crate::draw::format;
use crate::draw::glyphs::LEVELS;
use crate::draw::theme::Role;
use crate::now::wall::{AgeStep, STEPS, step_of};
use crate::view::context::ViewContext;
use barkeep_market::Criticality;

const TICKS: [(&str, i64); 7] =
    [("1m", 60), ("10m", 600), ("1h", 3_600), ("6h", 21_600), ("1d", 86_400), ("7d", 604_800), ("30d", 2_592_000)];

/// Draws it: the limits, the columns, the scale.
pub(super) fn draw(view: &mut ViewContext, at: Rect) {
    if at.height < 3 || at.width < 12 {
        return;
    }
    let model = view.model;
    let spread = &model.wall.spread;
    let wide = usize::from(at.width);
    // Where there are more cells than steps, a step takes several cells.
    let each = (wide / STEPS).max(1);
    let cells = if wide >= STEPS { STEPS * each } else { wide };
    let cell_of = |step: usize| step * cells / STEPS;
    let mut columns = vec![AgeStep::default(); cells];
    for (k, step) in spread.steps.iter().enumerate() {
        for cell in 0..each {
            if let Some(column) = columns.get_mut(cell_of(k) + cell) {
                (column.series, column.late) = (column.series + step.series, column.late + step.late);
            }
        }
    }
    let bars = Rect::new(at.x, at.y + 1, at.width, at.height - 2);
    let mut limits: Vec<(u16, Criticality, i64)> = Vec::new();
    for rpo in &model.snap.data.rpo {
        let seconds = i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX);
        limits.push((u16::try_from(cell_of(step_of(seconds))).unwrap_or(0), rpo.criticality, seconds));
    }
    limits.sort_by_key(|(cell, ..)| *cell);
    let most = columns.iter().map(|column| column.series).max().unwrap_or(0);
    let top = (1.0 + most as f64).ln();
    for (k, column) in (0_u16..).zip(&columns) {
        let x = at.x + k;
        if limits.iter().any(|(cell, ..)| *cell == k) {
            for y in bars.y..bars.bottom() {
                view.canvas.glyph(x, y, "╎", Role::Muted);
            }
        }
        if column.series == 0 {
            view.canvas.glyph(x, bars.bottom() - 1, "▁", Role::Border);
            continue;
        }
        let passed = limits.iter().filter(|(cell, ..)| *cell < k).count();
        let fresh = if view.canvas.theme.sober { Role::Covered } else { Role::Fresh };
        let role = [fresh, Role::Aging, Role::Stale, Role::Bad].get(passed).copied().unwrap_or(Role::Bad);
        let role = if column.late * 2 > column.series { Role::Bad } else { role };
        let whole = f64::from(bars.height) * 8.0;
        let eighths = ((1.0 + column.series as f64).ln() / top * whole).round().clamp(1.0, whole) as usize;
        let head = (eighths - 1) / 8;
        for row in 0..usize::from(bars.height) {
            let here = eighths.saturating_sub(row * 8).min(8);
            let Some(level) = LEVELS.get(here).filter(|_| here > 0) else { continue };
            let role = if row == head && column.late > 0 { Role::Bad } else { role };
            let y = bars.bottom() - 1 - u16::try_from(row).unwrap_or(0);
            view.canvas.glyph(x, y, level, role);
        }
    }
    labels(view, at, cells, &limits, spread.ageless);
    let mut free = at.x;
    for (name, seconds) in TICKS {
        let x = (at.x + u16::try_from(cell_of(step_of(seconds))).unwrap_or(0)).min(at.right() - width(name));
        if x >= free {
            view.canvas.text(x, at.bottom() - 1, width(name), name, Role::Muted);
            free = x + width(name) + 1;
        }
    }
    let scale = " behind, counts on a log scale";
    if free + width(scale) < at.right() {
        view.canvas.right(free, at.bottom() - 1, at.right() - free, scale, Role::Muted);
    }
}

/// The names of the limits above their marks, and how many series have no age.
fn labels(view: &mut ViewContext, at: Rect, cells: usize, limits: &[(u16, Criticality, i64)], ageless: usize) {
    let mut end = at.right();
    let none = format!("{} of no known age", format::count(ageless));
    let after = limits.last().map_or(0, |(cell, ..)| *cell);
    if ageless > 0 && u16::try_from(cells).unwrap_or(0) > after + 18 + width(&none) {
        view.canvas.right(at.x, at.y, at.width, &none, Role::Muted);
        end = at.right() - width(&none) - 1;
    }
    for (k, (cell, criticality, seconds)) in limits.iter().enumerate() {
        let next = limits.get(k + 1).map_or(end, |(cell, ..)| at.x + cell);
        let age = format::rough(seconds.saturating_mul(1000));
        let room = next.saturating_sub(at.x + cell + 1);
        let name = criticality.name();
        let text = [format!("{name} {age}"), format!("{} {age}", name.get(..1).unwrap_or(name)), age];
        if let Some(text) = text.iter().find(|text| width(text) <= room) {
            view.canvas.text(at.x + cell, at.y, room + 1, text, Role::Muted);
        }
    }
}
