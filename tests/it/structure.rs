//! The structure of the code: which module may use which, how large things may grow, and that the papers name files that
//! exist. A wrong import between modules does not build; what Cargo cannot see is held here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up; a module uses only modules before it.
const MODULES: [&str; 25] = [
    "base",
    "market",
    "plan",
    "config",
    "vendor",
    "flatfiles",
    "records",
    "sql",
    "store",
    "layout",
    "features",
    "names",
    "progress",
    "pipeline",
    "service",
    "monitor",
    "alerts",
    "runtime",
    "sim",
    "wire",
    "api",
    "tui",
    "report",
    "shell",
    "cli",
];
/// Lines of code of a module, tests and comments apart. The dashboard is one program by itself.
const MODULE_LINES: usize = 6_000;
const FILE_LINES: usize = 400;
/// The trait of the store has a method for each operation, and one file routes each of them.
const ROUTES: [&str; 2] = ["store/lib.rs", "store/database/store.rs"];
const ROUTE_LINES: usize = 550;
const FOLDER_FILES: usize = 15;
/// A table of actions whose entries are functions of the model, which holds the keys that the table defines.
const ACCEPTED_CYCLES: [&str; 1] = ["tui"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn module_dir(module: &str) -> PathBuf {
    root().join("src").join(module)
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Tests, and what exists for them: builders of values, the store in memory.
fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "testing")
        || path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
        || path.starts_with(module_dir("store").join("memory"))
}

/// The code of a file without its comments and its test module, line by line.
fn code_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

#[test]
fn a_module_depends_only_on_modules_before_it() {
    for (place, module) in MODULES.iter().enumerate() {
        let manifest = fs::read_to_string(module_dir(module).join("Cargo.toml")).unwrap();
        let used = manifest.split("[dev-dependencies]").next().unwrap();
        for line in used.lines().filter_map(|line| line.strip_prefix("barkeep-")) {
            let other = line.split(['.', ' ', '=']).next().unwrap();
            let at = MODULES.iter().position(|m| *m == other).unwrap_or_else(|| panic!("{module} uses {other}"));
            assert!(at < place, "{module} uses {other}, which comes after it");
        }
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let defaults = workspace.lines().find(|line| line.starts_with("default-members")).unwrap();
    for module in MODULES {
        assert!(defaults.contains(&format!("\"src/{module}\"")), "{module} is left out of `cargo test`");
    }
}

#[test]
fn no_file_folder_or_module_is_too_large() {
    let mut faults = Vec::new();
    let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for module in MODULES {
        let mut lines = 0;
        for path in rust_files(&module_dir(module)) {
            *folders.entry(path.parent().unwrap().to_path_buf()).or_default() += 1;
            let whole = fs::read_to_string(&path).unwrap().lines().count();
            let routes = ROUTES.iter().any(|file| path.ends_with(file));
            let most = if routes { ROUTE_LINES } else { FILE_LINES };
            if whole > most && !is_test_file(&path) {
                faults.push(format!("{} has {whole} lines", path.display()));
            }
            if !is_test_file(&path) {
                lines += code_of(&path).len();
            }
        }
        if lines > MODULE_LINES && module != "tui" {
            faults.push(format!("{module} has {lines} lines of code"));
        }
    }
    faults.extend(
        folders.iter().filter(|(_, n)| **n > FOLDER_FILES).map(|(dir, n)| format!("{} has {n} files", dir.display())),
    );
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Every path that code takes from `crate` or `super`, braces expanded.
fn paths_in(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        let mut rest = code;
        while let Some(at) = rest.find(start) {
            let before = rest[..at].chars().next_back();
            let tail = &rest[at..];
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                expand(tail, String::new(), &mut found);
            }
            rest = &tail[start.len()..];
        }
    }
    found
}

/// Reads one path, or a group in braces, and returns what follows it.
fn expand<'a>(text: &'a str, before: String, found: &mut Vec<String>) -> &'a str {
    let mut path = before;
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        path.push_str(&rest[..end]);
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(next) if next.starts_with('{') => {
                let mut inner = &next[1..];
                loop {
                    inner = expand(inner, format!("{path}::"), found).trim_start();
                    match inner.strip_prefix(',') {
                        Some(next) => inner = next.trim_start(),
                        None => return inner.strip_prefix('}').unwrap_or(inner),
                    }
                    if let Some(next) = inner.strip_prefix('}') {
                        return next;
                    }
                }
            }
            Some(next) => {
                path.push_str("::");
                rest = next;
            }
            None => {
                found.push(path);
                // `as name` in a group
                return rest
                    .trim_start()
                    .strip_prefix("as ")
                    .map_or(rest, |alias| alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
            }
        }
    }
}

