//! "Did you mean …?": the known word nearest to a mistyped one.

/// The nearest of `known` by edits (insert, delete, replace, swap of neighbours), when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near_enough = (word.chars().count() / 3).clamp(1, 3);
    known
        .map(|k| (strsim::osa_distance(&word.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(d, _)| *d <= near_enough)
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["rate_limit", "attempts", "max_body"];
        assert_eq!(nearest("rate-limit", known.into_iter()), Some("rate_limit"));
        assert_eq!(nearest("Attemps", known.into_iter()), Some("attempts"));
        assert_eq!(nearest("zebra", known.into_iter()), None);
        assert_eq!(nearest("x", known.into_iter()), None);
    }
}
