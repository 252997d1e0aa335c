//! How the HTTP API is served.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::yaml::error::ConfigError;
use crate::yaml::reader::Reader;
use crate::yaml::word::ParseWordError;

/// The HTTP API's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Whether `run` and the dashboard serve it.
    pub enabled: bool,
    pub listen: SocketAddr,
    /// Names besides the address and `localhost` that a request may ask for.
    pub hosts: Vec<HostName>,
    /// Connections at once; one more is answered 503.
    pub max_connections: usize,
    /// Longest time an answer may take.
    pub request_timeout: Duration,
    /// Wrong keys a peer may try in a minute.
    pub tries_per_minute: u32,
}

impl ApiSettings {
    pub const EXPECTED_ADDRESS: &str =
        "write IP:PORT, for example 127.0.0.1:8000 or [::1]:8000; port 0 is any free one";
}

/// A name a server is asked for by: `barkeep.example.com`, with a port only when it matters. Lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    const EXPECTED: &str = "write a name such as barkeep.example.com, with :PORT only if it must be that one";

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for HostName {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        let wrong = || ParseWordError::new(s, "a host name; write a name such as barkeep.example.com");
        let (name, port) = s.rsplit_once(':').map_or((s, None), |(name, port)| (name, Some(port)));
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        let named = name.len() <= 253 && name.split('.').all(label);
        let port_fits = port.is_none_or(|p| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok());
        if named && port_fits { Ok(Self(s.to_ascii_lowercase())) } else { Err(wrong()) }
    }
}

pub(super) fn read(at: &Reader<'_>) -> Result<ApiSettings, ConfigError> {
    Ok(ApiSettings {
        enabled: at.get("enabled")?.bool()?,
        listen: at.get("listen")?.parse(ApiSettings::EXPECTED_ADDRESS)?,
        hosts: at.get("hosts")?.set(HostName::EXPECTED)?,
        max_connections: at.get("max_connections")?.int(1..=65_536)?,
        request_timeout: at.get("request_timeout")?.duration(Duration::from_secs(1)..=Duration::from_mins(10))?,
        tries_per_minute: at.get("tries_per_minute")?.int(1..=1_000_000)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::loaded;
    use super::*;

    #[test]
    fn the_default_is_this_machine_only() {
        let api = loaded("").unwrap().settings.api;
        assert!(api.enabled && api.listen.ip().is_loopback() && api.listen.port() == 8000 && api.hosts.is_empty());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, says) in [
            ("listen: 8000", "api.listen"),
            ("listen: localhost:8000", "127.0.0.1:8000"),
            ("hosts: ['http://x']", "host name"),
            ("hosts: [a.example, a.example]", "repeats"),
            ("hosts: ['a b']", "host name"),
            ("max_connections: 0", "1 to 65536"),
            ("request_timeout: 10", "30s"),
            ("tries_per_minute: none", "whole number"),
            ("port: 80", "port"),
        ] {
            let message = loaded(&format!("api:\n  {text}\n")).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("barkeep.yaml:2"), "{text}: {message}");
        }
    }

    #[test]
    fn host_names_are_names() {
        for good in ["barkeep.example.com", "Barkeep:8443", "a"] {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        for bad in ["", "a.", ".a", "a..b", "a/b", "*.example.com", "a:99999", "a:+80", "-a", "[::1]"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
    }
}
