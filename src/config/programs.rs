//! Programs of the machine that a command can make use of, looked for where the environment says.

use std::path::{Path, PathBuf};

/// Where Debian and its relatives put the programs of a PostgreSQL server, below one directory for each version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// `initdb` and `postgres` of one installation; `None` when there is none.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the environment is read in this room")]
pub fn postgres_programs() -> Option<(PathBuf, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir(POSTGRES_VERSIONS).into_iter().flatten().flatten();
    dirs.extend(versions.map(|version| version.path().join("bin")));
    let both = |dir: &PathBuf| -> (PathBuf, PathBuf) { (dir.join("initdb"), dir.join("postgres")) };
    dirs.iter().map(both).find(|(initdb, postgres)| is_program(initdb) && is_program(postgres))
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}
