//! Why a series failed, in the words of an operator: `vendor error 503 (an HTML page)`.

use chrono::DateTime;

/// The message of a failed series without what only the engine needs to know: how many gaps are left, the class.
#[must_use]
pub fn cause(message: &str) -> String {
    let (class, text) = classified(message);
    match class {
        "plan_window" => "your vendor plan does not include this period (403)".to_owned(),
        "not_entitled" => "not in your vendor plan (403)".to_owned(),
        "too_early" => "your vendor plan provides today's bars only after the day has ended (403)".to_owned(),
        _ => in_words(text),
    }
}

/// The class of a failed series' message, and what it says.
#[must_use]
pub fn classified(message: &str) -> (&str, &str) {
    let rest = match message.split_once(": ") {
        Some((left, rest)) if left.ends_with("gap left") || left.ends_with("gaps left") => rest,
        _ => message,
    };
    match rest.split_once(": ") {
        Some((class, text)) if is_class(class) => (class, text),
        _ => ("", rest),
    }
}

/// The same for the message of a run, which names a symbol first: `XOM: vendor error 500`.
#[must_use]
pub fn cause_of_run(message: &str) -> String {
    match message.split_once(": ") {
        Some((symbol, rest)) if !is_class(symbol) && !symbol.contains(' ') => format!("{symbol}: {}", cause(rest)),
        _ => cause(message),
    }
}

/// How many gaps a failed series' message says are left.
#[must_use]
pub fn gaps_left(message: &str) -> Option<usize> {
    let (left, _) = message.split_once(": ")?;
    left.strip_suffix(" gap left").or_else(|| left.strip_suffix(" gaps left"))?.replace(',', "").parse().ok()
}

fn is_class(word: &str) -> bool {
    const CLASSES: [&str; 10] = [
        "transient",
        "rate_limited",
        "auth",
        "not_entitled",
        "plan_window",
        "too_early",
        "permanent",
        "malformed",
        "cancelled",
        "journal",
    ];
    CLASSES.contains(&word)
}

/// `the vendor failed (503): an HTML page` is `vendor error 503 (an HTML page)`; anything else stays as it is, but for
/// its times.
fn in_words(text: &str) -> String {
    if let Some((status, more)) = text.strip_prefix("the vendor failed (").and_then(|rest| rest.split_once(')')) {
        return match more.strip_prefix(": ") {
            Some(what) => format!("vendor error {status} ({what})"),
            None => format!("vendor error {status}{more}"),
        };
    }
    if let Some((at, _)) =
        text.strip_prefix("a bar at ").and_then(|rest| rest.split_once(" lies outside the requested range"))
    {
        return format!("the vendor sent a bar outside the requested range ({})", short_times(at));
    }
    match text {
        "cancelled" | "cancelled before it was requested" | "cancelled before it was asked" => {
            "its run ended before it was requested".to_owned()
        }
        _ => short_times(text),
    }
}

/// A text with times as on all screens: `18 Nov 16:00Z` for `2026-11-18T16:00:00Z`.
#[must_use]
pub fn short_times(text: &str) -> String {
    let word = |word: &str| {
        let end = word.find('Z').map_or(word.len(), |k| k + 1);
        let (time, rest) = word.split_at(end);
        match DateTime::parse_from_rfc3339(time) {
            Ok(at) => format!("{}{rest}", at.format("%-d %b %H:%MZ")),
            Err(_) => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_in_an_operators_words() {
        for (message, words) in [
            ("1 gap left: transient: the vendor failed (503): an HTML page", "vendor error 503 (an HTML page)"),
            ("2 gaps left: transient: the vendor failed (502)", "vendor error 502"),
            (
                "1 gap left: plan_window: the vendor's plan does not include this (403): data timeframe",
                "your vendor plan does not include this period (403)",
            ),
            (
                "3 gaps left: not_entitled: the vendor's plan does not include this (403)",
                "not in your vendor plan (403)",
            ),
            ("malformed: rows outside the requested range", "rows outside the requested range"),
            ("no disk: full", "no disk: full"),
            (
                "1 gap left: malformed: a bar at 2026-11-18T16:00:00Z lies outside the requested range 2026-11-17..2026-11-18",
                "the vendor sent a bar outside the requested range (18 Nov 16:00Z)",
            ),
            ("2 gaps left: cancelled before it was requested", "its run ended before it was requested"),
            (
                "a rolling sum overflowed at 2026-11-02T10:00:00.250Z, twice",
                "a rolling sum overflowed at 2 Nov 10:00Z, twice",
            ),
        ] {
            assert_eq!(cause(message), words);
        }
    }

    #[test]
    fn a_run_names_the_symbol_first() {
        for (message, words) in [
            ("XOM: transient: the vendor failed (500): Internal error", "XOM: vendor error 500 (Internal error)"),
            ("META: the vendor failed (503)", "META: vendor error 503"),
            ("transient: the vendor failed (503)", "vendor error 503"),
            ("the vendor refused the key (401): Unknown API Key", "the vendor refused the key (401): Unknown API Key"),
        ] {
            assert_eq!(cause_of_run(message), words);
        }
    }

    #[test]
    fn the_gaps_left_are_counted() {
        assert_eq!(gaps_left("1 gap left: transient: the vendor failed (503)"), Some(1));
        assert_eq!(gaps_left("12 gaps left: not requested by this run"), Some(12));
        assert_eq!(gaps_left("transient: the vendor failed (503)"), None);
    }
}
