//! The three rules, one by one.

use proptest::prelude::*;

use super::*;
use crate::evidence::profile::SessionProfile;
use crate::evidence::window::Window;

/// Sixty sessions, the same number of slots in each half hour, all with a bar.
#[test]
fn one_slot_can_surprise_only_so_much() {
    for (timeframe, slots, cap) in [
        (Timeframe::M1, 30, 8.2),
        (Timeframe::M5, 6, 6.6),
        (Timeframe::M15, 2, 5.5),
        (Timeframe::H1, 1, 4.8),
        (Timeframe::D1, 1, 4.8),
    ] {
        let mut window = Window::default();
        let session = SessionProfile {
            date: date("2024-01-02"),
            slots: vec![slots],
            traded: vec![slots],
            longest_silence: 0,
            left_out: 0,
            trades: None,
            volume: 0.0,
            judged: true,
        };
        (0..70).for_each(|_| window.push(session.clone()));
        let calendar = Calendar::new();
        let day = between("2024-04-01 00:00", "2024-04-02 00:00");
        let pieces = crate::evidence::grid::pieces(&calendar, AssetClass::Stock, timeframe, day);
        let piece = pieces.iter().find(|p| p.part.is_main()).unwrap();
        let surprise = window.measure(timeframe).surprise(piece, (0, 1));
        assert!((surprise - cap).abs() < 0.05, "{timeframe}: {surprise}");
        assert_eq!(window.len(), SESSIONS);
    }
}

#[test]
fn a_missing_hour_of_a_liquid_symbol_is_found_wherever_it_is() {
    for timeframe in [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::H1] {
        let mut whole = Symbol::stock(timeframe, "2024-01-02", "2024-03-28");
        let year = between("2024-01-01 00:00", "2024-03-29 00:00");
        assert_eq!(whole.ask_followed(year), [], "{timeframe}: nothing is missing");
        for hour in 10..15 {
            let hole = between(&format!("2024-03-21 {hour}:00"), &format!("2024-03-21 {}:00", hour + 1));
            let mut symbol = whole.clone().without(hole);
            let runs = symbol.ask(between("2024-03-21 00:00", "2024-03-29 00:00"));
            assert_eq!(suspects(&runs), [hole], "{timeframe} {runs:#?}");
            // The same in the first answer of all, when there is nothing to judge by but itself.
            let mut symbol = Symbol { profile: Profile::new(), ..whole.clone() }.without(hole);
            assert_eq!(suspects(&symbol.ask(year)), [hole], "{timeframe}, first answer");
            let early = between(&format!("2024-01-03 {hour}:00"), &format!("2024-01-03 {}:00", hour + 1));
            let mut symbol = Symbol { profile: Profile::new(), ..whole.clone() }.without(early);
            assert_eq!(suspects(&symbol.ask(year)), [early], "{timeframe}, second session of all");
        }
    }
}

#[test]
fn one_missing_minute_is_believed_and_one_missing_hourly_bar_is_not() {
    let quarter = between("2024-01-01 00:00", "2024-03-29 00:00");
    let hole = between("2024-03-21 11:00", "2024-03-21 11:02");
    assert_eq!(Symbol::stock(Timeframe::M1, "2024-01-02", "2024-03-28").without(hole).ask_followed(quarter), []);
    let hole = between("2024-03-21 11:00", "2024-03-21 12:00");
    let mut symbol = Symbol::stock(Timeframe::H1, "2024-01-02", "2024-03-28").without(hole);
    let runs = symbol.ask_followed(quarter);
    assert_eq!((runs.len(), runs[0].rule, runs[0].slots), (1, Some(Rule::NeverSilent), 1), "{runs:#?}");
    // It is not held against the hours after it that it was missing.
    assert!(symbol.profile.part(Part::Regular).unwrap().sessions().iter().all(|s| s.longest_silence == 0));
}

/// What is suspect is not learned from, so a symbol that has become thin would be accused for ever.
#[test]
fn many_missing_hourly_bars_are_a_habit_except_where_trading_is_dense() {
    let mut symbol = Symbol::stock(Timeframe::H1, "2024-01-02", "2024-12-31");
    let thin_from = ny("2024-06-03 00:00");
    let at_noon = |b: &Bar| b.ts >= thin_from && b.ts - Ts::ny_midnight(b.ts.ny_date()) == 12 * HOUR;
    symbol.bars.retain(|b| !at_noon(b));
    let year = between("2024-01-01 00:00", "2025-01-01 00:00");
    assert_eq!(suspects(&symbol.clone().ask_followed(year)).len(), 3);
    let sessions = Calendar::new().sessions(date("2024-06-03"), date("2024-12-31")).len();
    symbol.bars.iter_mut().for_each(|b| b.trades = Some(50));
    assert_eq!(suspects(&symbol.ask_followed(year)).len(), sessions);
}

