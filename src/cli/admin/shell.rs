//! `barkeep completions` and `barkeep man`: made from the same definitions as the parser, so they cannot drift.

use clap::{Args, CommandFactory};

use crate::exit::CliError;
use crate::output::print;

/// Print a completion script
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    pub shell: clap_complete::Shell,
}

/// Print a manual page
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Page of this command, such as `bars` or `symbols add` [default: of barkeep itself]
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "barkeep", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(crate) fn man(args: &ManArgs) -> Result<(), CliError> {
    let mut root = crate::Cli::command();
    root.build();
    let found = args.command.iter().try_fold(&root, |at, name| at.find_subcommand(name));
    let command = found.ok_or_else(|| {
        let asked = barkeep_base::text::printable(&args.command.join(" "));
        CliError::usage(format!("there is no command '{asked}'; see barkeep --help"))
    })?;
    let name = command.get_display_name().unwrap_or("barkeep").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .render(&mut page)
        .map_err(|e| CliError::writing("the manual page", &e))?;
    print(&String::from_utf8_lossy(&page))
}
