//! The overview as a picture: the freshness wall from 25 symbols to 10,000, the limit as a belt of time, and panels that
//! keep their sizes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use barkeep::base::clock::Clock;
use barkeep::market::Ts;
use barkeep::market::ts::SECOND;
use barkeep::monitor::snapshot::Snapshot;
use barkeep::pipeline::events::Silent;
use barkeep::pipeline::journal::StoreJournal;
use barkeep::runtime::console::ConsoleResponse;
use barkeep::service::handle::Live;
use barkeep::service::progress::{ItemState, ItemView};
use barkeep::store::RequestPurpose;
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::draw::theme::{ColorDepth, ThemeKind};
use barkeep::tui::model::Model;
use barkeep::tui::model::answers::{FAILURES, QUARANTINE};
use barkeep::tui::model::msg::Msg;
use barkeep::tui::model::screen::{ListId, Screen};
use barkeep::tui::terminal::screenshot;
use barkeep::tui::view::frame::frame;
use barkeep::vendor::limit::{HeldPlace, LimitSnapshot, Limiter};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use tokio::time::Instant;

use crate::hands::press;
use crate::support::screens::{self, answered, at_rest, big, empty, opened, running};

fn draw(model: &mut Model, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    model.size = Size::new(width, height);
    let mut buf = Buffer::empty(area);
    let hits = frame(model, &DrawContext::of(model), area, &mut buf);
    let _ = model.drawn(hits);
    buf
}

fn text(model: &mut Model, width: u16, height: u16) -> String {
    screenshot::text(&draw(model, width, height))
}

/// The overview with so many items under way.
fn with_items(count: usize) -> Model {
    let mut live = screens::live();
    let run = &mut live.runs[0];
    let items: Vec<ItemView> = (0..count)
        .map(|k| {
            let like = &run.items[k % run.items.len()];
            ItemView { number: k as u64, state: if k > 8 { queued() } else { like.state.clone() }, ..like.clone() }
        })
        .collect();
    run.items = items;
    if count == 0 {
        live.runs.clear();
    }
    answered(Snapshot { live: Arc::new(live), ..running() }, 160, 45)
}

fn queued() -> ItemState {
    ItemState::Waiting { why: "its turn".into(), until: None, retry: None }
}

#[test]
fn the_overview_at_five_sizes_with_no_one_and_many_items() {
    for count in [0, 1, 40] {
        let mut all = String::new();
        for (width, height) in [(160, 45), (120, 32), (80, 24), (40, 12), (300, 80)] {
            let _ = writeln!(all, "{width}x{height}\n{}", text(&mut with_items(count), width, height));
        }
        insta::assert_snapshot!(format!("wall_overview_{count}_items"), all);
    }
}

#[test]
fn the_wall_with_few_many_and_too_many_symbols() {
    for symbols in [25, 400, 10_000] {
        let mut all = String::new();
        for (width, height) in [(160, 45), (80, 24), (300, 80)] {
            let mut model = opened(big(symbols), width, height);
            let _ = writeln!(all, "{width}x{height}\n{}", text(&mut model, width, height));
            model.panes[Screen::Overview as usize] = 3;
            model.maximized = true;
            let _ = writeln!(all, "{width}x{height}, maximized\n{}", text(&mut model, width, height));
        }
        insta::assert_snapshot!(format!("wall_of_{symbols}"), all);
    }
}

#[test]
fn the_wall_says_the_same_without_colors_and_in_ascii() {
    let mut model = answered(running(), 120, 40);
    let shown = text(&mut model, 120, 40);
    assert!(["A‼", "S‼", "▇◐", "A  ", "P  "].iter().all(|sign| shown.contains(sign)), "{shown}");
    (model.display.theme, model.display.depth) = (ThemeKind::Mono, ColorDepth::None);
    // A heavy frame stands for a red one.
    let light =
        |c: char| "┏━┓┃┗┛".chars().zip("╭─╮│╰╯".chars()).find(|(heavy, _)| *heavy == c).map_or(c, |(_, light)| light);
    assert_eq!(
        shown,
        text(&mut model, 120, 40).chars().map(light).collect::<String>(),
        "only colors and frames differ"
    );
    model.display.ascii = true;
    let plain = text(&mut model, 120, 40);
    assert!(plain.is_ascii() && plain.contains("S!") && plain.contains("*%"), "{plain}");
}

