//! URLs that name several hosts, as libpq takes them: `postgres://user@h1:5432,h2:5432/db`.

/// What stands before the hosts of a URL, the hosts, and what follows them.
#[must_use]
pub fn split(url: &str) -> Option<(&str, &str, &str)> {
    let scheme = url.find("://")? + 3;
    let (_, rest) = url.split_at_checked(scheme)?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest.split_at_checked(authority)?.0.rfind('@').map_or(0, |at| at + 1);
    let (before, rest) = url.split_at_checked(scheme + user)?;
    let (hosts, after) = rest.split_at_checked(authority - user)?;
    Some((before, hosts, after))
}

/// The same URL for each of its hosts.
#[must_use]
pub fn each(url: &str) -> Vec<String> {
    match split(url) {
        Some((before, hosts, after)) => hosts.split(',').map(|host| format!("{before}{host}{after}")).collect(),
        None => vec![url.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_gets_the_rest_of_the_url() {
        assert_eq!(
            each("postgres://bar:a,b%40@h1:1,h2,[::1]:3/db?x=a,b"),
            [
                "postgres://bar:a,b%40@h1:1/db?x=a,b",
                "postgres://bar:a,b%40@h2/db?x=a,b",
                "postgres://bar:a,b%40@[::1]:3/db?x=a,b"
            ]
        );
        for one in ["postgres://db", "postgres://bar@db/x", "sqlite:a,b.db", "postgres://?host=/run"] {
            assert_eq!(each(one), [one]);
        }
    }
}
