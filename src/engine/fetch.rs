//! Asking for one item of a plan, page by page, and handing each page on.
//!
//! What an answer proves is decided here: a page that leads on proves only what lies before its last bar's end, the last
//! page proves the rest of the range, and a first bar that comes whole sessions late proves nothing about the time
//! before it, because a plan with a shorter history clips the head of an answer silently (vendor.md 1.4).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::gate::{Pass, Priority, Purpose, Refused};
use super::ingest::{Arrival, Committed, Ingest, Part, Verdict, settled};
use super::journal::request_row;
use super::progress::{Event, Head, Job, Listener};
use super::registrar::{FamilyKeys, Registrar};
use crate::market::freshness::Delay;
use crate::market::ts::DAY;
use crate::market::{AssetClass, Family, Interval, Symbol, Timeframe, Ts};
use crate::plan::build::PAGE;
use crate::plan::{Ask, Horizon, Item};
use crate::store::StoreError;
use crate::timing;
use crate::vendor::dispatch::{Attempt, Dispatcher, PageGuard};
use crate::vendor::{AggregateQuery, Class, Cursor, Fault, Page};

/// An empty answer for a range that ended this recently may only be late.
const RECENT: i64 = 2 * DAY;

/// A head without bars is questioned only when it is older than this: no plan's history is as short, and a thin symbol
/// may well not trade for a few days.
const SHORTEST_HISTORY: i64 = 7 * DAY;

/// Why an item ended without all of its bars.
#[derive(Debug)]
pub enum ItemError {
    /// The vendor's fault; other items may go on unless the class says otherwise.
    Vendor(Fault),
    /// The database is gone; the run ends.
    Store(StoreError),
}

impl From<StoreError> for ItemError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<Fault> for ItemError {
    fn from(f: Fault) -> Self {
        Self::Vendor(f)
    }
}

/// What the run has learnt about the vendor's plan on the way.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Markets (round the clock or not) whose data come at the end of the day only.
    pub end_of_day: BTreeSet<bool>,
    pub grouped_refused: bool,
    pub not_grouped: BTreeSet<Symbol>,
    pub not_grouped_dates: BTreeSet<NaiveDate>,
    /// Requests that the answers so far would have taken at least, had every page been full and none been repeated.
    pub needed: u64,
    /// Grows with every new fact: a reason to plan again.
    pub learnt: u64,
}

/// One run's view of the engine, shared by its fetchers.
pub struct Fetcher {
    pub engine: Engine,
    pub dispatcher: Dispatcher,
    /// Whether the schedule wants this run, rather than somebody who waits for it.
    pub scheduled: bool,
    pub registrar: Arc<Registrar>,
    pub ingest: Ingest,
    pub listener: Arc<dyn Listener>,
    pub cancel: CancellationToken,
    pub facts: Mutex<Facts>,
    pub execution: uuid::Uuid,
    /// The time the whole run plans by.
    pub now: Ts,
    pub delays: Delays,
}

/// The plan's delay by market, as known at the start of a run.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Stocks and funds.
    pub exchange: Delay,
    /// Crypto.
    pub continuous: Delay,
}

impl Delays {
    #[must_use]
    pub const fn of(&self, class: AssetClass) -> Delay {
        if class.is_continuous() { self.continuous } else { self.exchange }
    }
}

impl Fetcher {
    /// The horizon of a family, as far as the run knows by now.
    #[must_use]
    pub fn horizon(&self, class: AssetClass, family: Family) -> Horizon {
        let late = self.facts().end_of_day.contains(&class.is_continuous());
        let delay = if late { Delay::EndOfDay } else { self.delays.of(class) };
        Horizon::at(&self.engine.calendar, class, family, delay, self.engine.settings.backfill.settle, self.now)
    }

