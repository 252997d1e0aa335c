use ratatui::buffer::Buffer;

use super::*;
use crate::draw::theme::Theme;
use barkeep_market::testing::candle;
use barkeep_market::ts::MINUTE;

fn bar(k: i64) -> Bar {
    let open = 100.0 + k as f64;
    Bar { volume: 5.0, ..candle(Ts(k * 5 * MINUTE), [open, open + 2.0, open - 1.0, open + 1.0]) }
}

fn chart<'a>(bars: &'a [Bar], points: &'a [ChartPoint], holes: &'a [ChartHole]) -> Chart<'a> {
    Chart {
        bars,
        points,
        holes,
        quarantined: &[],
        class: AssetClass::Crypto,
        timeframe: Timeframe::M5,
        overlay: Overlay::Averages,
        cursor: None,
    }
}

#[test]
fn the_readout_is_the_bar_under_the_cursor_and_else_the_newest() {
    let bars: Vec<Bar> = (0..5).map(bar).collect();
    let points: Vec<ChartPoint> =
        (0..5).map(|k| ChartPoint { score: 1.0, sma_20: Some(90.0 + f64::from(k)), ..ChartPoint::default() }).collect();
    let told = |cursor| {
        let chart = Chart { cursor, ..chart(&bars, &points, &[]) };
        chart.readout().iter().map(|(_, line)| line.to_string()).collect::<Vec<_>>().join("  ")
    };
    let newest = "Thu 01 Jan 00:20Z  o 104.00 h 106.00 l 103.00 c 105.00  v 5  score 1.0  sma20 94.00";
    assert_eq!(told(None), newest);
    assert_eq!(
        told(Some(Ts(5 * MINUTE))),
        "Thu 01 Jan 00:05Z  o 101.00 h 103.00 l 100.00 c 102.00  v 5  score 1.0  sma20 91.00"
    );
    assert_eq!(told(Some(Ts(7))), newest, "no bar at that time");
}

#[test]
fn the_window_follows_the_cursor_and_holes_take_few_columns() {
    let mut bars: Vec<Bar> = (0..60).map(bar).collect();
    bars.drain(20..40);
    let range = Interval::new(Ts(100 * MINUTE), Ts(200 * MINUTE));
    let holes = [ChartHole { range, letter: "?", role: Role::Warn, what: "hole".into() }];
    let all = chart(&bars, &[], &holes).columns();
    assert_eq!(all.len(), 40 + HOLE);
    assert_eq!(all.get(20), Some(&Column::Hole(0, 0)));
    let at = Chart { cursor: Some(Ts(10 * MINUTE)), ..chart(&bars, &[], &holes) };
    assert_eq!(at.window(12).first(), Some(&Column::Bar(0)));
    assert_eq!(at.window(12).len(), 12);
    let newest = chart(&bars, &[], &holes);
    assert_eq!(newest.window(12).last(), Some(&Column::Bar(39)));
}

#[test]
fn nothing_to_draw_and_no_room_are_fine() {
    for (w, h) in [(0, 0), (1, 1), (40, 3), (8, 20), (60, 14)] {
        let area = Rect::new(0, 0, w, h);
        let mut buf = Buffer::empty(area);
        let mut canvas = Canvas::new(&mut buf, Theme::default(), Ts(0));
        for bars in [vec![], vec![bar(1)], vec![Bar { high: 5.0, low: 5.0, ..bar(0) }; 300]] {
            chart(&bars, &[], &[]).draw(&mut canvas, area);
        }
    }
}
