//! Completion: the shell hands over the words typed so far, barkeep answers with what may follow. Commands and options
//! come from the parser's own definitions, values from `words`.

use std::ffi::OsString;
use std::io::Write as _;
use std::sync::Arc;

use clap::{Command, CommandFactory};
use clap_complete::env::Shells;

use super::CompletionsArgs;
use super::words::Line;
use crate::exit::CliError;
use crate::output::print;
use barkeep_config::COMPLETE;

/// A file in `fpath` is read when its function is first called, so the first key press is answered, too.
const ZSH_FIRST_CALL: &str = r#"
[[ "${funcstack[1]}" == _barkeep ]] && _clap_dynamic_completer_barkeep "$@"
"#;

/// Bash cuts words at `=`: such a word alone is left out, and the value stands after its option.
const BASH: &str = r#"_barkeep() {
    local IFS=$'\013' index=$COMP_CWORD words=() at
    for ((at = 0; at < ${#COMP_WORDS[@]}; at++)); do
        if [[ ${COMP_WORDS[at]} == = && $at -ne $COMP_CWORD ]]; then
            ((at < COMP_CWORD)) && ((index--))
        else
            words+=("${COMP_WORDS[at]}")
        fi
    done
    words[index]=$2
    COMPREPLY=($(_CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$index VAR=bash barkeep -- "${words[@]}" 2>/dev/null))
    if [[ ${COMPREPLY-} =~ [=/:]$ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o nosort -F _barkeep barkeep 2>/dev/null || complete -o bashdefault -F _barkeep barkeep
"#;

pub(crate) fn script(args: &CompletionsArgs) -> Result<(), CliError> {
    let name = args.shell.to_string();
    if name == "bash" {
        return print(&BASH.replace("VAR", COMPLETE));
    }
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(&name) {
        shell
            .write_registration(COMPLETE, "barkeep", "barkeep", "barkeep", &mut script)
            .map_err(|e| CliError::writing("the completion script", &e))?;
    }
    let more = if name == "zsh" { ZSH_FIRST_CALL } else { "" };
    print(&format!("{}{more}", String::from_utf8_lossy(&script)))
}

/// Prints what may follow. A completion never fails: there is nobody to read an error.
pub(crate) fn answer(shell: &str) {
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    let here = std::env::current_dir().ok();
    let mut command = with_values(crate::Cli::command(), &Arc::new(Line::of(&words)));
    let mut answer = Vec::new();
    let shells = Shells::builtins();
    let done = match shells.completer(shell) {
        Some(known) => known.write_complete(&mut command, words, here.as_deref(), &mut answer),
        None => return,
    };
    if done.is_ok() {
        // Whoever asked may be gone.
        let _ = std::io::stdout().write_all(&answer);
    }
}

/// The command with what can be offered for the values of its arguments.
fn with_values(command: Command, line: &Arc<Line>) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| super::words::offered(&name, arg, line));
    command.mut_subcommands(|sub| with_values(sub, line))
}
