//! The state of everything at one instant: what `status` prints, and what every other view shows.

use serde::Serialize;

use super::freshness::{Inventory, Judge, Judgement};
use crate::config::{RateLimit, Settings};
use crate::market::freshness::Tier;
use crate::market::{AssetClass, Calendar, Criticality, Symbol, Timeframe, Ts};
use crate::store::{ExecutionRow, RequestTotals, Store, StoreError, Waste};

/// Executions shown.
const RECENT_EXECUTIONS: usize = 10;

/// How many series are in each tier; over all series, not a page of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TierCounts {
    pub fresh: usize,
    pub aging: usize,
    pub stale: usize,
    pub missing: usize,
    pub unknown: usize,
}

impl TierCounts {
    pub(super) fn count(&mut self, tier: Tier) {
        *match tier {
            Tier::Fresh => &mut self.fresh,
            Tier::Aging => &mut self.aging,
            Tier::Stale => &mut self.stale,
            Tier::Missing => &mut self.missing,
            Tier::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesView {
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub criticality: Criticality,
    pub timeframe: Timeframe,
    pub tier: Tier,
    /// How far behind the newest bar the vendor could serve; in market time, seconds.
    pub staleness_seconds: Option<i64>,
    pub bars: i64,
    pub first_bar: Option<Ts>,
    pub newest_bar: Option<Ts>,
    /// How far the vendor has answered, with bars or without.
    pub answered_until: Option<Ts>,
    pub checked_at: Option<Ts>,
    /// It, or its whole symbol.
    pub paused: bool,
}

/// The vendor's limit and what was used of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VendorView {
    pub base_url: String,
    /// Requests per minute; absent when unlimited.
    pub limit_per_minute: Option<u32>,
    /// Request starts in the last 60 s.
    pub used: usize,
    /// When the next token is free; absent when one is free now.
    pub next_free_at: Option<Ts>,
    #[serde(flatten)]
    pub totals: RequestTotals,
    /// Requests that changed no bar, by reason; reasons that do not occur are left out.
    pub wasted: Vec<Wasted>,
}

/// Requests that changed no bar for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wasted {
    pub reason: Waste,
    pub requests: i64,
}

/// Everything at one instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    pub generated_at: Ts,
    /// `running` while an execution runs on this database, else `idle`.
    pub state: &'static str,
    pub database: &'static str,
    pub symbols_total: usize,
    pub series_total: usize,
    pub tiers: TierCounts,
    pub quarantine_pending: usize,
    pub vendor: VendorView,
    /// Newest first.
    pub executions: Vec<ExecutionRow>,
    pub series: Vec<SeriesView>,
}

impl Snapshot {
    /// Reads the database once and works out every tier.
    pub async fn read(
        store: &dyn Store,
        calendar: &Calendar,
        settings: &Settings,
        now: Ts,
    ) -> Result<Self, StoreError> {
        let inventory = Inventory::read(store, now).await?;
        let executions = store.executions(RECENT_EXECUTIONS).await?;
        let running = executions.iter().any(|e| e.completed_at.is_none() && !super::owner::is_dead(&e.owner));
        let mut judge = Judge::new(calendar, settings, settings.staleness.limits, &inventory, now);
        let mut tiers = TierCounts::default();
        let mut series = Vec::with_capacity(inventory.series.len());
        for (symbol, known) in inventory.iter() {
            let Judgement { behind, tier } = judge.judge(symbol.asset_class, known);
            tiers.count(tier);
            let row = &known.row;
            series.push(SeriesView {
                asset_class: symbol.asset_class,
                criticality: symbol.criticality,
                symbol: row.symbol.clone(),
                timeframe: row.timeframe,
                tier,
                staleness_seconds: behind.map(|ms| ms / 1000),
                bars: row.bar_count,
                first_bar: row.first_ts,
                newest_bar: row.last_ts,
                answered_until: known.answered_until,
                checked_at: row.checked_at,
                paused: symbol.paused || row.paused,
            });
        }
        Ok(Self {
            generated_at: now,
            state: if running { "running" } else { "idle" },
            database: store.dialect(),
            symbols_total: inventory.symbols.len(),
            series_total: series.len(),
            tiers,
            quarantine_pending: store.quarantine(true).await?.len(),
            vendor: vendor_view(store, settings, now).await?,
            executions,
            series,
        })
    }
}

async fn vendor_view(store: &dyn Store, settings: &Settings, now: Ts) -> Result<VendorView, StoreError> {
    const WINDOW: i64 = 60_000;
    let starts = store.recent_starts(WINDOW, now).await?;
    let limit = match settings.vendor.rate_limit {
        RateLimit::PerMinute(n) => Some(n),
        RateLimit::Unlimited => None,
    };
    let full = limit.filter(|n| starts.len() >= *n as usize);
    let frees = full.and_then(|n| starts.get(starts.len() - n as usize));
    let wasted = store.wasted().await?;
    Ok(VendorView {
        base_url: settings.vendor.base_url.to_string(),
        limit_per_minute: limit,
        used: starts.len(),
        next_free_at: frees.map(|start| *start + WINDOW),
        totals: store.request_totals().await?,
        wasted: wasted.into_iter().map(|(reason, requests)| Wasted { reason, requests }).collect(),
    })
}
