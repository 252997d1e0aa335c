//! Commands to the engine: shown as sent, and as done only once the engine confirms.

use crate::actions::{executions_to_retry, pausable_symbols, run_to_cancel, triggerable};
use crate::draw::format::{self, plural};
use crate::model::layer::{Confirm, Cost, Layer, Then};
use crate::model::msg::{Effects, Pending, Redraw};
use crate::model::{Model, Undo};
use barkeep_market::{Criticality, Interval};
use barkeep_pipeline::select::Selection;
use barkeep_plan::Plan;
use barkeep_runtime::console::{Level, SeriesName, SeriesRunState, Trigger, Verdict, gap_selection};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand, ExecutionSelector, TriggerScope};

impl Model {
    /// Sends a command to the engine; once it is done it can be undone, if it has an opposite.
    pub(super) fn send(&mut self, what: String, command: EngineCommand, effects: &mut Effects) {
        let undo = opposite(&command);
        self.send_with(what, command, undo, effects);
    }

    /// The same for what undoes something.
    pub(super) fn send_once(&mut self, what: String, command: EngineCommand, effects: &mut Effects) {
        self.send_with(what, command, None, effects);
    }

    fn send_with(
        &mut self,
        what: String,
        command: EngineCommand,
        undo: Option<(String, EngineCommand)>,
        effects: &mut Effects,
    ) {
        self.last_command += 1;
        let id = self.last_command;
        let toast = self.toasts.show(Level::Info, format!("sent: {what}"), self.now.since_start);
        let done = match command {
            EngineCommand::Pause(_) => "engine paused".to_owned(),
            EngineCommand::Resume => "engine resumed".to_owned(),
            _ => format!("{what}: done"),
        };
        self.pending.push(Pending { id, toast, what, done, undo });
        effects.commands.push((id, command));
        effects.redraw = Redraw::Now;
    }

    /// Shows the plan of a command that costs requests before it is sent.
    pub(super) fn trigger(&mut self, title: &str, what: TriggerScope, effects: &mut Effects) {
        let command = EngineCommand::Trigger { what: what.clone(), trigger: Trigger::Manual };
        self.planned(title.to_owned(), what, command, effects);
    }

    /// Shows the plan for `what` before `command` is sent.
    fn planned(&mut self, title: String, what: TriggerScope, command: EngineCommand, effects: &mut Effects) {
        self.last_command += 1;
        let id = self.last_command;
        effects.commands.push((id, EngineCommand::Preview(what)));
        let scope = String::new();
        self.confirm(Confirm {
            id,
            title,
            scope,
            cost: Cost::Planning,
            bar: None,
            then: Then::Send(command),
            yes: false,
        });
    }

    fn confirm(&mut self, confirm: Confirm) {
        self.layers.push(Layer::Confirm(Box::new(confirm)));
    }

    fn confirm_free(&mut self, title: String, scope: String, command: EngineCommand) {
        self.last_command += 1;
        self.confirm(Confirm {
            id: self.last_command,
            title,
            scope,
            cost: Cost::Free,
            bar: None,
            then: Then::Send(command),
            yes: false,
        });
    }

    pub(super) fn trigger_tier(&mut self, tier: Criticality, effects: &mut Effects) {
        self.trigger(&format!("Backfill every {tier} symbol"), TriggerScope::Tier(tier), effects);
    }

    pub(super) fn trigger_selected(&mut self, effects: &mut Effects) {
        let series = triggerable(self);
        let mut symbols: Vec<_> = series.iter().map(|(symbol, _)| symbol.clone()).collect();
        let mut timeframes: Vec<_> = series.iter().map(|(_, timeframe)| *timeframe).collect();
        symbols.sort();
        symbols.dedup();
        timeframes.sort_unstable();
        timeframes.dedup();
        let at = timeframes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let title = match symbols.as_slice() {
            [one] => format!("Backfill {one} {at}"),
            many => format!("Backfill {} symbols at {at}", many.len()),
        };
        let selection = Selection { symbols, timeframes: Some(timeframes), ..Selection::default() };
        self.trigger(&title, TriggerScope::Selection(selection), effects);
    }

