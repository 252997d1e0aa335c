//! Where vendors are, and the settings of those beside the first.

use url::Url;

use crate::environment::Environment;
use crate::flat_files;
use crate::settings::{CoinbaseSettings, FlatFileSettings};
use crate::yaml::error::ConfigError;
use crate::yaml::reader::Reader;
use barkeep_base::net::is_loopback_host;

pub(super) fn coinbase(at: &Reader<'_>) -> Result<CoinbaseSettings, ConfigError> {
    Ok(CoinbaseSettings {
        url: origin(&at.get("url")?, "https://api.exchange.coinbase.com")?,
        requests_per_second: at.get("requests_per_second")?.int(1..=100)?,
    })
}

pub(super) fn flat_files(at: &Reader<'_>, env: &Environment) -> Result<FlatFileSettings, ConfigError> {
    let path = |row: &Reader<'_>| row.text().map(|text| env.path(text));
    let file = |name: &str| at.get(name)?.optional().map(|row| path(&row)).transpose();
    let directory = match at.get("directory")?.optional() {
        Some(row) => path(&row)?,
        None => env.data_dir.clone().unwrap_or_else(std::env::temp_dir).join("flat-files"),
    };
    Ok(FlatFileSettings {
        enabled: at.get("enabled")?.bool()?,
        endpoint: at.get("endpoint")?.optional().map(|row| origin(&row, "https://files.massive.com")).transpose()?,
        bucket: {
            let row = at.get("bucket")?;
            let name = row.text()?;
            let sound = (3..=63).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
            if !sound {
                return Err(row.error("is not the name of a bucket", "write a name such as flatfiles"));
            }
            name.to_owned()
        },
        directory,
        cost: at.get("cost")?.int(1..=100_000)?,
        keys: flat_files::keys(env, file("access_key_file")?.as_deref(), file("secret_key_file")?.as_deref())?,
    })
}

/// Only the origin counts: paths are the vendor's, and of `next_url` nothing but path and query is used.
pub(super) fn origin(at: &Reader<'_>, example: &str) -> Result<Url, ConfigError> {
    let fail = |what: &str| Err(at.error(what, format!("write an origin such as {example} or http://127.0.0.1:8800")));
    let Ok(url) = Url::parse(at.text()?) else { return fail("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return fail("holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() || !matches!(url.path(), "" | "/") {
        return fail("holds more than scheme, host and port");
    }
    let Some(host) = url.host_str() else { return fail("names no host") };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback_host(host) => Ok(url),
        "http" => fail("is plain http to another machine, which would expose the key to the network"),
        _ => fail("is neither https nor http"),
    }
}
