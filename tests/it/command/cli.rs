//! The real binary against wrong input: one clear error, the right exit code, nothing left behind.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A process in an empty directory that is also its home, so that nothing of the machine counts.
fn barkeep(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command.args(args).current_dir(dir).env_clear().env("HOME", dir).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    barkeep(dir, args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// One `error:` line, the code, nothing on stdout, no trace of a crash, no raw control characters.
#[track_caller]
fn assert_refused(output: &Output, code: i32, says: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("error:")).count(), 1, "{text}");
    assert!(text.contains(says), "'{says}' is not in: {text}");
    assert!(!text.contains("panicked") && !text.contains("backtrace") && !text.contains("bug"), "{text}");
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
    assert!(output.stdout.is_empty(), "{}", stdout(output));
}

#[track_caller]
fn assert_empty(dir: &Path) {
    let left: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn a_wrong_command_line_is_refused_and_leaves_nothing() {
    for (args, says) in [
        (vec!["--frobnicate"], "--frobnicate"),
        (vec!["frobnicate"], "frobnicate"),
        (vec!["symbols", "ad", "AAPL"], "add"),
        (vec!["symbols", "add"], "SYMBOL"),
        (vec!["symbols", "add", "AAPL", "--timeframes", "7m"], "'7m' is not a timeframe"),
        (vec!["symbols", "add", "AAPL", "--asset-class", "stok"], "stock, etf, crypto"),
        (vec!["symbols", "add", "A\u{1b}[31mB\nerror: forged"], "is not a symbol"),
        (vec!["symbols", "add", "AAPL\u{202e}"], "is not a symbol"),
        (vec!["symbols", "add", "../../etc/passwd"], "is not a symbol"),
        (vec!["symbols", "set", "AAPL"], "required"),
        (vec!["symbols", "import", "absent.csv"], "absent.csv: cannot be read"),
        (vec!["symbols", "import", "."], "not a regular file"),
        (vec!["bars", "AAPL", "--timeframe", "2h"], "'2h' is not a timeframe"),
        (vec!["bars", "AAPL"], "--timeframe"),
        (
            vec!["bars", "AAPL", "--timeframe", "1d", "--from", "2024-02-02", "--to", "2024-02-01"],
            "--from 2024-02-02 is after --to 2024-02-01",
        ),
        (vec!["bars", "AAPL", "--timeframe", "1d", "--from", "tomorrow"], "'tomorrow' is not a date or time"),
        (vec!["bars", "AAPL", "--timeframe", "1d", "--min-quality", "2"], "from 0 to 1"),
        (vec!["bars", "AAPL", "--timeframe", "1d", "--limit", "0"], "0"),
        (vec!["bars", "AAPL", "--timeframe", "1d", "--format", "parquet"], "--output"),
        (vec!["--rate-limit", "0", "config", "path"], "1 to 6000"),
        (vec!["config", "path", "--vendor-url", "http://example.com"], "--vendor-url: vendor.base_url is plain http"),
        (vec!["config", "path", "--config", "absent.yaml"], "absent.yaml: cannot be read"),
        (vec!["completions", "tcsh"], "tcsh"),
        (vec!["man", "nothing"], "nothing"),
    ] {
        let dir = temp();
        let output = run(dir.path(), &args);
        assert_refused(&output, 2, says);
        assert_empty(dir.path());
    }
}

#[test]
fn a_wrong_settings_file_is_named_with_its_line() {
    for (text, says) in [
        ("vendor:\n  rate_limt: 3\n", "barkeep.yaml:2: unknown setting 'vendor.rate_limt'; did you mean 'rate_limit'?"),
        ("vendor:\n  attempts: five\n", "barkeep.yaml:2: vendor.attempts is 'five'"),
        ("vendor:\n\tattempts: 5\n", "barkeep.yaml:2: not valid YAML"),
        ("log:\n  keep: 1\nlog:\n  keep: 2\n", "barkeep.yaml:3: 'log' is written twice"),
        ("database:\n  url: postgres://u:geheim@h:port/d\n", "barkeep.yaml:2: database.url cannot be used"),
    ] {
        for place in ["config/barkeep.yaml", ".config/barkeep/barkeep.yaml"] {
            let dir = temp();
            let file = dir.path().join(place);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            for args in [&["symbols", "list"][..], &["config", "check"]] {
                let output = run(dir.path(), args);
                assert_refused(&output, 2, says);
                assert!(!stderr(&output).contains("geheim"));
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the file itself");
        }
    }
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let dir = temp();
    std::fs::create_dir(dir.path().join("d")).unwrap();
    std::fs::File::create(dir.path().join("huge")).unwrap().set_len(100 << 20).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap().success());
    for (name, says) in [("d", "is a directory"), ("huge", "larger than 1 MiB"), ("pipe", "not a regular file")] {
        assert_refused(&run(dir.path(), &["config", "check", "--config", name]), 2, says);
        assert_refused(
            &barkeep(dir.path(), &["config", "check"]).env("BARKEEP_CONFIG", name).output().unwrap(),
            2,
            says,
        );
    }
    let named_log = run(dir.path(), &["symbols", "list", "--log-file", "d"]);
    assert_refused(&named_log, 2, "the log file cannot be written");
}

#[test]
fn an_unusable_database_is_exit_4() {
    let dir = temp();
    std::fs::write(dir.path().join("file"), "not a directory").unwrap();
    for url in ["sqlite:file/inside/bars.db", "postgres://u:geheim@127.0.0.1:1/bars"] {
        let output = run(dir.path(), &["symbols", "add", "AAPL", "--database-url", url]);
        assert_refused(&output, 4, "database");
        assert!(!stderr(&output).contains("geheim"), "{}", stderr(&output));
    }
    assert_refused(
        &run(dir.path(), &["symbols", "add", "AAPL", "--database-url", "mysql://u:geheim@h/d"]),
        2,
        "sqlite:PATH",
    );
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = temp();
    let key = dir.path().join("key");
    std::fs::write(&key, "geheim\n").unwrap();
    std::fs::write(dir.path().join("c.yaml"), "vendor:\n  key_file: ~/key\n").unwrap();
    let check = |mode| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        run(dir.path(), &["config", "check", "--config", "c.yaml"])
    };
    let refused = check(0o644);
    assert_refused(&refused, 2, "run: chmod 600");
    assert!(!stderr(&refused).contains("geheim"));
    let accepted = check(0o600);
    assert_eq!(accepted.status.code(), Some(0), "{}", stderr(&accepted));
    assert!(stdout(&accepted).contains("configuration OK") && !stdout(&accepted).contains("geheim"));
}

