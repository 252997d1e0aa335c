//! The address of the database. It may hold a password, which never leaves this type except towards the driver.

use std::fmt;
use std::str::FromStr;

use barkeep_base::hosts;

/// `sqlite:PATH` or `postgres://…`. `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Why a text is no database URL. The text itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    #[error("the scheme is not sqlite: or postgres://")]
    Scheme,
    #[error("the path after sqlite: is empty")]
    NoPath,
    #[error("a database in memory would be lost at exit")]
    Memory,
    #[error("it is not a valid URL ({0})")]
    Url(#[from] url::ParseError),
    #[error("it holds control characters")]
    Control,
}

impl DatabaseUrl {
    pub const EXPECTED: &str = "write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE";

    /// The whole URL, password included: for the driver only.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A server's URL with the first of its hosts.
    fn first(&self) -> Result<url::Url, url::ParseError> {
        hosts::each(&self.0).first().map_or("", String::as_str).parse()
    }

    /// The file without its directories, or the database on its server: what tells one from another on a screen.
    #[must_use]
    pub fn name(&self) -> String {
        let whole = match self.0.strip_prefix("sqlite:") {
            Some(path) => path.to_owned(),
            None => self.first().map(|url| url.path().to_owned()).unwrap_or_default(),
        };
        barkeep_base::text::printable(whole.rsplit('/').next().unwrap_or_default())
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s.chars().any(char::is_control) {
            return Err(InvalidDatabaseUrl::Control);
        }
        if let Some(path) = s.strip_prefix("sqlite:") {
            if path.contains(":memory:") {
                return Err(InvalidDatabaseUrl::Memory);
            }
            let empty = path.trim_start_matches('/').is_empty();
            return if empty { Err(InvalidDatabaseUrl::NoPath) } else { Ok(Self(s.to_owned())) };
        }
        if s.starts_with("postgres://") || s.starts_with("postgresql://") {
            for one in hosts::each(s) {
                url::Url::parse(&one)?;
            }
            return Ok(Self(s.to_owned()));
        }
        Err(InvalidDatabaseUrl::Scheme)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HIDDEN: &str = "***";
        if self.0.starts_with("sqlite:") {
            return f.write_str(&barkeep_base::text::printable(&self.0));
        }
        let Ok(mut url) = self.first() else { return f.write_str("postgres://…") };
        if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
            return f.write_str("postgres://…");
        }
        // libpq takes a password in the query too.
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(k, v)| {
                let secret = k.to_lowercase().contains("pass") || k.to_lowercase().contains("key");
                (k, if secret { HIDDEN } else { v })
            }));
        }
        match (hosts::split(url.as_str()), hosts::split(&self.0)) {
            (Some((before, _, after)), Some((_, hosts, _))) if hosts.contains(',') => {
                write!(f, "{before}{}{after}", barkeep_base::text::printable(hosts))
            }
            _ => f.write_str(url.as_str()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        for text in [
            "postgres://bar:s3cr%40t@db:5432/bars?sslmode=require",
            "postgresql://bar@db/bars?password=s3cr&sslpassword=s3cr&sslmode=require",
            "postgres://bar:a:s3cr@t@db/bars",
            "postgres://bar:s3cr@one:5432,two:5433/bars?target_session_attrs=read-write",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.as_str(), text);
            for shown in [url.to_string(), format!("{url:?}"), format!("{:?}", Some(&url))] {
                assert!(!shown.contains("s3cr") && shown.contains("bar"), "{shown}");
            }
        }
    }

    #[test]
    fn the_name_is_the_file_or_the_database() {
        for (text, name) in [
            ("sqlite:bars.db", "bars.db"),
            ("sqlite:///srv/barkeep/bars.db", "bars.db"),
            ("postgres://bar:s3cr@db:5432/prices?sslmode=require", "prices"),
            ("postgres://bar:s3cr@one,two:5433/prices", "prices"),
            ("postgres://db", ""),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap().name(), name, "{text}");
        }
    }

    #[test]
    fn refuses_other_schemes_without_repeating_them() {
        for text in [
            "",
            "mysql://u:s3cr@h/d",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "postgres://u:s3cr@h:99999/d",
            "sqlite:a\nb",
            "/x.db",
        ] {
            let message = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!message.contains("s3cr"), "{message}");
        }
        assert_eq!("sqlite:/a/b.db".parse::<DatabaseUrl>().unwrap().to_string(), "sqlite:/a/b.db");
    }
}
