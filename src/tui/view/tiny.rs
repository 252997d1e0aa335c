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
    // What is wrong comes first: it is the last to be cut.
    let mut line = header::worst(model);
    if !line.is_empty() {
        line = line.span(Role::Text, " ");
    }
    line.spans.extend(header::state(model, hits).spans);
    for tier in Tier::ALL {
        let count = tiers.of(tier);
        if count > 0 {
            line = line.span(Role::Text, " ").span(tier.into(), format!("{}{count}", tier.letter()));
        }
    }
    canvas.line(area.x, area.y, area.width, &line);
    if area.height > 1 {
        let last = Line::of(Role::Muted, model.toasts.iter().next_back().map_or("q quit", |toast| toast.text.as_str()));
        canvas.line(area.x, area.bottom() - 1, area.width, &last);
    }
}
