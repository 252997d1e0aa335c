use std::time::Duration;

use proptest::prelude::*;

use super::*;
use barkeep_market::Calendar;
use barkeep_market::freshness::{Delay, StalenessClock, lag_behind};
use barkeep_market::testing::at;
use barkeep_market::ts::{DAY, HOUR, MINUTE};
use barkeep_store::testing;
use barkeep_store::{Coverage, CoverageState, OperatorAction};

fn facts<'a>(calendar: &'a Calendar, newest_end: &str, now: &str) -> SplitInputs<'a> {
    SplitInputs {
        calendar,
        clock: StalenessClock::Market,
        delay: Delay::After(Duration::ZERO),
        lag: Duration::from_mins(15),
        now: at(now),
        class: AssetClass::Stock,
        timeframe: Timeframe::M5,
        newest_end: Some(at(newest_end)),
        checked_at: Some(at(newest_end)),
        coverage: Vec::new(),
        quarantined: Vec::new(),
        tracked: true,
        pause: None,
        attempts: Vec::new(),
        window_full_until: None,
        refresh_every: Duration::from_hours(1),
        tier: Tier::Stale,
    }
}

fn covered(state: CoverageState, start: &str, end: &str) -> Coverage {
    let range = Interval::new(at(start), at(end));
    Coverage::answered(range, state, None, at(end))
}

/// Minutes of the age and of the staleness by cause.
fn minutes(facts: &SplitInputs<'_>) -> Vec<(Cause, i64, i64)> {
    let split = facts.split().unwrap();
    split.causes.iter().map(|s| (s.blocker.cause, s.ms / MINUTE, s.stale_ms / MINUTE)).collect()
}

#[test]
fn over_a_weekend_the_market_was_closed() {
    let cal = Calendar::new();
    // Friday's last bar of extended hours, asked on Sunday.
    let facts = facts(&cal, "2024-03-02T01:00:00Z", "2024-03-03T12:00:00Z");
    assert_eq!(minutes(&facts), [(Cause::MarketClosed, 35 * 60, 0)]);
    assert_eq!(facts.split().unwrap().staleness_ms, 0);
}

#[test]
fn a_failed_run_is_charged_from_when_it_failed() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T15:00:00Z", "2024-03-05T18:00:00Z");
    let message = "1 gap left: transient: the vendor failed (503)";
    let failed = |time: &str| SeriesAttempt { at: at(time), outcome: Outcome::Failed(message.into()) };
    facts.attempts = vec![failed("2024-03-05T17:15:00Z"), failed("2024-03-05T16:15:00Z")];
    let want = [(Cause::VendorDelay, 15, 0), (Cause::Failed, 105, 105), (Cause::WaitingForRun, 60, 60)];
    assert_eq!(minutes(&facts), want);
    let blocker = facts.blocker();
    assert_eq!((blocker.cause, blocker.since), (Cause::Failed, Some(at("2024-03-05T16:15:00Z"))));
    let detail = blocker.detail.unwrap();
    assert!(
        detail.starts_with("transient; ") && detail.contains("503") && detail.contains("2 runs in a row"),
        "{detail}"
    );

    // A run that reached the newest end and failed on old history held nothing back.
    facts.checked_at = Some(at("2024-03-05T17:16:00Z"));
    assert_eq!(minutes(&facts), [(Cause::VendorDelay, 15, 0), (Cause::WaitingForRun, 165, 165)]);
}

#[test]
fn a_short_pause_never_explains_a_long_wait() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T15:00:00Z", "2024-03-05T18:00:00Z");
    let pause =
        Pause { by: Some("cli:alice".into()), since: Some(at("2024-03-05T17:30:00Z")), scope: PauseScope::Symbol };
    facts.pause = Some(pause);
    let want = [(Cause::VendorDelay, 15, 0), (Cause::Paused, 30, 30), (Cause::WaitingForRun, 135, 135)];
    assert_eq!(minutes(&facts), want);
    assert_eq!(facts.blocker().by.as_deref(), Some("cli:alice"));
    facts.pause = Some(Pause { by: None, since: None, scope: PauseScope::Engine });
    assert_eq!(minutes(&facts), [(Cause::VendorDelay, 15, 0), (Cause::Paused, 165, 165)]);
}