#[test]
fn a_missing_day_of_a_symbol_that_trades_daily_is_found() {
    let year = between("2024-01-01 00:00", "2025-01-01 00:00");
    for days in [1, 2, 3, 30] {
        let hole = Interval::new(ny("2024-06-03 00:00"), ny("2024-06-03 00:00") + days * DAY);
        let mut symbol = Symbol::stock(Timeframe::D1, "2024-01-02", "2024-12-31").without(hole);
        let runs = symbol.ask_followed(year);
        assert_eq!(suspects(&runs).len(), 1, "{runs:#?}");
        assert_eq!(runs[0].range.start, hole.start);
        let sessions = Calendar::new().trading(AssetClass::Stock, crate::Family::Day, hole);
        assert_eq!(u64::from(runs[0].slots), sessions.total() as u64 / DAY as u64);
    }
    // Also the whole day of minutes, whatever the symbol does in one minute.
    let hole = between("2024-06-03 00:00", "2024-06-04 00:00");
    let year = between("2024-01-01 00:00", "2024-06-29 00:00");
    let mut symbol = Symbol::stock(Timeframe::M1, "2024-01-02", "2024-06-28").without(hole);
    let mut k = 0_u64;
    symbol.bars.retain(|_| {
        k += 1;
        k.is_multiple_of(60)
    });
    let runs = symbol.ask_followed(year);
    let found: Vec<&Run> = runs.iter().filter(|r| r.verdict == SilenceVerdict::Suspect).collect();
    assert_eq!((found.len(), found[0].rule, found[0].slots), (1, Some(Rule::WholeSession), 390), "{runs:#?}");
}

#[test]
fn a_symbol_that_trades_now_and_then_may_miss_a_day() {
    // Two trades a day: silence of a day is told, as quiet.
    let hole = between("2024-06-03 00:00", "2024-06-04 00:00");
    let mut symbol = Symbol::stock(Timeframe::D1, "2024-01-02", "2024-12-31").without(hole);
    symbol.bars.iter_mut().for_each(|b| b.trades = Some(2));
    let runs = symbol.ask_followed(between("2024-01-01 00:00", "2025-01-01 00:00"));
    assert_eq!(of(&runs, SilenceVerdict::Quiet), [hole], "{runs:#?}");
    assert_eq!(runs.len(), 1);
    // The same by volume where trades are not told.
    symbol.bars.iter_mut().for_each(|b| (b.trades, b.volume) = (None, 999.0));
    assert_eq!(suspects(&symbol.ask_followed(between("2024-01-01 00:00", "2025-01-01 00:00"))), []);
    symbol.bars.iter_mut().for_each(|b| b.volume = 1_000.0);
    assert_eq!(suspects(&symbol.ask_followed(between("2024-01-01 00:00", "2025-01-01 00:00"))), [hole]);
}

#[test]
fn the_hours_after_an_early_close_are_never_judged() {
    // 2024-07-03 closes at 13:00.
    let mut symbol = Symbol::stock(Timeframe::M1, "2024-04-01", "2024-07-12");
    let post = |b: &Bar| Bar { ts: b.ts + 390 * MINUTE, ..*b };
    let full: Vec<Bar> = symbol.bars.iter().filter(|b| b.ts < ny("2024-07-03 00:00")).map(post).collect();
    symbol.bars.extend(full);
    symbol.bars.retain(|b| b.ts.ny_date() != date("2024-07-03") || b.ts < ny("2024-07-03 13:00"));
    symbol.bars.sort_by_key(|b| b.ts);
    let mut hours = symbol.bars.clone();
    hours.retain(|b| !between("2024-07-03 12:00", "2024-07-03 13:00").contains(b.ts));
    let quarter = between("2024-04-01 00:00", "2024-07-04 00:00");
    assert_eq!(suspects(&symbol.clone().ask_followed(quarter)), []);
    let before_the_close = Symbol { bars: hours, ..symbol.clone() }.ask_followed(quarter);
    assert_eq!(suspects(&before_the_close), [between("2024-07-03 12:00", "2024-07-03 13:00")]);
    symbol.ask_followed(quarter);
    let post = symbol.profile.part(Part::Post).unwrap();
    assert_eq!(post.sessions().last().unwrap().date, date("2024-07-02"));
    // As a tail it is nothing to wait for either.
    let known = between("2024-04-01 00:00", "2024-07-03 17:00");
    assert_eq!(symbol.ask(known), []);
}

