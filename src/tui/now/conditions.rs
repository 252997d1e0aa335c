//! Everything that is not as it should be, worst first. A pure function of the snapshot, the link and the time.

use crate::draw::theme::Role;
use crate::now::digest::{Digest, FailingGroup};
use crate::view::phrase::on_the_wire;
use barkeep_config::policy::Severity as AlertSeverity;
use barkeep_market::ts::{MINUTE, SECOND};
use barkeep_market::{Criticality, Timeframe, Ts};
use barkeep_monitor::snapshot::{Data, SeriesView, Snapshot};
use barkeep_plan::budget::Deadline;
use barkeep_runtime::console::Link;
use barkeep_service::handle::EngineState;
use barkeep_service::progress::ItemState;

/// A write that takes longer is a condition.
pub const WRITE_PATIENCE: i64 = 5 * SECOND;
/// So many attempts in a row without an answer make a vendor unreachable.
const SILENT_ATTEMPTS: u32 = 3;
/// How old what was read may be before the database counts as away: it is judged anew every half minute, less often when
/// reading it takes long.
#[must_use]
pub fn read_patience(data: &Data) -> i64 {
    MINUTE + (data.read_ms * 200.0) as i64
}

/// Holes in what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoleTotals {
    /// Series whose newest bars are missing although they should have traded.
    pub late: usize,
    /// Stretches between stored bars in which bars should be.
    pub suspect: usize,
}

/// What the conditions are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub snap: &'a Snapshot,
    pub digest: &'a Digest,
    pub link: &'a Link,
    pub holes: HoleTotals,
    pub now: Ts,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionLevel {
    /// To be known; nobody needs to do anything.
    Note,
    /// Stopped on purpose.
    Stopped,
    Warn,
    Bad,
}

impl ConditionLevel {
    /// What it looks like.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Note => Role::Info,
            Self::Stopped => Role::Paused,
            Self::Warn => Role::Warn,
            Self::Bad => Role::Bad,
        }
    }
}

/// Something that is not as it should be. The order is the order of the list.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition<'a> {
    /// The engine elsewhere says nothing; everything else is what it said last.
    NotAnswering {
        since: Ts,
        error: &'a str,
    },
    KeyRefused {
        said: &'a str,
        /// Whether the engine stands still because of it.
        stopped: bool,
    },
    Failed {
        reason: &'a str,
    },
    /// A write does not end.
    NotWriting {
        since: Ts,
    },
    /// Nothing was read for a while.
    NotReading {
        since: Ts,
    },
    VendorUnreachable {
        since: Ts,
        attempts: u32,
        error: &'a str,
    },
    Paused {
        by: &'a str,
        since: Ts,
        reason: Option<&'a str>,
        /// Requests that are still being finished.
        finishing: usize,
    },
    ShuttingDown {
        finishing: usize,
    },
    Late {
        count: usize,
    },
    /// Becomes later than allowed before it is tried again.
    WillBeLate {
        first: &'a Deadline,
        next_try: Ts,
        count: usize,
    },
    Failing {
        groups: &'a [FailingGroup],
        total: usize,
        critical: usize,
    },
    PausedSeries {
        count: usize,
    },
    /// The vendor's limit does not let every deadline hold.
    LimitTooLow {
        missed: u64,
        first: Option<(&'a str, Timeframe)>,
        short: u64,
    },
    WithoutBars {
        count: usize,
    },
    Holes(HoleTotals),
    Quarantine {
        bars: usize,
    },
    FeaturesFailing {
        count: i64,
    },
    Alerts {
        open: usize,
        worst: AlertSeverity,
        newest: Option<&'a str>,
    },
    /// The first fetch of series that have none of their newest bars.
    Loading {
        count: usize,
        /// Whether it is under way.
        running: bool,
    },
    /// Nothing to keep fresh.
    NoSymbols,
}