/// From 80x24 all tiers and all criticalities are counted, whatever runs and however many symbols there are.
#[test]
fn every_tier_and_every_criticality_is_counted_at_every_size() {
    for snap in [running(), at_rest(), big(400), big(10_000)] {
        let mut model = opened(snap, 80, 24);
        for (width, height) in [(80, 24), (100, 24), (120, 30), (160, 45), (200, 50), (300, 80)] {
            let shown = text(&mut model, width, height);
            for tier in ["F ", "A ", "S ", "M ", "U ", "L ", "E "] {
                let counted = shown.lines().any(|line| {
                    let at = line.find(tier).filter(|_| line.contains("L ") && line.contains("E "));
                    at.is_some_and(|at| line[at..].split_whitespace().nth(1).is_some())
                });
                assert!(counted, "{tier} is missing at {width}x{height}:\n{shown}");
            }
            assert!(
                ["critical", "standard", "low"].iter().all(|name| shown.contains(name)),
                "{width}x{height}:\n{shown}"
            );
        }
    }
}

/// A series that was never fetched and fails is not within its recovery point, whoever tells what about it.
#[test]
fn what_fails_before_its_first_bar_earns_no_tick() {
    let mut snap = at_rest();
    let mut data = (*snap.data).clone();
    data.failing = screens::failing();
    let row = data.series.iter_mut().find(|row| row.symbol.as_str() == "META").unwrap();
    (row.bars, row.staleness_seconds, row.checked_at) = (0, None, None);
    row.tier = barkeep::market::freshness::Tier::Unknown;
    snap.data = Arc::new(data);
    let mut model = opened(snap, 160, 45);
    let shown = text(&mut model, 160, 45);
    let line = shown.lines().find(|line| line.contains(" of 50")).unwrap();
    assert!(line.contains("47 of 50") && !line.contains('✓'), "{line}");
}

/// Cells outside of the panel of the runs and the header, which say that something runs.
fn around(buf: &Buffer) -> Vec<String> {
    let lines: Vec<String> = screenshot::text(buf).lines().map(str::to_owned).collect();
    let corners = lines.iter().enumerate().filter(|(_, line)| line.contains('╭') || line.contains('╰'));
    corners
        .map(|(y, line)| {
            format!("{y} {}", line.chars().map(|c| if "╭╮╰╯".contains(c) { c } else { ' ' }).collect::<String>())
        })
        .collect()
}

#[test]
fn a_run_of_less_than_a_second_moves_nothing_and_a_long_one_is_not_gone_at_once() {
    for (width, height) in [(160, 45), (120, 32), (80, 24), (300, 80)] {
        let mut model = answered(at_rest(), width, height);
        let before = around(&draw(&mut model, width, height));
        let with_run = |started_at: Ts, now: Ts| {
            let mut live = (*at_rest().live).clone();
            live.at = now;
            live.runs = screens::live().runs;
            live.runs[0].started_at = started_at;
            Arc::new(Snapshot { live: Arc::new(live), ..at_rest() })
        };
        let begin = model.now.wall;
        let mut now = model.now;
        for ms in [0, 100, 400, 800] {
            now.wall = begin + ms;
            let _ = model.update(Msg::Snapshot(with_run(begin, now.wall)), now);
            assert_eq!(around(&draw(&mut model, width, height)), before, "after {ms} ms at {width}x{height}");
        }
        let _ = model.update(Msg::Snapshot(Arc::new(at_rest())), now);
        assert_eq!(around(&draw(&mut model, width, height)), before, "after the end at {width}x{height}");
        // One that lasts gets its room, and keeps it for a while when it is over.
        now.wall = begin + 11 * SECOND;
        let _ = model.update(Msg::Snapshot(with_run(begin, now.wall)), now);
        let working = around(&draw(&mut model, width, height));
        let _ = model.update(Msg::Snapshot(Arc::new(at_rest())), now);
        assert_eq!(around(&draw(&mut model, width, height)), working, "{width}x{height}");
        assert!(model.hits.changes_at.is_some_and(|at| at <= begin + 21 * SECOND));
        now.wall = begin + 22 * SECOND;
        let _ = model.update(Msg::Tick, now);
        assert_eq!(around(&draw(&mut model, width, height)), before, "{width}x{height}");
    }
}

