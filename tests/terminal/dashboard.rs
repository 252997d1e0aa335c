//! The dashboard as the real program on a real terminal.

use std::path::Path;
use std::time::Duration;

use barkeep::sim::SimConfig;
use rustix::process::Signal;

use crate::support::bench::{Bench, Database, configure};
use crate::support::pty::Pty;

const BARKEEP: &str = env!("CARGO_BIN_EXE_barkeep");

fn env(bench: &Bench) -> Vec<(&'static str, String)> {
    vec![
        ("MASSIVE_API_KEY", "key-of-the-tests".to_owned()),
        ("BARKEEP_VENDOR_URL", bench.sim.url()),
        ("BARKEEP_DATABASE_URL", bench.database.url()),
        ("BARKEEP_API_LISTEN", "127.0.0.1:0".to_owned()),
    ]
}

fn dashboard(bench: &Bench, args: &[&str]) -> Pty {
    Pty::start(BARKEEP, args, bench.dir.path(), &env(bench), 120, 40)
}

/// A vendor that takes its time, and one symbol that is kept; a few days of history, so that a run is a matter of
/// seconds.
async fn bench(latency_ms: u64, symbols: &[&str], active: bool) -> Bench {
    let latency = Duration::from_millis(latency_ms);
    let bench = Bench::sqlite(SimConfig { latency, ..SimConfig::default() }).await;
    configure(&bench, "backfill:\n  history: 5d\nvendor:\n  rate_limit: 600\nsymbols:\n  timeframes: [5m, 1h, 1d]\n");
    let add: Vec<&str> = ["symbols", "add"].into_iter().chain(symbols.iter().copied()).collect();
    assert!(bench.run(&add).await.status.success());
    if !active {
        for symbol in symbols {
            assert!(bench.run(&["symbols", "set", symbol, "--active=false"]).await.status.success());
        }
    }
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_started_with_a_key_ends_in_the_rows_of_the_command_line() {
    let shown = bench(0, &["AAPL", "BTC"], false).await;
    let mut pty = dashboard(&shown, &[]);
    pty.until("IDLE");
    pty.type_in("2/");
    pty.until("series  tier:");
    pty.type_in("aapl tf:5m\r");
    pty.until("filter aapl tf:5m");
    pty.type_in("t");
    pty.until("requests  ");
    // The answer is no until it is yes.
    pty.type_in("\r");
    pty.until_so("the question is gone", |text| !text.contains("requests  "));
    assert_eq!(shown.asked("/range/"), 0, "{:?}", shown.sim.log().iter().map(|r| r.target.clone()).collect::<Vec<_>>());
    pty.type_in("t");
    pty.until("Yes");
    pty.type_in("y");
    pty.until(" started");
    pty.type_in("5");
    pty.until("completed");
    pty.type_in("qy");
    pty.until("barkeep ran for");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    assert!(pty.text().contains("1 execution"), "{}", pty.text());

    let told = bench(0, &["AAPL", "BTC"], false).await;
    let (code, _) = told.backfill(&["AAPL", "--timeframes", "5m"]).await;
    assert_eq!(code, 0);
    // The newest bar may have come between the two.
    let settled = chrono_now_ms() - 2 * 60 * 60 * 1000;
    let bars = |all: crate::support::bench::Bars| -> Vec<_> {
        all.into_iter().filter(|((_, _, t), _)| *t < settled).collect()
    };
    let (by_key, by_command) = (bars(shown.stored().await), bars(told.stored().await));
    assert!(by_key.len() > 100 && by_key == by_command, "{} and {} bars", by_key.len(), by_command.len());
    let what = "SELECT count(*) FROM scheduler_execution_log WHERE status = 'completed' AND trigger_kind = 'manual'";
    assert_eq!(shown.count(what).await, 1);
    // Who did it is on record.
    assert_eq!(
        shown.count("SELECT count(*) FROM operator_actions WHERE actor LIKE 'tui:%' AND action = 'trigger'").await,
        1
    );
}

fn chrono_now_ms() -> i64 {
    use barkeep::base::clock::Clock as _;
    barkeep::base::clock::SystemClock.now().ms()
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_resume_and_cancel_are_shown_as_the_engine_confirms_them() {
    // Slow enough that something is still on its way when it is cancelled.
    let bench = bench(2_500, &["AAPL", "MSFT", "SPY", "QQQ", "BTC", "ETH", "IBM", "KO"], true).await;
    let mut pty = dashboard(&bench, &[]);
    pty.until("RUNNING");
    pty.type_in("p");
    pty.until("Pause the engine");
    pty.type_in("y");
    pty.until("PAUSED by tui:");
    let asked = bench.sim.log().len();
    pty.until("resume");
    assert_eq!(bench.sim.log().len(), asked, "a paused engine asked on");
    pty.type_in("p");
    pty.until_so("it runs again", |text| text.lines().next().is_some_and(|line| line.contains("RUNNING")));
    // The run of the selected item.
    pty.type_in("c");
    pty.until("Cancel execution");
    pty.type_in("y5");
    pty.until("cancelled");
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_sizes_leaves_the_last_one() {
    let bench = bench(50, &["AAPL"], true).await;
    let mut pty = dashboard(&bench, &[]);
    pty.until("barkeep");
    for step in 0..60_u16 {
        pty.resize(20 + step * 3, 3 + step % 40);
    }
    pty.resize(1, 1);
    pty.resize(30, 6);
    pty.until("q quit");
    // A key in the same moment as a size: neither may be lost for the other.
    for round in 0..40_u16 {
        let rows = 28 + round % 5;
        pty.resize(100, rows);
        let (key, screen) = if round % 2 == 0 { ("2", "sorted by staleness") } else { ("1", "Freshness") };
        pty.type_in(key);
        pty.until_so("the screen asked for, in its size", |text| {
            text.lines().nth(usize::from(rows) - 1).is_some_and(|line| line.contains("q quit")) && text.contains(screen)
        });
    }
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_ends_it_in_order_and_gives_the_terminal_back() {
    let bench = bench(200, &["AAPL", "BTC"], true).await;
    let mut pty = dashboard(&bench, &["--mouse"]);
    pty.until("RUNNING");
    pty.signal(Signal::TERM);
    assert_eq!(pty.ended(), 0);
    pty.until("barkeep ran for");
    pty.assert_restored();
    assert_eq!(bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_hangs_up_or_vanishes_ends_it_and_the_work_is_put_in_order() {
    for vanish in [false, true] {
        let bench = bench(200, &["AAPL", "BTC"], true).await;
        let mut pty = dashboard(&bench, &[]);
        pty.until("RUNNING");
        if vanish {
            pty.close();
        } else {
            pty.signal(Signal::HUP);
        }
        pty.ended();
        let left = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'").await;
        assert_eq!(left, 0, "vanished: {vanish}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_and_continued_it_shows_the_same_again() {
    let bench = bench(0, &["AAPL"], false).await;
    let mut pty = dashboard(&bench, &[]);
    pty.until("IDLE");
    pty.signal(Signal::TSTP);
    pty.until_so("the shell's own screen", |text| !text.contains("IDLE"));
    assert!(!pty.look(vt100::Screen::alternate_screen));
    pty.signal(Signal::CONT);
    pty.until("IDLE");
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[tokio::test(flavor = "multi_thread")]
async fn quit_with_a_capital_letter_it_leaves_its_last_screen() {
    let bench = bench(0, &["AAPL", "BTC"], false).await;
    let mut pty = dashboard(&bench, &[]);
    pty.until("IDLE");
    pty.type_in("2");
    pty.until("sorted by");
    pty.type_in("Qy");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    let text = pty.text();
    let (screen, farewell) = text.split_once("barkeep ran for").expect("the summary follows");
    assert!(screen.contains("SYMBOL") && screen.contains("AAPL") && screen.contains("BTC"), "{text}");
    assert!(!screen.contains("Quit barkeep") && !screen.contains("quitting"), "nothing lies over it: {text}");
    assert!(farewell.contains("series:"), "{text}");
    assert!(!pty.look(vt100::Screen::alternate_screen));
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_in_a_shell_and_killed_it_ends() {
    let bench = bench(0, &["AAPL"], false).await;
    let mut pty = Pty::start("/bin/bash", &["--norc", "--noprofile", "-i"], bench.dir.path(), &env(&bench), 100, 30);
    pty.type_in(&format!("{BARKEEP}\r"));
    pty.until("IDLE");
    pty.type_in("\u{1a}");
    pty.until("Stopped");
    pty.type_in("kill %1; kill -CONT %1; wait %1; echo $((40 + 2)) and done\r");
    pty.until("42 and done");
    pty.type_in("exit\r");
    pty.ended();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_colours_nothing_is_coloured_and_the_selection_is_seen() {
    let bench = bench(0, &["AAPL", "BTC"], false).await;
    let mut all = env(&bench);
    all.push(("NO_COLOR", "1".to_owned()));
    let mut pty = Pty::start(BARKEEP, &[], bench.dir.path(), &all, 100, 30);
    pty.until("IDLE");
    pty.type_in("2j");
    pty.until("BTC");
    let cells = |at: fn(&vt100::Cell) -> bool| {
        pty.look(|screen| {
            (0..30)
                .flat_map(|y| (0..100).map(move |x| (y, x)))
                .filter(|(y, x)| screen.cell(*y, *x).is_some_and(at))
                .count()
        })
    };
    assert_eq!(cells(|cell| cell.fgcolor() != vt100::Color::Default || cell.bgcolor() != vt100::Color::Default), 0);
    assert!(cells(vt100::Cell::inverse) > 50, "{}", pty.text());
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_can_do_nothing() {
    let bench = bench(0, &["AAPL"], false).await;
    let mut pty = dashboard(&bench, &["--read-only"]);
    pty.until("read-only");
    let before = bench.sim.log().len();
    pty.type_in("2T");
    pty.until("this dashboard is read-only");
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
    assert_eq!(bench.sim.log().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dashboard_on_the_same_file_is_refused() {
    let bench = bench(0, &["AAPL"], false).await;
    let mut first = dashboard(&bench, &[]);
    first.until("IDLE");
    let mut second = dashboard(&bench, &[]);
    assert_eq!(second.ended(), 4);
    second.until("already serves this database");
    first.type_in("qy");
    assert_eq!(first.ended(), 0);
}

#[test]
fn without_a_key_it_says_so_and_offers_the_demonstration() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::start(BARKEEP, &[], home.path(), &[], 120, 40);
    pty.until("Start the demo now? [y/N]");
    assert!(pty.text().contains("MASSIVE_API_KEY"));
    pty.type_in("n\r");
    assert_eq!(pty.ended(), 2);
}

#[test]
fn the_demonstration_has_life_on_it_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let tmp = home.path().join("tmp");
    std::fs::create_dir_all(&tmp).unwrap();
    let env = [("TMPDIR", tmp.display().to_string())];
    let mut pty = Pty::start(BARKEEP, &["demo"], home.path(), &env, 140, 44);
    pty.until("DEMO simulated vendor, 150 requests/min");
    pty.until("RUNNING");
    // What goes wrong is announced as the demonstration's own.
    pty.until("demo: the vendor answers 503 for 20 s");
    // History to different points in time makes for different tiers.
    pty.type_in("2");
    pty.until_so("fresh and other series", |text| text.contains("F fresh") && text.contains("L loading"));
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 1);
    pty.type_in("qq");
    pty.ended();
    pty.assert_restored();
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0, "the scratch database is still there");
    assert!(!home.path().join("data").exists(), "the user's own database was touched");
}

#[test]
fn plain_lines_go_to_a_pipe() {
    let home = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(BARKEEP);
    command.args(["demo", "--plain"]).env_clear().env("HOME", home.path()).env("TMPDIR", home.path());
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut seen = Vec::new();
    while !seen.iter().any(|line: &String| line.contains("started by schedule")) {
        seen.push(lines.next().expect("it goes on telling").unwrap());
    }
    assert!(seen[0].starts_with("DEMO simulated vendor"), "{seen:?}");
    assert!(seen.iter().any(|line| line.contains("engine ")), "{seen:?}");
    assert!(seen.iter().all(|line| !line.contains('\u{1b}')), "{seen:?}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("barkeep ran for")), "{rest:?}");
    assert!(!has_demo_left(home.path()));
}

fn has_demo_left(dir: &Path) -> bool {
    std::fs::read_dir(dir)
        .unwrap()
        .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("barkeep-demo"))
}

#[test]
fn mistakes_in_the_keys_are_named_before_anything_starts() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config").join("barkeep");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("barkeep.yaml"), "keys:\n  pauze: [p]\n").unwrap();
    let mut pty = Pty::start(BARKEEP, &["demo"], home.path(), &[], 160, 20);
    assert_eq!(pty.ended(), 2);
    pty.until("did you mean 'pause'?");
    assert!(pty.text().contains("barkeep.yaml:2"), "{}", pty.text());
}

/// Set for the process that panics: this same test, started once more on a terminal of its own.
const PANICS: &str = "BARKEEP_TEST_PANICS";

fn panic_while_holding_the_terminal() {
    barkeep::tui::terminal::guard_against_panics();
    let guard = barkeep::tui::terminal::TerminalGuard::new(true).unwrap();
    println!("\u{1b}[?2026hhalf a frame");
    // Another thread's bug leaves the screen alone.
    let other = std::thread::spawn(|| panic!("the other thread"));
    assert!(other.join().is_err());
    println!("still drawing");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!std::hint::black_box(true), "as if by a bug");
    drop(guard);
}

#[test]
fn a_panic_gives_the_terminal_back_before_its_message() {
    if std::env::var_os(PANICS).is_some() {
        return panic_while_holding_the_terminal();
    }
    let home = tempfile::tempdir().unwrap();
    let itself = std::env::current_exe().unwrap();
    let args = ["--exact", "--nocapture", "dashboard::a_panic_gives_the_terminal_back_before_its_message"];
    let mut pty = Pty::start(itself.to_str().unwrap(), &args, home.path(), &[(PANICS, "1".to_owned())], 120, 40);
    pty.until("still drawing");
    assert!(pty.look(vt100::Screen::alternate_screen));
    assert!(!pty.text().contains("the other thread"), "{}", pty.text());
    assert_ne!(pty.ended(), 0);
    pty.until("as if by a bug");
    pty.assert_restored();
}

/// Another program holds the lock: reads go on, and the screen says that nothing is written and what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_told_within_seconds_and_not_longer_than_it_lasts() {
    use sqlx::{Connection as _, Executor as _};
    let bench = bench(1_000, &["AAPL", "MSFT", "SPY", "QQQ", "BTC", "ETH", "IBM", "KO"], true).await;
    let pty = dashboard(&bench, &[]);
    pty.until("RUNNING");
    let Database::Sqlite(path) = &bench.database else { unreachable!() };
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    other.execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").await.unwrap();
    let locked = std::time::Instant::now();
    pty.until("DATABASE BLOCKED");
    assert!(locked.elapsed() < Duration::from_secs(12), "told after {:?}", locked.elapsed());
    let text = pty.text();
    assert!(text.contains("has taken no write for") && text.contains("end the program that holds a lock"), "{text}");
    assert!(text.contains("not before the database takes writes again"), "{text}");
    other.execute("ROLLBACK").await.unwrap();
    pty.until_so("it writes again", |text| !text.contains("DATABASE BLOCKED"));
}

/// Nothing else would end it before the lock is given up or its patience is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_that_waits_for_its_database_is_quit_with_ctrl_c() {
    use sqlx::{Connection as _, Executor as _};
    let bench = bench(0, &["AAPL"], true).await;
    let Database::Sqlite(path) = &bench.database else { unreachable!() };
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    other.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").await.unwrap();
    let mut pty = dashboard(&bench, &[]);
    pty.until("opening sqlite:");
    pty.type_in("2");
    pty.until("typed ahead: 2");
    pty.type_in("\u{3}");
    assert_eq!(pty.ended(), 130);
    pty.assert_restored();
    assert!(!pty.text().contains("error"), "{}", pty.text());
    other.execute("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dumb_terminal_gets_lines() {
    let bench = bench(0, &["AAPL"], true).await;
    let mut env = env(&bench);
    env.push(("TERM", "dumb".to_owned()));
    let pty = Pty::start(BARKEEP, &[], bench.dir.path(), &env, 120, 40);
    pty.until("series: ");
    assert!(!pty.text().contains("Overview"), "{}", pty.text());
}

/// Nobody answers at the vendor's address: the box on top says so, and nothing looks fine.
#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_cannot_be_reached_is_told_at_once() {
    let bench = bench(0, &["AAPL", "BTC"], true).await;
    let mut env = env(&bench);
    env.push(("BARKEEP_VENDOR_URL", "http://127.0.0.1:9".to_owned()));
    let pty = Pty::start(BARKEEP, &[], bench.dir.path(), &env, 120, 40);
    pty.until("VENDOR UNREACHABLE");
    let text = pty.text();
    assert!(text.contains("the vendor has not answered since") && text.contains("cannot connect"), "{text}");
    assert!(text.contains("not before the vendor answers") && text.contains("check the network"), "{text}");
    assert!(!text.contains("nothing wrong") && !text.contains("rate limit is high enough"), "{text}");
}
