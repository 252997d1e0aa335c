//! Every series as one cell: a wall that is one color when all is well.
//!
//! With room for it each symbol stands there with its timeframes; with less, each symbol is one cell, its worst series; of
//! more symbols than cells it is shown how many are how far behind.

use ratatui::layout::Rect;

use crate::draw::canvas::Canvas;
use crate::draw::format;
use crate::draw::glyphs::LEVELS;
use crate::draw::theme::Role;
use barkeep_market::freshness::Tier;
use barkeep_market::ts::{DAY, HOUR, MINUTE};

/// What is shown of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brick {
    pub tier: Tier,
    /// Later than allowed.
    pub late: bool,
    /// Requested or written just now.
    pub fetching: bool,
    /// How far behind, seconds.
    pub behind: Option<i64>,
}

/// A symbol and its series, one a timeframe of the wall; absent where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course<'a> {
    pub name: &'a str,
    pub bricks: Vec<Option<Brick>>,
}

/// Fresh, and what is being fetched.
const FRESH: &str = "█";
const FETCHING: &str = "◐";
const LATE: &str = "!";
/// Between two blocks.
const GAP: usize = 2;

impl Brick {
    /// The worse, the larger.
    fn rank(self) -> u8 {
        let tier = match self.tier {
            Tier::Fresh | Tier::Ended => 0,
            Tier::Loading => 1,
            Tier::Aging => 2,
            Tier::Unknown => 3,
            Tier::Stale => 4,
            Tier::Missing => 5,
        };
        if self.late { 9 } else { tier }
    }

    fn draw(self, canvas: &mut Canvas, x: u16, y: u16) {
        match self {
            Self { late: true, .. } => canvas.glyph(x, y, LATE, Role::Breach),
            Self { fetching: true, .. } => canvas.glyph(x, y, FETCHING, Role::Running),
            Self { tier: Tier::Fresh, .. } => canvas.glyph(x, y, FRESH, Role::Fresh),
            Self { tier, .. } => canvas.tile(x, y, &tier.letter().to_string(), tier.into()),
        }
    }
}

impl Course<'_> {
    fn worst(&self) -> Option<Brick> {
        let bricks = self.bricks.iter().copied().flatten();
        let worst = bricks.clone().max_by_key(|brick| brick.rank())?;
        Some(Brick { fetching: bricks.into_iter().any(|brick| brick.fetching), ..worst })
    }
}

/// A block for each symbol, side by side: its name, and its timeframes under their headings or, where that takes too many
/// lines, close together.
struct Blocks {
    name: usize,
    /// Cells from one timeframe to the next.
    step: usize,
    timeframes: usize,
    headed: bool,
}

