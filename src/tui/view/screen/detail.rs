//! The Detail screen: one series. Its prices, why it is as stale as it is (adding up), its features now, and what went
//! wrong with it.
//!
//! ```text
//! ╭ META · stock · standard ─── 5m 15m 1h 4h 1d ╮╭ Why 4h 12m behind ──────╮
//! │ candles, volume, axes                       ││ causes that add up      │
//! ╰─────────────────────────────────────────────╯╰─────────────────────────╯
//! features now: one or two lines
//! ╭ Gaps ───────────────╮╭ Attempts ─────────────╮
//! ╭ Quarantine ─────────╮╭ Requests ─────────────╮
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Line, columns, rows};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::{ClickTarget, HitMap};
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::{ListId, Screen};
use crate::now::reasons::Reasons;
use crate::view::context::{ViewContext, absence, outdated};
use crate::view::{attempts, lists, why};
use crate::widgets::chart::{Chart, ChartHole};
use crate::widgets::heat;
use barkeep_base::text::printable;
use barkeep_market::features::{CompressionRegime, Direction, Features, Structure, TrendRegime, VolatilityRegime};
use barkeep_market::{Interval, Ts};
use barkeep_runtime::console::{Cell, CellState, CoverageState, Detail, SeriesName};

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let Some(name) = model.detail_series() else {
        let lines = [
            Line::of(Role::Strong, "No series yet."),
            Line::of(Role::Muted, "Press Enter on a row of the Symbols screen to open one."),
        ];
        let inner = view.panel(area, "Detail", &Line::new());
        return view.canvas.center(inner, &lines);
    };
    let answer = model.answers.detail(&name);
    let Some(detail) = answer.value else {
        let inner = view.panel(area, &format!("{} {}", name.0, name.1), &Line::new());
        let lines = absence(&answer, &[]);
        return view.canvas.center(inner, &lines);
    };
    let wide = area.width >= 96;
    let lists_need = if wide { Constraint::new(5, u16::MAX, 5) } else { Constraint::new(4, u16::MAX, 5) };
    let contradicted = u16::try_from(detail.contradicted_splits.len()).unwrap_or(2).min(2);
    let chart = if wide { area.height / 2 + 1 } else { area.height / 3 };
    let needs = [
        Constraint::new(5, chart.max(5), 6),
        Constraint::new(if wide { 0 } else { 5 }, if wide { 0 } else { 9 }, 7),
        Constraint::new(1, 2, 4),
        Constraint::new(contradicted, contradicted, 3),
        lists_need,
    ];
    let places = rows(area, &needs);
    let place = |k: usize| places.get(k).copied().flatten().filter(|p| p.height > 0);
    let remark = outdated(&answer, view.now());
    if let Some(top) = place(0) {
        if wide {
            let halves =
                columns(top, 0, &[Constraint::new(50, top.width * 62 / 100, 9), Constraint::new(36, u16::MAX, 8)]);
            let of = |k: usize| halves.get(k).copied().flatten().unwrap_or_default();
            prices(view, of(0), &name, detail, &remark);
            why::panel(view, of(1), detail);
        } else {
            prices(view, top, &name, detail, &remark);
        }
    }
    if let Some(middle) = place(1) {
        why::panel(view, middle, detail);
    }
    if let Some(line) = place(2) {
        features(view, line, detail);
    }
    if let Some(lines) = place(3) {
        splits(view, lines, detail);
    }
    if let Some(bottom) = place(4) {
        if model.detail.compare && model.cursor(ListId::DetailQuarantine).is_some() {
            why::compare(view, bottom, detail);
        } else {
            grid(view, bottom, wide);
        }
    }
}

