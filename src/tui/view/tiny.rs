//! A terminal too small for a screen: one line with what matters most, never a refusal.

use ratatui::layout::Rect;

use super::header;
use crate::draw::canvas::{Canvas, Line};
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::model::Model;
use barkeep_market::freshness::Tier;

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    let tiers = model.snap.data.tiers;
    // What is wrong comes first: it is the last to be cut. Each has a line of its own while there are lines.
    let (worst, state) = (header::worst(model), header::state(model, hits));
    let mut counts = Line::new();
    for tier in Tier::ALL {
        let count = tiers.of(tier);
        if count > 0 {
            counts = counts.span(tier.into(), format!("{}{count}", tier.letter())).span(Role::Text, " ");
        }
    }
    let named = model.digest.late.iter().filter_map(|k| model.snap.data.series.get(*k as usize));
    let named: Vec<Line> = named
        .map(|row| {
            Line::of(Role::Strong, format!("{} {}", row.symbol, row.timeframe)).span(
                Role::Text,
                row.staleness_seconds.map_or_else(String::new, |s| format!(" {}", format::rough(s * 1000))),
            )
        })
        .collect();
    let last = Line::of(Role::Muted, model.toasts.iter().next_back().map_or("q quit", |toast| toast.text.as_str()));
    let all: Vec<Line> = match area.height {
        0..3 => {
            let mut line = worst;
            for part in [state, counts] {
                if !line.is_empty() {
                    line = line.span(Role::Text, " ");
                }
                line.spans.extend(part.spans);
            }
            vec![line]
        }
        _ => [worst, state, counts].into_iter().chain(named).filter(|line| !line.is_empty()).collect(),
    };
    let rows = if area.height > 1 { area.height - 1 } else { area.height };
    for (y, line) in (area.y..area.y + rows).zip(&all) {
        canvas.line(area.x, y, area.width, line);
    }
    if area.height > 1 {
        canvas.line(area.x, area.bottom() - 1, area.width, &last);
    }
}
