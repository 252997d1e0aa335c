//! `barkeep rto-rpo`: the definition is what the files say, and the drills happen to real processes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::bench::command;

/// A home whose temporary files may be made by any user of the machine, as in `/tmp`.
fn home() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
    dir
}

fn rto_rpo(dir: &Path, args: &[&str]) -> tokio::process::Command {
    let mut command = command(dir);
    command
        .env("TMPDIR", dir)
        .env("BARKEEP_DATABASE_URL", format!("sqlite:{}", dir.join("mine.db").display()))
        .env("MASSIVE_API_KEY", "key-of-the-tests")
        .args([&["rto-rpo"], args].concat());
    command
}

async fn json(dir: &Path, args: &[&str]) -> (i32, Value, String) {
    let output = rto_rpo(dir, &[args, &["--json"]].concat()).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), error)
}

fn policy(dir: &Path, text: &str) -> PathBuf {
    let place = dir.join("config").join("barkeep");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("rto_rpo_config.yaml"), text).unwrap();
    place.join("rto_rpo_config.yaml")
}

/// Processes that work below a directory.
fn working_in(dir: &Path) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|id| {
            let cwd = std::fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
            cwd.starts_with(dir) && cwd != dir
        })
        .collect()
}

/// Names of what a drill left among the temporary files.
fn left(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("barkeep-drill")).collect()
}

