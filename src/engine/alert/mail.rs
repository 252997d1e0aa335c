//! Alerts by mail, over SMTP with TLS; a new connection for each, because they are rare.

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::{Mailbox as Address, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::notify::{Notice, Receiver, Undelivered, headline};
use crate::config::{SmtpSettings, SmtpTls};
use crate::market::asset::printable;

pub(super) struct Mailbox {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    to: Vec<Address>,
}

impl Mailbox {
    pub(super) fn new(smtp: &SmtpSettings, password: Option<&SecretString>, limit: Duration) -> Result<Self, String> {
        // One provider for the whole process; somebody else may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unusable = |e: &dyn std::fmt::Display| format!("alerts.smtp cannot be used: {}", printable(&e.to_string()));
        let parameters = || TlsParameters::new(smtp.host.clone()).map_err(|e| unusable(&e));
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
        let address = |a: &crate::config::alerts::MailAddress| a.as_str().parse::<Address>().map_err(|e| unusable(&e));
        let to = smtp.to.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Self { transport: builder.build(), from: address(&smtp.from)?, to })
    }

    fn message(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
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

#[async_trait]
impl Receiver for Mailbox {
    fn name(&self) -> &'static str {
        "mail"
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        let message = self.message(notice).map_err(|e| Undelivered { reason: e.to_string(), again: false })?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // 5xx answers are final (RFC 5321, 4.2.1); everything else may pass.
            Err(e) => Err(Undelivered { reason: printable(&e.to_string()), again: !e.is_permanent() }),
        }
    }
}
