//! A vendor inside the test's own process: no socket, no thread, time only as tokio tells it.
//!
//! Every bar follows from one function of ticker and minute, the *tape*. Coarser bars, days, pages and grouped days are
//! made of it by the vendor's rules: a page counts base minutes (or days), a stock's day takes its prices from regular
//! hours and its volume from all of them, nothing is served before its minute is over. Each call takes a virtual
//! latency and may fail as the script says. So a week of vendor traffic passes on a paused clock in milliseconds.

use barkeep::market::testing::candle;
use barkeep::vendor::testing::page;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use barkeep::base::clock::Clock;
use barkeep::market::dividend::Dividend;
use barkeep::market::resample::resample;
use barkeep::market::split::Split;
use barkeep::market::ts::MINUTE;
use barkeep::market::{AssetClass, Bar, Calendar, Family, Interval, Timeframe, Ts};
use barkeep::vendor::{
    AggregateQuery, Cursor, Dated, DividendPage, Fault, GroupedPage, Holiday, MarketStatus, Page, SplitPage, Ticker,
    TickerDetails, Vendor,
};
use chrono::NaiveDate;
use tokio::time::Instant;

/// The minute bar of a ticker; `None` when nobody traded.
type Tape = dyn Fn(&str, Ts) -> Option<Bar> + Send + Sync;

/// What goes wrong with a call, if anything.
type Faults = dyn Fn(&Call) -> Option<Fault> + Send + Sync;

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// 1 for the first.
    pub number: usize,
    /// By the names of the request log: `aggregates`, `grouped_daily`, `splits`, ...
    pub endpoint: &'static str,
    pub ticker: Option<String>,
    pub range: Option<Interval>,
    /// Whether it follows another page.
    pub follows: bool,
    pub at: Instant,
}

pub struct Scripted {
    clock: Arc<dyn Clock>,
    calendar: Calendar,
    tickers: Vec<String>,
    tape: Box<Tape>,
    faults: Box<Faults>,
    splits: Vec<(String, Split)>,
    dividends: Vec<(String, Dividend)>,
    holidays: Vec<Holiday>,
    known: Vec<TickerDetails>,
    latency: Duration,
    page: usize,
    /// Pages that are moved, first ones or those that follow, and by how much.
    moved: Option<(bool, i64)>,
    calls: Mutex<Vec<Call>>,
}

impl Scripted {
    /// A vendor of these tickers that tells [`made_up`] bars up to the clock's now, at once and without fail.
    pub fn of(tickers: &[&str], clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            calendar: Calendar::new(),
            tickers: tickers.iter().map(|&t| t.to_owned()).collect(),
            tape: Box::new(made_up),
            faults: Box::new(|_| None),
            splits: Vec::new(),
            dividends: Vec::new(),
            holidays: Vec::new(),
            known: Vec::new(),
            latency: Duration::ZERO,
            page: 50_000,
            moved: None,
            calls: Mutex::default(),
        }
    }

    /// Another tape.
    pub fn telling(self, tape: impl Fn(&str, Ts) -> Option<Bar> + Send + Sync + 'static) -> Self {
        Self { tape: Box::new(tape), ..self }
    }

    /// A script of faults: asked once for each call, when its latency is over.
    pub fn failing(self, faults: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self { faults: Box::new(faults), ..self }
    }

    /// How long every call takes.
    pub fn after(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Base bars per page; at least as many as the coarsest bar asked has.
    pub fn paged(self, page: usize) -> Self {
        Self { page, ..self }
    }

    /// Stamps the bars of first pages, or of those that follow, `by` milliseconds later.
    pub fn moving(self, follows: bool, by: i64) -> Self {
        Self { moved: Some((follows, by)), ..self }
    }

    /// Stocks trade at night too, from `from` on.
    pub fn trading_at_night(self, from: Ts) -> Self {
        Self { calendar: self.calendar.with_nights_from(Some(from)), ..self }
    }

    /// Closures that no rule knows.
    pub fn announcing(self, holidays: Vec<Holiday>) -> Self {
        Self { holidays, ..self }
    }

    /// Reference data of tickers, besides what is made up of those that trade.
    pub fn describing(self, known: Vec<TickerDetails>) -> Self {
        Self { known, ..self }
    }

    pub fn paying(self, dividends: Vec<(String, Dividend)>) -> Self {
        Self { dividends, ..self }
    }

    pub fn with_splits(self, splits: Vec<(String, Split)>) -> Self {
        Self { splits, ..self }
    }

    /// Every call so far, in the order they arrived.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// What the vendor has of a ticker now: the bars that start in `range`, the growing one included.
    pub fn bars(&self, ticker: &str, class: AssetClass, timeframe: Timeframe, range: Interval) -> Vec<Bar> {
        let base: Vec<Bar> = self.base(ticker, class, timeframe.family(), range).collect();
        made_of(&base, timeframe, class)
    }

    /// Notes a call, lets its time pass and says how it ends.
    async fn arrive(
        &self,
        endpoint: &'static str,
        ticker: Option<&str>,
        range: Option<Interval>,
        follows: bool,
    ) -> Result<String, Fault> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            let number = calls.len() + 1;
            let call = Call { number, endpoint, ticker: ticker.map(str::to_owned), range, follows, at: Instant::now() };
            calls.push(call.clone());
            call
        };
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        match (self.faults)(&call) {
            Some(fault) => Err(fault),
            None => Ok(format!("scripted-{}", call.number)),
        }
    }

    /// An answer by this vendor's clock, which is the service's.
    fn dated<T>(&self, value: T) -> Dated<T> {
        Dated::of(value, Some(self.clock.now()))
    }

    /// Bars of minutes or days that start in `range` and have begun to be served.
    fn base<'a>(
        &'a self,
        ticker: &'a str,
        class: AssetClass,
        family: Family,
        range: Interval,
    ) -> Box<dyn Iterator<Item = Bar> + 'a> {
        if !self.tickers.iter().any(|t| t == ticker) {
            return Box::new(std::iter::empty());
        }
        if family == Family::Minute {
            return Box::new(self.minutes(ticker, class, range));
        }
        let range = range.intersect(Interval::new(Ts::MIN, self.clock.now()));
        let days = std::iter::successors(Some(Timeframe::D1.span(class, range.start)), move |day| {
            Some(Timeframe::D1.span(class, day.end))
        });
        let days = days.take_while(move |day| day.start < range.end).filter(move |day| day.start >= range.start);
        Box::new(days.filter_map(move |day| self.day(ticker, class, day)))
    }

    fn minutes<'a>(&'a self, ticker: &'a str, class: AssetClass, range: Interval) -> impl Iterator<Item = Bar> + 'a {
        let over = Interval::new(Ts::MIN, self.clock.now() - (MINUTE - 1));
        let served = range.intersect(over);
        let open = self.calendar.trading(class, Family::Minute, served).union(&self.calendar.nights(class, served));
        let starts = open.as_slice().to_vec().into_iter().flat_map(|span| {
            (span.start.ceil(MINUTE).ms()..span.end.ms()).step_by(usize::try_from(MINUTE).unwrap()).map(Ts)
        });
        starts.filter_map(|minute| (self.tape)(ticker, minute))
    }

    /// A day; `None` without a regular trade.
    fn day(&self, ticker: &str, class: AssetClass, day: Interval) -> Option<Bar> {
        let all: Vec<Bar> = self.minutes(ticker, class, day).collect();
        let hours = self.calendar.regular(class, day);
        let regular: Vec<Bar> = all.iter().filter(|bar| hours.contains(bar.ts)).copied().collect();
        let prices = resample(&regular, Timeframe::D1, class).pop()?;
        let sums = resample(&all, Timeframe::D1, class).pop()?;
        Some(Bar { volume: sums.volume, vwap: sums.vwap, trades: sums.trades, ..prices })
    }
}

