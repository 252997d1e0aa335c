//! Ids by their beginning, or `latest`: executions and plans are too long to type.

use std::str::FromStr;

use uuid::Uuid;

use crate::text::printable;

/// Shorter beginnings are more likely a slip than an id.
const SHORTEST: usize = 2;
/// Ids named when a beginning fits several.
const MOST_NAMED: usize = 5;

/// An id as it is typed: whole, its beginning, or `latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdText {
    Whole(Uuid),
    /// In lower case, with hyphens as they were typed.
    Beginning(String),
    Latest,
}

impl FromStr for IdText {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Whole(id));
        }
        let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
        if text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') && (SHORTEST..32).contains(&hex) {
            return Ok(Self::Beginning(text.to_ascii_lowercase()));
        }
        let text = printable(text);
        Err(format!("'{text}' is not an id; use an id, its first {SHORTEST} characters or more, or latest"))
    }
}

/// No id is meant, or several could be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoSuchId {
    pub message: String,
    /// What to do, where the answer knows.
    pub hint: Option<String>,
    /// Whether several fit, and not none.
    pub ambiguous: bool,
}

impl IdText {
    /// The id, when it is known without a look at all of them.
    #[must_use]
    pub const fn whole(&self) -> Option<Uuid> {
        match self {
            Self::Whole(id) => Some(*id),
            Self::Beginning(_) | Self::Latest => None,
        }
    }

    /// The id that is meant, of ids with the newest first. A whole id is taken as it is. `what` names one of them in
    /// errors, such as `execution`.
    ///
    /// # Errors
    /// When none of them is meant, or several could be; the first of these are named.
    pub fn find(&self, ids: &[Uuid], what: &str) -> Result<Uuid, NoSuchId> {
        let none = |message: String| Err(NoSuchId { message, hint: None, ambiguous: false });
        let beginning = match self {
            Self::Whole(id) => return Ok(*id),
            Self::Latest => return ids.first().map_or_else(|| none(format!("there is no {what} yet")), |id| Ok(*id)),
            Self::Beginning(text) => text,
        };
        let mut fitting: Vec<&Uuid> = ids.iter().filter(|id| id.to_string().starts_with(beginning)).collect();
        fitting.sort_unstable();
        fitting.dedup();
        match fitting.as_slice() {
            [] => none(format!("no {what} has an id that begins with {beginning}")),
            [one] => Ok(**one),
            many => {
                let named: Vec<String> = many.iter().take(MOST_NAMED).map(ToString::to_string).collect();
                Err(NoSuchId {
                    message: format!("{} ids of {what}s begin with {beginning}", many.len()),
                    hint: Some(format!("use more characters: {}", named.join(", "))),
                    ambiguous: true,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "401c5ec9-3149-41a1-aa70-bc1cfc0bb59d";
    const SECOND: &str = "40aa5ec9-3149-41a1-aa70-bc1cfc0bb59d";

    fn find(text: &str) -> Result<String, String> {
        let ids = [SECOND.parse().unwrap(), FIRST.parse().unwrap()];
        let id = text.parse::<IdText>()?.find(&ids, "execution");
        id.map(|id| id.to_string()).map_err(|e| e.message + &e.hint.unwrap_or_default())
    }

    #[test]
    fn an_id_is_its_beginning_when_only_one_has_it() {
        assert_eq!(find("401"), Ok(FIRST.to_owned()));
        assert_eq!(find("40AA5EC9-31"), Ok(SECOND.to_owned()));
        assert_eq!(find("latest"), Ok(SECOND.to_owned()));
        let other = "ffffffff-3149-41a1-aa70-bc1cfc0bb59d";
        assert_eq!(find(other), Ok(other.to_owned()), "a whole id is looked up by whoever has them all");
    }

    #[test]
    fn what_fits_several_or_none_is_refused() {
        let several = find("40").unwrap_err();
        assert!(several.contains("2 ids of executions begin with 40") && several.contains(FIRST), "{several}");
        assert!(find("77").unwrap_err().contains("no execution has an id that begins with 77"));
        for bad in ["4", "bla", "", "newest", "40 1"] {
            assert!(find(bad).unwrap_err().contains("is not an id"), "{bad}");
        }
        assert!(IdText::Latest.find(&[], "execution").unwrap_err().message.contains("no execution yet"));
    }
}
