//! Numbers, durations and times as people read them, on the screens and on the command line.
//!
//! What a screen redraws has a steady width, so that nothing jumps when a value changes; columns align it to the right.

use chrono::Datelike as _;

use crate::ts::{DAY, HOUR, MINUTE, SECOND, Ts};

/// How long something has lasted, in its two greatest units: ` 6h 12m`, `12m 04s`, ` 3d 07h`, `    42s`, `   412d`.
/// Always 7 wide.
#[must_use]
pub fn age(ms: i64) -> String {
    let ms = ms.max(0);
    let (d, h, m, s) = (ms / DAY, ms / HOUR % 24, ms / MINUTE % 60, ms / SECOND % 60);
    let text = match (d, ms / HOUR, ms / MINUTE) {
        (100.., ..) => format!("{d}d"),
        (1.., ..) => format!("{d}d {h:02}h"),
        (_, 1.., _) => format!("{h}h {m:02}m"),
        (_, _, 1..) => format!("{m}m {s:02}s"),
        _ => format!("{s}s"),
    };
    format!("{text:>7}")
}

/// The same without alignment, in a sentence.
#[must_use]
pub fn span(ms: i64) -> String {
    age(ms).trim_start().to_owned()
}

/// The same without what is zero or hardly matters: `6h 12m`, `4h`, `12m`, `42s`.
#[must_use]
pub fn rough(ms: i64) -> String {
    let text = span(if ms >= MINUTE { ms - ms % MINUTE } else { ms });
    let text = text.strip_suffix(" 00s").or(text.strip_suffix(" 00m")).or(text.strip_suffix(" 00h")).unwrap_or(&text);
    text.to_owned()
}

/// How long until something happens: `00:11`, `02:36:11`; from a day on `31h 37m`, `12d 03h`.
#[must_use]
pub fn until(ms: i64) -> String {
    // A countdown that shows 00:00 while something still waits is wrong by a second in the annoying direction.
    let s = (ms.max(0) + SECOND - 1) / SECOND;
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    match h {
        0 => format!("{m:02}:{s:02}"),
        1..24 => format!("{h:02}:{m:02}:{s:02}"),
        24..100 => format!("{h}h {m:02}m"),
        _ => format!("{}d {:02}h", h / 24, h % 24),
    }
}

/// Up to here a countdown counts seconds.
pub const CLOSE: i64 = 2 * MINUTE;

/// How long until something that may be far away: `22h 24m`, `14m`, and only when it is close `01:35`. A screen at rest
/// then changes once a minute.
#[must_use]
pub fn ahead(ms: i64) -> String {
    if ms <= CLOSE { until(ms) } else { rough(ms) }
}

/// A duration of a run: `00:08:51`.
#[must_use]
pub fn elapsed(ms: i64) -> String {
    let s = ms.max(0) / SECOND;
    if s >= 100 * 3600 { span(ms) } else { format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60) }
}

/// Seconds as `00:08:51`, rounded up, so that an estimate is not too short.
#[must_use]
pub fn hms(seconds: f64) -> String {
    let s = seconds.max(0.0).ceil() as u64;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// With separators: `18,204`.
#[must_use]
pub fn count(n: impl TryInto<i128>) -> String {
    let Ok(n) = n.try_into() else { return "?".to_owned() };
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// In at most 5 characters: `940`, `38.1k`, ` 412k`, `1.28M`.
#[must_use]
pub fn short(n: f64) -> String {
    let scaled = |v: f64, unit: &str| match v {
        v if v < 9.995 => format!("{v:.2}{unit}"),
        v if v < 99.95 => format!("{v:.1}{unit}"),
        v => format!("{v:.0}{unit}"),
    };
    match n {
        n if !n.is_finite() => "?".to_owned(),
        // An empty sum is a negative zero.
        0.0 => "0".to_owned(),
        n if n.abs() < 999.5 => format!("{n:.0}"),
        n if n.abs() < 999_500.0 => scaled(n / 1e3, "k"),
        n if n.abs() < 999_500_000.0 => scaled(n / 1e6, "M"),
        n => scaled(n / 1e9, "G"),
    }
}

/// In at most 7 characters: `912 B`, `38.1 kB`, `1.28 GB`.
#[must_use]
pub fn bytes(n: impl TryInto<i64>) -> String {
    let n = n.try_into().unwrap_or(i64::MAX).max(0) as f64;
    let text = short(n);
    match text.strip_suffix(['k', 'M', 'G']) {
        Some(figure) => format!("{figure} {}B", text.chars().last().unwrap_or(' ')),
        None => format!("{text} B"),
    }
}

/// A latency: `212 ms`, `1.10 s`, `12.4 s`.
#[must_use]
pub fn latency(ms: impl TryInto<i64>) -> String {
    let ms = ms.try_into().unwrap_or(i64::MAX);
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{:.2} s", ms as f64 / 1e3),
        10_000..100_000 => format!("{:.1} s", ms as f64 / 1e3),
        _ => span(ms),
    }
}

/// A share as whole percent, 5 wide: `  7 %`. Rounded down and kept off 100 until it is whole, and off 0 once it is not.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:>3} %", whole_percent(share))
}

