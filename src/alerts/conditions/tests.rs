//! When each kind of alert is due, and in which words.

use super::*;
use barkeep_config::{Environment, Overrides, load_from};
use barkeep_market::ts::HOUR;

fn policy() -> Policy {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("barkeep.yaml");
    let text = format!("log:\n  dir: {0}\ndatabase:\n  url: sqlite:{0}/x.db\n", dir.path().display());
    std::fs::write(&path, text).unwrap();
    let flags = Overrides { config: Some(path), ..Overrides::default() };
    load_from(&flags, &Environment::default()).unwrap().policy
}

fn raised(inputs: &Inputs) -> Vec<(&'static str, Severity)> {
    conditions(inputs, &policy()).into_iter().map(|c| (c.kind.name(), c.severity)).collect()
}

fn quiet() -> Inputs {
    Inputs {
        now: Ts(100 * HOUR),
        watching_since: Ts(0),
        last_success: Some(Ts(99 * HOUR)),
        symbols: 10,
        symbols_attempted: 10,
        series_with_bars: 50,
        series: 50,
        ..Inputs::default()
    }
}

#[test]
fn exactly_at_a_threshold_nothing_is_raised_and_just_above_it_is() {
    assert_eq!(raised(&quiet()), []);
    let at_all = Inputs {
        last_success: Some(Ts(94 * HOUR)),
        symbols_failed: 2,
        series_without_features: 5,
        series_stale: 25,
        vendor_silent: Some(silence(5 * MINUTE, 3)),
        database_lost: Some(DatabaseLoss { since: Ts(0), failures: 2 }),
        failing: vec![FailingSymbol { symbol: btc(), runs: 2, reason: "503".into(), is_paused: false }],
        holes: vec![SymbolHoles { symbol: btc(), suspects: 3, vendor_holes: 0, what: "3 holes".into() }],
        clock_skew_ms: Some(60_000),
        ..quiet()
    };
    assert_eq!(raised(&at_all), []);
    let above_all = Inputs {
        last_success: Some(Ts(94 * HOUR - 1)),
        symbols_failed: 3,
        series_without_features: 6,
        series_stale: 26,
        key_refused: Some("401".into()),
        vendor_silent: Some(silence(5 * MINUTE + 1, 3)),
        database_lost: Some(DatabaseLoss { since: Ts(0), failures: 3 }),
        ..at_all
    };
    let (warning, critical) = (Severity::Warning, Severity::Critical);
    let above_all = Inputs {
        breaches: vec![late("BTC 5m", Criticality::Critical)],
        failing: vec![FailingSymbol { symbol: btc(), runs: 3, reason: "503".into(), is_paused: false }],
        holes: vec![SymbolHoles { symbol: btc(), suspects: 0, vendor_holes: 1, what: "1 hole".into() }],
        clock_skew_ms: Some(-60_001),
        ..above_all
    };
    let want =
        [warning, critical, warning, warning, critical, critical, critical, critical, critical, warning, warning];
    let want: Vec<_> = Kind::ALL.into_iter().map(Kind::name).zip(want).collect();
    assert_eq!(raised(&above_all), want);
}

fn silence(since: i64, attempts: u32) -> VendorSilence {
    VendorSilence { since: quiet().now - since, attempts, error: "connection refused".into() }
}

#[test]
fn one_attempt_that_hangs_is_no_outage() {
    let two = Inputs { vendor_silent: Some(silence(HOUR, 2)), ..quiet() };
    assert_eq!(raised(&two), []);
    let three = Inputs { vendor_silent: Some(silence(HOUR, 3)), ..quiet() };
    let all = conditions(&three, &policy());
    assert_eq!(all[0].message, "the vendor has not answered since 1970-01-05T03:00:00Z: connection refused");
}

fn btc() -> Symbol {
    "BTC".parse().unwrap()
}

fn late(series: &str, criticality: Criticality) -> BreachedSeries {
    let (behind, allowed) = (72 * 60_000, HOUR);
    BreachedSeries { series: series.into(), criticality, behind, allowed, is_excused: false }
}

#[test]
fn the_words_say_what_how_much_and_what_to_do() {
    let inputs = Inputs {
        breaches: vec![late("BTC 5m", Criticality::Critical), late("IBM 1h", Criticality::Low)],
        failing: vec![FailingSymbol { symbol: btc(), runs: 5, reason: "transient: 503\u{7}".into(), is_paused: true }],
        clock_skew_ms: Some(92_000),
        ..quiet()
    };
    let all = conditions(&inputs, &policy());
    let told: Vec<_> = all.iter().map(|c| (c.subject.as_deref(), c.message.as_str(), c.is_excused)).collect();
    let want = [
        (Some("BTC 5m"), "BTC 5m is 1h 12m behind; critical allows 1h", false),
        (Some("IBM 1h"), "IBM 1h is 1h 12m behind; low allows 1h", false),
        (Some("BTC"), "BTC has failed in 5 runs in a row: transient: 503?", true),
        (None, "this machine's clock is 1m 32s ahead of the vendor's; set it, for example with NTP", false),
    ];
    assert_eq!(told, want);
}

#[test]
fn a_long_first_run_that_works_is_no_failure() {
    let long = Inputs { last_success: None, is_working: true, ..quiet() };
    assert_eq!(raised(&long), []);
    let stuck = Inputs { is_working: false, ..long };
    assert_eq!(raised(&stuck), [("no_successful_backfill", Severity::Warning)]);
}

#[test]
fn without_symbols_there_is_nothing_to_miss() {
    assert_eq!(raised(&Inputs { now: Ts(100 * HOUR), ..Inputs::default() }), []);
}

#[test]
fn before_the_first_success_the_wait_counts_from_the_start() {
    let first = |since: i64| Inputs { last_success: None, watching_since: Ts(since), ..quiet() };
    assert_eq!(raised(&first(95 * HOUR)), []);
    assert_eq!(raised(&first(93 * HOUR)), [("no_successful_backfill", Severity::Warning)]);
}

#[test]
fn what_the_vendor_said_cannot_act_on_a_terminal() {
    let inputs = Inputs { key_refused: Some("\u{1b}[2J".into()), ..quiet() };
    let condition = conditions(&inputs, &policy()).remove(0);
    assert!(!condition.message.contains('\u{1b}'), "{}", condition.message);
}
