//! The real binary and the database under its feet: taken away, read only, too large for a limit, damaged, copied.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

/// A process in a directory that is also its home, on the database in it.
fn barkeep(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    in_home(&mut command, dir).args(args);
    command
}

fn in_home<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    command.current_dir(dir).env_clear().env("HOME", dir).env("PATH", std::env::var_os("PATH").unwrap());
    command.env("BARKEEP_DATABASE_URL", url(dir)).stdin(Stdio::null())
}

fn run(dir: &Path, args: &[&str]) -> Output {
    barkeep(dir, args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn url(dir: &Path) -> String {
    format!("sqlite:{}", dir.join("data/b.db").display())
}

/// The arguments of a command with the simulated vendor on the database `url`.
fn simulated<'a>(url: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    ["--simulated", "--database-url", url].into_iter().chain(args.iter().copied()).collect()
}

/// The same of a backfill of half a year.
fn backfill<'a>(url: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    let mut all = simulated(url, &["backfill", "--from", "2024-01-02", "--to", "2024-06-28"]);
    all.extend(args);
    all
}

fn filled(dir: &Path) {
    let url = url(dir);
    let args = backfill(&url, &["SPY", "AAPL", "--timeframes", "1h,1d"]);
    let done = run(dir, &args);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
}

async fn by_hand(dir: &Path, statements: &[&str]) {
    let options = SqliteConnectOptions::new().filename(dir.join("data/b.db")).foreign_keys(false);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    for sql in statements {
        conn.execute(AssertSqlSafe(*sql)).await.unwrap();
    }
    conn.close().await.unwrap();
}

/// Crypto trades at any time of day, so its newest bars are always growing.
#[test]
fn a_database_that_was_just_brought_up_to_now_is_sound() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let url = url(dir);
    let from = (chrono::Utc::now() - chrono::Duration::days(3)).format("%Y-%m-%d").to_string();
    let done = run(dir, &simulated(&url, &["backfill", "BTC", "--timeframes", "5m,1h,1d", "--from", &from]));
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let sound = run(dir, &["db", "check"]);
    assert_eq!((sound.status.code(), text(&sound.stdout).as_str()), (Some(0), "no problems found\n"));
}

#[tokio::test]
async fn what_is_wrong_is_named_with_the_command_that_mends_it() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    filled(dir);
    let sound = run(dir, &["db", "check"]);
    assert_eq!((sound.status.code(), text(&sound.stdout).as_str()), (Some(0), "no problems found\n"));
    let daily = "(SELECT id FROM series WHERE symbol = 'SPY' AND timeframe = '1d')";
    let lost = format!("SELECT ts FROM bars WHERE series_id = {daily} ORDER BY ts LIMIT 2 OFFSET 40");
    let quietly = format!("SELECT ts FROM bars WHERE series_id = {daily} ORDER BY ts LIMIT 1 OFFSET 90");
    by_hand(
        dir,
        &[
            &format!("CREATE TEMP TABLE quietly AS {quietly}"),
            &format!("DELETE FROM bars WHERE series_id = {daily} AND ts IN (SELECT ts FROM quietly)"),
            &format!(
                "DELETE FROM feature_values WHERE id IN (SELECT {daily} * 549755813888 + ts / 1000 + 62135596800
                 FROM quietly)"
            ),
            &format!("UPDATE series SET bar_count = bar_count - 1 WHERE id = {daily}"),
            &format!("DELETE FROM bars WHERE series_id = {daily} AND ts IN ({lost})"),
            "INSERT INTO profiles (series_id, part, sessions, updated_at) VALUES (999, 'day', '', 1)",
        ],
    )
    .await;
    let found = run(dir, &["db", "check", "--json"]);
    assert_eq!(found.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let names: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|f| f["invariant"].as_str().unwrap()).collect();
    for name in ["counts", "features_have_bars", "no_orphans", "sessions"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    // Each is mended by what it says.
    run(dir, &["db", "check", "--repair"]);
    let left = run(dir, &["db", "check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&left.stdout).unwrap();
    let url = url(dir);
    for finding in report["findings"].as_array().unwrap() {
        let command = finding["mend"].as_str().unwrap().strip_prefix("barkeep ").unwrap();
        let args = simulated(&url, &command.split(' ').collect::<Vec<_>>());
        let mended = run(dir, &args);
        assert_eq!(mended.status.code(), Some(0), "{command}: {}", text(&mended.stderr));
    }
    let sound = run(dir, &["db", "check"]);
    assert_eq!(sound.status.code(), Some(0), "{}", text(&sound.stdout));
}

#[test]
fn a_copy_made_while_bars_are_written_is_whole_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    filled(dir);
    let url = url(dir);
    let args = backfill(&url, &["MSFT", "NVDA", "QQQ", "--timeframes", "5m,1h,1d"]);
    let mut writing = barkeep(dir, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let copy = run(dir, &["db", "backup", "copy.db"]);
    assert_eq!(copy.status.code(), Some(0), "{}", text(&copy.stderr));
    assert_eq!(writing.wait().unwrap().code(), Some(0));
    let again = run(dir, &["db", "backup", "copy.db"]);
    assert_eq!(again.status.code(), Some(2), "a copy is not overwritten: {}", text(&again.stderr));
    // Restored: the file put in place, without the old log.
    for old in ["b.db", "b.db-wal", "b.db-shm"] {
        let _ = std::fs::remove_file(dir.join("data").join(old));
    }
    std::fs::rename(dir.join("copy.db"), dir.join("data/b.db")).unwrap();
    assert_eq!(run(dir, &["db", "check"]).status.code(), Some(0));
    let goes_on = run(dir, &args);
    assert_eq!(goes_on.status.code(), Some(0), "{}", text(&goes_on.stderr));
    assert_eq!(run(dir, &["db", "check"]).status.code(), Some(0));
    assert!(text(&run(dir, &["db", "info"]).stdout).contains("bars"));
}

/// Root may write anywhere, so it looks on as nobody.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    filled(dir);
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let (data, other) = (dir.join("data"), tempfile::tempdir().unwrap());
    mode(dir, 0o755);
    mode(other.path(), 0o777);
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let binary = other.path().join("barkeep");
    std::fs::hard_link(env!("CARGO_BIN_EXE_barkeep"), &binary)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_barkeep"), &binary).map(drop))
        .unwrap();
    let look = |args: &[&str]| {
        let mut command = if root { Command::new("setpriv") } else { Command::new(&binary) };
        if root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        }
        in_home(&mut command, dir).env("HOME", other.path()).current_dir(other.path()).args(args).output().unwrap()
    };
    mode(&data.join("b.db"), 0o444);
    mode(&data, 0o555);
    for args in [
        &["status"][..],
        &["bars", "SPY", "--timeframe", "1d", "--limit", "1"],
        &["features", "SPY", "--timeframe", "1d", "--limit", "1"],
        &["history"],
        &["symbols", "list"],
        &["staleness"],
        &["explain", "SPY"],
        &["alerts"],
        &["plan", "SPY", "--from", "2024-01-02", "--to", "2024-06-28"],
        &["db", "check"],
        &["db", "info"],
        &["db", "backup", "copy.db"],
    ] {
        let output = look(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    }
    let refused = look(&["symbols", "add", "MSFT"]);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    // What lies in a log that cannot be read is not left out silently.
    mode(&data, 0o755);
    std::fs::write(data.join("b.db-wal"), vec![0; 4_152]).unwrap();
    mode(&data.join("b.db-wal"), 0o444);
    mode(&data, 0o555);
    let refused = look(&["status"]);
    assert!(refused.status.code() == Some(4) && text(&refused.stderr).contains("-wal"), "{}", text(&refused.stderr));
    mode(&data, 0o755);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_size_limit_is_like_a_full_disk() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    filled(dir);
    std::fs::create_dir(dir.join("config")).unwrap();
    std::fs::write(dir.join("config/barkeep.yaml"), "backfill:\n  database_patience: 1s\n").unwrap();
    let url = url(dir);
    let args = backfill(&url, &["MSFT", "NVDA", "--timeframes", "5m"]);
    let mut limited = Command::new("prlimit");
    limited.arg("--fsize=4194304").arg(env!("CARGO_BIN_EXE_barkeep")).args(&args);
    let output = in_home(&mut limited, dir).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("ulimit -f") && said.contains("what is committed is safe"), "{said}");
    let resumed = run(dir, &args);
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    assert_eq!(run(dir, &["db", "check"]).status.code(), Some(0));
}

