//! What the schedule starts, and what is made up for afterwards.

use super::Service;
use crate::schedule::Due;
use barkeep_market::{Calendar, Criticality, Symbol};
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::dividends;
use barkeep_pipeline::holidays::{self, HolidayError};
use barkeep_pipeline::select::Selection;
use barkeep_store::{StoreError, SymbolRow, Trigger};

impl Service {
    pub(super) async fn tick(&mut self) {
        let mut due = self.schedule.due(self.engine.clock.now());
        if !self.database_lost {
            self.look_for_old_rows();
        }
        if self.failed.is_some() || self.engine.gate.paused().is_some() {
            for tick in due {
                if !self.missed.contains(&tick) {
                    let what = match tick {
                        Due::Tier(criticality) => criticality.name(),
                        Due::Sweep => "daily full check",
                    };
                    tracing::info!(what, "not started now: the engine is paused or failed");
                    self.missed.push(tick);
                }
            }
            return;
        }
        due.splice(0..0, std::mem::take(&mut self.missed));
        for (k, tick) in due.iter().enumerate() {
            // What was missed may have become due again.
            if due.iter().take(k).any(|earlier| earlier == tick) {
                continue;
            }
            let outcome = match *tick {
                Due::Tier(criticality) => self.start_tier(criticality, Trigger::Schedule).await,
                Due::Sweep => self.start_sweep().await,
            };
            if let Err(e) = outcome {
                self.lost(&e);
            }
        }
        if let Err(e) = self.look_for_restatements().await {
            self.lost(&e);
        }
    }

    pub(super) async fn start_tier(&mut self, criticality: Criticality, trigger: Trigger) -> Result<(), StoreError> {
        let symbols = Self::symbols_of(&self.engine, |row| row.criticality == criticality).await?;
        if !symbols.is_empty() {
            let selection = Selection { symbols, ..Selection::default() };
            self.start_scheduled(Backfill { newest_only: true, ..Backfill::new(selection, self.mode(), trigger) });
        }
        Ok(())
    }

    pub(super) async fn start_sweep(&mut self) -> Result<(), StoreError> {
        let symbols = Self::symbols_of(&self.engine, |_| true).await?;
        if !symbols.is_empty() {
            let (engine, stop) = (self.engine.clone(), self.stop.clone());
            self.announcements.spawn(async move { holidays::refresh(&engine, &stop).await });
            self.ask_for_dividends();
            let selection = Selection { symbols, ..Selection::default() };
            self.start_scheduled(Backfill::new(selection, self.mode(), Trigger::Schedule));
        }
        Ok(())
    }

    fn ask_for_dividends(&mut self) {
        // One that waits for its turn since the last full check will do.
        while self.dividends.try_join_next().is_some() {}
        if !self.dividends.is_empty() {
            return;
        }
        let (engine, stop) = (self.engine.clone(), self.stop.clone());
        self.dividends.spawn(async move {
            if let Err(e) = dividends::refresh(&engine, &stop).await {
                tracing::info!(error = %e, "dividends could not be fetched; those known so far apply");
            }
        });
    }

    /// Everybody knows the holidays the vendor has announced from now on: runs that begin, and whoever judges ages.
    pub(super) fn heard(&mut self, heard: Result<Result<Calendar, HolidayError>, tokio::task::JoinError>) {
        match heard {
            Ok(Ok(calendar)) => self.engine.calendar.publish(calendar),
            Ok(Err(e)) => {
                tracing::info!(error = %e, "announced holidays could not be fetched; the built-in calendar applies");
            }
            Err(e) => tracing::error!(error = %e, "requesting announced holidays ended unexpectedly"),
        }
    }

    pub(super) async fn symbols_of(
        engine: &EngineContext,
        wanted: impl Fn(&SymbolRow) -> bool,
    ) -> Result<Vec<Symbol>, StoreError> {
        let rows = engine.store.symbols().await?;
        Ok(rows.into_iter().filter(|row| row.active && !row.paused && wanted(row)).map(|row| row.symbol).collect())
    }
}
