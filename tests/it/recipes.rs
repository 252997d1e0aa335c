//! The recipes of the documentation: each page is a program whose parts print what is shown below them.
//! `BARKEEP_UPDATE_DOCS=1 cargo test --test it recipes` writes the output anew.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::support::bench;

/// Between two parts of a program.
const MARK: &str = "--- next part ---";

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes").join(name)
}

/// The blocks of one kind in a page, and where each lies.
fn blocks(text: &str, kind: &str) -> Vec<std::ops::Range<usize>> {
    let open = format!("```{kind}\n");
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(&open) {
        let start = at + start + open.len();
        let end = start + text[start..].find("```").unwrap();
        found.push(start..end);
        at = end + 3;
    }
    found
}

/// A home with the bars that the first page tells to fetch, made once for all recipes.
async fn home() -> &'static Path {
    static HOME: OnceCell<tempfile::TempDir> = OnceCell::const_new();
    let made = HOME.get_or_init(|| async {
        let dir = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(page("README.md")).unwrap();
        for block in blocks(&text, "console") {
            for line in text[block].lines() {
                let mut words = line.strip_prefix("$ barkeep ").unwrap().split(' ');
                let mut command = bench::command(dir.path());
                command.env("BARKEEP_RATE_LIMIT", "unlimited").env_remove("XDG_DATA_HOME").args(&mut words);
                let output = command.output().await.unwrap();
                assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        dir
    });
    made.await.path()
}

/// Runs the program of a page and compares what each part prints.
async fn cook(name: &str) {
    let path = page(name);
    let mut text = std::fs::read_to_string(&path).unwrap();
    let (parts, shown) = (blocks(&text, "python"), blocks(&text, "text"));
    assert!(!parts.is_empty() && parts.len() == shown.len(), "{name}: every part has its output");
    assert!(parts.iter().zip(&shown).all(|(part, output)| part.end < output.start), "{name}: the output comes below");
    let code: Vec<&str> = parts.iter().map(|part| &text[part.clone()]).collect();
    let program = code.join(&format!("\nprint({MARK:?})\n"));
    let home = home().await;
    let mut python = Command::new("python3");
    // Where `DuckDB` keeps its extensions.
    let extensions = std::env::var_os("HOME").map(|home| Path::new(&home).join(".duckdb"));
    if let Some(kept) = extensions.filter(|kept| kept.is_dir()) {
        let _ = std::os::unix::fs::symlink(kept, home.join(".duckdb"));
    }
    python.arg("-c").arg(program).current_dir(home).env("HOME", home).stdin(Stdio::null());
    let output = python.output().await.unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    // A table of pandas has blanks at the end of lines.
    let printed = printed.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
    let printed: Vec<&str> = printed.split(&format!("{MARK}\n")).collect();
    assert_eq!(printed.len(), shown.len(), "{name}: {printed:?}");
    if std::env::var_os("BARKEEP_UPDATE_DOCS").is_some() {
        for (place, print) in shown.iter().zip(&printed).rev() {
            text.replace_range(place.clone(), print);
        }
        std::fs::write(&path, text).unwrap();
        return;
    }
    for (place, print) in shown.iter().zip(&printed) {
        assert_eq!(text[place.clone()], **print, "{name}");
    }
}

/// Every page that the first one lists is a test, and the other way round.
#[test]
fn every_recipe_is_run() {
    let source = include_str!("recipes.rs");
    let index = std::fs::read_to_string(page("README.md")).unwrap();
    let mut pages = 0;
    for entry in std::fs::read_dir(page("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "README.md" {
            assert!(source.contains(&format!("cook(\"{name}\")")) && index.contains(&format!("({name})")), "{name}");
            pages += 1;
        }
    }
    assert_eq!(pages, 9);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "pandas", ignore = "needs python3 with pandas: pip install pandas")]
async fn pandas() {
    cook("pandas.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "polars", ignore = "needs python3 with polars: pip install polars")]
async fn polars() {
    cook("polars.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "duckdb", ignore = "needs python3 with duckdb: pip install duckdb")]
async fn duckdb() {
    cook("duckdb.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    without_python = "duckdb_sqlite",
    ignore = "needs DuckDB's extension for SQLite: python3 -c \"import duckdb; duckdb.sql('INSTALL sqlite')\""
)]
async fn duckdb_attach() {
    cook("duckdb-attach.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "pyarrow", ignore = "needs python3 with pyarrow: pip install pyarrow")]
async fn arrow() {
    cook("arrow.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "backtesting", ignore = "needs python3 with backtesting: pip install backtesting")]
async fn backtesting() {
    cook("backtesting.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "vectorbt", ignore = "needs python3 with vectorbt: pip install vectorbt \"plotly<6\"")]
async fn vectorbt() {
    cook("vectorbt.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_python = "zipline", ignore = "needs python3 with zipline: pip install zipline-reloaded")]
async fn zipline() {
    cook("zipline.md").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    without_python = "nautilus_trader",
    ignore = "needs python3 with nautilus_trader: pip install nautilus_trader"
)]
async fn nautilus() {
    cook("nautilus.md").await;
}