fn ends_within(mut child: Child, longest: Duration) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < longest, "it still runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.wait_with_output().unwrap()
}

/// Neither a service nor a backfill that waits for its limit writes into a file that has no name.
#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_ends_whoever_uses_it() {
    for args in [
        &["run", "--headless", "--listen", "127.0.0.1:0"][..],
        &["--rate-limit", "2", "backfill", "SPY", "AAPL", "MSFT", "NVDA", "--timeframes", "1h", "--from", "2024-01-02"],
    ] {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        filled(dir);
        let url = url(dir);
        let child = barkeep(dir, &simulated(&url, args)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = dir.join("data/b.db-wal");
        let began = Instant::now();
        // It has written: by now it is at work.
        while !std::fs::metadata(&log).is_ok_and(|meta| meta.len() > 0) {
            assert!(began.elapsed() < Duration::from_mins(1), "it writes nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(500));
        for file in ["b.db", "b.db-wal", "b.db-shm"] {
            std::fs::remove_file(dir.join("data").join(file)).unwrap();
        }
        let output = ends_within(child, Duration::from_secs(10));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{args:?}: {said}");
        assert!(said.contains("was deleted or moved") && !said.contains("is safe"), "{said}");
        assert!(!dir.join("data/b.db").exists());
    }
}

/// A role that may only read sees everything and plans; what it cannot do is told at once, with what to do.
#[tokio::test]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn who_may_only_read_postgres_reads_and_plans() {
    let cluster = crate::support::postgres::shared();
    let name = cluster.create_database().await;
    let owner = cluster.url(&name);
    let dir = tempfile::tempdir().unwrap();
    let filled = ["backfill", "AAPL", "--timeframes", "1d", "--from", "2024-03-01", "--to", "2024-03-28"];
    let output = run(dir.path(), &simulated(&owner, &filled));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    let mut raw = sqlx::PgConnection::connect(&owner).await.unwrap();
    let grant = format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}");
    sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut raw).await.unwrap();
    let mut reader: url::Url = owner.parse().unwrap();
    reader.set_username(&role).unwrap();

    for args in [&["status"][..], &["bars", "AAPL", "--timeframe", "1d"], &["db", "check"], &["explain", "AAPL", "1d"]]
    {
        let output = run(dir.path(), &simulated(reader.as_str(), args));
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    }
    let output = run(dir.path(), &simulated(reader.as_str(), &["plan", "--all"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("this plan was not saved"), "{}", text(&output.stderr));
    let output = run(dir.path(), &simulated(reader.as_str(), &filled));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("may only read; grant it INSERT") && !said.contains("run the same command again"), "{said}");

    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    cluster.drop_database(&name).await;
}