fn prices(view: &mut ViewContext, area: Rect, name: &SeriesName, detail: &Detail, remark: &Line) {
    let symbol = &detail.symbol;
    let mut title = Line::of(Role::Title, name.0.as_str())
        .span(Role::Muted, format!(" {} · {} ", symbol.asset_class, symbol.criticality));
    if !symbol.vendor.is_usual() {
        title = title.span(Role::Muted, format!("· {} ", symbol.vendor));
    }
    if symbol.paused {
        title = title.span(Role::Paused, "· paused ");
    }
    if !symbol.active {
        title = title.span(Role::Muted, "· inactive ");
    }
    for tf in &detail.timeframes {
        let role = if *tf == name.1 { Role::Accent } else { Role::Muted };
        let text = if *tf == name.1 { format!(" [{tf}]") } else { format!(" {tf}") };
        title = title.span(role, text);
    }
    let tail = if remark.is_empty() {
        let covered = format!(
            "{} bars, {} of its history",
            format::count(detail.series.bar_count),
            format::percent(detail.covered).trim()
        );
        Line::of(Role::Muted, covered)
    } else {
        remark.clone()
    };
    let inner = view.canvas.panel(area, &title, &tail);
    if detail.bars.is_empty() {
        let reasons = Reasons::of(&view.model.snap);
        let comes = view.model.series(name).is_some_and(|row| reasons.is_under_way(row));
        let next = if comes { "its first fetch is under way" } else { "press t to fetch them" };
        return view.canvas.center(inner, &[Line::of(Role::Missing, "no bars yet"), Line::of(Role::Muted, next)]);
    }
    let holes = holes(detail);
    let quarantined: Vec<Ts> = detail.quarantine.iter().map(|row| row.bar.ts).collect();
    let chart = Chart {
        bars: &detail.bars,
        points: &detail.points,
        holes: &holes,
        quarantined: &quarantined,
        class: symbol.asset_class,
        timeframe: name.1,
        overlay: view.model.detail.overlay,
        cursor: view.model.detail.at,
    };
    let mut plot = inner;
    if inner.height > 6 {
        view.canvas.pieces(inner.x, inner.y, inner.width, 2, &chart.readout());
        plot = Rect::new(inner.x, inner.y + 1, inner.width, inner.height - 1);
    }
    for (x, at) in chart.draw(&mut view.canvas, plot) {
        view.hits.add(Rect::new(x, plot.y, 1, plot.height), ClickTarget::Bar(at));
    }
}

/// The time without bars, and why: what nobody has, and what the vendor leaves in doubt.
fn holes(detail: &Detail) -> Vec<ChartHole> {
    let hole = |range: Interval, state: CellState| {
        let (letter, role) = heat::appearance(Cell { state, eighths: 8 });
        ChartHole { range, letter, role, what: format::rough(range.len()) }
    };
    let gaps = detail
        .gaps
        .iter()
        .map(|gap| hole(gap.range, if gap.not_entitled { CellState::NotEntitled } else { CellState::Unverified }));
    let doubts = detail.explanation.doubts.iter().filter_map(|judged| {
        let state = match judged.doubt.state {
            CoverageState::Late => CellState::Late,
            CoverageState::Suspect => CellState::Suspect,
            CoverageState::VendorHole => CellState::VendorHole,
            CoverageState::Halted => CellState::Halted,
            _ => return None,
        };
        Some(hole(judged.doubt.range, state))
    });
    let mut all: Vec<ChartHole> = doubts.collect();
    let told = all.len();
    for gap in gaps {
        if !all.iter().take(told).any(|doubt| doubt.range.overlaps(gap.range)) {
            all.push(gap);
        }
    }
    all
}

/// Splits that prices contradict, with both readings.
fn splits(view: &mut ViewContext, area: Rect, detail: &Detail) {
    for (y, row) in (area.y..area.bottom()).zip(&detail.contradicted_splits) {
        let split = &row.split;
        let note = row.note.as_ref().map_or_else(String::new, |note| format!(": {}", printable(note)));
        let line = Line::of(Role::Warn, format!("split of {}", split.date.format("%-d %b %Y")))
            .span(Role::Strong, format!(" {} for {} ", split.to, split.from))
            .span(Role::Text, format!("is not applied, stored prices contradict it{note}"));
        view.canvas.line(area.x + 2, y, area.width.saturating_sub(4), &line);
    }
}

/// The features of the newest bar, most telling first.
fn features(view: &mut ViewContext, area: Rect, detail: &Detail) {
    let Some(row) = &detail.features else {
        view.canvas.text(area.x + 2, area.y, area.width.saturating_sub(4), "features: none yet", Role::Muted);
        return;
    };
    let now = view.now();
    let when = Line::of(Role::Title, "Features ").span(Role::Muted, format::due(row.ts, now));
    let all = figures(&row.features);
    let (first, second) = all.split_at(all.len().min(8));
    let mut line = vec![(99, when)];
    line.extend(first.iter().cloned());
    view.canvas.pieces(area.x + 2, area.y, area.width.saturating_sub(4), 3, &line);
    if area.height > 1 {
        view.canvas.pieces(area.x + 2, area.y + 1, area.width.saturating_sub(4), 3, second);
    }
}

