//! The selection of a list: it follows its row, not its position.
//!
//! Rows come, go and change places under the operator's hand; what was selected stays selected. Only when it is gone
//! does the selection stay in its place.

use uuid::Uuid;

use barkeep_runtime::console::SeriesName;

/// What a row is, whatever its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    Series(SeriesName),
    Execution(Uuid),
    /// A number of the database or of the process.
    Id(i64),
}

/// The selection of one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListCursor {
    /// Where it stood last.
    pub index: usize,
    /// What it stood on last.
    pub key: Option<RowKey>,
}

impl ListCursor {
    /// Its index in a list of `len` rows; `None` when there are none.
    pub fn resolve(&self, len: usize, key_of: impl Fn(usize) -> Option<RowKey>) -> Option<usize> {
        let last = len.checked_sub(1)?;
        let index = self.index.min(last);
        let Some(key) = &self.key else { return Some(index) };
        // Mostly nothing has moved: no search then.
        if key_of(index).as_ref() == Some(key) {
            return Some(index);
        }
        Some((0..len).find(|&i| key_of(i).as_ref() == Some(key)).unwrap_or(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(rows: &[i64]) -> impl Fn(usize) -> Option<RowKey> {
        |i| rows.get(i).map(|id| RowKey::Id(*id))
    }

    #[test]
    fn it_follows_its_row_and_else_keeps_its_place() {
        let cursor = ListCursor { index: 1, key: Some(RowKey::Id(20)) };
        assert_eq!(cursor.resolve(3, key_of(&[10, 20, 30])), Some(1));
        assert_eq!(cursor.resolve(4, key_of(&[5, 10, 15, 20])), Some(3));
        assert_eq!(cursor.resolve(3, key_of(&[10, 30, 40])), Some(1));
        assert_eq!(cursor.resolve(1, key_of(&[10])), Some(0));
        assert_eq!(cursor.resolve(0, key_of(&[])), None);
        assert_eq!(ListCursor::default().resolve(2, key_of(&[1, 2])), Some(0));
    }
}
