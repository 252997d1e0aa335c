//! A frame as SVG and as text: for the screenshot key, for the documentation, and for tests.
//!
//! A run of cells of one style is one `<text>` with its exact length, so columns stay in line whatever font a viewer
//! has. Bars, levels and lines are drawn as shapes, not letters: they meet without gaps.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use crate::draw::theme::Theme;
use barkeep_market::Ts;

/// A cell in pixels, and the baseline of its text.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const BASELINE: f64 = 13.5;
const SIZE: f64 = 14.0;
const MARGIN: f64 = 12.0;

/// The directory that screenshots are saved in.
#[derive(Clone, Debug)]
pub struct Screenshots {
    pub dir: PathBuf,
}

impl Screenshots {
    /// Writes a frame as SVG and as text beside it; gives the SVG's path.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn add(&self, frame: &Buffer, theme: Theme, at: Ts) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("barkeep-{}.svg", at.to_utc().format("%Y%m%d-%H%M%S")));
        std::fs::write(&path, svg(frame, theme))?;
        std::fs::write(path.with_extension("txt"), text(frame))?;
        Ok(path)
    }
}

/// The frame as lines of text, without blanks at their ends.
#[must_use]
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in buf.area.left()..buf.area.right() {
            let symbol = buf.cell((x, y)).map_or(" ", Cell::symbol);
            // The cell after a wide character belongs to it.
            if skip == 0 {
                line.push_str(symbol);
                skip = symbol.width().saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The frame as a picture, on the paper of its theme.
#[must_use]
pub fn svg(buf: &Buffer, theme: Theme) -> String {
    let (width, height) = (f64::from(buf.area.width) * WIDTH, f64::from(buf.area.height) * HEIGHT);
    let (whole_width, whole_height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
    let (ink, paper) = theme.paper();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole_width:.1} {whole_height:.1}\" \
         width=\"{whole_width:.0}\" height=\"{whole_height:.0}\" font-family=\"'DejaVu Sans Mono','Menlo','Consolas',monospace\" \
         font-size=\"{SIZE}\" fill=\"{}\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\">\n",
        hex(ink),
        hex(paper)
    );
    for y in buf.area.top()..buf.area.bottom() {
        line(&mut out, buf, y, (ink, paper));
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// What the cells of a run have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct CellStyle {
    ink: u32,
    paper: u32,
    modifier: Modifier,
}

impl CellStyle {
    fn of(cell: &Cell, (ink, paper): (u32, u32)) -> Self {
        let (ink, paper) = (rgb(cell.fg).unwrap_or(ink), rgb(cell.bg).unwrap_or(paper));
        let reversed = cell.modifier.contains(Modifier::REVERSED);
        let (ink, paper) = if reversed { (paper, ink) } else { (ink, paper) };
        Self { ink, paper, modifier: cell.modifier.difference(Modifier::REVERSED) }
    }
}

fn line(out: &mut String, buf: &Buffer, y: u16, plain: (u32, u32)) {
    let top = f64::from(y - buf.area.top()) * HEIGHT;
    let cells = faces(buf, y, plain);
    // Backgrounds first, so that they cover nothing.
    let mut x = 0;
    while let Some((style, _)) = cells.get(x) {
        let length = cells.iter().skip(x).take_while(|(other, _)| other.paper == style.paper).count();
        if style.paper != plain.1 {
            let (left, wide) = (x as f64 * WIDTH, length as f64 * WIDTH);
            let _ = writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{HEIGHT}\" fill=\"{}\"/>",
                hex(style.paper)
            );
        }
        x += length;
    }
    let mut x = 0;
    while let Some((style, symbol)) = cells.get(x) {
        let shape = is_shape(symbol);
        let same = |(other, s): &&(CellStyle, &str)| other == style && is_shape(s) == shape && (!shape || s == symbol);
        let length = cells.iter().skip(x).take_while(same).count();
        if shape {
            for part in shapes(symbol) {
                draw(out, part, (x, length), top, *style);
            }
        } else {
            let run: String = cells.iter().skip(x).take(length).map(|(_, symbol)| *symbol).collect();
            text_run(out, &run, x, top, *style);
        }
        x += length;
    }
}

/// The cells of a line with their styles. The second column of a wide character has the style of the first and no text.
fn faces(buf: &Buffer, y: u16, plain: (u32, u32)) -> Vec<(CellStyle, &str)> {
    let mut faces: Vec<(CellStyle, &str)> = Vec::with_capacity(usize::from(buf.area.width));
    for cell in (buf.area.left()..buf.area.right()).filter_map(|x| buf.cell((x, y))) {
        let face = match faces.last() {
            Some((style, before)) if before.width() == 2 => (*style, ""),
            _ => (CellStyle::of(cell, plain), cell.symbol()),
        };
        faces.push(face);
    }
    faces
}

/// A run of text; blanks at its ends are left out.
fn text_run(out: &mut String, run: &str, x: usize, top: f64, style: CellStyle) {
    let text = run.trim_end();
    let blanks = text.len() - text.trim_start().len();
    let text = text.trim_start();
    if text.is_empty() {
        return;
    }
    let (left, wide) = ((x + blanks) as f64 * WIDTH, text.width() as f64 * WIDTH);
    let mut attributes = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::DIM, " opacity=\"0.6\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
    ] {
        if style.modifier.contains(modifier) {
            attributes.push_str(attribute);
        }
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{wide:.1}\" xml:space=\"preserve\" fill=\"{}\"{attributes}>{escaped}</text>",
        top + BASELINE,
        hex(style.ink)
    );
}

