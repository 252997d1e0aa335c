//! `barkeep config edit` with an editor that is a script.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::pty::Pty;

const BEFORE: &str = "vendor:\n  attempts: 4\n";

/// A home with a settings file, and an editor that runs `script` with the file as `$1`.
fn home(script: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config/barkeep.yaml");
    std::fs::create_dir(dir.path().join("config")).unwrap();
    std::fs::write(&file, BEFORE).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let editor = dir.path().join("editor");
    std::fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    (dir, file)
}

fn edit(home: &Path, args: &[&str]) -> Pty {
    let args = [&["config", "edit"], args].concat();
    let editor = format!("'{}' --wait", home.join("editor").display());
    Pty::start(
        env!("CARGO_BIN_EXE_barkeep"),
        &args,
        home,
        &[("VISUAL", editor), ("EDITOR", "false".to_owned())],
        140,
        30,
    )
}

/// The settings and nothing else: no copy is left.
#[track_caller]
fn assert_left(file: &Path, text: &str) {
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "the file alone");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_sound_change_takes_the_place_of_the_file() {
    // The editor sees a copy: the file itself is as it was while it is open.
    let (home, file) =
        home("test \"$1\" = --wait && grep -q 'attempts: 4' config/barkeep.yaml && sed -i s/4/3/ \"$2\"");
    let mut shell = edit(home.path(), &[]);
    assert_eq!(shell.ended(), 0, "{}", shell.text());
    shell.until("config/barkeep.yaml is changed");
    assert_left(&file, "vendor:\n  attempts: 3\n");
}

#[test]
fn a_wrong_change_is_told_with_its_line_and_edited_again() {
    // First a slip, then the same file put right.
    let script = "if grep -q attempst \"$2\"; then sed -i 's/attempst/attempts/; s/4/5/' \"$2\"; else sed -i s/attempts/attempst/ \"$2\"; fi";
    let (home, file) = home(script);
    let mut shell = edit(home.path(), &["--quiet"]);
    shell.until("barkeep.yaml:2: unknown setting 'vendor.attempst'; did you mean 'attempts'?");
    shell.until("Edit it again?");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), BEFORE);
    shell.type_in("\r");
    assert_eq!(shell.ended(), 0, "{}", shell.text());
    assert_left(&file, "vendor:\n  attempts: 5\n");
}

#[test]
fn a_wrong_change_that_is_given_up_leaves_the_file() {
    let (home, file) = home("echo 'keys: {refresh: ctrl-qqq}' > \"$2\"");
    let mut shell = edit(home.path(), &[]);
    shell.until("config/barkeep.yaml:1: ");
    shell.until("Edit it again?");
    shell.type_in("n\r");
    assert_eq!(shell.ended(), 2, "{}", shell.text());
    shell.until("config/barkeep.yaml is unchanged");
    assert_left(&file, BEFORE);
}

#[test]
fn an_editor_that_fails_or_changes_nothing_leaves_the_file() {
    for (script, code, says) in [("exit 3", 1, "nothing was changed"), ("true", 0, "is unchanged")] {
        let (home, file) = home(script);
        let mut shell = edit(home.path(), &[]);
        assert_eq!(shell.ended(), code, "{}", shell.text());
        shell.until(says);
        assert_left(&file, BEFORE);
    }
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_kept() {
    let (home, file) = home("sed -i s/4/3/ \"$2\"; sed -i s/4/5/ config/barkeep.yaml");
    let mut shell = edit(home.path(), &[]);
    assert_eq!(shell.ended(), 1, "{}", shell.text());
    shell.until("was changed while you were editing");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "vendor:\n  attempts: 5\n");
}

#[test]
fn a_link_stays_a_link() {
    let (home, file) = home("sed -i s/4/3/ \"$2\"");
    let target = home.path().join("dotfile.yaml");
    std::fs::rename(&file, &target).unwrap();
    std::os::unix::fs::symlink(&target, &file).unwrap();
    let mut shell = edit(home.path(), &[]);
    assert_eq!(shell.ended(), 0, "{}", shell.text());
    assert!(file.is_symlink());
    assert_eq!(std::fs::read_to_string(target).unwrap(), "vendor:\n  attempts: 3\n");
}

#[test]
fn without_a_terminal_or_a_file_it_says_what_to_do() {
    let (home, file) = home("echo broken > \"$2\"");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
        command.args(["config", "edit", "--json"]).args(args).current_dir(home.path()).env_clear();
        let output = command.env("HOME", home.path()).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("an editor needs a terminal") && said.contains("hint: edit config/barkeep.yaml"), "{said}");
    assert_left(&file, BEFORE);
    let (code, said) = run(&["--config", "absent.yaml"]);
    assert!(code == Some(2) && said.contains("absent.yaml: cannot be read"), "{said}");
    std::fs::remove_file(&file).unwrap();
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("hint: `barkeep config init` writes one"), "{said}");
}
