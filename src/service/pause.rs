//! The pause of the whole engine. It is written down before the command is answered, so that the next process finds it
//! whatever ends this one.

use super::Service;
use crate::handle::{CommandError, CommandReply};
use barkeep_store::{EnginePause, StoreError};

/// Who paused when no operator did.
const OURS: &str = "barkeep";

impl Service {
    /// Pauses until somebody resumes, over restarts too.
    pub(super) async fn pause(&mut self, by: String, reason: Option<String>) -> Result<CommandReply, CommandError> {
        // An operator's pause that is in force keeps who made it and when.
        let paused = self.engine.gate.paused().filter(|pause| pause.by != OURS);
        let pause = paused.unwrap_or_else(|| EnginePause { by, since: self.engine.clock.now(), reason });
        // First of all nothing more starts: a lost database may take its time to note it.
        self.engine.gate.pause(pause.clone());
        let unnoted = |e| CommandError::Refused(format!("paused, but a restart would resume it: {e}"));
        self.engine.store.set_engine_pause(Some(&pause)).await.map_err(unnoted)?;
        Ok(CommandReply::Done)
    }

    pub(super) async fn resume(&mut self) -> Result<CommandReply, CommandError> {
        let still = |e| CommandError::Refused(format!("still paused: {e}"));
        self.engine.store.set_engine_pause(None).await.map_err(still)?;
        self.failed = None;
        self.engine.gate.resume();
        Ok(CommandReply::Done)
    }

    /// Takes up the pause that an earlier process left.
    pub(super) async fn restore_pause(&mut self) -> Result<(), StoreError> {
        if let Some(pause) = self.engine.store.engine_pause().await? {
            tracing::warn!(by = pause.by, since = %pause.since, reason = pause.reason, "the engine is still paused");
            self.engine.gate.pause(pause);
        }
        Ok(())
    }

    /// Stops asking a vendor that refuses the key. No row: the key is read at start, so another process may have a good
    /// one.
    pub(super) fn pause_for_key(&self) {
        if self.engine.gate.paused().is_none() {
            self.engine.gate.pause(EnginePause {
                by: OURS.to_owned(),
                since: self.engine.clock.now(),
                reason: Some("the vendor refused the key".to_owned()),
            });
        }
    }
}
