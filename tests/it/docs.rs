//! The generated parts of the documentation are what the program says of itself. `BARKEEP_UPDATE_DOCS=1 cargo test --test
//! it docs` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use barkeep::config::describe::{SettingsFile, markdown_of};
use barkeep::sim::SimConfig;

use crate::support::api::Served;
use crate::support::bench::{Bench, command};

/// Compares the part of a page between `<!-- NAME: …-->` and `<!-- end of NAME -->`.
fn check(page: &str, name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let open = text.find(&format!("<!-- {name}: ")).unwrap_or_else(|| panic!("{page} has no part '{name}'"));
    let start = open + text[open..].find("-->\n").unwrap() + "-->\n".len();
    let end = text.find(&format!("<!-- end of {name} -->")).unwrap();
    let expected = format!("\n{}\n\n", expected.trim());
    if std::env::var_os("BARKEEP_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{expected}{}", &text[..start], &text[end..])).unwrap();
        return;
    }
    assert!(
        text[start..end] == expected,
        "docs/{page}, part '{name}': BARKEEP_UPDATE_DOCS=1 cargo test --test it docs"
    );
}

#[test]
fn settings_are_listed() {
    let settings = markdown_of(SettingsFile::Settings).unwrap();
    let policy = markdown_of(SettingsFile::Policy).unwrap();
    check("configuration.md", "settings", &format!("{settings}\nIn `rto_rpo_config.yaml`:\n\n{policy}"));
}

#[test]
fn commands_are_listed() {
    let program =
        std::process::Command::new(env!("CARGO_BIN_EXE_barkeep")).args(["man", "--markdown"]).output().unwrap();
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stderr));
    let table = String::from_utf8(program.stdout).unwrap();
    assert!(table.lines().count() > 15, "{table}");
    check("cli.md", "commands", &table);
}

/// Every metric family that a running service has, by its own HELP and TYPE lines.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_listed() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let served = Served::start(&bench).await;
    // A request has to be answered before requests are counted.
    served.get("/metrics").await;
    let text = served.get("/metrics").await.text();
    assert_eq!(served.stop().await, 0);
    let mut table = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for line in text.lines() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else { continue };
        let is = format!("# TYPE {name} ");
        let kind = text.lines().find_map(|line| line.strip_prefix(&is)).unwrap();
        let suffix = if kind == "counter" && !name.ends_with("_total") { "_total" } else { "" };
        let labels = labels_of(&text, name);
        writeln!(table, "| `{name}{suffix}` | {kind} | {labels} | {} |", help.trim_end_matches('.')).unwrap();
    }
    assert!(table.lines().count() > 15, "{text}");
    check("api.md", "metrics", &table);
}

/// The names of the labels of a family's samples.
fn labels_of(text: &str, family: &str) -> String {
    let mut names = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with(family)) {
        let Some((_, labels)) = line.split_once('{') else { continue };
        let labels = labels.split_once('}').unwrap().0;
        names.extend(labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).filter(|name| *name != "le"));
    }
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
}

/// Words of a line, without what differs from day to day: times, ages of days, ids, how long it took.
fn lasting(line: &str) -> String {
    let number = |word: &str, end: char| {
        word.strip_suffix(end).is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
    };
    let is_time = |word: &str| {
        word.contains(':') && word.len() >= 8 && word.chars().all(|c| c.is_ascii_digit() || "-:TZ".contains(c))
    };
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let is_age = number(word, 'd');
        // The hours of an age of days.
        if number(word, 'h') && words.last() == Some(&"AGE") {
            continue;
        }
        let is_id = uuid::Uuid::parse_str(word).is_ok();
        words.push(match word {
            _ if is_age => "AGE",
            _ if is_time(word) => "TIME",
            _ if is_id => "ID",
            word => word,
        });
    }
    words.join(" ")
}

/// Whether a text is what a block shows, where `…` stands for any lines.
fn shows(block: &[&str], text: &[&str]) -> bool {
    match (block, text) {
        ([], []) => true,
        (["…" | "  …", rest @ ..], _) => (0..=text.len()).any(|skipped| shows(rest, &text[skipped..])),
        ([line, rest @ ..], [found, after @ ..]) => lasting(line) == lasting(found) && shows(rest, after),
        _ => false,
    }
}

/// The commands of a page, typed one after the other in one empty home, print what is shown below them.
async fn toured(page: &str) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for block in text.split("```console\n").skip(1) {
        let block: Vec<&str> = block.split("```").next().unwrap().lines().collect();
        for part in block.split_inclusive(|line| line.starts_with("$ ")).collect::<Vec<_>>().windows(2) {
            let typed = part[0].last().unwrap().strip_prefix("$ barkeep ").unwrap();
            let shown: Vec<&str> = part[1].iter().copied().filter(|line| !line.starts_with("$ ")).collect();
            let output = command(home.path()).args(typed.split(' ')).output().await.unwrap();
            assert!(output.status.success(), "{typed}: {}", String::from_utf8_lossy(&output.stderr));
            let printed = String::from_utf8(output.stdout).unwrap();
            let printed: Vec<&str> = printed.lines().collect();
            assert!(shows(&shown, &printed), "{page}: {typed} prints\n{}", printed.join("\n"));
            commands += 1;
        }
        // The last command of a block that shows nothing.
        if let Some(typed) = block.last().and_then(|line| line.strip_prefix("$ barkeep ")) {
            let output = command(home.path()).args(typed.split(' ')).output().await.unwrap();
            assert!(output.status.success() && output.stdout.is_empty(), "{typed}");
            commands += 1;
        }
    }
    assert!(commands > 0, "{page} shows no command");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_prints_what_it_shows() {
    toured("docs/guide.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_backfill_prints_what_it_shows() {
    toured("README.md").await;
}

#[test]
fn only_what_differs_from_day_to_day_is_left_out() {
    assert_eq!(lasting("BTC  5m stale 697d 17h 2024-12-31T23:55:00Z 105,408"), "BTC 5m stale AGE TIME 105,408");
    assert_eq!(lasting("completed in 00:00:03"), "completed in TIME");
    assert!(shows(&["a", "…", "c"], &["a", "b", "b", "c"]) && shows(&["a", "…"], &["a"]));
    assert!(!shows(&["a 12 bars"], &["a 13 bars"]) && !shows(&["a"], &["a", "b"]));
}
