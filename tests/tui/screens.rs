//! What the screens show, cell by cell: every screen in its states, at the sizes it has to hold, in colour, without, and
//! in ASCII. `INSTA_UPDATE=always` writes the snapshots anew.

use std::fmt::Write as _;
use std::sync::Arc;

use barkeep::market::Timeframe;
use barkeep::market::ts::{MINUTE, SECOND};
use barkeep::monitor::snapshot::Snapshot;
use barkeep::runtime::console::{ConsoleRequest, Link, ReadError};
use barkeep::service::handle::Live;
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::draw::hits::{ClickTarget, HitMap};
use barkeep::tui::draw::theme::{ColorDepth, ThemeKind};
use barkeep::tui::model::cursor::ListCursor;
use barkeep::tui::model::query::Query;
use barkeep::tui::model::screen::{ListId, Screen};
use barkeep::tui::model::sort::{Sort, SortBy};
use barkeep::tui::model::{Model, Zoom};
use barkeep::tui::terminal::screenshot;
use barkeep::tui::view;
use barkeep::vendor::limit::LimitSnapshot;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use crate::support::messages::{is_made_by, messages};
use crate::support::screens::{self, answered, at_rest, empty, failed, name, notices, opened, paused, running};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

/// A dashboard in one state.
type Case = (&'static str, fn() -> Model);

fn on(screen: Screen, mut model: Model) -> Model {
    model.screen = screen;
    model
}

fn busy() -> Model {
    answered(running(), 120, 40)
}

fn filtered(filter: &str) -> Model {
    let mut model = on(Screen::Symbols, busy());
    model.symbols.filter = filter.into();
    model.symbols.query = Query::parse(filter);
    model.reorder();
    model
}

fn with_live(change: impl FnOnce(&mut Live)) -> Snapshot {
    let mut live = screens::live();
    change(&mut live);
    Snapshot { live: Arc::new(live), ..running() }
}

fn detail(symbol: &str) -> Model {
    let mut model = on(Screen::Detail, busy());
    model.detail.series = Some(name(symbol, Timeframe::M5));
    model
}

fn broken(mut model: Model, question: &ConsoleRequest) -> Model {
    let entry = model.answers.entry_mut(question).unwrap();
    entry.response = None;
    entry.error = Some(ReadError::Unavailable("the database is unreachable: connection refused".into()));
    model
}

const CASES: [Case; 34] = [
    ("overview_running", || on(Screen::Overview, busy())),
    ("overview_at_rest", || on(Screen::Overview, answered(at_rest(), 120, 40))),
    ("overview_paused", || on(Screen::Overview, answered(paused(), 120, 40))),
    ("overview_failed", || on(Screen::Overview, answered(failed(), 120, 40))),
    ("overview_first_start", || on(Screen::Overview, opened(empty(), 120, 40))),
    ("overview_link_lost", || {
        let mut model = on(Screen::Overview, busy());
        let (url, since) = ("http://bars:8000".into(), screens::now() - 4 * MINUTE);
        model.link = Link::Lost { url, since, error: "connection refused".into() };
        model
    }),
    ("overview_frozen", || {
        let mut model = on(Screen::Overview, busy());
        model.frozen = Some(screens::now());
        model.now.wall = screens::now() + 5 * MINUTE;
        model
    }),
    ("symbols_running", || on(Screen::Symbols, busy())),
    ("symbols_filtered_and_marked", || {
        let mut model = filtered("tier:stale,aging -tf:1d class:crypto");
        model.symbols.sort = Sort { by: SortBy::Symbol, reversed: true };
        model.symbols.marks.extend([name("XRP", Timeframe::H1), name("ADA", Timeframe::M5)]);
        model.reorder();
        model
    }),
    ("symbols_nothing_fits", || filtered("zzz tier:stael")),
    ("symbols_first_start", || on(Screen::Symbols, opened(empty(), 120, 40))),
    ("symbols_unanswered", || on(Screen::Symbols, opened(running(), 120, 40))),
    ("coverage_days", || select(on(Screen::Coverage, busy()), "META", Timeframe::M5)),
    ("coverage_weeks", || {
        let mut model = select(on(Screen::Coverage, busy()), "EEM", Timeframe::D1);
        model.coverage.zoom = Zoom::Weeks;
        model.coverage.date = chrono::NaiveDate::from_ymd_opt(2026, 6, 10);
        model
    }),
    ("coverage_session", || {
        let mut model = select(on(Screen::Coverage, busy()), "META", Timeframe::M5);
        model.coverage.zoom = Zoom::Session;
        model
    }),
    ("coverage_unanswered", || on(Screen::Coverage, opened(running(), 120, 40))),
    ("detail_late", || detail("META")),
    ("detail_compare", || {
        let mut model = detail("AAPL");
        model.detail.compare = true;
        model
    }),
    ("detail_unanswered", || on(Screen::Detail, opened(running(), 120, 40))),
    ("detail_unreadable", || {
        let question = ConsoleRequest::Detail { symbol: "META".parse().unwrap(), timeframe: Timeframe::M5 };
        broken(detail("META"), &question)
    }),
    ("detail_nothing", || on(Screen::Detail, opened(empty(), 120, 40))),
    ("executions_list", || on(Screen::Executions, busy())),
    ("executions_open", || {
        let mut model = on(Screen::Executions, busy());
        model.executions.open = Some(model.executions()[3].execution_id);
        model.panes[Screen::Executions as usize] = 1;
        model
    }),
    ("executions_open_running", || {
        let mut model = on(Screen::Executions, busy());
        model.executions.open = Some(model.executions()[0].execution_id);
        model
    }),
    ("executions_none", || on(Screen::Executions, opened(empty(), 120, 40))),
    ("vendor_running", || on(Screen::Vendor, busy())),
    ("vendor_refused", || {
        let limit = LimitSnapshot {
            effective: 2,
            used: 2,
            frozen_for: Some(std::time::Duration::from_secs(24)),
            foreign_per_minute: Some(3),
            ..screens::live().limit
        };
        on(Screen::Vendor, answered(with_live(|live| live.limit = limit), 120, 40))
    }),
    ("vendor_first_start", || on(Screen::Vendor, opened(empty(), 120, 40))),
    ("failures_all", || on(Screen::Failures, busy())),
    ("failures_quarantine", || {
        let mut model = on(Screen::Failures, busy());
        model.panes[Screen::Failures as usize] = 2;
        model
    }),
    ("failures_unreadable", || broken(on(Screen::Failures, busy()), &barkeep::tui::model::answers::QUARANTINE)),
    ("log_following", || on(Screen::Log, busy())),
    ("log_filtered_away", || {
        let mut model = on(Screen::Log, busy());
        model.log.filter = "nothing like it".into();
        model.log.follow = false;
        model.log.skipped = 12;
        model
    }),
    ("log_empty", || on(Screen::Log, opened(empty(), 120, 40))),
];

fn frame(model: &Model, width: u16, height: u16) -> (Buffer, HitMap) {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let mut hits = HitMap::default();
    view::screen(model, &DrawContext::of(model), area, &mut buf, &mut hits);
    (buf, hits)
}

fn text(model: &Model, width: u16, height: u16) -> String {
    screenshot::text(&frame(model, width, height).0)
}

/// Puts the selection on a series.
pub fn select(mut model: Model, symbol: &str, timeframe: Timeframe) -> Model {
    let wanted = name(symbol, timeframe);
    let row = (0..model.symbols.order.len())
        .find(|row| model.series_at(*row).is_some_and(|s| (s.symbol.clone(), s.timeframe) == wanted))
        .unwrap();
    let key = model.key_of(ListId::Symbols, row);
    model.cursors.insert(ListId::Symbols, ListCursor { index: row, key });
    model
}

#[test]
fn every_screen_in_every_state_at_three_sizes() {
    for (case, model) in CASES {
        let model = model();
        let mut all = String::new();
        for (width, height) in SIZES {
            let _ = writeln!(all, "{width}x{height}\n{}", text(&model, width, height));
        }
        insta::assert_snapshot!(case, all);
    }
}

/// The map and the chart on a large screen, with and without color, in Unicode and in ASCII.
#[test]
fn coverage_and_detail_at_more_sizes() {
    let mut all = String::new();
    let plain = |change: fn(&mut Model), model: &Model, all: &mut String| {
        let mut model = Model { answers: model.answers.clone(), ..on(model.screen, opened(running(), 160, 45)) };
        change(&mut model);
        let _ = writeln!(all, "{}", text(&model, 160, 45));
    };
    for screen in [Screen::Coverage, Screen::Detail] {
        let mut model = select(on(screen, busy()), "META", Timeframe::M5);
        model.coverage.unfolded.insert("META".parse().unwrap());
        model.detail.series = Some(name("META", Timeframe::M5));
        for (width, height) in [(160, 45), (120, 32)] {
            let _ = writeln!(all, "{width}x{height}\n{}", text(&model, width, height));
        }
        plain(|model| model.display.theme = ThemeKind::Mono, &model, &mut all);
        plain(|model| model.display.ascii = true, &model, &mut all);
    }
    insta::assert_snapshot!("coverage_and_detail_sizes", all);
}

/// The box on top at the sizes in between, with and without work.
#[test]
fn the_overview_at_more_sizes() {
    for (case, snap) in
        [("running", running as fn() -> Snapshot), ("paused", paused), ("failed", failed), ("at_rest", at_rest)]
    {
        let model = on(Screen::Overview, answered(snap(), 160, 45));
        let mut all = String::new();
        for (width, height) in [(160, 45), (100, 30), (60, 20)] {
            let _ = writeln!(all, "{width}x{height}\n{}", text(&model, width, height));
        }
        insta::assert_snapshot!(format!("overview_sizes_{case}"), all);
    }
}

#[test]
fn ascii_shows_the_same_in_ascii() {
    for (case, model) in CASES {
        let mut model = model();
        model.display.ascii = true;
        for (width, height) in SIZES {
            let (buf, _) = frame(&model, width, height);
            assert!(buf.content.iter().all(|cell| cell.symbol().is_ascii()), "{case} at {width}x{height}");
        }
        let first_of_its_screen = CASES.iter().map(|c| c.0).find(|c| c.split('_').next() == case.split('_').next());
        if first_of_its_screen == Some(case) {
            insta::assert_snapshot!(format!("{case}_ascii"), text(&model, 80, 24));
        }
    }
}

/// Bars and graphs have many shades.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\
                       αβγδεζηθικλμνξπρστυφχψωГДЖИЛПФЦЧШЩЭЮЯбгджилпфцчшщэюя";

/// One letter per style, a legend of them, and the grid of letters.
fn style_map(buf: &Buffer) -> String {
    let mut styles: Vec<(Color, Color, Modifier)> = Vec::new();
    let mut grid = String::new();
    for y in 0..buf.area.height {
        let mut line = String::new();
        for x in 0..buf.area.width {
            let cell = &buf[(x, y)];
            let style = (cell.fg, cell.bg, cell.modifier);
            if style == (Color::Reset, Color::Reset, Modifier::empty()) {
                line.push(if cell.symbol() == " " { ' ' } else { '.' });
                continue;
            }
            let at = styles.iter().position(|s| *s == style).unwrap_or_else(|| {
                styles.push(style);
                styles.len() - 1
            });
            line.push(LETTERS.chars().nth(at).unwrap());
        }
        grid.push_str(line.trim_end());
        grid.push('\n');
    }
    let legend =
        styles.iter().zip(LETTERS.chars()).map(|((fg, bg, add), letter)| format!("{letter} = {fg} on {bg} {add:?}\n"));
    legend.collect::<String>() + &grid
}

#[test]
fn colours_and_weights_stand_where_they_should() {
    for kind in [ThemeKind::Dark, ThemeKind::Mono] {
        for screen in Screen::ALL {
            let mut model = on(screen, busy());
            model.detail.series = Some(name("META", Timeframe::M5));
            (model.display.theme, model.display.depth) = (kind, ColorDepth::Rgb);
            let case = format!("{}_{}", screen.title().split(' ').next().unwrap().to_lowercase(), kind.name());
            insta::assert_snapshot!(format!("styles_{case}"), style_map(&frame(&model, 80, 24).0));
        }
    }
}

#[test]
fn without_colour_no_cell_has_one() {
    for (case, model) in CASES {
        let mut model = model();
        for (theme, depth) in [(ThemeKind::Mono, ColorDepth::Rgb), (ThemeKind::Dark, ColorDepth::None)] {
            (model.display.theme, model.display.depth) = (theme, depth);
            let (buf, _) = frame(&model, 120, 40);
            let plain = |cell: &Cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset);
            assert!(buf.content.iter().all(plain), "{case}");
        }
    }
}

