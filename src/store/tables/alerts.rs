//! Alerts that were raised, and what operators did.
//!
//! Both writes say the same thing when they are repeated after a lost connection: an alert that is open is not raised a
//! second time, an action noted at one instant is noted once.

use async_trait::async_trait;

use crate::conn::{Conn, Sql, limit, statements, values};
use crate::field::collect;
use crate::writer::Work;
use crate::{AlertRow, NewAlert, OpenAlertCount, OperatorAction, OperatorActionRow, Result};
use barkeep_market::Ts;

statements! {
    RAISE = Sql::two(
        "INSERT INTO alerts (kind, severity, subject, message, raised_at) SELECT $1, $2, $3, $4, $5
         WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE kind = $1 AND subject IS NOT DISTINCT FROM $3
             AND resolved_at IS NULL)",
        "INSERT INTO alerts (kind, severity, subject, message, raised_at)
         SELECT $1::text, $2::text, $3::text, $4::text, $5::timestamptz
         WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE kind = $1::text AND subject IS NOT DISTINCT FROM $3::text
             AND resolved_at IS NULL)");
    RESOLVE = Sql::two(
        "UPDATE alerts SET resolved_at = $3 WHERE kind = $1 AND subject IS NOT DISTINCT FROM $2 AND resolved_at IS NULL",
        "UPDATE alerts SET resolved_at = $3
         WHERE kind = $1 AND subject IS NOT DISTINCT FROM $2::text AND resolved_at IS NULL");
    /// $1: whether resolved ones are wanted too.
    LIST = Sql::same(
        "SELECT id, kind, severity, subject, message, raised_at, resolved_at FROM alerts
         WHERE $1 OR resolved_at IS NULL ORDER BY raised_at DESC, id DESC LIMIT $2");
    OPEN = Sql::same(
        "SELECT kind, severity, COUNT(*) FROM alerts WHERE resolved_at IS NULL GROUP BY kind, severity
         ORDER BY kind, severity");
    ACT = Sql::two(
        "INSERT INTO operator_actions (at, actor, action, target, detail, result) SELECT $1, $2, $3, $4, $5, $6
         WHERE NOT EXISTS (SELECT 1 FROM operator_actions WHERE at = $1 AND actor = $2 AND action = $3
             AND target IS NOT DISTINCT FROM $4)",
        "INSERT INTO operator_actions (at, actor, action, target, detail, result)
         SELECT $1::timestamptz, $2::text, $3::text, $4::text, $5::text, $6::text
         WHERE NOT EXISTS (SELECT 1 FROM operator_actions WHERE at = $1::timestamptz AND actor = $2::text
             AND action = $3::text AND target IS NOT DISTINCT FROM $4::text)");
    ACTIONS = Sql::same(
        "SELECT id, at, actor, action, target, detail, result FROM operator_actions
         ORDER BY at DESC, id DESC LIMIT $1");
    ACTIONS_ON = Sql::same(
        "SELECT id, at, actor, action, target, detail, result FROM operator_actions
         WHERE target = $1 ORDER BY at DESC, id DESC LIMIT $2");
}

/// Newest first.
pub(crate) async fn all(conn: &mut Conn<'_>, only_open: bool, count: usize) -> Result<Vec<AlertRow>> {
    let [resolved_too] = values![!only_open];
    collect(&conn.rows(LIST, &[resolved_too, limit(count)]).await?, |f| {
        Ok(AlertRow {
            id: f.next()?,
            kind: f.next()?,
            severity: f.next()?,
            subject: f.next()?,
            message: f.next()?,
            raised_at: f.next()?,
            resolved_at: f.next()?,
        })
    })
}

/// [`crate::Store::open_alert_counts`].
pub(crate) async fn open_counts(conn: &mut Conn<'_>) -> Result<Vec<OpenAlertCount>> {
    collect(&conn.rows(OPEN, &[]).await?, |f| {
        let (kind, severity, open): (String, _, i64) = (f.next()?, f.next()?, f.next()?);
        Ok(OpenAlertCount { kind, severity, open: usize::try_from(open).unwrap_or(0) })
    })
}

/// [`crate::Store::raise_alert`].
pub(crate) struct Raise(pub(crate) NewAlert);

#[async_trait]
impl Work for Raise {
    type Output = bool;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<bool> {
        let a = &self.0;
        let row = values![&a.kind, a.severity.name(), &a.subject, &a.message, a.raised_at];
        Ok(conn.run(RAISE, &row).await? > 0)
    }
}

/// [`crate::Store::resolve_alert`].
pub(crate) struct Resolve {
    pub(crate) kind: String,
    pub(crate) subject: Option<String>,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Resolve {
    type Output = bool;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<bool> {
        Ok(conn.run(RESOLVE, &values![&self.kind, &self.subject, self.at]).await? > 0)
    }
}

/// [`crate::Store::record_action`].
pub(crate) struct Act(pub(crate) OperatorAction);

#[async_trait]
impl Work for Act {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let a = &self.0;
        conn.run(ACT, &values![a.at, &a.actor, &a.action, &a.target, &a.detail, &a.result]).await.map(drop)
    }
}

/// Newest first.
pub(crate) async fn actions(conn: &mut Conn<'_>, target: Option<&str>, count: usize) -> Result<Vec<OperatorActionRow>> {
    let rows = match target {
        None => conn.rows(ACTIONS, &[limit(count)]).await?,
        Some(target) => {
            let [target] = values![target];
            conn.rows(ACTIONS_ON, &[target, limit(count)]).await?
        }
    };
    collect(&rows, |f| {
        Ok(OperatorActionRow {
            id: f.next()?,
            action: OperatorAction {
                at: f.next()?,
                actor: f.next()?,
                action: f.next()?,
                target: f.next()?,
                detail: f.next()?,
                result: f.next()?,
            },
        })
    })
}
