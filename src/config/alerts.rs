//! Where alerts are sent: settings fit to print, and the two secrets they need, which are read apart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::environment::{Environment, SMTP_PASSWORD, WEBHOOK_URL};
use crate::yaml::error::ConfigError;
use crate::yaml::path::path;
use crate::yaml::reader::Reader;
use crate::yaml::secret::read_private;
use crate::yaml::word::ParseWordError;
use barkeep_base::net::is_loopback_host;
use barkeep_base::text::printable;

/// Where alerts go besides the log and the database.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// How often the conditions are looked at.
    pub check_every: Duration,
    /// Longest time of one delivery.
    pub timeout: Duration,
    pub webhook_url_file: Option<PathBuf>,
    /// `None`: no mail is sent.
    pub smtp: Option<SmtpSettings>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// Certificates (PEM) the server's may be signed by, besides those the system trusts.
    pub ca_file: Option<PathBuf>,
    pub from: MailAddress,
    pub to: Vec<MailAddress>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    Starttls,
    Implicit,
    /// Only to a server on this machine.
    None,
}

impl FromStr for SmtpTls {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        match s {
            "starttls" => Ok(Self::Starttls),
            "implicit" => Ok(Self::Implicit),
            "none" => Ok(Self::None),
            _ => Err(ParseWordError::new(s, "a kind of TLS; use starttls, implicit or none")),
        }
    }
}

/// A bare mail address: `name@host`, without a display name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for MailAddress {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        // The same grammar that will write the header: what passes here cannot fail when an alert is due.
        match s.parse::<lettre::Address>() {
            Ok(_) => Ok(Self(s.to_owned())),
            Err(_) => Err(ParseWordError::new(s, "a mail address; write name@host")),
        }
    }
}

pub(super) fn read(at: &Reader<'_>, env: &Environment) -> Result<AlertSettings, ConfigError> {
    let file = |at: Reader<'_>| at.optional().map(|r| path(&r, env)).transpose();
    Ok(AlertSettings {
        check_every: at.get("check_every")?.duration(Duration::from_secs(1)..=Duration::from_hours(1))?,
        timeout: at.get("timeout")?.duration(Duration::from_millis(100)..=Duration::from_mins(1))?,
        webhook_url_file: file(at.get("webhook")?.get("url_file")?)?,
        smtp: smtp(&at.get("smtp")?, env)?,
    })
}

fn smtp(at: &Reader<'_>, env: &Environment) -> Result<Option<SmtpSettings>, ConfigError> {
    const ADDRESS: &str = "write an address such as barkeep@example.com";
    // Read first, so that a mistake is found although no mail is sent yet.
    let (port, tls) = (at.get("port")?.int(1..=65_535)?, at.get("tls")?.parse("write starttls, implicit or none")?);
    let from = at.get("from")?.optional().map(|r| r.parse::<MailAddress>(ADDRESS)).transpose()?;
    let to: Vec<MailAddress> = at.get("to")?.set(ADDRESS)?;
    let user = at.get("user")?.optional().map(|r| r.text().map(str::to_owned)).transpose()?;
    let password_file = at.get("password_file")?.optional().map(|r| path(&r, env)).transpose()?;
    let ca_file = at.get("ca_file")?.optional().map(|r| path(&r, env)).transpose()?;
    let Some(host) = at.get("host")?.optional() else { return Ok(None) };
    let name = host.text()?;
    if url::Host::parse(name).is_err() {
        return Err(host.error("is not a host name", "write a name such as mail.example.com"));
    }
    if tls == SmtpTls::None && !is_loopback_host(name) {
        let what = "is none, which would expose the mail and the password to the network";
        return Err(at.get("tls")?.error(what, "write starttls or implicit"));
    }
    let from = from.ok_or_else(|| at.get("from").map_or_else(|e| e, |r| r.error("is empty", ADDRESS)))?;
    if to.is_empty() {
        return Err(at.get("to")?.error("is empty", "write at least one address"));
    }
    Ok(Some(SmtpSettings { host: name.to_owned(), port, tls, ca_file, from, to, user, password_file }))
}

/// What must never be printed. Deliberately without `Debug`.
#[derive(Clone, Default)]
pub struct AlertSecrets {
    /// A checked URL.
    pub webhook_url: Option<SecretString>,
    pub smtp_password: Option<SecretString>,
}

/// The webhook's URL and the mail server's password: environment first, then the files named in the settings.
///
/// # Errors
/// When one of them cannot be read or used. No message holds either.
pub fn alert_secrets(settings: &AlertSettings, env: &Environment) -> Result<AlertSecrets, ConfigError> {
    let webhook_url = secret(env, WEBHOOK_URL, settings.webhook_url_file.as_deref(), "alerts.webhook.url_file")?;
    if let Some((url, source)) = &webhook_url {
        check_url(url.expose_secret(), source)?;
    }
    let file = settings.smtp.as_ref().and_then(|smtp| smtp.password_file.as_deref());
    let smtp_password = secret(env, SMTP_PASSWORD, file, "alerts.smtp.password_file")?;
    Ok(AlertSecrets { webhook_url: webhook_url.map(|(s, _)| s), smtp_password: smtp_password.map(|(s, _)| s) })
}

