//! How many series are in each tier, and how each criticality keeps its recovery point.

use ratatui::layout::Rect;

use super::context::ViewContext;
use crate::draw::canvas::Canvas;
use crate::draw::format;
use crate::draw::layout::{Constraint, rows};
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::widgets::bar;
use barkeep_market::freshness::Tier;

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let data = &view.model.snap.data;
    let counts = data.tiers;
    let total = counts.total();
    let tail = Line::of(
        Role::Muted,
        format!("{} · {}", format::plural(data.symbols_total, "symbol"), format::plural(data.series_total, "series")),
    );
    let inner = view.panel(area, "Freshness", &tail);
    let digest = &view.model.digest;
    let of = |list: &[u32], criticality| {
        let rows = list.iter().filter_map(|k| data.series.get(*k as usize));
        rows.filter(|row| row.criticality == criticality).count()
    };
    let late = |criticality| of(&digest.late, criticality);
    let breached = digest.late.len();
    // Empty tiers are left out first, then the lines on criticalities.
    let shown = Tier::ALL.map(|tier| (tier, counts.of(tier)));
    let mut needs: Vec<Constraint> = shown
        .iter()
        .map(|(tier, n)| {
            Constraint::new(1, 1, if *n > 0 || *tier == Tier::Fresh || *tier == Tier::Stale { 9 } else { 3 })
        })
        .collect();
    needs.extend(data.rpo.iter().map(|r| Constraint::new(1, 1, if late(r.criticality) > 0 { 8 } else { 5 })));
    let places = rows(inner, &needs);
    for ((tier, n), place) in shown.into_iter().zip(&places) {
        let Some(place) = place else { continue };
        tier_line(&mut view.canvas, *place, tier, n, total);
    }
    for (rpo, place) in data.rpo.iter().zip(places.iter().skip(shown.len())) {
        let Some(place) = place else { continue };
        let late = late(rpo.criticality);
        let (first, empty) = (of(&digest.loading, rpo.criticality), of(&digest.without_bars, rpo.criticality));
        let within = rpo.series.saturating_sub(late + first + empty);
        let accepted = i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX / 1000) * 1000;
        let (sign, role) = match (late, within == rpo.series && rpo.series > 0) {
            (0, true) => ("✓", Role::Good),
            (0, false) => (" ", Role::Text),
            _ => ("!", Role::Bad),
        };
        let mut note = vec![
            (9, Line::of(role, sign).span(Role::Text, format!(" {:<8}", rpo.criticality.name()))),
            (8, Line::of(Role::Text, format!("{:>6} of {:<6}", format::count(within), format::count(rpo.series)))),
            (4, Line::of(Role::Muted, format!("within {:<6}", format::rough(accepted)))),
        ];
        if late > 0 {
            note.push((7, Line::of(Role::Breach, format!(" {} late ", format::count(late)))));
        }
        if first > 0 {
            note.push((6, Line::of(Role::Info, format!("{} loading", format::count(first)))));
        }
        if empty > 0 {
            note.push((3, Line::of(Role::Missing, format!("{} without bars", format::count(empty)))));
        }
        view.canvas.pieces(place.x, place.y, place.width, 1, &note);
    }
    let hidden = breached > 0 && places.iter().skip(shown.len()).all(Option::is_none);
    if hidden && area.height > 2 {
        view.canvas.right(
            area.x,
            area.bottom() - 1,
            area.width.saturating_sub(3),
            &format!(" {breached} later than allowed "),
            Role::Breach,
        );
    }
}

fn tier_line(canvas: &mut Canvas, at: Rect, tier: Tier, n: usize, total: usize) {
    let share = if total == 0 { 0.0 } else { n as f64 / total as f64 };
    let role: Role = if n == 0 { Role::Muted } else { tier.into() };
    let label = 10.min(at.width);
    canvas.line(at.x, at.y, label, &Line::of(role, format!("{} {}", tier.letter(), tier.name())));
    let figures = 8.min(at.width - label);
    canvas.right(
        at.x + label,
        at.y,
        figures.saturating_sub(1),
        &format::count(n),
        if n == 0 { Role::Muted } else { Role::Strong },
    );
    let rest = at.width - label - figures;
    if rest > 12 {
        bar::share(canvas, at.x + label + figures, at.y, rest - 7, share, role);
    }
    if rest >= 6 {
        canvas.right(at.right() - 6, at.y, 6, &format::percent(share), Role::Muted);
    }
}
