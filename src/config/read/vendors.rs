//! Where vendors are, and the settings of those beside the first.

use url::Url;

use crate::settings::CoinbaseSettings;
use crate::yaml::error::ConfigError;
use crate::yaml::reader::Reader;
use barkeep_base::net::is_loopback_host;

pub(super) fn coinbase(at: &Reader<'_>) -> Result<CoinbaseSettings, ConfigError> {
    Ok(CoinbaseSettings {
        url: origin(&at.get("url")?, "https://api.exchange.coinbase.com")?,
        requests_per_second: at.get("requests_per_second")?.int(1..=100)?,
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
        "http" => fail("is plain http to another machine, which would show the key to everyone on the way"),
        _ => fail("is neither https nor http"),
    }
}
