//! Text from outside, made safe to print.

/// Text from outside, made fit to print: control, bidirectional and zero-width characters become `?`, and it is cut at
/// 200 characters. Vendor bodies, arguments and database text pass through here once, at the border.
#[must_use]
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut out: String = text.chars().take(LONGEST).map(harmless).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// The same, whole: for sentences of our own that mention something from outside.
#[must_use]
pub fn sentence(text: &str) -> String {
    text.chars().map(harmless).collect()
}

fn harmless(c: char) -> char {
    let harmful = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if harmful { '?' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut() {
        assert_eq!(sentence(&format!("{}\u{1b}", "x".repeat(300))), format!("{}?", "x".repeat(300)));
        assert_eq!(printable(&"x".repeat(10_000)).chars().count(), 201);
    }
}
