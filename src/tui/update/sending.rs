//! Commands on their way: sent, answered, undone.

use crate::draw::format::plural;
use crate::model::layer::{Cost, Layer, Then};
use crate::model::msg::{Effects, Pending, Redraw};
use crate::model::{Model, Undo};
use crate::update::commands::{short, some_of};
use barkeep_market::Criticality;
use barkeep_plan::Plan;
use barkeep_runtime::console::{Level, SeriesName, Verdict};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand, SymbolChange};

impl Model {
    /// Sends a command to the engine; once it is done it can be undone, if it has an opposite.
    pub(super) fn send(&mut self, what: String, command: EngineCommand, effects: &mut Effects) {
        let undo = opposite(&command);
        self.send_with(what, command, undo, None, effects);
    }

    /// The same for what undoes something.
    pub(super) fn send_once(&mut self, what: String, command: EngineCommand, effects: &mut Effects) {
        self.send_with(what, command, None, None, effects);
    }

    /// The same, and `next` once it is done.
    pub(super) fn send_both(
        &mut self,
        what: String,
        command: EngineCommand,
        next: (String, EngineCommand),
        effects: &mut Effects,
    ) {
        self.send_with(what, command, None, Some(next), effects);
    }

    /// The same with an undo of its own.
    pub(super) fn send_undoable(
        &mut self,
        what: String,
        command: EngineCommand,
        undo: (String, EngineCommand),
        effects: &mut Effects,
    ) {
        self.send_with(what, command, Some(undo), None, effects);
    }

    fn send_with(
        &mut self,
        what: String,
        command: EngineCommand,
        undo: Option<(String, EngineCommand)>,
        next: Option<(String, EngineCommand)>,
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
        self.pending.push(Pending { id, toast, what, done, undo, next });
        effects.commands.push((id, command));
        effects.redraw = Redraw::Now;
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
                Ok(CommandReply::Planned(plan))
                    if plan.requests == 0 && plan.derived_locally == 0 && !confirm.even_if_free =>
                {
                    confirm.cost = Cost::Unknown("Nothing to do: no bar is missing.".to_owned());
                }
                Ok(CommandReply::Planned(plan)) => {
                    confirm.scope = scope_of(&plan, &confirm.then);
                    confirm.cost = Cost::Known(plan);
                }
                Ok(CommandReply::Nothing(why)) => confirm.cost = Cost::Unknown(why),
                Ok(_) => confirm.cost = Cost::Unknown("The engine sent no plan.".to_owned()),
                Err(e) => confirm.cost = Cost::Unknown(e.to_string()),
            }
            return;
        }
        let Some(at) = self.pending.iter().position(|pending| pending.id == id) else { return };
        let Pending { toast, what, done, undo, next, .. } = self.pending.remove(at);
        if let Some((what, command)) = undo.filter(|_| outcome.is_ok()) {
            self.push_undo(Undo::Send(what, command));
        }
        if let Some((what, command)) = next.filter(|_| matches!(outcome, Ok(CommandReply::Done))) {
            self.send_once(what, command, effects);
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

/// What undoes a command, and what that does.
fn opposite(command: &EngineCommand) -> Option<(String, EngineCommand)> {
    let series = |all: &[SeriesName]| match all {
        [(symbol, timeframe)] => format!("{symbol} {timeframe}"),
        many => plural(many.len(), "series"),
    };
    Some(match command {
        EngineCommand::Pause(_) => ("resume the engine".to_owned(), EngineCommand::Resume),
        EngineCommand::Resume => ("pause the engine".to_owned(), EngineCommand::Pause(None)),
        // Only tracking is known from the command itself.
        EngineCommand::ChangeSymbols(all) if all.iter().all(|change| change.active.is_some()) => {
            let names: Vec<_> = all.iter().map(|change| change.symbol.clone()).collect();
            let back = |change: &SymbolChange| SymbolChange {
                active: change.active.map(|active| !active),
                ..SymbolChange::of(change.symbol.clone())
            };
            (format!("track {} again", some_of(&names)), EngineCommand::ChangeSymbols(all.iter().map(back).collect()))
        }
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

/// What a plan is about: symbols, most important first; of new ones also their tier.
fn scope_of(plan: &Plan, then: &Then) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let named = plan.items.iter().flat_map(|item| item.symbols.iter().map(|symbol| (symbol, item.criticality)));
    let symbols: Vec<_> = named.filter(|(symbol, _)| seen.insert((*symbol).clone())).collect();
    let Then::SendBoth(EngineCommand::AddSymbols(new), _) = then else {
        return some_of(&symbols.into_iter().map(|(symbol, _)| symbol.clone()).collect::<Vec<_>>());
    };
    let chosen = new.iter().find_map(|new| new.wanted.criticality);
    let tiers = Criticality::ALL.into_iter().filter_map(|tier| {
        let of_tier = symbols.iter().filter(|(_, planned)| chosen.unwrap_or(*planned) == tier);
        let of_tier: Vec<_> = of_tier.map(|(symbol, _)| (*symbol).clone()).collect();
        (!of_tier.is_empty()).then(|| format!("{} as {tier}", some_of(&of_tier)))
    });
    tiers.collect::<Vec<_>>().join("; ")
}
