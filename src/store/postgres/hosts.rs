//! The servers that a URL names. With several, one of them is the database now; after a failover it is another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Executor, Row as _};

use crate::conn::answered;
use crate::{Result, StoreError, fault};

/// Which of the servers are meant: `target_session_attrs`, with libpq's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    Writable,
    Standby,
}

/// The servers, and which of them was reached last.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    all: Arc<[PgConnectOptions]>,
    wanted: Wanted,
    newest: Arc<AtomicUsize>,
}

impl Hosts {
    /// Reads a URL. One without a user means `$PGUSER`, else `postgres` (sqlx's own default is "anonymous").
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (url, wanted) = wanted(url)?;
        let all = barkeep_base::hosts::each(&url).iter().map(|one| options(one)).collect::<Result<_>>()?;
        Ok(Self { all, wanted, newest: Arc::default() })
    }

    /// The servers in the order in which they are tried, each with its place.
    pub(super) fn tried(&self) -> impl Iterator<Item = (usize, &PgConnectOptions)> {
        let first = self.newest.load(Ordering::Relaxed);
        let (before, after) = self.all.split_at(first.min(self.all.len()));
        after.iter().chain(before).enumerate().map(move |(k, one)| ((first + k) % self.all.len().max(1), one))
    }

    /// This one was reached; true when it is another one than before.
    pub(super) fn note(&self, place: usize) -> bool {
        self.newest.swap(place, Ordering::Relaxed) != place
    }

    /// Whether the server is of the kind that is meant.
    pub(super) async fn fits(&self, conn: &mut PgConnection) -> Result<bool> {
        if self.wanted == Wanted::Any {
            return Ok(true);
        }
        let row = answered(conn.fetch_one("SELECT pg_is_in_recovery()")).await?;
        let standby: bool = row.try_get(0).map_err(fault::classify)?;
        Ok(standby == (self.wanted == Wanted::Standby))
    }
}

/// What a URL says about the kind of server, and the URL without it: sqlx does not know it.
fn wanted(url: &str) -> Result<(String, Wanted)> {
    const NAME: &str = "target_session_attrs=";
    let Some((before, query)) = url.split_once('?') else { return Ok((url.to_owned(), Wanted::Any)) };
    let mut wanted = Wanted::Any;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.strip_prefix(NAME) {
            None => rest.push(pair),
            Some("any") => wanted = Wanted::Any,
            Some("read-write" | "primary") => wanted = Wanted::Writable,
            Some("read-only" | "standby") => wanted = Wanted::Standby,
            Some(_) => {
                return Err(StoreError::Unusable(
                    "target_session_attrs of the PostgreSQL URL is any, read-write, primary, read-only or standby"
                        .into(),
                ));
            }
        }
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{before}{query}"), wanted))
}

fn options(url: &str) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = url.parse().map_err(|_| {
        StoreError::Unusable(
            "the PostgreSQL URL is not understood; use postgres://USER:PASSWORD@HOST:PORT/DATABASE and write special \
             characters of the password as %XX"
                .into(),
        )
    })?;
    Ok(if matches!(options.get_username(), "anonymous" | "unknown") { options.username("postgres") } else { options })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(hosts: &Hosts) -> Vec<(usize, String)> {
        hosts.tried().map(|(k, one)| (k, format!("{}:{}", one.get_host(), one.get_port()))).collect()
    }

    #[test]
    fn the_server_that_was_reached_last_is_tried_first() {
        let url = "postgres://me:x@one:5433,two,three:5434/bars?sslmode=disable&target_session_attrs=read-write";
        let hosts = Hosts::parse(url).unwrap();
        assert_eq!(hosts.wanted, Wanted::Writable);
        let (one, two, three) = ("one:5433".to_owned(), "two:5432".to_owned(), "three:5434".to_owned());
        assert_eq!(places(&hosts), [(0, one.clone()), (1, two.clone()), (2, three.clone())]);
        assert!(hosts.note(1) && !hosts.note(1));
        assert_eq!(places(&hosts), [(1, two), (2, three), (0, one)]);
    }

    #[test]
    fn a_url_without_a_user_does_not_mean_anonymous() {
        let hosts = Hosts::parse("postgres://localhost/bars").unwrap();
        assert_eq!(hosts.wanted, Wanted::Any);
        assert!(hosts.all.iter().all(|one| one.get_username() != "anonymous"));
        let hosts = Hosts::parse("postgresql://me:secret@db.example:6543/bars").unwrap();
        let one = &hosts.all[0];
        assert_eq!(
            (one.get_username(), one.get_host(), one.get_port(), one.get_database()),
            ("me", "db.example", 6543, Some("bars"))
        );
        let error = Hosts::parse("postgres://me:secret@db/x?target_session_attrs=best").unwrap_err().to_string();
        assert!(error.contains("target_session_attrs") && !error.contains("secret"), "{error}");
    }
}
