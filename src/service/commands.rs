//! Orders: checked, carried out, noted with who gave them, answered.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::Service;
use crate::handle::{
    CommandError, CommandReply, EngineCommand, ExecutionSelector, IssuedCommand, QueuedCommand, TriggerScope,
};
use barkeep_market::freshness::Tier;
use barkeep_market::{Symbol, Timeframe};
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::index::series::{Judge, SeriesIndex};
use barkeep_pipeline::names::Known;
use barkeep_pipeline::quarantine;
use barkeep_pipeline::select::{Selection, Target};
use barkeep_pipeline::{EngineContext, RunContext};
use barkeep_store::{ExecutionRow, OperatorAction, SeriesRunState, StoreError, SymbolRow, Trigger, Verdict};

impl Service {
    pub(super) async fn handle_command(&mut self, (order, reply): QueuedCommand) {
        let order = match order {
            IssuedCommand { action: EngineCommand::Preview(what), by } => return self.preview(what, by, reply),
            other => other,
        };
        let by = order.by.clone();
        let action = order.action.name().to_owned();
        let targets = order.action.targets();
        let detail = match order.action {
            EngineCommand::Decide { id, verdict } => self.decision(id, verdict).await.or(order.action.detail()),
            _ => order.action.detail(),
        };
        let answer = self.carry_out(order).await;
        let result = match &answer {
            Ok(CommandReply::Started(id)) => format!("started {id}"),
            Ok(CommandReply::Nothing(why)) => format!("nothing to do: {why}"),
            Ok(CommandReply::Planned(_) | CommandReply::Done) => "ok".to_owned(),
            Err(e) => e.to_string(),
        };
        tracing::info!(by, action, result, "command");
        let at = self.engine.clock.now();
        for target in targets.into_iter().filter(|_| !self.database_lost) {
            let (actor, action, detail, result) = (by.clone(), action.clone(), detail.clone(), result.clone());
            let act = OperatorAction { at, actor, action, target, detail, result };
            if let Err(e) = self.engine.store.record_action(&act).await {
                tracing::error!(error = %e, "cannot record a command");
            }
        }
        // Whoever asked may be gone.
        let _ = reply.send(answer);
    }

    /// Which bar is decided about, and how.
    async fn decision(&self, id: i64, verdict: Verdict) -> Option<String> {
        let rows = self.engine.store.quarantine(false).await.ok()?;
        rows.iter().find(|row| row.id == id).map(|row| quarantine::describe(row, verdict))
    }

    pub(super) async fn carry_out(&mut self, order: IssuedCommand) -> Result<CommandReply, CommandError> {
        let refused = |e: StoreError| CommandError::Refused(e.to_string());
        match order.action {
            EngineCommand::Trigger { what, trigger } => {
                let Some(selection) = Self::selection(&self.engine, what).await.map_err(refused)? else {
                    return Ok(CommandReply::Nothing("no symbol matches".to_owned()));
                };
                let backfill = Backfill::new(selection, self.mode(), trigger);
                let symbols = self.check(&backfill).await?;
                self.order(backfill, symbols).await
            }
            // Planned beside the loop: see `preview`.
            EngineCommand::Preview(_) => {
                Err(CommandError::Refused("a preview cannot be ordered like a run".to_owned()))
            }
            EngineCommand::Pause(reason) => self.pause(order.by, reason).await,
            EngineCommand::Resume => self.resume().await,
            EngineCommand::PauseSymbols(symbols) => self.set_paused(&symbols, true).await,
            EngineCommand::ResumeSymbols(symbols) => self.set_paused(&symbols, false).await,
            EngineCommand::PauseSeries(series) => self.set_series_paused(&series, true).await,
            EngineCommand::ResumeSeries(series) => self.set_series_paused(&series, false).await,
            EngineCommand::AddSymbols(all) => self.add_symbols(&all).await,
            EngineCommand::ChangeSymbols(all) => self.change_symbols(&all).await,
            EngineCommand::RemoveSymbols(all) => self.remove_symbols(&all).await,
            EngineCommand::Cancel(ExecutionSelector(id)) => self.cancel(id),
            EngineCommand::CancelSeries { execution, series } => self.cancel_series(execution, &series).await,
            EngineCommand::RetryFailed(ExecutionSelector(id)) => self.retry(id).await,
            EngineCommand::Decide { id, verdict } => {
                let RunContext { store, calendar, settings, clock, .. } = self.engine.for_run();
                quarantine::decide(store.as_ref(), &calendar, &settings, clock.as_ref(), id, verdict)
                    .await
                    .map_err(|e| CommandError::Refused(e.to_string()))?;
                Ok(CommandReply::Done)
            }
            EngineCommand::Reload => self.reload().await,
        }
    }

