//! The restatement radar: while nothing else runs, the daily history that was verified longest ago is asked again.
//!
//! Vendors correct bars weeks later, adjust them by mistake, or give a ticker away. Nothing says so; the only way to know is to
//! ask again. It takes one request a symbol, a share of the limit, and only when nobody waits.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::Service;
use barkeep_config::{BackfillSettings, RateLimit};
use barkeep_market::ts::{DAY, HOUR, MINUTE, millis};
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::select::Selection;
use barkeep_store::{SeriesRow, StoreError, SymbolRow, Trigger};

/// A symbol that could not be verified is left alone for so long.
const AFTER_FAILURE: i64 = DAY;
/// When nothing is due, one looks again after this at the latest: symbols may have been added.
const LOOK_AGAIN: i64 = HOUR;

/// What the radar remembers.
#[derive(Debug, Default)]
pub(crate) struct Radar {
    /// Not before this.
    next: Option<Ts>,
    /// When each symbol was last asked for, well or not.
    tried: HashMap<Symbol, Ts>,
}

/// How often every daily bar is checked, given how many daily series there are; `None` when never.
#[must_use]
pub fn period(settings: &BackfillSettings, limit: RateLimit, daily_series: usize) -> Option<Duration> {
    let every = settings.verify_every?;
    let minutes = daily_series.div_ceil(settings.idle_per_minute(limit));
    Some(every.max(Duration::from_mins(minutes as u64)))
}

/// Daily series by when they are due, the longest unverified first.
fn by_due_time<'a>(symbols: &'a [SymbolRow], series: &[SeriesRow], every: i64) -> Vec<(Ts, &'a Symbol)> {
    let tracked = symbols.iter().filter(|row| row.active && !row.paused && row.timeframes.contains(&Timeframe::D1));
    let tracked: BTreeMap<&Symbol, &SymbolRow> =
        tracked.filter(|row| row.listing.ended().is_none()).map(|row| (&row.symbol, row)).collect();
    let daily = series.iter().filter(|row| row.timeframe == Timeframe::D1 && row.bar_count > 0 && !row.paused);
    let mut all: Vec<(Ts, &Symbol)> = daily
        .filter_map(|row| {
            let symbol = tracked.get(&row.symbol)?;
            Some((row.verified_at.unwrap_or(symbol.added_at) + every, &symbol.symbol))
        })
        .collect();
    all.sort();
    all
}

impl Service {
    /// Starts the next verification, when it is time for one and nothing else runs or waits.
    pub(crate) async fn look_for_restatements(&mut self) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        let config = self.engine.config.current();
        let backfill = &config.settings.backfill;
        let Some(every) = backfill.verify_every else { return Ok(()) };
        // A clock set back must not keep it waiting.
        let waits = self.radar.next.is_some_and(|next| now < next && next - now <= LOOK_AGAIN);
        if !self.active.is_empty() || waits {
            return Ok(());
        }
        let store = &self.engine.store;
        if !store.running_executions().await?.is_empty() {
            self.radar.next = Some(now + MINUTE);
            return Ok(());
        }
        let (symbols, series) = (store.symbols().await?, store.series().await?);
        let every = millis(every);
        let all = by_due_time(&symbols, &series, every);
        self.radar.tried.retain(|_, at| (0..AFTER_FAILURE).contains(&(now - *at)));
        let ready = all.iter().filter(|(_, symbol)| !self.radar.tried.contains_key(*symbol));
        let soonest = ready.clone().map(|(due, _)| *due).next().unwrap_or(now + LOOK_AGAIN);
        let count = backfill.idle_per_minute(config.settings.vendor.rate_limit);
        let chosen: Vec<Symbol> =
            ready.take_while(|(due, _)| *due <= now).take(count).map(|(_, symbol)| (*symbol).clone()).collect();
        self.radar.next = Some(if chosen.is_empty() { soonest.min(now + LOOK_AGAIN) } else { now + MINUTE });
        if chosen.is_empty() {
            return Ok(());
        }
        self.radar.tried.extend(chosen.iter().map(|symbol| (symbol.clone(), now)));
        let timeframes = Some(vec![Timeframe::D1]);
        let selection = Selection { symbols: chosen, timeframes, refetch: true, ..Selection::default() };
        self.start(Backfill { idle: true, ..Backfill::new(selection, self.mode(), Trigger::Schedule) });
        Ok(())
    }
}