#[test]
fn short_runs_soon_after_each_other_get_the_room_of_a_long_one() {
    let (width, height) = (160, 45);
    let mut model = answered(at_rest(), width, height);
    let before = around(&draw(&mut model, width, height));
    let begin = model.now.wall;
    let mut now = model.now;
    // One of 2 s every 4 s, each a run of its own.
    for second in 0..24 {
        now.wall = begin + second * SECOND;
        let mut live = (*at_rest().live).clone();
        live.at = now.wall;
        if second % 4 < 2 {
            live.runs = screens::live().runs;
            live.runs[0].started_at = begin + second / 4 * 4 * SECOND;
        }
        let _ = model.update(Msg::Snapshot(Arc::new(Snapshot { live: Arc::new(live), ..at_rest() })), now);
        assert_eq!(model.is_working(), second >= 10, "after {second} s");
    }
    assert_ne!(around(&draw(&mut model, width, height)), before, "there is room for what runs");
    now.wall = begin + 40 * SECOND;
    let _ = model.update(Msg::Tick, now);
    assert_eq!(around(&draw(&mut model, width, height)), before, "and it is given back");
}

#[test]
fn empty_panels_are_a_line_and_e_fills_the_screen() {
    let mut model = opened(empty(), 120, 40);
    let shown = text(&mut model, 120, 40);
    assert!(shown.contains("Alerts: none · Executions: none") && !shown.contains("─ Alerts"), "{shown}");
    let mut model = answered(running(), 120, 40);
    let _ = press(&mut model, "tab e");
    let shown = text(&mut model, 120, 40);
    assert!(shown.contains("─ Alerts") && !shown.contains("─ Freshness") && !shown.contains("─ Now"), "{shown}");
    let _ = press(&mut model, "esc");
    assert!(!model.maximized && text(&mut model, 120, 40).contains("─ Freshness"));
    // The wall has the focus too.
    let _ = press(&mut model, "tab tab e");
    assert_eq!(model.focus(), ListId::Freshness);
    assert!(!text(&mut model, 120, 40).contains("─ Alerts"));
}

#[test]
fn the_smallest_terminal_names_the_breach() {
    let mut model = answered(running(), 20, 5);
    let shown = text(&mut model, 20, 5);
    assert!(shown.contains("LATE") && shown.contains("RUNNING") && shown.contains("ETH 1h"), "{shown}");
}

/// The wall clock of the test goes with tokio's.
#[derive(Debug)]
struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Ts {
        screens::now() + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// Marks on the belt: those that move, and those on the wire. A digit stands for as many.
fn marks(shown: &str) -> usize {
    let line = shown.lines().find(|line| line.contains("60 s ago │")).unwrap();
    let belt = line.split("ago │").nth(1).unwrap().split('│').next().unwrap();
    belt.chars().map(|c| c.to_digit(10).map_or(usize::from("▮▯".contains(c)), |n| n as usize)).sum()
}

/// What the belt shows is what the limiter holds: at every second, between two words of the engine, and after a restart.
#[test]
fn the_belt_shows_the_places_that_the_limiter_holds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock = Wall(Instant::now());
        let store = Arc::new(barkeep::store::memory::Memory::default());
        let journal = StoreJournal::new(store, Arc::new(Silent), None, RequestPurpose::default());
        let (rate, timeout) = (barkeep::config::RateLimit::PerMinute(5), Duration::from_secs(20));
        let limiter = Limiter::new(rate, timeout);
        let cancel = tokio_util::sync::CancellationToken::new();
        let mut model = opened(running(), 160, 45);
        let show = |model: &mut Model, limit: Option<LimitSnapshot>| {
            model.now.wall = clock.now();
            if let Some(limit) = limit {
                let live = Live { at: clock.now(), limit, ..screens::live() };
                model.snap = Arc::new(Snapshot { live: Arc::new(live), ..running() });
            }
            text(model, 160, 45)
        };
        for round in 0..12_u64 {
            let permit = limiter.acquire(&journal, &clock, &cancel).await.unwrap();
            // On the wire it stays where it is.
            for _ in 0..3 {
                tokio::time::advance(Duration::from_secs(1)).await;
                let held = limiter.snapshot();
                assert!(held.held.iter().any(|place| place.on_the_wire), "{held:?}");
                assert_eq!(marks(&show(&mut model, Some(held.clone()))), held.used as usize);
            }
            limiter.answered(permit, &journal, &clock).await;
            let _ = show(&mut model, Some(limiter.snapshot()));
            // The engine says nothing for a while: the screen goes on by its own clock.
            for _ in 0..(round * 7) % 40 {
                tokio::time::advance(Duration::from_secs(1)).await;
                let shown = show(&mut model, None);
                let used = limiter.snapshot().used;
                assert_eq!(marks(&shown), used as usize, "round {round}:\n{shown}");
                assert!(shown.contains(&format!("{used} of 5")), "{shown}");
            }
        }
        // Another process that was just started shows the same.
        let again = Limiter::new(rate, timeout);
        let places = barkeep::vendor::dispatch::Journal::recorded(&journal).await.unwrap();
        again.observe(&places, &barkeep::base::clock::Moment::now(&clock));
        assert_eq!(again.snapshot().used, limiter.snapshot().used);
        assert_eq!(marks(&show(&mut model, Some(again.snapshot()))), limiter.snapshot().used as usize);
    });
}

