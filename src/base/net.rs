//! Which addresses and host names are this machine.

use std::net::IpAddr;

/// Whether an address is this machine's own, IPv4 written as IPv6 included (`::ffff:127.0.0.1`).
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether the host of a URL or of a setting is this machine: a loopback address, with or without brackets, `localhost`,
/// or a name below it (RFC 6761).
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let unbracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = unbracketed.parse() {
        return is_loopback(address);
    }
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in
            ["localhost", "LocalHost", "sim.localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in
            ["", "localhost.example.com", "notlocalhost", "10.0.0.1", "0.0.0.0", "[::]", "[::1", "127.0.0.1.nip.io"]
        {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