fn secret(
    env: &Environment,
    variable: &'static str,
    file: Option<&Path>,
    setting: &str,
) -> Result<Option<(SecretString, String)>, ConfigError> {
    let (text, source) = match (env.get(variable)?, file) {
        (Some(text), _) => (text, format!("environment variable {variable}")),
        (None, Some(file)) => (read_private(file, setting)?, printable(&file.display().to_string())),
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        let to_do = "write the secret on one line and nothing else";
        return Err(ConfigError(format!("{source}: does not hold a value for {setting}; {to_do}")));
    }
    Ok(Some((SecretString::from(text), source)))
}

fn check_url(text: &str, source: &str) -> Result<(), ConfigError> {
    let fail = |what: &str| {
        Err(ConfigError(format!(
            "{source}: the webhook's URL {what}; write https://HOST/PATH (it is not repeated here)"
        )))
    };
    let Ok(url) = Url::parse(text) else { return fail("is not a URL") };
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_loopback_host(host) => Ok(()),
        ("http", _) => fail("is plain http to another machine, which would expose it to the network"),
        _ => fail("is neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::loaded;
    use super::*;

    fn env(variables: &[(&'static str, &str)]) -> Environment {
        Environment { variables: variables.iter().map(|(n, v)| (*n, v.into())).collect(), ..Environment::default() }
    }

    #[test]
    fn nothing_is_sent_unless_somebody_says_where() {
        let alerts = loaded("").unwrap().settings.alerts;
        assert_eq!((&alerts.smtp, &alerts.webhook_url_file), (&None, &None));
        assert_eq!((alerts.check_every, alerts.timeout), (Duration::from_mins(1), Duration::from_secs(10)));
        let secrets = alert_secrets(&alerts, &env(&[])).unwrap();
        assert!(secrets.webhook_url.is_none() && secrets.smtp_password.is_none());
    }

    #[test]
    fn a_mail_server_needs_both_ends_and_tls() {
        let smtp = |rest: &str| loaded(&format!("alerts:\n  smtp:\n    host: mail.example.com\n{rest}"));
        let good = smtp("    from: a@example.com\n    to: [b@example.com, c@example.com]\n").unwrap().settings.alerts;
        let good = good.smtp.unwrap();
        assert_eq!((good.port, good.tls, good.to.len()), (587, SmtpTls::Starttls, 2));
        for (rest, says) in [
            ("", "alerts.smtp.from is empty"),
            ("    from: a@example.com\n", "alerts.smtp.to is empty"),
            ("    from: nobody\n", "'nobody' is not a mail address"),
            ("    from: a@example.com\n    to: [\"b@example.com\\r\\nBcc: x@y\"]\n", "not a mail address"),
            ("    from: a@example.com\n    to: [b@example.com]\n    tls: none\n", "expose the mail"),
            ("    tls: ssl\n", "starttls, implicit or none"),
            ("    port: 0\n", "1 to 65535"),
        ] {
            let message = smtp(rest).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("barkeep.yaml:"), "{rest:?}: {message}");
        }
        let here = "alerts:\n  smtp: {host: 127.0.0.1, tls: none, from: a@b.example, to: [c@d.example]}\n";
        assert_eq!(loaded(here).unwrap().settings.alerts.smtp.unwrap().tls, SmtpTls::None);
    }

    #[test]
    fn secrets_come_from_the_environment_or_a_private_file_and_are_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("url");
        std::fs::write(&file, "https://hooks.example.com/services/geheim\n").unwrap();
        let alerts =
            loaded(&format!("alerts:\n  webhook:\n    url_file: {}\n", file.display())).unwrap().settings.alerts;
        let url = |variables: &[(&'static str, &str)]| {
            let secrets = alert_secrets(&alerts, &env(variables)).map_err(|e| e.to_string())?;
            Ok::<_, String>(secrets.webhook_url.map(|s| s.expose_secret().to_owned()))
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(url(&[]).unwrap_err().contains("chmod 600"));
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        assert_eq!(url(&[]).unwrap().as_deref(), Some("https://hooks.example.com/services/geheim"));
        assert_eq!(url(&[(WEBHOOK_URL, "http://127.0.0.1:1/x")]).unwrap().as_deref(), Some("http://127.0.0.1:1/x"));
        for bad in ["http://example.com/geheim", "geheim", "ftp://example.com/geheim", "https://e.x/geheim\nmore"] {
            let message = url(&[(WEBHOOK_URL, bad)]).unwrap_err();
            assert!(!message.contains("geheim") && message.contains(WEBHOOK_URL), "{message}");
        }
    }
}
