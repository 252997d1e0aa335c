use super::*;
use crate::testing::at;
use crate::ts::{DAY, HOUR, MINUTE};
use proptest::prelude::*;

const NOW: Delay = Delay::After(Duration::ZERO);
const QUARTER: Delay = Delay::After(Duration::from_mins(15));
const LAG: Duration = Duration::from_mins(10);

/// An instant written in New York's wall clock.
fn ny(text: &str) -> Ts {
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Ts::ny(local.date(), local.time())
}

fn market(class: AssetClass, tf: Timeframe, newest: Ts, delay: Delay, now: Ts) -> i64 {
    behind(&Calendar::new(), StalenessClock::Market, class, tf, Some(newest), delay, LAG, now).unwrap()
}

fn stock(tf: Timeframe, newest: &str, delay: Delay, now: &str) -> i64 {
    market(AssetClass::Stock, tf, ny(newest), delay, ny(now))
}

#[test]
fn nothing_goes_stale_while_the_exchange_is_closed() {
    // Friday's last bar, asked on Saturday, on Sunday, before Monday's first bar can be there; a holiday Monday.
    for now in ["2024-01-12 20:10", "2024-01-13 12:00", "2024-01-14 23:59", "2024-01-15 12:00", "2024-01-16 04:14"] {
        assert_eq!(stock(Timeframe::M5, "2024-01-12 19:55", NOW, now), 0, "{now}");
    }
    assert_eq!(stock(Timeframe::M5, "2024-01-12 19:55", NOW, "2024-01-16 04:15"), 5 * MINUTE);
}

#[test]
fn only_complete_bars_count() {
    // At 10:29 with 10 minutes of lag the newest complete 5m bar is 10:10.
    assert_eq!(stock(Timeframe::M5, "2024-01-16 10:10", NOW, "2024-01-16 10:29"), 0);
    assert_eq!(stock(Timeframe::M5, "2024-01-16 10:10", NOW, "2024-01-16 10:30"), 5 * MINUTE);
    assert_eq!(stock(Timeframe::M5, "2024-01-16 10:10", QUARTER, "2024-01-16 10:44"), 0);
    assert_eq!(stock(Timeframe::M5, "2024-01-16 10:10", QUARTER, "2024-01-16 10:45"), 5 * MINUTE);
    // A bar that still grows is stored: not behind, and never negative.
    assert_eq!(stock(Timeframe::H1, "2024-01-16 10:00", NOW, "2024-01-16 10:20"), 0);
}

#[test]
fn an_end_of_day_plan_is_behind_only_from_midnight() {
    let newest = "2024-01-16 19:59";
    assert_eq!(stock(Timeframe::M1, newest, Delay::EndOfDay, "2024-01-17 23:59"), 0);
    assert_eq!(stock(Timeframe::M1, newest, Delay::EndOfDay, "2024-01-18 00:09"), 0, "not yet published");
    assert_eq!(stock(Timeframe::M1, newest, Delay::EndOfDay, "2024-01-18 00:10"), 16 * HOUR);
    let crypto =
        |now: &str| market(AssetClass::Crypto, Timeframe::M1, at("2024-01-16T23:59:00Z"), Delay::EndOfDay, at(now));
    assert_eq!(crypto("2024-01-18T00:09:00Z"), 0);
    assert_eq!(crypto("2024-01-18T00:10:00Z"), DAY);
}

#[test]
fn trading_time_counts_from_session_to_session() {
    assert_eq!(stock(Timeframe::M1, "2024-01-12 19:29", NOW, "2024-01-16 05:10"), HOUR + 30 * MINUTE);
    // The half day of 2024-11-29 ends at 17:00.
    assert_eq!(stock(Timeframe::M1, "2024-11-29 16:59", NOW, "2024-11-30 12:00"), 0);
    assert_eq!(stock(Timeframe::M1, "2024-11-27 19:59", NOW, "2024-11-30 12:00"), 13 * HOUR);
    // Over the change of clocks on 2024-03-10: one hour before the close and one after the open.
    assert_eq!(stock(Timeframe::M1, "2024-03-08 18:59", NOW, "2024-03-11 05:10"), 2 * HOUR);
}

#[test]
fn a_daily_series_waits_for_the_session_it_misses() {
    for (newest, now, want) in [
        ("2024-01-11", "2024-01-12 20:09", 0),
        ("2024-01-11", "2024-01-12 20:10", 16 * HOUR),
        ("2024-01-12", "2024-01-14 12:00", 0),
        // Monday the 15th is a holiday: on Tuesday morning Friday is still the newest session there is.
        ("2024-01-12", "2024-01-16 09:00", 0),
        ("2024-01-12", "2024-01-16 20:10", 16 * HOUR),
        ("2024-01-11", "2024-01-16 09:00", 16 * HOUR),
        // A plain Monday morning, and a half day.
        ("2024-01-19", "2024-01-22 09:00", 0),
        ("2024-11-27", "2024-11-29 17:09", 0),
        ("2024-11-27", "2024-11-29 17:10", 13 * HOUR),
        ("2024-03-08", "2024-03-12 09:00", 16 * HOUR),
    ] {
        assert_eq!(stock(Timeframe::D1, &format!("{newest} 00:00"), NOW, now), want, "{newest} at {now}");
    }
    assert_eq!(stock(Timeframe::D1, "2024-01-11 00:00", Delay::EndOfDay, "2024-01-13 00:09"), 0);
    assert_eq!(stock(Timeframe::D1, "2024-01-11 00:00", Delay::EndOfDay, "2024-01-13 00:10"), 16 * HOUR);
}

