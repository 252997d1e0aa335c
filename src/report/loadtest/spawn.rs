//! A service of the load test's own: a scratch database, filled by a real backfill from the simulated vendor, served by
//! the real process.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::measure::Failed;
use crate::child::Process;
use crate::scratch::Dir;
use barkeep_base::text::printable;
use barkeep_config::Loaded;
use barkeep_market::Symbol;

/// How much history the pages of the scenarios need: 1,000 trading days, and 500 bars of all but the 4 h.
const DAYS: i64 = 1_500;
const MINUTES_DAYS: i64 = 50;
const MINUTES: &str = "5m,15m,1h,4h";
const LONGEST_START: Duration = Duration::from_secs(30);
/// What the service prints once it listens.
const ANNOUNCED: &str = "API on ";

/// A running service; gone with its database when it is dropped.
#[derive(Debug)]
pub struct Spawned {
    process: Process,
    dir: Dir,
    url: Url,
}

/// Fills a database and serves it, with the live cache policy.
pub async fn spawn(live: &Loaded, symbols: &[Symbol], today: chrono::NaiveDate) -> Result<Spawned, Failed> {
    let failed = |why: String| Failed::Spawn(why);
    let dir = Dir::make("loadtest").map_err(|e| failed(e.to_string()))?;
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
    // Together with the minutes, days would be asked for in one range with them.
    for (timeframes, from) in [("1d", &long), (MINUTES, &short)] {
        let args = [&["backfill"], names.as_slice(), &["--timeframes", timeframes, "--from", from, "--json"]].concat();
        let code = start(&dir, &args).await?.ended().await.map_err(|e| failed(e.to_string()))?;
        if code != 0 {
            return Err(failed(format!("the backfill ended with {code}: {}", last_words(&dir))));
        }
    }
    let mut process = start(&dir, &["run", "--headless", "--listen", "127.0.0.1:0"]).await?;
    let deadline = Instant::now() + LONGEST_START;
    let url = loop {
        if let Some(url) = announced(&dir) {
            break url;
        }
        if !process.is_alive() || Instant::now() >= deadline {
            return Err(failed(format!("it does not listen: {}", last_words(&dir))));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    Ok(Spawned { process, dir, url })
}

impl Spawned {
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Ends the service in order and deletes its files.
    pub async fn stop(self) -> Result<(), Failed> {
        let Self { process, dir, .. } = self;
        let ended = process.terminate().await.map_err(|e| Failed::Spawn(e.to_string()))?;
        if ended == 0 { Ok(()) } else { Err(Failed::Spawn(format!("it ended with {ended}: {}", last_words(&dir)))) }
    }
}

async fn start(dir: &Dir, args: &[&str]) -> Result<Process, Failed> {
    let config = dir.path().join("barkeep.yaml").display().to_string();
    // Named on the command line: made-up bars go into no database that a settings file names.
    let database = format!("sqlite:{}", dir.path().join("load.db").display());
    let args = [args, &["--simulated", "--database-url", &database]].concat();
    let started = Process::start(&args, dir.path(), &[("BARKEEP_CONFIG", config)], &dir.path().join("said")).await;
    started.map_err(|e| Failed::Spawn(e.to_string()))
}

fn said(dir: &Dir) -> String {
    std::fs::read_to_string(dir.path().join("said")).unwrap_or_default()
}

fn announced(dir: &Dir) -> Option<Url> {
    said(dir).lines().find_map(|line| line.strip_prefix(ANNOUNCED)).and_then(|url| url.trim().parse().ok())
}

fn last_words(dir: &Dir) -> String {
    let said = said(dir);
    printable(said.lines().rev().find(|line| line.starts_with("error:")).or(said.lines().last()).unwrap_or("nothing"))
}
