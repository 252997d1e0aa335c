//! What outlives the process that runs the engine: one row.

use async_trait::async_trait;

use super::conn::{Conn, Sql, statements, values};
use super::field::{collect, column};
use super::writer::Work;
use super::{EnginePause, Result};
use barkeep_market::Ts;

statements! {
    PAUSE = Sql::same("SELECT paused_by, paused_since, pause_reason FROM engine_state WHERE id = 1");
    SET_PAUSE = Sql::same(
        "UPDATE engine_state SET paused_by = $1, paused_since = $2, pause_reason = $3 WHERE id = 1");
    NIGHTS = Sql::same("SELECT nights_from FROM engine_state WHERE id = 1");
    SET_NIGHTS = Sql::same("UPDATE engine_state SET nights_from = $1 WHERE id = 1");
}

/// [`super::Store::engine_pause`].
pub(super) async fn pause(conn: &mut Conn<'_>) -> Result<Option<EnginePause>> {
    let rows = collect(&conn.rows(PAUSE, &[]).await?, |f| {
        let (by, since): (Option<String>, Option<Ts>) = (f.next()?, f.next()?);
        let reason = f.next()?;
        Ok(by.zip(since).map(|(by, since)| EnginePause { by, since, reason }))
    })?;
    Ok(rows.into_iter().flatten().next())
}

/// [`super::Store::set_engine_pause`].
pub(super) struct SetPause(pub(super) Option<EnginePause>);

#[async_trait]
impl Work for SetPause {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let pause = self.0.as_ref();
        let by = pause.map(|pause| pause.by.clone());
        let reason = pause.and_then(|pause| pause.reason.clone());
        conn.run(SET_PAUSE, &values![&by, pause.map(|pause| pause.since), &reason]).await.map(drop)
    }
}

/// [`super::Store::nights_from`].
pub(super) async fn nights_from(conn: &mut Conn<'_>) -> Result<Option<Ts>> {
    let rows: Vec<Option<Ts>> = column(&conn.rows(NIGHTS, &[]).await?)?;
    Ok(rows.into_iter().flatten().next())
}

/// [`super::Store::set_nights_from`].
pub(super) struct SetNightsFrom(pub(super) Ts);

#[async_trait]
impl Work for SetNightsFrom {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(SET_NIGHTS, &values![self.0]).await.map(drop)
    }
}