#[test]
fn silence_after_the_last_bar_is_late_when_it_is_not_believable() {
    let all = Symbol::stock(Timeframe::M1, "2024-01-02", "2024-03-28");
    for (timeframe, late_after) in [(Timeframe::M1, 2), (Timeframe::M5, 10), (Timeframe::M15, 30), (Timeframe::H1, 120)]
    {
        let mut symbol = Symbol::stock(timeframe, "2024-01-02", "2024-03-20");
        let width = timeframe.width();
        symbol.bars.retain(|b| b.ts < ny("2024-03-20 12:00"));
        for slots in 1..=(390 * MINUTE / width) {
            let until = ny("2024-03-20 12:00") + slots * width;
            let runs = symbol.clone().ask(Interval::new(ny("2024-01-02 00:00"), until));
            let waited = (slots * width).min(4 * HOUR) / MINUTE;
            let expected = if waited >= late_after { SilenceVerdict::Late } else { SilenceVerdict::Open };
            assert_eq!(runs.len(), 1, "{timeframe} {runs:#?}");
            assert_eq!((runs[0].verdict, runs[0].range), (expected, Interval::new(ny("2024-03-20 12:00"), until)));
        }
    }
    // Nothing is late on the weekend after a Friday that ended as it should.
    let mut friday = all.clone();
    friday.bars.retain(|b| b.ts < ny("2024-03-16 00:00"));
    let runs = friday.ask(between("2024-01-02 00:00", "2024-03-18 09:30"));
    assert!(runs.iter().all(|r| r.verdict == SilenceVerdict::Open), "{runs:#?}");
    // On Monday it is, over the weekend, in one run.
    let runs = friday.ask(between("2024-01-02 00:00", "2024-03-18 09:45"));
    assert_eq!(of(&runs, SilenceVerdict::Late), [between("2024-03-15 16:00", "2024-03-18 09:45")], "{runs:#?}");
}

#[test]
fn a_missing_day_at_the_end_is_late_and_then_suspect() {
    let mut symbol = Symbol::stock(Timeframe::D1, "2024-01-02", "2024-12-31");
    symbol.bars.retain(|b| b.ts != ny("2024-06-03 00:00"));
    let year = between("2024-01-02 00:00", "2024-06-04 00:00");
    let runs = symbol.clone().ask(year);
    assert_eq!(
        (runs.len(), runs[0].verdict, runs[0].rule),
        (1, SilenceVerdict::Late, Some(Rule::WholeSession)),
        "{runs:#?}"
    );
    let runs = symbol.ask(between("2024-01-02 00:00", "2024-06-05 00:00"));
    assert_eq!(suspects(&runs), [between("2024-06-03 00:00", "2024-06-04 00:00")], "{runs:#?}");
}

#[test]
fn weeks_and_continuous_markets_have_the_same_rules() {
    let years = between("2020-01-01 00:00", "2024-01-01 00:00");
    let week = between("2023-06-04 00:00", "2023-06-11 00:00");
    let mut weeks = Symbol::stock(Timeframe::W1, "2020-01-05", "2023-12-30").without(week);
    assert_eq!(suspects(&weeks.ask_followed(years)), [week]);
    let day = Ts::utc_midnight(date("2024-06-03"));
    let spring = Interval::new(Ts::utc_midnight(date("2024-03-01")), Ts::utc_midnight(date("2024-07-01")));
    for (timeframe, missing) in
        [(Timeframe::M5, HOUR), (Timeframe::H1, HOUR), (Timeframe::H4, 4 * HOUR), (Timeframe::D1, DAY)]
    {
        let hole = Interval::new(day, day + missing);
        let mut crypto = Symbol::liquid(AssetClass::Crypto, timeframe, "2024-03-01", "2024-06-30").without(hole);
        assert_eq!(suspects(&crypto.ask_followed(spring)), [hole], "{timeframe}");
    }
}

