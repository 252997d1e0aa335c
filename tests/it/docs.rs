//! The generated parts of the documentation are what the program says of itself. `BARKEEP_UPDATE_DOCS=1 cargo test --test
//! it docs` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use barkeep::config::describe::{SettingsFile, markdown_of};
use barkeep::sim::SimConfig;

use crate::support::api::Served;
use crate::support::bench::Bench;

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
