//! Items of a plan that several workers carry out: each is taken by one of them, which writes its pages while it has it.
//!
//! Whoever gives items away or takes them locks the claim of their execution, so no two decide about one plan at a time. A
//! page of another worker holds that claim and its item to the end of its transaction: neither is taken away in between.

use std::collections::BTreeSet;

use async_trait::async_trait;
use uuid::Uuid;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{collect, each};
use crate::tables::fleet::workers;
use crate::writer::Work;
use crate::{
    Collected, EndedItem, HeldItem, ItemPage, OwnItem, PageCommit, PlanItem, Result, StoreError, WriteOutcome,
};
use barkeep_base::process;

statements! {
    /// Nobody else decides about these plans before the transaction has ended. SQLite's transactions exclude each other.
    LOCK_ALL = Sql::two(
        "SELECT 1 FROM plan_items WHERE execution_id = $1 OR $1 IS NULL",
        "SELECT 1 FROM series_claims WHERE granted AND execution_id IN
             (SELECT execution_id FROM plan_items WHERE state = 'open' AND (execution_id = $1 OR $1 IS NULL))
         ORDER BY execution_id FOR NO KEY UPDATE");
    LOCK_OWN = Sql::two(
        "SELECT 1 FROM series_claims WHERE execution_id = $1 AND owner = $2 AND granted <> 0",
        "SELECT 1 FROM series_claims WHERE execution_id = $1 AND owner = $2 AND granted FOR NO KEY UPDATE");
    /// Rows: number, priority, item, families; held by whoever is named, else open. One that was given back is open again.
    PUT = Sql::two(
        "INSERT INTO plan_items (execution_id, number, priority, item, families, state, holder)
         SELECT $1, n.value, $4 ->> n.key, $5 ->> n.key, $6 ->> n.key,
             CASE WHEN $2 IS NULL THEN 'open' ELSE 'held' END, $2 FROM json_each($3) AS n WHERE TRUE
         ON CONFLICT (execution_id, number) DO UPDATE SET state = excluded.state, holder = excluded.holder, outcome = NULL
             WHERE plan_items.state = 'done'",
        "INSERT INTO plan_items (execution_id, number, priority, item, families, state, holder)
         SELECT $1, n.number, n.priority, n.item, n.families,
             CASE WHEN $2::text IS NULL THEN 'open' ELSE 'held' END, $2
         FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[]) AS n (number, priority, item, families)
         ON CONFLICT (execution_id, number) DO UPDATE SET state = excluded.state, holder = excluded.holder, outcome = NULL
             WHERE plan_items.state = 'done'");
    /// The first one whose families nobody else has, of a plan whose owner lives.
    TAKE = Sql::two(
        "UPDATE plan_items SET state = 'held', holder = $1 WHERE (execution_id, number) = (
             SELECT execution_id, number FROM plan_items WHERE state = 'open' AND (execution_id = $2 OR $2 IS NULL)
             ORDER BY priority, number LIMIT 1) RETURNING execution_id, number, priority, item",
        "UPDATE plan_items SET state = 'held', holder = $1 WHERE (execution_id, number) = (
             SELECT o.execution_id, o.number FROM plan_items AS o
             WHERE o.state = 'open' AND (o.execution_id = $2 OR $2 IS NULL) AND NOT EXISTS (
                 SELECT 1 FROM plan_items AS h
                 WHERE h.execution_id = o.execution_id AND h.state IN ('held', 'stop') AND h.holder <> $1
                     AND h.families::jsonb ?| ARRAY(SELECT jsonb_array_elements_text(o.families::jsonb)))
                 AND EXISTS (SELECT 1 FROM series_claims AS c WHERE c.execution_id = o.execution_id
                     AND c.renewed_at > clock_timestamp() - INTERVAL '30 s')
             ORDER BY o.priority, o.number LIMIT 1)
         RETURNING execution_id, number, priority, item");
    OTHERS = Sql::same(
        "SELECT number, holder, pages FROM plan_items
         WHERE execution_id = $1 AND state IN ('held', 'stop') AND holder <> $2 ORDER BY number");
    /// What a worker has that is just committing a page is left to it.
    BURY = Sql::two(
        "UPDATE plan_items SET state = 'done' WHERE execution_id = $1 AND number = $2 AND state IN ('held', 'stop')",
        "UPDATE plan_items SET state = 'done' WHERE (execution_id, number) = (
             SELECT execution_id, number FROM plan_items
             WHERE execution_id = $1 AND number = $2 AND state IN ('held', 'stop') FOR UPDATE SKIP LOCKED)");
    DONE = Sql::same("SELECT number, pages, outcome FROM plan_items WHERE execution_id = $1 AND state = 'done'");
    CLEAR = Sql::two(
        "DELETE FROM plan_items WHERE execution_id = $1 AND state = 'done'
             AND number IN (SELECT value FROM json_each($2))",
        "DELETE FROM plan_items WHERE execution_id = $1 AND state = 'done' AND number = ANY($2)");
    WITHDRAW = Sql::same("DELETE FROM plan_items WHERE execution_id = $1 AND state = 'open' RETURNING number");
    STOP = Sql::two(
        "UPDATE plan_items SET state = 'stop' WHERE execution_id = $1 AND state = 'held' AND holder <> $2
             AND number IN (SELECT value FROM json_each($3))",
        "UPDATE plan_items SET state = 'stop' WHERE execution_id = $1 AND state = 'held' AND holder <> $2
             AND number = ANY($3)");
    OWN = Sql::same(
        "SELECT execution_id, number, state = 'stop' FROM plan_items WHERE holder = $1 AND state IN ('held', 'stop')");
    DROP = Sql::same("DELETE FROM plan_items WHERE execution_id = $1 AND number = $2 AND holder = $3");
    END = Sql::same(
        "UPDATE plan_items SET state = 'done', outcome = $4
         WHERE execution_id = $1 AND number = $2 AND holder = $3 AND state IN ('held', 'stop')");
    /// The claim is there, and stays until the transaction has ended.
    HOLD = Sql::two(
        "SELECT 1 FROM series_claims WHERE execution_id = $1 AND granted <> 0",
        "SELECT 1 FROM series_claims WHERE execution_id = $1 AND granted FOR KEY SHARE");
    NOTE = Sql::same(
        "UPDATE plan_items SET pages = pages || $4
         WHERE execution_id = $1 AND number = $2 AND holder = $3 AND state IN ('held', 'stop')");
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Refused(e.to_string()))
}

fn pages(text: &str) -> Result<Vec<ItemPage>> {
    let read = |line| serde_json::from_str(line);
    text.lines()
        .map(read)
        .collect::<serde_json::Result<_>>()
        .map_err(|e| StoreError::Unusable(format!("a page of a plan's item cannot be read: {e}")))
}

/// Fails unless the execution is still its owner's to decide about.
async fn lock(conn: &mut Conn<'_>, execution: Uuid, owner: &str) -> Result<()> {
    if conn.rows(LOCK_OWN, &values![execution, owner]).await?.is_empty() {
        return Err(StoreError::TakenOver("another process has taken over this execution".to_owned()));
    }
    Ok(())
}

/// [`crate::SharedPlans::publish`].
pub(crate) struct Publish {
    pub(crate) owner: String,
    pub(crate) items: Vec<PlanItem>,
    pub(crate) is_held: bool,
}

#[async_trait]
impl Work for Publish {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let Some(execution) = self.items.first().map(|item| item.execution_id) else { return Ok(()) };
        lock(conn, execution, &self.owner).await?;
        let numbers: Vec<i64> = self.items.iter().map(|item| number(item.number)).collect();
        let priorities: Vec<i64> = self.items.iter().map(|item| item.priority).collect();
        let items: Vec<Option<String>> = self.items.iter().map(|item| Some(item.item.clone())).collect();
        let mut families = Vec::with_capacity(items.len());
        for item in &self.items {
            let named: BTreeSet<String> = item.families.iter().map(|(s, f)| format!("{s} {}", f.name())).collect();
            families.push(Some(json(&named)?));
        }
        let holder = self.is_held.then(|| self.owner.clone());
        conn.run(PUT, &values![execution, holder, numbers, priorities, items, families]).await.map(drop)
    }
}

/// [`crate::SharedPlans::take`].
pub(crate) struct Take {
    pub(crate) worker: String,
    pub(crate) execution: Option<Uuid>,
}

#[async_trait]
impl Work for Take {
    type Output = Option<PlanItem>;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Option<PlanItem>> {
        if conn.rows(LOCK_ALL, &values![self.execution]).await?.is_empty() {
            return Ok(None);
        }
        let taken = collect(&conn.rows(TAKE, &values![&self.worker, self.execution]).await?, |f| {
            let (execution_id, number): (Uuid, i64) = (f.next()?, f.next()?);
            let (priority, item): (i64, String) = (f.next()?, f.next()?);
            Ok(PlanItem { execution_id, number: number.unsigned_abs(), priority, item, families: Vec::new() })
        })?;
        Ok(taken.into_iter().next())
    }
}

/// [`crate::SharedPlans::collect`].
pub(crate) struct Collect {
    pub(crate) owner: String,
    pub(crate) execution: Uuid,
    pub(crate) heard: Vec<u64>,
}

#[async_trait]
impl Work for Collect {
    type Output = Collected;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Collected> {
        lock(conn, self.execution, &self.owner).await?;
        let heard: Vec<i64> = self.heard.iter().map(|n| number(*n)).collect();
        conn.run(CLEAR, &values![self.execution, heard]).await?;
        let mut held = each(conn, OTHERS, &values![self.execution, &self.owner], |f| {
            let (number, holder, text): (i64, String, String) = (f.next()?, f.next()?, f.next()?);
            Ok(HeldItem { number: number.unsigned_abs(), holder, pages: pages(&text)? })
        })
        .await?;
        let own = process::worker_of(&self.owner).unwrap_or_else(process::worker);
        let dead = workers::dead(conn, own, held.iter().map(|item| &item.holder)).await?;
        for item in held.iter().filter(|item| dead.contains(&item.holder)) {
            conn.run(BURY, &values![self.execution, number(item.number)]).await?;
        }
        let ended = collect(&conn.rows(DONE, &values![self.execution]).await?, |f| {
            let (number, text): (i64, String) = (f.next()?, f.next()?);
            Ok(EndedItem { number: number.unsigned_abs(), pages: pages(&text)?, outcome: f.next()? })
        })?;
        held.retain(|item| ended.iter().all(|ended| ended.number != item.number));
        Ok(Collected { ended, held })
    }
}

/// [`crate::SharedPlans::stop`] and [`crate::SharedPlans::withdraw`].
pub(crate) struct Stop {
    pub(crate) owner: String,
    pub(crate) execution: Uuid,
    pub(crate) numbers: Vec<u64>,
    pub(crate) withdraws: bool,
}

#[async_trait]
impl Work for Stop {
    type Output = Vec<u64>;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Vec<u64>> {
        lock(conn, self.execution, &self.owner).await?;
        let numbers: Vec<i64> = self.numbers.iter().map(|n| number(*n)).collect();
        conn.run(STOP, &values![self.execution, &self.owner, numbers]).await?;
        let rows = if self.withdraws { conn.rows(WITHDRAW, &values![self.execution]).await? } else { Vec::new() };
        collect(&rows, |f| Ok(f.next::<i64>()?.unsigned_abs()))
    }
}

/// Nothing more of a plan is taken, for its owner is dead; whether living workers still have some of it, whose pages under
/// way are waited for.
pub(crate) async fn is_under_way(conn: &mut Conn<'_>, execution: Uuid, ours: Uuid, owner: &str) -> Result<bool> {
    conn.run(WITHDRAW, &values![execution]).await?;
    let held: Vec<(i64, String)> =
        each(conn, OTHERS, &values![execution, owner], |f| Ok((f.next()?, f.next()?))).await?;
    let dead = workers::dead(conn, ours, held.iter().map(|(_, holder)| holder)).await?;
    // Whoever asks has ended its own.
    let lives = |holder: &String| !dead.contains(holder) && process::worker_of(holder) != Some(ours);
    let living: Vec<i64> = held.iter().filter(|(_, holder)| lives(holder)).map(|(n, _)| *n).collect();
    let is_any = !living.is_empty();
    conn.run(STOP, &values![execution, owner, living]).await?;
    Ok(is_any)
}

/// [`crate::SharedPlans::own`].
pub(crate) async fn own(conn: &mut Conn<'_>, worker: &str) -> Result<Vec<OwnItem>> {
    each(conn, OWN, &values![worker], |f| {
        let (execution_id, number, is_stopped): (Uuid, i64, bool) = (f.next()?, f.next()?, f.next()?);
        Ok(OwnItem { execution_id, number: number.unsigned_abs(), is_stopped })
    })
    .await
}

/// [`crate::SharedPlans::end`].
pub(crate) struct End {
    pub(crate) worker: String,
    pub(crate) execution: Uuid,
    pub(crate) number: u64,
    /// Absent of one whom nobody needs to tell how it ended.
    pub(crate) outcome: Option<String>,
}

#[async_trait]
impl Work for End {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let item = values![self.execution, number(self.number), &self.worker];
        match &self.outcome {
            None => conn.run(DROP, &item).await.map(drop),
            Some(outcome) => {
                let item = values![self.execution, number(self.number), &self.worker, outcome];
                conn.run(END, &item).await.map(drop)
            }
        }
    }
}

/// Notes what the pages of other workers' items did. Fails when one is not its writer's any more.
pub(crate) async fn note(
    conn: &mut Conn<'_>,
    worker: &str,
    all: &[PageCommit],
    outcomes: &[Vec<WriteOutcome>],
) -> Result<()> {
    for (of, outcomes) in
        all.iter().zip(outcomes).filter_map(|(page, outcomes)| Some((page.of_item.as_ref()?, outcomes)))
    {
        let page = ItemPage { outcomes: outcomes.clone(), ..of.page.clone() };
        let line = format!("{}\n", json(&page)?);
        let held = !conn.rows(HOLD, &values![of.execution_id]).await?.is_empty();
        if !held || conn.run(NOTE, &values![of.execution_id, number(of.number), worker, line]).await? == 0 {
            return Err(StoreError::TakenOver(
                "an item of a plan is not this process's any more: it sent no heartbeat for 30 s, or its plan has ended"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}