#[test]
fn print_shows_values_and_origins_but_no_secret() {
    let dir = temp();
    std::fs::create_dir(dir.path().join("config")).unwrap();
    std::fs::write(dir.path().join("config/barkeep.yaml"), "vendor:\n  delay: 15m\n").unwrap();
    for json in [false, true] {
        let mut args = vec!["config", "print", "--rate-limit", "9"];
        args.extend(json.then_some("--json"));
        let output = barkeep(dir.path(), &args)
            .env("DATABASE_URL", "postgres://bar:geheim@db/bars?password=geheim")
            .env("MASSIVE_API_KEY", "geheim")
            .output()
            .unwrap();
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(!text.contains("geheim") && !stderr(&output).contains("geheim"), "{text}");
        for says in ["config/barkeep.yaml:2", "--rate-limit", "DATABASE_URL", "default"] {
            assert!(text.contains(says), "{says} in {text}");
        }
    }
    let help = barkeep(dir.path(), &["--help"]).env("DATABASE_URL", "postgres://bar:geheim@db/bars").output().unwrap();
    assert!(!stdout(&help).contains("geheim"));
}

#[test]
fn the_documented_defaults_are_a_file_that_loads() {
    let dir = temp();
    let defaults = run(dir.path(), &["config", "print", "--defaults"]);
    std::fs::write(dir.path().join("mine.yaml"), &defaults.stdout).unwrap();
    let checked = run(dir.path(), &["config", "check", "--config", "mine.yaml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert!(
        stdout(&checked).contains("mine.yaml") && stdout(&checked).contains("data")
            || stdout(&checked).contains(".local")
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "checking makes nothing");
}

#[test]
fn help_version_completions_and_manual() {
    let dir = temp();
    for args in [
        &["--help"][..],
        &["--version"],
        &["symbols", "--help"],
        &["completions", "bash"],
        &["man"],
        &["man", "symbols", "add"],
    ] {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(stdout(&output).contains("barkeep") && output.stderr.is_empty(), "{args:?}");
    }
    assert_eq!(run(dir.path(), &[]).status.code(), Some(2), "without a command: help, and the code of misuse");
    assert_empty(dir.path());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = temp();
    let mut child =
        barkeep(dir.path(), &["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn symbols_are_added_listed_changed_and_removed() {
    let dir = temp();
    let ok = |args: &[&str]| {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        stdout(&output)
    };
    ok(&["symbols", "add", "aapl", "SPY", "btc"]);
    assert!(ok(&["symbols", "add", "AAPL"]).contains("already exists"));
    let listed: serde_json::Value = serde_json::from_str(&ok(&["symbols", "list", "--json"])).unwrap();
    let of = |i: usize, field: &str| listed[i][field].as_str().unwrap().to_owned();
    assert_eq!(
        (of(0, "symbol"), of(0, "asset_class"), of(0, "criticality")),
        ("AAPL".into(), "stock".into(), "standard".into())
    );
    assert_eq!((of(1, "symbol"), of(1, "vendor_ticker")), ("BTC".into(), "X:BTCUSD".into()));
    assert_eq!((of(2, "symbol"), of(2, "asset_class")), ("SPY".into(), "etf".into()));

    ok(&["symbols", "set", "AAPL", "--timeframes", "1d,1h,1d", "--paused", "--criticality", "low"]);
    assert!(ok(&["symbols", "list"]).contains("paused"));
    assert_refused(&run(dir.path(), &["symbols", "add", "AAPL", "--criticality", "critical"]), 2, "other settings");
    let other_class = run(dir.path(), &["symbols", "add", "AAPL", "--asset-class", "crypto"]);
    assert_refused(&other_class, 2, "other settings");
    assert!(stderr(&other_class).contains("barkeep symbols set AAPL --class"), "{}", stderr(&other_class));
    assert_refused(&run(dir.path(), &["symbols", "set", "APPL", "--active"]), 2, "did you mean AAPL?");
    assert_refused(&run(dir.path(), &["symbols", "remove", "AAPL"]), 2, "0 bars");
    assert!(ok(&["symbols", "remove", "AAPL", "--yes"]).contains("removed AAPL"));

    std::fs::write(dir.path().join("bad.csv"), "symbol,asset_class\nMSFT,stock\nX Y,stock\nZ,bond\n").unwrap();
    let refused = run(dir.path(), &["symbols", "import", "bad.csv"]);
    assert_refused(&refused, 2, "bad.csv:3: ");
    assert!(stderr(&refused).contains("bad.csv:4: "));
    assert!(!ok(&["symbols", "list"]).contains("MSFT"), "a wrong line imports nothing");
    std::fs::write(dir.path().join("good.csv"), "symbol,asset_class,timeframes\nMSFT,stock,1d\nSPY,etf,5m\n").unwrap();
    assert!(ok(&["symbols", "import", "good.csv"]).contains("1 added, 1 changed"));

    assert_eq!(ok(&["bars", "SPY", "--timeframe", "5m"]).lines().count(), 1, "only the heading");
    assert_eq!(ok(&["bars", "SPY", "--timeframe", "5m", "--json"]).trim(), "[]");
    let refused = run(dir.path(), &["bars", "msft", "--timeframe", "5m"]);
    assert_refused(&refused, 2, "MSFT has no 5m bars");
    let hint = "it has 1d; `barkeep symbols set MSFT --timeframes 1d,5m` adds 5m";
    assert!(stderr(&refused).contains(hint), "{}", stderr(&refused));
    assert!(ok(&["quarantine", "list"]).contains("no bars"));
}

/// What a user may get wrong about the main job: each one is refused before anything is asked or written.
#[test]
fn a_wrong_backfill_is_refused_and_leaves_nothing() {
    for (args, says) in [
        (&["backfill", "AAPL", "--frobnicate"][..], "--frobnicate"),
        (&["backfill", "AAPL", "--timeframes", "5m,7m"], "'7m' is not a timeframe"),
        (&["backfill", "AAPL", "--timeframes", ""], "is not a timeframe"),
        (&["backfill", "AAPL", "--asset-class", "bond"], "stock, etf, crypto"),
        (&["backfill", "AAPL", "--mode", "fast"], "pipeline, staggered or sequential"),
        (&["backfill", "AAPL", "--from", "2024-13-01"], "'2024-13-01' is not a date or time"),
        (&["backfill", "AAPL", "--from", "last week"], "'last week' is not a date or time"),
        (&["backfill", "A\u{7}PL\u{1b}[2J"], "is not a symbol"),
        (&["backfill", "AAPL", "--all"], "--all"),
        (&["backfill", "--plan-id", "seven"], "seven"),
        (&["backfill", "AAPL", "--plan-id", "00000000-0000-4000-8000-000000000000"], "--plan-id"),
        (&["backfill", "AAPL", "--simulated", "--vendor-url", "http://127.0.0.1:1"], "--simulated and --vendor-url"),
        (&["--vendor-url", "http://127.0.0.1:1", "backfill", "AAPL", "--simulated"], "--simulated and --vendor-url"),
        (&["backfill", "AAPL", "--database-url", "bars.db"], "sqlite:PATH"),
        (&["plan", "AAPL", "--all"], "--all"),
        (&["sim", "--listen", "nowhere"], "nowhere"),
        (&["sim", "--split", "AAPL:2020-08-31"], "AAPL:2020-08-31:1:4"),
    ] {
        let dir = temp();
        let output = run(dir.path(), args);
        assert_refused(&output, 2, says);
        assert_empty(dir.path());
    }
}

/// These need the settings, so the log file may have been opened; but there is no database.
#[test]
fn a_backfill_that_cannot_start_makes_no_database() {
    for (args, says) in [
        (&["backfill"][..], "no symbols"),
        (&["plan"], "no symbols"),
        (
            &["backfill", "AAPL", "--from", "2024-02-02", "--to", "2024-02-01"],
            "--from 2024-02-02 is after --to 2024-02-01",
        ),
        (&["plan", "AAPL", "--from", "2024-02-02", "--to", "2024-02-01"], "--from 2024-02-02 is after --to 2024-02-01"),
        (&["backfill", "AAPL", "--from", "2099-01-01"], "--from 2099-01-01 is in the future"),
        (&["backfill", "AAPL"], "no API key"),
        (&["backfill", "AAPL"], "hint: set MASSIVE_API_KEY, or add --simulated to try barkeep without a key"),
        (&["sim", "--fault", "nonsense", "--listen", "127.0.0.1:0"], "--fault nonsense"),
        (&["sim", "--fault", r#"{"kind":"status_999"}"#, "--listen", "127.0.0.1:0"], "status_500"),
        (&["sim", "--fault", r#"{"kind":"\u001b[31m"}"#, "--listen", "127.0.0.1:0"], "is not a fault"),
        (&["sim", "--replay", "absent", "--listen", "127.0.0.1:0"], "cannot replay absent"),
    ] {
        let dir = temp();
        let output = run(dir.path(), args);
        assert_refused(&output, 2, says);
        assert!(databases_below(dir.path()).is_empty(), "{args:?} made a database");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = temp();
    let output = run(dir.path(), &["sim", "--listen", &address]);
    assert_refused(&output, 2, &format!("cannot listen on {address}"));
    assert!(stderr(&output).contains("choose another --listen"), "{}", stderr(&output));
}

#[test]
fn a_database_that_cannot_be_written_is_exit_4() {
    let dir = temp();
    std::fs::write(
        dir.path().join("text"),
        "no database, and a good deal longer than the head of one would be\n".repeat(99),
    )
    .unwrap();
    std::fs::create_dir(dir.path().join("directory")).unwrap();
    // Directories that nobody can make or write to, root included.
    for (url, says) in [
        ("sqlite:/proc/bars.db", "/proc/bars.db"),
        ("sqlite:/dev/null/bars.db", "/dev/null"),
        ("sqlite:text", "text"),
        ("sqlite:directory", "directory"),
    ] {
        for command in [&["backfill", "AAPL", "--simulated"][..], &["plan", "AAPL"], &["symbols", "add", "AAPL"]] {
            let output = run(dir.path(), &[command, &["--database-url", url]].concat());
            assert_refused(&output, 4, says);
        }
    }
    for command in
        [&["status"][..], &["bars", "AAPL", "--timeframe", "1d"], &["symbols", "list"], &["quarantine", "list"]]
    {
        let output = run(dir.path(), &[command, &["--database-url", "sqlite:absent.db"]].concat());
        assert_refused(&output, 4, "there is no database at absent.db");
        assert!(!dir.path().join("absent.db").exists(), "reading made a database");
    }
}

#[test]
fn what_is_not_in_the_database_is_refused() {
    let dir = temp();
    let database = ["--database-url", "sqlite:bars.db"];
    let with = |args: &[&str]| run(dir.path(), &[args, &database].concat());
    assert_eq!(with(&["symbols", "add", "AAPL"]).status.code(), Some(0));
    let before = with(&["symbols", "list", "--json"]);
    for (args, says) in [
        (
            &["backfill", "--simulated", "--plan-id", "00000000-0000-4000-8000-000000000000"][..],
            "there is no plan 00000000",
        ),
        (&["backfill", "--simulated", "AAPL", "--asset-class", "crypto"], "omit --asset-class"),
        (&["plan", "AAPL", "--asset-class", "crypto"], "omit --asset-class"),
        (&["quarantine", "accept", "999"], "999"),
        (&["quarantine", "reject", "999"], "999"),
        (&["status", "APPL"], "APPL is not"),
        (&["bars", "APPL", "--timeframe", "1d"], "did you mean AAPL?"),
    ] {
        assert_refused(&with(args), 2, says);
    }
    assert_eq!(stdout(&with(&["symbols", "list", "--json"])), stdout(&before), "a refused command changed something");
}

#[test]
fn without_a_key_the_simulated_vendor_does_the_main_job() {
    let dir = temp();
    let yesterday = chrono::DateTime::from_timestamp(now_seconds() - 86_400, 0).unwrap().format("%Y-%m-%d").to_string();
    // A real key and a real vendor in the environment are neither used nor told.
    let ok = |args: &[&str]| {
        let output = barkeep(dir.path(), args)
            .env("MASSIVE_API_KEY", "geheim-geheim")
            .env("BARKEEP_VENDOR_URL", "http://127.0.0.1:1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("geheim"), "{}", stderr(&output));
        output
    };
    let first = ok(&["backfill", "BTC", "--simulated", "--timeframes", "5m,1h", "--from", &yesterday, "--json"]);
    assert!(stderr(&first).contains("note: simulated vendor: simulated bars go to"), "{}", stderr(&first));
    let summary: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["requests"], 1, "the newest, still growing bar is asked once: {summary}");
    assert!(summary["bars_written"].as_i64().unwrap() > 288, "{summary}");

    let found = databases_below(dir.path());
    assert!(found.len() == 1 && found[0].ends_with("barkeep/simulated.db"), "never the default database: {found:?}");
    let bars = stdout(&ok(&["bars", "BTC", "--timeframe", "1h", "--simulated"]));
    assert!(bars.lines().count() > 24, "{bars}");
    assert!(stdout(&ok(&["status", "--simulated"])).contains("simulated.localhost"));
    assert_refused(&run(dir.path(), &["status"]), 4, "there is no database");

    let named = ok(&["backfill", "BTC", "--simulated", "--timeframes", "1d", "--database-url", "sqlite:mine.db"]);
    assert!(stderr(&named).contains("sqlite:mine.db") && dir.path().join("mine.db").exists(), "{}", stderr(&named));
}

#[test]
fn made_up_bars_never_go_to_a_database_that_was_named_for_real_ones() {
    let dir = temp();
    let url = "sqlite:real.db";
    for variable in ["DATABASE_URL", "BARKEEP_DATABASE_URL"] {
        for args in
            [&["backfill", "BTC", "--simulated"][..], &["run", "--headless", "--simulated"], &["status", "--simulated"]]
        {
            let output = barkeep(dir.path(), args).env(variable, url).output().unwrap();
            assert_refused(&output, 2, variable);
            assert!(stderr(&output).contains("simulated bars") && stderr(&output).contains("--database-url"));
        }
    }
    let config = dir.path().join(".config/barkeep");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("barkeep.yaml"), format!("database:\n  url: {url}\n")).unwrap();
    let output = run(dir.path(), &["plan", "BTC", "--simulated"]);
    assert_refused(&output, 2, "barkeep.yaml:2");
    assert_eq!(databases_below(dir.path()), Vec::<std::path::PathBuf>::new());
    // Said on the same command line it is meant.
    let args = ["symbols", "add", "BTC", "--simulated", "--database-url", "sqlite:mine.db"];
    let output = barkeep(dir.path(), &args).env("DATABASE_URL", url).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(databases_below(dir.path()), [dir.path().join("mine.db")]);
}

#[test]
fn one_series_of_a_symbol_can_rest() {
    let dir = temp();
    let ok = |args: &[&str]| {
        let output = run(dir.path(), &[args, &["--database-url", "sqlite:bars.db"]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        stdout(&output)
    };
    let json = |args: &[&str]| serde_json::from_str::<serde_json::Value>(&ok(&[args, &["--json"]].concat())).unwrap();
    ok(&["symbols", "add", "AAPL", "--timeframes", "5m,1h,1d"]);
    let set = json(&["symbols", "set", "AAPL", "--paused", "--timeframe", "1d"]);
    assert_eq!((&set["paused"], &set["paused_timeframes"]), (&false.into(), &serde_json::json!(["1d"])), "{set}");
    assert!(ok(&["symbols", "list"]).contains("active, 1d paused"));
    assert_eq!(json(&["symbols", "list"])[0]["paused_timeframes"], serde_json::json!(["1d"]));
    let row = |view: &serde_json::Value, tf: &str| -> serde_json::Value {
        let rows = view["series"].as_array().or(view["by_status"]["unknown"].as_array()).unwrap();
        rows.iter().find(|r| r["timeframe"] == tf).unwrap_or_else(|| panic!("{view}")).clone()
    };
    for view in [json(&["status"]), json(&["staleness"])] {
        assert_eq!((&row(&view, "1d")["paused"], &row(&view, "5m")["paused"]), (&true.into(), &false.into()), "{view}");
    }
    assert_eq!(ok(&["status"]).matches("paused").count(), 1);
    assert_eq!(ok(&["staleness"]).matches("paused").count(), 1);
    let why = ok(&["explain", "AAPL", "1d"]);
    assert!(why.contains("paused by cli since") && why.contains("(the series)"), "{why}");
    assert!(!ok(&["explain", "AAPL", "1h"]).contains("paused"));
    // A run leaves it out; who names it means it.
    // (Without the id of the plan, which may hold any letters and digits.)
    let asks_for_days = |args: &[&str]| {
        let plan = ok(&[&["plan", "AAPL", "--from", "2024-05-01", "--to", "2024-05-03"], args].concat());
        let mut items = plan.lines().filter(|line| line.contains(" AAPL "));
        items.any(|line| line.contains(" 1d"))
    };
    assert!(!asks_for_days(&[]));
    assert!(asks_for_days(&["--timeframes", "1d"]));
    ok(&["symbols", "set", "AAPL", "--paused", "--timeframe", "5m,1h"]);
    let all = run(dir.path(), &["plan", "AAPL", "--database-url", "sqlite:bars.db"]);
    assert_refused(&all, 2, "every series of this selection is paused");
    ok(&["symbols", "set", "AAPL", "--paused=false", "--timeframe", "5m,1h,1d"]);
    assert!(!ok(&["symbols", "list"]).contains("paused") && asks_for_days(&[]));
    for (args, says) in [
        (&["symbols", "set", "AAPL", "--paused", "--timeframe", "1d,4h"][..], "AAPL is not tracked at 4h"),
        (&["symbols", "set", "AAPL", "--timeframe", "1d"], "--paused"),
        (&["symbols", "set", "AAPL", "--paused", "--timeframe", "1d", "--active"], "cannot be used with"),
    ] {
        assert_refused(&run(dir.path(), &[args, &["--database-url", "sqlite:bars.db"]].concat()), 2, says);
    }
    assert!(!ok(&["symbols", "list"]).contains("paused"), "a refused command changed something");
}

#[test]
fn only_a_plan_that_was_kept_is_offered_to_be_run() {
    let dir = temp();
    let ok = |args: &[&str]| {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        stdout(&output)
    };
    let wish = ["MSFT", "--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-01-31", "--simulated"];
    assert!(!ok(&[&["backfill", "--dry-run"], &wish[..]].concat()).contains("--plan-id"));
    let plan = ok(&[&["plan"], &wish[..]].concat());
    let offered: Vec<&str> = plan.lines().last().unwrap().split(' ').skip_while(|word| *word != "backfill").collect();
    assert!(ok(&offered).contains("21 written"), "{plan}");
    assert!(ok(&[&["plan"], &wish[..]].concat()).contains("nothing is missing"));
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a live run is about now")]
fn now_seconds() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Every `*.db` file below a directory.
fn databases_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                return databases_below(&path);
            }
            if path.extension().is_some_and(|e| e == "db") { vec![path] } else { Vec::new() }
        })
        .collect()
}

#[test]
fn names_are_checked_at_every_door() {
    let dir = temp();
    for args in [
        &["symbols", "add", "I:SPX"][..],
        &["symbols", "add", "--no-check", "c:eurusd"],
        &["backfill", "O:AAPL240621C00150000", "--timeframes", "1d"],
        &["plan", "EUR/USD"],
        &["baseline", "--symbols", "AAPL,F:ESZ4"],
    ] {
        assert_refused(&run(dir.path(), args), 2, "barkeep tracks stocks, ETFs and crypto");
    }
    assert_empty(dir.path());
    let refused = run(dir.path(), &["symbols", "add", "QWERTYUSD", "--asset-class", "crypto"]);
    assert_refused(&refused, 2, "write X:QWERTYUSD or X:QWERTYUSDUSD");
    assert_refused(&run(dir.path(), &["symbols", "add", "X:BTCUSD", "--asset-class", "etf"]), 2, "is a crypto ticker");

    let ok = |args: &[&str]| {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        stdout(&output)
    };
    let added = ok(&["symbols", "add", "BTC/USD", "btc", "X:BTCUSD", "BTC-EUR", "--timeframes", "1d", "--json"]);
    let added: serde_json::Value = serde_json::from_str(&added).unwrap();
    let names: Vec<_> = added["added"].as_array().unwrap().iter().map(|row| row["symbol"].as_str().unwrap()).collect();
    assert_eq!(names, ["BTC", "BTC-EUR"]);
    assert!(ok(&["symbols", "add", "X:BTCEUR"]).contains("BTC-EUR already exists"));
    for name in ["btc-usd", "BTC/USD", "X:BTCUSD"] {
        assert_eq!(ok(&["bars", name, "--timeframe", "1d", "--json"]).trim(), "[]");
        assert!(ok(&["status", name]).contains("BTC"));
        assert!(ok(&["explain", name]).starts_with("BTC 1d"), "{}", ok(&["explain", name]));
    }
    assert!(ok(&["symbols", "set", "BTCUSD", "--paused"]).contains("paused"));

    std::fs::write(dir.path().join("bad.csv"), "symbol,asset_class\nTUSD,crypto\nI:SPX,\nTUSD-USD,\nZZUSD,crypto\n")
        .unwrap();
    let refused = run(dir.path(), &["symbols", "import", "bad.csv"]);
    assert_refused(&refused, 2, "bad.csv:3: 'I:SPX' is an index");
    assert!(stderr(&refused).contains("bad.csv:4: TUSD-USD is TUSD, which is on line 2"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("bad.csv:5: 'ZZUSD' may be ZZ in USD"), "{}", stderr(&refused));

    // A class changes while nothing is stored; the ticker with it.
    ok(&["symbols", "add", "TUSD"]);
    assert!(ok(&["symbols", "set", "TUSD", "--class", "crypto"]).contains("X:TUSDUSD"));
    assert!(ok(&["symbols", "merge"]).contains("nothing to merge"));
}

/// With `--json`, what went wrong is one object on one line, wherever it went wrong.
#[test]
fn errors_are_json_when_json_is_asked_for() {
    let dir = temp();
    for (args, code, says) in [
        (&["--json", "status"][..], 4, "there is no database"),
        (&["history", "--json", "bla"], 2, "'bla' is not an id"),
        (&["--json", "frobnicate"], 2, "frobnicate"),
        (&["bars", "AAPL", "--json"], 2, "--timeframe"),
        (&["bars", "AAPL", "--timeframe", "1d", "--format", "csv", "--json"], 2, "cannot be used together"),
        (&["pause", "--json"], 1, "no service runs"),
        (&["config", "check", "--json", "--config", "absent.yaml"], 2, "absent.yaml: cannot be read"),
    ] {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(stderr(&output).starts_with("error: ") && stderr(&output).contains(says), "{}", stderr(&output));
        assert!(output.stdout.is_empty(), "only results go to stdout");
        let said = stderr(&output);
        let error: serde_json::Value =
            serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|e| panic!("{e}: {said}"));
        assert_eq!((&error["schema"], &error["error"]["exit_code"]), (&1.into(), &code.into()), "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains(says), "{error}");
        assert!(error["error"].as_object().unwrap().contains_key("hint"), "{error}");
        if args.contains(&"absent.yaml") {
            assert_eq!(error["error"]["hint"], "check the path and its permissions");
        }
    }
}

#[test]
fn an_unknown_variable_is_told_unless_it_must_be_quiet() {
    let dir = temp();
    let with = |args: &[&str]| stderr(&barkeep(dir.path(), args).env("BARKEEP_RATE_LIMT", "5").output().unwrap());
    let told = with(&["config", "path"]);
    assert_eq!(
        told,
        "warning: environment variable BARKEEP_RATE_LIMT is unknown and has no effect; did you mean BARKEEP_RATE_LIMIT?\n"
    );
    assert_eq!(with(&["config", "path", "--json"]), told);
    assert_eq!(with(&["config", "path", "--quiet"]), "");
}

#[test]
fn quiet_leaves_out_progress_and_notes_and_colors_are_as_asked() {
    let dir = temp();
    let args = ["--simulated", "backfill", "AAPL", "--timeframes", "1d", "--from", "2024-03", "--to", "2024-03"];
    let loud = run(dir.path(), &args);
    assert!(stderr(&loud).contains("note: simulated vendor") && stderr(&loud).contains("plan: "), "{}", stderr(&loud));
    let quiet = run(dir.path(), &[&args[..], &["--refetch", "-q"]].concat());
    assert_eq!((quiet.status.code(), stderr(&quiet)), (Some(0), String::new()));
    assert!(stdout(&quiet).contains("completed"), "{}", stdout(&quiet));
    let error = |color: &str| stderr(&run(dir.path(), &["--color", color, "frobnicate"]));
    assert!(
        error("always").contains("\u{1b}[") && !error("never").contains('\u{1b}') && !error("auto").contains('\u{1b}')
    );
}

#[test]
fn settings_are_begun_with_a_file_that_is_never_overwritten() {
    let dir = temp();
    assert_eq!(run(dir.path(), &["config", "init", "--config", "mine.yaml"]).status.code(), Some(0));
    assert_eq!(run(dir.path(), &["config", "check", "--config", "mine.yaml"]).status.code(), Some(0));
    std::fs::write(dir.path().join("mine.yaml"), "log:\n  keep: 3\n").unwrap();
    assert_refused(&run(dir.path(), &["config", "init", "--config", "mine.yaml"]), 2, "mine.yaml exists");
    assert_eq!(std::fs::read_to_string(dir.path().join("mine.yaml")).unwrap(), "log:\n  keep: 3\n");
}

#[test]
fn manual_pages_version_and_words_for_the_shell() {
    let dir = temp();
    assert_eq!(run(dir.path(), &["man", "pages/"]).status.code(), Some(0));
    let page = std::fs::read_to_string(dir.path().join("pages/barkeep-symbols-add.1")).unwrap();
    assert!(page.contains(".SH \"EXIT STATUS\"") && page.contains("SEE ALSO"), "{page}");
    assert!(dir.path().join("pages/barkeep.1").exists());
    let version = stdout(&run(dir.path(), &["--version"]));
    for names in ["commit ", "features ", "SQLite   3."] {
        assert!(version.contains(names), "{version}");
    }
}

/// Values that only a parser of the standard library has looked at, and negative ones: what is possible is said.
#[test]
fn a_wrong_value_is_answered_with_what_is_possible() {
    let dir = temp();
    for (args, says) in [
        (&["bars", "AAPL", "--timeframe", "1d", "--limit", "x"][..], "write a whole number"),
        (&["bars", "AAPL", "--timeframe", "1d", "--limit", "0"], "write 1 or more"),
        (&["bars", "AAPL", "--timeframe", "1d", "--limit", "-1"], "--limit"),
        (&["backfill", "AAPL", "--rate-limit", "-5"], "'-5' is not a rate limit; use 1 to 6000"),
        (&["baseline", "--simulated", "--latency", "-3"], "'-3' is not a duration; use 50ms"),
        (&["quarantine", "accept", "x"], "write a whole number"),
        (&["sim", "--listen", "8800"], "write IP:PORT such as 127.0.0.1:8000"),
        (&["run", "--listen", "here"], "write IP:PORT such as 127.0.0.1:8000"),
        (&["loadtest", "--url", "nonsense"], "write a URL such as http://127.0.0.1:8000"),
        (&["loadtest", "--timeout", "0"], "write a duration such as 30s"),
        (&["symbols", "add", "AAPL", "--since", "2099"], "is in the future"),
        (&["add", "AAPL", "--since", "2099-01-01"], "is in the future"),
    ] {
        assert_refused(&run(dir.path(), args), 2, says);
        assert_empty(dir.path());
        let told = run(dir.path(), &[&["--json"], args].concat());
        let last = stderr(&told).lines().last().unwrap().to_owned();
        let error: serde_json::Value = serde_json::from_str(&last).unwrap_or_else(|e| panic!("{args:?}: {last}: {e}"));
        assert!(error["error"]["message"].as_str().unwrap().contains(says), "{args:?}: {error}");
        assert_eq!((&error["error"]["exit_code"], told.status.code()), (&2.into(), Some(2)), "{args:?}");
    }
}

/// Before the minutes of a measurement, not after them.
#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_work() {
    let dir = temp();
    for command in [&["baseline", "--simulated"][..], &["loadtest", "--spawn"], &["rto-rpo", "--drill"]] {
        let output = run(dir.path(), &[command, &["--output", "absent/report.json"]].concat());
        assert_refused(&output, 2, "--output absent/report.json: cannot be written");
        assert_empty(dir.path());
    }
}

/// A full disk under stdout is told, also where clap prints.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let dir = temp();
    let to = |path: &str| std::fs::File::options().write(true).open(path).unwrap();
    for args in [&["--help"][..], &["--version"], &["bars", "--help"], &["config", "path"], &["completions", "bash"]] {
        let output = barkeep(dir.path(), args).stdout(to("/dev/full")).output().unwrap();
        assert_refused(&output, 1, "cannot write to stdout");
        // A full stderr ends nothing and changes no code.
        let output = barkeep(dir.path(), args).stderr(to("/dev/full")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
    let created = barkeep(dir.path(), &["keys", "create", "robot"]).stderr(to("/dev/full")).output().unwrap();
    assert_eq!(created.status.code(), Some(0), "the key was printed");
    let quiet = run(dir.path(), &["keys", "create", "other", "--quiet"]);
    assert!(stdout(&quiet).starts_with("bk_") && stderr(&quiet).is_empty(), "{}", stderr(&quiet));
}
