//! How many series are in each tier, and how each criticality keeps its recovery point.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ratatui::layout::Rect;

use super::context::ViewContext;
use crate::draw::canvas::Canvas;
use crate::draw::format;
use crate::draw::layout::{Constraint, rows};
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::widgets::wall::{self, Brick, Course};
use barkeep_market::freshness::Tier;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_monitor::snapshot::TierCounts;
use barkeep_service::progress::ItemState;

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let data = &view.model.snap.data;
    let counts = data.tiers;
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
    let (timeframes, courses) = courses(view);
    let courses: &[Course<'_>] = &courses;
    // The counts stay longest, then the lines on criticalities; the wall takes what is left.
    let wanted = wall::lines(courses, &timeframes, inner.width);
    let mut needs = vec![Constraint::new(1, 1, 10), Constraint::new(1, wanted.max(3), 7)];
    needs.extend(data.rpo.iter().map(|r| Constraint::new(1, 1, if late(r.criticality) > 0 { 9 } else { 8 })));
    let places = rows(inner, &needs);
    if let Some(place) = places.first().copied().flatten() {
        tier_counts(&mut view.canvas, place, counts);
    }
    if let Some(place) = places.get(1).copied().flatten() {
        wall::wall(&mut view.canvas, place, courses, &timeframes);
    }
    for (rpo, place) in data.rpo.iter().zip(places.iter().skip(2)) {
        let Some(place) = place else { continue };
        let late = late(rpo.criticality);
        let (first, empty) = (of(&digest.loading, rpo.criticality), of(&digest.without_bars, rpo.criticality));
        // What fails before its first bar is nowhere else; it earns no tick.
        let failing = digest.never_fetched.get(&rpo.criticality).copied().unwrap_or(0);
        let within = rpo.series.saturating_sub(late + first + empty + failing);
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
        if failing > 0 {
            note.push((7, Line::of(Role::Bad, format!("{} failing", format::count(failing)))));
        }
        if first > 0 {
            note.push((6, Line::of(Role::Info, format!("{} loading", format::count(first)))));
        }
        if empty > 0 {
            note.push((3, Line::of(Role::Missing, format!("{} without bars", format::count(empty)))));
        }
        view.canvas.pieces(place.x, place.y, place.width, 1, &note);
    }
    let hidden = breached > 0 && places.iter().skip(2).all(Option::is_none);
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

/// How many series are in each tier; where nothing is, it is left out, but for what is fresh.
fn tier_counts(canvas: &mut Canvas, at: Rect, counts: TierCounts) {
    let named = at.width >= 52;
    let one = |tier: Tier| {
        let n = counts.of(tier);
        let letter = tier.letter().to_string();
        let name = if named { format!(" {}", tier.name()) } else { String::new() };
        let role: Role = if n == 0 { Role::Muted } else { tier.into() };
        let line = Line::of(role, letter + &name).span(Role::Strong, format!(" {}", format::count(n)));
        let worth = if tier == Tier::Fresh || tier == Tier::Missing { 9 } else { 8 };
        (n > 0 || tier == Tier::Fresh).then_some((worth, line))
    };
    let pieces: Vec<(u8, Line)> = Tier::ALL.into_iter().filter_map(one).collect();
    canvas.pieces(at.x, at.y, at.width, 2, &pieces);
}

/// The tracked series by symbol, those that matter most first, and the timeframes they have.
fn courses<'a>(view: &ViewContext<'a>) -> (Vec<&'static str>, Vec<Course<'a>>) {
    let model = view.model;
    let rows = || model.snap.data.series.iter().filter(|row| row.tracked);
    let timeframes: BTreeSet<Timeframe> = rows().map(|row| row.timeframe).collect();
    let fetching: HashSet<(&Symbol, Timeframe)> = model
        .snap
        .live
        .runs
        .iter()
        .flat_map(|run| &run.items)
        .filter(|item| matches!(item.state, ItemState::Fetching { .. } | ItemState::Storing))
        .flat_map(|item| {
            let of_item = item.info.timeframe.into_iter().chain(item.info.derives.iter().copied());
            let of_item: Vec<Timeframe> = of_item.collect();
            item.info.symbol.iter().flat_map(move |symbol| of_item.clone().into_iter().map(move |tf| (symbol, tf)))
        })
        .collect();
    let mut grouped: BTreeMap<(Criticality, &Symbol), Vec<Option<Brick>>> = BTreeMap::new();
    for row in rows() {
        let bricks = grouped.entry((row.criticality, &row.symbol)).or_insert_with(|| vec![None; timeframes.len()]);
        let place = timeframes.iter().position(|timeframe| *timeframe == row.timeframe);
        if let Some(place) = place.and_then(|place| bricks.get_mut(place)) {
            *place = Some(Brick {
                tier: row.tier,
                late: row.breached && row.tier != Tier::Loading,
                fetching: fetching.contains(&(&row.symbol, row.timeframe)),
                behind: row.staleness_seconds,
            });
        }
    }
    let courses = grouped.into_iter().map(|((_, symbol), bricks)| Course { name: symbol.as_str(), bricks }).collect();
    (timeframes.iter().map(|timeframe| timeframe.name()).collect(), courses)
}

/// The height at which every series has its place in `width`, the frame included.
#[must_use]
pub fn height(view: &ViewContext<'_>, width: u16) -> u16 {
    let (timeframes, courses) = courses(view);
    let lines = wall::lines(&courses, &timeframes, width.saturating_sub(2));
    let classes = u16::try_from(view.model.snap.data.rpo.len()).unwrap_or(3);
    lines.saturating_add(classes + 3)
}
