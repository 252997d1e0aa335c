//! Which days the New York Stock Exchange is closed or closes early, as rules and a table of the exceptions.
//!
//! Equal to the exchange's own calendar day by day from 1998 on (tested against recorded sessions and, from 2003 to
//! 2027, against `exchange_calendars`). Before 1998 the rules are a good guess: the exchange then had more holidays,
//! and until 1952 it opened on Saturdays. After the last year it has announced, they are what it has done so far.

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// When a holiday falls, before it is moved off a weekend.
enum When {
    /// The same month and day every year.
    On(u32, u32),
    /// The n-th such weekday of the month.
    Nth(u32, Weekday, u8),
    /// The last Monday of the month.
    LastMonday(u32),
    GoodFriday,
}

struct Holiday {
    when: When,
    first_year: i32,
    last_year: i32,
    /// Whether it moves to Friday when it falls on a Saturday. All but New Year do: the exchange keeps the last
    /// trading day of a year open (NYSE Rule 7.2), as on 2021-12-31. A Sunday always moves to Monday.
    saturday_moves: bool,
}

const fn holiday(when: When, first_year: i32, last_year: i32) -> Holiday {
    Holiday { when, first_year, last_year, saturday_moves: true }
}

/// No end in sight.
const ON: i32 = i32::MAX;

const HOLIDAYS: [Holiday; 12] = [
    // New Year's Day
    Holiday { when: When::On(1, 1), first_year: 0, last_year: ON, saturday_moves: false },
    // Martin Luther King Jr. Day, kept by the exchange since 1998
    holiday(When::Nth(1, Weekday::Mon, 3), 1998, ON),
    // Washington's Birthday, on Mondays since 1971
    holiday(When::On(2, 22), 0, 1970),
    holiday(When::Nth(2, Weekday::Mon, 3), 1971, ON),
    holiday(When::GoodFriday, 0, ON),
    // Memorial Day, on Mondays since 1971
    holiday(When::On(5, 30), 0, 1970),
    holiday(When::LastMonday(5), 1971, ON),
    // Juneteenth, kept by the exchange since 2022: it traded on 2021-06-18 and 2021-06-21
    holiday(When::On(6, 19), 2022, ON),
    // Independence Day
    holiday(When::On(7, 4), 0, ON),
    // Labor Day
    holiday(When::Nth(9, Weekday::Mon, 1), 0, ON),
    // Thanksgiving
    holiday(When::Nth(11, Weekday::Thu, 4), 0, ON),
    // Christmas
    holiday(When::On(12, 25), 0, ON),
];

/// Closed by decision, not by rule: year, month, day.
const CLOSED: [(i32, u32, u32); 13] = [
    (1977, 7, 14),  // blackout
    (1985, 9, 27),  // hurricane Gloria
    (1994, 4, 27),  // mourning for President Nixon
    (2001, 9, 11),  // attacks of 11 September
    (2001, 9, 12),  //
    (2001, 9, 13),  //
    (2001, 9, 14),  //
    (2004, 6, 11),  // mourning for President Reagan
    (2007, 1, 2),   // mourning for President Ford
    (2012, 10, 29), // hurricane Sandy
    (2012, 10, 30), //
    (2018, 12, 5),  // mourning for President G. H. W. Bush
    (2025, 1, 9),   // mourning for President Carter
];

/// Closed at 13:00 by decision.
const EARLY: [(i32, u32, u32); 3] = [(1997, 12, 26), (1999, 12, 31), (2003, 12, 26)];

/// The first year with today's early closes.
const EARLY_SINCE: i32 = 1993;

/// The weekdays of `year` without a session, sorted.
pub(super) fn closures(year: i32) -> Vec<NaiveDate> {
    let by_rule = HOLIDAYS
        .iter()
        .filter(|h| (h.first_year..=h.last_year).contains(&year))
        .filter_map(|h| observed(falls(&h.when, year)?, h.saturday_moves));
    let mut all: Vec<NaiveDate> = by_rule.chain(in_year(&CLOSED, year)).collect();
    all.sort_unstable();
    all
}

