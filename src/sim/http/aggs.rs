//! Aggregates: one ticker's bars over a range, a whole market's on one day, a ticker's last day.

use std::collections::BTreeSet;

use chrono::{FixedOffset, NaiveDate, NaiveTime};

use crate::data::grid::{Grid, LARGEST};
use crate::data::hours::{date_of, is_crypto, midnight};
use crate::data::source::Row;
use crate::http::answer::Refusal;
use crate::http::page::{Page, Place};
use crate::http::request::{Judge, VendorRequest, pack};
use crate::plan::{Older, SimDelay};
use crate::shared::Shared;
use barkeep_market::Ts;

/// `limit` when none is given, and the most the vendor accepts.
const DEFAULT_LIMIT: u64 = 5_000;
const LARGEST_LIMIT: u64 = 50_000;
/// Markets the simulator has no data for: currencies, indices, options.
const OTHER_MARKETS: [&str; 3] = ["C:", "I:", "O:"];

/// `/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}`
pub(crate) fn range(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    adjusted: bool,
    [ticker, multiplier, timespan, from, to]: [&str; 5],
) -> Result<Page, Refusal> {
    let crypto = is_crypto(ticker);
    let multiplier = multiplier.parse().ok().filter(|n| (1..=LARGEST).contains(n));
    let multiplier = multiplier.ok_or_else(|| bad("The parameter 'multiplier' must be a positive number"))?;
    if timespan == "second" || OTHER_MARKETS.iter().any(|prefix| ticker.starts_with(prefix)) {
        return Err(Refusal::NotEntitled);
    }
    let grid = Grid::of(crypto, multiplier, timespan).ok_or_else(|| {
        bad("The parameter 'timespan' must be one of second, minute, hour, day, week, month, quarter, year")
    })?;
    let from_text = from;
    let zone = judge.book.zone(ticker, crypto, judge.now.ms());
    let from = instant(crypto, zone, from, false).ok_or(Refusal::BadTime("from"))?;
    let to_instant = instant(crypto, zone, to, true).ok_or(Refusal::BadTime("to"))?;
    if to_instant < from {
        return Err(Refusal::ToBeforeFrom);
    }
    let accepted = LARGEST_LIMIT.max(u64::from(shared.config.base_limit));
    let limit = match request.param("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=accepted).contains(n))
            .ok_or_else(|| bad(&format!("The parameter 'limit' must be a number from 1 to {accepted}")))?,
    };
    let descending = match request.param("sort") {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(bad("The parameter 'sort' must be 'asc' or 'desc'")),
    };
    let plan_start = entitled(judge, crypto, from, to_instant)?;

    shared.notice(ticker);
    let view = shared.view(&judge.book, judge.now);
    let (start, end) = (grid.span(from).0, grid.span(to_instant).1);
    let first = start.max(plan_start);
    let cutoff = judge.cutoff(crypto);
    let factors = if adjusted { factors(shared, judge, ticker) } else { Vec::new() };
    let capped = (!descending && !judge.unlimited).then(|| limit.min(u64::from(shared.config.base_limit.max(1))));
    let mut rolled = view.roll(ticker, grid, (first, end), cutoff, capped, &|row| scaled(row, &factors))?;
    if descending {
        let most = (!judge.unlimited).then_some(limit);
        newest_first(&mut rolled.rows, &rolled.counts, &mut rolled.base, most);
    }

    let mut cursor = format!("limit={limit}&sort=asc");
    if !adjusted {
        cursor.push_str("&adjusted=false");
    }
    let link = |from: &str, cursor: &str| format!("{}?cursor={}", with_from(&request.path, from), pack(cursor));
    let again = format!("{cursor}&empty=1");
    // A first page carries the times as the client wrote them; under a cursor they are the same text.
    let own = link(from_text, &cursor);
    Ok(Page {
        ticker: Some(ticker.to_owned()),
        rows: rolled.rows,
        base: rolled.base,
        adjusted,
        status: judge.status(),
        next: rolled.next.map(|t| link(&t.to_string(), &cursor)),
        origin: shared.next_origin(request),
        place: Place {
            first: shared.chain_start(request).unwrap_or_else(|| own.clone()),
            again: link(from_text, &again),
            own,
            end,
        },
        ..Page::default()
    })
}

