//! The split of a series' age into causes.
//!
//! The time from the end of the newest bar to now is cut into pieces that do not overlap, each with one cause, so the
//! pieces sum to the age, and those of them that count sum to the staleness. First what the market and the vendor explain
//! (closed, still growing, not yet published, refused, quarantined, answered without bars). What is left is data the
//! vendor could have served: each instant of it is charged to what held the series back at the moment that instant
//! became available, so a pause of five minutes never explains a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::odds::odds;
use barkeep_base::format::hour_minute;
use barkeep_base::text::printable;
use barkeep_market::freshness::{Delay, StalenessClock, Tier, horizon, served_until};
use barkeep_market::{AssetClass, Calendar, Family, Interval, IntervalSet, Timeframe, Ts};
use barkeep_store::{Coverage, CoverageState};
use barkeep_vendor::Class;

/// Why a piece of time brought no bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nights, weekends, holidays.
    MarketClosed,
    /// The bar is not over yet.
    BarGrowing,
    /// The plan's delay and the time the vendor takes to publish.
    VendorDelay,
    /// The vendor answered that nothing was traded.
    NoTrades,
    /// The vendor answered, and its newest bar is older than this symbol's habits allow.
    VendorLate,
    /// The market stood still.
    Halted,
    /// There is too little history to say whether the silence is believable.
    Unjudged,
    /// The vendor's bars cannot be true and wait for an operator.
    Quarantined,
    /// The plan of the key does not include it.
    NotEntitled,
    /// Delisted or renamed, and stored up to its last day.
    Ended,
    /// The symbol is inactive or no longer lists the timeframe.
    Untracked,
    /// An operator paused the series, the symbol or the engine.
    Paused,
    /// A run is under way and the vendor's window is full.
    WaitingForTokens,
    /// A run is under way and works on it.
    InProgress,
    /// The last attempts failed.
    Failed,
    /// Its first backfill is not done yet.
    Loading,
    /// Nothing is wrong: its next run is not due yet.
    WaitingForRun,
    /// Nobody has asked for it yet.
    NeverAsked,
}

impl Cause {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::MarketClosed => "market closed",
            Self::BarGrowing => "bar still open",
            Self::VendorDelay => "vendor delay",
            Self::NoTrades => "no trades",
            Self::VendorLate => "vendor behind",
            Self::Halted => "trading halted",
            Self::Unjudged => "too little history to judge",
            Self::Quarantined => "quarantined",
            Self::NotEntitled => "not entitled",
            Self::Ended => "ended",
            Self::Untracked => "not tracked",
            Self::Paused => "paused",
            Self::WaitingForTokens => "waiting for the rate limit",
            Self::InProgress => "being fetched",
            Self::Failed => "failed",
            Self::Loading => "first backfill",
            Self::WaitingForRun => "waiting for its next run",
            Self::NeverAsked => "never requested",
        }
    }
}

/// What holds a series back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    pub cause: Cause,
    pub since: Option<Ts>,
    /// Who paused it.
    pub by: Option<String>,
    pub detail: Option<String>,
}

/// One cause and how much of the age it explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    #[serde(flatten)]
    pub blocker: Blocker,
    pub ms: i64,
    /// The part of it that counts as staleness.
    pub stale_ms: i64,
}

/// The age of a series and its causes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeSplit {
    /// From the end of the newest bar (as far as it is known) to now; the sum of `causes[].ms`.
    pub age_ms: i64,
    /// The sum of `causes[].stale_ms`.
    pub staleness_ms: i64,
    pub causes: Vec<Share>,
}

/// A pause in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub by: Option<String>,
    /// `None`: nobody noted when.
    pub since: Option<Ts>,
    pub scope: PauseScope,
}

/// What was paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseScope {
    Series,
    Symbol,
    Engine,
}

impl PauseScope {
    const fn words(self) -> &'static str {
        match self {
            Self::Series => "the series",
            Self::Symbol => "the symbol",
            Self::Engine => "the engine",
        }
    }
}

/// How an attempt to bring the series up to date went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed(String),
    /// Its process ended before it did.
    Interrupted,
    Running,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesAttempt {
    /// When the run started.
    pub at: Ts,
    pub outcome: Outcome,
}

/// Everything the split is worked out from.
#[derive(Clone, Debug)]
pub struct SplitInputs<'a> {
    pub calendar: &'a Calendar,
    pub clock: StalenessClock,
    pub delay: Delay,
    /// How long after the plan's delay the vendor takes to publish.
    pub lag: Duration,
    pub now: Ts,
    pub class: AssetClass,
    pub timeframe: Timeframe,
    /// Up to when the newest bar is known: its end, or when it was asked if it was growing then.
    pub newest_end: Option<Ts>,
    pub checked_at: Option<Ts>,
    pub coverage: Vec<Coverage>,
    /// Starts of quarantined bars.
    pub quarantined: Vec<Ts>,
    pub tracked: bool,
    pub pause: Option<Pause>,
    /// Newest first.
    pub attempts: Vec<SeriesAttempt>,
    /// When the next token comes free; `None` when one is free now.
    pub window_full_until: Option<Ts>,
    pub refresh_every: Duration,
    /// While it is loaded for the first time and after its end, nothing of its age counts.
    pub tier: Tier,
}