/// A rectangle in shares of a cell: left, top, width, height, opacity. A width of 1 runs on through equal neighbors.
type Shape = (f64, f64, f64, f64, f64);

fn draw(
    out: &mut String,
    (left, upper, wide, high, opacity): Shape,
    (x, length): (usize, usize),
    top: f64,
    style: CellStyle,
) {
    let dim = if style.modifier.contains(Modifier::DIM) { 0.6 } else { 1.0 };
    let opacity = opacity * dim;
    let (count, wide) = if wide >= 1.0 { (1, length as f64) } else { (length, wide) };
    for k in 0..count {
        let _ = writeln!(
            out,
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{}\"{}/>",
            ((x + k) as f64 + left) * WIDTH,
            top + upper * HEIGHT,
            wide * WIDTH,
            high * HEIGHT,
            hex(style.ink),
            if opacity < 1.0 { format!(" opacity=\"{opacity:.2}\"") } else { String::new() }
        );
    }
}

fn is_shape(symbol: &str) -> bool {
    !shapes(symbol).is_empty()
}

/// How bars, levels and lines are made of rectangles.
fn shapes(symbol: &str) -> Vec<Shape> {
    /// Light and heavy strokes, as shares of a cell's width.
    const LIGHT: f64 = 0.14;
    const HEAVY: f64 = 0.62;
    /// The same thickness, as a share of a cell's height.
    const THIN: f64 = LIGHT * WIDTH / HEIGHT;
    let level = |n: f64| vec![(0.06, 1.0 - n / 8.0 * 0.94, 0.88, n / 8.0 * 0.94, 1.0)];
    let fill = |n: f64| vec![(0.0, 0.04, n / 8.0, 0.92, 1.0)];
    let down = |from: f64, to: f64, thick: f64| (0.5 - thick / 2.0, from, thick, to - from, 1.0);
    let across = |from: f64, to: f64| (from, 0.5 - THIN / 2.0, to - from, THIN, 1.0);
    let walls = |from: f64, to: f64| vec![(0.19, from, LIGHT, to - from, 1.0), (0.67, from, LIGHT, to - from, 1.0)];
    match symbol {
        "█" => fill(8.0),
        "▉" => fill(7.0),
        "▊" => fill(6.0),
        "▋" => fill(5.0),
        "▌" => fill(4.0),
        "▍" => fill(3.0),
        "▎" => fill(2.0),
        "▏" => fill(1.0),
        "░" => vec![(0.0, 0.04, 1.0, 0.92, 0.45)],
        "▁" => level(1.0),
        "▂" => level(2.0),
        "▃" => level(3.0),
        "▄" => level(4.0),
        "▅" => level(5.0),
        "▆" => level(6.0),
        "▇" => level(7.0),
        "■" => vec![(0.1, 0.22, 0.8, 0.56, 1.0)],
        "─" => vec![across(0.0, 1.0)],
        "╌" => vec![across(0.1, 0.4), across(0.6, 0.9)],
        "│" => vec![down(0.0, 1.0, LIGHT)],
        "╷" => vec![down(0.5, 1.0, LIGHT)],
        "╵" => vec![down(0.0, 0.5, LIGHT)],
        "┃" => vec![down(0.0, 1.0, HEAVY)],
        "╻" => vec![down(0.5, 1.0, HEAVY)],
        "╹" => vec![down(0.0, 0.5, HEAVY)],
        "╽" => vec![down(0.0, 0.5, LIGHT), down(0.5, 1.0, HEAVY)],
        "╿" => vec![down(0.0, 0.5, HEAVY), down(0.5, 1.0, LIGHT)],
        "▀" => vec![(0.0, 0.0, 1.0, 0.5, 1.0)],
        "║" => walls(0.0, 1.0),
        "╥" => [walls(0.5, 1.0), vec![across(0.19, 0.81)]].concat(),
        "╨" => [walls(0.0, 0.5), vec![across(0.19, 0.81)]].concat(),
        "╎" => vec![down(0.1, 0.4, LIGHT), down(0.6, 0.9, LIGHT)],
        "╭" => vec![down(0.5, 1.0, LIGHT), across(0.5, 1.0)],
        "╮" => vec![down(0.5, 1.0, LIGHT), across(0.0, 0.5)],
        "╰" => vec![down(0.0, 0.5, LIGHT), across(0.5, 1.0)],
        "╯" => vec![down(0.0, 0.5, LIGHT), across(0.0, 0.5)],
        "▮" => vec![(0.2, 0.12, 0.6, 0.76, 1.0)],
        _ => symbol.chars().next().map_or_else(Vec::new, dots),
    }
}

