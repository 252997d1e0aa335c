//! `--simulated`: the simulated vendor inside the run that asks it, so that barkeep can be tried without a key.
//!
//! It is the server of `barkeep sim`, spoken to over HTTP like any vendor. What it serves is made up, so the run says so,
//! and its bars go to a database of their own unless another one was named.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use secrecy::SecretString;

use super::exit::CliError;
use super::globals::Session;
use crate::work::backfill::limit_of;
use barkeep_base::clock::SystemClock;
use barkeep_sim::{Sim, SimConfig};

/// The vendor lets any key in. A user's own key is never sent to it.
const KEY: &str = "no-key-needed";

/// Starts the vendor on a free port of this machine and points the session at it; gives the key to use there.
pub(super) async fn start(session: &mut Session) -> Result<(Sim, SecretString), CliError> {
    // As strict as the settings expect it to be, so that a limit can be tried too.
    let config = SimConfig { rate_limit: limit_of(session), ..SimConfig::default() };
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |e: String| CliError::usage(format!("the simulated vendor cannot start: {e}"));
    let sim = Sim::start(free_port, config, Arc::new(SystemClock)).await.map_err(|e| failed(e.to_string()))?;
    let settings = &mut session.loaded.settings;
    settings.vendor.base_url = sim.url().parse().map_err(|e| failed(format!("{e}")))?;
    eprintln!("note: simulated vendor: the bars are made up, they go to {}", settings.database);
    Ok((sim, SecretString::from(KEY)))
}
