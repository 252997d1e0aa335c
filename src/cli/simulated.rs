//! `--simulated`: a simulated vendor inside this process, so that barkeep can be tried without a key.
//!
//! It is the server of `barkeep sim`, called over HTTP like any vendor. Its bars are simulated, so a note says so, and they
//! go to a separate database unless one is named on the command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use secrecy::SecretString;

use super::exit::CliError;
use super::globals::Session;
use crate::output::note;
use barkeep_base::clock::SystemClock;
use barkeep_sim::{Sim, SimConfig};

/// The simulated vendor accepts any key. The user's own key is never sent to it.
const KEY: &str = "no-key-needed";

/// Starts the vendor on a free local port and points the session at it; returns the key to use.
pub(super) async fn start(session: &mut Session) -> Result<(Sim, SecretString), CliError> {
    // It enforces the configured limit, so that a limit can be tried too.
    let config = SimConfig { rate_limit: session.rate_limit(), ..SimConfig::default() };
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
    let sim = Sim::start(free_port, config, Arc::new(SystemClock)).await.map_err(|e| failed(e.to_string()))?;
    let settings = &mut session.loaded.settings;
    settings.vendor.base_url = sim.url().parse().map_err(|e| failed(format!("{e}")))?;
    settings.coinbase.url = settings.vendor.base_url.clone();
    note(&format!("note: simulated vendor: simulated bars go to {}", settings.database));
    Ok((sim, SecretString::from(KEY)))
}
