//! What really traded, and when its vendor had it: the answers that an observer checks a client against.

use serde::Serialize;

use crate::data::grid::Grid;
use crate::data::hours::{date_of, is_crypto, midnight};
use crate::data::session;
use crate::data::source::{Row, Unreadable};
use crate::script::marks::Eye;
use crate::script::view::View;
use barkeep_market::{Timeframe, Ts};

/// A bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SimBar {
    /// Its start.
    pub at: Ts,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub vwap: Option<f64>,
    pub trades: Option<i64>,
}

/// A bar that really traded, with its final values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TruthBar {
    #[serde(flatten)]
    pub bar: SimBar,
    /// When the vendor first has anything of it, by its own clock; `None` when it never will. Plans are left aside: they
    /// decide who may see a bar, not whether it is there.
    pub published_at: Option<Ts>,
}

impl TruthBar {
    /// Whether the vendor had it at this moment or before.
    #[must_use]
    pub fn was_published_by(&self, at: Ts) -> bool {
        self.published_at.is_some_and(|published| published <= at)
    }
}

/// The truth cannot be told.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct TruthError(pub(crate) String);

impl From<Unreadable> for TruthError {
    fn from(e: Unreadable) -> Self {
        Self(e.0)
    }
}

/// A ticker's bars of one width that start in `[from, to)`.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedBars {
    /// In the vendor's form.
    pub ticker: String,
    pub timeframe: Timeframe,
    pub from: Ts,
    pub to: Ts,
}

impl WantedBars {
    #[must_use]
    pub fn new(ticker: &str, timeframe: Timeframe, from: Ts, to: Ts) -> Self {
        Self { ticker: ticker.to_owned(), timeframe, from, to }
    }

    fn grid(&self) -> Option<Grid> {
        let (multiplier, timespan) = self.timeframe.vendor_span();
        Grid::of(is_crypto(&self.ticker), i64::from(multiplier), timespan)
    }

    /// The bars as somebody sees them from what had traded before `cutoff`.
    fn rows(&self, view: &View<'_>, cutoff: Ts) -> Result<Vec<Row>, Unreadable> {
        let Some(grid) = self.grid() else { return Ok(Vec::new()) };
        // Whole bars: one that starts before the range is none of it, one that starts inside is complete.
        let inside = |t: i64| (self.from.ms()..self.to.ms()).contains(&t);
        let (start, end) = (grid.span(self.from.ms()).0, grid.span(self.to.ms() - 1).1);
        let mut rows = view.roll(&self.ticker, grid, (start, end), cutoff.ms(), None, &|row| *row)?.rows;
        rows.retain(|row| inside(row.t));
        Ok(rows)
    }
}

/// What really traded.
pub(crate) fn truth(view: View<'_>, wanted: &WantedBars) -> Result<Vec<TruthBar>, TruthError> {
    let Some(grid) = wanted.grid().filter(|_| wanted.from < wanted.to) else { return Ok(Vec::new()) };
    let view = View { eye: Eye::Truth, ..view };
    let mut bars: Vec<TruthBar> =
        wanted.rows(&view, Ts::MAX)?.iter().map(|row| TruthBar { bar: bar_of(row), published_at: None }).collect();
    let mut publish = |t: i64, at: Option<i64>| {
        let start = Ts(grid.span(t).0);
        if let Ok(k) = bars.binary_search_by_key(&start, |bar| bar.bar.at)
            && let Some(bar) = bars.get_mut(k)
            && let Some(at) = at.map(Ts)
        {
            bar.published_at = Some(bar.published_at.map_or(at, |known| known.min(at)));
        }
    };
    let (start, end) = (grid.span(wanted.from.ms()).0, grid.span(wanted.to.ms() - 1).1);
    let ticker = wanted.ticker.as_str();
    let mut base = Vec::new();
    if grid.millis().is_some() {
        let marks = view.marks(ticker);
        let width = view.base_width(ticker).unwrap_or_default();
        view.base(ticker, start, end, &mut |row| {
            base.push((row.t, marks.published_at(row.t, row.t + width)));
            std::ops::ControlFlow::Continue(())
        })?;
    } else {
        let crypto = is_crypto(ticker);
        let mut dates = Vec::new();
        view.days(ticker, date_of(crypto, start), date_of(crypto, end - 1), Ts::MAX.ms(), &mut |row| {
            dates.push(date_of(crypto, row.t));
            std::ops::ControlFlow::Continue(())
        })?;
        for date in dates {
            base.push((midnight(crypto, date), day_published_at(&view, ticker, date)?));
        }
    }
    for (t, at) in base {
        publish(t, at);
    }
    Ok(bars)
}

/// When the vendor first has a day bar, from the first trade of regular hours on.
fn day_published_at(view: &View<'_>, ticker: &str, date: chrono::NaiveDate) -> Result<Option<i64>, Unreadable> {
    let crypto = is_crypto(ticker);
    let ends = view.hours.day_ends(crypto, date);
    let mut first = None;
    if let (Some(width), Some((open, close))) = (view.base_width(ticker), session::regular(view.hours, crypto, date)) {
        view.base(ticker, open, close, &mut |row| {
            first = Some(row.t + width);
            std::ops::ControlFlow::Break(())
        })?;
    }
    let marks = view.marks(ticker);
    let mut moments = marks.moments(first.unwrap_or(ends));
    moments.extend(marks.moments(ends));
    moments.sort_unstable();
    for now in moments {
        if (View { eye: Eye::Vendor(now), ..*view }).day(ticker, date, now)?.is_some() {
            return Ok(Some(now));
        }
    }
    Ok(None)
}

/// What the vendor has at a moment of its clock, a growing last bar included.
pub(crate) fn had(view: View<'_>, wanted: &WantedBars, at: Ts) -> Result<Vec<SimBar>, TruthError> {
    if wanted.from >= wanted.to {
        return Ok(Vec::new());
    }
    let view = View { eye: Eye::Vendor(at.ms()), ..view };
    Ok(wanted.rows(&view, at)?.iter().map(bar_of).collect())
}

fn bar_of(row: &Row) -> SimBar {
    SimBar {
        at: Ts(row.t),
        open: row.o,
        high: row.h,
        low: row.l,
        close: row.c,
        volume: row.v,
        vwap: row.vw,
        trades: row.n,
    }
}
