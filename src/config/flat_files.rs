//! The vendor's flat files: where they are, the keys for them, and what one counts for.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::environment::{Environment, S3_ACCESS_KEY, S3_SECRET_KEY};
use crate::yaml::error::ConfigError;
use crate::yaml::secret::read_private;
use barkeep_base::text::printable;

/// The vendor's API and the files that belong to it.
const API_HOST: &str = "api.massive.com";
const FILES: &str = "https://files.massive.com";

/// How whole days of the market are downloaded as files. By default none is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatFileSettings {
    pub enabled: bool,
    /// Origin of the storage; `None`: the one that belongs to the vendor's API.
    pub endpoint: Option<Url>,
    pub bucket: String,
    /// Where a download is kept until its bars are stored.
    pub directory: PathBuf,
    /// What a file counts for, in requests.
    pub cost: u32,
    /// Without keys no file is asked for.
    pub keys: Option<FlatFileKeys>,
}

impl FlatFileSettings {
    /// Where the files are. Those of another server than the vendor's own are beside its API, so that simulated bars never
    /// mix with real ones.
    #[must_use]
    pub fn origin(&self, api: &Url) -> String {
        let own = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        match &self.endpoint {
            Some(endpoint) => own(endpoint),
            None if api.host_str() == Some(API_HOST) => FILES.to_owned(),
            None => own(api),
        }
    }
}

/// The two keys of the storage.
#[derive(Clone)]
pub struct FlatFileKeys {
    pub access: String,
    pub secret: SecretString,
}

impl std::fmt::Debug for FlatFileKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlatFileKeys")
    }
}

impl PartialEq for FlatFileKeys {
    fn eq(&self, other: &Self) -> bool {
        self.access == other.access && self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// The keys: environment first, then the files named in the settings.
pub(super) fn keys(
    env: &Environment,
    access_file: Option<&Path>,
    secret_file: Option<&Path>,
) -> Result<Option<FlatFileKeys>, ConfigError> {
    let access = key(env, S3_ACCESS_KEY, access_file, "vendor.flat_files.access_key_file")?;
    let secret = key(env, S3_SECRET_KEY, secret_file, "vendor.flat_files.secret_key_file")?;
    let missing = |given: &str, name: &str, setting: &str| {
        let to_do = format!("set {name} or vendor.flat_files.{setting} too");
        Err(ConfigError(format!("flat files need two keys, and only {given} is given; {to_do}")))
    };
    match (access, secret) {
        (Some(access), Some(secret)) => Ok(Some(FlatFileKeys { access, secret: SecretString::from(secret) })),
        (None, None) => Ok(None),
        (Some(_), None) => missing("the access key", S3_SECRET_KEY, "secret_key_file"),
        (None, Some(_)) => missing("the secret key", S3_ACCESS_KEY, "access_key_file"),
    }
}

fn key(
    env: &Environment,
    variable: &'static str,
    file: Option<&Path>,
    setting: &str,
) -> Result<Option<String>, ConfigError> {
    let (text, source) = match (env.get(variable)?, file) {
        (Some(text), _) => (text, format!("environment variable {variable}")),
        (None, Some(file)) => (read_private(file, setting)?, printable(&file.display().to_string())),
        (None, None) => return Ok(None),
    };
    let key = text.trim();
    let sound = (1..=512).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let broken = || ConfigError(format!("{source}: does not hold a key (one word of up to 512 visible characters)"));
    sound.then(|| Some(key.to_owned())).ok_or_else(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: Option<&str>) -> FlatFileSettings {
        FlatFileSettings {
            enabled: true,
            endpoint: endpoint.map(|url| url.parse().unwrap()),
            bucket: "flatfiles".to_owned(),
            directory: PathBuf::new(),
            cost: 20,
            keys: None,
        }
    }

    #[test]
    fn files_of_another_server_are_beside_its_api() {
        let origin = |endpoint, api: &str| settings(endpoint).origin(&api.parse().unwrap());
        assert_eq!(origin(None, "https://api.massive.com"), "https://files.massive.com");
        assert_eq!(origin(None, "http://127.0.0.1:8800"), "http://127.0.0.1:8800");
        assert_eq!(origin(Some("https://s3.example.com"), "http://127.0.0.1:8800"), "https://s3.example.com");
    }

    #[test]
    fn one_key_alone_is_an_error_that_names_the_other() {
        let env = |name| Environment { variables: vec![(name, "key".into())], ..Environment::default() };
        let told = |name| keys(&env(name), None, None).unwrap_err().to_string();
        assert!(told(S3_ACCESS_KEY).contains("MASSIVE_S3_SECRET_KEY"), "{}", told(S3_ACCESS_KEY));
        assert!(told(S3_SECRET_KEY).contains("vendor.flat_files.access_key_file"));
        assert_eq!(keys(&Environment::default(), None, None).unwrap(), None);
    }

    #[test]
    fn keys_are_not_printed() {
        let keys = FlatFileKeys { access: "hidden-a".to_owned(), secret: "hidden-b".into() };
        assert!(!format!("{keys:?}").contains("hidden"));
    }
}
