use super::*;
use crate::testing::at;
use crate::timeframe::Timeframe;
use crate::ts::{DAY, MINUTE};
use chrono::{Days, NaiveDateTime, NaiveTime, Timelike, Weekday};
use chrono_tz::America::New_York;
use proptest::prelude::*;

const STOCK: AssetClass = AssetClass::Stock;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An instant written in New York's wall clock.
fn ny(text: &str) -> Ts {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Ts::ny(local.date(), local.time())
}

fn session(text: &str) -> Option<Session> {
    Calendar::new().session(date(text))
}

#[test]
fn a_session_has_its_four_times() {
    let full = session("2024-07-02").unwrap();
    assert_eq!((full.open, full.close), (at("2024-07-02T13:30:00Z"), at("2024-07-02T20:00:00Z")));
    assert_eq!(full.extended(), Interval::new(at("2024-07-02T08:00:00Z"), at("2024-07-03T00:00:00Z")));
    let half = session("2024-07-03").unwrap();
    assert!(half.early_close);
    assert_eq!((half.close, half.extended_close), (at("2024-07-03T17:00:00Z"), at("2024-07-03T21:00:00Z")));
}

#[test]
fn known_closures() {
    for closed in
        ["2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09", "2001-09-11", "2022-01-17", "2026-07-03", "2024-01-06"]
    {
        assert_eq!(session(closed), None, "{closed}");
    }
    for open in ["2021-12-31", "2022-01-03", "2021-06-18", "2012-10-31", "2027-12-31"] {
        assert!(session(open).is_some(), "{open}");
    }
    assert!(session("2027-07-02").is_some_and(|s| !s.early_close), "4 July 2027 is a Sunday");
}

#[test]
fn hours_follow_daylight_saving() {
    for (friday, monday) in [("2024-03-08", "2024-03-11"), ("2024-11-01", "2024-11-04")] {
        let (before, after) = (session(friday).unwrap(), session(monday).unwrap());
        let shift = (after.open - before.open) - 3 * DAY;
        assert_eq!(shift, if friday < "2024-06" { -HOUR } else { HOUR });
        assert_eq!(after.extended().len(), 16 * HOUR);
    }
}

#[test]
fn announcements_win_over_the_rules() {
    let close = |d: &str, time: &str| Override::EarlyClose(ny(&format!("{d} {time}")));
    let cal = Calendar::new()
        .with_override(date("2026-05-13"), Override::Closed)
        .with_override(date("2026-05-14"), close("2026-05-14", "13:00"))
        .with_override(date("2026-07-03"), close("2026-07-03", "13:00"))
        .with_override(date("2026-11-27"), close("2026-11-27", "16:00"))
        .with_override(date("2026-05-15"), close("2026-05-14", "13:00"))
        .with_override(date("2500-01-02"), Override::Closed);
    assert_eq!(cal.session(date("2026-05-13")), None);
    let early = cal.session(date("2026-05-14")).unwrap();
    assert!(early.early_close);
    assert_eq!(early.extended_close, ny("2026-05-14 17:00"));
    assert!(cal.session(date("2026-07-03")).is_some(), "announced as a session after all");
    assert!(cal.session(date("2026-11-27")).is_some_and(|s| !s.early_close));
    assert_eq!(cal.session(date("2026-05-15")), session("2026-05-15"), "a close of another day says nothing");
    assert!(session("2026-05-13").is_some(), "other calendars are not touched");
    let week = Interval::new(ny("2026-05-10 00:00"), ny("2026-05-17 00:00"));
    assert_eq!(cal.market_time(STOCK, week), (3 * 16 + 13) * HOUR);
    assert!(format!("{cal:?}").contains("2026-05-13"));
}

#[test]
fn neighbours_of_an_instant() {
    let cal = Calendar::new();
    let open = ny("2024-01-16 04:00");
    assert_eq!(cal.session_after(open).map(|s| s.date), Some(date("2024-01-16")), "at its own start");
    assert_eq!(cal.session_before(open).map(|s| s.date), Some(date("2024-01-12")), "over a holiday weekend");
    assert_eq!(cal.session_before(open + 1).map(|s| s.date), Some(date("2024-01-16")));
    assert_eq!(cal.session_after(open + 1).map(|s| s.date), Some(date("2024-01-17")));
    let new_year = ny("2024-01-01 00:00");
    assert_eq!(cal.session_before(new_year).map(|s| s.date), Some(date("2023-12-29")));
    assert_eq!(cal.session_after(ny("2023-12-29 19:00")).map(|s| s.date), Some(date("2024-01-02")));
}

