//! From base bars to a page: rolls up, counts base bars against the limit, withholds what is not whole.

use std::ops::ControlFlow;

use crate::data::grid::Grid;
use crate::data::session::round_mean;
use crate::data::source::{Row, Sink, Unreadable};

/// A page of bars.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Aggregated {
    pub(crate) rows: Vec<Row>,
    /// Base bars each row was built from.
    pub(crate) counts: Vec<u64>,
    /// Base bars read.
    pub(crate) base: u64,
    /// Start of the first bar left for the next page.
    pub(crate) next: Option<i64>,
}

/// A bar under construction.
struct Open {
    row: Row,
    end: i64,
    base: u64,
    money: f64,
}

impl Open {
    fn new(grid: Grid, row: &Row) -> Self {
        let (t, end) = grid.span(row.t);
        Self { row: Row { t, ..*row }, end, base: 1, money: row.v * row.vw.unwrap_or(0.0) }
    }

    fn add(&mut self, row: &Row) {
        let bar = &mut self.row;
        bar.h = bar.h.max(row.h);
        bar.l = bar.l.min(row.l);
        bar.c = row.c;
        bar.v += row.v;
        bar.vw = bar.vw.and(row.vw);
        bar.n = match (bar.n, row.n) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.base += 1;
        self.money += row.v * row.vw.unwrap_or(0.0);
    }

    fn finish(mut self) -> (Row, u64) {
        // A bar of one base bar is that bar, to the last digit.
        if self.base > 1 && self.row.vw.is_some() {
            self.row.vw = (self.row.v > 0.0).then(|| round_mean(self.money / self.row.v));
        }
        (self.row, self.base)
    }
}

/// Rolls up what `feed` pours in, until `limit` base bars were read (`None`: to the end).
///
/// When more base bars follow, a last bar that is not whole is withheld and the next page begins with it; a bar that
/// alone takes more base bars than the limit is served whole, or the chain would never end.
pub(crate) fn aggregate(
    grid: Grid,
    limit: Option<u64>,
    feed: impl FnOnce(Sink<'_>) -> Result<(), Unreadable>,
) -> Result<Aggregated, Unreadable> {
    let mut page = Aggregated::default();
    let mut open: Option<Open> = None;
    feed(&mut |row| {
        match open.as_mut() {
            Some(bar) if row.t < bar.end => {
                if limit.is_some_and(|limit| page.base >= limit) && !page.rows.is_empty() {
                    page.next = Some(bar.row.t);
                    open = None;
                    return ControlFlow::Break(());
                }
                bar.add(row);
            }
            _ => {
                if let Some((row, base)) = open.take().map(Open::finish) {
                    page.rows.push(row);
                    page.counts.push(base);
                }
                if limit.is_some_and(|limit| page.base >= limit) {
                    page.next = Some(grid.span(row.t).0);
                    return ControlFlow::Break(());
                }
                open = Some(Open::new(grid, row));
            }
        }
        page.base += 1;
        ControlFlow::Continue(())
    })?;
    if let Some((row, base)) = open.map(Open::finish) {
        page.rows.push(row);
        page.counts.push(base);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::ts::{HOUR, MINUTE};

    fn minutes(of: std::ops::Range<i64>) -> Vec<Row> {
        of.map(|k| Row { t: k * MINUTE, o: 1.0, h: 2.0, l: 0.5, c: k as f64, v: 1.0, vw: Some(1.0), n: Some(2) })
            .collect()
    }

    fn page(rows: &[Row], from: i64, limit: u64) -> Aggregated {
        aggregate(Grid::of(true, 1, "hour").unwrap(), Some(limit), |sink| {
            let _ = rows.iter().filter(|r| r.t >= from).try_for_each(sink);
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn a_partial_last_bar_is_withheld() {
        // The vendor's own example: hours 14:00 to 16:00, limit 100: only the 14:00 bar.
        let rows = minutes(840..961);
        let first = page(&rows, 0, 100);
        assert_eq!((first.rows.len(), first.base, first.next), (1, 100, Some(15 * HOUR)));
        assert_eq!((first.rows[0].t, first.rows[0].v, first.rows[0].c), (14 * HOUR, 60.0, 899.0));
        let second = page(&rows, 15 * HOUR, 100);
        assert_eq!((second.rows.len(), second.next), (2, None));
    }

    #[test]
    fn a_page_that_ends_with_a_bar_keeps_it() {
        let first = page(&minutes(840..961), 0, 60);
        assert_eq!((first.rows.len(), first.next), (1, Some(15 * HOUR)));
        assert_eq!(page(&minutes(840..900), 0, 60).next, None);
    }

    #[test]
    fn a_limit_below_one_bar_still_moves_on() {
        let first = page(&minutes(840..961), 0, 1);
        assert_eq!((first.rows.len(), first.rows[0].v, first.next), (1, 60.0, Some(15 * HOUR)));
    }
}