/// The module path of a file inside its crate: `tables::bars` for `tables/bars.rs`, empty for `lib.rs`.
fn module_path(dir: &Path, file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(dir).unwrap().with_extension("");
    let mut parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Edges between the files of a crate: a file and the ones it takes something from. Not counted: a file and the modules it
/// declares, in either direction, because a parent always names its children.
fn edges(module: &str) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let dir = module_dir(module);
    let files: Vec<PathBuf> = rust_files(&dir).into_iter().filter(|path| !is_test_file(path)).collect();
    let known: BTreeSet<Vec<String>> = files.iter().map(|file| module_path(&dir, file)).collect();
    let mut edges = BTreeMap::new();
    for file in &files {
        let own = module_path(&dir, file);
        let mut uses = BTreeSet::new();
        for path in paths_in(&code_of(file).join("\n")) {
            let mut at: Vec<String> = own.clone();
            for part in path.split("::") {
                match part {
                    "crate" => at.clear(),
                    "super" => drop(at.pop()),
                    name => at.push(name.to_owned()),
                }
            }
            while !known.contains(&at) && at.pop().is_some() {}
            let related = at.starts_with(&own) || own.starts_with(&at);
            if !related {
                uses.insert(at);
            }
        }
        edges.insert(own, uses);
    }
    edges
}

#[test]
fn no_two_files_of_a_module_use_each_other() {
    let mut faults = Vec::new();
    for module in MODULES.iter().filter(|module| !ACCEPTED_CYCLES.contains(module)) {
        let edges = edges(module);
        for start in edges.keys() {
            // Depth first: is there a way back to where it began?
            let mut waiting: Vec<Vec<&Vec<String>>> = vec![vec![start]];
            let mut seen = BTreeSet::new();
            while let Some(way) = waiting.pop() {
                for next in edges.get(*way.last().unwrap()).into_iter().flatten() {
                    if next == start {
                        let names: Vec<String> = way.iter().map(|part| part.join("::")).collect();
                        faults.push(format!("{module}: {} > {}", names.join(" > "), start.join("::")));
                    } else if seen.insert(next) {
                        waiting.push(way.iter().copied().chain([next]).collect());
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let code = "use crate::a::{b::C, d as e, f::{self, g}};\nlet x = super::h::i(1);\nuse barkeep_market::crate_like;";
    let expected = ["crate::a::b::C", "crate::a::d", "crate::a::f::self", "crate::a::f::g", "super::h::i"];
    assert_eq!(paths_in(code), expected);
}

/// A reader who has never seen the code finds three ways through it, each on a page of its own and with the files to open.
#[test]
fn architecture_leads_from_page_to_row_from_key_to_command_and_from_setting_to_effect() {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let ways = ["the way of a bar", "the way of a command", "the way of a setting"];
    for (way, last_step) in
        ways.iter().zip(["src/store/tables/page.rs", "src/service/commands.rs", "src/pipeline/lib.rs"])
    {
        let section = text.split("\n## ").find(|section| section.lines().next().unwrap().ends_with(way));
        let section = section.unwrap_or_else(|| panic!("no section on {way}"));
        assert!(section.lines().count() <= 50, "{way} is longer than a page");
        let files: BTreeSet<&str> = section
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.starts_with("src/") && Path::new(word).extension().is_some_and(|ext| ext == "rs"))
            .collect();
        assert!(files.len() >= 5, "{way} names {files:?}");
        assert!(files.contains(last_step), "{way} does not lead to {last_step}: {files:?}");
    }
}

/// Files named in backticks in the documentation exist.
#[test]
fn documents_name_files_that_exist() {
    let mut missing = Vec::new();
    let mut seen = 0;
    let papers = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for paper in papers.chain(["README.md", "tests/README.md"].map(|name| root().join(name))) {
        if paper.extension().is_none_or(|ext| ext != "md") {
            continue;
        }
        for word in fs::read_to_string(&paper).unwrap().split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "config/", "contrib/", "migrations/", "benches/"]
                .iter()
                .any(|dir| word.starts_with(dir));
            if is_path && !word.contains(|c: char| c.is_whitespace() || "*{<$".contains(c)) {
                seen += 1;
                let path = word.split(':').next().unwrap();
                if !root().join(path).exists() {
                    missing.push(format!("{}: {word}", paper.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 20, "only {seen} files are named");
}

/// Each guarantee is shown by a test, and a test that was renamed shows nothing.
#[test]
fn guarantees_name_tests_that_exist() {
    let text = fs::read_to_string(root().join("docs/design.md")).unwrap();
    let table = text.split("## What is guaranteed").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let is_test = |word: &&str| {
        word.matches('_').count() > 2
            && !word.contains(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_')
    };
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 8, "only {named:?}");
    let all: String = ["src", "tests"]
        .iter()
        .flat_map(|dir| rust_files(&root().join(dir)))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let missing: Vec<&&str> = named.iter().filter(|name| !all.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A merge that was only half resolved stays in a document without anything failing to build.
#[test]
fn no_text_holds_marks_of_a_merge() {
    let mut read = 0;
    for folder in ["src", "tests", "benches", "docs", "config", "contrib", "migrations", "."] {
        let mut waiting = vec![root().join(folder)];
        while let Some(dir) = waiting.pop() {
            for entry in fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    // Of the top only its files.
                    waiting.extend((folder != ".").then_some(path));
                    continue;
                }
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let mark = text.lines().position(|line| ["<<<<<<< ", ">>>>>>> "].iter().any(|m| line.starts_with(m)));
                assert_eq!(mark.map(|at| at + 1), None, "{}", path.display());
                read += 1;
            }
        }
    }
    assert!(read > 1_000, "{read}");
}