#[test]
fn days_and_minutes_of_trading() {
    let cal = Calendar::new();
    let weeks = Interval::new(ny("2024-03-03 00:00"), ny("2024-03-17 00:00"));
    // The change of clocks lies between the two.
    let days = cal.trading(STOCK, Family::Day, weeks);
    let want = [("2024-03-04 00:00", "2024-03-09 00:00"), ("2024-03-11 00:00", "2024-03-16 00:00")];
    assert_eq!(days.as_slice(), want.map(|(a, b)| Interval::new(ny(a), ny(b))));
    assert_eq!(cal.trading(STOCK, Family::Minute, weeks).total(), 10 * 16 * HOUR);
    assert_eq!(cal.regular(AssetClass::Etf, weeks).total(), 10 * (6 * HOUR + 30 * MINUTE));
    assert_eq!(cal.trading(AssetClass::Crypto, Family::Minute, weeks), IntervalSet::from(weeks));
    let noon = Interval::new(ny("2024-03-08 12:00"), ny("2024-03-08 12:01"));
    assert_eq!(cal.trading(STOCK, Family::Day, noon), IntervalSet::from(noon));
}

#[test]
fn counts_of_full_and_half_days() {
    let cal = Calendar::new();
    for (day, counts) in [("2024-07-02", [390, 78, 26, 13, 7]), ("2024-07-03", [210, 42, 14, 7, 4])] {
        let range = Interval::new(Ts::ny_midnight(date(day)), Ts::ny_midnight(date(day) + Days::new(1)));
        let got = [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::H1]
            .map(|tf| cal.expected_bars(STOCK, tf, range));
        assert_eq!(got, counts, "{day}");
    }
    // 4h bars sit on the UTC grid: 09:30 to 16:00 touches two of them in summer, three in winter.
    for (day, bars) in [("2024-07-02", 2), ("2024-01-02", 3)] {
        let range = Interval::new(Ts::ny_midnight(date(day)), Ts::ny_midnight(date(day) + Days::new(1)));
        assert_eq!(cal.expected_bars(STOCK, Timeframe::H4, range), bars, "{day}");
    }
    let year = Interval::new(ny("2024-01-01 00:00"), ny("2025-01-01 00:00"));
    assert_eq!(cal.expected_bars(STOCK, Timeframe::D1, year), 252);
    assert_eq!(cal.expected_bars(STOCK, Timeframe::W1, year), 52);
    assert_eq!(cal.base_slots(STOCK, Family::Day, year), 252);
    assert_eq!(cal.base_slots(STOCK, Family::Minute, year), 249 * 960 + 3 * 780);
    let utc = Interval::new(at("2024-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
    assert_eq!(
        Timeframe::ALL.map(|tf| cal.expected_bars(AssetClass::Crypto, tf, utc)),
        [527_040, 105_408, 35_136, 17_568, 8784, 2196, 366, 52]
    );
    assert_eq!(cal.base_slots(AssetClass::Crypto, Family::Minute, utc), 527_040);
    assert_eq!(cal.base_slots(AssetClass::Crypto, Family::Day, utc), 366);
}

#[test]
fn any_date_and_range_is_answered() {
    let cal = Calendar::new();
    assert_eq!(session("0001-01-01"), None);
    assert_eq!(session("9999-12-31"), None);
    assert_eq!(cal.session(NaiveDate::MAX), None);
    assert_eq!(cal.session(NaiveDate::MIN), None);
    assert!(cal.sessions(NaiveDate::MAX, NaiveDate::MIN).is_empty());
    let all = cal.sessions(NaiveDate::MIN, NaiveDate::MAX);
    assert!((75_000..77_000).contains(&all.len()), "{}", all.len());
    assert_eq!(cal.session_after(Ts(i64::MIN)), all.first().copied());
    assert_eq!(cal.session_before(Ts(i64::MAX)), all.last().copied());
    assert_eq!(cal.session_before(Ts(i64::MIN)), None);
    assert_eq!(cal.session_after(Ts(i64::MAX)), None);
    let held = |r: Interval| Interval::new(r.start.clamp(Ts::MIN, Ts::MAX), r.end.clamp(Ts::MIN, Ts::MAX));
    for range in [
        Interval::new(Ts(i64::MIN), Ts(i64::MAX)),
        Interval::new(Ts::MIN, Ts::MAX),
        Interval::new(Ts(i64::MAX), Ts(i64::MIN)),
        Interval::new(Ts(i64::MAX - 1), Ts(i64::MAX)),
    ] {
        for class in AssetClass::ALL {
            for family in [Family::Minute, Family::Day] {
                let trading = cal.trading(class, family, range);
                assert_eq!(cal.market_time(class, range) > 0, !trading.is_empty(), "{class} {range:?}");
                let most = cal.base_slots(class, family, range);
                assert_eq!(most > 0, !trading.is_empty() && !held(range).is_empty(), "{class} {range:?}");
            }
            for tf in Timeframe::ALL {
                assert!(cal.expected_bars(class, tf, range) > 0 || held(range).len() < DAY);
            }
        }
    }
    let always: i64 = all.iter().map(|s| s.extended().len()).sum();
    assert_eq!(cal.market_time(STOCK, Interval::new(Ts(i64::MIN), Ts(i64::MAX))), always);
}

/// Whether a stock trades in extended hours at `t`, from the wall clock in New York and the day's kind alone.
fn trades_at(cal: &Calendar, t: Ts) -> bool {
    let local = t.to_utc().with_timezone(&New_York).naive_local();
    cal.session(local.date()).is_some_and(|s| (4..if s.early_close { 17 } else { 20 }).contains(&local.hour()))
}

/// Ranges of up to ten days, from 2003 to 2027, often around a change of clocks or an early close.
fn ranges() -> impl Strategy<Value = Interval> {
    let special = proptest::sample::select(vec!["2024-03-08", "2024-11-01", "2024-11-27", "2012-10-26", "2021-12-30"]);
    let near = special.prop_map(|d| Ts::utc_midnight(date(d)).ms());
    let any = 1_041_379_200_000i64..1_830_000_000_000;
    (prop_oneof![near, any], 0..3 * DAY, 0..10 * DAY)
        .prop_map(|(from, on, length)| Interval::new(Ts(from + on), Ts(from + on + length)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn trading_equals_a_walk_over_minutes(range in ranges()) {
        let cal = Calendar::new();
        let aligned = Interval::new(range.start.floor(MINUTE), range.end.floor(MINUTE));
        let set = cal.trading(STOCK, Family::Minute, aligned);
        let minutes = || (aligned.start.ms()..aligned.end.ms()).step_by(MINUTE as usize).map(Ts);
        let mut open = 0;
        for t in minutes() {
            let trades = trades_at(&cal, t);
            prop_assert_eq!(set.contains(t), trades, "{}", t);
            open += u64::from(trades);
        }
        prop_assert_eq!(cal.base_slots(STOCK, Family::Minute, aligned), open);
        prop_assert_eq!(cal.market_time(STOCK, aligned), open as i64 * MINUTE);
        // Bars expected of a liquid symbol: those that hold a regular minute.
        for tf in [Timeframe::M5, Timeframe::H1, Timeframe::H4] {
            let mut starts: Vec<Ts> = cal
                .regular(STOCK, Interval::new(aligned.start - DAY, aligned.end + DAY))
                .iter()
                .flat_map(|r| (r.start.ms()..r.end.ms()).step_by(MINUTE as usize))
                .map(|t| tf.span(STOCK, Ts(t)).start)
                .filter(|s| aligned.contains(*s))
                .collect();
            starts.dedup();
            prop_assert_eq!(cal.expected_bars(STOCK, tf, aligned), starts.len() as u64, "{}", tf);
        }
    }

    #[test]
    fn days_equal_a_walk_over_dates(range in ranges()) {
        let cal = Calendar::new();
        let days = Family::Day;
        let set = cal.trading(STOCK, days, range);
        let dates = || range.start.ny_date().iter_days().take_while(|d| Ts::ny_midnight(*d) < range.end);
        let (mut touched, mut started) = (0, 0);
        let mut sundays = std::collections::BTreeSet::new();
        for d in dates() {
            let is_open = cal.session(d).is_some();
            let noon = Ts::ny(d, NaiveTime::from_hms_opt(12, 0, 0).unwrap());
            prop_assert_eq!(set.contains(noon), is_open && range.contains(noon));
            touched += u64::from(is_open && !range.is_empty());
            started += u64::from(is_open && Ts::ny_midnight(d) >= range.start);
            if d.weekday() == Weekday::Sun && Ts::ny_midnight(d) >= range.start {
                sundays.insert(d);
            }
        }
        prop_assert_eq!(cal.base_slots(STOCK, days, range), touched);
        prop_assert_eq!(cal.expected_bars(STOCK, Timeframe::D1, range), started);
        prop_assert_eq!(cal.expected_bars(STOCK, Timeframe::W1, range), sundays.len() as u64);
    }

    #[test]
    fn market_time_adds_up(a in 900_000_000_000i64..2_000_000_000_000, b in 0..9000 * DAY, c in 0..9000 * DAY) {
        let cal = Calendar::new();
        let (from, middle, to) = (Ts(a), Ts(a + b), Ts(a + b + c));
        let time = |x: Ts, y: Ts| cal.market_time(STOCK, Interval::new(x, y));
        prop_assert_eq!(time(from, to), time(from, middle) + time(middle, to));
        let range = Interval::new(from, to);
        prop_assert_eq!(time(from, to), cal.trading(STOCK, Family::Minute, range).total());
    }

    #[test]
    fn neighbours_are_next_to_the_instant(t in 900_000_000_000i64..2_000_000_000_000) {
        let cal = Calendar::new();
        let (before, after) = (cal.session_before(Ts(t)).unwrap(), cal.session_after(Ts(t)).unwrap());
        prop_assert!(before.extended_open < Ts(t) && Ts(t) <= after.extended_open);
        let both = cal.sessions(before.date, after.date);
        prop_assert_eq!(both, vec![before, after]);
    }
}

#[test]
fn a_night_lies_between_two_sessions_and_belongs_to_the_second() {
    let calendar = Calendar::new();
    let night_of = |text: &str| calendar.night_before(ny(text)).map(|session| session.date.to_string());
    let tuesday = Some("2024-02-06".to_owned());
    assert_eq!(night_of("2024-02-05 19:59"), None);
    assert_eq!(night_of("2024-02-05 20:00"), tuesday);
    assert_eq!(night_of("2024-02-06 03:59"), tuesday);
    assert_eq!(night_of("2024-02-06 04:00"), None);
    // The night to Monday begins on Sunday; Friday and Saturday have none.
    assert_eq!(night_of("2024-02-04 20:00"), Some("2024-02-05".to_owned()));
    for none in ["2024-02-02 22:00", "2024-02-03 02:00", "2024-02-03 22:00", "2024-02-04 12:00"] {
        assert_eq!(night_of(none), None, "{none}");
    }
    // An early close leaves three hours that are of nobody; nights of eight hours when the clocks change, too.
    assert_eq!(night_of("2024-07-02 20:30"), Some("2024-07-03".to_owned()));
    assert_eq!(night_of("2024-07-03 18:00"), None);
    let open = Calendar::new().with_nights_from(Some(ny("2024-02-05 20:00")));
    let range = Interval::new(ny("2024-02-02 00:00"), ny("2024-02-09 12:00"));
    let nights = open.nights(STOCK, range);
    assert_eq!(nights.as_slice().len(), 4);
    assert!(nights.iter().all(|night| night.len() == 8 * HOUR));
    assert_eq!(open.nights(AssetClass::Crypto, range), IntervalSet::new());
    assert_eq!(calendar.nights(STOCK, range), IntervalSet::new(), "unless they are known to be traded");
    for (text, traded) in [("2024-02-05 20:00", true), ("2024-02-05 19:59", false), ("2024-02-01 22:00", false)] {
        assert_eq!(open.trades_at_night(ny(text)), traded, "{text}");
    }
    // A page holds their minutes too, and a session's first minutes take the night before them along.
    let week = Interval::new(ny("2024-02-06 04:00"), ny("2024-02-07 20:00"));
    let minutes = |calendar: &Calendar| calendar.base_slots(STOCK, Family::Minute, week);
    assert_eq!(minutes(&open) - minutes(&calendar), 480);
    let first = ny("2024-02-06 04:00");
    assert_eq!(open.evening_of(STOCK, Family::Minute, first), ny("2024-02-05 20:00"));
    for other in [first + MINUTE, first - HOUR, ny("2024-02-02 04:00")] {
        assert_eq!(open.evening_of(STOCK, Family::Minute, other), other);
    }
    assert_eq!(open.evening_of(STOCK, Family::Day, first), first);
    assert_eq!(calendar.evening_of(STOCK, Family::Minute, first), first);
}
