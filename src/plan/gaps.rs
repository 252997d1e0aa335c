//! What is missing: the wanted range, cut to when the exchange trades, minus what the vendor has answered for.
//!
//! A gap comes from coverage, never from counting bars: a minute without a trade has no bar and is still covered.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use barkeep_market::freshness::{self, Delay};
use barkeep_market::ts::millis;
use barkeep_market::{AssetClass, Calendar, Criticality, Family, Interval, IntervalSet, Source, Symbol, Timeframe, Ts};

/// How far the vendor could answer at the time of planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Horizon {
    /// Bars that start before this may exist at the vendor.
    pub end: Ts,
    /// Bars that end at or before this are final; later ones are provisional and requested again.
    pub settled: Ts,
}

impl Horizon {
    /// The horizon of a family at `now`, given the plan's delay and how long a bar may still change after its end.
    ///
    /// A stock's daily bar counts extended hours in its volume, so today's is final only after they close.
    #[must_use]
    pub fn at(cal: &Calendar, class: AssetClass, family: Family, delay: Delay, settle: Duration, now: Ts) -> Self {
        let settle = millis(settle);
        let served = freshness::horizon(class, delay, now);
        let quiet = served.min(now - settle);
        if family == Family::Minute {
            return Self { end: served, settled: quiet };
        }
        let day = |t: Ts| Timeframe::D1.span(class, t);
        if class.is_continuous() {
            return Self { end: day(served - 1).end, settled: day(quiet).start };
        }
        let session_of = |t: Ts| cal.session(class.date_of(t));
        let end = match session_of(served) {
            Some(session) if session.extended_open < served => day(served).end,
            _ => day(served).start,
        };
        let settled = match session_of(quiet) {
            Some(session) if session.extended_close > quiet => day(quiet).start,
            Some(_) => day(quiet).end,
            None => day(quiet).start,
        };
        Self { end, settled: settled.min(end) }
    }
}

/// One family of one symbol as planning sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyState {
    pub symbol: Symbol,
    pub class: AssetClass,
    pub ticker: String,
    pub vendor: Source,
    pub criticality: Criticality,
    /// The finest timeframe of the family that is stored: the only one that is requested.
    pub base: Timeframe,
    /// The timeframes of this family somebody wants now, fine to coarse.
    pub requested: Vec<Timeframe>,
    /// All timeframes computed from the base, fine to coarse.
    pub derived: Vec<Timeframe>,
    /// What is covered now, by timeframe; absent means nothing.
    pub covered: BTreeMap<Timeframe, IntervalSet>,
    /// Covered parts of the base that are to be asked about again: holes, and bars in quarantine.
    pub due: IntervalSet,
    /// Silence at the newest end of the base that no later bar has ended yet: covered, and asked about again with the next
    /// bars.
    pub open: Option<Interval>,
}

impl FamilyState {
    /// Whether both lack the same: they differ in nothing but whose they are.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.class == other.class
            && self.vendor == other.vendor
            && self.base == other.base
            && self.requested == other.requested
            && self.open == other.open
            && self.due == other.due
            && self.covered == other.covered
    }

    pub(super) fn covered(&self, tf: Timeframe) -> IntervalSet {
        self.covered.get(&tf).cloned().unwrap_or_default()
    }
}

/// What one family of one symbol needs.
///
/// Families alike in everything but their names share what was found, see [`super::needs::Needs`].
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    pub state: FamilyState,
    /// Never of a family that is not [alike](FamilyState::is_alike).
    pub(super) found: Arc<Found>,
}

/// What a family lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The range this was asked for.
    pub(super) range: Interval,
    pub horizon: Horizon,
    /// The range this was worked out for, as whole bars of the coarsest timeframe requested.
    pub wanted: Interval,
    /// What to request of the base timeframe, in trading time.
    pub gaps: IntervalSet,
    /// What is to be asked about again, inside `wanted`.
    pub due: IntervalSet,
    /// Coarser timeframes that are missing where the base is covered: computed without a request.
    pub local: Vec<(Timeframe, IntervalSet)>,
}

impl Deref for Need {
    type Target = Found;

    fn deref(&self) -> &Found {
        &self.found
    }
}

impl Need {
    /// Works out what `state` lacks inside `range`.
    #[must_use]
    pub fn of(cal: &Calendar, state: FamilyState, range: Interval, horizon: Horizon) -> Self {
        let class = state.class;
        let coarsest = state.requested.last().copied().unwrap_or(state.base);
        let wanted = coarsest.snap_out(class, range.intersect(Interval::before(horizon.end)));
        let live = wanted.intersect(Interval::before(horizon.end));
        let trading = cal.trading(class, state.base.family(), live);
        let base_covered = state.covered(state.base);

        let missing_of = |tf: Timeframe| snapped(&trading.subtract(&state.covered(tf)), tf, class);
        let missing: IntervalSet =
            state.requested.iter().flat_map(|tf| missing_of(*tf).iter().collect::<Vec<_>>()).collect();
        let gaps = missing.intersect(&trading).subtract(&base_covered);

        let settled = Interval::before(horizon.settled);
        let local = state
            .requested
            .iter()
            .filter(|tf| **tf != state.base)
            .map(|tf| {
                let settled_missing = trading.clip(tf.snap_in(class, settled)).subtract(&state.covered(*tf));
                (*tf, snapped(&settled_missing, *tf, class).subtract(&snapped(&gaps, *tf, class)))
            })
            .filter(|(_, spans)| !spans.is_empty())
            .collect();
        let due = state.due.intersect(&trading).subtract(&gaps);
        Self { state, found: Arc::new(Found { range, horizon, wanted, gaps, due, local }) }
    }

    /// Whether it was worked out for this.
    pub(super) fn is_of(&self, range: Interval, horizon: Horizon) -> bool {
        self.range == range && self.horizon == horizon
    }

    /// The same, without the holes before the newest one: what is missing from some point up to now.
    #[must_use]
    pub fn newest(mut self, cal: &Calendar) -> Self {
        let (class, family) = (self.state.class, self.state.base.family());
        let mut newest = IntervalSet::new();
        let mut from = self.horizon.end;
        for gap in self.gaps.as_slice().iter().rev() {
            if !cal.trading(class, family, Interval::new(gap.end, from)).is_empty() {
                break;
            }
            newest.insert(*gap);
            from = gap.start;
        }
        self.found = Arc::new(Found { gaps: newest, ..Found::clone(&self.found) });
        self
    }

    /// How many holes a series has before the settled end; holes separated only by closed time count as one.
    #[must_use]
    pub fn open_gaps(cal: &Calendar, state: &FamilyState, tf: Timeframe, range: Interval, horizon: Horizon) -> usize {
        let settled = tf.snap_in(state.class, Interval::before(horizon.settled));
        let trading = cal.trading(state.class, tf.family(), range.intersect(settled));
        let gaps = trading.subtract(&state.covered(tf));
        let mut holes = 0;
        let mut last_end: Option<Ts> = None;
        for gap in gaps.iter() {
            let joined = last_end.is_some_and(|end| trading.clip(Interval::new(end, gap.start)).is_empty());
            holes += usize::from(!joined);
            last_end = Some(gap.end);
        }
        holes
    }
}

/// Every interval widened to whole bars of `tf`.
fn snapped(set: &IntervalSet, tf: Timeframe, class: AssetClass) -> IntervalSet {
    set.iter().map(|i| tf.snap_out(class, i)).collect()
}
