//! `barkeep config edit`: the settings file in an editor of the user's choice.
//!
//! The editor gets a copy beside the file. The copy takes the file's place only when everything in it can be used, so
//! a running service never reads half an edit.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::admin::config::sound;
use crate::exit::{CliError, SCHEMA, SOME_FAILED};
use crate::globals::Globals;
use crate::output::{print, print_json};
use barkeep_base::text::printable;
use barkeep_config::{Environment, file_in_use};

/// What most systems have, and what the standard names.
const USUAL_EDITOR: &str = "vi";

pub(super) fn run(globals: &Globals) -> Result<(), CliError> {
    let found = file_in_use(globals.config.as_deref(), &Environment::of_process())?;
    let Some((path, before)) = found else {
        return Err(CliError::usage("there is no settings file yet").hint("`barkeep config init` writes one"));
    };
    let shown = printable(&path.display().to_string());
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(CliError::usage("an editor needs a terminal")
            .hint(format!("edit {shown} directly and check it with `barkeep config check`")));
    }
    let copy = Copy::of(&path, &before)?;
    loop {
        edit(&copy.path)?;
        let after = std::fs::read_to_string(&copy.path).map_err(|e| {
            CliError::new(SOME_FAILED, format!("what was saved cannot be read: {e}; {shown} is unchanged"))
        })?;
        if after == before {
            return report(&path, false, globals.json);
        }
        let Err(wrong) = sound(&Globals { config: Some(copy.path.clone()), ..globals.clone() }) else {
            copy.put_in_place(&before, globals)?;
            return report(&path, true, globals.json);
        };
        let told = wrong.message.replace(&printable(&copy.path.display().to_string()), &shown);
        // A question is asked with --quiet, too.
        let _ = write!(std::io::stderr(), "error: {told}\nEdit it again? n keeps the file as it was. [Y/n] ");
        if !again() {
            return Err(CliError::usage(format!("{shown} is unchanged")));
        }
    }
}

/// Only an answer is a yes: a closed terminal must not open an editor for ever.
fn again() -> bool {
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok_and(|n| n > 0) && !answer.trim().to_ascii_lowercase().starts_with('n')
}

/// What is edited; deleted when it is dropped.
struct Copy {
    path: PathBuf,
    original: PathBuf,
}

impl Copy {
    /// Beside the original, so that the same recovery policy is found; with its ending, which tells editors what it is.
    fn of(original: &Path, text: &str) -> Result<Self, CliError> {
        let path = original.with_file_name(format!(".barkeep-edit-{}.yaml", std::process::id()));
        let failed = |e: std::io::Error| {
            let dir = printable(&original.parent().unwrap_or(original).display().to_string());
            CliError::usage(format!("cannot write to {dir}: {e}")).hint("run it as a user who may write there")
        };
        let copy = Self { path, original: original.to_owned() };
        // Nobody else may read it before it has the permissions of the original.
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy.path);
        made.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)?;
        let mode = std::fs::metadata(original).map_err(failed)?.permissions();
        std::fs::set_permissions(&copy.path, mode).map_err(failed)?;
        Ok(copy)
    }

    /// Takes the place of the original, of what it points to where it is a link.
    fn put_in_place(&self, before: &str, globals: &Globals) -> Result<(), CliError> {
        let shown = printable(&self.original.display().to_string());
        let now = file_in_use(Some(&self.original), &Environment::of_process())?;
        if now.is_none_or(|(_, now)| now != before) {
            return Err(CliError::new(
                SOME_FAILED,
                format!("{shown} was changed while you were editing; your changes were not saved"),
            )
            .hint("run `barkeep config edit` again"));
        }
        let failed = |e: std::io::Error| CliError::new(SOME_FAILED, format!("cannot write {shown}: {e}"));
        std::fs::File::open(&self.path).and_then(|file| file.sync_all()).map_err(failed)?;
        let target = std::fs::canonicalize(&self.original).map_err(failed)?;
        std::fs::rename(&self.path, &target)
            .or_else(|e| match e.kind() {
                std::io::ErrorKind::CrossesDevices => std::fs::copy(&self.path, &target).map(drop),
                _ => Err(e),
            })
            .map_err(failed)?;
        // What is in place has passed as a copy; only what its place changes could be wrong now.
        sound(globals).map(drop)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Where it took the original's place there is nothing left to delete.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Runs the editor as the shell would, since its setting may hold options (`code --wait`).
fn edit(file: &Path) -> Result<(), CliError> {
    let editor = Environment::of_process().editor().unwrap_or_else(|| USUAL_EDITOR.to_owned());
    let shown = printable(&editor);
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg("sh").arg(file).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(CliError::new(SOME_FAILED, format!("the editor '{shown}' failed; nothing was changed"))
            .hint("name one that waits until the file is closed in $VISUAL or $EDITOR")),
        Err(e) => Err(CliError::new(SOME_FAILED, format!("the editor cannot be started: {e}; nothing was changed"))),
    }
}

fn report(path: &Path, changed: bool, json: bool) -> Result<(), CliError> {
    if json {
        return print_json(&json!({ "schema": SCHEMA, "settings": path, "changed": changed }));
    }
    let shown = printable(&path.display().to_string());
    print(&if changed { format!("{shown} is changed\n") } else { format!("{shown} is unchanged\n") })
}
