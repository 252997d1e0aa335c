//! The HTTP client of measurements.

use std::time::Duration;

/// A client that asks directly (no proxy, no redirect, nothing twice), each request for so long at most.
pub(in crate::report) fn client(longest: Duration) -> Result<reqwest::Client, String> {
    // One provider for the whole process; somebody else may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("barkeep/", env!("CARGO_PKG_VERSION")))
        .timeout(longest)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .map_err(|e| format!("the HTTP client cannot be set up: {e}"))
}
