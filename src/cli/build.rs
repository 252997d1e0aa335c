//! What `--version` names: the commit and its date, and the features.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=BARKEEP_COMMIT={}", commit().unwrap_or_else(|| "unknown".to_owned()));
    let features = if cfg!(feature = "parquet") { "parquet" } else { "none" };
    println!("cargo::rustc-env=BARKEEP_FEATURES={features}");
}

/// `abc1234 2026-01-31`. A build that is not optimized is made again and again, so it does not follow every commit.
fn commit() -> Option<String> {
    if variable("PROFILE") == "release" {
        for name in ["HEAD", "logs/HEAD"] {
            let path = git(&["rev-parse", "--path-format=absolute", "--git-path", name])?;
            if std::path::Path::new(&path).exists() {
                println!("cargo::rerun-if-changed={path}");
            }
        }
        return git(&["log", "-1", "--format=%h %cs"]);
    }
    git(&["log", "-1", "--format=%h %cs"]).map(|commit| format!("{commit} or later, not optimized"))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[allow(clippy::disallowed_methods, reason = "a build script is told by the environment")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