#[test]
fn no_size_is_too_small_or_too_odd() {
    let margin = 3;
    for (case, model) in CASES {
        let model = model();
        let widths = (1..=12).chain([20, 33, 39, 40, 41, 49, 50, 75, 76, 95, 96, 160, 300]);
        for width in widths {
            for height in [1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 17, 18, 22, 34, 60, 100] {
                let whole = Rect::new(0, 0, width + 2 * margin, height + 2 * margin);
                let area = Rect::new(margin, margin, width, height);
                let mut buf = Buffer::empty(whole);
                view::screen(&model, &DrawContext::of(&model), area, &mut buf, &mut HitMap::default());
                let inside = |k: usize| {
                    let (x, y) = ((k % usize::from(whole.width)) as u16, (k / usize::from(whole.width)) as u16);
                    area.contains((x, y).into())
                };
                let spilled = buf.content.iter().enumerate().find(|(k, c)| !inside(*k) && **c != Cell::default());
                assert!(spilled.is_none(), "{case} at {width}x{height} drew {spilled:?} outside of its place");
            }
        }
    }
}

#[test]
fn what_matters_is_there_at_every_size() {
    let model = on(Screen::Overview, busy());
    for (width, height) in [(160, 50), (120, 40), (100, 30), (80, 24), (60, 20), (40, 12), (40, 10)] {
        let shown = text(&model, width, height);
        for what in ["ETH", "late", "503", "run 7f3a91ce", "15:24Z"] {
            assert!(shown.contains(what), "{what} is missing at {width}x{height}:\n{shown}");
        }
    }
    let model = on(Screen::Symbols, busy());
    for width in 40..=160 {
        let shown = text(&model, width, 20);
        let row = shown.lines().find(|line| line.contains("ETH")).unwrap();
        assert!(row.contains("S stale !") && row.contains("1h"), "at {width}: {row}");
        assert!(width < 50 || row.contains("7h 02m"), "at {width}: {row}");
    }
}