    /// A trigger of what cannot be is refused before it becomes an execution. Says how many symbols it is for.
    pub(super) async fn check(&self, backfill: &Backfill) -> Result<usize, CommandError> {
        let refused = |e: String| CommandError::Refused(e);
        let known = self.engine.store.symbols().await.map_err(|e| refused(e.to_string()))?;
        let now = self.engine.clock.now();
        let settings = Arc::clone(&self.engine.config.current().settings);
        let targets = backfill.selection.targets(&known, &settings, now)?;
        for target in &targets {
            let history = settings.backfill.history;
            backfill.selection.range(target.row.asset_class, history, now)?;
        }
        let series = self.engine.store.series().await.map_err(|e| refused(e.to_string()))?;
        let resting: HashSet<(&Symbol, Timeframe)> =
            series.iter().filter(|row| row.paused).map(|row| (&row.symbol, row.timeframe)).collect();
        let rests = |target: &Target| {
            let mut asked = target.requested.iter();
            target.row.paused || asked.all(|tf| resting.contains(&(&target.row.symbol, *tf)))
        };
        if !targets.is_empty() && targets.iter().all(rests) {
            return Err(refused("everything named is paused; resume it first".to_owned()));
        }
        Ok(targets.len())
    }

    pub(super) async fn selection(engine: &EngineContext, what: TriggerScope) -> Result<Option<Selection>, StoreError> {
        let symbols = match what {
            TriggerScope::Selection(selection) => return Ok(Some(selection)),
            TriggerScope::Tier(criticality) => Self::symbols_of(engine, |row| row.criticality == criticality).await?,
            TriggerScope::Stale => Self::stale_symbols(engine).await?,
        };
        Ok((!symbols.is_empty()).then_some(Selection { symbols, ..Selection::default() }))
    }

    pub(super) async fn stale_symbols(engine: &EngineContext) -> Result<Vec<Symbol>, StoreError> {
        let now = engine.clock.now();
        let index = SeriesIndex::read(engine.store.as_ref(), now).await?;
        let (config, calendar) = (engine.config.current(), engine.calendar.current());
        let settings = &config.settings;
        let mut judge = Judge::new(&calendar, settings, settings.staleness.limits, &index, now);
        let mut symbols: Vec<Symbol> = Vec::new();
        for (row, known) in index.iter().filter(|(row, known)| known.tracked && !row.paused && !known.row.paused) {
            if judge.judge(row, known).tier != Tier::Fresh {
                symbols.push(row.symbol.clone());
            }
        }
        symbols.sort();
        symbols.dedup();
        Ok(symbols)
    }

    pub(super) async fn set_paused(&mut self, symbols: &[Symbol], paused: bool) -> Result<CommandReply, CommandError> {
        let refused = |e: StoreError| CommandError::Refused(e.to_string());
        let rows = self.engine.store.symbols().await.map_err(refused)?;
        let known = Known::new(&rows);
        let registered = |symbol: &Symbol| {
            let row = known.find(symbol);
            row.map(|row| row.symbol.clone())
                .ok_or_else(|| CommandError::Refused(format!("{symbol} is not registered")))
        };
        let symbols = symbols.iter().map(registered).collect::<Result<Vec<Symbol>, CommandError>>()?;
        let symbols = symbols.as_slice();
        let changed: Vec<SymbolRow> = rows
            .into_iter()
            .filter(|row| symbols.contains(&row.symbol) && row.paused != paused)
            .map(|row| SymbolRow { paused, ..row })
            .collect();
        self.engine.store.put_symbols(&changed).await.map_err(refused)?;
        if paused {
            self.engine.gate.pause_symbols(symbols);
        } else {
            self.engine.gate.resume_symbols(symbols);
        }
        Ok(CommandReply::Done)
    }

    async fn set_series_paused(&mut self, series: &[SeriesKey], paused: bool) -> Result<CommandReply, CommandError> {
        let refused = |e: StoreError| CommandError::Refused(e.to_string());
        self.engine.store.set_paused(series, paused).await.map_err(refused)?;
        if paused {
            self.engine.gate.pause_series(series);
        } else {
            self.engine.gate.resume_series(series);
        }
        Ok(CommandReply::Done)
    }

    pub(super) async fn retry(&mut self, id: Option<Uuid>) -> Result<CommandReply, CommandError> {
        let refused = |e: StoreError| CommandError::Refused(e.to_string());
        let rows = self.engine.store.executions(1_000).await.map_err(refused)?;
        let ended = |row: &&ExecutionRow| !self.active.contains_key(&row.execution_id);
        let row = match id {
            Some(id) => rows
                .iter()
                .find(|row| row.execution_id == id)
                .ok_or_else(|| CommandError::Refused(format!("no execution has the id {id}")))?,
            None => match rows.iter().filter(ended).find(|row| row.failed_symbols > 0) {
                Some(row) => row,
                None => return Ok(CommandReply::Nothing("no execution has failed series".to_owned())),
            },
        };
        let statuses = self.engine.store.series_statuses(row.execution_id).await.map_err(refused)?;
        let failed: Vec<_> = statuses.into_iter().filter(|s| s.status == SeriesRunState::Failed).collect();
        if failed.is_empty() {
            return Ok(CommandReply::Nothing("this execution has no failed series".to_owned()));
        }
        let before: Selection =
            row.selection.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let symbols = failed.iter().map(|s| s.symbol.clone()).collect();
        let timeframes = Some(failed.iter().map(|s| s.timeframe).collect());
        let selection = Selection { symbols, timeframes, class: None, ..before };
        let symbols = selection.symbols.iter().collect::<HashSet<_>>().len();
        self.order(Backfill::new(selection, self.mode(), Trigger::Manual), symbols).await
    }
}
