//! Pages, each committed whole or not at all.
//!
//! The bars of several pages go into the database in one statement where they can: in PostgreSQL each COPY is a round trip
//! of its own, and with sqlx 0.9.0 one that can wait 40 ms for TCP (sqlx#4335).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::collect;
use crate::tables::bars;
use crate::tables::coverage;
use crate::tables::coverage::profiles;
use crate::tables::executions;
use crate::tables::features;
use crate::tables::fleet::{claims, items};
use crate::tables::quarantine;
use crate::tables::requests;
use crate::writer::Work;
use crate::{PageCommit, RequestRow, Result, SeriesId, SeriesWrite, WriteOutcome, diff, series};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_market::{Interval, Ts};
use barkeep_sql::feature_row;

statements! {
    /// Rows: series, when; each series once.
    CHECKED = Sql::two(
        "UPDATE series SET checked_at = $2 ->> i.key FROM json_each($1) AS i
         WHERE series.id = i.value AND (checked_at IS NULL OR checked_at < ($2 ->> i.key))",
        "UPDATE series SET checked_at = i.ts FROM unnest($1::bigint[], $2::timestamptz[]) AS i (id, ts)
         WHERE series.id = i.id AND (checked_at IS NULL OR checked_at < i.ts)");
    /// Rows: series, from, to, when it was asked for. What is known of them from later; the places of the rows, from 0.
    NEWER = Sql::two(
        "SELECT i.key, c.start_ts, c.end_ts, c.fetched_at FROM json_each($1) AS i CROSS JOIN coverage AS c
         WHERE c.series_id = i.value AND c.start_ts < ($3 ->> i.key) AND c.end_ts > ($2 ->> i.key)
             AND c.fetched_at > ($4 ->> i.key)",
        "SELECT i.key - 1, c.start_ts, c.end_ts, c.fetched_at
         FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
             AS i (id, start_ts, end_ts, asked_at, key)
         CROSS JOIN LATERAL (SELECT * FROM coverage AS o WHERE o.series_id = i.id AND o.start_ts < i.end_ts
                                 AND o.end_ts > i.start_ts AND o.fetched_at > i.asked_at ORDER BY o.start_ts) AS c");
}

/// [`crate::Store::commit_pages`].
pub(crate) struct Commit {
    pub(crate) pages: Arc<[PageCommit]>,
    /// The mark of the process that writes them.
    pub(crate) owner: String,
}

#[async_trait]
impl Work for Commit {
    type Output = Vec<Vec<WriteOutcome>>;

    fn check(&self) -> Result<()> {
        self.pages.iter().flat_map(|page| &page.features).try_for_each(feature_row::check)?;
        self.pages.iter().flat_map(|page| &page.writes).try_for_each(diff::check)
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Self::Output> {
        series::lock(conn, self.pages.iter().flat_map(|page| &page.writes).map(|w| w.series)).await?;
        let stale = stale(conn, &self.pages).await?;
        let pages = without(&self.pages, &stale);
        let mut outcomes = Vec::with_capacity(pages.len());
        let mut rest = &pages[..];
        while !rest.is_empty() {
            let (together, after) = rest.split_at(disjoint(rest));
            let writes: Vec<(&SeriesWrite, Ts)> =
                together.iter().flat_map(|page| page.writes.iter().map(|w| (w, time_of(page, w)))).collect();
            let mut stored = bars::store_all(conn, &writes, "changed").await?.into_iter();
            for page in together {
                outcomes.push(note(conn, page, stored.by_ref().take(page.writes.len()).collect()).await?);
            }
            profiles::put(conn, &writes).await?;
            let writes: Vec<&SeriesWrite> = writes.into_iter().map(|(write, _)| write).collect();
            coverage::put(conn, &writes).await?;
            checked(conn, &writes).await?;
            rest = after;
        }
        for (page, place) in stale {
            if let Some(outcome) = outcomes.get_mut(page).and_then(|all: &mut Vec<WriteOutcome>| all.get_mut(place)) {
                outcome.stale = 1;
            }
        }
        let became = features::put(conn, self.pages.iter().flat_map(|page| &page.features)).await?;
        diff::note_features(&self.pages, &mut outcomes, became);
        claims::hold(conn, &self.owner, &written(&self.pages)).await?;
        items::note(conn, &self.owner, &self.pages, &outcomes).await?;
        Ok(outcomes)
    }
}

/// The series that each execution of this process writes.
fn written(pages: &[PageCommit]) -> BTreeMap<Uuid, BTreeSet<SeriesId>> {
    let mut all: BTreeMap<Uuid, BTreeSet<SeriesId>> = BTreeMap::new();
    for page in pages.iter().filter(|page| page.of_item.is_none()) {
        if let Some(execution) = page.request.as_ref().and_then(|request| request.execution_id) {
            all.entry(execution).or_default().extend(page.writes.iter().map(|write| write.series));
        }
    }
    all
}

/// The writes of answers that are older than what is stored: page and place.
async fn stale(conn: &mut Conn<'_>, pages: &[PageCommit]) -> Result<Vec<(usize, usize)>> {
    let mut asked = Vec::new();
    let (mut series, mut from, mut to, mut at) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (page, commit) in pages.iter().enumerate() {
        let Some(request) = &commit.request else { continue };
        for (place, write) in commit.writes.iter().enumerate() {
            if let Some(range) = write.asked {
                asked.push((page, place, write, range, request.started_at));
                series.push(write.series.0);
                from.push(range.start);
                to.push(range.end);
                at.push(request.started_at);
            }
        }
    }
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut newer: BTreeMap<usize, Vec<(Interval, Ts)>> = BTreeMap::new();
    let rows = conn.rows(NEWER, &values![series, from, to, at]).await?;
    for (k, range, at) in collect(&rows, |f| Ok((f.next::<i64>()?, Interval::new(f.next()?, f.next()?), f.next()?)))? {
        newer.entry(usize::try_from(k).unwrap_or_default()).or_default().push((range, at));
    }
    if newer.is_empty() {
        return Ok(Vec::new());
    }
    let now = requests::server_now(conn).await?.unwrap_or_else(|| SystemClock.now());
    let mut stale = Vec::new();
    for (k, coverage) in newer {
        let Some((page, place, write, range, at)) = asked.get(k) else { continue };
        let stored = bars::within(conn, write.series, (*range).into(), None).await?;
        if diff::is_older(write, (*at, now), &stored, &coverage) {
            stale.push((*page, *place));
        }
    }
    Ok(stale)
}

/// The pages without these writes and what is derived from them.
fn without<'p>(pages: &'p [PageCommit], stale: &[(usize, usize)]) -> Cow<'p, [PageCommit]> {
    if stale.is_empty() {
        return Cow::Borrowed(pages);
    }
    let kept = |(k, page): (usize, &PageCommit)| {
        let own = stale.iter().filter(|(page, _)| *page == k);
        diff::without(page, &own.flat_map(|(_, place)| diff::with_derived(page, *place)).collect())
    };
    Cow::Owned(pages.iter().enumerate().map(kept).collect())
}

/// How many of the leading pages have no series in common, at least one: their bars can be written in one go.
fn disjoint(pages: &[PageCommit]) -> usize {
    let mut seen = BTreeSet::new();
    let fresh = |page: &&PageCommit| {
        let own: BTreeSet<SeriesId> = page.writes.iter().map(|w| w.series).collect();
        // A page that names a series twice goes by itself, and is split further down.
        let free = own.len() == page.writes.len() && own.is_disjoint(&seen);
        seen.extend(own);
        free
    };
    pages.iter().take_while(fresh).count().max(1)
}

/// Notes the series whose newest end was reached.
pub(crate) async fn checked(conn: &mut Conn<'_>, writes: &[&SeriesWrite]) -> Result<()> {
    let mut newest: BTreeMap<i64, Ts> = BTreeMap::new();
    for (id, at) in writes.iter().filter_map(|w| Some((w.series.0, w.checked_at?))) {
        newest.entry(id).and_modify(|known| *known = at.max(*known)).or_insert(at);
    }
    if newest.is_empty() {
        return Ok(());
    }
    let (series, times): (Vec<i64>, Vec<Ts>) = newest.into_iter().unzip();
    conn.run(CHECKED, &values![series, times]).await.map(drop)
}

/// What a page leaves beside bars and coverage.
async fn note(conn: &mut Conn<'_>, page: &PageCommit, mut outcomes: Vec<WriteOutcome>) -> Result<Vec<WriteOutcome>> {
    for (write, outcome) in page.writes.iter().zip(&mut outcomes) {
        outcome.quarantined = quarantine::add(conn, write, time_of(page, write)).await?;
    }
    if let Some(request) = &page.request {
        let changed = Some(changed(&outcomes));
        requests::record(conn, &RequestRow { changed, ..request.clone() }).await?;
    }
    executions::put_statuses(conn, &page.statuses).await?;
    Ok(outcomes)
}

/// Bars a page inserted, revised or removed, over all its series.
pub(crate) fn changed(outcomes: &[WriteOutcome]) -> i64 {
    let total: u64 = outcomes.iter().map(|o| o.inserted + o.revised + o.removed).sum();
    i64::try_from(total).unwrap_or(i64::MAX)
}

/// When the page came, by whatever it says about itself.
pub(crate) fn time_of(page: &PageCommit, write: &SeriesWrite) -> Ts {
    let answered = page.request.as_ref().map(|r| r.started_at + r.latency_ms);
    write
        .bars
        .first()
        .map(|b| b.fetched_at)
        .or_else(|| write.coverage.first().map(|c| c.fetched_at))
        .or(answered)
        .or(write.checked_at)
        .unwrap_or_else(|| SystemClock.now())
}
