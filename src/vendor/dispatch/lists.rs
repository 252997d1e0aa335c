//! Lists of what happened to shares: many tickers in few requests, page after page.

use std::collections::HashSet;
use std::future::Future;

use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::Dispatcher;
use super::ask::Request;
use super::batch::groups;
use crate::{Cursor, Dated, DividendPage, Fault, SplitPage};
use barkeep_market::dividend::Dividend;
use barkeep_market::split::Split;

/// Pages one group of tickers may have. 5,000 rows a page; nobody splits or pays that often.
const LIST_PAGES: usize = 500;

/// Rows by ticker, how many could not be read, and where the next page is.
type Rows<T> = (Vec<(String, T)>, u64, Option<Cursor>);

impl Dispatcher {
    /// All splits of the given tickers, sorted by ticker, date and ratio, equal ones once. Two of one date may contradict
    /// each other.
    ///
    /// # Errors
    /// Like [`Dispatcher::aggregates`], for the first page that fails; [`Class::Malformed`](crate::Class::Malformed) when pages
    /// do not end.
    pub async fn splits(&self, tickers: &[String], cancel: &CancellationToken) -> Result<Vec<(String, Split)>, Fault> {
        let page = |page: SplitPage| (page.splits, page.unreadable, page.next);
        let mut all = self
            .listed("splits", tickers, cancel, |group, from| async move {
                Ok(self.usual.vendor.splits(group, from.as_ref()).await?.map(page))
            })
            .await?;
        all.sort_by(|(a, x), (b, y)| {
            let by_date = (a, x.date).cmp(&(b, y.date));
            by_date.then(x.from.total_cmp(&y.from)).then(x.to.total_cmp(&y.to))
        });
        all.dedup();
        Ok(all)
    }

    /// All dividends of the given tickers with an ex-date from `since` on, sorted by ticker and date, equal ones once.
    ///
    /// # Errors
    /// Like [`Dispatcher::splits`].
    pub async fn dividends(
        &self,
        tickers: &[String],
        since: Option<NaiveDate>,
        cancel: &CancellationToken,
    ) -> Result<Vec<(String, Dividend)>, Fault> {
        let page = |page: DividendPage| (page.dividends, page.unreadable, page.next);
        let mut all = self
            .listed("dividends", tickers, cancel, |group, from| async move {
                Ok(self.usual.vendor.dividends(group, since, from.as_ref()).await?.map(page))
            })
            .await?;
        all.sort_by(|(a, x), (b, y)| (a, x.ex_date, &x.id).cmp(&(b, y.ex_date, &y.id)));
        all.dedup();
        Ok(all)
    }

    /// All rows of a list, group after group of tickers and page after page.
    async fn listed<'t, T, F>(
        &self,
        endpoint: &'static str,
        tickers: &'t [String],
        cancel: &CancellationToken,
        ask_for: impl Fn(&'t [String], Option<Cursor>) -> F,
    ) -> Result<Vec<(String, T)>, Fault>
    where
        F: Future<Output = Result<Dated<Rows<T>>, Fault>>,
    {
        let mut all = Vec::new();
        for group in groups(tickers) {
            let ticker = group.first().filter(|_| group.len() == 1).map(String::as_str);
            let ask = Request { ticker, ..Request::of(endpoint) };
            let mut cursor: Option<Cursor> = None;
            let mut seen: HashSet<Cursor> = HashSet::new();
            loop {
                let (rows, unreadable, next) =
                    self.recorded(ask, cancel, || ask_for(group, cursor.clone()), |(rows, ..)| rows.len()).await?;
                if unreadable > 0 {
                    tracing::warn!(rows = unreadable, "left out unreadable rows of an answer about {endpoint}");
                }
                all.extend(rows);
                let Some(next) = next else { break };
                if seen.len() >= LIST_PAGES || !seen.insert(next.clone()) {
                    return Err(Fault::malformed(format!("the pages of {endpoint} never end")));
                }
                cursor = Some(next);
            }
        }
        Ok(all)
    }
}
