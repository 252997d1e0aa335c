//! `barkeep completions` and `barkeep man`: made from the same definitions as the parser, so they cannot drift.

pub(crate) mod complete;
mod words;

use std::fmt::Write as _;
use std::path::Path;

use clap::{Args, Command, CommandFactory};

use crate::exit::{CliError, SOME_FAILED};
use crate::output::print;
use barkeep_base::text::printable;

/// Print a shell completion script
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep completions bash > ~/.local/share/bash-completion/completions/barkeep
  barkeep completions zsh > ~/.zfunc/_barkeep      # with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  barkeep completions fish > ~/.config/fish/completions/barkeep.fish")]
pub struct CompletionsArgs {
    /// Shell
    pub shell: clap_complete::Shell,
}

/// Print a manual page, or write all of them to a directory
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep man | man -l -
  barkeep man symbols add | man -l -
  barkeep man ~/.local/share/man/man1/")]
pub struct ManArgs {
    /// Command, such as `bars` or `symbols add`, or the directory for all pages [default: barkeep itself]
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,

    /// Print the list of all commands as Markdown, for the documentation
    #[arg(long, hide = true, conflicts_with = "command")]
    pub markdown: bool,
}

pub(crate) fn man(args: &ManArgs) -> Result<(), CliError> {
    let mut root = crate::Cli::command();
    root.build();
    if args.markdown {
        return print(&commands_markdown(&root));
    }
    if let [dir] = args.command.as_slice()
        && root.find_subcommand(dir).is_none()
        && (dir.contains('/') || Path::new(dir).is_dir())
    {
        return write_pages(&root, Path::new(dir));
    }
    let found = args.command.iter().try_fold(&root, |at, name| at.find_subcommand(name));
    let command = found.ok_or_else(|| {
        let name = printable(&args.command.join(" "));
        CliError::usage(format!("there is no command '{name}'")).hint("`barkeep --help` lists all commands")
    })?;
    let page = page(command).map_err(|e| CliError::writing("the manual page", &e))?;
    print(&String::from_utf8_lossy(&page))
}

/// The exit codes, as `docs/cli.md` has them in full.
const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
0 done; 1 some series failed, or something was found; 2 wrong command line or configuration; 3 the vendor refused the key; \
4 the database is unreachable or unusable; 130 interrupted.
.SH \"SEE ALSO\"
";

fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or("barkeep").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(&name).manual("barkeep").render(&mut page)?;
    // What clap calls an extra are examples here.
    let text = String::from_utf8_lossy(&page).replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n");
    let see = if name == "barkeep" { "barkeep\\-COMMAND(1)" } else { "barkeep(1)" };
    Ok(format!("{text}{EXIT_STATUS}{see}\n").into_bytes())
}

/// One file a command: `barkeep-symbols-add.1`.
fn write_pages(root: &Command, dir: &Path) -> Result<(), CliError> {
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
    print(&format!("wrote {written} manual pages to {shown}\n"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_command_with_its_arguments() {
        let list = commands_markdown(&crate::Cli::command());
        for line in [
            "| `barkeep backfill [SYMBOL]...` | Fetch missing bars |",
            "| `barkeep explain SYMBOL [TF]` | Explain why a series is stale: the time since its newest bar, split by cause |",
            "| `barkeep symbols list` | List symbols |",
        ] {
            assert!(list.lines().any(|l| l == line), "{line} is not in:\n{list}");
        }
        assert!(!list.contains("barkeep symbols` |") && !list.contains(" help"), "{list}");
    }
}