impl Condition<'_> {
    #[must_use]
    pub const fn severity(&self) -> ConditionLevel {
        match self {
            Self::NotAnswering { .. }
            | Self::KeyRefused { .. }
            | Self::Failed { .. }
            | Self::NotWriting { .. }
            | Self::NotReading { .. }
            | Self::VendorUnreachable { .. }
            | Self::Late { .. }
            | Self::Alerts { worst: AlertSeverity::Critical, .. } => ConditionLevel::Bad,
            Self::Failing { critical, .. } if *critical > 0 => ConditionLevel::Bad,
            Self::Paused { .. } | Self::ShuttingDown { .. } => ConditionLevel::Stopped,
            Self::Loading { running: true, .. } | Self::NoSymbols | Self::Alerts { worst: AlertSeverity::Info, .. } => {
                ConditionLevel::Note
            }
            _ => ConditionLevel::Warn,
        }
    }

    /// Whether nothing is fetched until somebody does something, so that no time may be named.
    #[must_use]
    pub const fn stops(&self) -> bool {
        match self {
            Self::NotAnswering { .. }
            | Self::Failed { .. }
            | Self::NotWriting { .. }
            | Self::Paused { .. }
            | Self::ShuttingDown { .. } => true,
            Self::KeyRefused { stopped, .. } => *stopped,
            _ => false,
        }
    }

    /// In a word or two, for the header.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotAnswering { .. } => "NOT ANSWERING",
            Self::KeyRefused { .. } => "KEY REFUSED",
            Self::Failed { .. } => "FAILED",
            Self::NotWriting { .. } => "DATABASE BLOCKED",
            Self::NotReading { .. } => "DATABASE AWAY",
            Self::VendorUnreachable { .. } => "VENDOR UNREACHABLE",
            Self::Paused { .. } => "PAUSED",
            Self::ShuttingDown { .. } => "SHUTTING DOWN",
            Self::Late { .. } => "LATE",
            Self::WillBeLate { .. } => "LATE SOON",
            Self::Failing { .. } => "FAILING",
            Self::PausedSeries { .. } => "SERIES PAUSED",
            Self::LimitTooLow { .. } => "LIMIT TOO LOW",
            Self::WithoutBars { .. } => "NO BARS",
            Self::Holes(_) => "HOLES",
            Self::Quarantine { .. } => "QUARANTINE",
            Self::FeaturesFailing { .. } => "FEATURES FAILING",
            Self::Alerts { .. } => "ALERT",
            Self::Loading { .. } => "LOADING",
            Self::NoSymbols => "NO SYMBOLS",
        }
    }
}

/// Everything that is not as it should be: the worst first, then in the order of [`Condition`].
#[must_use]
pub fn conditions<'a>(facts: &Facts<'a>) -> Vec<Condition<'a>> {
    let mut all = of_the_engine(facts);
    let stopped = all.iter().any(Condition::stops);
    all.extend(of_the_series(facts, stopped));
    all.extend(of_the_rest(facts, &all));
    all.sort_by_key(|condition| std::cmp::Reverse(condition.severity()));
    // What stops everything is told first, whatever it is.
    all.sort_by_key(|condition| !condition.stops());
    all
}

/// The worst of them by how bad they are.
#[must_use]
pub fn severity(conditions: &[Condition<'_>]) -> Option<ConditionLevel> {
    conditions.iter().map(Condition::severity).max()
}

fn of_the_engine<'a>(facts: &Facts<'a>) -> Vec<Condition<'a>> {
    let Facts { snap, link, now, .. } = *facts;
    let live = &*snap.live;
    let mut all = Vec::new();
    if let Link::Lost { since, error, .. } = link {
        all.push(Condition::NotAnswering { since: *since, error });
    }
    let key = live.key_refused.as_deref();
    if let Some(said) = key {
        let stopped = matches!(live.state, EngineState::Failed | EngineState::Paused | EngineState::Pausing);
        all.push(Condition::KeyRefused { said, stopped });
    } else if live.state == EngineState::Failed {
        all.push(Condition::Failed { reason: live.reason.as_deref().unwrap_or("see the log") });
    }
    match live.write_waits_since {
        Some(since) if now - since >= WRITE_PATIENCE => all.push(Condition::NotWriting { since }),
        _ if now - snap.data.generated_at > read_patience(&snap.data) && matches!(link, Link::Embedded) => {
            all.push(Condition::NotReading { since: snap.data.generated_at });
        }
        _ => {}
    }
    if let Some(silence) = live.vendor_silent.as_ref().filter(|silence| silence.attempts >= SILENT_ATTEMPTS) {
        let (since, attempts, error) = (silence.since, silence.attempts, silence.error.as_str());
        all.push(Condition::VendorUnreachable { since, attempts, error });
    }
    match &live.paused {
        // The engine's own pause over a refused key is told as that.
        Some(pause) if key.is_none() || pause.by != "barkeep" => all.push(Condition::Paused {
            by: &pause.by,
            since: pause.since,
            reason: pause.reason.as_deref(),
            finishing: if live.state == EngineState::Pausing { on_the_wire(live) } else { 0 },
        }),
        _ => {}
    }
    if live.state == EngineState::Draining {
        all.push(Condition::ShuttingDown { finishing: on_the_wire(live) });
    }
    all
}

fn of_the_series<'a>(facts: &Facts<'a>, stopped: bool) -> Vec<Condition<'a>> {
    let Facts { snap, digest, holes, .. } = *facts;
    let mut all = Vec::new();
    if digest.tracked == 0 {
        all.push(Condition::NoSymbols);
    }
    if !digest.late.is_empty() {
        all.push(Condition::Late { count: digest.late.len() });
    }
    if !stopped {
        all.extend(will_be_late(facts));
    }
    if digest.failing_total > 0 {
        let critical = digest.failing.iter().map(|group| group.critical).sum();
        all.push(Condition::Failing { groups: &digest.failing, total: digest.failing_total, critical });
    }
    if !digest.paused_critical.is_empty() {
        all.push(Condition::PausedSeries { count: digest.paused_critical.len() });
    }
    if let Some(budget) = snap.data.budget.as_ref().filter(|budget| !budget.feasible) {
        let first = budget.breaches.first().map(|breach| (breach.symbol.as_str(), breach.timeframe));
        all.push(Condition::LimitTooLow { missed: budget.breaching, first, short: budget.requests_short });
    }
    if !digest.without_bars.is_empty() {
        all.push(Condition::WithoutBars { count: digest.without_bars.len() });
    }
    if holes != HoleTotals::default() {
        all.push(Condition::Holes(holes));
    }
    if !digest.loading.is_empty() {
        all.push(Condition::Loading { count: digest.loading.len(), running: !snap.live.runs.is_empty() && !stopped });
    }
    all
}

