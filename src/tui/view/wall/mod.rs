//! The freshness wall: how many series are in each tier, how each criticality keeps its recovery point, and every series
//! as a tile; where there are too many, every symbol; where there are still too many, how many are how far behind.

mod counts;
mod spread;
mod tiles;

use ratatui::layout::Rect;

use self::tiles::Form;
use super::context::ViewContext;
use crate::draw::format;
use crate::draw::hits::ClickTarget;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use barkeep_market::Criticality;

/// What is below the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picture {
    Nothing,
    /// A tile for each series.
    Series(Form),
    /// A tile of so many cells for each symbol, behind the line of its criticality or below it.
    Symbols {
        tile: u16,
        inline: bool,
    },
    Spread,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    picture: Picture,
    /// Whether each criticality has a line of its own.
    lines: bool,
    height: u16,
}

/// Rows that a distribution needs.
const SPREAD: u16 = 6;

/// What could be shown in this width, best first.
fn plans(model: &Model, width: u16) -> Vec<Plan> {
    let wall = &model.wall;
    let all = u16::try_from(wall.symbols.len()).unwrap_or(u16::MAX);
    let mut plans = Vec::new();
    let mut plan = |picture, lines, rows: u16| {
        let counts = if lines { 4 } else { 2 };
        plans.push(Plan { picture, lines, height: rows.saturating_add(counts) });
    };
    for form in [Form::Headed, Form::Dense] {
        let groups = form.groups(wall, width);
        if all > 0 && groups > 0 {
            let rows = all.div_ceil(groups).saturating_add(form.heading());
            plan(Picture::Series(form), true, rows);
            if width >= counts::ALL_IN_ONE {
                plan(Picture::Series(form), false, rows);
            }
        }
    }
    let of = |criticality: Criticality| {
        let n = wall.symbols.iter().filter(|symbol| symbol.criticality == criticality).count();
        u16::try_from(n).unwrap_or(u16::MAX)
    };
    for tile in [2, 1] {
        let pitch = if tile > 1 { 3 } else { 1 };
        let fits = |n: u16| n.saturating_mul(pitch) <= width.saturating_sub(counts::line(width) + 1);
        if all > 0 && Criticality::ALL.into_iter().all(|c| fits(of(c))) {
            plan(Picture::Symbols { tile, inline: true }, true, 0);
        }
        let per_row = (width.saturating_sub(2) / pitch).max(1);
        let rows = Criticality::ALL.into_iter().fold(0_u16, |sum, c| sum.saturating_add(of(c).div_ceil(per_row)));
        if all > 0 && width > 20 {
            plan(Picture::Symbols { tile, inline: false }, true, rows);
        }
    }
    if all > 0 && width >= 30 {
        plan(Picture::Spread, true, SPREAD);
        plan(Picture::Spread, false, SPREAD);
    }
    plan(Picture::Nothing, true, 0);
    plan(Picture::Nothing, false, 0);
    plans
}

/// The rows that a panel of this width makes the best use of, frame included, at most `most`.
#[must_use]
pub fn wanted(model: &Model, width: u16, most: u16) -> u16 {
    let inner = width.saturating_sub(4);
    let best = plans(model, inner).into_iter().find(|plan| plan.height + 2 <= most);
    match best {
        // A distribution gains by every row.
        Some(plan) if plan.picture != Picture::Spread => plan.height + 2,
        _ => most,
    }
}

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let data = &view.model.snap.data;
    let tail = Line::of(
        Role::Muted,
        format!("{} · {}", format::plural(data.symbols_total, "symbol"), format::plural(data.series_total, "series")),
    );
    let inner = view.list_panel(ListId::Freshness, area, Line::of(Role::Title, "Freshness"), &tail);
    view.hits.add(area, ClickTarget::List(ListId::Freshness));
    if inner.is_empty() {
        return;
    }
    let Some(plan) = plans(view.model, inner.width)
        .into_iter()
        .find(|plan| plan.height <= inner.height)
        .or_else(|| plans(view.model, inner.width).pop())
    else {
        return;
    };
    let line = |y: u16| Rect::new(inner.x, inner.y + y, inner.width, 1);
    counts::tiers(view, line(0));
    let mut y = 1;
    let symbols = |criticality| {
        let all = &view.model.wall.symbols;
        let from = all.partition_point(|symbol| symbol.criticality < criticality);
        let to = all.partition_point(|symbol| symbol.criticality <= criticality);
        all.get(from..to).unwrap_or_default()
    };
    if plan.lines {
        for rpo in &data.rpo {
            if y >= inner.height {
                break;
            }
            let mine = symbols(rpo.criticality);
            match plan.picture {
                Picture::Symbols { tile, inline: true } => {
                    let at = line(y);
                    let used = counts::line(at.width).min(at.width);
                    counts::class(view, Rect { width: used, ..at }, rpo);
                    let at = Rect::new(at.x + used + 1, at.y, at.width.saturating_sub(used + 1), 1);
                    tiles::symbols(view, at, mine, tile);
                }
                Picture::Symbols { tile, inline: false } => {
                    counts::class(view, line(y), rpo);
                    let left = inner.height.saturating_sub(y + 1);
                    let below = Rect::new(inner.x + 2, inner.y + y + 1, inner.width.saturating_sub(2), left);
                    y += tiles::symbols(view, below, mine, tile);
                }
                _ => counts::class(view, line(y), rpo),
            }
            y += 1;
        }
    } else if y < inner.height {
        counts::classes(view, line(y));
        y += 1;
    }
    let rest = Rect::new(inner.x, inner.y + y, inner.width, inner.height.saturating_sub(y));
    match plan.picture {
        Picture::Series(form) => tiles::series(view, rest, form),
        Picture::Spread => spread::draw(view, rest),
        Picture::Symbols { .. } | Picture::Nothing => {}
    }
}