    pub(super) fn trigger_gap(&mut self, effects: &mut Effects) {
        let Some(((symbol, timeframe), start, end)) = self.selected_stretch() else { return };
        let now = self.now.wall;
        let range = Interval::new(start.min(now), end.min(now + 1));
        let title = format!("Backfill {symbol} {timeframe} from {start} to {end}");
        let selection = gap_selection((symbol, timeframe), range);
        self.trigger(&title, TriggerScope::Selection(selection), effects);
    }

    /// Pauses or resumes the engine; with a run under way it asks before it stops that.
    pub(super) fn pause_engine(&mut self, effects: &mut Effects) {
        if self.snap.live.paused.is_some() {
            return self.send("resume the engine".to_owned(), EngineCommand::Resume, effects);
        }
        let pause = EngineCommand::Pause(None);
        match self.work_at_stake() {
            None => self.send("pause the engine".to_owned(), pause, effects),
            Some(work) => {
                let scope =
                    format!("{work} Requests under way are finished and stored; nothing starts until you resume.");
                self.confirm_free("Pause the engine".to_owned(), scope, pause);
            }
        }
    }

    /// What runs, in a sentence.
    fn work_at_stake(&self) -> Option<String> {
        let runs = &self.snap.live.runs;
        let (answered, all) =
            runs.iter().fold((0, 0), |(a, b), run| (a + run.requests_answered, b + run.requests_planned));
        let under_way = match runs.len() {
            0 => return None,
            1 => "1 run is under way".to_owned(),
            n => format!("{n} runs are under way"),
        };
        Some(match all {
            0 => format!("{under_way}, still being planned."),
            all => format!("{under_way}: {answered} of at most {} answered.", plural(all, "request")),
        })
    }

    pub(super) fn confirm_quit(&mut self) {
        let kept = self.digest.tracked;
        let work = self.work_at_stake().map_or_else(String::new, |work| {
            format!("{work} Requests under way are stored, the rest is fetched after the next start. ")
        });
        let scope = format!("{work}While barkeep does not run nothing keeps {} fresh.", plural(kept, "series"));
        self.last_command += 1;
        let (id, title) = (self.last_command, "Quit barkeep".to_owned());
        self.confirm(Confirm { id, title, scope, cost: Cost::Free, bar: None, then: Then::Quit, yes: false });
    }

    pub(super) fn pause_symbols(&mut self, effects: &mut Effects) {
        let symbols = pausable_symbols(self);
        let paused = |symbol: &_| self.snap.data.series.iter().any(|row| row.symbol == *symbol && row.paused);
        let resume = symbols.iter().all(paused);
        let (names, several) = (some_of(&symbols), symbols.len() > 1);
        let (title, command) = if resume {
            (format!("Resume {names}"), EngineCommand::ResumeSymbols(symbols))
        } else {
            (format!("Pause {names}"), EngineCommand::PauseSymbols(symbols))
        };
        if !several {
            return self.send(sentence(title), command, effects);
        }
        let scope = pause_scope(resume);
        self.confirm_free(title, scope.to_owned(), command);
    }

    pub(super) fn pause_series(&mut self, effects: &mut Effects) {
        let series = triggerable(self);
        let resume = series.iter().all(|name| self.series(name).is_some_and(|row| row.paused));
        let names = match series.as_slice() {
            [(symbol, timeframe)] => format!("{symbol} {timeframe}"),
            many => format!("{} series", many.len()),
        };
        let several = series.len() > 1;
        let (title, command) = if resume {
            (format!("Resume {names}"), EngineCommand::ResumeSeries(series))
        } else {
            (format!("Pause {names}"), EngineCommand::PauseSeries(series))
        };
        if !several {
            return self.send(sentence(title), command, effects);
        }
        self.confirm_free(title, pause_scope(resume).to_owned(), command);
    }