#[tokio::test]
async fn the_definition_is_what_the_files_say() {
    let dir = home();
    let (code, all, error) = json(dir.path(), &["--out", "definition.json"]).await;
    assert_eq!(code, 0, "{error}");
    let written: Value = serde_json::from_slice(&std::fs::read(dir.path().join("definition.json")).unwrap()).unwrap();
    assert_eq!(written, all);
    assert!(!dir.path().join("mine.db").exists(), "no database is needed");
    let rto: Vec<_> = rows(&all, "rto_by_failure_type", "failure", "target_seconds");
    assert_eq!(
        rto,
        [
            ("scheduler_crash".to_owned(), 300.0),
            ("polygon_api_rate_limit".to_owned(), 30.0),
            ("database_connection_loss".to_owned(), 120.0),
            ("feature_computation_failure".to_owned(), 1.0)
        ]
    );
    assert_eq!(all["rpo_by_symbol_criticality"][0]["symbols"][0], "SPY");
    assert_eq!(all["policy_file"], Value::Null);

    let file = policy(
        dir.path(),
        "rto_by_failure_type:\n  database_connection_loss:\n    rto_minutes: 3\nrpo_by_symbol_criticality:\n  \
         critical:\n    symbols: [NVDA]\n    refresh_every: 10m\n  standard:\n    symbols: []\n",
    );
    let (code, changed, error) = json(dir.path(), &["--rate-limit", "7"]).await;
    assert_eq!(code, 0, "{error}");
    assert_eq!(changed["policy_file"].as_str(), file.to_str());
    let loss = &changed["rto_by_failure_type"][2];
    assert_eq!(loss["target_seconds"], 180.0);
    assert!(loss["source"].as_str().unwrap().ends_with("rto_rpo_config.yaml:3"), "{loss}");
    let critical = &changed["rpo_by_symbol_criticality"][0];
    assert_eq!(
        (critical["symbols"].to_string(), critical["refresh_every_seconds"].as_f64()),
        ("[\"NVDA\"]".to_owned(), Some(600.0))
    );
    let rule = |name: &str| -> Value {
        let all = changed["recovery"].as_array().unwrap();
        all.iter().find(|rule| rule["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    // The engine waits for a lost database as long as the target says, and the flag wins over the file.
    assert_eq!(rule("backfill.database_patience")["value"], "3m");
    assert_eq!(
        (rule("vendor.rate_limit")["value"].as_i64(), rule("vendor.rate_limit")["source"].as_str()),
        (Some(7), Some("--rate-limit"))
    );
    let table = rto_rpo(dir.path(), &[]).output().await.unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("database_connection_loss") && table.contains("3 min") && table.contains("NVDA"), "{table}");
}

fn rows(all: &Value, list: &str, name: &str, number: &str) -> Vec<(String, f64)> {
    let rows = all[list].as_array().unwrap().iter();
    rows.map(|row| (row[name].as_str().unwrap().to_owned(), row[number].as_f64().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_is_recovered_from_in_time() {
    let dir = home();
    let (code, drilled, error) = json(dir.path(), &["--drill", "--output", "drill.json"]).await;
    assert_eq!((code, drilled["passed"].as_bool()), (0, Some(true)), "{drilled} {error}");
    let written: Value = serde_json::from_slice(&std::fs::read(dir.path().join("drill.json")).unwrap()).unwrap();
    assert_eq!(written, drilled);
    let outcomes = drilled["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 4);
    let said = |k: usize| outcomes[k]["evidence"].to_string();
    for outcome in outcomes {
        let (target, measured) = (outcome["target_seconds"].as_f64(), outcome["measured_seconds"].as_f64());
        assert!(outcome["met"] == true && measured.is_some() && measured <= target, "{outcome}");
    }
    // A crash lasts at least as long as systemd waits.
    assert!(outcomes[0]["measured_seconds"].as_f64().unwrap() > 5.0, "{drilled}");
    assert!(said(0).contains("SIGKILL") && said(0).contains("equal to an undisturbed run"), "{}", said(0));
    assert!(said(1).contains("of 30 requests by the service in any minute"), "{}", said(1));
    let database = if cfg!(without_initdb) { "SQLite file" } else { "PostgreSQL server stopped" };
    assert!(said(2).contains(database) && said(2).contains("no page was fetched twice"), "{}", said(2));
    assert!(said(3).contains("too large") && said(3).contains("resolved"), "{}", said(3));

    assert!(!dir.path().join("mine.db").exists(), "the configured database is not touched");
    assert_eq!((left(dir.path()), working_in(dir.path())), (vec![], vec![]), "nothing is left of the drills");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_target_is_told_and_ends_with_1() {
    let dir = home();
    // Nobody starts a process again in 0.6 s.
    policy(dir.path(), "rto_by_failure_type:\n  scheduler_crash:\n    rto_minutes: 0.01\n");
    let (code, drilled, error) = json(dir.path(), &["--drill", "crash"]).await;
    assert_eq!((code, drilled["passed"].as_bool()), (1, Some(false)), "{drilled} {error}");
    let [outcome] = drilled["outcomes"].as_array().unwrap().as_slice() else { panic!("{drilled}") };
    assert_eq!((outcome["target_seconds"].as_f64(), outcome["met"].as_bool()), (Some(0.6), Some(false)));
    assert!(outcome["measured_seconds"].as_f64().unwrap() > 0.6, "it is measured all the same: {outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_a_lost_database() {
    let dir = home();
    let (code, drilled, error) = json(dir.path(), &["--drill", "database", "--on", "sqlite"]).await;
    assert_eq!(code, 0, "{drilled} {error}");
    let outcome = &drilled["outcomes"][0];
    assert!(outcome["met"] == true && outcome["evidence"].to_string().contains("SQLite file was locked"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_missed_and_not_passed() {
    let dir = home();
    let file = dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&file).unwrap();
    // No room for the scratch directories.
    let nowhere = dir.path().join("nowhere");
    let output =
        rto_rpo(dir.path(), &["--drill", "features", "--json"]).env("TMPDIR", &nowhere).output().await.unwrap();
    let drilled: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), drilled["outcomes"][0]["met"].as_bool()), (Some(1), Some(false)), "{drilled}");
    assert_eq!(drilled["outcomes"][0]["measured_seconds"], Value::Null);
    // Features that are switched off cannot fail: not tried, and said so.
    std::fs::write(file.join("barkeep.yaml"), "features:\n  enabled: false\n").unwrap();
    let (code, drilled, _) = json(dir.path(), &["--drill", "features"]).await;
    assert_eq!((code, &drilled["outcomes"][0]["met"]), (0, &Value::Null), "{drilled}");
    assert!(drilled["outcomes"][0]["evidence"].to_string().contains("not tried"), "{drilled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_dies_takes_its_processes_along() {
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let dir = home();
        let mut drill = rto_rpo(dir.path(), &["--drill", "rate-limit"]).kill_on_drop(true).spawn().unwrap();
        let begun = Instant::now();
        let service = |id: &i32| {
            let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.contains("--headless") && !line.starts_with("/bin/sh")
        };
        while !working_in(dir.path()).iter().any(service) {
            assert!(
                drill.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(30),
                "no service came"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let id = drill.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(20), drill.wait()).await.unwrap().unwrap();
        assert_eq!(ended.code(), code, "{signal}");
        none_is_left(dir.path(), signal).await;
    }
}

/// Processes are just being started, or are known to nobody yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_killed_at_any_moment_takes_its_processes_along() {
    for (name, on) in [("rate-limit", None), ("database", (!cfg!(without_initdb)).then_some("postgres"))] {
        for k in 0..10 {
            let dir = home();
            let on = on.map_or(vec![], |on| vec!["--on", on]);
            let args = [vec!["--drill", name], on].concat();
            let mut drill = rto_rpo(dir.path(), &args).kill_on_drop(true).spawn().unwrap();
            // A drill comes to its last process within about a second.
            let after = Duration::from_millis(fastrand::u64(k * 100..(k + 1) * 100));
            tokio::time::sleep(after).await;
            drill.kill().await.unwrap();
            none_is_left(dir.path(), &format!("{name}, killed after {after:?}")).await;
        }
    }
}

async fn none_is_left(dir: &Path, of: &str) {
    let gone = Instant::now();
    while !working_in(dir).is_empty() {
        assert!(gone.elapsed() < Duration::from_secs(20), "{of}: {:?} are left", working_in(dir));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
