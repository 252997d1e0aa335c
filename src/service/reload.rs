//! The settings read again while the service runs: all of them are put in force, or none.

use std::sync::Arc;

use super::Service;
use crate::handle::{CommandError, CommandReply};
use crate::schedule::Schedule;
use barkeep_config::{Config, Loaded, Settings, criticality_of, needs_restart};
use barkeep_store::{CriticalitySource, StoreError, SymbolRow};

/// Reads the files, the environment and the flags that this process was started with once more, and says what is wrong
/// with them.
pub type ConfigLoader = Arc<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

/// How the process can be told to read its settings again.
#[derive(Clone)]
pub struct Reload {
    pub loader: ConfigLoader,
    /// Whether a screen was set up from the settings too.
    pub has_screen: bool,
}

impl Service {
    pub(super) async fn reload(&mut self) -> Result<CommandReply, CommandError> {
        let Some(Reload { loader, has_screen }) = self.reload.clone() else { return Err(CommandError::CannotReload) };
        let loaded = tokio::task::spawn_blocking(move || loader()).await;
        let loaded = loaded.unwrap_or_else(|e| Err(e.to_string())).map_err(CommandError::Config)?;
        let before = self.engine.config.current();
        let bound = needs_restart(&before.settings, &loaded, has_screen);
        if !bound.is_empty() {
            return Err(CommandError::NeedsRestart(bound));
        }
        // First what can fail.
        self.assign_tiers(&loaded.settings).await.map_err(|e| CommandError::Refused(e.to_string()))?;
        let config = Config::from(loaded);
        if config.policy != before.policy {
            self.schedule = Schedule::new(&config.policy, self.engine.clock.now());
        }
        self.engine.apply(config);
        Ok(CommandReply::Done)
    }

    /// The tiers of the policy, for symbols whose tier no operator chose. Where nobody noted who chose, a tier that is not
    /// the one of the settings in force so far is taken for an operator's.
    pub(super) async fn assign_tiers(&self, settings: &Settings) -> Result<(), StoreError> {
        let before = Arc::clone(&self.engine.config.current().settings);
        let follows = |row: &SymbolRow| match row.criticality_source {
            CriticalitySource::Policy => true,
            CriticalitySource::Operator => false,
            CriticalitySource::Unknown => row.criticality == criticality_of(&before, &row.symbol),
        };
        let rows = self.engine.store.symbols().await?.into_iter().filter(follows);
        let moved: Vec<SymbolRow> = rows
            .map(|row| (criticality_of(settings, &row.symbol), row))
            .filter(|(criticality, row)| *criticality != row.criticality)
            .map(|(criticality, row)| SymbolRow { criticality, criticality_source: CriticalitySource::Policy, ..row })
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        tracing::info!(symbols = moved.len(), "the policy changed the criticality of symbols");
        self.engine.store.put_symbols(&moved).await
    }
}