#[must_use]
pub fn whole_percent(share: f64) -> u32 {
    match share {
        s if s >= 1.0 => 100,
        s if s > 0.0 => ((s * 100.0).floor() as u32).clamp(1, 99),
        _ => 0,
    }
}

/// A share in percent with one decimal: `1.2 %`.
#[must_use]
pub fn fine_percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Time of day: `06:52:14Z`.
#[must_use]
pub fn clock(t: Ts) -> String {
    t.to_utc().format("%H:%M:%SZ").to_string()
}

/// Time of day without seconds: `06:52Z`.
#[must_use]
pub fn hour_minute(t: Ts) -> String {
    t.to_utc().format("%H:%MZ").to_string()
}

/// Date and time, 13 wide: `22 Nov 06:52Z`; another year than that of `now` shows as `22 Nov 2024 `.
#[must_use]
pub fn stamp(t: Ts, now: Ts) -> String {
    let (at, today) = (t.to_utc(), now.to_utc());
    let pattern = if at.year() == today.year() || (now - t).abs() < 90 * DAY { "%d %b %H:%MZ" } else { "%d %b %Y  " };
    at.format(pattern).to_string()
}

/// When something was, 6 wide: the time of day within a day, else the date.
#[must_use]
pub fn when(t: Ts, now: Ts) -> String {
    if (t - now).abs() < DAY { hour_minute(t) } else { t.to_utc().format("%d %b").to_string() }
}

/// When something is due: the time of day when it is near, else with the date.
#[must_use]
pub fn due(t: Ts, now: Ts) -> String {
    if (t - now).abs() < DAY { hour_minute(t) } else { stamp(t, now) }
}

/// The dates of a range, at most 19 wide: `26 Nov 2026`, `26-28 Nov 2026`, `26 Oct-28 Nov 2026`, `26 Nov 24-28 Nov 26`.
#[must_use]
pub fn dates(start: Ts, end: Ts) -> String {
    let (start, end) = (start.utc_date(), end.utc_date());
    let last = end.format("%d %b %Y");
    if start == end {
        last.to_string()
    } else if start.year() != end.year() {
        format!("{}-{}", start.format("%d %b %y"), end.format("%d %b %y"))
    } else if start.month() != end.month() {
        format!("{}-{last}", start.format("%d %b"))
    } else {
        format!("{}-{last}", start.format("%d"))
    }
}

/// A price with as many digits as its size asks for: `3.100e-9`, `0.00001234`, `0.4312`, `42.10`, `91,204`. Below a cent four
/// digits count, however small it is.
#[must_use]
pub fn price(p: f64) -> String {
    match p.abs() {
        a if !a.is_finite() => "?".to_owned(),
        a if a >= 10_000.0 => count(p.round() as i64),
        a if a >= 1.0 => format!("{p:.2}"),
        a if a >= 0.01 => format!("{p:.4}"),
        a if a >= 1e-5 => format!("{p:.*}", (3.0 - a.log10().floor()) as usize),
        a if a > 0.0 => format!("{p:.3e}"),
        _ => "0".to_owned(),
    }
}

/// `1 request`, `2 requests`.
#[must_use]
pub fn plural(n: impl TryInto<i128> + Copy, one: &str) -> String {
    let is_one = n.try_into().is_ok_and(|n: i128| n == 1);
    let many = match (one.strip_suffix("ch"), one.strip_suffix("ry")) {
        (Some(stem), _) => format!("{stem}ches"),
        (_, Some(stem)) => format!("{stem}ries"),
        _ => format!("{one}s"),
    };
    // Series is both.
    let word = if is_one || one == "series" { one } else { &many };
    format!("{} {word}", count(n))
}

/// Rows under a heading, each column as wide as its widest cell.
#[must_use]
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(|h| h.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(heading)).chain(body).collect()
}

#[cfg(test)]
mod tests;