impl Blocks {
    fn new(courses: &[Course<'_>], timeframes: &[&str], headed: bool) -> Self {
        let name = courses.iter().map(|course| course.name.chars().count()).max().unwrap_or(0).min(6);
        let heading = timeframes.iter().map(|name| name.chars().count()).max().unwrap_or(1);
        Self { name, step: if headed { heading + 1 } else { 1 }, timeframes: timeframes.len(), headed }
    }

    fn width(&self) -> usize {
        self.name + 1 + self.timeframes * self.step
    }

    /// How many stand side by side in `width`; none when one is too wide.
    fn across(&self, width: u16) -> usize {
        (usize::from(width) + GAP) / (self.width() + GAP)
    }

    fn lines(&self, symbols: usize, width: u16) -> usize {
        match self.across(width) {
            0 => usize::MAX,
            across => symbols.div_ceil(across) + usize::from(self.headed),
        }
    }
}

/// Lines that blocks with headings need in `width`.
#[must_use]
pub fn lines(courses: &[Course<'_>], timeframes: &[&str], width: u16) -> u16 {
    let lines = Blocks::new(courses, timeframes, true).lines(courses.len(), width);
    u16::try_from(lines).unwrap_or(u16::MAX)
}

/// Draws the wall as large as `area` allows.
pub fn wall(canvas: &mut Canvas, area: Rect, courses: &[Course<'_>], timeframes: &[&str]) {
    if area.height == 0 || courses.is_empty() {
        return;
    }
    let cells = usize::from(area.width) * usize::from(area.height);
    let fits = |blocks: &Blocks| blocks.lines(courses.len(), area.width) <= usize::from(area.height);
    let shapes = [true, false].map(|headed| Blocks::new(courses, timeframes, headed));
    if let Some(shape) = shapes.iter().find(|shape| fits(shape)) {
        blocks(canvas, area, courses, timeframes, shape);
    } else if courses.len() <= cells {
        for (k, course) in courses.iter().enumerate() {
            let (x, y) = (k % usize::from(area.width), k / usize::from(area.width));
            if let (Some(brick), Ok(x), Ok(y)) = (course.worst(), u16::try_from(x), u16::try_from(y)) {
                brick.draw(canvas, area.x + x, area.y + y);
            }
        }
    } else {
        distribution(canvas, area, courses);
    }
}

fn blocks(canvas: &mut Canvas, area: Rect, courses: &[Course<'_>], timeframes: &[&str], shape: &Blocks) {
    let cells = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let (names, step, heading) = (cells(shape.name), cells(shape.step), u16::from(shape.headed));
    // Down each column, as one reads a list.
    let rows = courses.len().div_ceil(shape.across(area.width).max(1));
    for (column, part) in courses.chunks(rows.max(1)).enumerate() {
        let x = area.x + cells(column * (shape.width() + GAP));
        let of = |k: u16| x + names + 1 + k * step;
        for (k, timeframe) in (0_u16..).zip(timeframes).filter(|_| shape.headed) {
            canvas.text(of(k), area.y, step - 1, timeframe, Role::Muted);
        }
        for (y, course) in (area.y + heading..area.bottom()).zip(part) {
            let role = if course.bricks.iter().flatten().any(|brick| brick.late) { Role::Breach } else { Role::Text };
            canvas.text(x, y, names, course.name, role);
            for (k, brick) in (0_u16..).zip(&course.bricks) {
                let Some(brick) = brick else { continue };
                // A fresh one fills the width of its heading; a letter stands alone.
                let is_fresh = matches!(brick, Brick { tier: Tier::Fresh, late: false, fetching: false, .. });
                for cell in 0..if is_fresh { (step - 1).max(1) } else { 1 } {
                    brick.draw(canvas, of(k) + cell, y);
                }
            }
        }
    }
}

/// Borders of the classes, and what they are called.
const CLASSES: [(i64, &str); 9] = [
    (0, "now"),
    (5 * MINUTE, "5m"),
    (15 * MINUTE, "15m"),
    (HOUR, "1h"),
    (4 * HOUR, "4h"),
    (DAY, "1d"),
    (7 * DAY, "7d"),
    (30 * DAY, "30d"),
    (i64::MAX, "more"),
];

/// How many series are how far behind, each class up to its border.
fn classes(courses: &[Course<'_>]) -> [usize; CLASSES.len()] {
    let mut counts = [0; CLASSES.len()];
    let behind = courses.iter().flat_map(|course| course.bricks.iter().flatten()).filter_map(|brick| brick.behind);
    for seconds in behind {
        let ms = seconds.saturating_mul(1_000);
        let class = CLASSES.iter().position(|(border, _)| ms <= *border);
        if let Some(count) = class.and_then(|class| counts.get_mut(class)) {
            *count += 1;
        }
    }
    counts
}

fn distribution(canvas: &mut Canvas, area: Rect, courses: &[Course<'_>]) {
    let counts = classes(courses);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let width = area.width / CLASSES.len() as u16;
    let height = area.height.saturating_sub(2);
    if width < 4 || area.height < 2 {
        return;
    }
    // The square root keeps a few late ones in sight beside thousands of fresh ones.
    let level = |n: usize| ((n as f64 / most as f64).sqrt() * f64::from(height) * 8.0).ceil() as usize;
    for (k, ((border, name), n)) in (0_u16..).zip(CLASSES.iter().zip(counts)) {
        let x = area.x + k * width;
        let role: Role = match *border {
            b if b <= HOUR => Tier::Fresh.into(),
            b if b <= 4 * HOUR => Tier::Aging.into(),
            _ => Tier::Stale.into(),
        };
        for row in 0..height {
            let here = level(n).saturating_sub(usize::from(height - 1 - row) * 8).min(8);
            if let Some(glyph) = LEVELS.get(here).filter(|_| here > 0) {
                canvas.repeat(x, area.y + 1 + row, width - 1, glyph, role);
            }
        }
        if n > 0 {
            canvas.text(x, area.y, width, &format::short(n as f64), Role::Strong);
        }
        canvas.text(x, area.bottom() - 1, width - 1, name, Role::Muted);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    const TIMEFRAMES: [&str; 2] = ["5m", "1d"];

    #[allow(clippy::unnecessary_wraps, reason = "a place of the wall may be empty")]
    fn brick(tier: Tier) -> Option<Brick> {
        Some(Brick { tier, late: false, fetching: false, behind: Some(60) })
    }

    fn drawn(width: u16, height: u16, courses: &[Course<'_>]) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        wall(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)), area, courses, &TIMEFRAMES);
        let row = |y| (0..width).map(|x| buf[(x, y)].symbol().to_owned()).collect::<String>();
        (0..height).map(|y| row(y).trim_end().to_owned()).collect()
    }

    fn some() -> Vec<Course<'static>> {
        let late = Some(Brick { late: true, ..brick(Tier::Stale).unwrap() });
        let fetched = Some(Brick { fetching: true, ..brick(Tier::Aging).unwrap() });
        vec![
            Course { name: "SPY", bricks: vec![brick(Tier::Fresh), brick(Tier::Aging)] },
            Course { name: "BTC", bricks: vec![late, fetched] },
            Course { name: "META", bricks: vec![brick(Tier::Missing), None] },
        ]
    }

    #[test]
    fn each_series_has_its_place_under_its_timeframe() {
        assert_eq!(drawn(12, 4, &some()), ["     5m 1d", "SPY  ██ A", "BTC  !  ◐", "META M"]);
        assert_eq!(drawn(26, 3, &some()), ["     5m 1d        5m 1d", "SPY  ██ A    META M", "BTC  !  ◐"]);
        assert_eq!(lines(&some(), &TIMEFRAMES, 26), 3);
    }

    #[test]
    fn with_less_room_a_symbol_is_its_worst_series() {
        assert_eq!(drawn(12, 3, &some()), ["SPY  █A", "BTC  !◐", "META M"], "without headings");
        assert_eq!(drawn(12, 2, &some()), ["A!M", ""]);
        let all: Vec<Course<'_>> = (0..25).map(|_| Course { name: "X", bricks: vec![brick(Tier::Fresh)] }).collect();
        assert_eq!(drawn(10, 3, &all), ["██████████", "██████████", "█████"]);
    }

    #[test]
    fn more_symbols_than_cells_are_told_by_how_far_they_are_behind() {
        let behind = |seconds| Course {
            name: "X",
            bricks: vec![Some(Brick { behind: Some(seconds), ..brick(Tier::Fresh).unwrap() })],
        };
        let mut many: Vec<Course<'_>> = (0..10_000).map(|_| behind(0)).collect();
        many.push(behind(3 * 86_400));
        let counts = classes(&many);
        assert_eq!((counts[0], counts[6]), (10_000, 1));
        let shown = drawn(45, 6, &many);
        assert!(shown[0].starts_with("10.0k"), "{shown:?}");
        assert!(shown[5].starts_with("now  5m   15m  1h   4h   1d   7d   30d  more"), "{shown:?}");
        assert!(shown[4].chars().filter(|c| *c != ' ').count() > 4, "one series of ten thousand is seen: {shown:?}");
    }
}
