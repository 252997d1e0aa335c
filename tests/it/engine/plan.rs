//! What `barkeep plan` promises: the minimum for given cells, counted again by a maximum matching of the test's own; how
//! many requests a thin symbol takes once it has been seen; and what the limit allows.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use barkeep::sim::SimConfig;
use serde_json::Value;

use crate::support::bench::{Bench, summary_of};
use crate::support::databases::on_both;

type Cell = (String, String);

fn barkeep(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command.args(args).current_dir(dir).env_clear().env("HOME", dir).stdin(Stdio::null());
    command.output().unwrap()
}

/// Sessions are any dates here: every day from 2020 on.
fn day(k: u32) -> String {
    (chrono::NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + chrono::Days::new(u64::from(k))).to_string()
}

fn name(k: u32) -> String {
    format!("SYM{k:05}")
}

fn cells(of: impl IntoIterator<Item = (u32, u32)>) -> Vec<Cell> {
    of.into_iter().map(|(row, column)| (name(row), day(column))).collect()
}

fn csv(cells: &[Cell], heading: bool) -> String {
    let mut text = if heading { "symbol,session\n".to_owned() } else { String::new() };
    for (symbol, session) in cells {
        writeln!(text, "{symbol},{session}").unwrap();
    }
    text
}

/// What the binary says about a file, and that it holds.
fn solved(text: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cells.csv");
    std::fs::write(&file, text).unwrap();
    let output = barkeep(dir.path(), &["plan", "--cells", "cells.csv", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["cells.csv"], "no database, no log");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Gives a column a row of its own, moving others where need be.
fn place(column: usize, adjacent: &[Vec<usize>], owner: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for &row in &adjacent[column] {
        if !std::mem::replace(&mut tried[row], true)
            && owner[row].is_none_or(|other| place(other, adjacent, owner, tried))
        {
            owner[row] = Some(column);
            return true;
        }
    }
    false
}

/// Hopcroft-Karp is under test; this is Kuhn's algorithm, one augmenting path after the other, and shares nothing with it.
/// Columns are few, so paths start there: the recursion is at most that deep.
fn largest_matching(cells: &[Cell]) -> usize {
    let mut rows: HashMap<&str, usize> = HashMap::new();
    let mut columns: HashMap<&str, usize> = HashMap::new();
    let mut adjacent: Vec<Vec<usize>> = Vec::new();
    for (symbol, session) in cells {
        let next = rows.len();
        let row = *rows.entry(symbol).or_insert(next);
        let next = columns.len();
        let column = *columns.entry(session).or_insert(next);
        if column == adjacent.len() {
            adjacent.push(Vec::new());
        }
        adjacent[column].push(row);
    }
    let mut owner = vec![None; rows.len()];
    let stack =
        || (0..columns.len()).filter(|&c| place(c, &adjacent, &mut owner, &mut vec![false; rows.len()])).count();
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, stack).unwrap().join().unwrap()
    })
}

/// The plan covers every cell, the certificate is one, and the size is that of an independent maximum matching.
fn assert_minimal(answer: &Value, cells: &[Cell]) {
    let words =
        |key: &str| -> BTreeSet<&str> { answer[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect() };
    let (rows, columns) = (words("rows"), words("columns"));
    for (symbol, session) in cells {
        assert!(
            rows.contains(symbol.as_str()) || columns.contains(session.as_str()),
            "{symbol} {session} is not asked"
        );
    }
    let given: BTreeSet<(&str, &str)> = cells.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let matching: Vec<(&str, &str)> = answer["matching"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m[0].as_str().unwrap(), m[1].as_str().unwrap()))
        .collect();
    assert!(matching.iter().all(|m| given.contains(m)), "the certificate is made of missing cells");
    let symbols: BTreeSet<&str> = matching.iter().map(|m| m.0).collect();
    let sessions: BTreeSet<&str> = matching.iter().map(|m| m.1).collect();
    assert_eq!((symbols.len(), sessions.len()), (matching.len(), matching.len()), "no two share a symbol or a session");
    let least = largest_matching(cells);
    assert_eq!(rows.len() + columns.len(), least);
    assert_eq!(matching.len(), least);
    assert_eq!((answer["requests"].as_u64(), answer["lower_bound"].as_u64()), (Some(least as u64), Some(least as u64)));
    assert_eq!(answer["optimal"], true);
    assert_eq!(answer["cells"].as_u64(), Some(given.len() as u64));
    assert!(answer.get("solve_milliseconds").is_none(), "a time would make no two outputs equal");
}

