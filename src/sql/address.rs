//! `sqlite:PATH?mode=ro&immutable=1`: the file, and how it may be opened. The parameters mean what they mean for sqlx.

use std::path::{Path, PathBuf};

use barkeep_base::text::printable;

use crate::StoreError;

/// Where a SQLite database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub path: PathBuf,
    pub mode: Mode,
    /// Nobody writes to it, so nothing is locked and no log is looked for.
    pub immutable: bool,
    pub shared_cache: bool,
    pub vfs: Option<String>,
}

/// What a URL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    ReadOnly,
    ReadWrite,
    /// As without a `mode`: made when it is missing.
    Create,
}

const PARAMETERS: &str = "a SQLite URL takes mode=ro|rw|rwc, immutable=1, cache=private|shared and vfs=NAME";

impl Address {
    /// A file, without parameters.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { path: path.to_owned(), mode: Mode::Create, immutable: false, shared_cache: false, vfs: None }
    }

    /// Reads what stands behind `sqlite:`. A question mark begins parameters when an equals sign follows; it is part of the
    /// path otherwise.
    ///
    /// # Errors
    /// `Unusable` when it names no file, or has a parameter that is not known.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let refused = |why: String| StoreError::Unusable(format!("the database URL is not understood: {why}"));
        let text = text.strip_prefix("//").unwrap_or(text);
        let (path, parameters) = match text.rsplit_once('?') {
            Some((path, parameters)) if parameters.contains('=') => (path, parameters),
            _ => (text, ""),
        };
        if path.is_empty() {
            return Err(refused("it names no file; use sqlite:PATH".into()));
        }
        let mut address = Self::file(Path::new(path));
        let mut memory = path == ":memory:";
        for pair in parameters.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("mode", "ro")) => address.mode = Mode::ReadOnly,
                Some(("mode", "rw")) => address.mode = Mode::ReadWrite,
                Some(("mode", "rwc")) => address.mode = Mode::Create,
                Some(("mode", "memory")) => memory = true,
                Some(("immutable", "1" | "true")) => address.immutable = true,
                Some(("immutable", "0" | "false")) => address.immutable = false,
                Some(("cache", "private")) => address.shared_cache = false,
                Some(("cache", "shared")) => address.shared_cache = true,
                Some(("vfs", name)) if !name.is_empty() => address.vfs = Some(name.to_owned()),
                _ => return Err(refused(format!("unknown parameter '{}'; {PARAMETERS}", printable(pair)))),
            }
        }
        if memory {
            return Err(StoreError::Unusable(
                "a database in memory would be lost at exit; name a file, for example sqlite:/tmp/bars.db".into(),
            ));
        }
        Ok(address)
    }

    /// Fails when the URL itself rules out writing.
    ///
    /// # Errors
    /// `Disk` when it does.
    pub fn writable(&self) -> Result<(), StoreError> {
        let says = match (self.mode, self.immutable) {
            (Mode::ReadOnly, _) => "mode=ro",
            (_, true) => "immutable",
            _ => return Ok(()),
        };
        Err(StoreError::Disk(format!("its URL says {says}; remove that, or use a command that only reads")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse(text).map_err(|e| e.to_string())
    }

    #[test]
    fn parameters_mean_what_they_mean_for_sqlx() {
        use sqlx::sqlite::SqliteConnectOptions;
        for text in
            ["a.db", "a.db?mode=ro", "/x/a b.db?mode=rw&cache=private", "//rel/a.db?immutable=true", "a.db?vfs=unix"]
        {
            let (ours, theirs) =
                (parse(text).unwrap(), format!("sqlite:{text}").parse::<SqliteConnectOptions>().unwrap());
            assert_eq!(ours.path, theirs.get_filename(), "{text}");
        }
        assert_eq!(parse("a.db?mode=ro").unwrap().mode, Mode::ReadOnly);
        assert!(parse("a.db?immutable=1&mode=rw").unwrap().immutable);
        assert!(parse("a.db?mode=memory").unwrap_err().contains("in memory"));
        for wrong in ["a.db?mode=r", "a.db?mood=ro", "a.db?immutable=yes", "a.db?vfs=", "a.db?mode=ro&=", "?mode=ro"] {
            let why = parse(wrong).unwrap_err();
            assert!(why.contains("not understood"), "{wrong}: {why}");
            assert!(
                wrong.starts_with('?')
                    || format!("sqlite:{wrong}").parse::<SqliteConnectOptions>().is_err()
                    || wrong.ends_with("vfs="),
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_an_equals_sign_makes_parameters() {
        assert_eq!(parse("odd?name#.db").unwrap().path, PathBuf::from("odd?name#.db"));
        assert_eq!(parse("odd?name?mode=ro").unwrap().path, PathBuf::from("odd?name"));
    }

    #[test]
    fn a_url_that_only_reads_says_so() {
        for text in ["a.db?mode=ro", "a.db?immutable=1"] {
            assert!(parse(text).unwrap().writable().is_err(), "{text}");
        }
        assert!(parse("a.db?mode=rw").unwrap().writable().is_ok());
    }
}