#[test]
fn a_second_later_nothing_has_moved() {
    for (case, model) in CASES {
        let mut model = model();
        let before = text(&model, 120, 40);
        model.now.wall = model.now.wall + SECOND;
        // What the engine would publish now: the curve and the places of the limit have moved on, nothing else.
        let mut live = (*model.snap.live).clone();
        if model.frozen.is_none() {
            live.at = live.at + SECOND;
        }
        live.pulse.until = live.pulse.until + SECOND;
        model.snap = Arc::new(Snapshot { live: Arc::new(live), ..(*model.snap).clone() });
        let after = text(&model, 120, 40);
        let shape = |s: &str| s.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
        assert_eq!(shape(&before), shape(&after), "{case}");
        assert!(!case.ends_with("frozen") || before == after);
    }
}

#[test]
fn ten_thousand_symbols_are_drawn_by_the_row_in_sight() {
    let mut model = on(Screen::Symbols, opened(screens::big(10_000), 120, 40));
    assert_eq!(model.symbols.order.len(), 50_000);
    let (_, hits) = frame(&model, 120, 40);
    let rows = hits.areas().iter().filter(|(_, t)| matches!(t, ClickTarget::Row(ListId::Symbols, _))).count();
    assert_eq!(rows, 37);
    // The last row is in sight once the selection stands on it.
    let last = model.symbols.order.len() - 1;
    let key = model.key_of(ListId::Symbols, last);
    model.cursors.insert(ListId::Symbols, barkeep::tui::model::cursor::ListCursor { index: last, key });
    let (buf, hits) = frame(&model, 120, 40);
    assert_eq!(hits.window_of(ListId::Symbols).offset, 50_000 - 37);
    assert!(screenshot::text(&buf).contains("49,964-50,000 of 50,000"));
}