impl SplitInputs<'_> {
    /// What stands between the series and newer bars now.
    #[must_use]
    pub fn blocker(&self) -> Blocker {
        let is_refused = |c: &&Coverage| {
            c.state == CoverageState::NotEntitled && self.believed(c) && c.range.contains(self.served(self.now))
        };
        if let Some(row) = self.coverage.iter().find(is_refused).filter(|_| self.tracked && self.pause.is_none()) {
            return refusal(row.fetched_at);
        }
        let now = self.timeline().pop().map_or_else(|| plain(Cause::WaitingForRun), |(_, blocker)| blocker);
        // Nothing else is wrong: then it is the vendor who has to bring something.
        match self.late().filter(|_| now.cause == Cause::WaitingForRun) {
            Some(row) => behind(row),
            None => now,
        }
    }

    /// The split; `None` without a bar.
    #[must_use]
    pub fn split(&self) -> Option<AgeSplit> {
        let end = self.newest_end?;
        let life = Interval::new(end, self.now.max(end));
        let answered = self.answered();
        let known = answered.iter().map(|i| i.end).max().map_or(end, |until| until.max(end));
        let served = self.served(self.now);
        let trading = self.calendar.trading(self.class, Family::Minute, life);
        let counts = match self.clock {
            _ if !self.tier.counts() => IntervalSet::new(),
            StalenessClock::Wall => IntervalSet::from(Interval::new(known, life.end)),
            StalenessClock::Market => trading.clip(Interval::new(known, served)),
        };
        let mut rest = IntervalSet::from(life);
        let mut causes: Vec<Share> = Vec::new();
        let mut charge = |blocker: Blocker, piece: &IntervalSet| {
            let mine = rest.intersect(piece);
            rest = rest.subtract(&mine);
            if !mine.is_empty() {
                causes.push(Share { blocker, ms: mine.total(), stale_ms: mine.intersect(&counts).total() });
            }
        };
        charge(plain(Cause::MarketClosed), &IntervalSet::from(life).subtract(&trading));
        let until_served = |set: IntervalSet| set.clip(Interval::before(served));
        let refused: Vec<&Coverage> =
            self.coverage.iter().filter(|c| c.state == CoverageState::NotEntitled && self.believed(c)).collect();
        if let Some(last) = refused.iter().map(|c| c.fetched_at).max() {
            charge(refusal(last), &until_served(refused.iter().map(|c| c.range).collect()));
        }
        let bars = self.quarantined.iter().map(|t| self.timeframe.span(self.class, *t));
        let quarantined = bars.chain(self.in_state(CoverageState::Quarantined)).collect();
        charge(self.in_quarantine(), &quarantined);
        charge(plain(Cause::Halted), &self.in_state(CoverageState::Halted).collect());
        let late = self.late().map_or_else(|| plain(Cause::VendorLate), behind);
        charge(late, &until_served(self.in_state(CoverageState::Late).collect()));
        let unjudged = self.in_state(CoverageState::Unjudged).collect::<IntervalSet>().subtract(&answered);
        charge(plain(Cause::Unjudged), &until_served(unjudged));
        charge(plain(Cause::NoTrades), &answered);
        let quiet = horizon(self.class, self.delay, self.now - self.lag);
        let delayed = Blocker { detail: Some(self.delay_in_words()), ..plain(Cause::VendorDelay) };
        charge(delayed, &Interval::new(quiet.max(served), life.end).into());
        charge(plain(Cause::BarGrowing), &Interval::new(served, life.end).into());
        // From here on everything could have been served. Later states first: each takes what became available since.
        for (from, blocker) in self.timeline().into_iter().rev() {
            let start = from.map_or(life.start, |from| self.served(from));
            charge(blocker, &Interval::new(start, life.end).into());
        }
        causes.sort_by_key(|share| share.blocker.cause);
        Some(AgeSplit { age_ms: life.len(), staleness_ms: counts.total(), causes })
    }

    /// What held the series back, from when on (wall clock); `None`: since ever.
    fn timeline(&self) -> Vec<(Option<Ts>, Blocker)> {
        if self.tier == Tier::Ended {
            return vec![(None, plain(Cause::Ended))];
        }
        if !self.tracked {
            return vec![(None, plain(Cause::Untracked))];
        }
        let asked = !self.attempts.is_empty() || self.checked_at.is_some() || !self.coverage.is_empty();
        let every = format!("every {}", humantime::format_duration(self.refresh_every));
        let base = if self.tier == Tier::Loading {
            plain(Cause::Loading)
        } else {
            let cause = if asked { Cause::WaitingForRun } else { Cause::NeverAsked };
            Blocker { detail: Some(every), ..plain(cause) }
        };
        let mut line = vec![(None, base)];
        let running = self.attempts.iter().find(|a| a.outcome == Outcome::Running);
        if let Some((since, detail)) = self.failing_since() {
            line.push((Some(since), Blocker { since: Some(since), detail: Some(detail), ..plain(Cause::Failed) }));
        }
        if let Some(run) = running {
            let (cause, detail) = match self.window_full_until {
                Some(free) => {
                    (Cause::WaitingForTokens, Some(format!("next request at {}", barkeep_base::format::clock(free))))
                }
                None => (Cause::InProgress, None),
            };
            line.retain(|(at, _)| *at < Some(run.at));
            line.push((Some(run.at), Blocker { since: Some(run.at), detail, ..plain(cause) }));
        }
        if let Some(pause) = &self.pause {
            let detail = Some(pause.scope.words().to_owned());
            let blocker = Blocker { cause: Cause::Paused, since: pause.since, by: pause.by.clone(), detail };
            line.retain(|(at, _)| *at < pause.since);
            line.push((pause.since, blocker));
        }
        line
    }

    /// Since when attempts have failed without a break, and how the last one did. An attempt that reached the newest end
    /// and failed elsewhere (old history the plan refuses) held nothing back.
    fn failing_since(&self) -> Option<(Ts, String)> {
        let finished = self.attempts.iter().filter(|a| a.outcome != Outcome::Running);
        let reached = |at: Ts| self.checked_at.is_some_and(|checked| checked >= at);
        let streak: Vec<&SeriesAttempt> =
            finished.take_while(|a| a.outcome != Outcome::Done && !reached(a.at)).collect();
        let (last, first) = (streak.first()?, streak.last()?);
        let said = match &last.outcome {
            Outcome::Failed(message) => printable(message),
            _ => "interrupted: its process ended before it did".to_owned(),
        };
        let tries = if streak.len() > 1 { format!(" ({} runs in a row)", streak.len()) } else { String::new() };
        let class = error_class(&said).map_or_else(String::new, |class| format!("{class}; "));
        Some((first.at, format!("{class}{said}{tries}")))
    }

    fn served(&self, at: Ts) -> Ts {
        served_until(self.calendar, self.class, self.timeframe, self.delay, self.lag, at)
    }

    fn believed(&self, coverage: &Coverage) -> bool {
        coverage.expires_at.is_none_or(|t| t > self.now)
    }

    /// What the vendor answered for, as far as its silence is believable; an expired answer still was one. The same rows
    /// as those of [`barkeep_store::Evidence`].
    fn answered(&self) -> IntervalSet {
        let counts =
            |c: &&Coverage| c.state.is_answered() && (c.state != CoverageState::Unjudged || c.surprise.is_some());
        self.coverage.iter().filter(counts).map(|c| c.range).collect()
    }

    fn in_state(&self, state: CoverageState) -> impl Iterator<Item = Interval> {
        self.coverage.iter().filter(move |c| c.state == state).map(|c| c.range)
    }

    /// The newest silence that is not believable, when no bar is known after it.
    fn late(&self) -> Option<&Coverage> {
        let after = |c: &&Coverage| self.newest_end.is_none_or(|end| c.range.end > end);
        self.coverage.iter().filter(|c| c.state == CoverageState::Late).filter(after).max_by_key(|c| c.range.end)
    }

    fn in_quarantine(&self) -> Blocker {
        let n = self.quarantined.len();
        let detail = Some(format!("{n} bar{} in quarantine", if n == 1 { "" } else { "s" }));
        Blocker { detail, ..plain(Cause::Quarantined) }
    }

    fn delay_in_words(&self) -> String {
        let lag = humantime::format_duration(self.lag);
        match self.delay {
            Delay::EndOfDay => format!("the plan serves a day once it is over, and publishing takes up to {lag}"),
            Delay::After(d) if d.is_zero() => format!("publishing takes up to {lag}"),
            Delay::After(d) => {
                format!("the plan is {} behind, and publishing takes up to {lag}", humantime::format_duration(d))
            }
        }
    }
}

fn plain(cause: Cause) -> Blocker {
    Blocker { cause, since: None, by: None, detail: None }
}

fn behind(row: &Coverage) -> Blocker {
    let odds = row.surprise.map(|surprise| format!(", odds {}", odds(surprise))).unwrap_or_default();
    let detail = format!("it answered at {} without a newer bar{odds}", hour_minute(row.fetched_at));
    Blocker { since: Some(row.found_at.unwrap_or(row.fetched_at)), detail: Some(detail), ..plain(Cause::VendorLate) }
}

fn refusal(at: Ts) -> Blocker {
    let detail = Some("the plan of this key does not include it".to_owned());
    Blocker { since: Some(at), detail, ..plain(Cause::NotEntitled) }
}

/// The class an error message names, when it does: `2 gaps left: transient: the vendor failed (503)`.
#[must_use]
pub fn error_class(message: &str) -> Option<&'static str> {
    let mut words = message.split(": ").take(2);
    words.find_map(|word| Class::ALL.into_iter().map(Class::name).find(|name| *name == word))
}
