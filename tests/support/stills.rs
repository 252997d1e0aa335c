//! The pictures in `screenshots/`, from the real screens.

use barkeep::market::Timeframe;
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::draw::theme::ThemeKind;
use barkeep::tui::model::cursor::Cursor;
use barkeep::tui::model::query::Query;
use barkeep::tui::model::screen::{ListId, Screen};
use barkeep::tui::model::{Model, Zoom};
use barkeep::tui::terminal::screenshot;
use barkeep::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::screens::{answered, name, running};

const WIDTH: u16 = 120;
const HEIGHT: u16 = 36;

/// Puts the selection on a series.
pub fn select(mut model: Model, symbol: &str, timeframe: Timeframe) -> Model {
    let wanted = name(symbol, timeframe);
    let row = (0..model.symbols.order.len())
        .find(|row| model.series_at(*row).is_some_and(|s| (s.symbol.clone(), s.timeframe) == wanted))
        .unwrap();
    let key = model.key_of(ListId::Symbols, row);
    model.cursors.insert(ListId::Symbols, Cursor { index: row, key });
    model
}

fn base(screen: Screen) -> Model {
    let mut model = answered(running(), WIDTH, HEIGHT);
    model.screen = screen;
    model.detail.series = Some(name("META", Timeframe::M5));
    model
}

/// Name and picture of each.
pub fn stills() -> Vec<(&'static str, String)> {
    let mut symbols = base(Screen::Symbols);
    symbols.symbols.filter = "-tier:fresh".into();
    symbols.symbols.query = Query::parse("-tier:fresh");
    symbols.symbols.marks.extend([name("META", Timeframe::M5), name("META", Timeframe::M15)]);
    symbols.reorder();
    let mut session = select(base(Screen::Coverage), "META", Timeframe::M5);
    session.coverage.zoom = Zoom::Session;
    let mut executions = base(Screen::Executions);
    executions.executions.open = Some(executions.executions()[0].execution_id);
    let mut light = base(Screen::Overview);
    light.display.theme = ThemeKind::Light;
    let mut blind = base(Screen::Detail);
    blind.display.theme = ThemeKind::ColorBlind;
    let all = vec![
        ("overview", base(Screen::Overview)),
        ("symbols", symbols),
        ("coverage", select(base(Screen::Coverage), "META", Timeframe::M5)),
        ("session", session),
        ("detail", base(Screen::Detail)),
        ("executions", executions),
        ("vendor", base(Screen::Vendor)),
        ("failures", base(Screen::Failures)),
        ("log", base(Screen::Log)),
        ("overview-light", light),
        ("detail-color-blind", blind),
    ];
    all.into_iter().map(|(file, model)| (file, picture(&model))).collect()
}

fn picture(model: &Model) -> String {
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut buf = Buffer::empty(area);
    let context = DrawContext::of(model);
    let _ = view::frame::frame(model, &context, area, &mut buf);
    screenshot::svg(&buf, context.theme)
}
