use super::*;

fn drawn(width: u16, draw: impl FnOnce(&mut Canvas)) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
    draw(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)));
    buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
}

#[test]
fn text_too_long_ends_in_an_ellipsis_and_never_leaves_its_room() {
    assert_eq!(
        drawn(8, |p| {
            p.text(0, 0, 5, "abcdefg", Role::Text);
        }),
        "abcd…   "
    );
    assert_eq!(
        drawn(8, |p| {
            p.text(0, 0, 5, "abcde", Role::Text);
        }),
        "abcde   "
    );
    assert_eq!(drawn(8, |p| p.right(0, 0, 6, "ab", Role::Text)), "    ab  ");
    assert_eq!(
        drawn(4, |p| {
            p.text(2, 0, 90, "日本語", Role::Text);
        }),
        "  … "
    );
    assert_eq!(
        drawn(4, |p| {
            p.text(9, 7, 90, "x", Role::Text);
        }),
        "    "
    );
}

#[test]
fn text_takes_nothing_of_what_was_there_but_its_background() {
    let mut buf = Buffer::empty(Rect::new(0, 0, 2, 1));
    let theme = Theme::new(crate::draw::theme::ThemeKind::Dark, crate::draw::theme::ColorDepth::Rgb);
    let mut canvas = Canvas::new(&mut buf, theme, Ts(0));
    canvas.overlay(Rect::new(0, 0, 2, 1), Role::Selected);
    canvas.text(0, 0, 2, "ab", Role::Bad);
    canvas.text(0, 0, 1, "c", Role::Text);
    let cell = &buf[(0, 0)];
    assert_eq!((cell.fg, cell.modifier), (Color::Reset, Modifier::empty()));
    assert_eq!(Some(cell.bg), theme.style(Role::Selected).bg);
    assert!(buf[(1, 0)].modifier.contains(Modifier::BOLD));
}

#[test]
fn a_line_that_does_not_fit_is_cut_with_an_ellipsis() {
    let line = Line::of(Role::Muted, "limit ").span(Role::Strong, "4/5");
    assert_eq!(
        drawn(10, |p| {
            p.line(0, 0, 10, &line);
        }),
        "limit 4/5 "
    );
    assert_eq!(
        drawn(10, |p| {
            p.line(0, 0, 8, &line);
        }),
        "limit 4…  "
    );
    assert_eq!(
        drawn(10, |p| {
            p.line(0, 0, 6, &line);
        }),
        "limit…    "
    );
}

#[test]
fn pieces_of_least_worth_are_left_out_first() {
    let pieces = [(5, Line::of(Role::Text, "aaaa")), (1, Line::of(Role::Text, "bb")), (9, Line::of(Role::Text, "cc"))];
    assert_eq!(
        drawn(14, |p| {
            p.pieces(0, 0, 14, 2, &pieces);
        }),
        "aaaa  bb  cc  "
    );
    assert_eq!(
        drawn(14, |p| {
            p.pieces(0, 0, 11, 2, &pieces);
        }),
        "aaaa  cc      "
    );
    assert_eq!(
        drawn(14, |p| {
            p.pieces(0, 0, 5, 2, &pieces);
        }),
        "cc            "
    );
    assert_eq!(
        drawn(14, |p| {
            p.pieces(0, 0, 1, 2, &pieces);
        }),
        "…             "
    );
}

#[test]
fn text_is_broken_between_words() {
    assert_eq!(wrap("the quick brown fox", 9), ["the quick", "brown fox"]);
    assert_eq!(wrap("extraordinary", 5), ["extra", "ordin", "ary"]);
    assert!(wrap("", 5).is_empty());
}

#[test]
fn a_frame_that_would_be_red_is_heavy_and_its_title_reversed_where_there_is_no_color() {
    use crate::draw::theme::{ColorDepth, ThemeKind};
    let drawn = |kind, role| {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 3));
        let area = buf.area;
        let mut canvas = Canvas::new(&mut buf, Theme::new(kind, ColorDepth::Rgb), Ts(0));
        canvas.block(area, &Line::of(Role::Title, "Now"), &Line::new(), role);
        let reversed = buf[(3, 0)].modifier.contains(Modifier::REVERSED);
        (buf.content.iter().take(12).map(ratatui::buffer::Cell::symbol).collect::<String>(), reversed)
    };
    assert_eq!(drawn(ThemeKind::Mono, Role::Bad), ("┏━ Now ━━━━┓".to_owned(), true));
    assert_eq!(drawn(ThemeKind::Mono, Role::Border), ("╭─ Now ────╮".to_owned(), false));
    assert_eq!(drawn(ThemeKind::Dark, Role::Bad), ("╭─ Now ────╮".to_owned(), false));
}