#[test]
fn a_weekly_series_waits_for_the_last_session_of_the_week() {
    assert_eq!(stock(Timeframe::W1, "2024-01-07 00:00", NOW, "2024-01-19 20:09"), 0);
    assert_eq!(stock(Timeframe::W1, "2024-01-07 00:00", NOW, "2024-01-19 20:10"), 4 * 16 * HOUR, "a week of four days");
    assert_eq!(stock(Timeframe::W1, "2024-01-14 00:00", NOW, "2024-01-21 12:00"), 0);
}

#[test]
fn crypto_never_sleeps() {
    let sunday = at("2024-01-14T12:00:00Z");
    assert_eq!(market(AssetClass::Crypto, Timeframe::H1, sunday - 2 * HOUR, NOW, sunday + 10 * MINUTE), HOUR);
    let day = at("2024-01-13T00:00:00Z");
    assert_eq!(market(AssetClass::Crypto, Timeframe::D1, day, NOW, day + DAY + 10 * MINUTE), 0);
    assert_eq!(market(AssetClass::Crypto, Timeframe::D1, day, NOW, day + 2 * DAY + 10 * MINUTE), DAY);
}

#[test]
fn the_wall_clock_takes_no_rest() {
    let wall = |newest: &str, now: &str| {
        let (cal, newest) = (Calendar::new(), Some(ny(newest)));
        behind(&cal, StalenessClock::Wall, AssetClass::Stock, Timeframe::M5, newest, QUARTER, LAG, ny(now))
    };
    assert_eq!(wall("2024-01-12 19:55", "2024-01-13 20:00"), Some(DAY));
    assert_eq!(wall("2024-01-12 19:55", "2024-01-12 19:57"), Some(0));
}

#[test]
fn tiers_split_at_their_limits() {
    let limits = TierLimits::default();
    for (behind, checked, want) in [
        (None, false, Tier::Unknown),
        (None, true, Tier::Missing),
        (Some(0), true, Tier::Fresh),
        (Some(HOUR - 1), false, Tier::Fresh),
        (Some(HOUR), true, Tier::Aging),
        (Some(6 * HOUR - 1), true, Tier::Aging),
        (Some(6 * HOUR), true, Tier::Stale),
    ] {
        assert_eq!(tier(behind, checked, limits), want);
    }
    for t in Tier::ALL {
        assert_eq!(serde_json::to_string(&t).unwrap(), format!("\"{t}\""));
        assert!(Tier::ALL.iter().filter(|o| o.letter() == t.letter()).count() == 1);
    }
}

#[test]
fn no_bar_is_no_distance_and_absurd_times_are_answered() {
    let cal = Calendar::new();
    for clock in [StalenessClock::Market, StalenessClock::Wall] {
        for class in AssetClass::ALL {
            for tf in Timeframe::ALL {
                let ask = |newest, delay, now| behind(&cal, clock, class, tf, newest, delay, Duration::MAX, now);
                assert_eq!(ask(None, NOW, Ts(0)), None);
                for delay in [NOW, Delay::EndOfDay, Delay::After(Duration::MAX)] {
                    for (newest, now) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, i64::MAX), (i64::MIN, 0)] {
                        assert!(ask(Some(Ts(newest)), delay, Ts(now)).unwrap() >= 0);
                    }
                }
            }
        }
    }
}

proptest! {
    /// Time alone can only make a series staler, and a newer bar never does.
    #[test]
    fn grows_with_time_and_shrinks_with_newer_bars(
        from in 1_600_000_000_000i64..1_760_000_000_000, age in 0i64..20 * DAY, later in 0i64..10 * DAY,
        newer in 0i64..10 * DAY, which in 0usize..8, class in 0usize..3, end_of_day: bool,
    ) {
        let (tf, class) = (Timeframe::ALL[which], AssetClass::ALL[class]);
        let delay = if end_of_day { Delay::EndOfDay } else { QUARTER };
        let now = Ts(from) + age;
        let start = |t: Ts| tf.span(class, t).start;
        let old = market(class, tf, start(Ts(from)), delay, now);
        prop_assert!(old >= 0);
        prop_assert!(market(class, tf, start(Ts(from)), delay, now + later) >= old);
        prop_assert!(market(class, tf, start(Ts(from) + newer), delay, now) <= old);
    }
}