fn below(state: &mut u64, n: u32) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) % u64::from(n)) as u32
}

#[test]
fn last_session_missing_for_500_symbols_is_one_request() {
    let cells = cells((0..500).map(|row| (row, 1_259)));
    let answer = solved(&csv(&cells, true));
    assert_minimal(&answer, &cells);
    assert_eq!((answer["requests"].as_u64(), &answer["columns"][0]), (Some(1), &Value::from(day(1_259))));
}

#[test]
fn an_outage_of_three_sessions_and_twenty_new_symbols_is_23_requests() {
    let outage = (0..500).flat_map(|row| (700..703).map(move |column| (row, column)));
    let cells = cells(outage.chain((0..20).flat_map(|row| (0..1_260).map(move |column| (row, column)))));
    let answer = solved(&csv(&cells, false));
    assert_minimal(&answer, &cells);
    assert_eq!(answer["requests"], 23);
    let repeated = (500 * 3 + 20 * 1_260) - 20 * 3 - answer["cells"].as_u64().unwrap();
    assert_eq!((repeated, answer["duplicates"].as_u64()), (0, Some(60)), "the 20 miss the outage too");
}

#[test]
fn scattered_holes_are_the_size_of_an_independent_matching() {
    let mut state = 42;
    let mut all: Vec<(u32, u32)> = (0..500).flat_map(|row| (700..703).map(move |column| (row, column))).collect();
    all.extend((0..20).flat_map(|row| (0..1_260).map(move |column| (row, column))));
    for _ in 0..50 {
        let row = 20 + below(&mut state, 480);
        for _ in 0..=below(&mut state, 9) {
            all.push((row, below(&mut state, 1_260)));
        }
    }
    let cells = cells(all);
    assert_minimal(&solved(&csv(&cells, true)), &cells);
}

#[test]
fn ten_thousand_symbols_with_300_000_missing_cells_are_260_requests() {
    let mut state = 7;
    let mut all: Vec<(u32, u32)> = (0..200).flat_map(|row| (0..1_260).map(move |column| (row, column))).collect();
    all.extend((0..48_000).map(|_| (200 + below(&mut state, 9_800), 1_200 + below(&mut state, 60))));
    let cells = cells(all);
    assert_eq!(cells.len(), 300_000);
    let answer = solved(&csv(&cells, true));
    assert_minimal(&answer, &cells);
    assert_eq!(answer["requests"], 260);
}

#[test]
fn an_empty_file_misses_nothing() {
    for text in ["", "symbol,session\n", "\n\n# nothing\n"] {
        assert_minimal(&solved(text), &[]);
    }
}

#[test]
fn the_same_cells_in_another_order_are_the_same_answer() {
    let mut cells =
        cells((0..40).flat_map(|row| (0..40).filter(move |c| (row * 7 + c * 3) % 11 == 0).map(move |c| (row, c))));
    let answer = solved(&csv(&cells, true));
    cells.reverse();
    assert_eq!(solved(&csv(&cells, false)), answer);
}