/// Bars of `timeframe` from bars of its family's base.
fn made_of(base: &[Bar], timeframe: Timeframe, class: AssetClass) -> Vec<Bar> {
    match timeframe {
        Timeframe::M1 | Timeframe::D1 => base.to_vec(),
        _ => resample(base, timeframe, class),
    }
}

#[async_trait]
impl Vendor for Scripted {
    async fn aggregates(&self, query: &AggregateQuery, cursor: Option<&Cursor>) -> Result<Page, Fault> {
        let AggregateQuery { ticker, class, timeframe, range, .. } = query;
        let id = self.arrive("aggregates", Some(ticker), Some(*range), cursor.is_some()).await?;
        let from = cursor.map_or(range.start, |c| Ts(c.0.parse().expect("a cursor of this vendor")));
        let rest = Interval::new(from, range.end);
        let mut base: Vec<Bar> = self.base(ticker, *class, timeframe.family(), rest).take(self.page + 1).collect();
        let next = base.get(self.page).map(|over| timeframe.span(*class, over.ts).start);
        if let Some(next) = next {
            assert!(next > from, "a page of {} cannot hold one bar of {timeframe}", self.page);
            base.retain(|bar| bar.ts < next);
        }
        let mut bars = made_of(&base, *timeframe, *class);
        if let Some((_, by)) = self.moved.filter(|(follows, _)| *follows == cursor.is_some()) {
            for bar in &mut bars {
                bar.ts = bar.ts + by;
            }
        }
        Ok(Page {
            query_count: base.len() as u64,
            full: next.is_some(),
            next: next.map(|t| Cursor(t.ms().to_string())),
            request_id: Some(id),
            server_time: Some(self.clock.now()),
            bytes: bars.len() as u64 * 100,
            ..page(bars)
        })
    }

    async fn grouped_daily(&self, class: AssetClass, date: NaiveDate) -> Result<GroupedPage, Fault> {
        let day = Timeframe::D1.span(class, class.midnight(date));
        let id = self.arrive("grouped_daily", None, Some(day), false).await?;
        let market = self.tickers.iter().filter(|t| t.starts_with("X:") == class.is_continuous());
        let bars: Vec<(String, Bar)> = market.filter_map(|t| Some((t.clone(), self.day(t, class, day)?))).collect();
        let bytes = bars.len() as u64 * 100;
        let server_time = Some(self.clock.now());
        Ok(GroupedPage { date, bytes, bars, request_id: Some(id), server_time, ..GroupedPage::default() })
    }

