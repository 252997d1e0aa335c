//! Completion in the shells themselves: what a key press makes of a line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A process that finds barkeep in `PATH` and nothing of the machine's settings.
fn clean(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    let barkeep = Path::new(env!("CARGO_BIN_EXE_barkeep")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", barkeep.display());
    command.current_dir(dir).env_clear().env("HOME", dir).env("PATH", path).env("TERM", "xterm").stdin(Stdio::null());
    command
}

#[track_caller]
fn text(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(error.is_empty(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn barkeep(dir: &Path, args: &[&str]) -> String {
    text(&clean("barkeep", dir).args(args).output().unwrap())
}

/// Symbols, an execution, a key, a plan, an own theme; the id of the execution.
fn home() -> (tempfile::TempDir, String) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let settings = dir.join(".config/barkeep");
    std::fs::create_dir_all(settings.join("themes")).unwrap();
    std::fs::write(settings.join("barkeep.yaml"), "database:\n  url: sqlite:~/bars.db\n").unwrap();
    std::fs::write(settings.join("themes/harbor.yaml"), "").unwrap();
    std::fs::write(dir.join("watchlist.txt"), "IBM\n").unwrap();
    barkeep(dir, &["symbols", "add", "AAPL", "MSFT", "BTC", "--quiet"]);
    barkeep(dir, &["keys", "create", "robot", "--quiet"]);
    barkeep(dir, &["symbols", "add", "ZTS", "--database-url", "sqlite:other.db", "--quiet"]);
    let url = "sqlite:bars.db";
    let run = ["backfill", "AAPL", "--timeframes", "1d", "--from", "5d", "--simulated", "--database-url", url, "-q"];
    barkeep(dir, &run);
    let history: serde_json::Value = serde_json::from_str(&barkeep(dir, &["history", "--json"])).unwrap();
    let id = history["executions"][0]["execution_id"].as_str().unwrap().to_owned();
    (temp, id)
}

/// Lines as typed, and what one press of Tab makes of them.
fn lines(id: &str) -> Vec<(String, String)> {
    let beginning = &id[..4];
    [
        ("barkeep back", "barkeep backfill"),
        ("barkeep bars AA", "barkeep bars AAPL"),
        ("barkeep backfill AAPL MS", "barkeep backfill AAPL MSFT"),
        ("barkeep symbols set BT", "barkeep symbols set BTC"),
        ("barkeep symbols add --asset-class cry", "barkeep symbols add --asset-class crypto"),
        ("barkeep bars AAPL --timeframe 4", "barkeep bars AAPL --timeframe 4h"),
        ("barkeep backfill --timeframes 5m,1d,4", "barkeep backfill --timeframes 5m,1d,4h"),
        ("barkeep backfill --from yest", "barkeep backfill --from yesterday"),
        ("barkeep backfill @watch", "barkeep backfill @watchlist.txt"),
        ("barkeep trigger --tier crit", "barkeep trigger --tier critical"),
        ("barkeep --theme color", "barkeep --theme color-blind"),
        ("barkeep demo --theme har", "barkeep demo --theme harbor"),
        ("barkeep keys revoke ro", "barkeep keys revoke robot"),
        ("barkeep man stal", "barkeep man staleness"),
        ("barkeep bars --database-url sqlite:other.db Z", "barkeep bars --database-url sqlite:other.db ZTS"),
    ]
    .into_iter()
    .map(|(typed, becomes)| (typed.to_owned(), becomes.to_owned()))
    .chain([(format!("barkeep history {beginning}"), format!("barkeep history {id}"))])
    .collect()
}

/// Presses keys in an interactive zsh: a line, Tab, and a key that writes the line to a file. The script is found in
/// `fpath`, where it is read at the first press, or sourced.
#[track_caller]
fn pressed_in_zsh(dir: &Path, sourced: bool, typed: &[&str]) -> Vec<String> {
    let zsh = dir.join(format!("zsh-{sourced}"));
    std::fs::create_dir_all(zsh.join("functions")).unwrap();
    let script = barkeep(dir, &["completions", "zsh"]);
    let load = if sourced {
        std::fs::write(zsh.join("script"), script).unwrap();
        "source $ZDOTDIR/script"
    } else {
        std::fs::write(zsh.join("functions/_barkeep"), script).unwrap();
        ""
    };
    let settings = format!(
        "fpath=($ZDOTDIR/functions $fpath)\nautoload -Uz compinit && compinit -u\n{load}\nbindkey -e\n\
         tell() {{ print -r -- $BUFFER >> $ZDOTDIR/lines; BUFFER= }}\nzle -N tell\nbindkey '^T' tell\n\
         ready() {{ print >> $ZDOTDIR/lines }}\nprecmd_functions=(ready)\n"
    );
    std::fs::write(zsh.join(".zshrc"), settings).unwrap();
    let driver = "zmodload zsh/zpty\nzpty shell zsh -d -i\ntouch $ZDOTDIR/lines\n\
                  wait_for() { until (( $(wc -l < $ZDOTDIR/lines) > $1 )); do zpty -rt shell x; sleep 0.02; done }\n\
                  told=0\nwait_for 0\nfor line in \"$@\"; do zpty -wn shell $line$'\\t\\x14'; wait_for $((++told)); done\n\
                  zpty -d shell\n";
    std::fs::write(zsh.join("driver"), driver).unwrap();
    let mut command = clean("timeout", dir);
    command.args(["120", "zsh", "-f"]).arg(zsh.join("driver")).args(typed).env("ZDOTDIR", &zsh);
    let output = command.output().unwrap();
    let lines = std::fs::read_to_string(zsh.join("lines")).unwrap_or_default();
    assert!(output.status.success(), "{}\n{lines}", String::from_utf8_lossy(&output.stderr));
    lines.lines().skip(1).map(|line| line.trim_end().to_owned()).collect()
}

#[test]
#[cfg_attr(without_zsh, ignore = "needs zsh: apt-get install zsh")]
fn zsh_completes_values() {
    let (home, id) = home();
    let lines = lines(&id);
    let typed: Vec<&str> = lines.iter().map(|(typed, _)| typed.as_str()).collect();
    let becomes: Vec<&str> = lines.iter().map(|(_, becomes)| becomes.as_str()).collect();
    assert_eq!(pressed_in_zsh(home.path(), false, &typed), becomes);
    assert_eq!(pressed_in_zsh(home.path(), true, &typed[..2]), becomes[..2]);
}

#[test]
#[cfg_attr(without_fish, ignore = "needs fish: apt-get install fish")]
fn fish_completes_values() {
    let (home, id) = home();
    let script = barkeep(home.path(), &["completions", "fish"]);
    for (typed, becomes) in lines(&id) {
        let asked = format!("{script}\ncomplete -C '{typed}'");
        let offered = text(&clean("fish", home.path()).args(["--no-config", "-c", &asked]).output().unwrap());
        let words: Vec<&str> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words, [becomes.rsplit(' ').next().unwrap()], "{typed}");
    }
}

/// As bash cuts it: at blanks and at `=`.
fn bash_words(line: &str) -> Vec<String> {
    line.replace('=', " = ").split(' ').map(str::to_owned).collect()
}

#[test]
fn bash_completes_values() {
    let (home, id) = home();
    let script = barkeep(home.path(), &["completions", "bash"]);
    let pressed = |line: &str| {
        let words = bash_words(line);
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let (last, at) = (words.last().unwrap(), words.len() - 1);
        let asked = format!(
            "{script}\nCOMP_WORDS=({}) COMP_CWORD={at}\n_barkeep barkeep '{last}' '' 2>&1\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" ")
        );
        text(&clean("bash", home.path()).args(["--norc", "-c", &asked]).output().unwrap())
    };
    for (typed, becomes) in lines(&id) {
        let word = becomes.rsplit(' ').next().unwrap();
        assert_eq!(pressed(&typed), format!("{word}\n"), "{typed}");
    }
    assert_eq!(pressed("barkeep bars AAPL --timeframe=4"), "4h\n", "bash replaces what stands after the sign");
    assert_eq!(pressed("barkeep bars --limit=3 MS"), "MSFT\n");
}

/// What is offered is what can be done: running executions are cancelled, failed ones retried, and nothing is offered
/// where nothing is.
#[test]
fn only_what_fits_is_offered() {
    let (home, id) = home();
    let offered = |dir: &Path, words: &[&str]| -> Vec<String> {
        let mut command = clean("barkeep", dir);
        command.env("_BARKEEP_COMPLETE", "fish").arg("--").arg("barkeep").args(words);
        let answer = text(&command.output().unwrap());
        answer.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
    };
    assert_eq!(offered(home.path(), &["history", ""])[..2], ["latest".to_owned(), id]);
    for command in ["cancel", "retry"] {
        let all = offered(home.path(), &[command, ""]);
        assert!(all.iter().all(|word| word.starts_with('-')), "no execution runs and none failed: {all:?}");
    }
    let others = offered(home.path(), &["backfill", "AAPL", ""]);
    assert!(others.contains(&"BTC".to_owned()) && !others.contains(&"AAPL".to_owned()), "{others:?}");
    let lower = offered(home.path(), &["bars", "aa"]);
    assert_eq!(lower, ["AAPL"]);
    let created = offered(home.path(), &["keys", "create", ""]);
    assert!(!created.contains(&"robot".to_owned()), "a new name is wanted: {created:?}");

    let empty = tempfile::tempdir().unwrap();
    assert!(offered(empty.path(), &["bars", ""]).iter().all(|word| word.starts_with('-')));
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "asking makes no database");
}
