//! The events on one ticker's bars, asked bar by bar.

use crate::data::hours::midnight;
use crate::data::session::round;
use crate::data::source::Row;
use crate::script::event::{Change, ScriptEvent, holds};
use crate::script::when::When;
use barkeep_market::Family;
use barkeep_market::split::Split;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Eye {
    /// What traded, and what its values are in the end.
    Truth,
    /// What the vendor has at this moment.
    Vendor(i64),
}

/// The events that touch one ticker's bars.
pub(crate) struct Marks<'a> {
    list: Vec<&'a ScriptEvent>,
    pub(crate) crypto: bool,
    eye: Eye,
}

impl<'a> Marks<'a> {
    pub(crate) fn new(events: &'a [ScriptEvent], ticker: &str, crypto: bool, eye: Eye) -> Self {
        Self { list: events.iter().filter(|event| event.marks(ticker, crypto)).collect(), crypto, eye }
    }

    pub(crate) fn none(&self) -> bool {
        self.list.is_empty()
    }

    fn holds(&self, since: Option<When>, until: Option<When>) -> bool {
        matches!(self.eye, Eye::Vendor(now) if holds(since, until, self.crypto, now))
    }

    /// Whether a moment of the vendor's clock has come.
    fn past(&self, at: Option<When>) -> bool {
        match self.eye {
            Eye::Truth => true,
            Eye::Vendor(now) => at.is_none_or(|at| at.start(self.crypto) <= now),
        }
    }

    /// Whether a range holds all of `[start, end)`.
    fn covers(&self, from: When, to: When, start: i64, end: i64) -> bool {
        from.start(self.crypto) <= start && end <= to.end(self.crypto)
    }

    /// Whether trading was possible at an instant.
    pub(crate) fn traded(&self, t: i64) -> bool {
        !self.halted_between(t, t + 1)
    }

    /// Whether a halt takes part of `[start, end)`.
    pub(crate) fn halted_between(&self, start: i64, end: i64) -> bool {
        self.list.iter().any(|event| match event {
            ScriptEvent::Halt { from, to, .. } => from.start(self.crypto) < end && start < to.end(self.crypto),
            _ => false,
        })
    }

    /// Whether the base bar `[t, end)` is there.
    pub(crate) fn visible(&self, t: i64, end: i64) -> bool {
        let Eye::Vendor(now) = self.eye else { return true };
        self.visible_at(t, end, now)
    }

    fn visible_at(&self, t: i64, end: i64, now: i64) -> bool {
        self.list.iter().all(|event| match event {
            ScriptEvent::Hole { from, to, filled_at, since, family, .. } => {
                *family == Some(Family::Day)
                    || !self.covers(*from, *to, t, t + 1)
                    || !self.hole_is_open(*since, *filled_at, now)
            }
            other => self.known_before(other, t, now).is_none_or(|known| end <= known),
        })
    }

    /// A hole stays open until the moment it is filled.
    fn hole_is_open(&self, since: Option<When>, filled_at: Option<When>, now: i64) -> bool {
        since.is_none_or(|since| since.start(self.crypto) <= now)
            && filled_at.is_none_or(|filled| now < filled.start(self.crypto))
    }

    /// What had traded before this is known, for a bar at `t` that comes late.
    fn known_before(&self, event: &ScriptEvent, t: i64, now: i64) -> Option<i64> {
        match event {
            ScriptEvent::Late { delay, from, to, since, until, .. } => {
                let inside =
                    from.is_none_or(|from| from.start(self.crypto) <= t) && to.is_none_or(|to| t < to.end(self.crypto));
                let late = inside && holds(*since, *until, self.crypto, now);
                late.then(|| now.saturating_sub(delay.as_millis() as i64))
            }
            ScriptEvent::LateUntil { bars_from, published_at, .. } => {
                let waiting = now < published_at.start(self.crypto);
                waiting.then(|| bars_from.start(self.crypto)).filter(|from| t >= *from)
            }
            _ => None,
        }
    }

    /// What a day bar is made of: trades before this.
    pub(crate) fn day_cutoff(&self, t: i64, cutoff: i64) -> i64 {
        let Eye::Vendor(now) = self.eye else { return cutoff };
        let known = self.list.iter().filter_map(|event| match event {
            // The end may lie inside the day.
            ScriptEvent::LateUntil { bars_from, published_at, .. } => {
                (now < published_at.start(self.crypto)).then(|| bars_from.start(self.crypto))
            }
            other => self.known_before(other, t, now),
        });
        known.fold(cutoff, i64::min)
    }

    /// Whether a day bar with these regular hours is missing.
    pub(crate) fn hole_over(&self, open: i64, close: i64) -> bool {
        let Eye::Vendor(now) = self.eye else { return false };
        self.list.iter().any(|event| match event {
            ScriptEvent::Hole { from, to, filled_at, since, family, .. } => {
                *family != Some(Family::Minute)
                    && self.covers(*from, *to, open, close)
                    && self.hole_is_open(*since, *filled_at, now)
            }
            _ => false,
        })
    }