#[test]
fn a_run_under_way_waits_for_tokens_or_is_fetched() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T15:00:00Z", "2024-03-05T18:00:00Z");
    facts.attempts = vec![SeriesAttempt { at: at("2024-03-05T17:55:00Z"), outcome: Outcome::Running }];
    assert_eq!(facts.blocker().cause, Cause::InProgress);
    facts.window_full_until = Some(at("2024-03-05T18:00:40Z"));
    let want = [(Cause::VendorDelay, 15, 0), (Cause::WaitingForTokens, 5, 5), (Cause::WaitingForRun, 160, 160)];
    assert_eq!(minutes(&facts), want);
    assert!(facts.blocker().detail.unwrap().contains("18:00:40Z"));
}

#[test]
fn answers_without_bars_are_no_staleness() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T15:00:00Z", "2024-03-05T18:00:00Z");
    facts.coverage = vec![covered(CoverageState::Empty, "2024-03-05T15:00:00Z", "2024-03-05T17:45:00Z")];
    assert_eq!(minutes(&facts), [(Cause::VendorDelay, 15, 0), (Cause::NoTrades, 165, 0)]);
    // A bar among them was put aside.
    facts.quarantined = vec![at("2024-03-05T16:00:00Z")];
    let want = [(Cause::VendorDelay, 15, 0), (Cause::NoTrades, 160, 0), (Cause::Quarantined, 5, 0)];
    assert_eq!(minutes(&facts), want);
}

#[test]
fn a_refusal_counts_and_stands_in_the_way() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T15:00:00Z", "2024-03-05T18:00:00Z");
    facts.coverage = vec![covered(CoverageState::NotEntitled, "2024-03-05T15:00:00Z", "2024-03-06T05:00:00Z")];
    assert_eq!(minutes(&facts), [(Cause::VendorDelay, 15, 0), (Cause::NotEntitled, 165, 165)]);
    assert_eq!(facts.blocker().cause, Cause::NotEntitled);
    // On an end-of-day plan the same refusal is the plan's delay.
    facts.delay = Delay::EndOfDay;
    assert_eq!(minutes(&facts), [(Cause::VendorDelay, 180, 0)]);
}

#[test]
fn a_day_still_growing_is_not_stale() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T05:00:00Z", "2024-03-05T18:00:00Z");
    facts.timeframe = Timeframe::D1;
    assert_eq!(
        minutes(&facts),
        [(Cause::MarketClosed, 240, 0), (Cause::BarGrowing, 525, 0), (Cause::VendorDelay, 15, 0)]
    );
}

#[test]
fn without_a_bar_there_is_a_reason_and_no_age() {
    let cal = Calendar::new();
    let mut facts = facts(&cal, "2024-03-05T15:00:00Z", "2024-03-05T18:00:00Z");
    facts.newest_end = None;
    facts.checked_at = None;
    assert_eq!((facts.split(), facts.blocker().cause), (None, Cause::NeverAsked));
    facts.tracked = false;
    assert_eq!(facts.blocker().cause, Cause::Untracked);
}

#[test]
fn the_last_switch_decides_who_paused() {
    let act = |action: &str, minute: i64, actor: &str| OperatorActionRow {
        id: minute,
        action: OperatorAction { actor: actor.into(), ..testing::operator_action(action, None, Ts(minute)) },
    };
    let paused = [act("trigger", 9, "c"), act("pause", 5, "b"), act("pause", 1, "a")];
    let resumed = [act("resume", 9, "c"), act("pause", 5, "b")];
    let by = |pause: Option<Pause>| pause.map(|p| (p.by, p.since, p.scope));
    let b = Some((Some("b".into()), Some(Ts(5)), PauseScope::Series));
    assert_eq!(by(marked(true, &paused, PauseScope::Series)), b);
    assert_eq!(by(marked(false, &paused, PauseScope::Series)), None, "it carries no mark");
    assert_eq!(
        by(marked(true, &resumed, PauseScope::Symbol)),
        Some((None, None, PauseScope::Symbol)),
        "marked without a note"
    );
    assert_eq!(by(switched(&paused, PauseScope::Series)), b);
    assert_eq!(by(switched(&resumed, PauseScope::Engine)), None);
    let at = |minute: i64, scope| Some(Pause { by: None, since: Some(Ts(minute)), scope });
    let scope = |pauses| first(pauses).map(|p| p.scope);
    assert_eq!(
        scope([at(7, PauseScope::Series), at(5, PauseScope::Symbol), at(6, PauseScope::Engine)]),
        Some(PauseScope::Symbol)
    );
    let unnoted = Some(Pause { by: None, since: None, scope: PauseScope::Series });
    assert_eq!(scope([unnoted, at(5, PauseScope::Symbol), None]), Some(PauseScope::Series));
    assert_eq!(scope([None, None, None]), None);
}

