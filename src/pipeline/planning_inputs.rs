//! What planning reads from the database beyond coverage: how stale each series is and when its tier stops accepting
//! that, how densely each symbol trades, whose splits are due, and what is left of the limit.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::fetch::Delays;
use crate::select::Target;
use crate::{RunContext, places};
use barkeep_base::clock::Moment;
use barkeep_market::freshness::behind;
use barkeep_market::source::Reach;
use barkeep_market::ts::{DAY, MINUTE, millis};
use barkeep_market::{Family, Source, Symbol, Timeframe, Ts};
use barkeep_plan::budget::{Stale, Staleness, Tokens};
use barkeep_store::StoreError;
use barkeep_vendor::limit::{Place, allowance, place};

/// Fewer base minutes than this (a session) say nothing about how often a symbol trades.
const FEWEST_MINUTES: u64 = 960;

/// How stale the wanted series are, and their deadlines.
///
/// # Errors
/// When the database cannot be read.
pub async fn staleness(
    engine: &RunContext,
    targets: &[Target],
    delays: Delays,
    now: Ts,
) -> Result<Staleness, StoreError> {
    let rows = engine.store.series().await?;
    let newest: HashMap<(&Symbol, Timeframe), Option<Ts>> =
        rows.iter().map(|row| ((&row.symbol, row.timeframe), row.last_ts)).collect();
    // Most series of a class end at the same bar.
    let mut seen = HashMap::new();
    let mut all = Staleness::new();
    for target in targets {
        for timeframe in &target.requested {
            let row = &target.row;
            let last = newest.get(&(&row.symbol, *timeframe)).copied().flatten();
            let key = (row.vendor, row.asset_class, *timeframe, last, row.criticality);
            let stale = *seen.entry(key).or_insert_with(|| {
                let settings = &engine.settings;
                let acceptable = settings.staleness.acceptable(row.criticality);
                let lag = settings.backfill.settle;
                let (class, delay) = (row.asset_class, delays.of(row.vendor, row.asset_class));
                let clock = settings.staleness.clock;
                let at = |t: Ts| behind(&engine.calendar, clock, class, *timeframe, last, delay, lag, t);
                let acceptable = millis(acceptable);
                let behind = at(now);
                let deadline = match behind {
                    None => now,
                    Some(b) if b > acceptable => now - (b - acceptable),
                    Some(_) => first_after(now, acceptable, |t| at(t).is_some_and(|b| b > acceptable)),
                };
                Stale { timeframe: *timeframe, behind, deadline }
            });
            all.entry((row.symbol.clone(), timeframe.family())).or_default().push(stale);
        }
    }
    Ok(all)
}

/// The first minute from `now` on at which a series is too stale. Trading time is at least 13 hours a session and five
/// sessions in eight days, so four times the accepted time and two weeks are enough.
fn first_after(now: Ts, acceptable: i64, too_stale: impl Fn(Ts) -> bool) -> Ts {
    let (mut low, mut high) = (now, now + acceptable.saturating_mul(4) + 14 * DAY);
    while high - low > MINUTE {
        let middle = low + (high - low) / 2;
        if too_stale(middle) { high = middle } else { low = middle }
    }
    high
}

/// The share of a symbol's possible base minutes that the vendor had, from its own counts (`queryCount`). Symbols without
/// a whole answer are absent.
///
/// # Errors
/// When the database cannot be read.
pub async fn density(engine: &RunContext, targets: &[Target]) -> Result<BTreeMap<Symbol, f64>, StoreError> {
    // A vendor that answers with windows says nothing by how many bars are in one.
    let counting = targets.iter().filter(|t| matches!(t.row.vendor.reach(), Reach::Traded(_)));
    let by_ticker: HashMap<&str, &Target> = counting.map(|t| (t.row.vendor_ticker.as_str(), t)).collect();
    let mut sums: BTreeMap<&Symbol, (u64, u64)> = BTreeMap::new();
    let answers = engine.store.counted_answers().await?;
    for answer in answers.iter().filter(|a| a.timeframe.family() == Family::Minute) {
        let Some(target) = by_ticker.get(answer.ticker.as_str()) else { continue };
        let slots = engine.calendar.base_slots(target.row.asset_class, Family::Minute, answer.asked);
        let sum = sums.entry(&target.row.symbol).or_default();
        *sum = (sum.0 + answer.counted, sum.1 + slots);
    }
    let known = sums.into_iter().filter(|(_, (_, slots))| *slots >= FEWEST_MINUTES);
    Ok(known.map(|(symbol, (counted, slots))| (symbol.clone(), (counted as f64 / slots as f64).min(1.0))).collect())
}

/// The limits of the vendors and what of them is used, over all processes.
///
/// # Errors
/// When the database cannot be read.
pub async fn tokens(engine: &RunContext) -> Result<BTreeMap<Source, Tokens>, StoreError> {
    let recorded = engine.store.places().await?;
    let of = |vendor| (vendor, tokens_of(engine, vendor, &recorded.places));
    Ok(Source::ALL.into_iter().map(of).collect())
}

fn tokens_of(engine: &RunContext, vendor: Source, recorded: &[Place]) -> Tokens {
    let (limit, window) = match vendor {
        Source::Massive => allowance(engine.settings.vendor.rate_limit),
        Source::Coinbase => (places(vendor, &engine.settings), vendor.window()),
    };
    let now = Moment::now(engine.clock.as_ref());
    let mut taken = place::taken(recorded.iter().filter(|place| place.vendor == vendor), &now);
    taken.sort_unstable();
    // The budget knows a token by when it was taken: one window before it is free again.
    let taken_at = |left: Duration| now.at + left - window;
    let used = taken.into_iter().map(taken_at).collect();
    Tokens { limit: u64::from(limit), window, used, now: now.at }
}

/// Symbols whose splits have not been requested within `recheck`, with their tickers; none where nobody can be asked.
///
/// # Errors
/// When the database cannot be read.
pub async fn splits_due(
    engine: &RunContext,
    targets: &[Target],
    recheck: Duration,
    now: Ts,
) -> Result<Vec<(Symbol, String)>, StoreError> {
    if engine.vendor.unavailable().is_some() {
        return Ok(Vec::new());
    }
    let recheck = millis(recheck);
    let fetched: BTreeMap<Symbol, Ts> = engine.store.splits_fetched_at().await?.into_iter().collect();
    let is_due = |symbol: &Symbol| fetched.get(symbol).is_none_or(|at| at.ms().saturating_add(recheck) <= now.ms());
    Ok(targets
        .iter()
        .filter(|t| !t.row.asset_class.is_continuous() && is_due(&t.row.symbol))
        .map(|t| (t.row.symbol.clone(), t.row.vendor_ticker.clone()))
        .collect())
}
