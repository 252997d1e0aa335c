//! A word that was to be parsed and could not be.

use barkeep_base::text::printable;

/// A word that is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not {expected}")]
pub struct ParseWordError {
    word: String,
    expected: &'static str,
}

impl ParseWordError {
    #[must_use]
    pub fn new(word: &str, expected: &'static str) -> Self {
        Self { word: printable(word), expected }
    }
}