    pub fn facts(&self) -> std::sync::MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, lesson: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts();
        lesson(&mut facts);
        facts.learnt += 1;
    }

    fn until(&self, wait: Duration) -> Ts {
        self.engine.clock.now() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
    }

    /// Makes one request when its turn has come. The pass is held until the answer is on its way to the database, so
    /// that no more answers than places wait for it. A pause turns the request back before it starts; it then waits for
    /// its turn again.
    pub async fn ask<T, F>(&self, item: &Item, call: impl Fn(CancellationToken) -> F) -> Result<(T, Pass), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let priority = Priority { criticality: item.criticality, history: !item.newest, scheduled: self.scheduled };
        loop {
            let pass = match self.engine.gate.enter(priority, self.purpose(item), &self.cancel).await {
                Ok(pass) => pass,
                Err(refused) => {
                    let why = match refused {
                        Refused::Cancelled => return Err(Fault::cancelled()),
                        Refused::SymbolPaused => "the symbol is paused; its gap stays open",
                        Refused::SeriesPaused => "the series is paused; its gap stays open",
                        Refused::SeriesCancelled => "the series was cancelled; its gap stays open",
                    };
                    return Err(Fault::new(Class::Cancelled, why));
                }
            };
            match call(pass.token.clone()).await {
                Err(fault) if fault.class == Class::Cancelled && !self.cancel.is_cancelled() => drop(pass),
                outcome => return outcome.map(|value| (value, pass)),
            }
        }
    }

    /// What a request of one symbol is made for; `None` when it serves many.
    fn purpose(&self, item: &Item) -> Option<Purpose> {
        let symbol = item.symbols.first().filter(|_| item.symbols.len() == 1)?;
        let timeframes = match &item.ask {
            Ask::Aggregates { timeframe, .. } => self.registrar.asked(symbol, timeframe.family()),
            Ask::GroupedDaily { .. } => self.registrar.asked(symbol, Family::Day),
            Ask::Splits { .. } => Vec::new(),
        };
        Some(Purpose { execution: self.execution, symbol: symbol.clone(), timeframes })
    }

    /// Carries out one item, and tells how long it took.
    pub async fn fetch(&self, number: u64, item: &Item) -> Result<(), ItemError> {
        let (spent, start) = (Arc::default(), Instant::now());
        let outcome = timing::scope(Arc::clone(&spent), self.carry_out(number, item)).await;
        let (timeframe, derives) = match &item.ask {
            Ask::Aggregates { timeframe, derives, .. } => (Some(*timeframe), derives.clone()),
            Ask::GroupedDaily { .. } => (Some(Timeframe::D1), Vec::new()),
            Ask::Splits { .. } => (None, Vec::new()),
        };
        self.listener.timed(Job { symbols: item.symbols.clone(), timeframe, derives, took: start.elapsed(), spent });
        outcome
    }

    async fn carry_out(&self, number: u64, item: &Item) -> Result<(), ItemError> {
        self.listener.hear(Event::Started { item: number, head: Head::of(item) });
        match &item.ask {
            Ask::Aggregates { ticker, asset_class, timeframe, range, .. } => {
                let Some(symbol) = item.symbols.first() else { return Ok(()) };
                let query = AggregateQuery {
                    ticker: ticker.clone(),
                    class: *asset_class,
                    timeframe: *timeframe,
                    range: *range,
                };
                self.aggregates(number, item, symbol, query).await
            }
            Ask::GroupedDaily { asset_class, date } => self.grouped(number, item, *asset_class, *date).await,
            Ask::Splits { tickers } => super::splits::fetch(self, item, tickers).await,
        }
    }

    async fn aggregates(
        &self,
        number: u64,
        item: &Item,
        symbol: &Symbol,
        mut query: AggregateQuery,
    ) -> Result<(), ItemError> {
        let family = query.timeframe.family();
        let horizon = self.horizon(query.class, family);
        let reachable = query.timeframe.snap_out(query.class, Interval::new(Ts::MIN, horizon.end));
        query.range = query.range.intersect(reachable);
        if query.range.is_empty() {
            return Ok(());
        }
        let mut guard = PageGuard::new(self.engine.settings.vendor.max_pages);
        let mut cursor = None;
        let mut answered_to = query.range.start;
        let mut any_bars = false;
        let mut acks = Vec::new();
        let mut keys: Option<Arc<FamilyKeys>> = None;
        let mut head: Result<(), ItemError> = Ok(());
        let mut counted: Option<u64> = None;
        let outcome = loop {
            let answer = self.page(item, &query, cursor.as_ref()).await;
            let ((page, attempt), pass) = match answer {
                Ok(answer) => answer,
                Err(fault) => break self.refused(symbol, &query, answered_to, fault).await,
            };
            if let Err(fault) = guard.check(&page, cursor.as_ref()) {
                let failed = Attempt { fault: Some(fault.clone()), ..attempt };
                self.record(&failed).await?;
                break Err(fault.into());
            }
            let keys = if let Some(keys) = &keys {
                Arc::clone(keys)
            } else {
                let fresh = self.registrar.keys(symbol, family, &self.engine.settings).await?;
                Arc::clone(keys.insert(Arc::new(fresh)))
            };
            if let Some(fault) = wrongly_adjusted(&keys, &page) {
                self.record(&Attempt { fault: Some(fault.clone()), ..attempt }).await?;
                break Err(fault.into());
            }
            if let Some(unproven) = page.bars.first().filter(|_| cursor.is_none()).and_then(|b| self.head(&query, b.ts))
            {
                answered_to = unproven.end;
                head = self.prove_head(symbol, &query, unproven, &pass.token).await;
            }
            any_bars |= !page.bars.is_empty();
            counted = Some(counted.unwrap_or(0) + page.query_count);
            let answered = Self::answered(&query, &page, answered_to);
            answered_to = answered.end.max(answered_to);
            let verdict = self.verdict(any_bars, answered);
            let fetched_at = self.engine.clock.now();
            let request = Some(request_row(&attempt, Some(self.execution)));
            let next = page.next;
            let part = Part { keys, answered, verdict, bars: page.bars, horizon };
            let arrival = Arrival { parts: vec![part], request, fetched_at, only: None, pass: Some(pass) };
            let ack = self.ingest.send(arrival).await;
            acks.push((ack, attempt.rows, progress(query.range, answered_to, next.is_some())));
            if next.is_none() {
                break Ok(());
            }
            cursor = next;
            // Tell of pages already committed while the rest is on its way.
            while acks.len() > 2 {
                let (ack, rows, done) = acks.remove(0);
                self.tell(number, rows, done, settled(ack).await?);
            }
        };
        self.facts().needed += counted.map_or(0, |n| n.div_ceil(PAGE).max(1));
        for (ack, rows, done) in acks {
            self.tell(number, rows, done, settled(ack).await?);
        }
        outcome.and(head)
    }

    async fn page(
        &self,
        item: &Item,
        query: &AggregateQuery,
        cursor: Option<&Cursor>,
    ) -> Result<((Page, Attempt), Pass), Fault> {
        self.ask(item, |token| async move { self.dispatcher.aggregates(query, cursor, &token).await }).await
    }

    /// The range a page answers for, from where the page before ended.
    fn answered(query: &AggregateQuery, page: &Page, from: Ts) -> Interval {
        let last_end = page.bars.iter().map(|bar| query.timeframe.end_of(query.class, bar.ts)).max();
        // A vendor that reaches its own limit without saying where to go on has cut the answer.
        let cut = page.next.is_none() && page.query_count >= PAGE;
        let end = if page.next.is_some() || cut { last_end.unwrap_or(from) } else { query.range.end };
        Interval::new(from, end.min(query.range.end).max(from))
    }

    /// The sessions at the start of an old range that have no bar although later ones do.
    fn head(&self, query: &AggregateQuery, first: Ts) -> Option<Interval> {
        let first_day = query.timeframe.span(query.class, Timeframe::D1.span(query.class, first).start).start;
        let head = Interval::new(query.range.start, first_day);
        let whole_days = Timeframe::D1.snap_in(query.class, head);
        let traded = self.engine.calendar.regular(query.class, whole_days);
        (head.start < self.now - SHORTEST_HISTORY && !traded.is_empty()).then_some(head)
    }

    /// Asks for the first session of a head by itself: a plan with a shorter history refuses it, a symbol that was not
    /// listed yet has nothing in it. One request, and only for ranges that begin so.
    ///
    /// It is made with the pass of the page that raised the doubt (`token` is that pass's): waiting for a second place
    /// while holding one would lock the gate once every place is held so.
    async fn prove_head(
        &self,
        symbol: &Symbol,
        query: &AggregateQuery,
        head: Interval,
        token: &CancellationToken,
    ) -> Result<(), ItemError> {
        let sessions = self.engine.calendar.trading(query.class, query.timeframe.family(), head);
        let Some(first) = sessions.as_slice().first() else { return Ok(()) };
        let day = Timeframe::D1.span(query.class, first.start);
        let range = query.timeframe.snap_out(query.class, day.intersect(head));
        let probe = AggregateQuery { range, ..query.clone() };
        let head = AggregateQuery { range: head, ..query.clone() };
        match self.dispatcher.aggregates(&probe, None, token).await {
            Ok((page, attempt)) if page.bars.is_empty() => {
                let keys = self.registrar.keys(symbol, query.timeframe.family(), &self.engine.settings).await?;
                let part = Part {
                    keys: Arc::new(keys),
                    answered: head.range,
                    verdict: self.verdict(false, head.range),
                    bars: Vec::new(),
                    horizon: self.horizon(query.class, query.timeframe.family()),
                };
                let request = Some(request_row(&attempt, Some(self.execution)));
                let fetched_at = self.engine.clock.now();
                let arrival = Arrival { parts: vec![part], request, fetched_at, only: None, pass: None };
                settled(self.ingest.send(arrival).await).await?;
                Ok(())
            }
            // It has bars after all: the head stays a gap and is asked as one.
            Ok((_, attempt)) => Ok(self.record(&attempt).await?),
            // Paused before it started: the head stays a gap.
            Err(fault) if fault.class == Class::Cancelled && !self.cancel.is_cancelled() => Ok(()),
            Err(fault) => self.refused(symbol, &head, head.range.start, fault).await,
        }
    }

    fn verdict(&self, any_bars: bool, answered: Interval) -> Verdict {
        if any_bars {
            return Verdict::Answered;
        }
        let backfill = &self.engine.settings.backfill;
        let recent = answered.end > self.now - RECENT;
        let wait = if recent { backfill.recent_empty_recheck } else { backfill.empty_recheck };
        Verdict::Empty { until: self.until(wait) }
    }

    /// A range the vendor refuses is remembered with its reason, so that it is not asked again and again.
    async fn refused(&self, symbol: &Symbol, query: &AggregateQuery, from: Ts, fault: Fault) -> Result<(), ItemError> {
        let class = query.class;
        let today = Timeframe::D1.span(class, self.now);
        let (range, until) = match fault.class {
            Class::TooEarly => (Interval::new(today.start, today.end), today.end),
            Class::PlanWindow | Class::NotEntitled => {
                let until = self.until(self.engine.settings.backfill.not_entitled_recheck);
                (Interval::new(from, query.range.end), until)
            }
            _ => return Err(fault.into()),
        };
        let family = query.timeframe.family();
        let keys = Arc::new(self.registrar.keys(symbol, family, &self.engine.settings).await?);
        let horizon = self.horizon(class, family);
        let answered = query.timeframe.snap_out(class, range);
        let part = Part { keys, answered, verdict: Verdict::Refused { until }, bars: Vec::new(), horizon };
        let fetched_at = self.engine.clock.now();
        let arrival = Arrival { parts: vec![part], request: None, fetched_at, only: None, pass: None };
        settled(self.ingest.send(arrival).await).await?;
        if fault.class == Class::TooEarly {
            self.learn(|facts| {
                facts.end_of_day.insert(class.is_continuous());
            });
            return Ok(());
        }
        Err(fault.into())
    }

    /// One date of the whole market. A symbol that is not in it may be OTC or not have traded; it is asked for by itself.
    async fn grouped(&self, number: u64, item: &Item, class: AssetClass, date: NaiveDate) -> Result<(), ItemError> {
        let answer = self.ask(item, |token| async move { self.dispatcher.grouped_daily(class, date, &token).await });
        let ((page, attempt), pass) = match answer.await {
            Ok(answer) => answer,
            Err(fault) => {
                match fault.class {
                    Class::NotEntitled | Class::Permanent => self.learn(|facts| facts.grouped_refused = true),
                    Class::TooEarly | Class::PlanWindow | Class::Malformed => self.learn(|facts| {
                        facts.not_grouped_dates.insert(date);
                    }),
                    _ => return Err(fault.into()),
                }
                tracing::info!(%date, error = %fault, "the grouped answer is no use; asking symbol by symbol");
                return Ok(());
            }
        };
        self.facts().needed += 1;
        let day = Interval::new(class.midnight(date), Timeframe::D1.end_of(class, class.midnight(date)));
        let by_ticker: std::collections::HashMap<&str, &crate::market::Bar> =
            page.bars.iter().map(|(ticker, bar)| (ticker.as_str(), bar)).collect();
        let mut parts = Vec::new();
        let mut absent = Vec::new();
        for symbol in &item.symbols {
            let keys = self.registrar.keys(symbol, Family::Day, &self.engine.settings).await?;
            let scaled = page.adjusted && keys.splits.iter().any(|split| split.date > date);
            match by_ticker.get(symbol.vendor_ticker(keys.class).as_str()).filter(|_| !scaled) {
                Some(bar) => parts.push(Part {
                    horizon: self.horizon(keys.class, Family::Day),
                    keys: Arc::new(keys),
                    answered: day,
                    verdict: Verdict::Answered,
                    bars: vec![**bar],
                }),
                None => absent.push(symbol.clone()),
            }
        }
        if !absent.is_empty() {
            self.learn(|facts| {
                if page.bars.is_empty() {
                    facts.not_grouped_dates.insert(date);
                } else {
                    facts.not_grouped.extend(absent);
                }
            });
        }
        let fetched_at = self.engine.clock.now();
        let request = Some(request_row(&attempt, Some(self.execution)));
        let ack = self.ingest.send(Arrival { parts, request, fetched_at, only: None, pass: Some(pass) }).await;
        self.tell(number, attempt.rows, 1.0, settled(ack).await?);
        Ok(())
    }

    async fn record(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.engine.store.record_request(&request_row(attempt, Some(self.execution))).await
    }

    fn tell(&self, item: u64, rows: u64, done: f64, committed: Vec<Committed>) {
        for Committed { symbol, timeframe, outcome } in committed {
            self.listener.hear(Event::Committed { item, symbol, timeframe, rows, outcome, done });
        }
    }
}

/// Raw prices were asked for. Adjusted ones would mix two scales in one series, wherever a split has happened since.
fn wrongly_adjusted(keys: &FamilyKeys, page: &Page) -> Option<Fault> {
    let first = keys.class.date_of(page.bars.first()?.ts);
    let split = keys.splits.iter().find(|split| page.adjusted && split.date > first)?;
    Some(Fault::new(
        Class::Malformed,
        format!("the answer is adjusted for splits (one on {}), raw prices were asked for", split.date),
    ))
}

/// The share of the range that is answered; never quite 1 while pages follow.
fn progress(range: Interval, answered_to: Ts, more: bool) -> f64 {
    let share = (answered_to - range.start) as f64 / range.len().max(1) as f64;
    if more { share.clamp(0.0, 0.99) } else { 1.0 }
}
