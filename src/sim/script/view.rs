//! Bars as somebody sees them: the truth, or the vendor at a moment of its clock.

use std::ops::ControlFlow;

use chrono::{Days, NaiveDate};

use crate::data::aggregate::{Aggregated, aggregate};
use crate::data::grid::Grid;
use crate::data::hours::{Hours, date_of, is_crypto, midnight};
use crate::data::payments::{Payment, Payments};
use crate::data::session;
use crate::data::source::{Bars, Row, Sink, Unreadable};
use crate::script::book::Book;
use crate::script::marks::{Eye, Marks};
use barkeep_market::Family;
use barkeep_market::split::Split;
use barkeep_market::ts::{DAY, MINUTE};

/// The bars under a script.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) bars: &'a dyn Bars,
    pub(crate) hours: &'a Hours,
    pub(crate) book: &'a Book,
    pub(crate) eye: Eye,
}

/// From `from` until before `next` a ticker has the bars of `source`.
struct Life<'a> {
    /// Its first day; `None`: ever.
    from: Option<NaiveDate>,
    /// The first day of the next one.
    next: Option<NaiveDate>,
    source: &'a str,
}

impl Life<'_> {
    fn contains(&self, date: NaiveDate) -> bool {
        self.from <= Some(date) && self.next.is_none_or(|next| date < next)
    }
}