fn of_the_rest<'a>(facts: &Facts<'a>, known: &[Condition<'a>]) -> Vec<Condition<'a>> {
    let data = &facts.snap.data;
    let mut all = Vec::new();
    if data.quarantine_pending > 0 {
        all.push(Condition::Quarantine { bars: data.quarantine_pending });
    }
    if data.feature_failures_open > 0 {
        all.push(Condition::FeaturesFailing { count: data.feature_failures_open });
    }
    // An alert about what is in the list already would say it twice.
    let told = |kind: &str| {
        known.iter().any(|condition| {
            matches!(
                (condition, kind),
                (Condition::KeyRefused { .. }, "vendor_key_refused")
                    | (Condition::Late { .. }, "rpo_breached")
                    | (Condition::Failing { .. }, "critical_failing" | "high_symbol_failure_rate")
                    | (Condition::VendorUnreachable { .. }, "vendor_unreachable")
                    | (Condition::Holes(_), "vendor_holes")
                    | (
                        Condition::NotWriting { .. } | Condition::NotReading { .. } | Condition::Failed { .. },
                        "database_lost"
                    )
            )
        })
    };
    let untold = || data.open_alerts.iter().filter(|count| !told(&count.kind));
    if let Some(worst) = untold().map(|count| count.severity).max() {
        let open = untold().map(|count| count.open).sum();
        let newest = data.alerts.iter().find(|alert| alert.resolved_at.is_none() && !told(&alert.kind));
        all.push(Condition::Alerts { open, worst, newest: newest.map(|alert| alert.message.as_str()) });
    }
    all
}

/// When the schedule tries the series of a criticality next; absent without an engine.
#[must_use]
pub fn next_try(snap: &Snapshot, criticality: Criticality) -> Option<Ts> {
    let serves = |what: &str| what == criticality.name() || what == "sweep";
    snap.live.next.iter().filter(|tick| serves(&tick.what)).map(|tick| tick.at).min()
}

fn will_be_late<'a>(facts: &Facts<'a>) -> Option<Condition<'a>> {
    let Facts { snap, now, .. } = *facts;
    let deadlines = &snap.data.budget.as_ref()?.deadlines;
    let comes_too_late = |deadline: &&'a Deadline| {
        let next = next_try(snap, deadline.criticality);
        let known = row_of(snap, deadline);
        deadline.at > now
            && next.is_some_and(|next| deadline.at < next)
            && known.is_some_and(|row| row.tracked && !row.breached && row.checked_at.is_some())
            && !is_being_fetched(snap, deadline)
    };
    let mut late = deadlines.iter().filter(comes_too_late);
    let first = late.next()?;
    let next_try = next_try(snap, first.criticality)?;
    Some(Condition::WillBeLate { first, next_try, count: 1 + late.count() })
}

fn row_of<'a>(snap: &'a Snapshot, deadline: &Deadline) -> Option<&'a SeriesView> {
    let name = |row: &SeriesView| (&row.symbol, row.timeframe).cmp(&(&deadline.symbol, deadline.timeframe));
    let series = &snap.data.series;
    let found = series.binary_search_by(name).ok().and_then(|k| series.get(k));
    // They come by name; a picture made by hand may not.
    found.or_else(|| series.iter().find(|row| name(row).is_eq()))
}

/// Whether a run works on a series or has just finished it.
fn is_being_fetched(snap: &Snapshot, deadline: &Deadline) -> bool {
    let items = snap.live.runs.iter().flat_map(|run| &run.items);
    items.filter(|item| !matches!(item.state, ItemState::Failed { .. })).any(|item| {
        let info = &item.info;
        let timeframe = info.timeframe == Some(deadline.timeframe) || info.derives.contains(&deadline.timeframe);
        timeframe && info.symbol.as_ref().is_none_or(|symbol| *symbol == deadline.symbol)
    })
}

/// When something in the list begins or ends by itself, after `now`.
#[must_use]
pub fn changes_at(facts: &Facts<'_>) -> Option<Ts> {
    let writes = facts.snap.live.write_waits_since.map(|since| since + WRITE_PATIENCE);
    let reads = matches!(facts.link, Link::Embedded)
        .then(|| facts.snap.data.generated_at + read_patience(&facts.snap.data) + 1);
    writes.into_iter().chain(reads).filter(|at| *at > facts.now).min()
}