/// `/v2/aggs/grouped/locale/{us|global}/market/{stocks|crypto}/{date}`
pub(crate) fn grouped(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    adjusted: bool,
    crypto: bool,
    date: &str,
) -> Result<Page, Refusal> {
    let date = calendar_date(date).ok_or(Refusal::BadTime("date"))?;
    let plan_start = entitled(judge, crypto, midnight(crypto, date), midnight(crypto, date))?;
    let cutoff = judge.cutoff(crypto);
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    let view = shared.view(&judge.book, judge.now);
    if midnight(crypto, date) >= plan_start && midnight(crypto, date) < cutoff {
        for name in shared.market(crypto) {
            if let Some(row) = view.day(&name, date, cutoff)? {
                let factors = if adjusted { factors(shared, judge, &name) } else { Vec::new() };
                rows.push(Row { t: window_end(crypto, date), ..scaled(&row, &factors) });
                names.push(name);
            }
        }
    }
    Ok(single(shared, request, judge, adjusted, None, names, rows))
}

/// `/v2/aggs/ticker/{ticker}/prev`
pub(crate) fn previous(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    adjusted: bool,
    ticker: &str,
) -> Result<Page, Refusal> {
    /// The longest the exchange has been shut since 2003 is five days.
    const LOOK_BACK: u64 = 14;
    let crypto = is_crypto(ticker);
    shared.notice(ticker);
    let cutoff = judge.cutoff(crypto).min(judge.today(crypto));
    let mut rows = Vec::new();
    let last = date_of(crypto, cutoff - 1);
    for date in (0..LOOK_BACK).filter_map(|back| last.checked_sub_days(chrono::Days::new(back))) {
        if let Some(row) = shared.view(&judge.book, judge.now).day(ticker, date, cutoff)? {
            let factors = if adjusted { factors(shared, judge, ticker) } else { Vec::new() };
            rows.push(Row { t: window_end(crypto, date), ..scaled(&row, &factors) });
            break;
        }
    }
    let names = vec![ticker.to_owned(); rows.len()];
    Ok(single(shared, request, judge, adjusted, Some(ticker.to_owned()), names, rows))
}

/// A page without a successor.
fn single(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    adjusted: bool,
    ticker: Option<String>,
    names: Vec<String>,
    rows: Vec<Row>,
) -> Page {
    let link = |extra: &str| format!("{}?cursor={}", request.path, pack(&format!("adjusted={adjusted}{extra}")));
    let (own, again) = (link(""), link("&empty=1"));
    let end = rows.last().map_or(0, |row| row.t + barkeep_market::ts::DAY);
    Page {
        ticker,
        base: rows.len() as u64,
        names,
        rows,
        adjusted,
        status: judge.status(),
        origin: shared.next_origin(request),
        place: Place { first: own.clone(), own, again, end },
        ..Page::default()
    }
}

/// Refuses what the plan does not hold; otherwise the first instant it does hold.
fn entitled(judge: &Judge, crypto: bool, from: i64, to: i64) -> Result<i64, Refusal> {
    if judge.live.delay == SimDelay::EndOfDay && to >= judge.today(crypto) {
        return Err(Refusal::Today);
    }
    match judge.plan_start(crypto) {
        Some(start) if to < start && judge.live.older != Older::CutOff => Err(Refusal::Timeframe),
        Some(start) if from < start && judge.live.older == Older::Refused => Err(Refusal::Timeframe),
        start => Ok(start.unwrap_or(i64::MIN)),
    }
}