impl<'a> View<'a> {
    pub(crate) fn marks(&self, ticker: &str) -> Marks<'a> {
        Marks::new(&self.book.script.events, ticker, is_crypto(ticker), self.eye)
    }

    /// `None` when the bars of a ticker are as without a script.
    fn touched(&self, ticker: &str) -> Option<Marks<'a>> {
        if self.book.is_blank() {
            return None;
        }
        let marks = self.marks(ticker);
        let ordinary = self.book.lineage.stretches(ticker).is_none() && !self.book.is_unknown(ticker);
        if ordinary && marks.none() { None } else { Some(marks) }
    }

    /// Whose bars a ticker has, oldest first.
    fn lives<'b>(&self, ticker: &'b str) -> Vec<Life<'b>>
    where
        'a: 'b,
    {
        if self.book.is_unknown(ticker) {
            return Vec::new();
        }
        let Some(stretches) = self.book.lineage.stretches(ticker) else {
            return vec![Life { from: None, next: None, source: ticker }];
        };
        let ends = stretches.iter().skip(1).map(|s| s.from).chain([None]);
        let lives = stretches.iter().zip(ends);
        lives.filter_map(|(s, next)| Some(Life { from: s.from, next, source: s.source.as_deref()? })).collect()
    }

    /// Width of a ticker's finest bars.
    pub(crate) fn base_width(&self, ticker: &str) -> Option<i64> {
        self.lives(ticker).iter().find_map(|life| self.bars.base_width(life.source))
    }

    pub(crate) fn first_date(&self, ticker: &str) -> Option<NaiveDate> {
        let lives = self.lives(ticker);
        let first = |life: &Life<'_>| self.bars.first_date(life.source).map(|first| Some(first).max(life.from));
        lives.iter().filter_map(first).flatten().min()
    }

    /// Whether the ticker has bars, at some time.
    pub(crate) fn exists(&self, ticker: &str) -> bool {
        self.base_width(ticker).is_some() || self.first_date(ticker).is_some()
    }

    /// Bars of a grid from the base bars that start in `[from, to)` and traded before `cutoff`, each passed through
    /// `adjust`, until `limit` base bars were read (`None`: all).
    pub(crate) fn roll(
        &self,
        ticker: &str,
        grid: Grid,
        (from, to): (i64, i64),
        cutoff: i64,
        limit: Option<u64>,
        adjust: &dyn Fn(&Row) -> Row,
    ) -> Result<Aggregated, Unreadable> {
        aggregate(grid, limit, |sink| {
            let mut adjusted = |row: &Row| sink(&adjust(row));
            let Some(step) = grid.millis() else {
                let crypto = is_crypto(ticker);
                return self.days(ticker, date_of(crypto, from), date_of(crypto, to - 1), cutoff, &mut adjusted);
            };
            match self.base_width(ticker) {
                Some(width) if width <= step => {
                    let last = to.min(cutoff.saturating_sub(width - 1));
                    self.base(ticker, from, last, &mut adjusted)
                }
                // Recordings of wider bars cannot answer for narrower ones.
                _ => Ok(()),
            }
        })
    }

    /// Base bars that start in `[from, to)`.
    pub(crate) fn base(&self, ticker: &str, from: i64, to: i64, sink: Sink<'_>) -> Result<(), Unreadable> {
        let Some(marks) = self.touched(ticker) else { return self.bars.base(ticker, from, to, sink) };
        let crypto = marks.crypto;
        let mut extra = self.extra_minutes(&marks, ticker, from, to)?.into_iter().peekable();
        let mut done = false;
        for life in self.lives(ticker) {
            let start = life.from.map_or(from, |date| from.max(midnight(crypto, date)));
            let end = life.next.map_or(to, |date| to.min(midnight(crypto, date)));
            if done || start >= end {
                continue;
            }
            let width = self.bars.base_width(life.source).unwrap_or(MINUTE);
            let mut take = |row: &Row| {
                while let Some(other) = extra.next_if(|other| other.t < row.t) {
                    sink(&other)?;
                }
                if !marks.traded(row.t) || !marks.visible(row.t, row.t + width) {
                    return ControlFlow::Continue(());
                }
                extra.next_if(|other| other.t == row.t);
                sink(&marks.changed(row, Family::Minute, row.t, row.t + 1))
            };
            self.bars.base(life.source, start, end, &mut |row| {
                let flow = take(row);
                done = flow.is_break();
                flow
            })?;
        }
        if !done {
            let _ = extra.try_for_each(|row| sink(&row));
        }
        Ok(())
    }

    /// The day bar of a date from what had traded before `cutoff`.
    pub(crate) fn day(&self, ticker: &str, date: NaiveDate, cutoff: i64) -> Result<Option<Row>, Unreadable> {
        let Some(marks) = self.touched(ticker) else { return self.bars.day(ticker, date, cutoff) };
        let t = midnight(marks.crypto, date);
        let lives = self.lives(ticker);
        let life = lives.iter().rfind(|life| life.contains(date));
        if let (Some(life), Some((open, close))) = (life, session::regular(self.hours, marks.crypto, date))
            && !marks.hole_over(open, close)
            && let Some(row) = self.traded_day(&marks, life.source, date, marks.day_cutoff(t, cutoff))?
        {
            return Ok(Some(marks.changed(&row, Family::Day, open, close)));
        }
        match marks.extras(Family::Day).find(|(start, end, _)| (*start..*end).contains(&t) && t < cutoff) {
            Some((start, _, price)) => Ok(Some(flat(t, self.price_before(ticker, start, price)?))),
            None => Ok(None),
        }
    }

    /// The day bar of what traded outside halts.
    fn traded_day(
        &self,
        marks: &Marks<'_>,
        source: &str,
        date: NaiveDate,
        cutoff: i64,
    ) -> Result<Option<Row>, Unreadable> {
        let t = midnight(marks.crypto, date);
        match self.bars.base_width(source) {
            Some(width) if marks.halted_between(t, t + DAY) => {
                session::day_bar(self.hours, marks.crypto, date, &mut |sink| {
                    self.bars.base(source, t, (t + DAY).min(cutoff.saturating_sub(width - 1)), &mut |row| {
                        if marks.traded(row.t) { sink(row) } else { ControlFlow::Continue(()) }
                    })
                })
            }
            _ => self.bars.day(source, date, cutoff),
        }
    }

    /// Day bars of the dates `[first, last]`.
    pub(crate) fn days(
        &self,
        ticker: &str,
        first: NaiveDate,
        last: NaiveDate,
        cutoff: i64,
        sink: Sink<'_>,
    ) -> Result<(), Unreadable> {
        if self.touched(ticker).is_none() {
            return self.bars.days(ticker, first, last, cutoff, sink);
        }
        let Some(listed) = self.first_date(ticker) else { return Ok(()) };
        let last = last.min(date_of(is_crypto(ticker), cutoff));
        for date in first.max(listed).iter_days().take_while(|date| *date <= last) {
            if let Some(row) = self.day(ticker, date, cutoff)?
                && sink(&row).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// The splits that bars are adjusted for, oldest first.
    pub(crate) fn splits(&self, ticker: &str) -> Vec<Split> {
        let Some(marks) = self.touched(ticker) else { return self.bars.splits(ticker) };
        self.with_own_splits(ticker, marks.splits())
    }

    /// The rows of the splits endpoints, oldest first.
    pub(crate) fn listed_splits(&self, ticker: &str) -> Vec<Split> {
        let Some(marks) = self.touched(ticker) else { return self.bars.splits(ticker) };
        self.with_own_splits(ticker, marks.listed_splits())
    }

    /// The payments of a ticker under the names it had, oldest first.
    pub(crate) fn payments(&self, payments: &Payments, ticker: &str, today: NaiveDate) -> Vec<Payment> {
        let own = self.lives(ticker).into_iter().flat_map(|life| {
            let all = payments.of(life.source, &self.bars.splits(life.source), today).into_iter();
            all.filter(move |payment| life.contains(payment.ex_date))
        });
        own.collect()
    }

    fn with_own_splits(&self, ticker: &str, scripted: impl IntoIterator<Item = Split>) -> Vec<Split> {
        let own = self.lives(ticker).into_iter().flat_map(|life| {
            let all = self.bars.splits(life.source).into_iter();
            all.filter(move |split| life.contains(split.date))
        });
        let mut all: Vec<Split> = own.chain(scripted).collect();
        all.sort_by_key(|split| split.date);
        all
    }

    /// Minutes that never traded but that the vendor has.
    fn extra_minutes(&self, marks: &Marks<'_>, ticker: &str, from: i64, to: i64) -> Result<Vec<Row>, Unreadable> {
        let mut rows = Vec::new();
        for (start, end, price) in marks.extras(Family::Minute) {
            let (first, last) = (start.max(from), end.min(to));
            if first < last {
                let price = self.price_before(ticker, start, price)?;
                let first = first.div_euclid(MINUTE) + i64::from(first.rem_euclid(MINUTE) > 0);
                rows.extend((first..).map(|k| k * MINUTE).take_while(|t| *t < last).map(|t| flat(t, price)));
            }
        }
        rows.sort_by_key(|row| row.t);
        rows.dedup_by_key(|row| row.t);
        Ok(rows)
    }

    /// The price given, or the last close before a moment.
    fn price_before(&self, ticker: &str, at: i64, price: Option<f64>) -> Result<f64, Unreadable> {
        const LOOK_BACK: u64 = 14;
        if let Some(price) = price {
            return Ok(price);
        }
        let date = date_of(is_crypto(ticker), at);
        for date in (1..LOOK_BACK).filter_map(|back| date.checked_sub_days(Days::new(back))) {
            if let Some(source) = self.book.lineage.source(ticker, date)
                && let Some(row) = self.bars.day(source, date, i64::MAX)?
            {
                return Ok(row.c);
            }
        }
        Ok(1.0)
    }
}

/// A bar of a hundred shares at one price.
fn flat(t: i64, price: f64) -> Row {
    Row { t, o: price, h: price, l: price, c: price, v: 100.0, vw: Some(price), n: Some(1) }
}
