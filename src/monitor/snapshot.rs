//! The state of everything at one instant: what `status` prints, the API serves and the screens show.
//!
//! It has two halves. [`Live`] is what the engine does now and changes by the second; [`Data`] is what the database
//! holds and is read again when something was written. Neither is ever changed: a view holds one and draws it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::context::FreshnessContext;
use crate::context::acceptable;
use crate::history::{self, Execution};
use crate::holes::{Hole, HoleCounts};
use crate::ledger::{Assessment, Assessor, Ledger};
use crate::storage;
pub use crate::tier_counts::TierCounts;
use barkeep_base::clock::Moment;
use barkeep_config::policy::Severity;
use barkeep_config::{RateLimit, Settings};
use barkeep_market::freshness::Tier;
use barkeep_market::ts::{DAY, millis};
use barkeep_market::{AssetClass, Calendar, Criticality, Symbol, Timeframe, Ts};
use barkeep_pipeline::index::series::{Judgement, SeriesIndex};
use barkeep_plan::budget::Budget;
use barkeep_service::handle::Live;
use barkeep_store::{AlertRow, OpenAlertCount, RequestTotals, SeriesStatus, Storage, Store, StoreError, Waste};
pub use barkeep_vendor::limit::{HeldPlace, LimitSnapshot};

/// Executions and alerts shown.
const RECENT: usize = 20;
/// Failed series of the last day that are named.
const FAILING: usize = 200;
/// Holes at the vendor that are named.
const HOLES: usize = 50;

/// How the kept series of one criticality keep to their recovery point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpoCount {
    pub criticality: Criticality,
    pub acceptable_staleness_seconds: u64,
    pub series: usize,
    /// Older than acceptable.
    pub breached: usize,
    /// Without any bar, so without an age; counted apart.
    pub without_data: usize,
    /// Loaded for the first time, so not judged yet; counted apart.
    #[serde(default)]
    pub loading: usize,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesView {
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub criticality: Criticality,
    pub timeframe: Timeframe,
    pub tier: Tier,
    /// How far behind the newest bar the vendor could serve; in market time, seconds. Absent without a bar, while it is
    /// loaded for the first time and after its end.
    pub staleness_seconds: Option<i64>,
    /// Older than its criticality allows.
    pub breached: bool,
    /// Whether it is kept fresh at all: its symbol is active and lists the timeframe.
    pub tracked: bool,
    /// It, or its whole symbol.
    pub paused: bool,
    pub bars: i64,
    pub first_bar: Option<Ts>,
    pub newest_bar: Option<Ts>,
    /// How far the vendor has answered, with bars or without.
    pub answered_until: Option<Ts>,
    pub checked_at: Option<Ts>,
    /// Ranges in doubt.
    #[serde(default, skip_serializing_if = "HoleCounts::is_empty")]
    pub holes: HoleCounts,
    /// Gaps in its history; absent where nobody counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaps: Option<usize>,
}

/// The vendor, and what it was asked over all time. How much of its limit is used now is [`Live::limit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VendorView {
    pub base_url: String,
    /// Requests per minute; absent when unlimited.
    pub limit_per_minute: Option<u32>,
    #[serde(flatten)]
    pub totals: RequestTotals,
    /// Requests that changed no bar, by reason; reasons that do not occur are left out.
    pub wasted: Vec<Wasted>,
}

/// Requests that changed no bar for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wasted {
    pub reason: Waste,
    pub requests: i64,
}

/// Whether the exchange trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketPhase {
    Closed,
    /// 04:00 to 09:30 New York.
    PreMarket,
    Open,
    /// From the close to 20:00 New York (17:00 after an early one).
    AfterHours,
}

/// The exchange at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketView {
    pub phase: MarketPhase,
    /// When the phase ends.
    pub until: Option<Ts>,
    /// When regular trading begins next.
    pub opens_at: Option<Ts>,
}

impl MarketView {
    #[must_use]
    pub fn at(calendar: &Calendar, now: Ts) -> Self {
        let running = calendar.session_before(now + 1).filter(|s| now < s.extended_close);
        let next = calendar.session_after(now + 1);
        let (phase, until) = match running {
            None => (MarketPhase::Closed, next.map(|s| s.extended_open)),
            Some(s) if now < s.open => (MarketPhase::PreMarket, Some(s.open)),
            Some(s) if now < s.close => (MarketPhase::Open, Some(s.close)),
            Some(s) => (MarketPhase::AfterHours, Some(s.extended_close)),
        };
        let opens_at = running.map(|s| s.open).filter(|open| now < *open).or_else(|| next.map(|s| s.open));
        Self { phase, until, opens_at }
    }
}

