//! Where a running service is, and a connection to it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, SOME_FAILED};
use barkeep_api::client::{AttachError, Remote};
use barkeep_base::clock::SystemClock;
use barkeep_base::text::printable;
use barkeep_config::{Environment, Settings, client_key, key_in_file};
use barkeep_service::instance::{RunningService, running};

/// How to start a service.
pub(crate) const START: &str = "start it with `barkeep run --headless`, or open the dashboard with `barkeep`";

/// Which service is meant.
#[derive(Args, Clone, Debug, Default)]
pub struct ServiceArgs {
    /// Base URL of the service's API [default: of the service that runs on the configured database]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// File with the API key, readable by its owner only [default: $BARKEEP_API_KEY]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Who serves the configured database.
pub(crate) enum Served {
    By(RunningService),
    ByNobody,
    /// PostgreSQL, which any number of services may use: that cannot be told from here.
    Unknown,
}

pub(crate) fn of_database(settings: &Settings) -> Served {
    match barkeep_store::sqlite_file(settings.database.as_str()).map(|path| running(&path)) {
        Some(Some(service)) => Served::By(service),
        Some(None) => Served::ByNobody,
        None => Served::Unknown,
    }
}

/// The URL of the API: as it was given, else of the service on the configured database.
pub(crate) fn url(given: Option<&str>, settings: &Settings) -> Result<String, CliError> {
    let configured = || format!("http://{}", settings.api.listen);
    match (given, of_database(settings)) {
        (Some(given), _) => Ok(given.to_owned()),
        (None, Served::Unknown) => Ok(configured()),
        (None, Served::By(RunningService { url: Some(url), .. })) => Ok(url),
        (None, Served::By(RunningService { holder, .. })) => {
            let text = format!("the service on {} ({holder}) does not serve the API", settings.database);
            Err(CliError::new(SOME_FAILED, text)
                .hint("set api.enabled, or choose a free port with api.listen; then restart it"))
        }
        (None, Served::ByNobody) => {
            Err(CliError::new(SOME_FAILED, format!("no service runs on {}", settings.database))
                .hint(format!("{START}, or use --url URL for another one")))
        }
    }
}

/// A connection, and the snapshot it began with.
pub(crate) async fn connect(args: &ServiceArgs, settings: &Settings) -> Result<Arc<Remote>, CliError> {
    let url = url(args.url.as_deref(), settings)?;
    let key = match &args.key_file {
        Some(path) => Some(key_in_file(path, "--key-file")?),
        None => client_key(&Environment::of_process())?,
    };
    // The task that follows the service ends with the command.
    let connected = Remote::connect(&url, key.as_ref(), Arc::new(SystemClock), CancellationToken::new()).await;
    match connected {
        Ok((remote, _)) => Ok(remote),
        Err(AttachError::Unreachable(why)) => {
            let text = format!("no service answers at {}: {why}", printable(&url));
            Err(CliError::new(SOME_FAILED, text).hint(format!("{START}, or give the URL of another one with --url")))
        }
        Err(other @ AttachError::Refused(_)) => Err(CliError::from(other).hint(
            "set BARKEEP_API_KEY to one of its keys, or name a file with one by --key-file; \
             `barkeep keys create NAME` on its machine makes one",
        )),
        Err(other) => Err(other.into()),
    }
}