/// Split factors on prices, each for bars before an instant.
fn factors(shared: &Shared, judge: &Judge, ticker: &str) -> Vec<(i64, f64)> {
    let crypto = is_crypto(ticker);
    let today = date_of(crypto, judge.now.ms());
    let splits = shared.view(&judge.book, judge.now).splits(ticker).into_iter().filter(|split| split.date <= today);
    splits.map(|split| (midnight(crypto, split.date), split.from / split.to)).collect()
}

fn scaled(row: &Row, factors: &[(i64, f64)]) -> Row {
    let later = factors.iter().filter(|(at, _)| row.t < *at);
    let factor: f64 = later.map(|(_, factor)| factor).product();
    if factor == 1.0 {
        return *row;
    }
    Row {
        o: row.o * factor,
        h: row.h * factor,
        l: row.l * factor,
        c: row.c * factor,
        v: row.v / factor,
        vw: row.vw.map(|vw| vw * factor),
        ..*row
    }
}

/// Turns bars round and keeps as many of the newest as `limit` base bars make (`None`: all), at least one.
fn newest_first(rows: &mut Vec<Row>, counts: &[u64], base: &mut u64, limit: Option<u64>) {
    rows.reverse();
    let mut used = 0;
    let mut kept = 0;
    for count in counts.iter().rev() {
        if kept > 0 && limit.is_some_and(|limit| used + count > limit) {
            break;
        }
        used += count;
        kept += 1;
    }
    rows.truncate(kept);
    *base = used;
}

/// The time that grouped rows and previous closes carry: 16:00 New York, or the last millisecond of a UTC day.
fn window_end(crypto: bool, date: NaiveDate) -> i64 {
    if crypto {
        return midnight(crypto, date.succ_opt().unwrap_or(date)) - 1;
    }
    Ts::ny(date, NaiveTime::from_hms_opt(16, 0, 0).unwrap_or_default()).ms()
}

/// A path parameter that is a date (its first or last millisecond, in the market's zone or another one) or Unix
/// milliseconds.
fn instant(crypto: bool, zone: Option<FixedOffset>, text: &str, end_of_day: bool) -> Option<i64> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<i64>().ok().map(|ms| ms.min(Ts::MAX.ms()));
    }
    let date = calendar_date(text)?;
    let date = if end_of_day { date.succ_opt()? } else { date };
    let start = match zone {
        None => midnight(crypto, date),
        Some(zone) => date.and_time(NaiveTime::MIN).and_local_timezone(zone).single()?.timestamp_millis(),
    };
    Some(start - i64::from(end_of_day))
}

fn calendar_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    // chrono also takes `2024-1-2`; the vendor does not.
    (date.to_string() == text).then_some(date)
}

/// A range path with another `from`.
fn with_from(path: &str, from: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(at) = parts.len().checked_sub(2).and_then(|k| parts.get_mut(k)) {
        *at = from;
    }
    parts.join("/")
}

fn bad(text: &str) -> Refusal {
    Refusal::BadParameter(text.to_owned())
}

impl Shared {
    /// Remembers a ticker, so that grouped days hold it from now on.
    pub(crate) fn notice(&self, ticker: &str) {
        let book = self.book();
        if self.view(&book, self.now()).exists(ticker) {
            crate::lock(&self.noticed).insert(ticker.to_owned());
        }
    }

    /// The tickers of a flat file, sorted: those of somebody's interest, and a few more. A whole simulated market takes
    /// seconds to make.
    pub(crate) fn file_market(&self) -> BTreeSet<String> {
        const MORE: usize = 8;
        let others: BTreeSet<String> = self.bars.universe(false).into_iter().skip(MORE).collect();
        let noticed = crate::lock(&self.noticed).clone();
        self.market(false).into_iter().filter(|name| noticed.contains(name) || !others.contains(name)).collect()
    }

    /// All tickers of a market, sorted.
    pub(crate) fn market(&self, crypto: bool) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = self.bars.universe(crypto).into_iter().collect();
        all.extend(self.book().names().filter(|ticker| is_crypto(ticker) == crypto).cloned());
        all.extend(crate::lock(&self.noticed).iter().filter(|ticker| is_crypto(ticker) == crypto).cloned());
        all
    }
}
