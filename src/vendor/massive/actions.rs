//! Lists of what happened to shares: splits and dividends, each at two endpoints.
//!
//! The new endpoints take many tickers a request. Those they replaced in February 2026 take one; old accounts and mirrors
//! still serve them, so they are asked where the vendor answers 404.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::NaiveDate;

use super::address::{encoded, path_of};
use super::client::Answer;
use crate::{Class, Cursor, Fault};

/// One kind of list.
pub(super) struct Actions {
    name: &'static str,
    new: &'static str,
    old: &'static str,
    /// The field that `since` bounds.
    date: &'static str,
    /// The new endpoint answered 404, so the old one is asked, one ticker at a time.
    is_old: AtomicBool,
}

/// One request for a page.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) endpoint: &'static str,
    /// Whose rows may come.
    pub(super) tickers: Vec<String>,
    date: &'static str,
    /// It is a first page of the new endpoint.
    probes: bool,
    /// It is about one ticker of several.
    single: bool,
}

impl Actions {
    pub(super) const fn splits() -> Self {
        Self {
            name: "splits",
            new: "/stocks/v1/splits",
            old: "/v3/reference/splits",
            date: "execution_date",
            is_old: AtomicBool::new(false),
        }
    }

    pub(super) const fn dividends() -> Self {
        Self {
            name: "dividends",
            new: "/stocks/v1/dividends",
            old: "/v3/reference/dividends",
            date: "ex_dividend_date",
            is_old: AtomicBool::new(false),
        }
    }

    /// What to request next; `None` without a ticker. The cursor of an old endpoint carries, behind a `#`, which ticker it
    /// is about.
    pub(super) fn asked(&self, tickers: &[String], since: Option<NaiveDate>, cursor: Option<&Cursor>) -> Option<Asked> {
        let first = tickers.first()?;
        let old = cursor.map_or_else(|| self.is_old.load(Ordering::Relaxed), |Cursor(next)| path_of(next) == self.old);
        if !old {
            let list: Vec<String> = tickers.iter().map(|t| encoded(t)).collect();
            let path = || format!("{}?ticker.any_of={}{}&limit=5000", self.new, list.join(","), from(self.date, since));
            return Some(Asked {
                path: cursor.map_or_else(path, |Cursor(next)| next.clone()),
                endpoint: self.new,
                tickers: tickers.to_vec(),
                date: self.date,
                probes: cursor.is_none(),
                single: false,
            });
        }
        let (path, ticker) = match cursor.and_then(|Cursor(c)| c.split_once('#')) {
            Some((path, ticker)) => (path.to_owned(), ticker.to_owned()),
            None => (single(self.old, first, self.date, since), first.clone()),
        };
        Some(Asked { path, endpoint: self.old, tickers: vec![ticker], date: self.date, probes: false, single: true })
    }

    /// The answer, or why there is none. A 404 of the new endpoint is a reason to try the old one at once.
    pub(super) fn answer(&self, answer: Result<Answer, Fault>, asked: &Asked) -> Result<Answer, Fault> {
        answer.map_err(|fault| {
            // A 404 of the vendor itself; one of a proxy says nothing of its endpoints.
            if fault.status != Some(404) || fault.class != Class::Permanent || !asked.probes {
                return fault;
            }
            self.is_old.store(true, Ordering::Relaxed);
            let message = format!("{}; trying the older {} endpoint", fault.message, self.name);
            Fault { class: Class::Transient, message, retry_after: Some(Duration::ZERO), ..fault }
        })
    }
}

impl Asked {
    /// The page after this one: the vendor's, or the first of the next ticker.
    pub(super) fn next(&self, tickers: &[String], since: Option<NaiveDate>, next: Option<Cursor>) -> Option<Cursor> {
        let Some(ticker) = self.tickers.first().filter(|_| self.single) else { return next };
        let after = || {
            let next = tickers.iter().skip_while(|t| *t != ticker).nth(1)?;
            Some(Cursor(format!("{}#{next}", single(self.endpoint, next, self.date, since))))
        };
        next.map(|Cursor(next)| Cursor(format!("{next}#{ticker}"))).or_else(after)
    }
}

/// The first page of one ticker at an old endpoint.
fn single(endpoint: &str, ticker: &str, date: &str, since: Option<NaiveDate>) -> String {
    format!("{endpoint}?ticker={}{}&limit=1000", encoded(ticker), from(date, since))
}

fn from(date: &str, since: Option<NaiveDate>) -> String {
    since.map_or_else(String::new, |since| format!("&{date}.gte={since}"))
}
