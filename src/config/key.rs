//! The vendor's API key: environment first, then a file that only its owner can read. Never an argument, never logged.

use std::io::Read;
use std::path::Path;

use secrecy::SecretString;

use super::environment::{Environment, FORMER_KEY, KEY};
use super::settings::Settings;
use crate::yaml::error::ConfigError;
use barkeep_base::text::printable;

/// The API key for the vendor and where it was found, when there is one.
///
/// # Errors
/// When one was given that cannot be used; the message says which and what to do.
pub fn find_key(settings: &Settings, env: &Environment) -> Result<Option<(SecretString, String)>, ConfigError> {
    if let Some((name, text)) = env.first(&[KEY, FORMER_KEY])? {
        let source = format!("environment variable {name}");
        return Ok(Some((checked(&text, &source)?, source)));
    }
    let Some(path) = &settings.vendor.key_file else { return Ok(None) };
    let source = printable(&path.display().to_string());
    Ok(Some((checked(&read_private(path, "vendor.key_file")?, &source)?, source)))
}

/// A key goes into a header: one word of visible ASCII.
fn checked(text: &str, source: &str) -> Result<SecretString, ConfigError> {
    let key = text.trim();
    let sound = (1..=512).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if sound {
        Ok(SecretString::from(key))
    } else {
        Err(ConfigError(format!(
            "{source}: does not hold an API key (one word of up to 512 visible characters); the file must contain nothing else"
        )))
    }
}

/// A file that nobody but its owner can read; `setting` is what named it.
pub(super) fn read_private(path: &Path, setting: &str) -> Result<String, ConfigError> {
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
