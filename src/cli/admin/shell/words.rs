//! Values that complete an argument: fixed words, and what the database or the named service has. By the name of the
//! value, so that an argument that is called like the others is completed like them.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, Args, Command, FromArgMatches};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use crate::exit::{CliError, SOME_FAILED};
use crate::globals::{Globals, block_on};
use crate::service::connect::{ServiceArgs, connect};
use barkeep_config::{Environment, Mode, THEME_ENDING, THEMES, ThemeName};
use barkeep_market::dividend::Adjustment;
use barkeep_market::{AssetClass, Criticality, Source, Timeframe};
use barkeep_runtime::console::{Console as _, ConsoleRequest, ConsoleResponse};
use barkeep_store::{ExecutionStatus, KeyRole, Store};

/// Executions, plans and quarantined bars that are offered.
const MOST: usize = 20;
/// Nobody waits longer for a key press.
const PATIENCE: Duration = Duration::from_secs(2);

/// The command line as far as it is typed.
#[derive(Debug, Default)]
pub(super) struct Line {
    words: Vec<String>,
}

type Candidates = Vec<CompletionCandidate>;

fn candidate(value: impl Into<OsString>, help: impl Into<String>) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(help.into().into()))
}

fn fixed<T: ToString>(values: impl IntoIterator<Item = T>) -> ArgValueCandidates {
    let words: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    ArgValueCandidates::new(move || words.iter().map(CompletionCandidate::new).collect())
}

/// The argument with what can be offered for its value.
pub(super) fn offered(command: &str, arg: Arg, line: &Arc<Line>) -> Arg {
    let Some(value) = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string) else {
        return arg;
    };
    let line = Arc::clone(line);
    match (value.as_str(), command) {
        ("SYMBOL" | "SYM,…", _) => {
            let with_files = arg.get_value_delimiter().is_none() && arg.get_action().takes_values();
            arg.add(ArgValueCompleter::new(move |typed: &OsStr| line.symbols(typed, with_files)))
        }
        ("TF" | "TF,…", _) => arg.add(fixed(Timeframe::ALL)),
        ("DATE" | "DATE|TIME", _) => arg.add(fixed(["today", "yesterday", "7d", "30d", "6mo", "1y"])),
        ("EXECUTION_ID", command) => {
            let which = match command {
                "cancel" => Which::Running,
                "retry" => Which::WithFailures,
                _ => Which::All,
            };
            arg.add(ArgValueCandidates::new(move || line.executions(which)))
        }
        ("PLAN_ID", _) => arg.add(ArgValueCandidates::new(move || line.plans())),
        ("ID", command) => {
            let pending = command != "undo";
            arg.add(ArgValueCandidates::new(move || line.quarantined(pending)))
        }
        ("NAME", "revoke") => arg.add(ArgValueCandidates::new(move || line.keys())),
        ("THEME", _) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| line.themes(typed))),
        ("TIER", _) => arg.add(fixed(Criticality::ALL)),
        ("CLASS", _) => arg.add(fixed(AssetClass::ALL)),
        ("VENDOR", _) => arg.add(fixed(Source::ALL)),
        ("TERMS", _) => arg.add(fixed(Adjustment::ALL)),
        ("MODE", _) if arg.get_possible_values().is_empty() => arg.add(fixed(Mode::ALL)),
        ("ROLE", _) => arg.add(fixed(KeyRole::ALL.map(KeyRole::name))),
        ("N|unlimited", _) => arg.add(fixed(["5", "100", "unlimited"])),
        ("COMMAND", "man") => arg.add(ArgValueCandidates::new(commands)),
        _ => arg,
    }
}

fn commands() -> Candidates {
    let root = <crate::Cli as clap::CommandFactory>::command();
    let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
    shown.map(|c| CompletionCandidate::new(c.get_name()).help(c.get_about().cloned())).collect()
}

/// Which executions make sense for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Running,
    WithFailures,
}

