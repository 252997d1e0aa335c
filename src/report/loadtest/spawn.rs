//! A service for the load test: a temporary database, filled by a real backfill from the simulated vendor, and the real
//! process on it. It only serves the API: bars that come while it is measured would make it compute pages anew.

use serde_json::json;
use tempfile::TempDir;
use url::Url;

use super::measure::LoadTestError;
use crate::child::{Process, last_line};
use barkeep_config::Loaded;
use barkeep_market::Symbol;

/// History that the scenarios need: 1,000 trading days, and 500 bars of all timeframes but 4h.
const DAYS: i64 = 1_500;
const MINUTES_DAYS: i64 = 50;
const MINUTES: &str = "5m,15m,1h,4h";

/// A running service; stopped and deleted with its database when this is dropped.
#[derive(Debug)]
pub struct SpawnedService {
    process: Process,
    dir: TempDir,
    url: Url,
}

/// Fills a database and serves it, with the configured cache policy.
///
/// # Errors
/// When its files cannot be written, the backfill fails, or the service does not start.
pub async fn spawn(
    live: &Loaded,
    symbols: &[Symbol],
    today: chrono::NaiveDate,
) -> Result<SpawnedService, LoadTestError> {
    let failed = |why: String| LoadTestError::Spawn(why);
    let dir = tempfile::Builder::new().prefix("barkeep-loadtest-").tempdir().map_err(|e| failed(e.to_string()))?;
    let settings = json!({
        "log": { "dir": dir.path().join("logs") },
        "api": { "max_connections": live.settings.api.max_connections },
    });
    // JSON is YAML.
    std::fs::write(dir.path().join("barkeep.yaml"), settings.to_string()).map_err(|e| failed(e.to_string()))?;
    let policy = dir.path().join("rto_rpo_config.yaml");
    std::fs::write(policy, live.effective.policy_yaml()).map_err(|e| failed(e.to_string()))?;

    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let since = |days: i64| (today - chrono::TimeDelta::days(days)).to_string();
    let (long, short) = (since(DAYS), since(MINUTES_DAYS));
    // In one backfill, days would be requested over the same range as minutes.
    for (timeframes, from) in [("1d", &long), (MINUTES, &short)] {
        let args = [&["backfill"], names.as_slice(), &["--timeframes", timeframes, "--from", from, "--json"]].concat();
        let ended = start(&dir, &[&args[..], &["--simulated"]].concat())
            .await?
            .wait()
            .await
            .map_err(|e| failed(e.to_string()))?;
        if !ended.success() {
            return Err(failed(format!("the backfill ended with {ended}: {}", last_line(dir.path()))));
        }
    }
    let mut process = start(&dir, &["run", "--api-only", "--listen", "127.0.0.1:0"]).await?;
    let url = process.listening("API on ").await.map_err(|e| failed(e.to_string()))?;
    Ok(SpawnedService { process, dir, url })
}

impl SpawnedService {
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Stops the service in an orderly way and deletes its files.
    ///
    /// # Errors
    /// When the service cannot be stopped, or ends with another exit code than 0.
    pub async fn stop(self) -> Result<(), LoadTestError> {
        let Self { process, dir, .. } = self;
        let ended = process.terminate().await.map_err(|e| LoadTestError::Spawn(e.to_string()))?;
        if ended.success() {
            Ok(())
        } else {
            Err(LoadTestError::Spawn(format!("it ended with {ended}: {}", last_line(dir.path()))))
        }
    }
}

async fn start(dir: &TempDir, args: &[&str]) -> Result<Process, LoadTestError> {
    let config = dir.path().join("barkeep.yaml").display().to_string();
    // On the command line: simulated bars are never written to a database that a settings file names.
    let database = format!("sqlite:{}", dir.path().join("load.db").display());
    let args = [args, &["--database-url", &database]].concat();
    let started = Process::start(&args, dir.path(), &[("BARKEEP_CONFIG", config)]).await;
    started.map_err(|e| LoadTestError::Spawn(e.to_string()))
}
