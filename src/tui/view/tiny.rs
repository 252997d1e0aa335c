//! A terminal too small for a screen: one line with what matters most, never a refusal.

use ratatui::layout::Rect;

use super::header;
use crate::draw::canvas::{Canvas, Line};
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::model::Model;
use barkeep_market::freshness::Tier;

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    let tiers = model.snap.data.tiers;
    let mut line = header::state(model, hits);
    for tier in Tier::ALL {
        let count = tiers.of(tier);
        if count > 0 {
            line = line.span(Role::Text, " ").span(tier.into(), format!("{}{count}", tier.letter()));
        }
    }
    let breached: usize = model.snap.data.rpo.iter().map(|rpo| rpo.breached).sum();
    if breached > 0 {
        line = line.span(Role::Breach, format!(" !{breached}"));
    }
    canvas.line(area.x, area.y, area.width, &line);
    if area.height > 1 {
        let last = Line::of(Role::Muted, model.toasts.iter().next_back().map_or("q quit", |toast| toast.text.as_str()));
        canvas.line(area.x, area.bottom() - 1, area.width, &last);
    }
}
