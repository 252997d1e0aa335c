//! The vendor Massive (formerly Polygon): what is asked, and how the answers are read.
//!
//! Every method is one request to the configured origin. Vendor facts are from its documentation and from recorded
//! answers; where they surprise, the place that deals with it says so.

mod actions;
mod address;
mod body_memory;
mod client;
mod grouped;
mod page;
mod reference;
mod wire;

#[cfg(test)]
mod grouped_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod page_tests;

use std::fmt;

use async_trait::async_trait;
use chrono::NaiveDate;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use self::actions::Actions;
use self::address::encoded;
use self::client::{Answer, Http, Refused};
use self::wire::PAGE_LIMIT;
use super::refusal::is_not_found;
use super::{
    AggregateQuery, Class, Cursor, Dated, DividendPage, Fault, GroupedPage, Holiday, MarketStatus, Page, SplitPage,
    Ticker, TickerDetails, Vendor,
};
use barkeep_base::timing::{self, Phase};
use barkeep_config::VendorSettings;
use barkeep_market::{AssetClass, Family, Ts};

/// Bodies from here on are read on a thread for such work.
const LONG_BODY: usize = 32 << 10;

/// What the headers of an answer say.
struct Headers {
    request_id: Option<String>,
    server_time: Option<Ts>,
}

/// Reads an answer, and hands on what its headers say.
///
/// A full page takes some milliseconds. On the threads that tasks run on, the one that only has to send the next statement
/// to the database would wait as long, every time. `readers` keeps half of the processors free for the database.
async fn read<T: Send + 'static>(
    readers: &Semaphore,
    answer: Answer,
    page: impl FnOnce(&[u8]) -> Result<T, Fault> + Send + 'static,
) -> Result<(T, Headers), Fault> {
    let short = answer.body.len() < LONG_BODY;
    let work = move || match page(&answer.body) {
        Ok(page) => Ok((page, Headers { request_id: answer.request_id, server_time: answer.server_time })),
        Err(fault) => Err(answer.blame(fault)),
    };
    if short {
        return timing::measured(Phase::Transfer, work);
    }
    // It is never closed.
    let _reader = readers.acquire().await.ok();
    match timing::timed(Phase::Transfer, tokio::task::spawn_blocking(work)).await {
        Ok(done) => done,
        Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
        // The runtime ends.
        Err(_) => Err(Fault::cancelled()),
    }
}

/// The vendor client.
pub struct Massive {
    http: Http,
    splits: Actions,
    dividends: Actions,
    readers: Semaphore,
}

impl fmt::Debug for Massive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Massive(…)")
    }
}

impl Massive {
    /// Sets the client up; nothing is sent.
    ///
    /// # Errors
    /// When a setting makes no client, or the key holds characters that no header can carry. The message says which it is
    /// and never holds the key.
    pub fn new(settings: &VendorSettings, key: SecretString) -> Result<Self, String> {
        let http = Http::new(settings, &key)?;
        drop(key);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let readers = Semaphore::new((processors / 2).max(1));
        Ok(Self { http, splits: Actions::splits(), dividends: Actions::dividends(), readers })
    }

    async fn dated<T: Send + 'static>(
        &self,
        answer: Answer,
        value: impl FnOnce(&[u8]) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Dated<T>, Fault> {
        let bytes = answer.body.len() as u64;
        let (value, Headers { request_id, server_time }) = read(&self.readers, answer, value).await?;
        Ok(Dated { value, server_time, bytes, request_id })
    }
}

/// The path and query of the first page of aggregates.
fn aggregates_path(query: &AggregateQuery) -> Result<String, Fault> {
    if query.range.is_empty() || query.ticker.is_empty() {
        return Err(Fault::new(Class::Permanent, "an empty range or ticker cannot be requested"));
    }
    let (multiplier, span) = query.timeframe.vendor_span();
    // Both ends are inclusive. Minutes are asked in milliseconds on the grid, so that bars of several minutes or hours
    // start where ours do; so are days of crypto, because a date may be read in New York. A stock's day is a date.
    let last = query.range.end - 1;
    let (from, to) = match query.timeframe.family() {
        Family::Day if !query.class.is_continuous() => {
            let date = |t| query.class.date_of(t).to_string();
            (date(query.range.start), date(last))
        }
        Family::Minute | Family::Day => (query.range.start.ms().to_string(), last.ms().to_string()),
    };
    let ticker = encoded(&query.ticker);
    Ok(format!(
        "/v2/aggs/ticker/{ticker}/range/{multiplier}/{span}/{from}/{to}?adjusted=false&sort=asc&limit={PAGE_LIMIT}"
    ))
}

