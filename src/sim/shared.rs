//! What the handlers of the simulated vendor share: configuration, clock, bars, faults, the log and the chains of pages.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::config::{ConfigChange, Live, SimConfig};
use crate::data::flat::FlatFiles;
use crate::data::hours::Hours;
use crate::data::memo::Memo;
use crate::data::payments::Payments;
use crate::data::source::Bars;
use crate::fault::FaultBook;
use crate::gate::Gate;
use crate::http::answer::Refusal;
use crate::http::limit::{Limiter, PublicLimit};
use crate::http::log::RequestLog;
use crate::http::request::{Cursor, Judge, VendorRequest};
use crate::lock;
use crate::script::book::Book;
use crate::script::event::Script;
use crate::script::marks::Eye;
use crate::script::view::View;
use barkeep_base::clock::Clock;
use barkeep_market::Ts;

/// Chains remembered before the memory is emptied.
const CHAINS_KEPT: usize = 200_000;

/// Everything the handlers share.
pub(crate) struct Shared {
    pub(crate) config: SimConfig,
    pub(crate) live: Mutex<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bars: Box<dyn Bars>,
    pub(crate) payments: Payments,
    pub(crate) hours: Hours,
    pub(crate) limiter: Mutex<Limiter>,
    /// The second vendor's limit.
    pub(crate) public: Mutex<PublicLimit>,
    pub(crate) faults: FaultBook,
    /// The script in force.
    pub(crate) book: Mutex<Arc<Book>>,
    pub(crate) log: RequestLog,
    /// Tickers requested or configured.
    pub(crate) noticed: Mutex<BTreeSet<String>>,
    /// Links handed out, by path and cursor.
    pub(crate) chains: Mutex<HashMap<String, Chain>>,
    pub(crate) memo: Memo,
    /// Flat files that were asked for.
    pub(crate) files: Mutex<FlatFiles>,
    pub(crate) requests: AtomicU64,
    pub(crate) gate: Gate,
    pub(crate) started: Instant,
    pub(crate) stopping: CancellationToken,
}

/// Where a link belongs.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) page: u32,
    /// Path and cursor of the first page.
    pub(crate) first: Option<String>,
}

impl Shared {
    pub(crate) fn now(&self) -> Ts {
        let now = lock(&self.live).now.unwrap_or_else(|| self.clock.now());
        let book = self.book();
        if book.is_blank() { now } else { now + book.skew_ms(now.ms()) }
    }

    pub(crate) fn book(&self) -> Arc<Book> {
        Arc::clone(&lock(&self.book))
    }

    /// Puts a script in force in place of the one before.
    pub(crate) fn set_script(&self, script: Script) -> Result<(), String> {
        let book = Arc::new(Book::new(script)?);
        self.faults.script(&book.script.faults);
        *lock(&self.book) = book;
        Ok(())
    }

    /// The bars as the vendor has them at a moment.
    pub(crate) fn view<'a>(&'a self, book: &'a Book, now: Ts) -> View<'a> {
        View { bars: &*self.bars, hours: &self.hours, book, eye: Eye::Vendor(now.ms()) }
    }

    /// The configuration that holds now, under a script.
    pub(crate) fn plan(&self, book: &Book, now: Ts) -> Live {
        let mut live = *lock(&self.live);
        book.plan(&mut live, now.ms());
        live
    }

    pub(crate) fn configure(&self, change: &ConfigChange) {
        lock(&self.live).apply(change);
        lock(&self.noticed).extend(change.symbols.iter().cloned());
    }

    /// The origin that `next_url` names.
    pub(crate) fn next_origin(&self, request: &VendorRequest) -> String {
        match &self.config.next_url_host {
            None => request.origin.clone(),
            Some(origin) if origin.contains("://") => origin.clone(),
            Some(host) => format!("https://{host}"),
        }
    }

    /// Remembers a link given out on the page being answered.
    pub(crate) fn link(&self, judge: &Judge, path: &str, first: Option<&str>) {
        self.remember(path, Chain { page: judge.page + 1, first: first.map(str::to_owned) });
    }

    pub(crate) fn remember(&self, path: &str, chain: Chain) {
        let mut chains = lock(&self.chains);
        if chains.len() >= CHAINS_KEPT {
            chains.clear();
        }
        chains.insert(path.to_owned(), chain);
    }

    pub(crate) fn chain(&self, request: &VendorRequest) -> Option<Chain> {
        let Cursor::Good(cursor) = &request.cursor else { return None };
        lock(&self.chains).get(&format!("{}?cursor={cursor}", request.path)).cloned()
    }

    /// Path and cursor of the first page of the chain a request belongs to.
    pub(crate) fn chain_start(&self, request: &VendorRequest) -> Option<String> {
        self.chain(request).and_then(|chain| chain.first)
    }

    /// Place of a request in its chain.
    pub(crate) fn page_of(&self, request: &VendorRequest) -> u32 {
        match request.cursor {
            Cursor::None => 1,
            _ => self.chain(request).map_or(2, |chain| chain.page),
        }
    }

    pub(crate) fn admit(&self, request: &VendorRequest) -> Result<(), Refusal> {
        let key = match &request.key {
            Some((_, key)) if !key.is_empty() => key,
            _ => return Err(Refusal::NoKey),
        };
        if self.config.keys.as_ref().is_some_and(|keys| !keys.contains(key)) {
            return Err(Refusal::UnknownKey);
        }
        let limit = lock(&self.live).rate_limit;
        let mut limiter = lock(&self.limiter);
        // Read inside the lock, so that arrivals are in order.
        limiter.arrive(key, limit, self.config.window, self.started.elapsed()).map_err(|wait| {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Refusal::RateLimited(self.config.retry_after.then_some(seconds))
        })
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}
