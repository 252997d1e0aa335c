//! Paths in the settings.

use std::path::PathBuf;

use crate::environment::Environment;
use crate::yaml::error::ConfigError;
use crate::yaml::reader::Reader;

/// A path as it is written: a leading `~/` is the home directory.
pub(crate) fn path(at: &Reader<'_>, env: &Environment) -> Result<PathBuf, ConfigError> {
    let text = at.text()?;
    if text.contains('\0') { Err(at.error("holds a NUL character", "write a path")) } else { Ok(env.path(text)) }
}
