//! What every HTTP client of barkeep has in common: how it is set up, how a body is read, and what is said of a failure.
//!
//! Requests carry secrets (a vendor key, an API key, a webhook's path), so no redirect is followed, nothing is sent twice
//! behind the caller's back, and this machine is never reached through a proxy. Error texts never name the URL.

use std::error::Error;

use reqwest::{Client, ClientBuilder, Response};

/// A builder with the settings all clients share; each caller adds its own time-outs. `host` is the host of the URLs
/// that will be requested.
pub fn client_builder(host: Option<&str>) -> ClientBuilder {
    // One provider for the whole process; somebody else may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("barkeep/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    if host.is_some_and(barkeep_base::net::is_loopback_host) { builder.no_proxy() } else { builder }
}

/// Builds the client.
///
/// # Errors
/// When the system's certificates cannot be read or TLS cannot be set up.
pub fn build(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|e| format!("the HTTP client cannot be set up: {}", with_causes(&e.without_url())))
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("{}", describe(.0))]
    Broken(reqwest::Error),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// A whole body of at most `limit` bytes after decompression. Cut while it streams, so that a decompression bomb never
/// unfolds.
///
/// # Errors
/// When the connection breaks or the body is longer.
pub async fn read_body(response: &mut Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong, in plain words and without the error's own text, which may name the URL.
#[must_use]
pub fn describe(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_builder() {
        "the request cannot be made"
    } else {
        "the connection was lost"
    }
}

/// What lies at the bottom of an error, such as "Connection refused (os error 111)".
#[must_use]
pub fn root_cause(error: &reqwest::Error) -> Option<String> {
    causes(error).last().map(ToString::to_string)
}

/// [`describe`] and the root cause in one line.
#[must_use]
pub fn describe_with_cause(error: &reqwest::Error) -> String {
    let what = describe(error);
    root_cause(error).map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

/// The error and its causes in one line. The caller has removed the URL.
#[must_use]
pub fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The causes of an error, outermost first.
pub fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}
