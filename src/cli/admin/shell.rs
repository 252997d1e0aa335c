//! `barkeep completions` and `barkeep man`: made from the same definitions as the parser, so they cannot drift.

use std::fmt::Write as _;

use clap::{Args, Command, CommandFactory};

use crate::exit::CliError;
use crate::output::print;

/// Print a shell completion script
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep completions bash > ~/.local/share/bash-completion/completions/barkeep
  barkeep completions fish > ~/.config/fish/completions/barkeep.fish")]
pub struct CompletionsArgs {
    /// Shell
    pub shell: clap_complete::Shell,
}

/// Print a manual page
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep man | man -l -
  barkeep man symbols add | man -l -")]
pub struct ManArgs {
    /// Command, such as `bars` or `symbols add` [default: barkeep itself]
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,

    /// Print the list of all commands as Markdown, for the documentation
    #[arg(long, hide = true, conflicts_with = "command")]
    pub markdown: bool,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "barkeep", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(crate) fn man(args: &ManArgs) -> Result<(), CliError> {
    let mut root = crate::Cli::command();
    root.build();
    if args.markdown {
        return print(&commands_markdown(&root));
    }
    let found = args.command.iter().try_fold(&root, |at, name| at.find_subcommand(name));
    let command = found.ok_or_else(|| {
        let name = barkeep_base::text::printable(&args.command.join(" "));
        CliError::usage(format!("there is no command '{name}'")).hint("`barkeep --help` lists all commands")
    })?;
    let name = command.get_display_name().unwrap_or("barkeep").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .render(&mut page)
        .map_err(|e| CliError::writing("the manual page", &e))?;
    print(&String::from_utf8_lossy(&page))
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
