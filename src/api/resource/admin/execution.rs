//! The execution a path names, by its id or the beginning of it.

use uuid::Uuid;

use crate::Api;
use crate::problem::{Kind, Problem};
use barkeep_base::ids::IdText;

/// Executions among which a beginning is looked for, newest first.
const MOST_LOOKED_AT: usize = 10_000;

/// The id that is meant. A whole one is taken as it is, whether there is such an execution or not.
pub(super) async fn meant(api: &Api, text: &IdText) -> Result<Uuid, Problem> {
    if let Some(id) = text.whole() {
        return Ok(id);
    }
    // What was started a moment ago has no row yet.
    let mut runs = api.console.handle.live().runs.clone();
    runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
    let mut ids: Vec<Uuid> = runs.iter().map(|run| run.execution_id).collect();
    let rows = api.console.engine.store.executions(MOST_LOOKED_AT).await?;
    ids.extend(rows.iter().map(|row| row.execution_id));
    text.find(&ids, "execution").map_err(|e| {
        let kind = if e.ambiguous { Kind::Invalid } else { Kind::NotFound };
        let hint = e.hint.unwrap_or_else(|| "GET /api/v1/backfill/recent lists the newest executions".to_owned());
        Problem::new(kind, e.message).at("id").hint(hint)
    })
}