fn figures(f: &Features) -> Vec<(u8, Line)> {
    let number = |name: &str, value: Option<f64>, digits: usize| {
        Line::new().pair(name, value.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}")))
    };
    let money =
        |name: &str, value: Option<f64>| Line::new().pair(name, value.map_or_else(|| "-".to_owned(), format::price));
    let word = |name: &str, value: Option<&str>| Line::new().pair(name, value.unwrap_or("-"));
    vec![
        (30, number("rsi", f.rsi_14, 1)),
        (29, number("vol20", f.volatility_20, 2)),
        (28, money("atr", f.atr)),
        (27, word("trend", f.trend_direction.map(Direction::name))),
        (26, word("regime", f.volatility_regime.map(VolatilityRegime::name))),
        (25, word("structure", f.structure_label.map(Structure::name))),
        (24, number("volume", f.volume_ratio, 2)),
        (23, word("", f.trend_regime.map(TrendRegime::name))),
        (22, number("macd", f.macd, 3)),
        (21, number("signal", f.macd_signal, 3)),
        (20, number("hist", f.macd_hist, 3)),
        (19, money("sma20", f.sma_20)),
        (18, money("sma50", f.sma_50)),
        (17, money("ema20", f.ema_20)),
        (16, money("ema50", f.ema_50)),
        (
            15,
            Line::of(Role::Muted, "bands ").span(
                Role::Text,
                format!(
                    "{} - {}",
                    f.bb_lower.map_or_else(|| "-".to_owned(), format::price),
                    f.bb_upper.map_or_else(|| "-".to_owned(), format::price)
                ),
            ),
        ),
        (14, number("vol50", f.volatility_50, 2)),
        (13, word("", f.compression_regime.map(CompressionRegime::name))),
    ]
}

/// The four lists; on a small screen only the focused one, or two.
fn grid(view: &mut ViewContext, area: Rect, wide: bool) {
    let focus = view.model.focus();
    if !wide || area.height < 10 {
        let all = Screen::Detail.lists();
        let list = all.iter().find(|l| **l == focus).or(all.first()).copied().unwrap_or(ListId::Gaps);
        if wide {
            // Two beside each other: the one with the focus and its neighbor.
            let other = match list {
                ListId::Gaps => ListId::Attempts,
                ListId::Attempts => ListId::Gaps,
                ListId::DetailQuarantine => ListId::DetailRequests,
                _ => ListId::DetailQuarantine,
            };
            let pair =
                if matches!(list, ListId::Gaps | ListId::DetailQuarantine) { [list, other] } else { [other, list] };
            let halves = columns(area, 0, &[Constraint::new(20, area.width / 2, 9), Constraint::new(20, u16::MAX, 8)]);
            for (list, at) in pair.into_iter().zip(halves.into_iter().flatten()) {
                one(view, at, list);
            }
            return;
        }
        return one(view, area, list);
    }
    let halves = columns(area, 0, &[Constraint::new(20, area.width / 2, 9), Constraint::new(20, u16::MAX, 8)]);
    let pairs = [[ListId::Gaps, ListId::DetailQuarantine], [ListId::Attempts, ListId::DetailRequests]];
    for (lists, half) in pairs.into_iter().zip(halves.into_iter().flatten()) {
        let two = rows(half, &[Constraint::new(4, half.height / 2, 9), Constraint::new(4, u16::MAX, 8)]);
        for (list, at) in lists.into_iter().zip(two.into_iter().flatten()) {
            one(view, at, list);
        }
    }
}

fn one(view: &mut ViewContext, area: Rect, list: ListId) {
    match list {
        ListId::Gaps => attempts::gaps(view, area),
        ListId::DetailQuarantine => {
            let rows: Vec<_> = view.model.detail_quarantine().iter().collect();
            lists::quarantine(
                view,
                area,
                list,
                &rows,
                Line::of(Role::Title, "Quarantine"),
                &[Line::of(Role::Good, "no quarantined bars")],
            );
        }
        ListId::Attempts => attempts::attempts(view, area),
        _ => {
            let rows: Vec<_> = view.model.detail_requests().iter().collect();
            lists::requests(
                view,
                area,
                list,
                &rows,
                Line::of(Role::Title, "Requests"),
                &[Line::of(Role::Muted, "no requests")],
            );
        }
    }
}
