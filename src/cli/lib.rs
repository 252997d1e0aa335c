//! The command line: commands, options, exit codes.
//!
//! Thin: a command translates its arguments, calls another module and prints the result. Results go to stdout, everything
//! else to stderr.

#![allow(clippy::doc_markdown, reason = "these comments are the help texts, where backticks would show")]

pub mod admin;
#[cfg(test)]
mod examples_tests;
pub mod measure;
pub mod read;
pub mod service;
mod simulated;
pub mod work;

use std::io::Write;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::error::ContextValue;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use barkeep_shell::exit::CliError;
pub use barkeep_shell::globals::{Globals, Session, block_on};

use barkeep_base::text::printable;
use barkeep_shell::args::with_numbers;
use barkeep_shell::{
    args, dates, destination, early, exit, globals, lake as files, lists, manual, output, progress, render, signals,
};

/// What this binary was made of.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\ncommit   {}\nfeatures {}\nSQLite   {}",
        env!("CARGO_PKG_VERSION"),
        env!("BARKEEP_COMMIT"),
        env!("BARKEEP_FEATURES"),
        libsqlite3_sys::SQLITE_VERSION.to_string_lossy(),
    )
});

/// Keep market bars fresh: fetch OHLCV bars from a rate-limited vendor into SQLite or PostgreSQL
///
/// Without a command, barkeep opens the dashboard and fetches in the background.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "barkeep",
    version,
    long_version = LONG_VERSION.as_str(),
    max_term_width = 120,
    after_help = "Examples:
  barkeep demo                     # try the dashboard without an API key
  barkeep backfill AAPL SPY BTC    # fetch what is missing
  barkeep                          # open the dashboard"
)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    pub dashboard: work::dashboard::DashboardArgs,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    Backfill(work::backfill::BackfillArgs),
    Plan(work::plan::PlanArgs),
    Status(read::status::StatusArgs),
    Run(work::run::RunArgs),
    Demo(work::demo::DemoArgs),
    Attach(work::attach::AttachArgs),
    Pause(service::verbs::PauseArgs),
    Resume(service::verbs::ResumeArgs),
    Trigger(service::verbs::TriggerArgs),
    Cancel(service::verbs::CancelArgs),
    Retry(service::verbs::RetryArgs),
    Add(service::verbs::AddArgs),
    Staleness(read::staleness::StalenessArgs),
    History(read::history::HistoryArgs),
    Explain(read::explain::ExplainArgs),
    Alerts(read::alerts::AlertsArgs),
    Symbols(admin::symbols::SymbolsArgs),
    Bars(read::bars::BarsArgs),
    Export(read::export::ExportArgs),
    Features(read::features::FeaturesArgs),
    Quarantine(admin::quarantine::QuarantineArgs),
    Keys(admin::keys::KeysArgs),
    Db(admin::db::DbArgs),
    Baseline(measure::baseline::BaselineArgs),
    Loadtest(measure::loadtest::LoadtestArgs),
    #[command(name = "rto-rpo")]
    RtoRpo(measure::rto_rpo::RtoRpoArgs),
    Sim(measure::sim::SimArgs),
    Config(admin::config::ConfigArgs),
    Completions(admin::shell::CompletionsArgs),
    Man(admin::shell::ManArgs),
}

/// Parses the command line, runs the command and returns the exit code.
#[must_use]
pub fn run() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().map_or_else(|| "no message".to_owned(), printable);
        let place = panic.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
        tracing::error!("barkeep hit a bug: {message}{place}");
        let _ = writeln!(std::io::stderr(), "error: barkeep hit a bug: {message}{place}; please report it");
    }));
    barkeep_base::process::keep_memory_private();
    if let Some(shell) = barkeep_config::completing() {
        admin::shell::complete::answer(&shell);
        return ExitCode::from(exit::DONE);
    }
    let early = early::Early::of(std::env::args_os());
    let parsed = with_numbers(Cli::command())
        .color(early.color.into())
        .try_get_matches()
        .and_then(|m| Cli::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(e) => return usage(e, early.json),
    };
    let Globals { json, quiet, color, .. } = cli.globals;
    output::set_manner(output::Manner { json, quiet, color });
    for unknown in barkeep_config::unknown_variables() {
        output::warn(&unknown.to_string());
    }
    match dispatch(&cli) {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(e) => e.report(json),
    }
}

