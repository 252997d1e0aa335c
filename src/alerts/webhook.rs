//! A webhook that reads `{"text": …}`: Slack's incoming webhooks and what follows them, with more fields for programs.
//!
//! Whoever knows the URL can post there, so it is a secret: no error and no log line holds it.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::receiver::{Notification, Receiver, Undelivered, headline};
use barkeep_vendor::http;

pub(super) struct Webhook {
    client: reqwest::Client,
    url: SecretString,
}

impl Webhook {
    pub(super) fn new(url: &SecretString, limit: Duration) -> Result<Self, String> {
        let parsed = Url::parse(url.expose_secret()).map_err(|_| "the webhook's URL cannot be used".to_owned())?;
        // No redirect is followed: it would carry the alert, and the secret path as a hint, to somebody else.
        let builder = http::client_builder(parsed.host_str()).timeout(limit).pool_max_idle_per_host(0);
        Ok(Self { client: http::build(builder)?, url: url.clone() })
    }
}

#[async_trait]
impl Receiver for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn deliver(&self, notice: &Notification) -> Result<(), Undelivered> {
        let request = self.client.post(self.url.expose_secret()).header("content-type", "application/json");
        let answer = request.body(body(notice).to_string()).send().await.map_err(|e| undelivered(&e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let again = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        Err(Undelivered { reason: format!("it answered with status {}", status.as_u16()), again })
    }
}

/// What went wrong, without the error's own text: that may name the URL.
fn undelivered(e: &reqwest::Error) -> Undelivered {
    Undelivered { reason: http::describe(e).to_owned(), again: !e.is_builder() }
}

pub(super) fn body(notice: &Notification) -> Value {
    // Slack reads these three as markup (docs.slack.dev, "Formatting message text").
    let text = headline(notice).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({
        "text": text,
        "kind": notice.kind,
        "subject": notice.subject,
        "severity": notice.severity,
        "state": if notice.resolved_at.is_some() { "resolved" } else { "raised" },
        "message": notice.message,
        "raised_at": notice.raised_at,
        "resolved_at": notice.resolved_at,
    })
}
