//! `pause`, `resume`, `trigger`, `cancel`, `retry` and `add`: what the keys of the dashboard do, for scripts.

use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::admin::symbols::SymbolOptions;
use crate::args::{TimeBound, check_range};
use crate::dates;
use crate::exit::{CliError, SCHEMA, SOME_FAILED};
use crate::globals::{Globals, block_on};
use crate::lists::{Names, flat, known_names, new_names};
use crate::output::{print, print_json};
use crate::render;
use crate::service::connect::{ServiceArgs, connect};
use barkeep_api::client::Remote;
use barkeep_base::ids::IdText;
use barkeep_market::timeframe::sorted;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_pipeline::select::Selection;
use barkeep_plan::Plan;
use barkeep_runtime::console::{Console as _, ConsoleRequest, ConsoleResponse, Trigger};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand, ExecutionSelector, NewSymbol, TriggerScope};

/// Executions among which an id is looked for.
const MOST_EXECUTIONS: usize = 1_000;

/// Pause a running service, or some symbols of it; requests in flight are finished
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep pause
  barkeep pause AAPL MSFT
  barkeep pause AAPL --timeframes 5m,1h")]
pub struct PauseArgs {
    /// Only these symbols [default: everything]
    #[arg(value_name = "SYMBOL", value_parser = known_names)]
    pub symbols: Vec<Names>,

    /// Only these timeframes of the symbols, separated by commas
    #[arg(long, value_name = "TF,…", value_delimiter = ',', requires = "symbols")]
    pub timeframes: Vec<Timeframe>,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Resume a running service, or some symbols of it
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep resume
  barkeep resume AAPL")]
pub struct ResumeArgs {
    #[command(flatten)]
    pub what: PauseArgs,
}

/// Tell a running service to bring symbols up to date now
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep trigger --stale
  barkeep trigger AAPL SPY --from 2024
  barkeep trigger --tier critical --url https://bars.example.com")]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["symbols", "all", "stale", "tier"]))]
pub struct TriggerArgs {
    /// Symbols, @FILE or - for a list; unknown ones are added
    #[arg(value_name = "SYMBOL", value_parser = new_names)]
    pub symbols: Vec<Names>,

    /// All active symbols
    #[arg(long)]
    pub all: bool,

    /// Every series that is not fresh
    #[arg(long)]
    pub stale: bool,

    /// All symbols of a criticality: critical, standard or low
    #[arg(long, value_name = "TIER")]
    pub tier: Option<Criticality>,

    /// Timeframes, separated by commas [default: those of each symbol]
    #[arg(long, value_name = "TF,…", value_delimiter = ',', conflicts_with_all = ["stale", "tier"])]
    pub timeframes: Vec<Timeframe>,

    /// First day (2024-01-31, 2024-01, 2024, yesterday, 30d) or time (RFC 3339) [default: backfill.history ago]
    #[arg(long, value_name = "DATE|TIME", value_parser = dates::first, conflicts_with_all = ["stale", "tier"])]
    pub from: Option<TimeBound>,

    /// Last day, month, year or time, inclusive [default: now]
    #[arg(long, value_name = "DATE|TIME", value_parser = dates::last, conflicts_with_all = ["stale", "tier"])]
    pub to: Option<TimeBound>,

    /// Also request stored bars again and compare them
    #[arg(long, conflicts_with_all = ["stale", "tier"])]
    pub refetch: bool,

    /// Only show the requests it would make
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Cancel an execution of a running service; committed bars are kept
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep cancel
  barkeep cancel 401c
  barkeep cancel --all")]
pub struct CancelArgs {
    /// Id of the execution, its first characters, or latest [default: the running one]
    #[arg(value_name = "EXECUTION_ID")]
    pub execution: Option<IdText>,

    /// All executions
    #[arg(long, conflicts_with = "execution")]
    pub all: bool,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Tell a running service to retry the failed series of an execution
#[derive(Args, Clone, Debug)]
pub struct RetryArgs {
    /// Id of the execution, its first characters, or latest [default: the newest one with failed series]
    #[arg(value_name = "EXECUTION_ID")]
    pub execution: Option<IdText>,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Add symbols to a running service, which fetches them at once
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep add IBM ORCL
  barkeep add SPY --criticality critical --since 2020
  barkeep add NVDA --dry-run")]
pub struct AddArgs {
    /// Symbols such as AAPL, SPY or BTC, @FILE or - for a list
    #[arg(value_name = "SYMBOL", required = true, value_parser = new_names)]
    pub symbols: Vec<Names>,

