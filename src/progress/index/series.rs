//! How fresh every series is, judged from the data at the moment of the question.
//!
//! What is known of a series reaches to the end of its newest bar, or to the end of the vendor's newest answer when that
//! is later: a thinly traded symbol that was requested up to now and did not trade is not stale. A bar that was still growing when the
//! last request was made is known up to that moment only: Monday's half day bar is no news on Tuesday. That the answer is stored, not that
//! a job ended well, is what counts; answers about old history lie before the newest bar and change nothing.

use std::collections::HashMap;

use crate::index::coverage::LONGEST_REFUSAL_OF_TODAY;
use barkeep_config::Settings;
use barkeep_market::freshness::{Delay, StalenessClock, Tier, TierLimits, lag_behind, served_until, tier};
use barkeep_market::{AssetClass, Calendar, Family, Source, Symbol, Timeframe, Ts};
use barkeep_store::{Evidence, SeriesId, SeriesRow, Store, StoreError, SymbolRow};

/// A series with what the vendor answered about its newest end.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesState {
    pub row: SeriesRow,
    pub answered_until: Option<Ts>,
    /// Where the vendor is behind: what it has not sent yet begins here.
    pub late_from: Option<Ts>,
    /// Whether its symbol is active and still lists the timeframe.
    pub tracked: bool,
    /// The place of its symbol in [`SeriesIndex::symbols`].
    symbol: usize,
}

impl SeriesState {
    /// Up to when the newest bar is known, given its end.
    ///
    /// A bar that ends after the last request was growing then. (One that came later in an answer about a closed
    /// range is covered by that answer, which counts as well.)
    #[must_use]
    pub fn bar_known_until(&self, end: Ts) -> Ts {
        self.row.checked_at.map_or(end, |checked| end.min(checked))
    }
}

/// All symbols and series at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesIndex {
    pub symbols: Vec<SymbolRow>,
    pub series: Vec<SeriesState>,
    /// Markets (round the clock or not) whose data of today the vendor refuses until the day is over.
    end_of_day: [bool; 2],
}

impl SeriesIndex {
    /// Three queries, however many series there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, now: Ts) -> Result<Self, StoreError> {
        let symbols = store.symbols().await?;
        let series = store.series().await?;
        Ok(Self::of(symbols, series, &store.evidence(now).await?))
    }

    /// Puts rows together. A series without a symbol (removed between two reads) is left out.
    #[must_use]
    pub fn of(symbols: Vec<SymbolRow>, rows: Vec<SeriesRow>, evidence: &[Evidence]) -> Self {
        let evidence: HashMap<SeriesId, &Evidence> = evidence.iter().map(|e| (e.series, e)).collect();
        let places: HashMap<&Symbol, usize> = symbols.iter().enumerate().map(|(k, s)| (&s.symbol, k)).collect();
        let mut end_of_day = [false; 2];
        let mut series = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((place, symbol)) = places.get(&row.symbol).and_then(|k| Some((*k, symbols.get(*k)?))) else {
                continue;
            };
            let known = evidence.get(&row.id);
            let refused = known.and_then(|e| e.refused).is_some_and(|r| r.len() <= LONGEST_REFUSAL_OF_TODAY);
            if let Some(late) = end_of_day.get_mut(market(symbol.asset_class)).filter(|_| symbol.vendor.has_plans()) {
                *late |= refused;
            }
            series.push(SeriesState {
                answered_until: known.and_then(|e| e.answered_until),
                late_from: known.and_then(|e| e.late_from),
                tracked: symbol.active && symbol.timeframes.contains(&row.timeframe),
                symbol: place,
                row,
            });
        }
        // As the stores hand them out; [`SeriesIndex::find`] relies on it.
        series.sort_by(|a, b| (&a.row.symbol, a.row.timeframe).cmp(&(&b.row.symbol, b.row.timeframe)));
        Self { symbols, series, end_of_day }
    }

    /// One series with its symbol.
    #[must_use]
    pub fn find(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<(&SymbolRow, &SeriesState)> {
        let name = |known: &SeriesState| (&known.row.symbol, known.row.timeframe).cmp(&(symbol, timeframe));
        let known = self.series.get(self.series.binary_search_by(name).ok()?)?;
        Some((self.symbols.get(known.symbol)?, known))
    }

    /// Every series with its symbol.
    pub fn iter(&self) -> impl Iterator<Item = (&SymbolRow, &SeriesState)> {
        self.series.iter().filter_map(|known| Some((self.symbols.get(known.symbol)?, known)))
    }

    /// How far a vendor's data of a class are behind: end of day when the plan said so today, else as configured.
    #[must_use]
    pub fn delay(&self, vendor: Source, class: AssetClass, configured: Delay) -> Delay {
        let late = self.end_of_day.get(market(class)).copied().unwrap_or_default();
        vendor.delay(if late { Delay::EndOfDay } else { configured })
    }
}

const MARKETS: usize = 2;

fn market(class: AssetClass) -> usize {
    usize::from(class.is_continuous())
}

/// How fresh one series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Milliseconds behind the newest bar the vendor could serve; `None` without a bar.
    pub behind: Option<i64>,
    pub tier: Tier,
}

/// Judges series at one instant.
///
/// Tens of thousands of series share a few horizons and a few hundred session dates; those are looked up once.
pub struct Judge<'a> {
    calendar: &'a Calendar,
    clock: StalenessClock,
    limits: TierLimits,
    now: Ts,
    /// Where a vendor could serve to, by vendor, market and timeframe.
    served: Vec<Ts>,
    /// Ends of day-family bars by market, timeframe and start: a time-zone computation each.
    ends: HashMap<(usize, Timeframe, Ts), Ts>,
}

impl<'a> Judge<'a> {
    #[must_use]
    pub fn new(
        calendar: &'a Calendar,
        settings: &Settings,
        limits: TierLimits,
        inventory: &SeriesIndex,
        now: Ts,
    ) -> Self {
        let markets = Source::ALL.map(|vendor| [AssetClass::Stock, AssetClass::Crypto].map(|class| (vendor, class)));
        let served = markets.into_iter().flatten().flat_map(|(vendor, class)| {
            let delay = inventory.delay(vendor, class, settings.vendor.delay);
            Timeframe::ALL.map(|tf| served_until(calendar, class, tf, delay, settings.backfill.settle, now))
        });
        Self { calendar, clock: settings.staleness.clock, limits, now, served: served.collect(), ends: HashMap::new() }
    }

    /// Judges one series of a symbol.
    pub fn judge(&mut self, symbol: &SymbolRow, known: &SeriesState) -> Judgement {
        let (class, tf) = (symbol.asset_class, known.row.timeframe);
        let behind = known.row.last_ts.map(|start| {
            let end = match tf.family() {
                Family::Minute => tf.end_of(class, start),
                Family::Day => *self.ends.entry((market(class), tf, start)).or_insert_with(|| tf.end_of(class, start)),
            };
            let bar = known.bar_known_until(end);
            let known_until = known.answered_until.map_or(bar, |answered| answered.max(bar));
            let known_until = known.late_from.map_or(known_until, |late| late.min(known_until));
            let place = symbol.vendor as usize * MARKETS + market(class);
            let served = self.served.get(place * Timeframe::ALL.len() + tf as usize);
            let served = served.copied().unwrap_or(self.now);
            lag_behind(self.calendar, self.clock, class, known_until, served, self.now)
        });
        Judgement { behind, tier: tier(behind, known.row.checked_at.is_some(), self.limits) }
    }
}