    pub(super) fn cancel_series(&mut self) {
        let (Some(series), Some(execution)) = (self.selected_series(), self.selected_execution()) else { return };
        let title = format!("Cancel {} {} in execution {}", series.0, series.1, short(execution));
        let scope = "The rest of the execution continues. Committed bars are kept.".to_owned();
        self.confirm_free(title, scope, EngineCommand::CancelSeries { execution, series: vec![series] });
    }

    pub(super) fn cancel(&mut self) {
        let Some(run) = run_to_cancel(self) else { return };
        let id = run.execution_id;
        let scope = format!(
            "{} of {} items are done, {} of {} requests answered. Committed bars are kept.",
            run.items_done, run.items_planned, run.requests_answered, run.requests_planned
        );
        self.confirm_free(
            format!("Cancel execution {}", short(id)),
            scope,
            EngineCommand::Cancel(ExecutionSelector(Some(id))),
        );
    }

    pub(super) fn retry(&mut self, effects: &mut Effects) {
        let Ok(id) = executions_to_retry(self) else { return };
        let title = id.map_or_else(
            || "Retry the failed series of the last execution".to_owned(),
            |id| format!("Retry the failed series of execution {}", short(id)),
        );
        // The engine plans them anew; what they cost is planned for exactly these series.
        let series: Vec<_> = match id.and_then(|id| self.answers.execution(id).value) {
            Some(detail) => detail.series.iter().filter(|row| row.status == SeriesRunState::Failed).collect(),
            None => self.all_failing().iter().filter(|row| id.is_none_or(|id| row.execution_id == id)).collect(),
        };
        let mut symbols: Vec<_> = series.iter().map(|row| row.symbol.clone()).collect();
        let mut timeframes: Vec<_> = series.iter().map(|row| row.timeframe).collect();
        symbols.sort();
        symbols.dedup();
        timeframes.sort_unstable();
        timeframes.dedup();
        let command = EngineCommand::RetryFailed(ExecutionSelector(id));
        if symbols.is_empty() {
            return self.confirm_free(title, "The failed series are requested again.".to_owned(), command);
        }
        let selection = Selection { symbols, timeframes: Some(timeframes), ..Selection::default() };
        self.planned(title, TriggerScope::Selection(selection), command, effects);
    }

    pub(super) fn decide(&mut self, verdict: Verdict) {
        let Some(row) = self.selected_quarantine().cloned() else { return };
        let what = format!("{} {} {}", row.symbol, row.timeframe, format::stamp(row.bar.ts, self.now.wall));
        let (title, after) = match verdict {
            Verdict::Accepted => (format!("Accept the bar {what}"), ""),
            _ => (format!("Reject the bar {what}"), " The bar is not stored and not requested again."),
        };
        let (id, scope) = (row.id, format!("Quarantined because {}.{after}", row.reason));
        self.confirm_free(title, scope, EngineCommand::Decide { id, verdict });
        if let Some(Layer::Confirm(confirm)) = self.layers.last_mut() {
            confirm.bar = Some(Box::new(row));
        }
    }