fn dispatch(cli: &Cli) -> Result<(), CliError> {
    let Some(command) = &cli.command else { return work::local::run(&cli.dashboard, &cli.globals) };
    if cli.dashboard != work::dashboard::DashboardArgs::default() {
        return Err(CliError::usage("--read-only, --theme, --ascii, --plain and --mouse are options of the dashboard")
            .hint("use them with `barkeep` itself, or after `barkeep demo` or `barkeep attach`"));
    }
    match command {
        Command::Backfill(args) => work::backfill::run(args, &cli.globals),
        Command::Plan(args) => work::plan::run(args, &cli.globals),
        Command::Status(args) => read::status::run(args, &cli.globals),
        Command::Run(args) => work::run::run(args, &cli.globals),
        Command::Demo(args) => work::demo::run(args, &cli.globals),
        Command::Attach(args) => work::attach::run(args, &cli.globals),
        Command::Pause(args) => service::verbs::pause(args, &cli.globals),
        Command::Resume(args) => service::verbs::resume(args, &cli.globals),
        Command::Trigger(args) => service::verbs::trigger(args, &cli.globals),
        Command::Cancel(args) => service::verbs::cancel(args, &cli.globals),
        Command::Retry(args) => service::verbs::retry(args, &cli.globals),
        Command::Add(args) => service::verbs::add(args, &cli.globals),
        Command::Staleness(args) => read::staleness::run(args, &cli.globals),
        Command::History(args) => read::history::run(args, &cli.globals),
        Command::Explain(args) => read::explain::run(args, &cli.globals),
        Command::Alerts(args) => read::alerts::run(args, &cli.globals),
        Command::Sim(args) => measure::sim::run(args, &cli.globals),
        Command::Symbols(args) => admin::symbols::run(args, &cli.globals),
        Command::Bars(args) => read::bars::run(args, &cli.globals),
        Command::Export(args) => read::export::run(args, &cli.globals),
        Command::Features(args) => read::features::run(args, &cli.globals),
        Command::Quarantine(args) => admin::quarantine::run(args, &cli.globals),
        Command::Keys(args) => admin::keys::run(args, &cli.globals),
        Command::Db(args) => admin::db::run(args, &cli.globals),
        Command::Baseline(args) => measure::baseline::run(args, &cli.globals),
        Command::Loadtest(args) => measure::loadtest::run(args, &cli.globals),
        Command::RtoRpo(args) => measure::rto_rpo::run(args, &cli.globals),
        Command::Config(args) => admin::config::run(args, &cli.globals),
        Command::Completions(args) => admin::shell::complete::script(args),
        Command::Man(args) => admin::shell::man(args),
    }
}

/// Prints clap's message. It repeats what was typed, so control characters are replaced first.
fn usage(mut e: clap::Error, json: bool) -> ExitCode {
    let context: Vec<_> = e.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in context {
        match value {
            ContextValue::String(text) => drop(e.insert(kind, ContextValue::String(printable(&text)))),
            ContextValue::Strings(all) => {
                let all = all.iter().map(|text| printable(text)).collect();
                drop(e.insert(kind, ContextValue::Strings(all)));
            }
            _ => {}
        }
    }
    if let Some(explained) = exit::explained(&e) {
        return explained.report(json);
    }
    if json && e.use_stderr() {
        return CliError::from(e).report(true);
    }
    let printed = e.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(failed) if !e.use_stderr() => CliError::writing("to stdout", &failed).report(json),
        _ => ExitCode::from(if e.use_stderr() { exit::USAGE } else { exit::DONE }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_work_on_both_sides_of_the_command() {
        for line in ["barkeep --json -v config --rate-limit 7 path", "barkeep config path --json --rate-limit 7 -v"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(cli.globals.json && cli.globals.verbose == 1, "{line}");
            assert_eq!(cli.globals.rate_limit, Some(barkeep_config::RateLimit::PerMinute(7)));
        }
    }
}
