//! The scales of a chart: round prices, and dates and hours where they begin.

use chrono::Datelike as _;

use crate::draw::canvas::width;
use crate::draw::format::count;
use barkeep_market::ts::{HOUR, MINUTE};
use barkeep_market::{AssetClass, Timeframe, Ts};

/// Round prices within a range, ascending, at most `most` of them, and the digits that tell them apart.
#[must_use]
pub fn ticks(low: f64, high: f64, most: u16) -> (Vec<f64>, usize) {
    let range = high - low;
    if !(range.is_finite() && range > 0.0) || most == 0 {
        return (Vec::new(), 2);
    }
    let rough = range / f64::from(most);
    let power = rough.log10().floor();
    for (factor, more) in [(1.0, 0), (2.0, 0), (2.5, 1), (5.0, 0), (10.0, 0), (20.0, 0), (50.0, 0)] {
        let step = factor * 10_f64.powf(power);
        let (first, last) = ((low / step).ceil(), (high / step).floor());
        if last - first + 1.0 <= f64::from(most) {
            let digits = (-power).max(0.0) as usize;
            let digits = if factor >= 10.0 { digits.saturating_sub(1) } else { digits + more };
            let all = (0..most).map(|k| (first + f64::from(k)) * step).take_while(|at| *at <= last * step + step / 2.0);
            return (all.collect(), if power >= 1.0 { 0 } else { digits });
        }
    }
    (Vec::new(), 2)
}

/// Digits behind the point that are written out.
const LONGEST: usize = 8;

/// A round price in words.
#[must_use]
pub fn tick(price: f64, digits: usize) -> String {
    // A coin of a billionth has no room for its zeros.
    if digits > LONGEST && price != 0.0 {
        let size = price.abs().log10().floor() as i32;
        let rest = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) + size).unwrap_or(0);
        return format!("{price:.rest$e}");
    }
    if price.abs() >= 10_000.0 { count(price.round() as i64) } else { format!("{price:.digits$}") }
}

/// Something that begins anew often enough to divide a chart: days, weeks, months or years.
#[must_use]
pub fn turn(class: AssetClass, timeframe: Timeframe, start: Ts) -> i64 {
    let date = class.date_of(start);
    match timeframe {
        Timeframe::W1 => i64::from(date.year()),
        Timeframe::D1 => i64::from(date.year()) * 12 + i64::from(date.month()),
        Timeframe::H4 => i64::from(date.num_days_from_ce() - 1).div_euclid(7),
        _ => i64::from(date.num_days_from_ce()),
    }
}

/// What is written where a turn begins.
fn name(class: AssetClass, timeframe: Timeframe, start: Ts, is_first: bool) -> String {
    let date = class.date_of(start);
    let format = match timeframe {
        Timeframe::W1 => "%Y",
        Timeframe::D1 if is_first || date.month() == 1 => "%b %Y",
        Timeframe::D1 => "%b",
        Timeframe::H4 => "%-d %b",
        _ => "%a %-d %b",
    };
    date.format(format).to_string()
}

/// A text below a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub x: u16,
    pub text: String,
    /// Whether a date begins here, not an hour.
    pub is_date: bool,
}