/// A symbol that is silent here and there in a way that `seed` decides.
fn patchy(seed: u64) -> Symbol {
    let mut symbol = Symbol::stock(Timeframe::M5, "2024-01-02", "2024-04-30");
    let mut random = clusters::Random(seed);
    let quiet = random.below(40) as f64 / 100.0;
    symbol.bars.retain(|_| !random.happens(quiet));
    symbol
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// Longer silence is never less suspicious.
    #[test]
    fn verdicts_are_monotone_in_length(seed in 0_u64..10_000, start in 0_i64..60, is_early in any::<bool>()) {
        let symbol = patchy(seed);
        // Among the first sessions, which judge one another, or after sixty.
        let from = ny(if is_early { "2024-01-04 09:30" } else { "2024-04-25 09:30" }) + start * 5 * MINUTE;
        let (mut suspect, mut late) = (false, false);
        let mut surprise = None;
        for slots in 1..(78 - start) {
            let hole = Interval::new(from, from + slots * 5 * MINUTE);
            let runs = symbol.clone().without(hole).ask_followed(between("2024-01-02 00:00", "2024-04-27 00:00"));
            let run = runs.iter().find(|r| r.range.overlaps(hole) && r.verdict == SilenceVerdict::Suspect);
            prop_assert!(!suspect || run.is_some(), "{slots} slots are believed again");
            suspect |= run.is_some();
            if is_early {
                continue;
            }
            let mut cut = symbol.clone();
            cut.bars.retain(|b| b.ts < from);
            let runs = cut.ask(Interval::new(ny("2024-01-02 00:00"), hole.end));
            let tail = runs.last().unwrap();
            prop_assert!(!late || tail.verdict == SilenceVerdict::Late, "{slots} slots are in time again");
            prop_assert!(tail.surprise >= surprise);
            late |= tail.verdict == SilenceVerdict::Late;
            surprise = tail.surprise;
        }
        prop_assert!(late || is_early);
    }

    /// A growing hole gets the verdict in the end that it gets when it is seen at once.
    #[test]
    fn slot_by_slot_equals_at_once(seed in 0_u64..10_000, start in 0_i64..70, slots in 1_i64..80) {
        let symbol = patchy(seed);
        let from = ny("2024-04-25 09:30") + start * 5 * MINUTE;
        let hole = Interval::new(from, from + slots * 5 * MINUTE);
        let first = ny("2024-01-02 00:00");
        let history = Interval::new(first, ny("2024-04-25 00:00"));
        let (mut growing, mut at_once) = (symbol.clone().without(hole), symbol.without(hole));
        growing.ask(history);
        at_once.ask(history);
        let end = Interval::new(ny("2024-04-25 00:00"), ny("2024-04-26 16:00"));
        let seen = suspects(&at_once.ask(end));
        let mut until = ny("2024-04-25 09:30");
        let (mut tail, mut grown) = (until, Vec::new());
        while until < end.end {
            until = until + 5 * MINUTE;
            let known = Interval::new(end.start, until);
            // What was open is asked about again.
            let runs = growing.ask_knowing(Interval::new(tail, until), &known.into());
            grown.extend(suspects(&runs));
            let open = runs.last().filter(|r| matches!(r.verdict, SilenceVerdict::Open | SilenceVerdict::Late));
            tail = open.map_or(until, |r| r.range.start);
        }
        prop_assert_eq!(grown, seen);
        prop_assert!(growing.profile.part(Part::Regular) == at_once.profile.part(Part::Regular));
    }
}

/// A young listing with heavy trade in each of its days: one or several missing days are missed, among few others too.
#[test]
fn whole_days_of_a_heavy_trader_are_missed_after_ten_sessions() {
    let heavy = |holes: &[Interval], trades: Option<i64>| {
        let mut symbol = Symbol::stock(Timeframe::D1, "2024-03-04", "2024-03-28");
        for hole in holes {
            symbol = symbol.without(*hole);
        }
        for bar in &mut symbol.bars {
            (bar.trades, bar.volume) = (trades, 2e6);
        }
        symbol
    };
    let one = between("2024-03-20 00:00", "2024-03-21 00:00");
    let two = between("2024-03-11 00:00", "2024-03-13 00:00");
    let month = between("2024-03-04 00:00", "2024-03-29 00:00");
    for trades in [Some(30_000), None] {
        assert_eq!(suspects(&heavy(&[one], trades).ask_followed(month)), [one]);
        assert_eq!(suspects(&heavy(&[one, two], trades).ask_followed(month)), [two, one]);
    }
    // Some trades a day, and the same days are believed.
    assert_eq!(suspects(&heavy(&[one, two], Some(30)).ask_followed(month)), []);
    // Nine sessions say nothing.
    let week = between("2024-03-04 00:00", "2024-03-15 00:00");
    assert_eq!(suspects(&heavy(&[two], Some(30_000)).ask_followed(week)), []);
}
