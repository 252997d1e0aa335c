//! "Did you mean …?": the known word nearest to a mistyped one.

/// The nearest of `known` by edits (insert, delete, replace, swap of neighbours), when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near_enough = (word.chars().count() / 3).clamp(1, 3);
    known
        .map(|k| (edits(&word.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(d, _)| *d <= near_enough)
        .min()
        .map(|(_, k)| k)
}

/// Optimal string alignment distance, one row of the table at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |r: &[usize], k: usize| r.get(k).copied().unwrap_or(usize::MAX - 1);
            let replace = at(&row, j) + usize::from(ca != *cb);
            let mut best = replace.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = last == Some(*cb) && j > 0 && b.get(j - 1) == Some(&ca);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        last = Some(ca);
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, d) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "ab", 1),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("", "xyz", 3),
        ] {
            assert_eq!(edits(a, b), d, "{a} {b}");
            assert_eq!(edits(b, a), d, "{b} {a}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["rate_limit", "attempts", "max_body"];
        assert_eq!(nearest("rate-limit", known.into_iter()), Some("rate_limit"));
        assert_eq!(nearest("Attemps", known.into_iter()), Some("attempts"));
        assert_eq!(nearest("zebra", known.into_iter()), None);
        assert_eq!(nearest("x", known.into_iter()), None);
    }
}
