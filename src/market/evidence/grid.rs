//! The parts of sessions as rows of slots.

use chrono::{Datelike, Days, NaiveDate};

use super::part::Part;
use crate::asset::AssetClass;
use crate::calendar::{Calendar, Session};
use crate::interval::Interval;
use crate::timeframe::{Family, Timeframe};
use crate::ts::{DAY, HOUR, MINUTE, Ts};

const HALF_HOUR: i64 = 30 * MINUTE;

/// One part of one session as a row of slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub part: Part,
    pub date: NaiveDate,
    /// All its slots, whole: hourly bars of regular hours begin at 09:00.
    pub range: Interval,
    /// When it trades; a slot is known when this much of it is.
    pub hours: Interval,
    /// Length of a slot in milliseconds.
    width: i64,
    /// Where the profile's first number begins, and how much time each number stands for, in milliseconds.
    origin: Ts,
    step: i64,
    steps: usize,
}

impl Piece {
    /// A whole day or week: one slot, one number.
    fn whole(date: NaiveDate, range: Interval, hours: Interval) -> Self {
        let width = range.len().max(1);
        Self { part: Part::Day, date, range, hours, width, origin: range.start, step: width, steps: 1 }
    }

    fn row(part: Part, session: &Session, hours: Interval, range: Interval, width: i64) -> Self {
        let steps = ((hours.len() + HALF_HOUR - 1) / HALF_HOUR).max(1) as usize;
        let origin = hours.start;
        Self { part, date: session.date, range, hours: session.extended(), width, origin, step: HALF_HOUR, steps }
    }

    pub(super) fn slots(&self) -> u32 {
        (self.range.len() / self.width) as u32
    }

    pub(super) const fn width(&self) -> i64 {
        self.width
    }

    pub(super) const fn steps(&self) -> usize {
        self.steps
    }

    /// Where slot `k` begins; the end of the last one for `k` beyond it.
    pub(super) fn start_of(&self, k: u32) -> Ts {
        self.range.start + i64::from(k) * self.width
    }

    pub(super) fn span_of(&self, run: (u32, u32)) -> Interval {
        Interval::new(self.start_of(run.0), self.start_of(run.1))
    }

    /// The slots `[from, to)` by the numbers of the profile that they belong to: `count(number, slots)`.
    pub(super) fn by_step(&self, (from, to): (u32, u32), mut count: impl FnMut(usize, u32)) {
        let mut k = from;
        while k < to {
            let step = ((self.start_of(k) - self.origin).max(0) / self.step).min(self.steps as i64 - 1);
            let next = if step + 1 == self.steps as i64 {
                to
            } else {
                let border = self.origin + (step + 1) * self.step - self.range.start;
                (((border + self.width - 1) / self.width) as u32).clamp(k + 1, to)
            };
            count(step as usize, next - k);
            k = next;
        }
    }

    /// The slots that are known when `range` is.
    pub(super) fn known_in(&self, range: Interval) -> (u32, u32) {
        let hours = self.hours.intersect(self.range);
        let from = range.start - self.range.start;
        let from = if range.start <= hours.start { 0 } else { (from + self.width - 1) / self.width };
        let to =
            if range.end >= hours.end { i64::from(self.slots()) } else { (range.end - self.range.start) / self.width };
        (from.max(0) as u32, to.max(0) as u32)
    }
}

/// The parts of every session that `range` touches, ascending. The hours after an early close are left out: nobody can
/// say what is usual in them.
pub(super) fn pieces(calendar: &Calendar, class: AssetClass, timeframe: Timeframe, range: Interval) -> Vec<Piece> {
    let range = Interval::new(range.start.max(Ts::MIN + 8 * DAY), range.end.min(Ts::MAX - 8 * DAY));
    if range.is_empty() {
        return Vec::new();
    }
    let mut found = if class.is_continuous() {
        continuous(timeframe, range)
    } else {
        let (first, last) = (range.start - DAY, range.end + DAY);
        match timeframe {
            Timeframe::W1 => weeks(calendar, class, Timeframe::W1.snap_out(class, range)),
            Timeframe::D1 => {
                let days = calendar.sessions(first.utc_date(), last.utc_date());
                days.iter().map(|s| day_of(class, s.date)).map(|(date, day)| Piece::whole(date, day, day)).collect()
            }
            _ => {
                let sessions = calendar.sessions(first.utc_date(), last.utc_date());
                sessions.iter().flat_map(|s| parts_of(s, timeframe.width())).collect()
            }
        }
    };
    found.retain(|piece| piece.range.overlaps(range));
    found
}

fn day_of(class: AssetClass, date: NaiveDate) -> (NaiveDate, Interval) {
    (date, Interval::new(class.midnight(date), class.midnight(date + Days::new(1))))
}

/// Slots that touch regular hours are regular.
fn parts_of(session: &Session, width: i64) -> impl Iterator<Item = Piece> + '_ {
    let (open, close) = (session.open.floor(width), session.close.ceil(width));
    let all = Interval::new(session.extended_open.floor(width), session.extended_close.ceil(width));
    let rows = [
        (Part::Pre, Interval::new(session.extended_open, session.open), Interval::new(all.start, open)),
        (Part::Regular, session.regular(), Interval::new(open, close)),
        (Part::Post, Interval::new(session.close, session.extended_close), Interval::new(close, all.end)),
    ];
    rows.into_iter()
        .filter(|(part, _, slots)| !(slots.is_empty() || session.early_close && *part == Part::Post))
        .map(move |(part, hours, slots)| Piece::row(part, session, hours, slots, width))
}

fn weeks(calendar: &Calendar, class: AssetClass, range: Interval) -> Vec<Piece> {
    let mut weeks: Vec<Piece> = Vec::new();
    for session in calendar.sessions(class.date_of(range.start), class.date_of(range.end)) {
        let sunday = session.date - Days::new(u64::from(session.date.weekday().num_days_from_sunday()));
        let (_, day) = day_of(class, session.date);
        match weeks.last_mut() {
            Some(week) if week.date == sunday => week.hours = week.hours.hull(day),
            _ => weeks.push(Piece::whole(sunday, Timeframe::W1.span(class, day.start), day)),
        }
    }
    weeks
}

fn continuous(timeframe: Timeframe, range: Interval) -> Vec<Piece> {
    let class = AssetClass::Crypto;
    let row = if timeframe == Timeframe::W1 { Timeframe::W1 } else { Timeframe::D1 };
    let whole = row.snap_out(class, range);
    let starts = (0..whole.len() / row.width()).map(|k| whole.start + k * row.width());
    starts
        .map(|start| {
            let date = start.utc_date();
            let range = Interval::new(start, start + row.width());
            let piece = Piece::whole(date, range, range);
            match timeframe.family() {
                Family::Day => piece,
                Family::Minute => Piece { width: timeframe.width(), step: HOUR, steps: 24, ..piece },
            }
        })
        .collect()
}
