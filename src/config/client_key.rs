//! The API key that commands send to a running service.

use secrecy::SecretString;

use super::environment::{self, Environment};
use crate::yaml::error::ConfigError;

/// The key named by `BARKEEP_API_KEY`; `None` when it is not set.
pub fn client_key(env: &Environment) -> Result<Option<SecretString>, ConfigError> {
    let Some(key) = env.get(environment::API_KEY)? else { return Ok(None) };
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
        // The key itself is not repeated.
        return Err(ConfigError("BARKEEP_API_KEY holds characters that no key can have; set it again".to_owned()));
    }
    Ok(Some(SecretString::from(key)))
}
