//! A quality score as part of a question.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A quality score, 0 to 1. Never NaN and never `-0`, so it can be compared and hashed and name a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score(f64);

impl Score {
    /// `None` when it is not a number from 0 to 1.
    pub(crate) fn new(score: f64) -> Option<Self> {
        // `-0.0 + 0.0` is `0.0`.
        (0.0..=1.0).contains(&score).then_some(Self(score + 0.0))
    }

    pub(crate) const fn get(self) -> f64 {
        self.0
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl Hash for Score {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn equal_scores_name_one_page() {
        let scores: HashSet<Score> = [0.0, -0.0, 0.5, 0.5, 1.0].into_iter().filter_map(Score::new).collect();
        assert_eq!(scores.len(), 3);
        assert!(Score::new(0.5) < Score::new(0.6));
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Score::new(bad), None);
        }
    }
}