impl Which {
    fn has(self, status: ExecutionStatus, failed: bool) -> bool {
        let running = matches!(status, ExecutionStatus::Running | ExecutionStatus::Queued);
        match self {
            Self::All => true,
            Self::Running => running,
            Self::WithFailures => failed && !running,
        }
    }
}

impl Line {
    pub(super) fn of(words: &[OsString]) -> Self {
        Self { words: words.iter().map(|word| word.to_string_lossy().into_owned()).collect() }
    }

    /// The value of an option, wherever it stands.
    fn value(&self, option: &str) -> Option<String> {
        let after = self.words.iter().skip_while(|word| *word != option).nth(1).cloned();
        after.or_else(|| self.words.iter().find_map(|w| w.strip_prefix(option)?.strip_prefix('=').map(str::to_owned)))
    }

    /// The options that say which database is meant.
    fn globals(&self) -> Option<Globals> {
        let mut words: Vec<String> = Vec::new();
        for option in ["--config", "--database-url"] {
            if let Some(value) = self.value(option) {
                words.extend([option.to_owned(), value]);
            }
        }
        words.extend(self.words.iter().find(|word| *word == "--simulated").cloned());
        let parsed = Globals::augment_args(Command::new("barkeep").no_binary_name(true)).try_get_matches_from(words);
        Globals::from_arg_matches(&parsed.ok()?).ok()
    }

    /// What a read of the database gives; nothing where there is none, and where it does not answer.
    fn stored<F>(&self, read: F) -> Candidates
    where
        F: AsyncFnOnce(&dyn Store) -> Result<Candidates, CliError>,
    {
        let Some(database) = self.globals().and_then(|globals| Some(globals.load().ok()?.settings.database)) else {
            return Vec::new();
        };
        let answer = async {
            let store = barkeep_store::open(database.as_str(), true).await?;
            let found = read(store.as_ref()).await;
            store.close().await;
            found
        };
        in_time(answer)
    }

    /// The service that `--url` names.
    fn service(&self) -> Option<ServiceArgs> {
        let url = self.value("--url")?;
        Some(ServiceArgs { url: Some(url), key_file: self.value("--key-file").map(Into::into) })
    }

    fn symbols(&self, typed: &OsStr, with_files: bool) -> Candidates {
        let typed = typed.to_string_lossy();
        if let (Some(path), true) = (typed.strip_prefix('@'), with_files) {
            return PathCompleter::file().complete(OsStr::new(path)).into_iter().map(|c| c.add_prefix("@")).collect();
        }
        // After a comma only the last name is being typed.
        let (before, last) = match typed.rfind(',') {
            Some(at) if !with_files => typed.split_at(at + 1),
            _ => ("", typed.as_ref()),
        };
        let beginning = last.to_ascii_uppercase();
        let fits = |symbol: &str| {
            symbol.starts_with(&beginning) && (symbol == beginning || !self.words.iter().any(|word| word == symbol))
        };
        let all = match self.service() {
            Some(service) => self.served(&service, async |remote| {
                let snapshot = remote.watch().borrow().clone();
                let mut seen: Vec<&str> = snapshot.data.series.iter().map(|series| series.symbol.as_str()).collect();
                seen.dedup();
                Ok(seen.into_iter().map(CompletionCandidate::new).collect())
            }),
            None => self.stored(async |store| {
                let rows = store.symbols().await?;
                let told = |row: &barkeep_store::SymbolRow| format!("{}, {}", row.asset_class, row.criticality);
                Ok(rows.iter().map(|row| candidate(row.symbol.as_str(), told(row))).collect())
            }),
        };
        let fitting = all.into_iter().filter(|c| fits(&c.get_value().to_string_lossy()));
        fitting.map(|c| c.add_prefix(before)).collect()
    }

