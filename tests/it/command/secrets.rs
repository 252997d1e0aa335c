//! Secrets stay inside: whatever fails, no key and no password is in anything the process writes or shows.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use barkeep::sim::{FaultKind, FaultRule, SimConfig};
use base64::Engine as _;

use crate::support::api::Served;
use crate::support::bench::{Bench, Database, quick_retries};
use crate::support::databases::on_both;

/// The key of the vendor, with signs that look different in a URL; the password of the database; a key nobody gave out.
const VENDOR_KEY: &str = "CANARY/vendor+key=5f1d93";
const PASSWORD: &str = "CANARY-password-77ab01";
const WRONG_TOKEN: &str = "CANARY-token-0c4e8812";

/// The ways in which a secret could be written.
fn forms(secret: &str) -> [String; 7] {
    let percent = secret.bytes().fold(String::new(), |text, b| {
        if b.is_ascii_alphanumeric() || b == b'-' {
            text + &char::from(b).to_string()
        } else {
            format!("{text}%{b:02X}")
        }
    });
    let hex = secret.bytes().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
    let json = secret.replace('/', "\\/");
    let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
    // Debug output of bytes.
    let bytes = secret.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ");
    [secret.to_owned(), percent.clone(), percent.to_lowercase(), hex, json, base64, bytes]
}

/// Where a secret is found, of everything that was collected.
fn leaks(sinks: &[(String, Vec<u8>)], secrets: &[&str]) -> Vec<String> {
    let forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    let mut found = Vec::new();
    for (name, content) in sinks {
        // What is no text stays apart from what is: every form is ASCII.
        let content = String::from_utf8_lossy(content);
        let those = forms.iter().filter(|form| content.contains(form.as_str()));
        found.extend(those.map(|form| format!("{form} in {name}")));
    }
    found
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// Whether this machine writes a core file, or hands one over, for a process that is killed by SIGABRT.
fn dumps_cores(dir: &Path) -> bool {
    let status = std::process::Command::new("sh")
        .args(["-c", "ulimit -c unlimited; exec sh -c 'kill -ABRT $$'"])
        .current_dir(dir)
        .status()
        .unwrap();
    status.core_dumped()
}

on_both!(nothing_that_is_written_or_shown_holds_a_secret, SimConfig { base_limit: 5_000, ..SimConfig::default() });
async fn nothing_that_is_written_or_shown_holds_a_secret(mut bench: Bench) {
    quick_retries(&bench);
    let plain = bench.database.clone();
    if let Database::Postgres(url) = &mut bench.database {
        let (user, rest) = url.split_once('@').expect("a user name");
        *url = format!("{user}:{PASSWORD}@{rest}");
    }
    let work = tempfile::tempdir().unwrap();
    let mut sinks: Vec<(String, Vec<u8>)> = Vec::new();
    let log = bench.dir.path().join("service.log");
    let logged = log.to_str().unwrap().to_owned();

    // Every fault, with everything that can be logged. A run may end before it meets the last; then the next one does.
    bench.run(&["symbols", "add", "AAPL", "BTC", "--timeframes", "5m,1d"]).await;
    for (number, kinds) in FaultKind::ALL.chunks(3).enumerate() {
        for kind in kinds {
            let rule = serde_json::json!({"kind": kind.name(), "times": 1});
            bench.sim.add_fault(serde_json::from_value::<FaultRule>(rule).unwrap());
        }
        let day = format!("2024-{:02}-{:02}", number / 20 + 1, number % 20 + 2);
        let args = ["backfill", "AAPL", "BTC", "-vv", "--log-file", &logged, "--from", &day, "--to", &day];
        let mut command = bench.command(&args);
        command.env("MASSIVE_API_KEY", VENDOR_KEY);
        let output = command.output().await.unwrap();
        sinks.push((format!("stdout of {kinds:?}"), output.stdout));
        sinks.push((format!("stderr of {kinds:?}"), output.stderr));
    }
    let met = bench.sim.faults().iter().filter(|count| count.fired > 0).count();
    assert!(met * 10 >= FaultKind::ALL.len() * 9, "{met} of {} faults were met", FaultKind::ALL.len());

    // The service: its pages with a wrong key, without, and with the right one.
    let token = String::from_utf8(bench.run(&["keys", "create", "reader"]).await.stdout).unwrap();
    let token = token.split_whitespace().max_by_key(|word| word.len()).unwrap().to_owned();
    let stderr = work.path().join("stderr");
    let core = "ulimit -c unlimited; exec \"$0\" run --headless -vv --log-file \"$1\"";
    let mut command = bench.command(&[]);
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", core]).arg(command.as_std().get_program()).arg(&logged).current_dir(work.path());
    for (name, value) in command.env("MASSIVE_API_KEY", VENDOR_KEY).as_std().get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::null()).stdout(File::create(work.path().join("stdout")).unwrap());
    let mut child = shell.stderr(File::create(&stderr).unwrap()).kill_on_drop(true).spawn().unwrap();
    let begun = Instant::now();
    let addr = loop {
        let said = std::fs::read_to_string(&stderr).unwrap();
        if let Some(url) = said.lines().find_map(|line| line.strip_prefix("API on http://")) {
            break url.trim().parse().unwrap();
        }
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(30), "{said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let pid = child.id().unwrap();
    let mut served = Served { child, addr, key: None };
    let paths = [
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
        "/api/v1/status",
        "/api/v1/snapshot",
        "/api/v1/symbols",
        "/api/v1/coverage/AAPL",
        "/api/v1/nothing?token=CANARY-token-0c4e8812",
    ];
    for key in [None, Some(WRONG_TOKEN.to_owned()), Some(token.clone())] {
        served.key = key;
        for path in &paths[..8] {
            let reply = served.get(path).await;
            let headers =
                reply.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<Vec<_>>().concat();
            sinks.push((format!("headers of {path}"), headers.into_bytes()));
            sinks.push((format!("body of {path}"), reply.body));
        }
    }
    for name in ["cmdline", "status", "comm"] {
        sinks.push((name.to_owned(), std::fs::read(format!("/proc/{pid}/{name}")).unwrap()));
    }
    // An abort writes no core file, where other programs do.
    assert!(std::process::Command::new("kill").args(["-ABRT", &pid.to_string()]).status().unwrap().success());
    let status = served.child.wait().await.unwrap();
    if dumps_cores(tempfile::tempdir().unwrap().path()) {
        assert!(!status.core_dumped(), "a core file would hold the key");
    }
    assert_eq!(status.signal(), Some(6));

    for path in files(bench.dir.path()).into_iter().chain(files(work.path())) {
        sinks.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    bench.database = plain;
    if let Database::Postgres(url) = &bench.database {
        let dump = std::process::Command::new("sh").args(["-c", "exec pg_dump \"$0\""]).arg(url).output();
        if let Some(dump) = dump.ok().filter(|dump| dump.status.success()) {
            sinks.push(("pg_dump".to_owned(), dump.stdout));
        }
    }
    let log_size = sinks.iter().find(|(name, _)| name.ends_with("service.log")).map_or(0, |(_, text)| text.len());
    assert!(log_size > 10_000, "the log at trace level was looked at: {log_size} bytes");
    let given: Vec<&str> = vec![VENDOR_KEY, PASSWORD, WRONG_TOKEN, &token];
    assert_eq!(leaks(&sinks, &given), Vec::<String>::new());
    // The search finds what is there.
    let planted = [("planted".to_owned(), format!("key={VENDOR_KEY}").into_bytes())];
    assert_eq!(leaks(&planted, &given).len(), 1);
}
