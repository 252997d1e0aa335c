//! What goes wrong with a database, and whether waiting can help.

/// What goes wrong with a database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or went away. Waiting can help.
    #[error("the database is unreachable: {0}")]
    Unreachable(String),
    /// Another connection holds a lock too long. Waiting can help.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// No space, no permission, an I/O error. Waiting can help once somebody acts.
    #[error("the database cannot be written: {0}")]
    Disk(String),
    /// The file is no database, is damaged, or was made by a newer barkeep.
    #[error("the database is unusable: {0}")]
    Unusable(String),
    /// Something that the caller named does not exist, or the operation does not apply to it.
    #[error("{0}")]
    NotFound(String),
    /// A statement failed in a way that waiting does not mend.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// An execution, or the series it wrote, belongs to another process by now, which goes on with it.
    #[error("{0}")]
    TakenOver(String),
}

impl StoreError {
    /// Whether the same call may succeed later without a change by the caller.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_) | Self::Disk(_))
    }

    /// The same error, saying which database it is about.
    #[must_use]
    pub fn at(self, place: &str) -> Self {
        self.said(|message| format!("{place}: {message}"))
    }

    /// The same error, followed by what came of it.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        self.said(|message| format!("{message}; {more}"))
    }

    fn said(self, new: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Unreachable(m) => Self::Unreachable(new(m)),
            Self::Busy(m) => Self::Busy(new(m)),
            Self::Disk(m) => Self::Disk(new(m)),
            Self::Unusable(m) => Self::Unusable(new(m)),
            Self::NotFound(m) => Self::NotFound(new(m)),
            Self::Refused(m) => Self::Refused(new(m)),
            Self::TakenOver(m) => Self::TakenOver(new(m)),
        }
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;
