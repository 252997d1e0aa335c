//! API keys: the vendor's (environment first, then a file that only its owner can read), and the one that commands send to a
//! running service. Never an argument, never logged.

use std::path::Path;

use secrecy::SecretString;

use super::environment::{API_KEY, Environment, FORMER_KEY, KEY};
use super::settings::Settings;
use crate::yaml::error::ConfigError;
use crate::yaml::secret::read_private;
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

/// A key in a file that only its owner can read; `named` is what the file was named by.
///
/// # Errors
/// When it cannot be read, others could read it too, or it holds no key.
pub fn key_in_file(path: &Path, named: &str) -> Result<SecretString, ConfigError> {
    checked(&read_private(path, named)?, &printable(&path.display().to_string()))
}

/// The key in `BARKEEP_API_KEY` for a running service; `None` when it is not set.
///
/// # Errors
/// When it holds characters that no key can have.
pub fn client_key(env: &Environment) -> Result<Option<SecretString>, ConfigError> {
    let Some(key) = env.get(API_KEY)? else { return Ok(None) };
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
        // The key itself is not repeated.
        return Err(ConfigError("BARKEEP_API_KEY holds characters that no key can have; set it again".to_owned()));
    }
    Ok(Some(SecretString::from(key)))
}
