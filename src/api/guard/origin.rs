//! Which host a request may name, and from which page it may come.
//!
//! A web page that the operator has open can send requests to this machine, and by DNS rebinding under a name of its own
//! (as in CVE-2025-66414). So the Host header must name an address of the connection, `localhost`, or a configured name;
//! and a browser's request must come from a page of that same host.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, header, request::Parts};

use crate::problem::{Kind, Problem};
use barkeep_base::net::is_loopback;
use barkeep_config::HostName;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What load balancers and supervisors ask.
pub(crate) const PROBES: [&str; 2] = ["/health", "/ready"];

/// How a request named this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// By the address it was sent to, or as `localhost`.
    ByAddress,
    /// By a configured name, so perhaps through a proxy.
    ByName,
}

/// Checks both; returns how the request named the server.
pub(crate) fn check(parts: &Parts, hosts: &[HostName], local: SocketAddr) -> Result<Named, Problem> {
    let named = named_host(parts, hosts, local)?;
    check_site(&parts.headers, hosts, local)?;
    Ok(named)
}

fn named_host(parts: &Parts, hosts: &[HostName], local: SocketAddr) -> Result<Named, Problem> {
    let misdirected = || {
        Problem::new(Kind::Misdirected, "the Host header does not name this server")
            .hint("use the listen address, localhost, or a name listed in api.hosts")
            .at("host")
    };
    let mut given = parts.headers.get_all(header::HOST).iter();
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return Err(Problem::new(Kind::Malformed, "there is more than one Host header").at("host"));
    }
    if first.is_none() && is_old_probe(parts) {
        return Ok(Named::ByName);
    }
    let host = first.and_then(|value| value.to_str().ok()).ok_or_else(misdirected)?;
    let named = allowed(host, hosts, local).ok_or_else(misdirected)?;
    // A target in absolute form names a host too; proxies and servers may differ in which of the two they use.
    match parts.uri.authority() {
        Some(authority) => allowed(authority.as_str(), hosts, local).ok_or_else(misdirected),
        None => Ok(named),
    }
}

/// A load balancer's check: HTTP/1.0 has no Host header, and browsers do not send it.
fn is_old_probe(parts: &Parts) -> bool {
    parts.version <= Version::HTTP_10 && PROBES.contains(&parts.uri.path()) && parts.uri.authority().is_none()
}

fn allowed(host: &str, hosts: &[HostName], local: SocketAddr) -> Option<Named> {
    let host = host.to_ascii_lowercase();
    let (name, port) = split(&host)?;
    let here = port.unwrap_or(80) == local.port();
    let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name).parse::<IpAddr>().ok();
    let is_address = address.is_some_and(|ip| ip.to_canonical() == local.ip().to_canonical());
    let is_localhost = name == "localhost" && is_loopback(local.ip());
    if here && (is_address || is_localhost) {
        return Some(Named::ByAddress);
    }
    let listed = |known: &HostName| known.as_str() == host || known.as_str() == name;
    hosts.iter().any(listed).then_some(Named::ByName)
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, rest) = host.split_at_checked(end)?;
    match rest.strip_prefix(':') {
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            Some((name, Some(port.parse().ok()?)))
        }
        None if rest.is_empty() => Some((name, None)),
        _ => None,
    }
}

/// Refuses what a browser sends on behalf of a page of another site.
fn check_site(headers: &HeaderMap, hosts: &[HostName], local: SocketAddr) -> Result<(), Problem> {
    let foreign = |header: &str| {
        Problem::new(Kind::Forbidden, format!("the {header} header names another site"))
            .hint("send the request from a page of this server, or without a browser")
            .at(header)
    };
    let ours = |origin: &HeaderValue| {
        let text = origin.to_str().ok()?;
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
        // An origin with the scheme's own port leaves it out, which only a proxied name can.
        allowed(host, hosts, local)
    };
    if headers.get_all(header::ORIGIN).iter().any(|origin| ours(origin).is_none()) {
        return Err(foreign("origin"));
    }
    let site_fits = |site: &HeaderValue| site == "same-origin" || site == "none";
    if headers.get_all(FETCH_SITE).iter().all(site_fits) { Ok(()) } else { Err(foreign("sec-fetch-site")) }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(uri: &str, headers: &[(&str, &str)]) -> u16 {
        let hosts = ["barkeep.example".parse().unwrap(), "other.example:8443".parse().unwrap()];
        let local = "127.0.0.1:8000".parse().unwrap();
        check(&parts(uri, headers), &hosts, local).map_or_else(|p| p.status().as_u16(), |_| 200)
    }

    #[test]
    fn hosts_that_are_not_ours_are_refused() {
        for good in [
            "127.0.0.1:8000",
            "localhost:8000",
            "LOCALHOST:8000",
            "barkeep.example",
            "barkeep.example:443",
            "Barkeep.Example",
            "other.example:8443",
        ] {
            assert_eq!(status("/", &[("host", good)]), 200, "{good}");
        }
        for bad in [
            "evil.com",
            "evil.com:8000",
            "localhost.evil.com:8000",
            "127.0.0.1.nip.io:8000",
            "",
            "localhost.:8000",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:8001",
            "0.0.0.0:8000",
            "2130706433:8000",
            "127.1:8000",
            "0x7f.0.0.1:8000",
            "[::1]:8000",
            "127.0.0.2:8000",
            "user@localhost:8000",
            "localhost:8000:8000",
            "localhost:+8000",
            "localhost:",
            "other.example",
            "other.example:8444",
            "a.barkeep.example",
            "[::1",
        ] {
            assert_eq!(status("/", &[("host", bad)]), 421, "{bad}");
        }
        assert_eq!(status("/", &[]), 421, "no host at all");
        assert_eq!(status("/", &[("host", "localhost:8000"), ("host", "evil.com")]), 400, "two hosts");
        assert_eq!(status("http://evil.com/", &[("host", "localhost:8000")]), 421, "absolute form");
        assert_eq!(status("http://localhost:8000/", &[("host", "localhost:8000")]), 200);
    }

    #[test]
    fn addresses_of_version_6_are_compared_as_such() {
        let local = "[::1]:8000".parse().unwrap();
        assert_eq!(allowed("[::1]:8000", &[], local), Some(Named::ByAddress));
        assert_eq!(allowed("[0:0:0:0:0:0:0:1]:8000", &[], local), Some(Named::ByAddress));
        assert_eq!(allowed("localhost:8000", &[], local), Some(Named::ByAddress));
        assert_eq!(allowed("[::2]:8000", &[], local), None);
        assert_eq!(allowed("localhost:8000", &[], "10.0.0.1:8000".parse().unwrap()), None);
        assert_eq!(allowed("10.0.0.1:80", &[], "10.0.0.1:80".parse().unwrap()), Some(Named::ByAddress));
        assert_eq!(allowed("10.0.0.1", &[], "10.0.0.1:80".parse().unwrap()), Some(Named::ByAddress));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let from = |name: &str, value: &str| status("/", &[("host", "localhost:8000"), (name, value)]);
        for good in ["http://localhost:8000", "http://127.0.0.1:8000", "https://barkeep.example"] {
            assert_eq!(from("origin", good), 200, "{good}");
        }
        for bad in ["null", "http://evil.com", "http://localhost:3000", "file://", "http://localhost:8000.evil.com", ""]
        {
            assert_eq!(from("origin", bad), 403, "{bad}");
        }
        for (site, want) in [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("x", 403)] {
            assert_eq!(from("sec-fetch-site", site), want, "{site}");
        }
    }
}
