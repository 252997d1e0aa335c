//! What an order would ask of the vendor, worked out beside the loop that takes orders.
//!
//! A plan of a large selection takes seconds. A pause, a cancel and the end of the service do not wait for it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Service;
use crate::handle::{CommandError, CommandReply, TriggerScope};
use barkeep_config::Mode;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::backfill::{Backfill, RunError};
use barkeep_store::{StoreError, Trigger};

impl Service {
    /// Plans one after the other, each for as long as somebody waits for it.
    pub(super) fn preview(
        &mut self,
        what: TriggerScope,
        by: String,
        mut reply: oneshot::Sender<Result<CommandReply, CommandError>>,
    ) {
        while self.previews.try_join_next().is_some() {}
        let (engine, mode, turn) = (self.engine.clone(), self.mode(), Arc::clone(&self.preview_turn));
        self.previews.spawn(async move {
            let answer = tokio::select! {
                answer = async {
                    let _turn = turn.lock().await;
                    plan(&engine, what, mode).await
                } => answer,
                () = reply.closed() => return,
            };
            // A preview changes nothing and is not noted; a dashboard asks for one before every trigger.
            match &answer {
                Ok(CommandReply::Planned(plan)) => tracing::debug!(by, requests = plan.requests, "preview"),
                Ok(_) => tracing::debug!(by, "nothing to preview"),
                Err(e) => tracing::debug!(by, error = %e, "preview"),
            }
            let _ = reply.send(answer);
        });
    }
}

async fn plan(engine: &EngineContext, what: TriggerScope, mode: Mode) -> Result<CommandReply, CommandError> {
    let refused = |e: StoreError| CommandError::Refused(e.to_string());
    let Some(selection) = Service::selection(engine, what).await.map_err(refused)? else {
        return Ok(CommandReply::Nothing("no symbol matches".to_owned()));
    };
    let plan = Backfill::new(selection, mode, Trigger::Manual).preview(engine).await.map_err(|e| match e {
        RunError::Selection(e) => CommandError::Selection(e),
        e => CommandError::Refused(e.to_string()),
    })?;
    Ok(CommandReply::Planned(Box::new(plan)))
}
