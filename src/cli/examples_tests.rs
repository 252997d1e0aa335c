//! Every example works: those in the help, in README.md and docs/, and the ones in comments of the settings files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _, Parser as _};

use crate::Cli;
use barkeep_config::{Environment, Overrides, load_from};
use barkeep_tui::keymap::Keymap;

/// The directory of the project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The words of a command line as a shell splits them, up to the first operator or comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            ('|' | '>' | '<' | '&' | ';', None) => break,
            ('#', None) if word.is_none() => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The arguments of `barkeep` in a line, its own name included; `None` when the line runs something else. A prompt and
/// variables may precede it.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let words = words(line.strip_prefix("$ ").unwrap_or(line));
    let is_assignment = |word: &&String| word.split_once('=').is_some_and(|(name, _)| is_variable(name));
    let skipped = words.iter().take_while(is_assignment).count();
    let command = words.get(skipped..)?;
    (command.first()? == "barkeep").then(|| command.to_vec())
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The lines of a text, those that end with a backslash joined with the next one.
fn lines(text: &str) -> Vec<String> {
    text.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// Parses all examples with the real parser; how many there were.
fn parse_all(place: &str, lines: &[String], faults: &mut Vec<String>) -> usize {
    let examples: Vec<_> = lines.iter().filter_map(|line| Some((line, arguments(line)?))).collect();
    for (line, arguments) in &examples {
        match Cli::try_parse_from(arguments) {
            Err(e) if e.use_stderr() => faults.push(format!("{place}: {}: {}", line.trim(), e.kind())),
            _ => {}
        }
    }
    examples.len()
}

fn walk(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Command)) {
    visit(path, command);
    for sub in command.get_subcommands() {
        walk(sub, &format!("{path} {}", sub.get_name()), visit);
    }
}

#[test]
fn examples_in_the_help_parse() {
    let (mut faults, mut examples) = (Vec::new(), 0);
    walk(&Cli::command(), "barkeep", &mut |path, command| {
        let texts = [command.get_long_about(), command.get_after_help(), command.get_after_long_help()];
        for text in texts.into_iter().flatten() {
            examples += parse_all(path, &lines(&text.to_string()), &mut faults);
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(examples > 30, "{examples} examples");
}

/// Help is for terminals of 80 columns: what is written by hand is not wrapped there. Every argument says what it is.
#[test]
fn help_is_complete_and_narrow() {
    let mut faults = Vec::new();
    walk(&Cli::command(), "barkeep", &mut |path, command| {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        faults.extend(after.lines().filter(|l| l.chars().count() > 80).map(|l| format!("{path}: {l}")));
        if command.get_about().is_none() {
            faults.push(format!("{path} has no description"));
        }
        let undocumented = command.get_arguments().filter(|arg| arg.get_help().is_none());
        faults.extend(undocumented.map(|arg| format!("{path}: {} has no help", arg.get_id())));
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The lines of fenced code blocks.
fn code_blocks(markdown: &str) -> Vec<String> {
    let mut inside = false;
    let mut code = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            let _ = writeln!(code, "{line}");
        }
    }
    lines(&code)
}

#[test]
fn examples_in_the_documentation_parse() {
    let docs = std::fs::read_dir(root().join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let (mut faults, mut examples) = (Vec::new(), 0);
    for file in docs.chain([root().join("README.md")]).filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(&file).unwrap();
        examples += parse_all(&file.display().to_string(), &code_blocks(&text), &mut faults);
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(examples > 0, "README.md shows no command");
}

/// The commands that code, comments and documentation name in backticks exist.
#[test]
fn commands_named_in_messages_exist() {
    let cli = Cli::command();
    let (mut faults, mut named) = (Vec::new(), 0);
    let mut waiting = vec![root().join("src"), root().join("docs"), root().join("config"), root().join("README.md")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for mention in text.split("`barkeep ").skip(1).filter_map(|rest| rest.split_once('`')).map(|(name, _)| name) {
            named += 1;
            let mut at = &cli;
            for word in mention.split_whitespace().take_while(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
            {
                match at.find_subcommand(word) {
                    Some(sub) => at = sub,
                    // A word behind a command without subcommands is an argument.
                    None if word.starts_with('-') || at.get_subcommands().next().is_none() => break,
                    None => faults.push(format!("{}: `barkeep {mention}`", path.display())),
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(named > 50, "{named} commands");
}

/// Indented settings in comments, block by block, as a file of their own.
fn commented_settings(yaml: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut continues = false;
    for line in yaml.lines() {
        let example = line.trim_start().strip_prefix("#   ").filter(|text| text.contains(':'));
        if let Some(text) = example {
            if !continues {
                blocks.push(String::new());
            }
            let block = blocks.last_mut().unwrap();
            let _ = writeln!(block, "{text}");
        }
        continues = example.is_some();
    }
    blocks
}

#[test]
fn examples_in_the_settings_load() {
    let text = std::fs::read_to_string(root().join("config/barkeep.yaml")).unwrap();
    let blocks = commented_settings(&text);
    assert!(!blocks.is_empty(), "config/barkeep.yaml has no example");
    for block in blocks {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("barkeep.yaml");
        let fixed = "database:\n  url: sqlite:x.db\nlog:\n  dir: logs\n";
        std::fs::write(&file, format!("{fixed}{block}")).unwrap();
        let overrides = Overrides { config: Some(file), ..Overrides::default() };
        let loaded = load_from(&overrides, &Environment::default()).unwrap_or_else(|e| panic!("{e}\n{block}"));
        Keymap::new(&loaded.settings.keys).unwrap_or_else(|e| panic!("{e}\n{block}"));
    }
}

#[test]
fn examples_are_found_as_a_shell_reads_them() {
    let found = |line: &str| arguments(line).map(|words| words.join(" "));
    assert_eq!(found("$ barkeep plan AAPL | less").as_deref(), Some("barkeep plan AAPL"));
    assert_eq!(
        found("  KEY=a barkeep bars BTC --timeframe 1d > x.csv").as_deref(),
        Some("barkeep bars BTC --timeframe 1d")
    );
    assert_eq!(
        arguments("barkeep sim --fault '{\"kind\": \"x\"}' # a fault").unwrap().last().unwrap(),
        "{\"kind\": \"x\"}"
    );
    assert_eq!(found("curl localhost:8000/health"), None);
    assert_eq!(lines("barkeep plan \\\n  AAPL"), ["barkeep plan    AAPL"]);
}