fn attempts() -> impl Strategy<Value = Vec<SeriesAttempt>> {
    let outcome = prop_oneof![
        Just(Outcome::Done),
        Just(Outcome::Failed("malformed: nonsense".into())),
        Just(Outcome::Interrupted),
        Just(Outcome::Running),
    ];
    prop::collection::vec((0..10 * DAY, outcome), 0..5).prop_map(|mut all| {
        all.sort_by_key(|(ago, _)| *ago);
        all.into_iter().map(|(ago, outcome)| SeriesAttempt { at: Ts(ago), outcome }).collect()
    })
}

fn coverage() -> impl Strategy<Value = Vec<Coverage>> {
    let one = (0..12 * DAY, 1..2 * DAY, 0..CoverageState::ALL.len(), any::<bool>(), any::<bool>());
    prop::collection::vec(one, 0..6).prop_map(|all| {
        let row = |(ago, len, state, expired, judged): (i64, i64, usize, bool, bool)| Coverage {
            expires_at: Some(Ts(if expired { -1 } else { 1 })),
            surprise: judged.then_some(3.0),
            ..Coverage::answered(Interval::new(Ts(ago), Ts(ago + len)), CoverageState::ALL[state], None, Ts(0))
        };
        all.into_iter().map(row).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Instants are drawn as "so long ago" and placed before a `now` anywhere in four years.
    #[test]
    fn causes_add_up_exactly(
        now in (1_640_995_200_000_i64..1_767_225_600_000).prop_map(Ts),
        newest in -HOUR..11 * DAY,
        class in 0..3_usize,
        tf in 0..8_usize,
        wall in any::<bool>(),
        delay in prop_oneof![Just(Delay::EndOfDay), (0..120_u64).prop_map(|m| Delay::After(Duration::from_mins(m)))],
        lag in (0..60_u64).prop_map(Duration::from_mins),
        mut coverage in coverage(),
        mut attempts in attempts(),
        quarantined in prop::collection::vec(0..11 * DAY, 0..3),
        checked in prop::option::of(0..11 * DAY),
        pause in prop::option::of(prop::option::of(0..11 * DAY)),
        tracked in prop::bool::weighted(0.9),
        full in any::<bool>(),
    ) {
        let cal = Calendar::new();
        let (class, tf) = (AssetClass::ALL[class], Timeframe::ALL[tf]);
        let ago = |ms: i64| now - ms;
        for c in &mut coverage {
            c.range = Interval::new(ago(c.range.end.ms()), ago(c.range.start.ms()));
            c.expires_at = c.expires_at.map(|t| now + t.ms());
        }
        for a in &mut attempts {
            a.at = ago(a.at.ms());
        }
        let facts = SplitInputs {
            calendar: &cal,
            clock: if wall { StalenessClock::Wall } else { StalenessClock::Market },
            delay,
            lag,
            now,
            class,
            timeframe: tf,
            newest_end: Some(tf.end_of(class, ago(newest))),
            checked_at: checked.map(ago),
            coverage,
            quarantined: quarantined.into_iter().map(ago).collect(),
            tracked,
            pause: pause.map(|since| Pause { by: None, since: since.map(ago), scope: PauseScope::Symbol }),
            attempts,
            window_full_until: full.then_some(now),
            refresh_every: Duration::from_mins(15),
            tier: Tier::Stale,
        };
        let split = facts.split().unwrap();
        let end = facts.newest_end.unwrap();
        // As `Store::evidence` has it.
        let believed = |c: &&Coverage| {
            !matches!(c.state, CoverageState::NotEntitled | CoverageState::Late | CoverageState::Quarantined)
                && (c.state != CoverageState::Unjudged || c.surprise.is_some())
        };
        let answered = facts.coverage.iter().filter(believed).map(|c| c.range.end).max();
        let known = answered.map_or(end, |a| a.max(end));
        let served = served_until(&cal, class, tf, delay, lag, now);
        prop_assert_eq!(split.age_ms, (now - end).max(0));
        prop_assert_eq!(split.staleness_ms, lag_behind(&cal, facts.clock, class, known, served, now));
        prop_assert_eq!(split.causes.iter().map(|s| s.ms).sum::<i64>(), split.age_ms);
        prop_assert_eq!(split.causes.iter().map(|s| s.stale_ms).sum::<i64>(), split.staleness_ms);
        prop_assert!(split.causes.iter().all(|s| s.ms > 0 && s.stale_ms <= s.ms));
    }
}