    #[command(flatten)]
    pub options: SymbolOptions,

    /// Only show the requests it would make
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// What became of a command, as JSON.
#[derive(Serialize)]
struct Outcome<'a> {
    schema: u32,
    action: &'a str,
    /// `done`, `started` or `nothing`.
    result: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(crate) fn pause(args: &PauseArgs, globals: &Globals) -> Result<(), CliError> {
    let PauseArgs { symbols, timeframes, service } = args;
    let symbols = &flat(symbols);
    let command = match (symbols.is_empty(), timeframes.is_empty()) {
        (true, _) => EngineCommand::Pause(None),
        (false, true) => EngineCommand::PauseSymbols(symbols.clone()),
        (false, false) => EngineCommand::PauseSeries(series(symbols, timeframes)),
    };
    let done = format!("{} paused; `barkeep resume` continues", named(symbols, timeframes));
    simple(command, &done, service, globals)
}

pub(crate) fn resume(args: &ResumeArgs, globals: &Globals) -> Result<(), CliError> {
    let PauseArgs { symbols, timeframes, service } = &args.what;
    let symbols = &flat(symbols);
    let command = match (symbols.is_empty(), timeframes.is_empty()) {
        (true, _) => EngineCommand::Resume,
        (false, true) => EngineCommand::ResumeSymbols(symbols.clone()),
        (false, false) => EngineCommand::ResumeSeries(series(symbols, timeframes)),
    };
    simple(command, &format!("{} resumed", named(symbols, timeframes)), service, globals)
}

pub(crate) fn trigger(args: &TriggerArgs, globals: &Globals) -> Result<(), CliError> {
    check_range(args.from, args.to)?;
    let selection = || Selection {
        symbols: flat(&args.symbols),
        timeframes: (!args.timeframes.is_empty()).then(|| sorted(&args.timeframes)),
        from: args.from,
        to: args.to,
        class: None,
        vendor: None,
        refetch: args.refetch,
    };
    let what = match args.tier {
        Some(tier) => TriggerScope::Tier(tier),
        None if args.stale => TriggerScope::Stale,
        None => TriggerScope::Selection(selection()),
    };
    let settings = globals.load()?.settings;
    block_on(async {
        let remote = connect(&args.service, &settings).await?;
        fetch(&remote, what, args.dry_run, globals).await
    })
}

pub(crate) fn cancel(args: &CancelArgs, globals: &Globals) -> Result<(), CliError> {
    let settings = globals.load()?.settings;
    block_on(async {
        let remote = connect(&args.service, &settings).await?;
        let mut runs = remote.watch().borrow().live.runs.clone();
        runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
        let running: Vec<Uuid> = runs.iter().map(|run| run.execution_id).collect();
        if running.is_empty() {
            return report("cancel", &CommandReply::Nothing("no execution is running".to_owned()), "", globals);
        }
        let id = match (&args.execution, running.as_slice()) {
            (None, _) if args.all => None,
            (Some(id), _) => Some(id.find(&running, "running execution")?),
            (None, [one]) => Some(*one),
            (None, several) => {
                let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
                return Err(CliError::usage(format!("{} executions are running", several.len()))
                    .hint(format!("name one, or all with --all: {}", ids.join(", "))));
            }
        };
        let done = id.map_or_else(
            || "all executions are being cancelled".to_owned(),
            |id| format!("execution {id} is being cancelled"),
        );
        let reply = order(&remote, EngineCommand::Cancel(ExecutionSelector(id))).await?;
        report("cancel", &reply, &done, globals)
    })
}

pub(crate) fn retry(args: &RetryArgs, globals: &Globals) -> Result<(), CliError> {
    let settings = globals.load()?.settings;
    block_on(async {
        let remote = connect(&args.service, &settings).await?;
        let id = match &args.execution {
            None => None,
            Some(id) => Some(id.find(&executions(&remote).await?, "execution")?),
        };
        let reply = order(&remote, EngineCommand::RetryFailed(ExecutionSelector(id))).await?;
        report("retry", &reply, "", globals)
    })
}

pub(crate) fn add(args: &AddArgs, globals: &Globals) -> Result<(), CliError> {
    let settings = globals.load()?.settings;
    block_on(async {
        let remote = connect(&args.service, &settings).await?;
        let symbols = flat(&args.symbols);
        if args.dry_run {
            let named = Selection {
                symbols,
                timeframes: (!args.options.timeframes.is_empty()).then(|| sorted(&args.options.timeframes)),
                from: args.options.since.and_then(|since| since.0).map(TimeBound::Date),
                class: args.options.asset_class,
                ..Selection::default()
            };
            return fetch(&remote, TriggerScope::Selection(named), true, globals).await;
        }
        let new = |symbol: &Symbol| NewSymbol { symbol: symbol.clone(), wanted: args.options.wanted() };
        let reply = order(&remote, EngineCommand::AddSymbols(symbols.iter().map(new).collect())).await?;
        if let CommandReply::Nothing(_) = reply {
            return report("add", &reply, "", globals);
        }
        let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
        if !globals.json {
            print(&format!("added {}\n", names.join(", ")))?;
        }
        let what = TriggerScope::Selection(Selection { symbols, ..Selection::default() });
        let reply = order(&remote, EngineCommand::Trigger { what, trigger: Trigger::Manual }).await?;
        report("add", &reply, "", globals)
    })
}

/// A command that is either carried out or refused.
fn simple(command: EngineCommand, done: &str, service: &ServiceArgs, globals: &Globals) -> Result<(), CliError> {
    let settings = globals.load()?.settings;
    block_on(async {
        let remote = connect(service, &settings).await?;
        let action = command.name();
        let reply = order(&remote, command).await?;
        report(action, &reply, done, globals)
    })
}

async fn fetch(remote: &Remote, what: TriggerScope, dry_run: bool, globals: &Globals) -> Result<(), CliError> {
    if !dry_run {
        let reply = order(remote, EngineCommand::Trigger { what, trigger: Trigger::Manual }).await?;
        return report("trigger", &reply, "", globals);
    }
    match order(remote, EngineCommand::Preview(what)).await? {
        CommandReply::Planned(plan) => show(&plan, remote, globals),
        other => report("preview", &other, "", globals),
    }
}

fn show(plan: &Plan, remote: &Remote, globals: &Globals) -> Result<(), CliError> {
    if globals.json {
        return print_json(plan);
    }
    let limit = remote.watch().borrow().live.limit.limit;
    print(&render::plan(plan, limit))
}

async fn order(remote: &Remote, command: EngineCommand) -> Result<CommandReply, CliError> {
    remote.order(command).await.map_err(|e| match e {
        CommandError::Refused(why) => CliError::usage(why),
        e => CliError::usage(e.to_string()),
    })
}

/// Ids of executions, newest first.
async fn executions(remote: &Remote) -> Result<Vec<Uuid>, CliError> {
    match remote.ask(ConsoleRequest::History { limit: MOST_EXECUTIONS }).await {
        Ok(ConsoleResponse::History(all)) => Ok(all.into_iter().map(|row| row.execution_id).collect()),
        Ok(_) => Ok(Vec::new()),
        Err(e) => Err(CliError::new(SOME_FAILED, e.to_string())),
    }
}

fn report(action: &str, reply: &CommandReply, done: &str, globals: &Globals) -> Result<(), CliError> {
    let (result, execution_id, reason) = match reply {
        CommandReply::Started(id) => ("started", Some(*id), None),
        CommandReply::Nothing(why) => ("nothing", None, Some(why.as_str())),
        CommandReply::Planned(_) | CommandReply::Done => ("done", None, None),
    };
    if globals.json {
        return print_json(&Outcome { schema: SCHEMA, action, result, execution_id, reason });
    }
    match (execution_id, reason) {
        (Some(id), _) => print(&format!("execution {id} started; `barkeep history {id}` shows it\n")),
        (None, Some(why)) => print(&format!("nothing to do: {why}\n")),
        (None, None) => print(&format!("{done}\n")),
    }
}

fn series(symbols: &[Symbol], timeframes: &[Timeframe]) -> Vec<(Symbol, Timeframe)> {
    let timeframes = sorted(timeframes);
    symbols.iter().flat_map(|symbol| timeframes.iter().map(|tf| (symbol.clone(), *tf))).collect()
}

/// `the service`, `AAPL, MSFT`, `AAPL at 5m, 1h`.
fn named(symbols: &[Symbol], timeframes: &[Timeframe]) -> String {
    if symbols.is_empty() {
        return "the service is".to_owned();
    }
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let verb = if symbols.len() == 1 { "is" } else { "are" };
    let at: Vec<&str> = sorted(timeframes).iter().map(|tf| tf.name()).collect();
    let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
    format!("{}{at} {verb}", names.join(", "))
}