/// What the database holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    pub generated_at: Ts,
    pub database: String,
    /// The name of its file, or of the database on a server.
    #[serde(default)]
    pub database_name: String,
    /// What it takes, and what its large tables are; absent where it does not tell.
    #[serde(default)]
    pub storage: Option<Storage>,
    /// How long reading all of this took, milliseconds.
    pub read_ms: f64,
    pub symbols_total: usize,
    pub series_total: usize,
    pub tiers: TierCounts,
    pub rpo: Vec<RpoCount>,
    pub quarantine_pending: usize,
    pub feature_failures_open: i64,
    pub market: MarketView,
    /// Written by whoever writes `Data`, see [`DataWire`].
    #[serde(skip_serializing)]
    pub vendor: VendorView,
    /// What the limit allows of everything that is missing; absent until it was worked out.
    pub budget: Option<Budget>,
    /// Newest first.
    pub executions: Vec<Execution>,
    /// The newest, open ones and resolved ones. How many are open says [`open_alerts`](Self::open_alerts).
    pub alerts: Vec<AlertRow>,
    /// All that are open, counted by kind and severity.
    #[serde(default)]
    pub open_alerts: Vec<OpenAlertCount>,
    /// Series whose last attempt [failed](SeriesStatus::failed) within a day, newest first; the first of
    /// [`failing_total`](Self::failing_total).
    pub failing: Vec<SeriesStatus>,
    #[serde(default)]
    pub failing_total: usize,
    /// Ranges in doubt, over all series.
    #[serde(default)]
    pub holes: HoleCounts,
    /// What the vendor does not have although it should, newest first; the first of `suspect` and `vendor_holes`.
    #[serde(default)]
    pub newest_holes: Vec<Hole>,
    pub series: Vec<SeriesView>,
}

/// Everything at one instant.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Snapshot {
    /// Grows with every snapshot of a process.
    pub seq: u64,
    #[serde(flatten)]
    pub live: Arc<Live>,
    #[serde(flatten)]
    pub data: Arc<Data>,
}

/// [`Data`] as it is written: with the vendor, whose part of a whole snapshot says more.
#[derive(Serialize)]
pub struct DataWire<'a, V> {
    #[serde(flatten)]
    data: &'a Data,
    vendor: V,
}

/// The vendor in a whole snapshot: the limiter's answers under the names they have there.
#[derive(Serialize)]
struct VendorWire<'a> {
    #[serde(flatten)]
    vendor: &'a VendorView,
    used: u32,
    next_free_at: Option<Ts>,
}

impl Serialize for Snapshot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            seq: u64,
            #[serde(flatten)]
            live: &'a Live,
            #[serde(flatten)]
            data: DataWire<'a, VendorWire<'a>>,
        }
        let (live, data) = (&*self.live, &*self.data);
        let (used, next_free_at) = (live.limit.used, self.next_free_at());
        let vendor = VendorWire { vendor: &data.vendor, used, next_free_at };
        Wire { seq: self.seq, live, data: DataWire { data, vendor } }.serialize(serializer)
    }
}

