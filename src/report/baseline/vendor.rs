//! The simulated vendor as a process of its own: its processor time and memory are not those of what is measured.

use std::time::Duration;

use tempfile::TempDir;
use url::Url;

use crate::child::Process;
use barkeep_config::RateLimit;
use barkeep_market::Ts;

/// A running `barkeep sim` on a free port; stopped when this is dropped.
#[derive(Debug)]
pub struct VendorProcess {
    pub url: Url,
    _process: Process,
    _home: TempDir,
}

impl VendorProcess {
    /// With `frozen_at` its clock stands still, and it computes each answer only once.
    ///
    /// # Errors
    /// When no directory can be created, or the process cannot be started or ends before it listens.
    pub async fn start(limit: RateLimit, latency: Duration, frozen_at: Option<Ts>) -> std::io::Result<Self> {
        let home = tempfile::Builder::new().prefix("barkeep-vendor-").tempdir()?;
        let latency = format!("{}ms", latency.as_millis());
        let limit = limit.to_string();
        let mut args = vec!["sim", "--listen", "127.0.0.1:0", "--latency", &latency, "--limit", &limit];
        let now = frozen_at.map(|now| now.to_string());
        if let Some(now) = &now {
            args.extend(["--keep-answers", "--now", now]);
        }
        let mut process = Process::start(&args, home.path(), &[]).await?;
        let url = process.listening("simulated vendor on ").await?;
        Ok(Self { url, _process: process, _home: home })
    }
}
