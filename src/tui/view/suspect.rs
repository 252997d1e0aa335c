//! A quarantined bar beside the bar that is stored for the same time and its neighbors.

use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line};
use crate::draw::format;
use crate::draw::theme::Role;
use crate::model::Model;
use barkeep_market::{Bar, Ts};
use barkeep_runtime::console::{Detail, QuarantineRow};

/// Where the figures begin: after `stored 18 Nov 13:20Z`.
const FIGURES: u16 = 21;

/// What is known about the time of a quarantined bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored<'a> {
    Bar(&'a Bar),
    /// There is none.
    Nothing,
    /// Not read, or older than what was read.
    Unknown,
}

/// The bar that is stored for the time of a quarantined one.
#[must_use]
pub fn stored(detail: Option<&Detail>, at: Ts) -> Stored<'_> {
    let Some(detail) = detail else { return Stored::Unknown };
    if let Some(bar) = detail.bars.iter().find(|bar| bar.ts == at) {
        return Stored::Bar(bar);
    }
    let reaches = detail.bars.first().is_none_or(|first| first.ts < at);
    if reaches { Stored::Nothing } else { Stored::Unknown }
}

/// The same for the details that the screen has.
#[must_use]
pub fn stored_of<'a>(model: &'a Model, row: &QuarantineRow) -> Stored<'a> {
    stored(model.answers.detail(&(row.symbol.clone(), row.timeframe)).value, row.bar.ts)
}

/// The heading of [`line()`].
pub fn heading(canvas: &mut Canvas<'_>, area: Rect) {
    let widths = widths(area);
    for (k, name) in (0..).zip(["open", "high", "low", "close", "volume", "vwap"]) {
        canvas.right(area.x + FIGURES + k * widths, area.y, widths.saturating_sub(1), name, Role::Header);
    }
}

const fn widths(area: Rect) -> u16 {
    let each = area.width.saturating_sub(FIGURES) / 6;
    if each > 12 { 12 } else { each }
}

/// One bar in a line, with what it is; figures in which it differs from `other` stand out.
pub fn line(canvas: &mut Canvas<'_>, area: Rect, what: &str, bar: &Bar, role: Role, other: Option<&Bar>) {
    let widths = widths(area);
    canvas.text(area.x, area.y, 7, what, role);
    canvas.text(area.x + 7, area.y, 13, &format::stamp(bar.ts, canvas.now), Role::Muted);
    let figures = |bar: &Bar| {
        let prices = [bar.open, bar.high, bar.low, bar.close].map(format::price);
        let vwap = bar.vwap.map_or_else(|| "-".to_owned(), format::price);
        prices.into_iter().chain([format::short(bar.volume), vwap]).collect::<Vec<_>>()
    };
    let compared = other.map(figures).unwrap_or_default();
    for (k, text) in figures(bar).into_iter().enumerate() {
        let differs = compared.get(k).is_some_and(|other| *other != text);
        let x = area.x + FIGURES + u16::try_from(k).unwrap_or(0) * widths;
        let role = if differs { Role::Breach } else { role };
        let needs = crate::draw::canvas::width(&text).min(widths.saturating_sub(1));
        canvas.text(x + widths.saturating_sub(1 + needs), area.y, needs, &text, role);
    }
}

/// What accepting a bar would do, in words.
#[must_use]
pub fn consequence(stored: Stored<'_>) -> Line {
    match stored {
        Stored::Bar(_) => Line::of(Role::Warn, "Accepting replaces the stored bar. ")
            .span(Role::Text, "The old one is kept in bar_revisions."),
        Stored::Nothing => {
            Line::of(Role::Text, "Nothing is stored for this time; accepting stores it with a low score.")
        }
        Stored::Unknown => Line::of(Role::Muted, "Whether a bar is stored for this time is not known here yet."),
    }
}