    /// Takes in the result of a command or of a preview.
    pub(super) fn command_finished(
        &mut self,
        id: u64,
        outcome: Result<CommandReply, CommandError>,
        effects: &mut Effects,
    ) {
        let preview = self.layers.iter_mut().find_map(|layer| match layer {
            Layer::Confirm(confirm) if confirm.id == id => Some(confirm),
            _ => None,
        });
        if let Some(confirm) = preview {
            effects.redraw = Redraw::Now;
            match outcome {
                Ok(CommandReply::Planned(plan)) if plan.requests == 0 && plan.derived_locally == 0 => {
                    confirm.cost = Cost::Unknown("Nothing to do: no bar is missing.".to_owned());
                }
                Ok(CommandReply::Planned(plan)) => {
                    confirm.scope = scope_of(&plan);
                    confirm.cost = Cost::Known(plan);
                }
                Ok(CommandReply::Nothing(why)) => confirm.cost = Cost::Unknown(why),
                Ok(_) => confirm.cost = Cost::Unknown("The engine sent no plan.".to_owned()),
                Err(e) => confirm.cost = Cost::Unknown(e.to_string()),
            }
            return;
        }
        let Some(at) = self.pending.iter().position(|pending| pending.id == id) else { return };
        let Pending { toast, what, done, undo, .. } = self.pending.remove(at);
        if let Some((what, command)) = undo.filter(|_| outcome.is_ok()) {
            self.push_undo(Undo::Send(what, command));
        }
        let (level, text) = match outcome {
            Ok(CommandReply::Started(id)) => (Level::Info, format!("{what}: execution {} started", short(id))),
            Ok(CommandReply::Nothing(why)) => (Level::Info, format!("{what}: {why}")),
            Ok(CommandReply::Planned(_) | CommandReply::Done) => (Level::Info, done),
            Err(e) => (Level::Error, format!("{what}: {e}")),
        };
        self.toasts.replace(toast, level, text, self.now.since_start);
        effects.redraw = Redraw::Now;
        // Details may have changed: request them again at once.
        self.answers.expire();
    }
}

/// The beginning of an id, as far as a person needs it.
fn short(id: uuid::Uuid) -> String {
    id.to_string().chars().take(8).collect()
}

/// A few names and how many more.
fn some_of(symbols: &[barkeep_market::Symbol]) -> String {
    let named: Vec<_> = symbols.iter().take(4).map(ToString::to_string).collect();
    let more = symbols.len().saturating_sub(named.len());
    if more == 0 { named.join(", ") } else { format!("{} and {}", named.join(", "), plural(more, "more symbol")) }
}

/// What pausing or resuming several symbols or series means.
const fn pause_scope(resume: bool) -> &'static str {
    if resume { "barkeep will fetch them again." } else { "barkeep will not fetch them until you resume them." }
}

/// A title within a sentence.
pub(super) fn sentence(mut title: String) -> String {
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    title
}

/// What undoes a command, and what that does.
fn opposite(command: &EngineCommand) -> Option<(String, EngineCommand)> {
    let series = |all: &[SeriesName]| match all {
        [(symbol, timeframe)] => format!("{symbol} {timeframe}"),
        many => plural(many.len(), "series"),
    };
    Some(match command {
        EngineCommand::Pause(_) => ("resume the engine".to_owned(), EngineCommand::Resume),
        EngineCommand::Resume => ("pause the engine".to_owned(), EngineCommand::Pause(None)),
        EngineCommand::PauseSymbols(all) => {
            (format!("resume {}", some_of(all)), EngineCommand::ResumeSymbols(all.clone()))
        }
        EngineCommand::ResumeSymbols(all) => {
            (format!("pause {}", some_of(all)), EngineCommand::PauseSymbols(all.clone()))
        }
        EngineCommand::PauseSeries(all) => {
            (format!("resume {}", series(all)), EngineCommand::ResumeSeries(all.clone()))
        }
        EngineCommand::ResumeSeries(all) => (format!("pause {}", series(all)), EngineCommand::PauseSeries(all.clone())),
        // It waits for an operator again, and what it replaced is back.
        EngineCommand::Decide { id, verdict: Verdict::Accepted | Verdict::Rejected } => (
            "undo the decision about the quarantined bar".to_owned(),
            EngineCommand::Decide { id: *id, verdict: Verdict::Pending },
        ),
        _ => return None,
    })
}

/// What a plan is about: symbols, most important first.
fn scope_of(plan: &Plan) -> String {
    let mut symbols: Vec<_> = plan.items.iter().flat_map(|item| item.symbols.iter().cloned()).collect();
    let mut seen = std::collections::BTreeSet::new();
    symbols.retain(|symbol| seen.insert(symbol.clone()));
    some_of(&symbols)
}