/// The dots of a braille sign: its bits are dots, from the top, left before right, the lowest ones last.
fn dots(sign: char) -> Vec<Shape> {
    const PLACES: [(f64, f64); 8] =
        [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (0.0, 3.0), (1.0, 3.0)];
    let bits = u32::from(sign).checked_sub(0x2800).filter(|bits| *bits < 0x100).unwrap_or(0);
    let set = (0_u32..).zip(PLACES).filter(|(bit, _)| bits >> bit & 1 == 1);
    set.map(|(_, (x, y))| (0.09 + 0.48 * x, 0.04 + 0.245 * y, 0.34, 0.19, 1.0)).collect()
}

fn hex(rgb: u32) -> String {
    format!("#{rgb:06x}")
}

/// A color of the terminal as xterm shows it; `None` for the terminal's own.
fn rgb(color: Color) -> Option<u32> {
    const SIXTEEN: [u32; 16] = [
        0x00_00_00, 0xcd_00_00, 0x00_cd_00, 0xcd_cd_00, 0x00_00_ee, 0xcd_00_cd, 0x00_cd_cd, 0xe5_e5_e5, 0x7f_7f_7f,
        0xff_00_00, 0x00_ff_00, 0xff_ff_00, 0x5c_5c_ff, 0xff_00_ff, 0x00_ff_ff, 0xff_ff_ff,
    ];
    let named = |n: usize| SIXTEEN.get(n).copied();
    match color {
        Color::Reset => None,
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Rgb(r, g, b) => Some(u32::from_be_bytes([0, r, g, b])),
        Color::Indexed(n @ 0..16) => named(usize::from(n)),
        Color::Indexed(n @ 16..232) => {
            let step = |k: u8| if k == 0 { 0 } else { 55 + 40 * k };
            let n = n - 16;
            Some(u32::from_be_bytes([0, step(n / 36), step(n / 6 % 6), step(n % 6)]))
        }
        Color::Indexed(n) => {
            let shade = 8 + 10 * (n - 232);
            Some(u32::from_be_bytes([0, shade, shade, shade]))
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;
    use crate::draw::theme::{ColorDepth, Role, ThemeKind};

    #[test]
    fn a_picture_holds_every_text_at_its_place_and_nothing_that_breaks_it() {
        let theme = Theme::new(ThemeKind::Dark, ColorDepth::Rgb);
        let mut buf = Buffer::empty(Rect::new(3, 2, 20, 2));
        buf.set_string(3, 2, "  <b>&", Style::new());
        buf.set_string(13, 2, "███", theme.style(Role::Good));
        buf.set_string(3, 3, "日本", theme.style(Role::Selected));
        let picture = svg(&buf, theme);
        assert!(picture.contains("x=\"16.8\" y=\"13.5\" textLength=\"33.6\""), "{picture}");
        assert!(picture.contains(">&lt;b&gt;&amp;</text>"));
        assert_eq!(picture.matches("fill=\"#4cc38a\"").count(), 1, "one rectangle for a run of full blocks");
        assert!(picture.contains("width=\"33.6\" height=\"18\" fill=\"#1d334d\""), "{picture}");
        assert!(picture.contains("textLength=\"33.6\" xml:space=\"preserve\" fill=\"#d3dae3\">日本<"), "{picture}");
        assert_eq!(text(&buf), "  <b>&    ███\n日本\n");
    }

    #[test]
    fn reverse_video_swaps_ink_and_paper() {
        let theme = Theme::new(ThemeKind::Mono, ColorDepth::Rgb);
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 1));
        buf.set_string(0, 0, "ab", theme.style(Role::Selected));
        let (ink, paper) = theme.paper();
        let picture = svg(&buf, theme);
        assert!(picture.contains(&format!("height=\"18\" fill=\"{}\"", hex(ink))));
        assert!(picture.contains(&format!("fill=\"{}\">ab</text>", hex(paper))));
    }
}