    fn served<F>(&self, service: &ServiceArgs, read: F) -> Candidates
    where
        F: AsyncFnOnce(&barkeep_api::client::Remote) -> Result<Candidates, CliError>,
    {
        let Some(settings) = self.globals().and_then(|globals| Some(globals.load().ok()?.settings)) else {
            return Vec::new();
        };
        in_time(async { read(connect(service, &settings).await?.as_ref()).await })
    }

    fn executions(&self, which: Which) -> Candidates {
        let mut found = match self.service() {
            Some(service) => self.served(&service, async |remote| {
                let answer = remote.ask(ConsoleRequest::History { limit: MOST }).await;
                let Ok(ConsoleResponse::History(rows)) = answer else {
                    return Err(CliError::new(SOME_FAILED, "no history"));
                };
                let rows = rows.iter().filter(|row| which.has(row.status, row.failed_symbols > 0));
                Ok(rows
                    .map(|row| {
                        candidate(row.execution_id.to_string(), format!("{}, {}", row.started_at, row.status.name()))
                    })
                    .collect())
            }),
            None => self.stored(async |store| {
                let rows = store.executions(MOST).await?;
                let rows = rows.iter().filter(|row| which.has(row.status, row.failed_symbols > 0));
                Ok(rows
                    .map(|row| {
                        candidate(row.execution_id.to_string(), format!("{}, {}", row.started_at, row.status.name()))
                    })
                    .collect())
            }),
        };
        if !found.is_empty() {
            found.insert(0, candidate("latest", "the newest"));
        }
        found
    }

    fn plans(&self) -> Candidates {
        let mut found = self.stored(async |store| {
            let ids = store.plan_ids().await?;
            Ok(ids.iter().take(MOST).map(|id| CompletionCandidate::new(id.to_string())).collect())
        });
        if !found.is_empty() {
            found.insert(0, candidate("latest", "the newest"));
        }
        found
    }

    fn quarantined(&self, pending: bool) -> Candidates {
        self.stored(async |store| {
            let rows = store.quarantine(pending).await?;
            let told = |row: &barkeep_store::QuarantineRow| {
                format!("{} {} {}: {}", row.symbol, row.timeframe, row.bar.ts, row.reason)
            };
            Ok(rows.iter().take(MOST).map(|row| candidate(row.id.to_string(), told(row))).collect())
        })
    }

    fn keys(&self) -> Candidates {
        self.stored(async |store| {
            let keys = store.api_keys().await?;
            let open = keys.iter().filter(|key| key.revoked_at.is_none());
            Ok(open.map(|key| candidate(key.name.as_str(), key.role.name())).collect())
        })
    }

    /// The shipped themes, the files in the folder of own ones, and any file.
    fn themes(&self, typed: &OsStr) -> Candidates {
        let text = typed.to_string_lossy();
        let mut found: Candidates = ThemeName::names().map(CompletionCandidate::new).collect();
        let settings = self.globals().and_then(|globals| {
            let environment = Environment::of_process();
            barkeep_config::file_in_use(globals.config.as_deref(), &environment).ok().flatten()
        });
        let own = settings.and_then(|(file, _)| Some(file.parent()?.join(THEMES)));
        found.extend(own.as_deref().map(theme_files).unwrap_or_default());
        found.retain(|c| c.get_value().to_string_lossy().starts_with(text.as_ref()));
        if text.contains(std::path::is_separator) {
            found.extend(PathCompleter::file().complete(typed));
        }
        found
    }
}

fn theme_files(folder: &Path) -> Candidates {
    let paths = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<OsString> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == THEME_ENDING))
        .filter_map(|path| path.file_stem().map(OsStr::to_owned))
        .collect();
    names.sort();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn in_time(answer: impl Future<Output = Result<Candidates, CliError>>) -> Candidates {
    let limited = async { Ok(tokio::time::timeout(PATIENCE, answer).await.ok().and_then(Result::ok)) };
    block_on(limited).ok().flatten().unwrap_or_default()
}
