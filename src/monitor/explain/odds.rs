//! How unlikely a silence is, in words.

/// The odds of a silence with this surprise, which is the sum of -ln(1 - p) over its bars: `about 1 in 400`, `below 1 in
/// a million`, `below 1 in 10^60`.
#[must_use]
pub fn odds(surprise: f64) -> String {
    let power = surprise.max(0.0) / std::f64::consts::LN_10;
    let whole = power.floor();
    match whole as u32 {
        ..=2 => format!("about 1 in {}", 10_f64.powf(power).round()),
        3..=5 => format!("about 1 in {} thousand", 10_f64.powf(power - 3.0).round()),
        6..=8 => below(power - 6.0, "million"),
        9..=11 => below(power - 9.0, "billion"),
        _ => format!("below 1 in 10^{whole}"),
    }
}

/// Rounded down to a digit, so that it is never better than it was.
fn below(power: f64, word: &str) -> String {
    let n = 10_f64.powf(power);
    let digit = 10_f64.powf(power.floor());
    let n = (n / digit).floor() * digit;
    if n < 2.0 { format!("below 1 in a {word}") } else { format!("below 1 in {n} {word}") }
}

#[cfg(test)]
mod tests {
    use super::odds;

    #[test]
    fn odds_are_told_in_words_and_never_better_than_they_are() {
        let cases = [
            (0.0, "about 1 in 1"),
            (6.0, "about 1 in 403"),
            (6.9, "about 1 in 992"),
            (9.5, "about 1 in 13 thousand"),
            (13.8, "about 1 in 985 thousand"),
            (13.9, "below 1 in a million"),
            (16.2, "below 1 in 10 million"),
            (19.0, "below 1 in 100 million"),
            (21.0, "below 1 in a billion"),
            (140.0, "below 1 in 10^60"),
        ];
        for (surprise, words) in cases {
            assert_eq!(odds(surprise), words, "{surprise}");
        }
        assert_eq!(odds(f64::NAN), "about 1 in 1");
    }
}