#[test]
fn a_belt_at_rest_costs_at_most_a_frame_a_second_and_none_once_it_is_empty() {
    let mut model = opened(at_rest(), 160, 45);
    let mut live = (*at_rest().live).clone();
    live.next.clear();
    live.limit.held =
        [2_400, 2_700, 44_000].map(|ms| HeldPlace { free_in: Duration::from_millis(ms), on_the_wire: false }).to_vec();
    live.limit.used = 3;
    model.snap = Arc::new(Snapshot { live: Arc::new(live), ..at_rest() });
    let begin = model.now.wall;
    let mut frames = 0;
    while let _ = text(&mut model, 160, 45)
        && let Some(next) = model.hits.changes_at.filter(|at| *at < begin + 100 * SECOND)
    {
        assert!(!model.hits.ticking && next - model.now.wall >= SECOND, "{next:?}");
        model.now.wall = next;
        frames += 1;
    }
    assert!((3..=60).contains(&frames), "{frames}");
    let shown = text(&mut model, 160, 45);
    assert_eq!(marks(&shown), 0, "{shown}");
}

/// Writes pictures to the folder that the variable names, for whoever wants to look at them.
#[test]
fn pictures_on_demand() {
    let Some(dir) = std::env::var_os("BARKEEP_PICTURES").map(std::path::PathBuf::from) else { return };
    let save = |name: &str, model: &mut Model, width, height| {
        let buf = draw(model, width, height);
        std::fs::write(dir.join(format!("{name}.svg")), screenshot::svg(&buf, DrawContext::of(model).theme)).unwrap();
    };
    for (width, height) in [(160, 45), (120, 32), (80, 24), (300, 80)] {
        save(&format!("run-{width}"), &mut with_items(40), width, height);
        save(&format!("rest-{width}"), &mut answered(at_rest(), width, height), width, height);
    }
    save("wall-400", &mut opened(big(400), 160, 45), 160, 45);
    save("wall-10000", &mut opened(big(10_000), 160, 45), 160, 45);
    let mut vendor = answered(running(), 160, 45);
    vendor.screen = Screen::Vendor;
    save("vendor-160", &mut vendor, 160, 45);
    let mut light = with_items(9);
    light.display.theme = ThemeKind::Light;
    save("light-120", &mut light, 120, 40);
}

/// On Failures an empty list is a line; what has something has its room, and so has the list with the focus.
#[test]
fn empty_lists_of_failures_are_a_line_and_leave_their_room() {
    let mut model = opened(empty(), 160, 45);
    model.screen = Screen::Failures;
    let shown = text(&mut model, 160, 45);
    assert!(shown.contains("─ Alerts none ─") && shown.contains("no failing series"), "{shown}");
    assert!(shown.contains("─ Quarantine ") && !shown.contains("Quarantine none"), "it is not known yet: {shown}");
    for (question, reply) in [
        (QUARANTINE, ConsoleResponse::Quarantine(Vec::new())),
        (FAILURES, ConsoleResponse::Failures { series: Vec::new(), features: Vec::new() }),
    ] {
        screens::answer(&mut model, &question, reply);
    }
    let shown = text(&mut model, 160, 45);
    assert!(shown.contains("─ Quarantine none ─") && shown.contains("─ Failing features none ─"), "{shown}");
    let mut model = answered(running(), 160, 45);
    model.screen = Screen::Failures;
    let shown = text(&mut model, 160, 45);
    assert!(!shown.contains(" none ─"), "{shown}");
}
