//! Why a series failed, in the words of an operator: `vendor error 503 (an HTML page)`.

/// The message of a failed series without what only the engine needs to know: how many gaps are left, the class.
#[must_use]
pub fn cause(message: &str) -> String {
    let rest = match message.split_once(": ") {
        Some((left, rest)) if left.ends_with("gap left") || left.ends_with("gaps left") => rest,
        _ => message,
    };
    let (class, text) = match rest.split_once(": ") {
        Some((class, text)) if is_class(class) => (class, text),
        _ => ("", rest),
    };
    match class {
        "plan_window" => "your vendor plan does not include this period (403)".to_owned(),
        "not_entitled" => "not in your vendor plan (403)".to_owned(),
        "too_early" => "your vendor plan has today's bars only after the day (403)".to_owned(),
        _ => vendor_error(text),
    }
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

/// `the vendor failed (503): an HTML page` is `vendor error 503 (an HTML page)`; anything else stays as it is.
fn vendor_error(text: &str) -> String {
    let Some((status, more)) = text.strip_prefix("the vendor failed (").and_then(|rest| rest.split_once(')')) else {
        return text.to_owned();
    };
    match more.strip_prefix(": ") {
        Some(what) => format!("vendor error {status} ({what})"),
        None => format!("vendor error {status}{more}"),
    }
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
        ] {
            assert_eq!(cause(message), words);
        }
    }
}
