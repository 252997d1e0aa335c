//! Alerts by mail, over SMTP with TLS; a new connection for each, because they are rare.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::{Mailbox as Address, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::receiver::{Notification, Receiver, Undelivered, headline};
use barkeep_base::text::printable;
use barkeep_config::{SmtpSettings, SmtpTls};

/// How a certificate begins in PEM (RFC 7468).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

pub(super) struct Mailbox {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// Host and port, for messages.
    server: String,
    from: Address,
    to: Vec<Address>,
}

impl Mailbox {
    pub(super) fn new(smtp: &SmtpSettings, password: Option<&SecretString>, limit: Duration) -> Result<Self, String> {
        // One provider for the whole process; somebody else may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unusable = |e: &dyn std::fmt::Display| format!("alerts.smtp cannot be used: {}", printable(&e.to_string()));
        let parameters = || {
            let mut builder = TlsParameters::builder(smtp.host.clone());
            if let Some(file) = &smtp.ca_file {
                builder = builder.add_root_certificate(authorities(file)?);
            }
            builder.build().map_err(|e| unusable(&e))
        };
        let tls = match smtp.tls {
            SmtpTls::Starttls => Tls::Required(parameters()?),
            SmtpTls::Implicit => Tls::Wrapper(parameters()?),
            SmtpTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.host.as_str())
            .port(smtp.port)
            .tls(tls)
            .timeout(Some(limit));
        if let Some(user) = &smtp.user {
            let password = password.map_or_else(String::new, |p| p.expose_secret().to_owned());
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        let address = |a: &barkeep_config::alerts::MailAddress| a.as_str().parse::<Address>().map_err(|e| unusable(&e));
        let to = smtp.to.iter().map(address).collect::<Result<_, _>>()?;
        let server = format!("{}:{}", smtp.host, smtp.port);
        Ok(Self { transport: builder.build(), server, from: address(&smtp.from)?, to })
    }

    fn untrusted(&self, why: &str) -> String {
        format!(
            "the mail server {} shows a certificate that is not trusted ({}); nothing was sent to it. Let it show one for \
             this name, or name the authority that signed it in alerts.smtp.ca_file",
            self.server,
            printable(why)
        )
    }

    fn message(&self, notice: &Notification) -> Result<Message, lettre::error::Error> {
        let mut builder = Message::builder().from(self.from.clone()).subject(headline(notice)).message_id(None);
        for receiver in &self.to {
            builder = builder.to(receiver.clone());
        }
        let over = notice.resolved_at.map_or_else(String::new, |t| format!("resolved {t}\r\n"));
        let text = format!(
            "{}\r\n\r\nkind     {}\r\nseverity {}\r\nraised   {}\r\n{over}",
            notice.message,
            notice.kind,
            notice.severity.name(),
            notice.raised_at,
        );
        builder.header(ContentType::TEXT_PLAIN).body(text)
    }
}

/// The certificates of a PEM file; at least one.
fn authorities(file: &Path) -> Result<Certificate, String> {
    let name = || printable(&file.display().to_string());
    let failed = |what: String| format!("alerts.smtp.ca_file: {}: {what}", name());
    let pem = std::fs::read(file).map_err(|e| failed(e.to_string()))?;
    if !pem.windows(BEGIN.len()).any(|part| part == BEGIN) {
        return Err(failed("holds no certificate in PEM".to_owned()));
    }
    Certificate::from_pem(&pem).map_err(|e| failed(printable(&e.to_string())))
}

/// What is wrong with the server's certificate, when that is why nothing was sent.
fn refused_certificate(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(e) = cause {
        if let Some(rustls::Error::InvalidCertificate(why)) = e.downcast_ref::<rustls::Error>() {
            return Some(why.to_string());
        }
        // An I/O error tells of the error it holds only as `get_ref`.
        let inner = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = inner.map(|e| e as &(dyn std::error::Error + 'static)).or_else(|| e.source());
    }
    None
}

#[async_trait]
impl Receiver for Mailbox {
    fn name(&self) -> &'static str {
        "mail"
    }

    async fn deliver(&self, notice: &Notification) -> Result<(), Undelivered> {
        let message = self.message(notice).map_err(|e| Undelivered { reason: e.to_string(), again: false })?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(e) => match refused_certificate(&e) {
                // Neither side changes within seconds.
                Some(why) => Err(Undelivered { reason: self.untrusted(&why), again: false }),
                // 5xx answers are final (RFC 5321, 4.2.1); everything else may pass.
                None => Err(Undelivered { reason: printable(&e.to_string()), again: !e.is_permanent() }),
            },
        }
    }
}

#[cfg(test)]
mod tests;