/// The dates of `year` on which trading ends at 13:00, if there is a session at all.
pub(super) fn early_closes(year: i32) -> Vec<NaiveDate> {
    let mut all: Vec<NaiveDate> = in_year(&EARLY, year).collect();
    if year >= EARLY_SINCE {
        all.extend(falls(&When::Nth(11, Weekday::Thu, 4), year).map(|thanksgiving| thanksgiving + Days::new(1)));
        all.extend(NaiveDate::from_ymd_opt(year, 12, 24));
        all.extend(beside_independence_day(year));
    }
    all.sort_unstable();
    all
}

/// The day before 4 July. Until 2012, when 4 July was a Thursday, it was the Friday after instead (1996, 2002).
fn beside_independence_day(year: i32) -> Option<NaiveDate> {
    let eve = NaiveDate::from_ymd_opt(year, 7, 3)?;
    let bridge = year < 2013 && eve.weekday() == Weekday::Wed;
    Some(if bridge { eve + Days::new(2) } else { eve })
}

fn in_year(table: &[(i32, u32, u32)], year: i32) -> impl Iterator<Item = NaiveDate> {
    table.iter().filter(move |(y, _, _)| *y == year).filter_map(|&(y, m, d)| NaiveDate::from_ymd_opt(y, m, d))
}

fn falls(when: &When, year: i32) -> Option<NaiveDate> {
    match *when {
        When::On(month, day) => NaiveDate::from_ymd_opt(year, month, day),
        When::Nth(month, weekday, n) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, n),
        When::LastMonday(month) => NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, 5)
            .or_else(|| NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, 4)),
        When::GoodFriday => Some(easter(year)? - Days::new(2)),
    }
}

fn observed(date: NaiveDate, saturday_moves: bool) -> Option<NaiveDate> {
    match date.weekday() {
        Weekday::Sat => saturday_moves.then(|| date - Days::new(1)),
        Weekday::Sun => Some(date + Days::new(1)),
        _ => Some(date),
    }
}

/// Easter Sunday of the Gregorian calendar (the "anonymous" algorithm, Nature, 20 April 1876).
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let d = (19 * a + b - b.div_euclid(4) - (b - (b + 8).div_euclid(25) + 1).div_euclid(3) + 15).rem_euclid(30);
    let e = (32 + 2 * b.rem_euclid(4) + 2 * (c / 4) - d - c.rem_euclid(4)).rem_euclid(7);
    let f = (a + 11 * d + 22 * e).div_euclid(451);
    let n = d + e - 7 * f + 114;
    NaiveDate::from_ymd_opt(year, n.div_euclid(31).unsigned_abs(), n.rem_euclid(31).unsigned_abs() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dates: &[NaiveDate]) -> Vec<String> {
        dates.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn the_announced_holidays_of_2026() {
        let want = "2026-01-01 2026-01-19 2026-02-16 2026-04-03 2026-05-25 2026-06-19 2026-07-03 2026-09-07 \
                    2026-11-26 2026-12-25";
        assert_eq!(names(&closures(2026)).join(" "), want);
    }

    #[test]
    fn a_new_year_on_saturday_is_not_made_up_for() {
        assert!(!names(&closures(2021)).contains(&"2021-12-31".to_owned()));
        assert_eq!(names(&closures(2022))[0], "2022-01-17");
        assert_eq!(names(&closures(2023))[0], "2023-01-02", "a Sunday moves to Monday");
    }

    #[test]
    fn juneteenth_starts_in_2022() {
        assert!(!names(&closures(2021)).iter().any(|d| d.starts_with("2021-06")));
        assert!(names(&closures(2022)).contains(&"2022-06-20".to_owned()));
    }

    #[test]
    fn the_eve_of_independence_day_changed_its_habit() {
        assert_eq!(names(&early_closes(2002)), ["2002-07-05", "2002-11-29", "2002-12-24"]);
        assert_eq!(names(&early_closes(2013)), ["2013-07-03", "2013-11-29", "2013-12-24"]);
    }

    #[test]
    fn easter_of_known_years() {
        for (year, month, day) in [(1818, 3, 22), (1943, 4, 25), (2000, 4, 23), (2024, 3, 31), (2038, 4, 25)] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day));
        }
        assert!((1..=9999).all(|y| easter(y).is_some_and(|d| d.weekday() == Weekday::Sun)));
    }
}