/// The labels of bars at columns from `left` to before `right`: a date where one begins, and round hours between them.
#[must_use]
pub fn labels(bars: &[(u16, Ts)], right: u16, class: AssetClass, timeframe: Timeframe) -> Vec<Label> {
    let mut found: Vec<Label> = Vec::new();
    let mut before = None;
    for (k, (x, start)) in bars.iter().enumerate() {
        let here = turn(class, timeframe, *start);
        if before.replace(here) == Some(here) {
            continue;
        }
        let text = name(class, timeframe, *start, k == 0);
        let takes = width(&text) + 2;
        let crowds = found.last().is_some_and(|last| last.x + width(&last.text) + 2 > *x);
        if crowds && found.len() == 1 {
            // What began before the chart gives way to what begins in it.
            found.clear();
        } else if crowds {
            continue;
        }
        if x + takes <= right + 1 {
            found.push(Label { x: *x, text, is_date: true });
        }
    }
    let steps = [15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR];
    let bars_apart = 10;
    let step = steps.into_iter().find(|step| *step >= bars_apart * timeframe.width());
    let Some(step) = step.filter(|_| timeframe < Timeframe::H4) else { return found };
    let dates: Vec<(u16, u16)> = found.iter().map(|label| (label.x, label.x + width(&label.text) + 2)).collect();
    let mut free_from = 0;
    for (x, start) in bars.iter().filter(|(_, start)| start.ms() % step == 0) {
        let text = start.to_utc().format("%H:%M").to_string();
        let end = x + width(&text) + 2;
        if *x >= free_from && end <= right + 1 && dates.iter().all(|(from, to)| end <= *from || x >= to) {
            found.push(Label { x: *x, text, is_date: false });
            free_from = end;
        }
    }
    found.sort_by_key(|label| label.x);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::testing::at;

    #[test]
    fn the_prices_of_a_tiny_coin_are_told_apart() {
        for (low, high) in [(2.9e-9, 3.3e-9), (1.17e-5, 1.29e-5), (1.0e-12, 1.1e-12)] {
            let (all, digits) = ticks(low, high, 5);
            let mut texts: Vec<String> = all.iter().map(|price| tick(*price, digits)).collect();
            assert!(texts.len() >= 3 && texts.iter().all(|text| text.len() <= 10), "{texts:?}");
            assert!(
                texts.iter().zip(&all).all(|(t, p)| (t.parse::<f64>().unwrap() / p - 1.0).abs() < 1e-6),
                "{texts:?}"
            );
            texts.dedup();
            assert_eq!(texts.len(), all.len());
        }
    }

    #[test]
    fn ticks_are_round_and_within_the_range() {
        for (low, high, most, want) in [
            (263.8, 266.4, 3, vec!["264", "265", "266"]),
            (263.8, 266.4, 6, vec!["264.0", "264.5", "265.0", "265.5", "266.0"]),
            (0.4312, 0.4391, 4, vec!["0.432", "0.434", "0.436", "0.438"]),
            (88_112.0, 91_940.0, 5, vec!["89,000", "90,000", "91,000"]),
            (9.0, 31.0, 4, vec!["10", "20", "30"]),
        ] {
            let (found, digits) = ticks(low, high, most);
            assert!(found.iter().all(|t| (low..=high).contains(t)), "{found:?}");
            assert_eq!(found.iter().map(|t| tick(*t, digits)).collect::<Vec<_>>(), want);
        }
        assert_eq!(ticks(5.0, 5.0, 4).0, Vec::<f64>::new());
        assert_eq!(ticks(1.0, 2.0, 0).0, Vec::<f64>::new());
    }

    #[test]
    fn a_date_stands_where_its_day_begins_and_hours_between() {
        let start = at("2026-11-26T15:00:00Z");
        // Five hours of Thursday, then Friday from 09:00 Z.
        let friday = at("2026-11-27T09:00:00Z");
        let thursday = (0..60).map(|k| (k as u16, start + k * 5 * MINUTE));
        let bars: Vec<(u16, Ts)> = thursday.chain((0..60).map(|k| (61 + k as u16, friday + k * 5 * MINUTE))).collect();
        let found = labels(&bars, 121, AssetClass::Stock, Timeframe::M5);
        let told: Vec<(u16, &str)> = found.iter().map(|label| (label.x, label.text.as_str())).collect();
        let want = [
            (0, "Thu 26 Nov"),
            (12, "16:00"),
            (24, "17:00"),
            (36, "18:00"),
            (48, "19:00"),
            (61, "Fri 27 Nov"),
            (73, "10:00"),
            (85, "11:00"),
            (97, "12:00"),
            (109, "13:00"),
        ];
        assert_eq!(told, want);
        let days: Vec<(u16, Ts)> =
            (0..60).map(|k| (k, at("2026-11-20T05:00:00Z") + i64::from(k) * 24 * HOUR)).collect();
        let found = labels(&days, 60, AssetClass::Stock, Timeframe::D1);
        let told: Vec<(u16, &str)> = found.iter().map(|label| (label.x, label.text.as_str())).collect();
        assert_eq!(told, [(0, "Nov 2026"), (11, "Dec"), (42, "Jan 2027")]);
    }
}
