//! Plans that were shown and may be run exactly so.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::Result;
use crate::conn::{Conn, Sql, statements, values};
use crate::field::column;
use crate::writer::Work;
use barkeep_market::Ts;
use barkeep_market::ts::DAY;

statements! {
    PUT = Sql::same(
        "INSERT INTO plans (id, created_at, body) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, body = excluded.body");
    PRUNE = Sql::same("DELETE FROM plans WHERE created_at < $1");
    GET = Sql::same("SELECT body FROM plans WHERE id = $1");
    IDS = Sql::same("SELECT id FROM plans ORDER BY created_at DESC, id DESC");
}

/// How long a plan is kept.
pub const PLANS_KEPT: Duration = Duration::from_hours(7 * 24);
pub(crate) const KEEP: i64 = 7 * DAY;

/// [`crate::Store::put_plan`].
pub(crate) struct Put {
    pub(crate) id: Uuid,
    pub(crate) created_at: Ts,
    pub(crate) json: String,
}

#[async_trait]
impl Work for Put {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(PRUNE, &values![self.created_at - KEEP]).await?;
        conn.run(PUT, &values![self.id, self.created_at, &self.json]).await.map(drop)
    }
}

pub(crate) async fn get(conn: &mut Conn<'_>, id: Uuid) -> Result<Option<String>> {
    let mut found: Vec<String> = column(&conn.rows(GET, &values![id]).await?)?;
    Ok(found.pop())
}

pub(crate) async fn ids(conn: &mut Conn<'_>) -> Result<Vec<Uuid>> {
    column(&conn.rows(IDS, &[]).await?)
}
