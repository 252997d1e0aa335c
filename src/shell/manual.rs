//! Manual pages, and the list of all commands for the documentation.

use std::fmt::Write as _;
use std::path::Path;

use clap::Command;

use super::exit::{CliError, SOME_FAILED};
use barkeep_base::text::printable;

/// The exit codes, as `docs/cli.md` has them in full.
const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
0 done; 1 some series failed, or something was found; 2 wrong command line or configuration; 3 the vendor refused the key; \
4 the database is unreachable or unusable; 130 interrupted.
.SH \"SEE ALSO\"
";

/// The manual page of a command.
///
/// # Errors
/// When it cannot be rendered.
pub fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or("barkeep").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(&name).manual("barkeep").render(&mut page)?;
    // What clap calls an extra are examples here.
    let text = String::from_utf8_lossy(&page).replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n");
    let see = if name == "barkeep" { "barkeep\\-COMMAND(1)" } else { "barkeep(1)" };
    Ok(format!("{text}{EXIT_STATUS}{see}\n").into_bytes())
}

/// One file a command: `barkeep-symbols-add.1`. Says what was done.
///
/// # Errors
/// When one cannot be written.
pub fn write_pages(root: &Command, dir: &Path) -> Result<String, CliError> {
    let shown = printable(&dir.display().to_string());
    let failed = |e: std::io::Error| CliError::new(SOME_FAILED, format!("cannot write to {shown}: {e}"));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut waiting = vec![root];
    let mut written = 0;
    while let Some(command) = waiting.pop() {
        let name = command.get_display_name().unwrap_or("barkeep").replace(' ', "-");
        std::fs::write(dir.join(format!("{name}.1")), page(command).map_err(failed)?).map_err(failed)?;
        written += 1;
        waiting.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()));
    }
    Ok(format!("wrote {written} manual pages to {shown}\n"))
}

/// All commands with their descriptions as a Markdown table: what the documentation shows.
#[must_use]
pub fn commands_markdown(root: &Command) -> String {
    let mut out = "| Command | What it does |\n|---|---|\n".to_owned();
    append_commands(root, "", &mut out);
    out
}

/// A command that only groups others is left out; they say what it does.
fn append_commands(parent: &Command, path: &str, out: &mut String) {
    for command in parent.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set()) {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            append_commands(command, &path, out);
        } else {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let positionals: String = command
                .get_positionals()
                .map(|arg| {
                    let more = if arg.get_num_args().is_some_and(|n| n.max_values() > 1) { "..." } else { "" };
                    let name = arg.get_value_names().and_then(|names| names.first()).map_or("", |n| n.as_str());
                    if arg.is_required_set() { format!(" {name}{more}") } else { format!(" [{name}]{more}") }
                })
                .collect();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "| `barkeep{path}{positionals}` | {} |", about.replace('|', "\\|"));
        }
    }
}