    /// A bar of `[start, end)` with the values it has; day bars change when their regular hours do.
    pub(crate) fn changed(&self, row: &Row, family: Family, start: i64, end: i64) -> Row {
        let mut row = *row;
        for event in &self.list {
            match event {
                ScriptEvent::Split { date, from, to, in_prices: true, .. } if row.t < midnight(self.crypto, *date) => {
                    // Before the split the share was another size.
                    apply(&mut row, &Change { price: Some(to / from), volume: Some(from / to), ..Change::default() });
                }
                ScriptEvent::Correction { from, to, at, change, family: of, .. }
                    if of.is_none_or(|of| of == family)
                        && self.covers(*from, *to, start, end)
                        && self.past(Some(*at)) =>
                {
                    apply(&mut row, change);
                }
                ScriptEvent::Wrong { from, to, change, since, until, family: of, .. }
                    if of.is_none_or(|of| of == family)
                        && self.covers(*from, *to, start, end)
                        && self.holds(*since, *until) =>
                {
                    apply(&mut row, change);
                }
                _ => {}
            }
        }
        row
    }

    /// Scripted splits that are in the prices; the vendor knows those it has listed.
    pub(crate) fn splits(&self) -> impl Iterator<Item = Split> {
        self.list.iter().filter_map(|event| match event {
            ScriptEvent::Split { date, from, to, listed_at, in_prices: true, .. } if self.past(*listed_at) => {
                Some(Split { date: *date, from: *from, to: *to })
            }
            _ => None,
        })
    }

    /// The rows under which scripted splits are listed.
    pub(crate) fn listed_splits(&self) -> Vec<Split> {
        let mut rows = Vec::new();
        for event in &self.list {
            if let ScriptEvent::Split { date, from, to, listed_at, also_on, duplicate, contradicting, .. } = event
                && self.past(*listed_at)
            {
                let row = Split { date: *date, from: *from, to: *to };
                rows.push(row);
                rows.extend(duplicate.then_some(row));
                rows.extend(also_on.map(|date| Split { date, ..row }));
                rows.extend(contradicting.map(|(from, to)| Split { from, to, ..row }));
            }
        }
        rows
    }

    /// Ranges in which the vendor has bars of no trade, with their price.
    pub(crate) fn extras(&self, of: Family) -> impl Iterator<Item = (i64, i64, Option<f64>)> {
        self.list.iter().filter_map(move |event| match event {
            ScriptEvent::Extra { from, to, family, price, since, until, .. }
                if *family == of && self.holds(*since, *until) =>
            {
                Some((from.start(self.crypto), to.end(self.crypto), *price))
            }
            _ => None,
        })
    }

    /// The moments at which the vendor's view of a bar that ended at `end` can change, in order, from `end` on.
    pub(crate) fn moments(&self, end: i64) -> Vec<i64> {
        let mut all = vec![end];
        for event in &self.list {
            let of = |when: &Option<When>| when.map(|when| when.start(self.crypto));
            match event {
                ScriptEvent::Late { delay, since, until, .. } => {
                    all.push(end.saturating_add(delay.as_millis() as i64));
                    all.extend(of(since).into_iter().chain(until.map(|until| until.end(self.crypto))));
                }
                ScriptEvent::LateUntil { published_at, .. } => all.push(published_at.start(self.crypto)),
                ScriptEvent::Hole { filled_at, since, .. } => all.extend(of(filled_at).into_iter().chain(of(since))),
                _ => {}
            }
        }
        all.retain(|at| *at >= end);
        all.sort_unstable();
        all.dedup();
        all
    }

    /// When the vendor first had a base bar; `None` when it never will.
    pub(crate) fn published_at(&self, t: i64, end: i64) -> Option<i64> {
        self.moments(end).into_iter().find(|now| self.visible_at(t, end, *now))
    }
}

fn apply(row: &mut Row, change: &Change) {
    if let Some(factor) = change.price {
        let times = |x: f64| {
            let x = x * factor;
            round(x, if x.abs() >= 1.0 { 4 } else { 8 })
        };
        (row.o, row.h, row.l, row.c) = (times(row.o), times(row.h), times(row.l), times(row.c));
        row.vw = row.vw.map(times);
    }
    row.v *= change.volume.unwrap_or(1.0);
    row.o = change.o.unwrap_or(row.o);
    row.h = change.h.unwrap_or(row.h);
    row.l = change.l.unwrap_or(row.l);
    row.c = change.c.unwrap_or(row.c);
    row.v = change.v.unwrap_or(row.v);
    row.vw = change.vw.or(row.vw);
    row.n = change.n.or(row.n);
}
