//! `barkeep completions` and `barkeep man`: made from the same definitions as the parser, so they cannot drift.

pub(crate) mod complete;
mod words;

use std::path::Path;

use clap::{Args, CommandFactory};

use crate::exit::CliError;
use crate::manual::{commands_markdown, page, write_pages};
use crate::output::print;
use barkeep_base::text::printable;

/// Print a shell completion script
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep completions bash > ~/.local/share/bash-completion/completions/barkeep
  barkeep completions zsh > ~/.zfunc/_barkeep
  barkeep completions fish > ~/.config/fish/completions/barkeep.fish

zsh looks in ~/.zfunc when ~/.zshrc has `fpath+=~/.zfunc` before `compinit`.")]
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
        return print(&write_pages(&root, Path::new(dir))?);
    }
    let found = args.command.iter().try_fold(&root, |at, name| at.find_subcommand(name));
    let command = found.ok_or_else(|| {
        let name = printable(&args.command.join(" "));
        CliError::usage(format!("there is no command '{name}'")).hint("`barkeep --help` lists all commands")
    })?;
    let page = page(command).map_err(|e| CliError::writing("the manual page", &e))?;
    print(&String::from_utf8_lossy(&page))
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