    async fn splits(&self, tickers: &[String], cursor: Option<&Cursor>) -> Result<Dated<SplitPage>, Fault> {
        self.arrive("splits", None, None, cursor.is_some()).await?;
        let splits = self.splits.iter().filter(|(ticker, _)| tickers.contains(ticker)).cloned().collect();
        Ok(self.dated(SplitPage { splits, ..SplitPage::default() }))
    }

    async fn dividends(
        &self,
        tickers: &[String],
        since: Option<NaiveDate>,
        cursor: Option<&Cursor>,
    ) -> Result<Dated<DividendPage>, Fault> {
        self.arrive("dividends", None, None, cursor.is_some()).await?;
        let due = |(ticker, d): &&(String, Dividend)| {
            tickers.contains(ticker) && since.is_none_or(|since| since <= d.ex_date)
        };
        let dividends = self.dividends.iter().filter(due).cloned().collect();
        Ok(self.dated(DividendPage { dividends, ..DividendPage::default() }))
    }

    async fn market_status(&self) -> Result<Dated<MarketStatus>, Fault> {
        self.arrive("market_status", None, None, false).await?;
        let now = self.clock.now();
        let moment = Interval::new(now, now + 1);
        let regular = self.calendar.regular(AssetClass::Stock, moment);
        let extended = self.calendar.trading(AssetClass::Stock, Family::Minute, moment);
        let market = match (regular.is_empty(), extended.is_empty()) {
            (false, _) => "open",
            (true, false) => "extended-hours",
            (true, true) => "closed",
        };
        Ok(self.dated(MarketStatus { market: market.to_owned(), server_time: Some(now) }))
    }

    async fn upcoming_holidays(&self) -> Result<Dated<Vec<Holiday>>, Fault> {
        self.arrive("holidays", None, None, false).await.map(|_| self.dated(self.holidays.clone()))
    }

    async fn tickers(&self, search: &str, limit: u32) -> Result<Dated<Vec<Ticker>>, Fault> {
        self.arrive("tickers", None, None, false).await?;
        let described =
            self.known.iter().filter(|t| t.active && (t.ticker.contains(search) || t.name.contains(search)));
        let described = described.map(|t| Ticker {
            ticker: t.ticker.clone(),
            name: t.name.clone(),
            market: t.market.clone(),
            kind: t.kind.clone(),
            active: t.active,
        });
        let other = |t: &&String| self.known.iter().all(|known| known.ticker != **t);
        let found = self.tickers.iter().filter(|t| t.contains(search)).filter(other);
        let row = |ticker: &String| Ticker {
            name: ticker.clone(),
            market: if ticker.starts_with("X:") { "crypto" } else { "stocks" }.to_owned(),
            kind: None,
            active: true,
            ticker: ticker.clone(),
        };
        Ok(self.dated(described.chain(found.map(row)).take(limit as usize).collect()))
    }

    async fn ticker(&self, ticker: &str) -> Result<Dated<Option<TickerDetails>>, Fault> {
        self.arrive("ticker", Some(ticker), None, false).await?;
        if let Some(described) = self.known.iter().find(|t| t.ticker == ticker) {
            return Ok(self.dated(Some(described.clone())));
        }
        let known = |ticker: &String| TickerDetails {
            name: ticker.clone(),
            market: if ticker.starts_with("X:") { "crypto" } else { "stocks" }.to_owned(),
            kind: None,
            active: true,
            listed_on: None,
            delisted_on: None,
            currency: None,
            composite_figi: None,
            ticker: ticker.clone(),
        };
        Ok(self.dated(self.tickers.iter().find(|t| *t == ticker).map(known)))
    }
}

/// A quiet market in whole cents and shares: every bar opens where the one before closed, one minute in seven has no
/// trade.
pub fn made_up(ticker: &str, minute: Ts) -> Option<Bar> {
    let n = minute.ms() / MINUTE;
    let name = ticker.bytes().fold(7, |all, b| mix(all ^ u64::from(b)));
    let luck = mix(name ^ mix(n.unsigned_abs()));
    if luck.is_multiple_of(7) {
        return None;
    }
    // A base by ticker, a swing of two days, a few cents of noise.
    let level = |n: i64| {
        let swing = (n.rem_euclid(2_880) - 1_440).abs();
        10_000 + (name % 20_000) as i64 + swing / 4 + (mix(name ^ n.unsigned_abs()) % 9) as i64
    };
    let (open, close) = (level(n), level(n + 1));
    let dollars = |cents: i64| cents as f64 / 100.0;
    let (high, low) = (open.max(close) + (luck >> 8) as i64 % 4, open.min(close) - (luck >> 16) as i64 % 4);
    Some(Bar {
        volume: (100 + (luck >> 24) % 900) as f64,
        vwap: Some(dollars(open + close) / 2.0),
        trades: Some(1 + (luck >> 40) as i64 % 50),
        ..candle(minute, [open, high, low, close].map(dollars))
    })
}

/// `SplitMix64`'s finaliser: spreads every bit over all.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