impl Data {
    /// Reads the database once and works out every tier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(
        store: &dyn Store,
        context: FreshnessContext<'_>,
        now: Ts,
    ) -> Result<(Self, SeriesIndex, Ledger), StoreError> {
        let began = std::time::Instant::now();
        let index = SeriesIndex::read(store, now).await?;
        let ledger = Ledger::read(store, &index, context.calendar).await?;
        let mut failing = store.latest_statuses(now - DAY).await?;
        failing.retain(SeriesStatus::failed);
        failing.sort_by_key(|row| std::cmp::Reverse(row.completed_at));
        let failing_total = failing.len();
        failing.truncate(FAILING);
        let mut data = Self {
            generated_at: now,
            database: store.dialect().to_owned(),
            database_name: context.settings.database.name(),
            storage: storage::taken(store).await,
            read_ms: 0.0,
            symbols_total: index.symbols.len(),
            series_total: index.series.len(),
            tiers: TierCounts::default(),
            rpo: Vec::new(),
            quarantine_pending: store.quarantine(true).await?.len(),
            feature_failures_open: store.open_feature_failure_count().await?,
            market: MarketView::at(context.calendar, now),
            vendor: vendor_view(store, context.settings).await?,
            budget: None,
            executions: history::newest(store, RECENT).await?,
            alerts: store.alerts(false, RECENT).await?,
            open_alerts: store.open_alert_counts().await?,
            failing,
            failing_total,
            holes: HoleCounts::default(),
            newest_holes: Vec::new(),
            series: Vec::new(),
        };
        data.judge(context, &index, &ledger, now);
        data.read_ms = began.elapsed().as_secs_f64() * 1000.0;
        Ok((data, index, ledger))
    }

    /// It as JSON of its own, without what the limiter says now.
    #[must_use]
    pub const fn wire(&self) -> DataWire<'_, &VendorView> {
        DataWire { data: self, vendor: &self.vendor }
    }

    /// Alerts that are open.
    #[must_use]
    pub fn open_alerts(&self) -> usize {
        self.open_alerts.iter().map(|count| count.open).sum()
    }

    /// The most severe of the alerts that are open.
    #[must_use]
    pub fn worst_open_alert(&self) -> Option<Severity> {
        self.open_alerts.iter().map(|count| count.severity).max()
    }

    /// Works every tier out again for `now`: ages grow by themselves.
    pub fn judge(&mut self, context: FreshnessContext<'_>, index: &SeriesIndex, ledger: &Ledger, now: Ts) {
        let mut assessor = Assessor::new(context, index, ledger, now);
        let mut rpo = Criticality::ALL.map(|criticality| RpoCount {
            criticality,
            acceptable_staleness_seconds: acceptable(context.policy, criticality),
            series: 0,
            breached: 0,
            without_data: 0,
            loading: 0,
        });
        self.generated_at = now;
        self.market = MarketView::at(context.calendar, now);
        self.tiers = TierCounts::default();
        self.holes = HoleCounts::default();
        self.newest_holes.clear();
        self.series.clear();
        self.series.reserve(index.series.len());
        for (symbol, known) in index.iter() {
            let Assessment { judgement: Judgement { behind, tier }, breached } = assessor.assess(symbol, known);
            self.tiers.count(tier);
            if let Some(count) = rpo.get_mut(symbol.criticality as usize).filter(|_| known.tracked) {
                count.series += usize::from(tier.counts());
                count.loading += usize::from(tier == Tier::Loading);
                count.without_data += usize::from(tier.counts() && behind.is_none());
                count.breached += usize::from(breached);
            }
            let row = &known.row;
            let holes = ledger.counts(row.id);
            self.holes += holes;
            if holes.at_the_vendor() > 0 {
                let doubts = ledger.of(row.id).iter().filter(|doubt| doubt.state.is_hole());
                self.newest_holes.extend(doubts.map(|doubt| Hole {
                    symbol: row.symbol.clone(),
                    timeframe: row.timeframe,
                    doubt: doubt.clone(),
                }));
            }
            self.series.push(SeriesView {
                asset_class: symbol.asset_class,
                criticality: symbol.criticality,
                symbol: row.symbol.clone(),
                timeframe: row.timeframe,
                tier,
                staleness_seconds: behind.map(|ms| ms / 1000),
                breached,
                tracked: known.tracked,
                paused: symbol.paused || row.paused,
                bars: row.bar_count,
                first_bar: row.first_ts,
                newest_bar: row.last_ts,
                answered_until: known.answered_until,
                checked_at: row.checked_at,
                holes,
                gaps: None,
            });
        }
        // Stable: holes of one end stay in the order of their series.
        self.newest_holes.sort_by_key(|hole| std::cmp::Reverse(hole.doubt.range.end));
        self.newest_holes.truncate(HOLES);
        self.rpo = rpo.into();
    }
}

impl Snapshot {
    /// Everything that can be known from the database alone, whether an engine runs on it or not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, context: FreshnessContext<'_>, now: Moment) -> Result<Self, StoreError> {
        let (data, ..) = Data::read(store, context, now.at).await?;
        let running = data.executions.iter().any(|e| e.completed_at.is_none() && !e.crashed);
        let limit = LimitSnapshot::observed(context.settings.vendor.rate_limit, &store.places().await?, &now);
        let fleet = if store.is_shared() { Some(store.workers().await?) } else { None };
        let live = Live { fleet, ..Live::from_outside(running, store.engine_pause().await?, limit, now.at) };
        Ok(Self { seq: 0, live: Arc::new(live), data: Arc::new(data) })
    }

    /// Requests since the database was created. What a run has begun counts before it is stored.
    #[must_use]
    pub fn request_totals(&self) -> RequestTotals {
        // What other processes requested since is in what is stored.
        self.data.vendor.totals.combine(self.live.pulse.all, i64::max)
    }

    /// When the next request to the vendor can start; `None` when it can now.
    #[must_use]
    pub fn next_free_at(&self) -> Option<Ts> {
        let wait = millis(self.live.limit.next_free_in);
        (wait > 0).then(|| self.live.at + wait)
    }
}

async fn vendor_view(store: &dyn Store, settings: &Settings) -> Result<VendorView, StoreError> {
    let wasted = store.wasted().await?;
    Ok(VendorView {
        base_url: settings.vendor.base_url.to_string(),
        limit_per_minute: match settings.vendor.rate_limit {
            RateLimit::PerMinute(n) => Some(n),
            RateLimit::Unlimited => None,
        },
        totals: store.request_totals().await?,
        wasted: wasted.into_iter().map(|(reason, requests)| Wasted { reason, requests }).collect(),
    })
}