#[test]
fn a_run_is_never_full_before_it_is_verified() {
    let snap = with_live(|live| {
        let run = &mut live.runs[0];
        (run.requests_answered, run.items_done, run.items_failed) = (44, 24, 0);
        for item in &mut run.items {
            item.done = 1.0;
        }
    });
    let shown = text(&on(Screen::Overview, answered(snap, 120, 40)), 120, 40);
    assert!(shown.contains("99 %") && !shown.contains("100 %"), "{shown}");
}

#[test]
fn text_from_outside_cannot_draw() {
    let evil = "a\u{1b}[2J\u{7}\u{202e}b";
    let mut model = on(Screen::Log, busy());
    model.log.filter = evil.to_owned();
    model.symbols.filter = evil.to_owned();
    for screen in Screen::ALL {
        model.screen = screen;
        let (buf, _) = frame(&model, 120, 40);
        let controls = buf.content.iter().filter(|cell| cell.symbol().chars().any(char::is_control)).count();
        assert_eq!(controls, 0, "{}", screen.title());
    }
}

#[test]
fn the_log_of_the_made_up_day_holds_what_the_program_says() {
    let known = messages();
    for notice in notices() {
        assert!(known.iter().any(|message| is_made_by(&notice.text, message)), "nobody says: {}", notice.text);
    }
}
