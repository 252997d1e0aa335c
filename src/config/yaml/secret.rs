//! Files that hold a secret.

use std::io::Read as _;
use std::path::Path;

use crate::yaml::error::ConfigError;
use barkeep_base::text::printable;

/// Reads a file that nobody but its owner can read; `setting` is what named it.
pub(crate) fn read_private(path: &Path, setting: &str) -> Result<String, ConfigError> {
    let shown = printable(&path.display().to_string());
    let unreadable = |e: std::io::Error| ConfigError(format!("{shown}: the file cannot be read: {e}; check {setting}"));
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ConfigError(format!("{shown}: it is not a regular file; check {setting}")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(ConfigError(format!(
                "{shown}: the file can be read by others (mode {mode:03o}); run: chmod 600 {shown}"
            )));
        }
    }
    let mut text = String::new();
    std::fs::File::open(path).and_then(|f| f.take(4096).read_to_string(&mut text)).map_err(unreadable)?;
    Ok(text)
}
