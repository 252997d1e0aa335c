//! Commands to the engine: shown as sent, and as done only once the engine confirms.

use crate::actions::{executions_to_retry, pausable_symbols, run_to_cancel, triggerable};
use crate::draw::format::{self, plural};
use crate::model::Model;
use crate::model::layer::{Confirm, Cost, Layer, Then};
use crate::model::msg::Effects;
use barkeep_market::{Criticality, Interval};
use barkeep_pipeline::select::Selection;
use barkeep_runtime::console::{SeriesRunState, Trigger, Verdict, gap_selection};
use barkeep_service::handle::{EngineCommand, ExecutionSelector, TriggerScope};

impl Model {
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
            even_if_free: false,
        });
    }

    /// Shows the plan for `what` of a command that was written out, before `then` is done; even when it costs nothing.
    pub(super) fn planned_line(&mut self, title: String, what: TriggerScope, then: Then, effects: &mut Effects) {
        self.last_command += 1;
        let id = self.last_command;
        effects.commands.push((id, EngineCommand::Preview(what)));
        let (scope, cost) = (String::new(), Cost::Planning);
        // A plain backfill that needs no request is nothing to do.
        let even_if_free = matches!(then, Then::SendBoth(..));
        self.confirm(Confirm { id, title, scope, cost, bar: None, then, yes: true, even_if_free });
    }

    pub(super) fn confirm(&mut self, confirm: Confirm) {
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
            even_if_free: false,
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
            0 if runs.iter().all(|run| run.queued.is_some()) => format!("{under_way}, waiting for another one."),
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
        self.confirm(Confirm {
            id,
            title,
            scope,
            cost: Cost::Free,
            bar: None,
            then: Then::Quit,
            yes: false,
            even_if_free: false,
        });
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
}

/// The beginning of an id, as far as a person needs it.
pub(super) fn short(id: uuid::Uuid) -> String {
    id.to_string().chars().take(8).collect()
}

/// A few names and how many more.
pub(super) fn some_of(symbols: &[barkeep_market::Symbol]) -> String {
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