#[test]
fn wrong_files_are_refused_by_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.csv"), "symbol,session\nAAPL,2024-02-30\nAAPL\nMSFT,2024-01-02\n").unwrap();
    std::fs::write(dir.path().join("binary.csv"), [0xff, 0xfe, 0x00]).unwrap();
    for (args, says) in [
        (
            vec!["plan", "--cells", "bad.csv", "--json"],
            vec!["bad.csv:2:", "2024-02-30", "bad.csv:3:", "symbol,session"],
        ),
        (vec!["plan", "--cells", "binary.csv"], vec!["binary.csv: is not UTF-8"]),
        (vec!["plan", "--cells", "absent.csv"], vec!["absent.csv: cannot be read"]),
        (vec!["plan", "--cells", "."], vec![".: is a directory"]),
        (vec!["plan", "--cells", "bad.csv", "AAPL"], vec!["--cells"]),
    ] {
        let output = barkeep(dir.path(), &args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(says.iter().all(|word| text.contains(word)), "{args:?}: {text}");
    }
}

async fn plan(bench: &Bench, args: &[&str]) -> Value {
    let args: Vec<&str> = ["plan", "--json"].iter().chain(args).copied().collect();
    let (code, plan) = summary_of(&bench.run(&args).await);
    assert_eq!(code, 0, "{plan}");
    plan
}

on_both!(a_symbol_that_was_seen_is_estimated_by_what_it_trades, SimConfig::default());
async fn a_symbol_that_was_seen_is_estimated_by_what_it_trades(bench: Bench) {
    let n = |plan: &Value, key: &str| plan[key].as_u64().unwrap_or_else(|| panic!("{key} in {plan}"));
    let later = ["AAPL", "--timeframes", "5m", "--from", "2023-01-03", "--to", "2023-12-29"];
    // Never seen: 250 sessions of up to 960 minutes each are at most 5 pages.
    let unseen = plan(&bench, &later).await;
    let splits = 1;
    assert_eq!((n(&unseen, "requests"), n(&unseen, "requests_high")), (5 + splits, 5 + splits));
    assert_eq!(n(&unseen, "requests_low"), 1 + splits);

    let (code, run) =
        bench.backfill(&["AAPL", "--timeframes", "5m", "--from", "2024-01-02", "--to", "2024-03-29"]).await;
    assert_eq!(code, 0, "{run}");
    assert_eq!(run["plan_efficiency"].as_f64(), Some(1.0), "{run}");
    assert_eq!(run["requests"], run["requests_needed"]);

    // Seen: about three of four extended minutes have a trade, so 4 pages; the bounds stay what they were.
    let seen = plan(&bench, &later).await;
    assert_eq!((n(&seen, "requests"), n(&seen, "requests_low"), n(&seen, "requests_high")), (4, 1, 5));
    assert_eq!(seen["optimal"], true);
    let before = bench.sim.log().len();
    let (code, run) = bench.backfill(&later).await;
    assert_eq!(code, 0, "{run}");
    assert_eq!(bench.sim.log().len() - before, 4, "as expected: {run}");
    assert_eq!(run["plan_efficiency"].as_f64(), Some(1.0), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_the_limit_allows() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let symbols: Vec<String> = (0..30).map(|k| format!("SYM{k}")).collect();
    let mut args = vec!["plan", "SPY"];
    args.extend(symbols.iter().map(String::as_str));
    args.extend(["--timeframes", "5m", "--rate-limit", "5"]);
    let text = bench.run(&args).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("31 series empty or already past their RPO"), "{text}");
    assert!(text.contains("the next 56 requests"), "{text}");
    args.push("--json");
    let (_, plan) = summary_of(&bench.run(&args).await);
    let budget = &plan["budget"];
    assert_eq!((budget["overdue"].as_u64(), budget["feasible"].as_bool()), (Some(31), Some(true)), "{budget}");
    let next = &budget["next"];
    assert_eq!((next["requests"].as_u64(), next["critical"].as_u64()), (Some(56), Some(1)), "whole items only: {next}");
    assert_eq!(plan["items"][1]["symbols"][0], "SPY", "critical first, behind the splits");
}