#[async_trait]
impl Vendor for Massive {
    async fn aggregates(&self, query: &AggregateQuery, cursor: Option<&Cursor>) -> Result<Page, Fault> {
        let path = match cursor {
            Some(Cursor(next)) => next.clone(),
            None => aggregates_path(query)?,
        };
        let answer = self.http.get(&path).await?;
        let (query, base, first) = (query.clone(), self.http.base.clone(), cursor.is_none());
        let read = read(&self.readers, answer, move |body| page::aggregates(body, &query, &base, &path, first));
        let (page, Headers { request_id, server_time }) = read.await?;
        Ok(Page { request_id: page.request_id.or(request_id), server_time, ..page })
    }

    async fn grouped_daily(&self, class: AssetClass, date: NaiveDate) -> Result<GroupedPage, Fault> {
        let path = if class.is_continuous() {
            format!("/v2/aggs/grouped/locale/global/market/crypto/{date}?adjusted=false")
        } else {
            format!("/v2/aggs/grouped/locale/us/market/stocks/{date}?adjusted=false&include_otc=false")
        };
        let answer = self.http.get(&path).await?;
        let read = read(&self.readers, answer, move |body| grouped::grouped(body, class, date));
        let (page, Headers { request_id, server_time }) = read.await?;
        Ok(GroupedPage { request_id: page.request_id.or(request_id), server_time, ..page })
    }

    async fn splits(&self, tickers: &[String], cursor: Option<&Cursor>) -> Result<Dated<SplitPage>, Fault> {
        let Some(asked) = self.splits.asked(tickers, None, cursor) else {
            return Ok(Dated::of(SplitPage::default(), None));
        };
        let answer = self.splits.answer(self.http.get(&asked.path).await, &asked)?;
        let (base, of) = (self.http.base.clone(), asked.clone());
        let page = self.dated(answer, move |body| reference::splits(body, &of.tickers, &base, of.endpoint)).await?;
        Ok(page.map(|page| SplitPage { next: asked.next(tickers, None, page.next), ..page }))
    }

    async fn dividends(
        &self,
        tickers: &[String],
        since: Option<NaiveDate>,
        cursor: Option<&Cursor>,
    ) -> Result<Dated<DividendPage>, Fault> {
        let Some(asked) = self.dividends.asked(tickers, since, cursor) else {
            return Ok(Dated::of(DividendPage::default(), None));
        };
        let answer = self.dividends.answer(self.http.get(&asked.path).await, &asked)?;
        let (base, of) = (self.http.base.clone(), asked.clone());
        let page = self.dated(answer, move |body| reference::dividends(body, &of.tickers, &base, of.endpoint)).await?;
        Ok(page.map(|page| DividendPage { next: asked.next(tickers, since, page.next), ..page }))
    }

    async fn market_status(&self) -> Result<Dated<MarketStatus>, Fault> {
        self.dated(self.http.get("/v1/marketstatus/now").await?, reference::market_status).await
    }

    async fn upcoming_holidays(&self) -> Result<Dated<Vec<Holiday>>, Fault> {
        self.dated(self.http.get("/v1/marketstatus/upcoming").await?, reference::holidays).await
    }

    async fn tickers(&self, search: &str, limit: u32) -> Result<Dated<Vec<Ticker>>, Fault> {
        let limit = limit.clamp(1, 1_000);
        let path = format!("/v3/reference/tickers?search={}&active=true&limit={limit}", encoded(search));
        self.dated(self.http.get(&path).await?, reference::tickers).await
    }

    async fn ticker(&self, ticker: &str) -> Result<Dated<Option<TickerDetails>>, Fault> {
        if ticker.is_empty() {
            return Err(Fault::new(Class::Permanent, "an empty ticker cannot be requested"));
        }
        match self.http.exchange(&format!("/v3/reference/tickers/{}", encoded(ticker))).await {
            Ok(answer) => {
                let ticker = ticker.to_owned();
                self.dated(answer, move |body| reference::details(body, &ticker).map(Some)).await
            }
            Err(Refused { fault, body }) if fault.status == Some(404) && is_not_found(&body) => {
                Ok(Dated::of(None, fault.server_time))
            }
            Err(Refused { fault, .. }) => Err(fault),
        }
    }
}
